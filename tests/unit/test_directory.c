/* test_directory.c - the directory's transitions one by one, and random traffic. */
#include "tests/unit/directory_bench.h"

/* --- the transitions, one by one --- */

static void a_line_nobody_has_comes_exclusive(void **s)
{
    (void)s;
    build(MESI, 64, false);
    expect(0, 0, MEM_READ, 7, MEMORY, SERVED_L3);
    assert_int_equal(state_in(0, 7), LINE_CLEAN);
    expect(0, ALONE, MEM_WRITE, 7, HIT, SERVED_L1); /* no message: E becomes M in silence */
    assert_int_equal(state_in(0, 7), LINE_DIRTY);
    assert_int_equal(f.directory.stats.reads + f.directory.stats.owns, 1);
}

static void an_owner_answers_a_reader_and_both_share(void **s)
{
    (void)s;
    build(MESI, 64, false);
    expect(0, 0, MEM_WRITE, 7, MEMORY, SERVED_L3);
    expect(1, ALONE, MEM_READ, 7, PEER, SERVED_PEER);
    assert_int_equal(state_in(0, 7), LINE_SHARED);
    assert_int_equal(state_in(1, 7), LINE_SHARED);
    assert_int_equal(f.directory.stats.snoop_writebacks, 1);
    assert_int_equal(f.bench.below.seen[1].r.kind, MEM_WRITEBACK);
}

static void mesi_reads_a_shared_line_from_memory_and_mesif_from_its_last_reader(void **s)
{
    (void)s;
    build(MESI, 64, false);
    expect(0, 0, MEM_READ, 7, MEMORY, SERVED_L3);
    expect(1, ALONE, MEM_READ, 7, PEER, SERVED_PEER);
    expect(2, 2 * ALONE, MEM_READ, 7, MEMORY, SERVED_L3);
    teardown(s);
    build(MESIF, 64, false);
    expect(0, 0, MEM_READ, 7, MEMORY, SERVED_L3);
    expect(1, ALONE, MEM_READ, 7, PEER, SERVED_PEER);
    expect(2, 2 * ALONE, MEM_READ, 7, PEER, SERVED_PEER);
    assert_int_equal(f.l1[1].stats.snoops, 1);
    assert_int_equal(f.l1[0].stats.snoops, 1);
}

static void a_writer_takes_the_line_from_all_sharers(void **s)
{
    (void)s;
    build(MESIF, 64, false);
    for (u32 core = 0; core < 3; core++) ask(core, core * ALONE, MEM_READ, 7);
    expect(3, 3 * ALONE, MEM_WRITE, 7, MEMORY, SERVED_L3);
    for (u32 core = 0; core < 3; core++) assert_int_equal(state_in(core, 7), LINE_INVALID);
    assert_int_equal(state_in(3, 7), LINE_DIRTY);
}

static void a_sharer_that_writes_gets_the_right_without_data(void **s)
{
    (void)s;
    build(MESI, 64, false);
    ask(0, 0, MEM_READ, 7);
    ask(1, ALONE, MEM_READ, 7);
    expect(0, 2 * ALONE, MEM_WRITE, 7, RIGHT, SERVED_L3);
    assert_int_equal(f.directory.stats.from_nobody, 1);
    assert_int_equal(f.l1[0].stats.upgrades, 1);
    assert_int_equal(state_in(0, 7), LINE_DIRTY);
    assert_int_equal(state_in(1, 7), LINE_INVALID);
}

static void a_writer_gets_a_dirty_line_from_its_owner(void **s)
{
    (void)s;
    build(MESI, 64, false);
    expect(0, 0, MEM_WRITE, 7, MEMORY, SERVED_L3);
    expect(1, ALONE, MEM_WRITE, 7, PEER, SERVED_PEER);
    assert_int_equal(state_in(0, 7), LINE_INVALID);
    assert_int_equal(f.bench.below.n, 1); /* what is dirty goes over without memory */
}

static void an_owner_that_dropped_the_line_is_asked_in_vain(void **s)
{
    (void)s;
    build(MESI, 64, false);
    for (u64 n = 0; n < 3; n++)
        ask(0, n * ALONE, MEM_READ, 4 + 4 * n); /* one set of two ways: line 4 goes, in silence */
    expect(1, 3 * ALONE, MEM_READ, 4, PEER - HOP + BELOW + HOP, SERVED_L3);
    assert_int_equal(f.directory.stats.snoops_missed, 1);
}

static void two_writers_at_once_get_the_line_one_after_the_other(void **s)
{
    unsigned first, second;

    (void)s;
    build(MESI, 64, false);
    first = ask(0, 0, MEM_WRITE, 7);
    second = ask(1, 0, MEM_WRITE, 7);
    bench_expect_at(&f.bench, first, MEMORY);
    bench_expect_at(&f.bench, second, MEMORY + HOP + SNOOP + HOP);
    assert_int_equal(f.directory.stats.waited, 1);
    assert_int_equal(state_in(0, 7), LINE_INVALID);
    assert_int_equal(state_in(1, 7), LINE_DIRTY);
}

static void a_write_that_joins_a_shared_read_goes_for_the_right_afterwards(void **s)
{
    unsigned read, write;

    (void)s;
    build(MESI, 64, false);
    ask(1, 0, MEM_READ, 7);
    read = ask(0, ALONE, MEM_READ, 7);
    write = ask(0, ALONE + 1, MEM_WRITE, 7);
    bench_run(&f.bench, 3 * ALONE);
    assert_int_equal(f.bench.reply[read].ready, f.bench.reply[write].ready);
    assert_int_equal(state_in(0, 7), LINE_DIRTY);
    assert_int_equal(state_in(1, 7), LINE_INVALID);
}

static void a_full_directory_recalls_the_line_unused_for_the_longest_time(void **s)
{
    (void)s;
    build(MESI, 1, true); /* one set of four lines */
    for (u64 n = 0; n < 4; n++) ask((u32)n % CORES, n * ALONE, MEM_WRITE, 10 + n);
    ask(0, 4 * ALONE, MEM_READ, 20);
    bench_run(&f.bench, 5 * ALONE);
    assert_int_equal(f.directory.stats.recalls, 1);
    assert_int_equal(state_in(0, 10), LINE_INVALID);
    assert_int_equal(state_in(1, 11), LINE_DIRTY);
}

/* --- requests that pass the caches --- */

static void an_uncached_write_takes_the_line_from_everybody_and_stays_nowhere(void **s)
{
    (void)s;
    build(MESI, 64, false);
    expect(0, 0, MEM_WRITE, 7, MEMORY, SERVED_L3);
    ask(1, ALONE, MEM_UNCACHED_WRITE, 7);
    bench_run(&f.bench, 2 * ALONE);
    for (u32 core = 0; core < CORES; core++) assert_int_equal(state_in(core, 7), LINE_INVALID);
    assert_int_equal(f.directory.stats.snoop_writebacks, 1);
    expect(2, 2 * ALONE, MEM_READ, 7, MEMORY, SERVED_L3);
    assert_int_equal(state_in(2, 7), LINE_CLEAN);
}

static void an_uncached_read_leaves_the_line_with_its_owner(void **s)
{
    (void)s;
    build(MESI, 64, false);
    expect(0, 0, MEM_READ, 7, MEMORY, SERVED_L3);
    ask(1, ALONE, MEM_UNCACHED_READ, 7);
    bench_run(&f.bench, 2 * ALONE);
    assert_int_equal(state_in(0, 7), LINE_SHARED);
    assert_int_equal(state_in(1, 7), LINE_INVALID);
}

/* --- random traffic: at every moment one writer or many readers, and everybody is answered --- */

static u64 seed;

static u64 random_below(u64 n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 33) % n;
}

static void expect_one_writer_or_many_readers(u64 lines)
{
    for (u64 line = 0; line < lines; line++) {
        unsigned owners = 0, holders = 0;

        for (u32 core = 0; core < CORES; core++) {
            const enum line_state a = cache_line_state(&f.l1[core], line),
                                  b = cache_line_state(&f.l2[core], line);

            owners += a > LINE_SHARED || b > LINE_SHARED;
            holders += a != LINE_INVALID || b != LINE_INVALID;
        }
        assert_true(owners == 0 || (owners == 1 && holders == 1));
    }
}

static enum mem_kind random_kind(void)
{
    static const enum mem_kind kind[] = {MEM_READ, MEM_READ, MEM_READ, MEM_READ, MEM_WRITE, MEM_WRITE, MEM_WRITE,
                                         MEM_WRITE_THROUGH, MEM_UNCACHED_READ, MEM_UNCACHED_WRITE, MEM_FLUSH, MEM_CLEAN};

    return kind[random_below(ARRAY_LEN(kind))];
}

/* Requests that a cache refuses are not repeated: only accepted ones must be answered. */
static void run_traffic(u32 protocol, u32 lines_per_core, u64 lines, u64 pace)
{
    u64 cycle = 0;

    build(protocol, lines_per_core, true);
    for (unsigned n = 0; n < 300; n++, cycle += random_below(pace))
        ask((u32)random_below(CORES), cycle, random_kind(), random_below(lines));
    for (u64 now = 0; now < cycle; now += 7) {
        bench_run(&f.bench, now);
        expect_one_writer_or_many_readers(lines);
        if (now % 49 == 0) directory_check_identities(&f.directory);
    }
    bench_run(&f.bench, cycle + 20000);
    for (unsigned i = 0; i < f.bench.n; i++)
        assert_true(f.bench.reply[i].answer == PORT_BUSY || f.bench.reply[i].ready != BENCH_NEVER);
    expect_one_writer_or_many_readers(lines);
}

static void random_traffic_keeps_one_writer_or_many_readers(void **s)
{
    for (u32 protocol = MESI; protocol <= MESIF; protocol++)
        for (u64 lines = 2; lines <= 128; lines *= 2)
            for (u64 pace = 2; pace <= 40; pace *= 3) {
                seed = lines * 100 + pace + protocol;
                run_traffic(protocol, 64, lines, pace);
                teardown(s);
                run_traffic(protocol, 2, lines, pace); /* a directory that is always full */
                teardown(s);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_line_nobody_has_comes_exclusive, teardown),
        cmocka_unit_test_teardown(an_owner_answers_a_reader_and_both_share, teardown),
        cmocka_unit_test_teardown(mesi_reads_a_shared_line_from_memory_and_mesif_from_its_last_reader,
                                  teardown),
        cmocka_unit_test_teardown(a_writer_takes_the_line_from_all_sharers, teardown),
        cmocka_unit_test_teardown(a_sharer_that_writes_gets_the_right_without_data, teardown),
        cmocka_unit_test_teardown(a_writer_gets_a_dirty_line_from_its_owner, teardown),
        cmocka_unit_test_teardown(an_owner_that_dropped_the_line_is_asked_in_vain, teardown),
        cmocka_unit_test_teardown(two_writers_at_once_get_the_line_one_after_the_other, teardown),
        cmocka_unit_test_teardown(a_write_that_joins_a_shared_read_goes_for_the_right_afterwards, teardown),
        cmocka_unit_test_teardown(a_full_directory_recalls_the_line_unused_for_the_longest_time, teardown),
        cmocka_unit_test_teardown(an_uncached_write_takes_the_line_from_everybody_and_stays_nowhere, teardown),
        cmocka_unit_test_teardown(an_uncached_read_leaves_the_line_with_its_owner, teardown),
        cmocka_unit_test(random_traffic_keeps_one_writer_or_many_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
