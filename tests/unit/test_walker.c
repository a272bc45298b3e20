/* test_walker.c - the page-walk unit on a mock memory, and on a small cache for refusals.
 *
 * Every reference takes 20 cycles unless a test says otherwise.
 */
#include "tests/unit/memory_bench.h"

#include "caches/cache.h"
#include "caches/walker.h"

#define REF 20

struct fixture {
    struct bench bench;
    struct walker walker;
    struct cache cache;
    bool has_cache;
    unsigned n_ended;
    struct {
        u64 token, cycle;
        struct walk_ledger played;
    } ended[64];
    struct {
        u64 cycle;
        struct walk_ledger ledger;
    } start[64];
    unsigned n_starts, n_started;
    u64 traced_cycles;
};

static struct fixture f;

static void on_done(void *self, u64 token, const struct walk_ledger *played)
{
    struct fixture *x = self;

    x->ended[x->n_ended].token = token;
    x->ended[x->n_ended].cycle = clock_now(&x->bench.clock);
    x->ended[x->n_ended++].played = *played;
}

static void on_trace(void *self, const struct walk_ledger *played, u64 start_cycle, u64 end_cycle)
{
    struct fixture *x = self;

    assert_true(played->n_refs > 0);
    x->traced_cycles += end_cycle - start_cycle;
}

static u64 start_tick(void *self, u64 cycle)
{
    struct fixture *x = self;

    for (; x->n_started < x->n_starts && x->start[x->n_started].cycle <= cycle; x->n_started++)
        walker_start(&x->walker, &x->start[x->n_started].ledger, x->n_started);
    return x->n_started < x->n_starts ? x->start[x->n_started].cycle : CLOCK_SLEEP;
}

static void build_on(struct walker_cfg cfg, struct mem_port port)
{
    const struct walker_desc desc = {"cpu0.walker", &f.bench.clock, port, on_done, &f, 0};

    walker_init(&f.walker, &cfg, &desc);
    walker_set_trace(&f.walker, on_trace, &f);
    clock_add_tick(&f.bench.clock, start_tick, &f);
}

static struct walker_cfg two_walkers(void)
{
    return (struct walker_cfg){.walkers = 2, .queue_entries = 8, .ad_update_cycles = 5};
}

static void build(struct walker_cfg cfg)
{
    memset(&f, 0, sizeof f);
    bench_init(&f.bench, REF);
    build_on(cfg, mock_port(&f.bench.below));
}

/* The walker behind a one-MSHR cache: hit 3 cycles, below it 20. */
static void build_on_cache(void)
{
    const struct cache_cfg cfg = {
        .size_bytes = 4096, .ways = 4, .hit_cycles = 3, .mshrs = 1, .mshr_targets = 1};

    memset(&f, 0, sizeof f);
    bench_init(&f.bench, REF);
    f.has_cache = true;
    cache_init(&f.cache, &cfg,
               &(struct cache_desc){.name = "l1d", .level = SERVED_L1, .clock = &f.bench.clock,
                                    .next = mock_port(&f.bench.below), .refuses = true});
    build_on(two_walkers(), cache_port(&f.cache));
    cache_on_freed(&f.cache, walker_retry, &f.walker);
}

static int teardown(void **state)
{
    (void)state;
    walker_check_identities(&f.walker);
    walker_fini(&f.walker);
    if (f.has_cache) cache_fini(&f.cache);
    bench_fini(&f.bench);
    return 0;
}

/* A one-dimensional walk of n references to lines base, base + 1, ... */
static struct walk_ledger *add_walk(u64 cycle, unsigned n, u64 base)
{
    struct walk_ledger *l = &f.start[f.n_starts].ledger;

    f.start[f.n_starts++].cycle = cycle;
    l->n_refs = (u8)n;
    l->guest_shift = 12;
    for (unsigned i = 0; i < n; i++)
        l->ref[i] = (struct walk_ref){.at = HPA((base + i) << LINE_SHIFT), .guest_level = (u8)(n - i)};
    return l;
}

/* Asserts that walk number i (in order of ending) ended at `cycle` exactly, by running up to there. */
static void expect_end_at(unsigned i, u64 cycle)
{
    bench_run(&f.bench, cycle);
    assert_true(f.n_ended <= i);
    bench_run(&f.bench, cycle + 1);
    assert_true(f.n_ended > i);
    assert_int_equal(f.ended[i].cycle, cycle);
}

static void references_go_strictly_one_after_the_other(void **state)
{
    (void)state;
    build(two_walkers());
    add_walk(10, 4, 100);
    expect_end_at(0, 10 + 4 * REF);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(f.bench.below.seen[i].cycle, 10 + i * REF);
        assert_int_equal(f.bench.below.seen[i].r.at.v, (100 + i) << LINE_SHIFT);
    }
}

static void ledger_tells_who_served_each_reference_and_its_cycles(void **state)
{
    (void)state;
    build(two_walkers());
    add_walk(10, 3, 100);
    bench_run(&f.bench, 100);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(f.ended[0].played.ref[i].served, SERVED_L3);
        assert_int_equal(f.ended[0].played.ref[i].cycles, REF);
    }
}

static void translation_cache_lookups_come_first(void **state)
{
    (void)state;
    build(two_walkers());
    add_walk(10, 1, 100)->cache_cycles = 7;
    expect_end_at(0, 10 + 7 + REF);
    assert_int_equal(f.bench.below.seen[0].cycle, 17);
    assert_int_equal(f.walker.stats.cycles_caches, 7);
}

static void walk_that_translation_caches_served_whole_takes_their_lookup_only(void **state)
{
    (void)state;
    build(two_walkers());
    add_walk(10, 0, 0)->cache_cycles = 2;
    walker_set_trace(&f.walker, NULL, NULL);
    expect_end_at(0, 12);
    assert_int_equal(f.bench.below.n, 0);
}

static void the_stlbs_search_comes_in_front(void **state)
{
    (void)state;
    build(two_walkers());
    f.walker.search_cycles = 9;
    add_walk(10, 1, 100)->cache_cycles = 2;
    expect_end_at(0, 10 + 9 + 2 + REF);
    assert_int_equal(f.walker.stats.cycles, 2 + REF);
    assert_int_equal(f.walker.stats.queue_cycles, 0);
}

static void the_search_goes_on_while_a_walk_waits_for_a_walker(void **state)
{
    (void)state;
    struct walker_cfg one = two_walkers();
    one.walkers = 1;
    build(one);
    f.walker.search_cycles = 9;
    add_walk(10, 1, 100);
    add_walk(11, 1, 200);
    expect_end_at(0, 10 + 9 + REF);
    expect_end_at(1, 10 + 9 + 2 * REF);
    assert_int_equal(f.walker.stats.queue_cycles, REF - 1);
}

static void saved_references_cost_nothing(void **state)
{
    (void)state;
    build(two_walkers());
    struct walk_ledger *l = add_walk(10, 4, 100);
    l->ref[0].served = SERVED_PSC;
    l->ref[2].served = SERVED_NTLB;
    expect_end_at(0, 10 + 2 * REF);
    assert_int_equal(f.walker.stats.refs_guest, 2);
    assert_int_equal(f.ended[0].played.ref[0].served, SERVED_PSC);
}

static void setting_accessed_or_dirty_bits_is_a_write_and_costs_more(void **state)
{
    (void)state;
    build(two_walkers());
    add_walk(10, 2, 100)->ref[0].writes = true;
    expect_end_at(0, 10 + 2 * REF + 5);
    assert_int_equal(f.bench.below.seen[0].r.kind, MEM_WRITE);
    assert_int_equal(f.bench.below.seen[1].r.kind, MEM_READ);
    assert_int_equal(f.walker.stats.ad_updates, 1);
}

static void ports_that_call_back_are_waited_for(void **state)
{
    (void)state;
    build(two_walkers());
    f.bench.below.calls = true;
    add_walk(10, 4, 100);
    expect_end_at(0, 10 + 4 * REF);
}

static void walks_run_at_once_up_to_the_number_of_walkers(void **state)
{
    (void)state;
    build(two_walkers());
    for (unsigned i = 0; i < 2; i++) add_walk(10, 2, 100 * i);
    bench_run(&f.bench, 11);
    assert_int_equal(f.walker.busy, 2);
    expect_end_at(0, 10 + 2 * REF);
    assert_int_equal(f.n_ended, 2);
    assert_int_equal(f.walker.busy, 0);
    assert_int_equal(f.walker.stats.queued, 0);
}

static void further_walks_wait_in_order_for_a_walker(void **state)
{
    (void)state;
    build(two_walkers());
    add_walk(10, 2, 100);
    add_walk(10, 3, 200);
    add_walk(11, 1, 300);
    add_walk(12, 1, 400);
    expect_end_at(0, 10 + 2 * REF);
    expect_end_at(2, 10 + 3 * REF);
    assert_int_equal(f.ended[1].token + f.ended[2].token, 1 + 2); /* both end in this cycle */
    expect_end_at(3, 10 + 4 * REF);
    assert_int_equal(f.ended[3].token, 3);
    assert_int_equal(f.walker.stats.queued, 2);
    assert_int_equal(f.walker.stats.queue_cycles, (50 - 11) + (70 - 12));
}

static void one_walker_plays_one_walk_at_a_time(void **state)
{
    (void)state;
    struct walker_cfg cfg = two_walkers();
    cfg.walkers = 1;
    build(cfg);
    for (unsigned i = 0; i < 3; i++) add_walk(0, 1, i);
    for (unsigned i = 0; i < 3; i++) expect_end_at(i, (i + 1) * REF);
}

static void refused_reference_tries_again_when_freed_and_its_wait_is_its_own(void **state)
{
    (void)state;
    build_on_cache();
    add_walk(10, 1, 100);
    add_walk(10, 1, 200);
    expect_end_at(0, 10 + 3 + REF);
    expect_end_at(1, 10 + 2 * (3 + REF));
    assert_int_equal(f.cache.stats.busy, 1);
    assert_int_equal(f.ended[1].played.ref[0].cycles, 2 * (3 + REF));
}

static void second_walk_hits_the_lines_of_the_first(void **state)
{
    (void)state;
    build_on_cache();
    add_walk(10, 2, 100);
    add_walk(200, 2, 100);
    expect_end_at(0, 10 + 2 * (3 + REF));
    expect_end_at(1, 200 + 2 * 3);
    assert_int_equal(f.ended[1].played.ref[0].served, SERVED_L1);
    assert_int_equal(f.walker.stats.refs_by[DIM_GUEST][SERVED_L1], 2);
    assert_int_equal(f.walker.stats.refs_by[DIM_GUEST][SERVED_L3], 2);
}

/* 24 references: (4 host + 1 guest) * 4 + 4 host. */
static void nested_walk_accounts_both_dimensions(void **state)
{
    (void)state;
    build(two_walkers());
    struct walk_ledger *l = add_walk(0, 24, 100);
    l->nested = true;
    l->guest_shift = 12;
    l->host_shift = 30;
    for (unsigned i = 0; i < 24; i++) l->ref[i].dim = i % 5 == 4 ? DIM_GUEST : DIM_HOST;
    expect_end_at(0, 24 * REF);
    assert_int_equal(f.walker.stats.refs_guest, 4);
    assert_int_equal(f.walker.stats.refs_host, 20);
    assert_int_equal(f.walker.stats.cycles_guest, 4 * REF);
    assert_int_equal(f.walker.stats.cycles_host, 20 * REF);
    assert_int_equal(f.walker.stats.latency[1][3].sum, 24 * REF);
    assert_int_equal(f.walker.stats.latency_in[DIM_GUEST].sum, 4 * REF);
    assert_int_equal(f.walker.stats.latency_in[DIM_HOST].sum, 20 * REF);
    assert_int_equal(f.bench.below.seen[0].r.origin, ORIGIN_WALK_HOST);
    assert_int_equal(f.bench.below.seen[4].r.origin, ORIGIN_WALK_GUEST);
}

static void histogram_and_trace_see_every_walk(void **state)
{
    (void)state;
    build(two_walkers());
    add_walk(0, 1, 100);   /* 20 cycles */
    add_walk(100, 4, 200); /* 80 */
    add_walk(300, 4, 300);
    bench_run(&f.bench, 1000);
    const struct histogram *h = &f.walker.stats.latency[1][0], *guest = &f.walker.stats.latency_in[DIM_GUEST];
    assert_int_equal(h->bucket[histogram_bucket_of(20)], 1);
    assert_int_equal(h->bucket[histogram_bucket_of(80)], 2);
    assert_int_equal(h->max, 80);
    assert_int_equal(guest->count, 3);
    assert_int_equal(guest->sum, 180);
    assert_int_equal(f.walker.stats.latency_in[DIM_HOST].count, 0);
    assert_int_equal(f.traced_cycles, f.walker.stats.cycles);
    assert_int_equal(f.walker.stats.cycles, 180);
}

static void identities_hold_in_the_middle_of_walks(void **state)
{
    (void)state;
    build(two_walkers());
    for (unsigned i = 0; i < 10; i++) add_walk(i * 13, 1 + i % 5, i)->cache_cycles = 2;
    for (u64 cycle = 3; cycle < 700; cycle += 7) {
        bench_run(&f.bench, cycle);
        walker_check_identities(&f.walker);
        assert_true(f.walker.busy <= 2);
    }
    assert_int_equal(f.walker.stats.walks, 10);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(references_go_strictly_one_after_the_other),
        TEST(ledger_tells_who_served_each_reference_and_its_cycles),
        TEST(translation_cache_lookups_come_first),
        TEST(walk_that_translation_caches_served_whole_takes_their_lookup_only),
        TEST(the_stlbs_search_comes_in_front),
        TEST(the_search_goes_on_while_a_walk_waits_for_a_walker),
        TEST(saved_references_cost_nothing),
        TEST(setting_accessed_or_dirty_bits_is_a_write_and_costs_more),
        TEST(ports_that_call_back_are_waited_for),
        TEST(walks_run_at_once_up_to_the_number_of_walkers),
        TEST(further_walks_wait_in_order_for_a_walker),
        TEST(one_walker_plays_one_walk_at_a_time),
        TEST(refused_reference_tries_again_when_freed_and_its_wait_is_its_own),
        TEST(second_walk_hits_the_lines_of_the_first),
        TEST(nested_walk_accounts_both_dimensions),
        TEST(histogram_and_trace_see_every_walk),
        TEST(identities_hold_in_the_middle_of_walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
