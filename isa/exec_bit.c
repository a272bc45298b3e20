/* exec_bit.c - BT BTS BTR BTC, BSF BSR TZCNT LZCNT POPCNT. */
#include "isa/operand.h"

/* What becomes of the operand when `bit` is the selected one; CF alone changes, the flags that the manual
 * leaves undefined stay. */
typedef u64 (*bit_op)(u64 a, u64 bit);

ALWAYS_INLINE u64 op_bts(u64 a, u64 bit)
{
    return a | bit;
}
ALWAYS_INLINE u64 op_btr(u64 a, u64 bit)
{
    return a & ~bit;
}
ALWAYS_INLINE u64 op_btc(u64 a, u64 bit)
{
    return a ^ bit;
}

ALWAYS_INLINE u64 bit_of(u64 offset, unsigned bytes)
{
    return BIT(offset & (8 * bytes - 1));
}

/* A register bit offset selects from a bit string: it moves the address by whole operands (SDM Vol. 2A,
 * "BT - Bit Test"). */
ALWAYS_INLINE va_t bit_string_ea(const struct hart *h, const struct insn *i, u64 offset, unsigned bytes)
{
    unsigned width_log2 = bytes == 2 ? 4 : bytes == 4 ? 5 : 6;
    u64 delta = (u64)((i64)sign_extend(offset, bytes) >> width_log2) * bytes;
    if (LIKELY(i->attr & ATTR_PLAIN_EA)) return VA(insn_ea(h, i).v + delta);
    return segment_linear(h, i->segment, zero_extend(insn_offset(h, i) + delta, insn_address_bytes(i)));
}

ALWAYS_INLINE enum outcome test_register(struct hart *h, const struct insn *i, u64 offset, unsigned bytes)
{
    flags_replace_cf(&h->flags, reg_read(h, i->dst, bytes) & bit_of(offset, bytes));
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome test_memory(struct hart *h, const struct insn *i, va_t va, u64 offset,
                                       unsigned bytes)
{
    u64 a;
    if (!mem_load(h, i->segment, va, bytes, &a)) return OUT_FAULT;
    flags_replace_cf(&h->flags, a & bit_of(offset, bytes));
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome change_register(struct hart *h, const struct insn *i, bit_op op, u64 offset,
                                           unsigned bytes)
{
    u64 a = reg_read(h, i->dst, bytes), bit = bit_of(offset, bytes);
    flags_replace_cf(&h->flags, a & bit);
    reg_write(h, i->dst, bytes, op(a, bit));
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome change_memory(struct hart *h, const struct insn *i, bit_op op, va_t va, u64 offset,
                                         unsigned bytes)
{
    struct rmw m;
    u64 a, bit = bit_of(offset, bytes);
    if (!rmw_load_at(h, i->segment, va, bytes, &m, &a) || !rmw_store(h, i, bytes, &m, op(a, bit)))
        return OUT_FAULT;
    flags_replace_cf(&h->flags, a & bit);
    return OUT_NEXT;
}

ALWAYS_INLINE u64 bit_offset(const struct hart *h, const struct insn *i, unsigned bytes)
{
    return reg_read(h, i->src, bytes);
}

#define BIT_TABLE(name)                                                                                      \
    const exec_family exec_##name##_family = {ROW_WIDE(name, RR), ROW_WIDE(name, RI), ROW_WIDE(name, MR),    \
                                              ROW_WIDE(name, MI)};

#define BIT_CHANGE(name)                                                                                     \
    FORM_WIDE(name, RR, change_register(h, i, op_##name, bit_offset(h, i, BYTES), BYTES))                    \
    FORM_WIDE(name, RI, change_register(h, i, op_##name, i->imm, BYTES))                                     \
    FORM_WIDE(name, MR,                                                                                      \
              change_memory(h, i, op_##name, bit_string_ea(h, i, bit_offset(h, i, BYTES), BYTES),            \
                            bit_offset(h, i, BYTES), BYTES))                                                 \
    FORM_WIDE(name, MI, change_memory(h, i, op_##name, insn_ea(h, i), i->imm, BYTES))                        \
    BIT_TABLE(name)

FORM_WIDE(bt, RR, test_register(h, i, bit_offset(h, i, BYTES), BYTES))
FORM_WIDE(bt, RI, test_register(h, i, i->imm, BYTES))
FORM_WIDE(bt, MR,
          test_memory(h, i, bit_string_ea(h, i, bit_offset(h, i, BYTES), BYTES), bit_offset(h, i, BYTES),
                      BYTES))
FORM_WIDE(bt, MI, test_memory(h, i, insn_ea(h, i), i->imm, BYTES))
BIT_TABLE(bt)
BIT_CHANGE(bts)
BIT_CHANGE(btr)
BIT_CHANGE(btc)

/* A scan or count of `a` (zero-extended): sets flags, returns the result; `old` is the destination before. */
typedef u64 (*scan_op)(struct lazy_flags *f, u64 a, u64 old, unsigned bytes);

/* ZF tells of the source; a source of 0 leaves the destination, as processors do where the manual says
 * undefined. */
ALWAYS_INLINE u64 op_bsf(struct lazy_flags *f, u64 a, u64 old, unsigned bytes)
{
    (void)bytes;
    f->zero = a;
    return a ? (u64)__builtin_ctzll(a) : old;
}

ALWAYS_INLINE u64 op_bsr(struct lazy_flags *f, u64 a, u64 old, unsigned bytes)
{
    (void)bytes;
    f->zero = a;
    return a ? (u64)(63 - __builtin_clzll(a)) : old;
}

ALWAYS_INLINE u64 counted(struct lazy_flags *f, u64 result, bool source_is_zero)
{
    f->zero = result;
    flags_replace_cf(f, source_is_zero);
    return result;
}

ALWAYS_INLINE u64 op_tzcnt(struct lazy_flags *f, u64 a, u64 old, unsigned bytes)
{
    (void)old;
    return counted(f, a ? (u64)__builtin_ctzll(a) : 8 * bytes, a == 0);
}

ALWAYS_INLINE u64 op_lzcnt(struct lazy_flags *f, u64 a, u64 old, unsigned bytes)
{
    (void)old;
    return counted(f, a ? (u64)__builtin_clzll(a) - (64 - 8 * bytes) : 8 * bytes, a == 0);
}

/* All flags but ZF are cleared; a sign of 1 has SF = 0 and an odd low byte. */
ALWAYS_INLINE u64 op_popcnt(struct lazy_flags *f, u64 a, u64 old, unsigned bytes)
{
    (void)old, (void)bytes;
    *f = (struct lazy_flags){.zero = a, .sign = 1, .carries = 0};
    return (u64)__builtin_popcountll(a);
}

ALWAYS_INLINE enum outcome scan(struct hart *h, const struct insn *i, scan_op op, bool memory, unsigned bytes)
{
    u64 a;
    if (!source_operand(h, i, memory, i->src, bytes, &a)) return OUT_FAULT;
    reg_write(h, i->dst, bytes, op(&h->flags, a, reg_read(h, i->dst, bytes), bytes));
    return OUT_NEXT;
}

#define SCAN(name)                                                                                           \
    FORM_WIDE(name, RR, scan(h, i, op_##name, false, BYTES))                                                 \
    FORM_WIDE(name, RM, scan(h, i, op_##name, true, BYTES))                                                  \
    const exec_family exec_##name##_family = {ROW_WIDE(name, RR), ROW_WIDE(name, RM)};

SCAN(bsf)
SCAN(bsr)
SCAN(tzcnt)
SCAN(lzcnt)
SCAN(popcnt)
