/* parallel.c - several processors share work, send each other interrupts, and take translations from each other.
 *
 * Measures: one thing a run, on all processors that there are:
 *           part=work       numbers are summed into a table: who is free takes the next page of them by a locked add, and
 *                           adds its sums to the table by others
 *           part=ipi        an interrupt goes round the ring of processors
 *           part=shootdown  processor 0 moves a page that the others read: it changes the entry, sends each of them an
 *                           interrupt, whose handler does INVLPG, and waits for all of them
 *           part=exchange   processor 0 has the ept monitor exchange the host memory behind two pages that the others read
 *                           (monitors/hypercall.h), so it is the monitor that shoots down; there is none natively
 * Words:    part=work
 *           iters=8         rounds: over all pages; round the ring; pages moved or exchanged
 *           pages=64        of numbers (work)
 *           seed=1          of the numbers
 * Check:    the table's sum; the number of interrupts; what every processor reads in the end.
 */
#include "kit/kit.h"
#include "kit/smp.h"
#include "monitors/hypercall.h"

enum part { WORK, IPI, SHOOTDOWN, EXCHANGE };
static const char *const part_names[] = {"work", "ipi", "shootdown", "exchange"};

enum { VECTOR_PING = 0x51, VECTOR_SHOOTDOWN = 0x52, TABLE_LINES = 16 };
enum { STAMP = 1000 };
#define SHARED_VA (DATA_VA + 2 * GiB)

static u64 part, iters = 8, pages = 64, seed = 1;
static unsigned cpus;
static struct barrier barrier;

/* --- work --- */

static u64 *numbers;
static volatile u64 next_page;
static struct {
    volatile u64 sum;
    u64 rest[7]; /* of the line */
} table[TABLE_LINES] __attribute__((aligned(64)));

static void sum_page(const u64 *words)
{
    u64 sums[TABLE_LINES] = {0};
    for (unsigned n = 0; n < PAGE_4K / sizeof *words; n++) sums[words[n] % TABLE_LINES] += mix(words[n]);
    for (unsigned line = 0; line < TABLE_LINES; line++) atomic_add(&table[line].sum, sums[line]);
}

static void share_work(unsigned cpu, u64 rounds)
{
    for (u64 n = 0; n < rounds; n++) {
        if (cpu == 0) next_page = 0;
        barrier_wait(&barrier, cpus);
        for (u64 page; (page = atomic_add(&next_page, 1)) < pages;) sum_page(numbers + page * (PAGE_4K / 8));
        barrier_wait(&barrier, cpus);
    }
}

static u64 table_sum(void)
{
    u64 sum = 0;
    for (unsigned line = 0; line < TABLE_LINES; line++) sum += table[line].sum;
    return sum;
}

/* --- the ring --- */

static volatile u64 pings, pings_wanted;

static void pass_ping(struct trap_frame *frame)
{
    (void)frame;
    u64 count = pings + 1; /* one is under way at a time */
    smp_end_of_interrupt();
    pings = count;
    if (count < pings_wanted) smp_send((smp_self() + 1) % cpus, VECTOR_PING);
}

static void pass_round(unsigned cpu, u64 rounds)
{
    if (cpu == 0) {
        pings_wanted = pings + rounds * cpus;
        smp_send(1 % cpus, VECTOR_PING);
    }
    barrier_wait(&barrier, cpus);
    while (pings < pings_wanted) pause();
}

/* --- pages that move --- */

static u64 *stamped[2];
static unsigned which; /* of them is seen at SHARED_VA */
static volatile u64 forgotten, moved;

static volatile u64 *shared_page(void)
{
    return (volatile u64 *)SHARED_VA;
}

static void forget_page(struct trap_frame *frame)
{
    (void)frame;
    invlpg(SHARED_VA);
    atomic_add(&forgotten, 1);
    smp_end_of_interrupt();
}

static void move_page(void)
{
    which ^= 1;
    *paging_slot(kernel_space(), SHARED_VA, PAGE_4K) = (u64)stamped[which] | PTE_P | PTE_W;
    invlpg(SHARED_VA);
    forgotten = 0;
    for (unsigned cpu = 1; cpu < cpus; cpu++) smp_send(cpu, VECTOR_SHOOTDOWN);
    while (forgotten != cpus - 1) pause();
}

static void exchange_page(void)
{
    which ^= 1;
    if (hypercall(HYPERCALL_EXCHANGE, (u64)stamped[0], (u64)stamped[1]))
        panic("the monitor cannot exchange pages: host=4K?");
}

static void move_pages(unsigned cpu, u64 rounds, void (*move)(void))
{
    if (cpu == 0) {
        for (u64 n = 0; n < rounds; n++) move();
        moved = 1;
    }
    while (!moved) (void)*shared_page();
    barrier_wait(&barrier, cpus);
    moved = 0;
    barrier_wait(&barrier, cpus);
}

static volatile u64 astray;

static void check_page(void)
{
    if (*shared_page() != STAMP + which) atomic_add(&astray, 1);
}

/* --- all --- */

static void run(unsigned cpu, u64 rounds)
{
    barrier_wait(&barrier, cpus);
    switch ((enum part)part) {
    case WORK: share_work(cpu, rounds); break;
    case IPI: pass_round(cpu, rounds); break;
    case SHOOTDOWN: move_pages(cpu, rounds, move_page); break;
    case EXCHANGE: move_pages(cpu, rounds, exchange_page); break;
    }
    barrier_wait(&barrier, cpus);
}

static u64 warm_rounds(void)
{
    return (iters + 3) / 4;
}

static void work(unsigned cpu)
{
    interrupts_on();
    barrier_wait(&barrier, cpus);
    if (cpu == 0) MARK_WARM();
    run(cpu, warm_rounds());
    if (cpu == 0) bench_begin();
    run(cpu, iters);
    if (cpu == 0) bench_end();
    check_page();
    barrier_wait(&barrier, cpus);
}

/* What the table holds when all is done: each round adds as much. */
static u64 fill_numbers(void)
{
    u64 stream = random_seeded(seed), sum = 0;
    numbers = bench_data(pages, PAGE_4K);
    for (u64 n = 0; n < pages * (PAGE_4K / 8); n++) sum += mix(numbers[n] = random_next(&stream));
    return sum * (iters + warm_rounds());
}

static void prepare_pages(void)
{
    for (unsigned n = 0; n < 2; n++) {
        stamped[n] = heap_page_cleared();
        *stamped[n] = STAMP + n;
    }
    paging_map(kernel_space(), SHARED_VA, (u64)stamped[0], PAGE_4K, PAGE_4K, PTE_W);
}

static bool is_right(u64 table_wanted)
{
    if (part == WORK) return table_sum() == table_wanted;
    if (part == IPI) return pings == cpus * (iters + warm_rounds());
    return astray == 0;
}

int main(void)
{
    const struct word words[] = {{"part", WORD_CHOICE, &part, 0, 0, "work|ipi|shootdown|exchange"},
                                 WORD_ITERS(iters),
                                 WORD_PAGES(pages, 1, PAGES_MAX),
                                 WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));
    cpus = smp_count();
    u64 wanted = part == WORK ? fill_numbers() : 0;
    prepare_pages();
    trap_set_handler(VECTOR_PING, pass_ping);
    trap_set_handler(VECTOR_SHOOTDOWN, forget_page);
    smp_start(cpus, work);
    work(0);
    return bench_report(is_right(wanted), "parallel: part=%s processors=%u iters=%llu", part_names[part], cpus, (ull)iters);
}
