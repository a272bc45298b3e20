/* exec_bmi.c - BMI1, BMI2, ADX: ANDN BEXTR BLSI BLSMSK BLSR, BZHI MULX PDEP PEXT RORX SARX SHLX SHRX, ADCX ADOX.
 *
 * Flags that the manual leaves undefined are cleared, as Intel's processors do.
 */
#include "isa/operand.h"

__extension__ typedef unsigned __int128 u128;

/* A result of operands that are zero-extended to 64 bits. */
typedef u64 (*binary_op)(struct lazy_flags *f, u64 a, u64 b, unsigned bytes);
typedef u64 (*unary_op)(struct lazy_flags *f, u64 a, unsigned bytes);

ALWAYS_INLINE u64 flagged(struct lazy_flags *f, u64 result, bool cf, unsigned bytes)
{
    flags_set_result(f, result, bytes);
    flags_set_carries(f, cf, false, false);
    return result;
}

ALWAYS_INLINE u64 low_bits(u64 a, unsigned count)
{
    return count < 64 ? a & (BIT(count) - 1) : a;
}

/* --- one source --- */

ALWAYS_INLINE u64 op_blsi(struct lazy_flags *f, u64 a, unsigned bytes)
{
    return flagged(f, a & (0 - a), a != 0, bytes);
}

ALWAYS_INLINE u64 op_blsmsk(struct lazy_flags *f, u64 a, unsigned bytes)
{
    return flagged(f, zero_extend(a ^ (a - 1), bytes), a == 0, bytes);
}

ALWAYS_INLINE u64 op_blsr(struct lazy_flags *f, u64 a, unsigned bytes)
{
    return flagged(f, a & (a - 1), a == 0, bytes);
}

ALWAYS_INLINE enum outcome unary(struct hart *h, const struct insn *i, unary_op op, bool memory, unsigned bytes)
{
    u64 a;
    if (!source_operand(h, i, memory, i->src, bytes, &a)) return OUT_FAULT;
    reg_write(h, i->dst, bytes, op(&h->flags, a, bytes));
    return OUT_NEXT;
}

/* --- two sources --- */

ALWAYS_INLINE u64 op_andn(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    return flagged(f, ~a & b, false, bytes);
}

/* b[7:0]: the first bit; b[15:8]: how many. */
ALWAYS_INLINE u64 op_bextr(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    unsigned start = b & 0xff, count = b >> 8 & 0xff;
    return flagged(f, low_bits(start < 64 ? a >> start : 0, count), false, bytes);
}

ALWAYS_INLINE u64 op_bzhi(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    unsigned count = b & 0xff;
    return flagged(f, low_bits(a, count), count > 8 * bytes - 1, bytes);
}

ALWAYS_INLINE unsigned shift_count(u64 b, unsigned bytes)
{
    return b & (8 * bytes - 1);
}

ALWAYS_INLINE u64 op_shlx(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    return (void)f, a << shift_count(b, bytes);
}

ALWAYS_INLINE u64 op_shrx(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    return (void)f, a >> shift_count(b, bytes);
}

ALWAYS_INLINE u64 op_sarx(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    return (void)f, (u64)((i64)sign_extend(a, bytes) >> shift_count(b, bytes));
}

ALWAYS_INLINE u64 op_rorx(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    unsigned by = shift_count(b, bytes);
    (void)f;
    return by ? a >> by | a << (8 * bytes - by) : a;
}

/* The low bits of `a` go to the places that `mask` selects. */
ALWAYS_INLINE u64 op_pdep(struct lazy_flags *f, u64 a, u64 mask, unsigned bytes)
{
    u64 result = 0;
    (void)f, (void)bytes;
    for (; mask; mask &= mask - 1, a >>= 1)
        if (a & 1) result |= mask & (0 - mask);
    return result;
}

/* The bits of `a` that `mask` selects, packed. */
ALWAYS_INLINE u64 op_pext(struct lazy_flags *f, u64 a, u64 mask, unsigned bytes)
{
    u64 result = 0;
    (void)f, (void)bytes;
    for (unsigned n = 0; mask; mask &= mask - 1, n++)
        if (a & mask & (0 - mask)) result |= BIT(n);
    return result;
}

/* The third operand's register is in imm. */
ALWAYS_INLINE enum outcome binary(struct hart *h, const struct insn *i, binary_op op, bool a_in_memory,
                                  bool b_in_memory, unsigned bytes)
{
    u64 a, b;
    if (!source_operand(h, i, a_in_memory, i->src, bytes, &a) ||
        !source_operand(h, i, b_in_memory, (unsigned)i->imm, bytes, &b))
        return OUT_FAULT;
    reg_write(h, i->dst, bytes, op(&h->flags, a, b, bytes));
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome rotate_by_immediate(struct hart *h, const struct insn *i, bool memory, unsigned bytes)
{
    u64 a;
    if (!source_operand(h, i, memory, i->src, bytes, &a)) return OUT_FAULT;
    reg_write(h, i->dst, bytes, op_rorx(&h->flags, a, i->imm, bytes));
    return OUT_NEXT;
}

/* RDX times the third operand; the high half is written last, should both go to one register. */
ALWAYS_INLINE enum outcome mulx(struct hart *h, const struct insn *i, bool memory, unsigned bytes)
{
    u64 b;
    if (!source_operand(h, i, memory, (unsigned)i->imm, bytes, &b)) return OUT_FAULT;
    u128 product = (u128)reg_read(h, REG_RDX, bytes) * b;
    reg_write(h, i->src, bytes, (u64)product);
    reg_write(h, i->dst, bytes, (u64)(product >> 8 * bytes));
    return OUT_NEXT;
}

/* --- additions with a carry chain of their own --- */

ALWAYS_INLINE u64 add_with(u64 a, u64 b, bool carry, unsigned bytes, bool *carry_out)
{
    u128 sum = (u128)a + b + carry;
    *carry_out = sum >> 8 * bytes & 1;
    return (u64)sum;
}

ALWAYS_INLINE u64 op_adcx(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    bool carry;
    u64 sum = add_with(a, b, flag_cf(f), bytes, &carry);
    flags_replace_cf(f, carry);
    return sum;
}

ALWAYS_INLINE u64 op_adox(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    bool carry;
    u64 sum = add_with(a, b, flag_of(f), bytes, &carry);
    flags_set_cf_of(f, flag_cf(f), carry);
    return sum;
}

ALWAYS_INLINE enum outcome add_chain(struct hart *h, const struct insn *i, binary_op op, bool memory, unsigned bytes)
{
    u64 b;
    if (!source_operand(h, i, memory, i->src, bytes, &b)) return OUT_FAULT;
    reg_write(h, i->dst, bytes, op(&h->flags, reg_read(h, i->dst, bytes), b, bytes));
    return OUT_NEXT;
}

/* --- tables: 32- and 64-bit operands only --- */

#define FORM_LONG(name, form, call) FORM_HANDLER(name, form, 4, call) FORM_HANDLER(name, form, 8, call)
#define ROW_LONG(name, form)        [FORM_##form] = {NULL, NULL, name##_##form##_4, name##_##form##_8}
#define FAMILY(name, register_form, memory_form, in_register, in_memory)                                     \
    FORM_LONG(name, register_form, in_register)                                                              \
    FORM_LONG(name, memory_form, in_memory)                                                                  \
    const exec_family exec_##name##_family = {ROW_LONG(name, register_form), ROW_LONG(name, memory_form)};

#define UNARY(name)                                                                                          \
    FAMILY(name, RR, RM, unary(h, i, op_##name, false, BYTES), unary(h, i, op_##name, true, BYTES))
/* r/m is the second source, or the first. */
#define BINARY_RM_LAST(name)                                                                                 \
    FAMILY(name, RRR, RRM, binary(h, i, op_##name, false, false, BYTES),                                     \
           binary(h, i, op_##name, false, true, BYTES))
#define BINARY_RM_FIRST(name)                                                                                \
    FAMILY(name, RRR, RMR, binary(h, i, op_##name, false, false, BYTES),                                     \
           binary(h, i, op_##name, true, false, BYTES))
#define ADD_CHAIN(name)                                                                                      \
    FAMILY(name, RR, RM, add_chain(h, i, op_##name, false, BYTES), add_chain(h, i, op_##name, true, BYTES))

UNARY(blsi)
UNARY(blsmsk)
UNARY(blsr)
BINARY_RM_LAST(andn)
BINARY_RM_LAST(pdep)
BINARY_RM_LAST(pext)
BINARY_RM_FIRST(bextr)
BINARY_RM_FIRST(bzhi)
BINARY_RM_FIRST(sarx)
BINARY_RM_FIRST(shlx)
BINARY_RM_FIRST(shrx)
FAMILY(rorx, RRI, RMI, rotate_by_immediate(h, i, false, BYTES), rotate_by_immediate(h, i, true, BYTES))
FAMILY(mulx, RRR, RRM, mulx(h, i, false, BYTES), mulx(h, i, true, BYTES))
ADD_CHAIN(adcx)
ADD_CHAIN(adox)
