/* instruction_bench.h - ooo_bench.h for one instruction after the other: what a copy of a few bytes of code takes when
 * ports and dependences alone decide, and how many micro-operations it is. */
#ifndef TESTS_INSTRUCTION_BENCH_H
#define TESTS_INSTRUCTION_BENCH_H

#include "tests/timing/ooo_bench.h"

struct bench_code {
    const char *name;
    unsigned mode; /* 32 or 64 */
    const u8 *bytes;
    unsigned n_bytes;
};

/* Of one copy. */
struct bench_cost {
    double cycles, uops;
};

/* A front end, a window and registers that do not limit. */
static inline struct pc_cfg instruction_cfg(enum operation_table table)
{
    struct pc_cfg cfg = bench_cfg();
    struct ooo_cfg *o = &cfg.ooo;
    o->units = table;
    o->rename_width = o->retire_width = o->uop_cache_width = o->decoders = o->complex_slots = o->sequencer_width = 8;
    o->fetch_bytes = 64;
    o->uop_cache_line = 8;
    o->queue_entries = 128;
    o->rob_entries = o->scheduler_entries = 400;
    o->integer_registers = o->vector_registers = 512;
    return cfg;
}

static inline void instruction_prepare(struct core_bench *b, const struct bench_code *code)
{
    struct hart *h = b->cpu->hart;
    static const u8 ones[] = {REG_RAX, REG_RBX, REG_RSI, REG_RDI};
    if (code->mode == 64) bench_enable_paging(b);
    for (unsigned n = 0; n < ARRAY_LEN(ones); n++) h->reg[ones[n]] = 1;
    h->reg[REG_RCX] = 4;
    h->cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
    h->fpu.xcr0 = 7;
    h->fpu.mxcsr = 0x1f80;
    hart_state_changed(h);
    CODE(b, 0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0xe8); /* fninit; fld1; fld1 */
}

#define MOV_EBP_EAX   0x89, 0xc5
#define MOV_EAX_ESI   0x89, 0xf0
#define XOR_EDX_EDX   0x31, 0xd2
#define DEC_COUNTER   0xff, 0x0c, 0x25, IMM32(LINE(0))
#define JNZ(from, to) 0x0f, 0x85, IMM32((to) - (from) - 6)
#define TIMES_THROUGH 3

/* Cycles of the last time through: the micro-op cache has what it can hold. Micro-operations of all times. */
static inline struct bench_cost instruction_run(const struct pc_cfg *cfg, const struct bench_code *code,
                                                unsigned copies)
{
    struct core_bench *b = ooo_bench(cfg);
    instruction_prepare(b, code);
    bench_poke64(b, LINE(0), TIMES_THROUGH);
    u64 again = b->code_end;
    CODE(b, RDTSC, MOV_EBP_EAX, MOV_EAX_ESI, XOR_EDX_EDX);
    for (unsigned n = 0; n < copies; n++) bench_append(b, code->bytes, code->n_bytes);
    CODE(b, RDTSC, DEC_COUNTER);
    CODE(b, JNZ(b->code_end, again));
    CODE(b, HLT);
    bench_run(b, 1000000);
    u64 cycles = b->cpu->hart->reg[REG_RAX] - b->cpu->hart->reg[REG_RBP];
    if (b->cpu->hart->activity != ACTIVITY_HLT) fail_msg("%s does not run", code->name);
    struct bench_cost cost = {(double)cycles, (double)b->cpu->ooo->stats.uops};
    bench_free(b);
    return cost;
}

#define COPIES 16

static inline struct bench_cost instruction_cost(const struct pc_cfg *cfg, const struct bench_code *code)
{
    struct bench_cost twice = instruction_run(cfg, code, 2 * COPIES), once = instruction_run(cfg, code, COPIES);
    return (struct bench_cost){(twice.cycles - once.cycles) / COPIES,
                               (twice.uops - once.uops) / COPIES / TIMES_THROUGH};
}

#endif
