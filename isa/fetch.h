/* fetch.h - where one hart finds its next decoded instruction.
 *
 * Models:       for the fast core a direct-mapped table from linear address to decoded block; for timed cores
 *               the 64-byte line that was fetched last, so that a translation is asked for only when the
 *               fetch enters another line.
 * Not modelled: fetching ahead; what the modelled front end does with the accesses is its own.
 * Neighbours:   icache.h holds the decoded code, softtlb.h and mmu_ops translate, run.c and timed.c execute.
 * Checked by:   tests/unit/test_icache.c, tests/unit/test_run.c, tests/unit/test_timed.c
 */
#ifndef ISA_FETCH_H
#define ISA_FETCH_H

#include "isa/insn.h"

#define FETCH_TABLE_BITS 12
#define FETCH_NO_LINE    (~0ull)

/* A block by the linear address of its first instruction. */
struct fetch_entry {
    u64 rip;
    u64 context; /* address space, privilege class, mode and generation that it was found in */
    const struct insn *first;
    u32 block;  /* its index in the decoded-instruction cache */
    u8 count;   /* instructions, without the sentinel */
    bool stops; /* the functional run returns to the core behind it */
};

struct fetch_state {
    /* fast core */
    u64 context;         /* of now: entries with another one are not for us */
    bool segmented;      /* CS has a base or a limit: blocks are looked up and checked each time */
    bool alone;          /* the instruction that runs is the only one of its step: it may touch devices */
    bool touched_device; /* it did */
    bool paused;         /* it was PAUSE */
    struct fetch_entry scratch; /* the block found last, when it must not be kept */
    /* timed cores */
    const struct insn *next;    /* decoded instruction behind the last one, NULL: look it up */
    u64 next_rip;               /* where it lies */
    const struct insn *current; /* what isa_fetch found and isa_execute executes */
    u64 line_va;                /* linear address of the line fetched last, or FETCH_NO_LINE */
    hpa_t line_at;
    struct fetch_entry entry[1u << FETCH_TABLE_BITS];
};

struct hart;
struct block;

/* Control state, translations or the world may have changed: derive the context again and forget the
 * fetched line. */
void fetch_restart(struct hart *h);
/* The block at RIP, decoded if need be. NULL: h->fault tells why it cannot be fetched. */
const struct fetch_entry *fetch_find(struct hart *h);
/* Linear address of an instruction pointer in CS. */
u64 fetch_linear(const struct hart *h, u64 rip);
/* For timed cores: the instruction at RIP, its fetch accesses added to the record. NULL: h->fault. */
const struct insn *fetch_next_timed(struct hart *h);

#endif
