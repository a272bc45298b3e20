/* mem.h - how semantics read and write memory: soft TLB hit inline, everything else in mem.c.
 *
 * Models:       page-splitting accesses, canonical addresses, segment limits and types outside 64-bit mode, alignment
 *               checks, MMIO through bus_ops, the record's list of accesses. Data breakpoints: isa/debug.h.
 * Neighbours:   mmu_ops for translations, physmem for RAM, the decoded-instruction cache hears of writes to
 *               code.
 * Checked by:   tests/unit/test_exec_memory.c, tests/unit/test_diff_unicorn.c
 *
 * Every function returns false with h->fault set when the access faults; nothing was changed then (a store
 * that splits a page translates both halves before it writes). `seg` decides #SS against #GP, and outside
 * 64-bit mode its limit and type are checked: the offset is what `va` has over the segment's base. Where all
 * segments are flat the soft TLB answers without that check (hart_load_mode).
 */
#ifndef ISA_MEM_H
#define ISA_MEM_H

#include "isa/hart.h"

/* Slow paths and implicit accesses; bytes 1..8. */
__attribute__((cold)) bool mem_load_slow(struct hart *h, enum segreg seg, va_t va, unsigned bytes, u64 *out);
__attribute__((cold)) bool mem_store_slow(struct hart *h, enum segreg seg, va_t va, unsigned bytes, u64 value);
/* A read-modify-write's load: needs write permission, faults as a write, and gives where to write back. */
bool mem_load_rmw_slow(struct hart *h, enum segreg seg, va_t va, unsigned bytes, u64 *out);

/* Accesses BY_PROCESSOR. */
bool mem_load_system(struct hart *h, va_t va, unsigned bytes, u64 *out);
bool mem_store_system(struct hart *h, va_t va, unsigned bytes, u64 value);
/* Whose rights the explicit accesses of now have. */
static inline enum access_by explicit_by(const struct hart *h) { return h->soft.user ? BY_USER : BY_SUPERVISOR; }
/* Would an access to the byte at `va` be allowed? For checking a whole frame before its first push; leaves
 * no access in the record and, if so, the flags of its page as they are. */
bool mem_probe(struct hart *h, va_t va, enum access access, enum access_by by);

/* Host memory of `bytes` that do not cross a page; host is NULL for MMIO, then nothing was recorded. A
 * string instruction's part. */
struct mem_span {
    u8 *host;
    hpa_t at;
};
bool mem_get_span(struct hart *h, enum segreg seg, va_t va, unsigned bytes, enum access access,
                  struct mem_span *out);

/* Where the soft TLB lets a read-modify-write happen in place, or NULL: mem_load_rmw_slow and mem_store_slow do it. */
static inline u8 *mem_rmw_host(struct hart *h, va_t va, unsigned bytes)
{
    const struct soft_entry *e = &h->soft.write[h->soft.lookup_class][soft_index(va)];
    return LIKELY(soft_answers(&h->soft, e, va, bytes)) ? soft_host(e, va) : NULL;
}

static inline bool mem_load(struct hart *h, enum segreg seg, va_t va, unsigned bytes, u64 *out)
{
    const struct soft_entry *e = &h->soft.read[h->soft.lookup_class][soft_index(va)];
    if (LIKELY(soft_answers(&h->soft, e, va, bytes))) {
        u64 v = 0;
        memcpy(&v, soft_host(e, va), bytes);
        *out = v;
        return true;
    }
    if (!mem_load_slow(h, seg, va, bytes, &h->loaded)) return false;
    *out = h->loaded; /* a pointer to the handler's own variable would keep it from ending in a jump */
    return true;
}

static inline bool mem_store(struct hart *h, enum segreg seg, va_t va, unsigned bytes, u64 value)
{
    const struct soft_entry *e = &h->soft.write[h->soft.lookup_class][soft_index(va)];
    if (LIKELY(soft_answers(&h->soft, e, va, bytes))) {
        memcpy(soft_host(e, va), &value, bytes);
        return true;
    }
    return mem_store_slow(h, seg, va, bytes, value);
}

static inline bool is_canonical(u64 va, unsigned bits)
{
    i64 high = (i64)va >> (bits - 1);
    return high == 0 || high == -1;
}

/* An address that memory is accessed or code is run at: SDM Vol. 1, "Canonical Addressing"; Vol. 3A, "4-Level
 * Paging and 5-Level Paging". */
static inline bool va_is_canonical(const struct hart *h, u64 va)
{
    return is_canonical(va, h->cr4 & CR4_LA57 ? 57 : 48);
}

#endif
