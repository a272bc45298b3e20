/* test_inorder_memory.c - the in-order core's references: loads that overlap, splits, the store buffer,
 * translations, refusals. */
#include "core_bench.h"

static struct core_bench *start(void)
{
    struct pc_cfg cfg = bench_cfg();
    return bench_new(&cfg, CORE_INORDER);
}

/* --- loads --- */

static void a_load_that_hits_is_ready_after_the_hit_latency(void **state)
{
    (void)state;
    struct core_bench *b = start();
    CODE(b, LOAD_EBX(LINE(0)), PROBE_EBX(LINE(1)), HLT);
    bench_run(b, 40);
    assert_int_equal(bench_sent(b, LINE(1)), HIT_CYCLES);
    assert_int_equal(bench_native(b, CAUSE_l1_data), HIT_CYCLES - 1);
    bench_free(b);
}

static void two_misses_take_the_time_of_one(void **state)
{
    (void)state;
    struct core_bench *b = start();
    bench_slow(b, LINE(0), 100);
    bench_slow(b, LINE(1), 100);
    CODE(b, LOAD_EBX(LINE(0)), LOAD_ECX(LINE(1)), ADD_EBX_ECX, PROBE_EBX(LINE(2)), HLT);
    bench_run(b, 300);
    assert_int_equal(bench_sent(b, LINE(1)), 0);
    assert_int_equal(bench_sent(b, LINE(2)), 101);
    assert_int_equal(bench_native(b, CAUSE_dram_data), 99);
    bench_free(b);
}

static void independent_operations_go_on_under_a_miss(void **state)
{
    (void)state;
    struct core_bench *b = start();
    bench_slow(b, LINE(0), 100);
    CODE(b, LOAD_EBX(LINE(0)), ADD_ECX_1, ADD_ECX_1, PROBE_ECX(LINE(1)), PROBE_EBX(LINE(2)), HLT);
    bench_run(b, 300);
    assert_int_equal(bench_sent(b, LINE(1) + 2), 2);
    assert_int_equal(bench_sent(b, LINE(2)), 100);
    bench_free(b);
}

static void a_blocking_core_waits_for_each_miss(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.inorder.blocking_loads = true;
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    bench_slow(b, LINE(0), 100);
    bench_slow(b, LINE(1), 100);
    CODE(b, LOAD_EBX(LINE(0)), LOAD_ECX(LINE(1)), PROBE(LINE(2)), HLT);
    bench_run(b, 300);
    assert_int_equal(bench_sent(b, LINE(1)), 100);
    assert_int_equal(bench_sent(b, LINE(2)), 200);
    bench_free(b);
}

static void loads_beyond_loads_in_flight_wait_for_a_place(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.inorder.loads_in_flight = 2;
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    for (unsigned i = 0; i < 3; i++) bench_slow(b, LINE(i), 100);
    CODE(b, LOAD_EAX(LINE(0)), LOAD_EBX(LINE(1)), LOAD_ECX(LINE(2)), HLT);
    bench_run(b, 300);
    assert_int_equal(bench_sent(b, LINE(1)), 0);
    assert_int_equal(bench_sent(b, LINE(2)), 100);
    bench_free(b);
}

static void loads_under_way_do_not_keep_the_front_end_from_fetching(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.inorder.loads_in_flight = 1;
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    bench_slow(b, LINE(0), 100);
    mock_slow(&b->l1i, CODE_AT + 64, 30, SERVED_L2);
    CODE(b, LOAD_EAX(LINE(0)));
    while (b->code_end % 64) CODE(b, NOP);
    CODE(b, STORE_EAX(LINE(1)), HLT);
    bench_run(b, 90);
    assert_int_equal(mock_nth(&b->l1i, CODE_AT + 64, 0), 28);
    assert_int_equal(b->cpu->hart->instructions, 1 + 57 + 1);
    bench_free(b);
}

static void a_refused_load_goes_out_when_a_register_comes_free(void **state)
{
    (void)state;
    struct core_bench *b = start();
    b->l1d.mshrs = 1;
    bench_slow(b, LINE(0), 100);
    bench_slow(b, LINE(1), 100);
    CODE(b, LOAD_EBX(LINE(0)), LOAD_ECX(LINE(1)), ADD_EBX_ECX, PROBE_EBX(LINE(2)), HLT);
    bench_run(b, 300);
    assert_int_equal(bench_sent(b, LINE(1)), 100);
    assert_int_equal(bench_sent(b, LINE(2)), 201);
    bench_free(b);
}

static void a_load_overtaken_by_a_younger_writer_of_its_register_does_not_hold_it(void **state)
{
    (void)state;
    struct core_bench *b = start();
    bench_slow(b, LINE(0), 100);
    CODE(b, LOAD_EBX(LINE(0)), 0x31, 0xdb /* xor ebx, ebx */, PROBE_EBX(LINE(1)), HLT);
    bench_run(b, 300);
    assert_int_equal(bench_sent(b, LINE(1)), 1);
    bench_free(b);
}

/* --- splits --- */

static void a_load_that_splits_a_line_is_ready_with_its_later_half(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        struct core_bench *b = start();
        bench_slow(b, LINE(slow), 100);
        CODE(b, LOAD_EBX(LINE(1) - 2), PROBE_EBX(LINE(2)), HLT);
        bench_run(b, 300);
        assert_int_equal(bench_sent(b, LINE(1) - 2), 0);
        assert_int_equal(bench_sent(b, LINE(1)), 0);
        assert_int_equal(bench_sent(b, LINE(2)), 100);
        assert_int_equal(b->cpu->inorder.stats.loads, 3);
        bench_free(b);
    }
}

static void a_load_that_splits_a_page_is_ready_with_its_later_half(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 3; slow++) { /* the second half, the first, both */
        struct core_bench *b = start();
        if (slow != 1) bench_slow(b, P0 + 0x1000, 100);
        if (slow != 0) bench_slow(b, P0 + 0xffe, 120);
        CODE(b, LOAD_EBX(P0 + 0xffe), PROBE_EBX(LINE(2)), HLT);
        bench_run(b, 300);
        assert_int_equal(bench_sent(b, LINE(2)), slow == 0 ? 100 : 120);
        bench_free(b);
    }
}

static void a_page_split_that_waits_for_a_place_in_flight_keeps_its_first_half(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.inorder.loads_in_flight = 2;
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    bench_slow(b, LINE(0), 50);
    bench_slow(b, P0 + 0xffe, 200);
    bench_slow(b, P0 + 0x1000, 60);
    CODE(b, LOAD_EAX(LINE(0)), LOAD_EBX(P0 + 0xffe), PROBE_EBX(LINE(2)), HLT);
    bench_run(b, 400);
    assert_int_equal(bench_sent(b, P0 + 0x1000), 50);
    assert_int_equal(bench_sent(b, LINE(2)), 200);
    bench_free(b);
}

/* --- stores --- */

static void a_store_that_misses_does_not_stop_the_pipeline(void **state)
{
    (void)state;
    struct core_bench *b = start();
    bench_slow(b, LINE(0), 100);
    CODE(b, STORE_EAX(LINE(0)), PROBE(LINE(1)), HLT);
    bench_run(b, 40);
    assert_int_equal(bench_sent(b, LINE(1)), 0);
    bench_free(b);
}

static void stores_beyond_the_buffer_wait_for_the_oldest(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.inorder.store_buffer_entries = 2;
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    bench_slow(b, LINE(0), 100);
    CODE(b, STORE_EAX(LINE(0)), STORE_EAX(LINE(1)), STORE_EAX(LINE(2)), PROBE(LINE(3)), HLT);
    bench_run(b, 300);
    assert_int_equal(bench_sent(b, LINE(3)), 100);
    assert_int_equal(bench_native(b, CAUSE_stores), 99);
    bench_free(b);
}

static void stores_ask_for_so_many_lines_at_once(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.inorder.stores_in_flight = 2;
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    for (unsigned i = 0; i < 3; i++) bench_slow(b, LINE(i), 100 + 10 * i);
    CODE(b, STORE_EAX(LINE(0)), STORE_EAX(LINE(1)), STORE_EAX(LINE(2)), HLT);
    bench_run(b, 300);
    assert_int_equal(bench_sent(b, LINE(1)), 0);
    assert_int_equal(bench_sent(b, LINE(2)), 100);
    bench_free(b);
}

static void a_buffered_store_forwards_to_a_load_that_it_covers(void **state)
{
    (void)state;
    struct core_bench *b = start();
    bench_slow(b, LINE(0), 100);
    CODE(b, STORE_EAX(LINE(0)), LOAD_EBX(LINE(0)), PROBE_EBX(LINE(1)), HLT);
    bench_run(b, 300);
    assert_int_equal(bench_sent(b, LINE(1)), 4); /* forward_cycles behind cycle 0 */
    assert_int_equal(b->cpu->inorder.stats.forwards, 1);
    bench_free(b);
}

static void a_store_that_covers_a_load_in_part_does_not_forward(void **state)
{
    (void)state;
    struct core_bench *b = start();
    bench_slow(b, LINE(0), 100);
    CODE(b, STORE_EAX(LINE(0)), LOAD_EBX(LINE(0) + 2), HLT);
    bench_run(b, 300);
    assert_int_equal(b->cpu->inorder.stats.forwards, 0);
    bench_free(b);
}

static void a_refused_store_goes_out_when_a_register_comes_free(void **state)
{
    (void)state;
    struct core_bench *b = start();
    b->l1d.mshrs = 1;
    bench_slow(b, LINE(0), 100);
    bench_slow(b, LINE(1), 30);
    CODE(b, LOAD_EBX(LINE(0)), STORE_EAX(LINE(1)), RDTSC, HLT);
    bench_run(b, 400);
    assert_int_equal(bench_sent(b, LINE(1)), 100);
    assert_int_equal(b->cpu->hart->reg[REG_RAX], 130);
    bench_free(b);
}

static void a_store_that_splits_a_line_is_two_in_the_buffer(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.inorder.store_buffer_entries = 2;
    struct core_bench *b = bench_new(&cfg, CORE_INORDER);
    CODE(b, STORE_EAX(LINE(1) - 2), RDTSC, HLT);
    bench_run(b, 40);
    assert_int_equal(b->cpu->inorder.stats.stores, 2);
    assert_true(bench_sent(b, LINE(1) - 2) == 0 && bench_sent(b, LINE(1)) == 0);
    bench_free(b);
}

/* --- translations --- */

#define OTHER_PAGE (P0 + 0x8000) /* its paging-structure entry is in another line */

/* 64-bit code on 4-KiB pages, one data page touched: its translation is in the L1 DTLB, and the code's in the
 * ITLB. */
static struct core_bench *start_paged(const struct pc_cfg *cfg)
{
    struct core_bench *b = bench_new(cfg, CORE_INORDER);
    bench_enable_paging(b);
    CODE(b, LOAD_EBX(LINE(0)), LFENCE); /* empties the pipe; the next one begins in a cycle of its own */
    return b;
}

static void an_stlb_hit_costs_its_cycles_over_an_l1_hit(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.mmu.dtlb_4k_entries = cfg.mmu.dtlb_4k_ways = 1;
    cfg.mmu.stlb_hit_cycles = 9;
    struct core_bench *b = start_paged(&cfg);
    CODE(b, LOAD_EAX(OTHER_PAGE), LFENCE, LOAD_EBX(LINE(2)), PROBE_EBX(LINE(3)), HLT);
    bench_run(b, 3000);
    assert_int_equal(b->cpu->mmu.dtlb_stats.misses, 3);
    assert_int_equal(bench_sent(b, LINE(3)) - bench_sent(b, LINE(2)), HIT_CYCLES);
    assert_int_equal(bench_native(b, CAUSE_stlb), 9 - 1); /* the load's own cycle is base */
    bench_free(b);
}

/* A walk of four references, each of which the mock L1 serves, behind the STLB's search and in front of a load. */
static void a_walk_stands_in_front_of_its_load_and_is_charged_by_its_ledger(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.mmu.psc_pde_entries = cfg.mmu.psc_pdpte_entries = cfg.mmu.psc_pml4e_entries = 0;
    cfg.mmu.psc_lookup_cycles = 0;
    struct core_bench *b = start_paged(&cfg);
    bench_slow(b, PTE_OF(OTHER_PAGE), 77);
    CODE(b, PROBE(LINE(4)), LOAD_EBX(OTHER_PAGE), PROBE_EBX(LINE(3)), HLT);
    bench_run(b, 3000);
    u64 begin = bench_sent(b, LINE(4)) + cfg.mmu.stlb_hit_cycles, walk = 3 * HIT_CYCLES + 77;
    assert_int_equal(bench_sent(b, PTE_OF(OTHER_PAGE)), begin + 3 * HIT_CYCLES);
    assert_int_equal(bench_sent(b, OTHER_PAGE), begin + walk);
    assert_int_equal(bench_sent(b, LINE(3)), begin + walk + HIT_CYCLES);
    bench_free(b);
}

static void run_walk(u64 reference_cycles, u64 *guest_walk, u64 *l1_data)
{
    struct pc_cfg cfg = bench_cfg();
    struct core_bench *b = start_paged(&cfg);
    bench_slow(b, PTE_OF(OTHER_PAGE), reference_cycles);
    CODE(b, LOAD_EBX(OTHER_PAGE), PROBE_EBX(LINE(3)), HLT);
    bench_run(b, 3000);
    *guest_walk = bench_native(b, CAUSE_guest_walk);
    *l1_data = bench_native(b, CAUSE_l1_data);
    assert_int_equal(bench_native(b, CAUSE_host_walk), 0);
    bench_free(b);
}

static void cycles_of_a_wait_for_a_walk_are_those_of_its_references(void **state)
{
    (void)state;
    u64 walk[2], l1[2];
    run_walk(20, &walk[0], &l1[0]);
    run_walk(97, &walk[1], &l1[1]);
    assert_int_equal(walk[1] - walk[0], 77);
    assert_int_equal(l1[1], l1[0]);
}

static void a_store_waits_for_its_walk_in_the_buffer(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    struct core_bench *b = start_paged(&cfg);
    bench_slow(b, PTE_OF(OTHER_PAGE), 77);
    CODE(b, STORE_EAX(OTHER_PAGE), PROBE(LINE(3)), HLT);
    bench_run(b, 3000);
    assert_int_equal(bench_sent(b, OTHER_PAGE) - bench_sent(b, LINE(3)),
                     cfg.mmu.stlb_hit_cycles + cfg.mmu.psc_lookup_cycles + 77);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_that_hits_is_ready_after_the_hit_latency),
        cmocka_unit_test(two_misses_take_the_time_of_one),
        cmocka_unit_test(independent_operations_go_on_under_a_miss),
        cmocka_unit_test(a_blocking_core_waits_for_each_miss),
        cmocka_unit_test(loads_beyond_loads_in_flight_wait_for_a_place),
        cmocka_unit_test(loads_under_way_do_not_keep_the_front_end_from_fetching),
        cmocka_unit_test(a_refused_load_goes_out_when_a_register_comes_free),
        cmocka_unit_test(a_load_overtaken_by_a_younger_writer_of_its_register_does_not_hold_it),
        cmocka_unit_test(a_load_that_splits_a_line_is_ready_with_its_later_half),
        cmocka_unit_test(a_load_that_splits_a_page_is_ready_with_its_later_half),
        cmocka_unit_test(a_page_split_that_waits_for_a_place_in_flight_keeps_its_first_half),
        cmocka_unit_test(a_store_that_misses_does_not_stop_the_pipeline),
        cmocka_unit_test(stores_beyond_the_buffer_wait_for_the_oldest),
        cmocka_unit_test(stores_ask_for_so_many_lines_at_once),
        cmocka_unit_test(a_buffered_store_forwards_to_a_load_that_it_covers),
        cmocka_unit_test(a_store_that_covers_a_load_in_part_does_not_forward),
        cmocka_unit_test(a_refused_store_goes_out_when_a_register_comes_free),
        cmocka_unit_test(a_store_that_splits_a_line_is_two_in_the_buffer),
        cmocka_unit_test(an_stlb_hit_costs_its_cycles_over_an_l1_hit),
        cmocka_unit_test(a_walk_stands_in_front_of_its_load_and_is_charged_by_its_ledger),
        cmocka_unit_test(cycles_of_a_wait_for_a_walk_are_those_of_its_references),
        cmocka_unit_test(a_store_waits_for_its_walk_in_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
