/* test_exits_newer.c - exits that came behind the first processors with VMX: MWAIT, random numbers, supervisor states,
 * and the loading of IA32_PERF_GLOBAL_CTRL. */
#include "vmx_bench.h"

static struct vmx_bench *in_guest_with(u32 primary, u32 secondary)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->primary_controls |= primary;
    bench_vmcs(b)->secondary_controls |= secondary;
    bench_enter(b);
    b->h.reg[REG_RAX] = AT_OPERAND;
    b->h.reg[REG_RCX] = b->h.reg[REG_RDX] = 0;
    return b;
}

/* "Exit Qualification for MWAIT" */
static void mwait_tells_whether_the_monitor_is_armed(void **state)
{
    (void)state;
    for (unsigned armed = 0; armed < 2; armed++) {
        struct vmx_bench *b = in_guest_with(1u << PRIMARY_mwait_exiting, 0);
        if (armed) assert_int_equal(EXECUTE(b, 0x0f, 0x01, 0xc8), OUT_NEXT); /* monitor */
        assert_int_equal(EXECUTE(b, 0x0f, 0x01, 0xc9), OUT_EXIT);
        assert_int_equal(bench_exit(b), EXIT_mwait);
        assert_int_equal(bench_vmcs(b)->exit_qualification, armed);
        vmx_bench_free(b);
    }
}

/* "Format of the VM-Exit Instruction-Information Field as Used for RDRAND and RDSEED" */
static void random_numbers_tell_register_and_size(void **state)
{
    (void)state;
    struct vmx_bench *b = in_guest_with(0, 1u << SECONDARY_rdrand_exiting);
    EXECUTE(b, 0x66, 0x0f, 0xc7, 0xf3); /* rdrand bx */
    assert_int_equal(bench_vmcs(b)->exit_instruction_info, REG_RBX << 3);
    bench_enter(b);
    EXECUTE(b, 0x0f, 0xc7, 0xf1); /* rdrand ecx */
    assert_int_equal(bench_vmcs(b)->exit_instruction_info, REG_RCX << 3 | 1 << 11);
    bench_enter(b);
    EXECUTE(b, 0x4d, 0x0f, 0xc7, 0xf7); /* rdrand r15 */
    assert_int_equal(bench_vmcs(b)->exit_instruction_info, 15 << 3 | 2 << 11);
    vmx_bench_free(b);
}

#define XSAVES(b) EXECUTE(b, 0x0f, 0xc7, 0x28)

static void xsaves_is_undefined_until_it_is_enabled(void **state)
{
    (void)state;
    struct vmx_bench *b = in_guest_with(0, 0);
    b->h.cr4 |= CR4_OSXSAVE;
    assert_int_equal(XSAVES(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
    vmx_bench_free(b);
    b = in_guest_with(0, 1u << SECONDARY_enable_xsaves);
    b->h.cr4 |= CR4_OSXSAVE;
    assert_int_equal(XSAVES(b), OUT_NEXT);
    vmx_bench_free(b);
}

/* Named by EDX:EAX, by IA32_XSS and by the XSS-exiting bitmap. */
static void xsaves_exits_for_the_components_of_its_bitmap(void **state)
{
    (void)state;
    for (u64 bitmap = 0; bitmap < 4; bitmap++) {
        struct vmx_bench *b = vmx_bench_ready(NULL);
        bench_vmcs(b)->secondary_controls |= 1u << SECONDARY_enable_xsaves;
        bench_vmcs(b)->xss_exiting_bitmap = bitmap << 8;
        bench_enter(b);
        b->h.cr4 |= CR4_OSXSAVE;
        b->h.fpu.xss = BIT(8);
        b->h.reg[REG_RAX] = AT_OPERAND | BIT(8);
        b->h.reg[REG_RDX] = 0;
        assert_int_equal(XSAVES(b) == OUT_EXIT, bitmap & 1);
        if (bitmap & 1) assert_int_equal(bench_exit(b), EXIT_xsaves);
        vmx_bench_free(b);
    }
}

/* No counter: 0 is all that can be there. */
static void perf_global_ctrl_is_loaded_on_entry_and_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->entry_controls |= 1u << ON_ENTRY_load_perf_global_ctrl;
    bench_vmcs(b)->exit_controls |= 1u << ON_EXIT_load_perf_global_ctrl;
    b->h.perf_global_ctrl = 1;
    bench_enter(b);
    assert_int_equal(b->h.perf_global_ctrl, 0);
    b->h.perf_global_ctrl = 1;
    CPUID(b);
    assert_int_equal(b->h.perf_global_ctrl, 0);
    vmx_bench_free(b);
}

static void controls_of_instructions_that_are_not_there_are_not_offered(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    assert_true(cpu_model_set_feature(&b->model, "rdrand", false));
    assert_true(cpu_model_set_feature(&b->model, "rdseed", false));
    assert_true(cpu_model_set_feature(&b->model, "xsaves", false));
    u32 all = b->x.allowed[VMX_SECONDARY].may_be_1;
    vmx_init(&b->x, &bench_vmx_cfg, &b->h, NULL);
    assert_int_equal(all ^ b->x.allowed[VMX_SECONDARY].may_be_1, 1u << SECONDARY_rdrand_exiting |
                                                                     1u << SECONDARY_rdseed_exiting |
                                                                     1u << SECONDARY_enable_xsaves);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mwait_tells_whether_the_monitor_is_armed),
        cmocka_unit_test(random_numbers_tell_register_and_size),
        cmocka_unit_test(xsaves_is_undefined_until_it_is_enabled),
        cmocka_unit_test(xsaves_exits_for_the_components_of_its_bitmap),
        cmocka_unit_test(perf_global_ctrl_is_loaded_on_entry_and_exit),
        cmocka_unit_test(controls_of_instructions_that_are_not_there_are_not_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
