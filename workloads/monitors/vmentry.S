/* vmentry.S - the way into the guest and back: all that cannot be said in C.
 *
 * HOST_RSP points just past vcpu->gpr[], so a VM exit "pushes" the guest's registers into their places, RAX
 * at index 0 and R15 at 15, as instructions encode them. RSP (index 4) lives in the VMCS: its place is
 * skipped.
 */
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

/* _Noreturn void vm_launch(struct vcpu *vcpu) */
    .globl  vm_launch
vm_launch:
    movq    %rdi, %rsp
    LOAD_GUEST_REGISTERS
    vmlaunch
    jmp     entry_failed

/* HOST_RIP. vcpu_handle_exit(vcpu) leaves a VMCS ready for the next entry, and says which it is. */
    .globl  vm_exit
vm_exit:
    SAVE_GUEST_REGISTERS
    movq    %rsp, %rdi
    movq    %rsp, %rbx
    leaq    monitor_stack_top(%rip), %rsp
    call    vcpu_handle_exit
    movq    %rbx, %rsp
    testb   %al, %al
    LOAD_GUEST_REGISTERS                        /* keeps the flags */
    jnz     1f
    vmresume
    jmp     entry_failed
1:  vmlaunch

entry_failed:
    leaq    monitor_stack_top(%rip), %rsp
    leaq    entry_name(%rip), %rdi
    call    vmx_fail

    .section .rodata
entry_name:
    .asciz  "VM entry"

    .section .bss
    .balign 16
    .skip   16384
monitor_stack_top:

    .section .note.GNU-stack, "", @progbits
