/* test_vmx_events.c - virt-ext/intercept_event.c, inject.c: exceptions, EPT faults, interrupts, NMIs;
 * event injection and IDT vectoring. */
#include "vmx_bench.h"

#define INFO(type, vector) (1u << 31 | (u32)(type) << 8 | (u32)(vector))
#define HAS_ERROR          (1u << 11)

static struct vmx_bench *guest_with_bitmap(u32 exceptions)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->exception_bitmap = exceptions;
    bench_enter(b);
    return b;
}

static void raise_fault(struct vmx_bench *b, struct fault f)
{
    b->h.fault = f;
    isa_raise(&b->h);
}

static void raise_exception(struct vmx_bench *b, enum vector vector)
{
    raise_fault(b, (struct fault){.kind = FAULT_EXCEPTION, .vector = vector});
}

static void raise_page_fault(struct vmx_bench *b, u64 va, u32 error)
{
    raise_fault(
        b, (struct fault){
               .kind = FAULT_EXCEPTION, .vector = VEC_PF, .has_error = true, .error = error, .va = VA(va)});
}

/* --- exceptions --- */

static void an_exception_exits_if_its_bit_is_set_and_is_delivered_if_not(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(1u << VEC_UD);
    raise_exception(b, VEC_UD);
    const struct vmcs *v = bench_vmcs(b);
    assert_int_equal(bench_exit(b), EXIT_exception_or_nmi);
    assert_int_equal(v->exit_interruption_info, INFO(EVENT_HARDWARE, VEC_UD));
    assert_int_equal(v->guest_rip, AT_GUEST);
    assert_int_equal(v->idt_vectoring_info, 0);
    bench_enter(b);
    raise_exception(b, VEC_DE);
    assert_true(hart_in_guest(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_DE));
    vmx_bench_free(b);
}

static void a_fault_that_exits_saves_rflags_with_rf(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(1u << VEC_UD | 1u << VEC_DB);
    raise_exception(b, VEC_UD);
    assert_true(bench_vmcs(b)->guest_rflags & RFLAGS_RF);
    bench_enter(b);
    assert_true(b->h.rflags & RFLAGS_RF); /* back in the guest it covers the instruction that faulted */
    b->h.rflags &= ~(u64)RFLAGS_RF;
    raise_fault(b, (struct fault){.kind = FAULT_EXCEPTION, .vector = VEC_DB, .qualification = BIT(14)});
    assert_false(bench_vmcs(b)->guest_rflags & RFLAGS_RF);
    assert_int_equal(bench_vmcs(b)->exit_qualification, BIT(14));
    assert_int_equal(b->h.dr[6], 0xffff0ff0); /* the exit leaves DR6 to the host */
    vmx_bench_free(b);
}

static void a_page_fault_exit_tells_address_and_error_and_leaves_cr2(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(1u << VEC_PF);
    b->h.cr2 = 0x1234;
    raise_page_fault(b, 0x7fff0008, PF_P | PF_W);
    const struct vmcs *v = bench_vmcs(b);
    assert_int_equal(v->exit_interruption_info, INFO(EVENT_HARDWARE, VEC_PF) | HAS_ERROR);
    assert_int_equal(v->exit_error_code, PF_P | PF_W);
    assert_int_equal(v->exit_qualification, 0x7fff0008);
    assert_int_equal(b->h.cr2, 0x1234);
    vmx_bench_free(b);
}

static void page_faults_are_chosen_by_mask_and_match(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * 4 * 4 * 4; n++) {
        bool bit = n & 1;
        u32 mask = n >> 1 & 3, match = n >> 3 & 3, error = n >> 5 & 3;
        struct vmx_bench *b = vmx_bench_ready(NULL);
        bench_vmcs(b)->exception_bitmap = bit ? 1u << VEC_PF : 0;
        bench_vmcs(b)->page_fault_mask = mask;
        bench_vmcs(b)->page_fault_match = match;
        bench_enter(b);
        raise_page_fault(b, 0x5000, error);
        bool equal = (error & mask) == match;
        assert_int_equal(!hart_in_guest(&b->h), equal == bit);
        vmx_bench_free(b);
    }
}

static void int3_exits_as_a_software_exception_with_its_length(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(1u << VEC_BP);
    assert_int_equal(EXECUTE(b, 0xcc), OUT_EXIT);
    assert_int_equal(bench_vmcs(b)->exit_interruption_info, INFO(EVENT_SOFT_EXCEPTION, VEC_BP));
    assert_int_equal(bench_vmcs(b)->exit_instruction_length, 1);
    assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST);
    assert_false(bench_vmcs(b)->guest_rflags & RFLAGS_RF);
    vmx_bench_free(b);
}

static void int_n_never_exits_by_the_bitmap(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(~0u);
    assert_int_equal(EXECUTE(b, 0xcd, VEC_BP), OUT_FLUSH);
    assert_true(hart_in_guest(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_BP));
    vmx_bench_free(b);
}

static void a_double_fault_exits_without_idt_vectoring(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(1u << VEC_DF);
    b->h.idtr.limit = 0x8f; /* vectors 0..8 */
    raise_exception(b, VEC_GP);
    const struct vmcs *v = bench_vmcs(b);
    assert_int_equal(v->exit_interruption_info, INFO(EVENT_HARDWARE, VEC_DF) | HAS_ERROR);
    assert_int_equal(v->exit_error_code, 0);
    assert_int_equal(v->idt_vectoring_info, 0);
    vmx_bench_free(b);
}

static void a_triple_fault_exits_without_idt_vectoring(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(0);
    b->h.idtr.limit = 0;
    raise_exception(b, VEC_GP);
    assert_int_equal(bench_exit(b), EXIT_triple_fault);
    assert_int_equal(bench_vmcs(b)->idt_vectoring_info, 0);
    assert_int_equal(bench_vmcs(b)->exit_interruption_info, 0);
    vmx_bench_free(b);
}

/* --- EPT --- */

static void an_ept_violation_tells_both_addresses_and_qualification(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(0);
    raise_fault(
        b, (struct fault){
               .kind = FAULT_EPT_VIOLATION, .va = VA(0x7000), .gpa = GPA(0x1230008), .qualification = 0x182});
    const struct vmcs *v = bench_vmcs(b);
    assert_int_equal(bench_exit(b), EXIT_ept_violation);
    assert_int_equal(v->exit_qualification, 0x182);
    assert_int_equal(v->guest_linear_address, 0x7000);
    assert_int_equal(v->guest_physical_address, 0x1230008);
    assert_true(v->guest_rflags & RFLAGS_RF);
    assert_int_equal(b->event.guest_physical, 0x1230008);
    vmx_bench_free(b);
}

static void an_ept_misconfiguration_tells_the_guest_physical_address_only(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(0);
    raise_fault(b, (struct fault){.kind = FAULT_EPT_MISCONFIG, .va = VA(0x7000), .gpa = GPA(0x1230008)});
    assert_int_equal(bench_exit(b), EXIT_ept_misconfiguration);
    assert_int_equal(bench_vmcs(b)->guest_physical_address, 0x1230008);
    assert_int_equal(bench_vmcs(b)->exit_qualification, 0);
    vmx_bench_free(b);
}

/* --- exits during event delivery --- */

static void a_fault_in_a_delivery_exits_with_the_event_as_idt_vectoring(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(1u << VEC_GP);
    b->h.idtr.limit = 16 * VEC_PF - 1; /* #GP has a gate, #PF has none */
    raise_page_fault(b, 0x5000, PF_W);
    const struct vmcs *v = bench_vmcs(b);
    assert_int_equal(v->exit_interruption_info, INFO(EVENT_HARDWARE, VEC_GP) | HAS_ERROR);
    assert_int_equal(v->idt_vectoring_info, INFO(EVENT_HARDWARE, VEC_PF) | HAS_ERROR);
    assert_int_equal(v->idt_vectoring_error_code, PF_W);
    assert_false(b->h.vectoring.valid);
    vmx_bench_free(b);
}

static void idt_vectoring_of_a_software_interrupt_has_its_length(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_bitmap(1u << VEC_GP);
    b->h.idtr.limit = 16 * 0x20 - 1;
    assert_int_equal(EXECUTE(b, 0xcd, 0x80), OUT_FAULT);
    isa_raise(&b->h);
    const struct vmcs *v = bench_vmcs(b);
    assert_int_equal(v->exit_interruption_info, INFO(EVENT_HARDWARE, VEC_GP) | HAS_ERROR);
    assert_int_equal(v->idt_vectoring_info, INFO(EVENT_SOFT_INT, 0x80));
    assert_int_equal(v->exit_instruction_length, 2);
    assert_int_equal(v->guest_rip, AT_GUEST);
    vmx_bench_free(b);
}

/* --- external interrupts, NMIs, windows --- */

static struct vmx_bench *guest_with_pins(u32 pins, u32 primary, u32 exit, u64 rflags)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->pin_controls |= pins;
    v->primary_controls |= primary;
    v->exit_controls |= exit;
    v->guest_rflags |= rflags;
    bench_enter(b);
    return b;
}

static void an_external_interrupt_exits_whatever_rflags_if(void **state)
{
    (void)state;
    for (unsigned open = 0; open < 2; open++) {
        struct vmx_bench *b =
            guest_with_pins(1u << PIN_external_interrupt_exiting, 0, 0, open ? RFLAGS_IF : 0);
        hart_set_intr(&b->h, true);
        assert_true(isa_take_attention(&b->h));
        assert_int_equal(bench_exit(b), EXIT_external_interrupt);
        assert_int_equal(bench_vmcs(b)->exit_interruption_info, 0);
        assert_int_equal(b->told.acknowledges, 0);
        assert_true(b->h.intr_line); /* still pending for the host */
        vmx_bench_free(b);
    }
}

static void acknowledge_on_exit_takes_the_vector(void **state)
{
    (void)state;
    struct vmx_bench *b =
        guest_with_pins(1u << PIN_external_interrupt_exiting, 0, 1u << ON_EXIT_acknowledge_interrupt, 0);
    b->told.vector = 0x31;
    hart_set_intr(&b->h, true);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(bench_vmcs(b)->exit_interruption_info, INFO(EVENT_EXTERNAL, 0x31));
    assert_int_equal(b->told.acknowledges, 1);
    vmx_bench_free(b);
}

static void an_interrupt_that_goes_away_does_not_exit(void **state)
{
    (void)state;
    struct vmx_bench *b =
        guest_with_pins(1u << PIN_external_interrupt_exiting, 0, 1u << ON_EXIT_acknowledge_interrupt, 0);
    hart_set_intr(&b->h, true);
    assert_false(isa_take_attention(&b->h));
    assert_true(hart_in_guest(&b->h));
    vmx_bench_free(b);
}

static void without_the_control_an_interrupt_goes_to_the_guests_idt(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_pins(0, 0, 0, RFLAGS_IF);
    b->told.vector = 0x31;
    hart_set_intr(&b->h, true);
    assert_true(isa_take_attention(&b->h));
    assert_true(hart_in_guest(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x31));
    vmx_bench_free(b);
}

static void an_interrupt_waits_for_the_shadow_of_sti(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_pins(1u << PIN_external_interrupt_exiting, 0, 0, RFLAGS_IF);
    hart_start_shadow(&b->h, false);
    hart_set_intr(&b->h, true);
    assert_false(isa_take_attention(&b->h));
    assert_true(isa_take_attention(&b->h)); /* the instruction in the shadow is done */
    assert_int_equal(bench_exit(b), EXIT_external_interrupt);
    assert_int_equal(bench_vmcs(b)->guest_interruptibility, 0);
    vmx_bench_free(b);
}

static void an_interrupt_ends_the_guests_hlt_and_the_activity_is_saved(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_pins(1u << PIN_external_interrupt_exiting, 0, 0, 0);
    hart_set_activity(&b->h, ACTIVITY_HLT);
    hart_set_intr(&b->h, true);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(bench_vmcs(b)->guest_activity, 1);
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
    vmx_bench_free(b);
}

static void the_interrupt_window_exits_as_soon_as_it_opens(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_pins(0, 1u << PRIMARY_interrupt_window_exiting, 0, 0);
    assert_true(b->h.attention & ATTENTION_WINDOW);
    assert_false(isa_take_attention(&b->h));
    hart_set_rflags(&b->h, RFLAGS_IF);
    hart_start_shadow(&b->h, false);
    assert_false(isa_take_attention(&b->h));
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(bench_exit(b), EXIT_interrupt_window);
    assert_false(b->h.attention & ATTENTION_WINDOW);
    vmx_bench_free(b);
}

static void the_window_comes_before_a_pending_interrupt(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_pins(1u << PIN_external_interrupt_exiting,
                                          1u << PRIMARY_interrupt_window_exiting, 0, RFLAGS_IF);
    hart_set_intr(&b->h, true);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(bench_exit(b), EXIT_interrupt_window);
    vmx_bench_free(b);
}

static void an_nmi_exits_and_blocks_nmis_in_the_host(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_pins(1u << PIN_nmi_exiting, 0, 0, 0);
    hart_raise_nmi(&b->h);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(bench_exit(b), EXIT_exception_or_nmi);
    assert_int_equal(bench_vmcs(b)->exit_interruption_info, INFO(EVENT_NMI, 2));
    assert_int_equal(bench_vmcs(b)->guest_interruptibility, 0);
    assert_true(b->h.nmi_blocked);
    assert_false(b->h.nmi_pending);
    vmx_bench_free(b);
}

static void without_the_control_an_nmi_is_the_guests(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_pins(0, 0, 0, 0);
    hart_raise_nmi(&b->h);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_NMI));
    assert_true(b->h.nmi_blocked);
    assert_true(hart_in_guest(&b->h));
    vmx_bench_free(b);
}

/* --- event injection --- */

static struct vmx_bench *inject(u32 info, u32 error, u32 length, u64 rflags)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->entry_interruption_info = info;
    v->entry_error_code = error;
    v->entry_instruction_length = length;
    v->guest_rflags |= rflags;
    b->h.record = &b->record;
    record_reset(&b->record);
    assert_int_equal(VMLAUNCH(b), OUT_EXIT);
    return b;
}

/* The frame: SS, RSP, RFLAGS, CS, RIP, and perhaps an error code below. */
static u64 pushed_rip(const struct vmx_bench *b, bool has_error)
{
    return bench_read64(b, b->h.reg[REG_RSP] + (has_error ? 8 : 0));
}

static const struct injection {
    const char *name;
    enum event_type type;
    u8 vector;
    bool has_error;
    u64 rflags;
    u64 return_offset; /* pushed RIP - guest RIP */
} injections[] = {
    {"external interrupt", EVENT_EXTERNAL, 0x30, false, RFLAGS_IF, 0},
    {"NMI", EVENT_NMI, VEC_NMI, false, 0, 0},
    {"#UD", EVENT_HARDWARE, VEC_UD, false, 0, 0},
    {"#PF", EVENT_HARDWARE, VEC_PF, true, 0, 0},
    {"INT n", EVENT_SOFT_INT, 0x80, false, 0, 2},
    {"INT1", EVENT_PRIV_SOFT, VEC_DB, false, 0, 2},
    {"INT3", EVENT_SOFT_EXCEPTION, VEC_BP, false, 0, 2},
};

static void an_injected_event_goes_through_the_guests_idt(void **state)
{
    for (unsigned n = 0; n < ARRAY_LEN(injections); n++) {
        const struct injection *i = &injections[n];
        (void)state;
        struct vmx_bench *b =
            inject(INFO(i->type, i->vector) | (i->has_error ? HAS_ERROR : 0), 0x4, 2, i->rflags);
        assert_true(hart_in_guest(&b->h));
        assert_int_equal(b->h.reg[REG_RIP], HANDLER(i->vector));
        assert_int_equal(pushed_rip(b, i->has_error), AT_GUEST + i->return_offset);
        if (i->has_error) assert_int_equal(bench_read64(b, b->h.reg[REG_RSP]), 0x4);
        assert_int_equal(b->h.nmi_blocked, i->type == EVENT_NMI);
        assert_int_equal(b->h.cr2, 0);
        assert_int_equal(b->record.transition.kind, TRANSITION_ENTRY);
        assert_true(b->record.transition.injects);
        assert_int_equal(b->x.stats.injections, 1);
        vmx_bench_free(b);
    }
}

static void an_exit_makes_the_injected_event_invalid(void **state)
{
    (void)state;
    struct vmx_bench *b = inject(INFO(EVENT_HARDWARE, VEC_UD), 0, 0, 0);
    assert_int_equal(bench_vmcs(b)->entry_interruption_info,
                     INFO(EVENT_HARDWARE, VEC_UD)); /* the entry itself leaves it */
    CPUID(b);
    assert_int_equal(bench_vmcs(b)->entry_interruption_info, INFO(EVENT_HARDWARE, VEC_UD) & ~(1u << 31));
    vmx_bench_free(b);
}

static void an_injected_exception_does_not_consult_the_bitmap(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->exception_bitmap = ~0u;
    bench_vmcs(b)->entry_interruption_info = INFO(EVENT_HARDWARE, VEC_UD);
    bench_enter(b);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_UD));
    vmx_bench_free(b);
}

static void an_injection_wakes_a_halted_guest(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->guest_activity = 1;
    bench_vmcs(b)->guest_rflags |= RFLAGS_IF;
    bench_vmcs(b)->entry_interruption_info = INFO(EVENT_EXTERNAL, 0x30);
    bench_enter(b);
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x30));
    vmx_bench_free(b);
}

static void an_injection_that_faults_exits_with_the_injected_event_as_vectoring(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->exception_bitmap = 1u << VEC_GP;
    v->guest_idtr_limit = 16 * 0x20 - 1;
    v->guest_rflags |= RFLAGS_IF;
    v->entry_interruption_info = INFO(EVENT_EXTERNAL, 0x30);
    b->h.record = &b->record;
    record_reset(&b->record);
    assert_int_equal(VMLAUNCH(b), OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_exception_or_nmi);
    assert_int_equal(v->exit_interruption_info, INFO(EVENT_HARDWARE, VEC_GP) | HAS_ERROR);
    assert_int_equal(v->exit_error_code, 0x30 * 8 | 3); /* IDT, EXT */
    assert_int_equal(v->idt_vectoring_info, INFO(EVENT_EXTERNAL, 0x30));
    assert_int_equal(v->entry_interruption_info & 1u << 31, 0);
    assert_int_equal(b->h.reg[REG_RIP], AT_HOST);
    assert_int_equal(v->launch_state, VMCS_LAUNCH_LAUNCHED);
    /* one record for both: the entry's lines and the exit's */
    assert_int_equal(b->record.transition.kind, TRANSITION_EXIT);
    assert_true(b->record.transition.injects);
    assert_int_equal(b->record.transition.reason, EXIT_exception_or_nmi);
    vmx_check_identities(&b->x);
    vmx_bench_free(b);
}

static void an_injection_whose_fault_nobody_intercepts_is_the_guests(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->guest_idtr_limit = 16 * 0x20 - 1;
    v->guest_rflags |= RFLAGS_IF;
    v->entry_interruption_info = INFO(EVENT_EXTERNAL, 0x30);
    bench_enter(b);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_GP));
    assert_int_equal(bench_read64(b, b->h.reg[REG_RSP]), 0x30 * 8 | 3);
    vmx_bench_free(b);
}

static void an_injected_contributory_exception_that_faults_is_a_double_fault(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->guest_idtr_limit = 16 * (VEC_DF + 1) - 1;
    v->entry_interruption_info = INFO(EVENT_HARDWARE, VEC_GP) | HAS_ERROR;
    bench_enter(b);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_DF));
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exception_exits_if_its_bit_is_set_and_is_delivered_if_not),
        cmocka_unit_test(a_fault_that_exits_saves_rflags_with_rf),
        cmocka_unit_test(a_page_fault_exit_tells_address_and_error_and_leaves_cr2),
        cmocka_unit_test(page_faults_are_chosen_by_mask_and_match),
        cmocka_unit_test(int3_exits_as_a_software_exception_with_its_length),
        cmocka_unit_test(int_n_never_exits_by_the_bitmap),
        cmocka_unit_test(a_double_fault_exits_without_idt_vectoring),
        cmocka_unit_test(a_triple_fault_exits_without_idt_vectoring),
        cmocka_unit_test(an_ept_violation_tells_both_addresses_and_qualification),
        cmocka_unit_test(an_ept_misconfiguration_tells_the_guest_physical_address_only),
        cmocka_unit_test(a_fault_in_a_delivery_exits_with_the_event_as_idt_vectoring),
        cmocka_unit_test(idt_vectoring_of_a_software_interrupt_has_its_length),
        cmocka_unit_test(an_external_interrupt_exits_whatever_rflags_if),
        cmocka_unit_test(acknowledge_on_exit_takes_the_vector),
        cmocka_unit_test(an_interrupt_that_goes_away_does_not_exit),
        cmocka_unit_test(without_the_control_an_interrupt_goes_to_the_guests_idt),
        cmocka_unit_test(an_interrupt_waits_for_the_shadow_of_sti),
        cmocka_unit_test(an_interrupt_ends_the_guests_hlt_and_the_activity_is_saved),
        cmocka_unit_test(the_interrupt_window_exits_as_soon_as_it_opens),
        cmocka_unit_test(the_window_comes_before_a_pending_interrupt),
        cmocka_unit_test(an_nmi_exits_and_blocks_nmis_in_the_host),
        cmocka_unit_test(without_the_control_an_nmi_is_the_guests),
        cmocka_unit_test(an_injected_event_goes_through_the_guests_idt),
        cmocka_unit_test(an_exit_makes_the_injected_event_invalid),
        cmocka_unit_test(an_injected_exception_does_not_consult_the_bitmap),
        cmocka_unit_test(an_injection_wakes_a_halted_guest),
        cmocka_unit_test(an_injection_that_faults_exits_with_the_injected_event_as_vectoring),
        cmocka_unit_test(an_injection_whose_fault_nobody_intercepts_is_the_guests),
        cmocka_unit_test(an_injected_contributory_exception_that_faults_is_a_double_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
