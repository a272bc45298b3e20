/* string.S - MOVS STOS LODS SCAS CMPS, single, with REP, REPE and REPNE, upwards and downwards, overlapping. */
#include "case.h"

    .section .rodata
digits:
    .ascii "0123456789abcdef0123456789ABCDEF"
    .bss
    .balign 8
room:
    .skip 64

    .macro at from, to, count
    row
    lea \from, %rsi
    lea \to, %rdi
    mov $(\count), %ecx
    .endm

    .macro ends_at rsi, rdi, count
    lea \rsi, %rax
    cmp %rax, %rsi
    jne fail
    lea \rdi, %rax
    cmp %rax, %rdi
    jne fail
    cmp $(\count), %rcx
    jne fail
    .endm

    group string
    at digits(%rip), room(%rip), 4
    rep movsq
    ends_at digits+32(%rip), room+32(%rip), 0
    /* Compared as equal by CMPS, and differing where they do. */
    at digits(%rip), room(%rip), 32
    repe cmpsb
    jne fail
    ends_at digits+32(%rip), room+32(%rip), 0
    at digits(%rip), digits+16(%rip), 16
    repe cmpsb
    je fail
    ends_at digits+11(%rip), digits+27(%rip), 5
    flags_are 0, CF
    at digits(%rip), room(%rip), 0
    set_flags ZF|CF
    repe cmpsb
    flags_are ZF|CF
    ends_at digits(%rip), room(%rip), 0

    /* An overlapping copy by bytes upwards repeats the first byte. */
    at room(%rip), room+1(%rip), 15
    rep movsb
    mov room+8(%rip), %rax
    is %rax, 0x3030303030303030
    /* Downwards it moves as a whole. */
    at digits+15(%rip), room+15(%rip), 16
    std
    rep movsb
    cld
    ends_at digits-1(%rip), room-1(%rip), 0
    at room+14(%rip), room+15(%rip), 15
    std
    rep movsb
    cld
    mov room+8(%rip), %rax
    is %rax, 0x6564636261393837
    mov room(%rip), %rax
    is %rax, 0x3635343332313030

    /* SCAS looks for a byte, and for what is not one. */
    at digits(%rip), digits(%rip), 32
    mov $'a', %eax
    repne scasb
    jne fail
    ends_at digits(%rip), digits+11(%rip), 21
    at digits(%rip), digits(%rip), 8
    mov $'z', %eax
    repne scasb
    je fail
    ends_at digits(%rip), digits+8(%rip), 0
    at digits(%rip), digits(%rip), 5
    mov $'0', %eax
    repe scasb
    ends_at digits(%rip), digits+2(%rip), 3

    at digits(%rip), room(%rip), 3
    mov $0x11223344, %eax
    rep stosl
    ends_at digits(%rip), room+12(%rip), 0
    mov room+4(%rip), %rax
    is %rax, 0x1122334411223344
    at digits(%rip), room(%rip), 3
    mov $0xaabb, %eax
    rep stosw
    mov room(%rip), %rax
    is %rax, 0x1122aabbaabbaabb
    at digits+8(%rip), room(%rip), 1
    lodsq
    is %rax, 0x6665646362613938
    ends_at digits+16(%rip), room(%rip), 1
    at digits+8(%rip), room(%rip), 1
    mov $-1, %rax
    lodsw
    is %rax, 0xffffffffffff3938
    at digits+8(%rip), room(%rip), 1
    lodsl
    is %rax, 0x62613938
    end_group
