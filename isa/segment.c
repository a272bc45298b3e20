/* segment.c - descriptors: reading, checking and loading them. SDM Vol. 3A, "Protected-Mode Memory
 * Management" and "Protection". */
#include "isa/mem.h"
#include "isa/state.h"

struct segment segment_from_descriptor(u16 selector, u64 d)
{
    struct segment s = {.selector = selector};
    s.base = bits(d, 39, 16) | bits(d, 63, 56) << 24;
    s.limit = (u32)(bits(d, 15, 0) | bits(d, 51, 48) << 16);
    s.ar = (u32)(bits(d, 47, 40) | bits(d, 55, 52) << 12);
    if (s.ar & AR_G)
        s.limit = s.limit << 12 | 0xfff;
    return s;
}

struct segment segment_null(u16 selector, unsigned dpl)
{
    return (struct segment){.selector = selector, .ar = AR_UNUSABLE | dpl << AR_DPL_SHIFT};
}

/* Present, readable and writable, accessed. */
#define PARAGRAPH_AR (AR_P | AR_S | DESC_READABLE | DESC_ACCESSED)

/* --- limits and types --- */

static bool expands_down(const struct segment *s)
{
    return (s->ar & (AR_S | DESC_CODE | DESC_EXPAND_DOWN)) == (AR_S | DESC_EXPAND_DOWN);
}

bool segment_contains(const struct segment *s, u64 offset, unsigned bytes)
{
    u64 last = offset + bytes - 1;
    if (!expands_down(s))
        return last <= s->limit;
    return offset > s->limit && last <= (s->ar & AR_DB ? 0xffffffff : 0xffff);
}

bool segment_allows(const struct segment *s, enum access access)
{
    if ((s->ar & AR_UNUSABLE) || !(s->ar & AR_S))
        return false;
    return access == ACCESS_WRITE ? segment_is_writable_data(s)
                                  : !(s->ar & DESC_CODE) || (s->ar & DESC_READABLE);
}

static struct segment flat(u16 selector, unsigned dpl, u32 ar)
{
    ar |= AR_G | AR_P | AR_S | DESC_READABLE | DESC_ACCESSED | dpl << AR_DPL_SHIFT;
    return (struct segment){.limit = 0xffffffff, .ar = ar, .selector = selector};
}

struct segment segment_flat_code(u16 selector, unsigned dpl, bool is_64bit)
{
    return flat(selector, dpl, DESC_CODE | (is_64bit ? AR_L : AR_DB));
}

struct segment segment_flat_data(u16 selector, unsigned dpl) { return flat(selector, dpl, AR_DB); }

/* --- descriptor tables in memory --- */

static bool table_of(const struct hart *h, u16 selector, u64 *base, u32 *limit)
{
    bool local = selector & 4;
    *base = local ? h->ldtr.base : h->gdtr.base;
    *limit = local ? h->ldtr.limit : h->gdtr.limit;
    return !local || !(h->ldtr.ar & AR_UNUSABLE);
}

static enum lookup read_table(struct hart *h, u16 selector, unsigned offset, u64 *out)
{
    u64 base;
    u32 limit, at = (selector & ~7u) + offset;
    if (!table_of(h, selector, &base, &limit) || at + 7 > limit)
        return LOOKUP_OUTSIDE;
    return mem_load_system(h, VA(base + at), 8, out) ? LOOKUP_OK : LOOKUP_FAULT;
}

enum lookup descriptor_read(struct hart *h, u16 selector, u64 *descriptor)
{
    return read_table(h, selector, 0, descriptor);
}

enum lookup descriptor_read_high(struct hart *h, u16 selector, u64 *high)
{
    return read_table(h, selector, 8, high);
}

bool descriptor_set_accessed(struct hart *h, u16 selector, u64 descriptor)
{
    u64 base, type_byte = bits(descriptor, 47, 40);
    u32 limit;
    if (type_byte & DESC_ACCESSED)
        return true;
    table_of(h, selector, &base, &limit);
    return mem_store_system(h, VA(base + (selector & ~7u) + 5), 1, type_byte | DESC_ACCESSED);
}

/* --- data and stack segments --- */

static bool refuse(struct hart *h, enum vector vector, u32 error)
{
    hart_fault_error(h, vector, error);
    return false;
}

static bool read_checked(struct hart *h, u16 selector, enum vector vector, u32 ext, u64 *descriptor)
{
    enum lookup l = descriptor_read(h, selector, descriptor);
    if (l == LOOKUP_OUTSIDE)
        return refuse(h, vector, selector_error(selector) | ext);
    return l == LOOKUP_OK;
}

bool segment_check_stack(struct hart *h, u16 selector, unsigned cpl, enum vector vector, u32 ext,
                         struct segment *out)
{
    u32 error = selector_error(selector) | ext;
    u64 d;
    if (selector_is_null(selector))
        return refuse(h, vector, ext);
    if (!read_checked(h, selector, vector, ext, &d))
        return false;
    *out = segment_from_descriptor(selector, d);
    if ((selector & 3) != cpl || segment_dpl(out) != cpl || !segment_is_writable_data(out))
        return refuse(h, vector, error);
    if (!(out->ar & AR_P))
        return refuse(h, VEC_SS, error);
    if (!descriptor_set_accessed(h, selector, d))
        return false;
    out->ar |= DESC_ACCESSED;
    return true;
}

static bool load_stack(struct hart *h, u16 selector)
{
    struct segment s;
    bool null_allowed = hart_in_64bit_mode(h) && h->cpl != 3 && (selector & 3) == h->cpl;
    if (selector_is_null(selector) && null_allowed)
        s = segment_null(selector, h->cpl);
    else if (!segment_check_stack(h, selector, h->cpl, VEC_GP, 0, &s))
        return false;
    h->seg[SEG_SS] = s;
    return true;
}

/* Data, or code that may be read; at CPL and RPL no less privileged than it wants, unless it conforms. */
static bool data_segment_is_allowed(const struct hart *h, const struct segment *s)
{
    bool readable = (s->ar & AR_S) && (!(s->ar & DESC_CODE) || (s->ar & DESC_READABLE));
    if (!readable)
        return false;
    unsigned dpl = segment_dpl(s);
    return segment_is_conforming(s) || ((s->selector & 3u) <= dpl && h->cpl <= dpl);
}

bool segment_load_data(struct hart *h, enum segreg seg, u16 selector, enum vector vector, u32 ext)
{
    u32 error = selector_error(selector) | ext;
    u64 d;
    if (selector_is_null(selector)) {
        h->seg[seg] = segment_null(selector, 0);
        return true;
    }
    if (!read_checked(h, selector, vector, ext, &d))
        return false;
    struct segment s = segment_from_descriptor(selector, d);
    if (!data_segment_is_allowed(h, &s))
        return refuse(h, vector, error);
    if (!(s.ar & AR_P))
        return refuse(h, VEC_NP, error);
    if (!descriptor_set_accessed(h, selector, d))
        return false;
    s.ar |= DESC_ACCESSED;
    h->seg[seg] = s;
    return true;
}

struct segment segment_from_paragraph(const struct hart *h, enum segreg seg, u16 selector)
{
    struct segment s = h->seg[seg];
    if (hart_in_v86(h) || (s.ar & AR_UNUSABLE))
        s = (struct segment){.limit = 0xffff, .ar = PARAGRAPH_AR | (u32)h->cpl << AR_DPL_SHIFT};
    s.selector = selector;
    s.base = (u32)selector << 4;
    return s;
}

bool segment_load(struct hart *h, enum segreg seg, u16 selector)
{
    if (!hart_has_descriptors(h))
        h->seg[seg] = segment_from_paragraph(h, seg, selector);
    else if (!(seg == SEG_SS ? load_stack(h, selector) : segment_load_data(h, seg, selector, VEC_GP, 0)))
        return false;
    hart_load_mode(h);
    return true;
}

/* --- code segments --- */

bool segment_read_code(struct hart *h, u16 selector, enum vector vector, u32 ext, struct segment *out)
{
    u32 error = selector_error(selector) | ext;
    u64 d;
    if (selector_is_null(selector))
        return refuse(h, vector, ext);
    if (!read_checked(h, selector, vector, ext, &d))
        return false;
    *out = segment_from_descriptor(selector, d);
    bool l_with_d = hart_in_long_mode(h) && (out->ar & AR_L) && (out->ar & AR_DB);
    if (!segment_is_code(out) || l_with_d)
        return refuse(h, vector, error);
    return true;
}

void segment_enter_code(struct hart *h, const struct segment *cs, u16 selector, unsigned cpl)
{
    h->seg[SEG_CS] = *cs;
    h->seg[SEG_CS].selector = (u16)((selector & ~3u) | cpl);
    h->seg[SEG_CS].ar |= DESC_ACCESSED;
    h->cpl = (u8)cpl;
    hart_load_mode(h);
}

bool segment_holds_rip(const struct hart *h, const struct segment *cs, u64 rip)
{
    if (hart_in_long_mode(h) && (cs->ar & AR_L))
        return va_is_canonical(h, rip);
    return rip <= cs->limit;
}
