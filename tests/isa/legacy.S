/* legacy.S - what 64-bit mode lacks, in a 32-bit code segment: DAA DAS AAA AAS AAM AAD, PUSHA POPA, BOUND, one-byte
 * INC and DEC, LES. Decimal results are the digits of sums that the assembler makes. Skipped where there is no such
 * segment. */
#include "case.h"

    .bss
    .balign 16
    .skip 4096
stack32:
saved_stack:
    .skip 8
result32:
    .skip 4
bounds32:
    .skip 8
pointer32:
    .skip 8

    .macro row32
    .set row, row + 1
    movl $row, result32
    .endm

    .macro is32 reg, value
    cmpl $(\value), %\reg
    jne fail32
    .endm

    /* Two packed decimal numbers of two digits: al = tens * 16 + ones. */
    #define PACKED(n) ((((n)/10%10)<<4)|((n)%10))
    .macro packed a, b
    row32
    mov $PACKED(\a), %al
    add $PACKED(\b), %al
    daa
    setc %ah
    movzwl %ax, %eax
    is32 eax, (PACKED(\a+\b)|(((\a+\b)/100)<<8))
    row32
    mov $PACKED(\a), %al
    sub $PACKED(\b), %al
    das
    setc %ah
    movzwl %ax, %eax
    is32 eax, (PACKED((\a+100-\b)%100)|((((\b)-(\a)+100-1)/100)<<8))
    .endm

    /* One digit each, unpacked; AH takes the carry. */
    .macro unpacked a, b
    row32
    mov $\a, %eax
    add $\b, %al
    aaa
    is32 eax, (((\a+\b)/10)<<8)|((\a+\b)%10)
    row32
    mov $0x500+\a, %eax
    sub $\b, %al
    aas
    is32 eax, (((50+\a-\b)/10)<<8)|((50+\a-\b)%10)
    .endm

    group legacy
    movzwl isa_code32(%rip), %eax
    test %eax, %eax
    jz none
    mov %ds, %ebx
    push %rbx
    mov %ss, %ebx
    push %rbx
    mov %rsp, saved_stack
    mov %cs, %ebx
    mov %ebx, code64_selector
    movzwl isa_data32(%rip), %ecx
    mov $stack32, %edx
    push %rax
    push $in_32
    lretq

    .code32
in_32:
    mov %ecx, %ds
    mov %ecx, %es
    mov %ecx, %ss
    mov %edx, %esp
    .irp a, 0, 9, 15, 42, 58, 99
    .irp b, 1, 5, 27, 60, 99
    packed \a, \b
    .endr
    .endr
    .irp a, 0, 4, 9
    .irp b, 0, 3, 6, 9
    unpacked \a, \b
    .endr
    .endr
    .irp n, 0, 9, 10, 73, 99
    row32
    mov $\n, %eax
    aam
    is32 eax, (((\n)/10)<<8)|((\n)%10)
    aad
    is32 eax, \n
    .endr
    row32
    mov $0x7f, %eax
    aam $16
    is32 eax, 0x070f

    row32
    mov $1, %eax
    mov $2, %ecx
    mov $3, %edx
    mov $4, %ebx
    mov $5, %ebp
    mov $6, %esi
    mov $7, %edi
    mov %esp, stack32-64
    pusha
    is32 eax, 1
    mov 12(%esp), %eax
    cmp stack32-64, %eax
    jne fail32
    movl $9, 28(%esp)
    popa
    is32 eax, 9
    is32 ebx, 4
    is32 edi, 7
    cmp stack32-64, %esp
    jne fail32

    row32
    movl $-3, bounds32
    movl $5, bounds32+4
    mov $-3, %eax
    bound %eax, bounds32
    mov $5, %eax
    bound %eax, bounds32
    row32
    mov $0xffffffff, %eax
    stc
    .byte 0x40 /* INC EAX */
    jnc fail32
    is32 eax, 0
    .byte 0x48 /* DEC EAX */
    is32 eax, 0xffffffff
    row32
    movl $0x11223344, pointer32
    mov %ds, pointer32+4
    les pointer32, %esi
    is32 esi, 0x11223344
    /* Addresses wrap at 4 GiB. */
    row32
    mov $0xfffffff0, %eax
    movl $0x5a5a, bounds32
    cmpl $0x5a5a, bounds32+0x10(%eax)
    jne fail32
    movl $0, result32
fail32:
    pushl code64_selector
    pushl $out_32
    lret

    .code64
out_32:
    mov saved_stack, %rsp
    pop %rbx
    mov %ebx, %ss
    pop %rbx
    mov %ebx, %ds
    mov %ebx, %es
    mov result32, %r15d
    test %r15d, %r15d
    jnz fail
none:
    end_group

    .data
code64_selector:
    .long 0
