/* far.h - what IRET, far RET and far CALL share: returning to a code segment, reading the TSS.
 *
 * Models:       SDM Vol. 2, pseudo code of IRET, RET (far) and CALL (far), for all modes.
 * Not modelled: task switches, call gates outside IA-32e mode.
 * Neighbours:   exec_far.c, exec_interrupt.c, deliver.c, deliver_ivt.c
 * Checked by:   tests/unit/test_segments.c, tests/system/guest_isa_privilege.c
 */
#ifndef ISA_FAR_H
#define ISA_FAR_H

#include "isa/hart.h"

/* A return on its way: what was popped, then what the descriptors say. */
struct far_return {
    u64 rip, rsp;
    u16 cs, ss;
    bool pops_stack; /* rsp and ss are from the stack; else rsp points behind what was popped */
    struct segment code, stack;
};

/* The n-th slot of `bytes` from the top of the stack. False: h->fault. */
bool far_read_slot(struct hart *h, unsigned n, unsigned bytes, u64 *out);
/* Is CS's RPL a return to an outer privilege? */
static inline bool far_goes_outward(const struct hart *h, u16 cs) { return (cs & 3u) > h->cpl; }
/* All checks of r->cs, r->rip and (if pops_stack) r->ss. False: h->fault, nothing changed. */
bool far_check_return(struct hart *h, struct far_return *r);
/* Goes there: CS, RIP, SS, RSP, CPL; takes data segments away that the outer privilege may not have. */
void far_finish_return(struct hart *h, const struct far_return *r);

/* Real-address and virtual-8086 mode: CS becomes this paragraph, RIP the offset. */
void far_go_to_paragraph(struct hart *h, u16 selector, u64 rip);
/* IRET out of a handler into virtual-8086 mode: nine slots. False: h->fault, nothing changed. */
bool far_return_to_v86(struct hart *h, const struct far_return *r, u64 rflags);

/* Delivers through the interrupt vector table of real-address mode. False: h->fault, nothing changed. */
bool deliver_through_ivt(struct hart *h, u8 vector, u64 return_rip);

/* Reads from the current TSS; beyond its limit #TS(TR selector | ext). False: h->fault. */
bool tss_read(struct hart *h, unsigned offset, unsigned bytes, u32 ext, u64 *out);

#endif
