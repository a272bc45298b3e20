/* vmexit.c - SDM Vol. 3C, chapter "VM Exits": exit information, guest state out, host state in. */
#include "models/sim/check.h"
#include "virt-ext/internal.h"

/* --- "Recording VM-Exit Information and Updating VM-entry Control Fields" --- */

/* In real-address mode no event has an error code. */
static void record_idt_vectoring(const struct hart *h, struct vmcs *v)
{
    const struct vectoring *d = &h->vectoring;
    bool has_error = d->has_error && (h->cr0 & CR0_PE);
    v->idt_vectoring_info = 0;
    if (!d->valid) return;
    v->idt_vectoring_info =
        (u32)(EVENT_VALID | d->vector | (u32)d->type << 8 | (has_error ? EVENT_HAS_ERROR : 0));
    v->idt_vectoring_error_code = has_error ? d->error : 0;
    if (d->type >= EVENT_SOFT_INT) v->exit_instruction_length = d->insn_length;
}

static void record_information(const struct vmx *x, struct vmcs *v, const struct exit *e)
{
    v->exit_reason = e->reason;
    v->exit_qualification = e->qualification;
    v->guest_linear_address = e->guest_linear;
    v->guest_physical_address = e->guest_physical;
    v->exit_interruption_info = e->interruption_info;
    v->exit_error_code = e->error_code;
    v->exit_instruction_length = e->instruction_length;
    v->exit_instruction_info = e->instruction_info;
    record_idt_vectoring(x->hart, v);
    v->entry_interruption_info &= (u32)~EVENT_VALID;
}

/* --- timing --- */

/* The control area is read for what the exit must do, and written for the event that is not valid any
 * more. */
static void record_transition(struct vmx *x, enum exit_reason reason, bool flush)
{
    struct insn_record *r = hart_vmx_record(x->hart);
    if (!r) return;
    if (x->injecting) /* the entry's lines stay */
        r->transition.kind = TRANSITION_EXIT, r->transition.reason = (u16)reason;
    else
        transition_begin(r, TRANSITION_EXIT, reason);
    r->transition.flushed_tlbs |= flush;
    touch_area(x, VMCS_CONTROL, false);
    touch_area(x, VMCS_EXIT_INFO, true);
    touch_area(x, VMCS_GUEST, true);
    touch_area(x, VMCS_HOST, false);
}

static void count(struct vmx *x, const struct exit *e)
{
    u32 reason = e->reason & 0xffff;
    x->stats.exits_total++;
    x->stats.exits[reason]++;
    x->exit_reason = reason;
    if (!x->on_exit) return;
    struct vmx_exit_event event = {
        .reason = (enum exit_reason)reason,
        .qualification = e->qualification,
        .guest_rip = e->rip,
        .guest_linear = e->guest_linear,
        .guest_physical = e->guest_physical,
        .interruption_info = e->interruption_info,
        .error_code = e->error_code,
    };
    x->on_exit(x->on_exit_self, &event);
}

/* --- the host again --- */

static void enter_root(struct vmx *x, bool flush)
{
    struct hart *h = x->hart;
    h->vmx_tsc_offset = h->vmx_tsc_multiplier = 0;
    h->attention &= ~(u32)(ATTENTION_WINDOW | ATTENTION_STEP);
    x->virtual_nmi_blocked = false;
    apic_leave(x);
    hart_set_world(h, WORLD_ROOT);
    mmu_set_virt(x->mmu, h, &(struct mmu_virt){.flush = flush});
    hart_state_changed(h);
}

void vmx_abort(struct vmx *x, enum vmx_abort_indicator indicator)
{
    struct vmcs *v = current_vmcs(x);
    v->abort = indicator;
    x->stats.aborts++;
    vmx_note_failure(x, &(struct vmx_failure){.rip = v->guest_rip, .check = -1, .abort = indicator});
    hart_set_activity(x->hart, ACTIVITY_SHUTDOWN);
}

/* PAE paging of a 32-bit host. */
static bool load_host_pdptes(struct hart *h)
{
    if (!pae_paging_is_on(h->cr0, h->cr4, h->efer)) return true;
    return h->mmu->read_pdptes(h->mmu_self, h, h->cr3, h->pdpte) && pdptes_are_valid(h, h->pdpte);
}

static void load_host(struct vmx *x, bool flush)
{
    struct vmcs *v = current_vmcs(x);
    load_host_state(x->hart, v);
    enter_root(x, flush);
    if (!load_host_pdptes(x->hart))
        vmx_abort(x, ABORT_host_pdptes);
    else if (msr_list_load(x, v->exit_msr_load_address, v->exit_msr_load_count)) vmx_abort(x, ABORT_loading_msrs);
}

static bool vpid_is_off(const struct vmcs *v) { return !secondary_on(v, SECONDARY_enable_vpid); }

/* An NMI that exits blocks NMIs behind it: "Updating Non-Register State". */
static bool is_nmi_exit(const struct exit *e)
{
    return (e->interruption_info & EVENT_VALID) && EVENT_TYPE(e->interruption_info) == EVENT_NMI;
}

/* "Saving Control Registers, Debug Registers, and MSRs": where unrestricted guests exist, whose mode changes. */
static void save_long_mode(const struct vmx *x, struct vmcs *v)
{
    const u32 control = 1u << ON_ENTRY_ia32e_mode_guest;
    if (!(x->allowed[VMX_SECONDARY].may_be_1 >> SECONDARY_unrestricted_guest & 1)) return;
    v->entry_controls = (v->entry_controls & ~control) | (hart_in_long_mode(x->hart) ? control : 0);
}

void vmx_exit(struct vmx *x, const struct exit *e)
{
    struct hart *h = x->hart;
    struct vmcs *v = current_vmcs(x);
    CHECK(hart_in_guest(h), "VM exit %u outside a guest", e->reason);
    record_transition(x, (enum exit_reason)e->reason, vpid_is_off(v));
    record_information(x, v, e);
    save_guest_state(h, v);
    save_long_mode(x, v);
    v->guest_rip = e->rip;
    if (x->virtual_nmi_blocked) v->guest_interruptibility |= BLOCKING_NMI;
    preemption_timer_stop(x, v);
    if (e->fault_rf) v->guest_rflags |= RFLAGS_RF;
    h->vectoring.valid = false;
    h->nmi_blocked |= is_nmi_exit(e);
    physmem_note_write(h->mem, HPA(x->current), sizeof *v);
    count(x, e);
    if (msr_list_store(x, v->exit_msr_store_address, v->exit_msr_store_count)) {
        vmx_abort(x, ABORT_saving_msrs);
        return;
    }
    if (hart_in_long_mode(h) && !exit_on(v, ON_EXIT_host_address_space_size)) {
        vmx_abort(x, ABORT_host_size);
        return;
    }
    load_host(x, vpid_is_off(v));
}

/* SDM Vol. 3C, "VM-Entry Failures During or After Loading Guest State": other exit information and the
 * guest state stay as they are. */
void vmx_entry_failed(struct vmx *x, const struct exit *e)
{
    struct vmcs *v = current_vmcs(x);
    if (hart_vmx_record(x->hart)) {
        hart_vmx_record(x->hart)->transition.kind = TRANSITION_ENTRY_FAILED;
        hart_vmx_record(x->hart)->transition.reason = (u16)e->reason;
        touch_area(x, VMCS_EXIT_INFO, true);
    }
    v->exit_reason = e->reason | (u32)EXIT_REASON_ENTRY_FAILURE;
    v->exit_qualification = e->qualification;
    x->stats.failed_guest++;
    count(x, e);
    load_host(x, vpid_is_off(v));
}
