/* core_bench.h - a whole PC whose core stands between mock L1 caches, on hand-assembled code: the bench of
 * test_inorder*.c, test_core.c, tests/timing/test_ooo_*.c.
 *
 * Code runs in flat 32-bit protected mode without paging, or in 64-bit mode on 4-KiB pages
 * (bench_enable_paging). The mocks answer every reference within hit_cycles, but lines named by bench_slow(),
 * which come once after their own latency. They write down at which cycle each reference arrived: a load
 * whose address depends on a register tells exactly when that register was ready. */
#ifndef TESTS_CORE_BENCH_H
#define TESTS_CORE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "isa/state.h"
#include "models/board/boot.h"
#include "models/board/pc.h"

#define NEVER      UINT64_MAX
#define HIT_CYCLES 4u
#define LOG_MAX    4096
#define SLOW_MAX   32

enum {
    CODE_AT = 0x100000,
    IDT_AT = 0x110000,
    GDT_AT = 0x111000,
    STACK_AT = 0x120000,
    TABLES_AT = 0x200000,
    P0 = 0x300000
};
#define LINE(n) (P0 + 0x40u * (n))

struct mock_l1 {
    struct core_bench *bench;
    u32 mshrs, pending;
    bool refused;
    unsigned n_slow, n;
    struct {
        u64 line, cycles;
        enum served served;
    } slow[SLOW_MAX];
    struct {
        u64 cycle, at;
        u8 kind, origin;
    } log[LOG_MAX];
    struct mem_request asked[LOG_MAX]; /* by entry of the log: pending ones */
};

struct core_bench {
    struct pc pc;
    struct processor *cpu; /* its first */
    struct mock_l1 l1i, l1d;
    u64 code_end;
    u32 payload; /* of the marker seen last */
    u64 marker_cycle;
    u64 exit_cycle, exit_ps; /* of the write to the exit port */
};

/* --- the mock caches --- */

static inline void mock_answer(void *self, u64 token)
{
    struct mock_l1 *m = self;
    const struct mem_request *r = &m->asked[token & 0xffff];
    bool refused = m->refused;
    m->pending--;
    m->refused = false;
    r->done(r->self, r->token, (enum served)(token >> 16));
    if (!refused) return;
    if (m->bench->cpu->core.kind == CORE_OOO)
        ooo_l1_freed(m->bench->cpu->ooo);
    else
        inorder_l1_freed(&m->bench->cpu->inorder);
}

static inline unsigned mock_find_slow(const struct mock_l1 *m, u64 at)
{
    unsigned i = 0;
    while (i < m->n_slow && m->slow[i].line != at >> LINE_SHIFT) i++;
    return i;
}

static inline enum port_answer mock_pend(struct mock_l1 *m, const struct mem_request *r, unsigned slow)
{
    if (m->pending == m->mshrs) {
        m->n--;
        m->refused = true;
        return PORT_BUSY;
    }
    u64 now = clock_now(&m->bench->pc.clock), token = (m->n - 1) | (u64)m->slow[slow].served << 16;
    m->asked[m->n - 1] = *r;
    m->pending++;
    clock_post(&m->bench->pc.clock, now + m->slow[slow].cycles, mock_answer, m, token);
    m->slow[slow].line = NEVER;
    return PORT_PENDING;
}

static inline enum port_answer mock_access(void *self, const struct mem_request *r, u64 *ready_cycle,
                                           enum served *served)
{
    struct mock_l1 *m = self;
    u64 now = clock_now(&m->bench->pc.clock);
    unsigned slow = mock_find_slow(m, r->at.v);
    assert_true(m->n < LOG_MAX);
    m->log[m->n].cycle = now;
    m->log[m->n].at = r->at.v;
    m->log[m->n].kind = r->kind;
    m->log[m->n++].origin = r->origin;
    if (slow < m->n_slow) return mock_pend(m, r, slow);
    *ready_cycle = now + HIT_CYCLES;
    *served = SERVED_L1;
    return PORT_HIT;
}

/* The line that holds `at` comes `cycles` after it is asked for, once. */
static inline void mock_slow(struct mock_l1 *m, u64 at, u64 cycles, enum served served)
{
    assert_true(m->n_slow < SLOW_MAX);
    m->slow[m->n_slow].line = at >> LINE_SHIFT;
    m->slow[m->n_slow].cycles = cycles;
    m->slow[m->n_slow++].served = served;
}

static inline void bench_slow(struct core_bench *b, u64 at, u64 cycles)
{
    mock_slow(&b->l1d, at, cycles, SERVED_DRAM);
}

/* The cycle at which the first, or n-th, reference to the very address `at` arrived; NEVER if none did. */
static inline u64 mock_nth(const struct mock_l1 *m, u64 at, unsigned n)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->log[i].at == at && n-- == 0) return m->log[i].cycle;
    return NEVER;
}
static inline u64 bench_sent(const struct core_bench *b, u64 at)
{
    return mock_nth(&b->l1d, at, 0);
}

/* --- the machine --- */

static inline void bench_marker(void *self, u32 payload)
{
    struct core_bench *b = self;
    b->payload = payload;
    b->marker_cycle = clock_now(&b->pc.clock);
}
static inline void bench_exited(void *self, u8 status)
{
    struct core_bench *b = self;
    (void)status;
    b->exit_cycle = clock_now(&b->pc.clock);
    b->exit_ps = kernel_now_ps();
}
static inline void bench_console(void *self, u8 byte)
{
    (void)self, (void)byte;
}

/* Every parameter's default, round numbers where tests count. */
static inline struct pc_cfg bench_cfg(void)
{
    struct pc_cfg cfg = {0};
    struct config *c = config_new(GIGOGNE_SOURCE);
    assert_true(pc_cfg_bind(&cfg, c));
    config_free(c);
    cfg.board.ram_bytes = 16 * MiB;
    cfg.inorder.mispredict_cycles = 10;
    cfg.inorder.redirect_cycles = 12;
    cfg.cpu.frequency_hz = GHz;
    return cfg;
}

static inline void bench_mock_caches(struct core_bench *b)
{
    b->l1i = (struct mock_l1){.bench = b, .mshrs = LOG_MAX};
    b->l1d = (struct mock_l1){.bench = b, .mshrs = LOG_MAX};
    b->cpu->ooo->l1i = b->cpu->inorder.l1i = (struct mem_port){.access = mock_access, .self = &b->l1i};
    b->cpu->ooo->l1d = b->cpu->inorder.l1d = b->cpu->walker.port = b->cpu->wc.port = (struct mem_port){.access = mock_access, .self = &b->l1d};
}

/* A machine that stands before CODE_AT, interrupts off, registers 0. */
static inline struct core_bench *bench_new(const struct pc_cfg *cfg, enum core_kind kind)
{
    struct core_bench *b = calloc(1, sizeof *b);
    kernel_fini(); /* of a test that failed */
    kernel_init();
    assert_true(pc_init(&b->pc, cfg, &(struct pc_hooks){.marker = bench_marker, .exited = bench_exited, .console = bench_console, .self = b}));
    b->cpu = &b->pc.cpu[0];
    bench_mock_caches(b);
    boot_enter_multiboot(b->cpu->hart, CODE_AT, 0);
    memset(b->cpu->hart->reg, 0, REG_RIP * sizeof b->cpu->hart->reg[0]);
    b->cpu->hart->reg[REG_RSP] = STACK_AT;
    b->code_end = CODE_AT;
    core_switch(&b->cpu->core, kind);
    return b;
}

static inline void bench_free(struct core_bench *b)
{
    core_sync(&b->cpu->core);
    core_check_identities(&b->cpu->core);
    walker_check_identities(&b->cpu->walker);
    pc_fini(&b->pc);
    kernel_fini();
    free(b);
}

static inline void bench_poke(struct core_bench *b, u64 at, const void *bytes, size_t n)
{
    memcpy(b->pc.ram.host + at, bytes, n);
}
static inline void bench_poke64(struct core_bench *b, u64 at, u64 value)
{
    bench_poke(b, at, &value, 8);
}

/* Appends code. */
static inline void bench_append(struct core_bench *b, const u8 *bytes, size_t n)
{
    bench_poke(b, b->code_end, bytes, n);
    b->code_end += n;
}
#define CODE(b, ...) bench_append(b, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
#define IMM32(v)     (u8)(v), (u8)((u32)(v) >> 8), (u8)((u32)(v) >> 16), (u8)((u32)(v) >> 24)

/* Instructions, as bytes of CODE: 32-bit operands, addresses without a register. */
#define ADD_EBX_1     0x83, 0xc3, 0x01
#define ADD_ECX_1     0x83, 0xc1, 0x01
#define ADD_EBX_ECX   0x01, 0xcb
#define IMUL_EDX_EDX  0x0f, 0xaf, 0xd2
#define LOAD_EAX(at)  0x8b, 0x04, 0x25, IMM32(at)
#define LOAD_EBX(at)  0x8b, 0x1c, 0x25, IMM32(at)
#define LOAD_ECX(at)  0x8b, 0x0c, 0x25, IMM32(at)
#define STORE_EAX(at) 0x89, 0x04, 0x25, IMM32(at)
#define PROBE_EBX(at) 0x8b, 0xab, IMM32(at) /* mov ebp, [ebx + at] */
#define PROBE_ECX(at) 0x8b, 0xa9, IMM32(at)
#define PROBE_EDX(at) 0x8b, 0xaa, IMM32(at)
#define PROBE(at)     0x8b, 0x2c, 0x25, IMM32(at)
#define NOP           0x90
#define HLT           0xf4
#define CPUID         0x0f, 0xa2
#define RDTSC         0x0f, 0x31
#define LFENCE        0x0f, 0xae, 0xe8

/* Runs all cycles before `cycle`. */
static inline void bench_run(struct core_bench *b, u64 cycle)
{
    kernel_run_until(clock_cycle_to_ps(&b->pc.clock, cycle));
}

static inline u64 bench_account(struct core_bench *b, enum world w, enum cause c)
{
    return b->cpu->core.account.leaf[w][c];
}
static inline u64 bench_native(struct core_bench *b, enum cause c)
{
    core_sync(&b->cpu->core);
    return bench_account(b, WORLD_NATIVE, c);
}

#define HANDLER_AT 0x108000u

/* A flat GDT, and an IDT whose one gate leads to a handler that probes LINE(9) and halts. */
static inline void bench_set_up_idt(struct core_bench *b, u8 vector)
{
    const u64 handler = HANDLER_AT, end = b->code_end;
    bench_poke64(b, GDT_AT + 8, 0x00cf9b000000ffffull); /* flat code, accessed */
    bench_poke64(b, IDT_AT + 8u * vector,
                 (handler & 0xffff) | 8ull << 16 | 0x8e00ull << 32 | (handler >> 16) << 48);
    b->cpu->hart->gdtr = (struct desc_table){GDT_AT, 15};
    b->cpu->hart->idtr = (struct desc_table){IDT_AT, 8 * 256 - 1};
    b->code_end = HANDLER_AT;
    CODE(b, PROBE(LINE(9)), HLT);
    b->code_end = end;
}

/* 64-bit mode; 0 .. 4 MiB on 4-KiB pages, one to one, all flags set. CODE then is 64-bit code; its first
 * fetch walks. */
static inline void bench_enable_paging(struct core_bench *b)
{
    struct hart *h = b->cpu->hart;
    const u64 flags = 0x63; /* P, W, A, D */
    bench_poke64(b, TABLES_AT, (TABLES_AT + 0x1000) | flags);
    bench_poke64(b, TABLES_AT + 0x1000, (TABLES_AT + 0x2000) | flags);
    for (u64 table = 0; table < 2; table++) {
        bench_poke64(b, TABLES_AT + 0x2000 + 8 * table, (TABLES_AT + 0x3000 + 0x1000 * table) | flags);
        for (u64 i = 0; i < 512; i++)
            bench_poke64(b, TABLES_AT + 0x3000 + 0x1000 * table + 8 * i, (table << 21 | i << 12) | flags);
    }
    h->cr0 |= CR0_PG | CR0_NE;
    h->cr4 = CR4_PAE;
    h->efer = EFER_LME | EFER_LMA;
    h->cr3 = TABLES_AT;
    h->seg[SEG_CS] = segment_flat_code(0x08, 0, true);
    hart_state_changed(h);
}

#define PTE_OF(va) (TABLES_AT + 0x3000 + 8 * ((u64)(va) >> PAGE_SHIFT))

#endif
