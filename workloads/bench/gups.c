/* gups.c - XORs at random places of a table, as HPC Challenge's RandomAccess.
 *
 * Measures: TLB misses that do not wait for each other: giga-updates per second.
 * Words:    pages=16384   the table in 4 KiB; rounded down to a power of two
 *           iters=100000  updates
 *           page=4K|2M    (4K)
 *           seed=1        of the places
 * Check:    XOR undoes itself. The table must have changed, and the same updates once more must give back the
 *           first contents, word i = i, wherever the stream went. Only the words that the stream visits are
 *           set up, which keeps a large table cheap.
 */
#include "kit/kit.h"

struct table {
    u64 *words;
    u64 mask;
};

static u64 largest_power_of_two(u64 n)
{
    while (n & (n - 1)) n &= n - 1;
    return n;
}

static void set_visited(struct table t, u64 stream, u64 count)
{
    while (count--) {
        u64 i = random_next(&stream) & t.mask;
        t.words[i] = i;
    }
}

static u64 update(struct table t, u64 stream, u64 count)
{
    while (count--) {
        u64 r = random_next(&stream);
        t.words[r & t.mask] ^= r;
    }
    return stream;
}

static u64 sum_visited(struct table t, u64 stream, u64 count)
{
    u64 sum = 0;
    while (count--) sum += t.words[random_next(&stream) & t.mask];
    return sum;
}

static bool is_restored(struct table t, u64 stream, u64 count)
{
    while (count--) {
        u64 i = random_next(&stream) & t.mask;
        if (t.words[i] != i) return false;
    }
    return true;
}

int main(void)
{
    u64 pages = 16384, iters = 100000, page_size = 0, seed = 1;
    const struct word words[] = {WORD_PAGES(pages, 1, PAGES_MAX), WORD_ITERS(iters),
                                 WORD_PAGE_SIZE(page_size), WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));
    u64 warm = iters / 2;
    u64 length = largest_power_of_two(pages * PAGE_4K / sizeof(u64));
    struct table t = {bench_data(pages, PAGE_SIZE_OF(page_size)), length - 1};
    u64 stream = random_seeded(seed);
    set_visited(t, stream, warm + iters);

    MARK_WARM();
    u64 after_warm = update(t, stream, warm);
    bench_begin();
    update(t, after_warm, iters);
    bench_end();

    u64 sum = sum_visited(t, stream, warm + iters);
    bool changed = !is_restored(t, stream, warm + iters);
    update(t, stream, warm + iters);
    bool ok = changed && is_restored(t, stream, warm + iters);
    return bench_report(ok, "gups: pages=%llu iters=%llu sum=0x%llx", (ull)pages, (ull)iters, (ull)sum);
}
