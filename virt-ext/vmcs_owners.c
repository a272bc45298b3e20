#include "virt-ext/vmcs_owners.h"

static struct vmcs_owner *find(struct vmcs_owners *o, u64 region)
{
    for (unsigned n = 0; n < o->n; n++)
        if (o->owner[n].region == region) return &o->owner[n];
    return NULL;
}

/* NULL: the table is full. */
static struct vmcs_owner *find_or_add(struct vmcs_owners *o, u64 region)
{
    struct vmcs_owner *w = find(o, region);
    if (w || o->n == VMCS_OWNERS_MAX) return w;
    w = &o->owner[o->n++];
    *w = (struct vmcs_owner){.region = region};
    return w;
}

static void drop_if_nobodys(struct vmcs_owners *o, struct vmcs_owner *w)
{
    if (!(w->active | w->left | w->vmxon)) *w = o->owner[--o->n];
}

static bool any_but(u16 processors, unsigned cpu, unsigned *peer)
{
    u32 others = processors & ~(1u << cpu);
    if (others) *peer = (unsigned)__builtin_ctz(others);
    return others;
}

enum vmx_hazard vmcs_owners_load(struct vmcs_owners *o, unsigned cpu, u64 region, unsigned *peer)
{
    struct vmcs_owner *w = find_or_add(o, region);
    if (!w) return HAZARD_none;
    u16 left = w->left;
    w->active |= (u16)(1u << cpu);
    w->left = 0;
    if (any_but(w->active, cpu, peer)) return HAZARD_vmcs_active_elsewhere;
    if (!left) return HAZARD_none;
    *peer = (unsigned)__builtin_ctz(left);
    return HAZARD_vmcs_left_active;
}

enum vmx_hazard vmcs_owners_clear(struct vmcs_owners *o, unsigned cpu, u64 region, unsigned *peer)
{
    struct vmcs_owner *w = find(o, region);
    if (!w) return HAZARD_none;
    w->active &= (u16) ~(1u << cpu);
    w->left = 0;
    bool elsewhere = any_but(w->active, cpu, peer);
    drop_if_nobodys(o, w);
    return elsewhere ? HAZARD_vmclear_elsewhere : HAZARD_none;
}

enum vmx_hazard vmcs_owners_vmxon(struct vmcs_owners *o, unsigned cpu, u64 region, unsigned *peer)
{
    struct vmcs_owner *w = find_or_add(o, region);
    if (!w) return HAZARD_none;
    w->vmxon |= (u16)(1u << cpu);
    return any_but(w->vmxon, cpu, peer) ? HAZARD_vmxon_region_shared : HAZARD_none;
}

/* From the end, since an entry that goes is replaced by the last one. */
void vmcs_owners_vmxoff(struct vmcs_owners *o, unsigned cpu)
{
    u16 self = (u16)(1u << cpu);
    for (unsigned n = o->n; n-- > 0;) {
        struct vmcs_owner *w = &o->owner[n];
        w->left |= w->active & self;
        w->active &= (u16)~self;
        w->vmxon &= (u16)~self;
        drop_if_nobodys(o, w);
    }
}
