#include "kit/bench.h"
#include "kit/boot.h"
#include "kit/console.h"
#include "kit/cpu.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/timer.h"

enum { OWN_WORDS_MAX = 8, COMMON_WORDS = 2 };

static u64 timer_hz, tsc_on;
static u64 clock_begin, clock_end;

static const struct word common_words[COMMON_WORDS] = {
    {.key = "timer", .kind = WORD_NUMBER, .value = &timer_hz, .max = TIMER_HZ_MAX},
    {.key = "tsc", .kind = WORD_SWITCH, .value = &tsc_on},
};

void bench_start(const struct word *words, size_t count)
{
    struct word all[OWN_WORDS_MAX + COMMON_WORDS];
    if (count > OWN_WORDS_MAX) panic("a bench has at most %d words", OWN_WORDS_MAX);
    memcpy(all, words, count * sizeof *words);
    memcpy(all + count, common_words, sizeof common_words);
    words_read(boot.words, all, count + COMMON_WORDS);
    if (timer_hz) timer_start(timer_hz);
}

void *bench_data(u64 pages, u64 page_bytes)
{
    return paging_map_fresh(DATA_VA, pages * PAGE_4K, page_bytes);
}

void bench_clock_begin(void)
{
    if (tsc_on) clock_begin = rdtsc();
}

void bench_clock_end(void)
{
    if (tsc_on) clock_end = rdtsc();
}

int bench_report(bool ok, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf_to_console(format, args);
    va_end(args);
    printf(" %s\n", ok ? "ok" : "FAILED");
    if (tsc_on) printf("tsc=%llu ticks=%llu\n", (ull)(clock_end - clock_begin), (ull)timer_ticks());
    return ok ? 0 : 1;
}
