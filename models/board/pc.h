/* pc.h - the PC: memory map and wiring, nothing else.
 *
 *   processor (processor.h) -- crossbar -- directory -- L3 -- DRAM          one clock domain; DRAM keeps its own clock
 *   ports:  20, 21, a0, a1 PIC   40-43, 61 PIT   80 POST   f4 exit   3f8-3ff UART       MMIO: fee00000 local APIC
 *                                                                                                         fec00000 I/O APIC
 *   UART --IRQ4--> PIC <--IRQ0-- PIT     PIC --INTR--> local APIC (LINT0, ExtINT) --> hart
 *   UART --input 4--> I/O APIC <--input 2-- PIT     I/O APIC, local APICs -- APIC bus
 *
 * Not modelled: sockets, HPET, PCI, RTC, keyboard controller. Ports and physical addresses where nothing is
 *               answer all ones, as an empty bus does, and are counted.
 */
#ifndef BOARD_PC_H
#define BOARD_PC_H

#include "models/board/board.h"
#include "models/board/processor.h"
#include "models/dev/exitport.h"
#include "models/dev/ioapic.h"
#include "models/dev/pic.h"
#include "models/dev/pit.h"
#include "models/dev/post.h"
#include "models/dev/uart.h"
#include "models/mem/ram.h"

#define PC_MAX_PROCESSORS 16

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
    void (*window)(void *self, bool begins); /* of a sampled run: struct sample_watch */
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
    struct processor cpu[PC_MAX_PROCESSORS]; /* cfg.board.cores of them */
    struct cache l3;
    struct crossbar crossbar;
    struct directory directory;
    struct dram dram;
    struct uart uart;
    struct pic pic;
    struct pit pit;
    struct ioapic ioapic;
    struct apic_bus apic_bus;
    struct vmcs_owners vmcs_owners;
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

/* One processor has shut down, or all of them sleep and none can be woken (processor_sleeps_for_good). */
bool pc_sleeps_for_good(const struct pc *pc);

u64 pc_instructions(const struct pc *pc);

/* Builds and connects. false: message printed. */
bool pc_init(struct pc *pc, const struct pc_cfg *cfg, const struct pc_hooks *hooks);
void pc_fini(struct pc *pc);

void pc_register_stats(struct pc *pc, struct stats *s);
/* Every identity of every model, asserted. */
void pc_check_identities(struct pc *pc);

#endif
