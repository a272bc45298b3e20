/* apic_bus.h - what carries interrupt messages between local APICs and from I/O APICs to them (SDM Vol. 3A,
 * "Issuing Interprocessor Interrupts").
 *
 * Models:       physical and logical destinations, shorthands, lowest-priority arbitration, EOI broadcasts.
 *               A message reaches its receivers at once and in the order of their attachment: latency is the
 *               sender's (lapic.h's ipi_latency_ps). Lowest priority goes to the lowest processor priority,
 *               among equals to the one attached first.
 * Not modelled: arbitration between messages, focus processors, retries.
 * Neighbours:   lapic.h, ioapic.h. The board attaches each of them once.
 * Checked by:   tests/unit/test_apic_bus.c, test_ioapic.c
 */
#ifndef DEV_APIC_BUS_H
#define DEV_APIC_BUS_H

#include "models/sim/types.h"

#define APIC_BUS_LAPICS  16
#define APIC_BUS_IOAPICS 1

enum apic_delivery {
    APIC_FIXED = 0,
    APIC_LOWEST = 1,
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_STARTUP = 6,
    APIC_EXTINT = 7
};

enum apic_shorthand { APIC_TO_DESTINATION, APIC_TO_SELF, APIC_TO_ALL, APIC_TO_OTHERS };

#define APIC_BROADCAST UINT32_MAX

struct apic_message {
    u32 destination; /* physical: an APIC ID, or APIC_BROADCAST; logical: a message destination address */
    bool logical;
    u8 delivery; /* enum apic_delivery */
    u8 vector;
    bool level;    /* trigger mode */
    u8 shorthand;  /* enum apic_shorthand; a message of an I/O APIC has none */
};

struct lapic;
struct ioapic;

struct apic_bus {
    /* wiring */
    struct lapic *lapic[APIC_BUS_LAPICS];
    struct ioapic *ioapic[APIC_BUS_IOAPICS];
    unsigned lapics, ioapics;
};

void apic_bus_attach_lapic(struct apic_bus *b, struct lapic *l);
void apic_bus_attach_ioapic(struct apic_bus *b, struct ioapic *io);

/* Delivers a message of `sender` (NULL: an I/O APIC). False: nobody is its destination. */
bool apic_bus_deliver(struct apic_bus *b, const struct lapic *sender, const struct apic_message *m);

/* A local APIC has ended a level-triggered interrupt. */
void apic_bus_broadcast_eoi(struct apic_bus *b, u8 vector);

#endif
