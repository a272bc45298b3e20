/* topology.h - how far a processor is from the slice of the L3 (and of the directory) that holds a line.
 *
 * Models:       crossbar (every distance the same), bidirectional ring (shorter way round), mesh (row, then column); processors and slices
 *               sit at the same stops, in order of their numbers, row by row. Lines are spread over slices by a hash of all address bits.
 * Not modelled: contention on the links between stops, the exact hash of any product, memory controllers' places, disabled tiles.
 * Neighbours:   crossbar.c (requests and answers), directory.c (snoops).
 * Checked by:   tests/unit/test_topology.c
 */
#ifndef INTERCONNECT_TOPOLOGY_H
#define INTERCONNECT_TOPOLOGY_H

#include "models/sim/types.h"

/* clang-format off */
#define TOPOLOGIES(T)                                                                     \
    T(crossbar, "every slice is hop_cycles away")                                         \
    T(ring,     "hop_cycles, and stop_cycles for each stop on the shorter way round")     \
    T(mesh,     "hop_cycles, and stop_cycles for each step along the row and the column")
/* clang-format on */

#define TOPOLOGY_NAME(name, meaning) #name,
#define TOPOLOGY_CHOICES                                                                                     \
    {                                                                                                        \
        0, 0, false, (const char *const[])                                                                   \
        {                                                                                                    \
            TOPOLOGIES(TOPOLOGY_NAME) NULL                                                                   \
        }                                                                                                    \
    }

#define TOPOLOGY_MAX_SLICES 64

struct topology {
    /* fixed at elaboration */
    u32 choice;  /* row of TOPOLOGIES */
    u32 slices;  /* 1..TOPOLOGY_MAX_SLICES */
    u32 columns; /* of the mesh */
    u32 hop_cycles, stop_cycles;
};

/* Spreads line numbers over 0..n-1, n > 0. Fibonacci hashing: the high bits of a product with 2^64 / golden ratio depend
 * on all bits of the line number. */
static inline u32 topology_spread(u64 line, u32 n)
{
    return (u32)((line * 0x9e3779b97f4a7c15ull >> 32) * n >> 32);
}

/* The slice of a line, 0..slices-1. */
u32 topology_slice(const struct topology *t, u64 line);

/* Cycles of a message between two stops, either way. */
u32 topology_cycles(const struct topology *t, u32 from, u32 to);

#endif
