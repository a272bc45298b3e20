/* test_account.c - every cycle belongs to exactly one leaf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "models/core/account.h"

static void cycles_go_to_the_cause_that_is_charged(void **state)
{
    (void)state;
    struct account a;
    account_init(&a, 100);
    assert_int_equal(account_charge(&a, WORLD_GUEST, CAUSE_base, 101), 1);
    assert_int_equal(account_charge(&a, WORLD_GUEST, CAUSE_dram_data, 351), 250);
    assert_int_equal(account_charge(&a, WORLD_ROOT, CAUSE_base, 352), 1);
    assert_int_equal(a.leaf[WORLD_GUEST][CAUSE_base], 1);
    assert_int_equal(a.leaf[WORLD_GUEST][CAUSE_dram_data], 250);
    assert_int_equal(a.leaf[WORLD_ROOT][CAUSE_base], 1);
    assert_int_equal(account_sum(&a), 252);
    account_check(&a);
}

static void a_cycle_that_is_charged_is_not_charged_again(void **state)
{
    (void)state;
    struct account a;
    account_init(&a, 0);
    account_charge(&a, WORLD_NATIVE, CAUSE_base, 10);
    assert_int_equal(account_charge(&a, WORLD_NATIVE, CAUSE_branch, 10), 0);
    assert_int_equal(account_charge(&a, WORLD_NATIVE, CAUSE_branch, 7), 0);
    assert_int_equal(a.leaf[WORLD_NATIVE][CAUSE_branch], 0);
    assert_int_equal(account_sum(&a), 10);
    account_check(&a);
}

static void overlapping_ends_split_a_wait_into_its_parts(void **state)
{
    (void)state;
    struct account a;
    account_init(&a, 0);
    account_charge(&a, WORLD_GUEST, CAUSE_base, 20); /* until 20 the core had work */
    account_charge(&a, WORLD_GUEST, CAUSE_guest_walk, 15);
    account_charge(&a, WORLD_GUEST, CAUSE_host_walk, 32);
    account_charge(&a, WORLD_GUEST, CAUSE_guest_walk, 40);
    assert_int_equal(a.leaf[WORLD_GUEST][CAUSE_host_walk], 12);
    assert_int_equal(a.leaf[WORLD_GUEST][CAUSE_guest_walk], 8);
    account_check(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycles_go_to_the_cause_that_is_charged),
        cmocka_unit_test(a_cycle_that_is_charged_is_not_charged_again),
        cmocka_unit_test(overlapping_ends_split_a_wait_into_its_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
