/* exec_far.c - far JMP, CALL and RET: SDM Vol. 2, their "Operation" for protected and IA-32e mode; Vol. 3A,
 * "Call Gates". */
#include "isa/exec.h"
#include "isa/far.h"
#include "isa/mem.h"
#include "isa/state.h"

/* Where a far transfer goes: the pointer, then the code segment that it or its gate names. */
struct target {
    u16 selector; /* of the pointer or, through a gate, of the code segment */
    u64 rip;
    struct segment code;
    bool gate;
};

static bool read_pointer(struct hart *h, const struct insn *i, struct target *t)
{
    unsigned bytes = insn_operand_bytes(i);
    u64 selector = i->imm >> 32;
    t->rip = (u32)i->imm;
    if (insn_has_memory(i)) {
        va_t at = insn_linear(h, i);
        if (!mem_load(h, i->segment, at, bytes, &t->rip) ||
            !mem_load(h, i->segment, VA(at.v + bytes), 2, &selector))
            return false;
    } else if (bytes == 2) {
        t->rip &= 0xffff;
    }
    t->selector = (u16)selector;
    return true;
}

static bool refuse(struct hart *h, enum vector vector, u16 selector)
{
    hart_fault_error(h, vector, selector_error(selector));
    return false;
}

static bool check_present_and_rip(struct hart *h, const struct target *t)
{
    if (!(t->code.ar & AR_P))
        return refuse(h, VEC_NP, t->selector);
    if (!segment_holds_rip(h, &t->code, t->rip))
        return refuse(h, VEC_GP, 0);
    return descriptor_set_accessed(h, t->selector, (u64)(t->code.ar & 0xff) << 40);
}

/* Straight to a code segment: the privilege stays. */
static bool check_direct(struct hart *h, struct target *t)
{
    if (!segment_read_code(h, t->selector, 0, &t->code))
        return false;
    unsigned dpl = segment_dpl(&t->code), rpl = t->selector & 3;
    bool allowed = segment_is_conforming(&t->code) ? dpl <= h->cpl : rpl <= h->cpl && dpl == h->cpl;
    return allowed ? check_present_and_rip(h, t) : refuse(h, VEC_GP, t->selector);
}

/* --- 64-bit call gates: SDM Vol. 3A, "IA-32e Mode Call Gates" --- */

static bool read_gate(struct hart *h, u16 selector, u64 low, struct target *t)
{
    u64 high;
    enum lookup l = descriptor_read_high(h, selector, &high);
    if (l == LOOKUP_OUTSIDE || (l == LOOKUP_OK && bits(high, 44, 40)))
        return refuse(h, VEC_GP, selector);
    if (l == LOOKUP_FAULT)
        return false;
    t->rip = bits(low, 15, 0) | bits(low, 63, 48) << 16 | high << 32;
    t->selector = (u16)bits(low, 31, 16);
    t->gate = true;
    return true;
}

static bool check_gate_access(struct hart *h, u16 selector, u64 low)
{
    unsigned dpl = (unsigned)bits(low, 46, 45);
    if (dpl < h->cpl || dpl < (selector & 3u))
        return refuse(h, VEC_GP, selector);
    return low & BIT(47) ? true : refuse(h, VEC_NP, selector);
}

static bool check_through_gate(struct hart *h, struct target *t, u64 low, bool call)
{
    u16 gate = t->selector;
    if (!check_gate_access(h, gate, low) || !read_gate(h, gate, low, t) ||
        !segment_read_code(h, t->selector, 0, &t->code))
        return false;
    unsigned dpl = segment_dpl(&t->code);
    bool inward_jump = !call && !segment_is_conforming(&t->code) && dpl != h->cpl;
    if (dpl > h->cpl || inward_jump || !(t->code.ar & AR_L))
        return refuse(h, VEC_GP, t->selector);
    return check_present_and_rip(h, t);
}

/* Outside IA-32e mode gates and TSSs are not modelled, inside only the 64-bit call gate exists. */
static bool check_system(struct hart *h, struct target *t, u64 low, bool call)
{
    if (hart_in_long_mode(h) && bits(low, 43, 40) == TYPE_CALL_GATE)
        return check_through_gate(h, t, low, call);
    if (!hart_in_long_mode(h))
        h->unmodelled++;
    return refuse(h, VEC_GP, t->selector);
}

static bool check_target(struct hart *h, struct target *t, bool call)
{
    u64 low;
    if (selector_is_null(t->selector))
        return refuse(h, VEC_GP, 0);
    enum lookup l = descriptor_read(h, t->selector, &low);
    if (l == LOOKUP_OUTSIDE)
        return refuse(h, VEC_GP, t->selector);
    if (l == LOOKUP_FAULT)
        return false;
    return low & BIT(44) ? check_direct(h, t) : check_system(h, t, low, call);
}

/* --- JMP, CALL --- */

static unsigned target_cpl(const struct hart *h, const struct target *t)
{
    return segment_is_conforming(&t->code) ? h->cpl : segment_dpl(&t->code);
}

static enum outcome go(struct hart *h, const struct target *t, unsigned cpl)
{
    segment_enter_code(h, &t->code, t->selector, cpl);
    h->reg[REG_RIP] = t->rip;
    return OUT_FLUSH;
}

static bool push_two(struct hart *h, unsigned bytes, u64 first, u64 second)
{
    u64 rsp = h->reg[REG_RSP];
    if (hart_push(h, bytes, first) && hart_push(h, bytes, second))
        return true;
    h->reg[REG_RSP] = rsp;
    return false;
}

/* Real-address and virtual-8086 mode: `bytes` of the return address are pushed, 0 for a jump. */
static enum outcome go_to_paragraph(struct hart *h, const struct target *t, unsigned bytes)
{
    if (!segment_contains(&h->seg[SEG_CS], t->rip, 1))
        return hart_gp(h, 0);
    if (bytes && !push_two(h, bytes, h->seg[SEG_CS].selector, h->reg[REG_RIP]))
        return OUT_FAULT;
    far_go_to_paragraph(h, t->selector, t->rip);
    return OUT_FLUSH;
}

enum outcome exec_jmp_far(struct hart *h, const struct insn *i)
{
    struct target t = {.gate = false};
    if (!read_pointer(h, i, &t))
        return OUT_FAULT;
    if (!hart_has_descriptors(h))
        return go_to_paragraph(h, &t, 0);
    if (!check_target(h, &t, false))
        return OUT_FAULT;
    return go(h, &t, h->cpl);
}

/* CALL through a gate to an inner ring: the frame goes to the stack that the TSS holds for it. */
static enum outcome call_inward(struct hart *h, const struct target *t, unsigned cpl)
{
    u64 rsp, frame[4] = {h->reg[REG_RIP], h->seg[SEG_CS].selector, h->reg[REG_RSP], h->seg[SEG_SS].selector};
    if (!tss_read(h, 4 + 8 * cpl, 8, 0, &rsp))
        return OUT_FAULT;
    if (!va_is_canonical(h, rsp))
        return hart_fault_error(h, VEC_SS, 0);
    rsp -= sizeof frame;
    if (!mem_probe(h, VA(rsp), ACCESS_WRITE, BY_PROCESSOR) ||
        !mem_probe(h, VA(rsp + sizeof frame - 1), ACCESS_WRITE, BY_PROCESSOR))
        return OUT_FAULT;
    for (unsigned n = 0; n < ARRAY_LEN(frame); n++)
        if (!mem_store_system(h, VA(rsp + 8 * n), 8, frame[n]))
            return OUT_FAULT;
    h->reg[REG_RSP] = rsp;
    h->seg[SEG_SS] = segment_null((u16)cpl, cpl);
    return go(h, t, cpl);
}

enum outcome exec_call_far(struct hart *h, const struct insn *i)
{
    struct target t = {.gate = false};
    if (!read_pointer(h, i, &t))
        return OUT_FAULT;
    if (!hart_has_descriptors(h))
        return go_to_paragraph(h, &t, insn_operand_bytes(i));
    if (!check_target(h, &t, true))
        return OUT_FAULT;
    unsigned cpl = t.gate ? target_cpl(h, &t) : h->cpl;
    if (cpl != h->cpl)
        return call_inward(h, &t, cpl);
    if (!push_two(h, t.gate ? 8 : insn_operand_bytes(i), h->seg[SEG_CS].selector, h->reg[REG_RIP]))
        return OUT_FAULT;
    return go(h, &t, cpl);
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
