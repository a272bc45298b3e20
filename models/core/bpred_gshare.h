/* bpred_gshare.h - direction prediction by 2-bit counters indexed by address xor global history.
 *
 * Source:     S. McFarling, "Combining Branch Predictors" (DEC WRL TN-36, 1993).
 * Checked by: tests/unit/test_bpred.c
 */
#ifndef CORE_BPRED_GSHARE_H
#define CORE_BPRED_GSHARE_H

#include "models/sim/types.h"

struct gshare {
    /* fixed at elaboration */
    u32 history_bits, counter_mask;
    /* state */
    u8 *counter; /* 2-bit, counter_mask + 1 of them */
    u32 history;
};

/* 2^max(history_bits, 10) counters. */
void gshare_init(struct gshare *g, u32 history_bits);
void gshare_fini(struct gshare *g);

/* Predicts the branch at `rip` and learns that it went `taken`. True: the prediction was right. */
bool gshare_branch(struct gshare *g, u64 rip, bool taken);

#endif
