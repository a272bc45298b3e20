/* crypto.S - AES by the example of FIPS 197, Appendix C.1; PCLMULQDQ against shifts and exclusive ors; CRC32 by the
 * check value of CRC-32C. */
#include "case.h"

    .section .rodata
    .balign 16
plain: /* FIPS 197, C.1 */
    .byte 0x00,0x11,0x22,0x33,0x44,0x55,0x66,0x77,0x88,0x99,0xaa,0xbb,0xcc,0xdd,0xee,0xff
key:
    .byte 0x00,0x01,0x02,0x03,0x04,0x05,0x06,0x07,0x08,0x09,0x0a,0x0b,0x0c,0x0d,0x0e,0x0f
cipher:
    .byte 0x69,0xc4,0xe0,0xd8,0x6a,0x7b,0x04,0x30,0xd8,0xcd,0xb7,0x80,0x70,0xb4,0xc5,0x5a
last_key: /* round[10].k_sch */
    .byte 0x13,0x11,0x1d,0x7f,0xe3,0x94,0x4a,0x17,0xf3,0x07,0xa7,0x8b,0x4d,0x2b,0x30,0xc5
check:
    .ascii "123456789"
    .bss
    .balign 16
schedule:
    .skip 176

    /* The next round key from the one in xmm1. */
    .macro expand constant
    aeskeygenassist $\constant, %xmm1, %xmm2
    pshufd $0xff, %xmm2, %xmm2
    .rept 3
    movdqa %xmm1, %xmm3
    pslldq $4, %xmm3
    pxor %xmm3, %xmm1
    .endr
    pxor %xmm2, %xmm1
    add $16, %rdi
    movdqa %xmm1, (%rdi)
    .endm

    .macro equal xmm, label
    pcmpeqb \label(%rip), \xmm
    pmovmskb \xmm, %eax
    is %rax, 0xffff
    .endm

    /* x^i terms of a carry-less product, one by one: rdx:rax = a * b. */
    .macro carryless imm, a, b
    row
    movabs $(\a), %r8
    movabs $(\b), %r9
    xor %eax, %eax
    xor %edx, %edx
    mov $64, %ecx
1:  shld $1, %rax, %rdx
    add %rax, %rax
    add %r8, %r8
    jnc 2f
    xor %r9, %rax
2:  dec %ecx
    jnz 1b
    set_vector %xmm0, \a, \a
    set_vector %xmm1, \b, \b
    pclmulqdq $\imm, %xmm1, %xmm0
    movq %xmm0, %rcx
    cmp %rcx, %rax
    jne fail
    pextrq $1, %xmm0, %rcx
    cmp %rcx, %rdx
    jne fail
    .endm

    group crypto
    row
    lea schedule(%rip), %rdi
    movdqa key(%rip), %xmm1
    movdqa %xmm1, (%rdi)
    .irp constant, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36
    expand \constant
    .endr
    equal %xmm1, last_key
    row
    movdqa plain(%rip), %xmm0
    pxor schedule(%rip), %xmm0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9
    aesenc schedule+16*\n(%rip), %xmm0
    .endr
    aesenclast schedule+160(%rip), %xmm0
    movdqa %xmm0, %xmm4
    equal %xmm4, cipher
    row
    pxor schedule+160(%rip), %xmm0
    .irp n, 9, 8, 7, 6, 5, 4, 3, 2, 1
    aesimc schedule+16*\n(%rip), %xmm1
    aesdec %xmm1, %xmm0
    .endr
    aesdeclast schedule(%rip), %xmm0
    equal %xmm0, plain

    carryless 0x00, 3, 3
    carryless 0x11, -1, -1
    carryless 0x01, 0x123456789abcdef0, 0xfedcba9876543211
    carryless 0x10, 0x8000000000000000, 0x8000000000000001

    /* CRC-32C of "123456789" is 0xe3069283, in bytes as in larger pieces. */
    row
    mov $-1, %eax
    lea check(%rip), %rsi
    mov $9, %ecx
1:  crc32b (%rsi), %eax
    inc %rsi
    loop 1b
    not %eax
    is %rax, 0xe3069283
    row
    mov $-1, %eax
    lea check(%rip), %rsi
    crc32q (%rsi), %rax
    crc32b 8(%rsi), %eax
    not %eax
    is %rax, 0xe3069283
    row
    mov $-1, %eax
    crc32w (%rsi), %eax
    crc32w 2(%rsi), %eax
    crc32l 4(%rsi), %eax
    crc32b 8(%rsi), %eax
    not %eax
    is %rax, 0xe3069283
    end_group
