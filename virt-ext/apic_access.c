/* apic_access.c - the APIC-access page and the virtual registers behind it: SDM Vol. 3C, "Virtualizing Memory-Mapped APIC
 * Accesses" and "Virtualizing MSR-Based APIC Accesses". */
#include "virt-ext/apic.h"

/* Who lets an access of a register's page offset be virtualized; rows name the first 16 bytes. */
enum by { BY_NOBODY, BY_TPR_SHADOW, BY_DELIVERY, BY_REGISTERS, BY_IPIS };

struct row {
    u16 first, last;
    u8 read, write; /* enum by: besides "use TPR shadow" */
};

/* "Reads from the APIC-Access Page", "Determining Whether a Write Access is Virtualized" */
/* clang-format off */
static const struct row rows[] = {
    {VAPIC_ID,        VAPIC_ID,        BY_REGISTERS,  BY_REGISTERS},
    {VAPIC_VERSION,   VAPIC_VERSION,   BY_REGISTERS,  BY_NOBODY},
    {VAPIC_TPR,       VAPIC_TPR,       BY_TPR_SHADOW, BY_TPR_SHADOW},
    {VAPIC_EOI,       VAPIC_EOI,       BY_REGISTERS,  BY_DELIVERY},
    {VAPIC_LDR,       VAPIC_SVR,       BY_REGISTERS,  BY_REGISTERS},
    {VAPIC_ISR,       VAPIC_ESR - 16,  BY_REGISTERS,  BY_NOBODY},
    {VAPIC_ESR,       VAPIC_ESR,       BY_REGISTERS,  BY_REGISTERS},
    {VAPIC_ICR,       VAPIC_ICR,       BY_REGISTERS,  BY_IPIS},
    {VAPIC_ICR_HIGH,  VAPIC_LVT_ERROR, BY_REGISTERS,  BY_REGISTERS},
    {VAPIC_INITIAL,   VAPIC_INITIAL,   BY_REGISTERS,  BY_REGISTERS},
    {VAPIC_DIVIDE,    VAPIC_DIVIDE,    BY_REGISTERS,  BY_REGISTERS},
};
/* clang-format on */

static enum by virtualizer(u32 offset, bool write)
{
    for (size_t n = 0; n < ARRAY_LEN(rows); n++)
        if ((offset & ~15u) >= rows[n].first && (offset & ~15u) <= rows[n].last)
            return (enum by)(write ? rows[n].write : rows[n].read);
    return BY_NOBODY;
}

static bool registers_on(const struct vmcs *v)
{
    return secondary_on(v, SECONDARY_apic_register_virtualization);
}

static bool ipis_on(const struct vmcs *v)
{
    return tertiary_on(v, TERTIARY_ipi_virtualization);
}

static bool is_virtualized(const struct vmcs *v, enum by by)
{
    switch (by) {
    case BY_TPR_SHADOW:
        return true;
    case BY_DELIVERY:
        return registers_on(v) || virtual_interrupts_on(v);
    case BY_IPIS:
        return registers_on(v) || virtual_interrupts_on(v) || ipis_on(v);
    case BY_REGISTERS:
        return registers_on(v);
    default:
        return false;
    }
}

/* At most 32 bits, inside the low four bytes of a register. */
static bool is_register_access(u32 offset, unsigned bytes)
{
    return offset % 16 + bytes <= 4;
}

static bool access_is_virtualized(const struct vmcs *v, u32 offset, unsigned bytes, bool reads, bool writes)
{
    if (!primary_on(v, PRIMARY_use_tpr_shadow) || !is_register_access(offset, bytes)) return false;
    return (!reads || is_virtualized(v, virtualizer(offset, false))) &&
           (!writes || is_virtualized(v, virtualizer(offset, true)));
}

/* "Exit Qualification for APIC-Access VM Exits from Linear Accesses and Guest-Physical Accesses" */
static u64 qualification(const struct hart *h, enum access access, u32 offset)
{
    static const u8 type[] = {[ACCESS_READ] = 0, [ACCESS_WRITE] = 1, [ACCESS_FETCH] = 2};
    return offset | (h->vectoring.valid ? 3ull : type[access]) << 12;
}

/* A store is noted: its emulation comes behind the instruction. */
bool vmx_apic_access(void *self, struct hart *h, enum access access, bool rmw, unsigned bytes,
                     struct translation *t)
{
    struct vmx *x = self;
    const struct vmcs *v = current_vmcs(x);
    u32 offset = (u32)(t->at.v & (PAGE_BYTES - 1));
    bool writes = access == ACCESS_WRITE;
    if (h->vectoring.valid || access == ACCESS_FETCH ||
        !access_is_virtualized(v, offset, bytes, !writes || rmw, writes)) {
        h->fault = (struct fault){.kind = FAULT_APIC_ACCESS, .qualification = qualification(h, access, offset)};
        return false;
    }
    t->at = HPA(v->virtual_apic_address + offset);
    t->host = physmem_has(h->mem, t->at, bytes) ? h->mem->host + t->at.v : NULL;
    t->memory_type = MEMORY_WB; /* as IA32_VMX_BASIC says, whatever the guest's tables ask for */
    apic_charge(x, x->cfg.apic_access_cycles);
    if (!writes || rmw) x->stats.apic_page_reads++;
    if (!writes || rmw) return true;
    x->stats.apic_page_writes++;
    x->apic.written = true;
    x->apic.offset = offset & ~3u;
    h->attention |= ATTENTION_WINDOW;
    return true;
}

/* --- "APIC-Write Emulation" --- */

static void write_icr(struct vmx *x, u32 destination)
{
    apic_virtualize_icr(x, apic_page_read(x, VAPIC_ICR), destination);
}

static void emulate(struct vmx *x, u32 offset)
{
    switch (offset) {
    case VAPIC_TPR:
        apic_page_write(x, VAPIC_TPR, virtual_tpr(x));
        apic_virtualize_tpr(x);
        return;
    case VAPIC_EOI:
        if (!virtual_interrupts_on(current_vmcs(x))) break;
        apic_page_write(x, VAPIC_EOI, 0);
        apic_virtualize_eoi(x);
        return;
    case VAPIC_ICR:
        write_icr(x, apic_page_read(x, VAPIC_ICR_HIGH) >> 24);
        return;
    case VAPIC_ICR_HIGH:
        apic_page_write(x, VAPIC_ICR_HIGH, apic_page_read(x, VAPIC_ICR_HIGH) & 0xff000000);
        return;
    default:
        break;
    }
    apic_exit_behind(x, EXIT_apic_write, offset);
}

bool apic_emulate_write(struct vmx *x)
{
    if (!x->apic.written) return false;
    x->apic.written = false;
    apic_charge(x, x->cfg.apic_write_cycles);
    emulate(x, x->apic.offset);
    return true;
}

/* --- x2APIC MSRs --- */

#define MSR_X2APIC      0x800u
#define MSR_X2APIC_TPR  0x808u
#define MSR_X2APIC_EOI  0x80bu
#define MSR_X2APIC_ICR  0x830u
#define MSR_X2APIC_SELF 0x83fu

static u32 offset_of_msr(u32 msr)
{
    return (msr & 0xff) << 4;
}

bool virtual_apic_msr(const struct vmx *x, u32 msr)
{
    return msr >> 8 == MSR_X2APIC >> 8 && hart_in_guest(x->hart) &&
           secondary_on(current_vmcs(x), SECONDARY_virtualize_x2apic_mode);
}

bool virtual_apic_read_msr(struct vmx *x, u32 msr, u64 *value)
{
    if (msr != MSR_X2APIC_TPR && !registers_on(current_vmcs(x))) return false;
    x->stats.apic_msr_reads++;
    *value = apic_page_read64(x, offset_of_msr(msr));
    return true;
}

static bool msr_write_is_virtualized(const struct vmcs *v, u32 msr)
{
    if (msr == MSR_X2APIC_EOI || msr == MSR_X2APIC_SELF) return virtual_interrupts_on(v);
    return msr == MSR_X2APIC_TPR || (msr == MSR_X2APIC_ICR && ipis_on(v));
}

/* Reserved bits, as the local APIC itself would refuse them. */
static bool msr_value_is_valid(u32 msr, u64 value)
{
    switch (msr) {
    case MSR_X2APIC_EOI:
        return value == 0;
    case MSR_X2APIC_ICR:
        return !(value & 0xfff32000); /* bits 31:20, 17:16, 13 */
    default:
        return !(value >> 8);
    }
}

static void act_on_msr(struct vmx *x, u32 msr, u64 value)
{
    switch (msr) {
    case MSR_X2APIC_TPR:
        apic_virtualize_tpr(x);
        break;
    case MSR_X2APIC_EOI:
        apic_virtualize_eoi(x);
        break;
    case MSR_X2APIC_ICR:
        apic_virtualize_icr(x, (u32)value, (u32)(value >> 32));
        break;
    default:
        if (value >> 4)
            apic_virtualize_self_ipi(x, (u8)value);
        else
            apic_exit_behind(x, EXIT_apic_write, VAPIC_SELF_IPI);
        break;
    }
}

bool virtual_apic_write_msr(struct vmx *x, u32 msr, u64 value, bool *gp)
{
    if (!msr_write_is_virtualized(current_vmcs(x), msr)) return false;
    *gp = !msr_value_is_valid(msr, value);
    if (*gp) return true;
    x->stats.apic_msr_writes++;
    apic_page_write64(x, offset_of_msr(msr), value);
    act_on_msr(x, msr, value);
    return true;
}
