/* replacement.h - which line of a full set goes: the policies a cache may choose from.
 *
 * Models:       one word of policy state per line; what a policy does at a hit, at a fill, and when a victim
 *               is needed.
 * Not modelled: set duelling, policies that look at the address or the program counter.
 * A new policy is one file (replacement_<name>.c) that defines replacement_<name>, and one row below.
 * Neighbours:   cache.c fills invalid ways first and asks for a victim only of a full set.
 * Checked by:   tests/unit/test_replacement.c, tests/unit/test_cache.c (order of eviction)
 */
#ifndef CACHES_REPLACEMENT_H
#define CACHES_REPLACEMENT_H

#include "models/sim/types.h"

/* clang-format off */
#define REPLACEMENT_POLICIES(P)                                                      \
    P(lru,    "the line whose last use is the longest ago")                          \
    P(random, "any line, by a generator with a fixed seed: runs repeat exactly")     \
    P(plru,   "tree pseudo-LRU: a bit per node of a binary tree over the ways")      \
    P(srrip,  "re-reference interval prediction, 2 bits: new lines are expected late")
/* clang-format on */

struct replacement;

struct replacement_policy {
    const char *name;
    void (*hit)(struct replacement *r, u32 set, u32 way);
    void (*fill)(struct replacement *r, u32 set, u32 way);
    u32 (*victim)(struct replacement *r, u32 set);
};

struct replacement {
    /* fixed at elaboration */
    const struct replacement_policy *policy;
    u32 ways;
    /* state */
    u64 time;  /* the policy's own clock or generator */
    u64 *word; /* one per line, the policy's own */
};

#define REPLACEMENT_DECLARE(name, meaning) extern const struct replacement_policy replacement_##name;
REPLACEMENT_POLICIES(REPLACEMENT_DECLARE)

/* The allowed values of a parameter `policy` (type choice). */
#define REPLACEMENT_NAME(name, meaning) #name,
#define REPLACEMENT_CHOICES                                                                                  \
    {0, 0, false, (const char *const[]){REPLACEMENT_POLICIES(REPLACEMENT_NAME) NULL}}

/* `choice` is the row's index. Allocates the state of sets * ways lines. */
void replacement_init(struct replacement *r, u32 choice, u32 sets, u32 ways);
void replacement_fini(struct replacement *r);

#endif
