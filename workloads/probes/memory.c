/* memory.c - latencies and sizes of the caches, and the latency of DRAM: pointer chases over more and more memory.
 *
 * Memory is the identity-mapped heap, in pages of 1 GiB, or 2 MiB where there are none: translation costs nothing.
 * Places are two or four lines apart where the line beside a missed one must not be asked for: prefetchers bring it. */
#include "probes/kit/chase.h"

enum { LINE = 64, APART = 2 * LINE, FAR_APART = 4 * LINE, KNEE_PERCENT = 50 };
enum { L1_STEP = 4096, L2_STEP = 16 * 1024, LARGEST = 4 * 1024 * 1024 };
enum { DRAM_PLACES = 2048, DRAM_BYTES = 32 * 1024 * 1024, DRAM_RUNS = 5 };

/* --- what CPUID says: Intel SDM Vol. 2A, "CPUID", leaf 4; 0: nothing --- */

static u64 cache_bytes(u32 level)
{
    for (u32 subleaf = 0; cpuid(4, subleaf).eax & 31; subleaf++) {
        struct cpuid c = cpuid(4, subleaf);
        u64 ways = (c.ebx >> 22) + 1, line = (c.ebx & 0xfff) + 1, sets = (u64)c.ecx + 1;
        if ((c.eax >> 5 & 7) == level && (c.eax & 31) != 2) return ways * line * sets;
    }
    return 0;
}

/* --- places --- */

static u8 *memory(void)
{
    static u8 *base;
    if (!base) base = heap_run(DRAM_BYTES, PAGE_2M);
    return base;
}

/* self: bytes between two. */
static u64 place_apart(u64 i, const void *self)
{
    return (u64)memory() + i * *(const u64 *)self;
}

/* In the whole memory, one in each part, anywhere in it. */
static u64 place_anywhere(u64 i, const void *self)
{
    (void)self;
    u64 part = DRAM_BYTES / DRAM_PLACES;
    return (u64)memory() + i * part + mix(i) % (part / LINE) * LINE;
}

static u64 latency_of(u64 bytes, u64 apart)
{
    return chase_latency(bytes / apart, place_apart, &apart);
}

/* --- latencies --- */

static u64 measure_l2_hit(const void *self)
{
    (void)self;
    u64 bytes = cache_bytes(2) / 2;
    return bytes ? latency_of(bytes, APART) : PROBE_ABSENT;
}

/* More than the L2 holds, and little of the L3. */
static u64 measure_l3_hit(const void *self)
{
    (void)self;
    u64 bytes = 4 * cache_bytes(2);
    return bytes < cache_bytes(3) ? latency_of(bytes, FAR_APART) : PROBE_ABSENT;
}

static void flush(u64 at)
{
    __asm__ volatile("clflush (%0)" : : "r"(at) : "memory");
}

/* Every line is flushed before it is read. */
static u64 measure_dram(const void *self)
{
    u64 first = chase_link(DRAM_PLACES, place_anywhere, self), ticks[DRAM_RUNS];
    for (unsigned run = 0; run < DRAM_RUNS; run++) {
        for (u64 i = 0; i < DRAM_PLACES; i++) flush(place_anywhere(i, self));
        __asm__ volatile("mfence" : : : "memory");
        ticks[run] = chase_ticks(first, DRAM_PLACES);
    }
    return probe_median(ticks, DRAM_RUNS) * PROBE_UNIT / DRAM_PLACES;
}

/* --- sizes --- */

static u64 cost_of_l1(u64 n, const void *self)
{
    (void)self;
    return latency_of(n * L1_STEP, LINE);
}

static u64 measure_l1d_bytes(const void *self)
{
    u64 n = probe_knee(cost_of_l1, 2, 32, KNEE_PERCENT, self);
    return n == PROBE_ABSENT ? n : n * L1_STEP * PROBE_UNIT;
}

static u64 cost_of_l2(u64 n, const void *self)
{
    (void)self;
    return latency_of(n * L2_STEP, APART);
}

/* From twice the L1D's size on. */
static u64 measure_l2_bytes(const void *self)
{
    u64 low = 2 * cache_bytes(1) / L2_STEP;
    if (low == 0) return PROBE_ABSENT;
    u64 n = probe_knee(cost_of_l2, low, LARGEST / L2_STEP, KNEE_PERCENT, self);
    return n == PROBE_ABSENT ? n : n * L2_STEP * PROBE_UNIT;
}

/* clang-format off */
static const struct probe probes[] = {
    {"l2_hit",    "cycles", measure_l2_hit,    NULL},
    {"l3_hit",    "cycles", measure_l3_hit,    NULL},
    {"dram",      "cycles", measure_dram,      NULL},
    {"l1d_bytes", "bytes",  measure_l1d_bytes, NULL},
    {"l2_bytes",  "bytes",  measure_l2_bytes,  NULL},
};
/* clang-format on */

int main(void)
{
    return probe_main(probes, COUNT_OF(probes));
}
