/* ooo_bench.h - core_bench.h with the out-of-order core: what a piece of code takes, from one RDTSC to another.
 *
 * The time of the fences around the code is in it, so tests compare lengths: bench_slope() is what n more copies
 * of an instruction take. */
#ifndef TESTS_OOO_BENCH_H
#define TESTS_OOO_BENCH_H

#include "tests/unit/core_bench.h"

typedef void (*emit_fn)(struct core_bench *b, unsigned n);

static inline struct core_bench *ooo_bench(const struct pc_cfg *cfg)
{
    return bench_new(cfg, CORE_OOO);
}

#define MOV_ESI_EAX 0x89, 0xc6

/* Cycles of emit(n), with the second RDTSC's wait for it. paging: 64-bit code on pages. */
static inline u64 bench_cycles(const struct pc_cfg *cfg, bool paging, emit_fn emit, unsigned n)
{
    struct core_bench *b = ooo_bench(cfg);
    if (paging) bench_enable_paging(b);
    b->cpu->hart->cr4 |= CR4_OSFXSR;
    hart_state_changed(b->cpu->hart);
    emit(b, 8); /* lines, pages and predictors are warm behind it */
    CODE(b, RDTSC, MOV_ESI_EAX);
    emit(b, n);
    CODE(b, RDTSC, HLT);
    bench_run(b, 100000);
    u64 cycles = b->cpu->hart->reg[REG_RAX] - b->cpu->hart->reg[REG_RSI];
    assert_int_equal(b->cpu->hart->activity, ACTIVITY_HLT);
    bench_free(b);
    return cycles;
}

/* What n more of them take. */
static inline u64 bench_slope(const struct pc_cfg *cfg, bool paging, emit_fn emit, unsigned n)
{
    return bench_cycles(cfg, paging, emit, 2 * n) - bench_cycles(cfg, paging, emit, n);
}

#endif
