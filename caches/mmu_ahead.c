/* mmu_ahead.c - translations ahead of their use: page_prefetch.h. */
#include "caches/mmu_walk.h"

#define PAGE_PREFETCHER_POINTER(name, meaning) &page_prefetcher_##name,
static const struct page_prefetcher *const prefetchers[] = {NULL, PAGE_PREFETCHERS(PAGE_PREFETCHER_POINTER)};

void mmu_init_ahead(struct mmu *m)
{
    m->page_prefetcher = prefetchers[m->cfg.page_prefetcher];
}

static struct mmu_page *free_page(struct mmu *m)
{
    for (unsigned i = 0; i < MMU_PAGES_AHEAD; i++)
        if (!m->ahead[i].busy) return &m->ahead[i];
    return NULL;
}

/* Linear addresses end where bit 46 changes: canonical ones, and those of smaller modes. */
static bool is_neighbour(va_t a, va_t b)
{
    return ((a.v ^ b.v) >> 46) == 0;
}

/* --- walks that set nothing --- */

static bool flags_are_set(const struct walk *w, bool write)
{
    u64 value;
    for (unsigned level = w->top; level >= walk_leaf_level(w); level--)
        if (walk_update(w, level, write, &value)) return false;
    return true;
}

static bool host_is_settled(const struct mmu_context *c, const struct hart *h, u64 gpa, bool write)
{
    struct walk w;
    if (!c->ept) return true;
    enum walk_state state = walk_begin(&w, &c->host_rules, c->host_root, gpa);
    while (state == WALK_NEED_ENTRY) state = walk_feed(&w, mmu_load_entry(h, &w, HPA(w.entry_at)));
    return state == WALK_DONE && flags_are_set(&w, write);
}

/* mmu_allows() says yes: would the walk of a read find every accessed flag set, and with it whatever else a walk sets,
 * in both dimensions? */
static bool is_settled(const struct mmu *m, const struct hart *h, va_t va)
{
    const struct mmu_context *c = &m->context;
    struct walk w;
    if (!c->paging) return host_is_settled(c, h, va.v, false);
    if (!mmu_peek_guest(c, h, va, &w) || !flags_are_set(&w, false)) return false;
    for (unsigned level = w.top; level >= walk_leaf_level(&w); level--)
        if (!host_is_settled(c, h, w.entry_place[level], c->host_structure_writes)) return false;
    return host_is_settled(c, h, w.frame | (va.v & (BIT(w.page_shift) - 1)), false);
}

static bool may_be_walked(const struct mmu *m, const struct hart *h, va_t va, enum mmu_privilege p)
{
    return mmu_allows(m, h, va, ACCESS_READ, p) && is_settled(m, h, va);
}

/* The tables are as they should be; a stale entry of a paging-structure cache may yet lead elsewhere: then nothing
 * comes of it. */
static void walk_ahead(struct mmu *m, struct hart *h, struct mmu_page *page, va_t va, enum mmu_privilege p)
{
    const struct fault fault = h->fault;
    struct walk_ledger *ledger = record_add_walk(h->record);
    struct mapping map;
    const bool found = mmu_walk(m, h, va, ACCESS_READ, p, ledger, &map);

    h->fault = fault;
    ledger->ahead = (u8)(page - m->ahead + 1);
    m->stats.ahead_walks++;
    *page = (struct mmu_page){.busy = true, .found = found, .va = va, .changes = m->changes};
    if (!found) return;
    page->entry = mmu_entry_of(&map);
    page->global = map.global;
}

void mmu_look_ahead(struct mmu *m, struct hart *h, va_t va, unsigned shift, enum mmu_privilege p)
{
    struct mmu_page *page = free_page(m);
    u64 number;

    if (!m->page_prefetcher->miss(&m->missed, va.v >> shift, &number)) return;
    const va_t wanted = VA(number << shift);
    if (!is_neighbour(va, wanted) || mmu_find_in_stlb(m, wanted.v)) {
        m->stats.ahead_known++;
    } else if (!page || h->record->n_walks >= RECORD_MAX_WALKS / 2) {
        m->stats.ahead_dropped++;
    } else if (!may_be_walked(m, h, wanted, p)) {
        m->stats.ahead_refused++;
    } else {
        walk_ahead(m, h, page, wanted, p);
        h->record->walks_ahead = true;
    }
}

void mmu_page_arrived(struct mmu *m, unsigned n)
{
    struct mmu_page *page = &m->ahead[n];
    const bool valid = page->found && page->changes == m->changes;

    page->busy = false;
    m->stats.ahead_stale += !valid;
    if (valid) mmu_fill_stlb(m, page->va, page->global, &page->entry);
}
