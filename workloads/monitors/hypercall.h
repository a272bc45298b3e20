/* hypercall.h - what a guest asks of the ept monitor by VMCALL: number in RAX, arguments in RBX and RCX, result
 * in RAX.
 *
 * Any other number does nothing and gives 0: it measures the round trip.
 */
#ifndef MONITORS_HYPERCALL_H
#define MONITORS_HYPERCALL_H

#include "kit/types.h"

/* Exchanges the host memory behind two guest-physical pages of 4 KiB (host=4K). Result 0, or 1: they are not
 * both mapped so. */
#define HYPERCALL_EXCHANGE 0x45584348ull

static inline u64 hypercall(u64 number, u64 rbx, u64 rcx)
{
    __asm__ volatile("vmcall" : "+a"(number) : "b"(rbx), "c"(rcx) : "memory", "cc");
    return number;
}

#endif
