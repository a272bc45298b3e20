/* cpu.h - one inline function per system instruction, and the register bits that the kit uses.
 *
 * Names are the manual's (Intel SDM Vol. 3A, "System Architecture Overview"; Vol. 4 for MSRs). A function
 * compiles to its instruction and nothing else, so a bench that counts them counts right.
 */
#ifndef KIT_CPU_H
#define KIT_CPU_H

#include "kit/types.h"

#define CR0_PE BIT(0)
#define CR0_WP BIT(16)
#define CR0_PG BIT(31)

#define CR4_PAE   BIT(5)
#define CR4_PCIDE BIT(17)

#define CR3_NO_FLUSH BIT(63) /* MOV to CR3 keeps the TLB entries of the PCID; needs CR4.PCIDE */

#define RFLAGS_IF BIT(9)

#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_FMASK          0xc0000084u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

struct cpuid {
    u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline u8 in8(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void out8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u64 rdmsr(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/* READER(name, register) and WRITER: moves to and from the control registers and CR2. */
#define READER(name, reg)                                                                                    \
    static inline u64 name(void)                                                                             \
    {                                                                                                        \
        u64 value;                                                                                           \
        __asm__ volatile("mov %%" reg ", %0" : "=r"(value) : : "memory");                                    \
        return value;                                                                                        \
    }
#define WRITER(name, reg)                                                                                    \
    static inline void name(u64 value)                                                                       \
    {                                                                                                        \
        __asm__ volatile("mov %0, %%" reg : : "r"(value) : "memory");                                        \
    }
READER(read_cr0, "cr0")
READER(read_cr2, "cr2")
READER(read_cr3, "cr3")
READER(read_cr4, "cr4")
WRITER(write_cr0, "cr0")
WRITER(write_cr2, "cr2")
WRITER(write_cr3, "cr3")
WRITER(write_cr4, "cr4")
#undef READER
#undef WRITER

static inline void invlpg(u64 va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline u64 rdtsc(void)
{
    u32 low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (u64)high << 32 | low;
}

static inline u64 read_rflags(void)
{
    u64 value;
    __asm__ volatile("pushfq; pop %0" : "=r"(value) : : "memory");
    return value;
}

static inline void interrupts_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/* STI's shadow covers HLT, so no interrupt can slip in between and be slept through. */
static inline void interrupts_on_and_halt(void)
{
    __asm__ volatile("sti; hlt" : : : "memory");
}

static inline void halt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

static inline void pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline bool cpu_has_pcid(void)
{
    return cpuid(1, 0).ecx & BIT(17);
}

static inline bool cpu_has_nx(void)
{
    return cpuid(0x80000001, 0).edx & BIT(20);
}

static inline bool cpu_has_1g_pages(void)
{
    return cpuid(0x80000001, 0).edx & BIT(26);
}

#endif
