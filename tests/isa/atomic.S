/* atomic.S - XADD, CMPXCHG in every size, CMPXCHG8B and 16B, XCHG with memory, LOCK with read-modify-writes: values
 * and ZF where they succeed and where they do not. */
#include "case.h"

    .bss
    .balign 16
cell:
    .skip 16

    .macro cell_is value
    mov cell(%rip), %rcx
    is %rcx, \value
    .endm

    .macro start a, b, c
    row
    movabs $(\a), %rax
    movabs $(\b), %rbx
    movabs $(\c), %rcx
    mov %rcx, cell(%rip)
    .endm

    group atomic
    start 0, 0x11, 0xf0
    lock xadd %rbx, cell(%rip)
    is %rbx, 0xf0
    cell_is 0x101
    start 0, 0x11, 0xffffffffffffffff
    lock xaddb %bl, cell(%rip)
    flags_are (CF|AF), (CF|AF|ZF|OF)
    is %rbx, 0xff
    cell_is 0xffffffffffffff10

    /* Equal: stored, ZF. Else: loaded. */
    start 0x55, 0x77, 0x55
    lock cmpxchg %rbx, cell(%rip)
    flags_are (ZF|PF)
    cell_is 0x77
    is %rax, 0x55
    start 0x56, 0x77, 0x55
    lock cmpxchg %rbx, cell(%rip)
    flags_are 0, ZF|CF
    cell_is 0x55
    is %rax, 0x55
    start 0xffffffff00000056, 0x77, 0x8000000000000055
    cmpxchg %ebx, cell(%rip)
    cell_is 0x8000000000000055
    is %rax, 0x55
    start 0xff55, 0x7788, 0x9955
    cmpxchg %bl, cell(%rip)
    flags_are ZF, ZF
    cell_is 0x9988
    start 0xff56, 0x7788, 0x9955
    cmpxchg %bx, cell(%rip)
    is %rax, 0x9955

    start 0x33445566, 0x01020304, 0x1122334433445566
    mov $0x11223344, %edx
    mov $0x05060708, %ecx
    lock cmpxchg8b cell(%rip)
    flags_are ZF, ZF
    cell_is 0x0506070801020304
    start 1, 0x01020304, 0x1122334433445566
    mov $0x11223344, %edx
    lock cmpxchg8b cell(%rip)
    flags_are 0, ZF
    is %rax, 0x33445566
    is %rdx, 0x11223344
    cell_is 0x1122334433445566

    start 5, 7, 5
    movq $6, cell+8(%rip)
    mov $6, %edx
    mov $8, %ecx
    lock cmpxchg16b cell(%rip)
    flags_are ZF, ZF
    cell_is 7
    mov cell+8(%rip), %rcx
    is %rcx, 8
    start 4, 9, 5
    mov $6, %edx
    lock cmpxchg16b cell(%rip)
    flags_are 0, ZF
    is %rax, 5
    is %rdx, 8

    start 0, 0x1234, 0xabcd
    xchg %rbx, cell(%rip)
    is %rbx, 0xabcd
    cell_is 0x1234
    start 0, 1, 0x7fffffff
    lock incl cell(%rip)
    flags_are OF|SF|AF|PF
    cell_is 0x80000000
    lock negl cell(%rip)
    cell_is 0x80000000
    lock notb cell(%rip)
    cell_is 0x800000ff
    lock btsl $8, cell(%rip)
    flags_are 0, CF
    cell_is 0x800001ff
    lock subl $0x1ff, cell(%rip)
    lock orl $1, cell(%rip)
    lock xorl $3, cell(%rip)
    lock andl $2, cell(%rip)
    cell_is 2
    end_group
