/* replacement_lru.c - least recently used, exactly: every use stamps its line with a running number. */
#include "caches/replacement.h"

static void lru_use(struct replacement *r, u32 set, u32 way)
{
    r->word[(size_t)set * r->ways + way] = ++r->time;
}

static u32 lru_victim(struct replacement *r, u32 set)
{
    const u64 *stamp = &r->word[(size_t)set * r->ways];
    u32 oldest = 0;

    for (u32 way = 1; way < r->ways; way++)
        if (stamp[way] < stamp[oldest]) oldest = way;
    return oldest;
}

const struct replacement_policy replacement_lru = {"lru", lru_use, lru_use, lru_victim};
