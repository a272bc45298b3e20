/* test_real_mode.c - real-address mode and virtual-8086 mode: paragraphs instead of descriptors, the interrupt
 * vector table, 64-KiB limits and how big real mode lifts them, what IOPL guards in virtual-8086 mode. */
#include "hart_bench.h"

enum { IVT_AT = 0, HERE = 0x500, REAL_STACK = 0x8000 };

#define B ((struct hart_bench *)*state)
#define H (&B->h)

static struct segment paragraph(u16 selector, unsigned dpl)
{
    return (struct segment){(u64)selector << 4, 0xffff, 0x93u | dpl << AR_DPL_SHIFT, selector};
}

static void enter_paragraphs(struct hart_bench *b, unsigned dpl)
{
    struct hart *h = &b->h;
    for (unsigned s = 0; s < SEG_COUNT; s++) h->seg[s] = paragraph(HERE, dpl);
    h->efer = 0;
    h->reg[REG_RSP] = REAL_STACK;
    h->reg[REG_RIP] = 0x100;
    hart_state_changed(h);
}

static int in_real_mode(void **state)
{
    struct hart_bench *b = bench_new();
    *state = b;
    b->h.cr0 = CR0_ET;
    b->h.cr4 = 0;
    b->h.idtr = (struct desc_table){IVT_AT, 0x3ff};
    enter_paragraphs(b, 0);
    return 0;
}

/* 32-bit protected mode with gates of that mode, in virtual-8086 code. */
static int in_v86_mode(void **state)
{
    struct hart_bench *b = bench_new();
    *state = b;
    b->h.cr0 = CR0_PE | CR0_ET;
    b->h.cr4 = 0;
    b->h.rflags |= RFLAGS_VM | RFLAGS_IF;
    bench_write(b, TSS_AT + 4, 4, STACK0);
    bench_write(b, TSS_AT + 8, 2, SEL_DATA);
    for (unsigned v = 0; v < 32; v++)
        bench_write(b, IDT_AT + 8 * v, 8, HANDLER_AT | (u64)SEL_CODE32 << 16 | 0xee00ull << 32);
    enter_paragraphs(b, 3);
    return 0;
}

/* --- paragraphs --- */

static void a_segment_register_takes_a_paragraph(void **state)
{
    H->reg[REG_RAX] = 0x1234;
    assert_int_equal(STEP(B, 0x8e, 0xd8), OUT_FLUSH); /* mov ds, ax */
    assert_int_equal(H->seg[SEG_DS].base, 0x12340);
    assert_int_equal(H->seg[SEG_DS].selector, 0x1234);
    assert_int_equal(H->seg[SEG_DS].limit, 0xffff);
    bench_write(B, 0x12340 + 0x56, 2, 0xbeef);
    assert_int_equal(STEP(B, 0xa1, 0x56, 0x00), OUT_NEXT); /* mov ax, [0x56] */
    assert_int_equal(H->reg[REG_RAX], 0xbeef);
}

static void an_access_beyond_64_kib_faults(void **state)
{
    H->reg[REG_RBX] = 0xffff;
    assert_int_equal(STEP(B, 0x8b, 0x07), OUT_FAULT); /* mov ax, [bx] */
    assert_int_equal(H->fault.vector, VEC_GP);
    assert_int_equal(STEP(B, 0x8a, 0x07), OUT_NEXT); /* mov al, [bx] */
    H->reg[REG_RBX] = 0x10000;
    assert_int_equal(STEP(B, 0x67, 0x8a, 0x03), OUT_FAULT); /* mov al, [ebx] */
}

static void a_push_that_wraps_in_the_middle_of_a_word_faults_with_ss(void **state)
{
    H->reg[REG_RSP] = 1;
    assert_int_equal(STEP(B, 0x50), OUT_FAULT);
    assert_int_equal(H->fault.vector, VEC_SS);
    H->reg[REG_RSP] = 0;
    assert_int_equal(STEP(B, 0x50), OUT_NEXT);
    assert_int_equal(H->reg[REG_RSP], 0xfffe);
}

static void big_real_mode_keeps_the_limit_of_protected_mode(void **state)
{
    H->cr0 |= CR0_PE;
    hart_state_changed(H);
    H->reg[REG_RAX] = SEL_DATA;
    assert_int_equal(STEP(B, 0x8e, 0xd8), OUT_FLUSH);
    H->reg[REG_RAX] = CR0_ET;
    assert_int_equal(STEP(B, 0x0f, 0x22, 0xc0), OUT_FLUSH); /* mov cr0, eax */
    assert_int_equal(H->mode, MODE_REAL16);
    H->reg[REG_RAX] = 0;
    assert_int_equal(STEP(B, 0x8e, 0xd8), OUT_FLUSH);
    H->reg[REG_RBX] = 0xabcde;
    bench_write(B, 0xabcde, 1, 0x42);
    assert_int_equal(STEP(B, 0x67, 0x8a, 0x03), OUT_NEXT);
    assert_int_equal(H->reg[REG_RAX] & 0xff, 0x42);
}

static void lmsw_sets_protected_mode_and_does_not_leave_it(void **state)
{
    H->reg[REG_RAX] = 1;
    assert_int_equal(STEP(B, 0x0f, 0x01, 0xf0), OUT_FLUSH);
    assert_int_equal(H->mode, MODE_PROT16);
    H->reg[REG_RAX] = 0;
    assert_int_equal(STEP(B, 0x0f, 0x01, 0xf0), OUT_FLUSH);
    assert_int_equal(H->mode, MODE_PROT16);
}

/* --- transfers --- */

static void far_jumps_calls_and_returns_go_by_paragraphs(void **state)
{
    assert_int_equal(STEP(B, 0x9a, 0x34, 0x00, 0x00, 0x07), OUT_FLUSH); /* call 0700:0034 */
    assert_int_equal(H->seg[SEG_CS].base, 0x7000);
    assert_int_equal(H->reg[REG_RIP], 0x34);
    assert_int_equal(bench_read(B, HERE * 16 + REAL_STACK - 4, 4), (u32)HERE << 16 | 0x105);
    assert_int_equal(STEP(B, 0xca, 0x02, 0x00), OUT_FLUSH); /* retf 2 */
    assert_int_equal(H->seg[SEG_CS].selector, HERE);
    assert_int_equal(H->reg[REG_RIP], 0x105);
    assert_int_equal(H->reg[REG_RSP], REAL_STACK + 2);
    assert_int_equal(STEP(B, 0x66, 0xea, 0, 0, 1, 0, 0, 7), OUT_FAULT); /* jmp 0700:00010000 */
    assert_int_equal(H->fault.vector, VEC_GP);
}

static void a_near_branch_does_not_leave_the_segment(void **state)
{
    assert_int_equal(STEP(B, 0x66, 0xe9, 0, 0, 1, 0), OUT_FAULT);
    assert_int_equal(H->fault.vector, VEC_GP);
    assert_int_equal(STEP(B, 0xe9, 0xfd, 0xfe), OUT_JUMP); /* 16 bits wrap */
    assert_int_equal(H->reg[REG_RIP], 0);
}

static void an_interrupt_goes_through_the_vector_table_and_iret_comes_back(void **state)
{
    bench_write(B, IVT_AT + 4 * 0x21, 4, 0x07000010);
    H->rflags |= RFLAGS_IF | RFLAGS_TF;
    assert_int_equal(STEP(B, 0xcd, 0x21), OUT_FLUSH);
    assert_int_equal(H->seg[SEG_CS].base, 0x7000);
    assert_int_equal(H->reg[REG_RIP], 0x10);
    assert_int_equal(H->reg[REG_RSP], REAL_STACK - 6);
    assert_int_equal(H->rflags & (RFLAGS_IF | RFLAGS_TF), 0);
    assert_int_equal(bench_read(B, HERE * 16 + REAL_STACK - 6, 2), 0x102);
    assert_int_equal(STEP(B, 0xcf), OUT_FLUSH);
    assert_int_equal(H->reg[REG_RIP], 0x102);
    assert_int_equal(H->seg[SEG_CS].selector, HERE);
    assert_int_equal(H->rflags & (RFLAGS_IF | RFLAGS_TF), RFLAGS_IF | RFLAGS_TF);
}

static void a_vector_outside_the_table_is_a_fault(void **state)
{
    H->idtr.limit = 4 * 0x21 + 2;
    assert_int_equal(STEP(B, 0xcd, 0x21), OUT_FAULT);
    assert_int_equal(H->fault.vector, VEC_GP);
    assert_int_equal(H->reg[REG_RSP], REAL_STACK);
}

static void an_exception_pushes_no_error_code(void **state)
{
    bench_write(B, IVT_AT + 4 * VEC_GP, 4, 0x07000010);
    hart_gp(H, 0);
    isa_raise(H);
    assert_int_equal(H->reg[REG_RIP], 0x10);
    assert_int_equal(H->reg[REG_RSP], REAL_STACK - 6);
}

static bool is_undefined(struct hart_bench *b, u8 opcode, u8 modrm)
{
    const u8 bytes[15] = {0x0f, opcode, modrm};
    struct decoded_insn d;
    assert_int_equal(decode(&b->decoder, b->h.mode, bytes, 15, &d), DECODED);
    return isa_run_single(&b->h, &d.hot) == OUT_FAULT && b->h.fault.vector == VEC_UD;
}

static void what_needs_descriptors_does_not_exist(void **state)
{
    assert_true(is_undefined(B, 0x00, 0xd0)); /* lldt ax */
    assert_true(is_undefined(B, 0x00, 0xc8)); /* str ax */
    assert_true(is_undefined(B, 0x02, 0xc0)); /* lar ax, ax */
    assert_true(is_undefined(B, 0x00, 0xe0)); /* verr ax */
}

/* --- virtual-8086 mode --- */

static void iopl_guards_what_moves_the_interrupt_flag(void **state)
{
    static const u8 sensitive[] = {0xfa, 0xfb, 0x9c, 0x9d, 0xcf}; /* cli sti pushf popf iret */
    for (unsigned n = 0; n < ARRAY_LEN(sensitive); n++) {
        assert_int_equal(bench_step(B, &sensitive[n], 1), OUT_FAULT);
        assert_fault(B, VEC_GP, 0);
    }
    assert_int_equal(STEP(B, 0xcd, 0x10), OUT_FAULT);
    assert_fault(B, VEC_GP, 0);
    H->rflags |= RFLAGS_IOPL;
    assert_int_equal(STEP(B, 0xfa), OUT_NEXT);
    assert_int_equal(STEP(B, 0x9c), OUT_NEXT);
    assert_int_equal(bench_read(B, HERE * 16 + REAL_STACK - 2, 2), 0x3002 | (hart_rflags(H) & 0xff));
}

static void ports_ask_the_bitmap_whatever_iopl_says(void **state)
{
    H->rflags |= RFLAGS_IOPL;
    bench_write(B, TSS_AT + 102, 2, 104); /* beyond the limit */
    assert_int_equal(STEP(B, 0xec), OUT_FAULT);
    assert_fault(B, VEC_GP, 0);
}

static void an_interrupt_leaves_for_ring_0_and_iret_comes_back(void **state)
{
    H->rflags |= RFLAGS_IOPL;
    H->seg[SEG_GS] = paragraph(0x777, 3);
    assert_int_equal(STEP(B, 0xcd, 0x10), OUT_FLUSH);
    assert_int_equal(H->cpl, 0);
    assert_int_equal(H->mode, MODE_PROT32);
    assert_false(H->rflags & RFLAGS_VM);
    assert_int_equal(H->seg[SEG_GS].selector, 0);
    assert_int_equal(H->reg[REG_RSP], STACK0 - 36);
    assert_int_equal(bench_read(B, STACK0 - 4, 4), 0x777);
    assert_int_equal(bench_read(B, STACK0 - 24, 4), REAL_STACK);
    assert_true(bench_read(B, STACK0 - 28, 4) & RFLAGS_VM);
    assert_int_equal(bench_read(B, STACK0 - 36, 4), 0x102);
    assert_int_equal(STEP(B, 0xcf), OUT_FLUSH);
    assert_true(H->rflags & RFLAGS_VM);
    assert_int_equal(H->cpl, 3);
    assert_int_equal(H->mode, MODE_REAL16);
    assert_int_equal(H->reg[REG_RIP], 0x102);
    assert_int_equal(H->reg[REG_RSP], REAL_STACK);
    assert_int_equal(H->seg[SEG_GS].base, 0x7770);
    assert_int_equal(H->seg[SEG_GS].ar, 0xf3);
}

static void a_handler_that_is_not_ring_0_is_refused(void **state)
{
    bench_write(B, IDT_AT + 8 * 6, 8, HANDLER_AT | (u64)(SEL_USER_CODE32 | 3) << 16 | 0xee00ull << 32);
    H->rflags |= RFLAGS_IOPL;
    assert_int_equal(STEP(B, 0xcd, 0x06), OUT_FAULT);
    assert_fault(B, VEC_GP, SEL_USER_CODE32);
    bench_write(B, GDT_AT + SEL_USER_CODE32 + 5, 1, ACCESS_ABSENT(ACCESS_USER(ACCESS_CODE))); /* that it is not there comes first */
    assert_int_equal(STEP(B, 0xcd, 0x06), OUT_FAULT);
    assert_fault(B, VEC_NP, SEL_USER_CODE32);
}

/* --- segments of protected mode --- */

static int in_protected_mode(void **state)
{
    struct hart_bench *b = bench_new();
    *state = b;
    b->h.cr0 = CR0_PE | CR0_ET;
    b->h.cr4 = 0;
    b->h.efer = 0;
    b->h.seg[SEG_CS] = segment_flat_code(SEL_CODE32, 0, false);
    hart_state_changed(&b->h);
    return 0;
}

static void flat_segments_are_not_checked_and_others_are(void **state)
{
    assert_int_equal(H->soft.lookup_class, 0);
    H->seg[SEG_DS].limit = 0xfff;
    hart_load_mode(H);
    assert_int_equal(H->soft.lookup_class, SOFT_CLASS_EMPTY);
    H->reg[REG_RBX] = 0xffc;
    assert_int_equal(STEP(B, 0x8b, 0x03), OUT_NEXT);
    assert_int_equal(STEP(B, 0x8b, 0x03), OUT_NEXT); /* now the soft TLB knows the page */
    H->reg[REG_RBX] = 0xffd;
    assert_int_equal(STEP(B, 0x8b, 0x03), OUT_FAULT);
    assert_fault(B, VEC_GP, 0);
    assert_int_equal(STEP(B, 0x36, 0x8b, 0x03), OUT_NEXT); /* ss: */
}

static void an_expand_down_segment_lies_above_its_limit(void **state)
{
    H->seg[SEG_SS].limit = 0xfff;
    H->seg[SEG_SS].ar |= DESC_EXPAND_DOWN;
    hart_load_mode(H);
    H->reg[REG_RBX] = 0xfff;
    assert_int_equal(STEP(B, 0x36, 0x8a, 0x03), OUT_FAULT);
    assert_fault(B, VEC_SS, 0);
    H->reg[REG_RBX] = 0x1000;
    assert_int_equal(STEP(B, 0x36, 0x8a, 0x03), OUT_NEXT);
    H->seg[SEG_SS].ar &= ~AR_DB; /* ends at 64 KiB then */
    H->reg[REG_RBX] = 0xffff;
    assert_int_equal(STEP(B, 0x36, 0x8a, 0x03), OUT_NEXT);
    assert_int_equal(STEP(B, 0x36, 0x66, 0x8b, 0x03), OUT_FAULT);
}

static void a_null_segment_faults_when_it_is_used(void **state)
{
    H->reg[REG_RAX] = 0;
    assert_int_equal(STEP(B, 0x8e, 0xc0), OUT_FLUSH); /* mov es, ax */
    assert_int_equal(STEP(B, 0x26, 0x8a, 0x00), OUT_FAULT);
    assert_fault(B, VEC_GP, 0);
}

static void types_are_checked(void **state)
{
    H->reg[REG_RAX] = SEL_READONLY;
    H->reg[REG_RBX] = DATA_AT;
    assert_int_equal(STEP(B, 0x8e, 0xd8), OUT_FLUSH);
    assert_int_equal(STEP(B, 0x8b, 0x03), OUT_NEXT);
    assert_int_equal(STEP(B, 0x89, 0x03), OUT_FAULT);
    assert_fault(B, VEC_GP, 0);
    assert_int_equal(STEP(B, 0x01, 0x03), OUT_FAULT); /* read-modify-write */
    assert_fault(B, VEC_GP, 0);
    assert_int_equal(STEP(B, 0x2e, 0x8b, 0x03), OUT_NEXT);  /* cs: */
    assert_int_equal(STEP(B, 0x2e, 0x89, 0x03), OUT_FAULT); /* code is never written */
    assert_fault(B, VEC_GP, 0);
}

static void code_is_not_written_through_flat_segments_either(void **state)
{
    H->reg[REG_RBX] = DATA_AT;
    assert_int_equal(H->soft.lookup_class, 0);
    assert_int_equal(STEP(B, 0x89, 0x03), OUT_NEXT);
    assert_int_equal(STEP(B, 0x2e, 0x89, 0x03), OUT_FAULT);
    assert_fault(B, VEC_GP, 0);
}

static void a_stack_frame_that_does_not_fit_is_a_stack_fault(void **state)
{
    bench_write(B, IDT_AT + 8 * 0x21, 8, HANDLER_AT | (u64)SEL_CODE32 << 16 | 0xee00ull << 32);
    H->seg[SEG_SS].limit = STACK_NOW - 9;
    hart_load_mode(H);
    assert_int_equal(STEP(B, 0xcd, 0x21), OUT_FAULT);
    assert_fault(B, VEC_SS, 0);
    H->seg[SEG_SS].limit = STACK_NOW - 1;
    assert_int_equal(STEP(B, 0xcd, 0x21), OUT_FLUSH);
}

int main(void)
{
#define REAL(name)      cmocka_unit_test_setup_teardown(name, in_real_mode, bench_teardown)
#define V86(name)       cmocka_unit_test_setup_teardown(name, in_v86_mode, bench_teardown)
#define PROTECTED(name) cmocka_unit_test_setup_teardown(name, in_protected_mode, bench_teardown)
    const struct CMUnitTest tests[] = {
        REAL(a_segment_register_takes_a_paragraph),
        REAL(an_access_beyond_64_kib_faults),
        REAL(a_push_that_wraps_in_the_middle_of_a_word_faults_with_ss),
        REAL(big_real_mode_keeps_the_limit_of_protected_mode),
        REAL(lmsw_sets_protected_mode_and_does_not_leave_it),
        REAL(far_jumps_calls_and_returns_go_by_paragraphs),
        REAL(a_near_branch_does_not_leave_the_segment),
        REAL(an_interrupt_goes_through_the_vector_table_and_iret_comes_back),
        REAL(a_vector_outside_the_table_is_a_fault),
        REAL(an_exception_pushes_no_error_code),
        REAL(what_needs_descriptors_does_not_exist),
        V86(iopl_guards_what_moves_the_interrupt_flag),
        V86(ports_ask_the_bitmap_whatever_iopl_says),
        V86(an_interrupt_leaves_for_ring_0_and_iret_comes_back),
        V86(a_handler_that_is_not_ring_0_is_refused),
        PROTECTED(flat_segments_are_not_checked_and_others_are),
        PROTECTED(an_expand_down_segment_lies_above_its_limit),
        PROTECTED(a_null_segment_faults_when_it_is_used),
        PROTECTED(types_are_checked),
        PROTECTED(code_is_not_written_through_flat_segments_either),
        PROTECTED(a_stack_frame_that_does_not_fit_is_a_stack_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
