/* test_vmx_tpr.c - the TPR shadow: a guest's CR8 in its virtual-APIC page, and the threshold. */
#include "vmx_bench.h"

#define APIC_PAGE AT_MSR_LIST
#define VTPR      (APIC_PAGE + 0x80)

static struct vmx_bench *guest_with_shadow(u32 threshold)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->primary_controls |= 1u << PRIMARY_use_tpr_shadow;
    v->virtual_apic_address = APIC_PAGE;
    v->tpr_threshold = threshold;
    bench_write64(b, VTPR, 0xaaaaaaaa00000050);
    bench_enter(b);
    return b;
}

#define READ_CR8(b)  EXECUTE(b, 0x44, 0x0f, 0x20, 0xc0)
#define WRITE_CR8(b) EXECUTE(b, 0x44, 0x0f, 0x22, 0xc0)

static bool look(struct vmx_bench *b)
{
    return b->h.attention && isa_take_attention(&b->h);
}

static void cr8_is_read_and_written_in_the_page(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_shadow(0);
    b->h.record = &b->record;
    record_reset(&b->record);
    READ_CR8(b);
    assert_int_equal(b->h.reg[REG_RAX], 5);
    b->h.reg[REG_RAX] = 9;
    WRITE_CR8(b);
    assert_int_equal(bench_read64(b, VTPR), 0xaaaaaaaa00000090); /* the register's other bytes are cleared */
    assert_false(look(b));
    assert_int_equal(b->record.n_accesses, 2);
    assert_int_equal(b->record.access[1].at.v, VTPR);
    assert_int_equal(b->record.access[1].kind, ACCESS_WRITE);
    vmx_bench_free(b);
}

static void a_value_below_the_threshold_exits_behind_the_instruction(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_shadow(4);
    b->h.reg[REG_RAX] = 4;
    WRITE_CR8(b);
    assert_false(look(b));
    b->h.reg[REG_RAX] = 3;
    WRITE_CR8(b);
    assert_true(look(b));
    assert_int_equal(bench_exit(b), EXIT_tpr_below_threshold);
    assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST + 8);
    assert_int_equal(bench_read64(b, VTPR) & 0xff, 0x30);
    bench_vmcs(b)->tpr_threshold = 3;
    bench_enter(b);
    assert_false(look(b));
    vmx_bench_free(b);
}

static void exiting_and_refused_values_come_first(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_shadow(4);
    b->h.reg[REG_RAX] = 16;
    assert_int_equal(WRITE_CR8(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
    bench_vmcs(b)->primary_controls |= 1u << PRIMARY_cr8_load_exiting;
    b->h.reg[REG_RAX] = 0;
    assert_int_equal(WRITE_CR8(b), OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_cr_access);
    assert_int_equal(bench_read64(b, VTPR) & 0xff, 0x50);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cr8_is_read_and_written_in_the_page),
        cmocka_unit_test(a_value_below_the_threshold_exits_behind_the_instruction),
        cmocka_unit_test(exiting_and_refused_values_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
