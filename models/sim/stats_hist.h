/* stats_hist.h - histograms of cycles: how often which latency, as counters do not tell.
 *
 * Models:       count, sum, maximum, and buckets: values 0 to 7 have one each, above them every power of two has
 *               four of one width, so that a value is known to 25 % (HISTOGRAM_BUCKETS - 1: everything from 2^32
 *               on). The registry's histograms are sums of parts, so that a total costs nothing where it is counted.
 *               A value belongs to the region in which it is counted: in which its walk, exit or load ends.
 * Not modelled: minimum (a region's can't be told from snapshots).
 * Neighbours:   stats.h keeps the registry, with the counters' region; results go to histograms.json.
 * Checked by:   tests/unit/test_histograms.c, tests/system/histograms.sh
 */
#ifndef SIM_STATS_HIST_H
#define SIM_STATS_HIST_H

#include "models/sim/types.h"
#include <stdio.h>

#define HISTOGRAM_BUCKETS 125 /* 8, four for each of 29 powers of two from 2^3 on, and the last */

struct histogram {
    u64 count, sum, max;
    u64 bucket[HISTOGRAM_BUCKETS];
};

/* The two bits behind the leading one are the place within its power of two. */
static inline unsigned histogram_bucket_of(u64 value)
{
    if (value < 8) return (unsigned)value;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(value);
    unsigned bucket = 4 * (exponent - 1) + (unsigned)(value >> (exponent - 2) & 3);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The smallest and the largest value of a bucket; the last one's largest is UINT64_MAX. */
u64 histogram_bucket_from(unsigned bucket);
u64 histogram_bucket_to(unsigned bucket);

static inline void histogram_add(struct histogram *h, u64 value)
{
    h->count++;
    h->sum += value;
    h->max = max_u64(h->max, value);
    h->bucket[histogram_bucket_of(value)]++;
}

/* The bucket that holds the value below which `percent` of all values lie or which they equal (1 to 100); of an
 * empty histogram 0. */
unsigned histogram_percentile(const struct histogram *h, unsigned percent);

/* Sum of counts over the buckets, which is `count`: for assertions. */
u64 histogram_total(const struct histogram *h);

/* --- the registry --- */

struct histogram_entry {
    char *path;
    const char *meaning;
    struct histogram *part;
    size_t n_parts;
    struct histogram begin, end; /* sums of the parts at the region's begin and end; begin.max: the maximum before it */
};

struct histogram_registry {
    struct histogram_entry *entry; /* sorted by path */
    size_t n, capacity;
};

void histograms_free(struct histogram_registry *r);
void histograms_add(struct histogram_registry *r, const char *path, const char *meaning, struct histogram *part,
                    size_t n_parts);

void histograms_region_begin(struct histogram_registry *r);
void histograms_region_end(struct histogram_registry *r);

/* Which of an entry's values: of the whole run so far; of the region to now; of the region that has ended. */
enum histogram_span { HISTOGRAM_ALL, HISTOGRAM_REGION_OPEN, HISTOGRAM_REGION_ENDED };
struct histogram histograms_value(const struct histogram_entry *e, enum histogram_span span);

/* A JSON object: path to {meaning, unit, count, sum, max, mean, p50, p90, p99, buckets}. Buckets without values are
 * left out; `to` is null in the one that has no end. A percentile is the bucket that holds it, cut at the maximum.
 * Nothing counted: mean and percentiles are null. */
void histograms_print(const struct histogram_registry *r, enum histogram_span span, FILE *out);
/* Paths with meanings: `gigogne list stats`. */
void histograms_print_list(const struct histogram_registry *r, int width);

#endif
