/* topdown.h - top-down accounting: every rename slot of a core belongs to one category.
 *
 * Models:       the first level of A. Yasin, "A Top-Down Method for Performance Analysis and Counters
 *               Architecture" (ISPASS 2014), with the back end split in two, and microcode and idle cycles apart.
 *               A slot that renames nothing is the back end's if it refuses what the front end offers, else the
 *               front end's reason's.
 * Not modelled: slots of wrong paths (none is fetched): bad speculation is the time that a redirect takes.
 * Checked by:   topdown_check at the end of every run
 */
#ifndef CORE_TOPDOWN_H
#define CORE_TOPDOWN_H

#include "models/sim/check.h"
#include "models/sim/stats.h"

/* clang-format off */
#define TOPDOWN_CATEGORIES(S)                                                                        \
    S(retiring,        "slots of micro-operations that retire (all do)")                             \
    S(bad_speculation, "slots lost to redirects of mispredicted branches")                           \
    S(front_end,       "slots that fetch and decode left empty")                                     \
    S(memory,          "slots refused while a load or store is the oldest, or stores fill their buffer") \
    S(core,            "slots refused while anything else is the oldest") \
    S(microcode,       "slots of microcode sequences: drains, event deliveries, VM transitions")     \
    S(idle,            "slots while halted")
/* clang-format on */
enum topdown_category {
#define CATEGORY(name, meaning) TOPDOWN_##name,
    TOPDOWN_CATEGORIES(CATEGORY)
#undef CATEGORY
    TOPDOWN_COUNT
};

struct topdown {
    /* fixed */
    u32 width;
    /* state */
    u64 until;    /* first cycle that is not counted yet */
    u8 category;  /* of the cycles from there on, until something happens */
    /* statistics */
    u64 cycles;
    u64 slots[TOPDOWN_COUNT];
};

/* The cycles before `cycle` are the category's that was told last. */
static inline void topdown_advance(struct topdown *t, u64 cycle)
{
    if (cycle <= t->until) return;
    t->slots[t->category] += (cycle - t->until) * t->width;
    t->cycles += cycle - t->until;
    t->until = cycle;
}

/* In `cycle` so many slots were used; the others, and all of the cycles behind, are the category's. */
static inline void topdown_cycle(struct topdown *t, u64 cycle, u32 used, enum topdown_category category)
{
    topdown_advance(t, cycle);
    t->category = (u8)category;
    if (used == 0 || t->until > cycle) return;
    t->slots[TOPDOWN_retiring] += used;
    t->slots[category] += t->width - used;
    t->cycles++;
    t->until = cycle + 1;
}

/* Asserts: slots = width x cycles. */
void topdown_check(const struct topdown *t);
/* Registers <prefix>.topdown.<category>. */
void topdown_register_stats(const struct topdown *t, struct stats *s, const char *prefix);

#endif
