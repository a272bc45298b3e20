/* test_inorder.c - the in-order core's pipeline: issue, dependences, latencies, branches, fetch, drains, the
 * end of a run.
 *
 * A probe is a load whose address depends on the register under test: the cycle at which it reaches the L1D
 * is the cycle at which the register was ready, no earlier and no later. */
#include "core_bench.h"

static struct core_bench *start(u32 width)
{
    struct pc_cfg cfg = bench_cfg();
    cfg.inorder.issue_width = width;
    return bench_new(&cfg, CORE_INORDER);
}

/* --- issue --- */

static void two_independent_operations_issue_in_one_cycle(void **state)
{
    (void)state;
    struct core_bench *b = start(2);
    CODE(b, ADD_EBX_1, ADD_ECX_1, PROBE(LINE(0)), HLT);
    bench_run(b, 20);
    assert_int_equal(bench_sent(b, LINE(0)), 1);
    bench_free(b);
}

static void a_scalar_core_issues_one_operation_a_cycle(void **state)
{
    (void)state;
    struct core_bench *b = start(1);
    CODE(b, ADD_EBX_1, ADD_ECX_1, PROBE(LINE(0)), HLT);
    bench_run(b, 20);
    assert_int_equal(bench_sent(b, LINE(0)), 2);
    bench_free(b);
}

static void a_dependent_chain_goes_on_by_one_a_cycle(void **state)
{
    (void)state;
    struct core_bench *b = start(4);
    CODE(b, ADD_EBX_1, ADD_EBX_1, ADD_EBX_1, ADD_EBX_1, ADD_EBX_1, PROBE_EBX(LINE(0)), HLT);
    bench_run(b, 20);
    assert_int_equal(bench_sent(b, LINE(0) + 5), 5);
    bench_free(b);
}

static void flags_are_a_dependence(void **state)
{
    (void)state;
    struct core_bench *b = start(4);
    CODE(b, IMUL_EDX_EDX, 0x11, 0xc9 /* adc ecx, ecx */, PROBE_ECX(LINE(0)), HLT);
    bench_run(b, 20);
    assert_int_equal(bench_sent(b, LINE(0)), 4); /* the product's flags at 3, the sum at 4 */
    bench_free(b);
}

static void issue_is_in_order(void **state)
{
    (void)state;
    struct core_bench *b = start(4);
    CODE(b, IMUL_EDX_EDX, PROBE_EDX(LINE(0)), PROBE(LINE(1)), HLT);
    bench_run(b, 20);
    assert_int_equal(bench_sent(b, LINE(0)), 3);
    assert_int_equal(bench_sent(b, LINE(1)), 3); /* ready at 0, behind one that was not */
    assert_int_equal(bench_native(b, CAUSE_execute), 2);
    bench_free(b);
}

/* --- latencies --- */

static void a_product_is_ready_after_three_cycles(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    CODE(b, IMUL_EDX_EDX, PROBE_EDX(LINE(0)), HLT);
    bench_run(b, 20);
    assert_int_equal(bench_sent(b, LINE(0)), 3);
    assert_int_equal(bench_native(b, CAUSE_execute), 2);
    bench_free(b);
}

static void divide(u64 expected, u32 prefix)
{
    struct core_bench *b = start(2);
    bench_enable_paging(b);
    b->pc.cfg.mmu.stlb_hit_cycles = 0;
    b->cpu->hart->reg[REG_RAX] = 100;
    b->cpu->hart->reg[REG_RCX] = 7;
    CODE(b, PROBE(LINE(0))); /* its walks are over when the probe behind it goes */
    CODE(b, 0x89, 0xee /* mov esi, ebp */, PROBE(LINE(1)));
    if (prefix) CODE(b, (u8)prefix);
    CODE(b, 0xf7, 0xf1 /* div ecx */, 0x8b, 0xa8, IMM32(LINE(2)) /* mov ebp, [rax + LINE(2)] */, HLT);
    bench_run(b, 1000);
    assert_int_equal(bench_sent(b, LINE(2) + 14) - bench_sent(b, LINE(1)), expected);
    bench_free(b);
}

static void a_quotient_is_ready_after_the_cycles_of_its_width(void **state)
{
    (void)state;
    divide(25 + 1, 0); /* behind the probe's dual-issue slot: one cycle later */
    divide(34 + 1, 0x48);
}

/* --- branches --- */

static void a_mispredicted_branch_costs_mispredict_cycles(void **state)
{
    (void)state;
    struct core_bench *b = start(2);
    CODE(b, 0x31, 0xc0 /* xor eax, eax */, 0x74, 0x01 /* jz over */, NOP, PROBE(LINE(0)),
         HLT); /* counters start at "not taken" */
    bench_run(b, 40);
    assert_int_equal(b->cpu->bpred.stats.mispredicts, 1);
    assert_int_equal(bench_sent(b, LINE(0)), 1 + 10); /* the flags are ready at 1 */
    assert_int_equal(bench_native(b, CAUSE_branch), 10 - 1);
    bench_free(b);
}

static void a_branch_rightly_predicted_costs_its_slot(void **state)
{
    (void)state;
    struct core_bench *b = start(2);
    CODE(b, 0x31, 0xc0 /* xor eax, eax */, 0x75, 0x01 /* jnz over */, NOP, PROBE(LINE(0)), HLT);
    bench_run(b, 40);
    assert_int_equal(b->cpu->bpred.stats.mispredicts, 0);
    assert_int_equal(bench_sent(b, LINE(0)), 2);
    assert_int_equal(bench_native(b, CAUSE_branch), 0);
    bench_free(b);
}

static void a_taken_branch_costs_its_bubble(void **state)
{
    (void)state;
    for (u32 bubble = 0; bubble < 4; bubble++) {
        struct pc_cfg cfg = bench_cfg();
        cfg.inorder.taken_branch_cycles = bubble;
        struct core_bench *b = bench_new(&cfg, CORE_INORDER);
        CODE(b, 0xeb, 0x01 /* jmp over */, NOP, PROBE(LINE(0)), HLT);
        bench_run(b, 40);
        assert_int_equal(bench_sent(b, LINE(0)), bubble);
        bench_free(b);
    }
}

/* --- fetch --- */

static void a_fetch_miss_stops_the_front_end_until_its_line_is_there(void **state)
{
    (void)state;
    struct core_bench *b = start(2);
    CODE(b, PROBE(LINE(0)));
    while (b->code_end % 64) CODE(b, NOP);
    CODE(b, PROBE(LINE(1)), HLT);
    mock_slow(&b->l1i, CODE_AT + 64, 50, SERVED_L2);
    bench_run(b, 200);
    u64 asked = mock_nth(&b->l1i, CODE_AT + 64, 0);
    assert_int_equal(asked,
                     28); /* behind 58 instructions, two a cycle: the fetch begins in the cycle of the last */
    assert_int_equal(bench_sent(b, LINE(1)), asked + 50);
    assert_int_equal(bench_native(b, CAUSE_front_end), 50 - 1);
    bench_free(b);
}

static void a_fetched_line_is_asked_for_once(void **state)
{
    (void)state;
    struct core_bench *b = start(2);
    CODE(b, NOP, NOP, NOP, NOP, HLT);
    bench_run(b, 50);
    assert_int_equal(b->l1i.n, 1);
    assert_int_equal(b->cpu->inorder.stats.fetches, 1);
    bench_free(b);
}

/* --- serialization --- */

static void an_instruction_that_sees_time_waits_for_older_loads(void **state)
{
    (void)state;
    struct core_bench *b = start(2);
    bench_slow(b, LINE(0), 100);
    CODE(b, LOAD_EAX(LINE(0)), RDTSC, HLT);
    bench_run(b, 400);
    assert_int_equal(b->cpu->hart->reg[REG_RAX], 100);
    assert_int_equal(bench_native(b, CAUSE_serialization), 99);
    bench_free(b);
}

static void an_instruction_that_sees_time_waits_for_older_results(void **state)
{
    (void)state;
    struct core_bench *b = start(2);
    CODE(b, IMUL_EDX_EDX, RDTSC, HLT);
    bench_run(b, 400);
    assert_int_equal(b->cpu->hart->reg[REG_RAX], 3);
    bench_free(b);
}

static void an_instruction_that_sees_time_waits_for_older_stores(void **state)
{
    (void)state;
    struct core_bench *b = start(2);
    bench_slow(b, LINE(0), 70);
    CODE(b, STORE_EAX(LINE(0)), RDTSC, HLT);
    bench_run(b, 400);
    assert_int_equal(b->cpu->hart->reg[REG_RAX], 70);
    bench_free(b);
}

static void microcode_takes_the_cycles_of_its_class(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.cost.cycles[CLASS_rdtsc] = 25;
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    CODE(b, RDTSC, PROBE(LINE(0)), HLT);
    bench_run(b, 400);
    assert_int_equal(bench_sent(b, LINE(0)), 25);
    assert_int_equal(bench_native(b, CAUSE_microcode) >= 25, 1);
    bench_free(b);
}

static void a_serializing_instruction_refills_the_front_end(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.cost.cycles[CLASS_cpuid] = 100;
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    CODE(b, CPUID, PROBE(LINE(0)), HLT);
    bench_run(b, 400);
    assert_int_equal(bench_sent(b, LINE(0)), 100 + 12);
    assert_int_equal(bench_native(b, CAUSE_front_end), 12);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_independent_operations_issue_in_one_cycle),
        cmocka_unit_test(a_scalar_core_issues_one_operation_a_cycle),
        cmocka_unit_test(a_dependent_chain_goes_on_by_one_a_cycle),
        cmocka_unit_test(flags_are_a_dependence),
        cmocka_unit_test(issue_is_in_order),
        cmocka_unit_test(a_product_is_ready_after_three_cycles),
        cmocka_unit_test(a_quotient_is_ready_after_the_cycles_of_its_width),
        cmocka_unit_test(a_mispredicted_branch_costs_mispredict_cycles),
        cmocka_unit_test(a_branch_rightly_predicted_costs_its_slot),
        cmocka_unit_test(a_taken_branch_costs_its_bubble),
        cmocka_unit_test(a_fetch_miss_stops_the_front_end_until_its_line_is_there),
        cmocka_unit_test(a_fetched_line_is_asked_for_once),
        cmocka_unit_test(an_instruction_that_sees_time_waits_for_older_loads),
        cmocka_unit_test(an_instruction_that_sees_time_waits_for_older_results),
        cmocka_unit_test(an_instruction_that_sees_time_waits_for_older_stores),
        cmocka_unit_test(microcode_takes_the_cycles_of_its_class),
        cmocka_unit_test(a_serializing_instruction_refills_the_front_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
