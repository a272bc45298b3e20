/* frame.h - for assembly: struct trap_frame's layout and the register pushes that build it. */
#ifndef KIT_FRAME_H
#define KIT_FRAME_H

#include "kit/trap.h"

#define FRAME_CS (18 * 8)
#define RPL_MASK 3

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

    .macro  PUSH_CALLEE_SAVED
    .irp    reg, rbx, rbp, r12, r13, r14, r15
    pushq   %\reg
    .endr
    .endm

    .macro  POP_CALLEE_SAVED
    .irp    reg, r15, r14, r13, r12, rbp, rbx
    popq    %\reg
    .endr
    .endm

#endif
