/* vmentry.c - SDM Vol. 3C, chapter "VM Entries": checks, guest state in, MSRs, event injection. */
#include "virt-ext/internal.h"

/* Exit qualifications of an entry that failed on guest state. */
#define FAILED_PDPTES       2u
#define FAILED_LINK_POINTER 4u

static void record_transition(struct vmx *x, const struct vmcs *v, bool flush)
{
    struct insn_record *r = hart_vmx_record(x->hart);
    if (!r) return;
    transition_begin(r, TRANSITION_ENTRY, (unsigned)x->exit_reason);
    r->transition.flushed_tlbs = flush;
    r->transition.injects = v->entry_interruption_info & EVENT_VALID;
    r->transition.controls_rewritten = v->controls_rewritten;
    touch_area(x, VMCS_CONTROL, false);
    touch_area(x, VMCS_HOST, false);
    touch_area(x, VMCS_GUEST, false);
}

/* --- a failure behind the checks on controls and host --- */

static enum outcome fail(struct vmx *x, const struct vmx_failure *f, u64 qualification)
{
    vmx_note_failure(x, f);
    vmx_entry_failed(x,
                     &(struct exit){.reason = f->exit_reason, .qualification = qualification, .rip = f->rip});
    return OUT_EXIT;
}

static u64 qualification_of(int check)
{
    if (check == ENTRY_CHECK_guest_pdptes) return FAILED_PDPTES;
    bool link = check == ENTRY_CHECK_link_pointer_address || check == ENTRY_CHECK_link_pointer_revision ||
                check == ENTRY_CHECK_link_pointer_shadow ||
                check == ENTRY_CHECK_link_pointer_not_current;
    return link ? FAILED_LINK_POINTER : 0;
}

/* --- into the guest --- */

static void set_guest_tsc(struct hart *h, const struct vmcs *v)
{
    bool offset = primary_on(v, PRIMARY_use_tsc_offsetting);
    h->vmx_tsc_offset = offset ? v->tsc_offset : 0;
    h->vmx_tsc_multiplier = offset && secondary_on(v, SECONDARY_use_tsc_scaling) ? v->tsc_multiplier : 0;
}

static void enter_guest(struct vmx *x, const struct vmcs *v, bool flush)
{
    struct hart *h = x->hart;
    bool vpid = secondary_on(v, SECONDARY_enable_vpid), ept = secondary_on(v, SECONDARY_enable_ept);
    load_guest_state(h, v);
    set_guest_tsc(h, v);
    x->virtual_nmi_blocked = pin_on(v, PIN_virtual_nmis) && (v->guest_interruptibility & BLOCKING_NMI);
    x->pause_loop.last_tsc = 0;
    hart_set_world(h, WORLD_GUEST);
    mmu_set_virt(
        x->mmu, h,
        &(struct mmu_virt){
            .vpid = vpid ? v->vpid : 0, .ept = ept, .eptp = ept ? v->ept_pointer : 0, .flush = flush,
            .mode_based_execute = secondary_on(v, SECONDARY_mode_based_execute),
            .log_writes = secondary_on(v, SECONDARY_enable_pml)});
    if (primary_on(v, PRIMARY_interrupt_window_exiting) || primary_on(v, PRIMARY_nmi_window_exiting))
        h->attention |= ATTENTION_WINDOW;
    if (primary_on(v, PRIMARY_monitor_trap_flag)) h->attention |= ATTENTION_STEP;
    h->stepped = false;
    hart_state_changed(h);
    apic_enter(x, v);
}

static void finish_entry(struct vmx *x, struct vmcs *v, bool launch)
{
    if (launch) v->launch_state = VMCS_LAUNCH_LAUNCHED;
    if (v->controls_rewritten) x->stats.controls_rewritten++;
    v->controls_rewritten = 0;
    x->stats.entries++;
    if (x->on_entry) x->on_entry(x->on_exit_self);
}

static enum outcome fail_on_guest_state(struct vmx *x, int broken, u64 rip)
{
    struct vmx_failure f = {.rip = rip, .exit_reason = EXIT_entry_failure_guest_state, .check = broken};
    return fail(x, &f, qualification_of(broken));
}

/* NMIs are blocked as they were before the entry: "VM-Entry Failures During or After Loading Guest State". */
static enum outcome fail_on_msr(struct vmx *x, u32 entry, bool nmi_blocked, u64 rip)
{
    struct vmx_failure f = {
        .rip = rip, .exit_reason = EXIT_entry_failure_msr_loading, .check = -1, .msr_entry = entry};
    x->hart->nmi_blocked = nmi_blocked;
    return fail(x, &f, entry);
}

enum outcome vmx_entry(struct vmx *x, bool launch, u64 rip)
{
    struct vmcs *v = current_vmcs(x);
    bool flush = !secondary_on(v, SECONDARY_enable_vpid), nmi_blocked = x->hart->nmi_blocked;
    u32 event = v->entry_interruption_info;
    record_transition(x, v, flush);
    int broken = entry_check_first_broken(x, STAGE_GUEST);
    if (broken >= 0) return fail_on_guest_state(x, broken, rip);
    enter_guest(x, v, flush);
    u32 entry = msr_list_load(x, v->entry_msr_load_address, v->entry_msr_load_count);
    if (entry) return fail_on_msr(x, entry, nmi_blocked, rip);
    finish_entry(x, v, launch);
    preemption_timer_start(x, v);
    if (event & EVENT_VALID) inject_event(x, event);
    return OUT_EXIT;
}
