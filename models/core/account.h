/* account.h - every cycle of a core belongs to exactly one leaf: world x cause (ARCHITECTURE.md, section 8).
 *
 * A core charges time in order: account_charge() gives all cycles from where it last stopped up to `until`
 * to one cause. So nothing is charged twice or forgotten, and the sum over leaves equals the cycles charged
 * so far.
 * Checked by: account_check at the end of every run; tests/unit/test_account.c
 */
#ifndef CORE_ACCOUNT_H
#define CORE_ACCOUNT_H

#include "isa/record.h"
#include "models/sim/stats.h"

enum cause {
#define CAUSE(name, meaning) CAUSE_##name,
#include "models/core/accounts.def"
#undef CAUSE
    CAUSE_COUNT
};

struct account {
    u64 until; /* first cycle that is not charged yet */
    u64 start; /* where the account was opened */
    u64 leaf[WORLD_COUNT][CAUSE_COUNT];
};

extern const char *const world_name[WORLD_COUNT]; /* "native" "root" "guest" */

void account_init(struct account *a, u64 cycle);

/* Charges the cycles [a->until, until) to one leaf; nothing if they are charged already. Returns how many. */
static inline u64 account_charge(struct account *a, enum world w, enum cause c, u64 until)
{
    if (until <= a->until) return 0;
    u64 n = until - a->until;
    a->leaf[w][c] += n;
    a->until = until;
    return n;
}

u64 account_sum(const struct account *a);

/* The identity: the leaves sum to the cycles since the start. Assertion: a simulator error stops. */
void account_check(const struct account *a);

/* Registers <prefix>.account.<world>.<cause>. */
void account_register_stats(const struct account *a, struct stats *s, const char *prefix);

#endif
