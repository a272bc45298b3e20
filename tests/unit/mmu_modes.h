/* mmu_modes.h - for tests that hold natively and nested, functional and timed: the two set-ups and the loop over them. */
#ifndef TESTS_MMU_MODES_H
#define TESTS_MMU_MODES_H

#include "tests/unit/mmu_bench.h"

#define READ  ACCESS_READ
#define WRITE ACCESS_WRITE
#define FETCH ACCESS_FETCH

#define FOR_BOTH_MODES(timed) for (int timed = 0; timed < 2; timed++)

/* 4-level paging, no monitor. */
static inline struct bench *new_native(bool timed)
{
    return bench_new(&bench_default_cfg, 4, 0, timed);
}

/* 4-level paging in both dimensions, host pages of 4 KiB everywhere. */
static inline struct bench *new_nested(bool timed)
{
    struct bench *b = bench_new(&bench_default_cfg, 4, 4, timed);
    bench_map_ept_identity(b, 12);
    return b;
}

#endif
