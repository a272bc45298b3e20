/* The MMU of one hart: access rights, error codes, accessed and dirty flags, EPT violations, stale entries
 *                      and every scope of invalidation. Each test that can runs in functional and in timed
 *                      mode. */
#include "tests/unit/mmu_modes.h"
#include "isa/state.h"
#include <string.h>

#define VA_PAGE  0x00007f1234567000ull
#define VA_OTHER 0x00007f12345a8000ull
#define PAGE_A   (4 * MiB)
#define PAGE_B   (5 * MiB)

/* --- access rights --- */

struct rights_case {
    u64 page; /* flags of the leaf */
    u64 cr0_wp, cr4;
    bool ac;
    const char *user, *supervisor; /* which of r w x are allowed */
};

/* SDM Vol. 3A, "Determination of Access Rights". */
static const struct rights_case rights_cases[] = {
    {PTE_P | PTE_W | PTE_U, 1, 0, false, "rwx", "rwx"},
    {PTE_P | PTE_U, 1, 0, false, "rx", "rx"},
    {PTE_P | PTE_U, 0, 0, false, "rx", "rwx"},
    {PTE_P | PTE_W, 1, 0, false, "", "rwx"},
    {PTE_P, 1, 0, false, "", "rx"},
    {PTE_P, 0, 0, false, "", "rwx"},
    {PTE_P | PTE_W | PTE_U | PTE_XD, 1, 0, false, "rw", "rw"},
    {PTE_P | PTE_XD, 1, 0, false, "", "r"},
    {PTE_P | PTE_W | PTE_U, 1, CR4_SMEP, false, "rwx", "rw"},
    {PTE_P | PTE_W, 1, CR4_SMEP, false, "", "rwx"},
    {PTE_P | PTE_W | PTE_U, 1, CR4_SMAP, false, "rwx", "x"},
    {PTE_P | PTE_W | PTE_U, 1, CR4_SMAP, true, "rwx", "rwx"},
    {PTE_P | PTE_U, 1, CR4_SMAP, true, "rx", "rx"},
    {PTE_P | PTE_U, 0, CR4_SMAP, false, "rx", "x"},
    {PTE_P | PTE_W, 1, CR4_SMAP, false, "", "rwx"},
    {PTE_P | PTE_W | PTE_U, 1, CR4_SMAP | CR4_SMEP, false, "rwx", ""},
};

static void expect_rights(struct bench *b, const char *allowed, bool user)
{
    static const struct {
        char name;
        enum access access;
        u32 error;
    } accesses[] = {{'r', READ, 0}, {'w', WRITE, PF_W}, {'x', FETCH, PF_I}};
    for (unsigned i = 0; i < 3; i++) {
        if (strchr(allowed, accesses[i].name))
            bench_expect(b, VA_PAGE | 0x123, accesses[i].access, user, PAGE_A | 0x123);
        else
            bench_expect_page_fault(b, VA_PAGE | 0x123, accesses[i].access, user,
                                    PF_P | accesses[i].error | (user ? PF_U : 0));
    }
}

static void try_rights(const struct rights_case *c, unsigned restrictive_level, int timed)
{
    struct bench *b = new_native(timed);
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_W | PTE_U);
    u64 *e = bench_guest_entry(b, VA_PAGE, restrictive_level);
    *e = (*e & ENTRY_ADDRESS) | c->page;
    b->h.cr0 = CR0_PE | CR0_PG | (c->cr0_wp ? CR0_WP : 0);
    b->h.cr4 |= c->cr4;
    b->h.rflags |= c->ac ? RFLAGS_AC : 0;
    mmu_ops.context_changed(&b->m, &b->h);
    for (unsigned warm = 0; warm < 2; warm++) {
        b->h.cpl = 0;
        expect_rights(b, c->supervisor, false);
        b->h.cpl = 3;
        expect_rights(b, c->user, true);
    }
    bench_free(b);
}

static void every_level_restricts_every_kind_of_access(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned level = 1; level <= 4; level++)
            for (unsigned i = 0; i < ARRAY_LEN(rights_cases); i++) try_rights(&rights_cases[i], level, timed);
}

static void implicit_supervisor_accesses_ignore_rflags_ac(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (u8 cpl = 0; cpl <= 3; cpl++) {
            struct bench *b = new_native(timed);
            bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
            b->h.cr4 |= CR4_SMAP;
            b->h.rflags |= RFLAGS_AC;
            b->h.cpl = cpl;
            mmu_ops.context_changed(&b->m, &b->h);
            bench_expect_page_fault(b, VA_PAGE, READ, BY_PROCESSOR, PF_P);
            bench_expect(b, VA_PAGE, READ, BY_SUPERVISOR, PAGE_A);
            bench_expect_page_fault(b, VA_PAGE, WRITE, BY_PROCESSOR, PF_P | PF_W);
            bench_free(b);
        }
}

static void an_access_that_ac_allowed_is_not_kept_for_those_without(void **unused)
{
    struct bench *b = new_native(false);
    struct translation t;
    (void)unused;
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
    b->h.cr4 |= CR4_SMAP;
    b->h.rflags |= RFLAGS_AC;
    mmu_ops.context_changed(&b->m, &b->h);
    assert_true(bench_translate(b, VA_PAGE, READ, false, &t));
    assert_false(t.cacheable_soft);
    assert_true(bench_translate(b, VA_PAGE, READ, true, &t));
    assert_true(t.cacheable_soft);
    bench_free(b);
}

/* --- protection keys --- */

static void set_pkru(struct bench *b, u32 value)
{
    b->h.cr4 |= CR4_PKE;
    b->h.efer |= EFER_LMA;
    hart_write_pkru(&b->h, value);
}

/* What the soft TLB kept under one PKRU it does not find under another, and finds again under the first. */
static void translations_kept_under_one_pkru_are_not_found_under_another(void **unused)
{
    struct bench *b = new_native(false);
    struct soft_entry *e = &b->h.soft.read[1][soft_index(VA(VA_PAGE))];
    struct translation t;
    (void)unused;
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL | 3ull << 59);
    set_pkru(b, 0);
    assert_true(bench_translate(b, VA_PAGE, READ, true, &t) && t.cacheable_soft);
    e->tag = soft_tag(&b->h.soft, VA(VA_PAGE));
    set_pkru(b, 1u << 6);
    assert_false(e->tag == soft_tag(&b->h.soft, VA(VA_PAGE)));
    bench_expect_page_fault(b, VA_PAGE, READ, true, PF_P | PF_U | PF_PK);
    set_pkru(b, 0);
    assert_true(e->tag == soft_tag(&b->h.soft, VA(VA_PAGE)));
    bench_free(b);
}

static void a_key_denies_what_the_tlbs_hold_at_once(void **unused)
{
    (void)unused;
    struct bench *b = new_native(true);
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL | 3ull << 59);
    set_pkru(b, 0);
    bench_expect(b, VA_PAGE, WRITE, true, PAGE_A);
    set_pkru(b, 2u << 6);
    bench_expect_page_fault(b, VA_PAGE, WRITE, true, PF_P | PF_W | PF_U | PF_PK);
    bench_expect(b, VA_PAGE, READ, true, PAGE_A);
    bench_expect(b, VA_PAGE, FETCH, true, PAGE_A);
    set_pkru(b, 2u << 8); /* another key's */
    bench_expect(b, VA_PAGE, WRITE, true, PAGE_A);
    bench_free(b);
}

/* --- error codes --- */

static void a_page_that_is_absent_at_any_level_faults_without_p(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned level = 1; level <= 4; level++) {
            struct bench *b = new_native(timed);
            u64 *e = (bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL), bench_guest_entry(b, VA_PAGE, level));
            *e = ~1ull; /* nothing else of a not-present entry counts, reserved bits neither */
            bench_expect_page_fault(b, VA_PAGE, READ, false, 0);
            bench_expect_page_fault(b, VA_PAGE, WRITE, true, PF_W | PF_U);
            bench_expect_page_fault(b, VA_PAGE, FETCH, true, PF_I | PF_U);
            bench_free(b);
        }
}

static void a_reserved_bit_at_any_level_faults_with_p_and_rsvd(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned level = 1; level <= 4; level++) {
            struct bench *b = new_native(timed);
            bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
            *bench_guest_entry(b, VA_PAGE, level) |= BIT(46);
            bench_expect_page_fault(b, VA_PAGE, READ, false, PF_P | PF_RSVD);
            bench_expect_page_fault(b, VA_PAGE, WRITE, true, PF_P | PF_RSVD | PF_W | PF_U);
            bench_free(b);
        }
}

static void xd_is_reserved_without_nxe_and_fetches_are_reported_only_with_nxe_or_smep(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_native(timed);
        u64 *e = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_W);
        b->h.efer &= ~EFER_NXE;
        mmu_ops.context_changed(&b->m, &b->h);
        bench_expect_page_fault(b, VA_PAGE, FETCH, true, PF_P | PF_U);
        *e |= PTE_XD;
        bench_expect_page_fault(b, VA_PAGE, READ, false, PF_P | PF_RSVD);
        b->h.cr4 |= CR4_SMEP;
        mmu_ops.context_changed(&b->m, &b->h);
        bench_expect_page_fault(b, VA_PAGE, FETCH, true, PF_P | PF_U | PF_I | PF_RSVD);
        bench_free(b);
    }
}

static void tables_outside_ram_read_as_all_ones(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_native(timed);
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
        *bench_guest_entry(b, VA_PAGE, 2) = RAM_BYTES | PTE_ALL;
        bench_expect_page_fault(b, VA_PAGE, READ, false, PF_P | PF_RSVD);
        bench_free(b);
    }
}

static void a_page_outside_ram_is_mmio_and_never_kept(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_native(timed);
        struct translation t;
        bench_map(b, VA_PAGE, 0xfee00000, 12, PTE_ALL);
        assert_true(bench_translate(b, VA_PAGE | 0x20, READ, false, &t));
        assert_int_equal(t.at.v, 0xfee00020);
        assert_null(t.host);
        assert_false(t.cacheable_soft);
        bench_free(b);
    }
}

static void without_paging_linear_is_physical(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_native(timed);
        struct translation t;
        b->h.cr0 = CR0_PE;
        b->h.efer = 0;
        mmu_ops.context_changed(&b->m, &b->h);
        assert_true(bench_translate(b, PAGE_A | 5, WRITE, false, &t));
        assert_int_equal(t.at.v, PAGE_A | 5);
        assert_int_equal(t.tlb, TLB_NONE);
        assert_ptr_equal(t.host, b->mem.host + (PAGE_A | 5));
        assert_int_equal(t.cacheable_soft, !timed);
        bench_free(b);
    }
}

/* --- page sizes --- */

static void large_pages_translate_every_address_they_span(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned shift = 12; shift <= 30; shift += 9) {
            struct bench *b = new_native(timed);
            u64 va = VA_PAGE & ~(BIT(shift) - 1), page = shift == 30 ? 0 : 4 * MiB;
            struct translation t;
            bench_map(b, va, page, shift, PTE_ALL);
            for (u64 at = 0; at < BIT(shift); at += BIT(shift - 4) + 8) {
                assert_true(bench_translate(b, va + at, READ, false, &t));
                assert_int_equal(t.at.v, page + at);
                assert_int_equal(t.page_shift, shift);
            }
            bench_free(b);
        }
}

static void a_fetch_from_a_one_gib_page_is_kept_in_two_mib_pieces(void **unused)
{
    struct bench *b = new_native(true);
    struct translation t;
    (void)unused;
    bench_map(b, 0x40000000, 0, 30, PTE_ALL);
    assert_true(bench_translate(b, 0x40000000, FETCH, false, &t));
    assert_int_equal(t.tlb, TLB_WALK);
    assert_true(bench_translate(b, 0x401fffff, FETCH, false, &t));
    assert_int_equal(t.tlb, TLB_L1);
    assert_int_equal(t.at.v, 0x1fffff);
    assert_true(
        bench_translate(b, 0x40200000, FETCH, false, &t)); /* another piece: the STLB knows the whole page */
    assert_int_equal(t.tlb, TLB_L2);
    assert_int_equal(t.at.v, 0x200000);
    bench_free(b);
}

static void a_two_mib_guest_page_on_four_kib_host_pages_is_kept_as_four_kib(void **unused)
{
    struct bench *b = new_nested(true);
    struct translation t;
    (void)unused;
    bench_map(b, 0x40000000, 4 * MiB, 21, PTE_ALL);
    bench_map_ept(b, 4 * MiB + 0x3000, 32 * MiB, 12, EPT_RWX);
    assert_true(bench_translate(b, 0x40000123, READ, false, &t));
    assert_int_equal(t.page_shift, 12);
    assert_int_equal(t.at.v, 4 * MiB + 0x123);
    assert_true(bench_translate(b, 0x40003123, READ, false, &t));
    assert_int_equal(t.tlb, TLB_WALK); /* the first piece does not cover it */
    assert_int_equal(t.at.v, 32 * MiB + 0x123);
    assert_true(bench_translate(b, 0x40000456, READ, false, &t));
    assert_int_equal(t.tlb, TLB_L1);
    bench_free(b);
}

static void invlpg_takes_every_piece_of_a_fractured_page(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_nested(timed);
        u64 *e = bench_map(b, 0x40000000, 4 * MiB, 21, PTE_ALL);
        for (u64 at = 0; at < 2 * MiB; at += 64 * KiB)
            bench_expect(b, 0x40000000 + at, READ, false, 4 * MiB + at);
        *e = 6 * MiB | PTE_ALL | PTE_PS;
        mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_INVLPG, 0, VA(0x40155000));
        for (u64 at = 0; at < 2 * MiB; at += 64 * KiB)
            bench_expect(b, 0x40000000 + at, READ, false, 6 * MiB + at);
        bench_free(b);
    }
}

/* --- accessed and dirty flags --- */

static void a_read_sets_accessed_at_every_level_and_dirty_nowhere(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_native(timed);
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_W | PTE_U);
        for (unsigned level = 1; level <= 4; level++) *bench_guest_entry(b, VA_PAGE, level) &= ~PTE_A;
        bench_expect(b, VA_PAGE, READ, false, PAGE_A);
        for (unsigned level = 1; level <= 4; level++)
            assert_int_equal(*bench_guest_entry(b, VA_PAGE, level) & (PTE_A | PTE_D), PTE_A);
        if (timed) {
            for (unsigned i = 0; i < 4; i++) assert_true(bench_ledger(b)->ref[i].writes);
            assert_int_equal(b->m.stats.ad_updates_guest, 4);
        }
        bench_free(b);
    }
}

static void the_first_write_walks_again_to_set_dirty_although_the_tlb_is_warm(void **unused)
{
    struct bench *b = new_native(true);
    struct translation t;
    (void)unused;
    u64 *e = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_W);
    assert_true(bench_translate(b, VA_PAGE, READ, false, &t));
    assert_true(bench_translate(b, VA_PAGE, READ, false, &t));
    assert_int_equal(t.tlb, TLB_L1);
    assert_int_equal(*e & PTE_D, 0);
    assert_true(bench_translate(b, VA_PAGE, WRITE, false, &t));
    assert_int_equal(t.tlb, TLB_WALK);
    assert_int_equal(*e & PTE_D, PTE_D);
    assert_int_equal(b->m.stats.rewalks, 1);
    assert_true(bench_translate(b, VA_PAGE, WRITE, false, &t));
    assert_int_equal(t.tlb, TLB_L1);
    bench_free(b);
}

static void a_faulting_access_sets_no_flag(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_native(timed);
        u64 *e = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P);
        for (unsigned level = 2; level <= 4; level++) *bench_guest_entry(b, VA_PAGE, level) &= ~PTE_A;
        bench_expect_page_fault(b, VA_PAGE, WRITE, false, PF_P | PF_W);
        *e = 0;
        bench_expect_page_fault(b, VA_PAGE, READ, false, 0);
        for (unsigned level = 1; level <= 4; level++)
            assert_int_equal(*bench_guest_entry(b, VA_PAGE, level) & (PTE_A | PTE_D), 0);
        bench_free(b);
    }
}

static void a_cleared_accessed_flag_stays_clear_until_the_translation_is_invalidated(void **unused)
{
    struct bench *b = new_native(true);
    (void)unused;
    u64 *e = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
    bench_expect(b, VA_PAGE, READ, false, PAGE_A);
    *e &= ~PTE_A;
    bench_expect(b, VA_PAGE, READ, false, PAGE_A);
    assert_int_equal(*e & PTE_A, 0);
    mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_INVLPG, 0, VA(VA_PAGE));
    bench_expect(b, VA_PAGE, READ, false, PAGE_A);
    assert_int_equal(*e & PTE_A, PTE_A);
    bench_free(b);
}

/* --- peeking --- */

static void peeking_finds_the_page_and_leaves_no_trace(void **unused)
{
    struct bench *b = new_nested(true);
    hpa_t at;
    (void)unused;
    u64 *e = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P);
    bench_map_ept(b, PAGE_A, PAGE_B, 12, EPT_RWX);
    assert_true(mmu_peek(&b->m, &b->h, VA(VA_PAGE | 3), &at));
    assert_int_equal(at.v, PAGE_B | 3);
    assert_false(mmu_peek(&b->m, &b->h, VA(VA_OTHER), &at));
    assert_int_equal(*e, PAGE_A | PTE_P);
    assert_int_equal(b->m.stats.walks, 0);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_restricts_every_kind_of_access),
        cmocka_unit_test(implicit_supervisor_accesses_ignore_rflags_ac),
        cmocka_unit_test(an_access_that_ac_allowed_is_not_kept_for_those_without),
        cmocka_unit_test(translations_kept_under_one_pkru_are_not_found_under_another),
        cmocka_unit_test(a_key_denies_what_the_tlbs_hold_at_once),
        cmocka_unit_test(a_page_that_is_absent_at_any_level_faults_without_p),
        cmocka_unit_test(a_reserved_bit_at_any_level_faults_with_p_and_rsvd),
        cmocka_unit_test(xd_is_reserved_without_nxe_and_fetches_are_reported_only_with_nxe_or_smep),
        cmocka_unit_test(tables_outside_ram_read_as_all_ones),
        cmocka_unit_test(a_page_outside_ram_is_mmio_and_never_kept),
        cmocka_unit_test(without_paging_linear_is_physical),
        cmocka_unit_test(large_pages_translate_every_address_they_span),
        cmocka_unit_test(a_fetch_from_a_one_gib_page_is_kept_in_two_mib_pieces),
        cmocka_unit_test(a_two_mib_guest_page_on_four_kib_host_pages_is_kept_as_four_kib),
        cmocka_unit_test(invlpg_takes_every_piece_of_a_fractured_page),
        cmocka_unit_test(a_read_sets_accessed_at_every_level_and_dirty_nowhere),
        cmocka_unit_test(the_first_write_walks_again_to_set_dirty_although_the_tlb_is_warm),
        cmocka_unit_test(a_faulting_access_sets_no_flag),
        cmocka_unit_test(a_cleared_accessed_flag_stays_clear_until_the_translation_is_invalidated),
        cmocka_unit_test(peeking_finds_the_page_and_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
