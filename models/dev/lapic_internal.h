/* lapic_internal.h - what the files of the local APIC share.
 *
 * Neighbours:   lapic*.c only.
 */
#ifndef DEV_LAPIC_INTERNAL_H
#define DEV_LAPIC_INTERNAL_H

#include "models/dev/lapic.h"

/* IA32_APIC_BASE */
#define BASE_BSP      BIT(8)
#define BASE_X2APIC   BIT(10)
#define BASE_ENABLED  BIT(11)
#define BASE_ADDRESS  0x000ffffffffff000ull

/* Spurious-interrupt vector register */
#define SVR_ENABLED     BIT(8)
#define SVR_NO_EOI_CAST BIT(12) /* suppress EOI-broadcast */
#define SVR_WRITABLE    (0x1ffu | SVR_NO_EOI_CAST)

#define DFR_MODEL 0xf0000000u

#define ICR_PENDING  BIT(12)
#define ICR_WRITABLE 0x000ccfffu

/* Error status register */
#define ESR_REDIRECTABLE     BIT(4)
#define ESR_SEND_ILLEGAL     BIT(5)
#define ESR_RECEIVE_ILLEGAL  BIT(6)
#define ESR_ILLEGAL_REGISTER BIT(7)

#define FIRST_LEGAL_VECTOR 16
#define NO_VECTOR          (-1)

/* Local vector table entry (SDM Vol. 3A, "Local Vector Table"). */
#define LVT_PENDING    0x1000u
#define LVT_POLARITY   0x2000u
#define LVT_LEVEL      0x8000u
#define LVT_MASKED     0x10000u
#define LVT_TIMER_MODE 0x60000u

static inline enum apic_delivery delivery_of(u32 entry) { return (enum apic_delivery)bits(entry, 10, 8); }
static inline bool lapic_is_enabled(const struct lapic *l) { return l->base & BASE_ENABLED; }
static inline bool lapic_is_software_enabled(const struct lapic *l) { return l->svr & SVR_ENABLED; }

/* --- lapic.c --- */

/* A local source fires: accepts its vector, NMI or INIT unless it is masked. */
void lapic_deliver_local(struct lapic *l, enum lapic_lvt which);
void lapic_accept_fixed(struct lapic *l, unsigned vector, bool level_triggered);
void lapic_note_error(struct lapic *l, u32 esr_bit);
/* Brings the INTR line up to date. */
void lapic_update_intr(struct lapic *l);

/* --- lapic_registers.c --- */

enum lapic_register {
#define REGISTER(name, index, count, xapic, x2apic, writable) REG_##name = (index),
#include "models/dev/lapic_registers.def"
};

/* One register by its index, by the rules of x2APIC mode. false: #GP. */
bool lapic_read_x2apic(struct lapic *l, u32 index, u64 *value);
bool lapic_write_x2apic(struct lapic *l, u32 index, u64 value);

/* --- lapic_ipi.c --- */

/* Sends what the ICR says. */
void lapic_send_ipi(struct lapic *l);
void lapic_send_self(struct lapic *l, u8 vector);
/* The event behind ipi_latency_ps. */
void lapic_ipi_arrives(void *self);

/* --- lapic_timer.c --- */

/* The timer's event. */
void lapic_timer_expired(void *self);

void lapic_timer_start(struct lapic *l, u32 initial_count);
void lapic_timer_divide(struct lapic *l, u32 divide);
u32 lapic_timer_current(const struct lapic *l);
void lapic_timer_mode_changed(struct lapic *l, u32 old_entry);
u64 lapic_timer_deadline(const struct lapic *l);
void lapic_timer_set_deadline(struct lapic *l, u64 tsc);

#endif
