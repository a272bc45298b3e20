/* test_vmx_apic_access.c - the APIC-access page and virtualized x2APIC MSRs: which accesses exit, which go to the
 * virtual-APIC page, what stores set off. SDM Vol. 3C, "Virtualizing Memory-Mapped APIC Accesses" and
 * "Virtualizing MSR-Based APIC Accesses". */
#include "apicv_bench.h"

static void assert_access_exit(struct vmx_bench *b, u32 offset, unsigned type)
{
    assert_int_equal(bench_exit(b), EXIT_apic_access);
    assert_int_equal(bench_vmcs(b)->exit_qualification, type << 12 | offset);
    assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST);
}

static void without_tpr_shadow_every_access_exits(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct vmx_bench *b = apicv_guest(WITH_ACCESSES | WITHOUT_SHADOW);
        if (kind == 0) LOAD32(b, 0x80);
        if (kind == 1) STORE32(b, 0x80);
        if (kind == 2) OR32(b, 0x80);
        assert_access_exit(b, 0x80, kind ? 1 : 0);
        vmx_bench_free(b);
    }
}

static void without_the_control_the_page_is_memory(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_guest(0);
    b->h.reg[REG_RAX] = 0x77;
    assert_int_equal(STORE32(b, 0x30), OUT_NEXT);
    assert_int_equal(bench_read64(b, ACCESS_PAGE + 0x30), 0x77);
    vmx_bench_free(b);
}

static void fetches_and_event_deliveries_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(WITH_ACCESSES | WITH_REGISTERS);
    bench_vmcs(b)->guest_rip = ACCESS_PAGE + 0x120;
    bench_enter(b);
    isa_run(&b->h, 1);
    assert_int_equal(bench_exit(b), EXIT_apic_access);
    assert_int_equal(bench_vmcs(b)->exit_qualification, 2u << 12 | 0x120);
    vmx_bench_free(b);

    b = apicv_ready(WITH_ACCESSES | WITH_REGISTERS);
    bench_vmcs(b)->guest_rsp = ACCESS_PAGE + 0x90;
    bench_vmcs(b)->entry_interruption_info = (u32)EVENT_VALID | 0x40; /* an external interrupt */
    VMLAUNCH(b);
    assert_int_equal(bench_exit(b), EXIT_apic_access);
    assert_int_equal(bench_vmcs(b)->exit_qualification >> 12, 3);
    assert_int_equal(bench_vmcs(b)->idt_vectoring_info, (u32)EVENT_VALID | 0x40);
    vmx_bench_free(b);
}

/* --- which registers: every offset of the page, by what the controls allow --- */

static bool listed(u32 offset, const u16 *list)
{
    for (; *list; list++)
        if (offset == *list) return true;
    return false;
}

static bool may_read(u32 offset, unsigned with)
{
    static const u16 registers[] = {0x20, 0x30, 0x80, 0xb0, 0xd0, 0xe0, 0xf0, 0x280, 0x300, 0x310, 0x320, 0x330,
                                    0x340, 0x350, 0x360, 0x370, 0x380, 0x3e0, 0};
    if (!(with & WITH_REGISTERS)) return offset == 0x80;
    return listed(offset, registers) || (offset >= 0x100 && offset < 0x280 && offset % 16 == 0);
}

static bool may_write(u32 offset, unsigned with)
{
    static const u16 registers[] = {0x20, 0x80, 0xb0, 0xd0, 0xe0, 0xf0, 0x280, 0x300, 0x310, 0x320, 0x330, 0x340,
                                    0x350, 0x360, 0x370, 0x380, 0x3e0, 0};
    static const u16 delivery[] = {0x80, 0xb0, 0x300, 0};
    if (with & WITH_REGISTERS) return listed(offset, registers);
    return with & WITH_INTERRUPTS ? listed(offset, delivery) : offset == 0x80;
}

static void exactly_the_manuals_registers_are_virtualized(void **state)
{
    (void)state;
    static const unsigned variants[] = {WITH_ACCESSES, WITH_ACCESSES | WITH_REGISTERS, WITH_ACCESSES | WITH_INTERRUPTS,
                                        WITH_ACCESSES | WITH_REGISTERS | WITH_INTERRUPTS};
    for (unsigned n = 0; n < ARRAY_LEN(variants); n++) {
        struct vmx_bench *b = apicv_guest(variants[n]);
        for (u32 offset = 0; offset < 0x400; offset += 4) {
            assert_int_equal(LOAD32(b, offset) == OUT_NEXT, may_read(offset, variants[n]));
            if (!hart_in_guest(&b->h)) bench_enter(b);
            b->h.reg[REG_RAX] = 0;
            assert_int_equal(STORE32(b, offset) == OUT_NEXT, may_write(offset, variants[n]));
            look(b);
            if (!hart_in_guest(&b->h)) bench_enter(b);
        }
        vmx_bench_free(b);
    }
}

static void accesses_are_at_most_a_doubleword_in_the_low_four_bytes(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_guest(WITH_ACCESSES | WITH_REGISTERS);
    page_write(b, 0x80, 0x11223344);
    assert_int_equal(LOAD8(b, 0x83), OUT_NEXT);
    assert_int_equal((u8)b->h.reg[REG_RAX], 0x11);
    LOAD32(b, 0x81);
    assert_int_equal(bench_vmcs(b)->exit_qualification, 0x81);
    bench_enter(b);
    LOAD64(b, 0x80);
    assert_int_equal(bench_exit(b), EXIT_apic_access);
    vmx_bench_free(b);
}

static void loads_come_from_the_page_and_leave_references_there(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_guest(WITH_ACCESSES | WITH_REGISTERS);
    page_write(b, VAPIC_LDR, 0x55000000);
    b->h.record = &b->record;
    record_reset(&b->record);
    b->record.drained = true;
    assert_int_equal(LOAD32(b, VAPIC_LDR), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RAX], 0x55000000);
    assert_int_equal(b->record.n_accesses, 1);
    assert_int_equal(b->record.access[0].at.v, APIC_PAGE + VAPIC_LDR);
    assert_false(b->record.access[0].mmio);
    assert_int_equal(b->record.access[0].memory_type, MEMORY_WB);
    assert_true(b->record.io); /* so that the core carries it out alone, as microcode */
    assert_int_equal(b->record.virtual_cycles, b->x.cfg.apic_access_cycles);
    assert_false(look(b));
    assert_int_equal(b->x.stats.apic_page_reads, 1);
    vmx_bench_free(b);
}

static void a_read_modify_write_needs_both_and_is_emulated_once(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_guest(WITH_ACCESSES | WITH_REGISTERS);
    page_write(b, VAPIC_SVR, 0xff);
    b->h.reg[REG_RAX] = 0x100;
    assert_int_equal(OR32(b, VAPIC_SVR), OUT_NEXT);
    assert_int_equal(page_read(b, VAPIC_SVR), 0x1ff);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_apic_write);
    assert_int_equal(b->x.stats.apic_page_writes, 1);
    vmx_bench_free(b);
    b = apicv_guest(WITH_ACCESSES | WITH_REGISTERS);
    OR32(b, VAPIC_VERSION);
    assert_access_exit(b, VAPIC_VERSION, 1);
    vmx_bench_free(b);
}

/* --- emulation behind a store --- */

static void other_registers_exit_behind_the_store_with_their_offset(void **state)
{
    (void)state;
    static const u16 offsets[] = {VAPIC_ID, VAPIC_EOI, VAPIC_LDR, VAPIC_DFR, VAPIC_SVR, VAPIC_ESR, VAPIC_ICR,
                                  VAPIC_LVT_TIMER, VAPIC_LVT_ERROR, VAPIC_INITIAL, VAPIC_DIVIDE};
    for (unsigned n = 0; n < ARRAY_LEN(offsets); n++) {
        struct vmx_bench *b = apicv_guest(WITH_ACCESSES | WITH_REGISTERS);
        b->h.reg[REG_RAX] = 0x1234;
        assert_int_equal(STORE32(b, offsets[n]), OUT_NEXT);
        assert_true(look(b));
        assert_int_equal(bench_exit(b), EXIT_apic_write);
        assert_int_equal(bench_vmcs(b)->exit_qualification, offsets[n]);
        assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST + 2);
        assert_int_equal(page_read(b, offsets[n]), 0x1234);
        vmx_bench_free(b);
    }
}

static void the_high_half_of_the_icr_keeps_its_top_byte_and_stays_in_the_guest(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_guest(WITH_ACCESSES | WITH_REGISTERS);
    b->h.reg[REG_RAX] = 0x12345678;
    STORE32(b, VAPIC_ICR_HIGH);
    assert_true(look(b)); /* the emulation's own step */
    assert_false(look(b));
    assert_int_equal(page_read(b, VAPIC_ICR_HIGH), 0x12000000);
    assert_true(hart_in_guest(&b->h));
    vmx_bench_free(b);
}

static void a_store_to_the_tpr_keeps_its_low_byte_and_meets_the_threshold(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(WITH_ACCESSES);
    bench_vmcs(b)->tpr_threshold = 4;
    page_write(b, VAPIC_TPR, 0x50);
    bench_enter(b);
    b->h.fetch.alone = true;
    b->h.reg[REG_RAX] = 0x77777745;
    STORE32(b, VAPIC_TPR);
    assert_true(look(b));
    assert_int_equal(page_read(b, VAPIC_TPR), 0x45);
    assert_true(hart_in_guest(&b->h));
    b->h.reg[REG_RAX] = 0x3f;
    STORE8(b, VAPIC_TPR);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_tpr_below_threshold);
    vmx_bench_free(b);
}

static void a_threshold_above_the_tpr_exits_right_behind_the_entry(void **state)
{
    (void)state;
    struct vmx_bench *b = apicv_ready(WITH_ACCESSES);
    bench_vmcs(b)->tpr_threshold = 4;
    page_write(b, VAPIC_TPR, 0x30);
    bench_enter(b);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_tpr_below_threshold);
    assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST);
    vmx_bench_free(b);
}

/* --- x2APIC MSRs --- */

static bool read_msr(struct vmx_bench *b, u32 msr, u64 *value)
{
    b->h.reg[REG_RCX] = msr;
    if (RDMSR(b) == OUT_FAULT) return false;
    *value = b->h.reg[REG_RDX] << 32 | (u32)b->h.reg[REG_RAX];
    return true;
}

static enum outcome write_msr(struct vmx_bench *b, u32 msr, u64 value)
{
    b->h.reg[REG_RCX] = msr;
    b->h.reg[REG_RAX] = (u32)value;
    b->h.reg[REG_RDX] = value >> 32;
    return WRMSR(b);
}

static struct vmx_bench *x2apic_guest(unsigned with)
{
    struct vmx_bench *b = apicv_ready(with | WITH_X2APIC);
    pass_msrs(b);
    bench_enter(b);
    return b;
}

static void reads_of_x2apic_msrs_come_from_the_page(void **state)
{
    (void)state;
    u64 value;
    struct vmx_bench *b = x2apic_guest(0);
    bench_write64(b, APIC_PAGE + 0x80, 0x40);
    assert_true(read_msr(b, 0x808, &value));
    assert_int_equal(value, 0x40);
    assert_false(read_msr(b, 0x80d, &value)); /* the local APIC's own, which this bench has not */
    vmx_bench_free(b);
    b = x2apic_guest(WITH_REGISTERS);
    bench_write64(b, APIC_PAGE + 0x300, 0x1122334455667788);
    assert_true(read_msr(b, 0x830, &value));
    assert_int_equal(value, 0x1122334455667788);
    assert_true(read_msr(b, 0x8ff, &value)); /* no check against the registers that there are */
    assert_false(read_msr(b, 0x900, &value));
    assert_int_equal(b->x.stats.apic_msr_reads, 2);
    vmx_bench_free(b);
}

static void the_msr_bitmap_comes_first(void **state)
{
    (void)state;
    u64 value;
    struct vmx_bench *b = x2apic_guest(WITH_REGISTERS);
    b->mem.host[AT_MSR_BITMAP + 0x808 / 8] = 1;
    read_msr(b, 0x808, &value);
    assert_int_equal(bench_exit(b), EXIT_rdmsr);
    vmx_bench_free(b);
}

static void writes_of_x2apic_msrs_check_their_bits_and_act(void **state)
{
    (void)state;
    struct vmx_bench *b = x2apic_guest(WITH_INTERRUPTS);
    assert_int_equal(write_msr(b, 0x808, 0x150), OUT_FAULT);
    assert_int_equal(write_msr(b, 0x808, 0x50), OUT_FLUSH);
    assert_int_equal(page_read(b, VAPIC_TPR), 0x50);
    assert_int_equal(page_read(b, VAPIC_PPR), 0x50);
    assert_int_equal(write_msr(b, 0x80b, 1), OUT_FAULT);
    assert_int_equal(write_msr(b, 0x80b, 0), OUT_FLUSH);
    assert_int_equal(b->x.stats.virtual_eois, 1);
    assert_int_equal(write_msr(b, 0x83f, 0x141), OUT_FAULT);
    assert_int_equal(write_msr(b, 0x83f, 0x41), OUT_FLUSH);
    assert_true(has_vector(b, VAPIC_IRR, 0x41));
    assert_int_equal(write_msr(b, 0x838, 5), OUT_FAULT); /* the local APIC's own */
    assert_int_equal(b->x.stats.apic_msr_writes, 3);
    vmx_bench_free(b);
}

static void a_self_ipi_of_an_illegal_vector_is_the_monitors(void **state)
{
    (void)state;
    struct vmx_bench *b = x2apic_guest(WITH_INTERRUPTS);
    assert_int_equal(write_msr(b, 0x83f, 0x0f), OUT_FLUSH);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_apic_write);
    assert_int_equal(bench_vmcs(b)->exit_qualification, 0x3f0);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_tpr_shadow_every_access_exits),
        cmocka_unit_test(without_the_control_the_page_is_memory),
        cmocka_unit_test(fetches_and_event_deliveries_exit),
        cmocka_unit_test(exactly_the_manuals_registers_are_virtualized),
        cmocka_unit_test(accesses_are_at_most_a_doubleword_in_the_low_four_bytes),
        cmocka_unit_test(loads_come_from_the_page_and_leave_references_there),
        cmocka_unit_test(a_read_modify_write_needs_both_and_is_emulated_once),
        cmocka_unit_test(other_registers_exit_behind_the_store_with_their_offset),
        cmocka_unit_test(the_high_half_of_the_icr_keeps_its_top_byte_and_stays_in_the_guest),
        cmocka_unit_test(a_store_to_the_tpr_keeps_its_low_byte_and_meets_the_threshold),
        cmocka_unit_test(a_threshold_above_the_tpr_exits_right_behind_the_entry),
        cmocka_unit_test(reads_of_x2apic_msrs_come_from_the_page),
        cmocka_unit_test(the_msr_bitmap_comes_first),
        cmocka_unit_test(writes_of_x2apic_msrs_check_their_bits_and_act),
        cmocka_unit_test(a_self_ipi_of_an_illegal_vector_is_the_monitors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
