/* deliver_ivt.c - an event in real-address mode, through the interrupt vector table of four-byte pointers:
 * SDM Vol. 3B, "Interrupt and Exception Handling" of "Real-Address Mode Operation". */
#include "isa/far.h"
#include "isa/mem.h"
#include "isa/state.h"

#define IVT_ENTRY_BYTES 4u
#define FRAME_BYTES     6u /* FLAGS, CS, IP */

static bool read_pointer(struct hart *h, u8 vector, u64 *pointer)
{
    unsigned at = vector * IVT_ENTRY_BYTES;
    if (at + IVT_ENTRY_BYTES - 1 > h->idtr.limit)
        return hart_gp(h, 0), false;
    return mem_load_system(h, VA(h->idtr.base + at), IVT_ENTRY_BYTES, pointer);
}

/* The whole frame fits, or nothing of it is written. */
static bool push_frame(struct hart *h, u64 return_rip)
{
    const u64 word[] = {hart_rflags(h), h->seg[SEG_CS].selector, return_rip};
    u64 rsp = h->reg[REG_RSP], end = hart_stack_add(h, rsp, -(i64)FRAME_BYTES);
    if (!segment_contains(&h->seg[SEG_SS], end & 0xffff, 2))
        return hart_fault_error(h, VEC_SS, 0), false;
    for (unsigned n = 0; n < ARRAY_LEN(word); n++)
        if (!hart_push(h, 2, word[n])) {
            h->reg[REG_RSP] = rsp;
            return false;
        }
    return true;
}

bool deliver_through_ivt(struct hart *h, u8 vector, u64 return_rip)
{
    u64 pointer;
    if (!read_pointer(h, vector, &pointer) || !push_frame(h, return_rip))
        return false;
    far_go_to_paragraph(h, (u16)(pointer >> 16), pointer & 0xffff);
    h->rflags &= ~(RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_RF);
    return true;
}
