/* test_cache_levels.c - what a cache does for the levels above and below it: inclusion, victims, snoops. */
#include "tests/unit/cache_bench.h"

static unsigned recalls;
static u64 recalled_line;

static bool recall(void *self, u64 line)
{
    recalls++;
    recalled_line = line;
    return *(const bool *)self;
}

/* Lines 0, 2 and 4 share a set of two ways: 0 goes when 4 comes. */
static void expect_recall(bool dirty_above, unsigned writebacks)
{
    struct cache_cfg cfg = small();
    struct bench *b;

    cfg.inclusion = INCLUSIVE;
    recalls = 0;
    b = build(cfg, true);
    cache_set_recall(&f.cache, (struct recall_port){recall, &dirty_above});
    FILL(b, 0, 0, 2, 4);
    bench_run(b, 200);
    assert_int_equal(recalls, 1);
    assert_int_equal(recalled_line, 0);
    assert_int_equal(f.cache.stats.writebacks, writebacks);
    teardown(NULL);
}

static void an_inclusive_level_takes_its_victims_from_above(void **state)
{
    (void)state;
    expect_recall(false, 0);
    expect_recall(true, 1); /* what was dirty above goes down */
}

static struct bench *build_victim_cache(void)
{
    struct cache_cfg cfg = small();

    cfg.inclusion = KEEPS_VICTIMS;
    return build(cfg, false);
}

static void a_level_that_keeps_victims_lets_fills_pass(void **state)
{
    (void)state;
    struct bench *b = build_victim_cache();

    bench_read(b, 0, 0);
    bench_run(b, 100);
    assert_false(has(0));
    assert_int_equal(f.cache.stats.fills_passed, 1);
    bench_add(b, 100, MEM_VICTIM, ORIGIN_DATA, 0);
    bench_add(b, 100, MEM_WRITEBACK, ORIGIN_DATA, 2);
    bench_run(b, 101);
    assert_true(has(0));
    assert_true(has(2));
    bench_expect_at(b, bench_read(b, 200, 0), 200 + HIT);
    assert_int_equal(cache_line_state(&f.cache, 0), LINE_CLEAN);
    assert_int_equal(cache_line_state(&f.cache, 2), LINE_DIRTY);
}

static void clean_victims_go_below_to_a_level_that_keeps_them(void **state)
{
    (void)state;
    struct bench *b = build_small();

    f.cache.sends_victims = true;
    FILL(b, 0, 0, 2, 4);
    bench_run(b, 200);
    assert_int_equal(b->below.n, 4);
    assert_int_equal(b->below.seen[3].r.kind, MEM_VICTIM);
    assert_int_equal(b->below.seen[3].r.at.v, 0);
}

static void snoops_share_and_take_lines(void **state)
{
    (void)state;
    struct bench *b = build_small();

    bench_write(b, 0, 0);
    bench_read(b, 100, 1);
    bench_run(b, 200);
    assert_int_equal(cache_snoop(&f.cache, 0, SNOOP_SHARE), LINE_DIRTY);
    assert_int_equal(cache_line_state(&f.cache, 0), LINE_SHARED);
    assert_int_equal(cache_snoop(&f.cache, 1, SNOOP_INVALIDATE), LINE_CLEAN);
    assert_int_equal(cache_snoop(&f.cache, 1, SNOOP_INVALIDATE), LINE_INVALID);
    assert_int_equal(f.cache.stats.snoops, 2);
    bench_expect_at(b, bench_read(b, 300, 0), 300 + HIT);   /* a shared line may be read */
    bench_expect_at(b, bench_write(b, 400, 0), 400 + MISS); /* and not be written */
    assert_int_equal(f.cache.stats.upgrades, 1);
    assert_int_equal(cache_line_state(&f.cache, 0), LINE_DIRTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inclusive_level_takes_its_victims_from_above),
        TEST(a_level_that_keeps_victims_lets_fills_pass),
        TEST(clean_victims_go_below_to_a_level_that_keeps_them),
        TEST(snoops_share_and_take_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
