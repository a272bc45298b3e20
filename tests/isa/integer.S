/* integer.S - ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NEG NOT, in every size, with all defined flags; sign and
 * zero extension, conditions, exchanges, byte order. Results and flags are the assembler's arithmetic. */
#include "case.h"

    .set ones_8, 0xff
    .set ones_16, 0xffff
    .set ones_32, 0xffffffff
    .set ones_64, -1

    /* Bit n of v; parity of the low byte. */
    #define BIT_OF(v, n) (((v)>>(n))&1)
    #define FOLD(v) ((v)^((v)>>4))
    #define PARITY(v) ((~(FOLD(v) ^ (FOLD(v) >> 2) ^ ((FOLD(v) ^ (FOLD(v) >> 2)) >> 1))) & 1)
    #define RESULT_FLAGS(v, n) ((PARITY(v) * PF) | ((-((v) == 0) & 1) * ZF) | (BIT_OF(v, (n) - 1) * SF))

    /* One operation on a and b, of `bits`, with CF as `carry` before; want and carries by the caller. */
    .macro binary op, bits, suffix, ra, rb, a, b, carry, want, flags, mask
    row
    movabs $(\a), %rax
    movabs $(\b), %rbx
    set_flags \carry
    \op\suffix %\rb, %\ra
    flags_are (\flags), (\mask)
    is %rax, \want
    .endm

    /* Additions (sign = 1) and subtractions (-1) of any size; what stands above the operand stays, or is cleared. */
    .macro arithmetic op, sign, uses_carry, writes, bits, suffix, ra, rb, a, b, carry
    .set x, (\a) & ones_\bits
    .set y, (\b) & ones_\bits
    .set r, (x + (\sign) * (y + (\uses_carry) * (\carry))) & ones_\bits
    .if (\sign) > 0
    .set c, (x & y) | ((x | y) & ~r)
    .else
    .set c, (~x & y) | ((~x | y) & r)
    .endif
    .set f, RESULT_FLAGS(r, \bits) | (BIT_OF(c, \bits - 1) * CF) | (BIT_OF(c, 3) * AF)
    .set f, f | ((BIT_OF(c, \bits - 1) ^ BIT_OF(c, \bits - 2)) * OF)
    .if \writes == 0
    .set w, \a
    .elseif \bits < 32
    .set w, ((\a) & ~ones_\bits) | r
    .else
    .set w, r
    .endif
    binary \op, \bits, \suffix, \ra, \rb, \a, \b, \carry, w, f, ALL_FLAGS
    .endm

    /* AF is undefined. */
    .macro logic op, writes, bits, suffix, ra, rb, a, b, result
    .set r, (\result) & ones_\bits
    .if \writes == 0
    .set w, \a
    .elseif \bits < 32
    .set w, ((\a) & ~ones_\bits) | r
    .else
    .set w, r
    .endif
    .set f, RESULT_FLAGS(r, \bits)
    binary \op, \bits, \suffix, \ra, \rb, \a, \b, CF, w, f, (ALL_FLAGS&~AF)
    .endm

    .macro one_size bits, suffix, ra, rb, a, b
    arithmetic add, 1, 0, 1, \bits, \suffix, \ra, \rb, \a, \b, 1
    arithmetic sub, -1, 0, 1, \bits, \suffix, \ra, \rb, \a, \b, 1
    arithmetic cmp, -1, 0, 0, \bits, \suffix, \ra, \rb, \a, \b, 0
    .irp carry, 0, 1
    arithmetic adc, 1, 1, 1, \bits, \suffix, \ra, \rb, \a, \b, \carry
    arithmetic sbb, -1, 1, 1, \bits, \suffix, \ra, \rb, \a, \b, \carry
    .endr
    logic and, 1, \bits, \suffix, \ra, \rb, \a, \b, (\a)&(\b)
    logic or, 1, \bits, \suffix, \ra, \rb, \a, \b, (\a)|(\b)
    logic xor, 1, \bits, \suffix, \ra, \rb, \a, \b, (\a)^(\b)
    logic test, 0, \bits, \suffix, \ra, \rb, \a, \b, (\a)&(\b)
    .endm

    .macro pair a, b
    one_size 8, b, al, bl, \a, \b
    one_size 16, w, ax, bx, \a, \b
    one_size 32, l, eax, ebx, \a, \b
    one_size 64, q, rax, rbx, \a, \b
    .endm

    /* INC, DEC keep CF. */
    .macro step op, sign, bits, suffix, ra, a, carry
    row
    .set x, (\a) & ones_\bits
    .set r, (x + (\sign)) & ones_\bits
    .set f, RESULT_FLAGS(r, \bits) | (\carry)
    .if (\sign) > 0
    .set f, f | ((-((r & 15) == 0) & 1) * AF) | ((-(r == (1 << (\bits - 1))) & 1) * OF)
    .else
    .set f, f | ((-((r & 15) == 15) & 1) * AF) | ((-(x == (1 << (\bits - 1))) & 1) * OF)
    .endif
    movabs $(\a), %rax
    set_flags \carry
    \op\suffix %\ra
    flags_are f
    .if \bits < 32
    is %rax, ((\a)&~ones_\bits)|r
    .else
    is %rax, r
    .endif
    .endm

    .macro steps a
    .irp carry, 0, 1
    step inc, 1, 8, b, al, \a, \carry
    step inc, 1, 16, w, ax, \a, \carry
    step inc, 1, 32, l, eax, \a, \carry
    step inc, 1, 64, q, rax, \a, \carry
    step dec, -1, 8, b, al, \a, \carry
    step dec, -1, 16, w, ax, \a, \carry
    step dec, -1, 32, l, eax, \a, \carry
    step dec, -1, 64, q, rax, \a, \carry
    .endr
    .endm

    /* Whatever leaves the flags alone: `text` changes rax and rbx only. CF, AF and OF are set. */
    .macro plain text:vararg
    row
    movabs $0x8182838485868788, %rax
    movabs $0x1122334455667788, %rbx
    set_flags 0x811
    \text
    flags_are 0x811
    .endm

    group integer
    .irp a, 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0x8182838485868788
    .irp b, 1, 0x0f, 0x80, 0xffff, 0x80000000, 0x7fffffffffffffff, -1
    pair \a, \b
    .endr
    steps \a
    .endr

    plain movzbl %al, %eax
    is %rax, 0x88
    plain movzwl %ax, %eax
    is %rax, 0x8788
    plain movsbl %al, %eax
    is %rax, 0xffffff88
    plain movsbq %al, %rax
    is %rax, -0x78
    plain movswq %ax, %rax
    is %rax, -0x7878
    plain movslq %eax, %rax
    is %rax, -0x7a797878
    plain movb %ah, %bl
    is %rbx, 0x1122334455667787
    plain xchg %al, %bh
    is %rax, 0x8182838485868777
    is %rbx, 0x1122334455668888
    plain xchg %eax, %ebx
    is %rax, 0x55667788
    is %rbx, 0x85868788
    plain bswap %rax
    is %rax, 0x8887868584838281
    plain bswap %eax
    is %rax, 0x88878685
    plain not %rax
    is %rax, 0x7e7d7c7b7a797877
    plain cbtw
    is %rax, 0x818283848586ff88
    plain cwtl
    is %rax, 0xffff8788
    plain cltq
    is %rax, -0x7a797878
    plain cqto
    is %rdx, -1
    plain cltd
    is %rdx, 0xffffffff
    plain lea 0x10(%rbx, %rbx, 8), %rax
    is %rax, 0x1122334455667788*9+0x10
    plain lea 0x10(%rbx, %rbx, 8), %ax
    is %rax, 0x8182838485860000|((0x7788*9+0x10)&0xffff)
    plain leal -1(%ebx), %eax
    is %rax, 0x55667787
    plain cmovc %rbx, %rax
    is %rax, 0x1122334455667788
    plain cmovncl %ebx, %eax
    is %rax, 0x85868788
    plain setc %al
    is %rax, 0x8182838485868701
    plain setz %ah
    is %rax, 0x8182838485860088

    /* NEG is 0 minus, in its flags too. */
    .irp a, 0, 1, 0x80, 0x8000000000000000, 0x123456789abcdef0
    row
    movabs $(\a), %rax
    xor %edx, %edx
    sub %rax, %rdx
    pushfq
    pop %rcx
    neg %rax
    pushfq
    pop %rbx
    cmp %rcx, %rbx
    jne fail
    cmp %rdx, %rax
    jne fail
    .endr
    end_group
