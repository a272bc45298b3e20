/* flags.h - the arithmetic flags as struct lazy_flags keeps them, and the sixteen conditions.
 *
 * An operation leaves its result and the vector of carries (or borrows) out of each bit, moved up so that
 * the operand's top bit is bit 63; the carry out of bit 3 stays where it is, for AF. Flags come out of
 * these by one or two shifts, whenever someone asks.
 *
 * Checked by:   tests/unit/test_diff_host.c, tests/unit/test_diff_unicorn.c
 */
#ifndef ISA_FLAGS_H
#define ISA_FLAGS_H

#include "isa/hart.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define CARRIES_CF BIT(63)
#define CARRIES_OF BIT(62) /* when CF is clear; OF = bit 63 ^ bit 62 */
#define CARRIES_AF BIT(3)

/* `v`'s low 1, 2, 4 or 8 bytes, sign-extended. */
ALWAYS_INLINE u64 sign_extend(u64 v, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;
    return (u64)((i64)(v << shift) >> shift);
}

ALWAYS_INLINE u64 zero_extend(u64 v, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;
    return v << shift >> shift;
}

ALWAYS_INLINE bool top_bit(u64 v, unsigned bytes)
{
    return v >> (8 * bytes - 1) & 1;
}

ALWAYS_INLINE bool flag_cf(const struct lazy_flags *f)
{
    return f->carries >> 63;
}
ALWAYS_INLINE bool flag_of(const struct lazy_flags *f)
{
    return (f->carries ^ f->carries << 1) >> 63;
}
ALWAYS_INLINE bool flag_af(const struct lazy_flags *f)
{
    return f->carries >> 3 & 1;
}
ALWAYS_INLINE bool flag_zf(const struct lazy_flags *f)
{
    return f->zero == 0;
}
ALWAYS_INLINE bool flag_sf(const struct lazy_flags *f)
{
    return f->sign >> 63;
}
ALWAYS_INLINE bool flag_pf(const struct lazy_flags *f)
{
    return !__builtin_parity(f->sign & 0xff);
}

/* ZF, SF and PF of a result. */
ALWAYS_INLINE void flags_set_result(struct lazy_flags *f, u64 result, unsigned bytes)
{
    f->zero = f->sign = sign_extend(result, bytes);
}

/* CF, OF and AF as they are told. */
ALWAYS_INLINE void flags_set_carries(struct lazy_flags *f, bool cf, bool of, bool af)
{
    u64 carry = (u64)cf << 63, overflow = (u64)of << 63;
    f->carries = carry | (carry ^ overflow) >> 1 | (u64)af << 3;
}

/* CF and OF as they are told, AF stays. */
ALWAYS_INLINE void flags_set_cf_of(struct lazy_flags *f, bool cf, bool of)
{
    flags_set_carries(f, cf, of, flag_af(f));
}

/* A vector of carries out of each bit, for an operand of `bytes`. */
ALWAYS_INLINE u64 carries_of(u64 vector, unsigned bytes)
{
    return bytes == 8 ? vector : vector << (64 - 8 * bytes) | (vector & CARRIES_AF);
}

/* Flags of result = a + b (+ carry) and result = a - b (- borrow). */
ALWAYS_INLINE void flags_add(struct lazy_flags *f, u64 a, u64 b, u64 result, unsigned bytes)
{
    flags_set_result(f, result, bytes);
    f->carries = carries_of((a & b) | ((a | b) & ~result), bytes);
}

ALWAYS_INLINE void flags_sub(struct lazy_flags *f, u64 a, u64 b, u64 result, unsigned bytes)
{
    flags_set_result(f, result, bytes);
    f->carries = carries_of((~a & b) | ((~a | b) & result), bytes);
}

/* CF becomes `cf`, OF and AF stay. */
ALWAYS_INLINE void flags_replace_cf(struct lazy_flags *f, bool cf)
{
    if (flag_cf(f) != cf) f->carries ^= 3ull << 62;
}

/* Condition codes as in the low four bits of Jcc, SETcc and CMOVcc opcodes (SDM Vol. 1, "EFLAGS Condition
 * Codes"). */
enum condition {
    CC_O,
    CC_NO,
    CC_B,
    CC_NB,
    CC_Z,
    CC_NZ,
    CC_BE,
    CC_NBE,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_NL,
    CC_LE,
    CC_NLE
};

ALWAYS_INLINE bool flags_even_condition(const struct lazy_flags *f, enum condition cc)
{
    switch (cc) {
    case CC_O:
        return flag_of(f);
    case CC_B:
        return flag_cf(f);
    case CC_Z:
        return flag_zf(f);
    case CC_BE:
        return flag_cf(f) || flag_zf(f);
    case CC_S:
        return flag_sf(f);
    case CC_P:
        return flag_pf(f);
    case CC_L:
        return flag_sf(f) != flag_of(f);
    default:
        return flag_zf(f) || flag_sf(f) != flag_of(f);
    }
}

ALWAYS_INLINE bool flags_condition(const struct lazy_flags *f, enum condition cc)
{
    return flags_even_condition(f, cc & ~1u) != (cc & 1);
}

#endif
