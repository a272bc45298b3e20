/* replacement_random.c - a 64-bit linear congruential generator (Knuth's multiplier) chooses the victim. */
#include "caches/replacement.h"

static void random_ignore(struct replacement *r, u32 set, u32 way)
{
    (void)r;
    (void)set;
    (void)way;
}

static u32 random_victim(struct replacement *r, u32 set)
{
    (void)set;
    r->time = r->time * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)((r->time >> 33) % r->ways); /* the high bits have the long period */
}

const struct replacement_policy replacement_random = {"random", random_ignore, random_ignore, random_victim};
