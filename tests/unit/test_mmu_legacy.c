/* 32-bit and PAE paging: SDM Vol. 3A, "32-Bit Paging" and "PAE Paging". Each test that can runs in functional
 * and in timed mode. */
#include "mmu_bench.h"
#include <string.h>

#define VA_PAGE 0xc0405000ull
#define PAGE_A  (4 * MiB)
#define PAGE_B  (8 * MiB)

#define FOR_BOTH_MODES(timed) for (int timed = 0; timed < 2; timed++)

static u32 *entry32(struct bench *b, u64 table, u64 index)
{
    return (u32 *)(void *)(b->mem.host + (table & ~0xfffull) + 4 * index);
}

/* Protected mode with paging; CR4 without PAE and PSE but for `cr4`. */
static struct bench *new_legacy(bool timed, u64 cr4)
{
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, timed);
    b->h.cr4 = CR4_PGE | cr4;
    b->h.efer = 0;
    mmu_ops.context_changed(&b->m, &b->h);
    return b;
}

/* --- 32-bit paging --- */

static u32 *map_4k(struct bench *b, u64 page, u32 flags)
{
    u32 *pde = entry32(b, b->cr3, VA_PAGE >> 22);
    if (!*pde) *pde = (u32)bench_page(b) | PTE_P | PTE_W | PTE_U;
    u32 *pte = entry32(b, *pde, VA_PAGE >> 12 & 1023);
    *pte = (u32)page | flags;
    return pte;
}

static void thirty_two_bit_paging_walks_two_levels_of_four_byte_entries(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_legacy(timed, 0);
        u32 *pte = map_4k(b, PAGE_A, PTE_P | PTE_W | PTE_U);
        pte[1] = 0xffffffff; /* the neighbour must be neither read nor written */
        bench_expect(b, VA_PAGE | 0x321, ACCESS_READ, true, PAGE_A | 0x321);
        if (timed) assert_int_equal(bench_ledger(b)->n_refs, 2);
        assert_int_equal(*pte, PAGE_A | PTE_P | PTE_W | PTE_U | PTE_A);
        bench_expect(b, VA_PAGE | 0x321, ACCESS_WRITE, true, PAGE_A | 0x321);
        assert_int_equal(*pte, PAGE_A | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D);
        assert_int_equal(pte[1], 0xffffffff);
        bench_free(b);
    }
}

static void thirty_two_bit_paging_has_no_execute_disable_and_reports_no_fetches(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_legacy(timed, 0);
        b->h.efer = EFER_NXE;
        mmu_ops.context_changed(&b->m, &b->h);
        map_4k(b, PAGE_A, PTE_P);
        bench_expect(b, VA_PAGE, ACCESS_FETCH, false, PAGE_A);
        bench_expect_page_fault(b, VA_PAGE, ACCESS_FETCH, true, PF_P | PF_U);
        bench_expect_page_fault(b, VA_PAGE, ACCESS_WRITE, false, PF_P | PF_W);
        bench_free(b);
    }
}

static void the_page_size_bit_counts_only_with_cr4_pse(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned pse = 0; pse < 2; pse++) {
            struct bench *b = new_legacy(timed, pse ? CR4_PSE : 0);
            map_4k(b, PAGE_A, PTE_P);
            u32 *pde = entry32(b, b->cr3, VA_PAGE >> 22);
            u64 table = *pde & ~0xfffu;
            *pde = (u32)((table & ~(4 * MiB - 1)) | PTE_P | PTE_W | PTE_PS);
            *entry32(b, table & ~(4 * MiB - 1), VA_PAGE >> 12 & 1023) =
                PAGE_B | PTE_P; /* read if PS is ignored */
            u64 large = (table & ~(4 * MiB - 1)) + (VA_PAGE & (4 * MiB - 1));
            bench_expect(b, VA_PAGE, ACCESS_READ, false, pse ? large : PAGE_B);
            bench_free(b);
        }
}

static void reserved_bits_of_a_four_mib_page_fault(void **unused)
{
    (void)unused;
    for (unsigned bit = 12; bit < 22; bit++)
        FOR_BOTH_MODES (timed) {
            struct bench *b = new_legacy(timed, CR4_PSE);
            *entry32(b, b->cr3, VA_PAGE >> 22) = (u32)(PAGE_A | PTE_P | PTE_PS | BIT(bit));
            if (bit == 12) /* PAT */
                bench_expect(b, 0xc0400000, ACCESS_READ, false, PAGE_A);
            else
                bench_expect_page_fault(b, VA_PAGE, ACCESS_READ, false, PF_P | PF_RSVD);
            bench_free(b);
        }
}

/* PSE-36: SDM Vol. 3A, "32-Bit Paging", entries that map 4-MByte pages. */
static void a_four_mib_page_may_lie_above_four_gib(void **unused)
{
    static const u8 widths[] = {32, 34, 36, 40, 46};
    (void)unused;
    for (unsigned i = 0; i < ARRAY_LEN(widths); i++)
        for (unsigned bit = 13; bit < 22; bit++)
            FOR_BOTH_MODES (timed) {
                struct bench *b = new_legacy(timed, CR4_PSE);
                b->model.has[FEATURE_pse36] = true;
                b->model.physical_bits = widths[i];
                mmu_ops.context_changed(&b->m, &b->h);
                *entry32(b, b->cr3, VA_PAGE >> 22) = (u32)(PAGE_A | PTE_P | PTE_PS | BIT(bit));
                u64 high = BIT(bit - 13 + 32);
                if (bit <= 20 && high < BIT(widths[i]))
                    bench_expect(b, 0xc0400000, ACCESS_READ, false, PAGE_A | high);
                else
                    bench_expect_page_fault(b, VA_PAGE, ACCESS_READ, false, PF_P | PF_RSVD);
                bench_free(b);
            }
}

static bool soft_keeps(struct bench *b, u64 va)
{
    struct translation t;
    struct soft_entry *e = &b->h.soft.read[0][soft_index(VA(va))];
    if (e->tag == soft_tag(&b->h.soft, VA(va))) return true;
    if (bench_translate(b, va, ACCESS_READ, false, &t) && t.cacheable_soft)
        e->tag = soft_tag(&b->h.soft, VA(va));
    return false;
}

static void invlpg_of_any_address_takes_a_four_mib_page_whole(void **unused)
{
    (void)unused;
    for (u64 part = 0; part < 4 * MiB; part += 2 * MiB)
        FOR_BOTH_MODES (timed) {
            struct bench *b = new_legacy(timed, CR4_PSE);
            u32 *pde = entry32(b, b->cr3, VA_PAGE >> 22);
            *pde = PAGE_A | PTE_P | PTE_PS;
            for (u64 at = 0; at < 4 * MiB; at += MiB) {
                bench_expect(b, 0xc0400000 + at, ACCESS_READ, false, PAGE_A + at);
                assert_false(!timed && soft_keeps(b, 0xc0400000 + at));
            }
            *pde = PAGE_B | PTE_P | PTE_PS;
            mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_INVLPG, 0, VA(0xc0400000 + part));
            for (u64 at = 0; at < 4 * MiB; at += MiB) {
                assert_false(!timed && soft_keeps(b, 0xc0400000 + at));
                bench_expect(b, 0xc0400000 + at, ACCESS_READ, false, PAGE_B + at);
            }
            bench_free(b);
        }
}

/* --- PAE paging --- */

#define PDPT_OFFSET 0x7e0 /* a PDPT is aligned to 32 bytes only */

static u64 *pdpte_of(struct bench *b)
{
    return bench_entry_in(b, b->cr3, 0, 1) + PDPT_OFFSET / 8 + (VA_PAGE >> 30);
}

static struct bench *new_pae(bool timed)
{
    struct bench *b = new_legacy(timed, CR4_PAE);
    b->h.efer = EFER_NXE;
    b->h.cr3 = b->cr3 | PDPT_OFFSET | 0x18; /* PWT and PCD are no address */
    mmu_ops.context_changed(&b->m, &b->h);
    *pdpte_of(b) = bench_page(b) | PTE_P;
    assert_true(mmu_ops.read_pdptes(&b->m, &b->h, b->h.cr3, b->h.pdpte));
    return b;
}

static u64 *map_pae(struct bench *b, u64 page, u64 flags)
{
    u64 *pde = bench_entry_in(b, *pdpte_of(b), VA_PAGE, 2);
    *pde = bench_page(b) | PTE_P | PTE_W | PTE_U;
    u64 *pte = bench_entry_in(b, *pde, VA_PAGE, 1);
    *pte = page | flags;
    return pte;
}

static void a_pdpte_grants_everything_and_has_no_flags(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_pae(timed);
        u64 *pte = map_pae(b, PAGE_A, PTE_P | PTE_W | PTE_U);
        u64 pdpte = *pdpte_of(b);
        bench_expect(b, VA_PAGE | 7, ACCESS_WRITE, true, PAGE_A | 7);
        if (timed) assert_int_equal(bench_ledger(b)->n_refs, 2);
        assert_int_equal(*pte & (PTE_A | PTE_D), PTE_A | PTE_D);
        assert_int_equal(*pdpte_of(b), pdpte);
        bench_free(b);
    }
}

/* SDM Vol. 3A, "PDPTE Registers": what is in memory counts when it is loaded. */
static void walks_take_the_registers_not_the_table(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_pae(timed);
        map_pae(b, PAGE_A, PTE_P);
        *pdpte_of(b) = 0;
        bench_expect(b, VA_PAGE, ACCESS_READ, false, PAGE_A);
        assert_int_equal(mmu_ops.read_pdptes(&b->m, &b->h, b->h.cr3, b->h.pdpte), true);
        mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_CR3, 0, VA(0));
        bench_expect_page_fault(b, VA_PAGE, ACCESS_READ, false, 0);
        bench_free(b);
    }
}

static void pae_knows_execute_disable(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_pae(timed);
        map_pae(b, PAGE_A, PTE_P | PTE_XD);
        bench_expect(b, VA_PAGE, ACCESS_READ, false, PAGE_A);
        bench_expect_page_fault(b, VA_PAGE, ACCESS_FETCH, false, PF_P | PF_I);
        bench_free(b);
    }
}

static u64 reserved_of(u64 *entry, struct bench *b)
{
    u64 found = 0, good = *entry;
    struct translation t;
    for (unsigned bit = 1; bit < 64; bit++) {
        *entry = good | BIT(bit);
        if (!bench_translate(b, VA_PAGE, ACCESS_READ, false, &t) && (b->h.fault.error & PF_RSVD))
            found |= BIT(bit);
    }
    *entry = good;
    return found;
}

static void reserved_bits_of_pae_are_the_manuals(void **unused)
{
    const u64 high = 0x7fffc00000000000ull;    /* bits 62:46 */
    const u64 outside_ram = BIT(46) - BIT(26); /* a table there reads as all ones */
    struct bench *b = new_pae(false);
    (void)unused;
    u64 *pte = map_pae(b, PAGE_A, PTE_P), *pde = bench_entry_in(b, *pdpte_of(b), VA_PAGE, 2);
    assert_int_equal(reserved_of(pte, b), high);
    assert_int_equal(reserved_of(pde, b) & ~(outside_ram | PTE_PS), high);
    *pde = PAGE_A | PTE_P | PTE_PS;
    assert_int_equal(reserved_of(pde, b), high | 0x1fe000);
    bench_free(b);
}

static void a_pae_page_of_two_mib_translates_every_address_it_spans(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_pae(timed);
        *bench_entry_in(b, *pdpte_of(b), VA_PAGE, 2) = PAGE_A | PTE_P | PTE_PS;
        for (u64 at = 0; at < 2 * MiB; at += 64 * KiB + 8)
            bench_expect(b, 0xc0400000 + at, ACCESS_READ, false, PAGE_A + at);
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_two_bit_paging_walks_two_levels_of_four_byte_entries),
        cmocka_unit_test(thirty_two_bit_paging_has_no_execute_disable_and_reports_no_fetches),
        cmocka_unit_test(the_page_size_bit_counts_only_with_cr4_pse),
        cmocka_unit_test(reserved_bits_of_a_four_mib_page_fault),
        cmocka_unit_test(a_four_mib_page_may_lie_above_four_gib),
        cmocka_unit_test(invlpg_of_any_address_takes_a_four_mib_page_whole),
        cmocka_unit_test(a_pdpte_grants_everything_and_has_no_flags),
        cmocka_unit_test(walks_take_the_registers_not_the_table),
        cmocka_unit_test(pae_knows_execute_disable),
        cmocka_unit_test(reserved_bits_of_pae_are_the_manuals),
        cmocka_unit_test(a_pae_page_of_two_mib_translates_every_address_it_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
