/* stats.h - counters are plain u64 fields of a model's struct; a registry knows their paths.
 *
 *   #define CACHE_STATS(S)                    \
 *       S(lookups, "tag lookups, all kinds")  \
 *       S(misses,  "lookups that found no valid line")
 *   struct cache_stats { CACHE_STATS(STAT_FIELD) };
 *   #define STAT_OF struct cache_stats
 *   static const struct stat_row rows[] = {CACHE_STATS(STAT_ROW)};
 *   #undef STAT_OF
 *   stats_add_rows(reg, "cpu0.l1d", rows, ARRAY_LEN(rows), &cache->stats);
 *
 * Counting is one increment of a field. A snapshot copies all values; a report is values minus a snapshot.
 * Histograms (stats_hist.h) have a file of their own.
 * Checked by:   tests/unit/test_stats.c
 */
#ifndef SIM_STATS_H
#define SIM_STATS_H

#include "models/sim/types.h"

struct stat_row {
    const char *name;
    size_t offset;
    const char *meaning;
};

#define STAT_FIELD(name, meaning) u64 name;
#define STAT_ROW(name, meaning)   {#name, offsetof(STAT_OF, name), meaning},

struct stats; /* the registry */
struct histogram;

struct stats *stats_new(void);
void stats_free(struct stats *s);

/* Registers one counter; `path` like "cpu0.l1d.lookups" is copied, `value` must outlive the registry,
 * `meaning` too. A path is registered once (assertion). */
void stats_add(struct stats *s, const char *path, const char *meaning, const u64 *value);
void stats_add_rows(struct stats *s, const char *prefix, const struct stat_row *rows, size_t n,
                    const void *base);

/* Registers a histogram of cycles: the sum of `n_parts` of them from `part` on. */
void stats_add_histogram(struct stats *s, const char *path, const char *meaning, struct histogram *part,
                         size_t n_parts);

/* Registers a value that is no count: reports of the region give it as it is. */
void stats_add_level(struct stats *s, const char *path, const char *meaning, const u64 *value);

size_t stats_count(const struct stats *s);
/* In the order of strcmp(). */
const char *stats_path(const struct stats *s, size_t i);
/* Value of the whole run so far, by path; false if there is none. */
bool stats_find(const struct stats *s, const char *path, u64 *value);

/* Remembers all values as the beginning (or the end) of the measured region. Beginning twice starts the
 * region anew. */
void stats_region_begin(struct stats *s);
void stats_region_end(struct stats *s);
bool stats_region_seen(const struct stats *s);
/* Value in the measured region (to now if it was not ended); false if there is no such path. A region must
 * have begun. */
bool stats_find_region(const struct stats *s, const char *path, u64 *value);

/* A sampled run: from now on the region, which begins here, is what lies in its windows: counters are summed over
 * them. */
void stats_sample(struct stats *s);
void stats_window_begin(struct stats *s);
void stats_window_end(struct stats *s);

/* Writes <dir>/<name>.json (flat map, path to number, sorted by path) and <dir>/<name>.txt (aligned, with
 * meanings), each replaced whole or not at all. region=true: the measured region (to now if it was not
 * ended); false: the whole run. Returns false and sets errno on failure. */
bool stats_write(const struct stats *s, const char *dir, const char *name, bool region);
/* The same for <dir>/<name>.json with the histograms (histograms_print). */
bool stats_write_histograms(const struct stats *s, const char *dir, const char *name, bool region);

/* All paths with meanings, counters and then histograms: `gigogne list stats`. */
void stats_print_list(const struct stats *s);

#endif
