/* test_signature.c - signatures find every line that is there, and never a place where none is. */
#include "caches/signature.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void no_line_has_the_signature_of_an_empty_place(void **state)
{
    (void)state;
    for (u64 line = 0; line < 100000; line++) assert_int_not_equal(signature_of(line * 57344), 0);
}

static void a_set_takes_whole_groups_of_lanes(void **state)
{
    (void)state;
    assert_int_equal(signature_stride(1), 4);
    assert_int_equal(signature_stride(8), 8);
    assert_int_equal(signature_stride(11), 12);
}

static void each_lane_is_found_alone(void **state)
{
    (void)state;
    for (u32 lane = 0; lane < SIGNATURE_LANES; lane++) {
        u16 four[SIGNATURE_LANES] = {0};

        four[lane] = signature_of(1234);
        assert_int_equal(signature_lane(signature_match(four, signature_of(1234))), lane);
    }
}

static void all_equal_lanes_are_found_from_the_lowest_up(void **state)
{
    const u16 wanted = signature_of(77), four[] = {(u16)(wanted ^ 2), wanted, (u16)(wanted ^ 4), wanted};
    u64 match = signature_match(four, wanted);

    (void)state;
    assert_int_equal(signature_lane(match), 1);
    match &= match - 1;
    assert_int_equal(signature_lane(match), 3);
    assert_true((match & (match - 1)) == 0);
}

static void empty_places_and_other_lines_do_not_match(void **state)
{
    const u16 wanted = signature_of(5), four[] = {0, (u16)(wanted ^ 0x8000), (u16)(wanted ^ 2), 0};

    (void)state;
    assert_true(signature_match(four, wanted) == 0);
}

/* As the L3 of a large socket sees them: lines of one set differ in the upper bits alone. */
static void lines_of_one_set_differ_in_nearly_all_signatures(void **state)
{
    unsigned equal = 0;

    (void)state;
    for (u64 a = 0; a < 64; a++)
        for (u64 b = 0; b < a; b++) equal += signature_of(a * 57344) == signature_of(b * 57344);
    assert_in_range(equal, 0, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_line_has_the_signature_of_an_empty_place),
        cmocka_unit_test(a_set_takes_whole_groups_of_lanes),
        cmocka_unit_test(each_lane_is_found_alone),
        cmocka_unit_test(all_equal_lanes_are_found_from_the_lowest_up),
        cmocka_unit_test(empty_places_and_other_lines_do_not_match),
        cmocka_unit_test(lines_of_one_set_differ_in_nearly_all_signatures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
