/* replacement_srrip.c - static re-reference interval prediction with 2 bits and hit priority (Jaleel et al., "High Performance Cache
 * Replacement Using Re-Reference Interval Prediction", ISCA 2010): a new line is expected back late, a used one soon, so a scan
 * does not wash out what is reused. */
#include "caches/replacement.h"

enum { SOON = 0, LATE = 2, NEVER = 3 };

static void srrip_hit(struct replacement *r, u32 set, u32 way)
{
    r->word[(size_t)set * r->ways + way] = SOON;
}

static void srrip_fill(struct replacement *r, u32 set, u32 way)
{
    r->word[(size_t)set * r->ways + way] = LATE;
}

static u32 srrip_victim(struct replacement *r, u32 set)
{
    u64 *expected = &r->word[(size_t)set * r->ways];

    for (;;) {
        for (u32 way = 0; way < r->ways; way++)
            if (expected[way] == NEVER) return way;
        for (u32 way = 0; way < r->ways; way++) expected[way]++;
    }
}

const struct replacement_policy replacement_srrip = {"srrip", srrip_hit, srrip_fill, srrip_victim};
