/* task.h - the hardware task switch: SDM Vol. 3A, "Task Management".
 *
 * Models:       switches by far JMP and CALL to a TSS or a task gate, by IRET with NT, and by events through a task gate;
 *               16- and 32-bit TSSs, busy bits, back link, LDTR, CR3, CR0.TS, DR7's local bits, the T flag's trap; which
 *               faults belong to the old task and which to the new one ("Task Switching", table "Exception Conditions
 *               Checked During a Task Switch"); the VM exit that every switch in VMX non-root operation is.
 * Not modelled: shadow stacks. The upper halves of the registers that a 16-bit TSS lacks, which the manual leaves
 *               undefined, become 1s.
 * Neighbours:   exec_far.c, exec_interrupt.c (IRET), deliver.c; virt_ops is asked with INTERCEPT_task_switch
 * Checked by:   tests/unit/test_tasks.c, tests/system/legacy_guest.c
 */
#ifndef ISA_TASK_H
#define ISA_TASK_H

#include "isa/hart.h"

/* What starts the switch, numbered as in SDM Vol. 3C, "Exit Qualification for Task Switches". */
enum task_source { TASK_CALL, TASK_IRET, TASK_JMP, TASK_GATE };

#define TSS_BYTES 104

/* One switch on its way. */
struct task_switch {
    enum task_source source;
    u16 selector;    /* of the new TSS */
    u32 ext;         /* EXT of error codes */
    u64 rip, rflags; /* what the old task saves */
    bool has_error;  /* TASK_GATE: `error` is pushed on the new task's stack */
    u32 error;
    /* task_begin's */
    struct segment tss;
    u8 image[TSS_BYTES]; /* the new task's state */
};

/* Up to the point of no return: finds and checks the new TSS, asks for interception (`i`: NULL for an event), saves the old
 * task. OUT_NEXT: task_finish must follow. OUT_FAULT: h->fault, nothing changed. OUT_EXIT: a VM exit. */
enum outcome task_begin(struct hart *h, const struct insn *i, struct task_switch *t);
/* Loads the new task. A fault that it begins with has been delivered, in its context, when this returns. OUT_FLUSH. */
enum outcome task_finish(struct hart *h, const struct task_switch *t);

/* Far JMP or CALL to `selector`, whose descriptor `low` is neither code nor data nor a call gate: a TSS, a task gate, or
 * #GP(selector). */
enum outcome task_far_transfer(struct hart *h, const struct insn *i, u16 selector, u64 low, enum task_source source);
/* IRET with RFLAGS.NT: back to the task that the current TSS links to. */
enum outcome task_return(struct hart *h, const struct insn *i);

#endif
