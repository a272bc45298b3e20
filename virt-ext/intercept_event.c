/* intercept_event.c - events that cause VM exits: SDM Vol. 3C, "Other Causes of VM Exits". */
#include "virt-ext/apic.h"

/* With NMI exiting and without virtual NMIs, IRET unblocks nothing. */
static bool iret_tells(const struct vmcs *v)
{
    return pin_on(v, PIN_virtual_nmis) || !pin_on(v, PIN_nmi_exiting);
}

/* "NMI unblocking due to IRET": undefined, here 0, where the fault stopped another event's delivery. */
static bool iret_unblocked(const struct vmx *x, const struct fault *f)
{
    return f->nmi_unblocked && !x->hart->vectoring.valid && iret_tells(current_vmcs(x));
}

static u32 interruption_info(u8 vector, enum event_type type, bool has_error)
{
    return (u32)(EVENT_VALID | vector | (u32)type << 8 | (has_error ? EVENT_HAS_ERROR : 0));
}

static struct exit exit_between_instructions(const struct hart *h, enum exit_reason reason)
{
    return (struct exit){.reason = reason, .rip = h->reg[REG_RIP]};
}

/* --- EPT --- */

static enum exit_reason reason_of(enum fault_kind kind)
{
    if (kind == FAULT_LOG_FULL) return EXIT_page_modification_log_full;
    return kind == FAULT_EPT_VIOLATION ? EXIT_ept_violation : EXIT_ept_misconfiguration;
}

/* A misconfiguration's qualification is undefined, here 0. */
static bool exit_for_ept(struct vmx *x, const struct fault *f)
{
    struct exit e = exit_between_instructions(x->hart, reason_of(f->kind));
    e.guest_physical = f->gpa.v;
    e.fault_rf = !x->hart->vectoring.valid;
    if (f->kind != FAULT_EPT_MISCONFIG) e.qualification = iret_unblocked(x, f) ? EVENT_NMI_UNBLOCKED : 0;
    if (f->kind == FAULT_EPT_VIOLATION) {
        e.qualification |= f->qualification;
        e.guest_linear = f->va.v;
    }
    vmx_exit(x, &e);
    return true;
}

/* --- the APIC-access page --- */

static bool exit_for_apic_access(struct vmx *x, const struct fault *f)
{
    struct exit e = exit_between_instructions(x->hart, EXIT_apic_access);
    e.qualification = f->qualification;
    e.fault_rf = !x->hart->vectoring.valid;
    vmx_exit(x, &e);
    return true;
}

/* --- exceptions: the exception bitmap, and for page faults the mask and match of their error code --- */

static bool bitmap_wants(const struct vmcs *v, const struct fault *f)
{
    bool set = v->exception_bitmap >> (f->vector & 31) & 1;
    if (f->vector != VEC_PF) return set;
    return (f->error & v->page_fault_mask) == v->page_fault_match ? set : !set;
}

static u64 exception_qualification(const struct fault *f)
{
    if (f->vector == VEC_PF) return f->va.v;
    return f->vector == VEC_DB ? f->qualification : 0;
}

bool vmx_intercept_event(void *self, struct hart *h, const struct fault *f, enum event_type type)
{
    struct vmx *x = self;
    if (f->kind == FAULT_APIC_ACCESS) return exit_for_apic_access(x, f);
    if (f->kind != FAULT_EXCEPTION) return !becomes_virtualization_exception(x, f) && exit_for_ept(x, f);
    if (type == EVENT_SOFT_INT || !bitmap_wants(current_vmcs(x), f)) return false;
    struct exit e = exit_between_instructions(h, EXIT_exception_or_nmi);
    bool has_error = f->has_error && (h->cr0 & CR0_PE); /* not in real-address mode */
    e.interruption_info = interruption_info(f->vector, type, has_error);
    if (f->vector != VEC_DF && iret_unblocked(x, f)) e.interruption_info |= (u32)EVENT_NMI_UNBLOCKED;
    e.error_code = has_error ? f->error : 0;
    e.qualification = exception_qualification(f);
    e.instruction_length = f->insn_length;
    e.fault_rf = type == EVENT_HARDWARE && f->vector != VEC_DB;
    vmx_exit(x, &e);
    return true;
}

bool vmx_intercept_triple_fault(void *self, struct hart *h)
{
    struct exit e = exit_between_instructions(h, EXIT_triple_fault);
    vmx_exit(self, &e);
    return true;
}

/* --- between two instructions: SDM Vol. 3C, "Other Causes of VM Exits", from high to low priority --- */

/* Whether somebody still wants to be asked before each instruction. */
static bool window_is_wanted(const struct vmx *x)
{
    const struct vmcs *v = current_vmcs(x);
    return x->timer.expired || x->apic.due || primary_on(v, PRIMARY_interrupt_window_exiting) ||
           primary_on(v, PRIMARY_nmi_window_exiting);
}

static bool exit_now(struct vmx *x, enum exit_reason reason)
{
    struct exit e = exit_between_instructions(x->hart, reason);
    vmx_exit(x, &e);
    return true;
}

/* INIT and start-up IPI: the former waits while the guest is in the wait-for-SIPI state, the latter is heard only
 * there. */
static bool exit_for_startup(struct vmx *x)
{
    struct hart *h = x->hart;
    bool waits = h->activity == ACTIVITY_WAIT_SIPI;
    struct exit e = exit_between_instructions(h, waits ? EXIT_sipi : EXIT_init_signal);
    if (!(waits ? h->startup_pending : h->init_pending)) return false;
    if (waits) e.qualification = h->startup_vector;
    *(waits ? &h->startup_pending : &h->init_pending) = false;
    vmx_exit(x, &e);
    return true;
}

/* Virtual TPR, EOI and APIC writes: behind the instruction, in front of everything else. A write's emulation is a
 * step of its own. */
static bool exit_for_apic(struct vmx *x)
{
    bool emulated = apic_emulate_write(x);
    if (emulated && !window_is_wanted(x)) x->hart->attention &= ~(u32)ATTENTION_WINDOW;
    if (!x->apic.due) return emulated;
    struct exit e = exit_between_instructions(x->hart, (enum exit_reason)x->apic.reason);
    e.qualification = x->apic.qualification;
    vmx_exit(x, &e);
    return true;
}

/* "Monitor Trap Flag": in front of debug traps, which stay pending in the VMCS. */
static bool exit_for_trap_flag(struct vmx *x)
{
    const struct hart *h = x->hart;
    bool due = (h->attention & ATTENTION_STEP) && h->stepped;
    return due && exit_now(x, EXIT_monitor_trap_flag);
}

static bool debug_trap_is_due(const struct hart *h)
{
    return h->pending_debug && !h->movss_shadow;
}

/* "VMX-Preemption Timer": not in the wait-for-SIPI state. */
static bool exit_for_timer(struct vmx *x)
{
    return x->timer.expired && x->hart->activity != ACTIVITY_WAIT_SIPI && exit_now(x, EXIT_preemption_timer);
}

/* "NMI-Window Exiting": ends HLT and shutdown. */
static bool exit_for_nmi_window(struct vmx *x)
{
    const struct hart *h = x->hart;
    bool open = !x->virtual_nmi_blocked && !h->movss_shadow && h->activity != ACTIVITY_WAIT_SIPI;
    return open && primary_on(current_vmcs(x), PRIMARY_nmi_window_exiting) && exit_now(x, EXIT_nmi_window);
}

static bool nmi_is_open(const struct hart *h)
{
    return h->nmi_pending && !h->nmi_blocked && !h->movss_shadow && h->activity != ACTIVITY_WAIT_SIPI;
}

static bool exit_for_nmi(struct vmx *x)
{
    struct hart *h = x->hart;
    if (!nmi_is_open(h) || !pin_on(current_vmcs(x), PIN_nmi_exiting)) return false;
    h->nmi_pending = false;
    struct exit e = exit_between_instructions(h, EXIT_exception_or_nmi);
    e.interruption_info = interruption_info(VEC_NMI, EVENT_NMI, false);
    vmx_exit(x, &e);
    return true;
}

/* "Interrupt-Window Exiting": ends HLT. */
static bool exit_for_window(struct vmx *x)
{
    const struct hart *h = x->hart;
    bool open = hart_interrupts_open(h) && hart_takes_interrupts(h);
    return open && primary_on(current_vmcs(x), PRIMARY_interrupt_window_exiting) &&
           exit_now(x, EXIT_interrupt_window);
}

/* Exits whatever RFLAGS.IF; the shadows of STI and MOV SS hold it back, so do shutdown and wait-for-SIPI. */
static bool exit_for_interrupt(struct vmx *x)
{
    struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    bool open = h->intr_line && !h->sti_shadow && !h->movss_shadow && hart_takes_interrupts(h);
    if (!open || !pin_on(v, PIN_external_interrupt_exiting)) return false;
    struct exit e = exit_between_instructions(h, EXIT_external_interrupt);
    if (exit_on(v, ON_EXIT_acknowledge_interrupt)) {
        int vector = h->bus->interrupt_acknowledge(h->bus_self, h);
        if (vector < 0) return false;
        if (apic_process_posted(x, (u8)vector)) return true;
        e.interruption_info = interruption_info((u8)vector, EVENT_EXTERNAL, false);
    }
    vmx_exit(x, &e);
    return true;
}

/* A debug trap goes before the timer and all below it, a guest's own NMI before the interrupt window, and that or a
 * virtual interrupt before a real one: SDM Vol. 3C, "Virtual-Interrupt Delivery". */
bool vmx_intercept_interrupt(void *self, struct hart *h)
{
    struct vmx *x = self;
    if (exit_for_startup(x) || exit_for_apic(x) || exit_for_trap_flag(x)) return true;
    if (debug_trap_is_due(h)) return false;
    if (exit_for_timer(x) || exit_for_nmi_window(x) || exit_for_nmi(x)) return true;
    return !nmi_is_open(h) && (exit_for_window(x) || apic_deliver(x) || exit_for_interrupt(x));
}

/* --- IRET: SDM Vol. 3C, "Changes to Instruction Behavior in VMX Non-Root Operation" --- */

bool vmx_unblock_nmi(void *self, struct hart *h)
{
    struct vmx *x = self;
    const struct vmcs *v = current_vmcs(x);
    bool blocked = pin_on(v, PIN_virtual_nmis) ? x->virtual_nmi_blocked : h->nmi_blocked;
    x->virtual_nmi_blocked = false;
    if (!pin_on(v, PIN_nmi_exiting)) h->nmi_blocked = false;
    return blocked;
}
