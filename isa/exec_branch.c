/* exec_branch.c - near JMP, CALL, RET, Jcc, LOOPcc, JrCXZ.
 *
 * A target that is not canonical, or outside CS in legacy modes, is the branch's own #GP, not its target's.
 */
#include "isa/operand.h"
#include "isa/stack.h"

/* `bytes`: operand size, which truncates the target; 8 in 64-bit mode always. */
ALWAYS_INLINE bool target_is_valid(struct hart *h, u64 target, unsigned bytes)
{
    if (bytes < 8 ? zero_extend(target, bytes) <= h->seg[SEG_CS].limit
                  : LIKELY((u64)((i64)target >> 47) + 1 <= 1) || va_is_canonical(h, target))
        return true;
    hart_gp(h, 0);
    return false;
}

ALWAYS_INLINE enum outcome jump(struct hart *h, u64 target, unsigned bytes)
{
    if (UNLIKELY(!target_is_valid(h, target, bytes))) return OUT_FAULT;
    h->reg[REG_RIP] = zero_extend(target, bytes);
    return OUT_JUMP;
}

ALWAYS_INLINE u64 relative_target(const struct hart *h, const struct insn *i)
{
    return h->reg[REG_RIP] + i->imm;
}

ALWAYS_INLINE enum outcome jump_if(struct hart *h, const struct insn *i, bool taken, unsigned bytes)
{
    return taken ? jump(h, relative_target(h, i), bytes) : OUT_NEXT;
}

#define JCC(name, cc)                                                                                        \
    FORM_WIDE(j##name, I, jump_if(h, i, flags_condition(&h->flags, cc), BYTES))                              \
    const exec_family exec_j##name##_family = {ROW_WIDE(j##name, I)};

JCC(o, CC_O)
JCC(no, CC_NO)
JCC(b, CC_B)
JCC(nb, CC_NB)
JCC(z, CC_Z)
JCC(nz, CC_NZ)
JCC(be, CC_BE)
JCC(nbe, CC_NBE)
JCC(s, CC_S)
JCC(ns, CC_NS)
JCC(p, CC_P)
JCC(np, CC_NP)
JCC(l, CC_L)
JCC(nl, CC_NL)
JCC(le, CC_LE)
JCC(nle, CC_NLE)

ALWAYS_INLINE enum outcome jump_indirect(struct hart *h, const struct insn *i, bool memory, unsigned bytes)
{
    u64 target;
    if (UNLIKELY(!source_operand(h, i, memory, i->dst, bytes, &target))) return OUT_FAULT;
    return jump(h, target, bytes);
}

FORM_WIDE(jmp, I, jump(h, relative_target(h, i), BYTES))
FORM_WIDE(jmp, R, jump_indirect(h, i, false, BYTES))
FORM_WIDE(jmp, M, jump_indirect(h, i, true, BYTES))
const exec_family exec_jmp_family = {ROW_WIDE(jmp, I), ROW_WIDE(jmp, R), ROW_WIDE(jmp, M)};

ALWAYS_INLINE enum outcome call(struct hart *h, u64 target, unsigned bytes)
{
    if (UNLIKELY(!target_is_valid(h, target, bytes)) || UNLIKELY(!stack_push(h, bytes, h->reg[REG_RIP])))
        return OUT_FAULT;
    h->reg[REG_RIP] = zero_extend(target, bytes);
    return OUT_JUMP;
}

ALWAYS_INLINE enum outcome call_indirect(struct hart *h, const struct insn *i, bool memory, unsigned bytes)
{
    u64 target;
    if (UNLIKELY(!source_operand(h, i, memory, i->dst, bytes, &target))) return OUT_FAULT;
    return call(h, target, bytes);
}

FORM_WIDE(call, I, call(h, relative_target(h, i), BYTES))
FORM_WIDE(call, R, call_indirect(h, i, false, BYTES))
FORM_WIDE(call, M, call_indirect(h, i, true, BYTES))
const exec_family exec_call_family = {ROW_WIDE(call, I), ROW_WIDE(call, R), ROW_WIDE(call, M)};

/* imm: bytes of arguments to release, 0 without an immediate. */
ALWAYS_INLINE enum outcome ret(struct hart *h, const struct insn *i, unsigned bytes)
{
    u64 target;
    if (UNLIKELY(!stack_top(h, bytes, &target)) || UNLIKELY(!target_is_valid(h, target, bytes)))
        return OUT_FAULT;
    stack_release(h, bytes, bytes + i->imm);
    h->reg[REG_RIP] = zero_extend(target, bytes);
    return OUT_JUMP;
}

FORM_WIDE(ret, NONE, ret(h, i, BYTES))
FORM_WIDE(ret, I, ret(h, i, BYTES))
const exec_family exec_ret_family = {ROW_WIDE(ret, NONE), ROW_WIDE(ret, I)};

/* The counter is RCX, ECX or CX by address size. Nothing changes if the target faults. */
ALWAYS_INLINE enum outcome loop(struct hart *h, const struct insn *i, bool also, unsigned bytes)
{
    unsigned counter_bytes = insn_address_bytes(i);
    u64 count = zero_extend(h->reg[REG_RCX] - 1, counter_bytes);
    enum outcome out = jump_if(h, i, count != 0 && also, bytes);
    if (out != OUT_FAULT) reg_write(h, REG_RCX, counter_bytes, count);
    return out;
}

FORM_WIDE(loop, I, loop(h, i, true, BYTES))
FORM_WIDE(loope, I, loop(h, i, flag_zf(&h->flags), BYTES))
FORM_WIDE(loopne, I, loop(h, i, !flag_zf(&h->flags), BYTES))
FORM_WIDE(jrcxz, I, jump_if(h, i, zero_extend(h->reg[REG_RCX], insn_address_bytes(i)) == 0, BYTES))
const exec_family exec_loop_family = {ROW_WIDE(loop, I)};
const exec_family exec_loope_family = {ROW_WIDE(loope, I)};
const exec_family exec_loopne_family = {ROW_WIDE(loopne, I)};
const exec_family exec_jrcxz_family = {ROW_WIDE(jrcxz, I)};
