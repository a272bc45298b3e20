/* directory_bench.h - up to four processors with one or two small caches each, a hop of 4 cycles around, a memory
 * of 20 cycles below, or an L3 of 6 cycles before it: the bench of test_directory.c and test_cache_flush.c.
 *
 * A read that nobody else holds: 3 (miss leaves the cache) + 4 + 20 + 4 = 31 cycles. From a peer: 3 + 4 + (4 +
 *                                SNOOP + 4) + 4.
 */
#ifndef TESTS_DIRECTORY_BENCH_H
#define TESTS_DIRECTORY_BENCH_H

#include "tests/unit/memory_bench.h"

#include "interconnect/crossbar.h"
#include "interconnect/directory_lines.h"

#define CORES  4
#define HIT    3
#define HOP    4
#define BELOW  20
#define L3HIT  6
#define SNOOP  5
#define MEMORY (HIT + HOP + BELOW + HOP)
#define PEER   (HIT + HOP + HOP + SNOOP + HOP + HOP)
#define RIGHT  PEER /* an upgrade waits for its snoops only */
#define ALONE  100

enum { MESI, MESIF };

static struct fixture {
    struct bench bench;
    struct crossbar crossbar;
    struct directory directory;
    struct cache l1[CORES], l2[CORES];
    struct cache l3;
    bool two_levels, has_l3;
} f;

static inline void build_core(u32 core)
{
    const struct cache_cfg small = {
        .size_bytes = 512, .ways = 2, .hit_cycles = HIT, .mshrs = 4, .mshr_targets = 16};
    const struct cache_cfg large = {
        .size_bytes = 1024, .ways = 4, .hit_cycles = HIT, .mshrs = 8, .mshr_targets = 32};
    const struct coherence_port coherence = directory_coherence(&f.directory, core);
    struct cache_desc desc = {.name = "l2",
                              .level = SERVED_L2,
                              .clock = &f.bench.clock,
                              .next = crossbar_port(&f.crossbar, core),
                              .coherence = &coherence};

    cache_init(&f.l2[core], &large, &desc);
    desc.name = "l1", desc.level = SERVED_L1, desc.refuses = true;
    if (f.two_levels) desc.next = cache_port(&f.l2[core]);
    cache_init(&f.l1[core], &small, &desc);
    directory_attach(&f.directory, core, &f.l1[core]);
    directory_attach(&f.directory, core, &f.l2[core]);
}

static inline void build_l3(void)
{
    const struct cache_cfg cfg = {
        .size_bytes = 4096, .ways = 4, .hit_cycles = L3HIT, .mshrs = 16, .mshr_targets = 64};
    const struct cache_desc desc = {
        .name = "l3", .level = SERVED_L3, .clock = &f.bench.clock, .next = mock_port(&f.bench.below)};

    cache_init(&f.l3, &cfg, &desc);
}

static inline struct bench *build(u32 protocol, u32 lines_per_core, bool two_levels)
{
    const struct crossbar_cfg crossbar_cfg = {.hop_cycles = HOP, .width_bytes = LINE_BYTES, .slices = 1};
    const struct directory_cfg cfg = {
        .protocol = protocol, .lines_per_core = lines_per_core, .ways = 4, .snoop_cycles = SNOOP};
    struct clock *clock = &f.bench.clock;

    f.two_levels = two_levels;
    bench_init(&f.bench, BELOW);
    if (f.has_l3) build_l3();
    directory_init(&f.directory, &cfg,
                   &(struct directory_desc){.name = "directory",
                                            .clock = clock,
                                            .next = f.has_l3 ? cache_port(&f.l3) : mock_port(&f.bench.below),
                                            .topology = &f.crossbar.topology,
                                            .cores = CORES,
                                            .in_flight = 1024});
    crossbar_init(&f.crossbar, &crossbar_cfg,
                  &(struct crossbar_desc){.name = "crossbar",
                                          .clock = clock,
                                          .next = directory_port(&f.directory),
                                          .ports = CORES,
                                          .in_flight = 1024});
    for (u32 core = 0; core < CORES; core++) build_core(core);
    return &f.bench;
}

static inline int teardown(void **state)
{
    (void)state;
    directory_check_identities(&f.directory);
    crossbar_check_identities(&f.crossbar);
    for (u32 core = 0; core < CORES; core++) {
        cache_check_identities(&f.l1[core]);
        cache_check_identities(&f.l2[core]);
        cache_fini(&f.l1[core]);
        cache_fini(&f.l2[core]);
    }
    if (f.has_l3) {
        cache_check_identities(&f.l3);
        cache_fini(&f.l3);
        f.has_l3 = false;
    }
    directory_fini(&f.directory);
    crossbar_fini(&f.crossbar);
    bench_fini(&f.bench);
    return 0;
}

static inline unsigned ask(u32 core, u64 cycle, enum mem_kind kind, u64 line)
{
    f.bench.port = cache_port(&f.l1[core]);
    return bench_add(&f.bench, cycle, kind, ORIGIN_DATA, line);
}

static inline enum line_state state_in(u32 core, u64 line)
{
    return cache_line_state(&f.l1[core], line);
}

/* One request alone: asserts when it is answered and by whom. */
static inline void expect(u32 core, u64 cycle, enum mem_kind kind, u64 line, u64 cycles, enum served served)
{
    const unsigned i = ask(core, cycle, kind, line);

    bench_expect_at(&f.bench, i, cycle + cycles);
    assert_int_equal(f.bench.reply[i].served, served);
    bench_run(&f.bench, cycle + ALONE);
}

#endif
