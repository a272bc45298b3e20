/* Entries that serve more or less than one page of the guest's: coalesced, fractured, TLBs shared by page sizes. Counts
 * follow from geometry alone. */
#include "mmu_bench.h"

#define VA_BASE 0x00007f1200000000ull
#define PAGES   64

static struct mmu_cfg coalescing(u32 pages)
{
    struct mmu_cfg c = bench_default_cfg;
    c.coalesced_pages = pages;
    return c;
}

static struct bench *new_contiguous(const struct mmu_cfg *cfg)
{
    struct bench *b = bench_new(cfg, 4, 0, true);
    for (u64 n = 0; n < PAGES; n++) bench_map(b, VA_BASE + n * PAGE_BYTES, 4 * MiB + n * PAGE_BYTES, 12, PTE_ALL);
    return b;
}

static void read_all(struct bench *b)
{
    for (u64 n = 0; n < PAGES; n++)
        bench_expect(b, VA_BASE + n * PAGE_BYTES + 0x123, ACCESS_READ, BY_SUPERVISOR, 4 * MiB + n * PAGE_BYTES + 0x123);
}

static void walks_are_pages_over_coalesced_pages(void **unused)
{
    (void)unused;
    for (u32 pages = 1; pages <= 8; pages *= 2) {
        struct mmu_cfg cfg = coalescing(pages);
        struct bench *b = new_contiguous(&cfg);
        for (unsigned round = 0; round < 2; round++) read_all(b);
        assert_int_equal(b->m.stats.walks, PAGES / pages);
        assert_int_equal(b->m.stats.coalesced, pages > 1 ? PAGES / pages : 0);
        assert_int_equal(b->m.dtlb_stats.misses, PAGES / pages);
        bench_free(b);
    }
}

/* One thing different in a group of four: it stays four entries. */
static void only_pages_that_are_alike_share_an_entry(void **unused)
{
    static const u64 differences[] = {PTE_P, PTE_W,  PTE_U, BIT(3), BIT(4), PTE_A,
                                      PTE_D, BIT(7), PTE_G, PTE_XD, 0x1000, 0x4000};
    (void)unused;
    for (unsigned i = 0; i < ARRAY_LEN(differences); i++) {
        struct mmu_cfg cfg = coalescing(4);
        struct bench *b = new_contiguous(&cfg);
        struct translation t;
        *bench_guest_entry(b, VA_BASE + 6 * PAGE_BYTES, 1) ^= differences[i];
        assert_true(bench_translate(b, VA_BASE + 4 * PAGE_BYTES, ACCESS_READ, BY_SUPERVISOR, &t));
        assert_int_equal(t.page_shift, 12);
        assert_true(bench_translate(b, VA_BASE, ACCESS_READ, BY_SUPERVISOR, &t));
        assert_int_equal(t.page_shift, 14);
        bench_free(b);
    }
}

static void frames_that_are_not_aligned_like_their_addresses_stay_apart(void **unused)
{
    (void)unused;
    struct mmu_cfg cfg = coalescing(4);
    struct bench *b = bench_new(&cfg, 4, 0, true);
    for (u64 n = 0; n < 4; n++) bench_map(b, VA_BASE + n * PAGE_BYTES, 4 * MiB + (n + 1) * PAGE_BYTES, 12, PTE_ALL);
    bench_expect(b, VA_BASE, ACCESS_READ, BY_SUPERVISOR, 4 * MiB + PAGE_BYTES);
    assert_int_equal(b->m.stats.coalesced, 0);
    bench_free(b);
}

static void invlpg_of_any_page_takes_the_shared_entry(void **unused)
{
    (void)unused;
    for (u64 n = 0; n < 4; n++) {
        struct mmu_cfg cfg = coalescing(4);
        struct bench *b = new_contiguous(&cfg);
        bench_expect(b, VA_BASE + 3 * PAGE_BYTES, ACCESS_READ, BY_SUPERVISOR, 4 * MiB + 3 * PAGE_BYTES);
        *bench_guest_entry(b, VA_BASE + n * PAGE_BYTES, 1) += MiB;
        mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_INVLPG, 0, VA(VA_BASE + n * PAGE_BYTES));
        bench_expect(b, VA_BASE + n * PAGE_BYTES, ACCESS_READ, BY_SUPERVISOR, 5 * MiB + n * PAGE_BYTES);
        bench_free(b);
    }
}

static void through_ept_pages_share_where_the_hosts_page_holds_them(void **unused)
{
    (void)unused;
    for (unsigned shift = 12; shift <= 21; shift += 9) {
        struct mmu_cfg cfg = coalescing(4);
        struct bench *b = bench_new(&cfg, 4, 4, true);
        bench_map_ept_identity(b, shift);
        for (u64 n = 0; n < PAGES; n++)
            bench_map(b, VA_BASE + n * PAGE_BYTES, 4 * MiB + n * PAGE_BYTES, 12, PTE_ALL);
        read_all(b);
        assert_int_equal(b->m.stats.walks, shift == 21 ? PAGES / 4 : PAGES);
        bench_free(b);
    }
}

/* A guest page of 2 MiB on host pages of 4 KiB is 512 entries, and 512 walks; on one of 2 MiB it is one. */
static void a_large_guest_page_costs_a_walk_per_host_page(void **unused)
{
    (void)unused;
    for (unsigned shift = 12; shift <= 21; shift += 9) {
        struct bench *b = bench_new(&bench_default_cfg, 4, 4, true);
        bench_map_ept_identity(b, shift);
        bench_map(b, VA_BASE, 4 * MiB, 21, PTE_ALL);
        for (u64 at = 0; at < 2 * MiB; at += PAGE_BYTES)
            bench_expect(b, VA_BASE + at, ACCESS_READ, BY_SUPERVISOR, 4 * MiB + at);
        assert_int_equal(b->m.stats.walks, shift == 12 ? 512 : 1);
        assert_int_equal(b->m.stats.fractured, shift == 12 ? 512 : 0);
        bench_free(b);
    }
}

/* 64 places for every size: 40 small pages and 30 large ones are too many, 40 and 20 fit. */
static void an_l1_tlb_for_all_sizes_is_shared_by_them(void **unused)
{
    (void)unused;
    for (u64 large = 20; large <= 30; large += 10) {
        struct mmu_cfg cfg = bench_default_cfg;
        cfg.l1_holds_all_sizes = true;
        cfg.dtlb_4k_ways = 64;
        cfg.dtlb_2m_entries = cfg.dtlb_1g_entries = 0;
        struct bench *b = new_contiguous(&cfg);
        for (u64 n = 0; n < large; n++) bench_map(b, VA_BASE + GiB + n * 2 * MiB, n * 2 * MiB, 21, PTE_ALL);
        for (unsigned round = 0; round < 2; round++) {
            b->m.dtlb_stats.misses = 0;
            for (u64 n = 0; n < 40; n++)
                bench_expect(b, VA_BASE + n * PAGE_BYTES, ACCESS_READ, BY_SUPERVISOR, 4 * MiB + n * PAGE_BYTES);
            for (u64 n = 0; n < large; n++)
                bench_expect(b, VA_BASE + GiB + n * 2 * MiB + 5, ACCESS_READ, BY_SUPERVISOR, n * 2 * MiB + 5);
        }
        assert_int_equal(b->m.dtlb_stats.misses, large == 20 ? 0 : 70);
        b->m.dtlb_stats.misses = b->m.stlb_stats.lookups;
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_are_pages_over_coalesced_pages),
        cmocka_unit_test(only_pages_that_are_alike_share_an_entry),
        cmocka_unit_test(frames_that_are_not_aligned_like_their_addresses_stay_apart),
        cmocka_unit_test(invlpg_of_any_page_takes_the_shared_entry),
        cmocka_unit_test(through_ept_pages_share_where_the_hosts_page_holds_them),
        cmocka_unit_test(a_large_guest_page_costs_a_walk_per_host_page),
        cmocka_unit_test(an_l1_tlb_for_all_sizes_is_shared_by_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
