/* stack.h - pushes and pops of near transfers and data: 64-bit mode inline, the others through hart_push
 * and hart_pop. */
#ifndef ISA_STACK_H
#define ISA_STACK_H

#include "isa/operand.h"
#include "isa/state.h"

/* An operand size of 8 implies 64-bit mode. */
ALWAYS_INLINE bool stack_push(struct hart *h, unsigned bytes, u64 value)
{
    if (bytes < 8) return hart_push(h, bytes, value);
    u64 rsp = h->reg[REG_RSP] - 8;
    if (UNLIKELY(!mem_store(h, SEG_SS, VA(rsp), 8, value))) return false;
    h->reg[REG_RSP] = rsp;
    return true;
}

/* What a pop would give; RSP stays. */
ALWAYS_INLINE bool stack_top(struct hart *h, unsigned bytes, u64 *value)
{
    va_t va = bytes < 8 ? hart_stack_at(h, h->reg[REG_RSP]) : VA(h->reg[REG_RSP]);
    return mem_load(h, SEG_SS, va, bytes, value);
}

/* Moves RSP up by `by` bytes; `bytes` is the operand size. */
ALWAYS_INLINE void stack_release(struct hart *h, unsigned bytes, u64 by)
{
    h->reg[REG_RSP] = bytes < 8 ? hart_stack_add(h, h->reg[REG_RSP], (i64)by) : h->reg[REG_RSP] + by;
}

#endif
