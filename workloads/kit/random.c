#include "kit/random.h"

/* Sattolo's algorithm. */
void random_cycle(u32 *next, u64 n, u64 seed)
{
    u64 stream = random_seeded(seed);
    for (u64 i = 0; i < n; i++) next[i] = (u32)i;
    for (u64 i = n - 1; i > 0; i--) {
        u64 j = random_below(&stream, i);
        u32 swapped = next[i];
        next[i] = next[j];
        next[j] = swapped;
    }
}
