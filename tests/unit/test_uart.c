/* test_uart.c - the 16550, and the two one-register devices beside it: exit port and POST port. */
#include "tests/unit/device_bench.h"

#include "models/dev/exitport.h"
#include "models/dev/post.h"
#include "models/dev/uart.h"

enum { THR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

#define OUT2 0x08
#define LOOP 0x10

static struct fixture {
    struct uart uart;
    struct probe irq;
    char sent[64];
    unsigned n_sent;
    u8 status;
    unsigned exits;
} f;

static void on_sent(void *self, u8 byte)
{
    struct fixture *x = self;

    x->sent[x->n_sent++] = (char)byte;
}

static void on_exit_status(void *self, u8 status)
{
    struct fixture *x = self;

    x->status = status;
    x->exits++;
}

static int setup(void **state)
{
    const struct uart_desc desc = {UART_COM1, on_sent, &f, probe_line(&f.irq)};

    (void)state;
    memset(&f, 0, sizeof f);
    device_bench_init();
    uart_init(&f.uart, &desc);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    device_bench_fini();
    return 0;
}

static void out(unsigned reg, u8 value)
{
    uart_port_write(&f.uart, (u16)(UART_COM1 + reg), value, 1);
}

static u8 in(unsigned reg)
{
    return (u8)uart_port_read(&f.uart, (u16)(UART_COM1 + reg), 1);
}

static void characters_leave_in_order_and_the_transmitter_is_always_empty(void **state)
{
    (void)state;
    for (const char *s = "hello"; *s; s++) {
        assert_int_equal(in(LSR), 0x60);
        out(THR, (u8)*s);
    }
    assert_string_equal(f.sent, "hello");
    assert_int_equal(f.uart.stats.bytes_out, 5);
}

static void divisor_hides_behind_dlab_and_sends_nothing(void **state)
{
    (void)state;
    out(LCR, 0x83);
    out(THR, 0x01);
    out(IER, 0x02);
    assert_int_equal(in(THR), 0x01);
    assert_int_equal(in(IER), 0x02);
    out(LCR, 0x03);
    assert_int_equal(f.n_sent, 0);
    assert_int_equal(in(IER), 0x00);
    assert_int_equal(f.uart.divisor, 0x0201);
}

static void scratch_and_line_control_read_back(void **state)
{
    (void)state;
    out(SCR, 0xa5);
    out(LCR, 0x1b);
    assert_int_equal(in(SCR), 0xa5);
    assert_int_equal(in(LCR), 0x1b);
}

static void received_character_raises_the_line_until_it_is_read(void **state)
{
    (void)state;
    out(MCR, OUT2);
    out(IER, 0x01);
    assert_true(uart_receive(&f.uart, 'x'));
    assert_true(f.irq.level);
    assert_int_equal(in(IIR), 0x04);
    assert_int_equal(in(LSR), 0x61);
    assert_int_equal(in(THR), 'x');
    assert_false(f.irq.level);
    assert_int_equal(in(IIR), 0x01);
    assert_int_equal(in(LSR), 0x60);
}

static void without_out2_the_line_stays_low(void **state)
{
    (void)state;
    out(IER, 0x01);
    uart_receive(&f.uart, 'x');
    assert_int_equal(in(IIR), 0x04);
    assert_false(f.irq.level);
    out(MCR, OUT2);
    assert_true(f.irq.level);
}

static void fifo_keeps_sixteen_and_reports_the_seventeenth_as_overrun(void **state)
{
    (void)state;
    out(FCR, 0x01);
    for (u8 i = 0; i < 16; i++) assert_true(uart_receive(&f.uart, i));
    assert_false(uart_receive(&f.uart, 99));
    assert_int_equal(in(LSR), 0x63);
    assert_int_equal(in(LSR), 0x61);
    for (u8 i = 0; i < 16; i++) assert_int_equal(in(THR), i);
    assert_int_equal(in(LSR), 0x60);
}

static void without_fifos_one_character_fits(void **state)
{
    (void)state;
    assert_true(uart_receive(&f.uart, 1));
    assert_false(uart_receive(&f.uart, 2));
    assert_int_equal(in(THR), 1);
    assert_int_equal(f.uart.stats.overruns, 1);
}

static void trigger_level_decides_between_data_and_timeout(void **state)
{
    (void)state;
    out(FCR, 0x41); /* FIFOs on, trigger at 4 */
    out(IER, 0x01);
    for (u8 i = 0; i < 3; i++) uart_receive(&f.uart, i);
    assert_int_equal(in(IIR), 0xcc);
    uart_receive(&f.uart, 3);
    assert_int_equal(in(IIR), 0xc4);
    out(FCR, 0x43); /* reset the receiver */
    assert_int_equal(in(IIR), 0xc1);
}

static void transmitter_interrupt_comes_at_enabling_and_behind_each_character(void **state)
{
    (void)state;
    out(MCR, OUT2);
    out(IER, 0x02);
    assert_true(f.irq.level);
    assert_int_equal(in(IIR), 0x02);
    assert_false(f.irq.level);
    assert_int_equal(in(IIR), 0x01);
    out(THR, 'a');
    assert_int_equal(in(IIR), 0x02);
}

static void causes_have_the_data_sheets_priorities(void **state)
{
    (void)state;
    out(IER, 0x0f);
    out(MCR, LOOP | 0x02);
    out(MCR, 0x00); /* modem lines changed */
    uart_receive(&f.uart, 1);
    uart_receive(&f.uart, 2); /* overrun */
    assert_int_equal(in(IIR), 0x06);
    in(LSR);
    assert_int_equal(in(IIR), 0x04);
    in(THR);
    assert_int_equal(in(IIR), 0x02);
    assert_int_equal(in(IIR), 0x00);
    in(MSR);
    assert_int_equal(in(IIR), 0x01);
}

static void loopback_returns_characters_and_modem_lines(void **state)
{
    (void)state;
    out(MCR, LOOP | 0x0f);
    out(THR, 'q');
    assert_int_equal(f.n_sent, 0);
    assert_int_equal(in(THR), 'q');
    assert_int_equal(in(MSR) & 0xf0, 0xf0);
    out(MCR, LOOP);
    assert_int_equal(in(MSR), 0x0f); /* all four lines fell */
    assert_false(uart_receive(&f.uart, 'z'));
}

static void modem_lines_show_a_ready_peer(void **state)
{
    (void)state;
    assert_int_equal(in(MSR), 0xb0);
}

static void wide_accesses_are_split_into_bytes(void **state)
{
    (void)state;
    uart_port_write(&f.uart, UART_COM1 + LCR, 0x0b1b, 2);
    assert_int_equal(in(LCR), 0x1b);
    assert_int_equal(in(MCR), 0x0b);
    assert_int_equal(uart_port_read(&f.uart, UART_COM1 + LCR, 2), 0x0b1b);
    assert_int_equal(uart_port_read(&f.uart, UART_COM1 + SCR, 2), 0xff00);
}

static void exit_port_reports_each_status(void **state)
{
    struct exitport e;
    const struct exitport_desc desc = {on_exit_status, &f};

    (void)state;
    exitport_init(&e, &desc);
    exitport_port_write(&e, EXITPORT, 0x12345607, 4);
    assert_int_equal(f.status, 7);
    assert_int_equal(f.exits, 1);
    assert_int_equal(exitport_port_read(&e, EXITPORT, 1), 0xff);
    assert_int_equal(exitport_port_read(&e, EXITPORT, 4), 0xffffffff);
}

static void post_port_keeps_its_code(void **state)
{
    struct post p;

    (void)state;
    post_init(&p);
    post_port_write(&p, POST_PORT, 0x55, 1);
    assert_int_equal(post_port_read(&p, POST_PORT, 1), 0x55);
    assert_int_equal(post_port_read(&p, POST_PORT, 2), 0xff55);
    assert_int_equal(p.writes, 1);
}

static void ring_tells_of_its_trailing_edge_only(void **state)
{
    (void)state;
    out(MCR, LOOP);
    in(MSR);
    out(MCR, LOOP | 0x04); /* OUT1 is ring */
    assert_int_equal(in(MSR), 0x40);
    out(MCR, LOOP);
    assert_int_equal(in(MSR), 0x04);
}

static void loopback_cuts_off_the_interrupt_line(void **state)
{
    (void)state;
    out(IER, 0x01);
    out(MCR, LOOP | OUT2);
    out(THR, 'q');
    assert_int_equal(in(IIR), 0x04);
    assert_false(f.irq.level);
}

static void switching_the_fifos_empties_them(void **state)
{
    (void)state;
    out(FCR, 0x01);
    uart_receive(&f.uart, 1);
    out(FCR, 0x00);
    assert_int_equal(in(LSR), 0x60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(characters_leave_in_order_and_the_transmitter_is_always_empty),
        TEST(divisor_hides_behind_dlab_and_sends_nothing),
        TEST(scratch_and_line_control_read_back),
        TEST(received_character_raises_the_line_until_it_is_read),
        TEST(without_out2_the_line_stays_low),
        TEST(fifo_keeps_sixteen_and_reports_the_seventeenth_as_overrun),
        TEST(without_fifos_one_character_fits),
        TEST(trigger_level_decides_between_data_and_timeout),
        TEST(transmitter_interrupt_comes_at_enabling_and_behind_each_character),
        TEST(causes_have_the_data_sheets_priorities),
        TEST(loopback_returns_characters_and_modem_lines),
        TEST(modem_lines_show_a_ready_peer),
        TEST(wide_accesses_are_split_into_bytes),
        TEST(exit_port_reports_each_status),
        TEST(post_port_keeps_its_code),
        TEST(ring_tells_of_its_trailing_edge_only),
        TEST(loopback_cuts_off_the_interrupt_line),
        TEST(switching_the_fifos_empties_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
