/* chase.c - pointer chase through one cache line of every page, in random order.
 *
 * Measures: the latency of a TLB miss: every load depends on the one before. The order is one cycle through
 *           all pages. Which line of its page a node takes is scattered, so that all cache sets are used.
 * Words:    pages=65536   footprint in 4 KiB, one node in each
 *           iters=200000  loads
 *           page=4K|2M    (4K)
 *           seed=1        of the order
 * Check:    the same walk over the table of page numbers instead of the pages; and that table is one cycle.
 */
#include "kit/kit.h"

enum { LINE_BYTES = 64, LINE_BITS = 6 };

struct node {
    struct node *next;
};

static struct node *node_of_page(u8 *data, u64 page)
{
    u64 line = page * 0x9e3779b97f4a7c15ull >> (64 - LINE_BITS);
    return (struct node *)(data + page * PAGE_4K + line * LINE_BYTES);
}

static void link_pages(u8 *data, const u32 *next, u64 pages)
{
    for (u64 i = 0; i < pages; i++) node_of_page(data, i)->next = node_of_page(data, next[i]);
}

static bool is_one_cycle(const u32 *next, u64 pages)
{
    u64 steps = 1;
    for (u64 page = next[0]; page != 0 && steps <= pages; page = next[page]) steps++;
    return steps == pages;
}

static u64 chase(struct node **at, u64 loads)
{
    struct node *node = *at;
    u64 sum = 0;
    while (loads--) {
        node = node->next;
        sum += (u64)node;
    }
    *at = node;
    return sum;
}

static u64 chase_table(u8 *data, const u32 *next, u64 skipped, u64 loads)
{
    u64 page = 0, sum = 0;
    while (skipped--) page = next[page];
    while (loads--) {
        page = next[page];
        sum += (u64)node_of_page(data, page);
    }
    return sum;
}

int main(void)
{
    u64 pages = 65536, iters = 200000, page_size = 0, seed = 1;
    const struct word words[] = {WORD_PAGES(pages, 2, PAGES_MAX), WORD_ITERS(iters),
                                 WORD_PAGE_SIZE(page_size), WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));
    u8 *data = bench_data(pages, PAGE_SIZE_OF(page_size));
    u32 *next = heap_run(pages * sizeof *next, PAGE_4K);
    random_cycle(next, pages, seed);
    link_pages(data, next, pages);

    MARK_WARM();
    struct node *at = node_of_page(data, 0);
    chase(&at, iters / 2);
    bench_begin();
    u64 sum = chase(&at, iters);
    bench_end();

    bool ok = is_one_cycle(next, pages) && sum == chase_table(data, next, iters / 2, iters);
    return bench_report(ok, "chase: pages=%llu iters=%llu sum=0x%llx", (ull)pages, (ull)iters, (ull)sum);
}
