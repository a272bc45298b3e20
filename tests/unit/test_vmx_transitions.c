/* test_vmx_transitions.c - virt-ext/state.c, vmentry.c, vmexit.c, msr_list.c, transition.c: state in and
 * out, worlds, MSR lists, records and their price. */
#include "isa/msr.h"
#include "vmx_bench.h"

static void exit_by_cpuid(struct vmx_bench *b)
{
    assert_int_equal(CPUID(b), OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_cpuid);
}

/* --- worlds and the MMU --- */

static void entry_and_exit_tell_the_mmu_vpid_and_ept_pointer(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_enter(b);
    assert_int_equal(b->told.set_virt_calls, 1);
    assert_int_equal(b->told.virt.vpid, GUEST_VPID);
    assert_true(b->told.virt.ept);
    assert_int_equal(b->told.virt.eptp, GUEST_EPTP);
    assert_false(b->told.virt.flush);
    exit_by_cpuid(b);
    assert_int_equal(b->told.set_virt_calls, 2);
    assert_int_equal(b->told.virt.vpid, 0);
    assert_false(b->told.virt.ept);
    assert_int_equal(b->told.virt.eptp, 0);
    assert_false(b->told.virt.flush);
    vmx_bench_free(b);
}

static void without_vpid_both_transitions_flush(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->secondary_controls = 0;
    bench_enter(b);
    assert_int_equal(b->told.virt.vpid, 0);
    assert_false(b->told.virt.ept);
    assert_true(b->told.virt.flush);
    exit_by_cpuid(b);
    assert_true(b->told.virt.flush);
    vmx_bench_free(b);
}

/* --- guest state --- */

static struct segment odd_segment(unsigned n, u32 ar)
{
    return (struct segment){.base = 0x1000ull * (n + 1),
                            .limit = 0xfffff + 0x1000 * n,
                            .ar = ar,
                            .selector = (u16)(0x100 + 8 * n)};
}

static void put_segment(struct vmcs *v, unsigned n, struct segment s)
{
    vmcs_write(v, VMCS_guest_es_base + n, false, s.base);
    vmcs_write(v, VMCS_guest_es_limit + n, false, s.limit | 0xfff);
    vmcs_write(v, VMCS_guest_es_ar + n, false, s.ar);
    vmcs_write(v, VMCS_guest_es_selector + n, false, s.selector);
}

/* Every register of the guest-state area with a value of its own. */
static void write_odd_guest(struct vmcs *v)
{
    for (unsigned n = 0; n < 6; n++) put_segment(v, n, odd_segment(n, n == SEG_CS ? 0xa09b : 0xc093));
    put_segment(v, 6, (struct segment){0x71000, 0xfff, 0x82, 0x60});
    put_segment(v, 7, (struct segment){0x81000, 0xfff, 0x8b, 0x68});
    v->guest_gdtr_base = 0x91000, v->guest_gdtr_limit = 0x1ff;
    v->guest_idtr_base = 0xa1000, v->guest_idtr_limit = 0x2ff;
    v->guest_cr3 = 0x123000, v->guest_cr4 = CR4_PAE | CR4_VMXE | CR4_PGE, v->guest_cr0 |= CR0_TS;
    v->guest_rsp = 0x7ff0, v->guest_rflags = RFLAGS_ONE | RFLAGS_IF | RFLAGS_CF | RFLAGS_OF;
    v->guest_sysenter_cs = 0x33, v->guest_sysenter_esp = 0x3333, v->guest_sysenter_eip = 0x4444;
    v->entry_controls |=
        1u << ON_ENTRY_load_debug_controls | 1u << ON_ENTRY_load_pat | 1u << ON_ENTRY_load_efer;
    v->exit_controls |= 1u << ON_EXIT_save_debug_controls | 1u << ON_EXIT_save_pat | 1u << ON_EXIT_save_efer;
    v->guest_dr7 = 0x455, v->guest_debugctl = BIT(1);
    v->guest_pat = 0x0007040600070406, v->guest_efer = EFER_LMA | EFER_LME | EFER_NXE;
}

static void entry_loads_every_register_of_the_guest_area(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    write_odd_guest(bench_vmcs(b));
    bench_enter(b);
    const struct hart *h = &b->h;
    for (unsigned n = 0; n < 6; n++) {
        assert_int_equal(h->seg[n].base, 0x1000 * (n + 1));
        assert_int_equal(h->seg[n].limit, (0xfffff + 0x1000 * n) | 0xfff);
        assert_int_equal(h->seg[n].selector, 0x100 + 8 * n);
    }
    assert_int_equal(h->ldtr.base, 0x71000);
    assert_int_equal(h->tr.selector, 0x68);
    assert_int_equal(h->gdtr.base, 0x91000);
    assert_int_equal(h->gdtr.limit, 0x1ff);
    assert_int_equal(h->idtr.limit, 0x2ff);
    assert_int_equal(h->cr0, CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG | CR0_TS);
    assert_int_equal(h->cr3, 0x123000);
    assert_int_equal(h->cr4, CR4_PAE | CR4_VMXE | CR4_PGE);
    assert_int_equal(hart_rflags(h), RFLAGS_ONE | RFLAGS_IF | RFLAGS_CF | RFLAGS_OF);
    assert_int_equal(h->reg[REG_RSP], 0x7ff0);
    assert_int_equal(h->sysenter_eip, 0x4444);
    assert_int_equal(h->dr[7], 0x455);
    assert_int_equal(h->debugctl, BIT(1));
    assert_int_equal(h->pat, 0x0007040600070406);
    assert_int_equal(h->efer, EFER_LMA | EFER_LME | EFER_NXE);
    assert_int_equal(h->mode, MODE_LONG64);
    vmx_bench_free(b);
}

/* An entry and an exit without anything between leave the guest-state area as it was. */
static void exit_saves_what_entry_loaded(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    write_odd_guest(v);
    struct vmcs before = *v;
    bench_enter(b);
    exit_by_cpuid(b);
    for (unsigned f = 0; f < VMCS_FIELDS; f++)
        if (VMCS_AREA(vmcs_fields[f].encoding) == VMCS_GUEST)
            assert_int_equal(vmcs_read(v, f, false), vmcs_read(&before, f, false));
    vmx_bench_free(b);
}

static void controls_that_are_off_neither_load_nor_save(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    u64 pat = b->h.pat;
    v->entry_controls &= ~(1u << ON_ENTRY_load_debug_controls);
    v->exit_controls &= ~(1u << ON_EXIT_save_debug_controls);
    v->guest_pat = v->guest_efer = v->guest_debugctl = v->guest_dr7 = 1;
    b->h.dr[7] = 0x401;
    bench_enter(b);
    assert_int_equal(b->h.pat, pat);
    assert_int_equal(b->h.efer, EFER_SCE | EFER_LME | EFER_LMA);
    assert_int_equal(b->h.dr[7], 0x401);
    exit_by_cpuid(b);
    assert_int_equal(v->guest_pat, 1);
    assert_int_equal(v->guest_efer, 1);
    assert_int_equal(v->guest_dr7, 1);
    assert_int_equal(b->h.dr[7], 0x400); /* an exit resets it in any case */
    vmx_bench_free(b);
}

static void cd_nw_and_et_are_not_changed_by_transitions(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->guest_cr0 = (bench_vmcs(b)->guest_cr0 | CR0_CD | CR0_NW) & ~CR0_ET;
    bench_enter(b);
    assert_int_equal(b->h.cr0 & (CR0_CD | CR0_NW | CR0_ET), CR0_ET);
    b->h.cr0 |= CR0_CD;
    exit_by_cpuid(b);
    assert_int_equal(b->h.cr0 & (CR0_CD | CR0_NW | CR0_ET), CR0_CD | CR0_ET);
    vmx_bench_free(b);
}

static void privilege_of_the_guest_is_ss_dpl(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->guest_cs_selector |= 3, v->guest_ss_selector |= 3;
    v->guest_cs_ar |= 3u << AR_DPL_SHIFT, v->guest_ss_ar |= 3u << AR_DPL_SHIFT;
    bench_enter(b);
    assert_int_equal(b->h.cpl, 3);
    exit_by_cpuid(b);
    assert_int_equal(b->h.cpl, 0);
    assert_int_equal(v->guest_ss_ar >> AR_DPL_SHIFT & 3, 3);
    vmx_bench_free(b);
}

/* --- host state --- */

static void exit_loads_the_host_area_and_fixed_values(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->host_cr3 = 0x555000, v->host_fs_base = 0xf5000, v->host_gs_base = 0x65000;
    v->host_fs_selector = 0, v->host_gs_selector = 16;
    v->host_sysenter_cs = 0x10, v->host_sysenter_esp = 0x9000, v->host_sysenter_eip = 0x9100;
    v->exit_controls |= 1u << ON_EXIT_load_pat | 1u << ON_EXIT_load_efer;
    v->host_pat = 0x0606060606060606, v->host_efer = EFER_LMA | EFER_LME | EFER_SCE | EFER_NXE;
    v->guest_rflags |= RFLAGS_IF | RFLAGS_DF;
    bench_enter(b);
    exit_by_cpuid(b);
    const struct hart *h = &b->h;
    assert_int_equal(h->world, WORLD_ROOT);
    assert_int_equal(h->reg[REG_RIP], AT_HOST);
    assert_int_equal(h->reg[REG_RSP], AT_STACK);
    assert_int_equal(hart_rflags(h), RFLAGS_ONE);
    assert_int_equal(h->cr3, 0x555000);
    assert_int_equal(h->seg[SEG_CS].ar, AR_P | AR_S | AR_L | AR_G | 11);
    assert_int_equal(h->seg[SEG_SS].limit, 0xffffffff);
    assert_int_equal(h->seg[SEG_FS].base, 0xf5000);
    assert_true(h->seg[SEG_FS].ar & AR_UNUSABLE);
    assert_int_equal(h->seg[SEG_GS].base, 0x65000);
    assert_false(h->seg[SEG_GS].ar & AR_UNUSABLE);
    assert_int_equal(h->tr.base, AT_TSS);
    assert_int_equal(h->tr.limit, 0x67);
    assert_true(h->ldtr.ar & AR_UNUSABLE);
    assert_int_equal(h->gdtr.limit, 0xffff);
    assert_int_equal(h->idtr.limit, 0xffff);
    assert_int_equal(h->sysenter_eip, 0x9100);
    assert_int_equal(h->pat, 0x0606060606060606);
    assert_int_equal(h->efer, EFER_LMA | EFER_LME | EFER_SCE | EFER_NXE);
    assert_int_equal(h->debugctl, 0);
    vmx_bench_free(b);
}

static void general_registers_cr2_and_dr6_pass_through(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_enter(b);
    for (unsigned r = REG_RAX; r <= REG_R15; r++)
        if (r != REG_RSP) b->h.reg[r] = 0x100 + r;
    b->h.cr2 = 0x77;
    b->h.dr[6] = 0xffff0ff1;
    exit_by_cpuid(b);
    for (unsigned r = REG_RAX; r <= REG_R15; r++)
        if (r != REG_RSP) assert_int_equal(b->h.reg[r], 0x100 + r);
    assert_int_equal(b->h.cr2, 0x77);
    assert_int_equal(b->h.dr[6], 0xffff0ff1);
    vmx_bench_free(b);
}

/* --- non-register state --- */

static void interruptibility_and_activity_go_in_and_out(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->guest_interruptibility = 1 | 8; /* blocking by STI and by NMI */
    v->guest_rflags |= RFLAGS_IF;
    bench_enter(b);
    assert_true(b->h.sti_shadow);
    assert_true(b->h.nmi_blocked);
    exit_by_cpuid(b);
    assert_int_equal(v->guest_interruptibility, 1 | 8);
    assert_false(b->h.sti_shadow);
    assert_true(b->h.nmi_blocked); /* not changed by an exit that no NMI caused */
    v->guest_interruptibility = 2;
    bench_enter(b);
    assert_true(b->h.movss_shadow);
    assert_false(b->h.nmi_blocked);
    exit_by_cpuid(b);
    v->guest_interruptibility = 0;
    v->guest_activity = 1;
    bench_enter(b);
    assert_int_equal(b->h.activity, ACTIVITY_HLT);
    vmx_bench_free(b);
}

static void a_pending_single_step_is_delivered_right_behind_the_entry(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->guest_pending_debug = BIT(14);
    bench_enter(b);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_DB));
    assert_true(b->h.dr[6] & BIT(14));
    vmx_bench_free(b);
}

/* --- MSR lists --- */

static void write_msr_entry(struct vmx_bench *b, unsigned n, u64 index, u64 value)
{
    bench_write64(b, AT_MSR_LIST + 16 * n, index);
    bench_write64(b, AT_MSR_LIST + 16 * n + 8, value);
}

static void the_three_msr_lists_load_store_and_load(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    write_msr_entry(b, 0, 0xc0000082, 0x1111); /* entry: load IA32_LSTAR */
    write_msr_entry(b, 1, 0xc0000082, 0);      /* exit: store it */
    write_msr_entry(b, 2, 0xc0000082, 0x3333); /* exit: load the host's */
    v->entry_msr_load_address = AT_MSR_LIST, v->entry_msr_load_count = 1;
    v->exit_msr_store_address = AT_MSR_LIST + 16, v->exit_msr_store_count = 1;
    v->exit_msr_load_address = AT_MSR_LIST + 32, v->exit_msr_load_count = 1;
    bench_enter(b);
    assert_int_equal(b->h.lstar, 0x1111);
    b->h.lstar = 0x2222;
    exit_by_cpuid(b);
    assert_int_equal(bench_read64(b, AT_MSR_LIST + 24), 0x2222);
    assert_int_equal(b->h.lstar, 0x3333);
    vmx_bench_free(b);
}

static void a_failing_exit_list_is_a_vmx_abort(void **state)
{
    (void)state;
    static const struct {
        bool store;
        u32 indicator;
    } lists[] = {{true, 1}, {false, 4}};
    for (unsigned n = 0; n < ARRAY_LEN(lists); n++) {
        struct vmx_bench *b = vmx_bench_ready(NULL);
        struct vmcs *v = bench_vmcs(b);
        write_msr_entry(b, 0, 0x12345678, 0);
        if (lists[n].store)
            v->exit_msr_store_address = AT_MSR_LIST, v->exit_msr_store_count = 1;
        else
            v->exit_msr_load_address = AT_MSR_LIST, v->exit_msr_load_count = 1;
        bench_enter(b);
        CPUID(b);
        assert_int_equal(b->h.activity, ACTIVITY_SHUTDOWN);
        assert_int_equal(v->abort, lists[n].indicator);
        assert_int_equal(b->x.stats.aborts, 1);
        vmx_bench_free(b);
    }
}

/* --- records and prices --- */

static bool record_has_line(const struct vmx_bench *b, u64 at, bool write)
{
    const struct vm_transition *t = &b->record.transition;
    for (unsigned n = 0; n < t->n_lines; n++)
        if (t->line[n].at.v == (at & ~63ull) && t->line[n].write == write) return true;
    return false;
}

static bool record_has_field(const struct vmx_bench *b, enum vmcs_field_id f, bool write)
{
    return record_has_line(b, AT_VMCS + vmcs_fields[f].offset, write);
}

static struct vmx_bench *recording(void)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    b->h.record = &b->record;
    record_reset(&b->record);
    return b;
}

static void an_entry_records_reads_of_controls_host_and_guest(void **state)
{
    (void)state;
    struct vmx_bench *b = recording();
    bench_enter(b);
    const struct vm_transition *t = &b->record.transition;
    assert_int_equal(t->kind, TRANSITION_ENTRY);
    assert_false(t->injects);
    assert_false(t->flushed_tlbs);
    for (unsigned f = 0; f < VMCS_FIELDS; f++)
        assert_true(record_has_field(b, f, false) || VMCS_AREA(vmcs_fields[f].encoding) == VMCS_EXIT_INFO);
    for (unsigned n = 0; n < t->n_lines; n++) assert_false(t->line[n].write);
    vmx_bench_free(b);
}

static void an_exit_records_writes_of_guest_and_information_and_reads_of_the_host(void **state)
{
    (void)state;
    struct vmx_bench *b = recording();
    bench_enter(b);
    record_reset(&b->record);
    exit_by_cpuid(b);
    const struct vm_transition *t = &b->record.transition;
    assert_int_equal(t->kind, TRANSITION_EXIT);
    assert_int_equal(t->reason, EXIT_cpuid);
    for (unsigned f = 0; f < VMCS_FIELDS; f++) {
        enum vmcs_area area = VMCS_AREA(vmcs_fields[f].encoding);
        assert_true(record_has_field(b, f, area == VMCS_GUEST || area == VMCS_EXIT_INFO));
    }
    for (unsigned a = 0; a < t->n_lines; a++)
        for (unsigned c = 0; c < a; c++)
            assert_false(t->line[a].at.v == t->line[c].at.v && t->line[a].write == t->line[c].write);
    vmx_bench_free(b);
}

static void an_entry_answers_the_exit_before_it(void **state)
{
    (void)state;
    struct vmx_bench *b = recording();
    bench_enter(b);
    EXECUTE(b, 0x0f, 0x08); /* INVD */
    bench_enter(b);
    assert_int_equal(b->record.transition.kind, TRANSITION_ENTRY);
    assert_int_equal(b->record.transition.reason, EXIT_invd);
    vmx_bench_free(b);
}

static void msr_list_entries_are_counted_and_their_lines_recorded(void **state)
{
    (void)state;
    struct vmx_bench *b = recording();
    struct vmcs *v = bench_vmcs(b);
    for (unsigned n = 0; n < 6; n++) write_msr_entry(b, n, 0xc0000082, 0);
    v->entry_msr_load_address = AT_MSR_LIST, v->entry_msr_load_count = 6;
    bench_enter(b);
    assert_int_equal(b->record.transition.n_msrs, 6);
    assert_true(record_has_line(b, AT_MSR_LIST, false));
    assert_true(record_has_line(b, AT_MSR_LIST + 64, false));
    assert_false(record_has_line(b, AT_MSR_LIST + 128, false));
    vmx_bench_free(b);
}

static void a_list_longer_than_the_record_is_loaded_all_the_same(void **state)
{
    (void)state;
    struct vmx_bench *b = recording();
    struct vmcs *v = bench_vmcs(b);
    for (unsigned n = 0; n < 600; n++) write_msr_entry(b, n, 0xc0000082, n);
    v->entry_msr_load_address = AT_MSR_LIST, v->entry_msr_load_count = 600;
    bench_enter(b);
    assert_int_equal(b->h.lstar, 599);
    assert_int_equal(b->record.transition.n_lines, TRANSITION_MAX_LINES);
    vmx_bench_free(b);
}

static void rewritten_controls_are_paid_at_the_next_entry_and_only_there(void **state)
{
    (void)state;
    struct vmx_bench *b = recording();
    bench_enter(b); /* the first one after VMCLEAR checks everything */
    assert_true(b->record.transition.controls_rewritten);
    exit_by_cpuid(b);
    bench_enter(b);
    assert_false(b->record.transition.controls_rewritten);
    exit_by_cpuid(b);
    b->h.reg[REG_RCX] = 0x681e; /* guest RIP is no control */
    b->h.reg[REG_RBX] = AT_GUEST;
    VMWRITE(b);
    bench_enter(b);
    assert_false(b->record.transition.controls_rewritten);
    exit_by_cpuid(b);
    b->h.reg[REG_RCX] = 0x4002;
    b->h.reg[REG_RBX] = bench_vmcs(b)->primary_controls;
    VMWRITE(b);
    bench_enter(b);
    assert_true(b->record.transition.controls_rewritten);
    exit_by_cpuid(b);
    bench_enter(b);
    assert_false(b->record.transition.controls_rewritten);
    assert_int_equal(b->x.stats.controls_rewritten, 2);
    vmx_bench_free(b);
}

static void the_price_is_the_sum_of_its_parts(void **state)
{
    (void)state;
    const struct vmx_cfg cfg = {.exit_microcode_cycles = 1000,
                                .entry_microcode_cycles = 200,
                                .drain_cycles = 3,
                                .controls_rewritten_cycles = 40,
                                .inject_cycles = 5,
                                .msr_list_cycles = 7,
                                .entry_failed_cycles = 90};
    struct vm_transition t = {.kind = TRANSITION_NONE, .n_msrs = 2};
    assert_int_equal(transition_microcode_cycles(&cfg, &t), 0);
    t.kind = TRANSITION_EXIT;
    assert_int_equal(transition_microcode_cycles(&cfg, &t), 1000 + 3 + 14);
    t.kind = TRANSITION_ENTRY;
    assert_int_equal(transition_microcode_cycles(&cfg, &t), 200 + 3 + 14);
    t.injects = t.controls_rewritten = true;
    assert_int_equal(transition_microcode_cycles(&cfg, &t), 200 + 3 + 14 + 40 + 5);
    t.kind = TRANSITION_EXIT; /* of the event that the entry injected */
    assert_int_equal(transition_microcode_cycles(&cfg, &t), 1000 + 200 + 3 + 14 + 40 + 5);
    t.kind = TRANSITION_ENTRY_FAILED;
    assert_int_equal(transition_microcode_cycles(&cfg, &t), 90 + 3 + 14);
}

static void an_exit_costs_what_its_class_adds(void **state)
{
    (void)state;
    const struct vmx_cfg cfg = {.exit_microcode_cycles = 1000, .exit_event_cycles = 7, .exit_translation_cycles = 50};
    struct vm_transition t = {.kind = TRANSITION_EXIT, .reason = EXIT_cpuid};

    assert_int_equal(transition_microcode_cycles(&cfg, &t), 1000);
    t.reason = EXIT_external_interrupt;
    assert_int_equal(transition_microcode_cycles(&cfg, &t), 1007);
    t.reason = EXIT_ept_violation;
    assert_int_equal(transition_microcode_cycles(&cfg, &t), 1050);
}

static void a_failed_entry_records_that_it_failed(void **state)
{
    (void)state;
    struct vmx_bench *b = recording();
    bench_vmcs(b)->guest_rflags = 0;
    VMLAUNCH(b);
    assert_int_equal(b->record.transition.kind, TRANSITION_ENTRY_FAILED);
    assert_int_equal(b->record.transition.reason, EXIT_entry_failure_guest_state);
    vmx_bench_free(b);
}

static void a_failed_entry_leaves_guest_state_and_other_information(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_enter(b);
    exit_by_cpuid(b);
    struct vmcs *v = bench_vmcs(b);
    v->guest_rflags = 0;
    v->entry_interruption_info = 1u << 31 | EVENT_HARDWARE << 8 | VEC_UD;
    struct vmcs before = *v;
    VMRESUME(b);
    assert_int_equal(v->exit_reason, 1u << 31 | EXIT_entry_failure_guest_state);
    for (unsigned f = 0; f < VMCS_FIELDS; f++)
        if (f != VMCS_exit_reason && f != VMCS_exit_qualification)
            assert_int_equal(vmcs_read(v, f, false), vmcs_read(&before, f, false));
    vmx_bench_free(b);
}

/* --- statistics --- */

static void statistics_have_their_paths_and_add_up(void **state)
{
    (void)state;
    u64 value;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct stats *s = stats_new();
    vmx_register_stats(&b->x, s, "cpu0");
    bench_enter(b);
    exit_by_cpuid(b);
    bench_enter(b);
    VMCALL(b);
    vmx_account_exit(&b->x, EXIT_vmcall, VMX_CYCLES_OUT, 300);
    vmx_account_exit(&b->x, EXIT_vmcall, VMX_CYCLES_ROOT, 20);
    vmx_account_exit(&b->x, EXIT_vmcall, VMX_CYCLES_IN, 1);
    static const struct {
        const char *path;
        u64 value;
    } expected[] = {
        {"cpu0.vmx.exits.cpuid.count", 1},
        {"cpu0.vmx.exits.vmcall.count", 1},
        {"cpu0.vmx.exits.vmcall.cycles_out", 300},
        {"cpu0.vmx.exits.vmcall.cycles_root", 20},
        {"cpu0.vmx.exits.vmcall.cycles_in", 1},
        {"cpu0.vmx.exits.ept_violation.count", 0},
        {"cpu0.vmx.entries", 2},
        {"cpu0.vmx.exits_total", 2},
        {"cpu0.vmx.failed.guest_rflags_reserved_bits", 0},
    };
    for (unsigned n = 0; n < ARRAY_LEN(expected); n++) {
        assert_true(stats_find(s, expected[n].path, &value));
        assert_int_equal(value, expected[n].value);
    }
    vmx_check_identities(&b->x);
    assert_string_equal(vmx_exit_name(EXIT_ept_misconfiguration), "ept_misconfiguration");
    assert_null(vmx_exit_name(35));
    stats_free(s);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_and_exit_tell_the_mmu_vpid_and_ept_pointer),
        cmocka_unit_test(without_vpid_both_transitions_flush),
        cmocka_unit_test(entry_loads_every_register_of_the_guest_area),
        cmocka_unit_test(exit_saves_what_entry_loaded),
        cmocka_unit_test(controls_that_are_off_neither_load_nor_save),
        cmocka_unit_test(cd_nw_and_et_are_not_changed_by_transitions),
        cmocka_unit_test(privilege_of_the_guest_is_ss_dpl),
        cmocka_unit_test(exit_loads_the_host_area_and_fixed_values),
        cmocka_unit_test(general_registers_cr2_and_dr6_pass_through),
        cmocka_unit_test(interruptibility_and_activity_go_in_and_out),
        cmocka_unit_test(a_pending_single_step_is_delivered_right_behind_the_entry),
        cmocka_unit_test(the_three_msr_lists_load_store_and_load),
        cmocka_unit_test(a_failing_exit_list_is_a_vmx_abort),
        cmocka_unit_test(an_entry_records_reads_of_controls_host_and_guest),
        cmocka_unit_test(an_exit_records_writes_of_guest_and_information_and_reads_of_the_host),
        cmocka_unit_test(an_entry_answers_the_exit_before_it),
        cmocka_unit_test(msr_list_entries_are_counted_and_their_lines_recorded),
        cmocka_unit_test(a_list_longer_than_the_record_is_loaded_all_the_same),
        cmocka_unit_test(rewritten_controls_are_paid_at_the_next_entry_and_only_there),
        cmocka_unit_test(the_price_is_the_sum_of_its_parts),
        cmocka_unit_test(an_exit_costs_what_its_class_adds),
        cmocka_unit_test(a_failed_entry_records_that_it_failed),
        cmocka_unit_test(a_failed_entry_leaves_guest_state_and_other_information),
        cmocka_unit_test(statistics_have_their_paths_and_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
