/* fast.c - the functional core: one instruction (or part of a REP string, or event delivery) per cycle.
 *
 * Models:       order and effect of instructions; time as one step per cycle, so timers and interrupts work.
 * Not modelled: everything that makes an instruction cost more or less than a cycle.
 * Checked by:   tests/unit/test_core.c
 */
#include "models/core/core_trace.h"

static u64 sleep_until_woken(struct core *c, u64 cycle)
{
    if (c->hart->activity == ACTIVITY_SHUTDOWN && !hart_in_guest(c->hart)) kernel_stop();
    return isa_would_wake(c->hart) ? cycle + 1 : CLOCK_SLEEP;
}

u64 fast_tick(struct core *c, u64 cycle)
{
    struct hart *h = c->hart;
    account_charge(&c->account, h->world, CAUSE_idle, cycle);
    while (cycle < c->clock->horizon) {
        enum world world = h->world;
        u64 budget = min_u64(c->clock->horizon - cycle, c->switch_at_instruction - h->instructions);
        budget = min_u64(budget, c->max_instructions - h->instructions);
        if (budget == 0) return cycle; /* behind a step: core.c has looked before the first */
        if (core_traces_instructions(c)) {
            core_trace_next(c);
            budget = 1;
        }
        c->run_start = cycle;
        h->run_steps = 0;
        u64 steps = isa_run(h, budget);
        if (trace_on(c->trace, TRACE_state)) core_trace_state(c);
        cycle += steps;
        h->run_steps = 0;
        c->run_start = cycle;
        clock_advance(c->clock, cycle - (steps != 0));
        account_charge(&c->account, world, CAUSE_base, cycle);
        if (steps == 0) return sleep_until_woken(c, cycle);
        if (c->wanted != c->kind) return cycle;
    }
    return cycle;
}
