/* intercept_event.c - events that cause VM exits: SDM Vol. 3C, "Other Causes of VM Exits". */
#include "virt-ext/internal.h"

static u32 interruption_info(u8 vector, enum event_type type, bool has_error)
{
    return (u32)(EVENT_VALID | vector | (u32)type << 8 | (has_error ? EVENT_HAS_ERROR : 0));
}

static struct exit exit_between_instructions(const struct hart *h, enum exit_reason reason)
{
    return (struct exit){.reason = reason, .rip = h->reg[REG_RIP]};
}

/* --- EPT --- */

static bool exit_for_ept(struct vmx *x, const struct fault *f)
{
    bool violation = f->kind == FAULT_EPT_VIOLATION;
    struct exit e =
        exit_between_instructions(x->hart, violation ? EXIT_ept_violation : EXIT_ept_misconfiguration);
    e.guest_physical = f->gpa.v;
    e.fault_rf = !x->hart->vectoring.valid;
    if (violation) {
        e.qualification = f->qualification;
        e.guest_linear = f->va.v;
    }
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
    if (f->kind != FAULT_EXCEPTION) return exit_for_ept(x, f);
    if (type == EVENT_SOFT_INT || !bitmap_wants(current_vmcs(x), f)) return false;
    struct exit e = exit_between_instructions(h, EXIT_exception_or_nmi);
    e.interruption_info = interruption_info(f->vector, type, f->has_error);
    e.error_code = f->has_error ? f->error : 0;
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

/* --- NMI, window, interrupt, in this order: SDM Vol. 3A, "Priority Among Concurrent Events" --- */

static bool exit_for_nmi(struct vmx *x)
{
    struct hart *h = x->hart;
    bool open = h->nmi_pending && !h->nmi_blocked && !h->movss_shadow;
    if (!open || !pin_on(current_vmcs(x), PIN_nmi_exiting)) return false;
    h->nmi_pending = false;
    struct exit e = exit_between_instructions(h, EXIT_exception_or_nmi);
    e.interruption_info = interruption_info(VEC_NMI, EVENT_NMI, false);
    vmx_exit(x, &e);
    return true;
}

static bool exit_for_window(struct vmx *x)
{
    struct hart *h = x->hart;
    if (!primary_on(current_vmcs(x), PRIMARY_interrupt_window_exiting) || !hart_interrupts_open(h))
        return false;
    struct exit e = exit_between_instructions(h, EXIT_interrupt_window);
    vmx_exit(x, &e);
    return true;
}

/* Exits whatever RFLAGS.IF; the shadows of STI and MOV SS hold it back. */
static bool exit_for_interrupt(struct vmx *x)
{
    struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    if (!h->intr_line || h->sti_shadow || h->movss_shadow || !pin_on(v, PIN_external_interrupt_exiting))
        return false;
    struct exit e = exit_between_instructions(h, EXIT_external_interrupt);
    if (exit_on(v, ON_EXIT_acknowledge_interrupt)) {
        int vector = h->bus->interrupt_acknowledge(h->bus_self, h);
        if (vector < 0) return false;
        e.interruption_info = interruption_info((u8)vector, EVENT_EXTERNAL, false);
    }
    vmx_exit(x, &e);
    return true;
}

/* In shutdown and wait-for-SIPI, states that no guest enters here, nothing would be open. */
bool vmx_intercept_interrupt(void *self, struct hart *h)
{
    struct vmx *x = self;
    (void)h;
    return exit_for_nmi(x) || exit_for_window(x) || exit_for_interrupt(x);
}
