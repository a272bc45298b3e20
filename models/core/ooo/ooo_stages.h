/* ooo_stages.h - what the stages of the out-of-order core ask of each other. Each function is called within the
 * core's tick, or a message's arrival, of the current cycle. */
#ifndef CORE_OOO_STAGES_H
#define CORE_OOO_STAGES_H

#include "models/core/ooo/ooo.h"

/* --- ooo.c --- */

/* Charges the cycles up to now to what the oldest micro-operation, or the empty ROB, waits for. */
void ooo_charge_wait(struct ooo *p);
/* Waiting for this micro-operation is called `cause` from now on. */
void ooo_set_cause(struct ooo *p, u32 index, enum cause cause);
/* Waiting for the front end is called `cause` from now on. */
void ooo_set_front_cause(struct ooo *p, enum cause cause);
/* Something has arrived: the core looks again in this cycle. */
void ooo_wake(struct ooo *p);

/* --- front.c, microcode.c, decode.c --- */

/* Runs the front end in this cycle; the next cycle at which it has work, CLOCK_SLEEP: when something arrives. */
u64 ooo_front(struct ooo *p, u64 now);
#define GO_ON 0
u64 ooo_front_microcode(struct ooo *p, u64 now);
u64 ooo_front_references(struct ooo *p, u64 now);
u64 ooo_front_finish(struct ooo *p, u64 now);
/* Room in ring, queue and pools for whatever the next instruction is. */
bool ooo_can_decode(const struct ooo *p);
/* Queues the micro-operations of the record. */
void ooo_decode(struct ooo *p, u64 now);
/* Why slots stay empty while the back end would take them. */
enum topdown_category ooo_front_category(const struct ooo *p);

/* --- rename.c --- */
void ooo_rename(struct ooo *p, u64 now);
/* The cycle at which rename goes on; CLOCK_SLEEP: when something else has happened. */
u64 ooo_rename_next(struct ooo *p, u64 now);

/* --- schedule.c --- */
/* All operands are there from now on: it may issue. */
void ooo_make_ready(struct ooo *p, u32 index);
/* Issues at most one micro-operation a port. */
void ooo_issue(struct ooo *p, u64 now);
/* The result will be there at `cycle`. */
void ooo_finish_at(struct ooo *p, u32 index, u64 cycle);
/* Results that are there now wake who waits for them. */
void ooo_complete_due(struct ooo *p, u64 now);
u64 ooo_next_due(const struct ooo *p, u64 now);

/* --- load.c --- */
void ooo_issue_load(struct ooo *p, u32 index, u64 now);
/* Goes on with a load from where it stands. */
void ooo_continue_load(struct ooo *p, u32 index);
/* Lists of loads: first parked, first taken. */
void ooo_park(struct ooo *p, u32 index, u16 *list);
u16 ooo_take_list(struct ooo *p, u16 *list);
/* Goes on with all loads of a list. */
void ooo_continue_list(struct ooo *p, u16 *list);
void ooo_retry_loads(struct ooo *p);
/* The data are there at `cycle`. */
void ooo_load_answered(struct ooo *p, u32 index, u64 cycle, enum served served);
void ooo_count_served(struct ooo *p, enum served served);
unsigned ooo_lines_of(hpa_t at, unsigned bytes);

/* --- order.c: memory order within the core --- */
enum order_answer { ORDER_ACCESS, ORDER_WAITS, ORDER_FORWARDED };
enum order_answer ooo_check_order(struct ooo *p, u32 index);

/* --- store.c --- */
void ooo_allocate_store(struct ooo *p, u32 index);
void ooo_store_address(struct ooo *p, u32 index);
void ooo_store_translated(struct ooo *p, u32 index);
void ooo_store_data(struct ooo *p, u32 index);
/* One store a cycle goes to the L1D, one leaves the buffer. */
void ooo_drain_stores(struct ooo *p);
u64 ooo_next_store(struct ooo *p, u64 now);
/* A locked instruction's load may go: it is the oldest, and older stores are written. */
void ooo_continue_lock(struct ooo *p);

/* --- translate.c --- */
/* The walk of the record that this reference needs, or the one under way for its page; OOO_NONE: none. The
 * micro-operation is then a user of it until ooo_translate says that it is there. */
u16 ooo_find_translation(struct ooo *p, const struct mem_access *a);
/* True if the translation is there; else the micro-operation goes on (ooo_translated) when it is. */
bool ooo_translate(struct ooo *p, u32 index);

/* --- reference.c: references of the front end --- */
bool ooo_start_reference(struct ooo *p, const struct mem_access *a, enum mem_kind kind, enum mem_origin origin);
void ooo_reference_translated(struct ooo *p, u32 index);
void ooo_retry_references(struct ooo *p);

/* --- trace_stages.c: for the pipeline trace, asked for only if there is one (ooo_is_traced) --- */
static inline bool ooo_is_traced(const struct ooo *p) { return UNLIKELY(p->trace != NULL); }
/* The front end has the next record. It becomes the micro-operations from sequence number `from` on; or is a jump that goes with the
 * micro-operation `with`; or microcode carries it out. */
void ooo_trace_fetched(struct ooo *p);
void ooo_trace_decoded(struct ooo *p, u64 from);
void ooo_trace_fused(struct ooo *p, u64 with);
void ooo_trace_sequence(struct ooo *p);
void ooo_trace_sequence_ends(struct ooo *p);
/* The front end stops behind it. */
void ooo_trace_mispredicted(struct ooo *p, const struct ooo_uop *branch);
/* What the front end waits for. */
void ooo_trace_front_stall(struct ooo *p, enum pipe_stall stall);
void ooo_trace_front_walked(struct ooo *p, const struct walk_ledger *played);
/* Why a micro-operation waited: its data took so long, its page walk has ended, rename lacks what this counter counts. */
void ooo_trace_load(struct ooo *p, u32 index, enum served served, u64 cycles);
void ooo_trace_walked(struct ooo *p, u32 index, const struct walk_ledger *played);
void ooo_trace_refused(struct ooo *p, u32 index, const u64 *missing);
static inline void ooo_trace_stage(struct ooo *p, u32 index, enum pipe_stage stage)
{
    if (ooo_is_traced(p)) pipe_trace_stage(p->trace, index, ooo_now(p), stage);
}
static inline void ooo_trace_stall(struct ooo *p, u32 index, enum pipe_stall stall)
{
    if (ooo_is_traced(p)) pipe_trace_stall(p->trace, index, ooo_now(p), stall);
}

/* --- retire.c --- */
void ooo_retire(struct ooo *p, u64 now);

#endif
