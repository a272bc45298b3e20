/* smp_start.S - where an application processor begins after a start-up IPI: real mode, CS = vector << 8, IP = 0.
 *
 * Copied to SMP_START_PAGE by smp.c, so it knows itself only by distances from its begin. It takes CR3, EFER and
 * the number of the processor from the words at its end.
 * Source: Intel SDM Vol. 3A, "Multiple-Processor (MP) Initialization", "Switching Modes".
 */
#include "kit/smp.h"

#define HERE(label) (SMP_START_PAGE + (label) - smp_trampoline)

    .section .rodata
    .balign 16
    .globl  smp_trampoline, smp_trampoline_end
    .globl  smp_trampoline_cr3, smp_trampoline_efer, smp_trampoline_stack, smp_trampoline_entry
    .code16
smp_trampoline:
    cli
    movw    %cs, %ax
    movw    %ax, %ds
    lgdtl   trampoline_gdt_pointer - smp_trampoline
    movl    %cr0, %eax
    andl    $0x9fffffff, %eax                   /* CR0.CD, CR0.NW: caches on */
    orl     $1, %eax                            /* CR0.PE */
    movl    %eax, %cr0
    ljmpl   $0x08, $HERE(protected)

    .code32
protected:
    movw    $0x10, %ax
    movw    %ax, %ds
    movw    %ax, %ss
    movl    %cr4, %eax
    orl     $0x20, %eax                         /* CR4.PAE */
    movl    %eax, %cr4
    movl    HERE(smp_trampoline_cr3), %eax
    movl    %eax, %cr3
    movl    $0xc0000080, %ecx                   /* IA32_EFER */
    rdmsr
    orl     HERE(smp_trampoline_efer), %eax
    wrmsr
    movl    %cr0, %eax
    orl     $0x80010000, %eax                   /* CR0.PG, CR0.WP */
    movl    %eax, %cr0
    ljmpl   $0x18, $HERE(long_mode)

    .code64
long_mode:
    xorl    %eax, %eax
    movl    %eax, %fs
    movl    %eax, %gs
    movq    HERE(smp_trampoline_stack), %rsp
    movq    HERE(smp_trampoline_entry), %rax
    xorl    %ebp, %ebp
    call    *%rax                               /* never comes back */

    .balign 8
trampoline_gdt:
    .quad   0
    .quad   0x00cf9b000000ffff                  /* 08 code, 32-bit */
    .quad   0x00cf93000000ffff                  /* 10 data */
    .quad   0x00af9b000000ffff                  /* 18 code, 64-bit */
trampoline_gdt_pointer:
    .word   4 * 8 - 1
    .long   HERE(trampoline_gdt)

    .balign 8
smp_trampoline_cr3:
    .quad   0
smp_trampoline_efer:
    .quad   0
smp_trampoline_stack:
    .quad   0
smp_trampoline_entry:
    .quad   0
smp_trampoline_end:

    .section .note.GNU-stack, "", @progbits
