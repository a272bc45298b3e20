#include "models/sim/stats_hist.h"
#include "models/sim/check.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- buckets --- */

u64 histogram_bucket_from(unsigned bucket)
{
    if (bucket < 8) return bucket;
    unsigned exponent = bucket / 4 + 1;
    return (u64)(4 + bucket % 4) << (exponent - 2);
}

u64 histogram_bucket_to(unsigned bucket)
{
    return bucket + 1 < HISTOGRAM_BUCKETS ? histogram_bucket_from(bucket + 1) - 1 : UINT64_MAX;
}

unsigned histogram_percentile(const struct histogram *h, unsigned percent)
{
    u64 below = 0;
    for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
        below += h->bucket[b];
        if ((double)below >= (double)h->count * percent / 100) return b;
    }
    return HISTOGRAM_BUCKETS - 1;
}

u64 histogram_total(const struct histogram *h)
{
    u64 total = 0;
    for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) total += h->bucket[b];
    return total;
}

/* --- the registry --- */

static struct histogram sum_of_parts(const struct histogram_entry *e)
{
    struct histogram sum = {0};
    for (const struct histogram *h = e->part; h < e->part + e->n_parts; h++) {
        sum.count += h->count;
        sum.sum += h->sum;
        sum.max = max_u64(sum.max, h->max);
        for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) sum.bucket[b] += h->bucket[b];
    }
    return sum;
}

static void subtract(struct histogram *from, const struct histogram *h)
{
    from->count -= h->count;
    from->sum -= h->sum;
    for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) from->bucket[b] -= h->bucket[b];
}

struct histogram histograms_value(const struct histogram_entry *e, enum histogram_span span)
{
    struct histogram h = span == HISTOGRAM_REGION_ENDED ? e->end : sum_of_parts(e);
    if (span == HISTOGRAM_ALL)
        h.max = max_u64(h.max, e->begin.max);
    else
        subtract(&h, &e->begin);
    return h;
}

void histograms_free(struct histogram_registry *r)
{
    for (size_t i = 0; i < r->n; i++) free(r->entry[i].path);
    free(r->entry);
}

static void reserve_one(struct histogram_registry *r)
{
    if (r->n < r->capacity) return;
    r->capacity = r->capacity ? 2 * r->capacity : 64;
    r->entry = realloc(r->entry, r->capacity * sizeof *r->entry);
    CHECK(r->entry, "no memory for %zu histograms", r->capacity);
}

void histograms_add(struct histogram_registry *r, const char *path, const char *meaning, struct histogram *part,
                    size_t n_parts)
{
    size_t i = r->n;
    while (i > 0 && strcmp(r->entry[i - 1].path, path) > 0) i--;
    CHECK(i == 0 || strcmp(r->entry[i - 1].path, path) != 0, "two histograms are called %s", path);
    reserve_one(r);
    memmove(&r->entry[i + 1], &r->entry[i], (r->n++ - i) * sizeof *r->entry);
    r->entry[i] = (struct histogram_entry){.path = strdup(path), .meaning = meaning, .part = part, .n_parts = n_parts};
    CHECK(r->entry[i].path, "no memory for a path");
}

/* Maxima can't be subtracted: they start again. All are remembered before, since parts may be of several entries. */
void histograms_region_begin(struct histogram_registry *r)
{
    for (struct histogram_entry *e = r->entry; e < r->entry + r->n; e++) {
        u64 before = e->begin.max;
        e->begin = sum_of_parts(e);
        e->begin.max = max_u64(e->begin.max, before);
    }
    for (struct histogram_entry *e = r->entry; e < r->entry + r->n; e++)
        for (size_t i = 0; i < e->n_parts; i++) e->part[i].max = 0;
}

void histograms_region_end(struct histogram_registry *r)
{
    for (struct histogram_entry *e = r->entry; e < r->entry + r->n; e++) e->end = sum_of_parts(e);
}

/* --- histograms.json --- */

static void print_number_or_null(u64 n, bool known, FILE *out)
{
    if (known)
        fprintf(out, "%" PRIu64, n);
    else
        fputs("null", out);
}

static void print_percentile(const struct histogram *h, unsigned percent, FILE *out)
{
    unsigned b = histogram_percentile(h, percent);
    fprintf(out, ",\n    \"p%u\": ", percent);
    if (h->count)
        fprintf(out, "{\"from\": %" PRIu64 ", \"to\": %" PRIu64 "}", histogram_bucket_from(b),
                min_u64(histogram_bucket_to(b), h->max));
    else
        fputs("null", out);
}

static void print_buckets(const struct histogram *h, FILE *out)
{
    const char *separator = "";
    fputs(",\n    \"buckets\": [", out);
    for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
        if (!h->bucket[b]) continue;
        fprintf(out, "%s\n      {\"from\": %" PRIu64 ", \"to\": ", separator, histogram_bucket_from(b));
        print_number_or_null(histogram_bucket_to(b), b + 1 < HISTOGRAM_BUCKETS, out);
        fprintf(out, ", \"count\": %" PRIu64 "}", h->bucket[b]);
        separator = ",";
    }
    fputs(h->count ? "\n    ]" : "]", out);
}

static void print_entry(const struct histogram_entry *e, enum histogram_span span, FILE *out)
{
    struct histogram h = histograms_value(e, span);
    fprintf(out, "  \"%s\": {\n    \"meaning\": \"%s\",\n    \"unit\": \"cycles\",\n", e->path, e->meaning);
    fprintf(out, "    \"count\": %" PRIu64 ",\n    \"sum\": %" PRIu64 ",\n    \"max\": %" PRIu64 ",\n    \"mean\": ",
            h.count, h.sum, h.max);
    if (h.count)
        fprintf(out, "%.3f", (double)h.sum / (double)h.count);
    else
        fputs("null", out);
    static const unsigned percents[] = {50, 90, 99};
    for (unsigned i = 0; i < ARRAY_LEN(percents); i++) print_percentile(&h, percents[i], out);
    print_buckets(&h, out);
    fputs("\n  }", out);
}

void histograms_print(const struct histogram_registry *r, enum histogram_span span, FILE *out)
{
    fputs("{", out);
    for (size_t i = 0; i < r->n; i++) {
        fputs(i ? ",\n" : "\n", out);
        print_entry(&r->entry[i], span, out);
    }
    fputs("\n}\n", out);
}

void histograms_print_list(const struct histogram_registry *r, int width)
{
    for (size_t i = 0; i < r->n; i++) printf("%-*s  histogram: %s\n", width, r->entry[i].path, r->entry[i].meaning);
}
