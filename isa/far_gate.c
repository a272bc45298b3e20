/* far_gate.c - call gates: SDM Vol. 3A, "Accessing a Code Segment Through a Call Gate" and "IA-32e Mode Call
 * Gates"; the order of checks is that of Vol. 2A, "CALL" and "JMP". */
#include "isa/far.h"
#include "isa/mem.h"
#include "isa/state.h"

#define MAX_PARAMETERS 31

struct gate {
    unsigned slot_bytes; /* 2, 4 or 8: its kind */
    unsigned parameters; /* words that go to an inner stack with the call */
};

static bool refuse(struct hart *h, enum vector vector, u16 selector)
{
    hart_fault_error(h, vector, selector_error(selector));
    return false;
}

static bool check_access(struct hart *h, u16 selector, u64 low)
{
    unsigned dpl = (unsigned)bits(low, 46, 45);
    if (dpl < h->cpl || dpl < (selector & 3u))
        return refuse(h, VEC_GP, selector);
    return low & BIT(47) ? true : refuse(h, VEC_NP, selector);
}

/* Of 16 bytes; the type field of the upper half is 0. */
static bool read_upper_half(struct hart *h, u16 selector, u64 *high)
{
    enum lookup l = descriptor_read_high(h, selector, high);
    if (l == LOOKUP_OUTSIDE || (l == LOOKUP_OK && bits(*high, 44, 40)))
        return refuse(h, VEC_GP, selector);
    return l == LOOKUP_OK;
}

static bool read_gate(struct hart *h, struct far_target *t, u64 low, struct gate *g)
{
    u64 high = 0;
    if (hart_in_long_mode(h) && !read_upper_half(h, t->selector, &high))
        return false;
    bool wide = bits(low, 43, 40) == TYPE_CALL_GATE;
    *g = (struct gate){hart_in_long_mode(h) ? 8 : wide ? 4 : 2, (unsigned)bits(low, 36, 32)};
    t->rip = bits(low, 15, 0) | (wide ? bits(low, 63, 48) << 16 : 0) | high << 32;
    t->selector = (u16)bits(low, 31, 16);
    return true;
}

/* A jump stays at its privilege, a call may go inward. */
static bool check_code(struct hart *h, struct far_target *t, bool call)
{
    if (!segment_read_code(h, t->selector, VEC_GP, 0, &t->code))
        return false;
    unsigned dpl = segment_dpl(&t->code);
    bool inward_jump = !call && !segment_is_conforming(&t->code) && dpl != h->cpl;
    if (dpl > h->cpl || inward_jump || (hart_in_long_mode(h) && !(t->code.ar & AR_L)))
        return refuse(h, VEC_GP, t->selector);
    return t->code.ar & AR_P ? true : refuse(h, VEC_NP, t->selector);
}

/* --- inward: the frame goes to the stack that the TSS holds --- */

struct inner_frame {
    u64 word[4 + MAX_PARAMETERS];
    unsigned words;
};

/* The old stack's top words, in their order; 64-bit gates have none. */
static bool copy_parameters(struct hart *h, const struct gate *g, struct inner_frame *f)
{
    unsigned n = g->slot_bytes == 8 ? 0 : g->parameters;
    while (n--)
        if (!far_read_slot(h, n, g->slot_bytes, &f->word[f->words++]))
            return false;
    return true;
}

static bool build_frame(struct hart *h, const struct gate *g, struct inner_frame *f)
{
    f->word[0] = h->seg[SEG_SS].selector;
    f->word[1] = h->reg[REG_RSP];
    f->words = 2;
    if (!copy_parameters(h, g, f))
        return false;
    f->word[f->words++] = h->seg[SEG_CS].selector;
    f->word[f->words++] = h->reg[REG_RIP];
    return true;
}

static enum outcome call_inward(struct hart *h, const struct far_target *t, const struct gate *g, unsigned cpl)
{
    struct far_stack s;
    struct inner_frame f;
    if (!far_find_inner_stack(h, cpl, 0, &s) || !far_check_rip(h, t) || !build_frame(h, g, &f) ||
        !far_push_frame(h, &s, g->slot_bytes, f.word, f.words, selector_error(s.ss.selector)))
        return OUT_FAULT;
    h->reg[REG_RSP] = far_stack_pointer(h, &s);
    h->seg[SEG_SS] = s.ss;
    return far_go(h, t, cpl);
}

enum outcome far_through_call_gate(struct hart *h, struct far_target *t, u64 low, bool call)
{
    struct gate g;
    if (!check_access(h, t->selector, low) || !read_gate(h, t, low, &g) || !check_code(h, t, call))
        return OUT_FAULT;
    if (!call)
        return far_check_rip(h, t) ? far_go(h, t, h->cpl) : OUT_FAULT;
    unsigned cpl = segment_is_conforming(&t->code) ? h->cpl : segment_dpl(&t->code);
    return cpl == h->cpl ? far_call_here(h, t, g.slot_bytes) : call_inward(h, t, &g, cpl);
}
