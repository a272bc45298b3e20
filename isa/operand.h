/* operand.h - how handlers reach registers, memory operands and their tables: constant sizes in, straight
 * code out.
 *
 * A handler is generated for each operation, operand form and operand size. Its body is an ALWAYS_INLINE
 * function that takes form and size as constants; a family is the table of its handlers, by enum form and
 * the operand size's logarithm, in which decode.c looks.
 */
#ifndef ISA_OPERAND_H
#define ISA_OPERAND_H

#include "isa/exec.h"
#include "isa/flags.h"
#include "isa/mem.h"

/* clang-format off */
/* struct insn.attr */
#define ATTR_SIZE_LOG2(attr)    ((attr) & 3u)      /* operand size */
#define ATTR_ADDRESS_LOG2(attr) ((attr) >> 2 & 3u) /* address size */
#define ATTR_ADDRESS_SHIFT      2
#define ATTR_MEMORY   0x10u /* there is a memory operand */
#define ATTR_PLAIN_EA 0x20u /* its address is base + index + displacement, 64 bits, no segment base */
#define ATTR_REP      0x40u /* REP, REPE */
#define ATTR_REPNE    0x80u
/* clang-format on */

/* Operand forms: R register, M memory, I immediate, C the register CL; X8, X16, X32 a source of that
 * width. */
/* clang-format off */
#define FORMS(F)                                                                                             \
    F(NONE) F(R) F(M) F(I) F(RR) F(RM) F(MR) F(RI) F(MI) F(RC) F(MC) F(RRI) F(RMI) F(MRI) F(RRC) F(MRC)      \
    F(RRR) F(RRM) F(RMR) F(RX8) F(MX8) F(RX16) F(MX16) F(RX32) F(MX32)
enum form {
#define F(name) FORM_##name,
    FORMS(F)
#undef F
    FORM_COUNT
};
/* clang-format on */

typedef exec_fn exec_family[FORM_COUNT][4];

/* How a handler ends: with a jump to the next instruction's, so that a block runs without coming back between two. The chain
 * ends where something else than OUT_NEXT is said, at a handler that just returns, and at the latest behind the block, in
 * exec_cut; h->at is the instruction that said it. */
ALWAYS_INLINE enum outcome go_on(struct hart *h, const struct insn *i, enum outcome out)
{
    if (out != OUT_NEXT) return out;
    i++;
    h->at = i;
    h->reg[REG_RIP] += i->length;
    return i->exec(h, i);
}

/* The handlers of one form of a family: `call` is an expression of h, i and BYTES. */
#define FORM_HANDLER(family, form, bytes, call)                                                              \
    static enum outcome family##_##form##_##bytes(struct hart *h, const struct insn *i)                      \
    {                                                                                                        \
        enum { BYTES = bytes };                                                                              \
        return go_on(h, i, call);                                                                            \
    }
#define FORM_WIDE(family, form, call)                                                                        \
    FORM_HANDLER(family, form, 2, call)                                                                      \
    FORM_HANDLER(family, form, 4, call)                                                                      \
    FORM_HANDLER(family, form, 8, call)
#define FORM_ALL(family, form, call) FORM_HANDLER(family, form, 1, call) FORM_WIDE(family, form, call)

/* Their rows in the family's table. */
#define ROW_WIDE(family, form)                                                                               \
    [FORM_##form] = {NULL, family##_##form##_2, family##_##form##_4, family##_##form##_8}
#define ROW_ALL(family, form)                                                                                \
    [FORM_##form] = {family##_##form##_1, family##_##form##_2, family##_##form##_4, family##_##form##_8}

/* A register operand. Byte registers are numbered by their offset in h->reg (AH = 1); the host is
 * little-endian. */
ALWAYS_INLINE u64 reg_read(const struct hart *h, unsigned reg, unsigned bytes)
{
    switch (bytes) {
    case 1:
        return ((const u8 *)h->reg)[reg];
    case 2:
        return (u16)h->reg[reg];
    case 4:
        return (u32)h->reg[reg];
    default:
        return h->reg[reg];
    }
}

/* A 32-bit write zero-extends, 8- and 16-bit writes keep the rest: SDM Vol. 1, "General-Purpose Registers
 * in 64-Bit Mode". */
ALWAYS_INLINE void reg_write(struct hart *h, unsigned reg, unsigned bytes, u64 value)
{
    switch (bytes) {
    case 1:
        ((u8 *)h->reg)[reg] = (u8)value;
        break;
    case 2:
        h->reg[reg] = (h->reg[reg] & ~0xffffull) | (u16)value;
        break;
    case 4:
        h->reg[reg] = (u32)value;
        break;
    default:
        h->reg[reg] = value;
        break;
    }
}

/* The offset of the memory operand inside its segment, truncated to the address size. */
u64 insn_offset(const struct hart *h, const struct insn *i);
va_t segment_linear(const struct hart *h, enum segreg seg, u64 offset);

ALWAYS_INLINE va_t insn_ea(const struct hart *h, const struct insn *i)
{
    if (LIKELY(i->attr & ATTR_PLAIN_EA))
        return VA(h->reg[i->base] + (h->reg[i->index] << i->scale) + (u64)(i64)i->disp);
    return insn_linear(h, i);
}

ALWAYS_INLINE bool load_operand(struct hart *h, const struct insn *i, unsigned bytes, u64 *out)
{
    return mem_load(h, i->segment, insn_ea(h, i), bytes, out);
}

ALWAYS_INLINE bool store_operand(struct hart *h, const struct insn *i, unsigned bytes, u64 value)
{
    return mem_store(h, i->segment, insn_ea(h, i), bytes, value);
}

/* A read-modify-write under way: in place, or by the slow path. */
struct rmw {
    u8 *host;
    va_t va;
};

ALWAYS_INLINE bool rmw_load_at(struct hart *h, enum segreg seg, va_t va, unsigned bytes, struct rmw *m,
                               u64 *out)
{
    *m = (struct rmw){mem_rmw_host(h, va, bytes), va};
    if (UNLIKELY(!m->host)) {
        if (!mem_load_rmw_slow(h, seg, va, bytes, &h->loaded)) return false;
        *out = h->loaded;
        return true;
    }
    u64 v = 0;
    memcpy(&v, m->host, bytes);
    *out = v;
    return true;
}

ALWAYS_INLINE bool rmw_load(struct hart *h, const struct insn *i, unsigned bytes, struct rmw *m, u64 *out)
{
    return rmw_load_at(h, i->segment, insn_ea(h, i), bytes, m, out);
}

ALWAYS_INLINE bool rmw_store(struct hart *h, const struct insn *i, unsigned bytes, const struct rmw *m,
                             u64 value)
{
    if (UNLIKELY(!m->host)) return mem_store_slow(h, i->segment, m->va, bytes, value);
    memcpy(m->host, &value, bytes);
    return true;
}

/* r/m as a source: `memory` is a constant of the form. */
ALWAYS_INLINE bool source_operand(struct hart *h, const struct insn *i, bool memory, unsigned reg,
                                  unsigned bytes, u64 *out)
{
    if (memory) return load_operand(h, i, bytes, out);
    *out = reg_read(h, reg, bytes);
    return true;
}

/* Families and single handlers, by name as in insns.def. */
#define INSN(mnemonic, shape, family, kind, class, flow, traits)                                             \
    extern const exec_family exec_##family##_family;
#define SINGLE(mnemonic, shape, handler, kind, class, flow, traits)                                          \
    enum outcome exec_##handler(struct hart *h, const struct insn *i);
#include "isa/insns.def"
#undef INSN
#undef SINGLE

#endif
