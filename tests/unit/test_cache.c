/* test_cache.c - hits, misses, merging, back-pressure, replacement, write-back: cache_bench.h says of which cache. */
#include "tests/unit/cache_bench.h"

/* --- time --- */

static void hit_takes_exactly_hit_cycles(void **state)
{
    (void)state;
    struct bench *b = build_small();
    const u64 t = FILL(b, 0, 0);
    const unsigned i = bench_read(b, t, 0);

    bench_run(b, t + 1);
    assert_int_equal(b->reply[i].answer, PORT_HIT);
    assert_int_equal(b->reply[i].ready, t + HIT);
    assert_int_equal(b->reply[i].served, SERVED_L2);
}

static void miss_reaches_the_level_below_after_hit_cycles(void **state)
{
    (void)state;
    struct bench *b = build_small();

    bench_read(b, 5, 7);
    bench_run(b, 5 + HIT);
    assert_int_equal(b->below.n, 0);
    bench_run(b, 5 + HIT + 1);
    assert_int_equal(b->below.n, 1);
    assert_int_equal(b->below.seen[0].r.at.v, 7 << LINE_SHIFT);
}

static void miss_is_answered_when_the_level_below_has_it(void **state)
{
    (void)state;
    struct bench *b = build_small();
    const unsigned i = bench_read(b, 5, 7);

    bench_expect_at(b, i, 5 + MISS);
    assert_int_equal(b->reply[i].answer, PORT_PENDING);
    assert_int_equal(b->reply[i].served, SERVED_L3);
}

static void miss_is_answered_alike_when_the_level_below_calls_back(void **state)
{
    (void)state;
    struct bench *b = build_small();
    const unsigned i = bench_read(b, 5, 7);

    b->below.calls = true;
    bench_expect_at(b, i, 5 + MISS);
    assert_int_equal(b->reply[i].served, SERVED_L3);
}

static void line_is_valid_from_the_answer_on(void **state)
{
    (void)state;
    struct bench *b = build_small();

    bench_read(b, 5, 7);
    bench_run(b, 5 + MISS);
    assert_false(has(7));
    bench_run(b, 5 + MISS + 1);
    assert_true(has(7));
}

static void hit_under_miss_is_not_delayed(void **state)
{
    (void)state;
    struct bench *b = build_small();
    const u64 t = FILL(b, 0, 0);
    const unsigned missing = bench_read(b, t, 2);
    const unsigned hitting = bench_read(b, t + 1, 0);

    bench_run(b, t + 2);
    assert_int_equal(b->reply[hitting].ready, t + 1 + HIT);
    bench_expect_at(b, missing, t + MISS);
}

/* --- merging --- */

static void second_miss_of_a_line_merges_and_is_answered_by_the_same_fill(void **state)
{
    (void)state;
    struct bench *b = build_small();
    const unsigned first = bench_read(b, 5, 7), second = bench_read(b, 20, 7);

    bench_expect_at(b, first, 5 + MISS);
    assert_int_equal(b->reply[second].ready, 5 + MISS);
    assert_int_equal(b->reply[second].order, b->reply[first].order + 1);
    assert_int_equal(b->below.n, 1);
    assert_int_equal(f.cache.stats.misses, 1);
    assert_int_equal(f.cache.stats.mshr_merges, 1);
}

static void request_in_the_cycle_of_the_fill_hits(void **state)
{
    (void)state;
    struct bench *b = build_small();

    bench_read(b, 5, 7);
    const unsigned late = bench_read(b, 5 + MISS, 7);
    bench_run(b, 5 + MISS + 1);
    assert_int_equal(b->reply[late].answer, PORT_HIT);
}

static void merging_without_a_free_target_is_refused(void **state)
{
    (void)state;
    struct cache_cfg cfg = small();
    cfg.mshr_targets = 2;
    struct bench *b = build(cfg, true);

    for (unsigned i = 0; i < 3; i++) bench_read(b, 5, 7);
    bench_run(b, 6);
    assert_int_equal(b->reply[1].answer, PORT_PENDING);
    assert_int_equal(b->reply[2].answer, PORT_BUSY);
    bench_run(b, 100);
    assert_int_equal(f.freed, 1);
}

/* --- MSHRs full --- */

static void first_level_refuses_when_mshrs_are_full(void **state)
{
    (void)state;
    struct bench *b = build_small();

    for (u64 line = 0; line < 3; line++) bench_read(b, 5, line);
    bench_run(b, 6);
    assert_int_equal(b->reply[1].answer, PORT_PENDING);
    assert_int_equal(b->reply[2].answer, PORT_BUSY);
    assert_int_equal(f.cache.stats.busy, 1);
    assert_int_equal(f.cache.stats.lookups, 2);
}

static void freed_comes_with_the_fill_and_the_retry_is_accepted(void **state)
{
    (void)state;
    struct bench *b = build_small();

    for (u64 line = 0; line < 3; line++) bench_read(b, 5, line);
    f.retry = 2;
    bench_run(b, 5 + MISS);
    assert_int_equal(f.freed, 0);
    bench_run(b, 5 + MISS + 1);
    assert_int_equal(f.freed, 1);
    assert_int_equal(f.freed_cycle, 5 + MISS);
    assert_int_equal(b->reply[2].answer, PORT_PENDING);
    bench_expect_at(b, 2, 5 + 2 * MISS);
}

static void freed_is_not_called_when_nobody_was_refused(void **state)
{
    (void)state;
    struct bench *b = build_small();

    FILL(b, 0, 0, 1, 2);
    assert_int_equal(f.freed, 0);
}

static void merging_and_hits_go_on_when_mshrs_are_full(void **state)
{
    (void)state;
    struct bench *b = build_small();
    const u64 t = FILL(b, 0, 4);

    bench_read(b, t, 1);
    bench_read(b, t, 3);
    const unsigned merging = bench_read(b, t, 3), hitting = bench_read(b, t, 4);
    bench_run(b, t + 1);
    assert_int_equal(b->reply[merging].answer, PORT_PENDING);
    assert_int_equal(b->reply[hitting].answer, PORT_HIT);
}

static void lower_level_queues_in_order_of_arrival(void **state)
{
    (void)state;
    struct bench *b = build(small(), false);

    for (u64 line = 0; line < 6; line++) bench_read(b, 5 + line, line);
    bench_run(b, 11);
    for (unsigned i = 0; i < 6; i++) assert_int_equal(b->reply[i].answer, PORT_PENDING);
    assert_int_equal(f.cache.stats.queued, 4);
    bench_run(b, 200);
    for (unsigned i = 0; i < 6; i++) assert_int_equal(b->below.seen[i].r.at.v, i << LINE_SHIFT);
    assert_int_equal(b->reply[2].ready, 5 + 2 * MISS);
    assert_int_equal(b->reply[3].ready, 6 + 2 * MISS);
    assert_int_equal(b->reply[5].ready, 6 + 3 * MISS);
}

static void queued_request_of_a_line_that_got_in_flight_merges(void **state)
{
    (void)state;
    struct bench *b = build(small(), false);

    bench_read(b, 5, 0);
    bench_read(b, 5, 1);
    const unsigned first = bench_read(b, 6, 2), second = bench_read(b, 7, 2);
    bench_run(b, 200);
    assert_int_equal(b->reply[first].ready, 5 + 2 * MISS);
    assert_int_equal(b->reply[second].ready, 5 + 2 * MISS);
    assert_int_equal(f.cache.stats.misses, 3);
    assert_int_equal(f.cache.stats.mshr_merges, 1);
}

static void queued_request_is_answered_at_its_turn_if_a_write_back_brought_the_line(void **state)
{
    (void)state;
    struct bench *b = build(small(), false);

    bench_read(b, 5, 0);
    bench_read(b, 5, 1);
    const unsigned waiting = bench_read(b, 6, 2);
    bench_add(b, 7, MEM_WRITEBACK, ORIGIN_DATA, 2);
    bench_expect_at(b, waiting, 5 + MISS);
    assert_int_equal(b->reply[waiting].served, SERVED_L2);
    assert_int_equal(f.cache.stats.hits, 1);
}

/* --- replacement --- */

static void lru_evicts_the_line_used_longest_ago(void **state)
{
    (void)state;
    struct bench *b = build_small();
    u64 t = FILL(b, 0, 0, 2);

    bench_read(b, t, 0); /* now 2 is the oldest of set 0 */
    FILL(b, t + 1, 4);
    assert_true(has(0) && has(4));
    assert_false(has(2));
    assert_int_equal(f.cache.stats.evictions, 1);
}

static void eviction_order_is_order_of_use_over_many_fills(void **state)
{
    (void)state;
    struct cache_cfg cfg = small();
    cfg.size_bytes = 4 * 64;
    cfg.ways = 4; /* one set */
    struct bench *b = build(cfg, true);
    u64 t = FILL(b, 0, 10, 11, 12, 13);

    bench_read(b, t++, 11);
    bench_read(b, t++, 10);
    t = FILL(b, t, 14); /* 12 goes */
    assert_false(has(12));
    t = FILL(b, t, 15); /* 13 goes */
    assert_false(has(13));
    FILL(b, t, 16); /* 11 goes */
    assert_false(has(11));
    assert_true(has(10) && has(14) && has(15) && has(16));
}

static void other_sets_are_not_touched(void **state)
{
    (void)state;
    struct bench *b = build_small();

    FILL(b, 0, 1, 3, 0, 2, 4, 6);
    assert_true(has(1) && has(3) && has(4) && has(6));
}

static void any_number_of_sets_holds_as_many_lines_as_it_has(void **state)
{
    (void)state;
    struct cache_cfg cfg = small();
    cfg.size_bytes = 3 * 2 * 64; /* three sets */
    struct bench *b = build(cfg, true);

    FILL(b, 0, 0, 1, 2, 3, 4, 5);
    for (u64 line = 0; line < 6; line++) assert_true(has(line));
    assert_int_equal(f.cache.stats.evictions, 0);
}

static void random_replacement_repeats_itself_exactly(void **state)
{
    (void)state;
    bool kept[2][12];
    struct cache_cfg cfg = small();
    cfg.policy = 1;
    assert_string_equal(cache_params[5].range.names[1], "random");
    for (unsigned run = 0; run < 2; run++) {
        struct bench *b = build(cfg, true);
        FILL(b, 0, 0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11);
        for (u64 line = 0; line < 12; line++) kept[run][line] = has(line);
        if (run == 0) teardown(NULL);
    }
    assert_memory_equal(kept[0], kept[1], sizeof kept[0]);
}

/* --- write-back --- */

static void clean_victim_is_dropped_in_silence(void **state)
{
    (void)state;
    struct bench *b = build_small();

    FILL(b, 0, 0, 2, 4);
    assert_int_equal(b->below.n, 3);
    assert_int_equal(f.cache.stats.writebacks, 0);
}

static void dirty_victim_is_written_back_hit_cycles_after_the_fill(void **state)
{
    (void)state;
    struct bench *b = build_small();
    u64 t = FILL(b, 0, 0);

    bench_write(b, t, 0);
    t = FILL(b, t + 1, 2);
    bench_read(b, t, 4); /* its fill at t + MISS evicts line 0 */
    bench_run(b, t + MISS + HIT);
    assert_int_equal(b->below.n, 3);
    bench_run(b, t + MISS + HIT + 1);
    assert_int_equal(b->below.n, 4);
    assert_int_equal(b->below.seen[3].r.kind, MEM_WRITEBACK);
    assert_int_equal(b->below.seen[3].r.at.v, 0);
}

static void write_miss_reads_below_and_leaves_the_line_dirty(void **state)
{
    (void)state;
    struct bench *b = build_small();

    bench_write(b, 0, 0);
    bench_run(b, MISS + 1);
    assert_int_equal(b->below.seen[0].r.kind, MEM_OWN);
    FILL(b, MISS + 1, 2, 4);
    bench_run(b, 200);
    assert_int_equal(f.cache.stats.writebacks, 1);
}

static void merged_write_leaves_the_line_dirty(void **state)
{
    (void)state;
    struct bench *b = build_small();

    bench_read(b, 0, 0);
    bench_write(b, 1, 0);
    bench_run(b, MISS + 1);
    FILL(b, MISS + 1, 2, 4);
    bench_run(b, 200);
    assert_int_equal(f.cache.stats.writebacks, 1);
}

static void write_back_from_above_fills_without_reading_below(void **state)
{
    (void)state;
    struct bench *b = build_small();

    bench_add(b, 0, MEM_WRITEBACK, ORIGIN_DATA, 0);
    bench_run(b, 1);
    assert_true(has(0));
    assert_int_equal(f.cache.stats.lookups, 0);
    assert_int_equal(f.cache.stats.writebacks_in, 1);
    bench_run(b, 100);
    assert_int_equal(b->below.n, 0);
}

static void write_back_is_never_refused_and_meets_a_line_in_flight(void **state)
{
    (void)state;
    struct bench *b = build_small();

    bench_read(b, 0, 0);
    bench_read(b, 0, 1);
    const unsigned i = bench_add(b, 1, MEM_WRITEBACK, ORIGIN_DATA, 0);
    bench_run(b, MISS + 1);
    assert_int_equal(b->reply[i].answer, PORT_HIT);
    FILL(b, MISS + 1, 2, 4);
    bench_run(b, 200);
    assert_int_equal(f.cache.stats.writebacks, 1);
    assert_int_equal(b->below.seen[b->below.n - 1].r.at.v, 0);
}

/* --- statistics --- */

static void lookups_and_misses_are_counted_by_origin(void **state)
{
    (void)state;
    struct bench *b = build_small();

    for (unsigned origin = 0; origin < ORIGIN_COUNT; origin++)
        bench_add(b, origin * 100, MEM_READ, (enum mem_origin)origin, origin);
    bench_add(b, 500, MEM_FETCH, ORIGIN_FETCH, 4);
    bench_run(b, 600);
    assert_int_equal(f.cache.stats.lookups_by[ORIGIN_FETCH], 2);
    assert_int_equal(f.cache.stats.misses_by[ORIGIN_FETCH], 1);
    assert_int_equal(f.cache.stats.lookups_by[ORIGIN_WALK_HOST], 1);
    assert_int_equal(b->below.seen[ORIGIN_VMX].r.origin, ORIGIN_VMX);
}

static void counters_have_their_paths(void **state)
{
    (void)state;
    struct bench *b = build_small();
    struct stats *reg = stats_new();
    u64 value = 0;

    cache_add_stats(&f.cache, reg, "cpu0.l2");
    FILL(b, 0, 0, 1);
    assert_true(stats_find(reg, "cpu0.l2.misses", &value));
    assert_int_equal(value, 2);
    assert_true(stats_find(reg, "cpu0.l2.misses_walk_host", &value));
    assert_int_equal(value, 0);
    stats_free(reg);
}

static void impossible_geometry_is_named(void **state)
{
    (void)state;
    struct cache_cfg cfg = small();

    build_small();
    assert_null(cache_cfg_error(&cfg));
    cfg.size_bytes = 200;
    assert_non_null(cache_cfg_error(&cfg));
}

/* Many askers' worth of random traffic; the identities are asserted in the teardown and half-way. */
static void identities_hold_under_random_traffic(void **state)
{
    (void)state;
    struct bench *b = build(small(), false);
    static const enum mem_kind kinds[] = {MEM_READ, MEM_WRITE, MEM_WRITEBACK};
    u64 seed = 1;

    for (unsigned i = 0; i < 400; i++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        const enum mem_origin origin = (enum mem_origin)((seed >> 50) % ORIGIN_COUNT);
        bench_add(b, 3 * i, kinds[(seed >> 40) % 3], origin, (seed >> 33) % 11);
    }
    bench_run(b, 600);
    cache_check_identities(&f.cache);
    bench_run(b, 10000);
    assert_int_equal(f.cache.mshrs.used, 0);
    for (unsigned i = 0; i < 400; i++) assert_true(b->reply[i].ready < 10000);
}

#define AGAIN (BENCH_MAX - 1) /* a request that is not the script's */

static void ask_again(void *self, u64 token, enum served served)
{
    bench_done(self, token, served);
    bench_issue(self, AGAIN);
}

/* The answer to the first request makes its asker send another miss in the cycle that frees the MSHR. */
static void request_out_of_an_answer_does_not_overtake_the_queue(void **state)
{
    (void)state;
    struct bench *b = build(small(), false);
    const unsigned first = bench_read(b, 5, 0), other = bench_read(b, 6, 1), queued = bench_read(b, 7, 2);

    b->script[first].r.done = ask_again;
    b->script[AGAIN].port = b->port;
    b->script[AGAIN].r =
        (struct mem_request){HPA(9 << LINE_SHIFT), .done = bench_done, .self = b, .token = AGAIN};
    bench_run(b, 200);
    assert_int_equal(b->reply[other].ready, 6 + MISS);
    assert_int_equal(b->reply[queued].ready, 5 + 2 * MISS);
    assert_int_equal(b->reply[AGAIN].ready, 6 + 2 * MISS);
}

/* --- requests for memory itself --- */

static void requests_for_memory_itself_pass_like_misses_and_bring_nothing_in(void **state)
{
    static const enum mem_kind kinds[] = {MEM_WRITE_THROUGH, MEM_UNCACHED_READ, MEM_UNCACHED_WRITE};
    (void)state;
    struct bench *b = build_small();
    for (unsigned i = 0; i < 3; i++) bench_add(b, 10 * i, kinds[i], ORIGIN_DATA, i);
    bench_run(b, 200);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(b->below.seen[i].cycle, 10 * i + HIT);
        assert_int_equal(b->below.seen[i].r.kind, kinds[i]);
        assert_int_equal(b->reply[i].ready, 10 * i + MISS);
        assert_false(cache_has(&f.cache, HPA((u64)i << LINE_SHIFT)));
    }
    assert_int_equal(f.cache.stats.passed, 3);
    assert_int_equal(f.cache.stats.lookups, 0);
}

static void an_uncached_access_takes_the_line_that_is_here_along(void **state)
{
    static const struct {
        enum mem_kind kind;
        bool stays;
    } cases[] = {{MEM_WRITE_THROUGH, true}, {MEM_UNCACHED_READ, false}, {MEM_UNCACHED_WRITE, false}};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct bench *b = build_small();
        bench_write(b, 0, 4);
        bench_add(b, 100, cases[i].kind, ORIGIN_DATA, 4);
        bench_run(b, 300);
        assert_int_equal(cache_has(&f.cache, HPA(4 << LINE_SHIFT)), cases[i].stays);
        assert_int_equal(f.cache.stats.flushed, !cases[i].stays);
        assert_int_equal(b->below.n, 2); /* the line's own miss, and the access: no write-back that could come behind it */
        assert_int_equal(b->below.seen[1].r.dirty, !cases[i].stays);
        cache_check_identities(&f.cache);
        if (i < 2) teardown(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hit_takes_exactly_hit_cycles),
        TEST(miss_reaches_the_level_below_after_hit_cycles),
        TEST(miss_is_answered_when_the_level_below_has_it),
        TEST(miss_is_answered_alike_when_the_level_below_calls_back),
        TEST(line_is_valid_from_the_answer_on),
        TEST(hit_under_miss_is_not_delayed),
        TEST(second_miss_of_a_line_merges_and_is_answered_by_the_same_fill),
        TEST(request_in_the_cycle_of_the_fill_hits),
        TEST(merging_without_a_free_target_is_refused),
        TEST(first_level_refuses_when_mshrs_are_full),
        TEST(freed_comes_with_the_fill_and_the_retry_is_accepted),
        TEST(freed_is_not_called_when_nobody_was_refused),
        TEST(merging_and_hits_go_on_when_mshrs_are_full),
        TEST(lower_level_queues_in_order_of_arrival),
        TEST(queued_request_of_a_line_that_got_in_flight_merges),
        TEST(queued_request_is_answered_at_its_turn_if_a_write_back_brought_the_line),
        TEST(lru_evicts_the_line_used_longest_ago),
        TEST(eviction_order_is_order_of_use_over_many_fills),
        TEST(other_sets_are_not_touched),
        TEST(any_number_of_sets_holds_as_many_lines_as_it_has),
        TEST(random_replacement_repeats_itself_exactly),
        TEST(clean_victim_is_dropped_in_silence),
        TEST(dirty_victim_is_written_back_hit_cycles_after_the_fill),
        TEST(write_miss_reads_below_and_leaves_the_line_dirty),
        TEST(merged_write_leaves_the_line_dirty),
        TEST(write_back_from_above_fills_without_reading_below),
        TEST(write_back_is_never_refused_and_meets_a_line_in_flight),
        TEST(lookups_and_misses_are_counted_by_origin),
        TEST(counters_have_their_paths),
        TEST(impossible_geometry_is_named),
        TEST(identities_hold_under_random_traffic),
        TEST(request_out_of_an_answer_does_not_overtake_the_queue),

        TEST(requests_for_memory_itself_pass_like_misses_and_bring_nothing_in),
        TEST(an_uncached_access_takes_the_line_that_is_here_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
