/* exec_interrupt.c - INT n, INT3, INTO, INT1 and IRET: SDM Vol. 2A, "INT n/INTO/INT3/INT1" and
 * "IRET/IRETD/IRETQ". */
#include "isa/debug.h"
#include "isa/exec.h"
#include "isa/far.h"
#include "isa/state.h"
#include "isa/task.h"

static bool exits(struct hart *h, const struct insn *i, u8 vector, enum event_type type)
{
    struct fault f = {.kind = FAULT_EXCEPTION, .vector = vector, .soft = (u8)type, .insn_length = i->length};
    return hart_in_guest(h) && type != EVENT_SOFT_INT && h->virt->intercept_event(h->virt_self, h, &f, type);
}

/* Software exceptions can be intercepted, INT n cannot. Until the handler is entered RIP is the
 * instruction's. */
static enum outcome software_event(struct hart *h, const struct insn *i, u8 vector, enum event_type type)
{
    u64 next = h->reg[REG_RIP];
    h->reg[REG_RIP] = insn_rip(h, i);
    if (exits(h, i, vector, type))
        return OUT_EXIT;
    enum outcome o = isa_deliver(h, vector, type, false, 0, i->length);
    if (o == OUT_FAULT)
        h->reg[REG_RIP] = next;
    return o;
}

/* Virtual-8086 mode needs IOPL 3: SDM Vol. 3B, "Sensitive Instructions". */
enum outcome exec_int_n(struct hart *h, const struct insn *i)
{
    if (hart_lacks_v86_iopl(h)) return hart_gp(h, 0);
    return software_event(h, i, (u8)i->imm, EVENT_SOFT_INT);
}
enum outcome exec_int3(struct hart *h, const struct insn *i)
{
    return software_event(h, i, VEC_BP, EVENT_SOFT_EXCEPTION);
}
/* Not in 64-bit mode. Virtual-8086 mode asks no IOPL for it. */
enum outcome exec_into(struct hart *h, const struct insn *i)
{
    if (!(hart_rflags(h) & RFLAGS_OF)) return OUT_NEXT;
    return software_event(h, i, VEC_OF, EVENT_SOFT_EXCEPTION);
}
enum outcome exec_int1(struct hart *h, const struct insn *i)
{
    enum outcome o = software_event(h, i, VEC_DB, EVENT_PRIV_SOFT);
    if (o == OUT_FLUSH)
        debug_enter_handler(h);
    return o;
}

/* --- IRET --- */

/* Which flags the image sets: by operand size, CPL and IOPL before the return. */
static u64 flags_mask(const struct hart *h, unsigned bytes)
{
    u64 mask = RFLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT;
    if (bytes > 2)
        mask |= RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
    if (h->cpl <= (h->rflags & RFLAGS_IOPL) >> 12)
        mask |= RFLAGS_IF;
    if (h->cpl == 0)
        mask |= RFLAGS_IOPL | (bytes > 2 ? RFLAGS_VIF | RFLAGS_VIP : 0);
    return mask;
}

static bool to_v86(const struct hart *h, u64 image)
{
    return !hart_in_long_mode(h) && (image & RFLAGS_VM) && h->cpl == 0;
}

static bool read_frame(struct hart *h, unsigned bytes, struct far_return *r, u64 *image)
{
    u64 cs, ss = 0;
    if (!far_read_slot(h, 0, bytes, &r->rip) || !far_read_slot(h, 1, bytes, &cs) ||
        !far_read_slot(h, 2, bytes, image))
        return false;
    r->cs = (u16)cs;
    bool outward = hart_has_descriptors(h) && far_goes_outward(h, r->cs) && !to_v86(h, *image);
    r->pops_stack = hart_in_64bit_mode(h) || outward;
    r->rsp = hart_stack_add(h, h->reg[REG_RSP], 3 * (i64)bytes);
    if (r->pops_stack && (!far_read_slot(h, 3, bytes, &r->rsp) || !far_read_slot(h, 4, bytes, &ss)))
        return false;
    r->ss = (u16)ss;
    return true;
}

static enum outcome return_to_paragraph(struct hart *h, const struct far_return *r, unsigned bytes, u64 image)
{
    u64 mask = flags_mask(h, bytes) & ~(RFLAGS_VIF | RFLAGS_VIP);
    if (!segment_contains(&h->seg[SEG_CS], r->rip, 1))
        return hart_gp(h, 0);
    h->reg[REG_RSP] = r->rsp;
    far_go_to_paragraph(h, r->cs, r->rip);
    hart_set_rflags(h, (hart_rflags(h) & ~mask) | (image & mask));
    return OUT_FLUSH;
}

/* A return to the task that this one interrupted. */
static bool returns_to_task(const struct hart *h)
{
    return !hart_in_long_mode(h) && hart_has_descriptors(h) && (h->rflags & RFLAGS_NT);
}

#define V86_RFLAGS 0x277fd7ull /* all that exist but VIF and VIP follow the image */

static enum outcome interrupt_return(struct hart *h, const struct insn *i)
{
    unsigned bytes = insn_operand_bytes(i);
    struct far_return r = {.rip = 0};
    u64 image;
    if (hart_in_long_mode(h) && (h->rflags & RFLAGS_NT))
        return hart_gp(h, 0);
    if (returns_to_task(h))
        return task_return(h, i);
    if (hart_lacks_v86_iopl(h))
        return hart_gp(h, 0);
    if (!read_frame(h, bytes, &r, &image))
        return OUT_FAULT;
    if (!hart_has_descriptors(h))
        return return_to_paragraph(h, &r, bytes, image);
    if (bytes == 4 && to_v86(h, image))
        return far_return_to_v86(h, &r, image & V86_RFLAGS) ? OUT_FLUSH : OUT_FAULT;
    if (!far_check_return(h, &r))
        return OUT_FAULT;
    u64 mask = flags_mask(h, bytes);
    far_finish_return(h, &r);
    hart_set_rflags(h, (hart_rflags(h) & ~mask) | (image & mask));
    return OUT_FLUSH;
}

static bool unblock_nmi(struct hart *h)
{
    if (hart_in_guest(h)) return h->virt->unblock_nmi(h->virt_self, h);
    bool blocked = h->nmi_blocked;
    h->nmi_blocked = false;
    return blocked;
}

/* NMIs are unblocked even if it faults: SDM Vol. 3A, "Handling Multiple NMIs". */
enum outcome exec_iret(struct hart *h, const struct insn *i)
{
    enum outcome o = interrupt_return(h, i);
    if (o == OUT_EXIT || (o == OUT_FAULT && h->fault.kind == FAULT_NOT_DRAINED)) return o;
    bool unblocked = unblock_nmi(h);
    if (o == OUT_FAULT) h->fault.nmi_unblocked = unblocked;
    hart_update_attention(h);
    return o;
}
