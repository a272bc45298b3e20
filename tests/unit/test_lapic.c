/* test_lapic.c - the local APIC: priorities, acceptance, ExtINT, timer. Timer input clock 100 MHz: a tick is
 * 10 ns. */
#include "tests/unit/device_bench.h"

#include "models/dev/lapic.h"
#include "models/dev/pic.h"

enum {
    ID = 0x20,     VERSION = 0x30,   TPR = 0x80,     PPR = 0xa0,    EOI = 0xb0,      LDR = 0xd0,
    DFR = 0xe0,    SVR = 0xf0,       ISR = 0x100,    TMR = 0x180,   IRR = 0x200,     ESR = 0x280,
    ICR = 0x300,   ICR_HIGH = 0x310, TIMER = 0x320,  THERMAL = 0x330, PERFORMANCE = 0x340, LINT0 = 0x350, LINT1 = 0x360,   LVT_ERR = 0x370,
    INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0
};

#define ENABLED      0x1ff
#define MASKED       0x10000u
#define LEVEL        0x8000u
#define PERIODIC     0x20000u
#define DEADLINE     0x40000u
#define EXTINT       0x700u
#define NMI          0x400u
#define SELF         0x40000u /* ICR shorthand */
#define BY_1         0x0b
#define TICK_PS      10000ull
#define APIC_BASE    0x1b
#define TSC_DEADLINE 0x6e0

static struct fixture {
    struct lapic lapic;
    struct probe intr;
    struct irq_line lint0, lint1;
    unsigned nmis, extints;
    u64 tsc_offset;
} f;

static void on_nmi(void *self)
{
    ((struct fixture *)self)->nmis++;
}

static u8 on_extint(void *self)
{
    ((struct fixture *)self)->extints++;
    return 0x20;
}

/* 2 GHz. */
static u64 read_tsc(void *self)
{
    return kernel_now_ps() / 500 + ((struct fixture *)self)->tsc_offset;
}

static u32 rd(u32 offset)
{
    return (u32)lapic_mmio_read(&f.lapic, HPA(LAPIC_DEFAULT_BASE + offset), 4);
}

static void wr(u32 offset, u32 value)
{
    lapic_mmio_write(&f.lapic, HPA(LAPIC_DEFAULT_BASE + offset), value, 4);
}

static int setup(void **state)
{
    const struct lapic_cfg cfg = {.timer_hz = 100 * MHz};
    const struct lapic_desc desc = {.id = 3, .bootstrap = true, .intr = probe_line(&f.intr),
                                    .nmi = on_nmi, .nmi_self = &f,
                                    .extint = on_extint, .extint_self = &f,
                                    .read_tsc = read_tsc, .tsc_self = &f, .tsc_hz = 2 * GHz};

    (void)state;
    memset(&f, 0, sizeof f);
    device_bench_init();
    lapic_init(&f.lapic, &cfg, &desc);
    f.lint0 = lapic_lint0(&f.lapic);
    f.lint1 = lapic_lint1(&f.lapic);
    wr(SVR, ENABLED);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    device_bench_fini();
    return 0;
}

static void send_to_self(u8 vector)
{
    wr(ICR, SELF | vector);
}

/* --- registers --- */

static void reset_state_is_the_manuals(void **state)
{
    (void)state;
    lapic_reset(&f.lapic);
    assert_int_equal(rd(ID), 3u << 24);
    assert_int_equal(rd(VERSION), 0x01050014);
    assert_int_equal(rd(SVR), 0xff);
    assert_int_equal(rd(DFR), 0xffffffff);
    for (u32 offset = TIMER; offset <= LVT_ERR; offset += 0x10) assert_int_equal(rd(offset), MASKED);
    assert_int_equal(rd(TPR) | rd(LDR) | rd(INITIAL) | rd(CURRENT), 0);
}

static void masks_stay_while_software_disabled(void **state)
{
    (void)state;
    wr(LINT0, EXTINT);
    wr(SVR, 0xff);
    assert_int_equal(rd(LINT0), MASKED | EXTINT);
    wr(TIMER, 0x40);
    assert_int_equal(rd(TIMER), MASKED | 0x40);
}

static void only_aligned_doublewords_reach_registers(void **state)
{
    (void)state;
    assert_int_equal(lapic_mmio_read(&f.lapic, HPA(LAPIC_DEFAULT_BASE + ID), 8), 0);
    assert_int_equal(lapic_mmio_read(&f.lapic, HPA(LAPIC_DEFAULT_BASE + ID + 4), 4), 0);
    lapic_mmio_write(&f.lapic, HPA(LAPIC_DEFAULT_BASE + TPR), 0x50, 1);
    assert_int_equal(rd(TPR), 0);
}

static void unknown_register_is_an_error(void **state)
{
    (void)state;
    rd(0x40);
    assert_int_equal(rd(ESR), 0);
    wr(ESR, 0);
    assert_int_equal(rd(ESR), 0x80);
    wr(ESR, 0);
    assert_int_equal(rd(ESR), 0);
}

/* --- acceptance and priorities --- */

static void accepted_vector_is_requested_serviced_and_ended(void **state)
{
    (void)state;
    send_to_self(0x41);
    assert_true(f.intr.level);
    assert_int_equal(rd(IRR + 0x20), 2);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x41);
    assert_false(f.intr.level);
    assert_int_equal(rd(IRR + 0x20), 0);
    assert_int_equal(rd(ISR + 0x20), 2);
    assert_int_equal(rd(PPR), 0x40);
    wr(EOI, 0);
    assert_int_equal(rd(ISR + 0x20), 0);
    assert_int_equal(rd(PPR), 0);
}

static void highest_vector_goes_first_and_only_higher_classes_nest(void **state)
{
    (void)state;
    send_to_self(0x51);
    send_to_self(0x63);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x63);
    send_to_self(0x6f); /* same class */
    assert_false(f.intr.level);
    send_to_self(0x70);
    assert_true(f.intr.level);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x70);
    wr(EOI, 0);
    assert_false(f.intr.level);
    wr(EOI, 0);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x6f);
    wr(EOI, 0);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x51);
}

static void task_priority_holds_its_class_and_below(void **state)
{
    (void)state;
    wr(TPR, 0x50);
    send_to_self(0x5f);
    assert_false(f.intr.level);
    send_to_self(0x60);
    assert_true(f.intr.level);
    wr(TPR, 0x60);
    assert_false(f.intr.level);
    assert_int_equal(lapic_acknowledge(&f.lapic), -1);
}

static void cr8_is_the_task_priority_class(void **state)
{
    (void)state;
    send_to_self(0x41);
    lapic_set_cr8(&f.lapic, 4);
    assert_false(f.intr.level);
    assert_int_equal(rd(TPR), 0x40);
    lapic_set_cr8(&f.lapic, 3);
    assert_true(f.intr.level);
    assert_int_equal(lapic_get_cr8(&f.lapic), 3);
}

static void illegal_vectors_are_errors_with_an_interrupt_of_their_own(void **state)
{
    (void)state;
    wr(LVT_ERR, 0xfe);
    send_to_self(0x0f);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0xfe);
    wr(ESR, 0);
    assert_int_equal(rd(ESR), 0x20);
}

static void destinations_reach_or_miss_the_sender(void **state)
{
    (void)state;
    wr(ICR_HIGH, 3u << 24);
    wr(ICR, 0x41); /* physical: its own ID */
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x41);
    wr(ICR_HIGH, 4u << 24);
    wr(ICR, 0x71);
    assert_false(f.intr.level);
    wr(LDR, 0x02u << 24);
    wr(ICR_HIGH, 0x06u << 24);
    wr(ICR, 0x800 | 0x72); /* logical, flat */
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x72);
    wr(ICR, 0xc0000 | 0x90); /* all but itself */
    assert_false(f.intr.level);
    assert_int_equal(f.lapic.stats.ipis, 4);
    assert_int_equal(f.lapic.stats.lost_ipis, 2);
    assert_int_equal(f.lapic.stats.self_ipis, 0);
}

static void nmi_goes_to_its_own_pin(void **state)
{
    (void)state;
    wr(ICR, SELF | NMI);
    assert_int_equal(f.nmis, 1);
    wr(LINT1, NMI);
    irq_set(&f.lint1, true);
    assert_int_equal(f.nmis, 2);
    irq_set(&f.lint1, false);
    assert_int_equal(f.nmis, 2);
    assert_false(f.intr.level);
}

/* --- LINT0 --- */

static void extint_passes_an_unmasked_lint0(void **state)
{
    (void)state;
    irq_set(&f.lint0, true);
    assert_false(f.intr.level);
    wr(LINT0, EXTINT);
    assert_true(f.intr.level);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x20);
    assert_int_equal(f.extints, 1);
    assert_int_equal(rd(ISR + 0x10), 0); /* the PIC keeps the books */
    irq_set(&f.lint0, false);
    assert_false(f.intr.level);
    assert_int_equal(lapic_acknowledge(&f.lapic), -1);
}

static void extint_is_not_held_by_the_task_priority(void **state)
{
    (void)state;
    wr(TPR, 0xff);
    wr(LINT0, EXTINT);
    irq_set(&f.lint0, true);
    assert_true(f.intr.level);
}

static void virtual_wire_mode_is_what_firmware_leaves(void **state)
{
    (void)state;
    lapic_reset(&f.lapic);
    irq_set(&f.lint0, true);
    assert_false(f.intr.level);
    lapic_set_virtual_wire(&f.lapic);
    assert_true(f.intr.level);
    assert_int_equal(rd(SVR), 0x1ff);
}

static void fixed_level_lint0_asks_again_after_eoi(void **state)
{
    (void)state;
    wr(LINT0, LEVEL | 0x45);
    irq_set(&f.lint0, true);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x45);
    assert_int_equal(rd(TMR + 0x20), 0x20);
    assert_false(f.intr.level);
    wr(EOI, 0);
    assert_true(f.intr.level);
}

static void globally_disabled_it_is_a_wire_from_the_pic(void **state)
{
    bool gp;

    (void)state;
    wr(TPR, 0x50);
    assert_true(lapic_wrmsr(&f.lapic, APIC_BASE, LAPIC_DEFAULT_BASE, &gp));
    assert_false(gp);
    assert_false(lapic_decodes(&f.lapic, HPA(LAPIC_DEFAULT_BASE)));
    irq_set(&f.lint0, true);
    assert_true(f.intr.level);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x20);
    lapic_wrmsr(&f.lapic, APIC_BASE, LAPIC_DEFAULT_BASE | 0x800, &gp);
    assert_int_equal(rd(TPR), 0); /* disabling was a reset */
}

static void base_register_moves_the_page(void **state)
{
    bool gp;
    u64 base;

    (void)state;
    assert_true(lapic_rdmsr(&f.lapic, APIC_BASE, &base, &gp));
    assert_int_equal(base, LAPIC_DEFAULT_BASE | 0x900);
    assert_true(lapic_wrmsr(&f.lapic, APIC_BASE, 0xd0000900, &gp));
    assert_false(gp);
    assert_true(lapic_decodes(&f.lapic, HPA(0xd0000fff)));
    assert_false(lapic_decodes(&f.lapic, HPA(LAPIC_DEFAULT_BASE)));
    assert_false(lapic_rdmsr(&f.lapic, 0x10, &base, &gp));
}

/* --- timer --- */

static void one_shot_fires_after_count_ticks_and_not_again(void **state)
{
    (void)state;
    wr(DIVIDE, BY_1);
    wr(TIMER, 0x50);
    wr(INITIAL, 1000);
    run_to_ps(1000 * TICK_PS - 1);
    assert_false(f.intr.level);
    assert_int_equal(rd(CURRENT), 1);
    run_to_ps(1000 * TICK_PS);
    assert_true(f.intr.level);
    assert_int_equal(rd(CURRENT), 0);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x50);
    wr(EOI, 0);
    run_to_ps(10000 * TICK_PS);
    assert_false(f.intr.level);
    assert_int_equal(f.lapic.stats.timer_expiries, 1);
}

static void periodic_timer_reloads_without_drift(void **state)
{
    (void)state;
    wr(DIVIDE, BY_1);
    wr(TIMER, PERIODIC | 0x50);
    wr(INITIAL, 7);
    run_to_ps(7 * TICK_PS * 1000);
    assert_int_equal(f.lapic.stats.timer_expiries, 1000);
    assert_int_equal(rd(CURRENT), 7);
    run_to_ps(7 * TICK_PS * 1000 + 3 * TICK_PS);
    assert_int_equal(rd(CURRENT), 4);
}

static void divider_slows_the_count(void **state)
{
    static const u32 code[] = {0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa};

    (void)state;
    wr(TIMER, 0x50);
    for (unsigned log2 = 0; log2 < 8; log2++) {
        const u64 start = kernel_now_ps(), length = 10 * TICK_PS << log2;
        wr(DIVIDE, code[log2]);
        wr(INITIAL, 10);
        run_to_ps(start + length - 1);
        assert_int_equal(f.lapic.stats.timer_expiries, log2);
        run_to_ps(start + length);
        assert_int_equal(f.lapic.stats.timer_expiries, log2 + 1);
    }
}

static void new_divider_goes_on_from_the_current_count(void **state)
{
    (void)state;
    wr(DIVIDE, BY_1);
    wr(TIMER, 0x50);
    wr(INITIAL, 100);
    run_to_ps(40 * TICK_PS);
    wr(DIVIDE, 0x0); /* by 2 */
    assert_int_equal(rd(CURRENT), 60);
    run_to_ps(40 * TICK_PS + 120 * TICK_PS - 1);
    assert_false(f.intr.level);
    run_to_ps(40 * TICK_PS + 120 * TICK_PS);
    assert_true(f.intr.level);
}

static void masked_timer_counts_in_silence(void **state)
{
    (void)state;
    wr(DIVIDE, BY_1);
    wr(TIMER, MASKED | 0x50);
    wr(INITIAL, 10);
    run_to_ps(20 * TICK_PS);
    assert_false(f.intr.level);
    assert_int_equal(f.lapic.stats.timer_expiries, 1);
}

static void initial_count_zero_stops_the_timer(void **state)
{
    (void)state;
    wr(TIMER, PERIODIC | 0x50);
    wr(INITIAL, 10);
    wr(INITIAL, 0);
    run_to_ps(1000 * TICK_PS);
    assert_int_equal(f.lapic.stats.timer_expiries, 0);
}

static void deadline_fires_when_the_tsc_reaches_it(void **state)
{
    bool gp;
    u64 value;

    (void)state;
    wr(TIMER, DEADLINE | 0x50);
    assert_true(lapic_wrmsr(&f.lapic, TSC_DEADLINE, 2001, &gp));
    lapic_rdmsr(&f.lapic, TSC_DEADLINE, &value, &gp);
    assert_int_equal(value, 2001);
    run_to_ps(2001 * 500 - 1);
    assert_false(f.intr.level);
    run_to_ps(2001 * 500);
    assert_true(f.intr.level);
    lapic_rdmsr(&f.lapic, TSC_DEADLINE, &value, &gp);
    assert_int_equal(value, 0);
}

static void deadline_in_the_past_fires_at_once_and_zero_disarms(void **state)
{
    bool gp;

    (void)state;
    run_to_ps(1000000);
    wr(TIMER, DEADLINE | 0x50);
    lapic_wrmsr(&f.lapic, TSC_DEADLINE, 100000, &gp);
    lapic_wrmsr(&f.lapic, TSC_DEADLINE, 0, &gp);
    lapic_wrmsr(&f.lapic, TSC_DEADLINE, UINT64_MAX, &gp);
    run_to_ps(100000000);
    assert_int_equal(f.lapic.stats.timer_expiries, 0);
    lapic_wrmsr(&f.lapic, TSC_DEADLINE, 1, &gp);
    run_to_ps(100000000);
    assert_int_equal(f.lapic.stats.timer_expiries, 1);
}

static void deadline_register_is_dead_in_other_modes(void **state)
{
    bool gp;
    u64 value;

    (void)state;
    wr(TIMER, 0x50);
    lapic_wrmsr(&f.lapic, TSC_DEADLINE, 100, &gp);
    lapic_rdmsr(&f.lapic, TSC_DEADLINE, &value, &gp);
    assert_int_equal(value, 0);
    run_to_ps(1000000);
    assert_false(f.intr.level);
}

/* The whole path: a device's line through PIC and LINT0 to INTR and back. */
static void pic_and_lapic_together_give_the_pics_vector(void **state)
{
    static const u8 words[] = {0x11, 0x20, 0x04, 0x01, 0x00}; /* ICW1-ICW4, OCW1 */
    struct pic pic;
    struct irq_line irq4;

    (void)state;
    pic_init(&pic, &(struct pic_desc){f.lint0});
    f.lapic.desc.extint = pic_acknowledge;
    f.lapic.desc.extint_self = &pic;
    lapic_set_virtual_wire(&f.lapic);
    for (unsigned i = 0; i < 5; i++) pic_port_write(&pic, i ? 0x21 : 0x20, words[i], 1);
    irq4 = pic_input(&pic, 4);
    irq_set(&irq4, true);
    assert_true(f.intr.level);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x24);
    assert_false(f.intr.level);
}

static void a_deadline_moves_with_the_counter(void **state)
{
    bool gp;

    (void)state;
    wr(TIMER, DEADLINE | 0x50);
    lapic_wrmsr(&f.lapic, TSC_DEADLINE, 5000, &gp);
    f.tsc_offset = 2000; /* as WRMSR IA32_TSC_ADJUST does */
    lapic_tsc_changed(&f.lapic);
    run_to_ps(3000 * 500 - 1);
    assert_false(f.intr.level);
    run_to_ps(3000 * 500);
    assert_true(f.intr.level);
    lapic_tsc_changed(&f.lapic); /* nothing is armed */
    run_to_ps(10000 * 500);
    assert_int_equal(f.lapic.stats.timer_expiries, 1);
}

static void the_performance_entry_masks_itself_and_the_thermal_one_does_not(void **state)
{
    (void)state;
    wr(PERFORMANCE, 0x61);
    wr(THERMAL, NMI);
    lapic_raise_local(&f.lapic, LVT_PERFORMANCE);
    assert_int_equal(rd(PERFORMANCE), MASKED | 0x61);
    assert_int_equal(lapic_acknowledge(&f.lapic), 0x61);
    lapic_raise_local(&f.lapic, LVT_PERFORMANCE);
    assert_int_equal(rd(IRR + 0x30), 0);
    lapic_raise_local(&f.lapic, LVT_THERMAL);
    assert_int_equal(rd(THERMAL), NMI);
    assert_int_equal(f.nmis, 1);
}

static void writes_to_read_only_registers_do_nothing(void **state)
{
    (void)state;
    wr(VERSION, 0);
    wr(IRR, 0xffffffff);
    wr(PPR, 0xf0);
    assert_int_equal(rd(VERSION), 0x01050014);
    assert_int_equal(rd(IRR), 0);
    assert_int_equal(rd(PPR), 0);
}

static void software_disabled_it_accepts_no_fixed_interrupt(void **state)
{
    (void)state;
    wr(SVR, 0xff);
    send_to_self(0x41);
    assert_false(f.intr.level);
    assert_int_equal(rd(IRR + 0x20), 0);
    wr(ICR, SELF | NMI);
    assert_int_equal(f.nmis, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reset_state_is_the_manuals),
        TEST(masks_stay_while_software_disabled),
        TEST(only_aligned_doublewords_reach_registers),
        TEST(unknown_register_is_an_error),
        TEST(accepted_vector_is_requested_serviced_and_ended),
        TEST(highest_vector_goes_first_and_only_higher_classes_nest),
        TEST(task_priority_holds_its_class_and_below),
        TEST(cr8_is_the_task_priority_class),
        TEST(illegal_vectors_are_errors_with_an_interrupt_of_their_own),
        TEST(destinations_reach_or_miss_the_sender),
        TEST(nmi_goes_to_its_own_pin),
        TEST(extint_passes_an_unmasked_lint0),
        TEST(extint_is_not_held_by_the_task_priority),
        TEST(virtual_wire_mode_is_what_firmware_leaves),
        TEST(fixed_level_lint0_asks_again_after_eoi),
        TEST(globally_disabled_it_is_a_wire_from_the_pic),
        TEST(base_register_moves_the_page),
        TEST(one_shot_fires_after_count_ticks_and_not_again),
        TEST(periodic_timer_reloads_without_drift),
        TEST(divider_slows_the_count),
        TEST(new_divider_goes_on_from_the_current_count),
        TEST(masked_timer_counts_in_silence),
        TEST(initial_count_zero_stops_the_timer),
        TEST(deadline_fires_when_the_tsc_reaches_it),
        TEST(deadline_in_the_past_fires_at_once_and_zero_disarms),
        TEST(deadline_register_is_dead_in_other_modes),
        TEST(pic_and_lapic_together_give_the_pics_vector),
        TEST(software_disabled_it_accepts_no_fixed_interrupt),
        TEST(a_deadline_moves_with_the_counter),
        TEST(the_performance_entry_masks_itself_and_the_thermal_one_does_not),
        TEST(writes_to_read_only_registers_do_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
