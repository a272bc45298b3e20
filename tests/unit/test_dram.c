/* test_dram.c - DRAM timing at its own clock, and RAM's values.
 *
 * The DRAM under test: 500 MHz (a cycle is 2 core cycles of 1 ns), 2 channels, 4 banks, rows of 4 lines, tRCD
 *                      3, tCL 5, tRP 7, burst 2,
 * controller 11 ns, no refresh, and nothing else that makes commands wait, unless a test says so. Column 0 of row r, bank b, channel c is line ((r * 4 + b) * 4) * 2 + c.
 */
#include "tests/unit/memory_bench.h"

#include "models/mem/dram.h"
#include "models/mem/ram.h"

#define CONTROLLER 11
#define ROW_HIT    (2 * (5 + 2) + CONTROLLER)
#define ROW_MISS   (ROW_HIT + 2 * 3)
#define CONFLICT   (ROW_MISS + 2 * 7)
#define BURST      (2 * 2)

static struct fixture {
    struct bench bench;
    struct dram dram;
} f;

static struct dram_cfg simple(void)
{
    return (struct dram_cfg){.frequency_hz = 500 * MHz, .channels = 2, .banks = 4, .bank_groups = 2, .row_bytes = 256,
                             .trcd = 3, .tcl = 5, .trp = 7, .tburst = 2, .trfc = 1, .write_high = 4, .write_low = 1,
                             .controller_ps = CONTROLLER * 1000};
}

static struct bench *build_as(struct dram_cfg cfg)
{
    bench_init(&f.bench, 0);
    dram_init(&f.dram, &cfg, "dram", &f.bench.clock);
    f.bench.port = dram_port(&f.dram);
    return &f.bench;
}

static struct bench *build_at(u64 frequency_hz)
{
    struct dram_cfg cfg = simple();

    cfg.frequency_hz = frequency_hz;
    return build_as(cfg);
}

static struct bench *build(void)
{
    return build_as(simple());
}

static int teardown(void **state)
{
    (void)state;
    dram_check_identities(&f.dram);
    dram_fini(&f.dram);
    bench_fini(&f.bench);
    return 0;
}

/* The bank field is XORed with the row's low bits (dram.h): ask for the field that leads to `bank`. */
static u64 line_at(unsigned channel, unsigned bank, u64 row, unsigned column)
{
    return ((row * 4 + (bank ^ (row & 3))) * 4 + column) * 2 + channel;
}

/* Latency of a read sent at `cycle`. */
static u64 latency(struct bench *b, u64 cycle, u64 line)
{
    const unsigned i = bench_read(b, cycle, line);

    bench_run(b, cycle + 95);
    assert_int_equal(b->reply[i].answer, PORT_PENDING);
    assert_int_equal(b->reply[i].served, SERVED_DRAM);
    return b->reply[i].ready - cycle;
}

static void row_miss_hit_and_conflict_differ_by_their_commands(void **state)
{
    (void)state;
    struct bench *b = build();

    assert_int_equal(latency(b, 100, line_at(0, 1, 0, 0)), ROW_MISS);
    assert_int_equal(latency(b, 200, line_at(0, 1, 0, 1)), ROW_HIT);
    assert_int_equal(latency(b, 300, line_at(0, 1, 9, 0)), CONFLICT);
    assert_int_equal(latency(b, 400, line_at(0, 1, 9, 3)), ROW_HIT);
    assert_int_equal(f.dram.stats.row_hits, 2);
    assert_int_equal(f.dram.stats.row_misses, 1);
    assert_int_equal(f.dram.stats.row_conflicts, 1);
}

static void banks_and_channels_keep_their_own_rows(void **state)
{
    (void)state;
    struct bench *b = build();
    u64 cycle = 100;

    for (unsigned channel = 0; channel < 2; channel++)
        for (unsigned bank = 0; bank < 4; bank++, cycle += 100)
            assert_int_equal(latency(b, cycle, line_at(channel, bank, bank + 5, 0)), ROW_MISS);
    for (unsigned bank = 0; bank < 4; bank++, cycle += 100)
        assert_int_equal(latency(b, cycle, line_at(0, bank, bank + 5, 1)), ROW_HIT);
}

static void commands_start_at_edges_of_the_dram_clock(void **state)
{
    (void)state;
    struct bench *b = build();

    assert_int_equal(latency(b, 101, line_at(0, 0, 0, 0)), ROW_MISS + 1);
    assert_int_equal(latency(b, 202, line_at(0, 0, 0, 0)), ROW_HIT);
}

/* 300 MHz: an edge every 10/3 ns. Arrival at 100 ns is edge 30; 10 DRAM cycles later it is 133333 ps; with 11
 * ns, core cycle 145. */
static void clocks_that_do_not_divide_are_converted_exactly(void **state)
{
    (void)state;
    struct bench *b = build_at(300 * MHz);

    assert_int_equal(latency(b, 100, line_at(0, 0, 0, 0)), 45);
}

static void row_hits_of_a_bank_follow_each_other_at_bus_rate(void **state)
{
    (void)state;
    struct bench *b = build();

    latency(b, 100, line_at(0, 0, 0, 0));
    for (unsigned i = 0; i < 3; i++) bench_read(b, 200, line_at(0, 0, 0, 1 + i));
    bench_run(b, 295);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(b->reply[1 + i].ready, 200 + ROW_HIT + i * BURST);
}

static void banks_overlap_but_share_the_data_bus(void **state)
{
    (void)state;
    struct bench *b = build();

    bench_read(b, 100, line_at(0, 0, 0, 0));
    bench_read(b, 100, line_at(0, 1, 0, 0));
    bench_read(b, 100, line_at(1, 0, 0, 0)); /* the other channel has its own */
    bench_run(b, 195);
    assert_int_equal(b->reply[0].ready, 100 + ROW_MISS);
    assert_int_equal(b->reply[1].ready, 100 + ROW_MISS + BURST);
    assert_int_equal(b->reply[2].ready, 100 + ROW_MISS);
    assert_int_equal(f.dram.stats.wait_ps, BURST * 1000);
}

static void conflict_waits_for_the_bank(void **state)
{
    (void)state;
    struct bench *b = build();

    bench_read(b, 100, line_at(0, 0, 0, 0));
    bench_read(b, 100, line_at(0, 0, 8, 0));
    bench_run(b, 195);
    /* the row closes after the first one's column command */
    assert_int_equal(b->reply[1].ready, 100 + 2 * 3 + CONFLICT);
}

/* --- one rule at a time --- */

/* Two reads at cycle 100 of two rows; the second one's latency. */
static u64 second_of_two(struct dram_cfg cfg, u64 first_line, u64 second_line)
{
    struct bench *b = build_as(cfg);

    bench_read(b, 100, first_line);
    bench_read(b, 100, second_line);
    bench_run(b, 500);
    teardown(NULL);
    return b->reply[1].ready - 100;
}

static void a_row_stays_open_for_tras_and_trtp(void **state)
{
    struct dram_cfg cfg = simple();

    (void)state;
    cfg.tras = 20; /* activate at 0, precharge at 20 */
    assert_int_equal(second_of_two(cfg, line_at(0, 0, 0, 0), line_at(0, 0, 8, 0)), 2 * 20 + CONFLICT);
    cfg.tras = 0, cfg.trtp = 6; /* column command at 3, precharge at 9 */
    assert_int_equal(second_of_two(cfg, line_at(0, 0, 0, 0), line_at(0, 0, 8, 0)), 2 * 9 + CONFLICT);
    build();
}

static void activates_keep_trrd_and_tfaw(void **state)
{
    struct dram_cfg cfg = simple();

    (void)state;
    cfg.trrd = 9;
    assert_int_equal(second_of_two(cfg, line_at(0, 0, 0, 0), line_at(0, 1, 0, 0)), 2 * 9 + ROW_MISS);
    cfg.trrd = 0, cfg.tfaw = 30, cfg.banks = 8;
    struct bench *b = build_as(cfg);
    for (unsigned bank = 0; bank < 5; bank++) bench_read(b, 100, (u64)bank * 4 * 2);
    bench_run(b, 300);
    assert_int_equal(b->reply[3].ready, 100 + ROW_MISS + 3 * BURST);
    assert_int_equal(b->reply[4].ready, 100 + 2 * 30 + ROW_MISS);
}

static void columns_of_a_bank_group_keep_tccd_l(void **state)
{
    struct dram_cfg cfg = simple();

    (void)state;
    cfg.tccd_l = 6;
    assert_int_equal(second_of_two(cfg, line_at(0, 0, 0, 0), line_at(0, 0, 0, 1)), ROW_MISS + 2 * 6);
    assert_int_equal(second_of_two(cfg, line_at(0, 0, 0, 0), line_at(0, 2, 0, 0)), ROW_MISS + 2 * 6); /* the same group */
    assert_int_equal(second_of_two(cfg, line_at(0, 0, 0, 0), line_at(0, 1, 0, 0)), ROW_MISS + BURST);
    build();
}

static void a_refresh_closes_the_rows_and_takes_trfc(void **state)
{
    struct dram_cfg cfg = simple();

    (void)state;
    cfg.trefi = 200, cfg.trfc = 30; /* due at core cycle 400, over at 460 */
    struct bench *b = build_as(cfg);
    assert_int_equal(latency(b, 300, line_at(0, 0, 0, 0)), ROW_MISS);
    assert_int_equal(latency(b, 410, line_at(0, 0, 0, 1)), 50 + ROW_MISS);
    assert_int_equal(latency(b, 510, line_at(0, 0, 0, 1)), ROW_HIT);
    assert_int_equal(f.dram.stats.refreshes, 1);
}

static void reads_of_open_rows_go_first_unless_told_otherwise(void **state)
{
    (void)state;
    for (u32 fcfs = 0; fcfs < 2; fcfs++) {
        struct dram_cfg cfg = simple();

        cfg.scheduler = fcfs;
        struct bench *b = build_as(cfg);
        latency(b, 100, line_at(0, 0, 0, 0));
        bench_read(b, 200, line_at(0, 0, 0, 1)); /* keeps the bus busy while the next two wait */
        bench_read(b, 200, line_at(0, 0, 0, 2));
        bench_read(b, 200, line_at(0, 0, 0, 3));
        bench_read(b, 200, line_at(0, 0, 8, 0));
        bench_read(b, 200, line_at(0, 0, 0, 0));
        bench_run(b, 600);
        assert_int_equal(b->reply[5].ready < b->reply[4].ready, !fcfs);
        assert_int_equal(f.dram.stats.reordered, !fcfs);
        if (!fcfs) teardown(NULL);
    }
}

static unsigned write_back(struct bench *b, u64 cycle, u64 line)
{
    return bench_add(b, cycle, MEM_WRITEBACK, ORIGIN_DATA, line);
}

static void writes_wait_for_reads(void **state)
{
    (void)state;
    struct bench *b = build();

    for (unsigned n = 0; n < 3; n++) bench_read(b, 100, line_at(0, 0, 0, n));
    write_back(b, 100, line_at(0, 1, 0, 0));
    bench_run(b, 300);
    for (unsigned n = 0; n < 3; n++) assert_int_equal(b->reply[n].ready, 100 + ROW_MISS + n * BURST);
    assert_int_equal(f.dram.stats.writes, 1);
    assert_int_equal(f.dram.stats.drains, 0);
}

static void many_writes_stop_the_reads_until_few_are_left(void **state)
{
    (void)state;
    struct bench *b = build();

    bench_read(b, 100, line_at(0, 0, 0, 0));
    for (unsigned n = 0; n < 5; n++) write_back(b, 100, line_at(0, 1, 0, n % 4));
    bench_read(b, 100, line_at(0, 0, 0, 1));
    bench_run(b, 400);
    assert_int_equal(f.dram.stats.drains, 1);
    assert_true(b->reply[6].ready > 100 + ROW_MISS + 3 * BURST);
    assert_int_equal(f.dram.stats.writes, 5);
}

static void a_read_behind_a_write_waits_for_the_bus_to_turn(void **state)
{
    struct dram_cfg cfg = simple();

    (void)state;
    cfg.twtr = 10;
    struct bench *b = build_as(cfg);
    write_back(b, 100, line_at(0, 0, 0, 0));
    bench_read(b, 101, line_at(0, 0, 0, 1));
    bench_run(b, 300);
    /* written data end at DRAM cycle 50 + 3 + 5 + 2, the read's column command comes 10 later */
    assert_int_equal(b->reply[1].ready, 2 * (50 + 10 + 10) + ROW_HIT);
}

static void a_read_of_a_line_that_waits_to_be_written_is_answered_at_once(void **state)
{
    (void)state;
    struct bench *b = build();

    for (unsigned n = 0; n < 3; n++) bench_read(b, 100, line_at(0, 0, 0, n)); /* keep the write waiting */
    write_back(b, 100, line_at(0, 1, 0, 0));
    bench_read(b, 100, line_at(0, 1, 0, 0));
    bench_run(b, 300);
    assert_int_equal(b->reply[4].ready, 100 + CONTROLLER);
    assert_int_equal(f.dram.stats.forwarded, 1);
}

/* Lines one row-stripe apart fell into one bank but for the XOR. */
static void power_of_two_strides_spread_over_the_banks(void **state)
{
    (void)state;
    struct bench *b = build();

    for (u64 i = 0; i < 4; i++) latency(b, 100 + 100 * i, i * 4 * 4 * 2);
    assert_int_equal(f.dram.stats.row_misses, 4);
}

static void ram_is_zero_and_keeps_what_is_written(void **state)
{
    (void)state;
    struct physmem m;

    build();
    assert_true(ram_init(&m, 64 * MiB));
    assert_int_equal(physmem_read64(&m, HPA(64 * MiB - 8)), 0);
    physmem_write64(&m, HPA(64 * MiB - 8), 0x1122334455667788);
    assert_int_equal(physmem_read64(&m, HPA(64 * MiB - 8)), 0x1122334455667788);
    assert_false(physmem_has(&m, HPA(64 * MiB - 8), 9));
    ram_clear(&m);
    assert_int_equal(physmem_read64(&m, HPA(64 * MiB - 8)), 0);
    ram_fini(&m);
}

static void more_ram_than_the_host_can_address_is_an_error_value(void **state)
{
    (void)state;
    struct physmem m;

    build();
    assert_false(ram_init(&m, 1ull << 56));
}

/* --- flushes --- */

static unsigned flush(struct bench *b, u64 cycle, u64 line, bool dirty)
{
    const unsigned i = bench_add(b, cycle, MEM_FLUSH, ORIGIN_DATA, line);

    b->script[i].r.dirty = dirty;
    return i;
}

static void a_flush_is_over_when_the_write_queue_has_its_line(void **state)
{
    (void)state;
    struct bench *b = build();
    const unsigned clean = flush(b, 100, line_at(0, 0, 0, 0), false);
    unsigned dirty[4]; /* write_high of them */

    for (unsigned i = 0; i < 4; i++) dirty[i] = flush(b, 200, line_at(0, 0, 0, i), true);
    const unsigned late = flush(b, 200, line_at(0, 0, 0, 0), true);
    bench_run(b, 400);
    assert_int_equal(b->reply[clean].ready, 100);
    for (unsigned i = 0; i < 4; i++) assert_int_equal(b->reply[dirty[i]].ready, 200);
    assert_true(b->reply[late].ready > 200 + ROW_MISS);
    assert_int_equal(f.dram.stats.writes, 5);
    assert_int_equal(f.dram.stats.reads, 0);
}

static void a_line_that_comes_with_an_uncached_access_is_written_before_it(void **state)
{
    (void)state;
    struct bench *b = build();
    const unsigned read = bench_add(b, 200, MEM_UNCACHED_READ, ORIGIN_DATA, line_at(0, 0, 0, 0));

    b->script[read].r.dirty = true;
    bench_run(b, 400);
    assert_int_equal(f.dram.stats.writes, 1);
    assert_int_equal(f.dram.stats.forwarded, 1); /* the read finds it in the write queue */
    assert_int_equal(b->reply[read].ready, 200 + CONTROLLER);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(row_miss_hit_and_conflict_differ_by_their_commands),
        TEST(banks_and_channels_keep_their_own_rows),
        TEST(commands_start_at_edges_of_the_dram_clock),
        TEST(clocks_that_do_not_divide_are_converted_exactly),
        TEST(row_hits_of_a_bank_follow_each_other_at_bus_rate),
        TEST(banks_overlap_but_share_the_data_bus),
        TEST(conflict_waits_for_the_bank),
        TEST(a_row_stays_open_for_tras_and_trtp),
        TEST(activates_keep_trrd_and_tfaw),
        TEST(columns_of_a_bank_group_keep_tccd_l),
        TEST(a_refresh_closes_the_rows_and_takes_trfc),
        TEST(reads_of_open_rows_go_first_unless_told_otherwise),
        TEST(writes_wait_for_reads),
        TEST(many_writes_stop_the_reads_until_few_are_left),
        TEST(a_read_behind_a_write_waits_for_the_bus_to_turn),
        TEST(a_read_of_a_line_that_waits_to_be_written_is_answered_at_once),
        TEST(power_of_two_strides_spread_over_the_banks),
        TEST(ram_is_zero_and_keeps_what_is_written),
        TEST(more_ram_than_the_host_can_address_is_an_error_value),
        TEST(a_flush_is_over_when_the_write_queue_has_its_line),
        TEST(a_line_that_comes_with_an_uncached_access_is_written_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
