/* bpred_tage.h - direction prediction by tagged tables of geometric history lengths.
 *
 * Models:       a bimodal table and seven tagged ones; the longest history whose tag matches predicts, a fresh entry
 *               only if the like have been right; on a mispredict a longer one is allocated; useful bits age.
 * Not modelled: update delay, loop and statistical correctors.
 * Source:       A. Seznec, P. Michaud, "A case for (partially) TAgged GEometric history length branch prediction"
 *               (JILP 2006). What real processors have is not published.
 * Checked by:   tests/unit/test_bpred_tage.c
 */
#ifndef CORE_BPRED_TAGE_H
#define CORE_BPRED_TAGE_H

#include "models/core/branch_history.h"

#define TAGE_TABLES    7
#define TAGE_BASE_BITS 13

struct tage_entry {
    u16 tag;
    i8 counter; /* -4 .. 3: taken from 0 on */
    u8 useful;  /* 0 .. 3 */
};

struct tage {
    /* fixed at elaboration */
    u32 table_bits;
    /* state */
    u8 *base; /* 2-bit counters */
    struct tage_entry *table[TAGE_TABLES];
    struct history_fold index[TAGE_TABLES], tag[TAGE_TABLES][2];
    i8 trust_fresh; /* below 0: a fresh entry's alternative is better */
    u32 updates;
};

/* table_bits: 2^table_bits entries in each tagged table. */
void tage_init(struct tage *t, u32 table_bits);
void tage_fini(struct tage *t);

/* Predicts the branch at `rip` and learns that it went `taken`. True: the prediction was right. */
bool tage_branch(struct tage *t, u64 rip, bool taken);
/* A bit has entered the history. */
void tage_update_history(struct tage *t, const struct branch_history *h);

#endif
