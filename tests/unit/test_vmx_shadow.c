/* test_vmx_shadow.c - shadow VMCSs: SDM Vol. 3C, "Virtualizing VMREAD and VMWRITE" and the shadow indicator. */
#include "vmx_bench.h"

#define READ_BITMAP     AT_IO_BITMAP_A
#define WRITE_BITMAP    AT_IO_BITMAP_B
#define GUEST_RIP_FIELD 0x681e

/* A guest whose VMCS links to a shadow VMCS at AT_OTHER_VMCS, all fields shadowed. */
static struct vmx_bench *guest_with_shadow(bool linked)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->secondary_controls |= 1u << SECONDARY_vmcs_shadowing;
    v->vmread_bitmap = READ_BITMAP;
    v->vmwrite_bitmap = WRITE_BITMAP;
    v->vmcs_link_pointer = linked ? AT_OTHER_VMCS : VMCS_NONE;
    bench_write64(b, AT_OTHER_VMCS, b->x.cfg.revision | VMCS_SHADOW);
    bench_enter(b);
    b->h.reg[REG_RCX] = GUEST_RIP_FIELD;
    return b;
}

static struct vmcs *shadow(const struct vmx_bench *b)
{
    return (struct vmcs *)(void *)(b->mem.host + AT_OTHER_VMCS);
}

static void set_bit(struct vmx_bench *b, u64 bitmap, unsigned bit)
{
    b->mem.host[bitmap + bit / 8] |= (u8)(1u << bit % 8);
}

static void a_guest_reads_and_writes_the_shadow_without_an_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_shadow(true);
    b->h.record = &b->record;
    record_reset(&b->record);
    b->h.reg[REG_RBX] = 0x1234;
    assert_int_equal(bench_result(b, VMWRITE(b)), SUCCEEDED);
    assert_int_equal(shadow(b)->guest_rip, 0x1234);
    assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST);
    b->h.reg[REG_RBX] = 0;
    assert_int_equal(bench_result(b, VMREAD(b)), SUCCEEDED);
    assert_int_equal(b->h.reg[REG_RBX], 0x1234);
    assert_true(hart_in_guest(&b->h));
    assert_int_equal(b->x.stats.shadow_accesses, 2);
    assert_int_equal(b->x.stats.exits_total, 0);
    /* what a timing core plays: a look into a bitmap and the field, each time */
    assert_int_equal(b->record.n_accesses, 4);
    assert_int_equal(b->record.access[0].at.v, WRITE_BITMAP + GUEST_RIP_FIELD / 8);
    assert_int_equal(b->record.access[1].at.v, AT_OTHER_VMCS + vmcs_fields[VMCS_guest_rip].offset);
    assert_int_equal(b->record.access[2].at.v, READ_BITMAP + GUEST_RIP_FIELD / 8);
    vmx_bench_free(b);
}

static void each_bitmap_makes_its_own_instruction_exit(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct vmx_bench *b = guest_with_shadow(true);
        set_bit(b, n ? WRITE_BITMAP : READ_BITMAP, GUEST_RIP_FIELD);
        assert_int_equal(bench_result(b, n ? VMREAD(b) : VMWRITE(b)), SUCCEEDED);
        assert_int_equal(n ? VMWRITE(b) : VMREAD(b), OUT_EXIT);
        assert_int_equal(bench_exit(b), n ? EXIT_vmwrite : EXIT_vmread);
        vmx_bench_free(b);
    }
}

static void encodings_beyond_the_bitmap_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_shadow(true);
    b->h.reg[REG_RCX] = GUEST_RIP_FIELD | BIT(15);
    assert_int_equal(VMREAD(b), OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_vmread);
    vmx_bench_free(b);
}

static void without_the_control_both_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_in_guest();
    b->h.reg[REG_RCX] = GUEST_RIP_FIELD;
    assert_int_equal(VMREAD(b), OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_vmread);
    vmx_bench_free(b);
}

static void without_a_link_they_fail_invalid(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_shadow(false);
    assert_int_equal(bench_result(b, VMREAD(b)), FAILED_INVALID);
    assert_int_equal(bench_result(b, VMWRITE(b)), FAILED_INVALID);
    vmx_bench_free(b);
}

static void an_unknown_field_fails_with_its_error_in_the_shadow(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_shadow(true);
    b->h.reg[REG_RCX] = 0x6bfe;
    assert_int_equal(bench_result(b, VMREAD(b)), FAILED_VALID);
    assert_int_equal(shadow(b)->vm_instruction_error, VM_ERROR_unsupported_component);
    assert_int_equal(bench_vmcs(b)->vm_instruction_error, VM_ERROR_none);
    vmx_bench_free(b);
}

static void user_code_is_refused_where_the_bitmap_lets_it_through(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_shadow(true);
    b->h.cpl = 3;
    assert_int_equal(VMREAD(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
    set_bit(b, READ_BITMAP, GUEST_RIP_FIELD);
    assert_int_equal(VMREAD(b), OUT_EXIT); /* the exit comes first */
    vmx_bench_free(b);
}

static void a_shadow_vmcs_is_loaded_but_never_entered(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->revision |= (u32)VMCS_SHADOW;
    bench_point_at(b, AT_VMCS);
    assert_int_equal(bench_result(b, VMPTRLD(b)), SUCCEEDED);
    assert_int_equal(bench_result(b, VMLAUNCH(b)), FAILED_INVALID);
    vmx_bench_free(b);
}

static void a_processor_without_shadowing_refuses_the_indicator(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.vmcs_shadowing = false;
    struct vmx_bench *b = vmx_bench_ready(&cfg);
    bench_write64(b, AT_OTHER_VMCS, cfg.revision | VMCS_SHADOW);
    bench_point_at(b, AT_OTHER_VMCS);
    assert_int_equal(bench_result(b, VMPTRLD(b)), FAILED_VALID);
    assert_int_equal(bench_vmcs(b)->vm_instruction_error, VM_ERROR_vmptrld_revision);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_reads_and_writes_the_shadow_without_an_exit),
        cmocka_unit_test(each_bitmap_makes_its_own_instruction_exit),
        cmocka_unit_test(encodings_beyond_the_bitmap_exit),
        cmocka_unit_test(without_the_control_both_exit),
        cmocka_unit_test(without_a_link_they_fail_invalid),
        cmocka_unit_test(an_unknown_field_fails_with_its_error_in_the_shadow),
        cmocka_unit_test(user_code_is_refused_where_the_bitmap_lets_it_through),
        cmocka_unit_test(a_shadow_vmcs_is_loaded_but_never_entered),
        cmocka_unit_test(a_processor_without_shadowing_refuses_the_indicator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
