/* exec_stack.c - PUSH, POP, PUSHA, POPA, ENTER, LEAVE. */
#include "isa/stack.h"

ALWAYS_INLINE enum outcome push(struct hart *h, u64 value, unsigned bytes)
{
    return LIKELY(stack_push(h, bytes, value)) ? OUT_NEXT : OUT_FAULT;
}

ALWAYS_INLINE enum outcome push_memory(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 value;
    if (!load_operand(h, i, bytes, &value)) return OUT_FAULT;
    return push(h, value, bytes);
}

/* POP RSP ends with the value popped. */
ALWAYS_INLINE enum outcome pop_register(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 value;
    if (UNLIKELY(!stack_top(h, bytes, &value))) return OUT_FAULT;
    stack_release(h, bytes, bytes);
    reg_write(h, i->dst, bytes, value);
    return OUT_NEXT;
}

/* The address of a POP to memory is computed with RSP already incremented. */
ALWAYS_INLINE enum outcome pop_memory(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 value, rsp = h->reg[REG_RSP];
    if (!stack_top(h, bytes, &value)) return OUT_FAULT;
    stack_release(h, bytes, bytes);
    if (store_operand(h, i, bytes, value)) return OUT_NEXT;
    h->reg[REG_RSP] = rsp;
    return OUT_FAULT;
}

FORM_WIDE(push, R, push(h, reg_read(h, i->dst, BYTES), BYTES))
FORM_WIDE(push, I, push(h, i->imm, BYTES))
FORM_WIDE(push, M, push_memory(h, i, BYTES))
const exec_family exec_push_family = {ROW_WIDE(push, R), ROW_WIDE(push, I), ROW_WIDE(push, M)};

FORM_WIDE(pop, R, pop_register(h, i, BYTES))
FORM_WIDE(pop, M, pop_memory(h, i, BYTES))
const exec_family exec_pop_family = {ROW_WIDE(pop, R), ROW_WIDE(pop, M)};

/* Legacy modes only. A fault in the middle leaves RSP as it was; what was stored below it stays. */
enum outcome exec_pusha(struct hart *h, const struct insn *i)
{
    u64 rsp = h->reg[REG_RSP];
    for (unsigned r = REG_RAX; r <= REG_RDI; r++) {
        if (hart_push(h, insn_operand_bytes(i), r == REG_RSP ? rsp : h->reg[r])) continue;
        h->reg[REG_RSP] = rsp;
        return OUT_FAULT;
    }
    return OUT_NEXT;
}

enum outcome exec_popa(struct hart *h, const struct insn *i)
{
    unsigned bytes = insn_operand_bytes(i);
    u64 rsp = h->reg[REG_RSP], value[8];
    for (int r = REG_RDI; r >= REG_RAX; r--) {
        if (hart_pop(h, bytes, &value[r])) continue;
        h->reg[REG_RSP] = rsp;
        return OUT_FAULT;
    }
    for (unsigned r = REG_RAX; r <= REG_RDI; r++)
        if (r != REG_RSP) reg_write(h, r, bytes, value[r]);
    return OUT_NEXT;
}

/* LEAVE: RSP = RBP, then pop RBP. */
ALWAYS_INLINE enum outcome leave(struct hart *h, unsigned bytes)
{
    u64 value, rsp = h->reg[REG_RSP];
    h->reg[REG_RSP] = hart_stack_add(h, rsp, (i64)(h->reg[REG_RBP] - rsp));
    if (UNLIKELY(!stack_top(h, bytes, &value))) {
        h->reg[REG_RSP] = rsp;
        return OUT_FAULT;
    }
    stack_release(h, bytes, bytes);
    reg_write(h, REG_RBP, bytes, value);
    return OUT_NEXT;
}

FORM_WIDE(leave, NONE, ((void)i, leave(h, BYTES)))
const exec_family exec_leave_family = {ROW_WIDE(leave, NONE)};

/* Copies the enclosing frames' pointers, then this one's: SDM Vol. 1, "Procedure Calls for
 * Block-Structured Languages". */
static bool enter_nested(struct hart *h, unsigned bytes, unsigned level, u64 frame)
{
    u64 from = h->reg[REG_RBP], value;
    for (unsigned l = 1; l < level; l++) {
        from = hart_stack_add(h, from, -(i64)bytes);
        if (!mem_load(h, SEG_SS, hart_stack_at(h, from), bytes, &value) || !hart_push(h, bytes, value))
            return false;
    }
    return hart_push(h, bytes, frame);
}

/* imm: size | level << 16. The new top of the stack must be writable. */
enum outcome exec_enter(struct hart *h, const struct insn *i)
{
    unsigned bytes = insn_operand_bytes(i), level = bits(i->imm, 20, 16);
    u64 rsp = h->reg[REG_RSP];
    if (!hart_push(h, bytes, h->reg[REG_RBP])) return OUT_FAULT;
    u64 frame = h->reg[REG_RSP];
    u64 top = hart_stack_add(h, frame, -(i64)(bits(i->imm, 15, 0) + level * bytes));
    if ((level && !enter_nested(h, bytes, level, frame)) ||
        !mem_probe(h, hart_stack_at(h, top), ACCESS_WRITE, explicit_by(h))) {
        h->reg[REG_RSP] = rsp;
        return OUT_FAULT;
    }
    reg_write(h, REG_RBP, bytes, frame);
    h->reg[REG_RSP] = top;
    return OUT_NEXT;
}
