/* bench.h - the shape that all benches share: words, measured memory, region, verdict.
 *
 *   bench_start(words, COUNT_OF(words));        own words, plus timer= and tsc=
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
#include "kit/paging.h"
#include "kit/types.h"
#include "kit/words.h"

/* Rows that many benches share; each names the u64 that holds the default. */
/* clang-format off */
#define WORD_PAGES(v, least, most) {"pages", WORD_NUMBER, &(v), least, most, NULL}
#define WORD_ITERS(v)              {"iters", WORD_NUMBER, &(v), 1, UINT32_MAX, NULL}
#define WORD_SEED(v)               {"seed", WORD_NUMBER, &(v), 0, UINT32_MAX, NULL}
#define WORD_PAGE_SIZE(v)          {"page", WORD_CHOICE, &(v), 0, 0, "4K|2M"}
/* clang-format on */

/* Largest pages=: 1 GiB of footprint. */
#define PAGES_MAX (GiB / PAGE_4K)

/* Reads the command line (also timer=HZ, default 0: no timer; tsc=on|off, default off) and starts the
 * timer if asked for. At most 8 own words. */
void bench_start(const struct word *words, size_t count);

/* `pages` * 4 KiB of fresh, contiguous, uncleared memory, mapped at DATA_VA. Call it once. */
void *bench_data(u64 pages, u64 page_bytes);

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

/* Prints the line with " ok" or " FAILED" behind it (and ticks and cycles with tsc=on); gives the status
 * of the run. */
int bench_report(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Keeps the compiler from dropping or precomputing a value. */
static inline u64 opaque(u64 value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}

#endif
