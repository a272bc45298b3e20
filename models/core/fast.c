/* fast.c - the functional core: one instruction (or part of a REP string, or event delivery) per cycle.
 *
 * Models:       order and effect of instructions; time as one step per cycle, so timers and interrupts work. Several
 *               processors take turns of a quantum (clock_set_quantum), which PAUSE ends.
 * Not modelled: everything that makes an instruction cost more or less than a cycle.
 * Checked by:   tests/unit/test_core.c
 */
#include "models/core/core_trace.h"

static u64 sleep_until_woken(struct core *c, u64 cycle)
{
    if (c->hart->activity == ACTIVITY_SHUTDOWN && !hart_in_guest(c->hart)) kernel_stop();
    return isa_would_wake(c->hart) ? cycle + 1 : CLOCK_SLEEP;
}

/* Steps that begin before `cycles` have passed; at least one. */
static u64 steps_in(const struct core *c, u64 cycles)
{
    if (LIKELY(c->pace == CORE_PACE_UNIT)) return cycles;
    return (cycles * CORE_PACE_UNIT - c->pace_rest + c->pace - 1) / c->pace;
}

/* The run of so many steps is over: the cycle behind it. Several steps may share one, which the clock has passed then. */
static u64 finish_run(struct core *c, u64 cycle, u64 steps)
{
    u64 units = steps * c->pace + c->pace_rest;
    u64 last = cycle + (steps ? core_pace_cycles(c, steps - 1) : 0);
    clock_advance(c->clock, max_u64(clock_now(c->clock), last));
    c->pace_rest = units % CORE_PACE_UNIT;
    c->hart->run_steps = 0;
    return c->run_start = cycle + units / CORE_PACE_UNIT;
}

/* Up to the next instruction count at which somebody wants to be asked; a marker may have set one that has passed. */
static u64 instructions_left(const struct core *c)
{
    u64 edge = min_u64(c->fast_edge, min_u64(c->switch_at_instruction, c->max_instructions));
    return edge > c->hart->instructions ? edge - c->hart->instructions : 0;
}

/* What the tick returns is behind the last cycle that it ran, however many steps share one; others may be ahead of it. */
static u64 come_back(struct core *c, enum world world, u64 from, u64 cycle)
{
    cycle = max_u64(cycle, (clock_runs_ahead(c->clock) ? from : clock_now(c->clock)) + 1);
    account_charge(&c->account, world, CAUSE_base, cycle);
    return cycle;
}

u64 fast_tick(struct core *c, u64 cycle)
{
    struct hart *h = c->hart;
    enum world world = h->world;
    u64 from = cycle = max_u64(cycle, c->account.until);
    account_charge(&c->account, world, CAUSE_idle, cycle);
    while (cycle < c->clock->horizon) {
        world = h->world;
        u64 budget = min_u64(steps_in(c, c->clock->horizon - cycle), instructions_left(c));
        if (budget == 0) break; /* behind a step: core.c has looked before the first */
        if (core_traces_instructions(c)) {
            core_trace_next(c);
            budget = 1;
        }
        c->run_start = cycle;
        h->run_steps = 0;
        u64 steps = isa_run(h, budget);
        if (trace_on(c->trace, TRACE_state)) core_trace_state(c);
        cycle = finish_run(c, cycle, steps);
        if (h->fetch.paused && clock_runs_ahead(c->clock)) cycle = max_u64(cycle, c->clock->horizon);
        account_charge(&c->account, world, CAUSE_base, cycle);
        if (steps == 0) return sleep_until_woken(c, cycle);
        if (c->wanted != c->kind) break;
    }
    return come_back(c, world, from, cycle);
}
