/* test_x2apic.c - the local APIC in x2APIC mode: changes of mode, registers as MSRs, reserved bits, self IPI.
 * Timer input clock 100 MHz: a tick is 10 ns. */
#include "tests/unit/device_bench.h"

#include "models/dev/lapic.h"

#define BASE      (LAPIC_DEFAULT_BASE | 0x900) /* bootstrap processor, enabled */
#define X2APIC    0x400u
#define APIC_BASE 0x1bu
#define ID        0x37u

enum {
    X_ID = 0x802,  X_VERSION = 0x803, X_TPR = 0x808, X_APR = 0x809, X_PPR = 0x80a, X_EOI = 0x80b,
    X_LDR = 0x80d, X_DFR = 0x80e,     X_SVR = 0x80f, X_ISR = 0x810, X_TMR = 0x818, X_IRR = 0x820,
    X_ESR = 0x828, X_ICR = 0x830,     X_ICR_HIGH = 0x831, X_TIMER = 0x832, X_LINT0 = 0x835, X_ERROR = 0x837,
    X_INITIAL = 0x838, X_CURRENT = 0x839, X_DIVIDE = 0x83e, X_SELF_IPI = 0x83f
};

static struct fixture {
    struct lapic lapic;
    struct probe intr;
} f;

static int setup_with(bool x2apic)
{
    const struct lapic_cfg cfg = {.timer_hz = 100 * MHz};
    memset(&f, 0, sizeof f);
    device_bench_init();
    lapic_init(&f.lapic, &cfg,
               &(struct lapic_desc){.id = ID, .bootstrap = true, .x2apic = x2apic, .intr = probe_line(&f.intr)});
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(true);
}

static int teardown(void **state)
{
    (void)state;
    device_bench_fini();
    return 0;
}

static bool write_faults(u32 msr, u64 value)
{
    bool gp;
    assert_true(lapic_wrmsr(&f.lapic, msr, value, &gp));
    return gp;
}

static bool read_faults(u32 msr)
{
    bool gp;
    u64 value;
    assert_true(lapic_rdmsr(&f.lapic, msr, &value, &gp));
    return gp;
}

static u64 rd(u32 msr)
{
    bool gp;
    u64 value = 0;
    assert_true(lapic_rdmsr(&f.lapic, msr, &value, &gp));
    assert_false(gp);
    return value;
}

static void wr(u32 msr, u64 value)
{
    assert_false(write_faults(msr, value));
}

static void enter_x2apic(void)
{
    wr(APIC_BASE, BASE | X2APIC);
}

/* --- modes --- */

static void only_the_manuals_changes_of_mode_are_legal(void **state)
{
    /* disabled, invalid, xAPIC, x2APIC; a row is where it comes from */
    static const bool legal[4][4] = {{true, false, true, false}, {0}, {true, false, true, true}, {true, false, false, true}};
    (void)state;
    for (unsigned from = 0; from < 4; from++) {
        for (unsigned to = 0; to < 4 && from != 1; to++) {
            lapic_reset(&f.lapic);
            if (from == 0) wr(APIC_BASE, LAPIC_DEFAULT_BASE);
            if (from == 3) enter_x2apic();
            u64 mode = to == 0 ? 0 : to == 1 ? 0x400 : to == 2 ? 0x800 : 0xc00;
            assert_int_equal(write_faults(APIC_BASE, LAPIC_DEFAULT_BASE | mode), !legal[from][to]);
        }
    }
}

static void a_processor_without_the_mode_refuses_it(void **state)
{
    (void)state;
    device_bench_fini();
    setup_with(false);
    assert_true(write_faults(APIC_BASE, BASE | X2APIC));
    assert_int_equal(rd(APIC_BASE), BASE);
}

static void reserved_bits_of_the_base_fault(void **state)
{
    (void)state;
    assert_true(write_faults(APIC_BASE, BASE | 1));
    assert_true(write_faults(APIC_BASE, BASE | 0x200));
    assert_true(write_faults(APIC_BASE, BASE | 1ull << 52));
}

static void in_xapic_mode_the_msrs_are_not_there(void **state)
{
    (void)state;
    for (u32 msr = 0x800; msr < 0x900; msr++) {
        assert_true(read_faults(msr));
        assert_true(write_faults(msr, 0));
    }
}

static void in_x2apic_mode_the_page_is_not_there(void **state)
{
    (void)state;
    assert_true(lapic_decodes(&f.lapic, HPA(LAPIC_DEFAULT_BASE)));
    enter_x2apic();
    assert_false(lapic_decodes(&f.lapic, HPA(LAPIC_DEFAULT_BASE)));
}

static void state_survives_the_change_to_x2apic_and_ends_with_disabling(void **state)
{
    (void)state;
    lapic_mmio_write(&f.lapic, HPA(LAPIC_DEFAULT_BASE + 0x80), 0x50, 4);
    lapic_mmio_write(&f.lapic, HPA(LAPIC_DEFAULT_BASE + 0x20), 0x01000000, 4); /* an ID of software's choice */
    enter_x2apic();
    assert_int_equal(rd(X_TPR), 0x50);
    assert_int_equal(rd(X_ID), ID);
    wr(APIC_BASE, LAPIC_DEFAULT_BASE);
    wr(APIC_BASE, BASE);
    assert_int_equal(lapic_mmio_read(&f.lapic, HPA(LAPIC_DEFAULT_BASE + 0x80), 4), 0);
}

static void init_keeps_the_mode_and_the_ids(void **state)
{
    (void)state;
    enter_x2apic();
    wr(X_SVR, 0x1ff);
    wr(X_TPR, 0x20);
    lapic_init_signal(&f.lapic);
    assert_int_equal(rd(APIC_BASE), BASE | X2APIC);
    assert_int_equal(rd(X_ID), ID);
    assert_int_equal(rd(X_LDR), 3u << 16 | 1u << 7);
    assert_int_equal(rd(X_TPR), 0);
    assert_int_equal(rd(X_SVR), 0xff);
}

/* --- registers --- */

static bool listed(u32 msr, const u32 (*ranges)[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (msr >= ranges[i][0] && msr <= ranges[i][1]) return true;
    return false;
}

/* SDM Vol. 3A, "Local APIC Register Address Map Supported by x2APIC" */
static void exactly_the_manuals_registers_can_be_read_and_written(void **state)
{
    static const u32 readable[][2] = {{0x802, 0x803}, {0x808, 0x808}, {0x80a, 0x80a}, {0x80d, 0x80d}, {0x80f, 0x828},
                                      {0x830, 0x830}, {0x832, 0x839}, {0x83e, 0x83e}};
    static const u32 writable[][2] = {{0x808, 0x808}, {0x80b, 0x80b}, {0x80f, 0x80f}, {0x828, 0x828}, {0x830, 0x830},
                                      {0x832, 0x838}, {0x83e, 0x83f}};
    (void)state;
    enter_x2apic();
    for (u32 msr = 0x800; msr < 0x900; msr++) {
        assert_int_equal(read_faults(msr), !listed(msr, readable, ARRAY_LEN(readable)));
        assert_int_equal(write_faults(msr, 0), !listed(msr, writable, ARRAY_LEN(writable)));
    }
}

static void reserved_bits_fault_and_change_nothing(void **state)
{
    static const struct {
        u32 msr;
        u64 reserved;
    } rows[] = {{X_TPR, 0x100},    {X_TPR, 1ull << 32}, {X_EOI, 1},      {X_SVR, 0x200},        {X_SVR, 0x2000},
                {X_ESR, 1},        {X_ICR, 0x1000},     {X_ICR, 0x2000}, {X_ICR, 0x10000},      {X_ICR, 0x100000},
                {X_TIMER, 0x700},  {X_LINT0, 0x20000},  {X_ERROR, 0x700}, {X_INITIAL, 1ull << 32}, {X_DIVIDE, 4},
                {X_DIVIDE, 0x10},  {X_SELF_IPI, 0x100}, {X_LINT0, 1ull << 32}};
    (void)state;
    enter_x2apic();
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) assert_true(write_faults(rows[n].msr, rows[n].reserved));
    assert_int_equal(rd(X_TPR), 0);
    assert_int_equal(rd(X_SVR), 0xff);
    assert_int_equal(rd(X_ICR), 0);
}

static void the_logical_id_follows_from_the_id(void **state)
{
    (void)state;
    enter_x2apic();
    assert_int_equal(rd(X_LDR), 3u << 16 | 1u << 7);
    assert_true(write_faults(X_LDR, 0));
}

static void self_ipis_are_requested_serviced_and_ended(void **state)
{
    (void)state;
    enter_x2apic();
    wr(X_SVR, 0x1ff);
    wr(X_SELF_IPI, 0x41);
    assert_true(f.intr.level);
    assert_int_equal(rd(X_IRR + 2), 2);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x41);
    assert_int_equal(rd(X_ISR + 2), 2);
    assert_int_equal(rd(X_PPR), 0x40);
    wr(X_EOI, 0);
    assert_int_equal(rd(X_ISR + 2), 0);
    assert_int_equal(f.lapic.stats.self_ipis, 1);
}

static void an_illegal_vector_to_itself_is_an_error(void **state)
{
    (void)state;
    enter_x2apic();
    wr(X_SVR, 0x1ff);
    wr(X_SELF_IPI, 0x0f);
    assert_false(f.intr.level);
    wr(X_ESR, 0);
    assert_int_equal(rd(X_ESR), 0x20);
}

static void the_command_register_has_64_bits_and_no_delivery_status(void **state)
{
    (void)state;
    enter_x2apic();
    wr(X_SVR, 0x1ff);
    wr(X_ICR, (u64)ID << 32 | 0x44);
    assert_int_equal(rd(X_ICR), (u64)ID << 32 | 0x44);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x44);
    wr(X_EOI, 0);
    wr(X_ICR, 0x00030080ull << 32 | 0x845); /* logical: cluster 3, member 7 */
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x45);
    wr(X_ICR, 0xffffffffull << 32 | 0x56); /* broadcast */
    assert_true(f.intr.level);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x56);
}

static void lowest_priority_cannot_be_sent(void **state)
{
    (void)state;
    enter_x2apic();
    wr(X_SVR, 0x1ff);
    wr(X_ICR, (u64)ID << 32 | 0x144);
    assert_false(f.intr.level);
    wr(X_ESR, 0);
    assert_int_equal(rd(X_ESR), 0x10);
}

static void the_timer_works_through_msrs(void **state)
{
    (void)state;
    enter_x2apic();
    wr(X_SVR, 0x1ff);
    wr(X_DIVIDE, 0xb);
    wr(X_TIMER, 0x50);
    wr(X_INITIAL, 100);
    run_to_ps(40 * 10000);
    assert_int_equal(rd(X_CURRENT), 60);
    run_to_ps(100 * 10000);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_manuals_changes_of_mode_are_legal),
        TEST(a_processor_without_the_mode_refuses_it),
        TEST(reserved_bits_of_the_base_fault),
        TEST(in_xapic_mode_the_msrs_are_not_there),
        TEST(in_x2apic_mode_the_page_is_not_there),
        TEST(state_survives_the_change_to_x2apic_and_ends_with_disabling),
        TEST(init_keeps_the_mode_and_the_ids),
        TEST(exactly_the_manuals_registers_can_be_read_and_written),
        TEST(reserved_bits_fault_and_change_nothing),
        TEST(the_logical_id_follows_from_the_id),
        TEST(self_ipis_are_requested_serviced_and_ended),
        TEST(an_illegal_vector_to_itself_is_an_error),
        TEST(the_command_register_has_64_bits_and_no_delivery_status),
        TEST(lowest_priority_cannot_be_sent),
        TEST(the_timer_works_through_msrs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
