/* test_flusher.c - emptying processor 0's L1 and L2 and the L3: cycles, what reaches memory, what stays elsewhere. */
#include "tests/unit/directory_bench.h"

#include "caches/flusher.h"

#define L1_SETS 4u
#define L2_SETS 4u
#define L3_SETS 16u
/* A set a cycle, and the way from each cache to the next. */
#define WALK (1 + L1_SETS + HIT + L2_SETS + HIT + L3_SETS + L3HIT)

static struct flusher flusher;
static u64 done_cycle;

static void done(void *self)
{
    (void)self;
    done_cycle = clock_now(&f.bench.clock);
}

static void build_flusher(u32 lines_in_flight)
{
    f.has_l3 = true;
    build(MESIF, 64, true);
    flusher_init(&flusher, &(struct flusher_cfg){.sets_per_cycle = 1, .lines_in_flight = lines_in_flight},
                 &(struct flusher_desc){
                     .clock = &f.bench.clock, .cache = {&f.l1[0], &f.l2[0], &f.l3}, .n_caches = 3, .done = done});
}

static void start(void *self, u64 way)
{
    (void)self;
    flusher_start(&flusher, (enum flusher_way)way, way == FLUSHER_SPILLS ? 1 : 3);
}

/* Cycles from the start to the end. */
static u64 run(enum flusher_way way, u64 cycle)
{
    done_cycle = 0;
    clock_post(&f.bench.clock, cycle, start, NULL, way);
    bench_run(&f.bench, cycle + 50 * ALONE);
    assert_false(flusher.busy);
    assert_int_equal(flusher.stats.cycles, done_cycle - cycle);
    return done_cycle - cycle;
}

static u64 fill(enum mem_kind kind, u64 n)
{
    for (u64 line = 0; line < n; line++) ask(0, line * ALONE, kind, line);
    bench_run(&f.bench, n * ALONE);
    return n * ALONE;
}

static bool all_gone(u64 n)
{
    for (u64 line = 0; line < n; line++)
        if (directory_core_state(&f.directory, 0, line) || cache_line_state(&f.l3, line)) return false;
    return true;
}

static void empty_caches_take_the_walk_over_their_sets(void **s)
{
    (void)s;
    build_flusher(16);
    assert_int_equal(run(FLUSHER_WRITES_BACK, 10), WALK);
    assert_int_equal(flusher.stats.lines, 0);
}

static void clean_lines_go_in_silence_and_take_no_time(void **s)
{
    (void)s;
    build_flusher(16);
    const u64 cycle = fill(MEM_READ, 4);
    const unsigned below = f.bench.below.n;
    assert_int_equal(run(FLUSHER_WRITES_BACK, cycle), WALK);
    assert_true(all_gone(4));
    assert_int_equal(f.bench.below.n, below);
    assert_int_equal(flusher.stats.lines, 3 * 4);
    assert_int_equal(flusher.stats.dirty, 0);
}

static void dirty_lines_are_written_back_and_take_their_time(void **s)
{
    u64 cycles[3];
    for (unsigned n = 0; n < 3; n++) {
        build_flusher(1);
        const u64 cycle = fill(MEM_WRITE, n);
        const unsigned below = f.bench.below.n;
        cycles[n] = run(FLUSHER_WRITES_BACK, cycle);
        assert_true(all_gone(n));
        assert_int_equal(flusher.stats.dirty, n);
        assert_int_equal(f.bench.below.n, below + n);
        for (unsigned i = below; i < f.bench.below.n; i++) assert_true(f.bench.below.seen[i].r.dirty);
        if (n < 2) teardown(s);
    }
    /* One at a time: from the L1, through the L2, the interconnect and the L3 to memory and back. The walk goes on with
     * the first answer. */
    const u64 one = HIT + HIT + HOP + L3HIT + BELOW + HOP;
    assert_int_equal(cycles[0], WALK);
    assert_in_range(cycles[1] - cycles[0], one - 2, one);
    assert_in_range(cycles[2] - cycles[1], one - 2, one);
}

static void several_dirty_lines_are_on_their_way_at_once(void **s)
{
    u64 cycles[2];
    for (unsigned i = 0; i < 2; i++) {
        build_flusher(i ? 5 : 1); /* five: it never stops */
        cycles[i] = run(FLUSHER_WRITES_BACK, fill(MEM_WRITE, 4));
        assert_int_equal(flusher.stats.dirty, 4);
        if (i == 0) teardown(s);
    }
    assert_in_range(cycles[1], WALK, 1 + L1_SETS + HIT + HIT + HOP + L3HIT + BELOW + HOP);
    assert_true(cycles[0] > cycles[1] + 3 * BELOW);
}

static void dropped_lines_reach_nobody(void **s)
{
    (void)s;
    build_flusher(16);
    const u64 cycle = fill(MEM_WRITE, 4);
    const unsigned below = f.bench.below.n;
    assert_int_equal(run(FLUSHER_DROPS, cycle), WALK);
    assert_true(all_gone(4));
    assert_int_equal(f.bench.below.n, below);
}

static void a_spilled_l1_leaves_its_dirty_lines_to_the_l2(void **s)
{
    (void)s;
    build_flusher(16);
    const u64 cycle = fill(MEM_WRITE, 4);
    const unsigned below = f.bench.below.n;
    assert_int_equal(run(FLUSHER_SPILLS, cycle), 1 + L1_SETS + HIT);
    assert_int_equal(f.bench.below.n, below);
    for (u64 line = 0; line < 4; line++) {
        assert_int_equal(state_in(0, line), LINE_INVALID);
        assert_int_equal(cache_line_state(&f.l2[0], line), LINE_DIRTY);
    }
}

static void other_processors_keep_their_lines(void **s)
{
    (void)s;
    build_flusher(16);
    ask(1, 0, MEM_WRITE, 7);
    run(FLUSHER_WRITES_BACK, ALONE);
    assert_int_equal(state_in(1, 7), LINE_DIRTY);
}

static void an_inclusive_l3_takes_and_writes_back_what_others_have(void **s)
{
    (void)s;
    build_flusher(16);
    f.l3.inclusion = INCLUSIVE;
    cache_set_recall(&f.l3, directory_recall(&f.directory));
    ask(1, 0, MEM_WRITE, 7);
    run(FLUSHER_WRITES_BACK, ALONE);
    assert_int_equal(state_in(1, 7), LINE_INVALID);
    assert_int_equal(flusher.stats.dirty, 1);
    assert_true(f.bench.below.seen[1].r.dirty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(empty_caches_take_the_walk_over_their_sets, teardown),
        cmocka_unit_test_teardown(clean_lines_go_in_silence_and_take_no_time, teardown),
        cmocka_unit_test_teardown(dirty_lines_are_written_back_and_take_their_time, teardown),
        cmocka_unit_test_teardown(several_dirty_lines_are_on_their_way_at_once, teardown),
        cmocka_unit_test_teardown(dropped_lines_reach_nobody, teardown),
        cmocka_unit_test_teardown(a_spilled_l1_leaves_its_dirty_lines_to_the_l2, teardown),
        cmocka_unit_test_teardown(other_processors_keep_their_lines, teardown),
        cmocka_unit_test_teardown(an_inclusive_l3_takes_and_writes_back_what_others_have, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
