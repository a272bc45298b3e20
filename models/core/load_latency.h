/* load_latency.h - how long loads take from their issue to their data, by what served them.
 *
 * A load that crosses a line counts once, by the farthest level; one that crosses a page, as two.
 * Neighbours: the timing cores count their loads; results are histograms (models/sim/stats_hist.h).
 * Checked by: tests/unit/test_inorder_memory.c, tests/system/histograms.sh
 */
#ifndef CORE_LOAD_LATENCY_H
#define CORE_LOAD_LATENCY_H

#include "isa/record.h"
#include "models/sim/stats.h"
#include "models/sim/stats_hist.h"

#define LOAD_FORWARDED SERVED_UNKNOWN /* a buffered store answered */

struct load_latency {
    struct histogram by[SERVED_COUNT];
};

static inline void load_latency_add(struct load_latency *l, enum served served, u64 cycles)
{
    histogram_add(&l->by[served], cycles);
}

/* Registers <prefix>.load_to_use_cycles, and <prefix>.load_to_use_<level>_cycles for each level. */
void load_latency_register(struct load_latency *l, struct stats *s, const char *prefix);

#endif
