/* exec_far.c - far JMP, CALL and RET: SDM Vol. 2, their "Operation". Gates: far_gate.c; tasks: task.c. */
#include "isa/exec.h"
#include "isa/far.h"
#include "isa/mem.h"
#include "isa/state.h"
#include "isa/task.h"

static bool read_pointer(struct hart *h, const struct insn *i, struct far_target *t)
{
    unsigned bytes = insn_operand_bytes(i);
    u64 selector = i->imm >> 32;
    t->rip = (u32)i->imm;
    if (insn_has_memory(i)) {
        va_t at = insn_linear(h, i), behind = VA(at.v + bytes);
        if (!hart_in_64bit_mode(h))
            behind = VA((u32)behind.v);
        if (!mem_load(h, i->segment, at, bytes, &t->rip) || !mem_load(h, i->segment, behind, 2, &selector))
            return false;
    } else if (bytes == 2) {
        t->rip &= 0xffff;
    }
    t->selector = (u16)selector;
    return true;
}

static enum outcome refuse(struct hart *h, enum vector vector, u16 selector)
{
    return hart_fault_error(h, vector, selector_error(selector));
}

bool far_check_rip(struct hart *h, const struct far_target *t)
{
    if (!segment_holds_rip(h, &t->code, t->rip))
        return hart_gp(h, 0), false;
    return descriptor_set_accessed(h, t->selector, (u64)(t->code.ar & 0xff) << 40);
}

enum outcome far_go(struct hart *h, const struct far_target *t, unsigned cpl)
{
    segment_enter_code(h, &t->code, t->selector, cpl);
    h->reg[REG_RIP] = t->rip;
    return OUT_FLUSH;
}

/* --- straight to a code segment: the privilege stays --- */

static enum outcome check_direct(struct hart *h, struct far_target *t)
{
    if (!segment_read_code(h, t->selector, VEC_GP, 0, &t->code))
        return OUT_FAULT;
    unsigned dpl = segment_dpl(&t->code), rpl = t->selector & 3;
    bool allowed = segment_is_conforming(&t->code) ? dpl <= h->cpl : rpl <= h->cpl && dpl == h->cpl;
    if (!allowed)
        return refuse(h, VEC_GP, t->selector);
    return t->code.ar & AR_P ? OUT_NEXT : refuse(h, VEC_NP, t->selector);
}

static bool push_two(struct hart *h, unsigned bytes, u64 first, u64 second)
{
    u64 rsp = h->reg[REG_RSP];
    if (hart_push(h, bytes, first) && hart_push(h, bytes, second))
        return true;
    h->reg[REG_RSP] = rsp;
    return false;
}

enum outcome far_call_here(struct hart *h, const struct far_target *t, unsigned slot_bytes)
{
    if (!far_check_rip(h, t) || !push_two(h, slot_bytes, h->seg[SEG_CS].selector, h->reg[REG_RIP]))
        return OUT_FAULT;
    return far_go(h, t, h->cpl);
}

static enum outcome go_direct(struct hart *h, const struct insn *i, struct far_target *t, bool call)
{
    if (check_direct(h, t) == OUT_FAULT)
        return OUT_FAULT;
    if (call)
        return far_call_here(h, t, insn_operand_bytes(i));
    return far_check_rip(h, t) ? far_go(h, t, h->cpl) : OUT_FAULT;
}

/* --- through a gate or to a task: in IA-32e mode only the 64-bit call gate exists --- */

static enum outcome go_by_system_descriptor(struct hart *h, const struct insn *i, struct far_target *t,
                                            u64 low, bool call)
{
    unsigned type = (unsigned)bits(low, 43, 40);
    if (type == TYPE_CALL_GATE || (type == TYPE_CALL_GATE16 && !hart_in_long_mode(h)))
        return far_through_call_gate(h, t, low, call);
    if (hart_in_long_mode(h))
        return refuse(h, VEC_GP, t->selector);
    return task_far_transfer(h, i, t->selector, low, call ? TASK_CALL : TASK_JMP);
}

static enum outcome go_by_descriptor(struct hart *h, const struct insn *i, struct far_target *t, bool call)
{
    u64 low;
    if (selector_is_null(t->selector))
        return hart_gp(h, 0);
    enum lookup l = descriptor_read(h, t->selector, &low);
    if (l == LOOKUP_OUTSIDE)
        return refuse(h, VEC_GP, t->selector);
    if (l == LOOKUP_FAULT)
        return OUT_FAULT;
    return low & BIT(44) ? go_direct(h, i, t, call) : go_by_system_descriptor(h, i, t, low, call);
}

/* --- real-address and virtual-8086 mode --- */

/* `bytes` of the return address are pushed, 0 for a jump. */
static enum outcome go_to_paragraph(struct hart *h, const struct far_target *t, unsigned bytes)
{
    if (!segment_contains(&h->seg[SEG_CS], t->rip, 1))
        return hart_gp(h, 0);
    if (bytes && !push_two(h, bytes, h->seg[SEG_CS].selector, h->reg[REG_RIP]))
        return OUT_FAULT;
    far_go_to_paragraph(h, t->selector, t->rip);
    return OUT_FLUSH;
}

/* --- JMP, CALL --- */

enum outcome exec_jmp_far(struct hart *h, const struct insn *i)
{
    struct far_target t;
    if (!read_pointer(h, i, &t))
        return OUT_FAULT;
    return hart_has_descriptors(h) ? go_by_descriptor(h, i, &t, false) : go_to_paragraph(h, &t, 0);
}

enum outcome exec_call_far(struct hart *h, const struct insn *i)
{
    struct far_target t;
    if (!read_pointer(h, i, &t))
        return OUT_FAULT;
    if (!hart_has_descriptors(h))
        return go_to_paragraph(h, &t, insn_operand_bytes(i));
    return go_by_descriptor(h, i, &t, true);
}

/* --- RET --- */

/* An outward return finds the outer stack behind the released parameters, and releases them there too. */
static bool read_outer_stack(struct hart *h, unsigned bytes, u64 release, struct far_return *r)
{
    u64 ss, rsp = hart_stack_add(h, h->reg[REG_RSP], (i64)(2 * bytes + release));
    r->pops_stack = true;
    if (!mem_load(h, SEG_SS, hart_stack_at(h, rsp), bytes, &r->rsp) ||
        !mem_load(h, SEG_SS, hart_stack_at(h, hart_stack_add(h, rsp, bytes)), bytes, &ss))
        return false;
    r->ss = (u16)ss;
    r->rsp += release;
    return true;
}

static enum outcome return_to_paragraph(struct hart *h, const struct far_return *r)
{
    if (!segment_contains(&h->seg[SEG_CS], r->rip, 1))
        return hart_gp(h, 0);
    h->reg[REG_RSP] = r->rsp;
    far_go_to_paragraph(h, r->cs, r->rip);
    return OUT_FLUSH;
}

enum outcome exec_ret_far(struct hart *h, const struct insn *i)
{
    unsigned bytes = insn_operand_bytes(i);
    u64 cs, release = i->imm & 0xffff;
    struct far_return r = {.rip = 0};
    if (!far_read_slot(h, 0, bytes, &r.rip) || !far_read_slot(h, 1, bytes, &cs))
        return OUT_FAULT;
    r.cs = (u16)cs;
    r.rsp = hart_stack_add(h, h->reg[REG_RSP], (i64)(2 * bytes + release));
    if (!hart_has_descriptors(h))
        return return_to_paragraph(h, &r);
    if (far_goes_outward(h, r.cs) && !read_outer_stack(h, bytes, release, &r))
        return OUT_FAULT;
    if (!far_check_return(h, &r))
        return OUT_FAULT;
    far_finish_return(h, &r);
    return OUT_FLUSH;
}
