/* lapic.c - priorities, acceptance, acknowledgement; reset. */
#include "models/dev/lapic_internal.h"

#define PARAM_OF struct lapic_cfg
const struct param lapic_params[] = {LAPIC_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t lapic_params_count = ARRAY_LEN(lapic_params);

/* --- sets of vectors --- */

static bool has_vector(const struct lapic_vectors *v, unsigned vector)
{
    return v->word[vector / 32] >> (vector & 31) & 1;
}

static void set_vector(struct lapic_vectors *v, unsigned vector, bool on)
{
    const u32 bit = 1u << (vector & 31);

    if (on)
        v->word[vector / 32] |= bit;
    else
        v->word[vector / 32] &= ~bit;
}

static int highest_vector(const struct lapic_vectors *v)
{
    for (int i = 7; i >= 0; i--)
        if (v->word[i]) return i * 32 + 31 - __builtin_clz(v->word[i]);
    return NO_VECTOR;
}

/* --- priorities --- */

/* SDM Vol. 3A, "Task and Processor Priorities". */
u32 lapic_priority(const struct lapic *l)
{
    const int in_service = highest_vector(&l->isr);
    const u32 service_class = in_service == NO_VECTOR ? 0 : (u32)in_service & 0xf0;

    return (l->tpr & 0xf0) >= service_class ? l->tpr : service_class;
}

bool lapic_arbitrates(const struct lapic *l)
{
    return lapic_is_enabled(l) && lapic_is_software_enabled(l);
}

/* The vector that may interrupt the processor now, or NO_VECTOR. */
static int deliverable(const struct lapic *l)
{
    const int vector = highest_vector(&l->irr);

    return vector != NO_VECTOR && ((u32)vector & 0xf0) > (lapic_priority(l) & 0xf0) ? vector : NO_VECTOR;
}

/* The PIC's request passes LINT0, or goes around a disabled APIC. */
static bool extint_pending(const struct lapic *l)
{
    const u32 entry = l->lvt[LVT_LINT0];

    if (!lapic_is_enabled(l)) return l->lint[0];
    return l->lint[0] && !(entry & LVT_MASKED) && delivery_of(entry) == APIC_EXTINT;
}

bool lapic_makes_nmi_of_lint0(const struct lapic *l)
{
    const u32 entry = l->lvt[LVT_LINT0];

    return lapic_is_enabled(l) && !(entry & LVT_MASKED) && delivery_of(entry) == APIC_NMI;
}

void lapic_update_intr(struct lapic *l)
{
    irq_set(&l->desc.intr, extint_pending(l) || (lapic_is_enabled(l) && deliverable(l) != NO_VECTOR));
}

/* --- acceptance --- */

void lapic_note_error(struct lapic *l, u32 esr_bit)
{
    const u32 entry = l->lvt[LVT_ERROR];
    const bool is_new = !(l->pending_errors & esr_bit);

    l->pending_errors |= esr_bit;
    if (!is_new || (entry & LVT_MASKED) || (entry & 0xff) < FIRST_LEGAL_VECTOR) return;
    set_vector(&l->irr, entry & 0xff, true);
}

void lapic_accept_fixed(struct lapic *l, unsigned vector, bool level_triggered)
{
    if (!lapic_is_software_enabled(l)) return;
    if (vector < FIRST_LEGAL_VECTOR) {
        lapic_note_error(l, ESR_RECEIVE_ILLEGAL);
        return;
    }
    set_vector(&l->irr, vector, true);
    set_vector(&l->tmr, vector, level_triggered);
}

static void raise_nmi(struct lapic *l)
{
    if (l->desc.nmi) l->desc.nmi(l->desc.nmi_self);
}

static void raise_init(struct lapic *l)
{
    if (l->desc.init) l->desc.init(l->desc.startup_self);
}

static void raise_startup(struct lapic *l, u8 vector)
{
    if (l->desc.startup) l->desc.startup(l->desc.startup_self, vector);
}

/* SDM Vol. 3A, "Interrupt Acceptance for Fixed Interrupts"; the others go around the APIC's registers. */
void lapic_accept(struct lapic *l, const struct apic_message *m)
{
    switch ((enum apic_delivery)m->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST:
        lapic_accept_fixed(l, m->vector, m->level);
        break;
    case APIC_NMI:
        raise_nmi(l);
        break;
    case APIC_INIT:
        raise_init(l);
        break;
    case APIC_STARTUP:
        raise_startup(l, m->vector);
        break;
    case APIC_SMI:
    case APIC_EXTINT:
        break;
    }
    lapic_update_intr(l);
}

void lapic_deliver_local(struct lapic *l, enum lapic_lvt which)
{
    const u32 entry = l->lvt[which];

    if (entry & LVT_MASKED) return;
    if (which == LVT_TIMER || delivery_of(entry) == APIC_FIXED)
        lapic_accept_fixed(l, entry & 0xff, which == LVT_LINT0 && (entry & LVT_LEVEL));
    else if (delivery_of(entry) == APIC_NMI)
        raise_nmi(l);
    else if (delivery_of(entry) == APIC_INIT)
        raise_init(l);
    lapic_update_intr(l);
}

/* SDM Vol. 3B, "Performance Counter Overflow": the entry masks itself. */
void lapic_raise_local(struct lapic *l, enum lapic_lvt which)
{
    lapic_deliver_local(l, which);
    if (which == LVT_PERFORMANCE) l->lvt[which] |= LVT_MASKED;
}

static void lint_changed(void *self, unsigned input, bool level)
{
    struct lapic *l = self;
    const bool rises = level && !l->lint[input];

    l->lint[input] = level;
    if (rises && lapic_is_enabled(l)) lapic_deliver_local(l, input == 0 ? LVT_LINT0 : LVT_LINT1);
    lapic_update_intr(l);
}

struct irq_line lapic_lint0(struct lapic *l)
{
    return (struct irq_line){.changed = lint_changed, .self = l, .input = 0};
}

struct irq_line lapic_lint1(struct lapic *l)
{
    return (struct irq_line){.changed = lint_changed, .self = l, .input = 1};
}

int lapic_acknowledge(struct lapic *l)
{
    const int vector = lapic_is_enabled(l) ? deliverable(l) : NO_VECTOR;
    int answer = vector;

    if (vector != NO_VECTOR) {
        set_vector(&l->irr, (unsigned)vector, false);
        set_vector(&l->isr, (unsigned)vector, true);
        l->stats.interrupts++;
    } else if (extint_pending(l) && l->desc.extint) {
        l->stats.extints++;
        answer = l->desc.extint(l->desc.extint_self);
    }
    lapic_update_intr(l);
    return answer;
}

/* A level that is still there asks again (SDM Vol. 3A, "Signaling Interrupt Servicing Completion"). */
static void finish_level(struct lapic *l, u8 vector)
{
    if (l->lint[0] && (l->lvt[LVT_LINT0] & LVT_LEVEL) && (u8)l->lvt[LVT_LINT0] == vector)
        lapic_deliver_local(l, LVT_LINT0);
    if (has_vector(&l->tmr, vector) && !(l->svr & SVR_NO_EOI_CAST) && l->desc.bus)
        apic_bus_broadcast_eoi(l->desc.bus, vector);
}

void lapic_eoi(struct lapic *l)
{
    const int vector = highest_vector(&l->isr);

    if (vector == NO_VECTOR) return;
    set_vector(&l->isr, (unsigned)vector, false);
    finish_level(l, (u8)vector);
    lapic_update_intr(l);
}

/* --- CR8 --- */

u64 lapic_get_cr8(const struct lapic *l)
{
    return l->tpr >> 4;
}

void lapic_set_cr8(struct lapic *l, u64 value)
{
    l->tpr = (u32)(value & 15) << 4;
    lapic_update_intr(l);
}

/* --- building --- */

static void clear_registers(struct lapic *l)
{
    kernel_cancel(l->timer);
    kernel_cancel(l->ipi);
    *l = (struct lapic){.timer_hz = l->timer_hz, .ipi_latency_ps = l->ipi_latency_ps,
                        .desc = l->desc, .timer = l->timer, .ipi = l->ipi, .stats = l->stats,
                        .lint = {l->lint[0], l->lint[1]}, .base = l->base, .id = l->id};
    l->dfr = UINT32_MAX;
    l->svr = 0xff;
    for (int i = 0; i < LVT_COUNT; i++) l->lvt[i] = LVT_MASKED;
}

void lapic_reset(struct lapic *l)
{
    clear_registers(l);
    l->base = LAPIC_DEFAULT_BASE | BASE_ENABLED | (l->desc.bootstrap ? BASE_BSP : 0);
    l->id = l->desc.id;
    lapic_update_intr(l);
}

void lapic_init_signal(struct lapic *l)
{
    const u32 ldr = lapic_in_x2apic_mode(l) ? l->ldr : 0;

    clear_registers(l);
    l->ldr = ldr;
    lapic_update_intr(l);
}

void lapic_init(struct lapic *l, const struct lapic_cfg *cfg, const struct lapic_desc *desc)
{
    *l = (struct lapic){.timer_hz = cfg->timer_hz, .ipi_latency_ps = cfg->ipi_latency_ps, .desc = *desc};
    l->timer = kernel_event_new(desc->timer_name ? desc->timer_name : "lapic.timer", KERNEL_DEVICE,
                                lapic_timer_expired, l);
    l->ipi = kernel_event_new(desc->ipi_name ? desc->ipi_name : "lapic.ipi", KERNEL_DEVICE, lapic_ipi_arrives, l);
    if (desc->bus) apic_bus_attach_lapic(desc->bus, l);
    lapic_reset(l);
}

void lapic_set_virtual_wire(struct lapic *l)
{
    l->svr = SVR_ENABLED | 0xff;
    l->lvt[LVT_LINT0] = APIC_EXTINT << 8;
    l->lvt[LVT_LINT1] = APIC_NMI << 8;
    lapic_update_intr(l);
}

#define STAT_OF struct lapic_stats
static const struct stat_row stat_rows[] = {LAPIC_STATS(STAT_ROW)};
#undef STAT_OF

void lapic_add_stats(const struct lapic *l, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &l->stats);
}
