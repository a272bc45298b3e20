/* test_entry_checks.c - virt-ext/entry_checks.def: a good VMCS enters, and for each row there is one change
 * that breaks exactly that rule.
 *
 * The table of changes is generated from the table of rules: a rule without a change does not compile. */
#include "vmx_bench.h"

#define SET(field, bit)      ((field) |= 1u << (bit))
#define BREAK(name)          static void break_##name(struct vmcs *v, struct vmx_bench *b)
#define TOO_WIDE             BIT(52)
#define NOT_CANONICAL        0x0000900000000000ull
#define INJECT(type, vector) (1u << 31 | (type) << 8 | (vector))

/* clang-format off */
/* --- VM-execution, VM-exit and VM-entry controls --- */

BREAK(pin_controls) { (void)b; v->pin_controls &= ~BIT(1); }
BREAK(primary_controls) { (void)b; SET(v->primary_controls, 0); }
BREAK(secondary_controls) { (void)b; SET(v->secondary_controls, 30); }
#define WITHOUT_EPT(control) SET(v->secondary_controls, control); v->secondary_controls &= ~(1u << SECONDARY_enable_ept)
BREAK(pml_needs_ept) { (void)b; WITHOUT_EPT(SECONDARY_enable_pml); }
BREAK(pml_address) { (void)b; SET(v->secondary_controls, SECONDARY_enable_pml); v->pml_address = 0x800; }
BREAK(mode_based_execute_needs_ept) { (void)b; WITHOUT_EPT(SECONDARY_mode_based_execute); }
BREAK(ve_information_address) { (void)b; SET(v->secondary_controls, SECONDARY_ept_violation_ve); v->ve_information_address = TOO_WIDE; }
BREAK(unrestricted_needs_ept) { (void)b; SET(v->secondary_controls, SECONDARY_unrestricted_guest); v->secondary_controls &= ~(1u << SECONDARY_enable_ept); }
BREAK(cr3_target_count) { (void)b; v->cr3_target_count = 5; }
BREAK(io_bitmap_a_address) { (void)b; SET(v->primary_controls, PRIMARY_use_io_bitmaps); v->io_bitmap_a = 0x5001; }
BREAK(io_bitmap_b_address) { (void)b; SET(v->primary_controls, PRIMARY_use_io_bitmaps); v->io_bitmap_b = TOO_WIDE; }
BREAK(msr_bitmap_address) { (void)b; SET(v->primary_controls, PRIMARY_use_msr_bitmaps); v->msr_bitmap = 0x7800; }
#define WITH_TPR_SHADOW SET(v->primary_controls, PRIMARY_use_tpr_shadow); v->virtual_apic_address = AT_MSR_LIST
BREAK(virtual_apic_address) { (void)b; WITH_TPR_SHADOW; v->virtual_apic_address |= 0x80; }
BREAK(tpr_threshold_reserved) { (void)b; WITH_TPR_SHADOW; v->tpr_threshold = 0x10; }
BREAK(tpr_threshold) { WITH_TPR_SHADOW; bench_write64(b, AT_MSR_LIST + 0x80, 0x40); v->tpr_threshold = 5; }
#define WITH_DELIVERY SET(v->secondary_controls, SECONDARY_virtual_interrupt_delivery); SET(v->pin_controls, PIN_external_interrupt_exiting)
#define WITH_POSTING  WITH_TPR_SHADOW; WITH_DELIVERY; SET(v->pin_controls, PIN_process_posted_interrupts); \
    SET(v->exit_controls, ON_EXIT_acknowledge_interrupt); v->posted_interrupt_descriptor = AT_OPERAND
BREAK(tpr_shadow_for_x2apic_mode) { (void)b; SET(v->secondary_controls, SECONDARY_virtualize_x2apic_mode); }
BREAK(tpr_shadow_for_registers) { (void)b; SET(v->secondary_controls, SECONDARY_apic_register_virtualization); }
BREAK(tpr_shadow_for_delivery) { (void)b; WITH_DELIVERY; }
BREAK(apic_access_address) { (void)b; SET(v->secondary_controls, SECONDARY_virtualize_apic_accesses); v->apic_access_address = 0xfee00010; }
BREAK(x2apic_mode_or_apic_accesses) { (void)b; WITH_TPR_SHADOW; SET(v->secondary_controls, SECONDARY_virtualize_apic_accesses); SET(v->secondary_controls, SECONDARY_virtualize_x2apic_mode); }
BREAK(delivery_needs_interrupt_exiting) { (void)b; WITH_TPR_SHADOW; SET(v->secondary_controls, SECONDARY_virtual_interrupt_delivery); }
BREAK(posting_needs_delivery) { (void)b; WITH_POSTING; v->secondary_controls &= ~(1u << SECONDARY_virtual_interrupt_delivery); }
BREAK(posting_needs_acknowledge) { (void)b; WITH_POSTING; v->exit_controls &= ~(1u << ON_EXIT_acknowledge_interrupt); }
BREAK(posted_interrupt_vector) { (void)b; WITH_POSTING; v->posted_interrupt_vector = 0x1f2; }
BREAK(posted_interrupt_descriptor) { (void)b; WITH_POSTING; v->posted_interrupt_descriptor += 32; }

static void offer_ipis(struct vmcs *v, struct vmx_bench *b)
{
    b->x.cfg.ipi_virtualization = true;
    b->x.allowed[VMX_PRIMARY] = vmx_allowed_settings(&b->x.cfg, VMX_PRIMARY, false);
    SET(v->primary_controls, PRIMARY_activate_tertiary_controls);
    v->tertiary_controls = BIT(TERTIARY_ipi_virtualization);
}

BREAK(tertiary_controls) { WITH_TPR_SHADOW; offer_ipis(v, b); v->tertiary_controls |= BIT(40); }
BREAK(tpr_shadow_for_ipis) { offer_ipis(v, b); }
BREAK(pid_pointer_table_address) { WITH_TPR_SHADOW; offer_ipis(v, b); v->pid_pointer_table_address = BIT(b->model.physical_bits) - 8; v->last_pid_pointer_index = 1; }
BREAK(virtual_nmis) { (void)b; SET(v->pin_controls, PIN_virtual_nmis); }
BREAK(nmi_window_exiting) { (void)b; SET(v->pin_controls, PIN_nmi_exiting); SET(v->primary_controls, PRIMARY_nmi_window_exiting); }
BREAK(tsc_multiplier_not_zero) { (void)b; SET(v->secondary_controls, SECONDARY_use_tsc_scaling); v->tsc_multiplier = 0; }
BREAK(vpid_not_zero) { (void)b; v->vpid = 0; }
#define WITH_FUNCTIONS SET(v->secondary_controls, SECONDARY_enable_vm_functions); v->vm_function_controls = 1; v->eptp_list = AT_MSR_LIST
#define WITH_SHADOW    SET(v->secondary_controls, SECONDARY_vmcs_shadowing); v->vmread_bitmap = v->vmwrite_bitmap = AT_IO_BITMAP_A
BREAK(vm_functions) { (void)b; WITH_FUNCTIONS; v->vm_function_controls = 3; }
BREAK(eptp_switching_needs_ept) { (void)b; WITH_FUNCTIONS; v->secondary_controls &= ~(1u << SECONDARY_enable_ept); }
BREAK(eptp_list_address) { (void)b; WITH_FUNCTIONS; v->eptp_list = AT_MSR_LIST + 8; }
BREAK(vmread_bitmap_address) { (void)b; WITH_SHADOW; v->vmread_bitmap = TOO_WIDE; }
BREAK(vmwrite_bitmap_address) { (void)b; WITH_SHADOW; v->vmwrite_bitmap++; }
BREAK(eptp_memory_type) { (void)b; v->ept_pointer ^= 6 ^ 4; }
BREAK(eptp_page_walk_length) { (void)b; v->ept_pointer ^= (3 ^ 4) << 3; }
BREAK(eptp_accessed_and_dirty) { b->x.cfg.ept_ad = false; v->ept_pointer |= BIT(6); }
BREAK(eptp_reserved_bits) { (void)b; v->ept_pointer |= BIT(7); }
BREAK(exit_controls) { (void)b; SET(v->exit_controls, 26); }
BREAK(preemption_timer_saved) { (void)b; SET(v->exit_controls, ON_EXIT_save_preemption_timer); }
BREAK(exit_msr_store_address) { (void)b; v->exit_msr_store_count = 1; v->exit_msr_store_address = AT_MSR_LIST + 8; }
BREAK(exit_msr_load_address) { v->exit_msr_load_count = 2; v->exit_msr_load_address = BIT(b->model.physical_bits) - 16; }
BREAK(entry_controls) { (void)b; SET(v->entry_controls, 10); /* entry to SMM */ }
BREAK(event_type) { (void)b; v->entry_interruption_info = INJECT(1u, 3u); }
BREAK(event_vector) { (void)b; v->entry_interruption_info = INJECT(EVENT_NMI, 3u); }
BREAK(event_error_code_present) { (void)b; v->entry_interruption_info = INJECT(EVENT_HARDWARE, VEC_GP); }
BREAK(event_reserved_bits) { (void)b; v->entry_interruption_info = INJECT(EVENT_HARDWARE, VEC_UD) | 1u << 12; }
BREAK(event_error_code) { (void)b; v->entry_interruption_info = INJECT(EVENT_HARDWARE, VEC_PF) | 1u << 11; v->entry_error_code = 1u << 16; }
BREAK(event_instruction_length) { (void)b; v->entry_interruption_info = INJECT(EVENT_SOFT_INT, 0x80u); v->entry_instruction_length = 16; }
BREAK(entry_msr_load_address) { (void)b; v->entry_msr_load_count = 1; v->entry_msr_load_address = TOO_WIDE; }

/* --- host state --- */

static void run_in_32_bits(struct vmcs *v, struct vmx_bench *b)
{
    b->h.efer &= ~EFER_LMA;
    v->exit_controls &= ~(1u << ON_EXIT_host_address_space_size);
    v->entry_controls &= ~(1u << ON_ENTRY_ia32e_mode_guest);
}

BREAK(host_cr0_fixed_bits) { (void)b; v->host_cr0 &= ~CR0_NE; }
BREAK(host_cr4_fixed_bits) { (void)b; v->host_cr4 &= ~CR4_VMXE; }
BREAK(host_cr3_width) { v->host_cr3 = BIT(b->model.physical_bits); }
BREAK(host_sysenter_canonical) { (void)b; v->host_sysenter_eip = NOT_CANONICAL; }
BREAK(host_perf_global_ctrl) { (void)b; SET(v->exit_controls, ON_EXIT_load_perf_global_ctrl); v->host_perf_global_ctrl = 1; }
BREAK(host_pat) { (void)b; SET(v->exit_controls, ON_EXIT_load_pat); v->host_pat = 2; }
BREAK(host_efer_reserved_bits) { (void)b; SET(v->exit_controls, ON_EXIT_load_efer); v->host_efer = EFER_LMA | EFER_LME | BIT(1); }
BREAK(host_efer_long_mode) { (void)b; SET(v->exit_controls, ON_EXIT_load_efer); v->host_efer = EFER_LME; }
BREAK(host_selectors_rpl_and_ti) { (void)b; v->host_gs_selector = 4; }
BREAK(host_cs_not_null) { (void)b; v->host_cs_selector = 0; }
BREAK(host_tr_not_null) { (void)b; v->host_tr_selector = 0; }
BREAK(host_ss_not_null) { run_in_32_bits(v, b); v->host_ss_selector = 0; }
BREAK(host_bases_canonical) { (void)b; v->host_gdtr_base = NOT_CANONICAL; }
BREAK(host_size_is_own_size) { run_in_32_bits(v, b); b->h.efer |= EFER_LMA; }
BREAK(guest_size_within_own_size) { run_in_32_bits(v, b); SET(v->entry_controls, ON_ENTRY_ia32e_mode_guest); }
BREAK(host_32bit_pcide) { run_in_32_bits(v, b); v->host_cr4 |= CR4_PCIDE; }
BREAK(host_32bit_rip) { run_in_32_bits(v, b); v->host_rip = BIT(32); }
BREAK(host_64bit_pae) { (void)b; v->host_cr4 &= ~CR4_PAE; }
BREAK(host_64bit_rip_canonical) { (void)b; v->host_rip = NOT_CANONICAL; }

/* --- guest control registers, debug registers, MSRs --- */

static void guest_32bit(struct vmcs *v, struct vmx_bench *b)
{
    (void)b;
    v->entry_controls &= ~(1u << ON_ENTRY_ia32e_mode_guest);
}

static void guest_cpl_3(struct vmcs *v)
{
    v->guest_cs_selector |= 3;
    v->guest_ss_selector |= 3;
    v->guest_cs_ar |= 3u << AR_DPL_SHIFT;
    v->guest_ss_ar |= 3u << AR_DPL_SHIFT;
}

static void unrestricted(struct vmcs *v)
{
    SET(v->secondary_controls, SECONDARY_unrestricted_guest);
}

/* Virtual-8086 mode under 32-bit paging, all as it must be. */
static void guest_v86(struct vmcs *v, struct vmx_bench *b)
{
    guest_32bit(v, b);
    v->guest_cr4 &= ~CR4_PAE;
    v->guest_rflags |= RFLAGS_VM;
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        vmcs_write(v, VMCS_guest_es_base + s, false, vmcs_read(v, VMCS_guest_es_selector + s, false) << 4);
        vmcs_write(v, VMCS_guest_es_limit + s, false, 0xffff);
        vmcs_write(v, VMCS_guest_es_ar + s, false, 0xf3);
    }
}

BREAK(guest_cr0_fixed_bits) { (void)b; v->guest_cr0 &= ~CR0_PG; }
BREAK(guest_cr0_pg_needs_pe) { (void)b; unrestricted(v); v->guest_cr0 &= ~CR0_PE; }
BREAK(guest_ia32e_paging) { (void)b; unrestricted(v); v->guest_cr0 &= ~CR0_PG; }
BREAK(guest_cr4_fixed_bits) { (void)b; v->guest_cr4 |= BIT(63); }
BREAK(guest_debugctl) { (void)b; SET(v->entry_controls, ON_ENTRY_load_debug_controls); v->guest_debugctl = BIT(2); }
BREAK(guest_ia32e_pae) { (void)b; v->guest_cr4 &= ~CR4_PAE; }
BREAK(guest_32bit_pcide) { guest_32bit(v, b); v->guest_cr4 |= CR4_PCIDE; }
BREAK(guest_cr3_width) { (void)b; v->guest_cr3 = TOO_WIDE; }
BREAK(guest_dr7) { (void)b; SET(v->entry_controls, ON_ENTRY_load_debug_controls); v->guest_dr7 |= BIT(32); }
BREAK(guest_sysenter_canonical) { (void)b; v->guest_sysenter_esp = NOT_CANONICAL; }
BREAK(guest_perf_global_ctrl) { (void)b; SET(v->entry_controls, ON_ENTRY_load_perf_global_ctrl); v->guest_perf_global_ctrl = BIT(32); }
BREAK(guest_pat) { (void)b; SET(v->entry_controls, ON_ENTRY_load_pat); v->guest_pat = 3ull << 56; }
BREAK(guest_efer_reserved_bits) { (void)b; SET(v->entry_controls, ON_ENTRY_load_efer); v->guest_efer = EFER_LMA | EFER_LME | BIT(63); }
BREAK(guest_efer_lma) { (void)b; SET(v->entry_controls, ON_ENTRY_load_efer); v->guest_efer = EFER_LME; }
BREAK(guest_efer_lme) { (void)b; SET(v->entry_controls, ON_ENTRY_load_efer); v->guest_efer = EFER_LMA; }

/* --- guest segments --- */

BREAK(guest_tr_ti) { (void)b; v->guest_tr_selector |= 4; }
BREAK(guest_ldtr_ti) { (void)b; v->guest_ldtr_ar = AR_P | TYPE_LDT; v->guest_ldtr_selector = 4; }
BREAK(guest_ss_rpl) { (void)b; v->guest_ss_selector |= 3; }
BREAK(guest_v86_bases) { guest_v86(v, b); v->guest_fs_base ^= 0x10; }
BREAK(guest_v86_limits) { guest_v86(v, b); v->guest_ss_limit = 0xfffff; }
BREAK(guest_v86_rights) { guest_v86(v, b); v->guest_cs_ar = 0x93; }
BREAK(guest_long_bases_canonical) { (void)b; v->guest_fs_base = NOT_CANONICAL; }
BREAK(guest_ldtr_base_canonical) { (void)b; v->guest_ldtr_ar = AR_P | TYPE_LDT; v->guest_ldtr_base = NOT_CANONICAL; }
BREAK(guest_cs_base) { (void)b; v->guest_cs_base = BIT(63); }
BREAK(guest_short_bases) { (void)b; v->guest_ds_base = BIT(32); }
BREAK(guest_cs_type) { (void)b; v->guest_cs_ar &= ~DESC_ACCESSED; }
BREAK(guest_ss_type) { (void)b; v->guest_ss_ar &= ~DESC_READABLE; }
BREAK(guest_data_types) { (void)b; v->guest_es_ar &= ~DESC_ACCESSED; }
BREAK(guest_segments_s) { (void)b; v->guest_gs_ar &= ~AR_S; }
BREAK(guest_cs_data_dpl) { (void)b; unrestricted(v); v->guest_cs_ar = 0xf3; }
BREAK(guest_cs_dpl) { (void)b; v->guest_cs_ar |= 3u << AR_DPL_SHIFT; }
BREAK(guest_ss_dpl) { (void)b; v->guest_cs_ar |= 3u << AR_DPL_SHIFT; v->guest_ss_ar |= 3u << AR_DPL_SHIFT; }
BREAK(guest_ss_dpl_0) { (void)b; unrestricted(v); v->guest_cs_ar = 0x93; v->guest_ss_ar |= 3u << AR_DPL_SHIFT; }
BREAK(guest_data_dpl) { (void)b; v->guest_fs_selector |= 3; }
BREAK(guest_segments_present) { (void)b; v->guest_ss_ar &= ~AR_P; }
BREAK(guest_segments_reserved_bits) { (void)b; v->guest_cs_ar |= 1u << 8; }
BREAK(guest_cs_l_and_d) { (void)b; v->guest_cs_ar |= AR_DB; }
BREAK(guest_segments_g_clear) { (void)b; v->guest_ds_limit = 0xffff0000; }
BREAK(guest_segments_g_set) { (void)b; v->guest_es_ar &= ~AR_G; }
BREAK(guest_tr_type) { (void)b; v->guest_tr_ar &= ~TSS_BUSY; }
BREAK(guest_tr_s) { (void)b; v->guest_tr_ar |= AR_S; }
BREAK(guest_tr_present) { (void)b; v->guest_tr_ar &= ~AR_P; }
BREAK(guest_tr_reserved_bits) { (void)b; v->guest_tr_ar |= 1u << 17; }
BREAK(guest_tr_g_clear) { (void)b; v->guest_tr_ar |= AR_G; }
BREAK(guest_tr_g_set) { (void)b; v->guest_tr_limit = 1u << 20; }
BREAK(guest_tr_usable) { (void)b; v->guest_tr_ar |= AR_UNUSABLE; }
BREAK(guest_ldtr_type) { (void)b; v->guest_ldtr_ar = AR_P | 3; }
BREAK(guest_ldtr_s) { (void)b; v->guest_ldtr_ar = AR_P | AR_S | TYPE_LDT; }
BREAK(guest_ldtr_present) { (void)b; v->guest_ldtr_ar = TYPE_LDT; }
BREAK(guest_ldtr_reserved_bits) { (void)b; v->guest_ldtr_ar = AR_P | TYPE_LDT | 1u << 31; }
BREAK(guest_ldtr_g_set) { (void)b; v->guest_ldtr_ar = AR_P | TYPE_LDT; v->guest_ldtr_limit = 0x100fff; }
BREAK(guest_ldtr_g_clear) { (void)b; v->guest_ldtr_ar = AR_P | AR_G | TYPE_LDT; v->guest_ldtr_limit = 0x7ffe; }
BREAK(guest_table_bases_canonical) { (void)b; v->guest_idtr_base = NOT_CANONICAL; }
BREAK(guest_table_limits) { (void)b; v->guest_gdtr_limit = 0x10000; }

/* --- guest RIP, RFLAGS, non-register state --- */

BREAK(guest_rip_width) { (void)b; v->guest_cs_ar = (v->guest_cs_ar & ~AR_L) | AR_DB; v->guest_rip = BIT(32); }
BREAK(guest_rip_high_bits) { (void)b; v->guest_rip = BIT(48); }
BREAK(guest_rflags_reserved_bits) { (void)b; v->guest_rflags = 0; }
BREAK(guest_rflags_vm) { guest_v86(v, b); v->guest_cr4 |= CR4_PAE; SET(v->entry_controls, ON_ENTRY_ia32e_mode_guest); }
BREAK(guest_rflags_if) { (void)b; v->entry_interruption_info = INJECT(EVENT_EXTERNAL, 0x20u); }
BREAK(guest_activity_supported) { (void)b; v->guest_activity = 4; }
BREAK(guest_hlt_at_cpl_0) { guest_cpl_3(v); v->guest_activity = 1; (void)b; }
BREAK(guest_activity_blocking) { (void)b; v->guest_activity = 1; v->guest_interruptibility = 2; }
BREAK(guest_hlt_event) { (void)b; v->guest_activity = 1; v->entry_interruption_info = INJECT(EVENT_HARDWARE, VEC_UD); }
BREAK(guest_shutdown_event) { (void)b; v->guest_activity = 2; v->guest_rflags |= RFLAGS_IF; v->entry_interruption_info = INJECT(EVENT_EXTERNAL, 0x20u); }
BREAK(guest_wait_sipi_event) { (void)b; v->guest_activity = 3; v->entry_interruption_info = INJECT(EVENT_NMI, 2u); }
BREAK(guest_blocking_reserved_bits) { (void)b; v->guest_interruptibility = 1u << 5; }
BREAK(guest_blocking_exclusive) { (void)b; v->guest_interruptibility = 3; v->guest_rflags |= RFLAGS_IF; }
BREAK(guest_blocking_by_sti) { (void)b; v->guest_interruptibility = 1; }
BREAK(guest_blocking_interrupt) { (void)b; v->guest_interruptibility = 1; v->guest_rflags |= RFLAGS_IF; v->entry_interruption_info = INJECT(EVENT_EXTERNAL, 0x20u); }
BREAK(guest_blocking_nmi) { (void)b; v->guest_interruptibility = 2; v->entry_interruption_info = INJECT(EVENT_NMI, 2u); }
BREAK(guest_blocking_virtual_nmi) { (void)b; SET(v->pin_controls, PIN_nmi_exiting); SET(v->pin_controls, PIN_virtual_nmis); v->guest_interruptibility = 8; v->entry_interruption_info = INJECT(EVENT_NMI, 2u); }
BREAK(guest_blocking_by_smi) { (void)b; v->guest_interruptibility = 4; }
BREAK(guest_pending_debug_reserved) { (void)b; v->guest_pending_debug = BIT(13); }
BREAK(guest_pending_single_step) { (void)b; v->guest_interruptibility = 2; v->guest_rflags |= RFLAGS_TF; }
BREAK(link_pointer_address) { (void)b; v->vmcs_link_pointer = 0x4800; }
BREAK(link_pointer_revision) { (void)b; v->vmcs_link_pointer = AT_OTHER_VMCS; }
BREAK(link_pointer_shadow) { (void)b; v->vmcs_link_pointer = AT_OTHER_VMCS; bench_write64(b, AT_OTHER_VMCS, b->x.cfg.revision | VMCS_SHADOW); }
BREAK(link_pointer_not_current) { (void)b; v->vmcs_link_pointer = AT_VMCS; }
BREAK(guest_pdptes) { guest_32bit(v, b); v->guest_pdpte2 = 1 | BIT(1); }
/* clang-format on */

/* --- one test per row --- */

enum stage { CONTROLS, HOST, GUEST };

static const struct row {
    const char *name, *section;
    enum stage stage;
    void (*breaks)(struct vmcs *v, struct vmx_bench *b);
} rows[ENTRY_CHECKS] = {
#define ENTRY_CHECK(stage, name, section, fields, holds) {#name, section, stage, break_##name},
#include "virt-ext/entry_checks.def"
#undef ENTRY_CHECK
};

static void assert_vmfail(const struct vmx_bench *b, enum outcome out, enum vm_error error)
{
    assert_int_equal(bench_result(b, out), FAILED_VALID);
    assert_int_equal(bench_vmcs(b)->vm_instruction_error, error);
    assert_int_equal(b->x.stats.failed_checks, 1);
    assert_int_equal(b->events, 0);
}

static void assert_entry_failure(const struct vmx_bench *b, enum outcome out)
{
    const struct vmcs *v = bench_vmcs(b);
    assert_int_equal(out, OUT_EXIT);
    assert_int_equal(v->exit_reason, 1u << 31 | EXIT_entry_failure_guest_state);
    assert_int_equal(b->h.world, WORLD_ROOT);
    assert_int_equal(b->h.reg[REG_RIP], AT_HOST);
    assert_int_equal(b->x.stats.failed_guest, 1);
}

/* The report has the rule, what it asks, the title of its section, and the values of its fields. */
static void assert_report_names(const struct vmx_bench *b, long check, const char *rule, const char *section)
{
    char text[4096] = "", line[128];
    FILE *out = fmemopen(text, sizeof text, "w");
    vmx_print_failure(&b->x, out);
    fclose(out);
    snprintf(line, sizeof line, "broken rule: %s\n", rule);
    assert_non_null(strstr(text, line));
    assert_non_null(strstr(text, section));
    assert_non_null(strstr(text, "  0x")); /* a field and its value */
    const char *asks = vmx_entry_check_asks((enum entry_check)check);
    if (!asks) fail_msg("entry_check_words.def does not say what %s asks", rule);
    assert_non_null(strstr(text, asks));
}

static void a_broken_rule_fails_the_entry_and_is_named(void **state)
{
    const struct row *row = *state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    row->breaks(bench_vmcs(b), b);
    enum outcome out = VMLAUNCH(b);
    if (b->x.failure.check != row - rows) vmx_print_failure(&b->x, stderr);
    assert_int_equal(b->x.failure.check, row - rows);
    if (row->stage == GUEST)
        assert_entry_failure(b, out);
    else
        assert_vmfail(b, out, row->stage == HOST ? VM_ERROR_entry_host_state : VM_ERROR_entry_controls);
    assert_int_equal(b->x.stats.entries, 0);
    assert_int_equal(b->x.stats.checks[row - rows], 1);
    assert_int_equal(bench_vmcs(b)->launch_state, VMCS_LAUNCH_CLEAR);
    assert_report_names(b, row - rows, row->name, row->section);
    vmx_check_identities(&b->x);
    vmx_bench_free(b);
}

/* --- around the table --- */

static void a_good_vmcs_enters(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    assert_int_equal(VMLAUNCH(b), OUT_EXIT);
    assert_int_equal(b->h.world, WORLD_GUEST);
    assert_int_equal(b->h.reg[REG_RIP], AT_GUEST);
    assert_int_equal(b->x.stats.entries, 1);
    assert_false(b->x.failure.happened);
    vmx_bench_free(b);
}

static void controls_are_checked_before_host_state_and_host_state_before_the_guest(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->guest_rflags = 0;
    v->host_cs_selector = 0;
    v->vpid = 0;
    assert_int_equal(bench_result(b, VMLAUNCH(b)), FAILED_VALID);
    assert_int_equal(v->vm_instruction_error, VM_ERROR_entry_controls);
    v->vpid = 1;
    assert_int_equal(bench_result(b, VMLAUNCH(b)), FAILED_VALID);
    assert_int_equal(v->vm_instruction_error, VM_ERROR_entry_host_state);
    v->host_cs_selector = 8;
    assert_int_equal(VMLAUNCH(b), OUT_EXIT);
    assert_int_equal(v->exit_reason & 0xffff, EXIT_entry_failure_guest_state);
    vmx_bench_free(b);
}

static void a_bad_link_pointer_has_its_own_qualification(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->vmcs_link_pointer = 1;
    VMLAUNCH(b);
    assert_int_equal(bench_vmcs(b)->exit_qualification, 4);
    bench_vmcs(b)->vmcs_link_pointer = VMCS_NONE;
    bench_vmcs(b)->guest_rflags = 0;
    VMLAUNCH(b);
    assert_int_equal(bench_vmcs(b)->exit_qualification, 0);
    vmx_bench_free(b);
}

/* Also: what real hardware ignores is ignored. */
static void fields_of_controls_that_are_off_are_not_checked(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->secondary_controls = 0;
    v->vpid = 0;
    v->ept_pointer = ~0ull;
    v->msr_bitmap = v->io_bitmap_a = v->io_bitmap_b = ~0ull;
    v->guest_pat = v->host_pat = v->guest_efer = v->host_efer = v->guest_dr7 = v->guest_debugctl = ~0ull;
    v->exit_msr_load_address = v->exit_msr_store_address = v->entry_msr_load_address = ~0ull;
    v->entry_error_code = v->entry_instruction_length = ~0u;
    bench_enter(b);
    vmx_bench_free(b);
}

/* "Checks on Guest RIP, RFLAGS, and SSP": bits 63:48, not 63:47. The guest's first fetch faults. */
static void a_rip_that_is_not_canonical_may_enter(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->guest_rip = BIT(47);
    bench_enter(b);
    vmx_bench_free(b);
}

static void every_field_that_a_row_names_exists(void **state)
{
    (void)state;
    static const char *const fields[ENTRY_CHECKS] = {
#define ENTRY_CHECK(stage, name, section, names, holds) names,
#include "virt-ext/entry_checks.def"
#undef ENTRY_CHECK
    };
    for (unsigned n = 0; n < ENTRY_CHECKS; n++)
        for (const char *s = fields[n]; *s; s += strspn(s, " ")) {
            size_t length = strcspn(s, " ");
            assert_true(vmcs_find_name(s, length) >= 0);
            s += length;
        }
}

static void an_msr_that_cannot_be_loaded_fails_the_entry_with_its_number(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    bench_write64(b, AT_MSR_LIST, 0xc0000081); /* IA32_STAR */
    bench_write64(b, AT_MSR_LIST + 8, 0x1234);
    bench_write64(b, AT_MSR_LIST + 16, 0xc0000100); /* IA32_FS_BASE is not allowed */
    v->entry_msr_load_address = AT_MSR_LIST;
    v->entry_msr_load_count = 2;
    assert_int_equal(VMLAUNCH(b), OUT_EXIT);
    assert_int_equal(v->exit_reason, 1u << 31 | EXIT_entry_failure_msr_loading);
    assert_int_equal(v->exit_qualification, 2);
    assert_int_equal(b->h.star, 0x1234);
    assert_int_equal(b->h.world, WORLD_ROOT);
    assert_int_equal(v->launch_state, VMCS_LAUNCH_CLEAR);
    assert_int_equal(b->x.failure.msr_entry, 2);
    vmx_bench_free(b);
}

#define AROUND 7

int main(void)
{
    struct CMUnitTest tests[AROUND + ENTRY_CHECKS] = {
        cmocka_unit_test(a_good_vmcs_enters),
        cmocka_unit_test(controls_are_checked_before_host_state_and_host_state_before_the_guest),
        cmocka_unit_test(a_bad_link_pointer_has_its_own_qualification),
        cmocka_unit_test(fields_of_controls_that_are_off_are_not_checked),
        cmocka_unit_test(a_rip_that_is_not_canonical_may_enter),
        cmocka_unit_test(every_field_that_a_row_names_exists),
        cmocka_unit_test(an_msr_that_cannot_be_loaded_fails_the_entry_with_its_number),
    };
    for (unsigned n = 0; n < ENTRY_CHECKS; n++)
        tests[AROUND + n] = (struct CMUnitTest){.name = rows[n].name,
                                                .test_func = a_broken_rule_fails_the_entry_and_is_named,
                                                .initial_state = (void *)(uintptr_t)&rows[n]};
    return _cmocka_run_group_tests("entry_checks", tests, AROUND + ENTRY_CHECKS, NULL, NULL);
}
