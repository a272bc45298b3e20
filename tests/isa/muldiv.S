/* muldiv.S - MUL IMUL DIV IDIV in every size: products against sums of shifted operands, quotients against the
 * products that give the dividend back. CF and OF of a product say whether its upper half is more than an
 * extension. */
#include "case.h"

    .set ones_8, 0xff
    .set ones_16, 0xffff
    .set ones_32, 0xffffffff

    .macro product op, suffix, rb, a, b, want, mask, carry
    row
    movabs $(\a), %rax
    movabs $(\b), %rbx
    xor %edx, %edx
    \op\suffix %\rb
    flags_are (\carry)*(CF|OF), CF|OF
    and $(\mask), %eax
    is %rax, (\want)&(\mask)
    .endm

    /* Up to 32 bits the assembler has the whole product. */
    .macro products a, b
    .set p, ((\a) & 0xff) * ((\b) & 0xff)
    .set c, -((p >> 8) != 0) & 1
    product mul, b, bl, \a, \b, p, 0xffff, c
    .set p, ((\a) & 0xffff) * ((\b) & 0xffff)
    .set c, -((p >> 16) != 0) & 1
    product mul, w, bx, \a, \b, p, 0xffff, c
    is %rdx, p>>16
    .set p, ((\a) & 0xffffffff) * ((\b) & 0xffffffff)
    .set c, -((p >> 32) != 0) & 1
    product mul, l, ebx, \a, \b, p, 0xffffffff, c
    is %rdx, (p>>32)&0xffffffff
    .set x, (((\a) & 0xff) ^ 0x80) - 0x80
    .set y, (((\b) & 0xff) ^ 0x80) - 0x80
    .set c, -(x * y != ((((x * y) & 0xff) ^ 0x80) - 0x80)) & 1
    product imul, b, bl, \a, \b, x*y, 0xffff, c
    .set x, (((\a) & 0xffffffff) ^ 0x80000000) - 0x80000000
    .set y, (((\b) & 0xffffffff) ^ 0x80000000) - 0x80000000
    .set c, -(x * y != ((((x * y) & 0xffffffff) ^ 0x80000000) - 0x80000000)) & 1
    product imul, l, ebx, \a, \b, x*y, 0xffffffff, c
    is %rdx, ((x*y)>>32)&0xffffffff
    /* The forms with two and three operands give the same low half. */
    row
    movabs $(\a), %rax
    movabs $(\b), %rbx
    imul %rbx, %rax
    is %rax, (\a)*(\b)
    row
    movabs $(\a), %rax
    imul $-77, %eax, %ebx
    is %rbx, ((\a)*-77)&0xffffffff
    .endm

    /* rdx:rax = a * b by shifts and sums of rcx:rbp must be what MUL says. */
    .macro wide a, b
    row
    movabs $(\a), %r8
    movabs $(\b), %r9
    xor %r10d, %r10d
    xor %r11d, %r11d
    mov $64, %ecx
1:  add %r10, %r10
    adc %r11, %r11
    add %r8, %r8
    jnc 2f
    add %r9, %r10
    adc $0, %r11
2:  dec %ecx
    jnz 1b
    movabs $(\a), %rax
    mul %r9
    setc %cl
    seto %ch
    cmp %r10, %rax
    jne fail
    cmp %r11, %rdx
    jne fail
    test %r11, %r11
    setnz %bl
    mov %bl, %bh
    cmp %bx, %cx
    jne fail
    /* Signed: the upper half less b where a is negative, and less a where b is. */
    row
    movabs $(\a), %rax
    mov %rax, %rbx
    sar $63, %rbx
    and %r9, %rbx
    sub %rbx, %r11
    mov %r9, %rbx
    sar $63, %rbx
    and %rax, %rbx
    sub %rbx, %r11
    imul %r9
    cmp %r10, %rax
    jne fail
    cmp %r11, %rdx
    jne fail
    .endm

    /* dividend = quotient * divisor + remainder, 0 <= remainder < divisor. */
    .macro quotient high, low, divisor
    row
    movabs $(\high), %rdx
    movabs $(\low), %rax
    movabs $(\divisor), %rbx
    div %rbx
    cmp %rbx, %rdx
    jae fail
    mov %rdx, %r8
    mul %rbx
    add %r8, %rax
    adc $0, %rdx
    is %rax, \low
    is %rdx, \high
    .endm

    /* The sign of the remainder is the dividend's. */
    .macro signed_quotient low, divisor, q, r
    row
    movabs $(\low), %rax
    cqto
    movabs $(\divisor), %rbx
    idiv %rbx
    is %rax, \q
    is %rdx, \r
    row
    mov $((\low)&0xffffffff), %eax
    cltd
    mov $((\divisor)&0xffffffff), %ebx
    idiv %ebx
    is %rax, (\q)&0xffffffff
    is %rdx, (\r)&0xffffffff
    .endm

    group muldiv
    .irp a, 0, 1, 0x7f, 0x80, 0xff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x123456789abcdef0
    .irp b, 1, 0x02, 0x80, 0xff, 0x7fff, 0xffff, 0x80000001
    products \a, \b
    .endr
    .endr
    .irp a, 1, -1, 0x8000000000000000, 0x123456789abcdef0
    .irp b, 3, -1, 0x8000000000000000, 0xfedcba9876543210
    wide \a, \b
    .endr
    .endr
    quotient 0, 100, 7
    quotient 1, 0, 0x8000000000000000
    quotient 0x123456789, 0xfedcba9876543210, 0xfedcba9876543211
    quotient 6, 0xffffffffffffffff, 7
    signed_quotient 7, 2, 3, 1
    signed_quotient -7, 2, -3, -1
    signed_quotient 7, -2, -3, 1
    signed_quotient -7, -2, 3, -1
    row
    mov $0x1234, %eax
    mov $0x56, %ebx
    div %bl
    is %rax, ((0x1234%0x56)<<8)|(0x1234/0x56)
    row
    mov $-100, %eax
    mov $7, %ebx
    idiv %bl
    is %rax, 0xfffffef2
    row
    mov $0x12, %edx
    mov $0x3456, %eax
    mov $0x789, %ebx
    div %bx
    is %rax, 0x123456/0x789
    is %rdx, 0x123456%0x789
    end_group
