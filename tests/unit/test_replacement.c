/* test_replacement.c - the policies alone: who goes, after which uses. */
#include "caches/replacement.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define SETS 4
#define SET  2 /* a set in the middle: neighbours must not be touched */

static struct replacement r;

/* In the order of REPLACEMENT_POLICIES. */
enum { LRU, RANDOM, PLRU, SRRIP, POLICIES };

static void begin(u32 policy, u32 ways)
{
    replacement_init(&r, policy, SETS, ways);
    for (u32 way = 0; way < ways; way++) r.policy->fill(&r, SET, way);
}

static void use(u32 way)
{
    r.policy->hit(&r, SET, way);
}

static u32 replace(void)
{
    const u32 way = r.policy->victim(&r, SET);

    assert_in_range(way, 0, r.ways - 1);
    r.policy->fill(&r, SET, way);
    return way;
}

static void lru_replaces_in_order_of_last_use(void **state)
{
    (void)state;
    begin(LRU, 4);
    use(1), use(0);
    assert_int_equal(replace(), 2);
    assert_int_equal(replace(), 3);
    assert_int_equal(replace(), 1);
    assert_int_equal(replace(), 0);
    replacement_fini(&r);
}

static void plru_of_two_ways_is_lru(void **state)
{
    (void)state;
    begin(PLRU, 2);
    use(0);
    assert_int_equal(replace(), 1);
    assert_int_equal(replace(), 0);
    use(1), use(1);
    assert_int_equal(replace(), 0);
    replacement_fini(&r);
}

/* The tree of four: after uses 0 1 2 3 all bits point to way 0; a use of 0 turns root and left pair, so 2 goes next. */
static void plru_follows_the_tree(void **state)
{
    (void)state;
    begin(PLRU, 4);
    use(0);
    assert_int_equal(replace(), 2);
    assert_int_equal(replace(), 1);
    assert_int_equal(replace(), 3);
    assert_int_equal(replace(), 0);
    replacement_fini(&r);
}

static void plru_never_replaces_the_last_used_and_reaches_every_way(void **state)
{
    (void)state;
    for (u32 ways = 2; ways <= 64; ways++) {
        u64 seen = 0;

        begin(PLRU, ways);
        for (u32 n = 0; n < 8 * ways; n++) {
            use(n * 7 % ways);
            assert_int_not_equal(r.policy->victim(&r, SET), n * 7 % ways);
            seen |= BIT(replace());
        }
        for (u32 n = 0; n < 2 * ways; n++) seen |= BIT(replace());
        assert_int_equal(seen, ways == 64 ? UINT64_MAX : BIT(ways) - 1);
        replacement_fini(&r);
    }
}

/* Six of eight ways are reused, then three new lines come. Returns the way that the third one takes. */
static u32 scan_past_six_reused(u32 policy)
{
    u32 third;

    begin(policy, 8);
    for (u32 way = 0; way < 6; way++) use(way);
    for (u32 n = 0; n < 2; n++) assert_in_range(replace(), 6, 7);
    third = replace();
    replacement_fini(&r);
    return third;
}

static void srrip_keeps_reused_lines_through_a_scan_and_lru_does_not(void **state)
{
    (void)state;
    assert_in_range(scan_past_six_reused(SRRIP), 6, 7);
    assert_int_equal(scan_past_six_reused(LRU), 0);
}

static void a_policy_of_one_way_replaces_it(void **state)
{
    (void)state;
    for (u32 policy = LRU; policy < POLICIES; policy++) {
        begin(policy, 1);
        for (u32 n = 0; n < 5; n++) assert_int_equal(replace(), 0);
        replacement_fini(&r);
    }
}

static void sets_do_not_disturb_each_other(void **state)
{
    (void)state;
    for (u32 policy = LRU; policy < POLICIES; policy++) {
        if (policy == RANDOM) continue; /* has no sets */
        begin(policy, 4);
        use(0), use(3);
        const u32 expected = r.policy->victim(&r, SET);
        for (u32 n = 0; n < 32; n++) r.policy->fill(&r, SET - 1, n % 4), r.policy->hit(&r, SET + 1, n % 3);
        assert_int_equal(r.policy->victim(&r, SET), expected);
        replacement_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lru_replaces_in_order_of_last_use),
        cmocka_unit_test(plru_of_two_ways_is_lru),
        cmocka_unit_test(plru_follows_the_tree),
        cmocka_unit_test(plru_never_replaces_the_last_used_and_reaches_every_way),
        cmocka_unit_test(srrip_keeps_reused_lines_through_a_scan_and_lru_does_not),
        cmocka_unit_test(a_policy_of_one_way_replaces_it),
        cmocka_unit_test(sets_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
