/* trap.h - IDT, exceptions and interrupts, TSS; and calls that may fault.
 *
 * Vectors: 0-31 exceptions; 32-47 the PIC's lines; 48 the local APIC timer; 0x80 INT from user mode; 255
 * spurious. All gates are interrupt gates (IF clear on entry). #DF runs on its own stack (IST 1). A trap from
 * user mode swaps GS. An exception without handler ends the run with a message, unless trap_try() is waiting
 * for it.
 * Source: Intel SDM Vol. 3A, "Interrupt and Exception Handling", "64-Bit Mode Stack Frame", "Task Management
 * in 64-bit Mode".
 */
#ifndef KIT_TRAP_H
#define KIT_TRAP_H

#ifndef __ASSEMBLER__
#include "kit/types.h"
#endif

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_BASE   0x1b /* STAR[63:48] */
#define SELECTOR_USER_DATA   0x23
#define SELECTOR_USER_CODE   0x2b
#define SELECTOR_TSS         0x30

#define VECTOR_UD           6
#define VECTOR_DF           8
#define VECTOR_GP           13
#define VECTOR_PF           14
#define VECTOR_IRQ0         32
#define VECTOR_PIC_SPURIOUS (VECTOR_IRQ0 + 7)
#define VECTOR_APIC_TIMER   48
#define VECTOR_INT_USER     0x80
#define VECTOR_SPURIOUS     255

#ifndef __ASSEMBLER__

/* What the entry stubs push, lowest address first; the last five are the processor's. */
struct trap_frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    u64 vector, error_code;
    u64 rip, cs, rflags, rsp, ss;
};

typedef void (*trap_handler_fn)(struct trap_frame *frame);

struct tss {
    u8 bytes[104];
};

/* The kit's own tables, for monitors that must name them in a VMCS. */
#define TRAP_GDT_ENTRIES 8
extern u64 gdt[TRAP_GDT_ENTRIES];
extern struct tss tss;

void trap_init(void);

/* On an application processor: fills and loads a GDT and a TSS of its own, and loads the common IDT. */
void trap_init_processor(u64 own_gdt[TRAP_GDT_ENTRIES], struct tss *own_tss, u8 *double_fault_stack_top);

/* The handler may change the frame; it returns to where the frame then says. NULL takes the handler away. */
void trap_set_handler(unsigned vector, trap_handler_fn handler);

enum { TRAP_NONE = -1 };

/* What ended a trap_try(): vector TRAP_NONE if the call came back. address is CR2, valid for #PF. */
struct trap_outcome {
    int vector;
    u64 error_code, address;
};

/* Calls try(argument); an exception in it abandons the call and tells what it was. Not nestable. */
struct trap_outcome trap_try(void (*try)(u64 argument), u64 argument);

#endif
#endif
