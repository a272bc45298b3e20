/* inject.c - SDM Vol. 3C, "Event Injection": the event of a VM entry goes through the guest's IDT.
 *
 * When its delivery faults, isa_raise takes the fault to its end: an exception in the guest, or a VM exit
 * that has the injected event as its IDT-vectoring information. The exit is then part of the same
 * transition as the entry. */
#include "isa/exec.h"
#include "virt-ext/internal.h"

/* "Injection of Pending MTF VM Exits": the exit comes in front of the guest's next instruction. */
static void inject_pending_mtf(struct hart *h)
{
    h->attention |= ATTENTION_STEP;
    h->stepped = true;
}

static void deliver(struct vmx *x, u32 info, enum event_type type)
{
    struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    bool virtual_nmi = type == EVENT_NMI && pin_on(v, PIN_virtual_nmis);
    bool alone = h->fetch.alone;
    x->injecting = h->fetch.alone = true; /* a stack may be a device's memory */
    if (h->record) h->record->drained = true;
    x->virtual_nmi_blocked |= virtual_nmi;
    hart_set_activity(h, ACTIVITY_ACTIVE);
    if (isa_deliver(h, info & 0xff, type, info & EVENT_HAS_ERROR, v->entry_error_code,
                    v->entry_instruction_length) == OUT_FAULT)
        isa_raise(h);
    if (hart_in_guest(h) && virtual_nmi) h->nmi_blocked = false;
    h->stepped = true;
    x->injecting = false;
    h->fetch.alone = alone;
}

void inject_event(struct vmx *x, u32 info)
{
    enum event_type type = EVENT_TYPE(info);
    x->stats.injections++;
    if (type == EVENT_OTHER)
        inject_pending_mtf(x->hart);
    else
        deliver(x, info, type);
}
