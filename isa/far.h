/* far.h - what far transfers and deliveries share: returning to a code segment, reading the TSS, stacks of inner rings.
 *
 * Models:       SDM Vol. 2, pseudo code of IRET, RET (far) and CALL (far), for all modes.
 * Neighbours:   exec_far.c, far_gate.c, task.c, exec_interrupt.c, deliver.c, deliver_ivt.c
 * Checked by:   tests/unit/test_segments.c, test_call_gates.c, test_tasks.c; tests/system/guest_isa_privilege.c
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

/* Where a far JMP or CALL goes: the pointer, then the code segment that it or its gate names. */
struct far_target {
    u16 selector; /* of the pointer or, through a gate, of the code segment */
    u64 rip;
    struct segment code;
};

/* Goes to a checked code segment at privilege `cpl`. */
enum outcome far_go(struct hart *h, const struct far_target *t, unsigned cpl);
/* Pushes CS and the return address for a call that stays at its privilege, and goes. */
enum outcome far_call_here(struct hart *h, const struct far_target *t, unsigned slot_bytes);
/* Is RIP inside the target's code segment? Marks the segment accessed. False: h->fault. */
bool far_check_rip(struct hart *h, const struct far_target *t);

/* JMP or CALL through the call gate t->selector, whose descriptor's low half is `low` (isa/far_gate.c). */
enum outcome far_through_call_gate(struct hart *h, struct far_target *t, u64 low, bool call);

/* Real-address and virtual-8086 mode: CS becomes this paragraph, RIP the offset. */
void far_go_to_paragraph(struct hart *h, u16 selector, u64 rip);
/* IRET out of a handler into virtual-8086 mode: nine slots. False: h->fault, nothing changed. */
bool far_return_to_v86(struct hart *h, const struct far_return *r, u64 rflags);

/* Delivers through the interrupt vector table of real-address mode. False: h->fault, nothing changed. */
bool deliver_through_ivt(struct hart *h, u8 vector, u64 return_rip);

/* Reads from the current TSS; beyond its limit #TS(TR selector | ext). False: h->fault. */
bool tss_read(struct hart *h, unsigned offset, unsigned bytes, u32 ext, u64 *out);

/* A stack that pushes go to before it is the current one. */
struct far_stack {
    struct segment ss;
    u64 rsp;
    unsigned cpl; /* whose stack it is */
};

/* The current stack. */
struct far_stack far_current_stack(const struct hart *h);
/* The stack that the TSS holds for ring `cpl`: checked as SDM Vol. 2A, "CALL", MORE-PRIVILEGE has it. In IA-32e mode SS
 * is null and only RSP comes from there. False: h->fault, #TS or #SS with `ext`. */
bool far_find_inner_stack(struct hart *h, unsigned cpl, u32 ext, struct far_stack *out);
/* Pushes `words`, the first one first, of slot_bytes each, all or none, and moves s->rsp. Without room #SS(error).
 * False: h->fault. */
bool far_push_frame(struct hart *h, struct far_stack *s, unsigned slot_bytes, const u64 *word, unsigned words,
                    u32 error);
/* RSP as it will be with `s` the current stack: a 16-bit stack keeps the upper half. */
u64 far_stack_pointer(const struct hart *h, const struct far_stack *s);

#endif
