/* guest_litmus.c - the classic litmus tests of x86-TSO: what several processors may see of each other's loads and stores.
 *
 * Names and verdicts: Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, "x86-TSO: A Rigorous and Usable Programmer's Model for x86
 * Multiprocessors", and Intel SDM Vol. 3A, "Memory Ordering in P6 and More Recent Processor Families" (examples). Each test runs iters= times
 * with varied delays. A forbidden outcome fails the run; outcomes that TSO allows and sequential consistency does not are counted.
 */
#include "kit/bench.h"
#include "kit/console.h"
#include "kit/cpu.h"
#include "kit/smp.h"

enum { THREADS_MAX = 4 };

/* One place a line, so that they travel apart. */
static struct place {
    volatile u64 value;
    u8 rest[56];
} places[2] __attribute__((aligned(64)));

#define X places[0].value
#define Y places[1].value

static volatile u64 r[4]; /* what the threads loaded */

static inline void fence(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

#define THREAD(name, ...) static void name(void) { __VA_ARGS__ }
#define OUTCOME(name, expression) static bool name(void) { return expression; }

/* clang-format off */
THREAD(x1,         X = 1;)
THREAD(y1,         Y = 1;)
THREAD(x1_y1,      X = 1; Y = 1;)
THREAD(x2_y1,      X = 2; Y = 1;)
THREAD(y2_x1,      Y = 2; X = 1;)
THREAD(x1_ly0,     X = 1; r[0] = Y;)
THREAD(y1_lx1,     Y = 1; r[1] = X;)
THREAD(x1_f_ly0,   X = 1; fence(); r[0] = Y;)
THREAD(y1_f_lx1,   Y = 1; fence(); r[1] = X;)
THREAD(x1_xchg_ly0, atomic_exchange(&X, 1); r[0] = Y;)
THREAD(y1_xchg_lx1, atomic_exchange(&Y, 1); r[1] = X;)
THREAD(ly0_lx1,    r[0] = Y; r[1] = X;)
THREAD(ly0_x1,     r[0] = Y; X = 1;)
THREAD(lx1_y1,     r[1] = X; Y = 1;)
THREAD(lx0_lx1,    r[0] = X; r[1] = X;)
THREAD(lx0_y1,     r[0] = X; Y = 1;)
THREAD(ly1_lx2,    r[1] = Y; r[2] = X;)
THREAD(lx0_ly1,    r[0] = X; r[1] = Y;)
THREAD(ly2_lx3,    r[2] = Y; r[3] = X;)
THREAD(x1_lx0_ly1, X = 1; r[0] = X; r[1] = Y;)
THREAD(y1_ly2_lx3, Y = 1; r[2] = Y; r[3] = X;)
THREAD(y2_lx0,     Y = 2; r[0] = X;)
THREAD(ly0_x1_s,   r[0] = Y; X = 1;)

OUTCOME(never,       false)
OUTCOME(both_0,      r[0] == 0 && r[1] == 0)
OUTCOME(mp_bad,      r[0] == 1 && r[1] == 0)
OUTCOME(lb_bad,      r[0] == 1 && r[1] == 1)
OUTCOME(wrc_bad,     r[0] == 1 && r[1] == 1 && r[2] == 0)
OUTCOME(iriw_bad,    r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0)
OUTCOME(own_early,   r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0)
OUTCOME(own_lost,    r[0] != 1 || r[2] != 1)
OUTCOME(s_bad,       r[0] == 1 && X == 2)
OUTCOME(r_relaxed,   Y == 2 && r[0] == 0)
OUTCOME(w22_bad,     X == 2 && Y == 2)

static const struct litmus {
    const char *name, *meaning;
    unsigned threads;
    void (*thread[THREADS_MAX])(void);
    bool (*forbidden)(void);
    bool (*relaxed)(void); /* TSO allows it, sequential consistency does not */
} tests[] = {
    {"SB",        "stores are seen before later loads of other places", 2, {x1_ly0, y1_lx1},           never,     both_0},
    {"SB+mfence", "MFENCE holds the load back",                         2, {x1_f_ly0, y1_f_lx1},       both_0,    never},
    {"SB+xchg",   "so does a locked instruction",                       2, {x1_xchg_ly0, y1_xchg_lx1}, both_0,    never},
    {"MP",        "stores in order, loads in order",                    2, {x1_y1, ly0_lx1},           mp_bad,    never},
    {"LB",        "loads are not delayed past later stores",            2, {ly0_x1, lx1_y1},           lb_bad,    never},
    {"S",         "a store follows the load before it",                 2, {x2_y1, ly0_x1_s},          s_bad,     never},
    {"R",         "store against store and load",                       2, {x1_y1, y2_lx0},            never,     r_relaxed},
    {"2+2W",      "two pairs of stores in one order",                   2, {x2_y1, y2_x1},             w22_bad,   never},
    {"CoRR",      "two loads of one place do not go back",              2, {x1, lx0_lx1},              mp_bad,    never},
    {"SB+rfi",    "one's own store is seen early",                      2, {x1_lx0_ly1, y1_ly2_lx3},   own_lost,  own_early},
    {"WRC",       "what was seen is seen by who comes after",           3, {x1, lx0_y1, ly1_lx2},      wrc_bad,   never},
    {"IRIW",      "all agree on the order of two stores",               4, {x1, y1, lx0_ly1, ly2_lx3}, iriw_bad, never},
};
/* clang-format on */

static unsigned cpus;
static u64 iters = 200;
static u64 seed = 1;
static struct barrier barrier;
static u64 forbidden, relaxed;

static void delay(u64 turns)
{
    for (u64 n = 0; n < turns; n++) __asm__ volatile("");
}

static void run_thread(const struct litmus *t, unsigned cpu, u64 n)
{
    if (cpu >= t->threads || !t->thread[cpu]) return;
    delay((n * (2 * cpu + 3) + seed * cpu) % 17);
    t->thread[cpu]();
}

static void judge(const struct litmus *t)
{
    forbidden += t->forbidden();
    relaxed += t->relaxed();
}

static void run_test(const struct litmus *t, unsigned cpu)
{
    for (u64 n = 0; n < iters; n++) {
        if (cpu == 0) X = Y = r[0] = r[1] = r[2] = r[3] = 0;
        barrier_wait(&barrier, cpus);
        run_thread(t, cpu, n);
        barrier_wait(&barrier, cpus);
        if (cpu == 0) judge(t);
    }
}

static unsigned report(const struct litmus *t)
{
    printf("litmus %s (%s): %llu runs, %llu forbidden, %llu that only TSO allows: %s\n", t->name, t->meaning, (ull)iters, (ull)forbidden,
           (ull)relaxed, forbidden ? "FAILED" : "ok");
    unsigned failed = forbidden != 0;
    forbidden = relaxed = 0;
    return failed;
}

static volatile u64 failures;

static void work(unsigned cpu)
{
    for (unsigned n = 0; n < COUNT_OF(tests); n++) {
        if (tests[n].threads > cpus) continue;
        run_test(&tests[n], cpu);
        if (cpu == 0) failures = failures + report(&tests[n]);
        barrier_wait(&barrier, cpus);
    }
}

int main(void)
{
    const struct word words[] = {WORD_ITERS(iters), WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));
    cpus = smp_count();
    if (cpus < 2) printf("litmus: one processor, nothing to see\n");
    smp_start(cpus, work);
    bench_begin();
    if (cpus >= 2) work(0);
    bench_end();
    return (int)failures;
}
