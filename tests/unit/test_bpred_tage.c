/* test_bpred_tage.c - what long histories let a predictor learn, and what the branch target buffer must know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "models/core/bpred.h"

#define AT     0x401000ull
#define BEHIND 0x401002ull
#define TARGET 0x402000ull

static struct bpred b;

static int setup(void **state)
{
    (void)state;
    bpred_init(&b, &(struct bpred_cfg){
                       .kind = BPRED_TAGE, .table_bits = 10, .btb_entries = 64, .return_entries = 4});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bpred_fini(&b);
    return 0;
}

static bool conditional(u64 rip, bool taken)
{
    return bpred_branch(&b, FLOW_COND, rip, rip + 2, taken, taken ? TARGET : rip + 2) != PREDICTED_WRONG;
}

/* Mispredicts of the last `measured` of n branches whose outcome is a function of the iteration. */
static unsigned wrong_at_end(unsigned n, unsigned measured, bool (*outcome)(unsigned i))
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < n; i++) {
        bool right = conditional(AT, outcome(i));
        wrong += !right && i >= n - measured;
    }
    return wrong;
}

static bool loop_of_60(unsigned i)
{
    return i % 60 != 59;
}
static bool always(unsigned i)
{
    (void)i;
    return true;
}
/* A shift register of 5 bits: 31 outcomes without a pattern to the eye. */
static bool scrambled(unsigned i)
{
    u32 state = 1;
    for (unsigned n = 0; n < i % 31; n++) state = (state >> 1) ^ (state & 1 ? 0x14 : 0);
    return state & 1;
}

static void a_branch_that_always_goes_one_way_is_learnt_at_once(void **state)
{
    (void)state;
    assert_int_equal(wrong_at_end(100, 98, always), 0);
}

static void the_exit_of_a_loop_of_60_is_learnt(void **state)
{
    (void)state;
    assert_int_equal(wrong_at_end(60 * 100, 60 * 20, loop_of_60), 0);
}

static void a_scrambled_period_is_learnt(void **state)
{
    (void)state;
    assert_int_equal(wrong_at_end(31 * 100, 31 * 20, scrambled), 0);
}

static void a_branch_that_repeats_one_far_behind_it_is_learnt(void **state)
{
    (void)state;
    u32 random = 1;
    unsigned wrong = 0;
    for (unsigned i = 0; i < 4000; i++) {
        random = random * 1664525 + 1013904223;
        bool bit = random >> 31;
        conditional(AT, bit);
        for (unsigned between = 0; between < 12; between++) conditional(AT + 0x100 + 16 * between, true);
        wrong += !conditional(AT + 0x800, bit) && i >= 3000;
    }
    assert_in_range(wrong, 0, 10); /* a coin would be wrong 500 times */
}

static void random_branches_are_wrong_half_of_the_time(void **state)
{
    (void)state;
    u32 random = 7;
    unsigned wrong = 0;
    for (unsigned i = 0; i < 4000; i++) {
        random = random * 1664525 + 1013904223;
        wrong += !conditional(AT, random >> 31);
    }
    assert_in_range(wrong, 1600, 2400);
}

static void an_indirect_jump_that_takes_turns_is_learnt(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (unsigned i = 0; i < 600; i++) {
        u64 next = TARGET + 0x90 * (i % 6 == 5 ? 2 : i % 3);
        bool right = bpred_branch(&b, FLOW_INDIRECT, AT, BEHIND, true, next) != PREDICTED_WRONG;
        wrong += !right && i >= 500;
    }
    assert_int_equal(wrong, 0);
}

static void a_direct_jump_is_late_until_the_target_buffer_has_it(void **state)
{
    (void)state;
    assert_int_equal(bpred_branch(&b, FLOW_JUMP, AT, BEHIND, true, TARGET), PREDICTED_LATE);
    assert_int_equal(bpred_branch(&b, FLOW_JUMP, AT, BEHIND, true, TARGET), PREDICTED_RIGHT);
    for (u64 other = 0; other < 64; other++)
        bpred_branch(&b, FLOW_JUMP, 0x800000 + other, 0x800000 + other + 1, true, TARGET);
    assert_int_equal(bpred_branch(&b, FLOW_JUMP, AT, BEHIND, true, TARGET), PREDICTED_LATE);
    assert_int_equal(b.stats.late_targets, 66);
    assert_int_equal(b.stats.mispredicts, 0);
}

static void a_conditional_branch_not_taken_needs_no_target(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) conditional(AT, false);
    assert_int_equal(b.stats.late_targets, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_branch_that_always_goes_one_way_is_learnt_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_exit_of_a_loop_of_60_is_learnt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scrambled_period_is_learnt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_branch_that_repeats_one_far_behind_it_is_learnt, setup, teardown),
        cmocka_unit_test_setup_teardown(random_branches_are_wrong_half_of_the_time, setup, teardown),
        cmocka_unit_test_setup_teardown(an_indirect_jump_that_takes_turns_is_learnt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_direct_jump_is_late_until_the_target_buffer_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_conditional_branch_not_taken_needs_no_target, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
