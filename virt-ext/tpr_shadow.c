/* tpr_shadow.c - a guest's CR8 in its virtual-APIC page: SDM Vol. 3C, "Virtualizing CR8-Based TPR Accesses" and
 * "TPR Virtualization". The page's bytes are references that a timing core plays. */
#include "virt-ext/internal.h"

#define VTPR 0x80u

static u64 vtpr_at(const struct vmx *x)
{
    return current_vmcs(x)->virtual_apic_address + VTPR;
}

u8 virtual_tpr(const struct vmx *x)
{
    return physical_read8(x->hart->mem, vtpr_at(x));
}

static void record_access(const struct vmx *x, enum access kind)
{
    struct insn_record *r = x->hart->record;
    if (!r || !physmem_has(x->hart->mem, HPA(vtpr_at(x)), sizeof(u32))) return;
    struct mem_access *a = record_add_access(r);
    a->at = HPA(vtpr_at(x));
    a->bytes = sizeof(u32);
    a->kind = (u8)kind;
    a->system = true;
}

bool vmx_read_cr8(void *self, struct hart *h, u64 *value)
{
    const struct vmx *x = self;
    (void)h;
    if (!primary_on(current_vmcs(x), PRIMARY_use_tpr_shadow)) return false;
    record_access(x, ACCESS_READ);
    *value = virtual_tpr(x) >> 4;
    return true;
}

static void store_tpr(const struct vmx *x, u32 value)
{
    const struct physmem *mem = x->hart->mem;
    hpa_t at = HPA(vtpr_at(x));
    if (!physmem_has(mem, at, sizeof value)) return;
    memcpy(mem->host + at.v, &value, sizeof value);
    physmem_note_write(x->hart->mem, at, sizeof value);
}

bool vmx_write_cr8(void *self, struct hart *h, u64 value)
{
    struct vmx *x = self;
    const struct vmcs *v = current_vmcs(x);
    if (!primary_on(v, PRIMARY_use_tpr_shadow)) return false;
    record_access(x, ACCESS_WRITE);
    store_tpr(x, (u32)value << 4);
    x->tpr_fell = value < v->tpr_threshold;
    if (x->tpr_fell) h->attention |= ATTENTION_WINDOW;
    return true;
}
