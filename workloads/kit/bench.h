/* bench.h - the shape that all benches share: words, measured memory, region, verdict.
 *
 *   bench_start(words, COUNT_OF(words));        own words, plus page= seed= timer= tsc=
 *   ... setup ...
 *   MARK_WARM(); ... short warm-up ...
 *   bench_begin(); ... measured region ... bench_end();
 *   return bench_report(check, "chase: pages=%llu ...", ...);
 *
 * `pages` always counts 4 KiB of footprint, whatever page= says, so that runs with both page sizes compare.
 */
#ifndef KIT_BENCH_H
#define KIT_BENCH_H

#include "kit/mark.h"
#include "kit/types.h"
#include "kit/words.h"

typedef unsigned long long ull; /* what printf's %llu and %llx take */

/* The words that every bench takes: page=4K|2M (4K) seed=N (1) timer=HZ (0: none) tsc=on|off (off). */
u64 bench_page_bytes(void);
u64 bench_seed(void);

/* Reads the command line and starts the timer if asked for. At most 8 own words. */
void bench_start(const struct word *words, size_t count);

/* `pages` * 4 KiB of fresh, contiguous, uncleared memory, mapped at DATA_VA in pages of page=. Call it once. */
void *bench_data(u64 pages);

/* Around the measured region. The TSC is read outside of it, and only with tsc=on. */
void bench_clock_begin(void);
void bench_clock_end(void);
#define bench_begin() (bench_clock_begin(), bench_mark_begin())
#define bench_end()   (bench_mark_end(), bench_clock_end())

static inline void bench_mark_begin(void)
{
    MARK_BEGIN();
}

static inline void bench_mark_end(void)
{
    MARK_END();
}

/* Prints the line with " ok" or " FAILED" behind it (and ticks and cycles with tsc=on); gives the status of the run. */
int bench_report(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Keeps the compiler from dropping or precomputing a value. */
static inline u64 opaque(u64 value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}

#endif
