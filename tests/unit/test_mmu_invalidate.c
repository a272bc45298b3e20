/* Stale translations live until the architecture's invalidation of exactly their kind, and not longer; what
 * walks save and what they tell. */
#include "mmu_bench.h"
#include <string.h>

#define PAGE_A (4 * MiB)
#define PAGE_B (5 * MiB)

/* --- every kind of mapping against every operation --- */

/* A mapping of the matrix: VPID 0..2, EPT off or one of two EPT pointers, PCID 0 or 5, one of three pages
 * of which the last is global. */
struct kind {
    u16 vpid;
    unsigned ept; /* 0: off, 1, 2 */
    u16 pcid;
    unsigned page;
};

#define KINDS       (3 * 3 * 2 * 3)
#define GLOBAL_PAGE 2

static const u64 page_va[3] = {0x40000000, 0x40003000, 0x40205000};

static struct kind kind_of(unsigned n)
{
    return (struct kind){.page = n % 3, .pcid = n / 3 % 2 ? 5 : 0, .ept = n / 6 % 3, .vpid = (u16)(n / 18)};
}

enum operation {
    OP_NOTHING,
    OP_INVLPG_PAGE,
    OP_INVLPG_GLOBAL,
    OP_MOV_CR3,
    OP_ALL_NONGLOBAL,
    OP_ALL,
    OP_PCID_ADDRESS,
    OP_PCID_ADDRESS_GLOBAL,
    OP_PCID,
    OP_INVVPID_ADDRESS,
    OP_INVVPID_SINGLE,
    OP_INVVPID_ALL,
    OP_INVVPID_RETAIN_GLOBALS,
    OP_INVEPT_SINGLE,
    OP_INVEPT_ALL,
    OP_TRANSITION_WITHOUT_VPID,
    OPERATIONS
};

/* In the context VPID 1, first EPT pointer, PCID 5: is this mapping to go? SDM Vol. 3A and 3C, "Caching
 * Translation Information". */
static bool must_go(enum operation op, const struct kind *k)
{
    bool mine = k->vpid == 1, global = k->page == GLOBAL_PAGE;
    switch (op) {
    case OP_NOTHING:
        return false;
    case OP_INVLPG_PAGE:
        return mine && k->page == 0 && k->pcid == 5;
    case OP_INVLPG_GLOBAL:
        return mine && global;
    case OP_MOV_CR3:
        return mine && !global && k->pcid == 5;
    case OP_ALL_NONGLOBAL:
        return mine && !global;
    case OP_ALL:
        return mine;
    case OP_PCID_ADDRESS:
        return mine && k->page == 0 && k->pcid == 0;
    case OP_PCID_ADDRESS_GLOBAL:
        return false;
    case OP_PCID:
        return mine && !global && k->pcid == 0;
    case OP_INVVPID_ADDRESS:
        return k->vpid == 2 && k->page == 1;
    case OP_INVVPID_SINGLE:
        return k->vpid == 2;
    case OP_INVVPID_ALL:
        return k->vpid != 0;
    case OP_INVVPID_RETAIN_GLOBALS:
        return k->vpid == 2 && !global;
    case OP_INVEPT_SINGLE:
        return k->ept == 2;
    case OP_INVEPT_ALL:
        return k->ept != 0;
    case OP_TRANSITION_WITHOUT_VPID:
        return k->vpid == 0;
    default:
        return false;
    }
}

static u64 second_eptp; /* another root table with the same translations */

static struct mmu_virt virt_of(const struct bench *b, const struct kind *k)
{
    return (struct mmu_virt){.vpid = k->vpid,
                             .ept = k->ept != 0,
                             .eptp = k->ept == 1   ? bench_eptp(b)
                                     : k->ept == 2 ? second_eptp
                                                   : 0};
}

static void enter(struct bench *b, const struct kind *k)
{
    struct mmu_virt v = virt_of(b, k);
    b->h.cr3 = b->cr3 | k->pcid;
    mmu_set_virt(&b->m, &b->h, &v);
}

static void architectural(struct bench *b, enum invalidate_kind kind, u64 pcid, u64 va)
{
    mmu_ops.invalidate(&b->m, &b->h, kind, pcid, VA(va));
}

static void operate(struct bench *b, enum operation op)
{
    struct mmu_virt flush = {.vpid = 1, .ept = true, .eptp = bench_eptp(b), .flush = true};
    switch (op) {
    case OP_INVLPG_PAGE:
        architectural(b, INVALIDATE_INVLPG, 0, page_va[0] | 0xabc);
        break;
    case OP_INVLPG_GLOBAL:
        architectural(b, INVALIDATE_INVLPG, 0, page_va[GLOBAL_PAGE]);
        break;
    case OP_MOV_CR3:
        architectural(b, INVALIDATE_CR3, 5, 0);
        break;
    case OP_ALL_NONGLOBAL:
        architectural(b, INVALIDATE_ALL_NONGLOBAL, 0, 0);
        break;
    case OP_ALL:
        architectural(b, INVALIDATE_ALL, 0, 0);
        break;
    case OP_PCID_ADDRESS:
        architectural(b, INVALIDATE_PCID_ADDRESS, 0, page_va[0]);
        break;
    case OP_PCID_ADDRESS_GLOBAL:
        architectural(b, INVALIDATE_PCID_ADDRESS, 5, page_va[GLOBAL_PAGE]);
        break;
    case OP_PCID:
        architectural(b, INVALIDATE_PCID, 0, 0);
        break;
    case OP_INVVPID_ADDRESS:
        mmu_invvpid(&b->m, &b->h, INVVPID_ADDRESS, 2, VA(page_va[1]));
        break;
    case OP_INVVPID_SINGLE:
        mmu_invvpid(&b->m, &b->h, INVVPID_SINGLE, 2, VA(0));
        break;
    case OP_INVVPID_ALL:
        mmu_invvpid(&b->m, &b->h, INVVPID_ALL, 0, VA(0));
        break;
    case OP_INVVPID_RETAIN_GLOBALS:
        mmu_invvpid(&b->m, &b->h, INVVPID_SINGLE_RETAIN_GLOBALS, 2, VA(0));
        break;
    case OP_INVEPT_SINGLE:
        mmu_invept(&b->m, &b->h, INVEPT_SINGLE, second_eptp);
        break;
    case OP_INVEPT_ALL:
        mmu_invept(&b->m, &b->h, INVEPT_ALL, 0);
        break;
    case OP_TRANSITION_WITHOUT_VPID:
        mmu_set_virt(&b->m, &b->h, &flush);
        break;
    default:
        break;
    }
}

static void point_pages_at(struct bench *b, u64 to)
{
    for (unsigned i = 0; i < 3; i++)
        bench_map(b, page_va[i], to + i * PAGE_BYTES, 12, PTE_ALL | (i == GLOBAL_PAGE ? PTE_G : 0));
}

static struct bench *new_matrix(bool timed)
{
    struct bench *b = bench_new(&bench_default_cfg, 4, 4, timed);
    u64 second_root = bench_page(b);
    bench_map_ept_identity(b, 12);
    memcpy(b->mem.host + second_root, b->mem.host + b->eptp_root, PAGE_BYTES);
    second_eptp = second_root | (bench_eptp(b) & 0xfff);
    b->h.cr4 |= CR4_PCIDE;
    return b;
}

/* The executor's part in functional mode: keeps a translation, and looks it up. */
static bool soft_kept(struct bench *b, u64 va)
{
    return b->h.soft.read[0][soft_index(VA(va))].tag == soft_tag(&b->h.soft, VA(va));
}

static bool sees(struct bench *b, const struct kind *k, u64 page, bool timed)
{
    struct translation t;
    u64 va = page_va[k->page];
    if (!timed && soft_kept(b, va)) return page == PAGE_A; /* what was kept was kept of PAGE_A */
    assert_true(bench_translate(b, va, ACCESS_READ, false, &t));
    if (!timed && t.cacheable_soft) b->h.soft.read[0][soft_index(VA(va))].tag = soft_tag(&b->h.soft, VA(va));
    return t.at.v == page + k->page * PAGE_BYTES;
}

static void try_operation(struct bench *b, enum operation op, const struct kind *k, bool timed)
{
    const struct kind home = {.vpid = 1, .ept = 1, .pcid = 5};
    mmu_set_timed(&b->m, &b->h, timed);
    point_pages_at(b, PAGE_A);
    enter(b, k);
    assert_true(sees(b, k, PAGE_A, timed));
    point_pages_at(b, PAGE_B);
    assert_true(sees(b, k, PAGE_A, timed)); /* stale */
    enter(b, &home);
    operate(b, op);
    enter(b, k);
    if (must_go(op, k))
        assert_true(sees(b, k, PAGE_B, timed));
    else if (timed)
        assert_true(sees(b, k, PAGE_A, timed));
}

static void every_operation_takes_its_kinds_of_mappings(bool timed)
{
    struct bench *b = new_matrix(timed);
    for (unsigned op = 0; op < OPERATIONS; op++)
        for (unsigned n = 0; n < KINDS; n++) {
            struct kind k = kind_of(n);
            try_operation(b, (enum operation)op, &k, timed);
        }
    bench_free(b);
}

static void timed_mappings_outlive_all_but_their_own_invalidations(void **unused)
{
    (void)unused;
    every_operation_takes_its_kinds_of_mappings(true);
}

static void the_soft_tlb_forgets_at_least_what_the_architecture_asks(void **unused)
{
    (void)unused;
    every_operation_takes_its_kinds_of_mappings(false);
}

static void a_global_page_answers_the_other_pcid(void **unused)
{
    struct bench *b = new_matrix(true);
    const struct kind five = {.pcid = 5, .page = GLOBAL_PAGE}, zero = {.pcid = 0, .page = GLOBAL_PAGE};
    struct translation t;
    (void)unused;
    point_pages_at(b, PAGE_A);
    enter(b, &five);
    assert_true(sees(b, &five, PAGE_A, true));
    enter(b, &zero);
    assert_true(bench_translate(b, page_va[GLOBAL_PAGE], ACCESS_READ, false, &t));
    assert_int_equal(t.tlb, TLB_L1);
    b->h.cr4 &= ~CR4_PGE; /* without CR4.PGE nothing is filled as global */
    mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_ALL, 0, VA(0));
    mmu_ops.context_changed(&b->m, &b->h);
    assert_true(sees(b, &zero, PAGE_A, true));
    enter(b, &five);
    assert_true(bench_translate(b, page_va[GLOBAL_PAGE], ACCESS_READ, false, &t));
    assert_int_equal(t.tlb, TLB_WALK);
    bench_free(b);
}

static void a_global_page_stays_global_when_the_second_level_gives_it_back(void **unused)
{
    struct bench *b = new_matrix(true);
    const struct kind five = {.pcid = 5, .page = GLOBAL_PAGE}, zero = {.pcid = 0};
    struct translation t;
    (void)unused;
    point_pages_at(b, PAGE_A);
    enter(b, &five);
    assert_true(sees(b, &five, PAGE_A, true));
    assert_true(bench_translate(b, page_va[GLOBAL_PAGE], ACCESS_FETCH, false,
                                &t)); /* the ITLB takes it from the STLB */
    assert_int_equal(t.tlb, TLB_L2);
    enter(b, &zero);
    assert_true(bench_translate(b, page_va[GLOBAL_PAGE], ACCESS_FETCH, false, &t));
    assert_int_equal(t.tlb, TLB_L1);
    bench_free(b);
}

/* --- guest-physical mappings --- */

/* Whether the final address's host walk was saved. */
static bool guest_physical_kept(struct bench *b, u64 va)
{
    struct translation t;
    assert_true(bench_translate(b, va, ACCESS_READ, false, &t));
    assert_int_equal(t.tlb, TLB_WALK);
    return bench_ledger(b)->ntlb_hits != 0;
}

static void guest_physical_mappings_outlive_all_but_invept(void **unused)
{
    static const bool goes[OPERATIONS] = {[OP_INVEPT_SINGLE] = true, [OP_INVEPT_ALL] = true};
    const struct kind guest = {.vpid = 1, .ept = 2, .pcid = 5};
    struct bench *b = new_matrix(true);
    (void)unused;
    point_pages_at(b, PAGE_A);
    for (unsigned op = OP_INVLPG_PAGE; op < OPERATIONS; op++) {
        mmu_set_timed(&b->m, &b->h, true);
        enter(b, &guest);
        assert_true(sees(b, &guest, PAGE_A, true));
        operate(b, (enum operation)op);
        enter(b, &guest);
        mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_ALL, 0, VA(0)); /* linear and combined mappings */
        assert_int_equal(guest_physical_kept(b, page_va[0]), !goes[op]);
    }
    bench_free(b);
}

static void a_changed_ept_entry_is_seen_after_invept_and_not_before(void **unused)
{
    struct bench *b = new_matrix(true);
    const struct kind guest = {.vpid = 1, .ept = 1, .pcid = 5};
    (void)unused;
    point_pages_at(b, PAGE_A);
    enter(b, &guest);
    bench_expect(b, page_va[0], ACCESS_READ, false, PAGE_A);
    bench_map_ept(b, PAGE_A, PAGE_B, 12, EPT_RWX);
    bench_expect(b, page_va[0], ACCESS_READ, false, PAGE_A);
    mmu_invvpid(&b->m, &b->h, INVVPID_SINGLE, 1, VA(0)); /* the nested TLB still knows the page */
    bench_expect(b, page_va[0], ACCESS_READ, false, PAGE_A);
    mmu_invept(&b->m, &b->h, INVEPT_SINGLE, bench_eptp(b));
    bench_expect(b, page_va[0], ACCESS_READ, false, PAGE_B);
    bench_free(b);
}

static void a_replaced_ept_table_is_seen_after_invept_and_not_before(void **unused)
{
    struct bench *b = new_matrix(true);
    const struct kind guest = {.vpid = 1, .ept = 1, .pcid = 5};
    u64 other = bench_page(b), old = *bench_ept_entry(b, PAGE_A, 2);
    (void)unused;
    memcpy(b->mem.host + other, b->mem.host + (old & ENTRY_ADDRESS), PAGE_BYTES);
    point_pages_at(b, PAGE_A);
    enter(b, &guest);
    bench_expect(b, page_va[0], ACCESS_READ, false, PAGE_A);
    *bench_ept_entry(b, PAGE_A, 2) = other | (old & ~ENTRY_ADDRESS);
    bench_map_ept(b, PAGE_A + PAGE_BYTES, PAGE_B, 12, EPT_RWX);
    bench_map_ept(b, PAGE_A + 2 * PAGE_BYTES, PAGE_B, 12, EPT_RWX);
    bench_expect(b, page_va[1], ACCESS_READ, false, PAGE_A + PAGE_BYTES); /* through the old EPT PDE */
    mmu_invept(&b->m, &b->h, INVEPT_SINGLE, bench_eptp(b));
    bench_expect(b, page_va[2], ACCESS_READ, false, PAGE_B);
    bench_free(b);
}

static void a_violation_drops_the_paging_structure_entries_that_led_to_it(void **unused)
{
    struct bench *b = new_matrix(true);
    const struct kind guest = {.vpid = 1, .ept = 1, .pcid = 5};
    struct translation t;
    (void)unused;
    point_pages_at(b, PAGE_A);
    *bench_ept_entry(b, PAGE_A, 2) &= ~2ull;
    enter(b, &guest);
    bench_expect(b, page_va[0], ACCESS_READ, false, PAGE_A);
    *bench_ept_entry(b, PAGE_A, 2) |= 2; /* more rights, no INVEPT: one spurious violation at most */
    assert_false(bench_translate(b, page_va[0], ACCESS_WRITE, false, &t));
    assert_int_equal(b->h.fault.kind, FAULT_EPT_VIOLATION);
    bench_expect(b, page_va[0], ACCESS_WRITE, false, PAGE_A);
    bench_free(b);
}

static void a_violation_drops_the_nested_tlb_entry_of_its_address(void **unused)
{
    struct bench *b = new_matrix(true);
    const struct kind guest = {.vpid = 1, .ept = 1, .pcid = 5};
    struct translation t;
    (void)unused;
    point_pages_at(b, PAGE_A);
    bench_map(b, page_va[1], PAGE_A, 12, PTE_ALL); /* two linear addresses of one guest page */
    bench_map_ept(b, PAGE_A, PAGE_A, 12, 5);
    enter(b, &guest);
    bench_expect(b, page_va[0], ACCESS_READ, false, PAGE_A);
    bench_map_ept(b, PAGE_A, PAGE_B, 12, 5);
    assert_false(bench_translate(b, page_va[0], ACCESS_WRITE, false, &t));
    assert_int_equal(b->h.fault.kind, FAULT_EPT_VIOLATION);
    bench_expect(b, page_va[1], ACCESS_READ, false, PAGE_B);
    bench_free(b);
}

static void mappings_with_paging_off_are_apart_from_those_with_paging(void **unused)
{
    struct bench *b = new_matrix(true);
    const struct kind guest = {.vpid = 1, .ept = 1};
    u64 va = PAGE_A + 7 * PAGE_BYTES;
    (void)unused;
    bench_map(b, va, PAGE_B, 12, PTE_ALL);
    enter(b, &guest);
    bench_expect(b, va, ACCESS_READ, false, PAGE_B);
    b->h.cr0 = CR0_PE; /* as a VM entry may */
    mmu_ops.context_changed(&b->m, &b->h);
    bench_expect(b, va, ACCESS_READ, false, va);
    b->h.cr0 |= CR0_PG | CR0_WP;
    mmu_ops.context_changed(&b->m, &b->h);
    bench_expect(b, va, ACCESS_READ, false, PAGE_B);
    bench_free(b);
}

/* --- paging-structure caches --- */

static void a_replaced_page_table_is_seen_after_any_invlpg_and_not_before(void **unused)
{
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
    u64 va = 0x40000000, other = bench_page(b);
    (void)unused;
    bench_map(b, va, PAGE_A, 12, PTE_ALL);
    bench_map(b, va + PAGE_BYTES, PAGE_A, 12, PTE_ALL);
    bench_expect(b, va, ACCESS_READ, false, PAGE_A);
    *bench_guest_entry(b, va, 2) = other | PTE_ALL;
    bench_map(b, va + PAGE_BYTES, PAGE_B, 12, PTE_ALL);
    bench_expect(b, va + PAGE_BYTES, ACCESS_READ, false, PAGE_A); /* through the old PDE */
    mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_INVLPG, 0,
                       VA(0x7000000000)); /* all entries of the PCID, whatever the address */
    bench_map(b, va + 2 * PAGE_BYTES, PAGE_B, 12, PTE_ALL);
    bench_expect(b, va + 2 * PAGE_BYTES, ACCESS_READ, false, PAGE_B);
    bench_free(b);
}

static void a_page_fault_drops_the_stale_entries_that_led_to_it(void **unused)
{
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
    u64 va = 0x40000000;
    (void)unused;
    bench_map(b, va, PAGE_A, 12, PTE_ALL);
    *bench_guest_entry(b, va, 2) &= ~PTE_W;
    bench_expect(b, va, ACCESS_READ, false, PAGE_A);
    *bench_guest_entry(b, va, 2) |= PTE_W; /* more rights, no invalidation: one spurious fault at most */
    bench_expect_page_fault(b, va, ACCESS_WRITE, false, PF_P | PF_W);
    bench_expect(b, va, ACCESS_WRITE, false, PAGE_A);
    bench_free(b);
}

static void more_rights_in_the_leaf_are_seen_without_any_fault(void **unused)
{
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
    u64 *e = bench_map(b, 0x40000000, PAGE_A, 12, PTE_ALL & ~PTE_W);
    (void)unused;
    bench_expect(b, 0x40000000, ACCESS_READ, false, PAGE_A);
    *e |= PTE_W;
    bench_expect(b, 0x40000000, ACCESS_WRITE, false, PAGE_A);
    bench_expect(b, 0x40000000, ACCESS_WRITE, false, PAGE_A);
    assert_int_equal(b->m.stats.rewalks, 1);
    bench_free(b);
}

/* --- what a ledger tells --- */

static void paging_structure_caches_shorten_native_walks_level_by_level(void **unused)
{
    static const struct {
        u64 distance;
        unsigned refs, skipped;
    } steps[] = {{4 * KiB, 1, 3}, {2 * MiB, 2, 2}, {GiB, 3, 1}, {512 * GiB, 4, 0}};
    u64 va = 0x7f0000000000;
    (void)unused;
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
        bench_map(b, va, PAGE_A, 12, PTE_ALL);
        bench_map(b, va + steps[i].distance, PAGE_A, 12, PTE_ALL);
        bench_expect(b, va, ACCESS_READ, false, PAGE_A);
        assert_int_equal(bench_ledger(b)->n_refs, 4);
        bench_expect(b, va + steps[i].distance, ACCESS_READ, false, PAGE_A);
        assert_int_equal(bench_ledger(b)->n_refs, steps[i].refs);
        assert_int_equal(bench_ledger(b)->psc_skipped, steps[i].skipped);
        assert_int_equal(bench_ledger(b)->cache_cycles, b->m.cfg.psc_lookup_cycles);
        assert_false(bench_ledger(b)->nested);
        bench_free(b);
    }
}

static void a_warm_nested_walk_needs_the_leaf_entry_and_the_page_only(void **unused)
{
    struct bench *b = new_matrix(true);
    const struct kind guest = {.vpid = 1, .ept = 1};
    (void)unused;
    point_pages_at(b, PAGE_A);
    enter(b, &guest);
    bench_expect(b, page_va[0], ACCESS_READ, false, PAGE_A);
    assert_true(bench_ledger(b)->nested);
    bench_expect(b, page_va[1], ACCESS_READ, false, PAGE_A + PAGE_BYTES);
    const struct walk_ledger *l = bench_ledger(b);
    assert_int_equal(
        l->n_refs,
        2); /* the guest's PTE, whose table's place the PDE cache knows; the host's PTE of the page */
    assert_int_equal(l->ref[0].dim, DIM_GUEST);
    assert_int_equal(l->ref[0].guest_level, 1);
    assert_int_equal(l->ref[1].dim, DIM_HOST);
    assert_int_equal(l->ref[1].host_level, 1);
    assert_int_equal(l->psc_skipped, 3);
    assert_int_equal(l->ept_psc_skipped, 3);
    assert_int_equal(l->ntlb_hits, 0);
    assert_int_equal(l->cache_cycles, 2 * b->m.cfg.psc_lookup_cycles + b->m.cfg.ntlb_lookup_cycles);
    bench_free(b);
}

static void the_second_level_answers_what_the_first_has_lost(void **unused)
{
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
    struct translation t;
    (void)unused;
    for (u64 n = 0; n < 65; n++) {
        bench_map(b, n * PAGE_BYTES, PAGE_A, 12, PTE_ALL);
        bench_expect(b, n * PAGE_BYTES, ACCESS_READ, false, PAGE_A);
    }
    assert_true(bench_translate(b, 0, ACCESS_READ, false, &t));
    assert_int_equal(t.tlb, TLB_L2);
    assert_int_equal(t.walk, -1);
    assert_true(bench_translate(b, 0, ACCESS_READ, false, &t));
    assert_int_equal(t.tlb, TLB_L1);
    assert_true(bench_translate(b, 0, ACCESS_FETCH, false, &t)); /* fetches have a first level of their own */
    assert_int_equal(t.tlb, TLB_L2);
    assert_int_equal(b->m.itlb_stats.lookups, 1);
    assert_int_equal(b->m.dtlb_stats.misses, 66);
    assert_int_equal(b->m.stlb_stats.misses, 65);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timed_mappings_outlive_all_but_their_own_invalidations),
        cmocka_unit_test(the_soft_tlb_forgets_at_least_what_the_architecture_asks),
        cmocka_unit_test(a_global_page_answers_the_other_pcid),
        cmocka_unit_test(a_global_page_stays_global_when_the_second_level_gives_it_back),
        cmocka_unit_test(guest_physical_mappings_outlive_all_but_invept),
        cmocka_unit_test(a_changed_ept_entry_is_seen_after_invept_and_not_before),
        cmocka_unit_test(a_replaced_ept_table_is_seen_after_invept_and_not_before),
        cmocka_unit_test(a_violation_drops_the_paging_structure_entries_that_led_to_it),
        cmocka_unit_test(a_violation_drops_the_nested_tlb_entry_of_its_address),
        cmocka_unit_test(mappings_with_paging_off_are_apart_from_those_with_paging),
        cmocka_unit_test(a_replaced_page_table_is_seen_after_any_invlpg_and_not_before),
        cmocka_unit_test(a_page_fault_drops_the_stale_entries_that_led_to_it),
        cmocka_unit_test(more_rights_in_the_leaf_are_seen_without_any_fault),
        cmocka_unit_test(paging_structure_caches_shorten_native_walks_level_by_level),
        cmocka_unit_test(a_warm_nested_walk_needs_the_leaf_entry_and_the_page_only),
        cmocka_unit_test(the_second_level_answers_what_the_first_has_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
