/* traps.S - the assembly half of trap.c: 256 entry stubs, the common entry and exit, and trap_try's way
 * back. */
#include "kit/frame.h"

/* Exceptions that push an error code themselves: Intel SDM Vol. 3A, "Exception and Interrupt Reference". */
#define HAS_ERROR_CODE(v) \
    ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)

    .text
    .balign 16
    .globl  trap_stubs
trap_stubs:
    .set    vector, 0
    .rept   256
    .balign 16
    .if     !HAS_ERROR_CODE(vector)
    pushq   $0
    .endif
    pushq   $vector
    jmp     trap_entry
    .set    vector, vector + 1
    .endr

trap_entry:
    PUSH_REGISTERS
    testb   $RPL_MASK, FRAME_CS(%rsp)
    jz      1f
    swapgs
1:  cld
    movq    %rsp, %rdi
    movq    %rsp, %rbp                          /* keep the frame's address, align the stack for C */
    andq    $-16, %rsp
    call    trap_dispatch
    movq    %rbp, %rsp
    testb   $RPL_MASK, FRAME_CS(%rsp)
    jz      2f
    swapgs
2:  POP_REGISTERS
    addq    $16, %rsp                           /* vector, error code */
    iretq

/* void trap_try_call(void (*try)(u64), u64 argument, u64 *resume_rsp): the stack pointer stored there
 * leads home. */
    .globl  trap_try_call
    .globl  trap_try_resume
trap_try_call:
    PUSH_CALLEE_SAVED
    subq    $8, %rsp
    movq    %rsp, (%rdx)
    movq    %rdi, %rax
    movq    %rsi, %rdi
    call    *%rax
trap_try_resume:
    addq    $8, %rsp
    POP_CALLEE_SAVED
    ret

    .section .note.GNU-stack, "", @progbits
