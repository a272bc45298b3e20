/* vmcs_cache.c - which VMCSs the processor holds, as Westmere and later hold several: SDM Vol. 3C, "Managing VMCS Regions
 * and Pointers". A held VMCS whose controls nobody wrote skips its consistency checks at the next VM entry; one that has to
 * make room, or that VMCLEAR ends, is written back: stores that a timing core plays. */
#include "virt-ext/internal.h"

static unsigned find(const struct vmx *x, u64 region)
{
    unsigned n = 0;
    while (n < x->held.n && x->held.region[n] != region) n++;
    return n;
}

static void write_back(struct vmx *x, u64 region)
{
    struct insn_record *r = hart_vmx_record(x->hart);
    x->stats.vmcs_write_backs++;
    for (u64 at = region; r && at < region + sizeof(struct vmcs); at += LINE_BYTES)
        *record_add_access(r) = (struct mem_access){
            .at = HPA(at), .bytes = sizeof(u64), .kind = ACCESS_WRITE, .walk = -1, .system = true};
}

/* To the front: region[0] was used last. */
static void move_to_front(struct vmx *x, unsigned n, u64 region)
{
    memmove(&x->held.region[1], &x->held.region[0], n * sizeof x->held.region[0]);
    x->held.region[0] = region;
}

void vmcs_cache_load(struct vmx *x, u64 region)
{
    unsigned n = find(x, region);
    if (n == x->held.n) {
        x->stats.vmcs_loads++;
        vmcs_at(x, region)->controls_rewritten = 1;
        if (n < x->cfg.vmcs_held)
            x->held.n++;
        else
            write_back(x, x->held.region[--n]);
    }
    move_to_front(x, n, region);
}

void vmcs_cache_clear(struct vmx *x, u64 region)
{
    unsigned n = find(x, region);
    if (n == x->held.n) return;
    write_back(x, region);
    x->held.n--;
    memmove(&x->held.region[n], &x->held.region[n + 1], (x->held.n - n) * sizeof x->held.region[0]);
}
