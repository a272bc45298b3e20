/* test_uop_cache.c - which windows of code the micro-op cache holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "models/core/ooo/uop_cache.h"

static struct uop_cache c;

static int setup(void **state)
{
    (void)state;
    uop_cache_init(&c, 4, 8, 6);
    return 0;
}

static void a_window_is_there_once_it_was_decoded(void **state)
{
    (void)state;
    assert_false(uop_cache_find(&c, 5));
    uop_cache_fill(&c, 5, 7);
    assert_true(uop_cache_find(&c, 5));
    assert_false(uop_cache_find(&c, 9)); /* the same set */
}

static void a_window_takes_three_lines_at_most(void **state)
{
    (void)state;
    uop_cache_fill(&c, 1, 18);
    uop_cache_fill(&c, 5, 19);
    assert_true(uop_cache_find(&c, 1));
    assert_false(uop_cache_find(&c, 5));
}

static void a_set_holds_as_many_lines_as_it_has_ways(void **state)
{
    (void)state;
    uop_cache_fill(&c, 0, 18);
    uop_cache_fill(&c, 4, 18);
    uop_cache_fill(&c, 8, 12); /* eight lines */
    assert_true(uop_cache_find(&c, 0));
    assert_true(uop_cache_find(&c, 4));
    assert_true(uop_cache_find(&c, 8));
    assert_true(uop_cache_find(&c, 0));
    uop_cache_fill(&c, 12, 1); /* the window used longest ago goes, all lines of it */
    assert_false(uop_cache_find(&c, 4));
    uop_cache_fill(&c, 16, 12);
    assert_true(uop_cache_find(&c, 0));
    assert_true(uop_cache_find(&c, 8));
}

static void without_ways_nothing_is_kept(void **state)
{
    (void)state;
    uop_cache_init(&c, 4, 0, 6);
    uop_cache_fill(&c, 0, 1);
    assert_false(uop_cache_find(&c, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_window_is_there_once_it_was_decoded, setup),
        cmocka_unit_test_setup(a_window_takes_three_lines_at_most, setup),
        cmocka_unit_test_setup(a_set_holds_as_many_lines_as_it_has_ways, setup),
        cmocka_unit_test_setup(without_ways_nothing_is_kept, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
