/* exec_muldiv.c - MUL, IMUL with one, two and three operands, DIV, IDIV. */
#include "isa/operand.h"

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

/* CF = OF = the product does not fit; the other flags, undefined, stay. */
ALWAYS_INLINE void flags_overflowed(struct lazy_flags *f, bool overflowed)
{
    flags_set_cf_of(f, overflowed, overflowed);
}

/* The double-wide results of one-operand forms: AX for bytes, RDX:RAX parts else. */
ALWAYS_INLINE void write_wide(struct hart *h, u64 high, u64 low, unsigned bytes)
{
    if (bytes == 1) {
        reg_write(h, REG_RAX, 2, (high & 0xff) << 8 | (low & 0xff));
        return;
    }
    reg_write(h, REG_RAX, bytes, low);
    reg_write(h, REG_RDX, bytes, high);
}

ALWAYS_INLINE enum outcome mul(struct hart *h, const struct insn *i, bool memory, unsigned bytes)
{
    u64 b;
    if (!source_operand(h, i, memory, i->dst, bytes, &b)) return OUT_FAULT;
    u128 product = (u128)zero_extend(h->reg[REG_RAX], bytes) * b;
    u64 high = zero_extend((u64)(product >> 8 * bytes), bytes);
    write_wide(h, high, (u64)product, bytes);
    flags_overflowed(&h->flags, high != 0);
    return OUT_NEXT;
}

ALWAYS_INLINE i128 signed_product(u64 a, u64 b, unsigned bytes)
{
    return (i128)(i64)sign_extend(a, bytes) * (i64)sign_extend(b, bytes);
}

ALWAYS_INLINE bool fits(i128 value, unsigned bytes)
{
    return value == (i64)sign_extend((u64)value, bytes);
}

ALWAYS_INLINE enum outcome imul_wide(struct hart *h, const struct insn *i, bool memory, unsigned bytes)
{
    u64 b;
    if (!source_operand(h, i, memory, i->dst, bytes, &b)) return OUT_FAULT;
    i128 product = signed_product(h->reg[REG_RAX], b, bytes);
    write_wide(h, (u64)(product >> 8 * bytes), (u64)product, bytes);
    flags_overflowed(&h->flags, !fits(product, bytes));
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome imul_put(struct hart *h, const struct insn *i, u64 a, u64 b, unsigned bytes)
{
    i128 product = signed_product(a, b, bytes);
    reg_write(h, i->dst, bytes, (u64)product);
    flags_overflowed(&h->flags, !fits(product, bytes));
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome imul_by_register(struct hart *h, const struct insn *i, bool memory, unsigned bytes)
{
    u64 b;
    if (UNLIKELY(!source_operand(h, i, memory, i->src, bytes, &b))) return OUT_FAULT;
    return imul_put(h, i, reg_read(h, i->dst, bytes), b, bytes);
}

ALWAYS_INLINE enum outcome imul_by_immediate(struct hart *h, const struct insn *i, bool memory,
                                             unsigned bytes)
{
    u64 a;
    if (UNLIKELY(!source_operand(h, i, memory, i->src, bytes, &a))) return OUT_FAULT;
    return imul_put(h, i, a, i->imm, bytes);
}

FORM_ALL(mul, R, mul(h, i, false, BYTES))
FORM_ALL(mul, M, mul(h, i, true, BYTES))
const exec_family exec_mul_family = {ROW_ALL(mul, R), ROW_ALL(mul, M)};

FORM_ALL(imul, R, imul_wide(h, i, false, BYTES))
FORM_ALL(imul, M, imul_wide(h, i, true, BYTES))
FORM_WIDE(imul, RR, imul_by_register(h, i, false, BYTES))
FORM_WIDE(imul, RM, imul_by_register(h, i, true, BYTES))
FORM_WIDE(imul, RRI, imul_by_immediate(h, i, false, BYTES))
FORM_WIDE(imul, RMI, imul_by_immediate(h, i, true, BYTES))
const exec_family exec_imul_family = {ROW_ALL(imul, R),   ROW_ALL(imul, M),    ROW_WIDE(imul, RR),
                                      ROW_WIDE(imul, RM), ROW_WIDE(imul, RRI), ROW_WIDE(imul, RMI)};

/* AX for bytes, RDX:RAX parts else, as one number of 2 * bytes, zero-extended. */
ALWAYS_INLINE u128 read_dividend(const struct hart *h, unsigned bytes)
{
    if (bytes == 1) return (u16)h->reg[REG_RAX];
    return (u128)reg_read(h, REG_RDX, bytes) << 8 * bytes | reg_read(h, REG_RAX, bytes);
}

ALWAYS_INLINE void write_quotient(struct hart *h, u64 quotient, u64 remainder, unsigned bytes)
{
    write_wide(h, remainder, quotient, bytes);
}

/* What a processor's divider takes depends on it: only 64-bit divisions tell. */
ALWAYS_INLINE void note_dividend(struct hart *h, bool wide, unsigned bytes)
{
    if (bytes == 8 && h->record) h->record->wide_dividend = wide;
}

/* #DE for a divisor of 0 and for a quotient that does not fit; every flag is undefined and stays. */
ALWAYS_INLINE enum outcome divide(struct hart *h, const struct insn *i, bool memory, unsigned bytes)
{
    u64 divisor;
    if (!source_operand(h, i, memory, i->dst, bytes, &divisor)) return OUT_FAULT;
    u128 dividend = read_dividend(h, bytes);
    if (divisor == 0 || dividend >> 8 * bytes >= divisor) return hart_fault(h, VEC_DE);
    note_dividend(h, dividend >> 32 >> 32 != 0, bytes);
    if (bytes < 8)
        write_quotient(h, (u64)dividend / divisor, (u64)dividend % divisor, bytes);
    else
        write_quotient(h, (u64)(dividend / divisor), (u64)(dividend % divisor), bytes);
    return OUT_NEXT;
}

/* The most negative dividend of 128 bits by -1 would overflow the host division too. */
ALWAYS_INLINE enum outcome divide_signed(struct hart *h, const struct insn *i, bool memory, unsigned bytes)
{
    u64 raw;
    if (!source_operand(h, i, memory, i->dst, bytes, &raw)) return OUT_FAULT;
    unsigned unused = 128 - 16 * bytes;
    i128 dividend = (i128)(read_dividend(h, bytes) << unused) >> unused;
    i128 divisor = (i64)sign_extend(raw, bytes);
    bool overflows = bytes == 8 && divisor == -1 && dividend == (i128)((u128)1 << 127);
    if (divisor == 0 || overflows || !fits(dividend / divisor, bytes)) return hart_fault(h, VEC_DE);
    note_dividend(h, !fits(dividend, bytes), bytes);
    write_quotient(h, (u64)(dividend / divisor), (u64)(dividend % divisor), bytes);
    return OUT_NEXT;
}

FORM_ALL(div, R, divide(h, i, false, BYTES))
FORM_ALL(div, M, divide(h, i, true, BYTES))
const exec_family exec_div_family = {ROW_ALL(div, R), ROW_ALL(div, M)};

FORM_ALL(idiv, R, divide_signed(h, i, false, BYTES))
FORM_ALL(idiv, M, divide_signed(h, i, true, BYTES))
const exec_family exec_idiv_family = {ROW_ALL(idiv, R), ROW_ALL(idiv, M)};
