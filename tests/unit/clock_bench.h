/* clock_bench.h - a clock domain on its kernel, and a log of who ran in which cycle at what time. */
#ifndef TESTS_CLOCK_BENCH_H
#define TESTS_CLOCK_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/sim/clock.h"

#define MAX_LOG 400000

struct entry {
    u64 at_ps, cycle;
    u64 who;
};

static struct log {
    unsigned n;
    struct entry entry[MAX_LOG];
} seen;

static struct clock clk;

static inline void note(const struct clock *c, u64 who)
{
    assert_true(seen.n < MAX_LOG);
    seen.entry[seen.n++] = (struct entry){.at_ps = kernel_now_ps(), .cycle = clock_now(c), .who = who};
}

static inline int setup(void **state)
{
    (void)state;
    seen.n = 0;
    kernel_init();
    clock_init(&clk, "clk", 3 * GHz, true);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    clock_fini(&clk);
    kernel_fini();
    return 0;
}

static inline void assert_seen(unsigned i, u64 cycle, u64 who)
{
    assert_true(i < seen.n);
    assert_int_equal(seen.entry[i].cycle, cycle);
    assert_int_equal(seen.entry[i].who, who);
}

/* A tick that comes every so many cycles, up to its end. */
struct pacer {
    struct clock *clock;
    unsigned index;
    u64 who, period, end;
};

static inline struct pacer pacer(u64 who, u64 period, u64 end)
{
    return (struct pacer){.clock = &clk, .who = who, .period = period, .end = end};
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
