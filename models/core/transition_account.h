/* transition_account.h - the cycles of VM transitions, and of the hypervisor between them, by exit reason.
 *
 * While a transition is played, every cycle that its core charges is the transition's: of the account's leaf
 * vm_exit or vm_entry, and of the exit reason's cycles_out or cycles_in. What runs between an exit and the
 * entry behind it is the reason's cycles_root. Histograms tell the same exit by exit, and the whole of it: from the
 * exit's beginning to the end of the entry behind it, or to what leaves the hypervisor and is no entry (one that
 * fails, or whose injected event exits).
 * Neighbours: timing cores begin and end transitions and charge through core_charge (core.h).
 * Checked by: core_check_identities; tests/unit/test_inorder_microcode.c, tests/system/histograms.sh
 */
#ifndef CORE_TRANSITION_ACCOUNT_H
#define CORE_TRANSITION_ACCOUNT_H

#include "models/core/account.h"
#include "models/sim/stats_hist.h"
#include "virt-ext/vmx.h"

/* Of one exit reason. */
struct exit_latency {
    struct histogram part[VMX_EXIT_PARTS], whole;
};

struct transition_account {
    /* state */
    u8 cause; /* CAUSE_vm_exit or CAUSE_vm_entry while one is played, else CAUSE_COUNT */
    u16 reason;
    u16 root_reason;
    u64 root_since; /* the hypervisor runs since the end of the last exit; UINT64_MAX: no exit yet */
    u64 begin;      /* of the transition that is played */
    u64 exit_begin; /* of the exit that no entry has answered yet; UINT64_MAX: none */
    /* statistics */
    u64 first_entry_cycles; /* of VM entries before the first exit: no exit's cycles_in */
    u64 exits_played, exits_untimed; /* failed entries included; untimed: by the functional core, or not to their end */
    struct exit_latency *latency;    /* EXIT_REASONS of them */
};

struct core;

void transition_account_init(struct transition_account *t);
void transition_account_fini(struct transition_account *t);
void transition_account_register_stats(struct transition_account *t, struct stats *s, const char *prefix);
/* Another core model begins: what the hypervisor has run since the last exit is no exit's. `exits`: there were so
 * many so far. */
void transition_account_forget(struct transition_account *t, u64 exits);
static inline bool transition_is_played(const struct transition_account *t)
{
    return t->cause != CAUSE_COUNT;
}

/* The record's transition begins where the account stands, and ends at cycle `end` (charged up to it). */
void core_begin_transition(struct core *c, const struct insn_record *r);
void core_end_transition(struct core *c, const struct insn_record *r, u64 end);

/* Charges the cycles since the account's end up to `cycle`: to the leaf, or to the transition under way. */
void core_charge(struct core *c, enum world world, enum cause cause, u64 cycle);

/* Asserts: exits and their cycles by part are those of the histograms; what is under way apart. `timed`: by a core
 * that plays them; `until`: where the account stands. */
void transition_account_check(const struct transition_account *t, const struct vmx_stats *s, bool timed, u64 until);

/* The core has waited for this walk, which ends at `end`: its references' cycles go to their dimensions, what
 * stood in front of them to the guest's. */
void core_charge_walk(struct core *c, enum world world, const struct walk_ledger *played, u64 end);

#endif
