/* interrupts.c - a guest driven by interrupts of its local APIC.
 *
 * Words:   mode=xapic|x2apic   how it reaches the APIC: page or MSRs
 *          iters=100           of each part; one more of each warms up
 *          ipi=self|id         interrupts to itself by shorthand (self-IPI register), or by its APIC ID
 * Parts:   IPIs; IPIs held back by the task priority; a higher vector that nests and one of the same class that
 *          does not; timer interrupts that end a HLT. Each interrupt must come once, when it may, and not before.
 * An iteration of each part takes 6 interrupts.
 * Run by:  tests/system/apicv.sh under each technique of APIC virtualization and natively, monitors_on_bochs.sh,
 *          results/experiments/apicv.yaml
 *
 * Every access to the APIC's page is of EAX at [RCX], two bytes long: a monitor need not decode it.
 */
#include "kit/kit.h"

#define APIC_PAGE 0xfee00000ull
#define MSR_APIC_BASE 0x1bu
#define BASE_X2APIC   BIT(10)

enum {
    APIC_ID = 0x20,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_IRR = 0x200,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_INITIAL = 0x380,
    APIC_DIVIDE = 0x3e0,
    APIC_SELF_IPI = 0x3f0,
};
enum { SVR_ENABLED = 0x100, DIVIDE_BY_1 = 0xb, ICR_SELF = 0x40000, TICKS = 3000 };
enum { VECTOR_TICK = 0x41, VECTOR_LOW = 0x51, VECTOR_SAME_CLASS = 0x52, VECTOR_HIGH = 0x61 };

static u64 x2apic, by_id, iters = 100;
static u64 checks, failures, id;
static volatile u64 ticks, lows, highs, sames;
static bool nests; /* the next VECTOR_LOW tries it */

/* --- the APIC --- */

static u32 apic_read(u32 offset)
{
    u32 value;
    if (x2apic) return (u32)rdmsr(0x800 + (offset >> 4));
    __asm__ volatile("movl (%%rcx), %%eax" : "=a"(value) : "c"(APIC_PAGE + offset) : "memory");
    return value;
}

static void apic_write(u32 offset, u32 value)
{
    if (x2apic)
        wrmsr(0x800 + (offset >> 4), value);
    else
        __asm__ volatile("movl %%eax, (%%rcx)" : : "a"(value), "c"(APIC_PAGE + offset) : "memory");
}

static void write_cr8(u64 value)
{
    __asm__ volatile("mov %0, %%cr8" : : "r"(value) : "memory");
}

static u64 read_cr8(void)
{
    u64 value;
    __asm__ volatile("mov %%cr8, %0" : "=r"(value));
    return value;
}

static void send_by_id(u8 vector)
{
    if (x2apic) {
        wrmsr(0x800 + (APIC_ICR >> 4), id << 32 | vector);
        return;
    }
    apic_write(APIC_ICR_HIGH, (u32)id << 24);
    apic_write(APIC_ICR, vector);
}

static void send(u8 vector)
{
    if (by_id)
        send_by_id(vector);
    else if (x2apic)
        apic_write(APIC_SELF_IPI, vector);
    else
        apic_write(APIC_ICR, ICR_SELF | vector);
}

/* --- checks --- */

static void check(bool holds, const char *what)
{
    checks++;
    if (holds) return;
    if (!failures++) printf("apic: not so: %s\n", what);
}

/* Longer than any emulator takes to deliver. */
static void wait_for(volatile u64 *count, u64 value)
{
    for (u64 n = 0; *count < value && n < 1000000; n++) pause();
    check(*count == value, "an interrupt comes once");
}

static void wait_a_little(void)
{
    for (int n = 0; n < 20; n++) pause();
}

/* --- handlers --- */

static void end(void) { apic_write(APIC_EOI, 0); }

static void take_tick(struct trap_frame *frame)
{
    (void)frame;
    ticks++;
    end();
}

static void take_high(struct trap_frame *frame)
{
    (void)frame;
    highs++;
    end();
}

static void take_same(struct trap_frame *frame)
{
    (void)frame;
    sames++;
    end();
}

/* The APIC's answer where the task priority rose just when the processor asked; it takes no EOI. */
static void ignore_spurious(struct trap_frame *frame)
{
    (void)frame;
}

static void nest(void)
{
    u64 highs_before = highs, sames_before = sames;
    send(VECTOR_SAME_CLASS);
    send(VECTOR_HIGH);
    interrupts_on();
    wait_for(&highs, highs_before + 1);
    check(sames == sames_before, "a class does not interrupt itself");
    interrupts_off();
}

static void take_low(struct trap_frame *frame)
{
    (void)frame;
    if (nests) nest();
    nests = false;
    lows++;
    end();
}

/* --- parts --- */

static void part_ipis(u64 times)
{
    for (u64 n = 0; n < times; n++) {
        u64 before = lows;
        send(VECTOR_LOW);
        wait_for(&lows, before + 1);
    }
}

static void part_held(u64 times)
{
    for (u64 n = 0; n < times; n++) {
        u64 before = lows;
        write_cr8(VECTOR_LOW >> 4);
        send(VECTOR_LOW);
        wait_a_little();
        check(lows == before && read_cr8() == VECTOR_LOW >> 4, "the task priority holds it back");
        write_cr8((VECTOR_LOW >> 4) - 1);
        wait_for(&lows, before + 1);
        write_cr8(0);
    }
}

static void part_nested(u64 times)
{
    for (u64 n = 0; n < times; n++) {
        u64 before = lows, sames_before = sames;
        nests = true;
        send(VECTOR_LOW);
        wait_for(&lows, before + 1);
        wait_for(&sames, sames_before + 1);
    }
}

static void part_timer(u64 times)
{
    for (u64 n = 0; n < times; n++) {
        u64 before = ticks;
        apic_write(APIC_INITIAL, TICKS);
        interrupts_off();
        while (ticks == before) {
            interrupts_on_and_halt();
            interrupts_off();
        }
        interrupts_on();
        check(ticks == before + 1, "a one-shot timer fires once");
    }
}

static void run_parts(u64 n)
{
    part_ipis(n);
    part_held(n);
    part_nested(n);
    part_timer(n);
}

static void start_apic(void)
{
    trap_set_handler(VECTOR_TICK, take_tick);
    trap_set_handler(VECTOR_LOW, take_low);
    trap_set_handler(VECTOR_SAME_CLASS, take_same);
    trap_set_handler(VECTOR_HIGH, take_high);
    trap_set_handler(VECTOR_SPURIOUS, ignore_spurious);
    if (x2apic) wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_X2APIC);
    apic_write(APIC_SVR, SVR_ENABLED | VECTOR_SPURIOUS);
    id = x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
    apic_write(APIC_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, VECTOR_TICK);
    interrupts_on();
}

int main(void)
{
    const struct word words[] = {
        {.key = "mode", .kind = WORD_CHOICE, .value = &x2apic, .choices = "xapic|x2apic"},
        {.key = "ipi", .kind = WORD_CHOICE, .value = &by_id, .choices = "self|id"},
        {.key = "iters", .kind = WORD_NUMBER, .value = &iters, .min = 1, .max = 1000000},
    };
    words_read(boot.words, words, COUNT_OF(words));
    start_apic();
    MARK_WARM();
    run_parts(1);
    MARK_BEGIN();
    run_parts(iters);
    MARK_END();
    interrupts_off();
    check(apic_read(APIC_IRR + 0x20) == 0, "nothing is left");
    printf("apic: %llu low, %llu same, %llu high, %llu ticks, %llu checks %s\n", (ull)lows, (ull)sames, (ull)highs,
           (ull)ticks, (ull)checks, failures ? "failed" : "ok");
    return failures != 0;
}
