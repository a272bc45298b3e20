/* user.h - user mode: entry by IRETQ, system calls by SYSCALL/SYSRET or INT 0x80, and the way back into the
 * kernel.
 *
 * A user program runs inside the kernel's call of user_run(), which returns what the program (or the kernel
 * on its behalf) gives to user_leave(). Calls nest: a system call may run another program before it answers.
 * A system call passes its number in RAX and arguments in RDI, RSI, RDX; the result comes back in RAX.
 * SYSCALL alone destroys RCX and R11.
 * Source: Intel SDM Vol. 3A, "Fast System Calls in 64-Bit Mode".
 */
#ifndef KIT_USER_H
#define KIT_USER_H

#include "kit/trap.h"

/* Code and constants of user programs; kit.ld puts them on pages of their own. They may refer to nothing
 * else. */
#define USER_CODE __attribute__((section(".user.text"), noinline))
extern u8 user_image_start[], user_image_end[];

/* Called by the kit: EFER.SCE, STAR, LSTAR, FMASK, GS bases, and CR4.SMEP where the processor has it. */
void user_init(void);

/* One handler for both ways in. It reads the frame and puts its answer in frame->rax. */
void user_set_syscall_handler(trap_handler_fn handler);

/* A frame that starts user code at rip with RDI = argument; interrupts as they are now. */
struct trap_frame user_frame(u64 rip, u64 rsp, u64 argument);

/* Runs a frame in user mode in the current address space until user_leave(). */
u64 user_run(struct trap_frame *frame);
_Noreturn void user_leave(u64 result);

/* For user programs. */
static ALWAYS_INLINE u64 syscall(u64 number, u64 a, u64 b)
{
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b) : "rcx", "r11", "memory");
    return number;
}

static ALWAYS_INLINE u64 int_syscall(u64 number, u64 a, u64 b)
{
    __asm__ volatile("int $0x80" : "+a"(number) : "D"(a), "S"(b) : "memory");
    return number;
}

#endif
