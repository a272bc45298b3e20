/* xsave.S - FXSAVE, XSAVE, XSAVEOPT, XSAVEC and their restores as user mode has them: what is saved comes back,
 * what the mask leaves out stays, what XSTATE_BV leaves out becomes the initial state; the legacy area's layout. */
#include "case.h"

    .bss
    .balign 64
area:
    .skip 1024

    .macro fill value
    set_vector %xmm3, \value, \value
    vinsertf128 $1, %xmm3, %ymm3, %ymm3
    .endm

    .macro upper_is high, low
    vextractf128 $1, %ymm3, %xmm4
    is_vector %xmm4, \high, \low
    .endm

    .macro clear_area
    lea area(%rip), %rdi
    xor %eax, %eax
    mov $128, %ecx
    rep stosq
    .endm

    /* Saves all components, destroys them, and asks for `mask` back. */
    .macro there_and_back save, mask
    row
    clear_area
    fill 0x1122334455667788
    mov $7, %eax
    xor %edx, %edx
    \save area(%rip)
    fill 0x99
    mov $\mask, %eax
    xrstor area(%rip)
    .endm

    group xsave
    row
    xor %ecx, %ecx
    xgetbv
    and $7, %eax
    is %rax, 7
    there_and_back xsave, 7
    is_vector %xmm3, 0x1122334455667788, 0x1122334455667788
    upper_is 0x1122334455667788, 0x1122334455667788
    there_and_back xsave, 2
    is_vector %xmm3, 0x1122334455667788, 0x1122334455667788
    upper_is 0x99, 0x99
    there_and_back xsave, 4
    is_vector %xmm3, 0x99, 0x99
    upper_is 0x1122334455667788, 0x1122334455667788
    /* SDM Vol. 1, "Standard Format of XSAVE Area": upper halves at 576. */
    mov area+576+16*3(%rip), %rax
    is %rax, 0x1122334455667788
    mov area+512(%rip), %rax
    and $6, %eax
    is %rax, 6
    /* A component whose bit is clear is put into its initial state. */
    row
    andq $~2, area+512(%rip)
    fill 0x99
    mov $7, %eax
    xor %edx, %edx
    xrstor area(%rip)
    is_vector %xmm3, 0, 0
    upper_is 0x1122334455667788, 0x1122334455667788
    /* VZEROALL and FNINIT give initial states back. */
    row
    clear_area
    vzeroall
    fninit
    fill 0x42
    vmovdqa %xmm3, %xmm3
    mov $7, %eax
    xor %edx, %edx
    xsave area(%rip)
    mov area+512(%rip), %rax
    and $2, %eax
    is %rax, 2

    /* The legacy area: FCW, FSW, abridged tag word, MXCSR, registers (SDM Vol. 2A, "FXSAVE"). */
    row
    clear_area
    fninit
    fldpi
    fill 0x7777
    fxsave area(%rip)
    movzwl area(%rip), %eax
    is %rax, 0x37f
    movzwl area+2(%rip), %eax
    is %rax, 0x3800
    movzbl area+4(%rip), %eax
    is %rax, 0x80
    mov area+24(%rip), %eax
    and $0xffc0, %eax
    is %rax, 0x1f80
    mov area+32(%rip), %rax
    is %rax, 0xc90fdaa22168c235
    mov area+160+16*3(%rip), %rax
    is %rax, 0x7777
    fninit
    pxor %xmm3, %xmm3
    fxrstor area(%rip)
    is_vector %xmm3, 0x7777, 0x7777
    fldpi
    fcomip %st(1), %st
    flags_are ZF, ZF|PF|CF
    fninit
    vzeroall
    end_group
