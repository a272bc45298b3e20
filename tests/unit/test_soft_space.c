/* Address-space tags of the soft TLB: what was kept is found again until it is invalidated, and never
 * after. */
#include "caches/soft_space.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct soft_rights no_rights;

static const struct tlb_space space_a = {.context = 1, .pcid = 0}, space_b = {.context = 2, .pcid = 0},
                              space_a5 = {.context = 1, .pcid = 5};

static struct soft_spaces *spaces;
static struct soft_tlb *tlb;

static int begin(void **unused)
{
    (void)unused;
    spaces = calloc(1, sizeof *spaces);
    tlb = calloc(1, sizeof *tlb);
    soft_spaces_reset(spaces, tlb);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    free(spaces);
    free(tlb);
    return 0;
}

static void keep(u64 va)
{
    tlb->read[0][soft_index(VA(va))].tag = soft_tag(tlb, VA(va));
}
static bool kept(u64 va)
{
    return tlb->read[0][soft_index(VA(va))].tag == soft_tag(tlb, VA(va));
}

static void a_space_keeps_its_entries_while_others_run(void **unused)
{
    (void)unused;
    soft_spaces_select(spaces, tlb, &space_a, &no_rights);
    keep(0x1000);
    soft_spaces_select(spaces, tlb, &space_b, &no_rights);
    assert_false(kept(0x1000));
    keep(0x2000);
    soft_spaces_select(spaces, tlb, &space_a, &(struct soft_rights){.control = 1}); /* other rights: another space */
    assert_false(kept(0x1000));
    soft_spaces_select(spaces, tlb, &space_a, &no_rights);
    assert_true(kept(0x1000));
    assert_false(kept(0x2000));
}

static void invalidating_a_space_spares_the_others(void **unused)
{
    (void)unused;
    soft_spaces_select(spaces, tlb, &space_b, &no_rights);
    keep(0x2000);
    soft_spaces_select(spaces, tlb, &space_a, &no_rights);
    keep(0x1000);
    soft_spaces_invalidate(spaces, tlb, &(struct tlb_scope){.context = 1, .context_mask = ~0ull});
    assert_false(kept(0x1000));
    soft_spaces_select(spaces, tlb, &space_b, &no_rights);
    assert_true(kept(0x2000));
}

static void invalidating_a_space_that_does_not_run_is_seen_when_it_runs_again(void **unused)
{
    (void)unused;
    soft_spaces_select(spaces, tlb, &space_a5, &no_rights);
    keep(0x1000);
    soft_spaces_select(spaces, tlb, &space_a, &no_rights);
    soft_spaces_invalidate(spaces, tlb, &(struct tlb_scope){.context = 1, .context_mask = ~0ull, .pcid = 5});
    soft_spaces_select(spaces, tlb, &space_a5, &no_rights);
    assert_false(kept(0x1000));
}

static void one_address_goes_alone_when_no_large_page_may_cover_it(void **unused)
{
    const struct tlb_scope invlpg = {
        .context = 1, .context_mask = ~0ull, .globals = true, .one_address = true, .address = 0x1000};
    (void)unused;
    soft_spaces_select(spaces, tlb, &space_a, &no_rights);
    soft_spaces_note_large(spaces, VA(0x40000000), 21);
    u32 tag = tlb->space;
    keep(0x1000);
    keep(0x2000);
    soft_spaces_invalidate(spaces, tlb, &invlpg);
    assert_false(kept(0x1000));
    assert_true(kept(0x2000));
    assert_int_equal(tlb->space, tag);
}

static void one_address_of_a_large_page_takes_all_its_parts(void **unused)
{
    const struct tlb_scope invlpg = {
        .context = 1, .context_mask = ~0ull, .globals = true, .one_address = true, .address = 0x200000};
    (void)unused;
    for (unsigned shift = 21; shift <= 30; shift += 9) {
        soft_spaces_select(spaces, tlb, &space_a, &no_rights);
        soft_spaces_note_large(spaces, VA(0x201000), shift);
        keep(0x201000);
        soft_spaces_invalidate(spaces, tlb, &invlpg);
        assert_false(kept(0x201000));
    }
}

static void a_global_large_page_goes_from_every_pcid(void **unused)
{
    const struct tlb_scope invlpg = {
        .context = 1, .context_mask = ~0ull, .globals = true, .one_address = true, .address = 0x200000};
    (void)unused;
    soft_spaces_select(spaces, tlb, &space_a5, &no_rights);
    soft_spaces_note_large(spaces, VA(0x201000), 21);
    keep(0x201000);
    soft_spaces_select(spaces, tlb, &space_a, &no_rights);
    soft_spaces_invalidate(spaces, tlb, &invlpg);
    soft_spaces_select(spaces, tlb, &space_a5, &no_rights);
    assert_false(kept(0x201000));
}

static void running_out_of_tags_flushes_and_never_revives_an_entry(void **unused)
{
    const struct tlb_scope all = {.any_pcid = true, .globals = true};
    (void)unused;
    soft_spaces_select(spaces, tlb, &space_a, &no_rights);
    for (unsigned i = 0; i < 3 * SOFT_TAG_NONE; i++) {
        keep(0x1000);
        soft_spaces_invalidate(spaces, tlb, &all);
        assert_false(kept(0x1000));
        assert_true(tlb->space < SOFT_TAG_NONE);
    }
}

static void more_spaces_than_slots_never_mix(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < 2; round++)
        for (u16 pcid = 0; pcid < 3 * SOFT_SPACES; pcid++) {
            const struct tlb_space s = {.context = 1, .pcid = pcid};
            soft_spaces_select(spaces, tlb, &s, &no_rights);
            assert_false(kept(0x1000)); /* the slot was taken by others meanwhile */
            keep(0x1000);
            assert_true(kept(0x1000));
        }
}

#define SPACE_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPACE_TEST(a_space_keeps_its_entries_while_others_run),
        SPACE_TEST(invalidating_a_space_spares_the_others),
        SPACE_TEST(invalidating_a_space_that_does_not_run_is_seen_when_it_runs_again),
        SPACE_TEST(one_address_goes_alone_when_no_large_page_may_cover_it),
        SPACE_TEST(one_address_of_a_large_page_takes_all_its_parts),
        SPACE_TEST(a_global_large_page_goes_from_every_pcid),
        SPACE_TEST(running_out_of_tags_flushes_and_never_revives_an_entry),
        SPACE_TEST(more_spaces_than_slots_never_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
