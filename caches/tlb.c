#include "caches/tlb.h"
#include "models/sim/check.h"
#include <stdlib.h>

#define NO_ENTRY (~0ull)

static bool is_power_of_two(u32 n)
{
    return n && !(n & (n - 1));
}

bool tlb_geometry_is_valid(u32 entries, u32 ways)
{
    return entries == 0 || (ways && entries % ways == 0 && is_power_of_two(entries / ways));
}

void tlb_init(struct tlb *t, u32 entries, u32 ways, bool hashed)
{
    CHECK(tlb_geometry_is_valid(entries, ways), "%u entries in %u ways", entries, ways);
    *t = (struct tlb){.ways = entries ? ways : 0, .sets = entries ? entries / ways : 1, .hashed = hashed};
    while ((1u << t->set_bits) < t->sets) t->set_bits++;
    t->entry = calloc(entries ? entries : 1, sizeof *t->entry);
    CHECK(t->entry, "no memory for %u TLB entries", entries);
    for (u32 i = 0; i < entries; i++) t->entry[i].context = NO_ENTRY;
}

void tlb_fini(struct tlb *t)
{
    free(t->entry);
}

static struct tlb_entry *victim(struct tlb *t, u64 address, unsigned shift)
{
    struct tlb_entry *set = t->entry + (size_t)tlb_set(t, address, shift) * t->ways;
    struct tlb_entry *oldest = set;
    for (u32 i = 0; i < t->ways; i++) {
        if (set[i].context == NO_ENTRY) return &set[i];
        if (set[i].used < oldest->used) oldest = &set[i];
    }
    return oldest;
}

void tlb_fill(struct tlb *t, u64 address, const struct tlb_space *s, bool global, const struct tlb_entry *e)
{
    if (!tlb_exists(t)) return;
    struct tlb_entry *to = tlb_lookup(t, address, e->shift, s);
    if (!to) to = victim(t, address, e->shift);
    if (to->context == NO_ENTRY) t->valid++;
    *to = *e;
    to->page = tlb_page_key(address, e->shift, s->pcid);
    to->mask = global ? ~TLB_PCID_MASK : ~0ull;
    to->context = s->context;
    to->used = ++t->clock;
    t->shifts |= BIT(e->shift);
    t->pieces |= e->whole_shift > e->shift;
}

static bool is_global(const struct tlb_entry *e)
{
    return e->mask != ~0ull;
}

static bool selects(const struct tlb_scope *scope, const struct tlb_entry *e)
{
    if (e->context == NO_ENTRY || !tlb_scope_has_context(scope, e->context)) return false;
    if (scope->one_address && ((e->page ^ scope->address) & TLB_ADDRESS_MASK) >> e->whole_shift) return false;
    if (is_global(e)) return scope->globals;
    return scope->any_pcid || (e->page & TLB_PCID_MASK) == scope->pcid;
}

static void drop_selected(struct tlb *t, const struct tlb_scope *scope, struct tlb_entry *from, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        if (!selects(scope, &from[i])) continue;
        from[i].context = NO_ENTRY;
        t->valid--;
    }
}

/* Without pieces of larger pages an address can only be in its set, one per page size. */
static void drop_address(struct tlb *t, const struct tlb_scope *scope)
{
    for (u64 left = t->shifts; left; left &= left - 1) {
        unsigned shift = (unsigned)__builtin_ctzll(left);
        drop_selected(t, scope, t->entry + (size_t)tlb_set(t, scope->address, shift) * t->ways, t->ways);
    }
}

void tlb_invalidate(struct tlb *t, const struct tlb_scope *scope)
{
    if (!t->valid) return;
    if (scope->one_address && !t->pieces)
        drop_address(t, scope);
    else
        drop_selected(t, scope, t->entry, t->sets * t->ways);
    if (!t->valid) {
        t->shifts = 0;
        t->pieces = false;
    }
}
