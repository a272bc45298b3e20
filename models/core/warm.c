#include "models/core/warm.h"
#include "isa/icache.h"
#include "isa/mem.h"
#include "models/sim/check.h"
#include <string.h>

#define NOTHING    (~0ull)
#define LARGE_PAGE 21

/* --- lines --- */

static void forget_lines(struct warm_lines *f)
{
    memset(f->latest, 0xff, sizeof f->latest);
    f->snoops = f->cache->stats.snoops;
}

static void lines_init(struct warm_lines *f, struct cache *c)
{
    f->cache = c;
    f->mask = c->set_mask ? (u32)min_u64(c->set_mask, WARM_SETS - 1) : 0;
    forget_lines(f);
}

/* Lines that fall in one slot may be of one set: the last of them is surely its set's last. A prefetcher wants to see all. */
static bool is_latest(struct warm_lines *f, u64 line, bool write)
{
    u64 *latest = &f->latest[line & f->mask];
    bool same = *latest >> 1 == line && (*latest & 1) >= write && !f->cache->n_prefetchers;
    if (!same) *latest = line << 1 | write;
    return same;
}

/* --- the queue --- */

static struct warm_reference *reference(struct warm *w, u32 number)
{
    return &w->queue[number % WARM_QUEUE];
}

/* The host fetches what the L2, and later what the levels below it, will look at. */
static void expect_in_l2(struct warm *w, const struct warm_reference *r)
{
    struct mem_port l2 = cache_port(w->to.l2);
    if (!cache_has(r->unit == WARM_CODE ? w->to.l1i : w->to.l1d, r->at)) port_expect(&l2, r->at.v >> LINE_SHIFT);
}

static void expect_below(struct warm *w, const struct warm_reference *r)
{
    if (!cache_has(w->to.l2, r->at)) port_expect(&w->to.l2->next, r->at.v >> LINE_SHIFT);
}

static void play(struct warm *w, const struct warm_reference *r)
{
    struct mem_request request = {.at = r->at, .kind = r->kind, .origin = r->origin, .pc = r->pc};
    port_warm(&w->port[r->unit], &request);
    if (UNLIKELY(w->data.snoops != w->data.cache->stats.snoops)) forget_lines(&w->data);
    if (UNLIKELY(w->fetched.snoops != w->fetched.cache->stats.snoops)) forget_lines(&w->fetched);
}

static void refer(struct warm *w, const struct warm_reference *r)
{
    u32 n = w->queued++;
    if (LIKELY(n >= WARM_QUEUE)) play(w, reference(w, n));
    *reference(w, n) = *r;
    expect_in_l2(w, r);
    if (LIKELY(n >= WARM_QUEUE / 2)) expect_below(w, reference(w, n - WARM_QUEUE / 2));
}

static void play_all(struct warm *w)
{
    for (u32 n = w->queued > WARM_QUEUE ? w->queued - WARM_QUEUE : 0; n < w->queued; n++) play(w, reference(w, n));
    w->queued = 0;
}

/* --- references that the processor makes by itself --- */

static void play_walk(struct warm *w, const struct walk_ledger *l)
{
    for (unsigned i = 0; i < l->n_refs; i++) {
        const struct walk_ref *ref = &l->ref[i];
        enum mem_origin origin = ref->dim == DIM_HOST ? ORIGIN_WALK_HOST : ORIGIN_WALK_GUEST;
        if (w->to.walks_enter_l1 && is_latest(&w->data, ref->at.v >> LINE_SHIFT, ref->writes)) continue;
        refer(w, &(struct warm_reference){
                     .at = ref->at, .unit = WARM_WALK, .kind = ref->writes ? MEM_WRITE : MEM_READ, .origin = (u8)origin});
    }
}

static void refer_system(struct warm *w, hpa_t at, bool write, enum mem_origin origin)
{
    if (is_latest(&w->data, at.v >> LINE_SHIFT, write)) return;
    refer(w, &(struct warm_reference){
                 .at = at, .unit = WARM_DATA, .kind = write ? MEM_WRITE : MEM_READ, .origin = (u8)origin});
}

/* What VMX has put into its record since the last time. */
static void play_record(struct warm *w)
{
    struct insn_record *r = &w->record;
    for (unsigned i = 0; i < r->n_accesses; i++)
        refer_system(w, r->access[i].at, r->access[i].kind == ACCESS_WRITE, ORIGIN_DATA);
    for (unsigned i = 0; i < r->transition.n_lines; i++)
        refer_system(w, r->transition.line[i].at, r->transition.line[i].write, ORIGIN_VMX);
    record_reset(r);
}

static bool record_is_empty(const struct insn_record *r)
{
    return r->n_accesses + r->transition.n_lines == 0;
}

/* --- pages --- */

static void forget_pages(struct warm *w)
{
    for (unsigned i = 0; i < WARM_PAGES; i++) w->small[i].key = NOTHING;
    w->large.key = w->code.key = NOTHING;
    w->changes = w->to.mmu->changes;
}

static bool is_same_page(const struct warm_page *p, u64 key, bool write)
{
    return p->key == key && (!write || p->written);
}

static struct warm_page *small_slot(struct warm *w, u64 va)
{
    return &w->small[va >> PAGE_SHIFT & w->page_mask];
}

/* The slot that knows the page, or NULL. */
static struct warm_page *known_page(struct warm *w, u64 va, enum access_by by, bool write)
{
    struct warm_page *p = small_slot(w, va);
    if (UNLIKELY(w->changes != w->to.mmu->changes)) forget_pages(w);
    if (is_same_page(p, va >> PAGE_SHIFT << 2 | by, write)) return p;
    return is_same_page(&w->large, va >> LARGE_PAGE << 2 | by, write) ? &w->large : NULL;
}

/* The translation as a timed access would have asked for it, with its walk. */
static struct translation translate(struct warm *w, va_t va, enum access access, enum access_by by)
{
    struct translation t = {.memory_type = MEMORY_UC, .page_shift = PAGE_SHIFT};
    const struct walk_ledger *walk = mmu_warm(w->to.mmu, w->to.hart, va, access, by, &t);
    if (walk) play_walk(w, walk);
    return t;
}

static struct warm_page *touch_page(struct warm *w, va_t va, enum access access, enum access_by by)
{
    struct warm_page *p = known_page(w, va.v, by, access == ACCESS_WRITE);
    if (LIKELY(p)) return p;
    struct translation t = translate(w, va, access, by);
    unsigned shift = t.page_shift >= LARGE_PAGE && !w->mixes_sizes ? LARGE_PAGE : PAGE_SHIFT;
    p = shift == LARGE_PAGE ? &w->large : small_slot(w, va.v);
    *p = (struct warm_page){va.v >> shift << 2 | by, access == ACCESS_WRITE, t.memory_type};
    return p;
}

/* --- data --- */

static bool streams(const struct hart *h, enum access access, enum access_by by)
{
    return access == ACCESS_WRITE && by != BY_PROCESSOR && insn_cold(h, h->at)->streams;
}

static void touch_data(struct warm *w, hpa_t at, enum access access, enum access_by by, u8 type)
{
    const struct hart *h = w->to.hart;
    enum mem_kind kind = access == ACCESS_WRITE ? MEM_WRITE : MEM_READ;
    if (is_latest(&w->data, at.v >> LINE_SHIFT, access == ACCESS_WRITE)) return;
    if (UNLIKELY(streams(h, access, by)) && type <= MEMORY_WT) type = MEMORY_WC;
    kind = mem_kind_of_type(kind, (enum memory_type)type);
    if (UNLIKELY(mem_kind_passes_caches((u8)kind))) forget_lines(&w->data);
    u64 pc = fetch_linear(h, h->reg[REG_RIP] - h->at->length);
    refer(w, &(struct warm_reference){.at = at, .pc = pc, .unit = WARM_DATA, .kind = (u8)kind, .origin = ORIGIN_DATA});
}

static void data(void *self, va_t va, hpa_t at, unsigned bytes, enum access access, enum access_by by)
{
    struct warm *w = self;
    u8 type = touch_page(w, va, access, by)->memory_type;
    touch_data(w, at, access, by, type);
    hpa_t last = HPA(at.v + bytes - 1);
    if (UNLIKELY(last.v >> LINE_SHIFT != at.v >> LINE_SHIFT)) touch_data(w, last, access, by, type);
}

static void flush(void *self, hpa_t at, bool stays)
{
    struct warm *w = self;
    refer(w, &(struct warm_reference){
                 .at = at, .unit = WARM_DATA, .kind = stays ? MEM_CLEAN : MEM_FLUSH, .origin = ORIGIN_DATA});
    forget_lines(&w->data);
    forget_lines(&w->fetched);
}

/* --- instructions --- */

static void fetch(void *self, const struct fetch_entry *e)
{
    struct warm *w = self;
    u64 va = fetch_linear(w->to.hart, e->rip);
    u64 key = va >> PAGE_SHIFT << 2 | explicit_by(w->to.hart);
    if (UNLIKELY(w->changes != w->to.mmu->changes)) forget_pages(w);
    if (LIKELY(is_same_page(&w->code, key, false))) return;
    translate(w, VA(va), ACCESS_FETCH, explicit_by(w->to.hart));
    w->code = (struct warm_page){.key = key};
}

static void touch_code(struct warm *w, const struct block *b, unsigned bytes)
{
    u64 behind = b->at.v + bytes;
    for (u64 at = b->at.v & ~(LINE_BYTES - 1); at < behind; at += LINE_BYTES) {
        bool second = b->crosses && at >> PAGE_SHIFT != b->at.v >> PAGE_SHIFT;
        hpa_t line = second ? b->second_page : HPA(at);
        if (is_latest(&w->fetched, line.v >> LINE_SHIFT, false)) continue;
        refer(w, &(struct warm_reference){.at = line, .unit = WARM_CODE, .kind = MEM_FETCH, .origin = ORIGIN_FETCH});
    }
}

static bool is_predicted(u8 flow)
{
    return flow != FLOW_NONE && flow != FLOW_FAR;
}

/* What a decoded block's first `count` instructions are to the predictor. */
static void describe(struct warm_block *b, const struct hart *h, const struct insn *first, unsigned count)
{
    b->n = 0;
    b->bytes = 0;
    for (unsigned i = 0; i < count; b->bytes += first[i].length, i++) {
        u8 flow = insn_cold(h, &first[i])->flow;
        if (!is_predicted(flow)) continue;
        if (b->n < WARM_BRANCHES)
            b->branch[b->n] =
                (struct warm_branch){.offset = b->bytes, .index = (u8)i, .length = first[i].length, .flow = flow};
        b->n++;
    }
}

/* The whole block, as remembered. */
static const struct warm_block *know(struct warm *w, const struct fetch_entry *e)
{
    const struct hart *h = w->to.hart;
    struct warm_block *b = &w->block[((uintptr_t)e->first / sizeof *e->first) % WARM_BLOCKS];
    if (LIKELY(b->first == e->first && b->flushes == h->icache->flushes)) return b;
    b->first = e->first;
    b->flushes = h->icache->flushes;
    describe(b, h, e->first, e->count);
    return b;
}

static void predict(struct warm *w, u64 rip, const struct warm_branch *b, u64 next)
{
    u64 behind = rip + b->offset + b->length;
    bpred_branch(w->to.bpred, (enum flow)b->flow, rip + b->offset, behind, next != behind, next);
}

/* All but a last one in the block, which has gone on to RIP, were not taken. */
static void touch_branches(struct warm *w, const struct fetch_entry *e, const struct warm_block *b, unsigned executed)
{
    for (unsigned n = 0; n < b->n && n < WARM_BRANCHES && b->branch[n].index < executed; n++) {
        bool last = b->branch[n].index + 1u == executed;
        u64 behind = e->rip + b->branch[n].offset + b->branch[n].length;
        predict(w, e->rip, &b->branch[n], last ? w->to.hart->reg[REG_RIP] : behind);
    }
}

static unsigned bytes_of(const struct warm_block *b, const struct insn *first, unsigned count, unsigned executed)
{
    unsigned bytes = 0;
    if (executed >= count) return b->bytes;
    for (unsigned i = 0; i < max_u32(executed, 1); i++) bytes += first[i].length;
    return bytes;
}

static void block(void *self, const struct fetch_entry *e, unsigned executed)
{
    struct warm *w = self;
    const struct hart *h = w->to.hart;
    const struct warm_block *b = know(w, e);
    if (LIKELY(e->block)) touch_code(w, &h->icache->block[e->block], bytes_of(b, e->first, e->count, executed));
    if (w->trains) touch_branches(w, e, b, executed);
    if (UNLIKELY(!record_is_empty(&w->record))) play_record(w);
}

/* --- life --- */

static const struct warm_ops ops = {data, flush, fetch, block};

void warm_init(struct warm *w, const struct warm_wiring *to)
{
    const struct tlb *small = &to->mmu->dtlb[0];
    memset(w, 0, sizeof *w);
    w->to = *to;
    w->mixes_sizes = to->mmu->cfg.l1_holds_all_sizes || to->mmu->cfg.coalesced_pages > 1;
    w->page_mask = w->mixes_sizes || small->hashed ? 0 : (u32)min_u64(small->sets, WARM_PAGES) - 1;
    w->port[WARM_DATA] = cache_port(to->l1d);
    w->port[WARM_CODE] = cache_port(to->l1i);
    w->port[WARM_WALK] = cache_port(to->walks_enter_l1 ? to->l1d : to->l2);
    lines_init(&w->data, to->l1d);
    lines_init(&w->fetched, to->l1i);
    forget_pages(w);
    record_reset(&w->record);
}

void warm_start(struct warm *w)
{
    forget_lines(&w->data);
    forget_lines(&w->fetched);
    forget_pages(w);
    isa_set_warming(w->to.hart, &ops, w, &w->record);
}

void warm_stop(struct warm *w)
{
    if (!record_is_empty(&w->record)) play_record(w);
    play_all(w);
    isa_set_warming(w->to.hart, NULL, NULL, NULL);
}
