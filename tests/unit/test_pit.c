/* test_pit.c - the 8254's modes edge by edge, its registers, and port 0x61. */
#include "tests/unit/device_bench.h"

#include "models/dev/pit.h"

#define PS_PER_S 1000000000000ull

static struct fixture {
    struct pit pit;
    struct probe irq;
} f;

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    device_bench_init();
    pit_init(&f.pit, &(struct pit_desc){probe_line(&f.irq)});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    device_bench_fini();
    return 0;
}

static void out(u16 port, u8 value)
{
    pit_port_write(&f.pit, port, value, 1);
}

static u8 in(u16 port)
{
    return (u8)pit_port_read(&f.pit, port, 1);
}

/* Edge k of the PIT's clock: ceil(k * 10^12 / 1193182) ps. Everything below is written at time 0, so a count
 * is loaded at edge 1. */
static u64 edge_ps(u64 k)
{
    return (u64)(((__extension__(unsigned __int128)k) * PS_PER_S + PIT_HZ - 1) / PIT_HZ);
}

static void run_to_edge(u64 k)
{
    run_to_ps(edge_ps(k));
}

/* Control word: counter, mode, low byte then high byte. */
static void program(unsigned counter, unsigned mode, u16 count)
{
    out(0x43, (u8)(counter << 6 | 0x30 | mode << 1));
    out((u16)(0x40 + counter), (u8)count);
    out((u16)(0x40 + counter), (u8)(count >> 8));
}

static u16 read_latched(unsigned counter)
{
    u16 low;

    out(0x43, (u8)(counter << 6));
    low = in((u16)(0x40 + counter));
    return (u16)(low | in((u16)(0x40 + counter)) << 8);
}

static bool out2(void)
{
    return in(0x61) & 0x20;
}

/* Asserts IRQ0's level right before and right at edge k. */
static void expect_change_at(u64 k, bool to)
{
    run_to_ps(edge_ps(k) - 1);
    assert_int_equal(f.irq.level, !to);
    run_to_edge(k);
    assert_int_equal(f.irq.level, to);
}

static void mode_0_rises_n_edges_after_the_load_and_stays(void **state)
{
    (void)state;
    program(0, 0, 100);
    assert_int_equal(f.irq.rises, 0);
    f.irq.level = false;
    expect_change_at(1 + 100, true);
    run_to_edge(70000);
    assert_int_equal(f.irq.rises, 1);
    assert_int_equal(f.pit.stats.ticks, 1);
}

static void mode_2_pulses_low_for_the_last_edge_of_each_period(void **state)
{
    (void)state;
    program(0, 2, 100);
    f.irq.level = true;
    expect_change_at(1 + 99, false);
    expect_change_at(1 + 100, true);
    expect_change_at(1 + 199, false);
    expect_change_at(1 + 200, true);
    assert_int_equal(f.irq.rises, 2);
}

static void mode_3_is_high_for_the_longer_half(void **state)
{
    (void)state;
    program(0, 3, 101);
    f.irq.level = true;
    expect_change_at(1 + 51, false);
    expect_change_at(1 + 101, true);
    expect_change_at(1 + 101 + 51, false);
}

static void mode_4_strobes_once(void **state)
{
    (void)state;
    program(0, 4, 50);
    f.irq.level = true;
    expect_change_at(1 + 50, false);
    expect_change_at(1 + 51, true);
    run_to_edge(1000);
    assert_int_equal(f.irq.rises, 1);
}

/* 1000 periods of 1193 edges end where 1193000 edges end: no drift. */
static void periods_do_not_drift(void **state)
{
    (void)state;
    program(0, 2, 1193);
    run_to_edge(1 + 1193 * 1000);
    assert_int_equal(f.irq.rises, 1000);
    assert_int_equal(f.irq.rise_ps, edge_ps(1 + 1193 * 1000));
}

static void count_zero_is_65536(void **state)
{
    (void)state;
    program(0, 2, 0);
    run_to_edge(1 + 65535);
    assert_int_equal(f.irq.rises, 0);
    run_to_edge(1 + 65536);
    assert_int_equal(f.irq.rises, 1);
}

static void new_count_in_mode_2_waits_for_the_end_of_the_period(void **state)
{
    (void)state;
    program(0, 2, 100);
    run_to_edge(1 + 30);
    out(0x40, 10);
    out(0x40, 0);
    run_to_edge(1 + 99);
    assert_int_equal(f.irq.rises, 0);
    run_to_edge(1 + 100 + 3 * 10);
    assert_int_equal(f.irq.rises, 1 + 3);
}

static void counts_read_back_as_they_run(void **state)
{
    (void)state;
    program(0, 2, 1000);
    run_to_edge(1);
    assert_int_equal(read_latched(0), 1000);
    run_to_edge(1 + 1);
    assert_int_equal(read_latched(0), 999);
    run_to_edge(1 + 999);
    assert_int_equal(read_latched(0), 1);
    run_to_edge(1 + 1000);
    assert_int_equal(read_latched(0), 1000);
}

static void mode_0_counts_on_through_zero(void **state)
{
    (void)state;
    program(0, 0, 5);
    run_to_edge(1 + 5);
    assert_int_equal(read_latched(0), 0);
    run_to_edge(1 + 7);
    assert_int_equal(read_latched(0), 0xfffe);
}

static void mode_3_counts_by_two(void **state)
{
    (void)state;
    program(0, 3, 100);
    run_to_edge(1 + 10);
    assert_int_equal(read_latched(0), 80);
    run_to_edge(1 + 50 + 10);
    assert_int_equal(read_latched(0), 80);
}

static void latched_count_stays_until_both_bytes_are_read(void **state)
{
    (void)state;
    program(0, 2, 0x1234);
    run_to_edge(1);
    out(0x43, 0x00);
    run_to_edge(1 + 0x100);
    out(0x43, 0x00); /* latching again changes nothing */
    assert_int_equal(in(0x40), 0x34);
    run_to_edge(1 + 0x200);
    assert_int_equal(in(0x40), 0x12);
    assert_int_equal(in(0x40), 0x34); /* live again: 0x1034 */
    assert_int_equal(in(0x40), 0x10);
}

static void access_modes_take_one_byte(void **state)
{
    (void)state;
    out(0x43, 0x14); /* counter 0, low byte only, mode 2 */
    out(0x40, 16);
    run_to_edge(1 + 16);
    assert_int_equal(f.irq.rises, 1);
    assert_int_equal(in(0x40), 16);
    assert_int_equal(in(0x40), 16);
    out(0x43, 0x24); /* high byte only */
    out(0x40, 1);
    run_to_edge(18 + 256); /* written behind edge 17, loaded at edge 18 */
    assert_int_equal(f.irq.rises, 2);
}

static void bcd_counts_in_decimal(void **state)
{
    (void)state;
    out(0x43, 0x35); /* counter 0, both bytes, mode 2, BCD */
    out(0x40, 0x00);
    out(0x40, 0x10);
    run_to_edge(1 + 1);
    assert_int_equal(read_latched(0), 0x0999);
    run_to_edge(1 + 1000);
    assert_int_equal(f.irq.rises, 1);
}

static void read_back_gives_status_then_count(void **state)
{
    (void)state;
    program(0, 2, 300);
    out(0x43, 0xc2); /* count and status of counter 0 */
    assert_int_equal(in(0x40), 0x80 | 0x40 | 0x34); /* not loaded yet: null count */
    in(0x40);
    in(0x40);
    run_to_edge(1 + 100);
    out(0x43, 0xc2);
    assert_int_equal(in(0x40), 0x80 | 0x34);
    assert_int_equal(in(0x40), 200);
    assert_int_equal(in(0x40), 0);
    out(0x43, 0xe2); /* status only */
    assert_int_equal(in(0x40), 0xb4);
}

static void gate_of_counter_2_holds_mode_0(void **state)
{
    (void)state;
    program(2, 0, 100);
    run_to_edge(50);
    assert_int_equal(read_latched(2), 100); /* gate is low */
    out(0x61, 0x01);
    run_to_edge(50 + 40);
    assert_int_equal(read_latched(2), 60);
    out(0x61, 0x00);
    run_to_edge(300);
    assert_int_equal(read_latched(2), 60);
    assert_false(out2());
    out(0x61, 0x01);
    run_to_edge(300 + 59);
    assert_false(out2());
    run_to_edge(300 + 60);
    assert_true(out2());
}

static void gate_restarts_mode_2_and_forces_it_high(void **state)
{
    (void)state;
    out(0x61, 0x01);
    program(2, 2, 10);
    run_to_edge(1 + 9);
    assert_false(out2());
    out(0x61, 0x00);
    assert_true(out2());
    run_to_edge(100);
    out(0x61, 0x01);
    run_to_edge(101 + 9);
    assert_false(out2());
}

static void trigger_starts_mode_1(void **state)
{
    (void)state;
    program(2, 1, 20);
    run_to_edge(50);
    assert_true(out2());
    out(0x61, 0x01);
    run_to_edge(51);
    assert_false(out2());
    run_to_edge(51 + 19);
    assert_false(out2());
    run_to_edge(51 + 20);
    assert_true(out2());
}

static void system_port_keeps_its_two_bits_and_shows_refresh(void **state)
{
    (void)state;
    out(0x61, 0xff);
    assert_int_equal(in(0x61) & 0x0f, 0x03);
    const u8 before = in(0x61) & 0x10;
    run_to_ps(15085000);
    assert_int_equal(in(0x61) & 0x10, before ^ 0x10);
}

static void control_word_is_write_only(void **state)
{
    (void)state;
    assert_int_equal(in(0x43), 0xff);
}

static void reprogramming_stops_the_old_events(void **state)
{
    (void)state;
    program(0, 2, 100);
    run_to_edge(1 + 100);
    out(0x43, 0x30); /* mode 0 without a count: low, and silent */
    run_to_edge(10000);
    assert_int_equal(f.irq.rises, 1);
    assert_false(f.irq.level);
}

static void new_count_in_mode_0_lowers_the_output_and_starts_anew(void **state)
{
    (void)state;
    program(0, 0, 10);
    run_to_edge(1 + 10);
    assert_true(f.irq.level);
    out(0x40, 20);
    assert_false(f.irq.level); /* the first byte stops the count */
    run_to_edge(500);
    assert_false(f.irq.level);
    out(0x40, 0);
    expect_change_at(501 + 20, true);
}

static void low_byte_count_in_mode_0_lowers_the_output_too(void **state)
{
    (void)state;
    out(0x43, 0x10);
    out(0x40, 10);
    run_to_edge(1 + 10);
    assert_true(f.irq.level);
    out(0x40, 10);
    assert_false(f.irq.level);
}

static void modes_6_and_7_are_2_and_3(void **state)
{
    (void)state;
    for (unsigned mode = 6; mode < 8; mode++) {
        program(0, mode, 100);
        out(0x43, 0xe2);
        assert_int_equal(in(0x40) >> 1 & 7, mode - 4);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mode_0_rises_n_edges_after_the_load_and_stays),
        TEST(mode_2_pulses_low_for_the_last_edge_of_each_period),
        TEST(mode_3_is_high_for_the_longer_half),
        TEST(mode_4_strobes_once),
        TEST(periods_do_not_drift),
        TEST(count_zero_is_65536),
        TEST(new_count_in_mode_2_waits_for_the_end_of_the_period),
        TEST(counts_read_back_as_they_run),
        TEST(mode_0_counts_on_through_zero),
        TEST(mode_3_counts_by_two),
        TEST(latched_count_stays_until_both_bytes_are_read),
        TEST(access_modes_take_one_byte),
        TEST(bcd_counts_in_decimal),
        TEST(read_back_gives_status_then_count),
        TEST(gate_of_counter_2_holds_mode_0),
        TEST(gate_restarts_mode_2_and_forces_it_high),
        TEST(trigger_starts_mode_1),
        TEST(system_port_keeps_its_two_bits_and_shows_refresh),
        TEST(control_word_is_write_only),
        TEST(reprogramming_stops_the_old_events),
        TEST(new_count_in_mode_0_lowers_the_output_and_starts_anew),
        TEST(low_byte_count_in_mode_0_lowers_the_output_too),
        TEST(modes_6_and_7_are_2_and_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
