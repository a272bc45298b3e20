/* exec_bench.h - one hart in flat 64-bit (or 32-bit) mode, to execute hand-written or compiled bytes. */
#ifndef TESTS_EXEC_BENCH_H
#define TESTS_EXEC_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flat_mmu.h"
#include "isa/cpu_model.h"
#include "isa/exec.h"
#include "isa/icache.h"
#include "isa/state.h"

#define EXEC_RAM   (1 * MiB)
#define EXEC_CODE  0x10000ull
#define EXEC_DATA  0x20000ull
#define EXEC_STACK 0x40000ull

struct exec_bench {
    struct hart h;
    struct physmem mem;
    struct icache icache;
    struct flat_mmu flat;
    struct cpu_model model;
    struct bus_ops bus;
    u64 device_value; /* what MMIO reads give and writes leave */
    u64 device_steps; /* h->run_steps at the last device access */
    unsigned device_accesses;
    u32 marker;
};

static inline struct exec_bench *exec_bench_of(void *self)
{
    return self;
}

static u64 exec_mmio_read(void *self, hpa_t at, unsigned bytes)
{
    struct exec_bench *b = exec_bench_of(self);
    (void)at, (void)bytes;
    b->device_accesses++;
    b->device_steps = b->h.run_steps;
    return b->device_value;
}

static void exec_mmio_write(void *self, hpa_t at, u64 value, unsigned bytes)
{
    struct exec_bench *b = exec_bench_of(self);
    (void)at, (void)bytes;
    b->device_accesses++;
    b->device_steps = b->h.run_steps;
    b->device_value = value;
}

static u32 exec_port_read(void *self, u16 port, unsigned bytes)
{
    (void)bytes;
    exec_bench_of(self)->device_accesses++;
    return port * 0x01010101u;
}

static void exec_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    (void)port, (void)bytes;
    exec_bench_of(self)->device_accesses++;
    exec_bench_of(self)->device_value = value;
}

static void exec_marker_seen(void *self, struct hart *h, u32 payload)
{
    (void)h;
    exec_bench_of(self)->marker = payload;
}

static inline void exec_bench_code(struct exec_bench *b, u32 cs_attributes, u64 efer)
{
    b->h.cr0 = CR0_PE | CR0_ET | (efer ? CR0_PG : 0);
    b->h.cr4 = efer ? CR4_PAE : 0;
    b->h.efer = efer;
    b->h.seg[SEG_CS] = (struct segment){.limit = ~0u, .ar = 0x9b | AR_G | cs_attributes, .selector = 8};
    for (unsigned s = 0; s < SEG_COUNT; s++)
        if (s != SEG_CS)
            b->h.seg[s] = (struct segment){.limit = ~0u, .ar = 0x93 | AR_G | AR_DB, .selector = 16};
    hart_state_changed(&b->h);
}

static inline void exec_bench_64bit(struct exec_bench *b)
{
    exec_bench_code(b, AR_L, EFER_LME | EFER_LMA);
}
static inline void exec_bench_32bit(struct exec_bench *b)
{
    exec_bench_code(b, AR_DB, 0);
}

static inline struct exec_bench *exec_bench_new(void)
{
    struct exec_bench *b = calloc(1, sizeof *b);
    b->model = (struct cpu_model){0};
    memset(b->model.has, true, sizeof b->model.has);
    flat_mmu_init(&b->flat, &b->mem, EXEC_RAM);
    icache_init(&b->icache, &b->mem);
    hart_init(&b->h, 0, &b->mem, &b->icache, &b->model);
    b->bus = (struct bus_ops){.mmio_read = exec_mmio_read,
                              .mmio_write = exec_mmio_write,
                              .port_read = exec_port_read,
                              .port_write = exec_port_write,
                              .marker = exec_marker_seen};
    b->h.mmu = &flat_mmu_ops;
    b->h.mmu_self = &b->flat;
    b->h.bus = &b->bus;
    b->h.bus_self = b;
    exec_bench_64bit(b);
    b->h.reg[REG_RIP] = EXEC_CODE;
    b->h.reg[REG_RSP] = EXEC_STACK;
    return b;
}

static inline void exec_bench_free(struct exec_bench *b)
{
    icache_destroy(&b->icache);
    free(b->mem.host);
    free(b->mem.has_code);
    free(b);
}

/* Puts code at `at` as a loader would. */
static inline void exec_bench_put(struct exec_bench *b, u64 at, const void *bytes, size_t length)
{
    memcpy(b->mem.host + at, bytes, length);
    physmem_note_write(&b->mem, HPA(at), length);
}

/* Executes the one instruction at RIP, all parts of it, without delivering a fault; RIP ends behind it, at
 * its target, or stays. */
static inline enum outcome exec_bench_step(struct exec_bench *b)
{
    struct hart *h = &b->h;
    enum outcome out;
    fetch_restart(h);
    const struct fetch_entry *e = fetch_find(h);
    if (!e) return OUT_FAULT;
    const struct insn *i = e->first;
    do {
        h->fetch.alone = true;
        out = isa_run_single(h, i);
        h->fetch.alone = false;
        if (out == OUT_FAULT || out == OUT_AGAIN) h->reg[REG_RIP] -= i->length;
    } while (out == OUT_AGAIN);
    return out;
}

#endif
