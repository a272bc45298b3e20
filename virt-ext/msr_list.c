/* msr_list.c - the MSR lists of VM entries and exits: SDM Vol. 3C, "Loading MSRs" and "Saving MSRs". An
 * entry is 16 bytes: index, 0, value. */
#include "isa/msr.h"
#include "virt-ext/internal.h"

#define ENTRY_BYTES 16u

#define MSR_SMBASE  0x9eu
#define MSR_X2APIC  0x800u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u

static bool is_x2apic(u32 msr) { return msr >> 8 == MSR_X2APIC >> 8; }

static bool entry_is_in_ram(const struct vmx *x, u64 at)
{
    return physmem_has(x->hart->mem, HPA(at), ENTRY_BYTES);
}

static void touch(struct vmx *x, u64 at, bool write)
{
    struct insn_record *r = hart_vmx_record(x->hart);
    transition_touch(r, HPA(at), ENTRY_BYTES, write);
    if (r) r->transition.n_msrs++;
}

/* The low half of an entry: the index, with reserved bits clear. */
static bool read_index(struct vmx *x, u64 at, u32 *msr)
{
    if (!entry_is_in_ram(x, at)) return false;
    u64 low = physmem_read64(x->hart->mem, HPA(at));
    *msr = (u32)low;
    return !(low >> 32) && !is_x2apic(*msr) && *msr != MSR_SMBASE;
}

static bool load_one(struct vmx *x, u64 at)
{
    u32 msr;
    if (!read_index(x, at, &msr) || msr == MSR_FS_BASE || msr == MSR_GS_BASE) return false;
    touch(x, at, false);
    return msr_write(x->hart, msr, physmem_read64(x->hart->mem, HPA(at + 8)));
}

static bool store_one(struct vmx *x, u64 at)
{
    u32 msr;
    u64 value;
    if (!read_index(x, at, &msr) || !msr_read(x->hart, msr, &value)) return false;
    touch(x, at, true);
    physmem_write64(x->hart->mem, HPA(at + 8), value);
    return true;
}

u32 msr_list_load(struct vmx *x, u64 at, u32 count)
{
    for (u32 n = 0; n < count; n++)
        if (!load_one(x, at + (u64)n * ENTRY_BYTES)) return n + 1;
    return 0;
}

u32 msr_list_store(struct vmx *x, u64 at, u32 count)
{
    for (u32 n = 0; n < count; n++)
        if (!store_one(x, at + (u64)n * ENTRY_BYTES)) return n + 1;
    return 0;
}
