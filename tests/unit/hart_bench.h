/* hart_bench.h - one hart in 64-bit mode on a flat MMU, with hand-built GDT, LDT, IDT and TSS, and neighbours
 * that write down what they were asked. For unit tests of the system side of isa/. */
#ifndef TESTS_HART_BENCH_H
#define TESTS_HART_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flat_mmu.h"
#include "isa/cpu_model.h"
#include "isa/decode.h"
#include "isa/exec.h"
#include "isa/state.h"

#define BENCH_RAM (1 * MiB)

enum {
    GDT_AT = 0x1000, LDT_AT = 0x1800, IDT_AT = 0x2000, TSS_AT = 0x3000, CODE_AT = 0x5000, DATA_AT = 0x6000,
    HANDLER_AT = 0x7000, STACK0 = 0x10000, IST1 = 0x12000, STACK_NOW = 0x14008, USER_STACK = 0x16008
};

enum selector {
    SEL_CODE = 0x08,
    SEL_DATA = 0x10,
    SEL_CODE32 = 0x18,
    SEL_USER_DATA = 0x20,
    SEL_USER_CODE = 0x28,
    SEL_USER_CODE32 = 0x30,
    SEL_TSS = 0x38,
    SEL_LDT = 0x48,
    SEL_ABSENT_CODE = 0x58,
    SEL_CONFORMING = 0x60,
    SEL_L_AND_D = 0x68,
    SEL_ABSENT_DATA = 0x70,
    SEL_READONLY = 0x78,
    SEL_EXECUTE_ONLY = 0x80,
    SEL_GATE = 0x88,
    SEL_GATE_USER = 0x98,
    SEL_BUSY_TSS = 0xa8,
    SEL_END = 0xb8
};

/* Bits 55:40 of a descriptor: type, S, DPL, P, then L, D, G. */
#define ACCESS_CODE      0x9aull
#define ACCESS_DATA      0x92ull
#define ACCESS_USER(a)   ((a) | 0x60ull)
#define ACCESS_ABSENT(a) ((a) & ~0x80ull)
#define FLAG_L BIT(13)
#define FLAG_D BIT(14)
#define FLAG_G BIT(15)

struct hart_bench {
    struct hart h;
    struct physmem mem;
    struct flat_mmu flat;
    struct mmu_ops mmu;
    struct cpu_model model;
    struct decoder decoder;
    /* what the neighbours saw */
    unsigned invalidations, context_changes;
    enum invalidate_kind invalidated;
    u64 invalidated_pcid, invalidated_va;
    u64 tsc, cr8;
    int vector_to_acknowledge;
    u16 port;
    u32 port_value;
    unsigned port_bytes;
    /* the hypervisor: what it answers, what it was asked */
    struct virt_ops virt;
    bool exits_on_event, exits_on_intercept, exits_on_interrupt, insns_enabled;
    unsigned events_seen, intercepts_seen, triple_faults;
    struct fault last_event;
    struct vectoring last_vectoring;
    enum event_type last_type;
    enum intercept last_intercept;
    u64 last_info, cr_shadow[5], cr_mask[5];
};

static inline void bench_write(struct hart_bench *b, u64 at, unsigned bytes, u64 value)
{
    memcpy(b->mem.host + at, &value, bytes);
}

static inline u64 bench_read(const struct hart_bench *b, u64 at, unsigned bytes)
{
    u64 value = 0;
    memcpy(&value, b->mem.host + at, bytes);
    return value;
}

static inline u64 bench_descriptor(u64 base, u32 limit, u64 access_and_flags)
{
    return (limit & 0xffff) | (base & 0xffffff) << 16 | access_and_flags << 40 |
           ((u64)limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
}

static inline void bench_segment(struct hart_bench *b, u16 selector, u64 access_and_flags)
{
    bench_write(b, GDT_AT + selector, 8, bench_descriptor(0, 0xfffff, access_and_flags));
}

static inline void bench_system_segment(struct hart_bench *b, u16 selector, u64 base, u32 limit, u64 access)
{
    bench_write(b, GDT_AT + selector, 8, bench_descriptor(base, limit, access));
    bench_write(b, GDT_AT + selector + 8u, 8, base >> 32);
}

static inline void bench_gate_at(struct hart_bench *b, u64 at, u8 type, u16 selector, unsigned dpl,
                                 unsigned ist, u64 offset)
{
    u64 low = (offset & 0xffff) | (u64)selector << 16 | (u64)ist << 32 | (u64)(0x80 | dpl << 5 | type) << 40 |
              (offset >> 16 & 0xffff) << 48;
    bench_write(b, at, 8, low);
    bench_write(b, at + 8, 8, offset >> 32);
}

/* 64-bit gate of the IDT; its handler stands at HANDLER_AT + vector * 16. */
static inline void bench_gate(struct hart_bench *b, u8 vector, u8 type, u16 selector, unsigned dpl,
                              unsigned ist)
{
    bench_gate_at(b, IDT_AT + 16u * vector, type, selector, dpl, ist, HANDLER_AT + 16u * vector);
}

static inline void bench_fill_tables(struct hart_bench *b)
{
    bench_segment(b, SEL_CODE, ACCESS_CODE | FLAG_L | FLAG_G);
    bench_segment(b, SEL_DATA, ACCESS_DATA | FLAG_D | FLAG_G);
    bench_segment(b, SEL_CODE32, ACCESS_CODE | FLAG_D | FLAG_G);
    bench_segment(b, SEL_USER_DATA, ACCESS_USER(ACCESS_DATA) | FLAG_D | FLAG_G);
    bench_segment(b, SEL_USER_CODE, ACCESS_USER(ACCESS_CODE) | FLAG_L | FLAG_G);
    bench_segment(b, SEL_USER_CODE32, ACCESS_USER(ACCESS_CODE) | FLAG_D | FLAG_G);
    bench_system_segment(b, SEL_TSS, TSS_AT, 0x67, 0x89);
    bench_system_segment(b, SEL_LDT, LDT_AT, 0xff, 0x82);
    bench_segment(b, SEL_ABSENT_CODE, ACCESS_ABSENT(ACCESS_CODE) | FLAG_L | FLAG_G);
    bench_segment(b, SEL_CONFORMING, ACCESS_CODE | 4 | FLAG_L | FLAG_G);
    bench_segment(b, SEL_L_AND_D, ACCESS_CODE | FLAG_L | FLAG_D | FLAG_G);
    bench_segment(b, SEL_ABSENT_DATA, ACCESS_ABSENT(ACCESS_DATA) | FLAG_D | FLAG_G);
    bench_segment(b, SEL_READONLY, (ACCESS_DATA & ~2ull) | FLAG_D | FLAG_G);
    bench_segment(b, SEL_EXECUTE_ONLY, (ACCESS_CODE & ~2ull) | FLAG_L | FLAG_G);
    bench_gate_at(b, GDT_AT + SEL_GATE, TYPE_CALL_GATE, SEL_CODE, 0, 0, HANDLER_AT);
    bench_gate_at(b, GDT_AT + SEL_GATE_USER, TYPE_CALL_GATE, SEL_CODE, 3, 0, HANDLER_AT);
    bench_system_segment(b, SEL_BUSY_TSS, TSS_AT, 0x67, 0x8b);
    for (unsigned v = 0; v < 256; v++)
        bench_gate(b, (u8)v, TYPE_INT_GATE, SEL_CODE, 0, 0);
    bench_write(b, TSS_AT + 4, 8, STACK0);
    bench_write(b, TSS_AT + 36, 8, IST1);
    bench_write(b, TSS_AT + 102, 2, 104);
}

/* --- neighbours --- */

static inline void bench_invalidate(void *self, struct hart *h, enum invalidate_kind kind, u64 pcid, va_t va)
{
    struct hart_bench *b = (struct hart_bench *)(void *)h;
    (void)self;
    b->invalidations++;
    b->invalidated = kind;
    b->invalidated_pcid = pcid;
    b->invalidated_va = va.v;
    soft_tlb_flush(&h->soft);
}

static inline void bench_context_changed(void *self, struct hart *h)
{
    (void)self;
    ((struct hart_bench *)(void *)h)->context_changes++;
}

static inline int bench_acknowledge(void *self, struct hart *h)
{
    hart_set_intr(h, false);
    return ((struct hart_bench *)self)->vector_to_acknowledge;
}

static inline bool bench_no_rdmsr(void *self, struct hart *h, u32 msr, u64 *value, bool *gp)
{
    return (void)self, (void)h, (void)msr, (void)value, (void)gp, false;
}

static inline bool bench_no_wrmsr(void *self, struct hart *h, u32 msr, u64 value, bool *gp)
{
    return (void)self, (void)h, (void)msr, (void)value, (void)gp, false;
}

static inline u64 bench_get_cr8(void *self, struct hart *h)
{
    return (void)h, ((struct hart_bench *)self)->cr8;
}
static inline void bench_set_cr8(void *self, struct hart *h, u64 value)
{
    (void)h, ((struct hart_bench *)self)->cr8 = value;
}
static inline u64 bench_read_tsc(void *self, struct hart *h)
{
    return (void)h, ((struct hart_bench *)self)->tsc;
}

static inline u32 bench_port_read(void *self, u16 port, unsigned bytes)
{
    struct hart_bench *b = self;
    b->port = port, b->port_bytes = bytes;
    return b->port_value;
}

static inline void bench_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    struct hart_bench *b = self;
    b->port = port, b->port_bytes = bytes, b->port_value = value;
}

static const struct bus_ops bench_bus = {.port_read = bench_port_read,
                                         .port_write = bench_port_write,
                                         .interrupt_acknowledge = bench_acknowledge,
                                         .apic_rdmsr = bench_no_rdmsr,
                                         .apic_wrmsr = bench_no_wrmsr,
                                         .get_cr8 = bench_get_cr8,
                                         .set_cr8 = bench_set_cr8,
                                         .read_tsc = bench_read_tsc};

/* --- the hypervisor --- */

static inline bool bench_intercept(void *self, struct hart *h, const struct insn *i, enum intercept what,
                                   u64 info)
{
    struct hart_bench *b = self;
    (void)h, (void)i;
    b->intercepts_seen++;
    b->last_intercept = what;
    b->last_info = info;
    return b->exits_on_intercept;
}

static inline bool bench_intercept_event(void *self, struct hart *h, const struct fault *f,
                                         enum event_type type)
{
    struct hart_bench *b = self;
    b->events_seen++;
    b->last_event = *f;
    b->last_type = type;
    b->last_vectoring = h->vectoring;
    return b->exits_on_event;
}

static inline bool bench_intercept_interrupt(void *self, struct hart *h)
{
    return (void)h, ((struct hart_bench *)self)->exits_on_interrupt;
}
static inline bool bench_intercept_triple(void *self, struct hart *h)
{
    return (void)h, ((struct hart_bench *)self)->triple_faults++, true;
}
static inline bool bench_cr_allowed(void *self, struct hart *h, u64 value)
{
    return (void)self, (void)h, (void)value, true;
}

static inline u64 bench_real_cr(const struct hart *h, unsigned cr) { return cr == 0 ? h->cr0 : h->cr4; }

static inline u64 bench_read_cr(void *self, struct hart *h, unsigned cr)
{
    struct hart_bench *b = self;
    return (bench_real_cr(h, cr) & ~b->cr_mask[cr]) | (b->cr_shadow[cr] & b->cr_mask[cr]);
}

static inline u64 bench_merge_cr(void *self, struct hart *h, unsigned cr, u64 value)
{
    struct hart_bench *b = self;
    return (value & ~b->cr_mask[cr]) | (bench_real_cr(h, cr) & b->cr_mask[cr]);
}

static inline bool bench_no_virtual_cr8(void *self, struct hart *h, u64 *value)
{
    return (void)self, (void)h, (void)value, false;
}

static inline bool bench_no_virtual_cr8_write(void *self, struct hart *h, u64 value)
{
    return (void)self, (void)h, (void)value, false;
}

static inline bool bench_unblock_nmi(void *self, struct hart *h)
{
    bool blocked = h->nmi_blocked;
    (void)self, h->nmi_blocked = false;
    return blocked;
}

static inline bool bench_insn_enabled(void *self, struct hart *h, enum intercept what)
{
    return (void)h, (void)what, ((struct hart_bench *)self)->insns_enabled;
}

static const struct virt_ops bench_virt = {.intercept = bench_intercept,
                                           .intercept_event = bench_intercept_event,
                                           .intercept_interrupt = bench_intercept_interrupt,
                                           .intercept_triple_fault = bench_intercept_triple,
                                           .rdmsr = bench_no_rdmsr,
                                           .wrmsr = bench_no_wrmsr,
                                           .cr0_allowed = bench_cr_allowed,
                                           .cr4_allowed = bench_cr_allowed,
                                           .read_cr = bench_read_cr,
                                           .merge_cr = bench_merge_cr,
                                           .read_cr8 = bench_no_virtual_cr8,
                                           .write_cr8 = bench_no_virtual_cr8_write,
                                           .unblock_nmi = bench_unblock_nmi,
                                           .insn_enabled = bench_insn_enabled};

static inline void bench_enter_guest(struct hart_bench *b)
{
    b->h.virt = &bench_virt;
    b->h.virt_self = b;
    hart_set_world(&b->h, WORLD_GUEST);
    hart_state_changed(&b->h);
}

/* --- the hart --- */

/* Ring 0 of 64-bit mode, interrupts off, at CODE_AT. */
static inline void bench_set_state(struct hart_bench *b)
{
    struct hart *h = &b->h;
    h->cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_WP;
    h->cr4 = CR4_PAE;
    h->efer = EFER_LME | EFER_LMA | EFER_SCE;
    h->gdtr = (struct desc_table){GDT_AT, SEL_END - 1};
    h->idtr = (struct desc_table){IDT_AT, 256 * 16 - 1};
    h->tr = (struct segment){TSS_AT, 0x67, AR_P | TYPE_TSS | TSS_BUSY, SEL_TSS};
    h->ldtr = segment_null(0, 0);
    h->seg[SEG_CS] = segment_flat_code(SEL_CODE, 0, true);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        if (s != SEG_CS)
            h->seg[s] = segment_flat_data(SEL_DATA, 0);
    h->reg[REG_RIP] = CODE_AT;
    h->reg[REG_RSP] = STACK_NOW;
    hart_state_changed(h);
}

static inline void bench_user(struct hart_bench *b, bool is_64bit)
{
    struct hart *h = &b->h;
    h->seg[SEG_CS] = segment_flat_code((is_64bit ? SEL_USER_CODE : SEL_USER_CODE32) | 3, 3, is_64bit);
    h->seg[SEG_SS] = segment_flat_data(SEL_USER_DATA | 3, 3);
    h->reg[REG_RSP] = USER_STACK;
    hart_state_changed(h);
}

static inline struct hart_bench *bench_new(void)
{
    struct hart_bench *b = calloc(1, sizeof *b);
    flat_mmu_init(&b->flat, &b->mem, BENCH_RAM);
    b->mmu = (struct mmu_ops){flat_translate, bench_invalidate, bench_context_changed, flat_allows,
                                      flat_read_pdptes};
    assert_true(cpu_model_init(&b->model, "cascade-lake"));
    hart_init(&b->h, 0, &b->mem, NULL, &b->model);
    b->h.mmu = &b->mmu;
    b->h.mmu_self = &b->flat;
    b->h.bus = &bench_bus;
    b->h.bus_self = b;
    b->h.fetch.alone = true;
    b->insns_enabled = true;
    b->vector_to_acknowledge = 0x40;
    decoder_init(&b->decoder);
    bench_fill_tables(b);
    bench_set_state(b);
    b->invalidations = b->context_changes = 0;
    return b;
}

static inline void bench_free(struct hart_bench *b)
{
    free(b->mem.host);
    free(b->mem.has_code);
    free(b);
}

static inline int bench_setup(void **state) { return *state = bench_new(), 0; }
static inline int bench_teardown(void **state) { return bench_free(*state), 0; }

/* Decodes and executes one instruction at RIP, as the executor does; delivers nothing. */
static inline enum outcome bench_step(struct hart_bench *b, const u8 *bytes, unsigned length)
{
    struct decoded_insn d;
    struct hart *h = &b->h;
    assert_int_equal(decode(&b->decoder, h->mode, bytes, length, &d), DECODED);
    assert_int_equal(d.hot.length, length);
    enum outcome o = isa_run_single(h, &d.hot);
    if (o == OUT_FAULT)
        h->reg[REG_RIP] -= d.hot.length;
    return o;
}

#define STEP(b, ...) bench_step(b, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static inline void assert_fault(const struct hart_bench *b, u8 vector, u32 error)
{
    assert_int_equal(b->h.fault.kind, FAULT_EXCEPTION);
    assert_int_equal(b->h.fault.vector, vector);
    assert_int_equal(b->h.fault.error, error);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

#endif
