/* softtlb.c - emptying the soft TLB: see softtlb.h. */
#include "isa/softtlb.h"
#include <string.h>

void soft_tlb_flush(struct soft_tlb *t)
{
    memset(t->read, 0xff, sizeof t->read);
    memset(t->write, 0xff, sizeof t->write);
    memset(t->fetch, 0xff, sizeof t->fetch);
    t->generation++;
}

static void drop(struct soft_entry (*class)[SOFT_TLB_ENTRIES], va_t va)
{
    u64 page = va.v & ~(PAGE_BYTES - 1);
    for (unsigned user = 0; user < 2; user++)
        if ((class[user][soft_index(va)].tag & ~(PAGE_BYTES - 1)) == page)
            class[user][soft_index(va)].tag = ~0ull;
}

void soft_tlb_drop(struct soft_tlb *t, va_t va)
{
    drop(t->read, va);
    drop(t->write, va);
    drop(t->fetch, va);
    t->generation++;
}

void soft_tlb_protect(struct soft_tlb *t, const u8 *host)
{
    for (unsigned user = 0; user < 2; user++)
        for (unsigned n = 0; n < SOFT_TLB_ENTRIES; n++) {
            struct soft_entry *e = &t->write[user][n];
            if ((e->tag & ~(PAGE_BYTES - 1)) + e->addend == (u64)(uintptr_t)host) e->tag = ~0ull;
        }
}
