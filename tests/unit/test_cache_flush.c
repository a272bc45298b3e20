/* test_cache_flush.c - flushes, clean-ups and uncached accesses through two private levels, the directory and the
 * L3: what becomes of the line in every cache of every processor, in which order, and in how many cycles.
 *
 * Down: 3 (L1) + 3 (L2) + 4 (hop) + 6 (L3) + 20 (memory), and back 4. */
#include "tests/unit/directory_bench.h"

#define DOWN   (HIT + HIT + HOP)
#define FLUSH  (DOWN + L3HIT + BELOW + HOP)
#define SNOOPS (HOP + SNOOP + HOP)

static struct bench *build_all(void)
{
    f.has_l3 = true;
    return build(MESIF, 64, true);
}

static bool nobody_has(u64 line)
{
    for (u32 core = 0; core < CORES; core++)
        if (directory_core_state(&f.directory, core, line) != LINE_INVALID) return false;
    return cache_line_state(&f.l3, line) == LINE_INVALID;
}

/* The last request that memory has seen. */
static const struct mem_request *last_below(void)
{
    return &f.bench.below.seen[f.bench.below.n - 1].r;
}

static u64 last_below_cycle(void)
{
    return f.bench.below.seen[f.bench.below.n - 1].cycle;
}

/* A line brought in by `kind`, then flushed; a read behind it comes from memory. */
static void expect_flushed(enum mem_kind kind, bool dirty)
{
    struct bench *b = build_all();
    ask(0, 0, kind, 7);
    const unsigned flush = ask(0, ALONE, MEM_FLUSH, 7);
    bench_expect_at(b, flush, ALONE + FLUSH);
    assert_true(nobody_has(7));
    assert_int_equal(last_below()->kind, MEM_FLUSH);
    assert_int_equal(last_below()->dirty, dirty);
    assert_int_equal(last_below_cycle(), ALONE + DOWN + L3HIT);
    b->below.served = SERVED_DRAM;
    expect(0, 2 * ALONE, MEM_READ, 7, FLUSH, SERVED_DRAM);
    expect(0, 3 * ALONE, MEM_READ, 7, HIT, SERVED_L1);
}

static void a_flush_takes_the_line_from_every_level(void **s)
{
    expect_flushed(MEM_READ, false);
    assert_int_equal(f.l1[0].stats.flushed, 1);
    assert_int_equal(f.l2[0].stats.flushed, 1);
    assert_int_equal(f.l3.stats.flushed, 1);
    teardown(s);
    expect_flushed(MEM_WRITE, true);
}

static void a_flush_of_a_line_that_is_nowhere_goes_all_the_way_alike(void **s)
{
    (void)s;
    struct bench *b = build_all();
    bench_expect_at(b, ask(0, 0, MEM_FLUSH, 7), FLUSH);
    assert_false(last_below()->dirty);
    assert_int_equal(f.directory.stats.flushes, 1);
    assert_int_equal(f.directory.stats.snoops, 0);
}

static void a_flush_takes_another_processors_line_with_a_snoop(void **s)
{
    (void)s;
    struct bench *b = build_all();
    ask(0, 0, MEM_WRITE, 7);
    bench_expect_at(b, ask(1, ALONE, MEM_FLUSH, 7), ALONE + FLUSH + SNOOPS);
    assert_true(nobody_has(7));
    assert_true(last_below()->dirty);
    assert_int_equal(f.directory.stats.snoop_writebacks, 1);
    assert_int_equal(f.directory.stats.snoops, 1);
}

static void a_flush_takes_the_line_from_all_sharers_at_once(void **s)
{
    (void)s;
    struct bench *b = build_all();
    for (u32 core = 0; core < CORES; core++) ask(core, core * ALONE, MEM_READ, 7);
    bench_expect_at(b, ask(3, CORES * ALONE, MEM_FLUSH, 7), CORES * ALONE + FLUSH + SNOOPS);
    assert_true(nobody_has(7));
    assert_int_equal(f.directory.stats.snoops, 2 * (CORES - 1)); /* of the last reader each time, then of three */
}

/* Like the L1I, which is beside the way from the L1D. */
static void a_flush_takes_the_line_from_the_askers_cache_beside_its_way(void **s)
{
    (void)s;
    struct bench *b = build_all();
    ask(0, 0, MEM_READ, 7);
    bench_run(b, ALONE);
    b->port = cache_port(&f.l2[0]);
    bench_expect_at(b, bench_add(b, ALONE, MEM_FLUSH, ORIGIN_DATA, 7), ALONE + FLUSH - HIT + SNOOPS);
    assert_true(nobody_has(7));
}

static void a_clean_up_leaves_the_line_where_it_is_and_clean(void **s)
{
    (void)s;
    struct bench *b = build_all();
    ask(0, 0, MEM_WRITE, 7);
    bench_expect_at(b, ask(0, ALONE, MEM_CLEAN, 7), ALONE + FLUSH);
    assert_true(last_below()->dirty);
    assert_int_equal(state_in(0, 7), LINE_CLEAN);
    assert_int_equal(cache_line_state(&f.l3, 7), LINE_CLEAN);
    expect(0, 2 * ALONE, MEM_WRITE, 7, HIT, SERVED_L1); /* still its own */
    ask(0, 3 * ALONE, MEM_CLEAN, 7);
    ask(0, 4 * ALONE, MEM_CLEAN, 7);
    bench_run(b, 5 * ALONE);
    assert_false(last_below()->dirty); /* once is enough */
    assert_int_equal(f.l1[0].stats.cleaned, 2);
}

static void a_clean_up_cleans_another_processors_line_and_leaves_it_there(void **s)
{
    (void)s;
    struct bench *b = build_all();
    ask(0, 0, MEM_WRITE, 7);
    bench_expect_at(b, ask(1, ALONE, MEM_CLEAN, 7), ALONE + FLUSH + SNOOPS);
    assert_true(last_below()->dirty);
    assert_int_equal(state_in(0, 7), LINE_CLEAN);
    assert_int_equal(state_in(1, 7), LINE_INVALID);
    directory_check_identities(&f.directory);
    expect(0, 3 * ALONE, MEM_WRITE, 7, HIT, SERVED_L1);
}

/* --- order --- */

static void what_is_dirty_does_not_come_back_behind_an_uncached_access(void **s)
{
    static const enum mem_kind kinds[] = {MEM_UNCACHED_READ, MEM_UNCACHED_WRITE, MEM_FLUSH};
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        struct bench *b = build_all();
        ask(0, 0, MEM_WRITE, 7);
        ask(0, ALONE, kinds[i], 7);
        bench_run(b, 3 * ALONE);
        assert_true(nobody_has(7));
        assert_true(last_below()->dirty);
        if (i + 1 < ARRAY_LEN(kinds)) teardown(s);
    }
}

static void a_write_back_on_its_way_is_met_by_a_flush_that_follows_it(void **s)
{
    (void)s;
    struct bench *b = build_all();
    ask(0, 0, MEM_WRITE, 4); /* 4, 8 and 12 are one set of the L1 */
    ask(0, ALONE, MEM_READ, 8);
    const unsigned evicts = ask(0, 2 * ALONE, MEM_READ, 12);
    const u64 cycle = 2 * ALONE + FLUSH;
    ask(0, cycle + 1, MEM_FLUSH, 4);
    bench_expect_at(b, evicts, cycle);
    bench_run(b, cycle + 1);
    assert_int_equal(state_in(0, 4), LINE_INVALID); /* the write-back has left the L1... */
    assert_int_equal(f.l2[0].stats.writebacks_in, 0); /* ...and the L2 has not got it */
    bench_run(b, cycle + 2 * ALONE);
    assert_true(nobody_has(4));
    assert_int_equal(last_below()->kind, MEM_FLUSH);
    assert_true(last_below()->dirty);
}

static void a_flush_behind_a_miss_in_flight_leaves_nothing(void **s)
{
    (void)s;
    struct bench *b = build_all();
    const unsigned read = ask(0, 0, MEM_READ, 7);
    const unsigned flush = ask(0, 1, MEM_FLUSH, 7);
    bench_expect_at(b, read, FLUSH);
    bench_run(b, 3 * ALONE);
    /* The line's transactions take turns. */
    assert_int_equal(b->reply[flush].ready, DOWN + L3HIT + BELOW + L3HIT + BELOW + HOP);
    assert_true(nobody_has(7));
}

/* Line 8 is dirty in processor 1's L1, which has room for two of these lines, its L2 for four. The last read takes
 * the place of line 8 in one of them; processor 0 flushes the line at `flush`, from which that eviction is not
 * far. Returns whether there was something to evict. */
static bool expect_no_line_behind(unsigned reads, u64 flush)
{
    struct bench *b = build_all();
    ask(1, 0, MEM_WRITE, 8);
    for (u64 n = 1; n <= reads; n++) ask(1, n * ALONE, MEM_READ, 8 + 8 * n);
    ask(0, flush, MEM_FLUSH, 8);
    bench_run(b, flush + 10 * FLUSH);
    assert_true(nobody_has(8));
    return (reads == 4 ? f.l2 : f.l1)[1].stats.writebacks > 0;
}

/* Wherever it is when the flush comes: between its caches, on its way to the directory, or in the L3. */
static void another_processors_write_back_on_its_way_does_not_outlive_a_flush(void **s)
{
    for (unsigned reads = 2; reads <= 4; reads += 2) {
        unsigned evicted = 0;
        for (u64 before = 0; before < 40; before++) {
            evicted += expect_no_line_behind(reads, reads * ALONE + FLUSH - before);
            if (reads != 4 || before != 39) teardown(s);
        }
        assert_in_range(evicted, 5, 35); /* before it and behind it */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_flush_takes_the_line_from_every_level, teardown),
        cmocka_unit_test_teardown(a_flush_of_a_line_that_is_nowhere_goes_all_the_way_alike, teardown),
        cmocka_unit_test_teardown(a_flush_takes_another_processors_line_with_a_snoop, teardown),
        cmocka_unit_test_teardown(a_flush_takes_the_line_from_all_sharers_at_once, teardown),
        cmocka_unit_test_teardown(a_flush_takes_the_line_from_the_askers_cache_beside_its_way, teardown),
        cmocka_unit_test_teardown(a_clean_up_leaves_the_line_where_it_is_and_clean, teardown),
        cmocka_unit_test_teardown(a_clean_up_cleans_another_processors_line_and_leaves_it_there, teardown),
        cmocka_unit_test_teardown(what_is_dirty_does_not_come_back_behind_an_uncached_access, teardown),
        cmocka_unit_test_teardown(a_write_back_on_its_way_is_met_by_a_flush_that_follows_it, teardown),
        cmocka_unit_test_teardown(a_flush_behind_a_miss_in_flight_leaves_nothing, teardown),
        cmocka_unit_test_teardown(another_processors_write_back_on_its_way_does_not_outlive_a_flush, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
