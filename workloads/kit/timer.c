#include "kit/timer.h"
#include "kit/cpu.h"
#include "kit/trap.h"

enum {
    PIC1_COMMAND = 0x20,
    PIC1_DATA = 0x21,
    PIC2_COMMAND = 0xa0,
    PIC2_DATA = 0xa1,
    ICW1_INIT_WITH_ICW4 = 0x11,
    ICW3_SECONDARY_ON_LINE_2 = 0x04,
    ICW3_SECONDARY_IDENTITY = 0x02,
    ICW4_8086_MODE = 0x01,
    OCW2_END_OF_INTERRUPT = 0x20,
    MASK_ALL = 0xff,
    MASK_ALL_BUT_IRQ0 = 0xfe,
};

enum {
    PIT_CHANNEL0 = 0x40,
    PIT_CONTROL = 0x43,
    PIT_CHANNEL0_LOW_HIGH_MODE2 = 0x34,
    PIT_HZ = 1193182,
};

#define APIC_BASE 0xfee00000u

enum {
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_DIVIDE = 0x3e0,
    SVR_ENABLE = 0x100,
    LVT_EXTINT = 0x700,
    DIVIDE_BY_1 = 0x0b,
};

static volatile u64 ticks;
static volatile u64 apic_ticks;

static void pic_init(void)
{
    out8(PIC1_COMMAND, ICW1_INIT_WITH_ICW4);
    out8(PIC2_COMMAND, ICW1_INIT_WITH_ICW4);
    out8(PIC1_DATA, VECTOR_IRQ0);
    out8(PIC2_DATA, VECTOR_IRQ0 + 8);
    out8(PIC1_DATA, ICW3_SECONDARY_ON_LINE_2);
    out8(PIC2_DATA, ICW3_SECONDARY_IDENTITY);
    out8(PIC1_DATA, ICW4_8086_MODE);
    out8(PIC2_DATA, ICW4_8086_MODE);
    out8(PIC1_DATA, MASK_ALL_BUT_IRQ0);
    out8(PIC2_DATA, MASK_ALL);
}

static void ignore_spurious(struct trap_frame *frame)
{
    (void)frame;
}

static void take_tick(struct trap_frame *frame)
{
    (void)frame;
    ticks++;
    out8(PIC1_COMMAND, OCW2_END_OF_INTERRUPT);
}

void timer_start(u64 hz)
{
    u64 divisor = PIT_HZ / hz;
    if (divisor > 0xffff) divisor = 0xffff;
    trap_set_handler(VECTOR_IRQ0, take_tick);
    trap_set_handler(VECTOR_PIC_SPURIOUS, ignore_spurious); /* a tick that waited until the line fell again */
    out8(PIT_CONTROL, PIT_CHANNEL0_LOW_HIGH_MODE2);
    out8(PIT_CHANNEL0, (u8)divisor);
    out8(PIT_CHANNEL0, (u8)(divisor >> 8));
    pic_init();
    interrupts_on();
}

u64 timer_ticks(void)
{
    return ticks;
}

static void apic_write(u32 offset, u32 value)
{
    *(volatile u32 *)(u64)(APIC_BASE + offset) = value;
}

static void take_apic_tick(struct trap_frame *frame)
{
    (void)frame;
    apic_ticks++;
    apic_write(APIC_EOI, 0);
}

void apic_timer_init(void)
{
    trap_set_handler(VECTOR_APIC_TIMER, take_apic_tick);
    trap_set_handler(VECTOR_SPURIOUS, ignore_spurious);
    apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_LVT_LINT0, LVT_EXTINT);
    apic_write(APIC_LVT_TIMER, VECTOR_APIC_TIMER);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
}

void apic_timer_start(u32 count)
{
    apic_write(APIC_TIMER_INITIAL, count);
}

u64 apic_timer_ticks(void)
{
    return apic_ticks;
}
