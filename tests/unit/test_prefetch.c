/* test_prefetch.c - each prefetcher alone: which lines it names after which lookups; and a cache that has one: what it sends, when,
 * and how it counts the outcome. */
#include "tests/unit/memory_bench.h"

#include "caches/cache.h"

#define PC_A       0x401000
#define PC_B       0x402340
#define PAGE_LINES 64

static u64 state[4096];
static struct prefetch_wish wish;

static void begin(void)
{
    memset(state, 0, sizeof state);
}

static void look_at(const struct prefetcher *p, u64 pc, u64 address, bool hit, u32 degree)
{
    const struct prefetch_limits limits = {.degree = degree, .distance = 20};
    const struct prefetch_look look = {.at = HPA(address), .pc = pc, .hit = hit};

    assert_true(p->state_bytes <= sizeof state);
    wish.n = 0;
    p->look(state, &look, &limits, &wish);
}

static void expect_lines(const u64 *line, u32 n)
{
    assert_int_equal(wish.n, n);
    for (u32 i = 0; i < n; i++) assert_int_equal(wish.line[i], line[i]);
}
#define EXPECT_LINES(...) expect_lines((const u64[]){__VA_ARGS__}, ARRAY_LEN(((u64[]){__VA_ARGS__})))
#define EXPECT_NOTHING()  assert_int_equal(wish.n, 0)

static void next_line_names_the_lines_behind_a_miss(void **s)
{
    (void)s;
    look_at(&prefetcher_next_line, PC_A, 100 << LINE_SHIFT, false, 1);
    EXPECT_LINES(101);
    look_at(&prefetcher_next_line, PC_A, 100 << LINE_SHIFT, false, 3);
    EXPECT_LINES(101, 102, 103);
    look_at(&prefetcher_next_line, PC_A, 100 << LINE_SHIFT, true, 3);
    EXPECT_NOTHING();
}

static void dcu_names_the_line_behind_two_in_ascending_order(void **s)
{
    (void)s;
    begin();
    look_at(&prefetcher_dcu, PC_A, 100 << LINE_SHIFT, false, 2);
    EXPECT_NOTHING();
    look_at(&prefetcher_dcu, PC_A, 101 << LINE_SHIFT, false, 2);
    EXPECT_LINES(102);
    look_at(&prefetcher_dcu, PC_A, 101 << LINE_SHIFT, true, 2);
    EXPECT_NOTHING();
    look_at(&prefetcher_dcu, PC_A, 99 << LINE_SHIFT, false, 2);
    EXPECT_NOTHING();
    look_at(&prefetcher_dcu, PC_B, 102 << LINE_SHIFT, true, 2);
    EXPECT_LINES(103);
}

static void dcu_forgets_all_but_the_last_four_lines(void **s)
{
    (void)s;
    begin();
    look_at(&prefetcher_dcu, PC_A, 100 << LINE_SHIFT, false, 2);
    for (u64 n = 0; n < 3; n++) look_at(&prefetcher_dcu, PC_A, (200 + 2 * n) << LINE_SHIFT, false, 2);
    look_at(&prefetcher_dcu, PC_A, 101 << LINE_SHIFT, false, 2);
    EXPECT_LINES(102);
    look_at(&prefetcher_dcu, PC_A, 300 << LINE_SHIFT, false, 2);
    look_at(&prefetcher_dcu, PC_A, 201 << LINE_SHIFT, false, 2);
    EXPECT_NOTHING();
}

static void no_prefetcher_leaves_the_page(void **s)
{
    (void)s;
    look_at(&prefetcher_next_line, PC_A, (PAGE_LINES - 2) << LINE_SHIFT, false, 4);
    EXPECT_LINES(PAGE_LINES - 1);
    begin();
    look_at(&prefetcher_dcu, PC_A, (PAGE_LINES - 2) << LINE_SHIFT, false, 4);
    look_at(&prefetcher_dcu, PC_A, (PAGE_LINES - 1) << LINE_SHIFT, false, 4);
    EXPECT_NOTHING();
    begin();
    for (u64 n = 0; n < 4; n++) look_at(&prefetcher_stride, PC_A, 8 * 4096 - 4096 + n * 1024, false, 4);
    EXPECT_NOTHING();
    begin();
    for (u64 n = PAGE_LINES - 5; n < PAGE_LINES - 2; n++)
        look_at(&prefetcher_streamer, PC_A, n << LINE_SHIFT, false, 8);
    EXPECT_LINES(PAGE_LINES - 2, PAGE_LINES - 1);
}

static void adjacent_completes_the_pair(void **s)
{
    (void)s;
    look_at(&prefetcher_adjacent, PC_A, 100 << LINE_SHIFT, false, 4);
    EXPECT_LINES(101);
    look_at(&prefetcher_adjacent, PC_A, 101 << LINE_SHIFT, false, 4);
    EXPECT_LINES(100);
    look_at(&prefetcher_adjacent, PC_A, 101 << LINE_SHIFT, true, 4);
    EXPECT_NOTHING();
}

static void stride_needs_the_same_step_twice(void **s)
{
    (void)s;
    begin();
    look_at(&prefetcher_stride, PC_A, 0x10000, false, 2);
    EXPECT_NOTHING();
    look_at(&prefetcher_stride, PC_A, 0x10100, false, 2);
    EXPECT_NOTHING();
    look_at(&prefetcher_stride, PC_A, 0x10200, true, 2);
    EXPECT_LINES(0x10300 >> LINE_SHIFT, 0x10400 >> LINE_SHIFT);
    look_at(&prefetcher_stride, PC_A, 0x10208, true, 2); /* another step: learns anew */
    EXPECT_NOTHING();
}

static void strides_below_a_line_name_each_line_once(void **s)
{
    (void)s;
    begin();
    for (u64 n = 0; n < 3; n++) look_at(&prefetcher_stride, PC_A, 0x10000 + 8 * n, false, 2);
    EXPECT_LINES(0x10040 >> LINE_SHIFT, 0x10080 >> LINE_SHIFT);
}

static void strides_go_down_too_and_end_at_2_kbytes(void **s)
{
    (void)s;
    begin();
    for (u64 n = 0; n < 3; n++) look_at(&prefetcher_stride, PC_A, 0x10fc0 - 256 * n, false, 1);
    EXPECT_LINES((0x10fc0 - 768) >> LINE_SHIFT);
    begin();
    for (u64 n = 0; n < 3; n++) look_at(&prefetcher_stride, PC_A, 0x10000 + 2112 * n, false, 1);
    EXPECT_NOTHING();
}

static void stride_tells_instructions_apart(void **s)
{
    (void)s;
    begin();
    for (u64 n = 0; n < 3; n++) {
        look_at(&prefetcher_stride, PC_A, 0x10000 + 128 * n, false, 1);
        if (n == 2) EXPECT_LINES((0x10000 + 128 * 3) >> LINE_SHIFT);
        look_at(&prefetcher_stride, PC_B, 0x20000 + 192 * n, false, 1);
        if (n == 2) EXPECT_LINES((0x20000 + 192 * 3) >> LINE_SHIFT);
    }
    look_at(&prefetcher_stride, 0, 0x30000, false, 1);
    EXPECT_NOTHING();
}

static void streamer_keeps_its_distance(void **s)
{
    u64 named = 0;

    (void)s;
    begin();
    for (u64 line = 1024; line < 1024 + 30; line++) {
        look_at(&prefetcher_streamer, 0, line << LINE_SHIFT, true, 4);
        for (u32 i = 0; i < wish.n; i++) {
            assert_int_equal(wish.line[i], named ? named + 1 : line + 1);
            named = wish.line[i];
            assert_in_range(named, line + 1, line + 20);
        }
    }
    assert_int_equal(named, 1024 + 29 + 20);
}

static void streamer_follows_descending_runs_and_turns(void **s)
{
    (void)s;
    begin();
    for (u64 line = 1070; line > 1067; line--) look_at(&prefetcher_streamer, 0, line << LINE_SHIFT, false, 2);
    EXPECT_LINES(1067, 1066);
    look_at(&prefetcher_streamer, 0, 1069 << LINE_SHIFT, false, 2);
    EXPECT_NOTHING();
    look_at(&prefetcher_streamer, 0, 1070 << LINE_SHIFT, false, 2);
    EXPECT_LINES(1071, 1072);
}

static void streamer_follows_a_stream_in_each_of_32_pages(void **s)
{
    (void)s;
    begin();
    for (u64 line = 0; line < 3; line++)
        for (u64 page = 1; page <= 32; page++) {
            look_at(&prefetcher_streamer, 0, (page * PAGE_LINES + line) << LINE_SHIFT, false, 1);
            assert_int_equal(wish.n, line == 2);
        }
}

/* --- a cache with a prefetcher: 4 sets of 2 ways, hit after 3 cycles, below it 20 --- */

#define HIT  3
#define MISS 23

static struct bench bench;
static struct cache cache;

static struct bench *build(u32 prefetcher, u32 mshrs, u32 reserve)
{
    const struct cache_cfg cfg = {.size_bytes = 512,
                                  .ways = 2,
                                  .hit_cycles = HIT,
                                  .mshrs = mshrs,
                                  .mshr_targets = 16,
                                  .prefetcher = prefetcher,
                                  .prefetch_degree = 1,
                                  .prefetch_distance = 20,
                                  .prefetch_reserve = reserve};

    bench_init(&bench, 20);
    cache_init(&cache, &cfg,
               &(struct cache_desc){.name = "l1d",
                                    .level = SERVED_L1,
                                    .clock = &bench.clock,
                                    .next = mock_port(&bench.below),
                                    .refuses = true});
    bench.port = cache_port(&cache);
    return &bench;
}

static int teardown(void **s)
{
    (void)s;
    cache_check_identities(&cache);
    cache_fini(&cache);
    bench_fini(&bench);
    return 0;
}

enum { NEXT_LINE = 1 };

static void a_prefetched_line_hits(void **s)
{
    struct bench *b = build(NEXT_LINE, 4, 0);

    (void)s;
    bench_read(b, 0, 8);
    bench_read(b, 100, 9);
    bench_expect_at(b, 0, MISS);
    bench_expect_at(b, 1, 100 + HIT);
    assert_int_equal(b->below.n,
                     3); /* 8, 9, and 10 behind 9, whose first use counts as a miss for prefetchers */
    assert_int_equal(b->below.seen[1].r.kind, MEM_PREFETCH);
    assert_int_equal(b->below.seen[1].cycle, HIT);
    bench_run(b, 200);
    assert_int_equal(cache.stats.prefetches, 2);
    assert_int_equal(cache.stats.prefetches_useful, 1);
    assert_int_equal(cache.stats.misses, 1);
}

static void a_lookup_joins_a_prefetch_in_flight(void **s)
{
    struct bench *b = build(NEXT_LINE, 4, 0);

    (void)s;
    bench_read(b, 0, 8);
    bench_read(b, 10, 9);
    bench_expect_at(b, 1, MISS);
    assert_int_equal(cache.stats.prefetches_late, 1);
    bench_run(b, 200);
}

static void prefetches_leave_registers_to_demand(void **s)
{
    struct bench *b = build(NEXT_LINE, 2, 1);

    (void)s;
    bench_read(b, 0, 8);
    bench_run(b, 1);
    assert_int_equal(cache.stats.prefetches_dropped, 1);
    assert_int_equal(cache.stats.prefetches, 0);
    bench_run(b, 200);
}

static void a_line_evicted_unused_was_useless(void **s)
{
    struct bench *b = build(NEXT_LINE, 4, 0);

    (void)s;
    bench_read(b, 0, 8);     /* brings 9 */
    bench_write(b, 100, 61); /* set 1, like 9; brings 62 */
    bench_write(b, 200, 53); /* set 1: 9 goes */
    bench_run(b, 400);
    assert_false(cache_has(&cache, HPA(9 << LINE_SHIFT)));
    assert_int_equal(cache.stats.prefetches_useless, 1);
}

static enum grant allowed;

static enum grant say_allowed(void *self, u64 line)
{
    (void)self, (void)line;
    return allowed;
}

static void a_shared_line_is_used_by_the_store_that_must_own_it_first(void **s)
{
    struct bench *b = build(NEXT_LINE, 4, 0);

    (void)s;
    cache.coherence.granted = say_allowed;
    allowed = GRANT_SHARED;
    bench_read(b, 0, 8);
    bench_run(b, 99);
    allowed = GRANT_OWNED;
    bench_write(b, 100, 9);
    bench_run(b, 200);
    assert_int_equal(cache.stats.upgrades, 1);
    assert_int_equal(cache.stats.prefetches_useful, 1);
}

static void what_is_known_is_not_sent_for(void **s)
{
    struct bench *b = build(NEXT_LINE, 4, 0);

    (void)s;
    bench_read(b, 0, 9);
    bench_read(b, 100, 8);
    bench_run(b, 200);
    assert_int_equal(cache.stats.prefetches_known, 1);
    assert_int_equal(cache.stats.prefetches, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_line_names_the_lines_behind_a_miss),
        cmocka_unit_test(no_prefetcher_leaves_the_page),
        cmocka_unit_test(dcu_names_the_line_behind_two_in_ascending_order),
        cmocka_unit_test(dcu_forgets_all_but_the_last_four_lines),
        cmocka_unit_test(adjacent_completes_the_pair),
        cmocka_unit_test(stride_needs_the_same_step_twice),
        cmocka_unit_test(strides_below_a_line_name_each_line_once),
        cmocka_unit_test(strides_go_down_too_and_end_at_2_kbytes),
        cmocka_unit_test(stride_tells_instructions_apart),
        cmocka_unit_test(streamer_keeps_its_distance),
        cmocka_unit_test(streamer_follows_descending_runs_and_turns),
        cmocka_unit_test(streamer_follows_a_stream_in_each_of_32_pages),
        cmocka_unit_test_teardown(a_prefetched_line_hits, teardown),
        cmocka_unit_test_teardown(a_lookup_joins_a_prefetch_in_flight, teardown),
        cmocka_unit_test_teardown(prefetches_leave_registers_to_demand, teardown),
        cmocka_unit_test_teardown(a_line_evicted_unused_was_useless, teardown),
        cmocka_unit_test_teardown(a_shared_line_is_used_by_the_store_that_must_own_it_first, teardown),
        cmocka_unit_test_teardown(what_is_known_is_not_sent_for, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
