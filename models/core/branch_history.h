/* branch_history.h - the global history of branches, and hashes of its latest bits.
 *
 * A fold is the exclusive or of a history's latest `length` bits in pieces of `width`, kept up as bits come in: what tagged
 * geometric-history predictors make their indices and tags of. P. Michaud, "A PPM-like, Tag-based Branch Predictor"
 * (JILP 2005).
 * Neighbours: bpred_tage.c, bpred_ittage.c
 */
#ifndef CORE_BRANCH_HISTORY_H
#define CORE_BRANCH_HISTORY_H

#include "models/sim/types.h"

#define HISTORY_BITS 256u /* longest history; a power of two */

struct branch_history {
    u8 bit[HISTORY_BITS]; /* a ring */
    u32 at;               /* of the latest */
};

struct history_fold {
    u32 value;
    u8 length, width;
    u8 oldest; /* length % width: where the bit that becomes too old leaves the fold */
};

static inline struct history_fold history_fold_of(unsigned length, unsigned width)
{
    return (struct history_fold){.length = (u8)length, .width = (u8)width, .oldest = (u8)(length % width)};
}

static inline void history_push(struct branch_history *h, bool bit)
{
    h->at = (h->at + 1) % HISTORY_BITS;
    h->bit[h->at] = bit;
}

/* Behind every push: the bit that came and the one that has become too old change the fold. */
static inline void fold_update(struct history_fold *f, const struct branch_history *h)
{
    u32 old = h->bit[(h->at - f->length) % HISTORY_BITS];
    u32 value = f->value << 1 | h->bit[h->at];
    value ^= old << f->oldest;
    value ^= value >> f->width;
    f->value = value & ((1u << f->width) - 1);
}

#endif
