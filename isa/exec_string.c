/* exec_string.c - MOVS STOS LODS CMPS SCAS and INS OUTS, with REP, REPE, REPNE.
 *
 * A repeated instruction advances in parts: at most to the end of the 64-byte line of its source or
 * destination, whichever comes first, so that interrupts are taken between parts and a timing core sees
 * one access per line. RCX, RSI and RDI are right after each part. INS and OUTS move one element per part.
 */
#include "isa/debug.h"
#include "isa/operand.h"
#include "isa/state.h"

static bool repeats(const struct insn *i)
{
    return i->attr & (ATTR_REP | ATTR_REPNE);
}

static u64 string_count(const struct hart *h, const struct insn *i)
{
    return repeats(i) ? zero_extend(h->reg[REG_RCX], insn_address_bytes(i)) : 1;
}

/* With a 32-bit address size the registers are written zero-extended, like any 32-bit destination. */
static void advance(struct hart *h, const struct insn *i, enum reg pointer, i64 by)
{
    reg_write(h, pointer, insn_address_bytes(i), h->reg[pointer] + (u64)by);
}

static void count_down(struct hart *h, const struct insn *i, u64 elements)
{
    if (repeats(i)) reg_write(h, REG_RCX, insn_address_bytes(i), h->reg[REG_RCX] - elements);
}

/* The source is DS:RSI or an overriding segment, the destination always ES:RDI. */
static va_t source_va(const struct hart *h, const struct insn *i)
{
    return segment_linear(h, i->segment, zero_extend(h->reg[REG_RSI], insn_address_bytes(i)));
}

static va_t destination_va(const struct hart *h, const struct insn *i)
{
    return segment_linear(h, SEG_ES, zero_extend(h->reg[REG_RDI], insn_address_bytes(i)));
}

static bool goes_down(const struct hart *h)
{
    return h->rflags & RFLAGS_DF;
}

/* Whole elements from `va` to the end of its line in the current direction; 0 if the first one leaves the
 * line, or if each must be checked against its segment (and its offset may wrap), is watched or stepped. */
static u64 elements_in_line(const struct hart *h, va_t va, unsigned bytes)
{
    u64 in_line = va.v & (LINE_BYTES - 1);
    bool alone = h->tf_armed || h->soft.checks;
    if (in_line + bytes > LINE_BYTES || alone) return 0;
    return goes_down(h) ? in_line / bytes + 1 : (LINE_BYTES - in_line) / bytes;
}

/* One side of a part: `elements` elements inside a line of RAM. */
struct side {
    struct mem_span span;
    u8 *first; /* host address of the first element */
};

/* False: a fault, or with side->first NULL no fault but MMIO: the part must go through single elements. */
static bool open_side(struct hart *h, enum segreg seg, va_t va, u64 elements, unsigned bytes,
                      enum access access, struct side *side)
{
    u64 below = goes_down(h) ? (elements - 1) * bytes : 0;
    if (!mem_get_span(h, seg, VA(va.v - below), (unsigned)(elements * bytes), access, &side->span))
        return false;
    side->first = side->span.host ? side->span.host + below : NULL;
    return true;
}

static void note_written(struct hart *h, const struct side *side, u64 bytes)
{
    physmem_note_write(h->mem, side->span.at, bytes);
}

static i64 step_of(const struct hart *h, unsigned bytes)
{
    return goes_down(h) ? -(i64)bytes : (i64)bytes;
}

/* Bookkeeping behind a part that moved `elements`. `stop`: a REPE or REPNE condition ended it. */
static enum outcome part_done(struct hart *h, const struct insn *i, u64 elements, bool stop)
{
    count_down(h, i, elements);
    return stop || !repeats(i) || string_count(h, i) == 0 ? OUT_NEXT : OUT_AGAIN;
}

/* --- MOVS --- */

ALWAYS_INLINE void copy_elements(u8 *to, const u8 *from, u64 elements, i64 step, unsigned bytes)
{
    for (; elements; elements--, to += step, from += step) memmove(to, from, bytes);
}

ALWAYS_INLINE void copy_part(u8 *to, const u8 *from, u64 elements, i64 step, unsigned bytes)
{
    u64 total = elements * bytes;
    bool apart = to + total <= from || from + total <= to;
    if (LIKELY(step > 0 && apart))
        memcpy(to, from, total);
    else
        copy_elements(to, from, elements, step, bytes);
}

static enum outcome movs_one(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 v;
    if (!mem_load(h, i->segment, source_va(h, i), bytes, &v) ||
        !mem_store(h, SEG_ES, destination_va(h, i), bytes, v))
        return OUT_FAULT;
    advance(h, i, REG_RSI, step_of(h, bytes));
    advance(h, i, REG_RDI, step_of(h, bytes));
    return part_done(h, i, 1, false);
}

ALWAYS_INLINE enum outcome movs(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 count = string_count(h, i);
    if (count == 0) return OUT_NEXT;
    va_t from = source_va(h, i), to = destination_va(h, i);
    u64 n = min_u64(count, min_u64(elements_in_line(h, from, bytes), elements_in_line(h, to, bytes)));
    struct side source, destination;
    if (n <= 1) return movs_one(h, i, bytes);
    if (!open_side(h, i->segment, from, n, bytes, ACCESS_READ, &source) ||
        !open_side(h, SEG_ES, to, n, bytes, ACCESS_WRITE, &destination))
        return OUT_FAULT;
    if (!source.first || !destination.first) return movs_one(h, i, bytes);
    copy_part(destination.first, source.first, n, step_of(h, bytes), bytes);
    note_written(h, &destination, n * bytes);
    advance(h, i, REG_RSI, step_of(h, bytes) * (i64)n);
    advance(h, i, REG_RDI, step_of(h, bytes) * (i64)n);
    return part_done(h, i, n, false);
}

/* --- STOS --- */

static enum outcome stos_one(struct hart *h, const struct insn *i, unsigned bytes)
{
    if (!mem_store(h, SEG_ES, destination_va(h, i), bytes, h->reg[REG_RAX])) return OUT_FAULT;
    advance(h, i, REG_RDI, step_of(h, bytes));
    return part_done(h, i, 1, false);
}

ALWAYS_INLINE void fill_part(u8 *to, u64 value, u64 elements, i64 step, unsigned bytes)
{
    for (; elements; elements--, to += step) memcpy(to, &value, bytes);
}

ALWAYS_INLINE enum outcome stos(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 count = string_count(h, i);
    if (count == 0) return OUT_NEXT;
    va_t to = destination_va(h, i);
    u64 n = min_u64(count, elements_in_line(h, to, bytes));
    struct side destination;
    if (n <= 1) return stos_one(h, i, bytes);
    if (!open_side(h, SEG_ES, to, n, bytes, ACCESS_WRITE, &destination)) return OUT_FAULT;
    if (!destination.first) return stos_one(h, i, bytes);
    fill_part(destination.first, h->reg[REG_RAX], n, step_of(h, bytes), bytes);
    note_written(h, &destination, n * bytes);
    advance(h, i, REG_RDI, step_of(h, bytes) * (i64)n);
    return part_done(h, i, n, false);
}

/* --- LODS: under REP only the last element is left in RAX, so parts are single elements --- */

ALWAYS_INLINE enum outcome lods(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 v;
    if (string_count(h, i) == 0) return OUT_NEXT;
    if (!mem_load(h, i->segment, source_va(h, i), bytes, &v)) return OUT_FAULT;
    reg_write(h, REG_RAX, bytes, v);
    advance(h, i, REG_RSI, step_of(h, bytes));
    return part_done(h, i, 1, false);
}

/* --- CMPS, SCAS --- */

/* Compares and tells whether REPE or REPNE ends here. */
ALWAYS_INLINE bool compare_stops(struct hart *h, const struct insn *i, u64 a, u64 b, unsigned bytes)
{
    flags_sub(&h->flags, a, b, a - b, bytes);
    bool equal = flag_zf(&h->flags);
    return i->attr & ATTR_REPNE ? equal : !equal;
}

ALWAYS_INLINE u64 element(const u8 *at, unsigned bytes)
{
    u64 v = 0;
    memcpy(&v, at, bytes);
    return v;
}

static enum outcome cmps_one(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 a, b;
    if (!mem_load(h, i->segment, source_va(h, i), bytes, &a) ||
        !mem_load(h, SEG_ES, destination_va(h, i), bytes, &b))
        return OUT_FAULT;
    bool stop = compare_stops(h, i, a, b, bytes);
    advance(h, i, REG_RSI, step_of(h, bytes));
    advance(h, i, REG_RDI, step_of(h, bytes));
    return part_done(h, i, 1, stop);
}

ALWAYS_INLINE enum outcome cmps(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 count = string_count(h, i), done = 0;
    if (count == 0) return OUT_NEXT;
    va_t a_at = source_va(h, i), b_at = destination_va(h, i);
    u64 n = min_u64(count, min_u64(elements_in_line(h, a_at, bytes), elements_in_line(h, b_at, bytes)));
    struct side a, b;
    if (n <= 1) return cmps_one(h, i, bytes);
    if (!open_side(h, i->segment, a_at, n, bytes, ACCESS_READ, &a) ||
        !open_side(h, SEG_ES, b_at, n, bytes, ACCESS_READ, &b))
        return OUT_FAULT;
    if (!a.first || !b.first) return cmps_one(h, i, bytes);
    i64 step = step_of(h, bytes);
    bool stop = false;
    for (; done < n && !stop; done++)
        stop = compare_stops(h, i, element(a.first + step * (i64)done, bytes),
                             element(b.first + step * (i64)done, bytes), bytes);
    advance(h, i, REG_RSI, step * (i64)done);
    advance(h, i, REG_RDI, step * (i64)done);
    return part_done(h, i, done, stop);
}

static enum outcome scas_one(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 b;
    if (!mem_load(h, SEG_ES, destination_va(h, i), bytes, &b)) return OUT_FAULT;
    bool stop = compare_stops(h, i, h->reg[REG_RAX], b, bytes);
    advance(h, i, REG_RDI, step_of(h, bytes));
    return part_done(h, i, 1, stop);
}

ALWAYS_INLINE enum outcome scas(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 count = string_count(h, i), done = 0;
    if (count == 0) return OUT_NEXT;
    va_t at = destination_va(h, i);
    u64 n = min_u64(count, elements_in_line(h, at, bytes));
    struct side b;
    if (n <= 1) return scas_one(h, i, bytes);
    if (!open_side(h, SEG_ES, at, n, bytes, ACCESS_READ, &b)) return OUT_FAULT;
    if (!b.first) return scas_one(h, i, bytes);
    i64 step = step_of(h, bytes);
    bool stop = false;
    for (; done < n && !stop; done++)
        stop = compare_stops(h, i, h->reg[REG_RAX], element(b.first + step * (i64)done, bytes), bytes);
    advance(h, i, REG_RDI, step * (i64)done);
    return part_done(h, i, done, stop);
}

#define STRING(name)                                                                                         \
    FORM_ALL(name, NONE, name(h, i, BYTES))                                                                  \
    const exec_family exec_##name##_family = {ROW_ALL(name, NONE)};
STRING(movs)
STRING(stos)
STRING(lods)
STRING(cmps)
STRING(scas)

/* --- INS, OUTS --- */

/* INTERCEPT_io's information, see intercepts.def. */
static u64 io_info(const struct hart *h, const struct insn *i, unsigned bytes, bool in)
{
    u64 address_size = insn_address_bytes(i) == 2 ? 0 : insn_address_bytes(i) == 4 ? 1 : 2;
    return (u16)h->reg[REG_RDX] | (u64)bytes << 16 | (u64)in << 24 | BIT(25) | (u64)repeats(i) << 26 |
           address_size << 28;
}

ALWAYS_INLINE enum outcome ins(struct hart *h, const struct insn *i, unsigned bytes)
{
    u16 port = (u16)h->reg[REG_RDX];
    if (!io_permitted(h, port, bytes)) return OUT_FAULT;
    if (hart_intercepted(h, i, INTERCEPT_io, io_info(h, i, bytes, true))) return OUT_EXIT;
    if (string_count(h, i) == 0) return OUT_NEXT;
    debug_note_port(h, port, bytes);
    if (!mem_probe(h, destination_va(h, i), ACCESS_WRITE, explicit_by(h))) return OUT_FAULT;
    if (!mem_store(h, SEG_ES, destination_va(h, i), bytes, h->bus->port_read(h->bus_self, port, bytes)))
        return OUT_FAULT;
    advance(h, i, REG_RDI, step_of(h, bytes));
    return part_done(h, i, 1, false);
}

ALWAYS_INLINE enum outcome outs(struct hart *h, const struct insn *i, unsigned bytes)
{
    u16 port = (u16)h->reg[REG_RDX];
    u64 v;
    if (!io_permitted(h, port, bytes)) return OUT_FAULT;
    if (hart_intercepted(h, i, INTERCEPT_io, io_info(h, i, bytes, false))) return OUT_EXIT;
    if (string_count(h, i) == 0) return OUT_NEXT;
    debug_note_port(h, port, bytes);
    if (!mem_load(h, i->segment, source_va(h, i), bytes, &v)) return OUT_FAULT;
    h->bus->port_write(h->bus_self, port, (u32)v, bytes);
    advance(h, i, REG_RSI, step_of(h, bytes));
    return part_done(h, i, 1, false);
}

#define STRING_IO(name)                                                                                      \
    FORM_HANDLER(name, NONE, 1, name(h, i, BYTES))                                                           \
    FORM_HANDLER(name, NONE, 2, name(h, i, BYTES))                                                           \
    FORM_HANDLER(name, NONE, 4, name(h, i, BYTES))                                                           \
    const exec_family exec_##name##_family = {                                                               \
        [FORM_NONE] = {name##_NONE_1, name##_NONE_2, name##_NONE_4, NULL}};
STRING_IO(ins)
STRING_IO(outs)
