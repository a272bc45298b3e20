/* Paging-structure caches: the deepest entry wins, levels are apart, scopes reach all levels. */
#include "caches/pwc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define VA_A 0x00007f1234567000ull

static const struct tlb_space plain = {.context = 0, .pcid = 0};
static const struct pwc_geometry all_levels = {.entries = {[2] = 32, [3] = 4, [4] = 2, [5] = 2},
                                               .ways = {[2] = 4, [3] = 4, [4] = 2, [5] = 2}};

static void expect_hit(struct pwc *p, u64 va, const struct tlb_space *s, unsigned level, u64 table)
{
    unsigned found = 0;
    const struct tlb_entry *e = pwc_lookup(p, va, s, &found);
    assert_non_null(e);
    assert_int_equal(found, level);
    assert_int_equal(e->frame, table);
}

static void fill_path(struct pwc *p, u64 va, const struct tlb_space *s)
{
    for (unsigned level = 5; level >= 2; level--)
        pwc_fill(p, level, va, s, level * 0x1000, level * 0x100000, level);
}

static void the_deepest_entry_on_the_way_is_found(void **unused)
{
    struct pwc p;
    (void)unused;
    pwc_init(&p, &all_levels);
    fill_path(&p, VA_A, &plain);
    expect_hit(&p, VA_A, &plain, 2, 0x2000);
    expect_hit(&p, VA_A ^ BIT(20), &plain, 2, 0x2000); /* same PDE */
    expect_hit(&p, VA_A ^ BIT(21), &plain, 3, 0x3000); /* same PDPTE */
    expect_hit(&p, VA_A ^ BIT(30), &plain, 4, 0x4000);
    expect_hit(&p, VA_A ^ BIT(39), &plain, 5, 0x5000);
    unsigned level;
    assert_null(pwc_lookup(&p, VA_A ^ BIT(48), &plain, &level));
    pwc_fini(&p);
}

static void an_entry_gives_back_table_guest_address_and_rights(void **unused)
{
    struct pwc p;
    unsigned level;
    (void)unused;
    pwc_init(&p, &all_levels);
    pwc_fill(&p, 2, VA_A, &plain, 0xaaa000, 0xbbb000, 0x75);
    const struct tlb_entry *e = pwc_lookup(&p, VA_A, &plain, &level);
    assert_int_equal(e->frame, 0xaaa000);
    assert_int_equal(e->guest, 0xbbb000);
    assert_int_equal(e->rights, 0x75);
    pwc_fini(&p);
}

static void a_level_without_entries_is_passed_over(void **unused)
{
    struct pwc_geometry g = all_levels;
    struct pwc p;
    (void)unused;
    g.entries[2] = 0;
    g.entries[4] = 0;
    pwc_init(&p, &g);
    fill_path(&p, VA_A, &plain);
    expect_hit(&p, VA_A, &plain, 3, 0x3000);
    expect_hit(&p, VA_A ^ BIT(30), &plain, 5, 0x5000);
    assert_true(pwc_exists(&p));
    pwc_fini(&p);
    pwc_init(&p, &(struct pwc_geometry){.entries = {0}});
    assert_false(pwc_exists(&p));
    pwc_fini(&p);
}

static void each_level_holds_as_many_as_its_size_says(void **unused)
{
    struct pwc p;
    unsigned level;
    (void)unused;
    pwc_init(&p, &all_levels);
    for (u64 n = 0; n < 5; n++) pwc_fill(&p, 3, n << 30, &plain, n << 12, 0, 0);
    assert_null(pwc_lookup(&p, 0, &plain, &level)); /* the fifth took the first one's place */
    for (u64 n = 1; n < 5; n++) expect_hit(&p, n << 30, &plain, 3, n << 12);
    pwc_fini(&p);
}

static void an_invalidation_of_a_space_reaches_every_level_and_no_other_space(void **unused)
{
    const struct tlb_space other = {.context = 0, .pcid = 3};
    struct pwc p;
    unsigned level;
    (void)unused;
    pwc_init(&p, &all_levels);
    fill_path(&p, VA_A, &plain);
    fill_path(&p, VA_A, &other);
    pwc_invalidate(&p, &(struct tlb_scope){.context_mask = TLB_CONTEXT_VPID, .pcid = 0});
    for (unsigned bit = 20; bit <= 47; bit += 9) assert_null(pwc_lookup(&p, VA_A ^ BIT(bit), &plain, &level));
    expect_hit(&p, VA_A, &other, 2, 0x2000);
    pwc_fini(&p);
}

static void an_invalidation_of_an_address_takes_the_entries_on_its_way(void **unused)
{
    struct pwc p;
    (void)unused;
    pwc_init(&p, &all_levels);
    fill_path(&p, VA_A, &plain);
    pwc_fill(&p, 2, VA_A ^ BIT(21), &plain, 0x9000, 0, 0);
    pwc_invalidate(&p, &(struct tlb_scope){.one_address = true, .address = VA_A});
    expect_hit(&p, VA_A ^ BIT(21), &plain, 2, 0x9000);
    unsigned level;
    assert_null(pwc_lookup(&p, VA_A, &plain, &level));
    pwc_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_deepest_entry_on_the_way_is_found),
        cmocka_unit_test(an_entry_gives_back_table_guest_address_and_rights),
        cmocka_unit_test(a_level_without_entries_is_passed_over),
        cmocka_unit_test(each_level_holds_as_many_as_its_size_says),
        cmocka_unit_test(an_invalidation_of_a_space_reaches_every_level_and_no_other_space),
        cmocka_unit_test(an_invalidation_of_an_address_takes_the_entries_on_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
