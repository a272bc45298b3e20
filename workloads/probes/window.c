/* window.c - how much an out-of-order core holds: between two loads that miss every cache stand n instructions that
 * take an entry each of what is measured; while all of them fit, the two misses overlap. And how many loads and stores
 * it does in a cycle.
 *
 * H. Wong, "Measuring Reorder Buffer Capacity" (blog.stuffedcow.net, 2013). */
#include "probes/kit/probe.h"

enum { TRIALS = 7, ENOUGH = 50 /* percent that a second miss adds */ };

/* Entries of one kind: what fills them, and how many the two loads take themselves. */
struct filler {
    const u8 *text, *text_end;
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
    CODE_PUT(c, first_miss);
    while (n--) code_put(c, f->text, (size_t)(f->text_end - f->text));
    CODE_PUT(c, second_miss);
    code_end(c);
}

/* What the code uses beside the two lines: R8 is a place in the L1D. */
static u64 cost_of_two_misses(u64 n, const void *self)
{
    struct code *c = the_code();
    u64 ticks[TRIALS], warm = (u64)probe_page();
    build(c, n, self);
    for (unsigned i = 0; i < TRIALS; i++) code_run(c, warm, warm);
    for (unsigned i = 0; i < TRIALS; i++) ticks[i] = code_run(c, (u64)probe_cold_line(), (u64)probe_cold_line());
    return probe_median(ticks, TRIALS);
}

static u64 measure_entries(const void *self)
{
    const struct filler *f = self;
    u64 n = probe_knee(cost_of_two_misses, f->low, f->high, ENOUGH, f);
    return n == PROBE_ABSENT ? n : (n + f->own) * PROBE_UNIT;
}

/* FILLER(item, text, own, low, high): RSP is a place in the L1D. */
#define FILLERS(FILLER)                                                              \
    FILLER(rob,          "nop",                2, 16, 600)                           \
    FILLER(load_buffer,  "mov (%rsp), %rdx",   2, 8, 200)                            \
    FILLER(store_buffer, "mov %rcx, -8(%rsp)", 0, 8, 150)                            \
    FILLER(scheduler,    "lea 1(%rax), %rdx",  1, 8, 200)

#define ASSEMBLE_FILLER(item, text, own, low, high) ASSEMBLE(fill_##item, text);
FILLERS(ASSEMBLE_FILLER)
#define ROW_OF_FILLER(item, text, own, low, high) \
    static const struct filler filler_##item = {fill_##item, fill_##item##_end, own, low, high};
FILLERS(ROW_OF_FILLER)

#define PROBE_OF_FILLER(item, text, own, low, high) {#item, "entries", measure_entries, &filler_##item},
static const struct probe probes[] = {
    FILLERS(PROBE_OF_FILLER)
};

int main(void)
{
    return probe_main(probes, COUNT_OF(probes));
}
