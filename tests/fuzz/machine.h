/* machine.h - the smallest machine that a fuzzer can drive: one hart with its MMU and VMX, RAM between guard pages.
 *
 * Models:       RAM of FUZZ_RAM_BYTES from host-physical address 0, exactly that array, with FUZZ_GUARD bytes of
 *               inaccessible host memory on both sides: what reaches over its ends stops the run. An empty bus
 *               behind it. Tables in RAM for every mode.
 * Not modelled: devices, interrupts, time other than the count of instructions.
 * Neighbours:   fuzz_execute.c, fuzz_translate.c, fuzz_load.c
 * Checked by:   the fuzzers themselves: tests/fuzz/run.sh
 */
#ifndef TESTS_FUZZ_MACHINE_H
#define TESTS_FUZZ_MACHINE_H

#include "caches/mmu.h"
#include "isa/cpu_model.h"
#include "isa/icache.h"
#include "isa/state.h"
#include "virt-ext/vmx.h"

#define FUZZ_RAM_BYTES (256 * KiB)
#define FUZZ_GUARD     (1 * GiB)

/* Where things lie in RAM; linear addresses are the same. */
enum fuzz_place {
    FUZZ_GDT = 0x1000,
    FUZZ_IDT = 0x2000, /* of IA-32e mode */
    FUZZ_IDT32 = 0x3000,
    FUZZ_TSS = 0x4000,
    FUZZ_PML4 = 0x5000,
    FUZZ_PDPT = 0x6000,
    FUZZ_PD = 0x7000,
    FUZZ_PT = 0x8000,
    FUZZ_PD32 = 0x9000, /* 32-bit paging, 4 MiB pages */
    FUZZ_EPT = 0xa000,  /* three tables */
    FUZZ_VMXON = 0xd000,
    FUZZ_VMCS = 0xe000,
    FUZZ_HOST = 0xf000, /* the hypervisor: fuzz_host_code */
    FUZZ_CODE = 0x10000,
    FUZZ_HANDLER = 0x1e000, /* of every exception */
    FUZZ_HANDLER16 = 0x1f000, /* of real-address mode */
    FUZZ_DATA = 0x20000,
    FUZZ_STACK = 0x30000
};

enum fuzz_mode {
    FUZZ_REAL,
    FUZZ_PROTECTED16,
    FUZZ_PROTECTED32,
    FUZZ_PAGED32,
    FUZZ_V86,
    FUZZ_COMPAT16,
    FUZZ_COMPAT32,
    FUZZ_LONG,
    FUZZ_LONG_USER,
    FUZZ_ROOT, /* VMX root operation with a current VMCS that would enter */
    FUZZ_GUEST,
    FUZZ_MODES
};

struct fuzz_machine {
    struct hart h;
    struct mmu mmu;
    struct vmx vmx;
    struct physmem mem;
    struct icache icache;
    struct cpu_model model;
    struct insn_record record;
    /* as after building, to start the next input from */
    u8 *ram_new;
    struct vmx vmx_new;
    u8 *hart_new;
};

/* The one machine of the process; built at the first call. */
struct fuzz_machine *fuzz_machine(void);

/* Power-up state, RAM as it was, nothing remembered from the input before. */
void fuzz_reset(struct fuzz_machine *m);

/* Puts the hart into a mode, at FUZZ_CODE. FUZZ_ROOT and FUZZ_GUEST execute the hypervisor's instructions for it. */
void fuzz_enter(struct fuzz_machine *m, enum fuzz_mode mode);

/* A 64-bit value of one byte: three bits choose its kind (small, data, code, negative, one bit, end of RAM, edge of the
 * canonical addresses, repeated byte), five which. */
u64 fuzz_value(u8 code);

/* At most `steps` by whole blocks, as the fast core does, or one at a time with records, as timed cores do. */
void fuzz_run(struct fuzz_machine *m, bool timed, u64 steps);

#endif
