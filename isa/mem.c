/* mem.c - memory accesses that miss the soft TLB, split a page, touch MMIO, or are implicit. */
#include "isa/mem.h"
#include "isa/debug.h"
#include "isa/state.h"
#include "isa/store_buffer.h"
#include "models/sim/check.h"

/* One access of at most 8 bytes, as one or two pieces that do not cross a page. */
struct piece {
    struct translation t;
    va_t va;
    unsigned bytes;
};

struct request {
    enum access access; /* what the translation must allow */
    enum access_by by;
    bool rmw;    /* a load that its store follows */
};

static struct request explicit_request(const struct hart *h, enum access access)
{
    return (struct request){.access = access, .by = explicit_by(h)};
}

/* SDM Vol. 1, "Canonical Addressing": #SS(0) through SS, #GP(0) else. */
static bool check_canonical(struct hart *h, enum segreg seg, va_t va)
{
    if (va_is_canonical(h, va.v)) return true;
    hart_fault_error(h, seg == SEG_SS ? VEC_SS : VEC_GP, 0);
    return false;
}

/* SDM Vol. 3A, "Limit Checking" and "Type Checking". */
static bool check_segment(struct hart *h, enum segreg seg, va_t va, unsigned bytes, enum access access)
{
    const struct segment *s = &h->seg[seg];
    u64 offset = (u32)(va.v - s->base);
    bool allowed = !hart_has_descriptors(h) || segment_allows(s, access);
    if (LIKELY(allowed && segment_contains(s, offset, bytes))) return true;
    hart_fault_error(h, seg == SEG_SS ? VEC_SS : VEC_GP, 0);
    return false;
}

static bool check_span(struct hart *h, enum segreg seg, va_t va, unsigned bytes, enum access access)
{
    if (!hart_in_64bit_mode(h)) return check_segment(h, seg, va, bytes, access);
    return check_canonical(h, seg, va) && check_canonical(h, seg, VA(va.v + bytes - 1));
}

/* SDM Vol. 3A, "Interrupt 17-Alignment Check Exception (#AC)": asked before the translation; the order among the faults
 * of one access is the implementation's ("Priority Among Concurrent Events"). */
static bool check_alignment(struct hart *h, va_t va, unsigned bytes)
{
    bool whole = (bytes & (bytes - 1)) == 0;
    if (!(h->watch & WATCH_ALIGNMENT) || !whole || va.v % bytes == 0) return true;
    hart_fault_error(h, VEC_AC, 0);
    return false;
}

static bool check_watched(struct hart *h, va_t va, unsigned bytes, enum access access)
{
    if (!check_alignment(h, va, bytes)) return false;
    debug_note_access(h, va.v, bytes, access == ACCESS_WRITE);
    return true;
}

/* What stands in front of an explicit access. */
static bool check_explicit(struct hart *h, enum segreg seg, va_t va, unsigned bytes, enum access access)
{
    return check_span(h, seg, va, bytes, access) && (LIKELY(!h->watch) || check_watched(h, va, bytes, access));
}

/* Devices may be touched only when the time is right: see FAULT_NOT_DRAINED and struct fetch_state. */
static bool check_drained(struct hart *h, const struct piece *p)
{
    bool drained = h->record ? h->record->drained : h->fetch.alone;
    if (p->t.host || drained) return true;
    h->fault = (struct fault){.kind = FAULT_NOT_DRAINED};
    return false;
}

static bool translate_piece(struct hart *h, struct piece *p, const struct request *q)
{
    return h->mmu->translate(h->mmu_self, h, p->va, q->access, q->by, &p->t) && check_drained(h, p);
}

/* Linear addresses of legacy modes wrap at 4 GiB. */
static va_t behind(const struct hart *h, va_t va, unsigned bytes)
{
    return VA(h->mode == MODE_LONG64 ? va.v + bytes : (u32)(va.v + bytes));
}

static bool soft_allows(const struct hart *h, const struct piece *p, const struct request *q)
{
    const struct soft_entry *e =
        &(q->access == ACCESS_READ ? h->soft.read : h->soft.write)[q->by == BY_USER][soft_index(p->va)];
    return e->tag == soft_tag(&h->soft, p->va);
}

/* The access faults, and not in its first page: then that one's flags must stay as they are. */
static bool only_second_faults(struct hart *h, const struct piece p[2], const struct request *q)
{
    return !soft_allows(h, &p[1], q) && !h->mmu->allows(h->mmu_self, h, p[1].va, q->access, q->by) &&
           h->mmu->allows(h->mmu_self, h, p[0].va, q->access, q->by);
}

/* Translates all of it before anything is touched. Returns the number of pieces, 0 for a fault. */
static unsigned translate_all(struct hart *h, va_t va, unsigned bytes, const struct request *q,
                              struct piece p[2])
{
    unsigned first = (unsigned)min_u64(bytes, PAGE_BYTES - (va.v & (PAGE_BYTES - 1)));
    p[0] = (struct piece){.va = va, .bytes = first};
    if (first == bytes) return translate_piece(h, &p[0], q);
    p[1] = (struct piece){.va = behind(h, va, first), .bytes = bytes - first};
    if (only_second_faults(h, p, q) && !translate_piece(h, &p[1], q)) return 0;
    return translate_piece(h, &p[0], q) && translate_piece(h, &p[1], q) ? 2 : 0;
}

static void tell_warming(struct hart *h, va_t va, hpa_t at, unsigned bytes, enum access kind, enum access_by by)
{
    if (UNLIKELY(h->warm)) h->warm->data(h->warm_self, va, at, bytes, kind, by);
}

static void record_piece(struct hart *h, const struct piece *p, enum access kind, const struct request *q)
{
    if (!p->t.host) h->fetch.touched_device = true;
    if (p->t.host) tell_warming(h, p->va, p->t.at, p->bytes, kind, q->by);
    if (!h->record) return;
    struct mem_access *a = record_add_access(h->record);
    *a = (struct mem_access){.va = p->va,
                             .at = p->t.at,
                             .bytes = (u16)p->bytes,
                             .kind = (u8)kind,
                             .tlb = p->t.tlb,
                             .walk = p->t.walk,
                             .memory_type = p->t.memory_type,
                             .mmio = !p->t.host,
                             .system = q->by == BY_PROCESSOR,
                             .rmw = q->rmw};
    h->record->io |= !p->t.host;
}

static void keep(struct soft_entry *table, struct hart *h, const struct piece *p)
{
    table[soft_index(p->va)] =
        (struct soft_entry){soft_tag(&h->soft, p->va), (u64)(uintptr_t)p->t.host - p->va.v};
}

/* A page with decoded code is never written through the soft TLB; a store buffer sees every access. */
static void keep_soft(struct hart *h, const struct piece *p, const struct request *q)
{
    if (!p->t.cacheable_soft || !p->t.host || h->stores) return;
    if (q->access == ACCESS_READ)
        keep(h->soft.read[q->by == BY_USER], h, p);
    else if (!h->mem->has_code[p->t.at.v >> PAGE_SHIFT])
        keep(h->soft.write[q->by == BY_USER], h, p);
}

/* Behind the pieces' translations, before anything is touched. To a timing core it is like a device's register. */
static bool virtualize_apic(struct hart *h, struct piece *p, unsigned pieces, const struct request *q)
{
    for (unsigned n = 0; n < pieces; n++) {
        if (!hart_maps_apic_access(h, p[n].t.at)) continue;
        if (!h->virt->apic_access(h->virt_self, h, q->access, q->rmw, p[n].bytes, &p[n].t)) return false;
        h->fetch.touched_device = true;
        if (h->record) h->record->io = true;
    }
    return true;
}

static u64 read_piece(struct hart *h, const struct piece *p)
{
    u64 v = 0;
    if (!p->t.host) return h->bus->mmio_read(h->bus_self, p->t.at, p->bytes);
    switch (p->bytes) { /* constant sizes become plain loads */
    case 8:
        memcpy(&v, p->t.host, 8);
        break;
    case 4:
        memcpy(&v, p->t.host, 4);
        break;
    default:
        memcpy(&v, p->t.host, p->bytes);
        break;
    }
    return v;
}

static void write_piece(struct hart *h, const struct piece *p, u64 value)
{
    if (!p->t.host) {
        h->bus->mmio_write(h->bus_self, p->t.at, value, p->bytes);
        return;
    }
    memcpy(p->t.host, &value, p->bytes);
    physmem_note_write(h->mem, p->t.at, p->bytes);
}

/* Memory as the hart sees it, its own stores included that nobody else does. */
static u64 read_seen(struct hart *h, const struct piece *p)
{
    u64 v = read_piece(h, p);
    return UNLIKELY(h->stores) && p->t.host ? store_buffer_forward(h, p->t.at, p->bytes, v) : v;
}

/* Does the store go to the buffer? What may not wait goes behind all that waits. */
static bool waits(struct hart *h, const struct piece *p, const struct request *q, u64 value)
{
    if (LIKELY(!h->stores)) return false;
    bool write_back = !h->record || p->t.memory_type == MEMORY_WB; /* known to timed cores only */
    bool may_wait = p->t.host && q->by != BY_PROCESSOR && write_back && !hart_maps_apic_access(h, p->t.at);
    if (may_wait) return store_buffer_put(h, p->t.at, p->bytes, value);
    store_buffer_drain(h);
    return false;
}

static bool load(struct hart *h, va_t va, unsigned bytes, const struct request *q, u64 *out)
{
    struct piece p[2];
    unsigned pieces = translate_all(h, va, bytes, q, p);
    u64 v = 0;
    if (!virtualize_apic(h, p, pieces, q)) return false;
    for (unsigned n = 0, shift = 0; n < pieces; shift += 8 * p[n].bytes, n++) {
        record_piece(h, &p[n], ACCESS_READ, q);
        keep_soft(h, &p[n], q);
        v |= read_seen(h, &p[n]) << shift;
    }
    *out = v;
    return pieces != 0;
}

static bool store(struct hart *h, va_t va, unsigned bytes, const struct request *q, u64 value)
{
    struct piece p[2];
    unsigned pieces = translate_all(h, va, bytes, q, p);
    if (!virtualize_apic(h, p, pieces, q)) return false;
    for (unsigned n = 0, shift = 0; n < pieces; shift += 8 * p[n].bytes, n++) {
        record_piece(h, &p[n], ACCESS_WRITE, q);
        keep_soft(h, &p[n], q);
        if (!waits(h, &p[n], q, value >> shift)) write_piece(h, &p[n], value >> shift);
    }
    return pieces != 0;
}

/* --- explicit accesses, whose segment is checked: then the soft TLB may know the page still --- */

static u8 *soft_find(const struct hart *h, const struct soft_entry *table, va_t va, unsigned bytes)
{
    const struct soft_entry *e = &table[soft_index(va)];
    return soft_answers(&h->soft, e, va, bytes) ? soft_host(e, va) : NULL;
}

static hpa_t place_of(const struct hart *h, const u8 *host)
{
    return HPA((u64)(host - h->mem->host));
}

static bool load_soft(struct hart *h, va_t va, unsigned bytes, u64 *out)
{
    const u8 *host = soft_find(h, h->soft.read[h->soft.user], va, bytes);
    u64 v = 0;
    if (!host) return false;
    tell_warming(h, va, place_of(h, host), bytes, ACCESS_READ, explicit_by(h));
    memcpy(&v, host, bytes);
    *out = v;
    return true;
}

static bool store_soft(struct hart *h, va_t va, unsigned bytes, u64 value)
{
    u8 *host = soft_find(h, h->soft.write[h->soft.user], va, bytes);
    if (!host) return false;
    tell_warming(h, va, place_of(h, host), bytes, ACCESS_WRITE, explicit_by(h));
    memcpy(host, &value, bytes);
    return true;
}

/* The store behind it tells of both. */
static bool load_rmw_soft(struct hart *h, va_t va, unsigned bytes, u64 *out)
{
    const u8 *host = soft_find(h, h->soft.write[h->soft.user], va, bytes);
    u64 v = 0;
    if (!host) return false;
    memcpy(&v, host, bytes);
    *out = v;
    return true;
}

/* Functional warming comes here although the soft TLB may know the page and nothing must be checked. */
static bool comes_to_tell(const struct hart *h)
{
    return h->warm && !h->soft.checks;
}

bool mem_load_slow(struct hart *h, enum segreg seg, va_t va, unsigned bytes, u64 *out)
{
    struct request q = explicit_request(h, ACCESS_READ);
    if (comes_to_tell(h) && load_soft(h, va, bytes, out)) return true;
    if (!check_explicit(h, seg, va, bytes, ACCESS_READ)) return false;
    return load_soft(h, va, bytes, out) || load(h, va, bytes, &q, out);
}

bool mem_store_slow(struct hart *h, enum segreg seg, va_t va, unsigned bytes, u64 value)
{
    struct request q = explicit_request(h, ACCESS_WRITE);
    if (comes_to_tell(h) && store_soft(h, va, bytes, value)) return true;
    if (!check_explicit(h, seg, va, bytes, ACCESS_WRITE)) return false;
    return store_soft(h, va, bytes, value) || store(h, va, bytes, &q, value);
}

bool mem_load_rmw_slow(struct hart *h, enum segreg seg, va_t va, unsigned bytes, u64 *out)
{
    struct request q = explicit_request(h, ACCESS_WRITE);
    q.rmw = true;
    if (comes_to_tell(h) && load_rmw_soft(h, va, bytes, out)) return true;
    return check_explicit(h, seg, va, bytes, ACCESS_WRITE) && load(h, va, bytes, &q, out);
}

bool mem_load_system(struct hart *h, va_t va, unsigned bytes, u64 *out)
{
    struct request q = {.access = ACCESS_READ, .by = BY_PROCESSOR};
    return load(h, va, bytes, &q, out);
}

bool mem_store_system(struct hart *h, va_t va, unsigned bytes, u64 value)
{
    struct request q = {.access = ACCESS_WRITE, .by = BY_PROCESSOR};
    return store(h, va, bytes, &q, value);
}

bool mem_probe(struct hart *h, va_t va, enum access access, enum access_by by)
{
    struct translation t;
    return h->mmu->allows(h->mmu_self, h, va, access, by) || h->mmu->translate(h->mmu_self, h, va, access, by, &t);
}

static bool soft_span(struct hart *h, va_t va, enum access access, unsigned class, struct mem_span *out)
{
    struct soft_entry(*table)[SOFT_TLB_ENTRIES] = access == ACCESS_READ ? h->soft.read : h->soft.write;
    const struct soft_entry *e = &table[class][soft_index(va)];
    if (!soft_answers(&h->soft, e, va, 1)) return false;
    out->host = soft_host(e, va);
    out->at = place_of(h, out->host);
    return true;
}

bool mem_get_span(struct hart *h, enum segreg seg, va_t va, unsigned bytes, enum access access,
                  struct mem_span *out)
{
    struct request q = explicit_request(h, access);
    struct piece p = {.va = va, .bytes = bytes};
    CHECK((va.v & (PAGE_BYTES - 1)) + bytes <= PAGE_BYTES, "span of %u bytes at %#llx", bytes,
          (unsigned long long)va.v);
    if (LIKELY(soft_span(h, va, access, h->soft.lookup_class, out))) return true;
    if (!check_explicit(h, seg, va, bytes, access)) return false;
    if (soft_span(h, va, access, h->soft.user, out)) {
        tell_warming(h, va, out->at, bytes, access, explicit_by(h));
        return true;
    }
    if (!translate_piece(h, &p, &q)) return false;
    *out = (struct mem_span){p.t.host, p.t.at};
    if (p.t.host) {
        record_piece(h, &p, access, &q);
        keep_soft(h, &p, &q);
    }
    return true;
}
