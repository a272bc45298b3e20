/* exec_mov.c - MOV, MOVZX, MOVSX, MOVSXD, MOVBE, LEA, BSWAP, CMOVcc, SETcc, conversions of RAX, XLAT,
 * LAHF, SAHF, CLC, CMC, STC, CLD, STD. */
#include "isa/operand.h"

ALWAYS_INLINE enum outcome put_register(struct hart *h, const struct insn *i, u64 value, unsigned bytes)
{
    reg_write(h, i->dst, bytes, value);
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome put_memory(struct hart *h, const struct insn *i, u64 value, unsigned bytes)
{
    return LIKELY(store_operand(h, i, bytes, value)) ? OUT_NEXT : OUT_FAULT;
}

ALWAYS_INLINE enum outcome get_memory(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 v;
    if (UNLIKELY(!load_operand(h, i, bytes, &v))) return OUT_FAULT;
    return put_register(h, i, v, bytes);
}

FORM_ALL(mov, RR, put_register(h, i, reg_read(h, i->src, BYTES), BYTES))
FORM_ALL(mov, RI, put_register(h, i, i->imm, BYTES))
FORM_ALL(mov, RM, get_memory(h, i, BYTES))
FORM_ALL(mov, MR, put_memory(h, i, reg_read(h, i->src, BYTES), BYTES))
FORM_ALL(mov, MI, put_memory(h, i, i->imm, BYTES))
const exec_family exec_mov_family = {ROW_ALL(mov, RR), ROW_ALL(mov, RI), ROW_ALL(mov, RM), ROW_ALL(mov, MR),
                                     ROW_ALL(mov, MI)};

/* MOV with a memory offset: the whole address, up to 64 bits, is in imm; the register is RAX or its part. */
ALWAYS_INLINE enum outcome mov_from_offset(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 v;
    if (!mem_load(h, i->segment, segment_linear(h, i->segment, i->imm), bytes, &v)) return OUT_FAULT;
    return put_register(h, i, v, bytes);
}

ALWAYS_INLINE enum outcome mov_to_offset(struct hart *h, const struct insn *i, unsigned bytes)
{
    va_t va = segment_linear(h, i->segment, i->imm);
    return mem_store(h, i->segment, va, bytes, reg_read(h, i->src, bytes)) ? OUT_NEXT : OUT_FAULT;
}

FORM_ALL(mov_offset, RM, mov_from_offset(h, i, BYTES))
FORM_ALL(mov_offset, MR, mov_to_offset(h, i, BYTES))
const exec_family exec_mov_offset_family = {ROW_ALL(mov_offset, RM), ROW_ALL(mov_offset, MR)};

ALWAYS_INLINE enum outcome extend(struct hart *h, const struct insn *i, bool memory, unsigned from,
                                  bool is_signed, unsigned bytes)
{
    u64 v;
    if (UNLIKELY(!source_operand(h, i, memory, i->src, from, &v))) return OUT_FAULT;
    return put_register(h, i, is_signed ? sign_extend(v, from) : v, bytes);
}

#define EXTEND(name, is_signed)                                                                              \
    FORM_WIDE(name, RX8, extend(h, i, false, 1, is_signed, BYTES))                                           \
    FORM_WIDE(name, MX8, extend(h, i, true, 1, is_signed, BYTES))                                            \
    FORM_WIDE(name, RX16, extend(h, i, false, 2, is_signed, BYTES))                                          \
    FORM_WIDE(name, MX16, extend(h, i, true, 2, is_signed, BYTES))                                           \
    FORM_WIDE(name, RX32, extend(h, i, false, 4, is_signed, BYTES))                                          \
    FORM_WIDE(name, MX32, extend(h, i, true, 4, is_signed, BYTES))                                           \
    const exec_family exec_##name##_family = {ROW_WIDE(name, RX8),  ROW_WIDE(name, MX8),                     \
                                              ROW_WIDE(name, RX16), ROW_WIDE(name, MX16),                    \
                                              ROW_WIDE(name, RX32), ROW_WIDE(name, MX32)};
EXTEND(movzx, false)
EXTEND(movsx, true)

ALWAYS_INLINE u64 swap_bytes(u64 v, unsigned bytes)
{
    return __builtin_bswap64(v) >> (64 - 8 * bytes);
}

ALWAYS_INLINE enum outcome movbe_load(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 v;
    if (!load_operand(h, i, bytes, &v)) return OUT_FAULT;
    return put_register(h, i, swap_bytes(v, bytes), bytes);
}

FORM_WIDE(movbe, RM, movbe_load(h, i, BYTES))
FORM_WIDE(movbe, MR, put_memory(h, i, swap_bytes(reg_read(h, i->src, BYTES), BYTES), BYTES))
const exec_family exec_movbe_family = {ROW_WIDE(movbe, RM), ROW_WIDE(movbe, MR)};

/* With a 16-bit operand the manual leaves the result undefined; processors clear the register. */
ALWAYS_INLINE u64 bswap(u64 v, unsigned bytes)
{
    return bytes == 2 ? 0 : swap_bytes(v, bytes);
}
FORM_WIDE(bswap, R, put_register(h, i, bswap(reg_read(h, i->dst, BYTES), BYTES), BYTES))
const exec_family exec_bswap_family = {ROW_WIDE(bswap, R)};

ALWAYS_INLINE enum outcome lea(struct hart *h, const struct insn *i, unsigned bytes)
{
    bool plain = i->attr & ATTR_PLAIN_EA;
    return put_register(h, i, LIKELY(plain) ? insn_ea(h, i).v : insn_offset(h, i), bytes);
}

FORM_WIDE(lea, RM, lea(h, i, BYTES))
const exec_family exec_lea_family = {ROW_WIDE(lea, RM)};

/* The load happens, and a 32-bit destination is zero-extended, whether the condition holds or not. */
ALWAYS_INLINE enum outcome cmov(struct hart *h, const struct insn *i, enum condition cc, bool memory,
                                unsigned bytes)
{
    u64 v;
    if (UNLIKELY(!source_operand(h, i, memory, i->src, bytes, &v))) return OUT_FAULT;
    return put_register(h, i, flags_condition(&h->flags, cc) ? v : reg_read(h, i->dst, bytes), bytes);
}

#define CONDITIONAL(name, cc)                                                                                \
    FORM_WIDE(cmov##name, RR, cmov(h, i, cc, false, BYTES))                                                  \
    FORM_WIDE(cmov##name, RM, cmov(h, i, cc, true, BYTES))                                                   \
    const exec_family exec_cmov##name##_family = {ROW_WIDE(cmov##name, RR), ROW_WIDE(cmov##name, RM)};       \
    FORM_HANDLER(set##name, R, 1, put_register(h, i, flags_condition(&h->flags, cc), BYTES))                 \
    FORM_HANDLER(set##name, M, 1, put_memory(h, i, flags_condition(&h->flags, cc), BYTES))                   \
    const exec_family exec_set##name##_family = {[FORM_R] = {set##name##_R_1}, [FORM_M] = {set##name##_M_1}};

CONDITIONAL(o, CC_O)
CONDITIONAL(no, CC_NO)
CONDITIONAL(b, CC_B)
CONDITIONAL(nb, CC_NB)
CONDITIONAL(z, CC_Z)
CONDITIONAL(nz, CC_NZ)
CONDITIONAL(be, CC_BE)
CONDITIONAL(nbe, CC_NBE)
CONDITIONAL(s, CC_S)
CONDITIONAL(ns, CC_NS)
CONDITIONAL(p, CC_P)
CONDITIONAL(np, CC_NP)
CONDITIONAL(l, CC_L)
CONDITIONAL(nl, CC_NL)
CONDITIONAL(le, CC_LE)
CONDITIONAL(nle, CC_NLE)

/* CBW, CWDE, CDQE: the lower half of RAX's part, sign-extended. CWD, CDQ, CQO: its sign in RDX. */
ALWAYS_INLINE enum outcome widen_accumulator(struct hart *h, unsigned bytes)
{
    reg_write(h, REG_RAX, bytes, sign_extend(h->reg[REG_RAX], bytes / 2));
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome sign_to_rdx(struct hart *h, unsigned bytes)
{
    reg_write(h, REG_RDX, bytes, top_bit(h->reg[REG_RAX], bytes) ? ~0ull : 0);
    return OUT_NEXT;
}

FORM_WIDE(widen, NONE, ((void)i, widen_accumulator(h, BYTES)))
FORM_WIDE(sign, NONE, ((void)i, sign_to_rdx(h, BYTES)))
const exec_family exec_widen_family = {ROW_WIDE(widen, NONE)};
const exec_family exec_sign_family = {ROW_WIDE(sign, NONE)};

/* decode.c gives RBX as base; AL is added here. */
enum outcome exec_xlat(struct hart *h, const struct insn *i)
{
    u64 offset = zero_extend(insn_offset(h, i) + (u8)h->reg[REG_RAX], insn_address_bytes(i)), v;
    if (!mem_load(h, i->segment, segment_linear(h, i->segment, offset), 1, &v)) return OUT_FAULT;
    reg_write(h, REG_RAX, 1, v);
    return OUT_NEXT;
}

enum outcome exec_lahf(struct hart *h, const struct insn *i)
{
    (void)i;
    ((u8 *)h->reg)[1] = (u8)hart_rflags(h);
    return OUT_NEXT;
}

enum outcome exec_sahf(struct hart *h, const struct insn *i)
{
    (void)i;
    u64 low = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF;
    hart_set_rflags(h, (hart_rflags(h) & ~low) | (((u8 *)h->reg)[1] & low));
    return OUT_NEXT;
}

static enum outcome set_cf(struct hart *h, bool cf)
{
    flags_replace_cf(&h->flags, cf);
    return OUT_NEXT;
}

/* flags_replace_cf keeps OF. */
enum outcome exec_clc(struct hart *h, const struct insn *i)
{
    return (void)i, set_cf(h, false);
}
enum outcome exec_stc(struct hart *h, const struct insn *i)
{
    return (void)i, set_cf(h, true);
}
enum outcome exec_cmc(struct hart *h, const struct insn *i)
{
    return (void)i, set_cf(h, !flag_cf(&h->flags));
}

enum outcome exec_cld(struct hart *h, const struct insn *i)
{
    (void)i;
    h->rflags &= ~(u64)RFLAGS_DF;
    return OUT_NEXT;
}

enum outcome exec_std(struct hart *h, const struct insn *i)
{
    (void)i;
    h->rflags |= RFLAGS_DF;
    return OUT_NEXT;
}
