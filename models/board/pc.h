/* pc.h - the PC: memory map and wiring, nothing else.
 *
 *   core (hart, MMU, VMX) -- L1I, L1D -- L2 -- crossbar -- L3 -- DRAM          one clock domain; DRAM keeps its own clock
 *   ports:  20, 21, a0, a1 PIC   40-43, 61 PIT   80 POST   f4 exit   3f8-3ff UART       MMIO: fee00000 local APIC
 *   UART --IRQ4--> PIC <--IRQ0-- PIT     PIC --INTR--> local APIC (LINT0, ExtINT) --> hart
 *
 * Not modelled: several processors (issue 5), I/O APIC, HPET, PCI, RTC, keyboard controller. Ports and physical addresses where nothing is
 *               answer all ones, as an empty bus does, and are counted.
 */
#ifndef BOARD_PC_H
#define BOARD_PC_H

#include "caches/cache.h"
#include "caches/walker.h"
#include "interconnect/crossbar.h"
#include "isa/cpu_model.h"
#include "isa/icache.h"
#include "models/board/board.h"
#include "models/core/core.h"
#include "models/core/inorder.h"
#include "models/dev/exitport.h"
#include "models/dev/lapic.h"
#include "models/dev/pic.h"
#include "models/dev/pit.h"
#include "models/dev/post.h"
#include "models/dev/uart.h"
#include "models/mem/dram.h"
#include "models/mem/ram.h"

/* clang-format off */
#define BOARD_PARAMS(P)                                                                                                       \
    P(choice, core,       1,       ONE_OF("fast", "inorder"),   "core model of the measured part")                            \
    P(u32,    cores,      1,       RANGE(1, 1),                 "logical processors")                                         \
    P(u64,    ram_bytes,  2 * GiB, RANGE(16 * MiB, 3 * GiB),    "RAM from address 0; a multiple of 4 KiB")                    \
    P(bool,   batching,   true,    ANY,                         "clock domains run on while nothing else is due; changes nothing but speed")
#define RUN_PARAMS(P)                                                                                                         \
    P(choice, switch_at,  0,       ONE_OF("start", "warm", "begin", "instructions"), "the fast core runs until here, then board.core: the start, the guest's `warm` or `begin` marker, or run.switch_instructions") \
    P(u64,    switch_instructions, 0, ANY,                      "instruction count for run.switch_at=instructions")
#define CPU_PARAMS(P)                                                                                                         \
    P(choice, model,      0,       ONE_OF("cascade-lake", "haswell", "nehalem", "tiny"), "what CPUID reports")                 \
    P(u64,    frequency_hz, 3100000000ull, RANGE(1 * MHz, 100 * GHz), "core clock, and the time-stamp counter's")
/* clang-format on */

struct board_cfg {
    BOARD_PARAMS(PARAM_FIELD)
};
struct run_cfg {
    RUN_PARAMS(PARAM_FIELD)
};
struct cpu_cfg {
    CPU_PARAMS(PARAM_FIELD)
};

enum switch_at { SWITCH_AT_START, SWITCH_AT_WARM, SWITCH_AT_BEGIN, SWITCH_AT_INSTRUCTIONS };

/* Every parameter of the machine, each group at its place in the configuration: pc_params.c. */
struct pc_cfg {
    struct board_cfg board;
    struct run_cfg run;
    struct cpu_cfg cpu;
    struct inorder_cfg inorder;
    struct cost_cfg cost;
    struct bpred_cfg bpred;
    struct mmu_cfg mmu;
    struct walker_cfg walker;
    struct vmx_cfg vmx;
    struct cache_cfg l1i, l1d, l2, l3;
    struct crossbar_cfg crossbar;
    struct dram_cfg dram;
    struct lapic_cfg lapic;
};

/* false: messages printed. */
bool pc_cfg_bind(struct pc_cfg *cfg, struct config *c);

#define PC_STATS(S)                                                       \
    S(empty_port_reads,   "IN from ports where nothing is")               \
    S(empty_port_writes,  "OUT to ports where nothing is")                \
    S(empty_mmio_reads,   "loads from physical addresses where nothing is") \
    S(empty_mmio_writes,  "stores to physical addresses where nothing is")
struct pc_stats {
    PC_STATS(STAT_FIELD)
};

#define PC_UNMAPPED_NONE UINT64_MAX

/* Who hears what the guest says (board.c). */
struct pc_hooks {
    void (*marker)(void *self, u32 payload);
    void (*exited)(void *self, u8 status);
    void (*console)(void *self, u8 byte);
    void *self;
};

struct pc {
    /* fixed at elaboration */
    struct pc_cfg cfg;
    struct cpu_model model;
    /* the machine */
    struct clock clock;
    struct physmem ram;
    struct icache icache;
    struct hart *hart;
    struct mmu mmu;
    struct vmx vmx;
    struct core core;
    struct inorder inorder;
    struct cache l1i, l1d, l2, l3;
    struct walker walker;
    struct crossbar crossbar;
    struct dram dram;
    struct uart uart;
    struct pic pic;
    struct pit pit;
    struct lapic lapic;
    struct exitport exitport;
    struct post post;
    /* wiring */
    struct pc_hooks hooks;
    struct trace *trace; /* may be NULL */
    /* state */
    u64 first_empty_mmio; /* physical address, PC_UNMAPPED_NONE: none yet */
    /* statistics */
    struct pc_stats stats;
};

/* Builds and connects. false: message printed. */
bool pc_init(struct pc *pc, const struct pc_cfg *cfg, const struct pc_hooks *hooks);
void pc_fini(struct pc *pc);

void pc_register_stats(struct pc *pc, struct stats *s);
/* Every identity of every model, asserted. */
void pc_check_identities(struct pc *pc);

#endif
