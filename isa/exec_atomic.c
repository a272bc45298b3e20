/* exec_atomic.c - XCHG, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B; with or without LOCK, since harts run one
 * instruction at a time. */
#include "isa/operand.h"

ALWAYS_INLINE enum outcome xchg_registers(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 a = reg_read(h, i->dst, bytes), b = reg_read(h, i->src, bytes);
    reg_write(h, i->dst, bytes, b);
    reg_write(h, i->src, bytes, a);
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome xchg_memory(struct hart *h, const struct insn *i, unsigned bytes)
{
    struct rmw m;
    u64 a;
    if (!rmw_load(h, i, bytes, &m, &a) || !rmw_store(h, i, bytes, &m, reg_read(h, i->src, bytes)))
        return OUT_FAULT;
    reg_write(h, i->src, bytes, a);
    return OUT_NEXT;
}

FORM_ALL(xchg, RR, xchg_registers(h, i, BYTES))
FORM_ALL(xchg, MR, xchg_memory(h, i, BYTES))
const exec_family exec_xchg_family = {ROW_ALL(xchg, RR), ROW_ALL(xchg, MR)};

ALWAYS_INLINE enum outcome xadd_registers(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 a = reg_read(h, i->dst, bytes), b = reg_read(h, i->src, bytes);
    flags_add(&h->flags, a, b, a + b, bytes);
    reg_write(h, i->src, bytes, a);
    reg_write(h, i->dst, bytes, a + b);
    return OUT_NEXT;
}

ALWAYS_INLINE enum outcome xadd_memory(struct hart *h, const struct insn *i, unsigned bytes)
{
    struct rmw m;
    u64 a, b = reg_read(h, i->src, bytes);
    if (!rmw_load(h, i, bytes, &m, &a) || !rmw_store(h, i, bytes, &m, a + b)) return OUT_FAULT;
    flags_add(&h->flags, a, b, a + b, bytes);
    reg_write(h, i->src, bytes, a);
    return OUT_NEXT;
}

FORM_ALL(xadd, RR, xadd_registers(h, i, BYTES))
FORM_ALL(xadd, MR, xadd_memory(h, i, BYTES))
const exec_family exec_xadd_family = {ROW_ALL(xadd, RR), ROW_ALL(xadd, MR)};

/* Flags as of CMP; the accumulator is written only when they differ, a 32-bit destination then keeps its
 * upper half. */
ALWAYS_INLINE void compared(struct hart *h, u64 accumulator, u64 a, unsigned bytes)
{
    flags_sub(&h->flags, accumulator, a, accumulator - a, bytes);
    if (accumulator != a) reg_write(h, REG_RAX, bytes, a);
}

ALWAYS_INLINE enum outcome cmpxchg_registers(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 accumulator = reg_read(h, REG_RAX, bytes), a = reg_read(h, i->dst, bytes),
        b = reg_read(h, i->src, bytes);
    compared(h, accumulator, a, bytes);
    if (accumulator == a) reg_write(h, i->dst, bytes, b);
    return OUT_NEXT;
}

/* The memory operand is written in both cases. */
ALWAYS_INLINE enum outcome cmpxchg_memory(struct hart *h, const struct insn *i, unsigned bytes)
{
    struct rmw m;
    u64 accumulator = reg_read(h, REG_RAX, bytes), a;
    if (!rmw_load(h, i, bytes, &m, &a)) return OUT_FAULT;
    if (!rmw_store(h, i, bytes, &m, accumulator == a ? reg_read(h, i->src, bytes) : a)) return OUT_FAULT;
    compared(h, accumulator, a, bytes);
    return OUT_NEXT;
}

FORM_ALL(cmpxchg, RR, cmpxchg_registers(h, i, BYTES))
FORM_ALL(cmpxchg, MR, cmpxchg_memory(h, i, BYTES))
const exec_family exec_cmpxchg_family = {ROW_ALL(cmpxchg, RR), ROW_ALL(cmpxchg, MR)};

/* ZF alone changes. */
static void flags_set_zf(struct lazy_flags *f, bool zf)
{
    f->zero = !zf;
}

/* CMPXCHG8B and 16B: RDX:RAX against memory, RCX:RBX to store; `half` is 4 or 8 bytes. Both halves are
 * checked for writing before one is written: the loads of a read-modify-write ask for write permission. */
static enum outcome cmpxchg_pair(struct hart *h, const struct insn *i, unsigned half)
{
    va_t low_at = insn_ea(h, i), high_at = VA(low_at.v + half);
    u64 low, high;
    if (!mem_load_rmw_slow(h, i->segment, low_at, half, &low) ||
        !mem_load_rmw_slow(h, i->segment, high_at, half, &high))
        return OUT_FAULT;
    bool equal = low == reg_read(h, REG_RAX, half) && high == reg_read(h, REG_RDX, half);
    if (!mem_store_slow(h, i->segment, low_at, half, equal ? reg_read(h, REG_RBX, half) : low) ||
        !mem_store_slow(h, i->segment, high_at, half, equal ? reg_read(h, REG_RCX, half) : high))
        return OUT_FAULT;
    flags_set_zf(&h->flags, equal);
    if (!equal) {
        reg_write(h, REG_RAX, half, low);
        reg_write(h, REG_RDX, half, high);
    }
    return OUT_NEXT;
}

enum outcome exec_cmpxchg8b(struct hart *h, const struct insn *i)
{
    return cmpxchg_pair(h, i, 4);
}

/* The operand must be 16-byte aligned: SDM Vol. 2A, "CMPXCHG8B/CMPXCHG16B". */
enum outcome exec_cmpxchg16b(struct hart *h, const struct insn *i)
{
    if (insn_ea(h, i).v & 15) return hart_gp(h, 0);
    return cmpxchg_pair(h, i, 8);
}
