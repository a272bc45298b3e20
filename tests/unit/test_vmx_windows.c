/* test_vmx_windows.c - what leaves a guest between two instructions: NMIs and their virtual blocking, the NMI
 * window, the monitor trap flag, and which of them in which activity state and in which order. */
#include "vmx_bench.h"

#define INFO(type, vector) (1u << 31 | (u32)(type) << 8 | (u32)(vector))
#define NMI_UNBLOCKED      (1u << 12)
#define BLOCKED_BY_MOV_SS  2u
#define BLOCKED_BY_NMI     8u
#define PIN_NMI            (1u << PIN_nmi_exiting)
#define PIN_VIRTUAL        (1u << PIN_nmi_exiting | 1u << PIN_virtual_nmis)

static struct vmx_bench *ready_with(u32 pin, u32 primary)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->pin_controls |= pin;
    bench_vmcs(b)->primary_controls |= primary;
    return b;
}

static struct vmx_bench *guest_with(u32 pin, u32 primary, u32 interruptibility)
{
    struct vmx_bench *b = ready_with(pin, primary);
    bench_vmcs(b)->guest_interruptibility = interruptibility;
    bench_enter(b);
    return b;
}

/* What the guest does at its next instruction boundary. */
static bool look(struct vmx_bench *b)
{
    return b->h.attention && isa_take_attention(&b->h);
}

#define NOP(b) EXECUTE(b, 0x90)

/* An IRETQ whose frame stands at AT_STACK - 40; `good`: it returns to AT_GUEST + 64, else #GP. */
static enum outcome iret(struct vmx_bench *b, bool good)
{
    u64 frame = AT_STACK - 40;
    const u64 words[5] = {AT_GUEST + 64, good ? 8 : 0x100, RFLAGS_ONE, AT_STACK, 16};
    for (unsigned n = 0; n < 5; n++) bench_write64(b, frame + 8 * n, words[n]);
    b->h.reg[REG_RSP] = frame;
    return EXECUTE(b, 0x48, 0xcf);
}

/* --- NMIs --- */

static void with_virtual_nmis_an_nmi_exits_although_virtual_nmis_are_blocked(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(PIN_VIRTUAL, 0, BLOCKED_BY_NMI);
    hart_raise_nmi(&b->h);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_exception_or_nmi);
    assert_int_equal(bench_vmcs(b)->exit_interruption_info, INFO(EVENT_NMI, VEC_NMI));
    assert_int_equal(bench_vmcs(b)->guest_interruptibility, BLOCKED_BY_NMI); /* the virtual one */
    assert_true(b->h.nmi_blocked); /* the host's, by the NMI that exited */
    vmx_bench_free(b);
}

static void without_virtual_nmis_blocking_holds_an_nmi_back(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(PIN_NMI, 0, BLOCKED_BY_NMI);
    hart_raise_nmi(&b->h);
    assert_false(look(b));
    assert_true(hart_in_guest(&b->h));
    vmx_bench_free(b);
}

static void other_exits_leave_the_host_unblocked_under_virtual_nmis(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(PIN_VIRTUAL, 0, BLOCKED_BY_NMI);
    CPUID(b);
    assert_int_equal(bench_exit(b), EXIT_cpuid);
    assert_false(b->h.nmi_blocked);
    assert_int_equal(bench_vmcs(b)->guest_interruptibility, BLOCKED_BY_NMI);
    vmx_bench_free(b);
}

/* --- IRET --- */

static void iret_unblocks_what_the_controls_say(void **state)
{
    (void)state;
    static const struct {
        u32 pin, left;
    } cases[] = {{0, 0}, {PIN_NMI, BLOCKED_BY_NMI}, {PIN_VIRTUAL, 0}};
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct vmx_bench *b = guest_with(cases[n].pin, 0, BLOCKED_BY_NMI);
        assert_int_equal(iret(b, true), OUT_FLUSH);
        CPUID(b);
        assert_int_equal(bench_vmcs(b)->guest_interruptibility, cases[n].left);
        vmx_bench_free(b);
    }
}

static void a_fault_of_iret_tells_that_it_had_unblocked_nmis(void **state)
{
    (void)state;
    static const struct {
        u32 pin, blocked;
        bool told;
    } cases[] = {{0, BLOCKED_BY_NMI, true},
                 {0, 0, false},
                 {PIN_NMI, BLOCKED_BY_NMI, false},
                 {PIN_VIRTUAL, BLOCKED_BY_NMI, true},
                 {PIN_VIRTUAL, 0, false}};
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct vmx_bench *b = ready_with(cases[n].pin, 0);
        bench_vmcs(b)->exception_bitmap = 1u << VEC_GP;
        bench_vmcs(b)->guest_interruptibility = cases[n].blocked;
        bench_enter(b);
        assert_int_equal(iret(b, false), OUT_FAULT);
        isa_raise(&b->h);
        assert_int_equal(bench_exit(b), EXIT_exception_or_nmi);
        assert_int_equal(bench_vmcs(b)->exit_interruption_info & NMI_UNBLOCKED,
                         cases[n].told ? NMI_UNBLOCKED : 0);
        vmx_bench_free(b);
    }
}

static void an_ept_violation_of_iret_tells_it_in_its_qualification(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(PIN_VIRTUAL, 0, 0);
    b->h.fault = (struct fault){.kind = FAULT_EPT_VIOLATION, .gpa = GPA(0x5000), .nmi_unblocked = true};
    isa_raise(&b->h);
    assert_int_equal(bench_exit(b), EXIT_ept_violation);
    assert_int_equal(bench_vmcs(b)->exit_qualification, NMI_UNBLOCKED);
    vmx_bench_free(b);
}

/* --- injection of an NMI --- */

static void an_injected_nmi_blocks_the_kind_of_nmis_that_the_controls_say(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct vmx_bench *b = ready_with(n ? PIN_VIRTUAL : 0, 0);
        bench_vmcs(b)->entry_interruption_info = INFO(EVENT_NMI, VEC_NMI);
        bench_enter(b);
        assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_NMI));
        assert_int_equal(b->h.nmi_blocked, !n);
        CPUID(b);
        assert_int_equal(bench_vmcs(b)->guest_interruptibility, BLOCKED_BY_NMI);
        vmx_bench_free(b);
    }
}

/* --- NMI window --- */

static void the_nmi_window_opens_when_nothing_blocks_virtual_nmis(void **state)
{
    (void)state;
    u32 window = 1u << PRIMARY_nmi_window_exiting;
    struct vmx_bench *b = guest_with(PIN_VIRTUAL, window, BLOCKED_BY_NMI);
    assert_false(look(b));
    iret(b, true);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_nmi_window);
    assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST + 64);
    vmx_bench_free(b);

    b = guest_with(PIN_VIRTUAL, window, BLOCKED_BY_MOV_SS);
    assert_false(look(b)); /* one instruction long */
    NOP(b);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_nmi_window);
    vmx_bench_free(b);
}

static void the_nmi_window_goes_before_the_nmi(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(PIN_VIRTUAL, 1u << PRIMARY_nmi_window_exiting, 0);
    hart_raise_nmi(&b->h);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_nmi_window);
    assert_true(b->h.nmi_pending);
    vmx_bench_free(b);
}

static void a_guests_own_nmi_goes_before_the_interrupt_window(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_with(0, 1u << PRIMARY_interrupt_window_exiting);
    bench_vmcs(b)->guest_rflags |= RFLAGS_IF;
    bench_enter(b);
    hart_raise_nmi(&b->h);
    assert_true(look(b));
    assert_true(hart_in_guest(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_NMI));
    vmx_bench_free(b);
}

/* --- monitor trap flag --- */

static void the_trap_flag_exits_behind_one_instruction(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(0, 1u << PRIMARY_monitor_trap_flag, 0);
    for (u64 n = 1; n < 4; n++) {
        assert_false(look(b));
        NOP(b);
        assert_true(look(b));
        assert_int_equal(bench_exit(b), EXIT_monitor_trap_flag);
        assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST + n);
        assert_int_equal(bench_vmcs(b)->exit_qualification, 0);
        assert_false(b->h.attention & ATTENTION_STEP);
        bench_enter(b);
    }
    vmx_bench_free(b);
}

static void behind_a_faulting_instruction_it_exits_in_front_of_the_handler(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(0, 1u << PRIMARY_monitor_trap_flag, 0);
    assert_false(look(b));
    assert_int_equal(EXECUTE(b, 0x0f, 0x0b), OUT_FAULT); /* UD2 */
    isa_raise(&b->h);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_monitor_trap_flag);
    assert_int_equal(bench_vmcs(b)->guest_rip, HANDLER(VEC_UD));
    vmx_bench_free(b);
}

static void behind_an_injected_event_it_exits_in_front_of_the_handler(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_with(0, 1u << PRIMARY_monitor_trap_flag);
    bench_vmcs(b)->entry_interruption_info = INFO(EVENT_HARDWARE, VEC_UD);
    bench_enter(b);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_monitor_trap_flag);
    assert_int_equal(bench_vmcs(b)->guest_rip, HANDLER(VEC_UD));
    vmx_bench_free(b);
}

static void an_interrupt_is_a_step_too(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_with(0, 1u << PRIMARY_monitor_trap_flag);
    bench_vmcs(b)->guest_rflags |= RFLAGS_IF;
    b->told.vector = 0x40;
    bench_enter(b);
    hart_set_intr(&b->h, true);
    assert_true(look(b));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x40));
    hart_set_intr(&b->h, false);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_monitor_trap_flag);
    vmx_bench_free(b);
}

static void it_goes_before_a_single_step_which_stays_pending(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_with(0, 1u << PRIMARY_monitor_trap_flag);
    bench_vmcs(b)->guest_rflags |= RFLAGS_TF;
    bench_enter(b);
    assert_false(look(b));
    NOP(b);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_monitor_trap_flag);
    assert_int_equal(bench_vmcs(b)->guest_pending_debug, BIT(14));
    vmx_bench_free(b);
}

static void a_pending_trap_flag_exit_is_injected_without_the_control(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_with(0, 0);
    bench_vmcs(b)->entry_interruption_info = INFO(EVENT_OTHER, 0);
    bench_enter(b);
    assert_int_equal(b->h.reg[REG_RIP], AT_GUEST);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_monitor_trap_flag);
    assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST);
    bench_enter(b); /* once: the exit has made the event invalid */
    assert_false(look(b));
    NOP(b);
    assert_false(look(b));
    vmx_bench_free(b);
}

/* --- activity states --- */

enum activity_state { HLT = 1, SHUTDOWN, WAIT_SIPI };

static struct vmx_bench *guest_in(enum activity_state activity, u32 pin, u32 primary)
{
    struct vmx_bench *b = ready_with(pin, primary);
    bench_vmcs(b)->guest_activity = activity;
    bench_vmcs(b)->guest_rflags |= RFLAGS_IF;
    bench_enter(b);
    return b;
}

static void each_activity_state_is_entered_saved_and_ended_as_the_manual_says(void **state)
{
    (void)state;
    u32 interrupts = 1u << PIN_external_interrupt_exiting, window = 1u << PRIMARY_interrupt_window_exiting;
    u32 nmi_window = 1u << PRIMARY_nmi_window_exiting;
    for (enum activity_state a = HLT; a <= WAIT_SIPI; a++) {
        struct vmx_bench *b = guest_in(a, interrupts, 0);
        assert_int_equal(b->h.activity, a);
        assert_false(isa_would_wake(&b->h));
        hart_set_intr(&b->h, true);
        assert_int_equal(look(b), a == HLT);
        vmx_bench_free(b);

        b = guest_in(a, PIN_NMI, 0);
        hart_raise_nmi(&b->h);
        assert_int_equal(look(b), a != WAIT_SIPI);
        if (a != WAIT_SIPI) assert_int_equal(bench_vmcs(b)->guest_activity, a);
        if (a != WAIT_SIPI) assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
        vmx_bench_free(b);

        b = guest_in(a, 0, window);
        assert_int_equal(look(b), a == HLT);
        vmx_bench_free(b);

        b = guest_in(a, PIN_VIRTUAL, nmi_window);
        assert_int_equal(look(b), a != WAIT_SIPI);
        vmx_bench_free(b);
    }
}

static void an_nmi_ends_a_guests_shutdown(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_in(SHUTDOWN, 0, 0);
    hart_raise_nmi(&b->h);
    assert_true(look(b));
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_NMI));
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_virtual_nmis_an_nmi_exits_although_virtual_nmis_are_blocked),
        cmocka_unit_test(without_virtual_nmis_blocking_holds_an_nmi_back),
        cmocka_unit_test(other_exits_leave_the_host_unblocked_under_virtual_nmis),
        cmocka_unit_test(iret_unblocks_what_the_controls_say),
        cmocka_unit_test(a_fault_of_iret_tells_that_it_had_unblocked_nmis),
        cmocka_unit_test(an_ept_violation_of_iret_tells_it_in_its_qualification),
        cmocka_unit_test(an_injected_nmi_blocks_the_kind_of_nmis_that_the_controls_say),
        cmocka_unit_test(the_nmi_window_opens_when_nothing_blocks_virtual_nmis),
        cmocka_unit_test(the_nmi_window_goes_before_the_nmi),
        cmocka_unit_test(a_guests_own_nmi_goes_before_the_interrupt_window),
        cmocka_unit_test(the_trap_flag_exits_behind_one_instruction),
        cmocka_unit_test(behind_a_faulting_instruction_it_exits_in_front_of_the_handler),
        cmocka_unit_test(behind_an_injected_event_it_exits_in_front_of_the_handler),
        cmocka_unit_test(an_interrupt_is_a_step_too),
        cmocka_unit_test(it_goes_before_a_single_step_which_stays_pending),
        cmocka_unit_test(a_pending_trap_flag_exit_is_injected_without_the_control),
        cmocka_unit_test(each_activity_state_is_entered_saved_and_ended_as_the_manual_says),
        cmocka_unit_test(an_nmi_ends_a_guests_shutdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
