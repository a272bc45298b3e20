#include "models/sim/stats.h"

#include "models/sim/check.h"
#include "models/sim/files.h"
#include "models/sim/stats_hist.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH_BYTES 256

struct stat {
    char *path;
    const char *meaning;
    const u64 *value;
    bool level; /* no counter */
    u64 begin, end; /* at the region's; begin: or at the window's */
    u64 sum; /* over windows */
};

enum region { REGION_NONE, REGION_OPEN, REGION_ENDED };

struct stats {
    struct stat *stat; /* sorted by path */
    size_t n, capacity;
    struct histogram_registry histograms;
    enum region region;
    bool sampled;
};

struct stats *stats_new(void)
{
    struct stats *s = calloc(1, sizeof *s);
    CHECK(s, "no memory for statistics");
    return s;
}

void stats_free(struct stats *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n; i++) free(s->stat[i].path);
    free(s->stat);
    histograms_free(&s->histograms);
    free(s);
}

/* The index of `path`, or where it belongs. */
static size_t lower_bound(const struct stats *s, const char *path)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(s->stat[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct stat *find(const struct stats *s, const char *path)
{
    size_t i = lower_bound(s, path);
    return i < s->n && strcmp(s->stat[i].path, path) == 0 ? &s->stat[i] : NULL;
}

static void reserve_one(struct stats *s)
{
    if (s->n < s->capacity) return;
    s->capacity = s->capacity ? 2 * s->capacity : 256;
    s->stat = realloc(s->stat, s->capacity * sizeof *s->stat);
    CHECK(s->stat, "no memory for %zu statistics", s->capacity);
}

static void add(struct stats *s, struct stat added)
{
    size_t i = lower_bound(s, added.path);
    CHECK(!find(s, added.path), "two statistics are called %s", added.path);
    CHECK(s->region == REGION_NONE, "statistic %s registered inside a measured region", added.path);
    added.path = strdup(added.path);
    CHECK(added.path, "no memory for a path");
    reserve_one(s);
    memmove(&s->stat[i + 1], &s->stat[i], (s->n++ - i) * sizeof *s->stat);
    s->stat[i] = added;
}

void stats_add(struct stats *s, const char *path, const char *meaning, const u64 *value)
{
    add(s, (struct stat){.path = (char *)path, .meaning = meaning, .value = value});
}

void stats_add_histogram(struct stats *s, const char *path, const char *meaning, struct histogram *part, size_t n_parts)
{
    CHECK(s->region == REGION_NONE, "histogram %s registered inside a measured region", path);
    histograms_add(&s->histograms, path, meaning, part, n_parts);
}

void stats_add_level(struct stats *s, const char *path, const char *meaning, const u64 *value)
{
    add(s, (struct stat){.path = (char *)path, .meaning = meaning, .value = value, .level = true});
}

void stats_add_rows(struct stats *s, const char *prefix, const struct stat_row *rows, size_t n,
                    const void *base)
{
    for (size_t i = 0; i < n; i++) {
        char path[MAX_PATH_BYTES];
        int bytes = snprintf(path, sizeof path, "%s.%s", prefix, rows[i].name);
        CHECK(bytes < MAX_PATH_BYTES, "a path of more than %d bytes: %s", MAX_PATH_BYTES, path);
        stats_add(s, path, rows[i].meaning, (const u64 *)(const void *)((const char *)base + rows[i].offset));
    }
}

size_t stats_count(const struct stats *s)
{
    return s->n;
}

const char *stats_path(const struct stats *s, size_t i)
{
    return s->stat[i].path;
}

/* --- regions --- */

void stats_region_begin(struct stats *s)
{
    for (struct stat *t = s->stat; t < s->stat + s->n; t++) {
        t->begin = *t->value;
        t->sum = 0;
    }
    histograms_region_begin(&s->histograms);
    s->region = REGION_OPEN;
}

void stats_region_end(struct stats *s)
{
    CHECK(s->region != REGION_NONE, "a measured region ends that never began");
    for (struct stat *t = s->stat; t < s->stat + s->n; t++) t->end = *t->value;
    histograms_region_end(&s->histograms);
    s->region = REGION_ENDED;
}

void stats_sample(struct stats *s)
{
    s->sampled = true;
    stats_region_begin(s);
}

void stats_window_begin(struct stats *s)
{
    for (struct stat *t = s->stat; t < s->stat + s->n; t++)
        t->begin = *t->value;
}

void stats_window_end(struct stats *s)
{
    for (struct stat *t = s->stat; t < s->stat + s->n; t++)
        t->sum += *t->value - t->begin;
}

bool stats_region_seen(const struct stats *s)
{
    return s->region != REGION_NONE;
}

static u64 region_value(const struct stats *s, const struct stat *t)
{
    u64 end = s->region == REGION_ENDED ? t->end : *t->value;
    if (t->level) return end;
    return s->sampled ? t->sum : end - t->begin;
}

static u64 value_of(const struct stats *s, const struct stat *t, bool region)
{
    return region ? region_value(s, t) : *t->value;
}

bool stats_find(const struct stats *s, const char *path, u64 *value)
{
    const struct stat *t = find(s, path);
    if (t) *value = *t->value;
    return t;
}

bool stats_find_region(const struct stats *s, const char *path, u64 *value)
{
    CHECK(stats_region_seen(s), "no measured region to ask for %s", path);
    const struct stat *t = find(s, path);
    if (t) *value = region_value(s, t);
    return t;
}

/* --- reports --- */

static void print_json(const struct stats *s, bool region, FILE *out)
{
    fputs("{\n", out);
    for (size_t i = 0; i < s->n; i++) {
        const struct stat *t = &s->stat[i];
        fprintf(out, "  \"%s\": %" PRIu64 "%s\n", t->path, value_of(s, t, region), i + 1 < s->n ? "," : "");
    }
    fputs("}\n", out);
}

static void print_histograms(const struct stats *s, bool region, FILE *out)
{
    enum histogram_span in_region = s->region == REGION_ENDED ? HISTOGRAM_REGION_ENDED : HISTOGRAM_REGION_OPEN;
    histograms_print(&s->histograms, region ? in_region : HISTOGRAM_ALL, out);
}

static int widest_path(const struct stats *s)
{
    size_t widest = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t bytes = strlen(s->stat[i].path);
        if (bytes > widest) widest = bytes;
    }
    return (int)widest;
}

static void print_text(const struct stats *s, bool region, FILE *out)
{
    int width = widest_path(s);
    for (size_t i = 0; i < s->n; i++) {
        const struct stat *t = &s->stat[i];
        fprintf(out, "%-*s %20" PRIu64 "  # %s\n", width, t->path, value_of(s, t, region), t->meaning);
    }
}

static bool write_file(const struct stats *s, const char *dir, const char *name, const char *suffix,
                       bool region, void (*print)(const struct stats *, bool, FILE *))
{
    struct whole_file f;
    char *path = files_path(dir, name, suffix);
    bool begun = whole_file_begin(&f, path);
    free(path);
    if (!begun) return false;
    print(s, region, f.out);
    return whole_file_commit(&f);
}

bool stats_write(const struct stats *s, const char *dir, const char *name, bool region)
{
    CHECK(!region || stats_region_seen(s), "no measured region to write");
    return write_file(s, dir, name, ".json", region, print_json) &&
           write_file(s, dir, name, ".txt", region, print_text);
}

bool stats_write_histograms(const struct stats *s, const char *dir, const char *name, bool region)
{
    CHECK(!region || stats_region_seen(s), "no measured region to write");
    return write_file(s, dir, name, ".json", region, print_histograms);
}

void stats_print_list(const struct stats *s)
{
    int width = widest_path(s);
    for (size_t i = 0; i < s->n; i++) printf("%-*s  %s\n", width, s->stat[i].path, s->stat[i].meaning);
    histograms_print_list(&s->histograms, width);
}
