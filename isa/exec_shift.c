/* exec_shift.c - SHL SHR SAR ROL ROR RCL RCR SHLD SHRD.
 *
 * OF is defined for counts of 1 only; for others the same formula is used. AF, undefined after shifts,
 * becomes 0.
 */
#include "isa/operand.h"

/* `a` is zero-extended, `count` is masked and not 0. */
typedef u64 (*shift_op)(struct lazy_flags *f, u64 a, unsigned count, unsigned bytes);

ALWAYS_INLINE u64 shifted(struct lazy_flags *f, u64 result, bool cf, bool of, unsigned bytes)
{
    flags_set_result(f, result, bytes);
    flags_set_carries(f, cf, of, false);
    return result;
}

ALWAYS_INLINE u64 rotated(struct lazy_flags *f, u64 result, bool cf, bool of)
{
    flags_set_cf_of(f, cf, of);
    return result;
}

ALWAYS_INLINE u64 op_shl(struct lazy_flags *f, u64 a, unsigned count, unsigned bytes)
{
    u64 result = a << count;
    bool cf = bytes == 8 ? a >> (64 - count) & 1 : result >> 8 * bytes & 1;
    return shifted(f, result, cf, top_bit(result, bytes) ^ cf, bytes);
}

ALWAYS_INLINE u64 op_shr(struct lazy_flags *f, u64 a, unsigned count, unsigned bytes)
{
    return shifted(f, a >> count, a >> (count - 1) & 1, top_bit(a, bytes), bytes);
}

ALWAYS_INLINE u64 op_sar(struct lazy_flags *f, u64 a, unsigned count, unsigned bytes)
{
    i64 value = (i64)sign_extend(a, bytes);
    return shifted(f, (u64)(value >> count), value >> (count - 1) & 1, false, bytes);
}

ALWAYS_INLINE u64 op_rol(struct lazy_flags *f, u64 a, unsigned count, unsigned bytes)
{
    unsigned width = 8 * bytes, by = count % width;
    u64 result = by ? a << by | a >> (width - by) : a;
    return rotated(f, result, result & 1, top_bit(result, bytes) ^ (result & 1));
}

ALWAYS_INLINE u64 op_ror(struct lazy_flags *f, u64 a, unsigned count, unsigned bytes)
{
    unsigned width = 8 * bytes, by = count % width;
    u64 result = by ? a >> by | a << (width - by) : a;
    return rotated(f, result, top_bit(result, bytes), top_bit(result ^ result << 1, bytes));
}

/* Through carry the 8- and 16-bit forms rotate modulo 9 and 17. */
ALWAYS_INLINE u64 op_rcl(struct lazy_flags *f, u64 a, unsigned count, unsigned bytes)
{
    unsigned width = 8 * bytes, by = count % (width + 1);
    if (by == 0) return a;
    u64 around = by > 1 ? a >> (width + 1 - by) : 0;
    u64 result = a << by | (u64)flag_cf(f) << (by - 1) | around;
    bool cf = a >> (width - by) & 1;
    return rotated(f, result, cf, top_bit(result, bytes) ^ cf);
}

ALWAYS_INLINE u64 op_rcr(struct lazy_flags *f, u64 a, unsigned count, unsigned bytes)
{
    unsigned width = 8 * bytes, by = count % (width + 1);
    if (by == 0) return a;
    u64 around = by > 1 ? a << (width + 1 - by) : 0;
    u64 result = a >> by | (u64)flag_cf(f) << (width - by) | around;
    return rotated(f, result, a >> (by - 1) & 1, top_bit(result ^ result << 1, bytes));
}

ALWAYS_INLINE unsigned mask_count(u64 count, unsigned bytes)
{
    return count & (bytes == 8 ? 63 : 31);
}

ALWAYS_INLINE enum outcome shift_register(struct hart *h, const struct insn *i, shift_op op, unsigned count,
                                          unsigned bytes)
{
    u64 a = reg_read(h, i->dst, bytes);
    reg_write(h, i->dst, bytes, count ? op(&h->flags, a, count, bytes) : a);
    return OUT_NEXT;
}

/* A count of 0 still writes the memory operand back. */
ALWAYS_INLINE enum outcome shift_memory(struct hart *h, const struct insn *i, shift_op op, unsigned count,
                                        unsigned bytes)
{
    struct rmw m;
    struct lazy_flags f = h->flags;
    u64 a;
    if (!rmw_load(h, i, bytes, &m, &a)) return OUT_FAULT;
    if (!rmw_store(h, i, bytes, &m, count ? op(&f, a, count, bytes) : a)) return OUT_FAULT;
    h->flags = f;
    return OUT_NEXT;
}

#define SHIFT(name)                                                                                          \
    FORM_ALL(name, RI, shift_register(h, i, op_##name, mask_count(i->imm, BYTES), BYTES))                    \
    FORM_ALL(name, RC, shift_register(h, i, op_##name, mask_count(h->reg[REG_RCX], BYTES), BYTES))           \
    FORM_ALL(name, MI, shift_memory(h, i, op_##name, mask_count(i->imm, BYTES), BYTES))                      \
    FORM_ALL(name, MC, shift_memory(h, i, op_##name, mask_count(h->reg[REG_RCX], BYTES), BYTES))             \
    const exec_family exec_##name##_family = {ROW_ALL(name, RI), ROW_ALL(name, RC), ROW_ALL(name, MI),       \
                                              ROW_ALL(name, MC)};

SHIFT(shl)
SHIFT(shr)
SHIFT(sar)
SHIFT(rol)
SHIFT(ror)
SHIFT(rcl)
SHIFT(rcr)

/* A double shift of `a`, filled from `b`. 16-bit operands shifted by more than 16 are undefined: filled
 * from a:b again. */
typedef u64 (*double_op)(struct lazy_flags *f, u64 a, u64 b, unsigned count, unsigned bytes);

ALWAYS_INLINE u64 op_shld(struct lazy_flags *f, u64 a, u64 b, unsigned count, unsigned bytes)
{
    unsigned width = 8 * bytes;
    u64 wide = a << width % 64 | b, result;
    if (bytes == 2)
        result = (wide << 16 | a) >> (32 - count);
    else
        result = a << count | b >> (width - count);
    bool cf = bytes == 2 ? (wide << 16 | a) >> (48 - count) & 1 : a >> (width - count) & 1;
    return shifted(f, result, cf, top_bit(result ^ a, bytes), bytes);
}

ALWAYS_INLINE u64 op_shrd(struct lazy_flags *f, u64 a, u64 b, unsigned count, unsigned bytes)
{
    unsigned width = 8 * bytes;
    u64 wide = bytes == 2 ? a | b << 16 | a << 32 : a;
    u64 result = bytes == 2 ? wide >> count : a >> count | b << (width - count);
    return shifted(f, result, wide >> (count - 1) & 1, top_bit(result ^ a, bytes), bytes);
}

ALWAYS_INLINE enum outcome double_register(struct hart *h, const struct insn *i, double_op op, unsigned count,
                                           unsigned bytes)
{
    u64 a = reg_read(h, i->dst, bytes), b = reg_read(h, i->src, bytes);
    reg_write(h, i->dst, bytes, count ? op(&h->flags, a, b, count, bytes) : a);
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome double_memory(struct hart *h, const struct insn *i, double_op op, unsigned count,
                                         unsigned bytes)
{
    struct rmw m;
    struct lazy_flags f = h->flags;
    u64 a, b = reg_read(h, i->src, bytes);
    if (!rmw_load(h, i, bytes, &m, &a)) return OUT_FAULT;
    if (!rmw_store(h, i, bytes, &m, count ? op(&f, a, b, count, bytes) : a)) return OUT_FAULT;
    h->flags = f;
    return OUT_NEXT;
}

#define DOUBLE_SHIFT(name)                                                                                   \
    FORM_WIDE(name, RRI, double_register(h, i, op_##name, mask_count(i->imm, BYTES), BYTES))                 \
    FORM_WIDE(name, RRC, double_register(h, i, op_##name, mask_count(h->reg[REG_RCX], BYTES), BYTES))        \
    FORM_WIDE(name, MRI, double_memory(h, i, op_##name, mask_count(i->imm, BYTES), BYTES))                   \
    FORM_WIDE(name, MRC, double_memory(h, i, op_##name, mask_count(h->reg[REG_RCX], BYTES), BYTES))          \
    const exec_family exec_##name##_family = {ROW_WIDE(name, RRI), ROW_WIDE(name, RRC), ROW_WIDE(name, MRI), \
                                              ROW_WIDE(name, MRC)};

DOUBLE_SHIFT(shld)
DOUBLE_SHIFT(shrd)
