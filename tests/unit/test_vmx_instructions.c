/* test_vmx_instructions.c - virt-ext/vmx_instructions.c: faults, VM exits and VMfail of each instruction
 * in the manual's order. */
#include "vmx_bench.h"

/* All but VMXON, by bytes. */
/* clang-format off */
static const struct {
    const char *name;
    enum exit_reason reason;
    u8 bytes[5];
} others[] = {
    {"vmxoff", EXIT_vmxoff, {0x0f, 0x01, 0xc4}},
    {"vmclear", EXIT_vmclear, {0x66, 0x0f, 0xc7, 0x30}},
    {"vmptrld", EXIT_vmptrld, {0x0f, 0xc7, 0x30}},
    {"vmptrst", EXIT_vmptrst, {0x0f, 0xc7, 0x38}},
    {"vmread", EXIT_vmread, {0x0f, 0x78, 0xcb}},
    {"vmwrite", EXIT_vmwrite, {0x0f, 0x79, 0xcb}},
    {"vmlaunch", EXIT_vmlaunch, {0x0f, 0x01, 0xc2}},
    {"vmresume", EXIT_vmresume, {0x0f, 0x01, 0xc3}},
    {"vmcall", EXIT_vmcall, {0x0f, 0x01, 0xc1}},
    {"invept", EXIT_invept, {0x66, 0x0f, 0x38, 0x80, 0x08}},
    {"invvpid", EXIT_invvpid, {0x66, 0x0f, 0x38, 0x81, 0x08}},
};
/* clang-format on */

static void assert_fault(const struct vmx_bench *b, enum outcome out, enum vector vector)
{
    assert_int_equal(out, OUT_FAULT);
    assert_int_equal(b->h.fault.kind, FAULT_EXCEPTION);
    assert_int_equal(b->h.fault.vector, vector);
    assert_int_equal(b->h.fault.error, 0);
}

static void assert_error(const struct vmx_bench *b, enum outcome out, enum vm_error error)
{
    assert_int_equal(bench_result(b, out), FAILED_VALID);
    assert_int_equal(bench_vmcs(b)->vm_instruction_error, error);
    assert_int_equal(b->x.failure.error, error);
}

static void set_cpl(struct vmx_bench *b, unsigned cpl)
{
    b->h.seg[SEG_SS].ar |= cpl << AR_DPL_SHIFT;
    hart_state_changed(&b->h);
}

/* --- VMXON and VMXOFF --- */

static void vmxon_enters_root_operation_without_a_current_vmcs(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    assert_int_equal(b->h.world, WORLD_NATIVE);
    bench_turn_on(b);
    assert_int_equal(b->h.world, WORLD_ROOT);
    b->h.reg[REG_RAX] = AT_OPERAND;
    assert_int_equal(bench_result(b, VMPTRST(b)), SUCCEEDED);
    assert_int_equal(bench_read64(b, AT_OPERAND), ~0ull);
    assert_int_equal(bench_result(b, VMXOFF(b)), SUCCEEDED);
    assert_int_equal(b->h.world, WORLD_NATIVE);
    vmx_bench_free(b);
}

static void vmxon_is_ud_without_cr4_vmxe_and_gp_with_wrong_control_registers(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    bench_point_at(b, AT_VMXON);
    b->h.cr4 &= ~CR4_VMXE;
    set_cpl(b, 3);
    assert_fault(b, VMXON(b), VEC_UD); /* before the privilege check */
    b->h.cr4 |= CR4_VMXE;
    assert_fault(b, VMXON(b), VEC_GP);
    b->h.seg[SEG_SS].ar &= ~(3u << AR_DPL_SHIFT);
    b->h.cr0 &= ~CR0_NE;
    set_cpl(b, 0);
    assert_fault(b, VMXON(b), VEC_GP);
    vmx_bench_free(b);
}

static void vmxon_is_gp_when_the_firmware_has_locked_vmx_off(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.bios_enabled = false;
    struct vmx_bench *b = vmx_bench_new(&cfg);
    bench_point_at(b, AT_VMXON);
    assert_fault(b, VMXON(b), VEC_GP);
    vmx_bench_free(b);
}

static void vmxon_fails_invalid_for_a_bad_region(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    u32 *revision = (u32 *)(void *)(b->mem.host + AT_VMXON);
    const u64 bad[] = {AT_VMXON + 8, BIT(52), RAM_BYTES};
    *revision = b->x.cfg.revision;
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
        bench_point_at(b, bad[n]);
        assert_int_equal(bench_result(b, VMXON(b)), FAILED_INVALID);
    }
    bench_point_at(b, AT_VMXON);
    *revision |= 1u << 31;
    assert_int_equal(bench_result(b, VMXON(b)), FAILED_INVALID);
    *revision = b->x.cfg.revision + 1;
    assert_int_equal(bench_result(b, VMXON(b)), FAILED_INVALID);
    assert_int_equal(b->h.world, WORLD_NATIVE);
    vmx_bench_free(b);
}

static void vmxon_in_root_operation_fails_with_error_15(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    assert_error(b, VMXON(b), VM_ERROR_vmxon_in_root);
    vmx_bench_free(b);
}

/* --- what all others share --- */

static enum outcome execute_other(struct vmx_bench *b, unsigned n)
{
    return bench_execute(b, others[n].bytes, sizeof others[n].bytes);
}

static void outside_vmx_operation_every_other_instruction_is_ud(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    for (unsigned n = 0; n < ARRAY_LEN(others); n++) assert_fault(b, execute_other(b, n), VEC_UD);
    vmx_bench_free(b);
}

static void in_root_operation_at_cpl_3_every_instruction_is_gp(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    set_cpl(b, 3);
    for (unsigned n = 0; n < ARRAY_LEN(others); n++) assert_fault(b, execute_other(b, n), VEC_GP);
    assert_fault(b, VMXON(b), VEC_GP);
    vmx_bench_free(b);
}

static void in_compatibility_mode_every_instruction_is_ud(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    b->h.seg[SEG_CS] = segment_flat_code(8, 0, false);
    hart_state_changed(&b->h);
    for (unsigned n = 0; n < ARRAY_LEN(others); n++) assert_fault(b, execute_other(b, n), VEC_UD);
    vmx_bench_free(b);
}

static void in_a_guest_every_instruction_exits_whatever_the_cpl(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(others); n++) {
        struct vmx_bench *b = vmx_bench_in_guest();
        b->h.cpl = 3;
        assert_int_equal(execute_other(b, n), OUT_EXIT);
        assert_int_equal(bench_exit(b), others[n].reason);
        assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST);
        assert_int_equal(b->h.cpl, 0);
        vmx_bench_free(b);
    }
}

static void vmfunc_is_ud_everywhere(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_in_guest();
    assert_fault(b, VMFUNC(b), VEC_UD);
    vmx_bench_free(b);
    b = vmx_bench_ready(NULL);
    assert_fault(b, VMFUNC(b), VEC_UD);
    vmx_bench_free(b);
}

static void without_a_current_vmcs_failures_are_invalid(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    bench_turn_on(b);
    assert_int_equal(bench_result(b, VMREAD(b)), FAILED_INVALID);
    assert_int_equal(bench_result(b, VMWRITE(b)), FAILED_INVALID);
    assert_int_equal(bench_result(b, VMLAUNCH(b)), FAILED_INVALID);
    assert_int_equal(bench_result(b, VMRESUME(b)), FAILED_INVALID);
    assert_int_equal(bench_result(b, VMCALL(b)), FAILED_INVALID);
    assert_true(b->x.failure.rejected);
    assert_int_equal(b->x.stats.vmfails, 5);
    vmx_bench_free(b);
}

static void an_operand_that_faults_leaves_everything_as_it_was(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    b->flat.absent_page = AT_OPERAND;
    b->h.reg[REG_RAX] = AT_OPERAND;
    soft_tlb_flush(&b->h.soft);
    u64 flags = hart_rflags(&b->h);
    assert_int_equal(VMPTRLD(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_PF);
    assert_int_equal(VMPTRST(b), OUT_FAULT);
    assert_int_equal(VMCLEAR(b), OUT_FAULT);
    b->h.reg[REG_RCX] = 1;
    assert_int_equal(INVEPT(b), OUT_FAULT);
    assert_int_equal(b->x.current, AT_VMCS);
    assert_int_equal(hart_rflags(&b->h), flags);
    assert_int_equal(b->told.invept_calls, 0);
    vmx_bench_free(b);
}

/* --- VMCLEAR, VMPTRLD, VMPTRST --- */

static void vmptrld_checks_address_vmxon_pointer_and_revision(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_point_at(b, AT_OTHER_VMCS + 1);
    assert_error(b, VMPTRLD(b), VM_ERROR_vmptrld_address);
    bench_point_at(b, BIT(50));
    assert_error(b, VMPTRLD(b), VM_ERROR_vmptrld_address);
    bench_point_at(b, AT_VMXON);
    assert_error(b, VMPTRLD(b), VM_ERROR_vmptrld_vmxon_pointer);
    bench_point_at(b, AT_OTHER_VMCS);
    assert_error(b, VMPTRLD(b), VM_ERROR_vmptrld_revision);
    bench_point_at(b, RAM_BYTES); /* no RAM there */
    assert_error(b, VMPTRLD(b), VM_ERROR_vmptrld_revision);
    assert_int_equal(b->x.current, AT_VMCS);
    vmx_bench_free(b);
}

static void vmclear_checks_address_and_vmxon_pointer(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_point_at(b, AT_OTHER_VMCS + 0x800);
    assert_error(b, VMCLEAR(b), VM_ERROR_vmclear_address);
    bench_point_at(b, AT_VMXON);
    assert_error(b, VMCLEAR(b), VM_ERROR_vmclear_vmxon_pointer);
    bench_point_at(b, RAM_BYTES); /* nothing to clear, and nothing wrong */
    assert_int_equal(bench_result(b, VMCLEAR(b)), SUCCEEDED);
    assert_int_equal(b->x.current, AT_VMCS);
    vmx_bench_free(b);
}

static void vmclear_of_the_current_vmcs_leaves_none(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_point_at(b, AT_VMCS);
    assert_int_equal(bench_result(b, VMCLEAR(b)), SUCCEEDED);
    assert_int_equal(bench_result(b, VMPTRST(b)), SUCCEEDED);
    assert_int_equal(bench_read64(b, AT_OPERAND), ~0ull);
    vmx_bench_free(b);
}

static void two_vmcss_keep_their_fields_while_one_is_current(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    *(u32 *)(void *)(b->mem.host + AT_OTHER_VMCS) = b->x.cfg.revision;
    const u64 region[] = {AT_VMCS, AT_OTHER_VMCS};
    for (unsigned n = 0; n < 2; n++) {
        bench_point_at(b, region[n]);
        assert_int_equal(bench_result(b, VMPTRLD(b)), SUCCEEDED);
        b->h.reg[REG_RCX] = 0x681e;
        b->h.reg[REG_RBX] = 0x1000 + n;
        assert_int_equal(bench_result(b, VMWRITE(b)), SUCCEEDED);
    }
    for (unsigned n = 0; n < 2; n++) {
        bench_point_at(b, region[n]);
        assert_int_equal(bench_result(b, VMPTRLD(b)), SUCCEEDED);
        assert_int_equal(bench_result(b, VMREAD(b)), SUCCEEDED);
        assert_int_equal(b->h.reg[REG_RBX], 0x1000 + n);
    }
    vmx_bench_free(b);
}

/* --- VMREAD and VMWRITE with memory --- */

static void vmread_and_vmwrite_take_memory_operands(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    b->h.reg[REG_RCX] = 0x4004; /* exception bitmap: 32 bits */
    bench_point_at(b, 0xaaaaaaaa12345678);
    assert_int_equal(bench_result(b, EXECUTE(b, 0x0f, 0x79, 0x08)), SUCCEEDED);
    bench_point_at(b, ~0ull);
    assert_int_equal(bench_result(b, EXECUTE(b, 0x0f, 0x78, 0x08)), SUCCEEDED);
    assert_int_equal(bench_read64(b, AT_OPERAND), 0x12345678); /* 64 bits are written */
    vmx_bench_free(b);
}

/* --- VMLAUNCH, VMRESUME, VMCALL --- */

static void launch_state_decides_between_vmlaunch_and_vmresume(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    assert_error(b, VMRESUME(b), VM_ERROR_vmresume_not_launched);
    assert_int_equal(VMLAUNCH(b), OUT_EXIT);
    assert_int_equal(CPUID(b), OUT_EXIT);
    assert_error(b, VMLAUNCH(b), VM_ERROR_vmlaunch_not_clear);
    assert_int_equal(VMRESUME(b), OUT_EXIT);
    assert_int_equal(CPUID(b), OUT_EXIT);
    bench_point_at(b, AT_VMCS);
    VMCLEAR(b);
    VMPTRLD(b);
    assert_error(b, VMRESUME(b), VM_ERROR_vmresume_not_launched);
    assert_int_equal(VMLAUNCH(b), OUT_EXIT);
    assert_int_equal(b->x.stats.entries, 3);
    vmx_bench_free(b);
}

static void an_entry_in_the_shadow_of_mov_ss_fails_with_error_26(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    b->h.movss_shadow = true;
    assert_error(b, VMLAUNCH(b), VM_ERROR_entry_blocked_by_mov_ss);
    vmx_bench_free(b);
}

static void vmcall_in_root_operation_fails_with_error_1(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    assert_error(b, VMCALL(b), VM_ERROR_vmcall_in_root);
    vmx_bench_free(b);
}

static void a_guest_may_vmcall_from_compatibility_mode(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_in_guest();
    b->h.seg[SEG_CS] = segment_flat_code(8, 0, false);
    hart_state_changed(&b->h);
    assert_fault(b, VMRESUME(b), VEC_UD);
    assert_int_equal(VMCALL(b), OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_vmcall);
    assert_int_equal(bench_vmcs(b)->exit_instruction_length, 3);
    vmx_bench_free(b);
}

/* --- INVEPT and INVVPID --- */

static enum outcome invalidate(struct vmx_bench *b, bool ept, u64 type, u64 low, u64 high)
{
    bench_point_at(b, low);
    bench_write64(b, AT_OPERAND + 8, high);
    b->h.reg[REG_RCX] = type;
    return ept ? INVEPT(b) : INVVPID(b);
}

static void invept_takes_types_1_and_2_and_a_legal_ept_pointer(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    assert_error(b, invalidate(b, true, 0, GUEST_EPTP, 0), VM_ERROR_invalid_operand);
    assert_error(b, invalidate(b, true, 3, GUEST_EPTP, 0), VM_ERROR_invalid_operand);
    assert_error(b, invalidate(b, true, 1, 0, 0), VM_ERROR_invalid_operand);
    assert_error(b, invalidate(b, true, 1, GUEST_EPTP, 1), VM_ERROR_invalid_operand);
    assert_int_equal(b->told.invept_calls, 0);
    assert_int_equal(bench_result(b, invalidate(b, true, 1, GUEST_EPTP, 0)), SUCCEEDED);
    assert_int_equal(b->told.invalidated_type, INVEPT_SINGLE);
    assert_int_equal(b->told.invalidated_eptp, GUEST_EPTP);
    assert_int_equal(bench_result(b, invalidate(b, true, 2, ~0ull, ~0ull)), SUCCEEDED);
    assert_int_equal(b->told.invept_calls, 2);
    vmx_bench_free(b);
}

static void invvpid_takes_four_types_with_their_descriptors(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    assert_error(b, invalidate(b, false, 4, 1, 0), VM_ERROR_invalid_operand);
    assert_error(b, invalidate(b, false, 1, 0x10001, 0), VM_ERROR_invalid_operand);
    assert_error(b, invalidate(b, false, 0, 0, 0x1000), VM_ERROR_invalid_operand);
    assert_error(b, invalidate(b, false, 0, 1, 0x0000900000000000), VM_ERROR_invalid_operand);
    assert_error(b, invalidate(b, false, 1, 0, 0), VM_ERROR_invalid_operand);
    assert_error(b, invalidate(b, false, 3, 0, 0), VM_ERROR_invalid_operand);
    assert_int_equal(b->told.invvpid_calls, 0);
    for (u64 type = 0; type <= 3; type++) {
        assert_int_equal(bench_result(b, invalidate(b, false, type, type == 2 ? 0 : 9, 0x7000)), SUCCEEDED);
        assert_int_equal(b->told.invalidated_type, type);
    }
    assert_int_equal(b->told.invalidated_vpid, 9);
    assert_int_equal(b->told.invalidated_va.v, 0x7000);
    vmx_bench_free(b);
}

static void invept_and_invvpid_are_ud_without_their_feature(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.ept = cfg.vpid = false;
    struct vmx_bench *b = vmx_bench_ready(&cfg);
    assert_fault(b, invalidate(b, true, 2, 0, 0), VEC_UD);
    assert_fault(b, invalidate(b, false, 2, 0, 0), VEC_UD);
    vmx_bench_free(b);
}

/* --- counts --- */

static void instructions_are_counted_in_root_operation(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL); /* VMXON, VMCLEAR, VMPTRLD */
    assert_int_equal(b->x.stats.instructions, 3);
    b->h.reg[REG_RCX] = 0x681e;
    VMREAD(b);
    VMWRITE(b);
    assert_int_equal(b->x.stats.instructions, 5);
    assert_int_equal(b->x.stats.vmreads, 1);
    assert_int_equal(b->x.stats.vmwrites, 1);
    bench_vmcs(b)->guest_rip = AT_GUEST;
    bench_enter(b);
    VMCALL(b);
    assert_int_equal(b->x.stats.instructions, 6);
    assert_int_equal(b->x.stats.exits[EXIT_vmcall], 1);
    vmx_bench_free(b);
}

static void a_report_without_a_failure_says_so(void **state)
{
    (void)state;
    char text[256] = "";
    struct vmx_bench *b = vmx_bench_ready(NULL);
    FILE *out = fmemopen(text, sizeof text, "w");
    vmx_print_failure(&b->x, out);
    fclose(out);
    assert_string_equal(text, "no VMX instruction and no VM entry has failed\n");
    vmx_bench_free(b);
}

/* --- VMCSs that the processor holds --- */

static void load_vmcs(struct vmx_bench *b, u64 region)
{
    *(u32 *)(void *)(b->mem.host + region) = b->x.cfg.revision;
    bench_point_at(b, region);
    assert_int_equal(bench_result(b, VMPTRLD(b)), SUCCEEDED);
}

#define AT_VMCSS 0x30000u

static struct vmcs *vmcs_number(struct vmx_bench *b, unsigned n)
{
    return (struct vmcs *)(void *)(b->mem.host + AT_VMCSS + n * PAGE_BYTES);
}

static void a_held_vmcs_keeps_its_checked_controls_and_the_oldest_makes_room(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.vmcs_held = 2;
    struct vmx_bench *b = vmx_bench_new(&cfg);
    bench_turn_on(b);
    static const struct {
        unsigned number;
        bool loads;
    } steps[] = {{0, true}, {1, true}, {0, false}, {2, true}, {0, false}, {1, true}};
    u64 loads = 0;
    for (unsigned n = 0; n < ARRAY_LEN(steps); n++) {
        struct vmcs *v = vmcs_number(b, steps[n].number);
        v->controls_rewritten = 0;
        load_vmcs(b, AT_VMCSS + steps[n].number * PAGE_BYTES);
        assert_int_equal(v->controls_rewritten, steps[n].loads);
        assert_int_equal(b->x.stats.vmcs_loads, loads += steps[n].loads);
    }
    assert_int_equal(b->x.stats.vmcs_write_backs, 2);
    vmx_bench_free(b);
}

static void vmclear_writes_back_what_the_processor_holds(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    bench_turn_on(b);
    load_vmcs(b, AT_VMCS);
    record_reset(&b->record);
    b->h.record = &b->record;
    assert_int_equal(bench_result(b, VMCLEAR(b)), SUCCEEDED);
    unsigned stores = 0;
    for (unsigned n = 0; n < b->record.n_accesses; n++)
        stores += b->record.access[n].kind == ACCESS_WRITE &&
                  b->record.access[n].at.v - AT_VMCS < sizeof(struct vmcs);
    assert_int_equal(stores, (sizeof(struct vmcs) + LINE_BYTES - 1) / LINE_BYTES);
    record_reset(&b->record);
    assert_int_equal(bench_result(b, VMCLEAR(b)), SUCCEEDED);
    assert_int_equal(b->x.stats.vmcs_write_backs, 1);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vmxon_enters_root_operation_without_a_current_vmcs),
        cmocka_unit_test(vmxon_is_ud_without_cr4_vmxe_and_gp_with_wrong_control_registers),
        cmocka_unit_test(vmxon_is_gp_when_the_firmware_has_locked_vmx_off),
        cmocka_unit_test(vmxon_fails_invalid_for_a_bad_region),
        cmocka_unit_test(vmxon_in_root_operation_fails_with_error_15),
        cmocka_unit_test(outside_vmx_operation_every_other_instruction_is_ud),
        cmocka_unit_test(in_root_operation_at_cpl_3_every_instruction_is_gp),
        cmocka_unit_test(in_compatibility_mode_every_instruction_is_ud),
        cmocka_unit_test(in_a_guest_every_instruction_exits_whatever_the_cpl),
        cmocka_unit_test(vmfunc_is_ud_everywhere),
        cmocka_unit_test(without_a_current_vmcs_failures_are_invalid),
        cmocka_unit_test(an_operand_that_faults_leaves_everything_as_it_was),
        cmocka_unit_test(vmptrld_checks_address_vmxon_pointer_and_revision),
        cmocka_unit_test(vmclear_checks_address_and_vmxon_pointer),
        cmocka_unit_test(vmclear_of_the_current_vmcs_leaves_none),
        cmocka_unit_test(two_vmcss_keep_their_fields_while_one_is_current),
        cmocka_unit_test(vmread_and_vmwrite_take_memory_operands),
        cmocka_unit_test(launch_state_decides_between_vmlaunch_and_vmresume),
        cmocka_unit_test(an_entry_in_the_shadow_of_mov_ss_fails_with_error_26),
        cmocka_unit_test(vmcall_in_root_operation_fails_with_error_1),
        cmocka_unit_test(a_guest_may_vmcall_from_compatibility_mode),
        cmocka_unit_test(invept_takes_types_1_and_2_and_a_legal_ept_pointer),
        cmocka_unit_test(invvpid_takes_four_types_with_their_descriptors),
        cmocka_unit_test(invept_and_invvpid_are_ud_without_their_feature),
        cmocka_unit_test(instructions_are_counted_in_root_operation),
        cmocka_unit_test(a_report_without_a_failure_says_so),
        cmocka_unit_test(a_held_vmcs_keeps_its_checked_controls_and_the_oldest_makes_room),
        cmocka_unit_test(vmclear_writes_back_what_the_processor_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
