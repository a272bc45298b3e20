/* guest_flush.c - what CLFLUSH, CLFLUSHOPT, CLWB, WBINVD, IA32_FLUSH_CMD and non-temporal stores leave in the
 * caches, as a program sees it: by the time that the next load takes (flush and reload).
 *
 * Every line of output is a check. Times are compared with each other only, so the guest holds on any core with
 * caches and without prefetchers. With a second processor, lines that it has are flushed, too.
 */
#include "kit/bench.h"
#include "kit/console.h"
#include "kit/cpu.h"
#include "kit/smp.h"

#define MSR_FLUSH_CMD 0x10b
#define LINE          64
#define LINES         512 /* of what WBINVD writes back */
#define TRIES         8

static struct {
    volatile u64 word[LINE / 8];
} lines[LINES] __attribute__((aligned(4096)));

static unsigned failures;

static void judge(const char *name, bool holds)
{
    printf("%s: %s\n", name, holds ? "ok" : "FAILED");
    failures += !holds;
}

static void fence(void) { __asm__ volatile("mfence; lfence" : : : "memory"); }

/* --- ways to treat a line --- */

static void leave(volatile u64 *at) { (void)*at; }
static void clflush(volatile u64 *at) { __asm__ volatile("clflush %0" : "+m"(*at)); }
static void clflushopt(volatile u64 *at) { __asm__ volatile("clflushopt %0" : "+m"(*at)); }
static void clwb(volatile u64 *at) { __asm__ volatile("clwb %0" : "+m"(*at)); }
static void stream(volatile u64 *at) { __asm__ volatile("movnti %1, %0" : "=m"(*at) : "r"(7ull)); }
static void flush_l1d(volatile u64 *at) { (void)at, wrmsr(MSR_FLUSH_CMD, 1); }
static void wbinvd(volatile u64 *at) { (void)at; __asm__ volatile("wbinvd" : : : "memory"); }

typedef void (*treatment)(volatile u64 *at);

/* Cycles of a load behind the treatment of a line that was read, or written, before: the shortest of several
 * tries. */
static u64 reload_cycles(treatment treat, bool written)
{
    volatile u64 *at = &lines[3].word[1];
    u64 best = ~0ull;
    for (unsigned i = 0; i < TRIES; i++) {
        *at = i;
        if (!written) {
            clflush(at);
            fence();
            (void)*at;
        }
        fence();
        treat(at);
        fence();
        const u64 start = rdtsc();
        (void)*at;
        fence();
        const u64 cycles = rdtsc() - start;
        if (cycles < best) best = cycles;
    }
    return best;
}

static void judge_reloads(void)
{
    const u64 hit = reload_cycles(leave, false);
    const u64 far = hit + 60; /* DRAM is farther than this from the L1, the L2 nearer */
    judge("a written line is as near as a read one", reload_cycles(leave, true) == hit);
    judge("clflush sends a read line to memory", reload_cycles(clflush, false) > far);
    judge("clflush sends a written line to memory", reload_cycles(clflush, true) > far);
    judge("clflushopt sends a read line to memory", reload_cycles(clflushopt, false) > far);
    judge("clflushopt sends a written line to memory", reload_cycles(clflushopt, true) > far);
    judge("clwb lets a read line be", reload_cycles(clwb, false) == hit);
    judge("clwb lets a written line be", reload_cycles(clwb, true) == hit);
    judge("a non-temporal store sends the line to memory", reload_cycles(stream, true) > far);
    judge("wbinvd sends the line to memory", reload_cycles(wbinvd, true) > far);
    const u64 near = reload_cycles(flush_l1d, true);
    judge("a flushed L1D leaves the line to the L2", near > hit && near < far);
}

/* --- what flushes take --- */

static u64 cycles_of_wbinvd(unsigned dirty)
{
    wbinvd(NULL);
    for (unsigned i = 0; i < dirty; i++) lines[i].word[0] = i;
    fence();
    const u64 start = rdtsc();
    wbinvd(NULL);
    return rdtsc() - start;
}

static u64 cycles_of_flushes(treatment treat)
{
    for (unsigned i = 0; i < LINES; i++) lines[i].word[0] = i;
    fence();
    const u64 start = rdtsc();
    for (unsigned i = 0; i < LINES; i++) treat(&lines[i].word[0]);
    fence();
    return rdtsc() - start;
}

static void judge_costs(void)
{
    const u64 none = cycles_of_wbinvd(0), half = cycles_of_wbinvd(LINES / 2), all = cycles_of_wbinvd(LINES);
    judge("wbinvd takes longer the more lines are dirty", none < half && half < all);
    judge("clflushes go one after the other, clflushopts side by side",
          cycles_of_flushes(clflush) > 3 * cycles_of_flushes(clflushopt));
    bool kept = true;
    for (unsigned i = 0; i < LINES; i++) kept &= lines[i].word[0] == i;
    judge("no data are lost", kept);
}

/* --- another processor's lines --- */

static struct barrier meeting;

static void other(unsigned cpu)
{
    if (cpu != 1) return;
    for (unsigned i = 0; i < LINES; i++) lines[i].word[0] = i + 1;
    barrier_wait(&meeting, 2);
    barrier_wait(&meeting, 2);
    u64 flushed = 0, kept = 0;
    for (unsigned i = 0; i < LINES; i++) {
        const u64 start = rdtsc();
        (void)lines[i].word[0];
        fence();
        *(i % 2 ? &kept : &flushed) += rdtsc() - start;
    }
    judge("a flush takes the line from another processor", flushed > kept + LINES / 2 * 60);
    barrier_wait(&meeting, 2);
}

static void judge_others(void)
{
    smp_start(smp_count(), other);
    barrier_wait(&meeting, 2);
    for (unsigned i = 0; i < LINES; i += 2) clflushopt(&lines[i].word[0]);
    fence();
    barrier_wait(&meeting, 2);
    barrier_wait(&meeting, 2);
}

int main(void)
{
    bench_start(NULL, 0);
    judge_reloads();
    judge_costs();
    if (smp_count() > 1) judge_others();
    return (int)failures;
}
