/* traps.S - the assembly half of trap.c: 256 entry stubs, the common entry and exit, and trap_try's way back. */
#include "kit/trap.h"

#define FRAME_CS (18 * 8)                       /* struct trap_frame: offset of cs */
#define RPL_MASK 3

/* Exceptions that push an error code themselves: Intel SDM Vol. 3A, "Exception and Interrupt Reference". */
#define HAS_ERROR_CODE(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)

    .macro  PUSH_REGISTERS
    .irp    reg, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
    pushq   %\reg
    .endr
    .endm

    .macro  POP_REGISTERS
    .irp    reg, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
    popq    %\reg
    .endr
    .endm

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

/* void trap_try_call(void (*try)(u64), u64 argument, u64 *resume_rsp): the stack pointer stored there leads home. */
    .globl  trap_try_call
    .globl  trap_try_resume
trap_try_call:
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    subq    $8, %rsp
    movq    %rsp, (%rdx)
    movq    %rdi, %rax
    movq    %rsi, %rdi
    call    *%rax
trap_try_resume:
    addq    $8, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    ret

    .section .note.GNU-stack, "", @progbits
