/* test_ooo_memory.c - loads among older stores, page walks that overlap and merge, redirects: cycle by cycle. */
#include "tests/timing/ooo_bench.h"

static struct pc_cfg cfg;

static int setup(void **state)
{
    (void)state;
    cfg = bench_cfg();
    return 0;
}

/* Code whose registers 64-bit mode and 32-bit mode both know. */
#define LOAD_AT_EDX(at)  0x8b, 0x9a, IMM32(at)             /* mov ebx, [edx + at] */
#define STORE_AT_EDX(at) 0x89, 0x82, IMM32(at)             /* mov [edx + at], eax */

/* --- memory order --- */

static void a_load_partly_in_the_buffer_waits_for_the_write(void **state)
{
    (void)state;
    struct core_bench *b = ooo_bench(&cfg);
    CODE(b, STORE_EAX(LINE(1)), 0x8b, 0x1c, 0x25, IMM32(LINE(1) - 2), PROBE_EBX(LINE(9)), HLT);
    bench_run(b, 300);
    u64 written = bench_sent(b, LINE(1));
    assert_int_equal(b->cpu->ooo->stats.forward_fails, 1);
    /* its two lines are asked for when the store has left, a cycle behind its write */
    assert_int_equal(bench_sent(b, LINE(1) - 2), written + 1);
    assert_int_equal(bench_sent(b, LINE(9)),
                     written + 1 + HIT_CYCLES + cfg.ooo.split_cycles + cfg.ooo.forward_fail_cycles);
    bench_free(b);
}

static void a_load_waits_for_unknown_addresses_until_it_has_learnt(void **state)
{
    (void)state;
    struct core_bench *b = ooo_bench(&cfg);
    /* mov edi, 20; again: mov edx, [slow]; mov [edx + LINE(2)], eax; mov ecx, [LINE(5)]; dec edi; jnz again */
    CODE(b, 0xbf, 20, 0, 0, 0);
    u64 again = b->code_end;
    CODE(b, 0x8b, 0x14, 0x25, IMM32(LINE(0)), 0x0f, 0xaf, 0xd2, STORE_AT_EDX(LINE(2)), LOAD_ECX(LINE(5)), 0x4f);
    u64 behind = b->code_end + 2;
    CODE(b, 0x75, (u8)(again - behind), HLT);
    bench_run(b, 3000);
    const struct ooo_stats *s = &b->cpu->ooo->stats;
    assert_int_equal(s->order_waits, 2 * 15); /* of either load; then its counter is at its maximum */
    assert_int_equal(s->order_clears, 0);
    bench_free(b);
}

/* --- page walks --- */

static struct core_bench *paged(void)
{
    struct core_bench *b = ooo_bench(&cfg);
    bench_enable_paging(b);
    return b;
}
#define PAGE(n) (P0 + 0x1000u * (n))

static void walks_overlap_up_to_the_number_of_walkers(void **state)
{
    (void)state;
    u64 third[2];
    for (u32 walkers = 2; walkers <= 3; walkers++) {
        cfg.walker.walkers = walkers;
        struct core_bench *b = paged();
        for (unsigned i = 0; i < 3; i++) bench_slow(b, PTE_OF(PAGE(i)), 300);
        for (unsigned i = 0; i < 3; i++) CODE(b, 0x8b, 0x0c, 0x25, IMM32(PAGE(i)));
        CODE(b, HLT);
        bench_run(b, 3000);
        u64 first = bench_sent(b, PTE_OF(PAGE(1))); /* upper levels are cached by then */
        assert_in_range(bench_sent(b, PTE_OF(PAGE(0))), first, first + 30);
        third[walkers - 2] = bench_sent(b, PTE_OF(PAGE(2))) - first;
        bench_free(b);
    }
    assert_true(third[0] >= 300);
    assert_in_range(third[1], 0, 30);
}

static void references_to_a_page_join_its_walk(void **state)
{
    (void)state;
    struct core_bench *b = paged();
    bench_slow(b, PTE_OF(PAGE(0)), 300);
    for (unsigned i = 0; i < 4; i++) CODE(b, 0x8b, 0x0c, 0x25, IMM32(PAGE(0) + 64 * i));
    CODE(b, HLT);
    bench_run(b, 3000);
    assert_int_equal(mock_nth(&b->l1d, PTE_OF(PAGE(0)), 1), NEVER);
    assert_int_equal(b->cpu->ooo->stats.walks_merged, 3);
    u64 walked = bench_sent(b, PTE_OF(PAGE(0))) + 300;
    for (unsigned i = 0; i < 4; i++) assert_int_equal(bench_sent(b, PAGE(0) + 64 * i), walked);
    bench_free(b);
}

static void a_walk_starts_when_the_first_that_needs_it_issues(void **state)
{
    (void)state;
    struct core_bench *b = paged();
    bench_slow(b, LINE(0), 500);
    /* the page's first load in program order hangs on a slow one; the second does not */
    CODE(b, 0x8b, 0x14, 0x25, IMM32(LINE(0)), LOAD_AT_EDX(PAGE(5)), 0x8b, 0x0c, 0x25, IMM32(PAGE(5) + 64), HLT);
    bench_run(b, 3000);
    assert_true(bench_sent(b, PTE_OF(PAGE(5))) < bench_sent(b, LINE(0)) + 100);
    assert_true(bench_sent(b, PAGE(5) + 64) < bench_sent(b, LINE(0)) + 100);
    assert_int_equal(bench_sent(b, PAGE(5)), bench_sent(b, LINE(0)) + 500);
    bench_free(b);
}

static void waiting_for_a_walk_is_the_walks_cycles(void **state)
{
    (void)state;
    struct core_bench *b = paged();
    bench_slow(b, PTE_OF(PAGE(0)), 400);
    CODE(b, 0x8b, 0x0c, 0x25, IMM32(PAGE(0)), HLT);
    bench_run(b, 800);
    u64 before = bench_native(b, CAUSE_guest_walk);
    assert_in_range(before, 400, 450); /* with the fetch's own walk */
    bench_free(b);
}

/* --- redirects --- */

/* test edx, edx; jz over (taken, and never seen before) */
#define TEST_EDX_JZ 0x85, 0xd2, 0x74, 0x02, 0x90, 0x90

static void a_mispredict_costs_its_cycles_from_issue_to_issue(void **state)
{
    (void)state;
    for (u32 penalty = 10; penalty <= 20; penalty += 10) {
        cfg.ooo.mispredict_cycles = penalty;
        struct core_bench *b = ooo_bench(&cfg);
        CODE(b, IMUL_EDX_EDX, IMUL_EDX_EDX, IMUL_EDX_EDX, PROBE_EDX(LINE(1)), TEST_EDX_JZ, PROBE(LINE(2)), HLT);
        bench_run(b, 500);
        assert_int_equal(b->cpu->bpred.stats.mispredicts, 1);
        assert_int_equal(bench_sent(b, LINE(2)) - bench_sent(b, LINE(1)), penalty);
        bench_free(b);
    }
}

static void the_cycles_of_a_redirect_are_the_branchs(void **state)
{
    (void)state;
    cfg.ooo.mispredict_cycles = 60;
    struct core_bench *b = ooo_bench(&cfg);
    CODE(b, TEST_EDX_JZ, PROBE(LINE(2)), HLT);
    bench_run(b, 500);
    assert_in_range(bench_native(b, CAUSE_branch), 60 - 2, 60);
    assert_in_range(b->cpu->ooo->topdown.slots[TOPDOWN_bad_speculation], 4 * (60 - 2), 4 * 60);
    bench_free(b);
}

static void a_predicted_branch_costs_nothing_but_its_bubble(void **state)
{
    (void)state;
    u64 cycles[2];
    for (unsigned more = 0; more < 2; more++) {
        struct core_bench *b = ooo_bench(&cfg);
        CODE(b, 0xb9, IMM32(200 + 100 * more)); /* mov ecx, n; again: dec ecx; jnz again */
        CODE(b, RDTSC, MOV_ESI_EAX, 0x49, 0x75, 0xfd, RDTSC, HLT);
        bench_run(b, 3000);
        cycles[more] = b->cpu->hart->reg[REG_RAX] - b->cpu->hart->reg[REG_RSI];
        assert_int_equal(b->cpu->ooo->stats.macro_fused, 200 + 100 * more);
        bench_free(b);
    }
    assert_int_equal(cycles[1] - cycles[0], 100 * (1 + cfg.ooo.taken_branch_cycles));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_load_partly_in_the_buffer_waits_for_the_write, setup),
        cmocka_unit_test_setup(a_load_waits_for_unknown_addresses_until_it_has_learnt, setup),
        cmocka_unit_test_setup(walks_overlap_up_to_the_number_of_walkers, setup),
        cmocka_unit_test_setup(references_to_a_page_join_its_walk, setup),
        cmocka_unit_test_setup(a_walk_starts_when_the_first_that_needs_it_issues, setup),
        cmocka_unit_test_setup(waiting_for_a_walk_is_the_walks_cycles, setup),
        cmocka_unit_test_setup(a_mispredict_costs_its_cycles_from_issue_to_issue, setup),
        cmocka_unit_test_setup(the_cycles_of_a_redirect_are_the_branchs, setup),
        cmocka_unit_test_setup(a_predicted_branch_costs_nothing_but_its_bubble, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
