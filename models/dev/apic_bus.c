#include "models/dev/apic_bus.h"
#include "models/dev/ioapic.h"
#include "models/dev/lapic.h"
#include "models/sim/check.h"

void apic_bus_attach_lapic(struct apic_bus *b, struct lapic *l)
{
    CHECK(b->lapics < APIC_BUS_LAPICS, "more local APICs than the bus has places");
    b->lapic[b->lapics++] = l;
}

void apic_bus_attach_ioapic(struct apic_bus *b, struct ioapic *io)
{
    CHECK(b->ioapics < APIC_BUS_IOAPICS, "more I/O APICs than the bus has places");
    b->ioapic[b->ioapics++] = io;
}

static bool is_destination(const struct lapic *l, const struct lapic *sender, const struct apic_message *m)
{
    switch ((enum apic_shorthand)m->shorthand) {
    case APIC_TO_SELF:
        return l == sender;
    case APIC_TO_ALL:
        return true;
    case APIC_TO_OTHERS:
        return l != sender;
    default:
        return lapic_matches(l, m);
    }
}

/* SDM Vol. 3A, "Lowest Priority Delivery Mode". */
static bool deliver_to_lowest(struct apic_bus *b, const struct lapic *sender, const struct apic_message *m)
{
    struct lapic *chosen = NULL;
    for (unsigned n = 0; n < b->lapics; n++) {
        struct lapic *l = b->lapic[n];
        if (!lapic_arbitrates(l) || !is_destination(l, sender, m)) continue;
        if (!chosen || lapic_priority(l) < lapic_priority(chosen)) chosen = l;
    }
    if (chosen) lapic_accept(chosen, m);
    return chosen;
}

bool apic_bus_deliver(struct apic_bus *b, const struct lapic *sender, const struct apic_message *m)
{
    bool claimed = false;
    if (m->delivery == APIC_LOWEST) return deliver_to_lowest(b, sender, m);
    for (unsigned n = 0; n < b->lapics; n++) {
        if (!is_destination(b->lapic[n], sender, m)) continue;
        lapic_accept(b->lapic[n], m);
        claimed = true;
    }
    return claimed;
}

void apic_bus_broadcast_eoi(struct apic_bus *b, u8 vector)
{
    for (unsigned n = 0; n < b->ioapics; n++) ioapic_end_of_interrupt(b->ioapic[n], vector);
}
