/* lapic_ipi.c - interprocessor interrupts: the interrupt command register and destinations (SDM Vol. 3A,
 * "Issuing Interprocessor Interrupts"). */
#include "models/dev/lapic_internal.h"

#define ICR_LOGICAL BIT(11)
#define ICR_ASSERT  BIT(14)
#define ICR_LEVEL   BIT(15)

#define XAPIC_BROADCAST 0xffu

bool lapic_in_x2apic_mode(const struct lapic *l)
{
    return l->base & BASE_X2APIC;
}

/* --- receiving: "Determining IPI Destination" --- */

static bool matches_cluster(u32 destination, u32 logical)
{
    return (destination >> 4 == logical >> 4 || destination >> 4 == 0xf) && (destination & logical & 0xf);
}

/* "Logical Destination Mode in x2APIC Mode" */
static bool matches_logical_x2apic(u32 destination, u32 ldr)
{
    return destination == APIC_BROADCAST || (destination >> 16 == ldr >> 16 && (destination & ldr & 0xffff));
}

bool lapic_matches(const struct lapic *l, const struct apic_message *m)
{
    if (!lapic_is_enabled(l)) return false;
    if (!m->logical) return m->destination == l->id || m->destination == APIC_BROADCAST;
    if (lapic_in_x2apic_mode(l)) return matches_logical_x2apic(m->destination, l->ldr);
    if ((l->dfr & DFR_MODEL) == DFR_MODEL) return m->destination & l->ldr >> 24; /* flat */
    return matches_cluster(m->destination, l->ldr >> 24);
}

/* --- sending --- */

static u32 destination(const struct lapic *l)
{
    if (lapic_in_x2apic_mode(l)) return l->icr_high;
    u32 id = l->icr_high >> 24;
    return id == XAPIC_BROADCAST && !(l->icr_low & ICR_LOGICAL) ? APIC_BROADCAST : id;
}

/* A message to oneself needs no bus. */
static void deliver(struct lapic *l, const struct apic_message *m)
{
    bool claimed = false;
    if (m->shorthand == APIC_TO_SELF || (!l->desc.bus && m->shorthand != APIC_TO_OTHERS)) {
        claimed = m->shorthand != APIC_TO_DESTINATION || lapic_matches(l, m);
        if (claimed) lapic_accept(l, m);
    } else if (l->desc.bus) {
        claimed = apic_bus_deliver(l->desc.bus, l, m);
    }
    if (!claimed) l->stats.lost_ipis++;
}

void lapic_ipi_arrives(void *self)
{
    struct lapic *l = self;
    deliver(l, &l->sent);
}

static void send(struct lapic *l, const struct apic_message *m)
{
    bool to_self = m->shorthand == APIC_TO_SELF;
    *(to_self ? &l->stats.self_ipis : &l->stats.ipis) += 1;
    if (to_self || l->ipi_latency_ps == 0) {
        deliver(l, m);
        return;
    }
    if (kernel_event_pending(l->ipi)) { /* one at a time: what the processor would wait for is now there */
        kernel_cancel(l->ipi);
        lapic_ipi_arrives(l);
    }
    l->sent = *m;
    kernel_notify(l->ipi, l->ipi_latency_ps);
}

static bool is_fixed(const struct apic_message *m)
{
    return m->delivery == APIC_FIXED || m->delivery == APIC_LOWEST;
}

/* Lowest priority is reserved in x2APIC mode; INIT level de-assert does nothing since the Pentium 4. */
void lapic_send_ipi(struct lapic *l)
{
    struct apic_message m = {.destination = destination(l),
                             .logical = l->icr_low & ICR_LOGICAL,
                             .delivery = (u8)delivery_of(l->icr_low),
                             .vector = (u8)l->icr_low,
                             .shorthand = (u8)bits(l->icr_low, 19, 18)};
    if (m.delivery == APIC_SMI || m.delivery == APIC_EXTINT || m.delivery == 3)
        l->stats.unmodelled_ipis++;
    else if (is_fixed(&m) && m.vector < FIRST_LEGAL_VECTOR)
        lapic_note_error(l, ESR_SEND_ILLEGAL);
    else if (m.delivery == APIC_LOWEST && lapic_in_x2apic_mode(l))
        lapic_note_error(l, ESR_REDIRECTABLE);
    else if (m.delivery != APIC_INIT || !(l->icr_low & ICR_LEVEL) || (l->icr_low & ICR_ASSERT))
        send(l, &m);
}

void lapic_send_self(struct lapic *l, u8 vector)
{
    if (vector < FIRST_LEGAL_VECTOR)
        lapic_note_error(l, ESR_SEND_ILLEGAL);
    else
        send(l, &(struct apic_message){.vector = vector, .shorthand = APIC_TO_SELF});
    lapic_update_intr(l);
}

void lapic_send_fixed(struct lapic *l, u8 vector, u32 id)
{
    u32 all = lapic_in_x2apic_mode(l) ? APIC_BROADCAST : XAPIC_BROADCAST;
    send(l, &(struct apic_message){.destination = id == all ? APIC_BROADCAST : id, .vector = vector});
    lapic_update_intr(l);
}
