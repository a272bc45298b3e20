/* lapic_msr.c - IA32_APIC_BASE with the changes of mode that it allows, IA32_TSC_DEADLINE, and the way to the
 * registers in x2APIC mode. */
#include "models/dev/lapic_internal.h"

#define MSR_APIC_BASE    0x1b
#define MSR_X2APIC       0x800
#define MSR_TSC_DEADLINE 0x6e0

static bool is_x2apic_msr(u32 msr)
{
    return msr >> 8 == MSR_X2APIC >> 8;
}

bool lapic_rdmsr(struct lapic *l, u32 msr, u64 *value, bool *gp)
{
    *gp = false;
    if (is_x2apic_msr(msr)) {
        *gp = !lapic_in_x2apic_mode(l) || !lapic_read_x2apic(l, msr & 0xff, value);
        return true;
    }
    if (msr != MSR_APIC_BASE && msr != MSR_TSC_DEADLINE) return false;
    *value = msr == MSR_APIC_BASE ? l->base : lapic_timer_deadline(l);
    return true;
}

/* "x2APIC State Transitions": not from disabled to x2APIC, not back from there to xAPIC, never EXTD without EN. */
static bool transition_is_legal(u64 from, u64 to)
{
    const u64 modes = BASE_ENABLED | BASE_X2APIC;

    switch (to & modes) {
    case 0: return true;
    case BASE_ENABLED: return (from & modes) != modes;
    case BASE_ENABLED | BASE_X2APIC: return from & BASE_ENABLED;
    default: return false;
    }
}

/* "Deriving Logical x2APIC ID from the Local x2APIC ID" */
static u32 logical_x2apic_id(u32 id)
{
    return id >> 4 << 16 | 1u << (id & 15);
}

static void enter_x2apic(struct lapic *l)
{
    l->id = l->desc.id;
    l->ldr = logical_x2apic_id(l->id);
    l->icr_low = l->icr_high = 0;
}

/* Disabling resets the APIC but for its place; reserved bits fault. */
static bool write_base(struct lapic *l, u64 value)
{
    const u64 old = l->base, modes = l->desc.x2apic ? BASE_ENABLED | BASE_X2APIC : BASE_ENABLED;

    if (value & ~(BASE_ADDRESS | BASE_BSP | modes)) return false;
    if (!transition_is_legal(old, value)) return false;
    l->base = value;
    if ((old & BASE_ENABLED) && !(value & BASE_ENABLED)) lapic_reset(l);
    l->base = value;
    if (!(old & BASE_X2APIC) && (value & BASE_X2APIC)) enter_x2apic(l);
    lapic_update_intr(l);
    return true;
}

bool lapic_wrmsr(struct lapic *l, u32 msr, u64 value, bool *gp)
{
    *gp = false;
    if (is_x2apic_msr(msr)) {
        *gp = !lapic_in_x2apic_mode(l) || !lapic_write_x2apic(l, msr & 0xff, value);
        return true;
    }
    if (msr == MSR_APIC_BASE) {
        *gp = !write_base(l, value);
        return true;
    }
    if (msr != MSR_TSC_DEADLINE) return false;
    lapic_timer_set_deadline(l, value);
    lapic_update_intr(l);
    return true;
}
