#include "models/core/account.h"
#include "models/sim/check.h"
#include <stdio.h>

const char *const world_name[WORLD_COUNT] = {"native", "root", "guest"};

static const struct {
    const char *name, *meaning;
} causes[CAUSE_COUNT] = {
#define CAUSE(name, meaning) {#name, meaning},
#include "models/core/accounts.def"
#undef CAUSE
};

void account_init(struct account *a, u64 cycle)
{
    *a = (struct account){.until = cycle, .start = cycle};
}

u64 account_sum(const struct account *a)
{
    u64 sum = 0;
    for (unsigned w = 0; w < WORLD_COUNT; w++)
        for (unsigned c = 0; c < CAUSE_COUNT; c++) sum += a->leaf[w][c];
    return sum;
}

void account_check(const struct account *a)
{
    CHECK(account_sum(a) == a->until - a->start,
          "cycle accounts: leaves sum to %llu, the core ran %llu cycles", (unsigned long long)account_sum(a),
          (unsigned long long)(a->until - a->start));
}

void account_register_stats(const struct account *a, struct stats *s, const char *prefix)
{
    char path[96];
    for (unsigned w = 0; w < WORLD_COUNT; w++)
        for (unsigned c = 0; c < CAUSE_COUNT; c++) {
            snprintf(path, sizeof path, "%s.account.%s.%s", prefix, world_name[w], causes[c].name);
            stats_add(s, path, causes[c].meaning, &a->leaf[w][c]);
        }
}
