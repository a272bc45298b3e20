/* x87.S - the x87 unit: constants, arithmetic, comparison, rounding, integers and packed decimals, transcendental
 * functions by their identities, the stack, exceptions in the status word. */
#include "case.h"

    .section .rodata
    .balign 8
minus_3:   .double -3.0
half:      .double 0.5
two_and_half: .double 2.5
third_q:   .quad 0x3fd5555555555555 /* 1/3 as a double */
integer_5: .long 5
    .bss
    .balign 16
place:
    .skip 64

    /* What FSTP m64 stores. */
    .macro pops value
    fstpl place(%rip)
    mov place(%rip), %rax
    is %rax, \value
    .endm

    /* Condition codes C3, C2, C0 of the status word. */
    .macro codes value
    fnstsw %ax
    and $0x4500, %eax
    is %rax, \value
    .endm

    group x87
    row
    fninit
    fnstcw place(%rip)
    movzwl place(%rip), %eax
    is %rax, 0x37f
    /* Constants: SDM Vol. 1, "Load Constant Instructions". */
    row
    fldpi
    fstpt place(%rip)
    mov place(%rip), %rax
    is %rax, 0xc90fdaa22168c235
    movzwl place+8(%rip), %eax
    is %rax, 0x4000
    row
    fldl2e
    pops 0x3ff71547652b82fe
    row
    fldln2
    pops 0x3fe62e42fefa39ef
    row
    fldlg2
    pops 0x3fd34413509f79ff
    row
    fldl2t
    pops 0x400a934f0979a371
    row
    fld1
    fldz
    fcomp
    codes 0x0100
    fstp %st(0)

    row
    fld1
    faddl half(%rip)
    fmull minus_3(%rip)
    pops 0xc012000000000000 /* -4.5 */
    row
    fld1
    fdivl minus_3(%rip)
    fchs
    pops 0x3fd5555555555555
    row
    fldl minus_3(%rip)
    fld1
    fsubrp %st, %st(1)
    fabs
    fsqrt
    pops 0x4000000000000000 /* sqrt(4) */
    row
    fildl integer_5(%rip)
    fiaddl integer_5(%rip)
    fistpll place(%rip)
    mov place(%rip), %rax
    is %rax, 10

    /* Rounding control: 2.5 to an integer, four ways. */
    .macro rounded control, value
    row
    movw $(\control), place(%rip)
    fldcw place(%rip)
    fldl two_and_half(%rip)
    frndint
    fistpl place(%rip)
    mov place(%rip), %eax
    is %rax, \value
    .endm
    rounded 0x37f, 2
    rounded 0x77f, 2
    rounded 0xb7f, 3
    rounded 0xf7f, 2
    fninit
    row
    fldl two_and_half(%rip)
    fisttpl place(%rip)
    mov place(%rip), %eax
    is %rax, 2

    /* Packed decimal there and back. */
    row
    movabs $0x3456789012345678, %rax
    mov %rax, place(%rip)
    movw $0x8012, place+8(%rip)
    fbld place(%rip)
    fbstp place+16(%rip)
    mov place+16(%rip), %rax
    is %rax, 0x3456789012345678
    movzwl place+24(%rip), %eax
    is %rax, 0x8012

    /* sin^2 + cos^2 = 1; tan(atan(x)) = x; 2^x * 2^-x = 1; y log2 x. */
    row
    fldl half(%rip)
    fsincos
    fmul %st, %st
    fxch
    fmul %st, %st
    faddp
    pops 0x3ff0000000000000
    row
    fldl half(%rip)
    fld1
    fpatan
    fptan
    fstp %st(0)
    pops 0x3fe0000000000000
    row
    fld1
    fldl half(%rip)
    f2xm1
    fadd %st(1), %st
    fmul %st, %st
    pops 0x4000000000000000
    fstp %st(0)
    row
    fld1
    fadd %st
    fld1
    fadd %st
    fmul %st, %st
    fyl2x
    pops 0x4010000000000000 /* 2 * log2(4) = 4 */
    row
    fildl integer_5(%rip)
    fld1
    fscale
    pops 0x4040000000000000
    fxtract
    fstp %st(0)
    fninit
    /* 17 - 3 * 5 = 2, and the quotient's low bits are in C0 C3 C1. */
    row
    fldl two_and_half(%rip)
    fldl minus_3(%rip)
    fprem
    codes 0x0000
    pops 0xbfe0000000000000 /* -0.5 */
    fstp %st(0)

    /* Comparison: greater, less, equal, unordered. */
    row
    fldz
    fld1
    fcomi %st(1), %st
    flags_are 0, CF|ZF|PF
    fxch
    fcomi %st(1), %st
    flags_are CF, CF|ZF|PF
    fcomi %st(0), %st
    flags_are ZF, CF|ZF|PF
    fdiv %st, %st
    fucomi %st(1), %st
    flags_are (CF|ZF|PF), CF|ZF|PF
    fnstsw %ax
    and $0x3f, %eax
    is %rax, 1 /* 0 / 0: invalid operation */
    fxam
    codes 0x0100
    fninit
    row
    fld1
    fldz
    fdivrp %st, %st(1)
    fxam
    codes 0x0500
    fnstsw %ax
    and $0x3f, %eax
    is %rax, 4 /* division by zero */
    fninit
    /* A ninth load overflows the stack: invalid, stack fault, C1. */
    row
    .rept 9
    fld1
    .endr
    fnstsw %ax
    and $0x0241, %eax
    is %rax, 0x0241
    fnclex
    fnstsw %ax
    and $0x0041, %eax
    is %rax, 0
    fninit
    row
    fld1
    ffree %st(0)
    fxam
    codes 0x4100
    fninit
    end_group
