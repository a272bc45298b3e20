/* control.c - CR0, CR3, CR4 and EFER: what may be written, and what a write does to translations. */
#include "isa/cpu_model.h"
#include "isa/mem.h"
#include "isa/state.h"

#define CR0_DEFINED                                                                                          \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR0_LOADS_PDPTES (CR0_CD | CR0_NW | CR0_PG)
#define CR4_LOADS_PDPTES (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)
#define CR3_NO_FLUSH BIT(63)
#define PCID_MASK    0xfffull

bool cr0_is_valid(u64 cr0)
{
    if (cr0 >> 32)
        return false;
    if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
        return false;
    return !(cr0 & CR0_NW) || (cr0 & CR0_CD);
}

/* One row per bit of CR4: the feature that must be there for it to be set. */
static const struct {
    u64 bit;
    enum cpu_feature feature;
} cr4_needs[] = {
    {CR4_VME | CR4_PVI, FEATURE_vme},
    {CR4_TSD, FEATURE_tsc},
    {CR4_DE, FEATURE_de},
    {CR4_PSE, FEATURE_pse},
    {CR4_PAE, FEATURE_pae},
    {CR4_MCE, FEATURE_mce},
    {CR4_PGE, FEATURE_pge},
    {CR4_OSFXSR, FEATURE_fxsr},
    {CR4_OSXMMEXCPT, FEATURE_sse},
    {CR4_UMIP, FEATURE_umip},
    {CR4_LA57, FEATURE_la57},
    {CR4_VMXE, FEATURE_vmx},
    {CR4_FSGSBASE, FEATURE_fsgsbase},
    {CR4_PCIDE, FEATURE_pcid},
    {CR4_OSXSAVE, FEATURE_xsave},
    {CR4_SMEP, FEATURE_smep},
    {CR4_SMAP, FEATURE_smap},
    {CR4_PKE, FEATURE_pku},
    {CR4_PKS, FEATURE_pks},
};

u64 cr4_allowed_bits(const struct hart *h)
{
    u64 allowed = CR4_PCE; /* settable, though RDPMC finds no counter */
    for (unsigned i = 0; i < ARRAY_LEN(cr4_needs); i++)
        if (cpu_has(h->model, cr4_needs[i].feature))
            allowed |= cr4_needs[i].bit;
    return allowed;
}

bool cr4_is_valid(const struct hart *h, u64 cr4) { return !(cr4 & ~cr4_allowed_bits(h)); }

bool cr3_is_valid(const struct hart *h, u64 cr3) { return !(cr3 >> h->model->physical_bits); }

bool efer_is_valid(const struct hart *h, u64 efer)
{
    u64 allowed = EFER_SCE | EFER_LME | EFER_LMA;
    if (cpu_has(h->model, FEATURE_nx))
        allowed |= EFER_NXE;
    return !(efer & ~allowed);
}

bool base_is_canonical(const struct hart *h, u64 va)
{
    return is_canonical(va, cpu_has(h->model, FEATURE_la57) ? 57 : 48);
}

static bool memory_type_is_valid(u64 type) { return type <= 7 && type != 2 && type != 3; }

bool pat_is_valid(u64 pat)
{
    for (unsigned i = 0; i < 8; i++)
        if (!memory_type_is_valid((pat >> (8 * i)) & 0xff))
            return false;
    return true;
}

/* --- PAE paging: SDM Vol. 3A, "PDPTE Registers" --- */

bool pae_paging_is_on(u64 cr0, u64 cr4, u64 efer)
{
    return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA);
}

bool pdptes_are_valid(const struct hart *h, const u64 pdpte[PDPTES])
{
    const u64 present = BIT(0), reserved = 0x1e6 | ~0ull << h->model->physical_bits;
    for (unsigned n = 0; n < PDPTES; n++)
        if ((pdpte[n] & present) && (pdpte[n] & reserved))
            return false;
    return true;
}

static bool refuse(struct hart *h)
{
    hart_gp(h, 0);
    return false;
}

/* What a write that leaves PAE paging on with this CR3 loads; else nothing. False: h->fault. */
static bool load_pdptes(struct hart *h, u64 cr0, u64 cr3, u64 cr4)
{
    u64 pdpte[PDPTES];
    if (!pae_paging_is_on(cr0, cr4, h->efer & EFER_LME ? EFER_LMA : 0))
        return true;
    if (!h->mmu->read_pdptes(h->mmu_self, h, cr3, pdpte))
        return false;
    if (!pdptes_are_valid(h, pdpte))
        return refuse(h);
    memcpy(h->pdpte, pdpte, sizeof pdpte);
    return true;
}

static void context_changed(struct hart *h)
{
    hart_load_mode(h);
    h->mmu->context_changed(h->mmu_self, h);
}

/* SDM Vol. 3A, "Operations that Invalidate TLBs and Paging-Structure Caches". */
static void invalidate_all(struct hart *h) { h->mmu->invalidate(h->mmu_self, h, INVALIDATE_ALL, 0, VA(0)); }

/* --- CR0 --- */

/* SDM Vol. 3A, "Initializing IA-32e Mode" and "Paging-Mode Enabling". */
static bool may_start_paging(const struct hart *h)
{
    if (!(h->efer & EFER_LME))
        return true;
    bool tss16 = (h->tr.ar & AR_TYPE & ~TSS_BUSY) == TYPE_TSS16;
    return (h->cr4 & CR4_PAE) && !(h->seg[SEG_CS].ar & AR_L) && !tss16;
}

static bool may_stop_paging(const struct hart *h) { return !hart_in_64bit_mode(h) && !(h->cr4 & CR4_PCIDE); }

static bool cr0_may_become(struct hart *h, u64 value)
{
    u64 changed = h->cr0 ^ value;
    if (!cr0_is_valid(value))
        return false;
    if ((changed & CR0_PG) && !(value & CR0_PG ? may_start_paging(h) : may_stop_paging(h)))
        return false;
    return !h->virt || h->virt->cr0_allowed(h->virt_self, h, value);
}

bool hart_write_cr0(struct hart *h, u64 value)
{
    u64 old = h->cr0;
    if (!cr0_may_become(h, value))
        return refuse(h);
    if (((old ^ value) & CR0_LOADS_PDPTES) && !load_pdptes(h, value, h->cr3, h->cr4))
        return false;
    h->cr0 = (value & CR0_DEFINED) | CR0_ET;
    bool long_mode = (h->efer & EFER_LME) && (h->cr0 & CR0_PG);
    h->efer = (h->efer & ~EFER_LMA) | (long_mode ? EFER_LMA : 0);
    if ((old & CR0_PG) && !(h->cr0 & CR0_PG))
        invalidate_all(h);
    context_changed(h);
    return true;
}

/* --- CR3 --- */

bool hart_write_cr3(struct hart *h, u64 value)
{
    bool pcide = h->cr4 & CR4_PCIDE, keep = pcide && (value & CR3_NO_FLUSH);
    if (pcide)
        value &= ~CR3_NO_FLUSH;
    if (!cr3_is_valid(h, value))
        return refuse(h);
    if (!load_pdptes(h, h->cr0, value, h->cr4))
        return false;
    h->cr3 = value;
    if (!keep)
        h->mmu->invalidate(h->mmu_self, h, INVALIDATE_CR3, pcide ? value & PCID_MASK : 0, VA(0));
    context_changed(h);
    return true;
}

/* --- CR4 --- */

static bool cr4_may_become(struct hart *h, u64 value)
{
    u64 changed = h->cr4 ^ value, set = value & changed;
    if (!cr4_is_valid(h, value))
        return false;
    if (hart_in_long_mode(h) && (changed & (CR4_PAE | CR4_LA57)))
        return false;
    if ((set & CR4_PCIDE) && (!hart_in_long_mode(h) || (h->cr3 & PCID_MASK)))
        return false;
    return !h->virt || h->virt->cr4_allowed(h->virt_self, h, value);
}

/* PAE and SMEP need only the current PCID dropped; a processor may drop more, and software that changes them
 * does so once. PSE is not on the manual's list, but changes how 32-bit tables read. */
static bool cr4_change_invalidates(u64 old, u64 value)
{
    u64 changed = old ^ value;
    return (changed & (CR4_PGE | CR4_PAE | CR4_PSE | CR4_LA57)) || (changed & old & CR4_PCIDE) ||
           (changed & value & CR4_SMEP);
}

bool hart_write_cr4(struct hart *h, u64 value)
{
    u64 old = h->cr4;
    if (!cr4_may_become(h, value))
        return refuse(h);
    if (((old ^ value) & CR4_LOADS_PDPTES) && !load_pdptes(h, h->cr0, h->cr3, value))
        return false;
    h->cr4 = value;
    if (cr4_change_invalidates(old, value))
        invalidate_all(h);
    context_changed(h);
    return true;
}

/* --- protection keys --- */

void hart_write_pkru(struct hart *h, u32 value)
{
    h->pkru = value;
    if (h->cr4 & CR4_PKE) context_changed(h);
}

/* --- EFER --- */

bool hart_write_efer(struct hart *h, u64 value)
{
    if (!efer_is_valid(h, value))
        return false;
    if ((h->cr0 & CR0_PG) && ((h->efer ^ value) & EFER_LME))
        return false;
    h->efer = (value & ~EFER_LMA) | (h->efer & EFER_LMA);
    context_changed(h);
    return true;
}
