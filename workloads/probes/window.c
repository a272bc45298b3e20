/* window.c - how much an out-of-order core holds: between two loads that miss every cache stand n instructions that
 * take an entry each of what is measured; while all of them fit, the two misses overlap. And how many loads and stores
 * it does in a cycle.
 *
 * H. Wong, "Measuring Reorder Buffer Capacity" (blog.stuffedcow.net, 2013). */
#include "probes/kit/probe.h"

enum { TRIALS = 40, ENOUGH = 40 /* percent that a second miss adds */ };

/* Entries of one kind: what fills them, and how many the two loads take themselves. */
struct filler {
    struct text text;
    u64 own, low, high;
};

ASSEMBLE(first_miss, "mov (%rdi), %rax");
ASSEMBLE(second_miss, "mov (%rsi), %rbx");

static struct code *the_code(void)
{
    static struct code code;
    if (!code.start) code = code_new(16 * KiB);
    return &code;
}

static void build(struct code *c, u64 n, const struct filler *f)
{
    code_begin(c);
    code_put_text(c, TEXT(first_miss));
    while (n--) code_put_text(c, f->text);
    code_put_text(c, TEXT(second_miss));
    code_end(c);
}

static u64 cost_of_two_misses(u64 n, const void *self)
{
    static void *page;
    struct code *c = the_code();
    u64 ticks[TRIALS];
    if (!page) page = probe_page();
    u64 warm = (u64)page;
    build(c, n, self);
    for (unsigned i = 0; i < TRIALS; i++) code_run(c, warm, warm);
    for (unsigned i = 0; i < TRIALS; i++) ticks[i] = code_run(c, (u64)probe_cold_line(), (u64)probe_cold_line());
    return probe_least(ticks, TRIALS);
}

static u64 measure_entries(const void *self)
{
    const struct filler *f = self;
    u64 n = probe_knee(cost_of_two_misses, f->low, f->high, ENOUGH, f);
    return n == PROBE_ABSENT ? n : (n + f->own) * PROBE_UNIT;
}

/* FILLER(item, text, own, low, high): RSP is a place in the L1D, RAX the first miss. */
/* clang-format off */
#define FILLERS(FILLER)                                                              \
    FILLER(rob,          "nop",                2, 16, 600)                           \
    FILLER(load_buffer,  "mov (%rsp), %rdx",   2, 8, 200)                            \
    FILLER(store_buffer, "mov %rcx, -8(%rsp)", 0, 8, 150)                            \
    FILLER(scheduler,    "lea 1(%rax), %rdx",  1, 8, 200)
/* clang-format on */

#define ASSEMBLE_FILLER(item, text, own, low, high) ASSEMBLE(fill_##item, text);
FILLERS(ASSEMBLE_FILLER)
#define ROW_OF_FILLER(item, text, own, low, high) \
    static const struct filler filler_##item = {TEXT_OF(fill_##item), own, low, high};
FILLERS(ROW_OF_FILLER)

/* --- fill buffers: so many misses of the L1D overlap ---
 *
 * They hit the L2, and their addresses are there at once, so that all have begun before the first is over. */

enum { MISS_TRIALS = 5, MISSES_LOW = 2, MISSES_HIGH = 26, OTHER_BYTES = 128 * 1024 };

ASSEMBLE(load_at, ".byte 0x48, 0x8b, 0x87"); /* mov disp32(%rdi), %rax: the displacement follows */

/* Of the nth line: no two of one page or of one set. */
static u32 displacement(u64 n)
{
    return (u32)(n * PAGE_4K + n * 7 % 64 * 64);
}

/* The L1D holds what stands here, and so not what was in it before. */
static void touch_others(void)
{
    static volatile u8 *others;
    if (!others) others = heap_run(OTHER_BYTES, PAGE_4K);
    for (u64 at = 0; at < OTHER_BYTES; at += 64) others[at];
}

static u64 cost_of_misses(u64 n, const void *self)
{
    struct code *c = the_code();
    u64 ticks[MISS_TRIALS];
    code_begin(c);
    for (u64 i = 0; i < n; i++) {
        code_put_text(c, TEXT(load_at));
        code_put32(c, displacement(i));
    }
    code_end(c);
    for (unsigned t = 0; t < MISS_TRIALS; t++) {
        touch_others();
        ticks[t] = code_run(c, (u64)self, 0);
    }
    return probe_least(ticks, MISS_TRIALS);
}

static u64 measure_fill_buffers(const void *self)
{
    (void)self;
    const void *lines = heap_run((MISSES_HIGH + 1) * PAGE_4K, PAGE_4K);
    u64 n = probe_step(cost_of_misses, MISSES_LOW, MISSES_HIGH, lines);
    return n == PROBE_ABSENT ? n : n * PROBE_UNIT;
}

/* --- throughput --- */

enum { PAIRS = 128 };

ASSEMBLE(two_loads, "mov (%rdi), %rax; mov 8(%rdi), %rbx");
ASSEMBLE(two_stores, "mov %rax, (%rdi); mov %rax, 8(%rdi)");
static const struct text loads = TEXT_OF(two_loads), stores = TEXT_OF(two_stores);

static void emit_pairs(struct code *c, u64 n, const void *self)
{
    while (n--) code_put_text(c, *(const struct text *)self);
}

static u64 measure_throughput(const void *self)
{
    u64 slope = probe_slope(emit_pairs, PAIRS, self, (u64)probe_page());
    return slope ? 2 * PROBE_UNIT * PROBE_UNIT / slope : PROBE_ABSENT;
}

#define PROBE_OF_FILLER(item, text, own, low, high) {#item, "entries", measure_entries, &filler_##item},
static const struct probe probes[] = {
    FILLERS(PROBE_OF_FILLER)
    {"fill_buffers", "entries", measure_fill_buffers, NULL},
    {"load_throughput", "per-cycle", measure_throughput, &loads},
    {"store_throughput", "per-cycle", measure_throughput, &stores},
};

int main(void)
{
    return probe_main(probes, COUNT_OF(probes));
}
