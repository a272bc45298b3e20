/* test_memory_latency.c - L1D, L2, crossbar, L3 and DRAM wired together show the load-to-use latencies of a
 * real Cascade Lake: reference/cascade-lake-measured.csv, at 3.1 GHz.
 */
#include "tests/unit/memory_bench.h"

#include "caches/cache.h"
#include "interconnect/crossbar.h"
#include "models/mem/dram.h"

#define L1_CYCLES   4
#define L2_CYCLES   14
#define L3_CYCLES   61
#define DRAM_CYCLES 250 /* mean; 235..290 */

#define ALONE 1000 /* cycles between two loads: the one before is over */

#define LEVEL(size, way, cycles, registers, targets)                                                         \
    {                                                                                                        \
        .size_bytes = (size), .ways = (way), .hit_cycles = (cycles), .mshrs = (registers),                   \
        .mshr_targets = (targets)                                                                            \
    }
static const struct cache_cfg l1d_cfg = LEVEL(32 * KiB, 8, 4, 11, 64);
static const struct cache_cfg l2_cfg = LEVEL(MiB, 16, 10, 32, 64);
static const struct cache_cfg l3_cfg = LEVEL(39424 * KiB, 11, 39, 64, 128);
static const struct crossbar_cfg crossbar_cfg = {.hop_cycles = 4, .slices = 1, .width_bytes = 32};

#define DRAM_DEFAULT(type, name, def, range, meaning) .name = (def),
static const struct dram_cfg dram_cfg = {DRAM_PARAMS(DRAM_DEFAULT)};

static struct fixture {
    struct bench bench;
    struct dram dram;
    struct cache l3, l2, l1d;
    struct crossbar crossbar;
    u64 now;
} f;

static int setup(void **state)
{
    struct clock *clock = &f.bench.clock;
    struct crossbar_desc desc = {.name = "crossbar", .clock = clock, .ports = 1, .in_flight = 32};

    (void)state;
    bench_init_at(&f.bench, 3100 * MHz, 0);
    struct dram_cfg unrefreshed = dram_cfg;
    unrefreshed.trefi = 0; /* a load that meets a refresh waits for up to 350 ns */
    dram_init(&f.dram, &unrefreshed, "dram", clock);
    cache_init(&f.l3, &l3_cfg,
               &(struct cache_desc){.name = "l3",
                                    .level = SERVED_L3,
                                    .clock = clock,
                                    .next = dram_port(&f.dram),
                                    .refuses = false,
                                    .queue_entries = 0});
    desc.next = cache_port(&f.l3);
    crossbar_init(&f.crossbar, &crossbar_cfg, &desc);
    f.bench.port = crossbar_port(&f.crossbar, 0);
    cache_init(&f.l2, &l2_cfg,
               &(struct cache_desc){.name = "l2",
                                    .level = SERVED_L2,
                                    .clock = clock,
                                    .next = f.bench.port,
                                    .refuses = false,
                                    .queue_entries = 0});
    cache_init(&f.l1d, &l1d_cfg,
               &(struct cache_desc){.name = "l1d",
                                    .level = SERVED_L1,
                                    .clock = clock,
                                    .next = cache_port(&f.l2),
                                    .refuses = true,
                                    .queue_entries = 0});
    f.bench.port = cache_port(&f.l1d);
    f.now = ALONE;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cache_check_identities(&f.l1d);
    cache_check_identities(&f.l2);
    cache_check_identities(&f.l3);
    crossbar_check_identities(&f.crossbar);
    dram_check_identities(&f.dram);
    cache_fini(&f.l1d);
    cache_fini(&f.l2);
    cache_fini(&f.l3);
    crossbar_fini(&f.crossbar);
    dram_fini(&f.dram);
    bench_fini(&f.bench);
    return 0;
}

/* A load alone in the machine: its latency, and in *served who served it. */
static u64 load(u64 line, enum served *served)
{
    const unsigned i = bench_read(&f.bench, f.now, line);

    f.now += ALONE;
    bench_run(&f.bench, f.now);
    if (served) *served = f.bench.reply[i].served;
    return f.bench.reply[i].ready - f.bench.reply[i].sent;
}

/* Loads lines so that the L1D (8 ways, 64 sets), and with n > 16 and the stride of the L2's sets also the L2,
 * lose `line`. */
static void displace(u64 line, u64 stride_lines, unsigned n)
{
    for (unsigned i = 1; i <= n; i++) load(line + i * stride_lines, NULL);
}

static void l1_hit_takes_4_cycles(void **state)
{
    (void)state;
    enum served served;

    load(5, NULL);
    assert_int_equal(load(5, &served), L1_CYCLES);
    assert_int_equal(served, SERVED_L1);
}

static void l2_hit_takes_14_cycles(void **state)
{
    (void)state;
    enum served served;

    load(5, NULL);
    displace(5, 64, 8);
    assert_int_equal(load(5, &served), L2_CYCLES);
    assert_int_equal(served, SERVED_L2);
}

static void l3_hit_takes_61_cycles(void **state)
{
    (void)state;
    enum served served;

    load(5, NULL);
    displace(5, 1024, 16);
    assert_int_equal(load(5, &served), L3_CYCLES);
    assert_int_equal(served, SERVED_L3);
}

/* Random lines of 2 GiB: nearly each closes another row; a row hit takes about 160 cycles. */
static void random_dram_load_takes_about_250_cycles(void **state)
{
    (void)state;
    u64 seed = 7, total = 0;

    for (unsigned i = 0; i < 900; i++) {
        enum served served;
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        const u64 cycles = load((seed >> 33) % (2 * GiB / LINE_BYTES), &served);
        if (i < 600) continue; /* rows are still closed */
        assert_int_equal(served, SERVED_DRAM);
        assert_in_range(cycles, 150, 290);
        total += cycles;
    }
    assert_in_range(total / 300, DRAM_CYCLES - 5, DRAM_CYCLES + 5);
}

/* Each load is counted once at every level that it visited, and served by exactly one. */
static void serving_levels_add_up(void **state)
{
    (void)state;
    u64 by[SERVED_COUNT] = {0};

    for (unsigned i = 0; i < 300; i++) {
        enum served served;
        load(i % 40 * 1024, &served);
        by[served]++;
    }
    assert_int_equal(by[SERVED_L1], f.l1d.stats.hits);
    assert_int_equal(by[SERVED_L2], f.l2.stats.hits);
    assert_int_equal(by[SERVED_L3], f.l3.stats.hits);
    assert_int_equal(by[SERVED_DRAM], f.dram.stats.reads);
    assert_int_equal(f.l1d.stats.misses, f.l2.stats.lookups);
    assert_int_equal(f.l2.stats.misses, f.l3.stats.lookups);
    assert_int_equal(f.l3.stats.misses, f.dram.stats.reads);
}

/* A dirty line goes down level by level, each time as a write-back, and is written once to DRAM. */
static void dirty_line_travels_down_to_dram(void **state)
{
    (void)state;
    const u64 l3_sets = f.l3.sets;

    bench_write(&f.bench, f.now, 0);
    f.now += ALONE;
    displace(0, 64, 8);
    assert_int_equal(f.l2.stats.writebacks_in, 1);
    displace(0, 1024, 20);
    assert_int_equal(f.l3.stats.writebacks_in, 1);
    displace(0, l3_sets, 12);
    assert_int_equal(f.dram.stats.writes, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(l1_hit_takes_4_cycles),  TEST(l2_hit_takes_14_cycles),
        TEST(l3_hit_takes_61_cycles), TEST(random_dram_load_takes_about_250_cycles),
        TEST(serving_levels_add_up),  TEST(dirty_line_travels_down_to_dram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
