/* test_ideal.c - each switch takes its own cost out, and nothing else. */
#include "core_bench.h"

#define PAGE(n) (P0 + 0x1000u * (n))

/* A load that walks, and a branch that surprises, on a core with these switches. */
static struct core_bench *run(enum core_kind kind, const struct ideal_cfg *ideal)
{
    struct pc_cfg cfg = bench_cfg();
    cfg.ideal = *ideal;
    struct core_bench *b = bench_new(&cfg, kind);
    bench_enable_paging(b);
    bench_poke64(b, PAGE(1), 77);
    CODE(b, 0x8b, 0x0c, 0x25, IMM32(PAGE(1)));         /* mov ecx, [PAGE(1)] */
    CODE(b, 0x85, 0xd2, 0x74, 0x02, 0x90, 0x90, HLT); /* test edx, edx; jz over two NOPs */
    bench_run(b, 5000);
    assert_int_equal(b->cpu->hart->activity, ACTIVITY_HLT);
    assert_int_equal(b->cpu->hart->reg[REG_RCX], 77);
    assert_int_equal(b->cpu->mmu.stats.walks, 2); /* the code's page and the datum's, whatever they cost */
    core_sync(&b->cpu->core);
    return b;
}

static void without_switches_it_walks_and_mispredicts(void **state)
{
    (void)state;
    for (enum core_kind kind = CORE_INORDER; kind <= CORE_OOO; kind++) {
        struct core_bench *b = run(kind, &(struct ideal_cfg){.walkers = true});
        assert_int_equal(b->cpu->walker.stats.walks, 2);
        assert_int_equal(b->cpu->walker.n, IDEAL_WALKERS);
        assert_int_equal(b->cpu->bpred.stats.mispredicts, 1);
        bench_free(b);
    }
}

static void a_perfect_tlb_never_walks(void **state)
{
    (void)state;
    for (enum core_kind kind = CORE_INORDER; kind <= CORE_OOO; kind++) {
        struct core_bench *b = run(kind, &(struct ideal_cfg){.tlb = true});
        assert_int_equal(b->cpu->walker.stats.walks, 0);
        assert_int_equal(bench_sent(b, PTE_OF(PAGE(1))), NEVER);
        assert_int_equal(bench_account(b, WORLD_NATIVE, CAUSE_guest_walk), 0);
        bench_free(b);
    }
}

static void perfect_branches_never_redirect(void **state)
{
    (void)state;
    for (enum core_kind kind = CORE_INORDER; kind <= CORE_OOO; kind++) {
        struct core_bench *b = run(kind, &(struct ideal_cfg){.branches = true});
        assert_int_equal(b->cpu->bpred.stats.mispredicts, 0);
        assert_int_equal(b->cpu->bpred.stats.branches, 1);
        assert_int_equal(bench_account(b, WORLD_NATIVE, CAUSE_branch), 0);
        bench_free(b);
    }
}

static void records_lose_what_takes_no_time(void **state)
{
    (void)state;
    static struct insn_record r;
    record_reset(&r);
    r.n_walks = 1;
    r.walk[0].n_refs = 2;
    r.walk[0].ref[0] = (struct walk_ref){.dim = DIM_HOST};
    r.walk[0].ref[1] = (struct walk_ref){.dim = DIM_GUEST};
    r.transition.n_lines = 3;
    ideal_record(&(struct ideal_cfg){.nested_tlb = true}, &r);
    assert_int_equal(r.walk[0].ref[0].served, SERVED_NTLB);
    assert_int_equal(r.walk[0].ref[1].served, SERVED_UNKNOWN);
    assert_int_equal(r.transition.n_lines, 3);
    ideal_record(&(struct ideal_cfg){.exits = true}, &r);
    assert_int_equal(r.transition.n_lines, 0);
    assert_int_equal(r.n_walks, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_switches_it_walks_and_mispredicts),
        cmocka_unit_test(a_perfect_tlb_never_walks),
        cmocka_unit_test(perfect_branches_never_redirect),
        cmocka_unit_test(records_lose_what_takes_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
