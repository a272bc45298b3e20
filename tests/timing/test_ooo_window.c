/* test_ooo_window.c - how far the out-of-order core sees: each limit to the very entry, behind a load that takes long. */
#include "tests/timing/ooo_bench.h"

#define SLOW 1000 /* cycles of the load that everything stands behind */

static struct pc_cfg cfg;

static int setup(void **state)
{
    (void)state;
    cfg = bench_cfg();
    return 0;
}

#define NOP_CODE      0x90
#define ADD_EAX       0x83, 0xc0, 0x01 /* hangs on the slow load */
#define LOAD_FAST     0x8b, 0x14, 0x25, IMM32(LINE(1))
#define STORE_FAST    0x89, 0x1c, 0x25, IMM32(LINE(2))
#define MOV_ECX_1     0xb9, 1, 0, 0, 0

/* The slow load, n times the code, a probe: does the probe go out before the load is back? */
static bool sees(unsigned n, const u8 *code, size_t bytes)
{
    struct core_bench *b = ooo_bench(&cfg);
    bench_slow(b, LINE(0), SLOW);
    CODE(b, LOAD_EAX(LINE(0)));
    for (unsigned i = 0; i < n; i++) bench_append(b, code, bytes);
    CODE(b, PROBE(LINE(9)), HLT);
    bench_run(b, 5000);
    u64 sent = bench_sent(b, LINE(9));
    assert_true(sent != NEVER);
    bench_free(b);
    return sent < SLOW;
}
#define SEES(n, ...) sees(n, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static void expect_knee(bool below, bool at)
{
    assert_true(below);
    assert_false(at);
}

static void the_reorder_buffer_holds_224(void **state)
{
    (void)state;
    expect_knee(SEES(222, NOP_CODE), SEES(223, NOP_CODE));
    cfg.ooo.rob_entries = 100;
    expect_knee(SEES(98, NOP_CODE), SEES(99, NOP_CODE));
}

static void the_scheduler_holds_97(void **state)
{
    (void)state;
    expect_knee(SEES(96, ADD_EAX), SEES(97, ADD_EAX));
}

static void the_load_buffer_holds_72(void **state)
{
    (void)state;
    expect_knee(SEES(70, LOAD_FAST), SEES(71, LOAD_FAST));
}

static void the_store_buffer_holds_56(void **state)
{
    (void)state;
    expect_knee(SEES(56, STORE_FAST), SEES(57, STORE_FAST));
}

static void physical_registers_run_out(void **state)
{
    (void)state;
    cfg.ooo.integer_registers = 100;
    /* 84 beside the architecture's, of which the slow load and the probe take one each */
    expect_knee(SEES(82, MOV_ECX_1), SEES(83, MOV_ECX_1));
}

static void independent_misses_overlap(void **state)
{
    (void)state;
    struct core_bench *b = ooo_bench(&cfg);
    for (unsigned i = 0; i < 8; i++) bench_slow(b, LINE(i), SLOW);
    for (unsigned i = 0; i < 8; i++) CODE(b, LOAD_ECX(LINE(i)));
    CODE(b, HLT);
    bench_run(b, 5000);
    assert_in_range(bench_sent(b, LINE(7)) - bench_sent(b, LINE(0)), 3, 10); /* two a cycle, as decode delivers */
    assert_in_range(bench_native(b, CAUSE_dram_data), SLOW - 5, SLOW + 5);
    bench_free(b);
}

static void refused_misses_go_out_when_a_fill_buffer_is_free(void **state)
{
    (void)state;
    struct core_bench *b = ooo_bench(&cfg);
    b->l1d.mshrs = 2;
    for (unsigned i = 0; i < 3; i++) bench_slow(b, LINE(i), SLOW);
    for (unsigned i = 0; i < 3; i++) CODE(b, LOAD_ECX(LINE(i)));
    CODE(b, HLT);
    bench_run(b, 5000);
    assert_int_equal(bench_sent(b, LINE(2)), bench_sent(b, LINE(0)) + SLOW);
    bench_free(b);
}

static void top_down_slots_of_a_miss_are_the_memorys(void **state)
{
    (void)state;
    struct core_bench *b = ooo_bench(&cfg);
    bench_slow(b, LINE(0), SLOW);
    CODE(b, LOAD_EAX(LINE(0)));
    for (unsigned i = 0; i < 300; i++) CODE(b, NOP);
    CODE(b, HLT);
    bench_run(b, 1300);
    clock_advance(&b->pc.clock, 1300); /* nothing happens any more */
    core_sync(&b->cpu->core);
    const struct topdown *t = &b->cpu->ooo->topdown;
    assert_int_equal(t->cycles, b->cpu->core.cycles);
    assert_in_range(t->slots[TOPDOWN_memory], 4 * (SLOW - 90), 4 * (SLOW - 40)); /* but the window's filling */
    assert_int_equal(t->slots[TOPDOWN_retiring], 301);
    assert_true(t->slots[TOPDOWN_idle] > 0);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_reorder_buffer_holds_224, setup),
        cmocka_unit_test_setup(the_scheduler_holds_97, setup),
        cmocka_unit_test_setup(the_load_buffer_holds_72, setup),
        cmocka_unit_test_setup(the_store_buffer_holds_56, setup),
        cmocka_unit_test_setup(physical_registers_run_out, setup),
        cmocka_unit_test_setup(independent_misses_overlap, setup),
        cmocka_unit_test_setup(refused_misses_go_out_when_a_fill_buffer_is_free, setup),
        cmocka_unit_test_setup(top_down_slots_of_a_miss_are_the_memorys, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
