/* lapic.c - priorities, acceptance, registers. The timer is lapic_timer.c. */
#include "models/dev/lapic_internal.h"

#define PARAM_OF struct lapic_cfg
const struct param lapic_params[] = {LAPIC_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t lapic_params_count = ARRAY_LEN(lapic_params);

enum {
    REG_ID = 0x020,      REG_VERSION = 0x030,
    REG_TPR = 0x080,     REG_APR = 0x090,     REG_PPR = 0x0a0, REG_EOI = 0x0b0, REG_RRD = 0x0c0,
    REG_LDR = 0x0d0,     REG_DFR = 0x0e0,     REG_SVR = 0x0f0,
    REG_ISR = 0x100,     REG_TMR = 0x180,     REG_IRR = 0x200, REG_ESR = 0x280,
    REG_ICR_LOW = 0x300, REG_ICR_HIGH = 0x310,
    REG_INITIAL = 0x380, REG_CURRENT = 0x390, REG_DIVIDE = 0x3e0
};

/* Version 0x14 (integrated), highest LVT entry 5, no suppression of EOI broadcasts. */
#define VERSION ((LVT_COUNT - 1) << 16 | 0x14)

#define SVR_ENABLED BIT(8)
#define SVR_WRITABLE 0x1ffu
#define DFR_MODEL    0xf0000000u

#define BASE_BSP      BIT(8)
#define BASE_X2APIC   BIT(10)
#define BASE_ENABLED  BIT(11)
#define BASE_ADDRESS  0x000ffffffffff000ull

#define MSR_APIC_BASE    0x1b
#define MSR_TSC_DEADLINE 0x6e0

#define ESR_SEND_ILLEGAL     BIT(5)
#define ESR_RECEIVE_ILLEGAL  BIT(6)
#define ESR_ILLEGAL_REGISTER BIT(7)

#define ICR_DESTINATION_MODE BIT(11)
#define ICR_WRITABLE         0x000ccfffu

enum delivery { DELIVER_FIXED = 0, DELIVER_LOWEST = 1, DELIVER_NMI = 4, DELIVER_EXTINT = 7 };
enum shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

#define FIRST_LEGAL_VECTOR 16
#define NO_VECTOR          (-1)

/* --- sets of vectors --- */

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

static bool is_enabled(const struct lapic *l)
{
    return l->base & BASE_ENABLED;
}

static bool is_software_enabled(const struct lapic *l)
{
    return l->svr & SVR_ENABLED;
}

/* SDM Vol. 3A, "Task and Processor Priorities". */
static u32 processor_priority(const struct lapic *l)
{
    const int in_service = highest_vector(&l->isr);
    const u32 service_class = in_service == NO_VECTOR ? 0 : (u32)in_service & 0xf0;

    return (l->tpr & 0xf0) >= service_class ? l->tpr : service_class;
}

/* The vector that may interrupt the processor now, or NO_VECTOR. */
static int deliverable(const struct lapic *l)
{
    const int vector = highest_vector(&l->irr);

    return vector != NO_VECTOR && ((u32)vector & 0xf0) > (processor_priority(l) & 0xf0) ? vector : NO_VECTOR;
}

static u32 delivery_of(u32 entry)
{
    return (u32)bits(entry, 10, 8);
}

/* The PIC's request passes LINT0, or goes around a disabled APIC. */
static bool extint_pending(const struct lapic *l)
{
    const u32 entry = l->lvt[LVT_LINT0];

    if (!is_enabled(l)) return l->lint[0];
    return l->lint[0] && !(entry & LVT_MASKED) && delivery_of(entry) == DELIVER_EXTINT;
}

bool lapic_makes_nmi_of_lint0(const struct lapic *l)
{
    const u32 entry = l->lvt[LVT_LINT0];

    return is_enabled(l) && !(entry & LVT_MASKED) && delivery_of(entry) == DELIVER_NMI;
}

static void update_intr(struct lapic *l)
{
    irq_set(&l->desc.intr, extint_pending(l) || (is_enabled(l) && deliverable(l) != NO_VECTOR));
}

/* --- acceptance --- */

static void note_error(struct lapic *l, u32 esr_bit)
{
    const u32 entry = l->lvt[LVT_ERROR];
    const bool is_new = !(l->pending_errors & esr_bit);

    l->pending_errors |= esr_bit;
    if (!is_new || (entry & LVT_MASKED) || (entry & 0xff) < FIRST_LEGAL_VECTOR) return;
    set_vector(&l->irr, entry & 0xff, true);
}

static void accept_fixed(struct lapic *l, unsigned vector, bool level_triggered)
{
    if (!is_software_enabled(l)) return;
    if (vector < FIRST_LEGAL_VECTOR) {
        note_error(l, ESR_RECEIVE_ILLEGAL);
        return;
    }
    set_vector(&l->irr, vector, true);
    set_vector(&l->tmr, vector, level_triggered);
}

static void raise_nmi(struct lapic *l)
{
    if (l->desc.nmi) l->desc.nmi(l->desc.nmi_self);
}

void lapic_deliver_local(struct lapic *l, enum lapic_lvt which)
{
    const u32 entry = l->lvt[which];

    if (entry & LVT_MASKED) return;
    if (which == LVT_TIMER || delivery_of(entry) == DELIVER_FIXED)
        accept_fixed(l, entry & 0xff, which == LVT_LINT0 && (entry & LVT_LEVEL));
    else if (delivery_of(entry) == DELIVER_NMI)
        raise_nmi(l);
    update_intr(l);
}

static void lint_changed(void *self, unsigned input, bool level)
{
    struct lapic *l = self;
    const bool rises = level && !l->lint[input];

    l->lint[input] = level;
    if (rises && is_enabled(l)) lapic_deliver_local(l, input == 0 ? LVT_LINT0 : LVT_LINT1);
    update_intr(l);
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
    const int vector = is_enabled(l) ? deliverable(l) : NO_VECTOR;
    int answer = vector;

    if (vector != NO_VECTOR) {
        set_vector(&l->irr, (unsigned)vector, false);
        set_vector(&l->isr, (unsigned)vector, true);
        l->stats.interrupts++;
    } else if (extint_pending(l) && l->desc.extint) {
        l->stats.extints++;
        answer = l->desc.extint(l->desc.extint_self);
    }
    update_intr(l);
    return answer;
}

/* A level that is still there asks again (SDM Vol. 3A, "Signaling Interrupt Servicing Completion"). */
static void end_of_interrupt(struct lapic *l)
{
    const int vector = highest_vector(&l->isr);

    if (vector == NO_VECTOR) return;
    set_vector(&l->isr, (unsigned)vector, false);
    if (l->lint[0] && (l->lvt[LVT_LINT0] & LVT_LEVEL) && (l->lvt[LVT_LINT0] & 0xff) == (u32)vector)
        lapic_deliver_local(l, LVT_LINT0);
}

/* --- interprocessor interrupts: the only destination there is, is the sender --- */

/* SDM Vol. 3A, "Determining IPI Destination". */
static bool matches_destination(const struct lapic *l)
{
    const u32 destination = l->icr_high >> 24, logical = l->ldr >> 24;

    if (!(l->icr_low & ICR_DESTINATION_MODE)) return destination == l->id || destination == 0xff;
    if ((l->dfr & DFR_MODEL) == DFR_MODEL) return destination & logical; /* flat */
    return (destination >> 4 == logical >> 4 || destination >> 4 == 0xf) && (destination & logical & 0xf);
}

static bool reaches_self(const struct lapic *l)
{
    switch ((enum shorthand)bits(l->icr_low, 19, 18)) {
    case TO_SELF:
    case TO_ALL: return true;
    case TO_OTHERS: return false;
    default: return matches_destination(l);
    }
}

static void send_to_self(struct lapic *l)
{
    const u32 delivery = delivery_of(l->icr_low);

    l->stats.self_ipis++;
    if (delivery == DELIVER_NMI)
        raise_nmi(l);
    else
        accept_fixed(l, l->icr_low & 0xff, false);
}

static void send_ipi(struct lapic *l)
{
    const u32 delivery = delivery_of(l->icr_low);
    const bool fixed = delivery == DELIVER_FIXED || delivery == DELIVER_LOWEST;

    if (!fixed && delivery != DELIVER_NMI)
        l->stats.unmodelled_ipis++;
    else if (fixed && (l->icr_low & 0xff) < FIRST_LEGAL_VECTOR)
        note_error(l, ESR_SEND_ILLEGAL);
    else if (reaches_self(l))
        send_to_self(l);
    else
        l->stats.unmodelled_ipis++;
}

/* --- registers --- */

#define LVT_COMMON (0xffu | LVT_MASKED)
#define LVT_PINS   (LVT_COMMON | 0x700u | LVT_POLARITY | LVT_LEVEL)

/* What can be written of each entry, and where it is. */
static const struct {
    u32 offset, writable;
} lvt_rows[LVT_COUNT] = {
#define LVT_TIMER_WRITABLE       (LVT_COMMON | LVT_TIMER_MODE)
#define LVT_THERMAL_WRITABLE     (LVT_COMMON | 0x700u)
#define LVT_PERFORMANCE_WRITABLE (LVT_COMMON | 0x700u)
#define LVT_LINT0_WRITABLE       LVT_PINS
#define LVT_LINT1_WRITABLE       LVT_PINS
#define LVT_ERROR_WRITABLE       LVT_COMMON
#define LVT_ROW(name, at)        {at, LVT_##name##_WRITABLE},
    LAPIC_LVT(LVT_ROW)};

static int lvt_at(u32 offset)
{
    for (int i = 0; i < LVT_COUNT; i++)
        if (lvt_rows[i].offset == offset) return i;
    return -1;
}

static u32 read_lvt(const struct lapic *l, int which)
{
    const bool pin = which == LVT_LINT0 || which == LVT_LINT1;
    const bool waits = pin && l->lint[which - LVT_LINT0] && delivery_of(l->lvt[which]) == DELIVER_EXTINT;

    return l->lvt[which] | (waits && !(l->lvt[which] & LVT_MASKED) ? LVT_PENDING : 0);
}

/* While the APIC is software-disabled, mask bits can't be cleared. */
static void write_lvt(struct lapic *l, int which, u32 value)
{
    const u32 old = l->lvt[which];

    l->lvt[which] = (value & lvt_rows[which].writable) | (is_software_enabled(l) ? 0 : LVT_MASKED);
    if (which == LVT_TIMER) lapic_timer_mode_changed(l, old);
}

static void write_svr(struct lapic *l, u32 value)
{
    l->svr = value & SVR_WRITABLE;
    if (is_software_enabled(l)) return;
    for (int i = 0; i < LVT_COUNT; i++) l->lvt[i] |= LVT_MASKED;
}

static void write_esr(struct lapic *l)
{
    l->esr = l->pending_errors;
    l->pending_errors = 0;
}

static u32 illegal_register(struct lapic *l)
{
    note_error(l, ESR_ILLEGAL_REGISTER);
    return 0;
}

static u32 read_vectors(const struct lapic_vectors *v, u32 offset)
{
    return v->word[offset >> 4 & 7];
}

static u32 read_register(struct lapic *l, u32 offset)
{
    if (offset >= REG_ISR && offset < REG_TMR) return read_vectors(&l->isr, offset);
    if (offset >= REG_TMR && offset < REG_IRR) return read_vectors(&l->tmr, offset);
    if (offset >= REG_IRR && offset < REG_ESR) return read_vectors(&l->irr, offset);
    if (lvt_at(offset) >= 0) return read_lvt(l, lvt_at(offset));
    switch (offset) {
    case REG_ID: return l->id << 24;
    case REG_VERSION: return VERSION;
    case REG_TPR: return l->tpr;
    case REG_APR: return l->tpr & 0xf0; /* nobody else arbitrates */
    case REG_PPR: return processor_priority(l);
    case REG_RRD: return 0;
    case REG_LDR: return l->ldr;
    case REG_DFR: return l->dfr;
    case REG_SVR: return l->svr;
    case REG_ESR: return l->esr;
    case REG_ICR_LOW: return l->icr_low;
    case REG_ICR_HIGH: return l->icr_high;
    case REG_INITIAL: return l->initial_count;
    case REG_CURRENT: return lapic_timer_current(l);
    case REG_DIVIDE: return l->divide;
    default: return illegal_register(l);
    }
}

static void write_icr(struct lapic *l, u32 value)
{
    l->icr_low = value & ICR_WRITABLE;
    send_ipi(l);
}

static void write_register(struct lapic *l, u32 offset, u32 value)
{
    if (lvt_at(offset) >= 0) {
        write_lvt(l, lvt_at(offset), value);
        return;
    }
    switch (offset) {
    case REG_ID: l->id = value >> 24; break;
    case REG_TPR: l->tpr = value & 0xff; break;
    case REG_EOI: end_of_interrupt(l); break;
    case REG_LDR: l->ldr = value & 0xff000000; break;
    case REG_DFR: l->dfr = value | 0x0fffffff; break;
    case REG_SVR: write_svr(l, value); break;
    case REG_ESR: write_esr(l); break;
    case REG_ICR_LOW: write_icr(l, value); break;
    case REG_ICR_HIGH: l->icr_high = value & 0xff000000; break;
    case REG_INITIAL: lapic_timer_start(l, value); break;
    case REG_DIVIDE: lapic_timer_divide(l, value & 0xb); break;
    default: illegal_register(l); break;
    }
}

static bool is_register_access(hpa_t at, unsigned bytes)
{
    return bytes == 4 && at.v % 16 == 0;
}

bool lapic_decodes(const struct lapic *l, hpa_t at)
{
    return is_enabled(l) && at.v - (l->base & BASE_ADDRESS) < LAPIC_BYTES;
}

u64 lapic_mmio_read(struct lapic *l, hpa_t at, unsigned bytes)
{
    u32 value;

    if (!is_register_access(at, bytes)) return 0;
    value = read_register(l, at.v % LAPIC_BYTES);
    update_intr(l);
    return value;
}

void lapic_mmio_write(struct lapic *l, hpa_t at, u64 value, unsigned bytes)
{
    if (!is_register_access(at, bytes)) return;
    write_register(l, at.v % LAPIC_BYTES, (u32)value);
    update_intr(l);
}

u64 lapic_get_cr8(const struct lapic *l)
{
    return l->tpr >> 4;
}

void lapic_set_cr8(struct lapic *l, u64 value)
{
    l->tpr = (u32)(value & 15) << 4;
    update_intr(l);
}

/* --- MSRs --- */

bool lapic_rdmsr(struct lapic *l, u32 msr, u64 *value, bool *gp)
{
    *gp = false;
    if (msr == MSR_APIC_BASE) {
        *value = l->base;
        return true;
    }
    if (msr != MSR_TSC_DEADLINE) return false;
    *value = lapic_timer_deadline(l);
    return true;
}

/* Disabling resets the APIC but for its place; reserved bits and x2APIC mode fault. */
static bool write_base(struct lapic *l, u64 value)
{
    const bool was_enabled = is_enabled(l);

    if (value & ~(BASE_ADDRESS | BASE_ENABLED | BASE_BSP)) return false;
    l->base = value;
    if (was_enabled && !is_enabled(l)) lapic_reset(l);
    l->base = value;
    update_intr(l);
    return true;
}

bool lapic_wrmsr(struct lapic *l, u32 msr, u64 value, bool *gp)
{
    *gp = false;
    if (msr == MSR_APIC_BASE) {
        *gp = !write_base(l, value);
        return true;
    }
    if (msr != MSR_TSC_DEADLINE) return false;
    lapic_timer_set_deadline(l, value);
    update_intr(l);
    return true;
}

/* --- building --- */

void lapic_reset(struct lapic *l)
{
    const u64 bsp = l->desc.bootstrap ? BASE_BSP : 0;

    kernel_cancel(l->timer);
    *l = (struct lapic){.timer_hz = l->timer_hz, .desc = l->desc, .timer = l->timer, .stats = l->stats,
                        .lint = {l->lint[0], l->lint[1]}};
    l->base = LAPIC_DEFAULT_BASE | BASE_ENABLED | bsp;
    l->id = l->desc.id;
    l->dfr = UINT32_MAX;
    l->svr = 0xff;
    for (int i = 0; i < LVT_COUNT; i++) l->lvt[i] = LVT_MASKED;
    update_intr(l);
}

void lapic_init(struct lapic *l, const struct lapic_cfg *cfg, const struct lapic_desc *desc)
{
    *l = (struct lapic){.timer_hz = cfg->timer_hz, .desc = *desc};
    l->timer = kernel_event_new("lapic.timer", KERNEL_DEVICE, lapic_timer_expired, l);
    lapic_reset(l);
}

void lapic_set_virtual_wire(struct lapic *l)
{
    l->svr = SVR_ENABLED | 0xff;
    l->lvt[LVT_LINT0] = DELIVER_EXTINT << 8;
    l->lvt[LVT_LINT1] = DELIVER_NMI << 8;
    update_intr(l);
}

#define STAT_OF struct lapic_stats
static const struct stat_row stat_rows[] = {LAPIC_STATS(STAT_ROW)};
#undef STAT_OF

void lapic_add_stats(const struct lapic *l, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &l->stats);
}
