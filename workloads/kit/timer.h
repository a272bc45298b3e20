/* timer.h - periodic interrupts from the 8254 PIT through the 8259 PICs, and the local APIC's one-shot timer.
 *
 * The handlers only count and acknowledge. Interrupts are on while the program runs, if a timer was started.
 * Not modelled: I/O APIC, calibration (the local APIC's input clock is unknown), x2APIC.
 * Source: Intel 8259A and 8254 data sheets; Intel SDM Vol. 3A, "Advanced Programmable Interrupt Controller
 * (APIC)".
 */
#ifndef KIT_TIMER_H
#define KIT_TIMER_H

#include "kit/types.h"

enum { TIMER_HZ_MIN = 19, TIMER_HZ_MAX = 100000 };

/* Channel 0 in mode 2 at hz (rounded to the PIT's grain), IRQ 0 unmasked, interrupts on. */
void timer_start(u64 hz);

/* Periodic interrupts taken since timer_start. */
u64 timer_ticks(void);

/* Software-enables the local APIC, with LINT0 in ExtINT mode so that the PICs still get through. */
void apic_timer_init(void);

/* One interrupt after `count` ticks of the APIC's input clock (divided by 1), count > 0. */
void apic_timer_start(u32 count);

/* Interrupts of the local APIC timer taken so far. */
u64 apic_timer_ticks(void);

#endif
