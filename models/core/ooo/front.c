/* front.c - the front end: it fetches instructions, has them executed, and hands them to the decoders or to
 * microcode. The life of one, phase by phase, is that of the in-order core; what waits here waits for lines,
 * for an empty pipe, or for a mispredicted branch. */
#include "models/core/core_trace.h"
#include "models/core/ooo/ooo_stages.h"
#include "models/sim/check.h"

/* --- begin --- */

static u64 idle(struct ooo *p, u64 now)
{
    struct core *c = p->core;
    if (c->hart->activity == ACTIVITY_SHUTDOWN && !hart_in_guest(c->hart)) kernel_stop();
    ooo_set_front_cause(p, CAUSE_idle);
    return isa_would_wake(c->hart) ? now + 1 : CLOCK_SLEEP;
}

/* What the write-combining buffers gather goes out behind the last store. */
static bool stores_are_under_way(struct ooo *p)
{
    if (p->store_head != p->store_tail) return true;
    write_combining_flush(p->wc);
    return !write_combining_is_empty(p->wc);
}

/* The core model is to change, or the run to end: let everything under way finish, then ask the core. */
static u64 leave_when_empty(struct ooo *p, u64 now)
{
    if (window_is_empty(p)) ooo_set_front_cause(p, CAUSE_serialization);
    if (!window_is_empty(p) || stores_are_under_way(p) || !ooo_is_empty(p)) return CLOCK_SLEEP;
    clock_yield(p->core->clock);
    return now + 1;
}

static bool leaves(const struct core *c)
{
    return c->wanted != c->kind || c->hart->instructions >= c->switch_at_instruction ||
           c->hart->instructions >= c->max_instructions;
}

static u64 phase_lines(struct ooo *p, u64 now);
static u64 phase_execute(struct ooo *p, u64 now);

static u64 phase_begin(struct ooo *p, u64 now)
{
    struct core *c = p->core;
    core_look_at_edge(c);
    if (leaves(c)) return leave_when_empty(p, now);
    if (p->branch_pending) return CLOCK_SLEEP;
    if (p->front_ready > now) return p->front_ready;
    if (!ooo_can_decode(p)) return CLOCK_SLEEP;
    if (rob_is_empty(p)) ooo_charge_wait(p);
    p->world = c->hart->world; /* it changes on an empty pipe only */
    p->record.drained = p->drained = p->executed = false;
    if (!isa_fetch(c->hart, &p->record)) return idle(p, now);
    if (ideal_changes_records(&c->ideal)) ideal_record(&c->ideal, &p->record);
    if (p->front_cause == CAUSE_idle) p->front_cause = CAUSE_front_end;
    if (ooo_is_traced(p)) ooo_trace_fetched(p);
    p->next_access = 0;
    p->phase = FRONT_LINES;
    return phase_lines(p, now);
}

static u64 phase_lines(struct ooo *p, u64 now)
{
    for (; p->next_access < p->record.n_fetches; p->next_access++)
        if (!ooo_start_reference(p, &p->record.access[p->next_access], MEM_FETCH, ORIGIN_FETCH)) break;
    if (p->references) {
        ooo_set_front_cause(p, CAUSE_front_end);
        if (ooo_is_traced(p)) ooo_trace_front_stall(p, PIPE_MISS);
        return CLOCK_SLEEP;
    }
    p->phase = FRONT_EXECUTE;
    return phase_execute(p, now);
}

/* --- drain and execute --- */

/* Decided before it executes: it can see time, or older instructions must be over. */
static bool drains_first(const struct ooo *p)
{
    const struct insn_info *i = p->record.info;
    if (p->record.not_drained) return true;
    if (i->serializing || i->sees_time || i->marker) return true;
    return p->cost.cycles[i->iclass] && i->iclass != CLASS_string && i->iclass != CLASS_atomic;
}

static bool is_flush(const struct insn_record *r)
{
    return r->info && !r->event && r->info->uop[0].kind == UOP_FLUSH;
}

/* It keeps program order with all others: SDM Vol. 3A, "Methods of Caching Available". */
static bool is_uncacheable(const struct insn_record *r)
{
    for (unsigned i = r->n_fetches; i < r->n_accesses; i++)
        if (UNLIKELY(r->access[i].memory_type == MEMORY_UC)) return !is_flush(r);
    return false;
}

/* Older stores must be written too. LFENCE, RDTSC, events and the like only wait for older instructions to
 * complete (SDM Vol. 2, "LFENCE"; Vol. 3A, "Serializing Instructions"). A halted processor keeps no store back. */
static bool drains_stores(const struct insn_record *r)
{
    const struct insn_info *i = r->info;
    if (r->transition.kind != TRANSITION_NONE || r->io || r->not_drained || is_uncacheable(r)) return true;
    if (!i || r->event) return false;
    return i->serializing || i->marker || i->locked || i->iclass == CLASS_fence || i->iclass == CLASS_port_io || i->iclass == CLASS_hlt;
}

/* LFENCE lets stores be, but flushes keep order with every fence: SDM Vol. 2A, "CLFLUSH", "CLFLUSHOPT". */
static bool waits_for_flushes(const struct ooo *p)
{
    return UNLIKELY(p->flushes) && p->record.info && p->record.info->iclass == CLASS_lfence;
}

static bool is_drained(struct ooo *p)
{
    bool stores = (drains_stores(&p->record) && stores_are_under_way(p)) || waits_for_flushes(p);
    if (!window_is_empty(p)) return false;
    if (stores) ooo_set_front_cause(p, CAUSE_serialization);
    return !stores;
}

static u64 wait_for_drain(struct ooo *p)
{
    ooo_trace_stage(p, PIPE_FETCHED, PIPE_DRAIN);
    return CLOCK_SLEEP;
}

static void finish_record(struct ooo *p)
{
    if (ideal_changes_records(&p->core->ideal)) ideal_record(&p->core->ideal, &p->record);
    if (UNLIKELY(p->record.walks_ahead)) microcode_start_walks_ahead(p->walker, &p->record);
    if (core_traces_records(p->core)) core_trace_record(p->core, &p->record);
}

/* False: it refused, and must be drained first. */
static bool execute(struct ooo *p)
{
    p->record.not_drained = false;
    if (p->record.info) isa_execute(p->core->hart, &p->record);
    if (p->record.not_drained) return false;
    p->executed = true;
    finish_record(p);
    return true;
}

static void count_drain(struct ooo *p)
{
    p->stats.drains += !p->drained;
    p->drained = true;
}

static u64 phase_execute(struct ooo *p, u64 now)
{
    if (p->record.info && drains_first(p)) {
        if (!is_drained(p)) return wait_for_drain(p);
        count_drain(p);
        p->record.drained = true;
    }
    if (!execute(p)) return GO_ON; /* once more through this phase, now to drain */
    bool uncacheable = is_uncacheable(&p->record);
    p->stats.uncacheable += uncacheable;
    if (uncacheable || microcode_carries_out(&p->cost, &p->record, true)) {
        p->phase = FRONT_DRAIN;
        return GO_ON;
    }
    ooo_decode(p, now);
    p->phase = FRONT_BEGIN;
    return GO_ON;
}

static u64 phase_drain(struct ooo *p)
{
    if (!is_drained(p)) return wait_for_drain(p);
    count_drain(p);
    ooo_charge_wait(p);
    if (p->record.transition.kind != TRANSITION_NONE) core_begin_transition(p->core, &p->record);
    ooo_set_front_cause(p, CAUSE_microcode);
    if (ooo_is_traced(p)) ooo_trace_sequence(p);
    p->cursor = (struct microcode_cursor){.next_access = p->next_access};
    p->phase = FRONT_MICROCODE;
    return GO_ON;
}

/* --- the stage --- */

/* clang-format off */
static u64 run_phase(struct ooo *p, u64 now)
{
    switch (p->phase) {
    case FRONT_BEGIN: return phase_begin(p, now);
    case FRONT_LINES: return phase_lines(p, now);
    case FRONT_EXECUTE: return phase_execute(p, now);
    case FRONT_DRAIN: return phase_drain(p);
    case FRONT_MICROCODE: return ooo_front_microcode(p, now);
    case FRONT_REFERENCES: return ooo_front_references(p, now);
    case FRONT_FINISH: return ooo_front_finish(p, now);
    }
    CHECK(false, "no phase has the number %d", (int)p->phase);
    return CLOCK_SLEEP;
}
/* clang-format on */

u64 ooo_front(struct ooo *p, u64 now)
{
    u64 until;
    do {
        until = run_phase(p, now);
    } while (until == GO_ON);
    return until;
}

enum topdown_category ooo_front_category(const struct ooo *p)
{
    if (p->front_cause == CAUSE_idle) return TOPDOWN_idle;
    if (p->phase >= FRONT_EXECUTE) return TOPDOWN_microcode;
    return p->branch_pending || p->front_cause == CAUSE_branch ? TOPDOWN_bad_speculation : TOPDOWN_front_end;
}
