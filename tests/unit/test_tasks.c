/* test_tasks.c - hardware task switches: what is saved and loaded, which faults belong to which task, nesting, gates. */
#include "legacy_bench.h"
#include "isa/task.h"

#define CALL_TO(selector) 0x9a, 0, 0, 0, 0, (selector), 0
#define JMP_TO(selector)  0xea, 0, 0, 0, 0, (selector), 0
#define IRETD             0xcf
enum { FAR_BYTES = 7, DR6_BT = 1 << 15 };

static u8 type_of(const struct hart_bench *b, u16 selector) { return (u8)bench_read(b, GDT_AT + selector + 5, 1); }
static u64 saved(const struct hart_bench *b, unsigned at, unsigned bytes) { return bench_read(b, TSS_AT + at, bytes); }

static void refused(struct hart_bench *b, enum outcome o, u8 vector, u32 error)
{
    assert_int_equal(o, OUT_FAULT);
    assert_fault(b, vector, error);
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT);
    assert_int_equal(b->h.tr.selector, L_TSS);
    assert_int_equal(type_of(b, L_TSS), 0x8b);
}

static void assert_second_task_runs(struct hart_bench *b)
{
    const struct hart *h = &b->h;
    assert_int_equal(h->reg[REG_RIP], TASK_AT);
    for (unsigned r = 0; r < 8; r++)
        assert_int_equal(h->reg[r], r == REG_RSP ? STACK_TASK : 0xabc00000 + r);
    assert_int_equal(h->tr.selector, L_TSS2);
    assert_int_equal(h->tr.base, TSS2_AT);
    assert_int_equal(h->tr.ar & AR_TYPE, TYPE_TSS | TSS_BUSY);
    assert_int_equal(h->seg[SEG_CS].selector, L_CODE);
    assert_int_equal(h->seg[SEG_GS].selector, L_DATA);
    assert_int_equal(h->seg[SEG_GS].limit, 0xffffffff);
    assert_true(h->cr0 & CR0_TS);
    assert_int_equal(type_of(b, L_TSS2), 0x8b);
}

/* --- JMP, CALL, IRET --- */

static void a_jump_saves_the_old_task_and_frees_it(void **state)
{
    struct hart_bench *b = *state;
    for (unsigned r = 0; r < 8; r++)
        if (r != REG_RSP)
            b->h.reg[r] = 0x10 + r;
    hart_set_rflags(&b->h, RFLAGS_SF | RFLAGS_DF);
    b->h.dr[7] = 0x7ff;
    assert_int_equal(STEP(b, JMP_TO(L_TSS2)), OUT_FLUSH);
    assert_second_task_runs(b);
    assert_int_equal(hart_rflags(&b->h), RFLAGS_ONE | RFLAGS_CF);
    assert_int_equal(type_of(b, L_TSS), 0x89);
    assert_int_equal(b->h.dr[7], 0x6aa); /* L0 to L3 and LE are the old task's */
    assert_int_equal(saved(b, 32, 4), CODE_AT + FAR_BYTES);
    assert_int_equal(saved(b, 36, 4), RFLAGS_ONE | RFLAGS_SF | RFLAGS_DF);
    for (unsigned r = 0; r < 8; r++)
        assert_int_equal(saved(b, 40 + 4 * r, 4), r == REG_RSP ? STACK_NOW : 0x10 + r);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        assert_int_equal(saved(b, 72 + 4 * s, 2), s == SEG_CS ? L_CODE : L_DATA);
    assert_int_equal(bench_read(b, TSS2_AT, 2), 0); /* no link */
}

static void a_call_nests_and_iret_comes_back(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RBX] = 0x77;
    assert_int_equal(STEP(b, CALL_TO(L_TSS2)), OUT_FLUSH);
    assert_second_task_runs(b);
    assert_int_equal(hart_rflags(&b->h), RFLAGS_ONE | RFLAGS_CF | RFLAGS_NT);
    assert_int_equal(type_of(b, L_TSS), 0x8b);
    assert_int_equal(bench_read(b, TSS2_AT, 2), L_TSS);
    assert_int_equal(STEP(b, IRETD), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT + FAR_BYTES);
    assert_int_equal(b->h.reg[REG_RBX], 0x77);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW);
    assert_int_equal(b->h.tr.selector, L_TSS);
    assert_int_equal(type_of(b, L_TSS), 0x8b);
    assert_int_equal(type_of(b, L_TSS2), 0x89);
    assert_int_equal(bench_read(b, TSS2_AT + 32, 4), TASK_AT + 1); /* IRET's next instruction */
    assert_int_equal(bench_read(b, TSS2_AT + 36, 4), RFLAGS_ONE | RFLAGS_CF); /* without NT */
    assert_false(hart_rflags(&b->h) & RFLAGS_NT);
}

static void a_task_gate_needs_no_privilege_over_the_tss(void **state)
{
    struct hart_bench *b = *state;
    legacy_ring(b, L_USER_CODE, L_USER_DATA, 3);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        if (s != SEG_CS)
            b->h.seg[s] = b->h.seg[SEG_SS];
    refused(b, STEP(b, JMP_TO(L_TSS2)), VEC_GP, L_TSS2);
    assert_int_equal(STEP(b, CALL_TO(L_TASK_GATE)), OUT_FLUSH);
    assert_second_task_runs(b);
    assert_int_equal(b->h.cpl, 0);
    assert_int_equal(STEP(b, IRETD), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.seg[SEG_SS].selector, L_USER_DATA | 3);
}

static void a_16_bit_task_has_words_and_no_cr3(void **state)
{
    struct hart_bench *b = *state;
    bench_write(b, TSS16_AT + 14, 2, TASK_AT);
    bench_write(b, TSS16_AT + 16, 2, RFLAGS_ONE | RFLAGS_ZF);
    bench_write(b, TSS16_AT + 18, 2, 0x4321);
    bench_write(b, TSS16_AT + 26, 2, 0x6000);
    for (unsigned s = 0; s < 4; s++)
        bench_write(b, TSS16_AT + 34 + 2 * s, 2, s == SEG_CS ? L_CODE16 : L_DATA16);
    b->h.cr3 = 0x9000;
    assert_int_equal(STEP(b, CALL_TO(L_TSS16)), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RIP], TASK_AT);
    assert_int_equal((u16)b->h.reg[REG_RAX], 0x4321);
    assert_int_equal((u16)b->h.reg[REG_RSP], 0x6000);
    assert_int_equal(hart_rflags(&b->h), RFLAGS_ONE | RFLAGS_ZF | RFLAGS_NT);
    assert_true(b->h.seg[SEG_FS].ar & AR_UNUSABLE);
    assert_int_equal(b->h.mode, MODE_PROT16);
    assert_int_equal(b->h.cr3, 0x9000);
    b->h.reg[REG_RAX] = 0x99998765;
    assert_int_equal(STEP(b, IRETD), OUT_FLUSH);
    assert_int_equal(bench_read(b, TSS16_AT + 18, 2), 0x8765);
    assert_int_equal(b->h.mode, MODE_PROT32);
    assert_int_equal(b->h.seg[SEG_FS].selector, L_DATA);
}

static void cr3_is_loaded_with_paging_and_the_ldt_serves_the_segments(void **state)
{
    struct hart_bench *b = *state;
    b->h.cr0 |= CR0_PG;
    hart_state_changed(&b->h);
    bench_write(b, TSS2_AT + 28, 4, 0x123000);
    bench_write(b, TSS2_AT + 96, 2, L_LDT);
    bench_write(b, TSS2_AT + 84, 2, 0x0c); /* DS: of the LDT */
    bench_write(b, LDT_AT + 8, 8, bench_descriptor(0x4000, 0xfff, ACCESS_DATA | FLAG_D));
    assert_int_equal(STEP(b, JMP_TO(L_TSS2)), OUT_FLUSH);
    assert_int_equal(b->h.cr3, 0x123000);
    assert_int_equal(b->invalidated, INVALIDATE_CR3);
    assert_int_equal(b->h.ldtr.base, LDT_AT);
    assert_int_equal(b->h.seg[SEG_DS].base, 0x4000);
}

static void a_task_in_virtual_8086_mode_has_paragraphs(void **state)
{
    struct hart_bench *b = *state;
    bench_write(b, TSS2_AT + 36, 4, RFLAGS_VM | RFLAGS_ONE);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        bench_write(b, TSS2_AT + 72 + 4 * s, 2, 0x100 + s);
    assert_int_equal(STEP(b, JMP_TO(L_TSS2)), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.mode, MODE_REAL16);
    assert_int_equal(b->h.seg[SEG_DS].base, 0x1030);
    assert_int_equal(b->h.seg[SEG_DS].limit, 0xffff);
}

static void the_t_flag_traps_before_the_first_instruction(void **state)
{
    struct hart_bench *b = *state;
    bench_write(b, TSS2_AT + 100, 2, 1);
    assert_int_equal(STEP(b, JMP_TO(L_TSS2)), OUT_FLUSH);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DB);
    assert_int_equal(bench_read(b, b->h.reg[REG_RSP], 4), TASK_AT);
    assert_true(b->h.dr[6] & DR6_BT);
}

/* --- the old task's faults --- */

static void what_is_wrong_with_the_tss_is_the_old_tasks_fault(void **state)
{
    static const struct { u64 access; u32 limit; u8 vector; } rows[] = {
        {0x8b, 103, VEC_GP}, /* busy */
        {0x09, 103, VEC_NP},
        {0x89, 102, VEC_TS},
        {0x81, 42, VEC_TS},
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        legacy_descriptor(b, L_TSS2, TSS2_AT, rows[n].limit, rows[n].access);
        refused(b, STEP(b, JMP_TO(L_TSS2)), rows[n].vector, L_TSS2);
        refused(b, STEP(b, CALL_TO(L_TASK_GATE)), rows[n].vector, L_TSS2);
    }
    legacy_gate(b, GDT_AT + L_TASK_GATE, TYPE_TASK_GATE, L_CODE, 3, 0, 0);
    refused(b, STEP(b, JMP_TO(L_TASK_GATE)), VEC_GP, L_CODE);
    legacy_gate(b, GDT_AT + L_TASK_GATE, TYPE_TASK_GATE, L_TSS2 | 4, 3, 0, 0); /* not of the GDT */
    refused(b, STEP(b, JMP_TO(L_TASK_GATE)), VEC_GP, L_TSS2 | 4);
    legacy_gate(b, GDT_AT + L_TASK_GATE, TYPE_TASK_GATE, L_TSS2, 2, 0, 0);
    refused(b, STEP(b, JMP_TO(L_TASK_GATE | 3)), VEC_GP, L_TASK_GATE);
    bench_write(b, GDT_AT + L_TASK_GATE + 5, 1, TYPE_TASK_GATE);
    refused(b, STEP(b, JMP_TO(L_TASK_GATE)), VEC_NP, L_TASK_GATE);
}

static void a_return_to_a_task_that_is_not_busy_is_ts(void **state)
{
    struct hart_bench *b = *state;
    hart_set_rflags(&b->h, RFLAGS_NT);
    bench_write(b, TSS_AT, 2, L_TSS2);
    refused(b, STEP(b, IRETD), VEC_TS, L_TSS2);
    bench_write(b, TSS_AT, 2, L_END);
    refused(b, STEP(b, IRETD), VEC_TS, L_END);
    bench_write(b, TSS_AT, 2, L_TSS2);
    legacy_descriptor(b, L_TSS2, TSS2_AT, 103, 0x0b);
    refused(b, STEP(b, IRETD), VEC_NP, L_TSS2);
}

static void a_tss_on_a_missing_page_leaves_everything_as_it_was(void **state)
{
    struct hart_bench *b = *state;
    legacy_descriptor(b, L_TSS2, 0x8fc0, 103, 0x89); /* ends in the page behind */
    b->flat.absent_page = 0x9000;
    refused(b, STEP(b, JMP_TO(L_TSS2)), VEC_PF, 0);
    assert_int_equal(type_of(b, L_TSS2), 0x89);
    assert_int_equal(saved(b, 32, 4), 0);
    legacy_descriptor(b, L_TSS2, TSS2_AT, 103, 0x89);
    b->flat.absent_page = FLAT_NO_PAGE;
    b->flat.readonly_page = GDT_AT; /* the busy bit */
    refused(b, STEP(b, JMP_TO(L_TSS2)), VEC_PF, PF_P | PF_W);
    assert_int_equal(saved(b, 32, 4), 0);
}

/* --- the new task's faults --- */

static void what_is_wrong_with_the_state_is_the_new_tasks_fault(void **state)
{
    static const struct { unsigned at; u16 selector; u8 vector; u32 error; } rows[] = {
        {96, L_DATA, VEC_TS, L_DATA}, /* LDT */
        {96, L_LDT | 4, VEC_TS, L_LDT | 4},
        {76, 0, VEC_TS, 0}, /* CS */
        {76, L_DATA, VEC_TS, L_DATA},
        {76, L_USER_CODE, VEC_TS, L_USER_CODE}, /* DPL is not RPL */
        {76, L_ABSENT_CODE, VEC_NP, L_ABSENT_CODE},
        {80, 0, VEC_TS, 0}, /* SS */
        {80, L_DATA | 1, VEC_TS, L_DATA},
        {80, L_ABSENT_DATA, VEC_SS, L_ABSENT_DATA},
        {84, L_END, VEC_TS, L_END}, /* DS */
        {84, L_TSS, VEC_TS, L_TSS},
        {88, L_ABSENT_DATA, VEC_NP, L_ABSENT_DATA}, /* FS */
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        legacy_fill_tables(b);
        legacy_fill_tss(b);
        legacy_set_state(b);
        bench_write(b, TSS2_AT + rows[n].at, 2, rows[n].selector);
        for (unsigned v = VEC_TS; v <= VEC_SS; v++) /* the handler: a third task, which needs nothing of this one */
            legacy_gate(b, IDT_AT + 8 * v, TYPE_TASK_GATE, L_TSS16, 0, 0, 0);
        bench_write(b, TSS16_AT + 14, 2, HANDLER_AT);
        bench_write(b, TSS16_AT + 26, 2, 0x6000);
        for (unsigned s = 0; s < 4; s++)
            bench_write(b, TSS16_AT + 34 + 2 * s, 2, s == SEG_CS ? L_CODE16 : L_DATA16);
        assert_int_equal(STEP(b, JMP_TO(L_TSS2)), OUT_FLUSH);
        assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT);
        assert_int_equal(bench_read(b, 0x6000 - 2, 2), rows[n].error);
        assert_int_equal(bench_read(b, TSS16_AT, 2), L_TSS2);
        assert_int_equal(bench_read(b, TSS2_AT + 32, 4), TASK_AT);
        assert_int_equal(bench_read(b, TSS2_AT + rows[n].at, 2),
                         rows[n].selector); /* selectors came before descriptors */
        assert_false(b->h.vectoring.valid);
    }
}

static void an_eip_beyond_the_code_segment_is_gp_in_the_new_task(void **state)
{
    struct hart_bench *b = *state;
    bench_write(b, TSS2_AT + 76, 2, L_SMALL_CODE);
    assert_int_equal(STEP(b, JMP_TO(L_TSS2)), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_GP);
    assert_int_equal(bench_read(b, b->h.reg[REG_RSP] + 4, 4), TASK_AT);
    assert_int_equal(b->h.reg[REG_RSP], STACK_TASK - 16);
}

/* --- events --- */

static void task_gate(struct hart_bench *b, u8 vector)
{
    legacy_gate(b, IDT_AT + 8 * vector, TYPE_TASK_GATE, L_TSS2, 0, 0, 0);
}

static void an_exception_through_a_task_gate_pushes_its_error_code_there(void **state)
{
    struct hart_bench *b = *state;
    task_gate(b, VEC_GP);
    hart_gp(&b->h, 0x1234);
    isa_raise(&b->h);
    assert_int_equal(b->h.reg[REG_RIP], TASK_AT);
    assert_int_equal(b->h.reg[REG_RSP], STACK_TASK - 4);
    assert_int_equal(bench_read(b, STACK_TASK - 4, 4), 0x1234);
    assert_int_equal(saved(b, 32, 4), CODE_AT);
    assert_true(saved(b, 36, 4) & RFLAGS_RF);
    assert_true(b->h.rflags & RFLAGS_NT);
    assert_int_equal(bench_read(b, TSS2_AT, 2), L_TSS);
    assert_false(b->h.vectoring.valid);
}

static void int_n_saves_the_next_instruction_and_checks_the_gates_dpl(void **state)
{
    struct hart_bench *b = *state;
    task_gate(b, 0x80);
    legacy_ring(b, L_USER_CODE, L_USER_DATA, 3);
    refused(b, STEP(b, 0xcd, 0x80), VEC_GP, 0x80 * 8 + 2);
    legacy_gate(b, IDT_AT + 8 * 0x80, TYPE_TASK_GATE, L_TSS2, 3, 0, 0);
    assert_int_equal(STEP(b, 0xcd, 0x80), OUT_FLUSH);
    assert_second_task_runs(b);
    assert_int_equal(saved(b, 32, 4), CODE_AT + 2);
}

static void a_busy_task_behind_a_gate_is_gp_with_ext_and_in_a_contributory_fault_a_double_fault(void **state)
{
    struct hart_bench *b = *state;
    legacy_descriptor(b, L_TSS2, TSS2_AT, 103, 0x8b);
    task_gate(b, 0x40);
    assert_int_equal(isa_deliver(&b->h, 0x40, EVENT_EXTERNAL, false, 0, 0), OUT_FAULT);
    assert_fault(b, VEC_GP, L_TSS2 + 1);
    b->h.vectoring.valid = false;
    task_gate(b, VEC_NP);
    hart_fault_error(&b->h, VEC_NP, 8);
    isa_raise(&b->h);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DF);
}

static void a_fault_of_the_task_that_handles_a_contributory_fault_is_a_double_fault(void **state)
{
    struct hart_bench *b = *state;
    task_gate(b, VEC_NP);
    bench_write(b, TSS2_AT + 84, 2, L_END);
    hart_fault_error(&b->h, VEC_NP, 8);
    isa_raise(&b->h);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DF);
    assert_int_equal(b->h.tr.selector, L_TSS2);
}

static void a_double_fault_through_a_task_gate_survives_a_broken_stack(void **state)
{
    struct hart_bench *b = *state;
    task_gate(b, VEC_DF);
    b->flat.absent_page = STACK_NOW & ~0xfffull;
    b->h.reg[REG_RSP] = STACK_NOW;
    hart_page_fault(&b->h, VA(0x123), 0);
    isa_raise(&b->h);
    assert_int_equal(b->h.reg[REG_RIP], TASK_AT);
    assert_int_equal(bench_read(b, STACK_TASK - 4, 4), 0);
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
}

/* --- a guest: every switch is a VM exit, behind the checks of the new TSS's descriptor --- */

static void in_a_guest_a_switch_exits_with_selector_and_source(void **state)
{
    static const struct { u8 code[7]; unsigned bytes; enum task_source source;
    } rows[] = {{{CALL_TO(L_TSS2)}, 7, TASK_CALL},
                {{JMP_TO(L_TSS2)}, 7, TASK_JMP},
                {{IRETD}, 1, TASK_IRET},
                {{0xcd, 0x80}, 2, TASK_GATE}};
    struct hart_bench *b = *state;
    task_gate(b, 0x80);
    bench_write(b, TSS_AT, 2, L_TSS2);
    bench_enter_guest(b);
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        bool back = rows[n].source == TASK_IRET;
        hart_set_rflags(&b->h, back ? RFLAGS_NT : 0);
        b->h.reg[REG_RIP] = CODE_AT;
        b->exits_on_intercept = false;
        legacy_descriptor(b, L_TSS2, TSS2_AT, 102, back ? 0x8b : 0x89); /* what faults, faults first */
        b->intercepts_seen = 0;
        assert_int_equal(bench_step(b, rows[n].code, rows[n].bytes), OUT_FAULT);
        assert_int_equal(b->intercepts_seen, 0);
        legacy_descriptor(b, L_TSS2, TSS2_AT, 103, back ? 0x8b : 0x89);
        b->exits_on_intercept = true;
        b->h.reg[REG_RIP] = CODE_AT;
        assert_int_equal(bench_step(b, rows[n].code, rows[n].bytes), OUT_EXIT);
        assert_int_equal(b->last_intercept, INTERCEPT_task_switch);
        assert_int_equal(b->last_info, L_TSS2 | (u64)rows[n].source << 30);
        assert_int_equal(b->h.tr.selector, L_TSS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEGACY_TEST(a_jump_saves_the_old_task_and_frees_it),
        LEGACY_TEST(a_call_nests_and_iret_comes_back),
        LEGACY_TEST(a_task_gate_needs_no_privilege_over_the_tss),
        LEGACY_TEST(a_16_bit_task_has_words_and_no_cr3),
        LEGACY_TEST(cr3_is_loaded_with_paging_and_the_ldt_serves_the_segments),
        LEGACY_TEST(a_task_in_virtual_8086_mode_has_paragraphs),
        LEGACY_TEST(the_t_flag_traps_before_the_first_instruction),
        LEGACY_TEST(what_is_wrong_with_the_tss_is_the_old_tasks_fault),
        LEGACY_TEST(a_return_to_a_task_that_is_not_busy_is_ts),
        LEGACY_TEST(a_tss_on_a_missing_page_leaves_everything_as_it_was),
        LEGACY_TEST(what_is_wrong_with_the_state_is_the_new_tasks_fault),
        LEGACY_TEST(an_eip_beyond_the_code_segment_is_gp_in_the_new_task),
        LEGACY_TEST(an_exception_through_a_task_gate_pushes_its_error_code_there),
        LEGACY_TEST(int_n_saves_the_next_instruction_and_checks_the_gates_dpl),
        LEGACY_TEST(a_busy_task_behind_a_gate_is_gp_with_ext_and_in_a_contributory_fault_a_double_fault),
        LEGACY_TEST(a_fault_of_the_task_that_handles_a_contributory_fault_is_a_double_fault),
        LEGACY_TEST(a_double_fault_through_a_task_gate_survives_a_broken_stack),
        LEGACY_TEST(in_a_guest_a_switch_exits_with_selector_and_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
