#include "models/core/topdown.h"

static const struct {
    const char *name, *meaning;
} categories[TOPDOWN_COUNT] = {
#define CATEGORY(name, meaning) {#name, meaning},
    TOPDOWN_CATEGORIES(CATEGORY)
#undef CATEGORY
};

void topdown_check(const struct topdown *t)
{
    u64 sum = 0;
    for (unsigned c = 0; c < TOPDOWN_COUNT; c++) sum += t->slots[c];
    CHECK(sum == t->cycles * t->width, "top-down slots: %llu in categories, %llu cycles of %u",
          (unsigned long long)sum, (unsigned long long)t->cycles, t->width);
}

void topdown_register_stats(const struct topdown *t, struct stats *s, const char *prefix)
{
    char path[64];
    for (unsigned c = 0; c < TOPDOWN_COUNT; c++) {
        snprintf(path, sizeof path, "%s.topdown.%s", prefix, categories[c].name);
        stats_add(s, path, categories[c].meaning, &t->slots[c]);
    }
    snprintf(path, sizeof path, "%s.topdown.cycles", prefix);
    stats_add(s, path, "cycles whose slots are counted", &t->cycles);
}
