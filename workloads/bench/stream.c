/* stream.c - the triad a[i] = b[i] + 3 c[i] over three arrays.
 *
 * Measures: sequential bandwidth, with one TLB miss a page. The region starts where the warm-up stopped and
 *           wraps around, so it finds in the caches only what they can hold of the footprint.
 * Words:    pages=4096    footprint of the three arrays together, in 4 KiB
 *           iters=150000  elements of 8 bytes
 *           page=4K|2M    (4K)
 *           seed=1        of the arrays' contents
 * Check:    the sum of a over the region's elements, from the formulas that filled b and c.
 */
#include "kit/kit.h"

static const u64 factor = 3;

struct arrays {
    u64 *a, *b, *c;
    u64 length, seed;
};

/* Any cheap function of i will do, as long as no two elements are alike. */
static u64 b_at(const struct arrays *s, u64 i)
{
    return (i + s->seed) * 0x9e3779b97f4a7c15ull;
}

static u64 c_at(const struct arrays *s, u64 i)
{
    return i ^ s->seed << 32;
}

static void fill(struct arrays *s, u64 elements)
{
    for (u64 i = 0; i < smaller(elements, s->length); i++) {
        s->a[i] = 0;
        s->b[i] = b_at(s, i);
        s->c[i] = c_at(s, i);
    }
}

static void triad(struct arrays *s, u64 start, u64 end)
{
    for (u64 i = start; i < end; i++) s->a[i] = s->b[i] + factor * s->c[i];
}

/* Elements first, first + 1, ... modulo the length, in whole stretches. */
static void triad_around(struct arrays *s, u64 first, u64 count)
{
    for (u64 start = first % s->length; count; start = 0) {
        u64 now = smaller(count, s->length - start);
        triad(s, start, start + now);
        count -= now;
    }
}

static u64 sum_stored(const struct arrays *s, u64 first, u64 count)
{
    u64 sum = 0;
    for (u64 i = first; i < first + count; i++) sum += s->a[i % s->length];
    return sum;
}

static u64 sum_expected(const struct arrays *s, u64 first, u64 count)
{
    u64 sum = 0;
    for (u64 i = first; i < first + count; i++)
        sum += b_at(s, i % s->length) + factor * c_at(s, i % s->length);
    return sum;
}

int main(void)
{
    u64 pages = 4096, iters = 150000, page_size = 0, seed = 1;
    const struct word words[] = {WORD_PAGES(pages, 1, PAGES_MAX), WORD_ITERS(iters),
                                 WORD_PAGE_SIZE(page_size), WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));
    u64 length = pages * PAGE_4K / sizeof(u64) / 3;
    u64 *data = bench_data(pages, PAGE_SIZE_OF(page_size));
    struct arrays s = {data, data + length, data + 2 * length, length, seed};
    u64 warm = iters / 2;
    fill(&s, warm + iters);

    MARK_WARM();
    triad_around(&s, 0, warm);
    bench_begin();
    triad_around(&s, warm, iters);
    bench_end();

    u64 sum = sum_stored(&s, warm, iters);
    bool ok = sum == sum_expected(&s, warm, iters);
    return bench_report(ok, "stream: pages=%llu iters=%llu sum=0x%llx", (ull)pages, (ull)iters, (ull)sum);
}
