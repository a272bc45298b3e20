/* test_vmx_modes.c - guests in every mode: real, virtual-8086, without paging, with 32-bit and PAE paging. What an
 * entry loads, what an exit saves, and what they owe the PDPTE registers. */
#include "vmx_bench.h"

#define RIGHTS_REAL 0x93u
#define RIGHTS_V86  0xf3u
#define RIGHTS_CODE 0xc09bu
#define AT_PDPT     0x15020u
#define PDPTE(n)    (0x100000ull * ((n) + 1) | 1)

static void set_segments(struct vmcs *v, u32 rights, u32 limit, bool paragraphs)
{
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        u64 selector = vmcs_read(v, VMCS_guest_es_selector + s, false);
        vmcs_write(v, VMCS_guest_es_base + s, false, paragraphs ? selector << 4 : 0);
        vmcs_write(v, VMCS_guest_es_limit + s, false, limit);
        vmcs_write(v, VMCS_guest_es_ar + s, false, rights);
    }
}

/* 32-bit protected mode; paging as `cr0` and `cr4` say. */
static struct vmx_bench *ready_32bit(u64 cr0, u64 cr4)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->secondary_controls |= 1u << SECONDARY_unrestricted_guest;
    v->entry_controls &= ~(1u << ON_ENTRY_ia32e_mode_guest);
    v->guest_cr0 = CR0_NE | CR0_ET | cr0;
    v->guest_cr4 = CR4_VMXE | cr4;
    v->guest_cr3 = AT_PDPT;
    v->guest_cs_ar = RIGHTS_CODE;
    for (unsigned n = 0; n < PDPTES; n++) {
        bench_write64(b, AT_PDPT + 8 * n, PDPTE(n + 4));
        vmcs_write(v, VMCS_guest_pdpte0 + n, false, PDPTE(n));
    }
    return b;
}

static void a_guest_in_real_address_mode_enters_and_leaves_as_it_was(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_32bit(0, 0);
    struct vmcs *v = bench_vmcs(b);
    set_segments(v, RIGHTS_REAL, 0xffff, true);
    v->guest_cs_selector = v->guest_cs_base = 0;
    bench_enter(b);
    assert_int_equal(b->h.mode, MODE_REAL16);
    assert_int_equal(b->h.cpl, 0);
    assert_int_equal(b->h.efer & (EFER_LMA | EFER_LME), EFER_LME); /* without paging LME stays the host's */
    CPUID(b);
    assert_int_equal(bench_exit(b), EXIT_cpuid);
    assert_int_equal(v->guest_cs_ar, RIGHTS_REAL);
    assert_int_equal(v->guest_cr0, CR0_NE | CR0_ET);
    assert_int_equal(b->h.mode, MODE_LONG64);
    bench_enter(b);
    assert_int_equal(b->h.mode, MODE_REAL16);
    vmx_bench_free(b);
}

static void a_guest_in_virtual_8086_mode_runs_at_cpl_3(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_32bit(CR0_PE | CR0_PG, 0);
    struct vmcs *v = bench_vmcs(b);
    set_segments(v, RIGHTS_V86, 0xffff, true);
    v->guest_rflags |= RFLAGS_VM;
    bench_enter(b);
    assert_true(hart_in_v86(&b->h));
    assert_int_equal(b->h.cpl, 3);
    CPUID(b);
    assert_int_equal(bench_exit(b), EXIT_cpuid);
    assert_true(v->guest_rflags & RFLAGS_VM);
    assert_int_equal(v->guest_ss_ar, RIGHTS_V86);
    vmx_bench_free(b);
}

/* "VM-Exit Information for Vectored Events": no error code where none would be pushed. */
static void exceptions_of_real_address_mode_have_no_error_code(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_32bit(0, 0);
    struct vmcs *v = bench_vmcs(b);
    set_segments(v, RIGHTS_REAL, 0xffff, true);
    v->guest_cs_selector = v->guest_cs_base = 0;
    v->exception_bitmap = 1u << VEC_GP;
    bench_enter(b);
    hart_gp(&b->h, 0);
    isa_raise(&b->h);
    assert_int_equal(bench_exit(b), EXIT_exception_or_nmi);
    assert_int_equal(v->exit_interruption_info, 1u << 31 | EVENT_HARDWARE << 8 | VEC_GP);
    vmx_bench_free(b);
}

/* "Saving Control Registers, Debug Registers, and MSRs" */
static void exits_save_the_mode_in_the_ia32e_mode_guest_control(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_32bit(CR0_PE, CR4_PAE);
    struct vmcs *v = bench_vmcs(b);
    bench_enter(b);
    b->h.efer |= EFER_LME;
    assert_true(hart_write_cr0(&b->h, b->h.cr0 | CR0_PG));
    CPUID(b);
    assert_true(v->entry_controls & 1u << ON_ENTRY_ia32e_mode_guest);
    bench_enter(b);
    assert_true(hart_in_long_mode(&b->h));
    assert_true(hart_write_cr0(&b->h, b->h.cr0 & ~CR0_PG));
    CPUID(b);
    assert_false(v->entry_controls & 1u << ON_ENTRY_ia32e_mode_guest);
    vmx_bench_free(b);
}

static void only_unrestricted_guests_may_stop_paging(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->guest_cs_ar = RIGHTS_CODE;
    bench_enter(b);
    assert_false(hart_write_cr0(&b->h, b->h.cr0 & ~CR0_PG));
    CPUID(b);
    bench_vmcs(b)->secondary_controls |= 1u << SECONDARY_unrestricted_guest;
    bench_enter(b);
    assert_false(hart_write_cr0(&b->h, b->h.cr0 & ~CR0_NE));
    assert_true(hart_write_cr0(&b->h, b->h.cr0 & ~CR0_PG));
    vmx_bench_free(b);
}

static void under_ept_pdptes_come_from_the_vmcs_and_go_there(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_32bit(CR0_PE | CR0_PG, CR4_PAE);
    bench_enter(b);
    for (unsigned n = 0; n < PDPTES; n++) assert_int_equal(b->h.pdpte[n], PDPTE(n));
    assert_true(hart_write_cr3(&b->h, AT_PDPT));
    for (unsigned n = 0; n < PDPTES; n++) assert_int_equal(b->h.pdpte[n], PDPTE(n + 4));
    CPUID(b);
    assert_int_equal(bench_vmcs(b)->guest_pdpte3, PDPTE(7));
    vmx_bench_free(b);
}

static void without_ept_pdptes_come_from_memory_and_stay_there(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_32bit(CR0_PE | CR0_PG, CR4_PAE);
    struct vmcs *v = bench_vmcs(b);
    v->secondary_controls = 0;
    bench_enter(b);
    assert_int_equal(b->h.pdpte[2], PDPTE(6));
    CPUID(b);
    assert_int_equal(v->guest_pdpte2, PDPTE(2));
    bench_write64(b, AT_PDPT + 16, 1 | BIT(1)); /* reserved */
    assert_int_equal(VMRESUME(b), OUT_EXIT);
    assert_int_equal(v->exit_reason, 1u << 31 | EXIT_entry_failure_guest_state);
    assert_int_equal(v->exit_qualification, 2);
    assert_int_equal(b->x.failure.check, ENTRY_CHECK_guest_pdptes);
    vmx_bench_free(b);
}

/* Not in use: not checked, not loaded. */
static void pdptes_of_other_paging_modes_do_not_matter(void **state)
{
    (void)state;
    static const u64 modes[][2] = {{CR0_PE | CR0_PG, 0}, {CR0_PE, CR4_PAE}};
    for (unsigned n = 0; n < ARRAY_LEN(modes); n++) {
        struct vmx_bench *b = ready_32bit(modes[n][0], modes[n][1]);
        bench_vmcs(b)->guest_pdpte0 = ~0ull;
        bench_enter(b);
        assert_int_equal(b->h.pdpte[0], 0);
        vmx_bench_free(b);
    }
}

/* --- 32-bit hosts --- */

/* A host in PAE paging, with a guest that has no paging. */
static struct vmx_bench *ready_32bit_host(void)
{
    struct vmx_bench *b = ready_32bit(CR0_PE, 0);
    struct vmcs *v = bench_vmcs(b);
    b->h.efer = 0;
    b->h.seg[SEG_CS] = segment_flat_code(8, 0, false);
    hart_state_changed(&b->h);
    v->exit_controls &= ~(1u << ON_EXIT_host_address_space_size);
    v->host_cr3 = AT_PDPT;
    return b;
}

static void a_host_with_pae_paging_gets_its_pdptes_back(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_32bit_host();
    bench_enter(b);
    CPUID(b);
    assert_int_equal(b->h.world, WORLD_ROOT);
    assert_int_equal(b->h.pdpte[1], PDPTE(5));
    vmx_bench_free(b);
}

static void bad_host_pdptes_abort(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_32bit_host();
    bench_enter(b);
    bench_write64(b, AT_PDPT, 1 | BIT(1));
    CPUID(b);
    assert_int_equal(bench_vmcs(b)->abort, 2);
    assert_int_equal(b->h.activity, ACTIVITY_SHUTDOWN);
    vmx_bench_free(b);
}

static void a_long_mode_guest_cannot_exit_to_a_32bit_host(void **state)
{
    (void)state;
    struct vmx_bench *b = ready_32bit_host();
    bench_enter(b);
    b->h.efer |= EFER_LME | EFER_LMA;
    CPUID(b);
    assert_int_equal(bench_vmcs(b)->abort, 6);
    assert_int_equal(b->h.activity, ACTIVITY_SHUTDOWN);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_in_real_address_mode_enters_and_leaves_as_it_was),
        cmocka_unit_test(a_guest_in_virtual_8086_mode_runs_at_cpl_3),
        cmocka_unit_test(exceptions_of_real_address_mode_have_no_error_code),
        cmocka_unit_test(exits_save_the_mode_in_the_ia32e_mode_guest_control),
        cmocka_unit_test(only_unrestricted_guests_may_stop_paging),
        cmocka_unit_test(under_ept_pdptes_come_from_the_vmcs_and_go_there),
        cmocka_unit_test(without_ept_pdptes_come_from_memory_and_stay_there),
        cmocka_unit_test(pdptes_of_other_paging_modes_do_not_matter),
        cmocka_unit_test(a_host_with_pae_paging_gets_its_pdptes_back),
        cmocka_unit_test(bad_host_pdptes_abort),
        cmocka_unit_test(a_long_mode_guest_cannot_exit_to_a_32bit_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
