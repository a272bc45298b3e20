#include "models/core/transition_account.h"
#include "models/core/core.h"
#include "models/sim/check.h"
#include <stdio.h>
#include <stdlib.h>

#define NO_ROOT UINT64_MAX
#define NO_EXIT UINT64_MAX

void transition_account_init(struct transition_account *t)
{
    *t = (struct transition_account){.cause = CAUSE_COUNT, .root_since = NO_ROOT, .exit_begin = NO_EXIT};
    t->latency = calloc(EXIT_REASONS, sizeof *t->latency);
    CHECK(t->latency, "no host memory for the histograms of VM exits");
}

void transition_account_fini(struct transition_account *t)
{
    free(t->latency);
}

void transition_account_forget(struct transition_account *t, u64 exits)
{
    t->exits_played -= t->exit_begin != NO_EXIT;
    t->root_since = NO_ROOT;
    t->exit_begin = NO_EXIT;
    t->exits_untimed = exits - t->exits_played;
}

static bool is_first_entry(const struct core *c) { return c->vmx->stats.exits_total == 0; }

/* Cycles of the transition under way go to its exit: its own, or for an entry the one before it. */
static void charge_transition(struct core *c, u64 cycles)
{
    struct transition_account *t = &c->transition;
    bool out = t->cause == CAUSE_vm_exit;
    if (!out && is_first_entry(c))
        t->first_entry_cycles += cycles;
    else
        vmx_account_exit(c->vmx, (enum exit_reason)t->reason, out ? VMX_CYCLES_OUT : VMX_CYCLES_IN, cycles);
}

void core_charge(struct core *c, enum world world, enum cause cause, u64 cycle)
{
    if (LIKELY(!transition_is_played(&c->transition)))
        account_charge(&c->account, world, cause, cycle);
    else
        charge_transition(c, account_charge(&c->account, world, (enum cause)c->transition.cause, cycle));
}

void core_charge_walk(struct core *c, enum world world, const struct walk_ledger *played, u64 end)
{
    u64 cycle = end;
    for (unsigned i = 0; i < played->n_refs; i++) cycle -= played->ref[i].cycles;
    core_charge(c, world, CAUSE_guest_walk, cycle);
    for (unsigned i = 0; i < played->n_refs; i++) {
        cycle += played->ref[i].cycles;
        core_charge(c, world, played->ref[i].dim == DIM_GUEST ? CAUSE_guest_walk : CAUSE_host_walk, cycle);
    }
}

static void end_exit(struct transition_account *a, u64 cycle)
{
    if (a->exit_begin == NO_EXIT) return;
    histogram_add(&a->latency[a->root_reason].whole, cycle - a->exit_begin);
    a->exit_begin = NO_EXIT;
}

static void leave_root(struct core *c, u64 cycle)
{
    struct transition_account *a = &c->transition;
    if (a->root_since == NO_ROOT) return;
    vmx_account_exit(c->vmx, (enum exit_reason)a->root_reason, VMX_CYCLES_ROOT, cycle - a->root_since);
    histogram_add(&a->latency[a->root_reason].part[VMX_CYCLES_ROOT], cycle - a->root_since);
    a->root_since = NO_ROOT;
}

void core_begin_transition(struct core *c, const struct insn_record *r)
{
    struct transition_account *a = &c->transition;
    const struct vm_transition *t = &r->transition;
    u64 begin = c->account.until;
    bool leaves_root = t->kind != TRANSITION_EXIT || t->injects; /* an injection that exits is one record */
    if (leaves_root) leave_root(c, begin);
    if (t->kind != TRANSITION_ENTRY) {
        end_exit(a, begin);
        a->exits_played++;
    }
    a->begin = begin;
    a->reason = t->reason;
    a->cause = t->kind == TRANSITION_EXIT ? CAUSE_vm_exit : CAUSE_vm_entry;
    if (c->watch) c->watch->transition_begins(c->watch->self, t, begin);
}

void core_end_transition(struct core *c, const struct insn_record *r, u64 end)
{
    struct transition_account *a = &c->transition;
    bool out = a->cause == CAUSE_vm_exit;
    core_charge(c, (enum world)r->world, (enum cause)a->cause, end);
    if (out || !is_first_entry(c))
        histogram_add(&a->latency[a->reason].part[out ? VMX_CYCLES_OUT : VMX_CYCLES_IN], end - a->begin);
    if (out || r->transition.kind == TRANSITION_ENTRY_FAILED) {
        a->root_since = end;
        a->root_reason = a->reason;
        a->exit_begin = a->begin;
    } else {
        end_exit(a, end);
    }
    a->cause = CAUSE_COUNT;
    if (c->watch) c->watch->transition_ends(c->watch->self, &r->transition, end);
}

/* --- statistics --- */

static const struct {
    const char *name, *meaning;
} parts[VMX_EXIT_PARTS] = {
    [VMX_CYCLES_OUT] = {"out", "VM exits for this reason: the transition out of the guest"},
    [VMX_CYCLES_ROOT] = {"root", "VM exits for this reason: the hypervisor, between the transitions"},
    [VMX_CYCLES_IN] = {"in", "VM exits for this reason: the transition back into the guest"},
};

void transition_account_register_stats(struct transition_account *t, struct stats *s, const char *prefix)
{
    char path[160];
    for (unsigned r = 0; r < EXIT_REASONS; r++) {
        if (!vmx_exit_name(r)) continue;
        for (unsigned p = 0; p < VMX_EXIT_PARTS; p++) {
            snprintf(path, sizeof path, "%s.vmx.exits.%s.latency_%s_cycles", prefix, vmx_exit_name(r), parts[p].name);
            stats_add_histogram(s, path, parts[p].meaning, &t->latency[r].part[p], 1);
        }
        snprintf(path, sizeof path, "%s.vmx.exits.%s.latency_cycles", prefix, vmx_exit_name(r));
        stats_add_histogram(s, path, "VM exits for this reason: from the exit to the end of the next entry",
                            &t->latency[r].whole, 1);
    }
}

/* What the transition that is played has taken so far, if it counts to this reason and part. */
static u64 cycles_under_way(const struct transition_account *t, unsigned reason, enum vmx_exit_part part, u64 until)
{
    enum vmx_exit_part played = t->cause == CAUSE_vm_exit ? VMX_CYCLES_OUT : VMX_CYCLES_IN;
    return transition_is_played(t) && t->reason == reason && played == part ? until - t->begin : 0;
}

void transition_account_check(const struct transition_account *t, const struct vmx_stats *s, bool timed, u64 until)
{
    u64 whole = 0;
    for (unsigned r = 0; r < EXIT_REASONS; r++) {
        for (unsigned p = 0; p < VMX_EXIT_PARTS; p++)
            CHECK(t->latency[r].part[p].sum + cycles_under_way(t, r, (enum vmx_exit_part)p, until) == s->cycles[r][p],
                  "cycles of exits by %s and their histogram (%s) disagree", vmx_exit_name(r), parts[p].name);
        whole += histogram_total(&t->latency[r].whole);
    }
    CHECK(t->exits_played - whole <= 1,
          "exits that took time and their histogram disagree"); /* the last may wait for its entry */
    if (!timed) return;
    /* ...or its record to be played */
    CHECK(s->exits_total - t->exits_untimed - t->exits_played <= 1, "exits and those that took time disagree");
}
