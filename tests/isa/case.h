/* case.h - rows of self-checking assembly, the same on Linux and in the simulator.
 *
 * A group is one file: `group NAME`, rows, `end_group`. It is a function that returns 0, or the number of the first row
 * that failed. Expected values come from the manuals' own examples, from published test vectors, or are computed in
 * another way: by the assembler, whose expressions of 64 bits know nothing of flags and operand sizes, or by other
 * instructions. %r15 holds the row, %r14 is the checks'; everything else is the rows'.
 */
#define CF 0x001
#define PF 0x004
#define AF 0x010
#define ZF 0x040
#define SF 0x080
#define DF 0x400
#define OF 0x800
#define ALL_FLAGS 0x8d5 /* a macro's arguments hold no spaces */

    .macro group name
    .section .note.GNU-stack, "", @progbits
    .text
    .globl isa_\name
isa_\name:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .set row, 0
    .endm

    .macro end_group
    xor %r15d, %r15d
fail:
    cld
    mov %r15d, %eax
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .endm

    .macro row
    .set row, row + 1
    mov $row, %r15d
    .endm

    .macro set_flags flags
    pushq $(\flags) | 2
    popfq
    .endm

    /* The flags of `mask` are `flags`; leaves them as they are. */
    .macro flags_are flags, mask=ALL_FLAGS
    pushfq
    pop %r14
    and $(\mask), %r14d
    cmp $(\flags), %r14d
    jne fail
    .endm

    /* A 64-bit register holds `value`. */
    .macro is reg, value
    movabs $(\value), %r14
    cmp %r14, \reg
    jne fail
    .endm

    /* The low quadword, or both, of a vector register. */
    .macro is_low xmm, value
    movq \xmm, %r14
    movabs $(\value), %r13
    cmp %r13, %r14
    jne fail
    .endm

    .macro is_vector xmm, high, low
    movdqu \xmm, -64(%rsp)
    movabs $(\low), %r14
    cmp %r14, -64(%rsp)
    jne fail
    movabs $(\high), %r14
    cmp %r14, -56(%rsp)
    jne fail
    .endm

    .macro set_vector xmm, high, low
    movabs $(\low), %r14
    mov %r14, -64(%rsp)
    movabs $(\high), %r14
    mov %r14, -56(%rsp)
    movdqu -64(%rsp), \xmm
    .endm
