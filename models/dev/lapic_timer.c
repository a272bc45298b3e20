/* lapic_timer.c - the local APIC's timer (SDM Vol. 3A, "APIC Timer"). */
#include "models/dev/lapic_internal.h"


__extension__ typedef unsigned __int128 u128;

enum timer_mode { TIMER_ONE_SHOT = 0, TIMER_PERIODIC = 1, TIMER_TSC_DEADLINE = 2 };

static enum timer_mode mode_of_entry(u32 entry)
{
    return (enum timer_mode)bits(entry, 18, 17);
}

static enum timer_mode mode_of(const struct lapic *l)
{
    return mode_of_entry(l->lvt[LVT_TIMER]);
}

/* Divide configuration bits 3, 1, 0: 2, 4, ... 128, and 1. */
static u64 divider(const struct lapic *l)
{
    const u32 code = (l->divide & 3) | (l->divide >> 1 & 4);

    return 1ull << ((code + 1) & 7);
}

/* ceil(ticks * divider / timer_hz) in ps. */
static u64 ticks_to_ps(const struct lapic *l, u128 ticks)
{
    return (u64)((ticks * divider(l) * PS_PER_SECOND + l->timer_hz - 1) / l->timer_hz);
}

static u64 ticks_since_start(const struct lapic *l)
{
    return (u64)((u128)(kernel_now_ps() - l->timer_start_ps) * l->timer_hz / PS_PER_SECOND / divider(l));
}

static void notify_at(struct lapic *l, u64 at_ps)
{
    kernel_cancel(l->timer);
    kernel_notify(l->timer, at_ps - kernel_now_ps());
}

static void notify_next_expiry(struct lapic *l)
{
    notify_at(l, l->timer_start_ps + ticks_to_ps(l, (u128)(l->timer_expiries + 1) * l->initial_count));
}

static void stop(struct lapic *l)
{
    l->timer_runs = false;
    kernel_cancel(l->timer);
}

/* A count from now on. */
static void run(struct lapic *l, u32 count)
{
    l->initial_count = count;
    l->timer_start_ps = kernel_now_ps();
    l->timer_expiries = 0;
    l->timer_runs = true;
    notify_next_expiry(l);
}

void lapic_timer_start(struct lapic *l, u32 initial_count)
{
    if (mode_of(l) == TIMER_TSC_DEADLINE) return; /* the register is ignored in this mode */
    stop(l);
    l->initial_count = initial_count;
    if (initial_count) run(l, initial_count);
}

u32 lapic_timer_current(const struct lapic *l)
{
    if (!l->timer_runs || mode_of(l) == TIMER_TSC_DEADLINE) return 0;
    return (u32)(l->initial_count - ticks_since_start(l) % l->initial_count);
}

/* The count goes on at its new rate: as if it had run at it since a matching earlier start. */
void lapic_timer_divide(struct lapic *l, u32 divide)
{
    const u64 ticks = l->timer_runs ? ticks_since_start(l) : 0;

    l->divide = divide;
    if (!l->timer_runs || mode_of(l) == TIMER_TSC_DEADLINE) return;
    l->timer_start_ps = kernel_now_ps() - ticks_to_ps(l, ticks);
    notify_next_expiry(l);
}

/* Between one-shot and periodic the count goes on; into or out of deadline mode it is disarmed. */
void lapic_timer_mode_changed(struct lapic *l, u32 old_entry)
{
    const enum timer_mode old = mode_of_entry(old_entry), new = mode_of(l);

    if (old == new || (old != TIMER_TSC_DEADLINE && new != TIMER_TSC_DEADLINE)) return;
    stop(l);
    l->initial_count = 0;
    l->tsc_deadline = 0;
}

u64 lapic_timer_deadline(const struct lapic *l)
{
    return mode_of(l) == TIMER_TSC_DEADLINE ? l->tsc_deadline : 0;
}

/* From now until the counter reaches `tsc`; 0 if it is there already. */
static u128 ps_until_tsc(const struct lapic *l, u64 tsc)
{
    const u64 now = l->desc.read_tsc(l->desc.tsc_self);
    const u64 ticks = tsc > now ? tsc - now : 0;

    return ((u128)ticks * PS_PER_SECOND + l->desc.tsc_hz - 1) / l->desc.tsc_hz;
}

/* 0 disarms; a deadline that is past expires at once; one beyond the end of time never does. */
void lapic_timer_set_deadline(struct lapic *l, u64 tsc)
{
    u128 at_ps;

    if (mode_of(l) != TIMER_TSC_DEADLINE || !l->desc.read_tsc) return;
    stop(l);
    l->tsc_deadline = tsc;
    if (tsc == 0) return;
    l->timer_runs = true;
    at_ps = kernel_now_ps() + ps_until_tsc(l, tsc);
    if (at_ps < KERNEL_NEVER) notify_at(l, (u64)at_ps);
}

void lapic_tsc_changed(struct lapic *l)
{
    if (l->timer_runs && mode_of(l) == TIMER_TSC_DEADLINE) lapic_timer_set_deadline(l, l->tsc_deadline);
}

void lapic_timer_expired(void *self)
{
    struct lapic *l = self;

    l->stats.timer_expiries++;
    l->timer_expiries++;
    if (mode_of(l) == TIMER_PERIODIC)
        notify_next_expiry(l);
    else
        l->timer_runs = false;
    l->tsc_deadline = 0;
    lapic_deliver_local(l, LVT_TIMER);
}
