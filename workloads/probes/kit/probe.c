#include "probes/kit/probe.h"

enum { CODE_BYTES = 64 * 1024, WARM_RUNS = 3, RUNS = 7, CHOICES_BYTES = 1024 };
enum { SCATTER_BITS = 14, LINES = 1 << SCATTER_BITS, LINE_BYTES = 64 };

#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_OSXSAVE    BIT(18)
#define CPUID1_XSAVE   BIT(26)
#define CPUID1_AVX     BIT(28)
#define XCR0_AVX       7u

/* --- the table of items --- */

static void enable_vectors(void)
{
    u32 features = cpuid(1, 0).ecx;
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
    if (!(features & CPUID1_XSAVE)) return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    if (features & CPUID1_AVX) __asm__ volatile("xsetbv" : : "c"(0), "a"(XCR0_AVX), "d"(0));
}

static char *append(char *to, const char *end, const char *text)
{
    size_t length = string_length(text);
    if (to + length >= end) panic("a probe has too many items");
    memcpy(to, text, length + 1);
    return to + length;
}

static u64 read_item(const struct probe *probes, size_t count)
{
    static char choices[CHOICES_BYTES];
    u64 choice = 0;
    char *to = append(choices, choices + CHOICES_BYTES, "all");
    for (size_t i = 0; i < count; i++) {
        to = append(to, choices + CHOICES_BYTES, "|");
        to = append(to, choices + CHOICES_BYTES, probes[i].item);
    }
    const struct word words[] = {{.key = "item", .kind = WORD_CHOICE, .value = &choice, .choices = choices}};
    words_read(boot.words, words, COUNT_OF(words));
    return choice;
}

static void measure(const struct probe *p)
{
    u64 value = p->measure(p->self);
    if (value == PROBE_ABSENT)
        printf("absent: %s\n", p->item);
    else
        printf("measure: %s %llu.%02llu %s\n", p->item, (ull)(value / PROBE_UNIT), (ull)(value % PROBE_UNIT), p->unit);
}

int probe_main(const struct probe *probes, size_t count)
{
    u64 choice = read_item(probes, count);
    enable_vectors();
    MARK_WARM();
    for (u64 i = 0; i < count; i++)
        if (choice == 0 || choice == i + 1) measure(&probes[i]);
    return 0;
}

/* --- time --- */

u64 probe_median(u64 *values, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && values[j - 1] > values[j]; j--) {
            u64 larger = values[j - 1];
            values[j - 1] = values[j];
            values[j] = larger;
        }
    return values[count / 2];
}

u64 probe_least(const u64 *values, size_t count)
{
    u64 least = values[0];
    for (size_t i = 1; i < count; i++) least = smaller(least, values[i]);
    return least;
}

static struct code *the_code(void)
{
    static struct code code;
    if (!code.start) code = code_new(CODE_BYTES);
    return &code;
}

u64 probe_ticks(probe_emit emit, u64 n, const void *self, u64 data)
{
    struct code *c = the_code();
    u64 ticks[RUNS];
    code_begin(c);
    emit(c, n, self);
    code_end(c);
    for (unsigned i = 0; i < WARM_RUNS; i++) code_run(c, data, 0);
    for (unsigned i = 0; i < RUNS; i++) ticks[i] = code_run(c, data, 0);
    return probe_median(ticks, RUNS);
}

u64 probe_slope(probe_emit emit, u64 n, const void *self, u64 data)
{
    u64 shorter = probe_ticks(emit, n, self, data), longer = probe_ticks(emit, 2 * n, self, data);
    return longer > shorter ? (longer - shorter) * PROBE_UNIT / n : 0;
}

/* --- knees --- */

u64 probe_last(probe_cost cost, u64 low, u64 high, u64 limit, const void *self)
{
    while (high - low > 1) {
        u64 n = (low + high) / 2;
        if (cost(n, self) <= limit)
            low = n;
        else
            high = n;
    }
    return low;
}

u64 probe_knee(probe_cost cost, u64 low, u64 high, u64 percent, const void *self)
{
    u64 limit = cost(low, self) * (100 + percent) / 100;
    return cost(high, self) <= limit ? PROBE_ABSENT : probe_last(cost, low, high, limit, self);
}

u64 probe_step(probe_cost cost, u64 low, u64 high, const void *self)
{
    u64 step = low, rise = 0, first = cost(low, self), before = first;
    for (u64 n = low; n < high; n++) {
        u64 behind = cost(n + 1, self);
        if (behind > before + rise) {
            step = n;
            rise = behind - before;
        }
        before = behind;
    }
    return rise * (high - low) >= 2 * (before - first) ? step : PROBE_ABSENT;
}

/* --- memory --- */

/* Each number below LINES once: multiplications by odd numbers and shifts lose nothing. */
static u64 scatter(u64 i)
{
    i = i * 12289 % LINES;
    i ^= i >> SCATTER_BITS / 2;
    i = i * 9973 % LINES;
    return i ^ i >> SCATTER_BITS / 2;
}

void *probe_cold_line(void)
{
    static u8 *pages;
    static u64 used;
    if (!pages) pages = heap_run(LINES * PAGE_4K, PAGE_2M);
    if (used == LINES) panic("no line of a probe is cold any more");
    u64 page = scatter(used++);
    return pages + page * PAGE_4K + mix(page) % (PAGE_4K / LINE_BYTES) * LINE_BYTES;
}

void *probe_page(void)
{
    u8 *page = heap_run(2 * PAGE_4K, PAGE_4K);
    page_clear(page);
    page_clear(page + PAGE_4K);
    return page;
}
