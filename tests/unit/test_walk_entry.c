/* test_walk_entry.c - at which cache level the references of page walks enter, on a whole machine with real caches. */
#include "core_bench.h"

/* As bench_new, but between its own caches; every paging-structure cache off. */
static struct core_bench *start(u32 enters)
{
    struct pc_cfg cfg = bench_cfg();
    cfg.walker.enters = enters;
    cfg.mmu.psc_pml4e_entries = cfg.mmu.psc_pdpte_entries = cfg.mmu.psc_pde_entries = 0;
    struct core_bench *b = calloc(1, sizeof *b);
    kernel_fini();
    kernel_init();
    assert_true(pc_init(&b->pc, &cfg, &(struct pc_hooks){.marker = bench_marker, .exited = bench_exited, .console = bench_console, .self = b}));
    b->cpu = &b->pc.cpu[0];
    boot_enter_multiboot(b->cpu->hart, CODE_AT, 0);
    b->code_end = CODE_AT;
    bench_enable_paging(b);
    core_switch(&b->cpu->core, CORE_INORDER);
    return b;
}

/* Two pages of data and one of code: three walks of four references each. */
static void walk_references_enter_at_the_level_that_the_parameter_says(void **state)
{
    (void)state;
    for (u32 enters = WALKER_ENTERS_L1D; enters <= WALKER_ENTERS_L2; enters++) {
        struct core_bench *b = start(enters);
        CODE(b, LOAD_EAX(LINE(0)), LOAD_EBX(P0 + PAGE_BYTES), 0xeb, 0xfe);
        bench_run(b, 5000);
        const struct cache *l1d = &b->cpu->l1d, *l2 = &b->cpu->l2;
        u64 references = b->cpu->walker.stats.refs_guest;
        assert_int_equal(b->cpu->walker.stats.walks, 3);
        assert_int_equal(references, 12);
        u64 at_l1 = l1d->stats.lookups_by[ORIGIN_WALK_GUEST];
        assert_int_equal(at_l1, enters == WALKER_ENTERS_L1D ? references : 0);
        u64 at_l2 = l2->stats.lookups_by[ORIGIN_WALK_GUEST];
        assert_int_equal(at_l2, enters == WALKER_ENTERS_L1D ? l1d->stats.misses_by[ORIGIN_WALK_GUEST] : references);
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk_references_enter_at_the_level_that_the_parameter_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
