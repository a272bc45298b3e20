/* test_topdown.c - every rename slot has one category, those of wrong paths included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/core/topdown.h"

static struct topdown four_wide(void)
{
    struct topdown t = {.width = 4, .category = TOPDOWN_front_end};
    topdown_right_path(&t);
    return t;
}

static void a_cycle_is_what_it_renames_and_why_not_more(void **state)
{
    (void)state;
    struct topdown t = four_wide();
    topdown_cycle(&t, 0, 3, TOPDOWN_core);
    topdown_cycle(&t, 1, 4, TOPDOWN_core);
    assert_int_equal(t.slots[TOPDOWN_retiring], 7);
    assert_int_equal(t.slots[TOPDOWN_core], 1);
    topdown_check(&t);
}

static void what_was_told_last_lasts_until_something_happens(void **state)
{
    (void)state;
    struct topdown t = four_wide();
    topdown_cycle(&t, 10, 0, TOPDOWN_memory);
    topdown_cycle(&t, 110, 0, TOPDOWN_front_end);
    topdown_advance(&t, 111);
    assert_int_equal(t.slots[TOPDOWN_front_end], 4 * 11);
    assert_int_equal(t.slots[TOPDOWN_memory], 4 * 100);
    topdown_check(&t);
}

static void a_wrong_path_fills_the_window_and_then_waits_for_the_back_end(void **state)
{
    (void)state;
    struct topdown t = four_wide();
    topdown_wrong_path(&t, 200, TOPDOWN_memory);
    topdown_cycle(&t, 0, 0, TOPDOWN_bad_speculation);
    topdown_advance(&t, 20);
    assert_int_equal(t.slots[TOPDOWN_bad_speculation], 80);
    topdown_advance(&t, 300);
    assert_int_equal(t.slots[TOPDOWN_bad_speculation], 200);
    assert_int_equal(t.slots[TOPDOWN_memory], 4 * 300 - 200);
    topdown_check(&t);
}

static void what_retires_makes_room_for_the_wrong_path(void **state)
{
    (void)state;
    struct topdown t = four_wide();
    topdown_wrong_path(&t, 40, TOPDOWN_core);
    topdown_cycle(&t, 0, 0, TOPDOWN_bad_speculation);
    topdown_advance(&t, 30);
    topdown_wrong_path(&t, 44, TOPDOWN_core);
    topdown_advance(&t, 60);
    assert_int_equal(t.slots[TOPDOWN_bad_speculation], 44);
    assert_int_equal(t.slots[TOPDOWN_core], 4 * 60 - 44);
}

static void the_redirect_behind_the_branch_is_bad_speculation_whole(void **state)
{
    (void)state;
    struct topdown t = four_wide();
    topdown_wrong_path(&t, 0, TOPDOWN_memory);
    topdown_cycle(&t, 0, 0, TOPDOWN_bad_speculation);
    topdown_advance(&t, 50);
    topdown_right_path(&t);
    topdown_advance(&t, 66);
    assert_int_equal(t.slots[TOPDOWN_memory], 200);
    assert_int_equal(t.slots[TOPDOWN_bad_speculation], 64);
    topdown_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cycle_is_what_it_renames_and_why_not_more),
        cmocka_unit_test(what_was_told_last_lasts_until_something_happens),
        cmocka_unit_test(a_wrong_path_fills_the_window_and_then_waits_for_the_back_end),
        cmocka_unit_test(what_retires_makes_room_for_the_wrong_path),
        cmocka_unit_test(the_redirect_behind_the_branch_is_bad_speculation_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
