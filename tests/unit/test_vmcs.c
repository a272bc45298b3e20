/* test_vmcs.c - virt-ext/vmcs.def: encodings, widths, and every field through VMREAD and VMWRITE. */
#include "vmx_bench.h"

static unsigned width_bits(u16 encoding)
{
    static const unsigned bits_of[] = {16, 64, 32, 64};
    return bits_of[VMCS_WIDTH(encoding)];
}

static void write_field(struct vmx_bench *b, u64 encoding, u64 value, enum result expected)
{
    b->h.reg[REG_RCX] = encoding;
    b->h.reg[REG_RBX] = value;
    assert_int_equal(bench_result(b, VMWRITE(b)), expected);
}

static u64 read_field(struct vmx_bench *b, u64 encoding)
{
    b->h.reg[REG_RCX] = encoding;
    b->h.reg[REG_RBX] = 0x5555555555555555;
    assert_int_equal(bench_result(b, VMREAD(b)), SUCCEEDED);
    return b->h.reg[REG_RBX];
}

/* --- the table --- */

static void encodings_are_unique_and_have_no_reserved_bit(void **state)
{
    (void)state;
    for (unsigned a = 0; a < VMCS_FIELDS; a++) {
        assert_int_equal(vmcs_fields[a].encoding & ~0x6ffeu, 0);
        for (unsigned b = 0; b < a; b++)
            assert_int_not_equal(vmcs_fields[a].encoding, vmcs_fields[b].encoding);
    }
}

static void every_encoding_finds_its_own_field(void **state)
{
    (void)state;
    const struct vmx_cfg cfg = bench_full_cfg();
    for (int f = 0; f < VMCS_FIELDS; f++) {
        assert_int_equal(vmcs_find(&cfg, vmcs_fields[f].encoding), f);
        assert_int_equal(vmcs_find_name(vmcs_fields[f].name, strlen(vmcs_fields[f].name)), f);
    }
}

/* A handful of encodings as the manual's appendix prints them, against a table that is consistent and
 * wrong. */
static void encodings_are_the_manuals(void **state)
{
    (void)state;
    static const struct {
        u16 encoding;
        enum vmcs_field_id field;
    } known[] = {
        {0x0000, VMCS_vpid},
        {0x0002, VMCS_posted_interrupt_vector},
        {0x0008, VMCS_last_pid_pointer_index},
        {0x0810, VMCS_guest_interrupt_status},
        {0x2012, VMCS_virtual_apic_address},
        {0x2014, VMCS_apic_access_address},
        {0x2016, VMCS_posted_interrupt_descriptor},
        {0x201c, VMCS_eoi_exit_bitmap_0},
        {0x2022, VMCS_eoi_exit_bitmap_3},
        {0x2034, VMCS_tertiary_controls},
        {0x2042, VMCS_pid_pointer_table_address},
        {0x0802, VMCS_guest_cs_selector},
        {0x0c0c, VMCS_host_tr_selector},
        {0x2004, VMCS_msr_bitmap},
        {0x201a, VMCS_ept_pointer},
        {0x2400, VMCS_guest_physical_address},
        {0x2800, VMCS_vmcs_link_pointer},
        {0x2c02, VMCS_host_efer},
        {0x4000, VMCS_pin_controls},
        {0x4002, VMCS_primary_controls},
        {0x400c, VMCS_exit_controls},
        {0x4012, VMCS_entry_controls},
        {0x4016, VMCS_entry_interruption_info},
        {0x401e, VMCS_secondary_controls},
        {0x4400, VMCS_vm_instruction_error},
        {0x4402, VMCS_exit_reason},
        {0x4408, VMCS_idt_vectoring_info},
        {0x440c, VMCS_exit_instruction_length},
        {0x4824, VMCS_guest_interruptibility},
        {0x4826, VMCS_guest_activity},
        {0x4c00, VMCS_host_sysenter_cs},
        {0x6000, VMCS_cr0_mask},
        {0x6400, VMCS_exit_qualification},
        {0x640a, VMCS_guest_linear_address},
        {0x6802, VMCS_guest_cr3},
        {0x681e, VMCS_guest_rip},
        {0x6820, VMCS_guest_rflags},
        {0x6822, VMCS_guest_pending_debug},
        {0x6c14, VMCS_host_rsp},
        {0x6c16, VMCS_host_rip},
    };
    const struct vmx_cfg cfg = bench_full_cfg();
    for (unsigned n = 0; n < ARRAY_LEN(known); n++)
        assert_int_equal(vmcs_find(&cfg, known[n].encoding), known[n].field);
}

static void no_two_fields_overlap_and_areas_are_contiguous(void **state)
{
    (void)state;
    u8 owner[sizeof(struct vmcs)] = {0};
    for (unsigned f = 0; f < VMCS_FIELDS; f++)
        for (unsigned n = 0; n < vmcs_fields[f].bytes; n++)
            assert_int_equal(owner[vmcs_fields[f].offset + n]++, 0);
    u64 end = 16; /* behind the header */
    static const enum vmcs_area order[] = {VMCS_CONTROL, VMCS_EXIT_INFO, VMCS_GUEST, VMCS_HOST};
    for (unsigned a = 0; a < VMCS_AREAS; a++) {
        u64 first, area_end;
        vmcs_area_span(order[a], &first, &area_end);
        assert_in_range(first, end, end + 7);
        end = area_end;
    }
}

static void the_highest_index_covers_every_field(void **state)
{
    (void)state;
    unsigned highest = 0;
    for (unsigned f = 0; f < VMCS_FIELDS; f++)
        highest = (unsigned)max_u64(highest, bits(vmcs_fields[f].encoding, 9, 1));
    const struct vmx_cfg cfg = bench_full_cfg();
    assert_int_equal(vmcs_highest_index(&cfg), highest);
}

/* --- VMREAD and VMWRITE --- */

static void every_writable_field_keeps_its_width_of_what_is_written(void **state)
{
    (void)state;
    const struct vmx_cfg cfg = bench_full_cfg();
    struct vmx_bench *b = vmx_bench_ready(&cfg);
    for (unsigned f = 0; f < VMCS_FIELDS; f++) {
        const struct vmcs_field *field = &vmcs_fields[f];
        u64 value = 0xfedcba9876543210ull ^ f;
        if (field->read_only) continue;
        write_field(b, field->encoding, value, SUCCEEDED);
        assert_int_equal(read_field(b, field->encoding), bits(value, width_bits(field->encoding) - 1, 0));
    }
    vmx_bench_free(b);
}

static void writing_one_field_changes_no_other(void **state)
{
    (void)state;
    const struct vmx_cfg cfg = bench_full_cfg();
    struct vmx_bench *b = vmx_bench_ready(&cfg);
    for (unsigned f = 0; f < VMCS_FIELDS; f++) {
        if (vmcs_fields[f].read_only) continue;
        struct vmcs before = *bench_vmcs(b);
        write_field(b, vmcs_fields[f].encoding, ~0ull, SUCCEEDED);
        for (unsigned g = 0; g < VMCS_FIELDS; g++)
            if (g != f) assert_int_equal(vmcs_read(bench_vmcs(b), g, false), vmcs_read(&before, g, false));
        write_field(b, vmcs_fields[f].encoding, 0, SUCCEEDED);
        before = *bench_vmcs(b);
    }
    vmx_bench_free(b);
}

static void the_high_half_is_a_field_only_of_64_bit_fields(void **state)
{
    (void)state;
    const struct vmx_cfg cfg = bench_full_cfg();
    struct vmx_bench *b = vmx_bench_ready(&cfg);
    for (unsigned f = 0; f < VMCS_FIELDS; f++) {
        bool is_64 = VMCS_WIDTH(vmcs_fields[f].encoding) == 1;
        assert_int_equal(vmcs_find(&cfg, vmcs_fields[f].encoding | 1u), is_64 ? (int)f : -1);
    }
    write_field(b, 0x2010, 0x1111111122222222, SUCCEEDED);
    write_field(b, 0x2011, 0xaaaaaaaa33333333, SUCCEEDED);
    assert_int_equal(read_field(b, 0x2010), 0x3333333322222222);
    assert_int_equal(read_field(b, 0x2011), 0x33333333);
    vmx_bench_free(b);
}

static void read_only_fields_are_written_where_the_processor_lets_them(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    write_field(b, 0x6400, 0x1234567890, SUCCEEDED);
    assert_int_equal(bench_vmcs(b)->exit_qualification, 0x1234567890);
    vmx_bench_free(b);
}

static void else_they_refuse_vmwrite_with_error_13(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.vmwrite_any = false;
    struct vmx_bench *b = vmx_bench_ready(&cfg);
    for (unsigned f = 0; f < VMCS_FIELDS; f++) {
        if (!vmcs_fields[f].read_only) continue;
        assert_int_equal(VMCS_AREA(vmcs_fields[f].encoding), VMCS_EXIT_INFO);
        write_field(b, vmcs_fields[f].encoding, 1, FAILED_VALID);
        assert_int_equal(bench_vmcs(b)->vm_instruction_error, VM_ERROR_vmwrite_read_only);
    }
    vmx_bench_free(b);
}

static void unknown_encodings_fail_with_error_12(void **state)
{
    (void)state;
    static const u64 unknown[] = {0x000c /* no such field */,
                                  0x1000,
                                  0x2036 /* no such field */,
                                  0x6bfe,
                                  0x6010,
                                  0x8000,
                                  0x100000000,
                                  0x4003 /* high half of a 32-bit field */};
    struct vmx_bench *b = vmx_bench_ready(NULL);
    for (unsigned n = 0; n < ARRAY_LEN(unknown); n++) {
        b->h.reg[REG_RCX] = unknown[n];
        assert_int_equal(bench_result(b, VMREAD(b)), FAILED_VALID);
        assert_int_equal(bench_vmcs(b)->vm_instruction_error, VM_ERROR_unsupported_component);
        write_field(b, unknown[n], 0, FAILED_VALID);
    }
    vmx_bench_free(b);
}

static void fields_of_absent_features_are_unknown(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.ept = cfg.vpid = false;
    assert_int_equal(vmcs_find(&cfg, 0x201a), -1);
    assert_int_equal(vmcs_find(&cfg, 0x0000), -1);
    assert_int_equal(vmcs_find(&cfg, 0x2400), -1);
    assert_int_equal(vmcs_find(&cfg, 0x681e), VMCS_guest_rip);
}

static void a_field_access_is_one_reference_to_the_region(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    b->h.record = &b->record;
    record_reset(&b->record);
    write_field(b, 0x681e, 1, SUCCEEDED);
    read_field(b, 0x4402);
    assert_int_equal(b->record.n_accesses, 2);
    assert_int_equal(b->record.access[0].at.v, AT_VMCS + offsetof(struct vmcs, guest_rip));
    assert_int_equal(b->record.access[0].bytes, 8);
    assert_int_equal(b->record.access[0].kind, ACCESS_WRITE);
    assert_int_equal(b->record.access[1].at.v, AT_VMCS + offsetof(struct vmcs, exit_reason));
    assert_int_equal(b->record.access[1].kind, ACCESS_READ);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_are_unique_and_have_no_reserved_bit),
        cmocka_unit_test(every_encoding_finds_its_own_field),
        cmocka_unit_test(encodings_are_the_manuals),
        cmocka_unit_test(no_two_fields_overlap_and_areas_are_contiguous),
        cmocka_unit_test(the_highest_index_covers_every_field),
        cmocka_unit_test(every_writable_field_keeps_its_width_of_what_is_written),
        cmocka_unit_test(writing_one_field_changes_no_other),
        cmocka_unit_test(the_high_half_is_a_field_only_of_64_bit_fields),
        cmocka_unit_test(read_only_fields_are_written_where_the_processor_lets_them),
        cmocka_unit_test(else_they_refuse_vmwrite_with_error_13),
        cmocka_unit_test(unknown_encodings_fail_with_error_12),
        cmocka_unit_test(fields_of_absent_features_are_unknown),
        cmocka_unit_test(a_field_access_is_one_reference_to_the_region),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
