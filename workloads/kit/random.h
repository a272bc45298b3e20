/* random.h - the benches' one source of pseudo-random numbers: xorshift64* (Marsaglia 2003, Vigna 2016).
 *
 * A stream is one u64 that must not be 0. Seeds pass through a mixer so that 1, 2, 3 give unrelated streams.
 */
#ifndef KIT_RANDOM_H
#define KIT_RANDOM_H

#include "kit/types.h"

/* A bijection of 64-bit numbers that scatters neighbours (MurmurHash3's finalizer). */
static inline u64 mix(u64 x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

static inline u64 random_seeded(u64 seed)
{
    return mix(seed) | 1;
}

static inline u64 random_next(u64 *stream)
{
    u64 x = *stream;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *stream = x;
    return x * 0x2545f4914f6cdd1dull;
}

/* Uniform in [0, bound), bound < 2^32: a multiplication where a division would cost tens of cycles. */
static inline u64 scale_below(u64 random, u64 bound)
{
    return (random >> 32) * bound >> 32;
}

static inline u64 random_below(u64 *stream, u64 bound)
{
    return scale_below(random_next(stream), bound);
}

/* A random permutation that is a single cycle: next[i] comes behind i. n is 1..2^32 - 1. */
void random_cycle(u32 *next, u64 n, u64 seed);

#endif
