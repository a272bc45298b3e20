/* lapic_internal.h - what lapic.c and lapic_timer.c share.
 *
 * Neighbours:   those two files only.
 */
#ifndef DEV_LAPIC_INTERNAL_H
#define DEV_LAPIC_INTERNAL_H

#include "models/dev/lapic.h"

/* Local vector table entry (SDM Vol. 3A, "Local Vector Table"). */
#define LVT_PENDING    0x1000u
#define LVT_POLARITY   0x2000u
#define LVT_LEVEL      0x8000u
#define LVT_MASKED     0x10000u
#define LVT_TIMER_MODE 0x60000u

/* A local source fires: accepts its vector or NMI unless it is masked. */
void lapic_deliver_local(struct lapic *l, enum lapic_lvt which);

/* The timer's event. */
void lapic_timer_expired(void *self);

void lapic_timer_start(struct lapic *l, u32 initial_count);
void lapic_timer_divide(struct lapic *l, u32 divide);
u32 lapic_timer_current(const struct lapic *l);
void lapic_timer_mode_changed(struct lapic *l, u32 old_entry);
u64 lapic_timer_deadline(const struct lapic *l);
void lapic_timer_set_deadline(struct lapic *l, u64 tsc);

#endif
