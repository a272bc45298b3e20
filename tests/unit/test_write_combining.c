/* test_write_combining.c - the write-combining buffers above a mock memory of 20 cycles. */
#include "tests/unit/memory_bench.h"

#include "caches/write_combining.h"

#define BELOW   20
#define LINE(n) (0x1000u + 64u * (n))

static struct {
    struct bench bench;
    struct write_combining wc;
    unsigned freed;
    u64 freed_cycle;
} f;

static void on_freed(void *self)
{
    (void)self;
    f.freed++;
    f.freed_cycle = clock_now(&f.bench.clock);
}

static struct mock_memory *build(u32 buffers)
{
    memset(&f, 0, sizeof f);
    bench_init(&f.bench, BELOW);
    write_combining_init(&f.wc, &(struct write_combining_cfg){.buffers = buffers},
                         &(struct write_combining_desc){
                             .name = "wc", .clock = &f.bench.clock, .port = mock_port(&f.bench.below), .freed = on_freed});
    return &f.bench.below;
}

static int teardown(void **state)
{
    (void)state;
    write_combining_check_identities(&f.wc);
    bench_fini(&f.bench);
    return 0;
}

static bool store(u64 at, unsigned bytes)
{
    return write_combining_store(&f.wc, HPA(at), bytes);
}

static void stores_to_one_line_become_one_write_when_the_last_byte_comes(void **state)
{
    (void)state;
    struct mock_memory *m = build(4);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(m->n, 0);
        assert_true(store(LINE(0) + 8 * ((5 * i) % 8), 8));
    }
    assert_int_equal(m->n, 1);
    assert_int_equal(m->seen[0].r.kind, MEM_UNCACHED_WRITE);
    assert_int_equal(m->seen[0].r.at.v, LINE(0));
    assert_int_equal(f.wc.stats.left_full, 1);
    assert_int_equal(f.wc.stats.bytes, 64);
    assert_int_equal(f.wc.stats.opened, 1);
}

static void a_store_of_a_whole_line_leaves_at_once(void **state)
{
    (void)state;
    struct mock_memory *m = build(1);
    assert_true(store(LINE(3), 64));
    assert_int_equal(m->n, 1);
    assert_false(write_combining_is_empty(&f.wc));
}

static void writing_the_same_bytes_again_does_not_fill_the_line(void **state)
{
    (void)state;
    struct mock_memory *m = build(1);
    for (unsigned i = 0; i < 100; i++) assert_true(store(LINE(0) + 8, 8));
    assert_int_equal(m->n, 0);
    write_combining_flush(&f.wc);
    assert_int_equal(f.wc.stats.bytes, 8);
}

static void its_place_is_taken_until_the_write_is_answered(void **state)
{
    (void)state;
    build(1);
    assert_true(store(LINE(0), 64));
    assert_false(store(LINE(1), 8));
    bench_run(&f.bench, BELOW);
    assert_int_equal(f.freed, 0);
    assert_false(store(LINE(1), 8));
    bench_run(&f.bench, BELOW + 1);
    assert_int_equal(f.freed, 1);
    assert_int_equal(f.freed_cycle, BELOW);
    assert_true(store(LINE(1), 8));
    assert_int_equal(f.wc.stats.refused, 2);
}

static void the_oldest_line_leaves_for_anothers_sake(void **state)
{
    (void)state;
    struct mock_memory *m = build(2);
    assert_true(store(LINE(0), 8) && store(LINE(1), 8) && store(LINE(0) + 8, 8));
    assert_false(store(LINE(2), 8));
    assert_int_equal(m->n, 1);
    assert_int_equal(m->seen[0].r.at.v, LINE(0));
    assert_false(store(LINE(2), 8)); /* one is on its way: no second leaves */
    assert_int_equal(m->n, 1);
    assert_int_equal(f.wc.stats.left_for_room, 1);
    bench_run(&f.bench, BELOW + 1);
    assert_true(store(LINE(2), 8) && store(LINE(1) + 8, 8));
}

static void a_flush_sends_every_line_and_of_one_address_only_its_own(void **state)
{
    (void)state;
    struct mock_memory *m = build(4);
    for (unsigned i = 0; i < 3; i++) assert_true(store(LINE(i), 4));
    write_combining_flush_line(&f.wc, HPA(LINE(7)));
    assert_int_equal(m->n, 0);
    write_combining_flush_line(&f.wc, HPA(LINE(1) + 63));
    assert_int_equal(m->n, 1);
    assert_int_equal(m->seen[0].r.at.v, LINE(1));
    write_combining_flush(&f.wc);
    assert_int_equal(m->n, 3);
    assert_false(write_combining_is_empty(&f.wc));
    bench_run(&f.bench, BELOW + 1);
    assert_true(write_combining_is_empty(&f.wc));
    assert_int_equal(f.wc.stats.left_flushed, 3);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stores_to_one_line_become_one_write_when_the_last_byte_comes),
        TEST(a_store_of_a_whole_line_leaves_at_once),
        TEST(writing_the_same_bytes_again_does_not_fill_the_line),
        TEST(its_place_is_taken_until_the_write_is_answered),
        TEST(the_oldest_line_leaves_for_anothers_sake),
        TEST(a_flush_sends_every_line_and_of_one_address_only_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
