/* lapic_registers.c - the registers, by page (xAPIC mode) and by MSR (x2APIC mode). */
#include "models/dev/lapic_internal.h"

/* Version 0x14 (integrated), highest LVT entry 5, EOI broadcasts can be suppressed. */
#define VERSION ((u32)BIT(24) | (LVT_COUNT - 1) << 16 | 0x14)

enum register_access { NO, RO, WO, RW };

struct row {
    u8 index, count;
    u8 xapic, x2apic; /* enum register_access */
    u64 writable;
};

static const struct row rows[] = {
#define REGISTER(name, index, count, xapic, x2apic, writable) {index, count, xapic, x2apic, writable},
#include "models/dev/lapic_registers.def"
};

/* --- local vector table --- */

#define LVT_COMMON (0xffu | LVT_MASKED)
#define LVT_PINS   (LVT_COMMON | 0x700u | LVT_POLARITY | LVT_LEVEL)

/* What can be written of each entry, and where it is. */
static const struct {
    u32 index, writable;
} lvt_rows[LVT_COUNT] = {
#define LVT_TIMER_WRITABLE       (LVT_COMMON | LVT_TIMER_MODE)
#define LVT_THERMAL_WRITABLE     (LVT_COMMON | 0x700u)
#define LVT_PERFORMANCE_WRITABLE (LVT_COMMON | 0x700u)
#define LVT_LINT0_WRITABLE       LVT_PINS
#define LVT_LINT1_WRITABLE       LVT_PINS
#define LVT_ERROR_WRITABLE       LVT_COMMON
#define LVT_ROW(name, offset)    {(offset) >> 4, LVT_##name##_WRITABLE},
    LAPIC_LVT(LVT_ROW)};

static int lvt_at(u32 index)
{
    for (int i = 0; i < LVT_COUNT; i++)
        if (lvt_rows[i].index == index) return i;
    return -1;
}

static u32 read_lvt(const struct lapic *l, int which)
{
    const bool pin = which == LVT_LINT0 || which == LVT_LINT1;
    const bool waits = pin && l->lint[which - LVT_LINT0] && delivery_of(l->lvt[which]) == APIC_EXTINT;

    return l->lvt[which] | (waits && !(l->lvt[which] & LVT_MASKED) ? LVT_PENDING : 0);
}

/* A software-disabled APIC keeps its mask bits set. */
static void write_lvt(struct lapic *l, int which, u32 value)
{
    const u32 old = l->lvt[which];

    l->lvt[which] = (value & lvt_rows[which].writable) | (lapic_is_software_enabled(l) ? 0 : LVT_MASKED);
    if (which == LVT_TIMER) lapic_timer_mode_changed(l, old);
}

static void write_svr(struct lapic *l, u32 value)
{
    l->svr = value & SVR_WRITABLE;
    if (lapic_is_software_enabled(l)) return;
    for (int i = 0; i < LVT_COUNT; i++) l->lvt[i] |= LVT_MASKED;
}

static void write_esr(struct lapic *l)
{
    l->esr = l->pending_errors;
    l->pending_errors = 0;
}

/* --- one register --- */

static const struct row *row_at(u32 index)
{
    static const struct row lvt = {.count = 1, .xapic = RW, .x2apic = RW};

    for (size_t n = 0; n < ARRAY_LEN(rows); n++)
        if (index - rows[n].index < rows[n].count) return &rows[n];
    return lvt_at(index) >= 0 ? &lvt : NULL;
}

static u64 read_icr(const struct lapic *l)
{
    if (lapic_in_x2apic_mode(l)) return (u64)l->icr_high << 32 | l->icr_low;
    return l->icr_low | (kernel_event_pending(l->ipi) ? ICR_PENDING : 0);
}

static u64 read_register(const struct lapic *l, u32 index)
{
    if (index >= REG_ISR && index < REG_TMR) return l->isr.word[index - REG_ISR];
    if (index >= REG_TMR && index < REG_IRR) return l->tmr.word[index - REG_TMR];
    if (index >= REG_IRR && index < REG_ESR) return l->irr.word[index - REG_IRR];
    if (lvt_at(index) >= 0) return read_lvt(l, lvt_at(index));
    switch (index) {
    case REG_ID: return lapic_in_x2apic_mode(l) ? l->id : l->id << 24;
    case REG_VERSION: return VERSION;
    case REG_TPR: return l->tpr;
    case REG_APR: return l->tpr & 0xf0; /* nobody else arbitrates */
    case REG_PPR: return lapic_priority(l);
    case REG_LDR: return l->ldr;
    case REG_DFR: return l->dfr;
    case REG_SVR: return l->svr;
    case REG_ESR: return l->esr;
    case REG_ICR: return read_icr(l);
    case REG_ICR_HIGH: return l->icr_high;
    case REG_INITIAL: return l->initial_count;
    case REG_CURRENT: return lapic_timer_current(l);
    case REG_DIVIDE: return l->divide;
    default: return 0; /* RRD */
    }
}

static void write_icr(struct lapic *l, u64 value)
{
    if (lapic_in_x2apic_mode(l)) l->icr_high = (u32)(value >> 32);
    l->icr_low = (u32)value & ICR_WRITABLE;
    lapic_send_ipi(l);
}

static void write_register(struct lapic *l, u32 index, u64 value64)
{
    const u32 value = (u32)value64;

    if (lvt_at(index) >= 0) {
        write_lvt(l, lvt_at(index), value);
        return;
    }
    switch (index) {
    case REG_ID: l->id = value >> 24; break;
    case REG_TPR: l->tpr = value & 0xff; break;
    case REG_EOI: lapic_eoi(l); break;
    case REG_LDR: l->ldr = value & 0xff000000; break;
    case REG_DFR: l->dfr = value | 0x0fffffff; break;
    case REG_SVR: write_svr(l, value); break;
    case REG_ESR: write_esr(l); break;
    case REG_ICR: write_icr(l, value64); break;
    case REG_ICR_HIGH: l->icr_high = value & 0xff000000; break;
    case REG_INITIAL: lapic_timer_start(l, value); break;
    case REG_DIVIDE: lapic_timer_divide(l, value & 0xb); break;
    case REG_SELF_IPI: lapic_send_self(l, (u8)value); break;
    default: break;
    }
}

/* --- x2APIC mode: "x2APIC Register Availability", "Reserved Bit Checking" --- */

bool lapic_read_x2apic(struct lapic *l, u32 index, u64 *value)
{
    const struct row *r = row_at(index);

    if (!r || !(r->x2apic & RO)) return false;
    *value = read_register(l, index);
    lapic_update_intr(l);
    return true;
}

bool lapic_write_x2apic(struct lapic *l, u32 index, u64 value)
{
    const struct row *r = row_at(index);
    const u64 writable = lvt_at(index) >= 0 ? lvt_rows[lvt_at(index)].writable : r ? r->writable : 0;

    if (!r || !(r->x2apic & WO) || (value & ~writable)) return false;
    write_register(l, index, value);
    lapic_update_intr(l);
    return true;
}

/* --- xAPIC mode --- */

/* The register of an access, and an error in the ESR if it has none of that kind. */
static bool find_xapic(struct lapic *l, u32 index, unsigned how)
{
    const struct row *r = row_at(index);

    if (!r || r->xapic == NO)
        lapic_note_error(l, ESR_ILLEGAL_REGISTER);
    return r && (r->xapic & how);
}

static bool is_register_access(hpa_t at, unsigned bytes)
{
    return bytes == 4 && at.v % 16 == 0;
}

bool lapic_decodes(const struct lapic *l, hpa_t at)
{
    return lapic_is_enabled(l) && !lapic_in_x2apic_mode(l) && at.v - (l->base & BASE_ADDRESS) < LAPIC_BYTES;
}

u64 lapic_mmio_read(struct lapic *l, hpa_t at, unsigned bytes)
{
    const u32 index = (u32)(at.v % LAPIC_BYTES >> 4);
    u32 value;

    if (!is_register_access(at, bytes)) return 0;
    value = find_xapic(l, index, RO) ? (u32)read_register(l, index) : 0;
    lapic_update_intr(l);
    return value;
}

void lapic_mmio_write(struct lapic *l, hpa_t at, u64 value, unsigned bytes)
{
    const u32 index = (u32)(at.v % LAPIC_BYTES >> 4);

    if (!is_register_access(at, bytes)) return;
    if (find_xapic(l, index, WO)) write_register(l, index, (u32)value);
    lapic_update_intr(l);
}
