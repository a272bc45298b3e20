/* test_bpred.c - what the branch predictor learns, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "models/core/bpred.h"

#define AT     0x401000ull
#define BEHIND 0x401002ull
#define TARGET 0x402000ull

static struct bpred make(struct bpred_cfg cfg)
{
    struct bpred b;
    bpred_init(&b, &cfg);
    return b;
}

static const struct bpred_cfg no_history = {.history_bits = 0, .btb_entries = 64, .return_entries = 4};

static void a_conditional_branch_is_learnt_after_one_surprise(void **state)
{
    (void)state;
    struct bpred b = make(no_history);
    assert_false(bpred_branch(&b, FLOW_COND, AT, BEHIND, true, TARGET)); /* counters start weakly not taken */
    assert_true(bpred_branch(&b, FLOW_COND, AT, BEHIND, true, TARGET));
    assert_true(bpred_branch(&b, FLOW_COND, AT, BEHIND, true, TARGET));
    assert_false(bpred_branch(&b, FLOW_COND, AT, BEHIND, false, BEHIND));
    assert_true(bpred_branch(&b, FLOW_COND, AT, BEHIND, true, TARGET)); /* strong: one exception does not turn it */
    assert_int_equal(b.stats.direction_mispredicts, 2);
    bpred_fini(&b);
}

static void history_learns_an_alternating_branch(void **state)
{
    (void)state;
    struct bpred b = make((struct bpred_cfg){.history_bits = 8, .btb_entries = 64, .return_entries = 4});
    unsigned wrong_late = 0;
    for (unsigned i = 0; i < 200; i++) {
        bool taken = i & 1;
        bool right = bpred_branch(&b, FLOW_COND, AT, BEHIND, taken, taken ? TARGET : BEHIND);
        if (i >= 100) wrong_late += !right;
    }
    assert_int_equal(wrong_late, 0);
    bpred_fini(&b);
}

static void an_indirect_branch_goes_where_it_went_last(void **state)
{
    (void)state;
    struct bpred b = make(no_history);
    assert_false(bpred_branch(&b, FLOW_INDIRECT, AT, BEHIND, true, TARGET));
    assert_true(bpred_branch(&b, FLOW_INDIRECT, AT, BEHIND, true, TARGET));
    assert_false(bpred_branch(&b, FLOW_INDIRECT, AT, BEHIND, true, TARGET + 64));
    assert_int_equal(b.stats.target_mispredicts, 2);
    bpred_fini(&b);
}

static void returns_match_calls_up_to_the_stacks_depth(void **state)
{
    (void)state;
    struct bpred b = make(no_history);
    for (u64 i = 1; i <= 5; i++) assert_true(bpred_branch(&b, FLOW_CALL, AT + 16 * i, AT + 16 * i + 5, true, TARGET));
    for (u64 i = 5; i >= 2; i--) assert_true(bpred_branch(&b, FLOW_RET, TARGET, TARGET + 1, true, AT + 16 * i + 5));
    assert_false(bpred_branch(&b, FLOW_RET, TARGET, TARGET + 1, true, AT + 16 + 5)); /* the fifth fell off a stack of four */
    assert_int_equal(b.stats.return_mispredicts, 1);
    bpred_fini(&b);
}

static void direct_jumps_are_always_right_and_far_transfers_never(void **state)
{
    (void)state;
    struct bpred b = make(no_history);
    assert_true(bpred_branch(&b, FLOW_JUMP, AT, BEHIND, true, TARGET));
    assert_false(bpred_branch(&b, FLOW_FAR, AT, BEHIND, true, TARGET));
    assert_int_equal(b.stats.branches, 2);
    assert_int_equal(b.stats.mispredicts, 1);
    bpred_fini(&b);
}

static void behind_a_barrier_no_target_is_known_but_directions_are(void **state)
{
    (void)state;
    struct bpred b = make(no_history);
    for (unsigned i = 0; i < 2; i++) {
        bpred_branch(&b, FLOW_COND, AT + 16, BEHIND + 16, true, TARGET);
        bpred_branch(&b, FLOW_INDIRECT, AT, BEHIND, true, TARGET);
    }
    bpred_branch(&b, FLOW_CALL, AT, BEHIND, true, TARGET);
    bpred_forget_targets(&b);
    assert_false(bpred_branch(&b, FLOW_RET, TARGET, TARGET + 1, true, BEHIND));
    assert_false(bpred_branch(&b, FLOW_INDIRECT, AT, BEHIND, true, TARGET));
    assert_true(bpred_branch(&b, FLOW_INDIRECT, AT, BEHIND, true, TARGET));
    assert_true(bpred_branch(&b, FLOW_COND, AT + 16, BEHIND + 16, true, TARGET));
    bpred_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conditional_branch_is_learnt_after_one_surprise),
        cmocka_unit_test(history_learns_an_alternating_branch),
        cmocka_unit_test(an_indirect_branch_goes_where_it_went_last),
        cmocka_unit_test(returns_match_calls_up_to_the_stacks_depth),
        cmocka_unit_test(behind_a_barrier_no_target_is_known_but_directions_are),
        cmocka_unit_test(direct_jumps_are_always_right_and_far_transfers_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
