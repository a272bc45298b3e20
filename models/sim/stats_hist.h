/* stats_hist.h - a histogram over powers of two, as a handful of counters.
 *
 * Models:       count, sum, maximum, and one bucket per bit length: bucket 0 holds zeros, bucket k the
 *               values 2^(k-1) .. 2^k - 1, the last bucket everything above as well. The same paths
 *               whatever was counted.
 * Not modelled: minimum (a region's can't be told from snapshots).
 * Checked by:   tests/unit/test_stats.c
 */
#ifndef SIM_STATS_HIST_H
#define SIM_STATS_HIST_H

#include "models/sim/stats.h"

#define HISTOGRAM_BUCKETS 25

struct histogram {
    u64 count, sum, max;
    u64 bucket[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket_of(u64 value)
{
    unsigned bit_length = value ? 64 - (unsigned)__builtin_clzll(value) : 0;
    return bit_length < HISTOGRAM_BUCKETS ? bit_length : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(struct histogram *h, u64 value)
{
    h->count++;
    h->sum += value;
    h->max = max_u64(h->max, value);
    h->bucket[histogram_bucket_of(value)]++;
}

/* Registers <path>.count .sum .max .bucket_00 ... . `meaning` says what is counted: "cycles of a walk". */
void histogram_register(struct histogram *h, struct stats *s, const char *path, const char *meaning);

#endif
