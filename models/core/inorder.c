#include "models/core/inorder.h"
#include "models/core/core_trace.h"
#include "models/sim/check.h"
#include <stdio.h>
#include <string.h>

/* --- accounts --- */

void inorder_charge(struct inorder *p, enum cause cause, u64 cycle)
{
    core_charge(p->core, (enum world)p->world, cause, cycle);
}

void inorder_settle(struct inorder *p)
{
    inorder_charge(p, (enum cause)p->wait_cause, clock_now(p->core->clock));
    p->wait_flight = FLIGHT_NONE;
}

u64 inorder_wait(struct inorder *p, enum cause cause, u8 flight, u64 until)
{
    if (p->wait_cause != cause || p->wait_flight != flight) inorder_settle(p);
    p->wait_cause = (u8)cause;
    p->wait_flight = flight;
    return until;
}

/* --- fetch --- */

static u64 idle(struct inorder *p, u64 now)
{
    if (p->core->hart->activity == ACTIVITY_SHUTDOWN && !hart_in_guest(p->core->hart)) kernel_stop();
    return inorder_wait(p, CAUSE_idle, FLIGHT_NONE, isa_would_wake(p->core->hart) ? now + 1 : CLOCK_SLEEP);
}

static u64 latest_result(const struct inorder *p)
{
    u64 latest = p->hits_until;
    for (unsigned r = 0; r < REG_DEPS; r++) latest = max_u64(latest, p->ready[r]);
    return latest;
}

static u64 wait_for_drain(struct inorder *p, u64 now)
{
    inorder_drain_combined_stores(p);
    if (!inorder_memory_is_idle(p)) return inorder_wait(p, CAUSE_serialization, FLIGHT_NONE, CLOCK_SLEEP);
    u64 latest = latest_result(p);
    return latest > now ? inorder_wait(p, CAUSE_serialization, FLIGHT_NONE, latest) : GO_ON;
}

/* The core model is to change, or the run to end: let everything under way finish, then ask the core. */
static u64 leave_when_empty(struct inorder *p, u64 now)
{
    u64 until = wait_for_drain(p, now);
    if (until != GO_ON) return until;
    clock_yield(p->core->clock);
    return inorder_wait(p, CAUSE_serialization, FLIGHT_NONE, now + 1);
}

static u64 phase_begin(struct inorder *p, u64 now)
{
    struct core *c = p->core;
    core_look_at_edge(c);
    if (c->wanted != c->kind || c->hart->instructions >= c->switch_at_instruction ||
        c->hart->instructions >= c->max_instructions)
        return leave_when_empty(p, now);
    if (p->front_ready > now) return inorder_wait(p, (enum cause)p->front_cause, FLIGHT_NONE, p->front_ready);
    if (p->cfg.blocking_loads && p->flights)
        return inorder_wait(p, CAUSE_l1_data, inorder_first_flight(p->flights), CLOCK_SLEEP);
    inorder_settle(p);
    p->world = c->hart->world;
    p->record.drained = p->drained = p->executed = false;
    if (!isa_fetch(c->hart, &p->record)) return idle(p, now);
    if (ideal_changes_records(&c->ideal)) ideal_record(&c->ideal, &p->record);
    p->next_access = 0;
    p->uop = 0;
    p->phase = PHASE_FETCH;
    return GO_ON;
}

static u64 phase_fetch(struct inorder *p, u64 now)
{
    (void)now;
    for (; p->next_access < p->record.n_fetches; p->next_access++)
        if (!inorder_start(p, &p->record.access[p->next_access], MEM_FETCH, ORIGIN_FETCH, REG_NONE))
            return inorder_wait(p, CAUSE_front_end, inorder_first_flight(p->flights), CLOCK_SLEEP);
    if (p->fetches) return inorder_wait(p, CAUSE_front_end, inorder_first_flight(p->fetches), CLOCK_SLEEP);
    p->phase = PHASE_DRAIN;
    return GO_ON;
}

/* --- drain and execute --- */

static bool needs_drain(const struct inorder *p)
{
    const struct insn_info *i = p->record.info;
    if (p->executed || p->record.not_drained) return true;
    return i->serializing || i->sees_time || i->locked || i->marker ||
           (p->cost.cycles[i->iclass] && i->iclass != CLASS_string);
}

static void begin_transition(struct inorder *p)
{
    inorder_settle(p); /* what the front end waited for is not the transition's */
    core_begin_transition(p->core, &p->record);
}

static void execute(struct inorder *p)
{
    p->record.not_drained = false;
    isa_execute(p->core->hart, &p->record);
    if (p->record.not_drained) return;
    if (ideal_changes_records(&p->core->ideal)) ideal_record(&p->core->ideal, &p->record);
    p->executed = true;
    if (UNLIKELY(p->record.walks_ahead)) microcode_start_walks_ahead(p->walker, &p->record);
    if (core_traces_records(p->core)) core_trace_record(p->core, &p->record);
    if (p->record.transition.kind != TRANSITION_NONE) begin_transition(p);
}

/* An event in the instruction's place: isa_fetch did it all. */
static void accept_event(struct inorder *p)
{
    p->executed = true;
    if (UNLIKELY(p->record.walks_ahead)) microcode_start_walks_ahead(p->walker, &p->record);
    if (core_traces_records(p->core)) core_trace_record(p->core, &p->record);
    if (p->record.transition.kind != TRANSITION_NONE) begin_transition(p);
}

static u64 phase_drain(struct inorder *p, u64 now)
{
    if (!p->record.info && !p->executed) accept_event(p);
    if (needs_drain(p)) {
        u64 until = wait_for_drain(p, now);
        if (until != GO_ON) return until;
        p->stats.drains += !p->drained;
        p->record.drained = p->drained = true;
    }
    if (!p->executed) execute(p);
    if (p->record.not_drained) return GO_ON;
    if (!microcode_carries_out(&p->cost, &p->record, false)) {
        p->phase = PHASE_ISSUE;
        return GO_ON;
    }
    if (!p->drained) return GO_ON; /* it faulted: once more through this phase, now to drain */
    inorder_settle(p);
    p->cursor = (struct microcode_cursor){.next_access = p->next_access};
    p->phase = PHASE_MICROCODE;
    return GO_ON;
}

/* --- issue --- */

static u64 wait_for_slot(struct inorder *p, u64 now)
{
    if (p->slot_cycle != now) {
        p->slot_cycle = now;
        p->slots_used = 0;
    }
    return p->slots_used < p->cfg.issue_width ? GO_ON : now + 1;
}

static u64 wait_for_register(struct inorder *p, u8 reg)
{
    if (p->ready[reg] == KERNEL_NEVER)
        return inorder_wait(p, CAUSE_l1_data, p->ready_flight[reg], CLOCK_SLEEP);
    return inorder_wait(p, (enum cause)p->ready_cause[reg], FLIGHT_NONE, p->ready[reg]);
}

static inline bool is_ready(const struct inorder *p, u64 now, u8 reg)
{
    return reg >= REG_DEPS || p->ready[reg] <= now;
}

static u64 wait_for_sources(struct inorder *p, u64 now, const struct uop *u)
{
    for (unsigned i = 0; i < ARRAY_LEN(u->src); i++)
        if (!is_ready(p, now, u->src[i])) return wait_for_register(p, u->src[i]);
    if ((u->reads_flags & FLAGS_CARRY) && !is_ready(p, now, REG_CARRY)) return wait_for_register(p, REG_CARRY);
    if ((u->reads_flags & FLAGS_OTHERS) && !is_ready(p, now, REG_FLAGS)) return wait_for_register(p, REG_FLAGS);
    return GO_ON;
}

static void take_slot(struct inorder *p, u64 now)
{
    p->slots_used++;
    if (p->core->account.until > now) return; /* not the first of this cycle */
    inorder_settle(p);
    account_charge(&p->core->account, p->world, CAUSE_base, now + 1);
}

static void produce(struct inorder *p, u8 reg, u64 cycle)
{
    if (reg >= REG_DEPS) return;
    p->ready[reg] = cycle;
    p->ready_cause[reg] = CAUSE_execute;
    p->ready_flight[reg] = FLIGHT_NONE;
}

static void produce_flags(struct inorder *p, const struct uop *u, u64 cycle)
{
    if (u->writes_flags & FLAGS_CARRY) produce(p, REG_CARRY, cycle);
    if (u->writes_flags & FLAGS_OTHERS) produce(p, REG_FLAGS, cycle);
}

static void resolve_branch(struct inorder *p, u64 now)
{
    const struct insn_record *r = &p->record;
    bool right = bpred_branch(p->bpred, (enum flow)r->info->flow, r->rip, r->rip + r->info->length,
                              r->branch_taken, r->next_rip);
    u32 bubble = right ? (r->branch_taken ? p->cfg.taken_branch_cycles : 0) : p->cfg.mispredict_cycles;
    if (bubble == 0) return;
    p->front_ready = now + bubble;
    p->front_cause = right ? CAUSE_front_end : CAUSE_branch;
}

static const struct mem_access *next_access(const struct inorder *p, enum access kind)
{
    if (p->next_access >= p->record.n_accesses) return NULL;
    const struct mem_access *a = &p->record.access[p->next_access];
    return a->kind == kind ? a : NULL;
}

/* Two accesses of one kind that meet at a page's end are one reference that splits it. */
static bool is_second_half(const struct inorder *p)
{
    const struct mem_access *a = &p->record.access[p->next_access], *before = a - 1;
    return (a->va.v & (PAGE_BYTES - 1)) == 0 && p->next_access > p->record.n_fetches &&
           before->kind == a->kind && before->va.v + before->bytes == a->va.v;
}

static u64 issue_load(struct inorder *p, const struct mem_access *a, u8 reg)
{
    bool started = reg != REG_NONE && is_second_half(p) ? inorder_start_second_half(p, a, reg)
                                                        : inorder_start(p, a, MEM_READ, ORIGIN_DATA, reg);
    return started ? GO_ON : inorder_wait(p, CAUSE_l1_data, inorder_first_flight(p->flights), CLOCK_SLEEP);
}

static u64 issue_store(struct inorder *p, const struct mem_access *a)
{
    return inorder_store(p, a) ? GO_ON : inorder_wait(p, CAUSE_stores, FLIGHT_NONE, CLOCK_SLEEP);
}

static u64 issue_flush(struct inorder *p)
{
    const struct mem_access *a = next_access(p, ACCESS_READ);
    if (!a) return GO_ON;
    if (!inorder_flush(p, a)) return inorder_wait(p, CAUSE_stores, FLIGHT_NONE, CLOCK_SLEEP);
    p->next_access++;
    return GO_ON;
}

/* The reference of one load or store micro-operation: the next of the record, with its second half if it
 * splits a page. */
static u64 issue_reference(struct inorder *p, const struct uop *u)
{
    bool load = u->kind == UOP_LOAD;
    const struct mem_access *a = next_access(p, load ? ACCESS_READ : ACCESS_WRITE);
    while (a) {
        u64 until = load ? issue_load(p, a, u->dst) : issue_store(p, a);
        if (until != GO_ON) return until;
        p->next_access++;
        a = next_access(p, (enum access)a->kind);
        if (a && !is_second_half(p)) break;
    }
    return GO_ON;
}

/* One part of a string instruction: its loads and stores go out like any others; flags that depend on the
 * data wait for them. */
static u64 issue_string_part(struct inorder *p, u64 now, const struct uop *u)
{
    u8 reg = u->writes_flags ? REG_FLAGS : REG_NONE;
    produce(p, u->dst, now + 1);
    if (p->next_access == p->record.n_fetches) produce_flags(p, u, now + 1);
    for (; p->next_access < p->record.n_accesses; p->next_access++) {
        const struct mem_access *a = &p->record.access[p->next_access];
        u64 until = a->kind == ACCESS_READ ? issue_load(p, a, reg) : issue_store(p, a);
        if (until != GO_ON) return until;
    }
    p->front_ready = now + p->cost.cycles[CLASS_string];
    p->front_cause = CAUSE_microcode;
    return GO_ON;
}

static u64 execute_uop(struct inorder *p, u64 now, const struct uop *u)
{
    u64 ready = now + p->latency[operation_kind(u, &p->record)][u->row];
    if (u->kind == UOP_LOAD || u->kind == UOP_STORE) return issue_reference(p, u);
    if (u->kind == UOP_MICROCODE && p->record.info->iclass == CLASS_string)
        return issue_string_part(p, now, u);
    if (u->kind == UOP_FLUSH) return issue_flush(p);
    produce(p, u->dst, ready);
    produce_flags(p, u, ready);
    if (u->kind == UOP_BRANCH) resolve_branch(p, now);
    return GO_ON;
}

static u64 issue_uop(struct inorder *p, u64 now, const struct uop *u)
{
    if (u->row == ROW_FURTHER && p->latency[u->kind][ROW_FURTHER] == 0) {
        produce(p, u->dst, p->ready[u->src[0]]);
        return GO_ON;
    }
    u64 until = wait_for_slot(p, now);
    if (until == GO_ON) until = wait_for_sources(p, now, u);
    if (until == GO_ON) until = execute_uop(p, now, u);
    if (until == GO_ON) take_slot(p, now);
    return until;
}

/* With the x87 registers that its places in their stack are now. */
static u64 issue_x87(struct inorder *p, u64 now, const struct uop *u)
{
    struct uop named = *u;
    for (unsigned n = 0; n < ARRAY_LEN(named.src); n++) named.src[n] = x87_register(u->src[n], p->x87_top);
    named.dst = x87_register(u->dst, p->x87_top);
    return issue_uop(p, now, &named);
}

static const struct uop nop_uop = {.kind = UOP_ALU, .src = {REG_NONE, REG_NONE, REG_NONE}, .dst = REG_NONE};

static u64 phase_issue(struct inorder *p, u64 now)
{
    const struct insn_info *i = p->record.info;
    unsigned n = i->n_uops ? i->n_uops : 1;
    for (; p->uop < n; p->uop++) {
        const struct uop *u = i->n_uops ? &i->uop[p->uop] : &nop_uop;
        u64 until = UNLIKELY(i->x87) ? issue_x87(p, now, u) : issue_uop(p, now, u);
        if (until != GO_ON) return until;
    }
    p->x87_top = (u8)((p->x87_top + i->x87_pops) & 7);
    p->cursor = (struct microcode_cursor){.next_access = p->next_access};
    p->phase = p->next_access < p->record.n_accesses ? PHASE_REFERENCES : PHASE_BEGIN;
    return GO_ON;
}

/* --- the end of a microcoded instruction --- */

static u64 phase_finish(struct inorder *p, u64 now)
{
    const struct insn_record *r = &p->record;
    inorder_settle(p);
    p->stats.events += r->event;
    p->phase = PHASE_BEGIN;
    bool refill = !r->info || r->event || r->info->serializing || r->info->flow == FLOW_FAR;
    if (transition_is_played(&p->core->transition)) {
        refill = !p->core->ideal.exits;
        core_end_transition(p->core, r, refill ? now + p->cfg.redirect_cycles : now);
    }
    if (refill) {
        p->front_ready = now + p->cfg.redirect_cycles;
        p->front_cause = CAUSE_front_end;
    }
    return GO_ON;
}

/* clang-format off */
static u64 run_phase(struct inorder *p, u64 now)
{
    switch (p->phase) {
    case PHASE_BEGIN: return phase_begin(p, now);
    case PHASE_FETCH: return phase_fetch(p, now);
    case PHASE_DRAIN: return phase_drain(p, now);
    case PHASE_ISSUE: return phase_issue(p, now);
    case PHASE_MICROCODE: return inorder_phase_microcode(p, now);
    case PHASE_REFERENCES: return inorder_phase_references(p, now);
    case PHASE_FINISH: return phase_finish(p, now);
    }
    CHECK(false, "no phase has the number %d", (int)p->phase);
    return CLOCK_SLEEP;
}
/* clang-format on */

u64 inorder_tick(struct inorder *p, u64 cycle)
{
    struct clock *clock = p->core->clock;
    u64 until = cycle;
    p->asleep = false;
    do {
        cycle = until;
        clock_advance(clock, cycle);
        do {
            until = run_phase(p, cycle);
        } while (until == GO_ON);
    } while (until < clock->horizon);
    p->asleep = until == CLOCK_SLEEP;
    return until;
}

/* --- life --- */

bool inorder_is_empty(const struct inorder *p)
{
    return p->phase == PHASE_BEGIN && inorder_memory_is_idle(p) &&
           latest_result(p) <= clock_now(p->core->clock);
}

void inorder_begin(struct inorder *p, u64 cycle)
{
    account_charge(&p->core->account, p->core->hart->world, CAUSE_base, cycle);
    memset(p->ready, 0, sizeof p->ready);
    memset(p->ready_flight, FLIGHT_NONE, sizeof p->ready_flight);
    p->phase = PHASE_BEGIN;
    p->front_ready = cycle;
    p->slot_cycle = KERNEL_NEVER;
    p->wait_cause = CAUSE_front_end;
    p->wait_flight = FLIGHT_NONE;
    p->world = p->core->hart->world;
    p->core->hart->record = &p->record;
}

static void init_latencies(struct inorder *p)
{
    for (unsigned kind = 0; kind < UOP_KINDS; kind++)
        for (unsigned row = 0; row < ROW_COUNT; row++) {
            const struct operation *o =
                operation_find((enum operation_table)p->cfg.units, (enum uop_kind)kind, (enum uop_row)row);
            p->latency[kind][row] = (u8)(o ? operation_latency(o) : 0);
        }
}

void inorder_init(struct inorder *p, const struct inorder_cfg *cfg, const struct cost_cfg *cost,
                  struct bpred *bpred, struct core *core, struct mem_port l1i, struct mem_port l1d,
                  struct walker *walker, struct write_combining *wc)
{
    memset(p, 0, sizeof *p);
    p->cfg = *cfg;
    p->cost = *cost;
    p->core = core;
    p->l1i = l1i;
    p->l1d = l1d;
    p->walker = walker;
    p->wc = wc;
    microcode_add_vmx(&p->cost, &core->vmx->cfg);
    p->bpred = bpred;
    init_latencies(p);
}

#define STAT_OF struct inorder_stats
static const struct stat_row rows[] = {INORDER_STATS(STAT_ROW)};
#undef STAT_OF

void inorder_register_stats(struct inorder *p, struct stats *s, const char *prefix)
{
    char path[64];
    snprintf(path, sizeof path, "%s.inorder", prefix);
    stats_add_rows(s, path, rows, ARRAY_LEN(rows), &p->stats);
    load_latency_register(&p->stats.load_latency, s, path);
}

#define PARAM_OF struct inorder_cfg
const struct param inorder_params[] = {INORDER_PARAMS(PARAM_ROW)};
const size_t inorder_params_count = ARRAY_LEN(inorder_params);
#undef PARAM_OF
