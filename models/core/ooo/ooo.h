/* ooo.h - an out-of-order core: prediction, fetch and decode, rename, schedulers and ports, load and store
 * queues, retirement. One file per stage.
 *
 * Models:       legacy decoders with length-changing prefixes and micro-op cache, macro- and micro-fusion and what
 *               comes apart again before rename, zero idioms and move elimination; ROB, scheduler, load and store
 *               buffers, registers as limits; port binding at rename, oldest first; latencies and throughputs from
 *               models/core/uops_<units>.def; store forwarding, memory disambiguation by predictor, a port taken
 *               anew by loads that came before the data, split accesses, fill buffers (the L1D's MSHRs); page
 *               walks that start at issue, overlap up to the number of walkers and merge; stores that drain in
 *               order behind retirement; locked instructions, fences, serialization; microcode and VM transitions
 *               on an empty pipe.
 * Not modelled: wrong paths (a mispredict is a redirect); replay of dependents of a load that misses; the
 *               squash behind a memory-ordering clear (the load is late instead); write-back port
 *               conflicts; partial-register merges; several threads; loop stream detector.
 * Memory types: WC and non-temporal stores go from the store buffer to the write-combining buffers; WT and WP stores
 *               to memory, in order with the others; an instruction with an uncacheable access runs alone.
 * Time:         an instruction executes functionally when the front end reaches it; its micro-operations, in a
 *               ring from decode to retirement, are then played (ARCHITECTURE.md, section 4).
 * Neighbours:   core.h; L1I and L1D ports, the page-walk unit, the branch predictor.
 * Checked by:   tests/timing/test_ooo_*.c; tests/system/{lockstep,accounts,determinism,switching}.sh
 */
#ifndef CORE_OOO_H
#define CORE_OOO_H

#include "models/core/ooo/ooo_params.h"
#include "models/core/ooo/ooo_state.h"

void ooo_init(struct ooo *p, const struct ooo_wiring *w);
void ooo_fini(struct ooo *p);

/* What is wrong with a configuration whose values are each in range, or NULL. */
const char *ooo_cfg_problem(const struct ooo_cfg *cfg, const struct walker_cfg *walker);

/* The core model takes over at `cycle`, with nothing under way. */
void ooo_begin(struct ooo *p, u64 cycle);
u64 ooo_tick(struct ooo *p, u64 cycle);
/* Nothing is under way, stores included. */
bool ooo_is_empty(const struct ooo *p);
/* Charges what has passed. */
void ooo_settle(struct ooo *p);
void ooo_register_stats(struct ooo *p, struct stats *s, const char *prefix);
/* Asserts: loads = sum over the levels that served them + those under way; slots = width x cycles. */
void ooo_check_identities(const struct ooo *p);

/* The `freed` callbacks of the L1 caches and the write-combining buffers, and the page-walk unit's `done` (self is the struct ooo). */
void ooo_l1_freed(void *self);
void ooo_combining_freed(void *self);
void ooo_walk_done(void *self, u64 token, const struct walk_ledger *played);

#endif
