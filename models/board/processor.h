/* processor.h - one logical processor with what is private to it: hart, MMU, VMX, core models, L1 and L2 caches, page walkers, local APIC.
 *
 *   hart, MMU, VMX -- core -- L1I, L1D -- L2 -- (the board's crossbar)          walkers -- L1D or L2
 *
 * Not modelled: several threads of one core.
 * Neighbours:   pc.c builds it onto the crossbar and the shared RAM; bus.c answers its ports and MMIO.
 */
#ifndef BOARD_PROCESSOR_H
#define BOARD_PROCESSOR_H

#include "caches/cache.h"
#include "caches/flusher.h"
#include "caches/walker.h"
#include "isa/cpu_model.h"
#include "isa/icache.h"
#include "isa/store_buffer.h"
#include "models/board/pc_cfg.h"
#include "models/core/core.h"
#include "models/core/inorder.h"
#include "models/core/ooo/ooo.h"
#include "models/core/sample.h"
#include "models/dev/lapic.h"

struct pc;

#define PROCESSOR_NAME_BYTES 24

/* Paths of its models: "cpu0", "cpu0.l1d"... */
struct processor_names {
    char cpu[PROCESSOR_NAME_BYTES], l1i[PROCESSOR_NAME_BYTES], l1d[PROCESSOR_NAME_BYTES], l2[PROCESSOR_NAME_BYTES];
    char walker[PROCESSOR_NAME_BYTES], vmx[PROCESSOR_NAME_BYTES], wc[PROCESSOR_NAME_BYTES], flusher[PROCESSOR_NAME_BYTES], lapic[PROCESSOR_NAME_BYTES], timer[PROCESSOR_NAME_BYTES];
    char lapic_timer[PROCESSOR_NAME_BYTES], lapic_ipi[PROCESSOR_NAME_BYTES], stores[PROCESSOR_NAME_BYTES];
};

struct processor {
    /* fixed at elaboration */
    unsigned id;
    struct processor_names name;
    /* wiring */
    struct pc *pc;
    /* the processor */
    struct hart *hart;
    struct mmu mmu;
    struct vmx vmx;
    struct core core;
    struct bpred bpred;
    struct inorder inorder;
    struct ooo *ooo;
    struct cache l1i, l1d, l2;
    struct walker walker;
    struct write_combining wc;
    struct flusher flusher;
    struct lapic lapic;
    struct store_buffer stores; /* used if board.store_buffer_entries */
    struct warm *warm; /* of a sampled run; else NULL, as the next */
    struct sample *sample;
    struct kernel_event *preemption_timer; /* VMX's */
};

/* What it is plugged into. */
struct processor_socket {
    struct pc *pc;
    struct clock *clock;
    struct physmem *ram;
    struct icache *icache;
    const struct cpu_model *model;
    struct mem_port memory; /* below its L2 */
    struct cache *l3;
    struct coherence_port coherence; /* what its caches may keep */
    const struct bus_ops *bus;
};

/* false: out of host memory. */
bool processor_init(struct processor *p, unsigned id, const struct pc_cfg *cfg, const struct processor_socket *socket);
void processor_fini(struct processor *p);

/* Makes this a sampled run. `l3`: what it shares. false: out of host memory. */
bool processor_add_sample(struct processor *p, const struct pc_cfg *cfg, const struct cache *l3, struct sample_watch watch);

/* Shut down, waiting for a start-up message, or halted with interrupts off and no way for a device to raise an NMI. Several processors:
 * another one may still wake it. */
bool processor_sleeps_for_good(const struct processor *p);

void processor_register_stats(struct processor *p, struct stats *s);
void processor_check_identities(struct processor *p);

#endif
