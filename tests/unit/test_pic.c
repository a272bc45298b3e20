/* test_pic.c - the 8259A pair, programmed as a PC does: vectors 0x20.. and 0x28.., secondary on input 2. */
#include "tests/unit/device_bench.h"

#include "models/dev/pic.h"

#define EOI          0x20
#define SPECIFIC_EOI 0x60

static struct fixture {
    struct pic pic;
    struct probe intr;
    struct irq_line line[PIC_INPUTS];
} f;

static void out(u16 port, u8 value)
{
    pic_port_write(&f.pic, port, value, 1);
}

static u8 in(u16 port)
{
    return (u8)pic_port_read(&f.pic, port, 1);
}

static void set_line(unsigned n, bool level)
{
    irq_set(&f.line[n], level);
}

static void program(u16 port, u8 icw1, u8 base, u8 icw3, u8 icw4)
{
    out(port, icw1);
    out(port + 1, base);
    out(port + 1, icw3);
    if (icw1 & 1) out(port + 1, icw4);
    out(port + 1, 0x00);
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    pic_init(&f.pic, &(struct pic_desc){probe_line(&f.intr)});
    for (unsigned n = 0; n < PIC_INPUTS; n++)
        if (n != 2) f.line[n] = pic_input(&f.pic, n);
    program(0x20, 0x11, 0x20, 0x04, 0x01);
    program(0xa0, 0x11, 0x28, 0x02, 0x01);
    return 0;
}

static u8 irr(u16 port)
{
    out(port, 0x0a);
    return in(port);
}

static u8 isr(u16 port)
{
    out(port, 0x0b);
    return in(port);
}

static void nothing_passes_before_initialization(void **state)
{
    (void)state;
    pic_init(&f.pic, &(struct pic_desc){probe_line(&f.intr)});
    set_line(0, true);
    assert_false(f.intr.level);
    assert_int_equal(in(0x21), 0xff);
}

static void request_is_acknowledged_with_its_vector_and_ended_by_eoi(void **state)
{
    (void)state;
    set_line(4, true);
    assert_true(f.intr.level);
    assert_int_equal(irr(0x20), 0x10);
    assert_int_equal(pic_acknowledge(&f.pic), 0x24);
    assert_false(f.intr.level);
    assert_int_equal(irr(0x20), 0x00);
    assert_int_equal(isr(0x20), 0x10);
    out(0x20, EOI);
    assert_int_equal(isr(0x20), 0x00);
    assert_false(f.intr.level); /* still high, but it was an edge */
}

static void edge_needs_the_line_to_fall_first(void **state)
{
    (void)state;
    set_line(0, true);
    pic_acknowledge(&f.pic);
    out(0x20, EOI);
    set_line(0, false);
    assert_false(f.intr.level);
    set_line(0, true);
    assert_true(f.intr.level);
}

static void higher_priority_nests_and_lower_waits(void **state)
{
    (void)state;
    set_line(3, true);
    assert_int_equal(pic_acknowledge(&f.pic), 0x23);
    set_line(5, true);
    assert_false(f.intr.level);
    set_line(1, true);
    assert_true(f.intr.level);
    assert_int_equal(pic_acknowledge(&f.pic), 0x21);
    assert_int_equal(isr(0x20), 0x0a);
    out(0x20, EOI); /* ends 1, the highest */
    assert_int_equal(isr(0x20), 0x08);
    assert_false(f.intr.level);
    out(0x20, EOI);
    assert_int_equal(pic_acknowledge(&f.pic), 0x25);
}

static void mask_holds_a_request_back_without_losing_it(void **state)
{
    (void)state;
    out(0x21, 0x10);
    set_line(4, true);
    assert_false(f.intr.level);
    assert_int_equal(irr(0x20), 0x10);
    assert_int_equal(in(0x21), 0x10);
    out(0x21, 0x00);
    assert_true(f.intr.level);
}

static void request_that_goes_away_is_the_default_ir7(void **state)
{
    (void)state;
    set_line(4, true);
    set_line(4, false);
    assert_false(f.intr.level);
    assert_int_equal(pic_acknowledge(&f.pic), 0x27);
    assert_int_equal(isr(0x20), 0x00);
    assert_int_equal(f.pic.stats.spurious, 1);
}

static void secondary_comes_through_input_2(void **state)
{
    (void)state;
    set_line(12, true);
    assert_true(f.intr.level);
    assert_int_equal(irr(0x20), 0x04);
    assert_int_equal(pic_acknowledge(&f.pic), 0x2c);
    assert_int_equal(isr(0x20), 0x04);
    assert_int_equal(isr(0xa0), 0x10);
    out(0xa0, EOI);
    out(0x20, EOI);
    assert_int_equal(isr(0x20) | isr(0xa0), 0x00);
}

static void second_request_of_the_secondary_follows_the_first_eois(void **state)
{
    (void)state;
    set_line(12, true);
    set_line(14, true);
    assert_int_equal(pic_acknowledge(&f.pic), 0x2c);
    assert_false(f.intr.level);
    out(0xa0, EOI);
    out(0x20, EOI);
    assert_true(f.intr.level);
    assert_int_equal(pic_acknowledge(&f.pic), 0x2e);
}

static void secondary_request_that_is_masked_away_comes_back_unmasked(void **state)
{
    (void)state;
    out(0x21, 0xfb);
    set_line(9, true);
    out(0xa1, 0x02); /* masked between INTR and INTA */
    assert_int_equal(pic_acknowledge(&f.pic), 0x27); /* input 2 fell with it: the primary's default */
    out(0xa1, 0x00);
    assert_int_equal(pic_acknowledge(&f.pic), 0x29);
}

static void special_fully_nested_lets_a_higher_secondary_request_in(void **state)
{
    (void)state;
    set_line(12, true);
    pic_acknowledge(&f.pic);
    set_line(9, true);
    assert_false(f.intr.level); /* input 2 is in service */
    set_line(12, false);
    set_line(9, false);
    program(0x20, 0x11, 0x20, 0x04, 0x11);
    program(0xa0, 0x11, 0x28, 0x02, 0x01);
    set_line(12, true);
    pic_acknowledge(&f.pic);
    set_line(9, true);
    assert_true(f.intr.level);
    assert_int_equal(pic_acknowledge(&f.pic), 0x29);
}

static void specific_eoi_ends_the_one_it_names(void **state)
{
    (void)state;
    set_line(5, true);
    pic_acknowledge(&f.pic);
    set_line(1, true);
    pic_acknowledge(&f.pic);
    out(0x20, SPECIFIC_EOI | 5);
    assert_int_equal(isr(0x20), 0x02);
}

static void automatic_eoi_keeps_nothing_in_service(void **state)
{
    (void)state;
    program(0x20, 0x11, 0x20, 0x04, 0x03);
    set_line(1, true);
    set_line(3, true);
    assert_int_equal(pic_acknowledge(&f.pic), 0x21);
    assert_int_equal(isr(0x20), 0x00);
    assert_true(f.intr.level);
    assert_int_equal(pic_acknowledge(&f.pic), 0x23);
}

static void rotation_gives_the_served_input_lowest_priority(void **state)
{
    (void)state;
    set_line(1, true);
    pic_acknowledge(&f.pic);
    out(0x20, 0xa0); /* rotate on non-specific EOI */
    set_line(1, false);
    set_line(1, true);
    set_line(3, true);
    set_line(0, true);
    assert_int_equal(pic_acknowledge(&f.pic), 0x23); /* 2 is highest now, then 3 ... 0, 1 */
    out(0x20, EOI);
    assert_int_equal(pic_acknowledge(&f.pic), 0x20);
}

static void set_priority_names_the_lowest_input(void **state)
{
    (void)state;
    out(0x20, 0xc0 | 3); /* 3 lowest: 4 highest */
    set_line(0, true);
    set_line(4, true);
    assert_int_equal(pic_acknowledge(&f.pic), 0x24);
}

static void special_mask_mode_lets_lower_requests_in(void **state)
{
    (void)state;
    set_line(1, true);
    pic_acknowledge(&f.pic);
    set_line(6, true);
    assert_false(f.intr.level);
    out(0x21, 0x02);
    out(0x20, 0x68); /* set special mask mode */
    assert_true(f.intr.level);
    assert_int_equal(pic_acknowledge(&f.pic), 0x26);
    out(0x20, EOI); /* the masked input is out of reach */
    assert_int_equal(isr(0x20), 0x02);
}

static void level_triggered_line_asks_again_after_eoi(void **state)
{
    (void)state;
    program(0x20, 0x19, 0x20, 0x04, 0x01);
    set_line(5, true);
    assert_int_equal(pic_acknowledge(&f.pic), 0x25);
    assert_false(f.intr.level);
    out(0x20, EOI);
    assert_true(f.intr.level);
    set_line(5, false);
    assert_false(f.intr.level);
}

static void poll_acknowledges_without_the_processor(void **state)
{
    (void)state;
    set_line(6, true);
    out(0x20, 0x0c);
    assert_int_equal(in(0x20), 0x86);
    assert_int_equal(isr(0x20), 0x40);
    assert_false(f.intr.level);
    out(0x20, 0x0c);
    assert_int_equal(in(0x20), 0x00);
}

static void icw1_clears_mask_and_service_and_forgets_edges(void **state)
{
    (void)state;
    out(0x21, 0xf0);
    set_line(1, true);
    pic_acknowledge(&f.pic);
    set_line(3, true);
    program(0x20, 0x11, 0x40, 0x04, 0x01);
    assert_int_equal(isr(0x20), 0x00);
    assert_int_equal(in(0x21), 0x00);
    assert_false(f.intr.level);
    set_line(3, false);
    set_line(3, true);
    assert_int_equal(pic_acknowledge(&f.pic), 0x43);
}

static void secondary_in_automatic_eoi_gets_its_second_request_through(void **state)
{
    (void)state;
    program(0xa0, 0x11, 0x28, 0x02, 0x03);
    set_line(9, true);
    set_line(12, true);
    assert_int_equal(pic_acknowledge(&f.pic), 0x29);
    out(0x20, EOI);
    assert_true(f.intr.level);
    assert_int_equal(pic_acknowledge(&f.pic), 0x2c);
}

static void automatic_eoi_rotates_only_when_told(void **state)
{
    (void)state;
    program(0x20, 0x11, 0x20, 0x04, 0x03);
    set_line(1, true);
    pic_acknowledge(&f.pic);
    assert_int_equal(f.pic.chip[PIC_PRIMARY].lowest, 7);
    out(0x20, 0x80); /* set rotation in automatic EOI mode */
    set_line(3, true);
    pic_acknowledge(&f.pic);
    assert_int_equal(f.pic.chip[PIC_PRIMARY].lowest, 3);
    out(0x20, 0x00);
    set_line(5, true);
    pic_acknowledge(&f.pic);
    assert_int_equal(f.pic.chip[PIC_PRIMARY].lowest, 3);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_passes_before_initialization),
        TEST(request_is_acknowledged_with_its_vector_and_ended_by_eoi),
        TEST(edge_needs_the_line_to_fall_first),
        TEST(higher_priority_nests_and_lower_waits),
        TEST(mask_holds_a_request_back_without_losing_it),
        TEST(request_that_goes_away_is_the_default_ir7),
        TEST(secondary_comes_through_input_2),
        TEST(second_request_of_the_secondary_follows_the_first_eois),
        TEST(secondary_request_that_is_masked_away_comes_back_unmasked),
        TEST(special_fully_nested_lets_a_higher_secondary_request_in),
        TEST(specific_eoi_ends_the_one_it_names),
        TEST(automatic_eoi_keeps_nothing_in_service),
        TEST(rotation_gives_the_served_input_lowest_priority),
        TEST(set_priority_names_the_lowest_input),
        TEST(special_mask_mode_lets_lower_requests_in),
        TEST(level_triggered_line_asks_again_after_eoi),
        TEST(poll_acknowledges_without_the_processor),
        TEST(icw1_clears_mask_and_service_and_forgets_edges),
        TEST(secondary_in_automatic_eoi_gets_its_second_request_through),
        TEST(automatic_eoi_rotates_only_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
