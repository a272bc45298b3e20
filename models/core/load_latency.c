#include "models/core/load_latency.h"
#include <stdio.h>

static const struct {
    u8 served;
    const char *name, *meaning;
} levels[] = {
    {LOAD_FORWARDED, "forwarded", "loads that a buffered store answered: cycles from issue to data"},
    {SERVED_L1, "l1", "loads that the L1D served: cycles from issue to data"},
    {SERVED_L2, "l2", "loads that the L2 served: cycles from issue to data"},
    {SERVED_L3, "l3", "loads that the L3 served: cycles from issue to data"},
    {SERVED_PEER, "peer", "loads that another processor's cache served: cycles from issue to data"},
    {SERVED_DRAM, "dram", "loads that DRAM served: cycles from issue to data"},
};

void load_latency_register(struct load_latency *l, struct stats *s, const char *prefix)
{
    char path[96];
    snprintf(path, sizeof path, "%s.load_to_use_cycles", prefix);
    stats_add_histogram(s, path, "loads: cycles from issue to data, page walks included", l->by, SERVED_COUNT);
    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        snprintf(path, sizeof path, "%s.load_to_use_%s_cycles", prefix, levels[i].name);
        stats_add_histogram(s, path, levels[i].meaning, &l->by[levels[i].served], 1);
    }
}
