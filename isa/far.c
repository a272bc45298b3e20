/* far.c - returns to a code segment, the TSS, and the stacks of inner rings. */
#include "isa/far.h"
#include "isa/mem.h"
#include "isa/state.h"

static bool refuse(struct hart *h, enum vector vector, u32 error)
{
    hart_fault_error(h, vector, error);
    return false;
}

bool tss_read(struct hart *h, unsigned offset, unsigned bytes, u32 ext, u64 *out)
{
    if (offset + bytes - 1 > h->tr.limit)
        return refuse(h, VEC_TS, selector_error(h->tr.selector) | ext);
    return mem_load_system(h, VA(h->tr.base + offset), bytes, out);
}

/* --- stacks --- */

struct far_stack far_current_stack(const struct hart *h)
{
    return (struct far_stack){h->seg[SEG_SS], h->reg[REG_RSP], h->cpl};
}

/* SDM Vol. 3A, "64-Bit TSS Format": RSP0 at 4. */
static bool find_inner_stack_long(struct hart *h, u32 ext, struct far_stack *s)
{
    s->ss = segment_null((u16)s->cpl, s->cpl);
    if (!tss_read(h, 4 + 8 * s->cpl, 8, ext, &s->rsp))
        return false;
    return va_is_canonical(h, s->rsp) ? true : refuse(h, VEC_SS, ext);
}

/* SDM Vol. 3A, "Task-State Segment (TSS)": ESP0 at 4 and SS0 at 8; of a 16-bit TSS SP0 at 2 and SS0 at 4. */
static bool find_inner_stack_legacy(struct hart *h, u32 ext, struct far_stack *s)
{
    u64 ss;
    unsigned width = h->tr.ar & 8 ? 4 : 2, at = width + 2 * width * s->cpl;
    if (at + width + 1 > h->tr.limit)
        return refuse(h, VEC_TS, selector_error(h->tr.selector) | ext);
    return tss_read(h, at, width, ext, &s->rsp) && tss_read(h, at + width, 2, ext, &ss) &&
           segment_check_stack(h, (u16)ss, s->cpl, VEC_TS, ext, &s->ss);
}

bool far_find_inner_stack(struct hart *h, unsigned cpl, u32 ext, struct far_stack *out)
{
    out->cpl = cpl;
    return hart_in_long_mode(h) ? find_inner_stack_long(h, ext, out) : find_inner_stack_legacy(h, ext, out);
}

static u64 offset_mask(const struct far_stack *s) { return s->ss.ar & AR_DB ? 0xffffffff : 0xffff; }

static va_t slot_at(const struct hart *h, const struct far_stack *s, u64 rsp)
{
    if (hart_in_long_mode(h))
        return VA(rsp);
    return VA((s->ss.base + (rsp & offset_mask(s))) & 0xffffffff);
}

static bool stack_holds(const struct hart *h, const struct far_stack *s, unsigned bytes)
{
    if (hart_in_long_mode(h))
        return va_is_canonical(h, s->rsp - 1) && va_is_canonical(h, s->rsp - bytes);
    return segment_contains(&s->ss, (s->rsp - bytes) & offset_mask(s), bytes);
}

static bool store_slot(struct hart *h, const struct far_stack *s, va_t at, unsigned bytes, u64 value)
{
    return s->cpl == 3 ? mem_store(h, SEG_SS, at, bytes, value) : mem_store_system(h, at, bytes, value);
}

/* Probing both ends first keeps a frame that crosses into a missing page from being half written. */
/* One look at each page that the frame touches, in the order of its pushes: a fault names the slot that met it. */
static bool frame_is_writable(struct hart *h, const struct far_stack *s, unsigned slot_bytes, unsigned words)
{
    enum access_by by = s->cpl == 3 ? BY_USER : BY_PROCESSOR;
    u64 seen = ~0ull;
    for (unsigned n = 0; n < words; n++) {
        va_t at = slot_at(h, s, s->rsp - (n + 1) * slot_bytes), last = VA(at.v + slot_bytes - 1);
        if (at.v / PAGE_BYTES != seen && !mem_probe(h, at, ACCESS_WRITE, by)) return false;
        if (last.v / PAGE_BYTES != at.v / PAGE_BYTES && !mem_probe(h, last, ACCESS_WRITE, by)) return false;
        seen = at.v / PAGE_BYTES;
    }
    return true;
}

bool far_push_frame(struct hart *h, struct far_stack *s, unsigned slot_bytes, const u64 *word, unsigned words,
                    u32 error)
{
    u64 end = s->rsp - words * slot_bytes;
    if (!stack_holds(h, s, words * slot_bytes))
        return refuse(h, VEC_SS, error);
    if (!frame_is_writable(h, s, slot_bytes, words)) return false;
    for (unsigned n = 0; n < words; n++)
        if (!store_slot(h, s, slot_at(h, s, s->rsp - (n + 1) * slot_bytes), slot_bytes, word[n]))
            return false;
    s->rsp = end;
    return true;
}

u64 far_stack_pointer(const struct hart *h, const struct far_stack *s)
{
    if (hart_in_long_mode(h))
        return s->rsp;
    return s->ss.ar & AR_DB ? (u32)s->rsp : (h->reg[REG_RSP] & ~0xffffull) | (s->rsp & 0xffff);
}

/* --- returns --- */

bool far_read_slot(struct hart *h, unsigned n, unsigned bytes, u64 *out)
{
    u64 rsp = hart_stack_add(h, h->reg[REG_RSP], (i64)n * bytes);
    return mem_load(h, SEG_SS, hart_stack_at(h, rsp), bytes, out);
}

static bool check_code(struct hart *h, struct far_return *r)
{
    unsigned rpl = r->cs & 3;
    if (!segment_read_code(h, r->cs, VEC_GP, 0, &r->code))
        return false;
    unsigned dpl = segment_dpl(&r->code);
    bool allowed = rpl >= h->cpl && (segment_is_conforming(&r->code) ? dpl <= rpl : dpl == rpl);
    if (!allowed)
        return refuse(h, VEC_GP, selector_error(r->cs));
    if (!(r->code.ar & AR_P))
        return refuse(h, VEC_NP, selector_error(r->cs));
    return true;
}

/* A null SS is for 64-bit code of ring 0 to 2. */
static bool check_stack(struct hart *h, struct far_return *r)
{
    unsigned rpl = r->cs & 3;
    bool null_allowed = hart_in_long_mode(h) && (r->code.ar & AR_L) && rpl != 3 && (r->ss & 3u) == rpl;
    if (!selector_is_null(r->ss) || !null_allowed)
        return segment_check_stack(h, r->ss, rpl, VEC_GP, 0, &r->stack);
    r->stack = segment_null(r->ss, rpl);
    return true;
}

bool far_check_return(struct hart *h, struct far_return *r)
{
    if (!check_code(h, r) || (r->pops_stack && !check_stack(h, r)))
        return false;
    if (!segment_holds_rip(h, &r->code, r->rip))
        return refuse(h, VEC_GP, 0);
    return descriptor_set_accessed(h, r->cs, (u64)(r->code.ar & 0xff) << 40);
}

/* The base stays: SWAPGS and RDFSBASE see it still. */
static void drop_privileged_data(struct hart *h)
{
    static const enum segreg data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    for (unsigned n = 0; n < ARRAY_LEN(data); n++) {
        struct segment *s = &h->seg[data[n]];
        if ((s->ar & AR_UNUSABLE) || segment_is_conforming(s) || segment_dpl(s) >= h->cpl)
            continue;
        u64 base = s->base;
        *s = segment_null(0, 0);
        s->base = base;
    }
}

/* As wide as the new stack is. */
static u64 returned_rsp(const struct hart *h, u64 rsp)
{
    if (hart_in_64bit_mode(h))
        return rsp;
    if (h->seg[SEG_SS].ar & AR_DB)
        return (u32)rsp;
    return (h->reg[REG_RSP] & ~0xffffull) | (rsp & 0xffff);
}

void far_finish_return(struct hart *h, const struct far_return *r)
{
    bool outward = far_goes_outward(h, r->cs);
    segment_enter_code(h, &r->code, r->cs, r->cs & 3);
    if (r->pops_stack)
        h->seg[SEG_SS] = r->stack;
    h->reg[REG_RSP] = returned_rsp(h, r->rsp);
    h->reg[REG_RIP] = r->rip;
    if (outward)
        drop_privileged_data(h);
    hart_load_mode(h);
}

/* --- paragraphs --- */

void far_go_to_paragraph(struct hart *h, u16 selector, u64 rip)
{
    h->seg[SEG_CS] = segment_from_paragraph(h, SEG_CS, selector);
    h->reg[REG_RIP] = rip;
    hart_load_mode(h);
}

/* SDM Vol. 2A, "IRET", RETURN-TO-VIRTUAL-8086-MODE: EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS. */
bool far_return_to_v86(struct hart *h, const struct far_return *r, u64 rflags)
{
    static const enum segreg order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    u64 rsp, selector[ARRAY_LEN(order)];
    if (!far_read_slot(h, 3, 4, &rsp))
        return false;
    for (unsigned n = 0; n < ARRAY_LEN(order); n++)
        if (!far_read_slot(h, 4 + n, 4, &selector[n]))
            return false;
    if (r->rip > 0xffff)
        return refuse(h, VEC_GP, 0);
    hart_set_rflags(h, rflags);
    h->cpl = 3;
    h->reg[REG_RSP] = rsp;
    for (unsigned n = 0; n < ARRAY_LEN(order); n++)
        h->seg[order[n]] = segment_from_paragraph(h, order[n], (u16)selector[n]);
    far_go_to_paragraph(h, r->cs, r->rip);
    return true;
}
