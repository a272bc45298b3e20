/* faults.c - demand paging and unmapping.
 *
 * Measures: a user program that touches a mapping page by page, has it unmapped, and starts again. zero=off
 *           maps a file that lies in the page cache, so a fault costs the exception and the entry and nothing
 *           else, as in lmbench's lat_pagefault. zero=on gives fresh pages: each fault also clears 4 KiB.
 * Words:    pages=256     of the mapping
 *           iters=16      rounds
 *           zero=on|off   (off)
 *           seed=1        of the file's contents
 * Check:    the sum of what the program read: the file's page numbers, scrambled; or nothing but zeros,
 *           although every page was written before it was unmapped.
 */
#include "kit/kit.h"

struct rounds {
    u64 start, pages, count, write;
};

static USER_CODE void program(u64 argument)
{
    const struct rounds *r = (const struct rounds *)argument;
    u64 sum = 0;
    for (u64 round = 0; round < r->count; round++) {
        for (u64 page = 0; page < r->pages; page++) {
            volatile u64 *word = (volatile u64 *)(r->start + page * PAGE_4K);
            sum += *word;
            if (r->write) *word = page + 1;
        }
        syscall(SYS_UNMAP, r->start, r->pages * PAGE_4K);
    }
    syscall(SYS_EXIT, sum, 0);
}

static u64 stamp_of(u64 seed, u64 page)
{
    return mix(seed << 32 ^ (page + 1));
}

/* The file's pages, or 0 when there is none. */
static u64 make_file(bool wanted, u64 pages, u64 seed)
{
    if (!wanted) return 0;
    u64 file = (u64)heap_run(pages * PAGE_4K, PAGE_4K);
    for (u64 page = 0; page < pages; page++) *(u64 *)(file + page * PAGE_4K) = stamp_of(seed, page);
    return file;
}

static u64 sum_of_file(u64 pages, u64 seed)
{
    u64 sum = 0;
    for (u64 page = 0; page < pages; page++) sum += stamp_of(seed, page);
    return sum;
}

static u64 run(struct process *p, u64 pages, u64 rounds, bool write)
{
    struct rounds r = {USER_DATA_VA, pages, rounds, write};
    return process_run_with(p, program, &r, sizeof r);
}

int main(void)
{
    u64 pages = 256, iters = 16, zero = 0, seed = 1;
    const struct word words[] = {WORD_PAGES(pages, 1, PAGES_MAX),
                                 WORD_ITERS(iters),
                                 WORD_SEED(seed),
                                 {.key = "zero", .kind = WORD_SWITCH, .value = &zero}};
    struct process p;
    bench_start(words, COUNT_OF(words));
    processes_init();
    process_create(&p, 1);
    u64 file = make_file(!zero, pages, seed);
    u64 rights = (zero ? PTE_W : 0) | pte_nx();
    process_add_area(&p, (struct area){USER_DATA_VA, USER_DATA_VA + pages * PAGE_4K, file, rights});

    MARK_WARM();
    run(&p, pages, (iters + 3) / 4, zero);
    bench_begin();
    u64 sum = run(&p, pages, iters, zero);
    bench_end();

    bool ok = sum == (zero ? 0 : iters * sum_of_file(pages, seed));
    return bench_report(ok, "faults: pages=%llu iters=%llu sum=0x%llx", (ull)pages, (ull)iters, (ull)sum);
}
