/* One TLB: placement, replacement, tags, scopes of invalidation. */
#include "caches/tlb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define VPID(n) ((u64)(n) << TLB_CONTEXT_VPID_SHIFT)

static const struct tlb_space plain = {.context = 0, .pcid = 0};

static void put(struct tlb *t, u64 va, unsigned shift, const struct tlb_space *s, bool global, u64 frame)
{
    struct tlb_entry e = {.frame = frame, .shift = (u8)shift, .whole_shift = (u8)shift};
    tlb_fill(t, va, s, global, &e);
}

static bool holds(struct tlb *t, u64 va, unsigned shift, const struct tlb_space *s)
{
    return tlb_lookup(t, va, shift, s) != NULL;
}

static void a_full_set_loses_its_least_recently_used_entry(void **unused)
{
    struct tlb t;
    (void)unused;
    tlb_init(&t, 16, 4, false); /* 4 sets: pages 0, 4, 8, ... share set 0 */
    for (u64 n = 0; n < 4; n++) put(&t, n * 4 * PAGE_BYTES, 12, &plain, false, n);
    assert_true(holds(&t, 0, 12, &plain)); /* the oldest becomes the youngest */
    put(&t, 4 * 4 * PAGE_BYTES, 12, &plain, false, 4);
    assert_true(holds(&t, 0, 12, &plain));
    assert_false(holds(&t, 1 * 4 * PAGE_BYTES, 12, &plain));
    for (u64 n = 2; n < 5; n++) assert_true(holds(&t, n * 4 * PAGE_BYTES, 12, &plain));
    put(&t, PAGE_BYTES, 12, &plain, false, 9); /* another set: nobody goes */
    assert_int_equal(t.valid, 5);
    tlb_fini(&t);
}

static void filling_a_page_again_replaces_its_own_entry(void **unused)
{
    struct tlb t;
    (void)unused;
    tlb_init(&t, 4, 4, false);
    put(&t, 0x5000, 12, &plain, false, 0x1000);
    put(&t, 0x5000, 12, &plain, false, 0x2000);
    assert_int_equal(t.valid, 1);
    assert_int_equal(tlb_lookup(&t, 0x5fff, 12, &plain)->frame, 0x2000);
    tlb_fini(&t);
}

static void the_hashed_set_index_is_vpn_6_0_xor_vpn_13_7(void **unused)
{
    struct tlb t;
    (void)unused;
    tlb_init(&t, 1536, 12, true);
    assert_int_equal(t.sets, 128);
    for (u64 vpn = 0; vpn < 1 << 16; vpn += 37)
        assert_int_equal(tlb_set(&t, vpn << 12, 12), (vpn & 127) ^ (vpn >> 7 & 127));
    tlb_fini(&t);
}

static void page_sizes_live_side_by_side_and_never_answer_for_each_other(void **unused)
{
    struct tlb t;
    (void)unused;
    tlb_init(&t, 8, 8, false);
    put(&t, 0x40000000, 21, &plain, false, 2);
    assert_null(tlb_lookup(&t, 0x40000000, 12, &plain));
    assert_null(tlb_lookup(&t, 0x40000000, 30, &plain));
    assert_int_equal(tlb_lookup_any(&t, 0x401fffff, &plain)->frame, 2);
    assert_null(tlb_lookup_any(&t, 0x40200000, &plain));
    put(&t, 0x40000000, 12, &plain, false, 1);
    assert_int_equal(tlb_lookup_any(&t, 0x40000fff, &plain)->frame, 1);
    assert_int_equal(tlb_lookup_any(&t, 0x40001000, &plain)->frame, 2);
    tlb_fini(&t);
}

static void a_lookup_wants_the_same_vpid_ep4ta_and_pcid(void **unused)
{
    const struct tlb_space home = {.context = VPID(3) | TLB_CONTEXT_EPT | 0x1234, .pcid = 7};
    const struct tlb_space others[] = {{home.context, 8},
                                       {VPID(4) | TLB_CONTEXT_EPT | 0x1234, 7},
                                       {VPID(3) | TLB_CONTEXT_EPT | 0x1235, 7},
                                       {VPID(3) | 0x1234, 7},
                                       {home.context | TLB_CONTEXT_UNPAGED, 7}};
    struct tlb t;
    (void)unused;
    tlb_init(&t, 8, 8, false);
    put(&t, 0x1000, 12, &home, false, 1);
    assert_true(holds(&t, 0x1000, 12, &home));
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) assert_false(holds(&t, 0x1000, 12, &others[i]));
    tlb_fini(&t);
}

static void a_global_entry_answers_every_pcid_of_its_vpid_only(void **unused)
{
    const struct tlb_space a = {VPID(3), 7}, b = {VPID(3), 8}, other_vpid = {VPID(4), 7};
    struct tlb t;
    (void)unused;
    tlb_init(&t, 8, 8, false);
    put(&t, 0x1000, 12, &a, true, 1);
    assert_true(holds(&t, 0x1000, 12, &a));
    assert_true(holds(&t, 0x1000, 12, &b));
    assert_false(holds(&t, 0x1000, 12, &other_vpid));
    tlb_fini(&t);
}

/* Entries of the scope tests: two addresses x two PCIDs x two VPIDs x two EP4TAs, each global and not. (A
 * global entry serves both PCIDs.) */
#define SCOPE_ENTRIES 32

static struct tlb_space scope_space(unsigned n)
{
    return (struct tlb_space){VPID(n & 4 ? 2 : 1) | TLB_CONTEXT_EPT | (n & 8 ? 0x20 : 0x10), n & 2 ? 6 : 5};
}

static u64 scope_address(unsigned n)
{
    return (n & 1 ? 0x9000u : 0x8000u) + (n & 16 ? 0x100000u : 0u);
}

/* Bit n: entry n outlives the invalidation. */
static u32 survivors(const struct tlb_scope *scope)
{
    struct tlb t;
    u32 left = 0;
    tlb_init(&t, SCOPE_ENTRIES, SCOPE_ENTRIES, false);
    for (unsigned n = 0; n < SCOPE_ENTRIES; n++) {
        struct tlb_space s = scope_space(n);
        put(&t, scope_address(n), 12, &s, n & 16, n);
    }
    tlb_invalidate(&t, scope);
    for (unsigned n = 0; n < SCOPE_ENTRIES; n++) {
        struct tlb_space s = scope_space(n);
        if (holds(&t, scope_address(n), 12, &s)) left |= 1u << n;
    }
    tlb_fini(&t);
    return left;
}

/* Bit n set where `select(n)`; the survivors must be exactly the others. */
#define EXPECT_GONE(scope, condition)                                                                        \
    do {                                                                                                     \
        u32 gone = 0;                                                                                        \
        for (unsigned n = 0; n < SCOPE_ENTRIES; n++) gone |= (u32)(condition) << n;                          \
        assert_int_equal(survivors(&(struct tlb_scope)scope), ~gone);                                        \
    } while (0)
#define SCOPE(...)                                                                                           \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

static void every_scope_takes_exactly_what_it_names(void **unused)
{
    const u64 vpid_1 = VPID(1);
    (void)unused;
#define IS_GLOBAL (n >> 4 & 1)
#define IS_VPID_1 (!(n & 4))
#define IS_PCID_5 (!(n & 2))
#define IS_PAGE_8 (!(n & 1))
#define IS_EPT_10 (!(n & 8))
    EXPECT_GONE(SCOPE(.context = vpid_1, .context_mask = TLB_CONTEXT_VPID, .pcid = 5),
                IS_VPID_1 && IS_PCID_5 && !IS_GLOBAL);
    EXPECT_GONE(SCOPE(.context = vpid_1, .context_mask = TLB_CONTEXT_VPID, .any_pcid = true),
                IS_VPID_1 && !IS_GLOBAL);
    EXPECT_GONE(SCOPE(.context = vpid_1, .context_mask = TLB_CONTEXT_VPID, .any_pcid = true, .globals = true),
                IS_VPID_1);
    EXPECT_GONE(SCOPE(.context = vpid_1, .context_mask = TLB_CONTEXT_VPID, .pcid = 5, .globals = true,
                      .one_address = true, .address = 0x8abc),
                IS_VPID_1 && IS_PCID_5 && IS_PAGE_8 && !IS_GLOBAL);
    EXPECT_GONE(SCOPE(.context = vpid_1, .context_mask = TLB_CONTEXT_VPID, .pcid = 5, .globals = true,
                      .one_address = true, .address = 0x108abc),
                IS_VPID_1 && IS_PAGE_8 && IS_GLOBAL);
    EXPECT_GONE(SCOPE(.context = TLB_CONTEXT_EPT | 0x10, .context_mask = TLB_CONTEXT_EPT | TLB_CONTEXT_EP4TA,
                      .any_pcid = true, .globals = true),
                IS_EPT_10);
    EXPECT_GONE(SCOPE(.any_pcid = true, .globals = true), true);
}

static void pieces_of_a_large_page_go_with_any_address_of_it(void **unused)
{
    struct tlb t;
    (void)unused;
    tlb_init(&t, 64, 4, false);
    for (u64 at = 0x200000; at < 0x208000; at += PAGE_BYTES) {
        struct tlb_entry piece = {.frame = at, .shift = 12, .whole_shift = 21};
        tlb_fill(&t, at, &plain, false, &piece);
    }
    put(&t, 0x400000, 12, &plain, false, 1);
    tlb_invalidate(&t, &(struct tlb_scope){.one_address = true, .address = 0x3ff000});
    assert_int_equal(t.valid, 1);
    assert_true(holds(&t, 0x400000, 12, &plain));
    tlb_fini(&t);
}

static void a_structure_without_entries_finds_and_keeps_nothing(void **unused)
{
    struct tlb t;
    (void)unused;
    tlb_init(&t, 0, 4, true);
    assert_false(tlb_exists(&t));
    put(&t, 0x1000, 12, &plain, false, 1);
    assert_null(tlb_lookup(&t, 0x1000, 12, &plain));
    tlb_invalidate(&t, &(struct tlb_scope){.any_pcid = true});
    tlb_fini(&t);
}

static void geometry_must_make_a_power_of_two_of_sets(void **unused)
{
    (void)unused;
    assert_true(tlb_geometry_is_valid(1536, 12));
    assert_true(tlb_geometry_is_valid(7, 7));
    assert_true(tlb_geometry_is_valid(0, 1));
    assert_false(tlb_geometry_is_valid(1536, 8 + 5));
    assert_false(tlb_geometry_is_valid(48, 4));
    assert_false(tlb_geometry_is_valid(8, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_set_loses_its_least_recently_used_entry),
        cmocka_unit_test(filling_a_page_again_replaces_its_own_entry),
        cmocka_unit_test(the_hashed_set_index_is_vpn_6_0_xor_vpn_13_7),
        cmocka_unit_test(page_sizes_live_side_by_side_and_never_answer_for_each_other),
        cmocka_unit_test(a_lookup_wants_the_same_vpid_ep4ta_and_pcid),
        cmocka_unit_test(a_global_entry_answers_every_pcid_of_its_vpid_only),
        cmocka_unit_test(every_scope_takes_exactly_what_it_names),
        cmocka_unit_test(pieces_of_a_large_page_go_with_any_address_of_it),
        cmocka_unit_test(a_structure_without_entries_finds_and_keeps_nothing),
        cmocka_unit_test(geometry_must_make_a_power_of_two_of_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
