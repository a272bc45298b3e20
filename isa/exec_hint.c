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

/* A load of one byte whose data nobody gets: what would fault, or is a device's, is left alone; no breakpoint sees it. */
enum outcome exec_prefetch(struct hart *h, const struct insn *i)
{
    struct mem_span byte;
    const struct fault fault = h->fault;
    const u64 hits = h->debug_hits;
    if (!mem_get_span(h, i->segment, insn_ea(h, i), 1, ACCESS_READ, &byte)) h->fault = fault;
    h->debug_hits = hits;
    return OUT_NEXT;
}

/* Faults like a load of one byte, which it is in the record, too; what becomes of the line is the timing core's. */
enum outcome exec_clflush(struct hart *h, const struct insn *i)
{
    struct mem_span byte;
    if (!mem_get_span(h, i->segment, insn_ea(h, i), 1, ACCESS_READ, &byte)) return OUT_FAULT;
    if (UNLIKELY(h->warm)) h->warm->flush(h->warm_self, byte.at, insn_cold(h, i)->iclass == CLASS_clwb);
    return OUT_NEXT;
}
