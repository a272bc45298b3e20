/* softtlb.h - the executor's own cache of translations to host pointers: what makes `fast` fast.
 *
 * Models:       data reads, data writes and instruction fetches, each direct-mapped by 4 KiB page and
 *               privilege class, so user and supervisor rights never mix.
 * Not modelled: page sizes: a larger page occupies one entry per 4 KiB, and whoever invalidates it drops or
 *               flushes them all.
 * Neighbours:   mem.c and fetch.c fill it, only from translations that the MMU marks cacheable_soft (the fast
 *               core); in timing mode it stays empty and every access asks the MMU, because there the
 *               modelled TLBs are the TLBs. The MMU hands out address-space tags per (VPID, PCID, EP4TA) and
 *               takes a new one to flush.
 * Checked by:   tests/unit/test_exec_memory.c
 */
#ifndef ISA_SOFTTLB_H
#define ISA_SOFTTLB_H

#include "models/sim/types.h"

#define SOFT_TLB_BITS    12
#define SOFT_TLB_ENTRIES (1u << SOFT_TLB_BITS)
#define SOFT_TAG_BITS    12 /* the space below the page number */
#define SOFT_TAG_NONE    0xfffu
#define SOFT_TAG_PARKED  0xffeu /* no entry has it */

/* Supervisor, user, and one that is never filled: who looks there takes the slow path. */
#define SOFT_CLASS_EMPTY 2
#define SOFT_CLASSES     3

struct soft_entry {
    u64 tag;    /* page address | address-space tag; ~0: empty */
    u64 addend; /* host pointer = linear address + addend */
};

struct soft_tlb {
    u32 space;      /* current address-space tag, 0..0xffd, or SOFT_TAG_PARKED */
    u32 generation; /* counts flushes and drops: what an older one found must be looked up again */
    bool user;      /* privilege class of now (CPL 3) */
    u8 lookup_class; /* the class that inline lookups use: user, or SOFT_CLASS_EMPTY if accesses must be checked or told */
    bool checks;     /* segments, watched addresses or alignment must be checked */
    struct soft_entry read[SOFT_CLASSES][SOFT_TLB_ENTRIES];
    struct soft_entry write[SOFT_CLASSES][SOFT_TLB_ENTRIES];
    struct soft_entry fetch[2][SOFT_TLB_ENTRIES];
};

void soft_tlb_flush(struct soft_tlb *t);
/* Drops one 4 KiB page in both classes and all kinds, whatever its space. */
void soft_tlb_drop(struct soft_tlb *t, va_t va);
/* Drops every entry whose host memory is the 4 KiB page at `host` for writing: it holds decoded code now. */
void soft_tlb_protect(struct soft_tlb *t, const u8 *host);

/* A timing core runs: what is there stays, and is not found. */
static inline void soft_tlb_park(struct soft_tlb *t)
{
    t->space = SOFT_TAG_PARKED;
}

static inline u64 soft_tag(const struct soft_tlb *t, va_t va)
{
    return (va.v & ~(PAGE_BYTES - 1)) | t->space;
}
static inline unsigned soft_index(va_t va)
{
    return (va.v >> PAGE_SHIFT) & (SOFT_TLB_ENTRIES - 1);
}
/* Does the entry at va's index answer for all `bytes`? One comparison, with the page of the last byte: the entry of
 * another page than the first byte's lies at another index. */
static inline bool soft_answers(const struct soft_tlb *t, const struct soft_entry *e, va_t va, unsigned bytes)
{
    return e->tag == soft_tag(t, VA(va.v + bytes - 1));
}
static inline u8 *soft_host(const struct soft_entry *e, va_t va)
{
    return (u8 *)(uintptr_t)(va.v + e->addend);
}

#endif
