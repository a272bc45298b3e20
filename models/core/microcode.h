/* microcode.h - what a timing core's microcode carries out, and what it costs, whatever the core.
 *
 * Models:       microcode cycles by instruction class (costs.def), of an event's delivery, of a device access,
 *               of a VM transition (virt-ext/transition.h); then its references, one after the other: page
 *               walks without a reference, accesses, the lines of a VMCS.
 * Not modelled: overlap of microcode with its own references.
 * Neighbours:   the in-order and the out-of-order core play what this says, each through its own ports.
 * Checked by:   tests/unit/test_inorder_microcode.c
 */
#ifndef CORE_MICROCODE_H
#define CORE_MICROCODE_H

#include "caches/walker.h"
#include "models/sim/params.h"
#include "virt-ext/vmx.h"

/* clang-format off */
#define EVENT_COSTS(P)                                                                                    \
    P(event, 60,  ANY,     "microcode of an exception's or interrupt's delivery (estimated)")             \
    P(mmio,  200, NONZERO, "one memory-mapped device access (estimated)")                                 \
    P(barrier, 340, ANY,   "of an indirect branch predictor barrier, beside its WRMSR (estimated)")
/* clang-format on */

/* Per class one parameter, "<class>_cycles" (costs.def); VMX classes are virt-ext's. Then the events'. */
struct cost_cfg {
    u32 cycles[CLASS_COUNT];
    u32 event_cycles, mmio_cycles, barrier_cycles;
};
extern const struct param cost_params[];
extern const size_t cost_params_count;

/* Adds what VMX instructions cost (cpu.vmx) to the classes of costs.def. */
void microcode_add_vmx(struct cost_cfg *cost, const struct vmx_cfg *vmx);

/* The record is microcode's: an event, a transition, I/O, an instruction whose class has a price. Strings are
 * the core's own, and so are locked instructions where `atomics` says that they are. */
static inline bool microcode_carries_out(const struct cost_cfg *cost, const struct insn_record *r, bool atomics)
{
    /* `event` and `io` apart: tested together they are one wide load right behind narrow stores, which stalls
     * the host. */
    if (!r->info || r->event || r->transition.kind != TRANSITION_NONE || r->io) return true;
    if (r->info->iclass == CLASS_string || (atomics && r->info->iclass == CLASS_atomic)) return false;
    return cost->cycles[r->info->iclass] > 0;
}

/* Cycles in front of the references. */
u64 microcode_cycles(const struct cost_cfg *cost, const struct vmx_cfg *vmx, const struct insn_record *r);

/* Walks of a record that are ahead of their use: they begin with the record, and nobody waits. Their tokens begin here. */
#define WALK_TOKEN_AHEAD 0x10000u
void microcode_start_walks_ahead(struct walker *w, const struct insn_record *r);

/* Where a record's references stand: all zero at first, next_access at n_fetches. */
struct microcode_cursor {
    u8 next_walk, next_access, next_line;
};

/* The next reference: false if there is none left. *a with bytes 0 is a walk alone. */
bool microcode_next_reference(const struct insn_record *r, struct microcode_cursor *at, struct mem_access *a,
                              enum mem_origin *origin);
/* It has been started. */
void microcode_advance(const struct insn_record *r, struct microcode_cursor *at);

#endif
