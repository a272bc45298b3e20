/* test_core_ahead.c - translations ahead of their use on both timing cores: the walk is played beside the program,
 * nobody waits for it, and the page behind two others costs an STLB hit instead of a walk. */
#include "core_bench.h"

#define PAGE(n) (P0 + 0x1000u * (n))

static const enum core_kind kinds[] = {CORE_INORDER, CORE_OOO};

/* Three pages, each behind a fence that waits long enough for everything to end. Returns the cycle of the last
 * load's reference since the one before it. */
static u64 third_page(enum core_kind kind, bool prefetches, unsigned walks)
{
    struct pc_cfg cfg = bench_cfg();
    cfg.mmu.page_prefetcher = prefetches;
    struct core_bench *b = bench_new(&cfg, kind);
    bench_enable_paging(b);
    CODE(b, LOAD_EAX(PAGE(0)), CPUID, LOAD_EAX(PAGE(1)), CPUID, LOAD_EBX(LINE(70)), LFENCE, LOAD_EAX(PAGE(2)), HLT);
    bench_run(b, 3000);
    const struct mmu_stats *m = &b->cpu->mmu.stats;
    const u64 cycles = bench_sent(b, PAGE(2)) - bench_sent(b, LINE(70));
    assert_int_equal(m->ahead_walks, prefetches ? 2 : 0);
    assert_int_equal(b->cpu->mmu.stlb_stats.misses, walks);
    assert_int_equal(b->cpu->walker.stats.walks, m->walks);
    bench_free(b);
    return cycles;
}

static void a_page_behind_two_costs_an_stlb_hit(void **state)
{
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        const u64 walked = third_page(kinds[k], false, 4); /* and the code's page */
        const u64 ahead = third_page(kinds[k], true, 3);
        assert_true(ahead + HIT_CYCLES <= walked);
        assert_true(ahead >= bench_cfg().mmu.stlb_hit_cycles);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_behind_two_costs_an_stlb_hit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
