/* user.S - SYSCALL entry and SYSRET; user_run and user_leave. */
#include "kit/frame.h"

#define CPU_LOCAL_KERNEL_RSP 0                  /* struct cpu_local */
#define CPU_LOCAL_USER_RSP   8
#define TSS_RSP0             4

/* SYSCALL leaves RIP in RCX and RFLAGS in R11 and does not change the stack. Builds the frame that a trap
 * would. */
    .text
    .globl  syscall_entry
syscall_entry:
    swapgs
    movq    %rsp, %gs:CPU_LOCAL_USER_RSP
    movq    %gs:CPU_LOCAL_KERNEL_RSP, %rsp
    pushq   $SELECTOR_USER_DATA
    pushq   %gs:CPU_LOCAL_USER_RSP
    pushq   %r11
    pushq   $SELECTOR_USER_CODE
    pushq   %rcx
    pushq   $0                                  /* error code */
    pushq   $VECTOR_INT_USER
    PUSH_REGISTERS
    cld
    movq    %rsp, %rdi
    movq    %rsp, %rbp
    andq    $-16, %rsp
    call    trap_dispatch
    movq    %rbp, %rsp
    POP_REGISTERS
    addq    $16, %rsp                           /* vector, error code */
    popq    %rcx                                /* RIP */
    addq    $8, %rsp                            /* CS */
    popq    %r11                                /* RFLAGS */
    popq    %rsp
    swapgs
    sysretq

/* u64 user_run(struct trap_frame *frame): leaves the caller's state on the stack that traps from user mode
 * will use. */
    .globl  user_run
user_run:
    pushfq
    PUSH_CALLEE_SAVED
    pushq   cpu_local + CPU_LOCAL_KERNEL_RSP(%rip)
    cli
    movq    %rsp, cpu_local + CPU_LOCAL_KERNEL_RSP(%rip)
    movq    %rsp, tss + TSS_RSP0(%rip)
    movq    %rdi, %rsp                          /* the frame itself is the stack to pop from */
    swapgs
    POP_REGISTERS
    addq    $16, %rsp
    iretq

/* void user_leave(u64 result): makes the innermost user_run return. */
    .globl  user_leave
user_leave:
    cli
    movq    %rdi, %rax
    movq    cpu_local + CPU_LOCAL_KERNEL_RSP(%rip), %rsp
    popq    %rdx
    movq    %rdx, cpu_local + CPU_LOCAL_KERNEL_RSP(%rip)
    movq    %rdx, tss + TSS_RSP0(%rip)
    POP_CALLEE_SAVED
    popfq
    ret

    .section .note.GNU-stack, "", @progbits
