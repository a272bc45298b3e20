/* test_core.c - the fast core, switching between core models, limits; time that devices see; batching changes
 * nothing. */
#include "core_bench.h"

static struct core_bench *start(enum core_kind kind, bool batching)
{
    struct pc_cfg cfg = bench_cfg();
    cfg.board.batching = batching;
    return bench_new(&cfg, kind);
}

static void nops(struct core_bench *b, unsigned n)
{
    while (n--) CODE(b, NOP);
}

static u64 cycles(struct core_bench *b)
{
    core_sync(&b->cpu->core);
    return b->cpu->core.cycles;
}

/* --- the fast core --- */

static void a_device_sees_the_exact_cycle_of_its_instruction(void **state)
{
    (void)state;
    for (unsigned batching = 0; batching < 2; batching++)
        for (unsigned before = 0; before < 70; before += 23) {
            struct core_bench *b = start(CORE_FAST, batching);
            nops(b, before);
            CODE(b, RDTSC, 0x89, 0xc3 /* mov ebx, eax */, RDTSC, 0xe6, 0xf4 /* out 0xf4, al */, HLT);
            bench_run(b, 200);
            assert_int_equal(b->cpu->hart->reg[REG_RBX], before);
            assert_int_equal(b->cpu->hart->reg[REG_RAX], before + 2);
            assert_int_equal(b->exit_cycle, before + 3);
            bench_free(b);
        }
}

static void kernel_time_is_that_of_the_instruction(void **state)
{
    (void)state;
    struct core_bench *b = start(CORE_FAST, true);
    nops(b, 40);
    CODE(b, 0xe6, 0xf4 /* out 0xf4, al */, HLT);
    bench_run(b, 200);
    assert_int_equal(b->exit_ps, 40 * 1000);
    bench_free(b);
}

static void wake_by_nmi(void *self)
{
    struct core_bench *b = self;
    hart_raise_nmi(b->cpu->hart);
    core_wake(&b->cpu->core);
}

static void a_halted_fast_core_idles_exactly(void **state)
{
    (void)state;
    for (unsigned batching = 0; batching < 2; batching++) {
        struct core_bench *b = start(CORE_FAST, batching);
        nops(b, 9);
        CODE(b, HLT);
        bench_set_up_idt(b, VEC_NMI);
        kernel_notify(kernel_event_new("nmi", KERNEL_DEVICE, wake_by_nmi, b),
                      clock_cycle_to_ps(&b->pc.clock, 500));
        bench_run(b, 2000);
        assert_int_equal(bench_native(b, CAUSE_idle), 500 - 10);
        assert_int_equal(bench_native(b, CAUSE_base),
                         10 + 1 + 2); /* the delivery, the handler's load and HLT */
        bench_free(b);
    }
}

static void store_by_a_device(void *self)
{
    struct core_bench *b = self;
    physmem_write64(b->cpu->hart->mem, HPA(LINE(3) + 8), 1);
}

/* An interrupt that RFLAGS.IF masks; MWAIT's ECX[0] asks to be woken by it. */
static void masked_interrupt(void *self)
{
    struct core_bench *b = self;
    hart_set_intr(b->cpu->hart, true);
    core_wake(&b->cpu->core);
}

/* Cycles that a core rests in MWAIT whose end comes at cycle 500. The line is touched before, so that it begins at once. */
static u64 cycles_in_mwait(enum core_kind kind, bool batching, kernel_fn end)
{
    struct core_bench *b = start(kind, batching);
    CODE(b, 0xb8, IMM32(LINE(3)) /* mov eax */, 0x31, 0xc9 /* xor ecx, ecx */, 0x0f, 0x01, 0xc8 /* monitor */,
         0xb9, IMM32(1) /* mov ecx */, 0x0f, 0x01, 0xc9 /* mwait */, PROBE(LINE(9)), 0xeb, 0xfe /* jmp */);
    kernel_notify(kernel_event_new("end", KERNEL_DEVICE, end, b), clock_cycle_to_ps(&b->pc.clock, 500));
    bench_run(b, 499);
    assert_int_equal(b->cpu->hart->activity, ACTIVITY_MWAIT);
    bench_run(b, 1500);
    assert_int_equal(b->cpu->hart->activity, ACTIVITY_ACTIVE);
    assert_false(b->cpu->hart->monitor.armed);
    u64 idle = bench_native(b, CAUSE_idle);
    bench_free(b);
    return idle;
}

static void mwait_rests_until_a_store_or_an_interrupt_that_need_not_be_open(void **state)
{
    (void)state;
    for (unsigned batching = 0; batching < 2; batching++) {
        assert_int_equal(cycles_in_mwait(CORE_FAST, batching, store_by_a_device), 500 - 5);
        assert_int_equal(cycles_in_mwait(CORE_FAST, batching, masked_interrupt), 500 - 5);
        u64 idle = cycles_in_mwait(CORE_INORDER, batching, store_by_a_device);
        assert_in_range(idle, 100, 500);
        assert_int_equal(cycles_in_mwait(CORE_INORDER, batching, masked_interrupt), idle);
    }
}

/* --- limits --- */

static void a_fast_run_stops_at_its_instruction_limit(void **state)
{
    (void)state;
    u64 at[2];
    for (unsigned batching = 0; batching < 2; batching++) {
        struct core_bench *b = start(CORE_FAST, batching);
        nops(b, 200);
        b->cpu->core.max_instructions = 100;
        assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STOPPED);
        assert_int_equal(b->cpu->hart->instructions, 100);
        at[batching] = cycles(b);
        bench_free(b);
    }
    assert_int_equal(at[0], 100);
    assert_int_equal(at[1], 100);
}

static void an_inorder_run_stops_at_its_instruction_limit_with_an_empty_pipe(void **state)
{
    (void)state;
    u64 at[2];
    for (unsigned batching = 0; batching < 2; batching++) {
        struct core_bench *b = start(CORE_INORDER, batching);
        bench_slow(b, LINE(0), 300);
        CODE(b, NOP, LOAD_EAX(LINE(0)));
        nops(b, 200);
        b->cpu->core.max_instructions = 10;
        assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STOPPED);
        assert_int_equal(b->cpu->hart->instructions, 10);
        assert_true(inorder_is_empty(&b->cpu->inorder));
        at[batching] = cycles(b);
        bench_free(b);
    }
    assert_int_equal(at[0], 300); /* the data are there */
    assert_int_equal(at[1], 300);
}

/* --- switching --- */

static void a_switch_at_a_count_happens_behind_that_instruction(void **state)
{
    (void)state;
    for (unsigned batching = 0; batching < 2; batching++) {
        struct core_bench *b = start(CORE_FAST, batching);
        nops(b, 50);
        CODE(b, PROBE(LINE(0)), HLT);
        b->cpu->core.switch_at_instruction = 30;
        b->cpu->core.switch_to = CORE_INORDER;
        bench_run(b, 500);
        assert_int_equal(b->cpu->core.kind, CORE_INORDER);
        assert_int_equal(bench_sent(b, LINE(0)), 30 + 10); /* thirty, one a cycle; then twenty, two a cycle */
        bench_free(b);
    }
}

static void the_inorder_core_empties_its_pipe_before_the_fast_one_goes_on(void **state)
{
    (void)state;
    u64 at[2];
    for (unsigned batching = 0; batching < 2; batching++) {
        struct core_bench *b = start(CORE_INORDER, batching);
        bench_slow(b, LINE(0), 300);
        CODE(b, LOAD_EBX(LINE(0)));
        nops(b, 40);
        CODE(b, RDTSC, HLT);
        b->cpu->core.switch_at_instruction = 1;
        b->cpu->core.switch_to = CORE_FAST;
        bench_run(b, 1000);
        assert_int_equal(b->cpu->core.kind, CORE_FAST);
        assert_null(b->cpu->hart->record);
        at[batching] = b->cpu->hart->reg[REG_RAX];
        assert_int_equal(bench_native(b, CAUSE_idle), 0);
        bench_free(b);
    }
    assert_int_equal(at[0], at[1]);
    assert_int_equal(at[0], 300 + 40);
}

static void accounts_go_on_across_switches(void **state)
{
    (void)state;
    struct core_bench *b = start(CORE_FAST, true);
    nops(b, 50);
    CODE(b, HLT);
    b->cpu->core.switch_at_instruction = 10;
    b->cpu->core.switch_to = CORE_INORDER;
    bench_run(b, 12);
    b->cpu->core.switch_at_instruction = 30;
    b->cpu->core.switch_to = CORE_FAST;
    bench_run(b, 500);
    assert_int_equal(b->cpu->hart->instructions, 51);
    assert_int_equal(cycles(b), account_sum(&b->cpu->core.account));
    bench_free(b);
}

/* --- configuration --- */

static bool accepts(const char *assignment)
{
    struct pc_cfg cfg;
    struct config *c = config_new(GIGOGNE_SOURCE);
    assert_true(config_set(c, "cpu.inorder.loads_in_flight=8"));
    assert_true(config_set(c, "cpu.inorder.store_buffer_entries=8"));
    assert_true(config_set(c, "cpu.walker.walkers=2"));
    assert_true(config_set(c, assignment));
    bool ok = pc_cfg_bind(&cfg, c);
    config_free(c);
    return ok;
}

static void a_walk_queue_too_short_for_the_core_is_refused(void **state)
{
    (void)state;
    assert_true(accepts("cpu.walker.queue_entries=14"));
    assert_false(accepts("cpu.walker.queue_entries=13"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_sees_the_exact_cycle_of_its_instruction),
        cmocka_unit_test(kernel_time_is_that_of_the_instruction),
        cmocka_unit_test(a_halted_fast_core_idles_exactly),
        cmocka_unit_test(mwait_rests_until_a_store_or_an_interrupt_that_need_not_be_open),
        cmocka_unit_test(a_fast_run_stops_at_its_instruction_limit),
        cmocka_unit_test(an_inorder_run_stops_at_its_instruction_limit_with_an_empty_pipe),
        cmocka_unit_test(a_switch_at_a_count_happens_behind_that_instruction),
        cmocka_unit_test(the_inorder_core_empties_its_pipe_before_the_fast_one_goes_on),
        cmocka_unit_test(accounts_go_on_across_switches),
        cmocka_unit_test(a_walk_queue_too_short_for_the_core_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
