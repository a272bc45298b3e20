/* apic_ipi.c - writes to a virtual ICR: self IPIs and IPI virtualization. SDM Vol. 3C, "APIC-Write Emulation" and "IPI
 * Virtualization". */
#include "virt-ext/apic.h"

#define ICR_VECTOR_CLASS 0xf0u
#define ICR_DELIVERY     0x700u
#define ICR_LOGICAL      BIT(11)
#define ICR_STATUS       BIT(12)
#define ICR_LEVEL        BIT(15)
#define ICR_SHORTHAND    0xc0000u
#define ICR_SELF         0x40000u
#define ICR_RESERVED     0xfff32000u

/* An entry of the PID-pointer table. */
#define PID_VALID    BIT(0)
#define PID_RESERVED 0x3eull

/* Fixed, edge-triggered, a legal vector, and no bit that says more. */
static bool is_plain(u32 low)
{
    return !(low & (ICR_RESERVED | ICR_STATUS | ICR_LEVEL | ICR_DELIVERY)) && (low & ICR_VECTOR_CLASS);
}

static bool is_self_ipi(const struct vmcs *v, u32 low)
{
    return virtual_interrupts_on(v) && is_plain(low) && (low & ICR_SHORTHAND) == ICR_SELF;
}

static bool is_virtual_ipi(const struct vmcs *v, u32 low)
{
    return tertiary_on(v, TERTIARY_ipi_virtualization) && is_plain(low) && !(low & (ICR_SHORTHAND | ICR_LOGICAL));
}

/* The descriptor of a virtual APIC ID. false: the monitor must see to it. */
static bool find_descriptor(const struct vmx *x, u32 id, u64 *descriptor)
{
    const struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    u64 at = v->pid_pointer_table_address + 8 * (u64)id;
    if (id > v->last_pid_pointer_index || !physmem_has(h->mem, HPA(at), 8)) return false;
    physical_record(h, at, 8, ACCESS_READ);
    u64 entry = physmem_read64(h->mem, HPA(at));
    *descriptor = entry & ~PID_VALID;
    return (entry & PID_VALID) && !(entry & (PID_RESERVED | bits_beyond_physical(h)));
}

void apic_virtualize_icr(struct vmx *x, u32 low, u32 destination)
{
    const struct vmcs *v = current_vmcs(x);
    u64 descriptor;
    if (is_self_ipi(v, low)) {
        apic_virtualize_self_ipi(x, (u8)low);
    } else if (is_virtual_ipi(v, low) && find_descriptor(x, destination, &descriptor)) {
        x->stats.virtual_ipis++;
        apic_charge(x, x->cfg.virtual_ipi_cycles);
        apic_post(x, descriptor, (u8)low);
    } else {
        apic_exit_behind(x, EXIT_apic_write, VAPIC_ICR);
    }
}
