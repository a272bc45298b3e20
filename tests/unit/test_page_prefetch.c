/* test_page_prefetch.c - translations ahead of their use: which page is named, when its walk is made, when the
 * STLB has it, and that nothing else ever comes of it. */
#include "tests/unit/mmu_modes.h"

#include "caches/mmu_walk.h"

#define FIRST 0x00007f1234560000ull /* eight pages from here, at 4 MiB and on */
#define PAGES 8
#define PAGE(n)  (FIRST + (n) * PAGE_BYTES)
#define FRAME(n) (4 * MiB + (n) * PAGE_BYTES)

static void next_page_names_the_neighbour_of_two(void **state)
{
    (void)state;
    struct page_prefetch_state s = {.next = 0};
    u64 wanted;
    assert_false(page_prefetcher_next_page.miss(&s, 100, &wanted));
    assert_true(page_prefetcher_next_page.miss(&s, 101, &wanted));
    assert_int_equal(wanted, 102);
    assert_false(page_prefetcher_next_page.miss(&s, 200, &wanted));
    assert_true(page_prefetcher_next_page.miss(&s, 199, &wanted));
    assert_int_equal(wanted, 198);
    assert_false(page_prefetcher_next_page.miss(&s, 300, &wanted));
    assert_false(page_prefetcher_next_page.miss(&s, 302, &wanted));
    assert_false(page_prefetcher_next_page.miss(&s, 301, &wanted)); /* up or down? */
    for (u64 n = 0; n < PAGE_PREFETCH_MISSES; n++) page_prefetcher_next_page.miss(&s, 1000 + 10 * n, &wanted);
    assert_false(page_prefetcher_next_page.miss(&s, 102, &wanted)); /* forgotten */
}

static struct bench *start(unsigned host_levels)
{
    struct mmu_cfg cfg = bench_default_cfg;
    cfg.page_prefetcher = 1;
    struct bench *b = bench_new(&cfg, 4, host_levels, true);
    if (host_levels) bench_map_ept_identity(b, 12);
    for (unsigned n = 0; n < PAGES; n++) bench_map(b, PAGE(n), FRAME(n), 12, PTE_ALL);
    return b;
}

static enum tlb_level level_of(struct bench *b, unsigned n)
{
    struct translation t;
    assert_true(bench_translate(b, PAGE(n) + 8, READ, BY_USER, &t));
    assert_int_equal(t.at.v, FRAME(n) + 8);
    return (enum tlb_level)t.tlb;
}

/* The ledger of the walk ahead in the last record, or NULL. */
static const struct walk_ledger *ahead(const struct bench *b)
{
    for (unsigned i = 0; i < b->record.n_walks; i++)
        if (b->record.walk[i].ahead) return &b->record.walk[i];
    return NULL;
}

static void the_stlb_has_the_page_when_its_walk_has_ended(void **state)
{
    (void)state;
    for (unsigned host_levels = 0; host_levels <= 4; host_levels += 4) {
        struct bench *b = start(host_levels);
        assert_int_equal(level_of(b, 0), TLB_WALK);
        assert_null(ahead(b));
        assert_int_equal(level_of(b, 1), TLB_WALK);
        assert_true(b->record.walks_ahead);
        assert_int_equal(ahead(b)->va.v >> PAGE_SHIFT, PAGE(2) >> PAGE_SHIFT);
        /* The caches have the rest: the entry, and the page's EPT entry. */
        assert_int_equal(ahead(b)->n_refs, 1 + (host_levels != 0));
        assert_null(mmu_find_in_stlb(&b->m, PAGE(2)));
        mmu_page_arrived(&b->m, ahead(b)->ahead - 1u);
        assert_int_equal(level_of(b, 2), TLB_L2);
        assert_non_null(ahead(b)); /* and so on */
        assert_int_equal(level_of(b, 2), TLB_L1);
        assert_int_equal(b->m.stats.ahead_walks, 2);
        bench_free(b);
    }
}

static void a_demand_does_not_wait_for_a_walk_ahead(void **state)
{
    (void)state;
    struct bench *b = start(0);
    level_of(b, 0);
    level_of(b, 1);
    const unsigned n = ahead(b)->ahead - 1u;
    assert_int_equal(level_of(b, 2), TLB_WALK);
    mmu_page_arrived(&b->m, n); /* no harm */
    assert_int_equal(level_of(b, 2), TLB_L1);
    bench_free(b);
}

static void invalidations_and_other_contexts_overtake_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct bench *b = start(0);
        level_of(b, 0);
        level_of(b, 1);
        if (i)
            mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_INVLPG, 0, VA(PAGE(7)));
        else
            mmu_ops.context_changed(&b->m, &b->h);
        mmu_page_arrived(&b->m, ahead(b)->ahead - 1u);
        assert_int_equal(b->m.stats.ahead_stale, 1);
        assert_null(mmu_find_in_stlb(&b->m, PAGE(2)));
        bench_free(b);
    }
}

/* Sees to it that page 2's walk would fault or set a flag; then there is none, and all is as it was. */
static void expect_refused(struct bench *b, u64 *entry, u64 value)
{
    *entry = value;
    level_of(b, 0);
    level_of(b, 1);
    assert_null(ahead(b));
    assert_int_equal(b->m.stats.ahead_refused, 1);
    assert_int_equal(*entry, value);
    assert_int_equal(b->h.fault.kind, FAULT_NONE);
    bench_free(b);
}

static void nothing_is_walked_that_would_fault_or_set_a_flag(void **state)
{
    (void)state;
    struct bench *b = start(0);
    expect_refused(b, bench_guest_entry(b, PAGE(2), 1), 0);
    b = start(0);
    expect_refused(b, bench_guest_entry(b, PAGE(2), 1), FRAME(2) | (PTE_ALL & ~PTE_A));
    b = start(0);
    expect_refused(b, bench_guest_entry(b, PAGE(2), 1), FRAME(2) | (PTE_ALL & ~PTE_U)); /* the access was a user's */
    b = start(4);
    expect_refused(b, bench_ept_entry(b, FRAME(2), 1), 0);
}

static void the_hosts_flags_count_where_it_keeps_them(void **state)
{
    (void)state;
    for (unsigned keeps = 0; keeps < 2; keeps++) {
        struct bench *b = start(4);
        b->host_flags = keeps;
        bench_context(b, 0);
        u64 *entry = bench_ept_entry(b, FRAME(2), 1);
        *entry &= ~EPT_A;
        const u64 value = *entry;
        level_of(b, 0);
        level_of(b, 1);
        assert_int_equal(ahead(b) != NULL, !keeps);
        assert_int_equal(*entry, value);
        bench_free(b);
    }
}

static void fetches_and_functional_mode_look_not_ahead(void **state)
{
    (void)state;
    struct bench *b = start(0);
    struct translation t;
    for (unsigned n = 0; n < 3; n++) assert_true(bench_translate(b, PAGE(n), FETCH, BY_USER, &t));
    assert_int_equal(b->m.stats.ahead_walks, 0);
    mmu_set_timed(&b->m, &b->h, false);
    for (unsigned n = 0; n < 3; n++) level_of(b, n);
    assert_int_equal(b->m.stats.ahead_walks, 0);
    bench_free(b);
}

static void no_more_than_four_are_under_way(void **state)
{
    (void)state;
    struct bench *b = start(0);
    for (unsigned n = 0; n + 1 < PAGES; n++) level_of(b, n);
    assert_int_equal(b->m.stats.ahead_walks, MMU_PAGES_AHEAD);
    assert_true(b->m.stats.ahead_dropped > 0);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_page_names_the_neighbour_of_two),
        cmocka_unit_test(the_stlb_has_the_page_when_its_walk_has_ended),
        cmocka_unit_test(a_demand_does_not_wait_for_a_walk_ahead),
        cmocka_unit_test(invalidations_and_other_contexts_overtake_it),
        cmocka_unit_test(nothing_is_walked_that_would_fault_or_set_a_flag),
        cmocka_unit_test(the_hosts_flags_count_where_it_keeps_them),
        cmocka_unit_test(fetches_and_functional_mode_look_not_ahead),
        cmocka_unit_test(no_more_than_four_are_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
