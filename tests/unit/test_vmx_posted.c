/* test_vmx_posted.c - posted-interrupt processing and IPI virtualization. SDM Vol. 3C, "Posted-Interrupt Processing"
 * and "IPI Virtualization". */
#include "apicv_bench.h"

#define POSTING (WITH_ACCESSES | WITH_REGISTERS | WITH_INTERRUPTS | WITH_POSTING)
#define CONTROL (DESCRIPTOR + 32)

static void post(struct vmx_bench *b, u8 vector)
{
    u64 at = DESCRIPTOR + vector / 64u * 8;
    bench_write64(b, at, bench_read64(b, at) | BIT(vector % 64));
    bench_write64(b, CONTROL, bench_read64(b, CONTROL) | 1);
}

/* The local APIC has the notification vector, or another one. */
static void interrupt(struct vmx_bench *b, u8 vector)
{
    b->told.vector = vector;
    hart_set_intr(&b->h, true);
}

static void a_notification_moves_the_requests_and_does_not_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_guest(POSTING);
    post(b, 0x31);
    post(b, 0xe5);
    bench_write64(b, CONTROL, bench_read64(b, CONTROL) | 0xf2ull << 16 | 7ull << 32);
    interrupt(b, 0xf2);
    assert_true(look(b)); /* processing */
    hart_set_intr(&b->h, false);
    assert_int_equal(apicv_told.eois, 1);
    assert_int_equal(bench_read64(b, DESCRIPTOR) | bench_read64(b, DESCRIPTOR + 24), 0);
    assert_int_equal(bench_read64(b, CONTROL), 0xf2ull << 16 | 7ull << 32); /* only ON is cleared */
    assert_true(has_vector(b, VAPIC_IRR, 0x31));
    assert_true(has_vector(b, VAPIC_IRR, 0xe5));
    assert_true(look(b)); /* delivery */
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0xe5));
    assert_int_equal(b->x.stats.posted_interrupts, 1);
    assert_int_equal(b->x.stats.posted_vectors, 2);
    assert_int_equal(b->x.stats.exits_total, 0);
    vmx_bench_free(b);
}

static void another_vector_exits_with_its_number(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_guest(POSTING);
    interrupt(b, 0x42);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_external_interrupt);
    assert_int_equal(bench_vmcs(b)->exit_interruption_info, (u32)EVENT_VALID | 0x42);
    assert_int_equal(apicv_told.eois, 0);
    vmx_bench_free(b);
}

static void without_the_control_the_notification_is_an_interrupt(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(POSTING);
    bench_vmcs(b)->pin_controls &= ~(1u << PIN_process_posted_interrupts);
    bench_enter(b);
    interrupt(b, 0xf2);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_external_interrupt);
    vmx_bench_free(b);
}

static void processing_does_not_wait_for_rflags_if_but_delivery_does(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_guest(POSTING);
    b->h.rflags &= ~RFLAGS_IF;
    hart_update_attention(&b->h);
    post(b, 0x41);
    interrupt(b, 0xf2);
    assert_true(look(b));
    hart_set_intr(&b->h, false);
    assert_true(has_vector(b, VAPIC_IRR, 0x41));
    assert_false(look(b));
    b->h.rflags |= RFLAGS_IF;
    hart_update_attention(&b->h);
    assert_true(look(b));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x41));
    vmx_bench_free(b);
}

static void a_halted_guest_wakes_only_for_an_interrupt_that_it_takes(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(POSTING);
    page_write(b, VAPIC_TPR, 0x50);
    bench_vmcs(b)->guest_activity = ACTIVITY_HLT;
    bench_enter(b);
    post(b, 0x41);
    interrupt(b, 0xf2);
    assert_true(look(b));
    hart_set_intr(&b->h, false);
    assert_int_equal(b->h.activity, ACTIVITY_HLT);
    assert_false(isa_would_wake(&b->h));
    post(b, 0x61);
    interrupt(b, 0xf2);
    assert_true(look(b));
    hart_set_intr(&b->h, false);
    assert_true(isa_would_wake(&b->h));
    assert_true(look(b));
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(0x61));
    vmx_bench_free(b);
}

static void a_lower_posted_vector_leaves_rvi_alone(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(POSTING);
    bench_vmcs(b)->guest_rflags &= ~RFLAGS_IF;
    request(b, 0x81);
    bench_enter(b);
    post(b, 0x41);
    interrupt(b, 0xf2);
    assert_true(look(b));
    assert_int_equal((u8)bench_vmcs(b)->guest_interrupt_status, 0x81);
    vmx_bench_free(b);
}

static void its_references_and_microcode_are_in_the_record(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_guest(POSTING);
    post(b, 0x41);
    record_reset(&b->record);
    b->h.record = &b->record;
    interrupt(b, 0xf2);
    look(b);
    assert_int_equal(b->record.virtual_cycles, b->x.cfg.posted_interrupt_cycles);
    unsigned descriptor = 0;
    for (unsigned n = 0; n < b->record.n_accesses; n++) descriptor += b->record.access[n].at.v >> 6 == DESCRIPTOR >> 6;
    assert_int_equal(descriptor, 7); /* control and four words read, control and one word written */
    vmx_bench_free(b);
}

/* --- IPI virtualization --- */

static struct vmx_bench *ipi_guest(u64 entry)
{
    struct vmx_bench *b = apicv_guest(POSTING | WITH_IPIS);
    bench_write64(b, PID_TABLE + 8 * 2, entry);
    bench_write64(b, OTHER_DESCRIPTOR + 32, 0xe0ull << 16 | 0x0500ull << 32); /* vector 0xe0 to APIC 5 */
    return b;
}

static void send_ipi(struct vmx_bench *b, u8 to, u32 command)
{
    b->h.reg[REG_RAX] = (u32)to << 24;
    STORE32(b, VAPIC_ICR_HIGH);
    look(b);
    b->h.reg[REG_RAX] = command;
    STORE32(b, VAPIC_ICR);
    assert_true(look(b));
}

static void an_ipi_is_posted_and_its_notification_sent(void **state)
{
    (void)state;
    struct vmx_bench *b = ipi_guest(OTHER_DESCRIPTOR | 1);
    send_ipi(b, 2, 0x47);
    assert_true(hart_in_guest(&b->h));
    assert_int_equal(bench_read64(b, OTHER_DESCRIPTOR + 8), BIT(7));
    assert_true(bench_read64(b, OTHER_DESCRIPTOR + 32) & 1);
    assert_int_equal(apicv_told.sends, 1);
    assert_int_equal(apicv_told.vector, 0xe0);
    assert_int_equal(apicv_told.destination, 5);
    send_ipi(b, 2, 0x48); /* ON is set: the first notification is on its way */
    assert_int_equal(apicv_told.sends, 1);
    assert_int_equal(bench_read64(b, OTHER_DESCRIPTOR + 8), BIT(7) | BIT(8));
    assert_int_equal(b->x.stats.virtual_ipis, 2);
    vmx_bench_free(b);
}

static void suppressed_notifications_are_not_sent(void **state)
{
    (void)state;
    struct vmx_bench *b = ipi_guest(OTHER_DESCRIPTOR | 1);
    bench_write64(b, OTHER_DESCRIPTOR + 32, 2);
    send_ipi(b, 2, 0x47);
    assert_int_equal(apicv_told.sends, 0);
    assert_int_equal(bench_read64(b, OTHER_DESCRIPTOR + 8), BIT(7));
    assert_int_equal(bench_read64(b, OTHER_DESCRIPTOR + 32), 2);
    vmx_bench_free(b);
}

static void the_destination_is_32_bits_wide_in_x2apic_mode(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready((POSTING & ~WITH_ACCESSES) | WITH_X2APIC | WITH_IPIS);
    pass_msrs(b);
    bench_enter(b);
    apicv_told.x2apic = true;
    bench_write64(b, PID_TABLE + 8 * 2, OTHER_DESCRIPTOR | 1);
    bench_write64(b, OTHER_DESCRIPTOR + 32, 0xe0ull << 16 | 0x12345ull << 32);
    b->h.reg[REG_RCX] = 0x830;
    b->h.reg[REG_RDX] = 2;
    b->h.reg[REG_RAX] = 0x47;
    assert_int_equal(WRMSR(b), OUT_FLUSH);
    assert_int_equal(apicv_told.destination, 0x12345);
    assert_int_equal(bench_read64(b, APIC_PAGE + 0x300), 2ull << 32 | 0x47);
    b->h.reg[REG_RAX] = 0x100047; /* a reserved bit */
    assert_int_equal(WRMSR(b), OUT_FAULT);
    vmx_bench_free(b);
}

static void what_the_table_cannot_answer_is_the_monitors(void **state)
{
    (void)state;
    static const struct {
        u64 entry;
        u8 to;
        u32 command;
    } rows[] = {{OTHER_DESCRIPTOR, 2, 0x47},         /* not valid */
                {OTHER_DESCRIPTOR | 0x21, 2, 0x47},  /* reserved bit */
                {BIT(60) | 1, 2, 0x47},              /* beyond the processor's addresses */
                {OTHER_DESCRIPTOR | 1, 4, 0x47},     /* beyond the last index */
                {OTHER_DESCRIPTOR | 1, 2, 0x0f},     /* illegal vector */
                {OTHER_DESCRIPTOR | 1, 2, 0x847},    /* logical */
                {OTHER_DESCRIPTOR | 1, 2, 0x447},    /* NMI */
                {OTHER_DESCRIPTOR | 1, 2, 0x8047},   /* level */
                {OTHER_DESCRIPTOR | 1, 2, 0x80047}}; /* shorthand */
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        struct vmx_bench *b = ipi_guest(rows[n].entry);
        send_ipi(b, rows[n].to, rows[n].command);
        assert_int_equal(bench_exit(b), EXIT_apic_write);
        assert_int_equal(bench_vmcs(b)->exit_qualification, VAPIC_ICR);
        assert_int_equal(b->x.stats.virtual_ipis, 0);
        assert_int_equal(bench_read64(b, OTHER_DESCRIPTOR + 8), 0);
        vmx_bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_notification_moves_the_requests_and_does_not_exit),
        cmocka_unit_test(another_vector_exits_with_its_number),
        cmocka_unit_test(without_the_control_the_notification_is_an_interrupt),
        cmocka_unit_test(processing_does_not_wait_for_rflags_if_but_delivery_does),
        cmocka_unit_test(a_halted_guest_wakes_only_for_an_interrupt_that_it_takes),
        cmocka_unit_test(a_lower_posted_vector_leaves_rvi_alone),
        cmocka_unit_test(its_references_and_microcode_are_in_the_record),
        cmocka_unit_test(an_ipi_is_posted_and_its_notification_sent),
        cmocka_unit_test(suppressed_notifications_are_not_sent),
        cmocka_unit_test(the_destination_is_32_bits_wide_in_x2apic_mode),
        cmocka_unit_test(what_the_table_cannot_answer_is_the_monitors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
