#include "probes/kit/chase.h"

enum { LOADS = 2048 }; /* at least, between two clocks */

u64 chase_link(u64 n, chase_place place, const void *self)
{
    static u32 *next;
    if (!next) next = heap_run(CHASE_MAX * sizeof *next, PAGE_4K);
    if (n > CHASE_MAX) panic("a chase has at most %d places", CHASE_MAX);
    random_cycle(next, n, 1);
    for (u64 i = 0; i < n; i++) *(u64 *)place(i, self) = place(next[i], self);
    return place(0, self);
}

u64 chase_ticks(u64 first, u64 loads)
{
    u64 begin = probe_clock();
    while (loads--) first = *(volatile u64 *)first;
    opaque(first);
    return probe_clock() - begin;
}

u64 chase_latency(u64 n, chase_place place, const void *self)
{
    u64 first = chase_link(n, place, self), loads = n > LOADS ? n : LOADS;
    chase_ticks(first, loads);
    u64 shorter = chase_ticks(first, loads), longer = chase_ticks(first, 2 * loads);
    return longer > shorter ? (longer - shorter) * PROBE_UNIT / loads : 0;
}
