/* signature.h - 16 bits of each line of a set, side by side, by which a lookup tells nearly all ways apart.
 *
 * Models:       nothing: whoever finds a signature still compares the line. It only keeps most of the simulator's own
 *               tables out of the way of a lookup, which then touches one line of the host's memory instead of three or more.
 * Neighbours:   cache_lines.h, interconnect/directory_lines.c
 * Checked by:   tests/unit/test_signature.c
 */
#ifndef CACHES_SIGNATURE_H
#define CACHES_SIGNATURE_H

#include "models/sim/types.h"
#include <string.h>

#define SIGNATURE_LANES 4u /* compared at a time; what they index must reach as far beyond the last set */

/* Never 0, which stands where no line is. */
static inline u16 signature_of(u64 line)
{
    return (u16)(line * 0x9e3779b97f4a7c15ull >> 24 | 1);
}

/* Signatures from one set to the next: whole groups of lanes. */
static inline u32 signature_stride(u32 ways)
{
    return (ways + SIGNATURE_LANES - 1) / SIGNATURE_LANES * SIGNATURE_LANES;
}

/* Of four signatures from `first` on, the highest bit of each lane that is `wanted`; rarely of one that is not. */
static inline u64 signature_match(const u16 *first, u16 wanted)
{
    const u64 ones = 0x0001000100010001ull;
    u64 lanes;

    memcpy(&lanes, first, sizeof lanes);
    lanes ^= wanted * ones;
    return (lanes - ones) & ~lanes & ones << 15;
}

/* The lane of the lowest bit of a match that is not 0. */
static inline u32 signature_lane(u64 match)
{
    return (u32)__builtin_ctzll(match) / 16;
}

#endif
