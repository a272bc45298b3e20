/* vmentry.S - the way into the guest and back: all that cannot be said in C.
 *
 * HOST_RSP points just past vcpu->gpr[], so a VM exit "pushes" the guest's registers into their places, RAX
 * at index 0 and R15 at 15, as instructions encode them. RSP (index 4) lives in the VMCS: its place is
 * skipped. Behind gpr[] is the top of the monitor's stack for this guest's exits.
 */
#define VCPU_GPR_BYTES (16 * 8)
#define VCPU_STACK     VCPU_GPR_BYTES
#define VCPU_LAUNCHES  (VCPU_STACK + 8)

    .text

    .macro  LOAD_GUEST_REGISTERS                /* RSP = vcpu->gpr */
    popq    %rax
    popq    %rcx
    popq    %rdx
    popq    %rbx
    leaq    8(%rsp), %rsp
    .irp    reg, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    popq    %\reg
    .endr
    .endm

    .macro  SAVE_GUEST_REGISTERS                /* RSP = one past vcpu->gpr */
    .irp    reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp
    pushq   %\reg
    .endr
    subq    $8, %rsp
    pushq   %rbx
    pushq   %rdx
    pushq   %rcx
    pushq   %rax
    .endm

/* HOST_RIP. vcpu_handle_exit(vcpu) gives the vcpu that goes on; the current VMCS is ready for its next entry. */
    .globl  vm_exit
vm_exit:
    SAVE_GUEST_REGISTERS
    movq    %rsp, %rdi
    movq    VCPU_STACK(%rsp), %rsp
    call    vcpu_handle_exit
    movq    %rax, %rdi

/* _Noreturn void vcpu_enter(struct vcpu *vcpu) */
    .globl  vcpu_enter
vcpu_enter:
    movq    %rdi, %rsp
    cmpb    $0, VCPU_LAUNCHES(%rsp)
    LOAD_GUEST_REGISTERS                        /* keeps the flags */
    jne     1f
    vmresume
    jmp     entry_failed
1:  vmlaunch

entry_failed:                                   /* RSP = one past vcpu->gpr: the stack's place */
    movq    (%rsp), %rsp
    leaq    entry_name(%rip), %rdi
    call    vmx_fail

    .section .rodata
entry_name:
    .asciz  "VM entry"

    .section .note.GNU-stack, "", @progbits
