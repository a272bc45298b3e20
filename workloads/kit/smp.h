/* smp.h - several processors: starting them, meeting at barriers, telling each other by IPIs.
 *
 * Processor 0 is the one that booted; processor n is the one with APIC ID n. Each has its own stack, GDT and TSS, and shares page tables and
 * IDT with processor 0. Only one processor may be inside the console, the heap, or trap_try().
 * Not modelled: processors whose APIC IDs are not 0..n-1, x2APIC, stopping a processor.
 * Source: Intel SDM Vol. 3A, "Multiple-Processor (MP) Initialization", "Issuing Interprocessor Interrupts".
 */
#ifndef KIT_SMP_H
#define KIT_SMP_H

#define SMP_MAX        16
#define SMP_START_PAGE 0x8000 /* below 1 MiB, where a start-up IPI can point */

#ifndef __ASSEMBLER__
#include "kit/types.h"

/* Processors that CPUID tells of, at most SMP_MAX. */
unsigned smp_count(void);

/* The caller's number. */
unsigned smp_self(void);

/* Runs fn(n) on the processors 1..cpus-1, which then halt, and returns when all of them run. Once only. */
void smp_start(unsigned cpus, void (*fn)(unsigned cpu));

/* Every processor that takes part goes on when the last of `cpus` has come. Start from {0}. */
struct barrier {
    volatile u64 came, round;
};
void barrier_wait(struct barrier *b, unsigned cpus);

/* Fixed interrupt `vector` to processor `cpu`. Its handler ends with smp_end_of_interrupt(). */
void smp_send(unsigned cpu, u8 vector);
void smp_end_of_interrupt(void);

/* Locked operations, each one instruction and its answer. */
static inline u64 atomic_add(volatile u64 *at, u64 value)
{
    __asm__ volatile("lock xaddq %0, %1" : "+r"(value), "+m"(*at) : : "memory", "cc");
    return value;
}

static inline u64 atomic_exchange(volatile u64 *at, u64 value)
{
    __asm__ volatile("xchgq %0, %1" : "+r"(value), "+m"(*at) : : "memory");
    return value;
}

static inline bool atomic_compare_exchange(volatile u64 *at, u64 expected, u64 value)
{
    bool same;
    __asm__ volatile("lock cmpxchgq %3, %1" : "=@ccz"(same), "+m"(*at), "+a"(expected) : "r"(value) : "memory");
    return same;
}

#endif
#endif
