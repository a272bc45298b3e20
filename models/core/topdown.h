/* topdown.h - top-down accounting: every rename slot of a core belongs to one category.
 *
 * Models:       the first level of A. Yasin, "A Top-Down Method for Performance Analysis and Counters
 *               Architecture" (ISPASS 2014), with the back end split in two, and microcode and idle cycles apart.
 *               A slot that renames nothing is the back end's if it refuses what the front end offers, else the
 *               front end's reason's.
 *               Wrong paths are not fetched. While a mispredicted branch waits for its operands, their slots are
 *               those that would fill the window: bad speculation; then the back end's, which they would find full.
 *               Behind the branch's issue all slots up to the right path are bad speculation.
 * Not modelled: resources other than the window's that a wrong path takes.
 * Checked by:   topdown_check at the end of every run; tests/unit/test_topdown.c
 */
#ifndef CORE_TOPDOWN_H
#define CORE_TOPDOWN_H

#include "models/sim/check.h"
#include "models/sim/stats.h"

/* clang-format off */
#define TOPDOWN_CATEGORIES(S)                                                                        \
    S(retiring,        "slots of micro-operations that retire (all do)")                             \
    S(bad_speculation, "slots of wrong paths, and lost to redirects of mispredicted branches")       \
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
    u8 beyond;    /* of what bad speculation has no room for */
    u64 room;     /* slots of the window that are not the right path's; UINT64_MAX: no branch waits */
    u64 wrong;    /* of these, the wrong path's so far */
    /* statistics */
    u64 cycles;
    u64 slots[TOPDOWN_COUNT];
};

/* A mispredicted branch waits; `room`: slots of the window that the right path has left. */
static inline void topdown_wrong_path(struct topdown *t, u64 room, enum topdown_category beyond)
{
    t->room = room;
    t->beyond = (u8)beyond;
}

static inline void topdown_right_path(struct topdown *t)
{
    t->room = UINT64_MAX;
    t->wrong = 0;
}

/* Slots that nothing was renamed in. */
static inline void topdown_empty_slots(struct topdown *t, u64 slots)
{
    u64 own = slots;
    if (t->category == TOPDOWN_bad_speculation && t->room != UINT64_MAX) {
        own = min_u64(slots, t->room - min_u64(t->room, t->wrong));
        t->wrong += own;
        t->slots[t->beyond] += slots - own;
    }
    t->slots[t->category] += own;
}

/* The cycles before `cycle` are the category's that was told last. */
static inline void topdown_advance(struct topdown *t, u64 cycle)
{
    if (cycle <= t->until) return;
    topdown_empty_slots(t, (cycle - t->until) * t->width);
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
    topdown_empty_slots(t, t->width - used);
    t->cycles++;
    t->until = cycle + 1;
}

/* Asserts: slots = width x cycles. */
void topdown_check(const struct topdown *t);
/* Registers <prefix>.topdown.<category>. */
void topdown_register_stats(const struct topdown *t, struct stats *s, const char *prefix);

#endif
