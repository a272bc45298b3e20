/* fetch.c - from RIP to a decoded block, by the soft TLB on the fast core and by the modelled TLBs on
 * timed ones: see fetch.h. */
#include "isa/icache.h"
#include "isa/exec.h"
#include "isa/mem.h"
#include "isa/store_buffer.h"

static bool is_segmented(const struct hart *h)
{
    const struct segment *cs = &h->seg[SEG_CS];
    return h->mode != MODE_LONG64 && (cs->base || cs->limit != 0xffffffff);
}

void fetch_restart(struct hart *h)
{
    struct fetch_state *f = &h->fetch;
    f->segmented = is_segmented(h);
    f->context = (u64)h->soft.generation << 32 | (u64)f->segmented << 24 | (u64)h->mode << 20 |
                 (u64)h->soft.user << 16 | h->soft.space;
    f->next = NULL;
    f->line_va = FETCH_NO_LINE;
}

/* Linear addresses of legacy modes wrap at 4 GiB. */
u64 fetch_linear(const struct hart *h, u64 rip)
{
    return h->mode == MODE_LONG64 ? rip : (u32)(h->seg[SEG_CS].base + rip);
}

/* EIP of legacy modes wraps at 4 GiB. */
static u64 wrap_rip(struct hart *h)
{
    if (h->mode != MODE_LONG64) h->reg[REG_RIP] = (u32)h->reg[REG_RIP];
    return h->reg[REG_RIP];
}

/* `bytes` at EIP are inside CS: SDM Vol. 3A, "Limit Checking". */
static bool fits(const struct hart *h, u64 rip, unsigned bytes)
{
    return !h->fetch.segmented || rip + bytes - 1 <= h->seg[SEG_CS].limit;
}

static bool check_limit(struct hart *h, u64 rip, unsigned bytes)
{
    if (fits(h, rip, bytes)) return true;
    hart_gp(h, 0);
    return false;
}

static bool check_canonical(struct hart *h, va_t va)
{
    if (h->mode != MODE_LONG64 || va_is_canonical(h, va.v)) return true;
    hart_gp(h, 0);
    return false;
}

/* --- translation --- */

static void record_fetch(struct hart *h, va_t va, unsigned bytes, const struct translation *t)
{
    struct mem_access *a = record_add_access(h->record);
    *a = (struct mem_access){.va = va,
                             .at = t->at,
                             .bytes = (u16)bytes,
                             .kind = ACCESS_FETCH,
                             .tlb = t->tlb,
                             .walk = t->walk,
                             .memory_type = t->memory_type,
                             .mmio = !t->host};
    h->record->n_fetches = h->record->n_accesses;
}

/* Instructions are never fetched from the APIC-access page: a VM exit. */
static bool check_apic_access(struct hart *h, struct translation *t)
{
    return !hart_maps_apic_access(h, t->at) ||
           h->virt->apic_access(h->virt_self, h, ACCESS_FETCH, false, 1, t);
}

/* The fetch is in the 64-byte line that contains va, or enters it. A fault names va. */
static bool enter_line(struct hart *h, va_t va, hpa_t *at)
{
    struct fetch_state *f = &h->fetch;
    struct translation t;
    u64 line = va.v & ~(LINE_BYTES - 1);
    if (line != f->line_va) {
        if (!h->mmu->translate(h->mmu_self, h, va, ACCESS_FETCH, explicit_by(h), &t)) return false;
        if (!check_apic_access(h, &t)) return false;
        t.at.v &= ~(LINE_BYTES - 1);
        record_fetch(h, VA(line), LINE_BYTES, &t);
        f->line_va = line;
        f->line_at = t.at;
    }
    *at = HPA(f->line_at.v + (va.v & (LINE_BYTES - 1)));
    return true;
}

static bool translate_soft(struct hart *h, va_t va, hpa_t *at)
{
    struct soft_entry *e = &h->soft.fetch[h->soft.user][soft_index(va)];
    struct translation t;
    if (e->tag == soft_tag(&h->soft, va)) {
        *at = HPA(va.v + e->addend - (u64)(uintptr_t)h->mem->host);
        return true;
    }
    if (!h->mmu->translate(h->mmu_self, h, va, ACCESS_FETCH, explicit_by(h), &t)) return false;
    if (!check_apic_access(h, &t)) return false;
    if (t.cacheable_soft && t.host)
        *e = (struct soft_entry){soft_tag(&h->soft, va), (u64)(uintptr_t)t.host - va.v};
    *at = t.at;
    return true;
}

static bool translate(struct hart *h, va_t va, hpa_t *at)
{
    return check_canonical(h, va) && (h->record ? enter_line(h, va, at) : translate_soft(h, va, at));
}

/* --- blocks --- */

static va_t next_page(const struct hart *h, u64 va)
{
    u64 next = (va | (PAGE_BYTES - 1)) + 1;
    return VA(h->mode == MODE_LONG64 ? next : (u32)next);
}

/* A block known by its first page, for the instruction that crosses: right only if the second page is the
 * same too. */
static struct block *check_crossing(struct hart *h, struct block *b, hpa_t second_page)
{
    if (b && b->second_page.v == second_page.v) return b;
    if (b) icache_drop(h->icache, b);
    return NULL;
}

/* What the hart has stored is code now. */
static struct block *decode_block(struct hart *h, hpa_t at, const hpa_t *second_page)
{
    if (UNLIKELY(h->stores)) store_buffer_drain(h);
    return icache_decode(h->icache, at, h->mode, second_page);
}

static struct block *find_crossing(struct hart *h, u64 va, hpa_t at, struct block *b)
{
    hpa_t second_page;
    if (!translate(h, next_page(h, va), &second_page)) return NULL;
    if (!physmem_has(h->mem, second_page, PAGE_BYTES)) return icache_outside_ram(h->icache);
    b = check_crossing(h, b, second_page);
    return b ? b : decode_block(h, at, &second_page);
}

/* NULL: h->fault. */
static struct block *find_block(struct hart *h, u64 va)
{
    hpa_t at;
    if (!translate(h, VA(va), &at)) return NULL;
    if (!physmem_has(h->mem, at, 1)) return icache_outside_ram(h->icache);
    struct block *b = icache_lookup(h->icache, at, h->mode);
    if (!b) b = decode_block(h, at, NULL);
    return b && !b->crosses ? b : find_crossing(h, va, at, b);
}

/* --- fast core --- */

/* Kept for the next time only if the page's translation is: then a flush of it changes the context. */
static bool may_keep(const struct hart *h, const struct block *b, u64 rip)
{
    const struct soft_entry *e = &h->soft.fetch[h->soft.user][soft_index(VA(rip))];
    if (h->fetch.segmented || b->crosses || b == &h->icache->block[0]) return false;
    return e->tag == soft_tag(&h->soft, VA(rip));
}

static const struct fetch_entry *find_slow(struct hart *h)
{
    u64 rip = wrap_rip(h);
    const struct block *b = check_limit(h, rip, 1) ? find_block(h, fetch_linear(h, rip)) : NULL;
    if (!b || !check_limit(h, rip, h->icache->insn[b->first].length)) return NULL;
    struct fetch_entry *e = may_keep(h, b, rip) ? fetch_slot(h, rip) : &h->fetch.scratch;
    *e = (struct fetch_entry){rip, h->fetch.context, &h->icache->insn[b->first],
                              (u32)(b - h->icache->block), b->count, b->stops};
    if (!fits(h, rip, b->bytes)) e->count = 1; /* the block leaves the segment: step by step */
    return e;
}

const struct fetch_entry *fetch_find(struct hart *h)
{
    const struct fetch_entry *e = fetch_known(h);
    return LIKELY(e) ? e : find_slow(h);
}

/* --- timed cores --- */

/* The last byte may be in another line than the first: that line's first byte is the next one fetched. */
static bool enter_last_line(struct hart *h, u64 rip, const struct insn *i)
{
    hpa_t at;
    return enter_line(h, VA(fetch_linear(h, rip + i->length - 1) & ~(LINE_BYTES - 1)), &at);
}

static bool in_line(const struct fetch_state *f, u64 va)
{
    return (va & ~(LINE_BYTES - 1)) == f->line_va;
}

/* The next instruction lies behind the last one, all of it in the line that was fetched last: nothing to look up,
 * to translate or to check. */
static bool goes_straight_on(const struct hart *h, const struct insn *i)
{
    const struct fetch_state *f = &h->fetch;
    u64 rip = h->reg[REG_RIP];
    return i && rip == f->next_rip && h->mode == MODE_LONG64 && i->exec != exec_cut && i->exec != exec_dropped &&
           in_line(f, rip) && in_line(f, rip + i->length - 1);
}

static const struct insn *find_next(struct hart *h)
{
    const struct insn *i = h->fetch.next;
    u64 rip = wrap_rip(h);
    hpa_t at;
    if (!check_limit(h, rip, 1)) return NULL;
    if (i && rip == h->fetch.next_rip && i->exec != exec_cut && i->exec != exec_dropped) {
        if (!translate(h, VA(fetch_linear(h, rip)), &at)) return NULL;
    } else {
        const struct block *b = find_block(h, fetch_linear(h, rip));
        if (!b) return NULL;
        i = &h->icache->insn[b->first];
    }
    return check_limit(h, rip, i->length) && enter_last_line(h, rip, i) ? i : NULL;
}

const struct insn *fetch_next_timed(struct hart *h)
{
    return LIKELY(goes_straight_on(h, h->fetch.next)) ? h->fetch.next : find_next(h);
}
