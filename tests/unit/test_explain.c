/* test_explain.c - virt-ext/explain.c: every way in which a VMX instruction or a VM exit can fail is explained. The tests are generated from
 * the tables of refusals, VM-instruction errors and VMX aborts: a row without a way to reach it does not compile. Rules of VM entries are in
 * test_entry_checks.c. */
#include "virt-ext/internal.h"
#include "vmx_bench.h"

#define REACH(name) static void reach_##name(struct vmx_bench *b)
#define POINT_AND(b, value, instruction) (bench_point_at(b, value), (void)instruction(b))

static void set_cpl(struct vmx_bench *b, unsigned cpl)
{
    b->h.seg[SEG_SS].ar |= cpl << AR_DPL_SHIFT;
    hart_state_changed(&b->h);
}

/* clang-format off */
/* --- refusals: each from the state of a bench outside VMX operation --- */

REACH(no_vmx)          { b->x.cfg.present = false; POINT_AND(b, AT_VMXON, VMXON); }
REACH(mode)            { b->h.seg[SEG_CS].ar &= ~(u32)AR_L; hart_state_changed(&b->h); POINT_AND(b, AT_VMXON, VMXON); }
REACH(vmxe)            { b->h.cr4 &= ~CR4_VMXE; POINT_AND(b, AT_VMXON, VMXON); }
REACH(outside_vmx)     { VMRESUME(b); }
REACH(cpl)             { set_cpl(b, 3); POINT_AND(b, AT_VMXON, VMXON); }
REACH(cr0_fixed)       { b->h.cr0 &= ~CR0_NE; POINT_AND(b, AT_VMXON, VMXON); }
REACH(cr4_fixed)       { b->h.cr4 |= BIT(63); POINT_AND(b, AT_VMXON, VMXON); }
REACH(feature_control) { b->x.cfg.bios_enabled = false; POINT_AND(b, AT_VMXON, VMXON); }

/* --- VM-instruction errors: each with a good, current, clear VMCS --- */

REACH(vmcall_in_root)          { VMCALL(b); }
REACH(vmclear_address)         { POINT_AND(b, AT_VMCS + 8, VMCLEAR); }
REACH(vmclear_vmxon_pointer)   { POINT_AND(b, AT_VMXON, VMCLEAR); }
REACH(vmlaunch_not_clear)      { bench_vmcs(b)->launch_state = VMCS_LAUNCH_LAUNCHED; VMLAUNCH(b); }
REACH(vmresume_not_launched)   { VMRESUME(b); }
REACH(entry_controls)          { bench_vmcs(b)->pin_controls |= BIT(1) | BIT(8); VMLAUNCH(b); }
REACH(entry_host_state)        { bench_vmcs(b)->host_cs_selector = 0; VMLAUNCH(b); }
REACH(vmptrld_address)         { POINT_AND(b, BIT(60), VMPTRLD); }
REACH(vmptrld_vmxon_pointer)   { POINT_AND(b, AT_VMXON, VMPTRLD); }
REACH(vmptrld_revision)        { bench_write64(b, AT_MSR_LIST, 0x12345678); POINT_AND(b, AT_MSR_LIST, VMPTRLD); }
REACH(unsupported_component)   { b->h.reg[REG_RCX] = 0x4bbe; VMREAD(b); }
REACH(vmwrite_read_only)       { b->x.cfg.vmwrite_any = false; b->h.reg[REG_RCX] = 0x4402; VMWRITE(b); }
REACH(vmxon_in_root)           { POINT_AND(b, AT_VMXON, VMXON); }
REACH(entry_blocked_by_mov_ss) { b->h.movss_shadow = true; VMLAUNCH(b); }
REACH(invalid_operand)         { b->h.reg[REG_RCX] = 9; POINT_AND(b, 0, INVEPT); }

/* --- VMX aborts: each from inside a guest, whose CPUID exits --- */

static void put_msr(struct vmx_bench *b, u32 msr) { bench_write64(b, AT_MSR_LIST, msr); bench_write64(b, AT_MSR_LIST + 8, 0); }

REACH(saving_msrs)  { struct vmcs *v = bench_vmcs(b); put_msr(b, 0x12345); v->exit_msr_store_address = AT_MSR_LIST; v->exit_msr_store_count = 1; CPUID(b); }
REACH(host_pdptes)  { vmx_abort(&b->x, ABORT_host_pdptes); /* an exit to a PAE host: test_exits.c */ }
REACH(loading_msrs) { struct vmcs *v = bench_vmcs(b); put_msr(b, 0x12345); v->exit_msr_load_address = AT_MSR_LIST; v->exit_msr_load_count = 1; CPUID(b); }
REACH(host_size)    { bench_vmcs(b)->exit_controls &= ~(1u << ON_EXIT_host_address_space_size); CPUID(b); }

struct row {
    const char *name, *text;
    int expected;
    void (*reach)(struct vmx_bench *b);
};

static const struct row refusals[] = {
#define REFUSAL(name, vector, section, asks) {#name, asks, REFUSAL_##name, reach_##name},
#include "virt-ext/refusals.def"
#undef REFUSAL
};
static const struct row errors[] = {
#define VM_ERROR(number, name, meaning, asks) {#name, meaning, VM_ERROR_##name, reach_##name},
#include "virt-ext/vm_errors.def"
#undef VM_ERROR
};
static const struct row aborts[] = {
#define ABORT(number, name, meaning) {#name, meaning, ABORT_##name, reach_##name},
#include "virt-ext/aborts.def"
#undef ABORT
};
/* clang-format on */

/* --- reports --- */

static const char *report(const struct vmx_bench *b)
{
    static char text[8192];
    memset(text, 0, sizeof text);
    FILE *out = fmemopen(text, sizeof text, "w");
    vmx_print_failure(&b->x, out);
    fclose(out);
    return text;
}

static void assert_says(const struct vmx_bench *b, const char *words)
{
    const char *text = report(b);
    if (!strstr(text, words)) fail_msg("no '%s' in:\n%s", words, text);
}

static void a_refusal_says_what_it_asks(void **state)
{
    const struct row *row = *state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    row->reach(b);
    assert_int_equal(b->x.failure.refusal, row->expected);
    assert_int_equal(b->h.fault.vector, refusal_vector((enum vmx_refusal)row->expected));
    assert_int_equal(b->x.stats.refusals, 1);
    assert_says(b, row->text);
    assert_says(b, "manual:      SDM Vol. 3C, \"");
    assert_says(b, "CR4 0x");
    vmx_bench_free(b);
}

static void an_error_number_is_explained(void **state)
{
    const struct row *row = *state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    row->reach(b);
    assert_int_equal(bench_vmcs(b)->vm_instruction_error, row->expected);
    assert_int_equal(b->x.failure.error, row->expected);
    assert_says(b, "VMfailValid, error ");
    assert_says(b, row->text);
    assert_says(b, "it asks:     ");
    assert_says(b, "manual:      SDM Vol. 3C, \"");
    vmx_bench_free(b);
}

static void a_vmx_abort_is_explained(void **state)
{
    const struct row *row = *state;
    struct vmx_bench *b = vmx_bench_in_guest();
    row->reach(b);
    assert_int_equal(b->x.failure.abort, row->expected);
    assert_int_equal(bench_vmcs(b)->abort, row->expected);
    assert_int_equal(b->h.activity, ACTIVITY_SHUTDOWN);
    assert_says(b, row->text);
    assert_says(b, "\"VMX Aborts\"");
    vmx_bench_free(b);
}

/* --- details --- */

static void a_wrong_control_word_names_the_bits(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->pin_controls = (v->pin_controls & ~(u32)BIT(1)) | (u32)BIT(8);
    VMLAUNCH(b);
    assert_says(b, "bit 8 is 1, and this processor has no such control");
    assert_says(b, "bit 1 is 0, and must be 1");
    v->pin_controls = b->x.allowed[VMX_PIN].must_be_1;
    b->x.allowed[VMX_SECONDARY].may_be_1 &= ~(1u << SECONDARY_enable_vpid);
    VMLAUNCH(b);
    assert_says(b, "bit 5 (enable_vpid) is 1");
    vmx_bench_free(b);
}

static void a_failed_instruction_names_itself_and_its_operand(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_write64(b, AT_MSR_LIST, 0x12345678);
    POINT_AND(b, AT_MSR_LIST, VMPTRLD);
    assert_says(b, "VMPTRLD at rip 0x");
    assert_says(b, "begins with 0x12345678; the processor's revision identifier is 0x00000011");
    b->x.cfg.vmfunc = false;
    b->h.reg[REG_RCX] = 0x2024;
    VMWRITE(b);
    assert_says(b, "VMWRITE at rip 0x");
    assert_says(b, "field 0x2024, eptp_list, which this configuration lacks");
    vmx_bench_free(b);
}

static void without_a_current_vmcs_the_failure_is_vmfailinvalid(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    POINT_AND(b, AT_VMCS, VMCLEAR);
    VMLAUNCH(b);
    assert_says(b, "VMLAUNCH at rip 0x");
    assert_says(b, "VMfailInvalid");
    assert_says(b, "VMPTRLD first");
    vmx_bench_free(b);
}

static void note(void *self) { ++*(unsigned *)self; }

static void each_failure_is_told_as_it_happens(void **state)
{
    (void)state;
    unsigned told = 0;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    b->x.on_exit = NULL;
    b->x.on_failure = note;
    b->x.on_exit_self = &told;
    VMCALL(b);
    VMRESUME(b);
    assert_int_equal(told, 2);
    bench_vmcs(b)->guest_rflags = 0;
    VMLAUNCH(b);
    assert_int_equal(told, 3);
    vmx_bench_free(b);
}

#define AROUND 4

/* Tests of one table, one a row, behind those that are there. */
static size_t add_rows(struct CMUnitTest *tests, size_t n, const struct row *rows, size_t count, CMUnitTestFunction test)
{
    for (size_t i = 0; i < count; i++)
        tests[n + i] =
            (struct CMUnitTest){.name = rows[i].name, .test_func = test, .initial_state = (void *)(uintptr_t)&rows[i]};
    return n + count;
}

int main(void)
{
    struct CMUnitTest tests[AROUND + ARRAY_LEN(refusals) + ARRAY_LEN(errors) + ARRAY_LEN(aborts)] = {
        cmocka_unit_test(a_wrong_control_word_names_the_bits),
        cmocka_unit_test(a_failed_instruction_names_itself_and_its_operand),
        cmocka_unit_test(without_a_current_vmcs_the_failure_is_vmfailinvalid),
        cmocka_unit_test(each_failure_is_told_as_it_happens),
    };
    size_t n = add_rows(tests, AROUND, refusals, ARRAY_LEN(refusals), a_refusal_says_what_it_asks);
    n = add_rows(tests, n, errors, ARRAY_LEN(errors), an_error_number_is_explained);
    n = add_rows(tests, n, aborts, ARRAY_LEN(aborts), a_vmx_abort_is_explained);
    return _cmocka_run_group_tests("explain", tests, n, NULL, NULL);
}
