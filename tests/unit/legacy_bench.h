/* legacy_bench.h - hart_bench.h's hart in 32-bit protected mode without paging: a GDT of its own with gates and two tasks. */
#ifndef TESTS_LEGACY_BENCH_H
#define TESTS_LEGACY_BENCH_H

#include "hart_bench.h"

enum {
    TSS2_AT = 0x3100,
    TSS16_AT = 0x3200,
    STACK1 = 0x11000,
    STACK_TASK = 0x18000,
    TASK_AT = 0x7800,
    LEGACY_TSS_BYTES = 104
};

enum legacy_selector {
    L_CODE = 0x08,
    L_DATA = 0x10,
    L_USER_CODE = 0x18,
    L_USER_DATA = 0x20,
    L_CODE16 = 0x28,
    L_RING1_CODE = 0x30,
    L_RING1_DATA = 0x38,
    L_CONFORMING = 0x40,
    L_ABSENT_CODE = 0x48,
    L_ABSENT_DATA = 0x50,
    L_TSS = 0x58,
    L_TSS2 = 0x60,
    L_TSS16 = 0x68,
    L_LDT = 0x70,
    L_TASK_GATE = 0x78,
    L_GATE = 0x80,
    L_GATE16 = 0x88,
    L_GATE1 = 0x90,
    L_SMALL_CODE = 0x98,
    L_READONLY = 0xa0,
    L_DATA16 = 0xa8,
    L_END = 0xb0
};

static inline void legacy_gate(struct hart_bench *b, u64 at, u8 type, u16 selector, unsigned dpl,
                               unsigned count, u32 offset)
{
    u64 low = (offset & 0xffff) | (u64)selector << 16 | (u64)count << 32 | (u64)(0x80 | dpl << 5 | type) << 40 |
              (u64)(offset >> 16) << 48;
    bench_write(b, at, 8, low);
}

static inline void legacy_descriptor(struct hart_bench *b, u16 selector, u64 base, u32 limit, u64 access)
{
    bench_write(b, GDT_AT + selector, 8, bench_descriptor(base, limit, access));
}

static inline void legacy_fill_tables(struct hart_bench *b)
{
    memset(b->mem.host + GDT_AT, 0, 0x800);
    legacy_descriptor(b, L_CODE, 0, 0xfffff, ACCESS_CODE | FLAG_D | FLAG_G);
    legacy_descriptor(b, L_DATA, 0, 0xfffff, ACCESS_DATA | FLAG_D | FLAG_G);
    legacy_descriptor(b, L_USER_CODE, 0, 0xfffff, ACCESS_USER(ACCESS_CODE) | FLAG_D | FLAG_G);
    legacy_descriptor(b, L_USER_DATA, 0, 0xfffff, ACCESS_USER(ACCESS_DATA) | FLAG_D | FLAG_G);
    legacy_descriptor(b, L_CODE16, 0, 0xffff, ACCESS_CODE);
    legacy_descriptor(b, L_DATA16, 0, 0xffff, ACCESS_DATA);
    legacy_descriptor(b, L_RING1_CODE, 0, 0xfffff, ACCESS_CODE | 0x20 | FLAG_D | FLAG_G);
    legacy_descriptor(b, L_RING1_DATA, 0, 0xfffff, ACCESS_DATA | 0x20 | FLAG_D | FLAG_G);
    legacy_descriptor(b, L_CONFORMING, 0, 0xfffff, ACCESS_CODE | 4 | FLAG_D | FLAG_G);
    legacy_descriptor(b, L_ABSENT_CODE, 0, 0xfffff, ACCESS_ABSENT(ACCESS_CODE) | FLAG_D | FLAG_G);
    legacy_descriptor(b, L_ABSENT_DATA, 0, 0xfffff, ACCESS_ABSENT(ACCESS_DATA) | FLAG_D | FLAG_G);
    legacy_descriptor(b, L_TSS, TSS_AT, LEGACY_TSS_BYTES - 1, 0x8b);
    legacy_descriptor(b, L_TSS2, TSS2_AT, LEGACY_TSS_BYTES - 1, 0x89);
    legacy_descriptor(b, L_TSS16, TSS16_AT, 43, 0x81);
    legacy_descriptor(b, L_LDT, LDT_AT, 0xff, 0x82);
    legacy_descriptor(b, L_SMALL_CODE, 0, 0xfff, ACCESS_CODE | FLAG_D);
    legacy_descriptor(b, L_READONLY, 0, 0xfffff, (ACCESS_DATA & ~2ull) | FLAG_D | FLAG_G);
    legacy_gate(b, GDT_AT + L_TASK_GATE, TYPE_TASK_GATE, L_TSS2, 3, 0, 0);
    legacy_gate(b, GDT_AT + L_GATE, TYPE_CALL_GATE, L_CODE, 3, 3, HANDLER_AT);
    legacy_gate(b, GDT_AT + L_GATE16, TYPE_CALL_GATE16, L_CODE, 3, 2, HANDLER_AT);
    legacy_gate(b, GDT_AT + L_GATE1, TYPE_CALL_GATE, L_RING1_CODE, 3, 0, HANDLER_AT);
    for (unsigned v = 0; v < 256; v++)
        legacy_gate(b, IDT_AT + 8 * v, TYPE_INT_GATE, L_CODE, 0, 0, HANDLER_AT + 16 * v);
}

static inline void legacy_set_state(struct hart_bench *b)
{
    struct hart *h = &b->h;
    h->cr0 = CR0_PE | CR0_ET | CR0_NE;
    h->cr4 = h->efer = 0;
    h->dr[7] = 0x400;
    h->gdtr = (struct desc_table){GDT_AT, L_END - 1};
    h->idtr = (struct desc_table){IDT_AT, 256 * 8 - 1};
    h->tr = (struct segment){TSS_AT, LEGACY_TSS_BYTES - 1, AR_P | TYPE_TSS | TSS_BUSY, L_TSS};
    h->ldtr = segment_null(0, 0);
    h->seg[SEG_CS] = segment_flat_code(L_CODE, 0, false);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        if (s != SEG_CS)
            h->seg[s] = segment_flat_data(L_DATA, 0);
    hart_set_rflags(h, RFLAGS_ONE);
    h->reg[REG_RIP] = CODE_AT;
    h->reg[REG_RSP] = STACK_NOW;
    hart_state_changed(h);
}

static inline void legacy_ring(struct hart_bench *b, u16 code, u16 data, unsigned cpl)
{
    b->h.seg[SEG_CS] = segment_flat_code((u16)(code | cpl), cpl, false);
    b->h.seg[SEG_SS] = segment_flat_data((u16)(data | cpl), cpl);
    b->h.reg[REG_RSP] = USER_STACK;
    hart_state_changed(&b->h);
}

/* Ring 0 and 1 stacks, and a second task of ring 0 at TASK_AT. */
static inline void legacy_fill_tss(struct hart_bench *b)
{
    memset(b->mem.host + TSS_AT, 0, 0x300);
    bench_write(b, TSS_AT + 4, 4, STACK0);
    bench_write(b, TSS_AT + 8, 2, L_DATA);
    bench_write(b, TSS_AT + 12, 4, STACK1);
    bench_write(b, TSS_AT + 16, 2, L_RING1_DATA | 1);
    bench_write(b, TSS2_AT + 4, 4, STACK0);
    bench_write(b, TSS2_AT + 8, 2, L_DATA);
    bench_write(b, TSS2_AT + 32, 4, TASK_AT);
    bench_write(b, TSS2_AT + 36, 4, RFLAGS_ONE | RFLAGS_CF);
    for (unsigned r = 0; r < 8; r++)
        bench_write(b, TSS2_AT + 40 + 4 * r, 4, 0xabc00000 + r);
    bench_write(b, TSS2_AT + 56, 4, STACK_TASK);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        bench_write(b, TSS2_AT + 72 + 4 * s, 2, s == SEG_CS ? L_CODE : L_DATA);
}

static inline int legacy_setup(void **state)
{
    struct hart_bench *b = bench_new();
    legacy_fill_tables(b);
    legacy_fill_tss(b);
    legacy_set_state(b);
    return *state = b, 0;
}

#define LEGACY_TEST(name) cmocka_unit_test_setup_teardown(name, legacy_setup, bench_teardown)

#endif
