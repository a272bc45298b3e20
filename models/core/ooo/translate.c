/* translate.c - page walks of loads and stores: from the record that needs one to the last of its users.
 *
 * The TLBs are filled in program order, when the record is made; here is only time. Whoever issues first starts the
 * walk; references to the page join it, although the TLB has it by then. */
#include "models/core/ooo/ooo_stages.h"
#include "models/sim/check.h"

/* Size of the page that the walk fills a TLB with: the smaller of both dimensions'; of one that faulted, the smallest. */
static u8 page_shift(const struct walk_ledger *w)
{
    u8 guest = w->guest_shift ? w->guest_shift : w->host_shift, host = w->host_shift ? w->host_shift : guest;
    u8 shift = guest < host ? guest : host;
    if (shift == 22) return 21; /* 4 MByte: two TLB entries */
    return shift ? shift : PAGE_SHIFT;
}

static u16 open_translation(struct ooo *p, const struct mem_access *a)
{
    const struct walk_ledger *w = &p->record.walk[a->walk];
    u16 index = p->free_translation;
    struct ooo_translation *t = &p->translation[index];
    CHECK(index != OOO_NONE, "no place for another page walk");
    p->free_translation = t->next_free;
    p->translations_used++;
    t->shift = page_shift(w);
    t->page = a->va.v >> t->shift;
    t->started = t->done = false;
    t->users = 1;
    t->waiters = OOO_NONE;
    memcpy(&t->ledger, w, offsetof(struct walk_ledger, ref) + w->n_refs * sizeof w->ref[0]);
    p->open[p->open_count++] = index;
    return index;
}

u16 ooo_find_translation(struct ooo *p, const struct mem_access *a)
{
    if (UNLIKELY(a->walk >= 0)) return open_translation(p, a);
    for (unsigned i = 0; i < p->open_count; i++) {
        struct ooo_translation *t = &p->translation[p->open[i]];
        if (a->va.v >> t->shift != t->page || a->tlb == TLB_NONE) continue;
        t->users++;
        p->stats.walks_merged++;
        return p->open[i];
    }
    return OOO_NONE;
}

static void leave(struct ooo *p, u16 index)
{
    struct ooo_translation *t = &p->translation[index];
    if (--t->users) return;
    t->next_free = p->free_translation;
    p->free_translation = index;
    p->translations_used--;
}

/* --- the micro-operation goes on --- */

static void translated(struct ooo *p, u32 index)
{
    bool load = p->uop[index].op == OP_load;
    ooo_set_cause(p, index, load ? CAUSE_l1_data : CAUSE_execute);
    if (load)
        ooo_continue_load(p, index);
    else
        ooo_store_translated(p, index);
}

static void stlb_answered(void *self, u64 index)
{
    ooo_trace_stall(self, (u32)index, PIPE_NO_STALL);
    translated(self, (u32)index);
    ooo_wake(self);
}

static void wait_for_walk(struct ooo *p, u32 index)
{
    struct ooo_translation *t = &p->translation[p->mem[index].translation];
    ooo_set_cause(p, index, CAUSE_guest_walk);
    ooo_trace_stall(p, index, PIPE_WALK);
    ooo_park(p, index, &t->waiters);
    if (t->started) return;
    t->started = true;
    walker_start(p->walker, &t->ledger, p->mem[index].translation);
}

bool ooo_translate(struct ooo *p, u32 index)
{
    struct ooo_mem *m = &p->mem[index];
    if (UNLIKELY(m->translation != OOO_NONE)) {
        if (!p->translation[m->translation].done) {
            wait_for_walk(p, index);
            return false;
        }
        leave(p, m->translation);
        return true;
    }
    if (LIKELY(m->tlb != TLB_L2)) return true;
    ooo_set_cause(p, index, CAUSE_stlb);
    ooo_trace_stall(p, index, PIPE_STLB);
    clock_post(p->core->clock, ooo_now(p) + p->core->mmu->cfg.stlb_hit_cycles, stlb_answered, p, index);
    return false;
}

/* --- the walk has ended --- */

static void close_translation(struct ooo *p, u16 index)
{
    unsigned i = 0;
    while (p->open[i] != index) i++;
    p->open[i] = p->open[--p->open_count];
    p->translation[index].done = true;
}

static void finish_walk(struct ooo *p, u16 at, const struct walk_ledger *played)
{
    u16 index = ooo_take_list(p, &p->translation[at].waiters);
    close_translation(p, at);
    while (index != OOO_NONE) {
        u16 next = p->mem[index].next;
        if (is_oldest(p, index)) core_charge_walk(p->core, (enum world)p->world, played, ooo_now(p));
        leave(p, at);
        if (ooo_is_traced(p)) ooo_trace_walked(p, index, played);
        translated(p, index);
        index = next;
    }
}

void ooo_walk_done(void *self, u64 token, const struct walk_ledger *played)
{
    struct ooo *p = self;
    if (token >= OOO_TRANSLATIONS) {
        if (rob_is_empty(p)) core_charge_walk(p->core, (enum world)p->world, played, ooo_now(p));
        if (ooo_is_traced(p)) ooo_trace_front_walked(p, played);
        ooo_reference_translated(p, (u32)token - OOO_TRANSLATIONS);
    } else {
        finish_walk(p, (u16)token, played);
    }
    ooo_wake(p);
}
