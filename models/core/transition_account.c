#include "models/core/transition_account.h"
#include "models/core/core.h"

#define NO_ROOT UINT64_MAX

void transition_account_init(struct transition_account *t)
{
    *t = (struct transition_account){.cause = CAUSE_COUNT, .root_since = NO_ROOT};
}

void transition_account_forget(struct transition_account *t)
{
    t->root_since = NO_ROOT;
}

/* Cycles of the transition under way go to its exit: its own, or for an entry the one before it. */
static void charge_transition(struct core *c, u64 cycles)
{
    struct transition_account *t = &c->transition;
    bool out = t->cause == CAUSE_vm_exit;
    if (!out && c->vmx->stats.exits_total == 0)
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

void core_begin_transition(struct core *c, const struct insn_record *r)
{
    struct transition_account *a = &c->transition;
    const struct vm_transition *t = &r->transition;
    u64 begin = c->account.until;
    bool leaves_root = t->kind != TRANSITION_EXIT || t->injects; /* an injection that exits is one record */
    a->reason = t->reason;
    if (leaves_root && a->root_since != NO_ROOT) {
        vmx_account_exit(c->vmx, (enum exit_reason)a->root_reason, VMX_CYCLES_ROOT, begin - a->root_since);
        a->root_since = NO_ROOT;
    }
    a->cause = t->kind == TRANSITION_EXIT ? CAUSE_vm_exit : CAUSE_vm_entry;
    if (c->watch) c->watch->transition_begins(c->watch->self, t, begin);
}

void core_end_transition(struct core *c, const struct insn_record *r, u64 end)
{
    struct transition_account *a = &c->transition;
    core_charge(c, (enum world)r->world, (enum cause)a->cause, end);
    if (a->cause == CAUSE_vm_exit || r->transition.kind == TRANSITION_ENTRY_FAILED) {
        a->root_since = end;
        a->root_reason = a->reason;
    }
    a->cause = CAUSE_COUNT;
    if (c->watch) c->watch->transition_ends(c->watch->self, &r->transition, end);
}
