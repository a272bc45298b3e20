/* test_crossbar.c - two core-side ports, hop of 4 cycles, 16 bytes per cycle (a line takes 4), a memory of 20
 * cycles behind it. */
#include "tests/unit/memory_bench.h"

#include "interconnect/crossbar.h"

#define HOP    4
#define LINE   4
#define BELOW  20
#define ROUND  (HOP + BELOW + HOP)

static struct fixture {
    struct bench bench;
    struct crossbar crossbar;
} f;

static struct bench *build(void)
{
    const struct crossbar_cfg cfg = {.hop_cycles = HOP, .slices = 1, .width_bytes = LINE_BYTES / LINE};
    const struct crossbar_desc desc = {"crossbar", &f.bench.clock, mock_port(&f.bench.below), 2, 16};

    bench_init(&f.bench, BELOW);
    crossbar_init(&f.crossbar, &cfg, &desc);
    f.bench.port = crossbar_port(&f.crossbar, 0);
    return &f.bench;
}

static int teardown(void **state)
{
    (void)state;
    crossbar_check_identities(&f.crossbar);
    crossbar_fini(&f.crossbar);
    bench_fini(&f.bench);
    return 0;
}

static unsigned read_from(struct bench *b, unsigned port, u64 cycle, u64 line)
{
    b->port = crossbar_port(&f.crossbar, port);
    return bench_read(b, cycle, line);
}

static void read_alone_takes_two_hops_and_the_memory(void **state)
{
    (void)state;
    struct bench *b = build();
    const unsigned i = bench_read(b, 10, 7);

    bench_expect_at(b, i, 10 + ROUND);
    assert_int_equal(b->below.seen[0].cycle, 10 + HOP);
    assert_int_equal(b->reply[i].served, SERVED_L3);
    assert_int_equal(f.crossbar.stats.request_wait_cycles, 0);
}

static void memory_that_calls_back_takes_as_long(void **state)
{
    (void)state;
    struct bench *b = build();

    b->below.calls = true;
    bench_expect_at(b, bench_read(b, 10, 7), 10 + ROUND);
}

static void requests_of_one_cycle_leave_one_per_cycle_in_order(void **state)
{
    (void)state;
    struct bench *b = build();

    for (unsigned i = 0; i < 3; i++) read_from(b, i % 2, 10, i);
    bench_run(b, 30);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(b->below.seen[i].cycle, 10 + HOP + i);
        assert_int_equal(b->below.seen[i].r.at.v, i << LINE_SHIFT);
    }
    assert_int_equal(f.crossbar.stats.request_wait_cycles, 1 + 2);
}

static void answers_to_one_core_share_its_port(void **state)
{
    (void)state;
    struct bench *b = build();
    const unsigned first = read_from(b, 0, 10, 0), second = read_from(b, 0, 10, 1);

    bench_expect_at(b, first, 10 + ROUND);
    bench_expect_at(b, second, 10 + ROUND + LINE);
    assert_int_equal(f.crossbar.stats.answer_wait_cycles, LINE - 1);
}

static void answers_to_two_cores_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct bench *b = build();
    const unsigned first = read_from(b, 0, 10, 0), second = read_from(b, 1, 10, 1);

    bench_expect_at(b, first, 10 + ROUND);
    bench_expect_at(b, second, 10 + ROUND + 1); /* its request waited a cycle */
}

static void write_back_occupies_the_port_for_a_line(void **state)
{
    (void)state;
    struct bench *b = build();
    const unsigned wb = bench_add(b, 10, MEM_WRITEBACK, ORIGIN_DATA, 5), read = bench_read(b, 11, 6);

    bench_run(b, 10 + HOP + 1);
    assert_int_equal(b->reply[wb].answer, PORT_HIT);
    assert_int_equal(b->below.n, 1);
    assert_int_equal(b->below.seen[0].r.kind, MEM_WRITEBACK);
    bench_expect_at(b, read, 10 + LINE + ROUND);
    assert_int_equal(b->below.seen[1].cycle, 10 + LINE + HOP);
}

static void read_never_overtakes_a_write_back_of_its_line(void **state)
{
    (void)state;
    struct bench *b = build();

    bench_add(b, 10, MEM_WRITEBACK, ORIGIN_DATA, 5);
    bench_read(b, 10, 5);
    bench_run(b, 30);
    assert_int_equal(b->below.seen[0].r.kind, MEM_WRITEBACK);
    assert_int_equal(b->below.seen[1].r.kind, MEM_READ);
}

static void port_is_free_again_after_a_pause(void **state)
{
    (void)state;
    struct bench *b = build();

    bench_read(b, 10, 0);
    bench_read(b, 11, 1);
    bench_run(b, 100);
    assert_int_equal(f.crossbar.stats.request_wait_cycles, 0);
    assert_int_equal(f.crossbar.stats.requests, 2);
    assert_int_equal(f.crossbar.stats.answers, 2);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(read_alone_takes_two_hops_and_the_memory),
        TEST(memory_that_calls_back_takes_as_long),
        TEST(requests_of_one_cycle_leave_one_per_cycle_in_order),
        TEST(answers_to_one_core_share_its_port),
        TEST(answers_to_two_cores_do_not_wait_for_each_other),
        TEST(write_back_occupies_the_port_for_a_line),
        TEST(read_never_overtakes_a_write_back_of_its_line),
        TEST(port_is_free_again_after_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
