/* test_vmx_virtual_interrupts.c - evaluation and delivery of virtual interrupts, PPR, EOI and self-IPI
 * virtualization. SDM Vol. 3C, "Evaluation and Delivery of Virtual Interrupts". */
#include "apicv_bench.h"

#define DELIVERY (WITH_ACCESSES | WITH_REGISTERS | WITH_INTERRUPTS)

static u8 rvi(const struct vmx_bench *b) { return (u8)bench_vmcs(b)->guest_interrupt_status; }
static u8 svi(const struct vmx_bench *b) { return (u8)(bench_vmcs(b)->guest_interrupt_status >> 8); }

static void a_request_is_delivered_at_the_entry_without_an_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    request(b, 0x41);
    request(b, 0x63);
    bench_enter(b);
    assert_true(look(b));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x63));
    assert_int_equal(bench_read64(b, b->h.reg[REG_RSP]), AT_GUEST); /* returns there */
    assert_true(has_vector(b, VAPIC_ISR, 0x63));
    assert_false(has_vector(b, VAPIC_IRR, 0x63));
    assert_int_equal(page_read(b, VAPIC_PPR), 0x60);
    assert_int_equal(svi(b), 0x63);
    assert_int_equal(rvi(b), 0x41);
    assert_false(look(b)); /* of a lower class, and the gate has cleared IF */
    assert_int_equal(b->x.stats.virtual_interrupts, 1);
    assert_true(hart_in_guest(&b->h));
    vmx_bench_free(b);
}

static void rflags_if_and_the_shadows_hold_it_back(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    request(b, 0x41);
    bench_vmcs(b)->guest_rflags &= ~RFLAGS_IF;
    bench_enter(b);
    assert_false(look(b));
    assert_int_equal(b->h.attention, 0); /* nobody need look before each instruction */
    EXECUTE(b, 0xfb);                    /* STI */
    assert_false(look(b));
    EXECUTE(b, 0x90);
    assert_true(look(b));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x41));
    vmx_bench_free(b);
    b = apicv_ready(DELIVERY);
    request(b, 0x41);
    bench_vmcs(b)->guest_interruptibility = BLOCKING_MOV_SS;
    bench_enter(b);
    assert_false(look(b));
    EXECUTE(b, 0x90);
    assert_true(look(b));
    vmx_bench_free(b);
}

static void the_virtual_priority_holds_its_class_and_below(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    request(b, 0x4f);
    page_write(b, VAPIC_TPR, 0x40);
    bench_enter(b);
    assert_int_equal(page_read(b, VAPIC_PPR), 0x40);
    assert_false(look(b));
    b->h.fetch.alone = true;
    b->h.reg[REG_RAX] = 0x30;
    STORE32(b, VAPIC_TPR);
    assert_true(look(b)); /* emulation */
    assert_true(look(b));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x4f));
    assert_int_equal(b->x.stats.exits_total, 0);
    vmx_bench_free(b);
}

static void cr8_opens_for_virtual_interrupts_and_has_no_threshold(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    bench_vmcs(b)->tpr_threshold = 15;
    request(b, 0x4f);
    page_write(b, VAPIC_TPR, 0x40);
    bench_enter(b);
    b->h.reg[REG_RAX] = 3;
    EXECUTE(b, 0x44, 0x0f, 0x22, 0xc0); /* MOV CR8, RAX */
    assert_true(look(b));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x4f));
    vmx_bench_free(b);
}

static void eoi_ends_the_highest_and_lets_the_next_one_in(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    request(b, 0x41);
    request(b, 0x63);
    bench_enter(b);
    look(b);
    b->h.rflags |= RFLAGS_IF;
    b->h.fetch.alone = true;
    b->h.reg[REG_RAX] = 0xffffffff;
    STORE32(b, VAPIC_EOI);
    assert_true(look(b)); /* emulation */
    assert_int_equal(page_read(b, VAPIC_EOI), 0);
    assert_false(has_vector(b, VAPIC_ISR, 0x63));
    assert_int_equal(svi(b), 0);
    assert_true(look(b));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x41));
    assert_int_equal(b->x.stats.virtual_eois, 1);
    assert_int_equal(b->x.stats.exits_total, 0);
    vmx_bench_free(b);
}

static void an_eoi_of_the_bitmap_exits_with_its_vector(void **state)
{
    (void)state;
    static const u8 vectors[] = {0x21, 0x41, 0x9f, 0xff};
    for (unsigned n = 0; n < ARRAY_LEN(vectors); n++) {
        struct vmx_bench *b = apicv_ready(DELIVERY);
        vmcs_write(bench_vmcs(b), VMCS_eoi_exit_bitmap_0 + vectors[n] / 64u, false, BIT(vectors[n] % 64));
        request(b, vectors[n]);
        bench_enter(b);
        assert_true(look(b));
        b->h.fetch.alone = true;
        u64 handler = b->h.reg[REG_RIP];
        STORE32(b, VAPIC_EOI);
        assert_true(look(b));
        assert_int_equal(bench_exit(b), EXIT_virtualized_eoi);
        assert_int_equal(bench_vmcs(b)->exit_qualification, vectors[n]);
        assert_int_equal(bench_vmcs(b)->guest_rip, handler + 2);
        assert_int_equal(svi(b), 0);
        vmx_bench_free(b);
    }
}

static void self_ipis_of_the_icr_are_virtualized_if_they_are_plain(void **state)
{
    (void)state;
    static const struct {
        u32 icr;
        bool virtualized;
    } rows[] = {{0x40041, true},  {0x4000f, false}, {0x80041, false}, {0x00041, false}, {0x40441, false},
                {0x48041, false}, {0x41041, false}, {0x42041, false}, {0x44041, true},  {0x40841, true}};
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        struct vmx_bench *b = apicv_guest(DELIVERY);
        b->h.rflags &= ~RFLAGS_IF;
        b->h.reg[REG_RAX] = rows[n].icr;
        STORE32(b, VAPIC_ICR);
        assert_true(look(b));
        assert_int_equal(bench_exit(b), rows[n].virtualized ? -1 : (int)EXIT_apic_write);
        assert_int_equal(has_vector(b, VAPIC_IRR, 0x41), rows[n].virtualized);
        assert_int_equal(rvi(b), rows[n].virtualized ? 0x41 : 0);
        vmx_bench_free(b);
    }
}

static void a_virtual_interrupt_wakes_a_halted_guest_and_no_other(void **state)
{
    (void)state;
    for (u8 activity = ACTIVITY_HLT; activity <= ACTIVITY_WAIT_SIPI; activity++) {
        struct vmx_bench *b = apicv_ready(DELIVERY);
        request(b, 0x41);
        bench_vmcs(b)->guest_activity = activity;
        bench_enter(b);
        assert_true(isa_would_wake(&b->h));
        assert_int_equal(look(b), activity == ACTIVITY_HLT);
        assert_int_equal(b->h.activity, activity == ACTIVITY_HLT ? ACTIVITY_ACTIVE : activity);
        vmx_bench_free(b);
    }
}

static void interrupt_window_exiting_comes_instead(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    bench_vmcs(b)->primary_controls |= 1u << PRIMARY_interrupt_window_exiting;
    request(b, 0x41);
    bench_enter(b);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_interrupt_window);
    assert_true(has_vector(b, VAPIC_IRR, 0x41));
    vmx_bench_free(b);
}

static void it_goes_behind_nmis_and_before_external_interrupts(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    bench_vmcs(b)->pin_controls |= 1u << PIN_nmi_exiting;
    request(b, 0x41);
    bench_enter(b);
    hart_raise_nmi(&b->h);
    hart_set_intr(&b->h, true);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_exception_or_nmi);
    bench_enter(b);
    assert_true(look(b));
    assert_true(hart_in_guest(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x41));
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_external_interrupt);
    vmx_bench_free(b);
}

static void a_fault_of_its_delivery_is_told_with_its_vector(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    bench_vmcs(b)->guest_idtr_limit = 0x3ff; /* no entry for vector 0x41 */
    bench_vmcs(b)->exception_bitmap = 1u << VEC_GP;
    request(b, 0x41);
    bench_enter(b);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_exception_or_nmi);
    assert_int_equal(bench_vmcs(b)->idt_vectoring_info, (u32)EVENT_VALID | 0x41);
    assert_int_equal(svi(b), 0x41);
    vmx_bench_free(b);
}

static void an_exit_ends_the_recognition(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    request(b, 0x41);
    bench_vmcs(b)->guest_rflags &= ~RFLAGS_IF;
    bench_enter(b);
    assert_true(b->h.virtual_interrupt);
    CPUID(b);
    assert_int_equal(bench_exit(b), EXIT_cpuid);
    assert_false(b->h.virtual_interrupt);
    assert_int_equal(b->h.apic_access_page, NO_APIC_ACCESS_PAGE);
    b->h.rflags |= RFLAGS_IF;
    assert_false(look(b));
    vmx_bench_free(b);
}

static void its_references_and_microcode_are_in_the_record(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(DELIVERY);
    request(b, 0x41);
    bench_enter(b);
    record_reset(&b->record);
    b->h.record = &b->record;
    look(b);
    assert_int_equal(b->record.virtual_cycles, b->x.cfg.virtual_interrupt_cycles);
    unsigned page = 0, writes = 0;
    for (unsigned n = 0; n < b->record.n_accesses; n++) {
        bool there = b->record.access[n].at.v >> 12 == APIC_PAGE >> 12;
        page += there;
        writes += there && b->record.access[n].kind == ACCESS_WRITE;
    }
    assert_in_range(page, 6, 20);
    assert_int_equal(writes, 3); /* VISR, VPPR, VIRR */
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_delivered_at_the_entry_without_an_exit),
        cmocka_unit_test(rflags_if_and_the_shadows_hold_it_back),
        cmocka_unit_test(the_virtual_priority_holds_its_class_and_below),
        cmocka_unit_test(cr8_opens_for_virtual_interrupts_and_has_no_threshold),
        cmocka_unit_test(eoi_ends_the_highest_and_lets_the_next_one_in),
        cmocka_unit_test(an_eoi_of_the_bitmap_exits_with_its_vector),
        cmocka_unit_test(self_ipis_of_the_icr_are_virtualized_if_they_are_plain),
        cmocka_unit_test(a_virtual_interrupt_wakes_a_halted_guest_and_no_other),
        cmocka_unit_test(interrupt_window_exiting_comes_instead),
        cmocka_unit_test(it_goes_behind_nmis_and_before_external_interrupts),
        cmocka_unit_test(a_fault_of_its_delivery_is_told_with_its_vector),
        cmocka_unit_test(an_exit_ends_the_recognition),
        cmocka_unit_test(its_references_and_microcode_are_in_the_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
