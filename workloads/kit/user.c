#include "kit/user.h"
#include "kit/console.h"
#include "kit/cpu.h"

/* user.S */
extern u8 syscall_entry[];

/* What GS points to in the kernel; user.S knows the layout. */
struct cpu_local {
    u64 kernel_rsp; /* stack for SYSCALL, always the same as the TSS's RSP0 */
    u64 user_rsp;   /* scratch of the SYSCALL entry */
};

extern struct cpu_local cpu_local;
struct cpu_local cpu_local;

#define RFLAGS_ALWAYS_ONE BIT(1)
#define RFLAGS_MASKED     (BIT(8) | RFLAGS_IF | BIT(10) | BIT(14) | BIT(18)) /* TF IF DF NT AC */
#define CR4_SMEP          BIT(20)

static bool cpu_has_smep(void)
{
    return cpuid(0, 0).eax >= 7 && cpuid(7, 0).ebx & BIT(7);
}

static void refuse_syscall(struct trap_frame *frame)
{
    panic("system call %llu without a handler", (ull)frame->rax);
}

void user_init(void)
{
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
    wrmsr(MSR_STAR, (u64)SELECTOR_USER_BASE << 48 | (u64)SELECTOR_KERNEL_CODE << 32);
    wrmsr(MSR_LSTAR, (u64)syscall_entry);
    wrmsr(MSR_FMASK, RFLAGS_MASKED);
    wrmsr(MSR_GS_BASE, (u64)&cpu_local);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    if (cpu_has_smep()) write_cr4(read_cr4() | CR4_SMEP);
    user_set_syscall_handler(refuse_syscall);
}

void user_set_syscall_handler(trap_handler_fn handler)
{
    trap_set_handler(VECTOR_INT_USER, handler);
}

struct trap_frame user_frame(u64 rip, u64 rsp, u64 argument)
{
    return (struct trap_frame){
        .rdi = argument,
        .rip = rip,
        .cs = SELECTOR_USER_CODE,
        .rflags = RFLAGS_ALWAYS_ONE | (read_rflags() & RFLAGS_IF),
        .rsp = rsp,
        .ss = SELECTOR_USER_DATA,
    };
}
