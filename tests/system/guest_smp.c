/* guest_smp.c - several processors share memory: they start, count with locked instructions, pass messages,
 * shoot down TLB entries by IPI, halt and are woken.
 *
 * Prints one line a part, "ok" or "FAILED", and ends with the number of parts that failed. Words: iters=N (default
 * 2000); exchange=on: the monitor exchanges host pages under all of them (monitors/hypercall.h).
 */
#include "kit/bench.h"
#include "kit/console.h"
#include "kit/cpu.h"
#include "kit/memory.h"
#include "kit/smp.h"
#include "kit/trap.h"
#include "monitors/hypercall.h"

enum { VECTOR_SHOOT_DOWN = 0x51, VECTOR_PING = 0x52, VECTOR_GO_ON = 0x53 };
enum { NAPS = 10 };

#define SHARED_VA (DATA_VA + GiB)

static unsigned cpus;
static u64 iters = 2000, exchange;
static struct barrier barrier;
static unsigned failures;

static void report(const char *part, bool ok)
{
    printf("smp %s: %s\n", part, ok ? "ok" : "FAILED");
    failures += !ok;
}

/* --- locked counting, by three instructions --- */

static volatile u64 added, exchanged_lock, guarded, compared;

static void count(void)
{
    for (u64 n = 0; n < iters; n++) {
        atomic_add(&added, 1);
        while (atomic_exchange(&exchanged_lock, 1)) pause();
        guarded = guarded + 1; /* not locked: the exchange guards it */
        exchanged_lock = 0;
        for (u64 old = compared; !atomic_compare_exchange(&compared, old, old + 1); old = compared) pause();
    }
}

/* --- a message: data, then a flag; the reader that sees the flag sees the data --- */

static volatile u64 message_data, message_flag, message_errors;

static void pass_messages(unsigned cpu)
{
    for (u64 n = 1; n <= iters; n++) {
        if (cpu == 0) {
            message_data = n * 3;
            message_flag = n;
        } else {
            u64 flag = message_flag, data = message_data;
            if (data < flag * 3) atomic_add(&message_errors, 1);
        }
    }
}

/* --- a page is moved; the others forget the old place when told --- */

static volatile u64 shot_down, stale;
static u64 *pages[2];

static void forget_page(struct trap_frame *frame)
{
    (void)frame;
    invlpg(SHARED_VA);
    atomic_add(&shot_down, 1);
    smp_end_of_interrupt();
}

static void move_page(unsigned turn)
{
    *paging_slot(kernel_space(), SHARED_VA, PAGE_4K) = (u64)pages[turn & 1] | PTE_P | PTE_W;
    invlpg(SHARED_VA);
    shot_down = 0;
    for (unsigned cpu = 1; cpu < cpus; cpu++) smp_send(cpu, VECTOR_SHOOT_DOWN);
    while (shot_down != cpus - 1) pause();
}

static void move_pages(unsigned cpu)
{
    for (unsigned turn = 0; turn < 20; turn++) {
        if (cpu == 0) move_page(turn);
        barrier_wait(&barrier, cpus);
        if (*(volatile u64 *)SHARED_VA != 1000 + (turn & 1)) atomic_add(&stale, 1);
        barrier_wait(&barrier, cpus);
    }
}

/* --- interrupts go round the ring --- */

static volatile u64 pings;

static void pass_ping(struct trap_frame *frame)
{
    (void)frame;
    unsigned next = (smp_self() + 1) % cpus;
    smp_end_of_interrupt();
    pings = pings + 1; /* one ping is under way at a time */
    if (pings < 10 * cpus) smp_send(next, VECTOR_PING);
}

/* --- halted processors are woken, each time once --- */

static volatile u64 told[SMP_MAX], awake, naps_lost;

static void go_on(struct trap_frame *frame)
{
    (void)frame;
    told[smp_self()]++;
    smp_end_of_interrupt();
}

static void nap(unsigned cpu, u64 turn)
{
    interrupts_off();
    while (told[cpu] < turn) {
        interrupts_on_and_halt();
        interrupts_off();
    }
    if (told[cpu] != turn) atomic_add(&naps_lost, 1);
    interrupts_on();
    atomic_add(&awake, 1);
}

static void take_naps(unsigned cpu)
{
    for (u64 turn = 1; turn <= NAPS; turn++) {
        if (cpu > 0) {
            nap(cpu, turn);
            continue;
        }
        for (unsigned other = 1; other < cpus; other++) smp_send(other, VECTOR_GO_ON);
        while (awake != turn * (cpus - 1)) pause();
    }
}

/* --- the monitor exchanges the memory behind two pages: nobody goes on with the old place --- */

static volatile u64 misplaced;

/* expected: the page that is to be seen behind the exchange. */
static void see_exchange(bool mine, u64 expected)
{
    if (*(volatile u64 *)SHARED_VA != 1000 + (expected ^ 1)) atomic_add(&misplaced, 1);
    barrier_wait(&barrier, cpus);
    if (mine && hypercall(HYPERCALL_EXCHANGE, (u64)pages[0], (u64)pages[1])) atomic_add(&misplaced, 1);
    barrier_wait(&barrier, cpus);
    if (*(volatile u64 *)SHARED_VA != 1000 + expected) atomic_add(&misplaced, 1);
    barrier_wait(&barrier, cpus);
}

/* Each in turn, then two at once, which changes nothing. */
static void exchange_pages(unsigned cpu)
{
    u64 at = *(volatile u64 *)SHARED_VA - 1000;
    barrier_wait(&barrier, cpus);
    for (unsigned turn = 0; turn < 2 * cpus; turn++, at ^= 1) see_exchange(cpu == turn % cpus, at ^ 1);
    if (cpu < 2) hypercall(HYPERCALL_EXCHANGE, (u64)pages[0], (u64)pages[1]);
    barrier_wait(&barrier, cpus);
    if (cpus > 1 && *(volatile u64 *)SHARED_VA != 1000 + at) atomic_add(&misplaced, 1);
    barrier_wait(&barrier, cpus);
}

/* --- all --- */

static volatile u64 checked_in;

static void work(unsigned cpu)
{
    atomic_add(&checked_in, BIT(4 * cpu));
    interrupts_on();
    barrier_wait(&barrier, cpus);
    count();
    barrier_wait(&barrier, cpus);
    pass_messages(cpu);
    barrier_wait(&barrier, cpus);
    move_pages(cpu);
    barrier_wait(&barrier, cpus);
    if (cpu == 0) smp_send(cpus - 1, VECTOR_PING);
    while (pings < 10 * cpus) pause();
    barrier_wait(&barrier, cpus);
    take_naps(cpu);
    barrier_wait(&barrier, cpus);
    if (exchange) exchange_pages(cpu);
}

static void prepare_pages(void)
{
    for (unsigned n = 0; n < 2; n++) {
        pages[n] = heap_page_cleared();
        *pages[n] = 1000 + n;
    }
    paging_map(kernel_space(), SHARED_VA, (u64)pages[0], PAGE_4K, PAGE_4K, PTE_W);
}

static bool everybody_came(void)
{
    for (unsigned cpu = 0; cpu < cpus; cpu++)
        if ((checked_in >> 4 * cpu & 0xf) != 1) return false;
    return true;
}

int main(void)
{
    const struct word words[] = {WORD_ITERS(iters), {"exchange", WORD_SWITCH, &exchange, 0, 0, NULL}};
    bench_start(words, COUNT_OF(words));
    cpus = smp_count();
    prepare_pages();
    trap_set_handler(VECTOR_SHOOT_DOWN, forget_page);
    trap_set_handler(VECTOR_PING, pass_ping);
    trap_set_handler(VECTOR_GO_ON, go_on);
    smp_start(cpus, work);
    bench_begin();
    work(0);
    bench_end();
    printf("smp processors: %u\n", cpus);
    report("start", everybody_came());
    report("locked add", added == cpus * iters);
    report("exchange as a lock", guarded == cpus * iters);
    report("compare and exchange", compared == cpus * iters);
    report("messages in order", message_errors == 0);
    report("TLB shoot-down", stale == 0);
    report("IPI ring", pings == 10 * cpus);
    report("halted processors wake", naps_lost == 0 && awake == NAPS * (cpus - 1));
    if (exchange) report("pages exchanged by the monitor", misplaced == 0);
    return (int)failures;
}
