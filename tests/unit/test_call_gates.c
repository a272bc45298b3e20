/* test_call_gates.c - 16- and 32-bit call gates outside IA-32e mode, and the returns from them. */
#include "legacy_bench.h"

#define CALL_TO(selector) 0x9a, 0, 0, 0, 0, (selector), 0
#define JMP_TO(selector)  0xea, 0, 0, 0, 0, (selector), 0
enum { CALL_BYTES = 7 };

static void refused(struct hart_bench *b, enum outcome o, u8 vector, u32 error)
{
    assert_int_equal(o, OUT_FAULT);
    assert_fault(b, vector, error);
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT);
}

static u64 pushed(const struct hart_bench *b, unsigned n, unsigned bytes)
{
    return bench_read(b, b->h.seg[SEG_SS].base + b->h.reg[REG_RSP] + n * bytes, bytes);
}

static void user(struct hart_bench *b) { legacy_ring(b, L_USER_CODE, L_USER_DATA, 3); }

static void a_gate_takes_parameters_to_the_inner_stack_and_retf_releases_both(void **state)
{
    struct hart_bench *b = *state;
    user(b);
    for (unsigned n = 0; n < 3; n++)
        bench_write(b, USER_STACK + 4 * n, 4, 0x1000 + n);
    assert_int_equal(STEP(b, CALL_TO(L_GATE | 3)), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 0);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT);
    assert_int_equal(b->h.seg[SEG_SS].selector, L_DATA);
    assert_int_equal(b->h.reg[REG_RSP], STACK0 - 28);
    const u64 frame[] = {CODE_AT + CALL_BYTES, L_USER_CODE | 3, 0x1000, 0x1001, 0x1002, USER_STACK, L_USER_DATA | 3};
    for (unsigned n = 0; n < ARRAY_LEN(frame); n++)
        assert_int_equal(pushed(b, n, 4), frame[n]);
    assert_int_equal(STEP(b, 0xca, 12, 0), OUT_FLUSH); /* retf 12 */
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT + CALL_BYTES);
    assert_int_equal(b->h.reg[REG_RSP], USER_STACK + 12);
    assert_int_equal(b->h.seg[SEG_SS].selector, L_USER_DATA | 3);
    assert_true(b->h.seg[SEG_DS].ar & AR_UNUSABLE); /* ring 0's */
}

static void a_16_bit_gate_pushes_words(void **state)
{
    struct hart_bench *b = *state;
    user(b);
    bench_write(b, USER_STACK, 4, 0x22221111);
    legacy_gate(b, GDT_AT + L_GATE16, TYPE_CALL_GATE16, L_CODE, 3, 2, 0x99990000 | HANDLER_AT);
    assert_int_equal(STEP(b, CALL_TO(L_GATE16)), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT); /* 16 bits of offset */
    assert_int_equal(b->h.reg[REG_RSP], STACK0 - 12);
    const u64 frame[] = {CODE_AT + CALL_BYTES, L_USER_CODE | 3, 0x1111, 0x2222, (u16)USER_STACK, L_USER_DATA | 3};
    for (unsigned n = 0; n < ARRAY_LEN(frame); n++)
        assert_int_equal(pushed(b, n, 2), frame[n]);
    assert_int_equal(STEP(b, 0x66, 0xca, 4, 0), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.reg[REG_RSP], (u16)USER_STACK + 4);
}

static void ring_1_has_a_stack_of_its_own(void **state)
{
    struct hart_bench *b = *state;
    user(b);
    assert_int_equal(STEP(b, CALL_TO(L_GATE1)), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 1);
    assert_int_equal(b->h.seg[SEG_CS].selector, L_RING1_CODE | 1);
    assert_int_equal(b->h.seg[SEG_SS].selector, L_RING1_DATA | 1);
    assert_int_equal(b->h.reg[REG_RSP], STACK1 - 16);
}

static void a_16_bit_tss_holds_16_bit_stacks(void **state)
{
    struct hart_bench *b = *state;
    user(b);
    b->h.tr = (struct segment){TSS16_AT, 43, AR_P | TYPE_TSS16 | TSS_BUSY, L_TSS16};
    bench_write(b, TSS16_AT + 2, 2, 0x8000);
    bench_write(b, TSS16_AT + 4, 2, L_DATA);
    assert_int_equal(STEP(b, CALL_TO(L_GATE)), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RSP], 0x8000 - 28);
}

static void a_gate_to_the_same_ring_or_to_conforming_code_keeps_the_stack(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(STEP(b, CALL_TO(L_GATE)), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW - 8);
    assert_int_equal(pushed(b, 1, 4), L_CODE);
    legacy_set_state(b);
    user(b);
    legacy_gate(b, GDT_AT + L_GATE, TYPE_CALL_GATE, L_CONFORMING, 3, 3, HANDLER_AT);
    assert_int_equal(STEP(b, CALL_TO(L_GATE)), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.seg[SEG_CS].selector, L_CONFORMING | 3);
    assert_int_equal(b->h.reg[REG_RSP], USER_STACK - 8);
}

static void a_jump_through_a_gate_stays_in_its_ring(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(STEP(b, JMP_TO(L_GATE)), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW);
    legacy_set_state(b);
    user(b);
    refused(b, STEP(b, JMP_TO(L_GATE)), VEC_GP, L_CODE);
}

static void what_is_wrong_with_a_gate_names_the_gate_and_with_its_code_the_code(void **state)
{
    static const struct { unsigned dpl, rpl; bool present; u16 code; u32 offset; u8 vector; u32 error; } rows[] = {
        {2, 3, true, L_CODE, 0, VEC_GP, L_GATE},
        {3, 3, false, L_CODE, 0, VEC_NP, L_GATE},
        {3, 3, true, 0, 0, VEC_GP, 0},
        {3, 3, true, L_END, 0, VEC_GP, L_END},
        {3, 3, true, L_DATA, 0, VEC_GP, L_DATA},
        {3, 3, true, L_ABSENT_CODE, 0, VEC_NP, L_ABSENT_CODE},
        {3, 3, true, L_SMALL_CODE, 0x1000, VEC_GP, 0},
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        user(b);
        legacy_gate(b, GDT_AT + L_GATE, TYPE_CALL_GATE, rows[n].code, rows[n].dpl, 0, rows[n].offset);
        if (!rows[n].present)
            bench_write(b, GDT_AT + L_GATE + 5, 1, 0x60 | TYPE_CALL_GATE);
        refused(b, STEP(b, CALL_TO(L_GATE | 3)), rows[n].vector, rows[n].error);
        assert_int_equal(b->h.reg[REG_RSP], USER_STACK);
    }
    legacy_set_state(b); /* RPL weakens even ring 0; code of an outer ring cannot be called */
    legacy_gate(b, GDT_AT + L_GATE, TYPE_CALL_GATE, L_CODE, 2, 0, HANDLER_AT);
    refused(b, STEP(b, CALL_TO(L_GATE | 3)), VEC_GP, L_GATE);
    legacy_gate(b, GDT_AT + L_GATE, TYPE_CALL_GATE, L_USER_CODE, 3, 0, HANDLER_AT);
    refused(b, STEP(b, CALL_TO(L_GATE)), VEC_GP, L_USER_CODE);
}

static void what_is_wrong_with_the_inner_stack_is_ts_or_ss(void **state)
{
    static const struct { u16 ss; u8 vector; u32 error; } rows[] = {
        {0, VEC_TS, 0},
        {L_END, VEC_TS, L_END},
        {L_DATA | 1, VEC_TS, L_DATA},
        {L_USER_DATA | 3, VEC_TS, L_USER_DATA},
        {L_READONLY, VEC_TS, L_READONLY},
        {L_CODE, VEC_TS, L_CODE},
        {L_ABSENT_DATA, VEC_SS, L_ABSENT_DATA},
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        user(b);
        bench_write(b, TSS_AT + 8, 2, rows[n].ss);
        refused(b, STEP(b, CALL_TO(L_GATE)), rows[n].vector, rows[n].error);
        assert_int_equal(b->h.cpl, 3);
    }
    bench_write(b, TSS_AT + 8, 2, L_DATA);
    b->h.tr.limit = 8; /* SS0's second byte is beyond it */
    refused(b, STEP(b, CALL_TO(L_GATE)), VEC_TS, L_TSS);
    b->h.tr.limit = 103;
    legacy_descriptor(b, L_DATA, 0, 0xffff, ACCESS_DATA | FLAG_D); /* too small for the frame at 0x10000 */
    bench_write(b, TSS_AT + 4, 4, STACK0 + 1);
    refused(b, STEP(b, CALL_TO(L_GATE)), VEC_SS, L_DATA);
}

static void a_frame_that_meets_a_missing_page_changes_nothing(void **state)
{
    struct hart_bench *b = *state;
    user(b);
    bench_write(b, TSS_AT + 4, 4, 0x15010);
    b->flat.absent_page = 0x14000;
    assert_int_equal(STEP(b, CALL_TO(L_GATE)), OUT_FAULT);
    assert_fault(b, VEC_PF, PF_W);
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.reg[REG_RSP], USER_STACK);
    assert_int_equal(bench_read(b, 0x15008, 4), 0);
}

static bool zf(const struct hart_bench *b) { return hart_rflags(&b->h) & RFLAGS_ZF; }

static bool answers(struct hart_bench *b, u8 opcode, u16 selector)
{
    b->h.reg[REG_RAX] = selector;
    STEP(b, 0x0f, opcode, 0xd8); /* ebx, eax */
    return zf(b);
}

static void lar_and_lsl_know_each_type_of_descriptor(void **state)
{
    struct hart_bench *b = *state;
    for (unsigned type = 0; type < 16; type++) {
        bool lar = 0x1a3e >> type & 1, lsl = 0x0a0e >> type & 1; /* SDM Vol. 2A, "Segment and Gate Types" */
        legacy_descriptor(b, L_LDT, 0x1234, 0x55, 0x80 | type);
        assert_int_equal(answers(b, 0x02, L_LDT), lar);
        assert_int_equal(answers(b, 0x03, L_LDT), lsl);
        if (lsl)
            assert_int_equal(b->h.reg[REG_RBX], 0x55);
    }
}

static void lar_and_lsl_obey_cpl_and_rpl(void **state)
{
    struct hart_bench *b = *state;
    assert_true(answers(b, 0x02, L_DATA));
    assert_false(answers(b, 0x02, L_DATA | 3));
    assert_true(answers(b, 0x03, L_CONFORMING | 3));
    user(b);
    assert_false(answers(b, 0x03, L_DATA));
    assert_true(answers(b, 0x02, L_GATE | 3));
    assert_true(answers(b, 0x02, L_ABSENT_DATA) == false); /* not for its absence */
    legacy_set_state(b);
    assert_true(answers(b, 0x02, L_ABSENT_DATA));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEGACY_TEST(a_gate_takes_parameters_to_the_inner_stack_and_retf_releases_both),
        LEGACY_TEST(a_16_bit_gate_pushes_words),
        LEGACY_TEST(ring_1_has_a_stack_of_its_own),
        LEGACY_TEST(a_16_bit_tss_holds_16_bit_stacks),
        LEGACY_TEST(a_gate_to_the_same_ring_or_to_conforming_code_keeps_the_stack),
        LEGACY_TEST(a_jump_through_a_gate_stays_in_its_ring),
        LEGACY_TEST(what_is_wrong_with_a_gate_names_the_gate_and_with_its_code_the_code),
        LEGACY_TEST(what_is_wrong_with_the_inner_stack_is_ts_or_ss),
        LEGACY_TEST(a_frame_that_meets_a_missing_page_changes_nothing),
        LEGACY_TEST(lar_and_lsl_know_each_type_of_descriptor),
        LEGACY_TEST(lar_and_lsl_obey_cpl_and_rpl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
