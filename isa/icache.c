/* icache.c - pools, lookup and invalidation of decoded blocks: see icache.h. */
#include "isa/icache.h"
#include "isa/exec.h"
#include "isa/state.h"
#include "models/sim/check.h"
#include <stdlib.h>

static void *allocate(size_t count, size_t bytes)
{
    void *p = calloc(count, bytes);
    CHECK(p, "no memory for decoded instructions");
    return p;
}

static void code_written(void *self, hpa_t at, u64 bytes);

void icache_init(struct icache *ic, struct physmem *mem)
{
    *ic = (struct icache){.mem = mem, .blocks_used = 1};
    ic->insn = allocate(ICACHE_INSNS, sizeof *ic->insn);
    ic->info = allocate(ICACHE_INSNS, sizeof *ic->info);
    ic->block = allocate(ICACHE_BLOCKS, sizeof *ic->block);
    ic->page = allocate((mem->size_bytes >> PAGE_SHIFT) + 1, sizeof *ic->page);
    ic->hash = allocate(1u << ICACHE_HASH_BITS, sizeof *ic->hash);
    decoder_init(&ic->decoder);
    mem->code_written = code_written;
    mem->code_self = ic;
}

void icache_destroy(struct icache *ic)
{
    free(ic->insn);
    free(ic->info);
    free(ic->block);
    free(ic->page);
    free(ic->hash);
    ic->mem->code_written = NULL;
}

void icache_attach(struct icache *ic, struct hart *h)
{
    CHECK(ic->n_harts < ICACHE_MAX_HARTS, "more than %d harts", ICACHE_MAX_HARTS);
    ic->hart[ic->n_harts++] = h;
}

/* --- what stands in for instructions --- */

enum outcome exec_cut(struct hart *h, const struct insn *i)
{
    (void)h, (void)i;
    return OUT_CUT;
}

/* The run loop has stepped over it already. */
enum outcome exec_dropped(struct hart *h, const struct insn *i)
{
    h->reg[REG_RIP] -= i->length;
    return OUT_CUT;
}

static struct unmodelled *find_unmodelled(struct icache *ic, const struct insn_info *info,
                                          enum code_mode mode)
{
    for (unsigned n = 0; n < ic->n_unmodelled; n++) {
        struct unmodelled *u = &ic->unmodelled[n];
        if (u->mode == mode && u->length == info->length && !memcmp(u->bytes, info->bytes, info->length))
            return u;
    }
    return NULL;
}

/* The first UNMODELLED_KINDS of them are remembered. */
static void remember_unmodelled(struct hart *h, const struct insn *i)
{
    struct icache *ic = h->icache;
    const struct insn_info *info = insn_cold(h, i);
    struct unmodelled *u = find_unmodelled(ic, info, h->mode);
    if (!u && ic->n_unmodelled < UNMODELLED_KINDS) {
        u = &ic->unmodelled[ic->n_unmodelled++];
        *u = (struct unmodelled){.rip = insn_rip(h, i), .length = info->length, .mode = h->mode};
        memcpy(u->bytes, info->bytes, info->length);
    }
    if (u) u->count++;
}

enum outcome exec_unmodelled(struct hart *h, const struct insn *i)
{
    h->unmodelled++;
    remember_unmodelled(h, i);
    return hart_ud(h);
}

unsigned isa_unmodelled_count(const struct icache *ic)
{
    return ic->n_unmodelled;
}

const struct unmodelled *isa_unmodelled_get(const struct icache *ic, unsigned n)
{
    CHECK(n < ic->n_unmodelled, "entry %u of %u", n, ic->n_unmodelled);
    return &ic->unmodelled[n];
}

/* --- hash and page lists --- */

static u32 *hash_slot(struct icache *ic, hpa_t at, enum code_mode mode)
{
    u64 key = (at.v * 8 + mode) * 0x9e3779b97f4a7c15ull;
    return &ic->hash[key >> (64 - ICACHE_HASH_BITS)];
}

struct block *icache_lookup(struct icache *ic, hpa_t at, enum code_mode mode)
{
    for (u32 n = *hash_slot(ic, at, mode); n; n = ic->block[n].next_in_hash)
        if (ic->block[n].at.v == at.v && ic->block[n].mode == mode) return &ic->block[n];
    return NULL;
}

static u32 index_of(const struct icache *ic, const struct block *b)
{
    return (u32)(b - ic->block);
}

/* Lines first..last of a page as bits. */
static u64 line_bits(u64 first_byte, u64 last_byte)
{
    return bits(~0ull, 63, 63 - (unsigned)((last_byte >> LINE_SHIFT) - (first_byte >> LINE_SHIFT)))
           << (first_byte >> LINE_SHIFT);
}

static u64 page_of(hpa_t at)
{
    return at.v >> PAGE_SHIFT;
}
static u64 offset_of(hpa_t at)
{
    return at.v & (PAGE_BYTES - 1);
}

/* A block's bytes in one page: of its start, or of its second part. */
struct extent {
    u64 page, first, last; /* bytes inside the page */
};

static struct extent extent_of(const struct block *b, unsigned part)
{
    u64 begin = offset_of(b->at), end = begin + b->bytes - 1;
    if (part == 0) return (struct extent){page_of(b->at), begin, min_u64(end, PAGE_BYTES - 1)};
    return (struct extent){page_of(b->second_page), 0, end - PAGE_BYTES};
}

/* Both parts may lie in one page: two linear pages with the same frame. Then the block is in that page's
 * list once, as part 0. */
static unsigned parts_of(const struct block *b)
{
    return b->crosses ? 2 : 1;
}
static unsigned links_of(const struct block *b)
{
    return b->crosses && page_of(b->at) != page_of(b->second_page) ? 2 : 1;
}
static unsigned link_in(const struct block *b, u64 page)
{
    return page_of(b->at) == page ? 0 : 1;
}

static u64 lines_in(const struct block *b, u64 page)
{
    u64 lines = 0;
    for (unsigned part = 0; part < parts_of(b); part++) {
        struct extent e = extent_of(b, part);
        lines |= e.page == page ? line_bits(e.first, e.last) : 0;
    }
    return lines;
}

static bool overlaps(const struct block *b, u64 page, u64 first, u64 last)
{
    for (unsigned part = 0; part < parts_of(b); part++) {
        struct extent e = extent_of(b, part);
        if (e.page == page && e.first <= last && first <= e.last) return true;
    }
    return false;
}

static bool is_monitored(const struct icache *ic, u64 page)
{
    for (unsigned n = 0; n < ic->n_harts; n++) {
        const struct monitor *m = &ic->hart[n]->monitor;
        if (m->armed && page_of(m->line) == page) return true;
    }
    return false;
}

/* Code or a monitored line has come to a page: from now on every write to it must be heard. */
static void watch_page(struct icache *ic, u64 page)
{
    if (ic->mem->has_code[page]) return;
    ic->mem->has_code[page] = 1;
    for (unsigned n = 0; n < ic->n_harts; n++)
        soft_tlb_protect(&ic->hart[n]->soft, ic->mem->host + (page << PAGE_SHIFT));
}

static void link_block(struct icache *ic, struct block *b)
{
    u32 *slot = hash_slot(ic, b->at, b->mode);
    b->next_in_hash = *slot;
    *slot = index_of(ic, b);
    for (unsigned link = 0; link < links_of(b); link++) {
        u64 page = extent_of(b, link).page;
        struct code_page *p = &ic->page[page];
        b->next_in_page[link] = p->first_block;
        p->first_block = index_of(ic, b);
        p->lines |= lines_in(b, page);
        watch_page(ic, page);
    }
}

static void unlink_hash(struct icache *ic, struct block *b)
{
    u32 *link = hash_slot(ic, b->at, b->mode);
    while (*link != index_of(ic, b)) link = &ic->block[*link].next_in_hash;
    *link = b->next_in_hash;
}

/* The page's lines are those of the blocks that stay. */
static void unlink_page(struct icache *ic, struct block *b, u64 page)
{
    struct code_page *p = &ic->page[page];
    u32 *link = &p->first_block;
    p->lines = 0;
    while (*link) {
        struct block *other = &ic->block[*link];
        if (other == b) {
            *link = b->next_in_page[link_in(b, page)];
            continue;
        }
        p->lines |= lines_in(other, page);
        link = &other->next_in_page[link_in(other, page)];
    }
    ic->mem->has_code[page] = p->first_block != 0 || is_monitored(ic, page);
}

void icache_drop(struct icache *ic, struct block *b)
{
    for (u32 n = b->first; n < b->first + b->count; n++) ic->insn[n].exec = exec_dropped;
    unlink_hash(ic, b);
    for (unsigned link = 0; link < links_of(b); link++) unlink_page(ic, b, extent_of(b, link).page);
    ic->dropped_blocks++;
}

/* Bytes first..last of one page were written. */
static void page_written(struct icache *ic, u64 page, u64 first, u64 last)
{
    if (!(ic->page[page].lines & line_bits(first, last))) return;
    for (u32 n = ic->page[page].first_block, next; n; n = next) {
        struct block *b = &ic->block[n];
        next = b->next_in_page[link_in(b, page)];
        if (overlaps(b, page, first, last)) icache_drop(ic, b);
    }
}

static void tell_monitors(struct icache *ic, hpa_t at, u64 last)
{
    for (unsigned n = 0; n < ic->n_harts; n++) {
        const struct monitor *m = &ic->hart[n]->monitor;
        if (m->armed && at.v < m->line.v + LINE_BYTES && m->line.v <= last) hart_monitor_hit(ic->hart[n]);
    }
}

static void code_written(void *self, hpa_t at, u64 bytes)
{
    u64 last = at.v + bytes - 1;
    for (u64 page = page_of(at); page <= last >> PAGE_SHIFT; page++) {
        u64 begin = page == page_of(at) ? offset_of(at) : 0;
        u64 end = page == last >> PAGE_SHIFT ? last & (PAGE_BYTES - 1) : PAGE_BYTES - 1;
        page_written(self, page, begin, end);
    }
    tell_monitors(self, at, last);
}

/* --- pools --- */

static void forget_page(struct icache *ic, hpa_t at)
{
    ic->page[page_of(at)] = (struct code_page){0};
    ic->mem->has_code[page_of(at)] = is_monitored(ic, page_of(at));
}

void icache_watch(struct icache *ic, hpa_t at)
{
    watch_page(ic, page_of(at));
}

void icache_unwatch(struct icache *ic, hpa_t at)
{
    ic->mem->has_code[page_of(at)] = ic->page[page_of(at)].first_block != 0 || is_monitored(ic, page_of(at));
}

void icache_flush(struct icache *ic)
{
    for (u32 n = 1; n < ic->blocks_used; n++) {
        forget_page(ic, ic->block[n].at);
        if (ic->block[n].crosses) forget_page(ic, ic->block[n].second_page);
    }
    memset(ic->hash, 0, sizeof *ic->hash << ICACHE_HASH_BITS);
    for (unsigned n = 0; n < ic->n_harts; n++) {
        ic->hart[n]->soft.generation++;
        fetch_restart(ic->hart[n]);
    }
    ic->half ^= 1;
    ic->insns_used = 0;
    ic->blocks_used = 1;
    ic->flushes++;
}

/* Room for one more block of any length. */
static void make_room(struct icache *ic)
{
    if (ic->insns_used + BLOCK_MAX_INSNS + 1 > ICACHE_INSNS / 2 || ic->blocks_used == ICACHE_BLOCKS)
        icache_flush(ic);
}

static struct block *take_block(struct icache *ic, hpa_t at, enum code_mode mode)
{
    make_room(ic);
    struct block *b = &ic->block[ic->blocks_used++];
    *b = (struct block){.at = at, .first = ic->half * (ICACHE_INSNS / 2) + ic->insns_used, .mode = (u8)mode};
    return b;
}

static void append(struct icache *ic, struct block *b, const struct decoded_insn *d)
{
    u32 n = b->first + b->count++;
    ic->insn[n] = d->hot;
    ic->insn[n].info = n;
    ic->info[n] = d->cold;
    b->bytes = (u16)(b->bytes + d->hot.length);
    b->stops |= d->stops;
    ic->decoded++;
}

/* The sentinel behind the last instruction, and the block is known. */
static struct block *finish(struct icache *ic, struct block *b)
{
    ic->insn[b->first + b->count] = (struct insn){.exec = exec_cut, .base = REG_ZERO, .index = REG_ZERO};
    ic->insns_used += b->count + 1u;
    link_block(ic, b);
    return b;
}

/* The one instruction at `at`, which goes on in the second page. */
static struct block *decode_crossing(struct icache *ic, hpa_t at, enum code_mode mode, hpa_t second_page)
{
    u8 bytes[15];
    unsigned first = (unsigned)(PAGE_BYTES - offset_of(at));
    struct decoded_insn d;
    memcpy(bytes, ic->mem->host + at.v, first);
    memcpy(bytes + first, ic->mem->host + second_page.v, 15 - first);
    enum decoded decoded = decode(&ic->decoder, mode, bytes, 15, &d);
    CHECK(decoded == DECODED, "15 bytes are not enough at %#llx", (unsigned long long)at.v);
    struct block *b = take_block(ic, at, mode);
    append(ic, b, &d);
    b->bytes = (u16)max_u64(
        b->bytes, first + 1); /* bytes that are no instruction may end early, but depend on both pages */
    b->crosses = true;
    b->second_page = second_page;
    return finish(ic, b);
}

/* What follows in the page, up to a branch, an instruction that wants to be alone, or one that crosses the
 * page. */
static struct block *decode_straight(struct icache *ic, struct block *b, struct decoded_insn *d)
{
    hpa_t at = b->at;
    bool ends = false;
    do {
        append(ic, b, d);
        at.v += d->hot.length;
        ends = d->ends || b->count == BLOCK_MAX_INSNS || offset_of(at) == 0;
        unsigned available = (unsigned)min_u64(15, PAGE_BYTES - offset_of(at));
        if (!ends)
            ends = decode(&ic->decoder, b->mode, ic->mem->host + at.v, available, d) == DECODED_TRUNCATED ||
                   d->alone;
    } while (!ends);
    return finish(ic, b);
}

struct block *icache_decode(struct icache *ic, hpa_t at, enum code_mode mode, const hpa_t *second_page)
{
    struct decoded_insn d;
    unsigned available = (unsigned)min_u64(15, PAGE_BYTES - offset_of(at));
    if (decode(&ic->decoder, mode, ic->mem->host + at.v, available, &d) == DECODED)
        return decode_straight(ic, take_block(ic, at, mode), &d);
    return second_page ? decode_crossing(ic, at, mode, *second_page) : NULL;
}

/* Block 0 of the index space is never in a list. */
struct block *icache_outside_ram(struct icache *ic)
{
    struct decoded_insn d;
    static const u8 floating_bus[15] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    enum decoded decoded = decode(&ic->decoder, MODE_LONG64, floating_bus, 15, &d);
    CHECK(decoded == DECODED, "15 bytes are not enough");
    make_room(ic);
    struct block *b = &ic->block[0];
    *b = (struct block){.first = ic->half * (ICACHE_INSNS / 2) + ic->insns_used};
    append(ic, b, &d);
    ic->insn[b->first + 1] = (struct insn){.exec = exec_cut};
    ic->insns_used += 2;
    return b;
}
