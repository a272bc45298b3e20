/* inject.c - SDM Vol. 3C, "Event Injection": the event of a VM entry goes through the guest's IDT.
 *
 * When its delivery faults, isa_raise takes the fault to its end: an exception in the guest, or a VM exit
 * that has the injected event as its IDT-vectoring information. The exit is then part of the same
 * transition as the entry. */
#include "isa/exec.h"
#include "virt-ext/internal.h"

void inject_event(struct vmx *x, u32 info)
{
    struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    enum event_type type = EVENT_TYPE(info);
    x->stats.injections++;
    x->injecting = true;
    h->activity = ACTIVITY_ACTIVE;
    if (isa_deliver(h, info & 0xff, type, info & EVENT_HAS_ERROR, v->entry_error_code,
                    v->entry_instruction_length) == OUT_FAULT)
        isa_raise(h);
    x->injecting = false;
}
