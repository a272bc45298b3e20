/* fork.c - copy-on-write: a user program forks, the child writes to part of its memory and exits, repeatedly.
 *
 * Measures: a fork copies the entries of all pages and takes the write right from the parent's. Each first
 *           write on either side is a fault that copies the page or, for its last user, gives the right back.
 *           The child's exit frees everything.
 * Words:    pages=128     the program's data
 *           iters=12      forks
 *           touch=4       every touch-th page is written on both sides
 *           pcid=on|off   (off; where the processor has no PCIDs, on means off)
 * Check:    the child must read what the parent wrote, the parent must not see what the child writes, and the
 *           sum over all rounds must be the one that follows from the numbers written.
 */
#include "kit/kit.h"

struct plan {
    u64 start, pages, forks, touch;
};

static ALWAYS_INLINE volatile u64 *word_of(const struct plan *plan, u64 page)
{
    return (volatile u64 *)(plan->start + page * PAGE_4K);
}

/* Reads and spoils every touch-th page, then ends. */
static USER_CODE void child(const struct plan *plan)
{
    u64 sum = 0;
    for (u64 page = 0; page < plan->pages; page += plan->touch) {
        sum += *word_of(plan, page);
        *word_of(plan, page) = ~0ull;
    }
    syscall(SYS_EXIT, sum, 0);
}

/* Page p holds p + 1 plus the number of forks done; the parent writes only the pages that the child will
 * touch. */
static USER_CODE void program(u64 argument)
{
    const struct plan *plan = (const struct plan *)argument;
    u64 sum = 0;
    for (u64 page = 0; page < plan->pages; page++) *word_of(plan, page) = page + 1;
    for (u64 i = 0; i < plan->forks; i++) {
        if (syscall(SYS_FORK, 0, 0) == 0) child(plan);
        sum += syscall(SYS_WAIT, 0, 0);
        for (u64 page = 0; page < plan->pages; page += plan->touch) *word_of(plan, page) += 1;
    }
    for (u64 page = 0; page < plan->pages; page++) sum += *word_of(plan, page);
    syscall(SYS_EXIT, sum, 0);
}

static u64 sum_expected(const struct plan *plan)
{
    u64 all = plan->pages * (plan->pages + 1) / 2;
    u64 touched = 0, touched_sum = 0;
    for (u64 page = 0; page < plan->pages; page += plan->touch) {
        touched++;
        touched_sum += page + 1;
    }
    u64 by_children = plan->forks * touched_sum + touched * (plan->forks * (plan->forks - 1) / 2);
    return by_children + all + plan->forks * touched;
}

static u64 run(struct process *p, struct plan plan)
{
    return process_run_with(p, program, &plan, sizeof plan);
}

int main(void)
{
    u64 pages = 128, iters = 12, touch = 4, pcid = 0;
    const struct word words[] = {
        WORD_PAGES(pages, 1, PAGES_MAX),
        WORD_ITERS(iters),
        {.key = "touch", .kind = WORD_NUMBER, .value = &touch, .min = 1, .max = PAGES_MAX},
        {.key = "pcid", .kind = WORD_SWITCH, .value = &pcid},
    };
    struct process p;
    bench_start(words, COUNT_OF(words));
    processes_init();
    processes_use_pcid(pcid);
    process_create(&p, 1);
    process_add_area(&p, (struct area){USER_DATA_VA, USER_DATA_VA + pages * PAGE_4K, 0, PTE_W | pte_nx()});
    struct plan plan = {USER_DATA_VA, pages, iters, touch};

    MARK_WARM();
    run(&p, (struct plan){USER_DATA_VA, pages, (iters + 3) / 4, touch});
    bench_begin();
    u64 sum = run(&p, plan);
    bench_end();

    bool ok = sum == sum_expected(&plan);
    return bench_report(ok, "fork: pages=%llu iters=%llu sum=0x%llx", (ull)pages, (ull)iters, (ull)sum);
}
