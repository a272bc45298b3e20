/* test_vmx_functions.c - VMFUNC: SDM Vol. 3C, "VM Functions"; its one function, EPTP switching; 5-level EPT. */
#include "vmx_bench.h"

#define LIST       AT_MSR_LIST
#define OTHER_EPTP ((u64)AT_STACK | 6u | 3u << 3)

static struct vmx_bench *guest_with_list(u64 functions)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->secondary_controls |= 1u << SECONDARY_enable_vm_functions;
    v->vm_function_controls = functions;
    v->eptp_list = LIST;
    bench_write64(b, LIST + 8 * 3, OTHER_EPTP);
    bench_write64(b, LIST + 8 * 511, OTHER_EPTP);
    bench_enter(b);
    b->h.reg[REG_RAX] = 0;
    b->h.reg[REG_RCX] = 3;
    return b;
}

static void it_switches_to_an_eptp_of_the_list_without_a_flush(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_list(1);
    b->h.record = &b->record;
    record_reset(&b->record);
    b->h.cpl = 3; /* any privilege will do */
    assert_int_equal(VMFUNC(b), OUT_FLUSH);
    assert_int_equal(bench_vmcs(b)->ept_pointer, OTHER_EPTP);
    assert_int_equal(b->told.virt.eptp, OTHER_EPTP);
    assert_true(b->told.virt.ept);
    assert_false(b->told.virt.flush);
    assert_int_equal(b->told.virt.vpid, GUEST_VPID);
    assert_int_equal(b->x.stats.eptp_switches, 1);
    assert_int_equal(b->record.n_accesses, 1);
    assert_int_equal(b->record.access[0].at.v, LIST + 8 * 3);
    b->h.reg[REG_RCX] = BIT(32) | 511; /* ECX */
    assert_int_equal(VMFUNC(b), OUT_FLUSH);
    vmx_bench_free(b);
}

static void assert_exits(struct vmx_bench *b)
{
    assert_int_equal(VMFUNC(b), OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_vmfunc);
    assert_int_equal(bench_vmcs(b)->exit_instruction_length, 3);
    assert_int_equal(bench_vmcs(b)->ept_pointer, GUEST_EPTP);
    assert_int_equal(b->x.stats.eptp_switches, 0);
    vmx_bench_free(b);
}

static void what_cannot_be_switched_to_exits(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_list(1);
    b->h.reg[REG_RCX] = 512;
    assert_exits(b);

    b = guest_with_list(1);
    b->h.reg[REG_RCX] = 4; /* 0: a walk of one level */
    assert_exits(b);

    b = guest_with_list(1);
    bench_write64(b, LIST + 8 * 3, OTHER_EPTP | BIT(7));
    assert_exits(b);
}

static void a_function_that_is_off_exits_and_beyond_63_it_is_ud(void **state)
{
    (void)state;
    assert_exits(guest_with_list(0));
    struct vmx_bench *b = guest_with_list(1);
    b->h.reg[REG_RAX] = 1;
    assert_exits(b);

    b = guest_with_list(1);
    b->h.reg[REG_RAX] = 64;
    assert_int_equal(VMFUNC(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
    vmx_bench_free(b);
}

static void it_is_ud_outside_a_guest_and_without_its_control(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    assert_int_equal(VMFUNC(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
    bench_enter(b);
    assert_int_equal(VMFUNC(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
    vmx_bench_free(b);
}

static void the_functions_msr_is_there_with_the_feature(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    u64 value;
    struct vmx_bench *b = vmx_bench_new(NULL);
    assert_true(vmx_capability(&b->x, MSR_VMX_VMFUNC, &value));
    assert_int_equal(value, 1);
    vmx_bench_free(b);
    cfg.vmfunc = false;
    b = vmx_bench_new(&cfg);
    assert_false(vmx_capability(&b->x, MSR_VMX_VMFUNC, &value));
    assert_int_equal(vmcs_find(&cfg, 0x2024), -1);
    vmx_bench_free(b);
}

static void five_levels_of_ept_are_taken_where_they_are_reported(void **state)
{
    (void)state;
    for (unsigned five = 0; five < 2; five++) {
        struct vmx_cfg cfg = bench_vmx_cfg;
        cfg.ept_5_level = five;
        assert_int_equal(vmx_ept_vpid_capability(&cfg) >> 7 & 1, five);
        struct vmx_bench *b = vmx_bench_ready(&cfg);
        bench_vmcs(b)->ept_pointer = AT_EPT | 6u | 4u << 3;
        VMLAUNCH(b);
        assert_int_equal(hart_in_guest(&b->h), five);
        if (!five) assert_int_equal(b->x.failure.check, ENTRY_CHECK_eptp_page_walk_length);
        vmx_bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_switches_to_an_eptp_of_the_list_without_a_flush),
        cmocka_unit_test(what_cannot_be_switched_to_exits),
        cmocka_unit_test(a_function_that_is_off_exits_and_beyond_63_it_is_ud),
        cmocka_unit_test(it_is_ud_outside_a_guest_and_without_its_control),
        cmocka_unit_test(the_functions_msr_is_there_with_the_feature),
        cmocka_unit_test(five_levels_of_ept_are_taken_where_they_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
