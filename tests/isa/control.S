/* control.S - PUSH POP PUSHF CALL RET ENTER LEAVE LOOP JrCXZ and every condition of Jcc, SETcc and CMOVcc, against its
 * formula over the flags (SDM Vol. 1, "EFLAGS Condition Codes"). */
#include "case.h"

    /* r8b: what the formula says of the flags `f`; the three instructions must agree, and their opposites disagree. */
    .macro condition f, cc, opposite, truth
    row
    .set want, -((\truth) != 0) & 1
    set_flags (\f)
    j\cc 1f
    mov $0, %ecx
    jmp 2f
1:  mov $1, %ecx
2:  is %rcx, want
    set_flags (\f)
    set\cc %al
    set\opposite %ah
    movzwl %ax, %eax
    is %rax, want|((1-want)<<8)
    set_flags (\f)
    mov $0, %eax
    mov $1, %ebx
    cmov\cc %ebx, %eax
    is %rax, want
    .endm

    #define SIGN(f) (((f)>>7)&1)
    #define OVER(f) (((f)>>11)&1)
    .macro conditions f
    condition \f, o, no, (\f)&OF
    condition \f, b, nb, (\f)&CF
    condition \f, z, nz, (\f)&ZF
    condition \f, be, nbe, (\f)&(CF|ZF)
    condition \f, s, ns, (\f)&SF
    condition \f, p, np, (\f)&PF
    condition \f, l, nl, SIGN(\f)^OVER(\f)
    condition \f, le, nle, (SIGN(\f)^OVER(\f))|((\f)&ZF)
    .endm

    group control
    .irp f, 0, CF, PF, ZF, SF, OF, SF|OF, CF|ZF, ZF|SF|OF, CF|PF|SF
    conditions \f
    .endr

    /* The stack pointer moves by the operand's size; POP of a memory operand based on RSP sees it moved. */
    row
    mov %rsp, %r12
    mov $0x1234, %eax
    push %ax
    lea -2(%r12), %rcx
    cmp %rcx, %rsp
    jne fail_stack
    push $-2
    pop %rdx
    pop %bx
    cmp %r12, %rsp
    jne fail_stack
    cmp $0x1234, %bx
    jne fail
    is %rdx, -2
    row
    push %rsp
    pop %rax
    cmp %r12, %rax
    jne fail
    row
    push $1
    push $2
    popq (%rsp)
    pop %rax
    is %rax, 2

    /* CALL pushes the address behind it; RET imm releases arguments. */
    row
    push $7
    call returns_with_8
after_call:
    lea after_call(%rip), %rcx
    mov %rsp, %r13
    mov %r12, %rsp
    cmp %r12, %r13
    jne fail
    cmp %rcx, %rax
    jne fail
    is %rdx, 7
    row
    lea indirect_target(%rip), %rax
    jmp *%rax
    jmp fail
indirect_target:

    /* ENTER with nesting copies the frame pointers of the levels above; LEAVE takes the frame away. */
    row
    mov %rsp, %r12
    mov %rsp, %rbp
    enter $32, $0
    lea -8(%r12), %rcx
    cmp %rcx, %rbp
    jne fail_stack
    sub $32, %rcx
    cmp %rcx, %rsp
    jne fail_stack
    leave
    cmp %r12, %rsp
    jne fail_stack
    cmp %r12, %rbp
    jne fail
    row
    push $0x77
    mov %rsp, %rbp
    push $0x66
    mov %rsp, %r13
    enter $16, $2
    lea -8(%r13), %rcx
    cmp %rcx, %rbp
    jne fail_stack
    cmpq $0x66, -8(%rcx)
    jne fail_stack
    cmp %rcx, -16(%rcx)
    jne fail_stack
    sub $32, %rcx
    cmp %rcx, %rsp
    jne fail_stack
    mov %r12, %rsp

    /* LOOP counts RCX, or ECX with an address-size prefix, and leaves the flags. */
    row
    mov $5, %ecx
    xor %eax, %eax
    stc
1:  inc %eax
    loop 1b
    is %rax, 5
    is %rcx, 0
    row
    movabs $0x100000002, %rcx
    xor %eax, %eax
1:  inc %eax
    addr32 loop 1b
    is %rax, 2
    row
    mov $9, %ecx
    xor %eax, %eax
1:  inc %eax
    cmp $4, %eax
    loopne 1b
    is %rcx, 5
    row
    mov $9, %ecx
    xor %eax, %eax
1:  inc %eax
    cmp $1, %eax
    loope 1b
    is %rcx, 7
    row
    movabs $0x100000000, %rcx
    jrcxz fail
    jecxz 1f
    jmp fail
1:
    /* LAHF and SAHF carry five flags through AH. */
    row
    set_flags OF|SF|CF
    lahf
    movzbl %ah, %ecx
    is %rcx, (SF|CF|2)
    row
    mov $ZF, %ah
    set_flags OF|SF|CF
    sahf
    flags_are (OF|ZF)
    row
    set_flags 0
    cmc
    flags_are CF, CF
    clc
    flags_are 0, CF
    stc
    flags_are CF, CF
    end_group
fail_stack:
    mov %r12, %rsp
    jmp fail

returns_with_8:
    mov (%rsp), %rax
    mov 8(%rsp), %rdx
    ret $8
