/* bits.S - BT BTS BTR BTC, BSF BSR, POPCNT LZCNT TZCNT, BMI1, BMI2, ADX, MOVBE. Each instruction against the
 * formula of its description, in older instructions; PDEP and PEXT undo each other. */
#include "case.h"

    .macro load a, b
    row
    movabs $(\a), %rax
    movabs $(\b), %rbx
    .endm

    /* rcx must be rdx. */
    .macro same
    cmp %rdx, %rcx
    jne fail
    .endm

    .macro formulas a, b
    load \a, \b
    andn %rbx, %rax, %rcx
    mov %rax, %rdx
    not %rdx
    and %rbx, %rdx
    same
    load \a, \b
    blsi %rax, %rcx
    setc %r8b
    mov %rax, %rdx
    neg %rdx
    setc %r9b
    and %rax, %rdx
    same
    cmp %r8b, %r9b
    jne fail
    load \a, \b
    blsr %rax, %rcx
    lea -1(%rax), %rdx
    and %rax, %rdx
    same
    load \a, \b
    blsmsk %rax, %rcx
    lea -1(%rax), %rdx
    xor %rax, %rdx
    same
    load \a, \b
    rorx $13, %rax, %rcx
    mov %rax, %rdx
    ror $13, %rdx
    same
    load \a, \b
    mov %ebx, %ecx
    shlx %rbx, %rax, %r8
    shrx %rbx, %rax, %r9
    sarx %rbx, %rax, %r10
    mov %rax, %rdx
    shl %cl, %rdx
    cmp %rdx, %r8
    jne fail
    mov %rax, %rdx
    shr %cl, %rdx
    cmp %rdx, %r9
    jne fail
    sar %cl, %rax
    cmp %rax, %r10
    jne fail
    load \a, \b
    mov %rax, %rdx
    mulx %rbx, %r8, %r9
    mul %rbx
    cmp %rax, %r8
    jne fail
    cmp %rdx, %r9
    jne fail
    /* POPCNT: clear the lowest bit until none is left. */
    load \a, \b
    popcnt %rax, %rcx
    xor %edx, %edx
1:  test %rax, %rax
    jz 2f
    lea -1(%rax), %r8
    and %r8, %rax
    inc %edx
    jmp 1b
2:  same
    /* What PEXT took out, PDEP puts back; and PEXT keeps as many bits as the mask has. */
    load \a, \b
    pext %rbx, %rax, %rcx
    pdep %rbx, %rcx, %rcx
    mov %rax, %rdx
    and %rbx, %rdx
    same
    mov $-1, %rcx
    pext %rbx, %rcx, %rcx
    popcnt %rcx, %rcx
    popcnt %rbx, %rdx
    same
    .endm

    /* Counts of leading and trailing zeros, by what a shift by them leaves. */
    .macro counts a, leading, trailing
    load \a, 0
    lzcnt %rax, %rcx
    is %rcx, \leading
    tzcnt %rax, %rcx
    is %rcx, \trailing
    bsr %rax, %rcx
    is %rcx, 63-(\leading)
    bsf %rax, %rcx
    is %rcx, \trailing
    .endm

    .macro bit_test op, n, want, carry
    row
    movabs $0x8000000000000011, %rax
    mov $(\n), %ecx
    \op %rcx, %rax
    flags_are \carry, CF
    is %rax, \want
    .endm

    group bits
    .irp a, 0, 1, -1, 0x8000000000000000, 0x123456789abcdef0
    .irp b, 5, 0xff00ff00ff00ff00, 0x8000000000000001, 0x0f1e2d3c4b5a6978
    formulas \a, \b
    .endr
    .endr
    counts 1, 63, 0
    counts 0x8000000000000000, 0, 63
    counts 0x0000100000080000, 19, 19
    load 0, 0
    lzcnt %rax, %rcx
    flags_are CF, CF|ZF
    is %rcx, 64
    tzcnt %eax, %ecx
    flags_are CF, CF|ZF
    is %rcx, 32
    mov $7, %ecx
    bsf %rax, %rcx
    flags_are ZF, ZF

    bit_test bt, 4, 0x8000000000000011, 1
    bit_test bt, 5, 0x8000000000000011, 0
    bit_test bts, 68, 0x8000000000000011, 1
    bit_test bts, 1, 0x8000000000000013, 0
    bit_test btr, 63, 0x11, 1
    bit_test btc, 0, 0x8000000000000010, 1
    /* A bit offset of a memory operand reaches beyond the operand, in both directions. */
    row
    movq $0, -16(%rsp)
    movq $0, -8(%rsp)
    mov $67, %ecx
    bts %rcx, -16(%rsp)
    cmpq $8, -8(%rsp)
    jne fail
    mov $-64, %rcx
    bts %rcx, -8(%rsp)
    cmpq $1, -16(%rsp)
    jne fail

    /* BEXTR: start and length; BZHI: from bit n up. */
    load 0x123456789abcdef0, 0x1008
    bextr %rbx, %rax, %rcx
    is %rcx, 0xbcde
    load 0x123456789abcdef0, 0xff3c
    bextr %rbx, %rax, %rcx
    is %rcx, 1
    load 0x123456789abcdef0, 12
    bzhi %rbx, %rax, %rcx
    flags_are 0, CF
    is %rcx, 0xef0
    load 0x123456789abcdef0, 0x80
    bzhi %rbx, %rax, %rcx
    flags_are CF, CF
    is %rcx, 0x123456789abcdef0

    /* ADCX carries by CF only, ADOX by OF only. */
    load -1, 1
    set_flags OF
    adcx %rbx, %rax
    flags_are CF|OF
    is %rax, 0
    load -1, 1
    set_flags CF
    adox %rbx, %rax
    flags_are CF|OF
    is %rax, 0
    load 5, 6
    set_flags CF
    adcx %rbx, %rax
    flags_are 0
    is %rax, 12

    /* MOVBE is MOV with BSWAP. */
    load 0x0102030405060708, 0
    movbe %rax, -8(%rsp)
    mov -8(%rsp), %rcx
    is %rcx, 0x0807060504030201
    movbe -8(%rsp), %rcx
    is %rcx, 0x0102030405060708
    movbe -8(%rsp), %ecx
    is %rcx, 0x01020304
    mov $-1, %rcx
    movbe -8(%rsp), %cx
    is %rcx, 0xffffffffffff0102
    end_group
