/* cache_bench.h - one cache level between a scripted asker and a mock memory.
 *
 * The cache under test: 2 sets of 2 ways, hit after 3 cycles, 2 MSHRs; below it 20 cycles. Even lines fall into set 0.
 * A miss at cycle t reaches the level below at t + 3 and is answered at t + 23.
 */
#ifndef TESTS_CACHE_BENCH_H
#define TESTS_CACHE_BENCH_H

#include "tests/unit/memory_bench.h"

#include "caches/cache.h"

#define HIT   3
#define BELOW 20
#define MISS  (HIT + BELOW)

struct fixture {
    struct bench bench;
    struct cache cache;
    unsigned freed; /* calls of the listener */
    u64 freed_cycle;
    int retry; /* request to repeat when freed, -1: none */
};

static struct fixture f;

static inline void on_freed(void *self)
{
    struct fixture *x = self;

    x->freed++;
    x->freed_cycle = clock_now(&x->bench.clock);
    if (x->retry >= 0) bench_issue(&x->bench, (unsigned)x->retry);
}

static inline struct cache_cfg small(void)
{
    return (struct cache_cfg){.size_bytes = 256, .ways = 2, .hit_cycles = HIT, .mshrs = 2, .mshr_targets = 8};
}

static inline struct bench *build(struct cache_cfg cfg, bool refuses)
{
    struct bench *b = &f.bench;

    bench_init(b, BELOW);
    f.freed = 0;
    f.retry = -1;
    cache_init(&f.cache, &cfg,
               &(struct cache_desc){.name = "l2",
                                    .level = SERVED_L2,
                                    .clock = &b->clock,
                                    .next = mock_port(&b->below),
                                    .refuses = refuses,
                                    .queue_entries = 0});
    cache_on_freed(&f.cache, on_freed, &f);
    b->port = cache_port(&f.cache);
    return b;
}

static inline struct bench *build_small(void)
{
    return build(small(), true);
}

static inline int teardown(void **state)
{
    (void)state;
    cache_check_identities(&f.cache);
    cache_fini(&f.cache);
    bench_fini(&f.bench);
    return 0;
}

/* Reads the lines one after the other, each alone; returns the first cycle after them. */
static inline u64 fill(struct bench *b, u64 cycle, const u64 *line, unsigned n)
{
    for (unsigned i = 0; i < n; i++, cycle += MISS + 1) bench_read(b, cycle, line[i]);
    bench_run(b, cycle);
    return cycle;
}

#define FILL(b, cycle, ...) fill(b, cycle, (const u64[]){__VA_ARGS__}, ARRAY_LEN(((u64[]){__VA_ARGS__})))

static inline bool has(u64 line)
{
    return cache_has(&f.cache, HPA(line << LINE_SHIFT));
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

#endif
