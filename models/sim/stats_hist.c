#include "models/sim/stats_hist.h"

#include "models/sim/check.h"

#include <stdio.h>

static const char *const bucket_meanings[HISTOGRAM_BUCKETS] = {
    "values of 0",
    "values of 1",
    "values of 2 .. 3",
    "values of 4 .. 7",
    "values of 8 .. 15",
    "values of 16 .. 31",
    "values of 32 .. 63",
    "values of 64 .. 127",
    "values of 128 .. 255",
    "values of 256 .. 511",
    "values of 512 .. 1023",
    "values of 2^10 .. 2^11-1",
    "values of 2^11 .. 2^12-1",
    "values of 2^12 .. 2^13-1",
    "values of 2^13 .. 2^14-1",
    "values of 2^14 .. 2^15-1",
    "values of 2^15 .. 2^16-1",
    "values of 2^16 .. 2^17-1",
    "values of 2^17 .. 2^18-1",
    "values of 2^18 .. 2^19-1",
    "values of 2^19 .. 2^20-1",
    "values of 2^20 .. 2^21-1",
    "values of 2^21 .. 2^22-1",
    "values of 2^22 .. 2^23-1",
    "values of 2^23 and more",
};

static const char *join(char joined[256], const char *path, const char *name)
{
    CHECK(snprintf(joined, 256, "%s.%s", path, name) < 256, "a path of more than 255 bytes: %s", joined);
    return joined;
}

void histogram_register(struct histogram *h, struct stats *s, const char *path, const char *meaning)
{
    char joined[256], name[16];
    stats_add(s, join(joined, path, "count"), meaning, &h->count);
    stats_add(s, join(joined, path, "sum"), meaning, &h->sum);
    stats_add_peak(s, join(joined, path, "max"), meaning, &h->max);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        snprintf(name, sizeof name, "bucket_%02u", i);
        stats_add(s, join(joined, path, name), bucket_meanings[i], &h->bucket[i]);
    }
}
