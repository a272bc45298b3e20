/* exec_alu.c - ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NEG NOT. */
#include "isa/operand.h"

/* An operation on values: returns the result, changes *f. Operands may carry rubbish above `bytes`. */
typedef u64 (*binary_op)(struct lazy_flags *f, u64 a, u64 b, unsigned bytes);
typedef u64 (*unary_op)(struct lazy_flags *f, u64 a, unsigned bytes);

ALWAYS_INLINE u64 op_add(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    flags_add(f, a, b, a + b, bytes);
    return a + b;
}

ALWAYS_INLINE u64 op_adc(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    u64 result = a + b + flag_cf(f);
    flags_add(f, a, b, result, bytes);
    return result;
}

ALWAYS_INLINE u64 op_sub(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    flags_sub(f, a, b, a - b, bytes);
    return a - b;
}

ALWAYS_INLINE u64 op_sbb(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)
{
    u64 result = a - b - flag_cf(f);
    flags_sub(f, a, b, result, bytes);
    return result;
}

/* CF = OF = 0; AF, which the manual leaves undefined, too. */
ALWAYS_INLINE u64 logic(struct lazy_flags *f, u64 result, unsigned bytes)
{
    flags_set_result(f, result, bytes);
    f->carries = 0;
    return result;
}

#define LOGIC(name, operator)                                                                                \
    ALWAYS_INLINE u64 op_##name(struct lazy_flags *f, u64 a, u64 b, unsigned bytes)                          \
    {                                                                                                        \
        return logic(f, a operator b, bytes);                                                                \
    }
LOGIC(and, &)
LOGIC(or, |)
LOGIC(xor, ^)

ALWAYS_INLINE u64 op_inc(struct lazy_flags *f, u64 a, unsigned bytes)
{
    bool cf = flag_cf(f);
    flags_add(f, a, 1, a + 1, bytes);
    flags_replace_cf(f, cf);
    return a + 1;
}

ALWAYS_INLINE u64 op_dec(struct lazy_flags *f, u64 a, unsigned bytes)
{
    bool cf = flag_cf(f);
    flags_sub(f, a, 1, a - 1, bytes);
    flags_replace_cf(f, cf);
    return a - 1;
}

ALWAYS_INLINE u64 op_neg(struct lazy_flags *f, u64 a, unsigned bytes)
{
    flags_sub(f, 0, a, 0 - a, bytes);
    return 0 - a;
}

ALWAYS_INLINE u64 op_not(struct lazy_flags *f, u64 a, unsigned bytes)
{
    (void)f, (void)bytes;
    return ~a;
}

/* register op= register, memory or immediate; `writes` is false for CMP and TEST. */
ALWAYS_INLINE enum outcome to_register(struct hart *h, const struct insn *i, binary_op op, u64 b,
                                       unsigned bytes, bool writes)
{
    u64 result = op(&h->flags, reg_read(h, i->dst, bytes), b, bytes);
    if (writes) reg_write(h, i->dst, bytes, result);
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome from_memory(struct hart *h, const struct insn *i, binary_op op, unsigned bytes,
                                       bool writes)
{
    u64 b;
    if (UNLIKELY(!load_operand(h, i, bytes, &b))) return OUT_FAULT;
    return to_register(h, i, op, b, bytes, writes);
}

/* memory op= register or immediate. Flags change only when the store has succeeded. */
ALWAYS_INLINE enum outcome to_memory(struct hart *h, const struct insn *i, binary_op op, u64 b,
                                     unsigned bytes)
{
    struct rmw m;
    struct lazy_flags f = h->flags;
    u64 a;
    if (UNLIKELY(!rmw_load(h, i, bytes, &m, &a)) ||
        UNLIKELY(!rmw_store(h, i, bytes, &m, op(&f, a, b, bytes))))
        return OUT_FAULT;
    h->flags = f;
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome compare_memory(struct hart *h, const struct insn *i, binary_op op, u64 b,
                                          unsigned bytes)
{
    u64 a;
    if (UNLIKELY(!load_operand(h, i, bytes, &a))) return OUT_FAULT;
    op(&h->flags, a, b, bytes);
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome unary_register(struct hart *h, const struct insn *i, unary_op op, unsigned bytes)
{
    reg_write(h, i->dst, bytes, op(&h->flags, reg_read(h, i->dst, bytes), bytes));
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome unary_memory(struct hart *h, const struct insn *i, unary_op op, unsigned bytes)
{
    struct rmw m;
    struct lazy_flags f = h->flags;
    u64 a;
    if (UNLIKELY(!rmw_load(h, i, bytes, &m, &a)) || UNLIKELY(!rmw_store(h, i, bytes, &m, op(&f, a, bytes))))
        return OUT_FAULT;
    h->flags = f;
    return OUT_NEXT;
}

#define BINARY_TABLE(name)                                                                                   \
    const exec_family exec_##name##_family = {ROW_ALL(name, RR), ROW_ALL(name, RM), ROW_ALL(name, MR),       \
                                              ROW_ALL(name, RI), ROW_ALL(name, MI)};

#define BINARY(name)                                                                                         \
    FORM_ALL(name, RR, to_register(h, i, op_##name, reg_read(h, i->src, BYTES), BYTES, true))                \
    FORM_ALL(name, RI, to_register(h, i, op_##name, i->imm, BYTES, true))                                    \
    FORM_ALL(name, RM, from_memory(h, i, op_##name, BYTES, true))                                            \
    FORM_ALL(name, MR, to_memory(h, i, op_##name, reg_read(h, i->src, BYTES), BYTES))                        \
    FORM_ALL(name, MI, to_memory(h, i, op_##name, i->imm, BYTES))                                            \
    BINARY_TABLE(name)

#define COMPARE(name, op)                                                                                    \
    FORM_ALL(name, RR, to_register(h, i, op, reg_read(h, i->src, BYTES), BYTES, false))                      \
    FORM_ALL(name, RI, to_register(h, i, op, i->imm, BYTES, false))                                          \
    FORM_ALL(name, RM, from_memory(h, i, op, BYTES, false))                                                  \
    FORM_ALL(name, MR, compare_memory(h, i, op, reg_read(h, i->src, BYTES), BYTES))                          \
    FORM_ALL(name, MI, compare_memory(h, i, op, i->imm, BYTES))                                              \
    BINARY_TABLE(name)

#define UNARY(name)                                                                                          \
    FORM_ALL(name, R, unary_register(h, i, op_##name, BYTES))                                                \
    FORM_ALL(name, M, unary_memory(h, i, op_##name, BYTES))                                                  \
    const exec_family exec_##name##_family = {ROW_ALL(name, R), ROW_ALL(name, M)};

/* clang-format off */
BINARY(add)
BINARY(or)
BINARY(adc)
BINARY(sbb)
BINARY(and)
BINARY(sub)
BINARY(xor)
COMPARE(cmp, op_sub)
COMPARE(test, op_and)
UNARY(inc)
UNARY(dec)
UNARY(neg)
UNARY(not)
/* clang-format on */
