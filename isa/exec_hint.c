/* exec_hint.c - NOP and everything that does nothing here, the region marker, CLFLUSH and relatives. */
#include "isa/icache.h"
#include "isa/operand.h"

enum outcome exec_nop(struct hart *h, const struct insn *i)
{
    (void)h, (void)i;
    return OUT_NEXT;
}

enum outcome exec_marker(struct hart *h, const struct insn *i)
{
    if (h->bus->marker) h->bus->marker(h->bus_self, h, insn_cold(h, i)->marker_payload);
    return OUT_NEXT;
}

/* Faults like a load of one byte; the caches behind it are the timing model's. */
enum outcome exec_clflush(struct hart *h, const struct insn *i)
{
    return mem_probe(h, insn_ea(h, i), ACCESS_READ, explicit_by(h)) ? OUT_NEXT : OUT_FAULT;
}
