/* exec_bcd.c - AAA AAS AAM AAD DAA DAS, SALC, and BOUND: SDM Vol. 2, their "Operation". Not in 64-bit mode. */
#include "isa/operand.h"

#define ASCII_CARRY 0x106u /* one more in AH, six more in AL */

static u8 get_al(const struct hart *h) { return (u8)h->reg[REG_RAX]; }
static void set_al(struct hart *h, u8 al) { reg_write(h, REG_RAX, 1, al); }

/* SF, ZF and PF of AL. */
static u64 flags_of_al(const struct hart *h)
{
    u8 al = get_al(h);
    return (al & 0x80 ? RFLAGS_SF : 0) | (al ? 0 : RFLAGS_ZF) | (__builtin_parity(al) ? 0 : RFLAGS_PF);
}

static void set_flags(struct hart *h, u64 changed, u64 value)
{
    hart_set_rflags(h, (hart_rflags(h) & ~changed) | value);
}

static bool low_digit_carries(const struct hart *h)
{
    return (get_al(h) & 0xf) > 9 || (hart_rflags(h) & RFLAGS_AF);
}

/* --- one digit a byte --- */

static enum outcome ascii_adjust(struct hart *h, bool subtract)
{
    bool carries = low_digit_carries(h);
    u64 ax = (u16)h->reg[REG_RAX];
    if (carries) ax = subtract ? ax - ASCII_CARRY : ax + ASCII_CARRY;
    reg_write(h, REG_RAX, 2, ax & 0xff0f);
    set_flags(h, RFLAGS_AF | RFLAGS_CF, carries ? RFLAGS_AF | RFLAGS_CF : 0);
    return OUT_NEXT;
}

enum outcome exec_aaa(struct hart *h, const struct insn *i) { return (void)i, ascii_adjust(h, false); }
enum outcome exec_aas(struct hart *h, const struct insn *i) { return (void)i, ascii_adjust(h, true); }

#define SIGN_FLAGS (RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF)

enum outcome exec_aam(struct hart *h, const struct insn *i)
{
    u8 base = (u8)i->imm, al = get_al(h);
    if (base == 0) return hart_fault(h, VEC_DE);
    reg_write(h, REG_RAX, 2, (u64)(al / base) << 8 | al % base);
    set_flags(h, SIGN_FLAGS, flags_of_al(h));
    return OUT_NEXT;
}

enum outcome exec_aad(struct hart *h, const struct insn *i)
{
    u8 ah = (u8)(h->reg[REG_RAX] >> 8);
    reg_write(h, REG_RAX, 2, (u8)(get_al(h) + ah * (u8)i->imm));
    set_flags(h, SIGN_FLAGS, flags_of_al(h));
    return OUT_NEXT;
}

/* --- two digits a byte --- */

static enum outcome decimal_adjust(struct hart *h, bool subtract)
{
    u8 old = get_al(h), by = low_digit_carries(h) ? 6 : 0;
    u64 flags = by ? RFLAGS_AF : 0;
    bool wraps = by && (subtract ? old < 6 : old > 0xf9);
    bool high = old > 0x99 || (hart_rflags(h) & RFLAGS_CF);
    if (high) by += 0x60;
    if (high || (subtract && wraps)) flags |= RFLAGS_CF;
    set_al(h, (u8)(subtract ? old - by : old + by));
    set_flags(h, SIGN_FLAGS | RFLAGS_AF | RFLAGS_CF, flags | flags_of_al(h));
    return OUT_NEXT;
}

enum outcome exec_daa(struct hart *h, const struct insn *i) { return (void)i, decimal_adjust(h, false); }
enum outcome exec_das(struct hart *h, const struct insn *i) { return (void)i, decimal_adjust(h, true); }

/* Undocumented, but there since the 8086: AL = CF ? FF : 00. */
enum outcome exec_salc(struct hart *h, const struct insn *i)
{
    (void)i;
    set_al(h, hart_rflags(h) & RFLAGS_CF ? 0xff : 0);
    return OUT_NEXT;
}

/* --- BOUND --- */

static i64 as_signed(u64 value, unsigned bytes) { return (i64)sign_extend(value, bytes); }

enum outcome exec_bound(struct hart *h, const struct insn *i)
{
    unsigned bytes = insn_operand_bytes(i);
    va_t at = insn_linear(h, i);
    u64 lower, upper;
    if (!mem_load(h, i->segment, at, bytes, &lower) ||
        !mem_load(h, i->segment, VA((u32)(at.v + bytes)), bytes, &upper))
        return OUT_FAULT;
    i64 index = as_signed(reg_read(h, i->src, bytes), bytes);
    bool inside = as_signed(lower, bytes) <= index && index <= as_signed(upper, bytes);
    return inside ? OUT_NEXT : hart_fault(h, VEC_BR);
}
