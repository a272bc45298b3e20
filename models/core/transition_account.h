/* transition_account.h - the cycles of VM transitions, and of the hypervisor between them, by exit reason.
 *
 * While a transition is played, every cycle that its core charges is the transition's: of the account's leaf
 * vm_exit or vm_entry, and of the exit reason's cycles_out or cycles_in. What runs between an exit and the
 * entry behind it is the reason's cycles_root.
 * Neighbours: timing cores begin and end transitions and charge through core_charge (core.h).
 * Checked by: core_check_identities; tests/unit/test_inorder_microcode.c
 */
#ifndef CORE_TRANSITION_ACCOUNT_H
#define CORE_TRANSITION_ACCOUNT_H

#include "models/core/account.h"

struct transition_account {
    /* state */
    u8 cause; /* CAUSE_vm_exit or CAUSE_vm_entry while one is played, else CAUSE_COUNT */
    u16 reason;
    u16 root_reason;
    u64 root_since; /* the hypervisor runs since the end of the last exit; UINT64_MAX: no exit yet */
    /* statistics */
    u64 first_entry_cycles; /* of VM entries before the first exit: no exit's cycles_in */
};

struct core;

void transition_account_init(struct transition_account *t);
/* Another core model begins: what the hypervisor has run since the last exit is no exit's. */
void transition_account_forget(struct transition_account *t);
static inline bool transition_is_played(const struct transition_account *t)
{
    return t->cause != CAUSE_COUNT;
}

/* The record's transition begins where the account stands, and ends at cycle `end` (charged up to it). */
void core_begin_transition(struct core *c, const struct insn_record *r);
void core_end_transition(struct core *c, const struct insn_record *r, u64 end);

/* Charges the cycles since the account's end up to `cycle`: to the leaf, or to the transition under way. */
void core_charge(struct core *c, enum world world, enum cause cause, u64 cycle);

/* The core has waited for this walk, which ends at `end`: its references' cycles go to their dimensions, what
 * stood in front of them to the guest's. */
void core_charge_walk(struct core *c, enum world world, const struct walk_ledger *played, u64 end);

#endif
