/* test_sample.c - sampled runs: where windows lie and what they measure, the estimate and its interval, time between windows, periods that
 * double; the filters of functional warming. */
#include "core_bench.h"

#include "models/core/sample.h"
#include <math.h>


static struct pc_cfg cfg;
static unsigned begun, ended;

static void note_window(void *self, bool begins)
{
    (void)self;
    begun += begins;
    ended += !begins;
}

/* A machine whose first processor is sampled; code at CODE_AT, its caches between core and DRAM. */
static struct core_bench *start(u64 period, u64 window, u64 detailed)
{
    cfg = bench_cfg();
    cfg.board.core = CORE_INORDER;
    cfg.sample.on = false;
    struct core_bench *b = bench_new(&cfg, CORE_FAST);
    cfg.sample.period_instructions = period;
    cfg.sample.window_instructions = window;
    cfg.sample.detailed_instructions = detailed;
    cfg.sample.allowance_permille = 0;
    struct sample_watch watch = {note_window, NULL};
    assert_true(processor_add_sample(b->cpu, &cfg, &b->pc.l3, watch));
    begun = ended = 0;
    return b;
}

/* L: dependent additions, `n` of them, and a jump back: n + 1 instructions. */
static void loop(struct core_bench *b, unsigned n)
{
    u64 top = b->code_end;
    for (unsigned i = 0; i < n; i++) CODE(b, ADD_EBX_1);
    i32 back = (i32)(top - (b->code_end + 5));
    CODE(b, 0xe9, IMM32(back));
}

static u64 retired(const struct core_bench *b)
{
    return b->cpu->hart->instructions;
}

static const struct sample_stats *finish(struct core_bench *b)
{
    sample_end(b->cpu->sample);
    return &b->cpu->sample->stats;
}

/* --- the interval --- */

/* 30 draws of mean 10 whose standard deviation is 1: t(29) is 2.0452 at 95 %, 2.7564 at 99 %. */
static void the_interval_is_students(void **state)
{
    (void)state;
    double x[30];
    for (unsigned i = 0; i < 30; i++) x[i] = 10 + (i % 2 ? 1 : -1) * sqrt(29.0 / 30);
    assert_true(fabs(sample_interval(x, 1, 30, 2) * sqrt(30) - 2.0452) < 0.0005);
    assert_true(fabs(sample_interval(x, 1, 30, 1) * sqrt(30) - 2.7564) < 0.0005);
    double wide[] = {1, 99, 3, 98, 1, 97}; /* every other one: 1 3 1 */
    assert_true(sample_interval(wide, 2, 3, 0) < sample_interval(wide, 1, 6, 0));
    double same[] = {7, 7, 7, 7};
    assert_true(sample_interval(same, 1, 4, 0) == 0);
}

/* --- windows --- */

static void every_period_has_its_window_and_a_steady_loop_an_exact_estimate(void **state)
{
    (void)state;
    struct core_bench *b = start(2000, 300, 200);
    loop(b, 99);
    sample_begin(b->cpu->sample, 0);
    while (retired(b) < 20000) bench_run(b, clock_now(&b->pc.clock) + 500);
    const struct sample_stats *s = finish(b);
    assert_in_range(s->windows, 9, 10);
    assert_int_equal(begun, s->windows);
    assert_int_equal(ended, s->windows);
    assert_in_range(s->instructions, 20000, 22500);
    u64 cpi = 990000; /* 99 additions, each waits for the one before; the jump joins the last */
    assert_in_range(s->cpi_millionths, cpi - 2000, cpi + 2000);
    assert_in_range(s->cpi_interval_millionths, 0, 10000);
    assert_in_range(s->cycles, s->instructions * (cpi - 2000) / 1000000, s->instructions * (cpi + 2000) / 1000000);
    bench_free(b);
}

static void time_between_windows_goes_at_the_pace_that_they_found(void **state)
{
    (void)state;
    struct core_bench *b = start(2000, 300, 200);
    u64 top = b->code_end;
    for (unsigned i = 0; i < 9; i++) CODE(b, IMUL_EDX_EDX);
    CODE(b, 0xeb, (u8)(top - (b->code_end + 2)));
    sample_begin(b->cpu->sample, 0);
    while (retired(b) < 20000) bench_run(b, clock_now(&b->pc.clock) + 500);
    core_sync(&b->cpu->core);
    const struct sample_stats *s = finish(b);
    double whole = (double)b->cpu->core.cycles, estimate = (double)s->cycles;
    assert_true(s->cpi_millionths > 2500000);
    assert_true(whole > 0.85 * estimate && whole < 1.05 * estimate); /* the first period went at a cycle a step */
    bench_free(b);
}

static void with_many_windows_the_period_doubles_and_half_of_them_stay(void **state)
{
    (void)state;
    struct core_bench *b = start(1000, 50, 50);
    b->cpu->sample->cfg.max_windows = 8;
    loop(b, 99);
    sample_begin(b->cpu->sample, 0);
    while (retired(b) < 39000) bench_run(b, clock_now(&b->pc.clock) + 100);
    const struct sample_stats *s = finish(b);
    assert_int_equal(s->period_instructions, 8000); /* behind 8 of 1000, 4 of 2000, 4 of 4000 instructions */
    assert_in_range(s->windows, 4, 5);
    assert_in_range(begun, 8 + 4 + 4, 8 + 4 + 4 + 1);
    assert_in_range(s->cpi_millionths, 980000, 1040000);
    bench_free(b);
}

static void a_region_begins_the_sample_anew_and_its_end_completes_it(void **state)
{
    (void)state;
    struct core_bench *b = start(1000, 100, 100);
    loop(b, 99);
    sample_begin(b->cpu->sample, 0);
    while (retired(b) < 5000) bench_run(b, clock_now(&b->pc.clock) + 100);
    u64 from = retired(b);
    sample_begin(b->cpu->sample, 0);
    while (retired(b) < from + 5000) bench_run(b, clock_now(&b->pc.clock) + 100);
    const struct sample_stats *s = finish(b);
    assert_in_range(s->windows, 4, 5);
    assert_int_equal(s->instructions, retired(b) - from);
    u64 windows = begun;
    bench_run(b, clock_now(&b->pc.clock) + 5000);
    assert_int_equal(begun, windows);
    assert_int_equal(b->cpu->core.kind, CORE_FAST);
    bench_free(b);
}

static void idle_cycles_are_counted_and_not_sampled(void **state)
{
    (void)state;
    struct core_bench *b = start(1000, 100, 100);
    CODE(b, HLT);
    sample_begin(b->cpu->sample, 0);
    bench_run(b, 3000);
    clock_advance(&b->pc.clock, 3000);
    const struct sample_stats *s = finish(b);
    assert_int_equal(s->windows, 0);
    assert_int_equal(s->cycles, 0); /* nothing is known */
    assert_in_range(s->idle_cycles, 2990, 3000);
    bench_free(b);
}

/* --- configurations --- */

static void a_period_must_hold_what_is_detailed(void **state)
{
    (void)state;
    struct sample_cfg c = {.period_instructions = 3000, .window_instructions = 1000, .detailed_instructions = 2000};
    assert_non_null(sample_cfg_problem(&c));
    c.period_instructions++;
    assert_null(sample_cfg_problem(&c));
}

/* --- functional warming by the core --- */

/* Runs `b` from CODE_AT, warming, up to its HLT. */
static void run_warm(struct core_bench *b)
{
    warm_start(b->cpu->warm);
    bench_run(b, 5000);
    warm_stop(b->cpu->warm);
}

static void what_code_touches_is_in_caches_and_tlbs_behind_it(void **state)
{
    (void)state;
    struct core_bench *b = start(100000, 100, 100);
    bench_enable_paging(b);
    CODE(b, LOAD_EAX(LINE(3)), STORE_EAX(LINE(70)), LOAD_EAX(LINE(70)), LOAD_ECX(LINE(3)), HLT);
    run_warm(b);
    const struct processor *p = b->cpu;
    assert_int_equal(cache_line_state(&p->l1d, LINE(3) >> 6), LINE_CLEAN);
    assert_int_equal(cache_line_state(&p->l1d, LINE(70) >> 6), LINE_DIRTY);
    assert_true(cache_has(&p->l1i, HPA(CODE_AT)) && cache_has(&p->l2, HPA(CODE_AT)) && cache_has(&b->pc.l3, HPA(LINE(3))));
    assert_int_equal(p->mmu.stats.walks, 3); /* code, and two pages of data */
    assert_int_equal(p->l1d.stats.lookups_by[ORIGIN_WALK_GUEST] + p->l2.stats.lookups_by[ORIGIN_WALK_GUEST] > 0, 1);
    bench_free(b);
}

static void what_was_last_is_not_shown_again(void **state)
{
    (void)state;
    struct core_bench *b = start(100000, 100, 100);
    CODE(b, LOAD_EAX(LINE(3)), LOAD_EAX(LINE(3) + 8), LOAD_EAX(LINE(4)), LOAD_EAX(LINE(3)), STORE_EAX(LINE(3)), LOAD_EAX(LINE(3)), HLT);
    run_warm(b);
    assert_int_equal(b->cpu->l1d.stats.lookups_by[ORIGIN_DATA], 3); /* two lines, and the store */
    bench_free(b);
}

static void branches_train_the_predictor_when_they_are_to(void **state)
{
    (void)state;
    for (unsigned trains = 0; trains < 2; trains++) {
        struct core_bench *b = start(100000, 100, 100);
        CODE(b, 0xb9, IMM32(50)); /* mov ecx, 50 */
        CODE(b, ADD_EBX_1, 0xff, 0xc9 /* dec ecx */, 0x75, 0xf9 /* jnz -7 */, HLT);
        b->cpu->warm->trains = trains;
        run_warm(b);
        assert_int_equal(b->cpu->hart->reg[REG_RBX], 50);
        assert_int_equal(b->cpu->bpred.stats.branches, trains ? 50 : 0);
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_is_students),
        cmocka_unit_test(every_period_has_its_window_and_a_steady_loop_an_exact_estimate),
        cmocka_unit_test(time_between_windows_goes_at_the_pace_that_they_found),
        cmocka_unit_test(with_many_windows_the_period_doubles_and_half_of_them_stay),
        cmocka_unit_test(a_region_begins_the_sample_anew_and_its_end_completes_it),
        cmocka_unit_test(idle_cycles_are_counted_and_not_sampled),
        cmocka_unit_test(a_period_must_hold_what_is_detailed),
        cmocka_unit_test(what_code_touches_is_in_caches_and_tlbs_behind_it),
        cmocka_unit_test(what_was_last_is_not_shown_again),
        cmocka_unit_test(branches_train_the_predictor_when_they_are_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
