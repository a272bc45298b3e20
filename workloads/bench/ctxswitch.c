/* ctxswitch.c - switches between address spaces by MOV to CR3.
 *
 * Measures: a switch and touching a few of the new space's pages. With PCIDs a switch keeps the TLB's
 *           entries, without it drops them. All spaces have their own pages at the same addresses.
 * Words:    procs=8       address spaces
 *           pages=16      touched after a switch
 *           iters=4000    switches
 *           pcid=on|off   (on; where the processor has no PCIDs, on means off)
 *           seed=1        of the pages' contents
 * Check:    every page holds a number made of its process's and its own; the sum of all reads must be that of
 *           the pages meant.
 */
#include "kit/kit.h"

enum { PROCS_MAX = 64, LINE_BYTES = 64 };

static struct process processes[PROCS_MAX];

static u64 stamp_of(u64 seed, u64 proc, u64 page)
{
    return mix(seed << 32 ^ proc << 24 ^ (page + 1));
}

/* A line that moves with the page, so that the words do not all fall into one cache set. */
static volatile u64 *word_of(u64 page)
{
    return (volatile u64 *)(USER_DATA_VA + page * PAGE_4K + page % 64 * LINE_BYTES);
}

static void make_process(u64 proc, u64 pages, u64 seed)
{
    struct process *p = &processes[proc];
    process_create(p, proc + 1);
    process_add_area(p, (struct area){USER_DATA_VA, USER_DATA_VA + pages * PAGE_4K, 0, PTE_W | pte_nx()});
    process_switch(p);
    for (u64 page = 0; page < pages; page++) *word_of(page) = stamp_of(seed, proc, page);
}

static u64 touch_all(u64 pages)
{
    u64 sum = 0;
    for (u64 page = 0; page < pages; page++) sum += *word_of(page);
    return sum;
}

static u64 rotate(u64 switches, u64 procs, u64 pages)
{
    u64 sum = 0;
    for (u64 i = 0, proc = 0; i < switches; i++) {
        process_switch(&processes[proc]);
        sum += touch_all(pages);
        if (++proc == procs) proc = 0;
    }
    return sum;
}

static u64 sum_expected(u64 switches, u64 procs, u64 pages, u64 seed)
{
    u64 sum = 0;
    for (u64 proc = 0; proc < procs; proc++) {
        u64 times = switches / procs + (proc < switches % procs);
        for (u64 page = 0; page < pages; page++) sum += times * stamp_of(seed, proc, page);
    }
    return sum;
}

int main(void)
{
    u64 procs = 8, pages = 16, iters = 4000, pcid = 1, seed = 1;
    const struct word words[] = {
        {.key = "procs", .kind = WORD_NUMBER, .value = &procs, .min = 1, .max = PROCS_MAX},
        WORD_PAGES(pages, 1, 65536),
        WORD_ITERS(iters),
        {.key = "pcid", .kind = WORD_SWITCH, .value = &pcid},
        WORD_SEED(seed),
    };
    bench_start(words, COUNT_OF(words));
    processes_init();
    processes_use_pcid(pcid);
    for (u64 proc = 0; proc < procs; proc++) make_process(proc, pages, seed);

    MARK_WARM();
    rotate(iters / 4, procs, pages);
    bench_begin();
    u64 sum = rotate(iters, procs, pages);
    bench_end();
    process_switch(NULL);

    bool ok = sum == sum_expected(iters, procs, pages, seed);
    return bench_report(ok, "ctxswitch: procs=%llu pages=%llu iters=%llu sum=0x%llx", (ull)procs, (ull)pages,
                        (ull)iters, (ull)sum);
}
