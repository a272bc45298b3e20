/* preemption_timer.c - SDM Vol. 3C, "VMX-Preemption Timer": counts down by 1 whenever bit X of the time-stamp
 * counter changes, X from IA32_VMX_MISC. It runs from where the VM entry's instruction executes, so the time
 * of the transition itself is part of what it counts. */
#include "virt-ext/internal.h"

/* The counter without what WRMSR, TSC_ADJUST or VMX make of it. */
static u64 ticks(const struct vmx *x)
{
    struct hart *h = x->hart;
    return h->bus->read_tsc(h->bus_self, h) >> x->cfg.preemption_timer_rate;
}

void vmx_timer_expired(struct vmx *x)
{
    if (!x->timer.runs) return;
    x->timer.expired = true;
    x->hart->attention |= ATTENTION_WINDOW;
}

void preemption_timer_start(struct vmx *x, const struct vmcs *v)
{
    if (!pin_on(v, PIN_preemption_timer)) return;
    x->timer.runs = true;
    x->timer.expired = false;
    x->timer.end_ticks = ticks(x) + v->guest_preemption_timer;
    if (!v->guest_preemption_timer)
        vmx_timer_expired(x);
    else if (x->alarm.set)
        x->alarm.set(x->alarm.self, x->timer.end_ticks << x->cfg.preemption_timer_rate);
}

void preemption_timer_stop(struct vmx *x, struct vmcs *v)
{
    if (!x->timer.runs) return;
    u64 now = ticks(x);
    bool over = x->timer.expired || now >= x->timer.end_ticks;
    if (exit_on(v, ON_EXIT_save_preemption_timer))
        v->guest_preemption_timer = over ? 0 : (u32)(x->timer.end_ticks - now);
    x->timer.runs = x->timer.expired = false;
    if (x->alarm.cancel) x->alarm.cancel(x->alarm.self);
}
