/* ioapic.h - the I/O APIC of a PC (Intel 82093AA data sheet): 24 inputs, each with an entry of the redirection
 * table.
 *
 * Models:       ID, version, arbitration ID, redirection table; edge and level triggering, polarity, masks,
 *               remote IRR; every delivery mode that the APIC bus has; the version-0x20 EOI register.
 * Not modelled: delivery status (a message is delivered at once), ExtINT acknowledgement by an input, message-
 *               signalled interrupts of PCI devices, interrupt remapping.
 * Neighbours:   ioapic_input() lines from devices; apic_bus.h towards the local APICs, which also brings
 *               their EOIs back.
 * Checked by:   tests/unit/test_ioapic.c
 */
#ifndef DEV_IOAPIC_H
#define DEV_IOAPIC_H

#include "models/dev/apic_bus.h"
#include "models/dev/irq.h"
#include "models/sim/stats.h"

#define IOAPIC_BASE   0xfec00000ull
#define IOAPIC_BYTES  4096
#define IOAPIC_INPUTS 24

#define IOAPIC_STATS(S)                                                       \
    S(messages, "interrupt messages sent to local APICs")                     \
    S(lost,     "of them, those that no local APIC was the destination of")   \
    S(eois,     "ends of level-triggered interrupts that a remote IRR waited for")

struct ioapic_stats {
    IOAPIC_STATS(STAT_FIELD)
};

struct ioapic {
    /* wiring */
    struct apic_bus *bus;
    /* state */
    u8 id, select;
    u64 entry[IOAPIC_INPUTS];
    u32 level; /* of each input, as its pin is */
    /* statistics */
    struct ioapic_stats stats;
};

/* All inputs masked. */
void ioapic_init(struct ioapic *io, u8 id, struct apic_bus *bus);

/* The line to input n (0..23). On a PC the 8254 is at input 2, the others at the numbers of their IRQ lines. */
struct irq_line ioapic_input(struct ioapic *io, unsigned n);

static inline bool ioapic_decodes(hpa_t at) { return at.v - IOAPIC_BASE < IOAPIC_BYTES; }
/* Registers are reached by aligned doublewords; anything else reads 0 and writes nothing. */
u64 ioapic_mmio_read(struct ioapic *io, hpa_t at, unsigned bytes);
void ioapic_mmio_write(struct ioapic *io, hpa_t at, u64 value, unsigned bytes);

/* A local APIC has ended `vector`: entries with it send again if their level is still there. */
void ioapic_end_of_interrupt(struct ioapic *io, u8 vector);

void ioapic_add_stats(const struct ioapic *io, struct stats *reg, const char *prefix);

#endif
