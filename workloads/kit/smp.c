#include "kit/smp.h"
#include "kit/cpu.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/trap.h"

#define APIC_BASE 0xfee00000u

enum {
    APIC_ID = 0x20,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    SVR_ENABLE = 0x100,
    ICR_INIT = 0x4500, /* edge, assert */
    ICR_STARTUP = 0x4600,
    ICR_FIXED = 0x4000,
    ICR_PENDING = 0x1000,
    STACK_BYTES = 16 * 1024,
    INIT_TURNS = 200,
    STARTUP_TURNS = 1000000,
};

/* smp_start.S */
extern u8 smp_trampoline[], smp_trampoline_end[];
extern u64 smp_trampoline_cr3, smp_trampoline_efer, smp_trampoline_stack, smp_trampoline_entry;

static struct processor {
    u64 gdt[TRAP_GDT_ENTRIES];
    struct tss tss;
    u8 double_fault_stack[4096] __attribute__((aligned(16)));
    u8 stack[STACK_BYTES] __attribute__((aligned(16)));
} *processors; /* of the heap */

static void (*started_fn)(unsigned cpu);
static volatile u64 started;

static u32 apic_read(u32 offset)
{
    return *(volatile u32 *)(u64)(APIC_BASE + offset);
}

static void apic_write(u32 offset, u32 value)
{
    *(volatile u32 *)(u64)(APIC_BASE + offset) = value;
}

static void apic_enable(void)
{
    apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

static void apic_command(unsigned cpu, u32 command)
{
    apic_write(APIC_ICR_HIGH, cpu << 24);
    apic_write(APIC_ICR_LOW, command);
    while (apic_read(APIC_ICR_LOW) & ICR_PENDING) pause();
}

unsigned smp_count(void)
{
    unsigned count = cpuid(1, 0).ebx >> 16 & 0xff;
    return count < 1 ? 1 : count > SMP_MAX ? SMP_MAX : count;
}

unsigned smp_self(void)
{
    return apic_read(APIC_ID) >> 24;
}

void smp_send(unsigned cpu, u8 vector)
{
    apic_command(cpu, ICR_FIXED | vector);
}

void smp_end_of_interrupt(void)
{
    apic_write(APIC_EOI, 0);
}

/* First C function of an application processor. */
static void begin(void)
{
    unsigned cpu = smp_self();
    struct processor *p = &processors[cpu];
    trap_init_processor(p->gdt, &p->tss, p->double_fault_stack + sizeof p->double_fault_stack);
    apic_enable();
    atomic_add(&started, 1);
    started_fn(cpu);
    for (;;) halt();
}

/* The word of the trampoline's copy that `word` of the original stands for. */
static u64 *copied(const u64 *word)
{
    return (u64 *)(SMP_START_PAGE + ((u64)word - (u64)smp_trampoline));
}

static void prepare_trampoline(void)
{
    memcpy((void *)SMP_START_PAGE, smp_trampoline, (size_t)(smp_trampoline_end - smp_trampoline));
    *copied(&smp_trampoline_cr3) = (u64)kernel_space();
    *copied(&smp_trampoline_efer) = rdmsr(MSR_EFER) & ~BIT(10); /* all but LMA, which comes with paging */
    *copied(&smp_trampoline_entry) = (u64)begin;
}

static void wait_for_start(unsigned turns, u64 before)
{
    for (unsigned n = 0; n < turns && started == before; n++) pause();
}

/* One after the other, since they share the trampoline. A second start-up IPI is the manual's advice; one that runs
 * ignores it. The first comes when the INIT has been seen: a virtual processor's may be a VM exit, during which
 * start-up IPIs are lost. */
static void start_one(unsigned cpu)
{
    u64 before = started;
    *copied(&smp_trampoline_stack) = (u64)processors[cpu].stack + STACK_BYTES;
    apic_command(cpu, ICR_INIT);
    wait_for_start(INIT_TURNS, before);
    apic_command(cpu, ICR_STARTUP | SMP_START_PAGE >> 12);
    wait_for_start(STARTUP_TURNS, before);
    if (started == before) apic_command(cpu, ICR_STARTUP | SMP_START_PAGE >> 12);
    while (started == before) pause();
}

void smp_start(unsigned cpus, void (*fn)(unsigned cpu))
{
    started_fn = fn;
    processors = memset(heap_run(cpus * sizeof *processors, PAGE_4K), 0, cpus * sizeof *processors);
    apic_enable();
    prepare_trampoline();
    for (unsigned cpu = 1; cpu < cpus; cpu++) start_one(cpu);
}

void barrier_wait(struct barrier *b, unsigned cpus)
{
    u64 round = b->round;
    if (atomic_add(&b->came, 1) + 1 == cpus) {
        b->came = 0;
        b->round = round + 1;
    }
    while (b->round == round) pause();
}
