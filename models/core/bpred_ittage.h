/* bpred_ittage.h - targets of indirect jumps and calls, by tagged tables of geometric history lengths.
 *
 * Models:       a table of last targets and four tagged ones, in the manner of bpred_tage.h; on a mispredict a longer
 *               history is allocated.
 * Source:       A. Seznec, "A 64-Kbytes ITTAGE indirect branch predictor" (CBP-3, 2011), smaller.
 * Checked by:   tests/unit/test_bpred_tage.c
 */
#ifndef CORE_BPRED_ITTAGE_H
#define CORE_BPRED_ITTAGE_H

#include "models/core/branch_history.h"

#define ITTAGE_TABLES 4

struct ittage_entry {
    u64 target;
    u16 tag;
    u8 confidence; /* 0 .. 3; at 0 the target is replaced */
};

struct ittage {
    /* fixed at elaboration */
    u32 table_bits;
    /* state */
    struct ittage_entry *table[ITTAGE_TABLES];
    struct history_fold index[ITTAGE_TABLES], tag[ITTAGE_TABLES];
};

void ittage_init(struct ittage *t, u32 table_bits);
void ittage_fini(struct ittage *t);
/* Forgets every target; the history stays. */
void ittage_clear(struct ittage *t);

/* Predicts where the branch at `rip` goes, and learns that it goes to `next`; base_target: what the table of last targets
 * says. True: the prediction was right. */
bool ittage_branch(struct ittage *t, u64 rip, u64 base_target, u64 next);
void ittage_update_history(struct ittage *t, const struct branch_history *h);

#endif
