/* probe.h - guests that measure one property of the machine each, as one would on real hardware: by RDTSC.
 *
 * A probe prints a line per item on the console, "measure: <item> <value> <unit>", in hundredths:
 *
 *   measure: l1d_hit 4.00 cycles
 *
 * Methods:      a slope between two lengths, so that clocks and fences cancel; the median of several runs behind
 *               warm ones; a knee, found in the guest by bisection between a fast and a slow end.
 * Words:        item=<name>|all (default all).
 * Not modelled: a TSC that does not count core cycles (turbo): "cycles" are its ticks.
 * Neighbours:   workloads/kit; results/experiments/validate-*.yaml compare the lines with real machines.
 * Checked by:   tests/system/validate.sh
 */
#ifndef PROBES_PROBE_H
#define PROBES_PROBE_H

#include "kit/kit.h"
#include "probes/kit/code.h"

#define PROBE_UNIT 100 /* measures are in hundredths */

/* What an item cannot be measured by: the machine lacks it. No line is printed. */
#define PROBE_ABSENT (~0ull)

struct probe {
    const char *item, *unit;
    u64 (*measure)(const void *self); /* in hundredths, or PROBE_ABSENT */
    const void *self;
};

/* Reads the words, switches SSE and AVX on, measures what item= says; gives the status of the run. */
int probe_main(const struct probe *probes, size_t count);

/* --- time --- */

/* What comes before is over, what comes behind has not begun. */
static inline u64 probe_clock(void)
{
    u64 ticks = rdtsc();
    __asm__ volatile("lfence" : : : "memory");
    return ticks;
}

/* Median of `count` (sorted in place). */
u64 probe_median(u64 *values, size_t count);

/* The least of `count`: where what disturbs, such as the state of DRAM, can only add. */
u64 probe_least(const u64 *values, size_t count);

/* Code that takes a length. */
typedef void (*probe_emit)(struct code *c, u64 n, const void *self);

/* Ticks of emit(n), warm: the median of several runs. RDI is `data`. */
u64 probe_ticks(probe_emit emit, u64 n, const void *self, u64 data);

/* Hundredths of ticks that one more takes: between n and 2 n. */
u64 probe_slope(probe_emit emit, u64 n, const void *self, u64 data);

/* --- knees --- */

/* Something that is fast up to some n and slow behind it. */
typedef u64 (*probe_cost)(u64 n, const void *self);

/* The largest n in [low, high) that costs at most `percent` more than low does; PROBE_ABSENT if even high does. */
u64 probe_knee(probe_cost cost, u64 low, u64 high, u64 percent, const void *self);

/* The n in [low, high) behind which the cost of one more rises most, where slow is not much more than fast;
 * PROBE_ABSENT if nowhere it rises by twice the mean. */
u64 probe_step(probe_cost cost, u64 low, u64 high, const void *self);

/* The largest n in [low, high) that costs at most `limit`; low if none does. */
u64 probe_last(probe_cost cost, u64 low, u64 high, u64 limit, const void *self);

/* --- memory --- */

/* A line that nothing has touched yet, on a page of its own, in an order that no prefetcher guesses. The run ends with
 * a message when there is none left. */
void *probe_cold_line(void);

/* A page behind which another one lies, both touched. */
void *probe_page(void);

#endif
