/* test_vmx_timing.c - VMX and the time-stamp counter: the preemption timer, scaling and offset, PAUSE loops. */
#include "vmx_bench.h"

#define ANY_TSC  0x123456ull
#define TICK     (1ull << bench_vmx_cfg.preemption_timer_rate)
#define NO_ALARM (~0ull)

static u64 alarm; /* what the timer asked for */

static void set_alarm(void *self, u64 tsc)
{
    (void)self, alarm = tsc;
}
static void cancel_alarm(void *self)
{
    (void)self, alarm = NO_ALARM;
}

static bool look(struct vmx_bench *b)
{
    return b->h.attention && isa_take_attention(&b->h);
}

/* --- preemption timer --- */

static struct vmx_bench *guest_with_timer(u32 value, bool save, u64 tsc)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    alarm = NO_ALARM;
    b->x.alarm = (struct vmx_alarm){set_alarm, cancel_alarm, NULL};
    b->told.tsc = tsc;
    v->pin_controls |= 1u << PIN_preemption_timer;
    if (save) v->exit_controls |= 1u << ON_EXIT_save_preemption_timer;
    v->guest_preemption_timer = value;
    bench_enter(b);
    return b;
}

static void the_timer_counts_changes_of_its_tsc_bit(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_timer(5, false, 3 * TICK - 1); /* the bit changes one cycle later */
    assert_int_equal(alarm, 7 * TICK);
    vmx_bench_free(b);
    b = guest_with_timer(5, false, 3 * TICK);
    assert_int_equal(alarm, 8 * TICK);
    vmx_bench_free(b);
}

static void at_zero_it_exits_and_wakes_from_hlt_but_not_from_wait_for_sipi(void **state)
{
    (void)state;
    for (unsigned activity = 0; activity <= ACTIVITY_WAIT_SIPI; activity++) {
        struct vmx_bench *b = guest_with_timer(5, true, ANY_TSC);
        hart_set_activity(&b->h, (enum activity)activity);
        assert_false(look(b));
        b->told.tsc = alarm;
        vmx_timer_expired(&b->x);
        assert_true(isa_would_wake(&b->h));
        assert_int_equal(look(b), activity != ACTIVITY_WAIT_SIPI);
        if (activity != ACTIVITY_WAIT_SIPI) {
            assert_int_equal(bench_exit(b), EXIT_preemption_timer);
            assert_int_equal(bench_vmcs(b)->guest_preemption_timer, 0);
            assert_int_equal(bench_vmcs(b)->guest_activity, activity);
            assert_int_equal(alarm, NO_ALARM);
        }
        vmx_bench_free(b);
    }
}

static void a_value_of_zero_exits_before_the_first_instruction(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_timer(0, false, ANY_TSC);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_preemption_timer);
    assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST);
    vmx_bench_free(b);
}

static void other_exits_save_what_is_left_if_asked(void **state)
{
    (void)state;
    for (unsigned save = 0; save < 2; save++) {
        struct vmx_bench *b = guest_with_timer(100, save, 10 * TICK);
        b->told.tsc = 40 * TICK + 3;
        CPUID(b);
        assert_int_equal(bench_vmcs(b)->guest_preemption_timer, save ? 70 : 100);
        assert_int_equal(alarm, NO_ALARM);
        vmx_timer_expired(&b->x); /* too late: nobody listens */
        assert_false(b->h.attention & ATTENTION_WINDOW);
        vmx_bench_free(b);
    }
}

static void a_debug_trap_goes_before_the_timer(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_timer(5, false, ANY_TSC);
    b->h.pending_debug = BIT(14);
    vmx_timer_expired(&b->x);
    hart_update_attention(&b->h);
    assert_true(look(b));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_DB));
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_preemption_timer);
    assert_int_equal(bench_vmcs(b)->guest_rip, HANDLER(VEC_DB));
    vmx_bench_free(b);
}

static void the_timer_goes_before_an_interrupt(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_timer(5, false, ANY_TSC);
    bench_vmcs(b)->pin_controls |= 1u << PIN_external_interrupt_exiting;
    hart_set_intr(&b->h, true);
    vmx_timer_expired(&b->x);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_preemption_timer);
    vmx_bench_free(b);
}

static void a_processor_without_the_timer_has_neither_control_nor_field(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.preemption_timer = false;
    assert_false(vmx_allowed_settings(&cfg, VMX_PIN, false).may_be_1 >> PIN_preemption_timer & 1);
    assert_false(vmx_allowed_settings(&cfg, VMX_ON_EXIT, false).may_be_1 >> ON_EXIT_save_preemption_timer &
                 1);
    assert_int_equal(vmcs_find(&cfg, 0x482e), -1);
    assert_int_equal(vmcs_find(&bench_vmx_cfg, 0x482e), VMCS_guest_preemption_timer);
}

/* --- scaling and offset --- */

static u64 guest_tsc(struct vmx_bench *b)
{
    EXECUTE(b, 0x0f, 0x31);
    return b->h.reg[REG_RDX] << 32 | b->h.reg[REG_RAX];
}

static void a_guest_reads_the_counter_scaled_and_then_offset(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        bool offset = n & 1, scale = n & 2;
        struct vmx_bench *b = vmx_bench_ready(NULL);
        struct vmcs *v = bench_vmcs(b);
        if (offset) v->primary_controls |= 1u << PRIMARY_use_tsc_offsetting;
        if (scale) v->secondary_controls |= 1u << SECONDARY_use_tsc_scaling;
        v->tsc_offset = 1000;
        v->tsc_multiplier = BIT(48) + BIT(47); /* 1.5 */
        b->told.tsc = BIT(62) + 4;             /* the product needs more than 64 bits */
        bench_enter(b);
        u64 scaled = offset && scale ? BIT(62) + BIT(61) + 6 : b->told.tsc;
        assert_int_equal(guest_tsc(b), scaled + (offset ? 1000 : 0));
        CPUID(b);
        assert_int_equal(guest_tsc(b), b->told.tsc); /* the host */
        vmx_bench_free(b);
    }
}

/* --- PAUSE loops --- */

static struct vmx_bench *spinner(unsigned cpl)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->secondary_controls |= 1u << SECONDARY_pause_loop_exiting;
    v->ple_gap = 100;
    v->ple_window = 1000;
    bench_enter(b);
    b->h.cpl = (u8)cpl;
    return b;
}

static bool pause_at(struct vmx_bench *b, u64 tsc)
{
    b->told.tsc = tsc;
    return EXECUTE(b, 0xf3, 0x90) == OUT_EXIT;
}

static void a_loop_of_pauses_exits_once_it_is_longer_than_the_window(void **state)
{
    (void)state;
    struct vmx_bench *b = spinner(0);
    for (u64 t = 0; t <= 1000; t += 100) assert_false(pause_at(b, t));
    assert_true(pause_at(b, 1001));
    assert_int_equal(bench_exit(b), EXIT_pause);
    bench_enter(b); /* a new loop */
    assert_false(pause_at(b, 1050));
    vmx_bench_free(b);
}

static void a_gap_begins_a_new_loop(void **state)
{
    (void)state;
    struct vmx_bench *b = spinner(0);
    for (u64 t = 0; t <= 900; t += 100) assert_false(pause_at(b, t));
    for (u64 t = 1001; t <= 2001; t += 100) assert_false(pause_at(b, t));
    assert_true(pause_at(b, 2002));
    vmx_bench_free(b);
}

static void user_code_may_pause_as_long_as_it_likes(void **state)
{
    (void)state;
    struct vmx_bench *b = spinner(3);
    for (u64 t = 0; t <= 5000; t += 50) assert_false(pause_at(b, t));
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_timer_counts_changes_of_its_tsc_bit),
        cmocka_unit_test(at_zero_it_exits_and_wakes_from_hlt_but_not_from_wait_for_sipi),
        cmocka_unit_test(a_value_of_zero_exits_before_the_first_instruction),
        cmocka_unit_test(other_exits_save_what_is_left_if_asked),
        cmocka_unit_test(a_debug_trap_goes_before_the_timer),
        cmocka_unit_test(the_timer_goes_before_an_interrupt),
        cmocka_unit_test(a_processor_without_the_timer_has_neither_control_nor_field),
        cmocka_unit_test(a_guest_reads_the_counter_scaled_and_then_offset),
        cmocka_unit_test(a_loop_of_pauses_exits_once_it_is_longer_than_the_window),
        cmocka_unit_test(a_gap_begins_a_new_loop),
        cmocka_unit_test(user_code_may_pause_as_long_as_it_likes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
