/* test_dram.c - DRAM timing at its own clock, and RAM's values.
 *
 * The DRAM under test: 500 MHz (a cycle is 2 core cycles of 1 ns), 2 channels, 4 banks, rows of 4 lines, tRCD
 *                      3, tCL 5, tRP 7, burst 2,
 * controller 11 ns. Column 0 of row r, bank b, channel c is line ((r * 4 + b) * 4) * 2 + c.
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

static struct bench *build_at(u64 frequency_hz)
{
    const struct dram_cfg cfg = {.frequency_hz = frequency_hz, .channels = 2, .banks = 4, .row_bytes = 256,
                                 .trcd = 3, .tcl = 5, .trp = 7, .tburst = 2,
                                 .controller_ps = CONTROLLER * 1000};

    bench_init(&f.bench, 0);
    dram_init(&f.dram, &cfg, "dram", &f.bench.clock);
    f.bench.port = dram_port(&f.dram);
    return &f.bench;
}

static struct bench *build(void)
{
    return build_at(500 * MHz);
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

    bench_run(b, cycle + 1);
    assert_int_equal(b->reply[i].answer, PORT_HIT);
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
    bench_run(b, 201);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(b->reply[1 + i].ready, 200 + ROW_HIT + i * BURST);
}

static void banks_overlap_but_share_the_data_bus(void **state)
{
    (void)state;
    struct bench *b = build();

    bench_read(b, 100, line_at(0, 0, 0, 0));
    bench_read(b, 100, line_at(0, 1, 0, 0));
    bench_read(b, 100, line_at(1, 0, 0, 0)); /* the other channel has its own */
    bench_run(b, 101);
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
    bench_run(b, 101);
    /* the bank takes the next command a burst after the first one's column command */
    assert_int_equal(b->reply[1].ready, 100 + 2 * (3 + 2) + CONFLICT);
}

static void write_backs_take_their_bank_and_bus_too(void **state)
{
    (void)state;
    struct bench *b = build();

    bench_add(b, 100, MEM_WRITEBACK, ORIGIN_DATA, line_at(0, 0, 0, 0));
    bench_read(b, 100, line_at(0, 0, 0, 1));
    bench_run(b, 101);
    assert_int_equal(b->reply[1].ready, 100 + ROW_MISS + BURST);
    assert_int_equal(f.dram.stats.writes, 1);
    assert_int_equal(f.dram.stats.reads, 1);
    assert_int_equal(f.dram.stats.read_ps, (ROW_MISS + BURST) * 1000);
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
        TEST(write_backs_take_their_bank_and_bus_too),
        TEST(power_of_two_strides_spread_over_the_banks),
        TEST(ram_is_zero_and_keeps_what_is_written),
        TEST(more_ram_than_the_host_can_address_is_an_error_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
