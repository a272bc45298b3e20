/* bpred_btb.h - the branch target buffer: where branches went last.
 *
 * Models:     direct-mapped entries with full addresses.
 * Checked by: tests/unit/test_bpred.c
 */
#ifndef CORE_BPRED_BTB_H
#define CORE_BPRED_BTB_H

#include "models/sim/types.h"

struct btb {
    /* fixed at elaboration */
    u32 entries; /* a power of two */
    /* state */
    struct {
        u64 rip, target;
    } *entry;
};

void btb_init(struct btb *b, u32 entries);
void btb_fini(struct btb *b);

/* Forgets every branch. */
void btb_clear(struct btb *b);

/* The last target of the branch at `rip`, 0 if there is no entry for it; from now on it is `next`. */
u64 btb_exchange(struct btb *b, u64 rip, u64 next);

#endif
