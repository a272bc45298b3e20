#include "models/core/core.h"
#include "models/core/inorder.h"
#include "models/core/ooo/ooo.h"
#include "models/core/sample.h"
#include "models/sim/check.h"
#include <stdio.h>

/* A timed core charges what has passed to what it waits for. */
static void settle(struct core *c)
{
    if (c->kind == CORE_INORDER) inorder_settle(c->inorder);
    if (c->kind == CORE_OOO) ooo_settle(c->ooo);
}

static void switch_now(struct core *c, u64 cycle)
{
    static const char *const kind_name[CORE_KINDS] = {"fast", "inorder", "ooo"};
    settle(c);
    c->kind = c->wanted;
    if (trace_on(c->trace, TRACE_core))
        trace_line(c->trace, TRACE_core, cycle, "core", "cpu%u is %s from here on", c->id,
                   kind_name[c->kind]);
    mmu_set_timed(c->mmu, c->hart, c->kind != CORE_FAST);
    clock_allow_ahead(c->clock, c->tick, c->kind == CORE_FAST);
    c->hart->record = NULL;
    transition_account_forget(&c->transition, c->vmx->stats.exits_total);
    if (c->kind == CORE_INORDER) inorder_begin(c->inorder, cycle);
    if (c->kind == CORE_OOO) ooo_begin(c->ooo, cycle);
    if (c->watch) c->watch->timed(c->watch->self, c->kind != CORE_FAST, cycle);
}

static bool pipe_is_empty(struct core *c)
{
    if (c->kind == CORE_FAST) return true;
    return c->kind == CORE_INORDER ? inorder_is_empty(c->inorder) : ooo_is_empty(c->ooo);
}

/* A switch by instruction count: wanted as soon as the count is reached. Here, between two ticks, there is
 * nothing to interrupt. */
static void check_switch_point(struct core *c)
{
    if (c->leader) c->wanted = c->leader->wanted;
    if (c->hart->instructions < c->switch_at_instruction) return;
    c->switch_at_instruction = UINT64_MAX;
    c->wanted = c->switch_to;
}

/* A sampled run may go through several phases of no instructions. */
static void change_model(struct core *c, u64 cycle)
{
    do {
        if (c->kind == CORE_FAST && c->hart->instructions >= c->fast_edge) sample_pass_edge(c->sample);
        check_switch_point(c);
        if (c->wanted != c->kind && pipe_is_empty(c)) switch_now(c, cycle);
    } while (c->kind == CORE_FAST && c->hart->instructions >= c->fast_edge);
}

void core_pass_timed_edge(struct core *c)
{
    sample_pass_edge(c->sample);
}

static u64 core_tick(void *self, u64 cycle)
{
    struct core *c = self;
    u64 latest = max_u64(cycle, clock_now(c->clock)); /* others may be ahead of a fast core, never of a timed one */
    change_model(c, latest);
    if (c->hart->instructions >= c->max_instructions && pipe_is_empty(c)) {
        kernel_stop();
        return cycle + 1;
    }
    c->world = c->hart->world;
    if (c->kind == CORE_FAST) return fast_tick(c, cycle);
    bool inorder = c->kind == CORE_INORDER;
    u64 next = inorder ? inorder_tick(c->inorder, latest) : ooo_tick(c->ooo, latest);
    /* as the account sees it: a transition belongs to the world that it leaves */
    c->world = inorder ? c->inorder->world : c->ooo->world;
    return next;
}

void core_init(struct core *c, unsigned id, enum core_kind kind, const struct core_wiring *w)
{
    *c = (struct core){.id = id,
                       .hart = w->hart,
                       .mmu = w->mmu,
                       .vmx = w->vmx,
                       .clock = w->clock,
                       .inorder = w->inorder,
                       .ooo = w->ooo,
                       .kind = CORE_FAST,
                       .wanted = kind,
                       .pace = CORE_PACE_UNIT,
                       .fast_edge = UINT64_MAX,
                       .timed_edge = UINT64_MAX,
                       .max_instructions = UINT64_MAX,
                       .switch_at_instruction = UINT64_MAX};
    if (w->ideal) c->ideal = *w->ideal;
    account_init(&c->account, 0);
    transition_account_init(&c->transition);
    mmu_set_timed(c->mmu, c->hart, false);
    c->tick = clock_add_tick(c->clock, core_tick, c);
    clock_allow_ahead(c->clock, c->tick, true);
}

void core_fini(struct core *c)
{
    transition_account_fini(&c->transition);
}

void core_switch(struct core *c, enum core_kind kind)
{
    c->wanted = kind;
    core_sync_clock(c);
    clock_yield(c->clock);
}

void core_wake(struct core *c)
{
    clock_wake(c->clock, c->tick, clock_now(c->clock));
}

bool core_obeys(struct core *c, struct insn_record *r)
{
    const u8 commands = r->commands;
    r->commands = 0;
    if (UNLIKELY(commands)) c->obeys = c->commands.begin(c->commands.self, commands);
    return c->obeys;
}

void core_commands_done(struct core *c)
{
    c->obeys = false;
    core_wake(c);
}

void core_sync_clock(struct core *c)
{
    if (c->kind == CORE_FAST)
        clock_advance(c->clock, max_u64(clock_now(c->clock), c->run_start + core_pace_cycles(c, c->hart->run_steps)));
}

void core_set_pace(struct core *c, u64 cycles, u64 steps)
{
    c->pace = min_u64(max_u64(cycles * CORE_PACE_UNIT / max_u64(steps, 1), 1), CORE_PACE_UNIT << 20);
    c->pace_rest = 0;
}

void core_sync(struct core *c)
{
    enum cause cause = c->hart->activity == ACTIVITY_ACTIVE ? CAUSE_base : CAUSE_idle;
    core_sync_clock(c);
    settle(c);
    if (c->kind == CORE_FAST) account_charge(&c->account, c->hart->world, cause, clock_now(c->clock));
    c->cycles = c->account.until - c->account.start;
}

void core_check_identities(struct core *c)
{
    account_check(&c->account);
    transition_account_check(&c->transition, &c->vmx->stats, c->kind != CORE_FAST, c->account.until);
    inorder_check_identities(c->inorder);
    ooo_check_identities(c->ooo);
    CHECK(c->cycles == account_sum(&c->account), "cpu%u.cycles is not the sum of its account", c->id);
    u64 out = 0, in = c->transition.first_entry_cycles;
    for (unsigned r = 0; r < EXIT_REASONS; r++) {
        out += c->vmx->stats.cycles[r][VMX_CYCLES_OUT];
        in += c->vmx->stats.cycles[r][VMX_CYCLES_IN];
    }
    u64 account_out = 0, account_in = 0;
    for (unsigned w = 0; w < WORLD_COUNT; w++) {
        account_out += c->account.leaf[w][CAUSE_vm_exit];
        account_in += c->account.leaf[w][CAUSE_vm_entry];
    }
    CHECK(out == account_out && in == account_in,
          "cpu%u: exits by reason do not sum to the account's VM transitions", c->id);
}

void core_register_stats(struct core *c, struct stats *s)
{
    char prefix[16], path[48];
    snprintf(prefix, sizeof prefix, "cpu%u", c->id);
    snprintf(path, sizeof path, "%s.cycles", prefix);
    stats_add(s, path, "core cycles", &c->cycles);
    snprintf(path, sizeof path, "%s.instructions", prefix);
    stats_add(s, path, "instructions retired; a REP string counts as one", &c->hart->instructions);
    snprintf(path, sizeof path, "%s.unmodelled", prefix);
    stats_add(s, path, "instructions answered with #UD because they are not modelled", &c->hart->unmodelled);
    snprintf(path, sizeof path, "%s.vmx.first_entry_cycles", prefix);
    stats_add(s, path, "cycles of VM entries before the first exit: no exit's cycles_in",
              &c->transition.first_entry_cycles);
    account_register_stats(&c->account, s, prefix);
    transition_account_register_stats(&c->transition, s, prefix);
}
