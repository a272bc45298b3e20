/* branch.c - what calls and mispredicted branches take, and how deep the return stack is. */
#include "probes/kit/probe.h"

enum { PAIRS = 64, DEEP = 64, DIRECT_BRANCHES = 32, DIRECT_RUNS = 256, WARM_RUNS = 32 };

/* --- calls --- */

ASSEMBLE(one_return, "jmp 1f; ret; 1:");

/* All call the return in front of them. */
static void emit_calls(struct code *c, u64 n, const void *self)
{
    (void)self;
    code_put_text(c, TEXT(one_return));
    const u8 *target = c->at - 1;
    while (n--) code_put_call(c, target);
}

static u64 measure_call_return(const void *self)
{
    return probe_slope(emit_calls, PAIRS, self, 0);
}

/* --- the return stack --- */

ASSEMBLE(one_level, "call 1f; ret; 1:");
ASSEMBLE(last_level, "ret");

/* n calls within each other. */
static void emit_levels(struct code *c, u64 n, const void *self)
{
    (void)self;
    const size_t level = (size_t)(one_level_end - one_level), call = level - 1;
    const u8 *first = c->at + 2 * call; /* behind this call and the jump over all levels: as long as a call */
    code_put_call(c, first);
    code_put_jump(c, first + (n - 1) * level + 1);
    while (--n) code_put_text(c, TEXT(one_level));
    code_put_text(c, TEXT(last_level));
}

/* What the nth level adds. */
static u64 cost_of_level(u64 n, const void *self)
{
    u64 without = probe_ticks(emit_levels, n - 1, self, 0), with = probe_ticks(emit_levels, n, self, 0);
    return with > without ? with - without : 0;
}

static u64 measure_return_stack(const void *self)
{
    u64 n = probe_knee(cost_of_level, 4, DEEP, 100, self);
    return n == PROBE_ABSENT ? n : n * PROBE_UNIT;
}

/* --- mispredictions ---
 *
 * Branches that go one way or the other by the bits of a number. A number at random is predicted wrong half the time,
 * whatever the predictor; what it takes more than the mean of "all one way" and "all the other" is theirs. All
 * conditions and targets are there before the first branch is. */

struct branches {
    u64 count, runs;
    void (*emit)(struct code *c);
    u64 (*ticks)(const struct code *c, u64 bits);
};

/* Of a run, in hundredths; bits are `all` where they are not at random. */
static u64 mean_ticks(const struct branches *b, const struct code *c, u64 all, u64 at_random)
{
    u64 sum = 0, stream = random_seeded(1);
    for (u64 i = 0; i < WARM_RUNS; i++) b->ticks(c, all | (random_next(&stream) & at_random));
    for (u64 i = 0; i < b->runs; i++) sum += b->ticks(c, all | (random_next(&stream) & at_random));
    return sum * PROBE_UNIT / b->runs;
}

static u64 measure_mispredict(const void *self)
{
    const struct branches *b = self;
    struct code c = code_new(PAGE_4K);
    code_begin(&c);
    b->emit(&c);
    code_end(&c);
    u64 ones = BIT(b->count) - 1;
    u64 known = (mean_ticks(b, &c, 0, 0) + mean_ticks(b, &c, ones, 0)) / 2, wrong = mean_ticks(b, &c, 0, ones);
    return wrong > known ? 2 * (wrong - known) / b->count : 0;
}

/* Test and jump are one micro-operation where they fuse: nothing lies between the misprediction and the next branch. */
ASSEMBLE(test_edi, ".byte 0xf7, 0xc7"); /* test imm32, edi: the immediate follows */
ASSEMBLE(jump_over_nop, "jz 1f; nop; 1:");

static void emit_direct(struct code *c)
{
    for (u64 i = 0; i < DIRECT_BRANCHES; i++) {
        code_put_text(c, TEXT(test_edi));
        code_put32(c, 1u << i);
        code_put_text(c, TEXT(jump_over_nop));
    }
}

static u64 ticks_direct(const struct code *c, u64 bits)
{
    return code_run(c, bits, 0);
}

static const struct branches direct = {DIRECT_BRANCHES, DIRECT_RUNS, emit_direct, ticks_direct};

/* A jump by each of these registers, to the first or the second NOP behind it. */
#define JUMPS(JUMP) \
    JUMP(0, rax) JUMP(1, rbx) JUMP(2, rcx) JUMP(3, rdx) JUMP(4, r8) JUMP(5, r9) JUMP(6, r10) JUMP(7, r11)
enum { INDIRECT_BRANCHES = 8, INDIRECT_RUNS = 1024 };

#define ASSEMBLE_JUMP(n, reg)                            \
    ASSEMBLE(load_##reg, "mov 8*" #n "(%rdi), %" #reg); \
    ASSEMBLE(jump_##reg, "jmp *%" #reg);
JUMPS(ASSEMBLE_JUMP)
ASSEMBLE(wait, "lfence");

static const u8 *behind_jump[INDIRECT_BRANCHES];

static void emit_indirect(struct code *c)
{
#define PUT_LOAD(n, reg) code_put_text(c, TEXT(load_##reg));
#define PUT_JUMP(n, reg)                \
    code_put_text(c, TEXT(jump_##reg)); \
    behind_jump[n] = c->at;             \
    code_nops(c, 2);
    JUMPS(PUT_LOAD)
    code_put_text(c, TEXT(wait));
    JUMPS(PUT_JUMP)
}

static u64 ticks_indirect(const struct code *c, u64 bits)
{
    u64 target[INDIRECT_BRANCHES];
    for (unsigned i = 0; i < INDIRECT_BRANCHES; i++) target[i] = (u64)behind_jump[i] + (bits >> i & 1);
    return code_run(c, (u64)target, 0);
}

static const struct branches indirect = {INDIRECT_BRANCHES, INDIRECT_RUNS, emit_indirect, ticks_indirect};

static const struct probe probes[] = {
    {"call_return", "cycles", measure_call_return, NULL},
    {"return_stack", "entries", measure_return_stack, NULL},
    {"mispredict", "cycles", measure_mispredict, &direct},
    {"mispredict_indirect", "cycles", measure_mispredict, &indirect},
};

int main(void)
{
    return probe_main(probes, COUNT_OF(probes));
}
