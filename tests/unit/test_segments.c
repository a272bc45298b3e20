/* test_segments.c - segment loads, descriptor tables, descriptor queries, far transfers, IRET, SYSCALL and
 * SYSRET. */
#include "hart_bench.h"

static void refused(struct hart_bench *b, enum outcome o, u8 vector, u32 error)
{
    assert_int_equal(o, OUT_FAULT);
    assert_fault(b, vector, error);
}

/* --- data segments --- */

static enum outcome mov_ds(struct hart_bench *b, u16 selector)
{
    b->h.reg[REG_RAX] = selector;
    return STEP(b, 0x8e, 0xd8);
}

static enum outcome mov_ss(struct hart_bench *b, u16 selector)
{
    b->h.reg[REG_RAX] = selector;
    return STEP(b, 0x8e, 0xd0);
}

static void a_data_segment_is_loaded_with_base_limit_and_rights(void **state)
{
    struct hart_bench *b = *state;
    bench_write(b, GDT_AT + SEL_USER_DATA, 8,
                bench_descriptor(0x12345678, 0xabcde, ACCESS_USER(ACCESS_DATA) | FLAG_D));
    assert_int_equal(mov_ds(b, SEL_USER_DATA | 3), OUT_FLUSH);
    const struct segment *ds = &b->h.seg[SEG_DS];
    assert_int_equal(ds->selector, SEL_USER_DATA | 3);
    assert_int_equal(ds->base, 0x12345678);
    assert_int_equal(ds->limit, 0xabcde);
    assert_int_equal(ds->ar, AR_P | 3 << AR_DPL_SHIFT | AR_S | 3 | AR_DB);
    assert_int_equal(bench_read(b, GDT_AT + SEL_USER_DATA + 5, 1), 0xf3); /* accessed */
}

static void a_page_granular_limit_is_kept_in_bytes(void **state)
{
    struct hart_bench *b = *state;
    mov_ds(b, SEL_DATA);
    assert_int_equal(b->h.seg[SEG_DS].limit, 0xffffffff);
}

static void data_segment_loads_are_checked(void **state)
{
    static const struct { u16 selector; u8 vector; u32 error; } rows[] = {
        {SEL_END, VEC_GP, SEL_END},
        {0x0c, VEC_GP, 0x0c}, /* no LDT */
        {SEL_EXECUTE_ONLY, VEC_GP, SEL_EXECUTE_ONLY},
        {SEL_DATA | 3, VEC_GP, SEL_DATA}, /* RPL above DPL */
        {SEL_TSS, VEC_GP, SEL_TSS},
        {SEL_ABSENT_DATA, VEC_NP, SEL_ABSENT_DATA},
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++)
        refused(b, mov_ds(b, rows[n].selector), rows[n].vector, rows[n].error);
    assert_int_equal(mov_ds(b, SEL_CODE), OUT_FLUSH); /* readable code */
    assert_int_equal(mov_ds(b, 3), OUT_FLUSH);
    assert_true(b->h.seg[SEG_DS].ar & AR_UNUSABLE);
}

static void stack_segment_loads_are_checked_and_start_a_shadow(void **state)
{
    struct hart_bench *b = *state;
    refused(b, mov_ss(b, SEL_READONLY), VEC_GP, SEL_READONLY);
    refused(b, mov_ss(b, SEL_DATA | 1), VEC_GP, SEL_DATA);
    refused(b, mov_ss(b, SEL_USER_DATA), VEC_GP, SEL_USER_DATA);
    refused(b, mov_ss(b, SEL_ABSENT_DATA), VEC_SS, SEL_ABSENT_DATA);
    refused(b, mov_ss(b, 1), VEC_GP, 0);
    assert_false(b->h.movss_shadow);
    assert_int_equal(mov_ss(b, 0), OUT_FLUSH); /* null, 64-bit ring 0 */
    assert_true(b->h.movss_shadow);
    bench_user(b, true);
    refused(b, mov_ss(b, 3), VEC_GP, 0);
    assert_int_equal(mov_ss(b, SEL_USER_DATA | 3), OUT_FLUSH);
}

static void pop_fs_that_faults_leaves_rsp(void **state)
{
    struct hart_bench *b = *state;
    bench_write(b, STACK_NOW, 8, SEL_ABSENT_DATA);
    refused(b, STEP(b, 0x0f, 0xa1), VEC_NP, SEL_ABSENT_DATA);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW);
    bench_write(b, STACK_NOW, 8, SEL_DATA);
    assert_int_equal(STEP(b, 0x0f, 0xa1), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW + 8);
    assert_int_equal(STEP(b, 0x0f, 0xa8), OUT_NEXT); /* push gs */
    assert_int_equal(bench_read(b, STACK_NOW, 8), SEL_DATA);
}

/* --- descriptor tables --- */

static void lgdt_takes_ten_bytes_and_a_canonical_base(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = DATA_AT;
    bench_write(b, DATA_AT, 2, 0x77);
    bench_write(b, DATA_AT + 2, 8, BIT(47));
    refused(b, STEP(b, 0x0f, 0x01, 0x10), VEC_GP, 0);
    bench_write(b, DATA_AT + 2, 8, 0xffff800000001000);
    assert_int_equal(STEP(b, 0x0f, 0x01, 0x10), OUT_FLUSH);
    assert_int_equal(b->h.gdtr.base, 0xffff800000001000);
    assert_int_equal(b->h.gdtr.limit, 0x77);
    assert_int_equal(STEP(b, 0x0f, 0x01, 0x08), OUT_NEXT); /* sidt [rax] */
    assert_int_equal(bench_read(b, DATA_AT + 2, 8), IDT_AT);
    bench_user(b, true);
    refused(b, STEP(b, 0x0f, 0x01, 0x10), VEC_GP, 0);
    assert_int_equal(STEP(b, 0x0f, 0x01, 0x00), OUT_NEXT); /* sgdt: anyone without UMIP */
    b->h.cr4 |= CR4_UMIP;
    refused(b, STEP(b, 0x0f, 0x01, 0x00), VEC_GP, 0);
}

static enum outcome ltr(struct hart_bench *b, u16 selector)
{
    b->h.reg[REG_RAX] = selector;
    return STEP(b, 0x0f, 0x00, 0xd8);
}

static void ltr_reads_sixteen_bytes_and_marks_the_tss_busy(void **state)
{
    struct hart_bench *b = *state;
    bench_write(b, GDT_AT + SEL_TSS + 8, 8, 0xffff8000);
    assert_int_equal(ltr(b, SEL_TSS), OUT_FLUSH);
    assert_int_equal(b->h.tr.base, 0xffff800000003000);
    assert_int_equal(b->h.tr.ar & AR_TYPE, TYPE_TSS | TSS_BUSY);
    refused(b, ltr(b, SEL_TSS), VEC_GP, SEL_TSS); /* busy now */
    refused(b, ltr(b, SEL_LDT), VEC_GP, SEL_LDT);
    refused(b, ltr(b, 0), VEC_GP, 0);
    refused(b, ltr(b, SEL_BUSY_TSS), VEC_GP, SEL_BUSY_TSS);
    b->h.gdtr.limit = SEL_TSS + 8;
    refused(b, ltr(b, SEL_TSS), VEC_GP, SEL_TSS);
}

static enum outcome lldt(struct hart_bench *b, u16 selector)
{
    b->h.reg[REG_RAX] = selector;
    return STEP(b, 0x0f, 0x00, 0xd0);
}

static void lldt_makes_local_selectors_work(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(lldt(b, SEL_LDT), OUT_FLUSH);
    bench_write(b, LDT_AT + 8, 8, bench_descriptor(0x7000, 0xfff, ACCESS_DATA | FLAG_D));
    assert_int_equal(mov_ds(b, 0x0c), OUT_FLUSH);
    assert_int_equal(b->h.seg[SEG_DS].base, 0x7000);
    assert_int_equal(lldt(b, 0), OUT_FLUSH);
    refused(b, mov_ds(b, 0x0c), VEC_GP, 0x0c);
    refused(b, lldt(b, SEL_TSS), VEC_GP, SEL_TSS);
}

/* --- LAR, LSL, VERR, VERW --- */

static bool zf(const struct hart_bench *b) { return hart_rflags(&b->h) & RFLAGS_ZF; }

static void lar_and_lsl_answer_in_zf_and_keep_the_other_flags(void **state)
{
    struct hart_bench *b = *state;
    hart_set_rflags(&b->h, RFLAGS_CF | RFLAGS_OF | RFLAGS_SF);
    b->h.reg[REG_RAX] = SEL_USER_DATA;
    STEP(b, 0x0f, 0x02, 0xd8); /* lar ebx, eax */
    assert_true(zf(b));
    assert_int_equal(b->h.reg[REG_RBX], 0xcff200); /* the descriptor's bits, limit 19:16 among them */
    assert_int_equal(hart_rflags(&b->h) & RFLAGS_ARITHMETIC, RFLAGS_CF | RFLAGS_OF | RFLAGS_SF | RFLAGS_ZF);
    STEP(b, 0x0f, 0x03, 0xd8); /* lsl ebx, eax */
    assert_int_equal(b->h.reg[REG_RBX], 0xffffffff);
    b->h.reg[REG_RAX] = SEL_GATE;
    STEP(b, 0x0f, 0x02, 0xd8);
    assert_true(zf(b));
    STEP(b, 0x0f, 0x03, 0xd8); /* a gate has no limit */
    assert_false(zf(b));
    assert_int_equal(hart_rflags(&b->h) & RFLAGS_ARITHMETIC, RFLAGS_CF | RFLAGS_OF | RFLAGS_SF);
    b->h.reg[REG_RAX] = SEL_END;
    STEP(b, 0x0f, 0x02, 0xd8);
    assert_false(zf(b));
}

static void verr_and_verw_see_what_privilege_lets_them(void **state)
{
    static const struct { u16 selector; bool readable, writable, user_readable; } rows[] = {
        {SEL_DATA, true, true, false},
        {SEL_USER_DATA, true, true, true},
        {SEL_READONLY, true, false, false},
        {SEL_EXECUTE_ONLY, false, false, false},
        {SEL_CONFORMING, true, false, true},
        {SEL_TSS, false, false, false},
        {0, false, false, false},
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        bench_set_state(b);
        b->h.reg[REG_RAX] = rows[n].selector;
        STEP(b, 0x0f, 0x00, 0xe0); /* verr ax */
        assert_int_equal(zf(b), rows[n].readable);
        STEP(b, 0x0f, 0x00, 0xe8); /* verw ax */
        assert_int_equal(zf(b), rows[n].writable);
        bench_user(b, true);
        STEP(b, 0x0f, 0x00, 0xe0);
        assert_int_equal(zf(b), rows[n].user_readable);
    }
}

/* --- bases --- */

static void fsgsbase_instructions_need_cr4_and_a_canonical_value(void **state)
{
    struct hart_bench *b = *state;
    refused(b, STEP(b, 0xf3, 0x48, 0x0f, 0xae, 0xd0), VEC_UD, 0); /* wrfsbase rax */
    b->h.cr4 |= CR4_FSGSBASE;
    b->h.reg[REG_RAX] = BIT(47);
    refused(b, STEP(b, 0xf3, 0x48, 0x0f, 0xae, 0xd0), VEC_GP, 0);
    b->h.reg[REG_RAX] = 0xffff800012345678;
    assert_int_equal(STEP(b, 0xf3, 0x48, 0x0f, 0xae, 0xd0), OUT_NEXT);
    assert_int_equal(STEP(b, 0xf3, 0x0f, 0xae, 0xc3), OUT_NEXT); /* rdfsbase ebx */
    assert_int_equal(b->h.reg[REG_RBX], 0x12345678);
    STEP(b, 0xf3, 0x0f, 0xae, 0xd8); /* wrgsbase eax */
    assert_int_equal(b->h.seg[SEG_GS].base, 0x12345678);
}

/* --- far transfers --- */

/* jmp far m16:64 at DATA_AT, by rex.w ff /5 [rax]; /3 is the call. */
#define JMP_FAR  0x48, 0xff, 0x28
#define CALL_FAR 0x48, 0xff, 0x18

static void point(struct hart_bench *b, u16 selector, u64 rip)
{
    b->h.reg[REG_RAX] = DATA_AT;
    bench_write(b, DATA_AT, 8, rip);
    bench_write(b, DATA_AT + 8, 2, selector);
}

static void a_far_jump_changes_between_64_bit_and_compatibility_mode(void **state)
{
    struct hart_bench *b = *state;
    point(b, SEL_CODE32, 0x8000);
    assert_int_equal(STEP(b, JMP_FAR), OUT_FLUSH);
    assert_int_equal(b->h.mode, MODE_COMPAT32);
    assert_int_equal(b->h.reg[REG_RIP], 0x8000);
    assert_int_equal(STEP(b, 0xea, 0x34, 0x12, 0, 0, SEL_CODE, 0), OUT_FLUSH); /* jmp 8:0x1234 */
    assert_int_equal(b->h.mode, MODE_LONG64);
    assert_int_equal(b->h.reg[REG_RIP], 0x1234);
}

static void far_jump_targets_are_checked(void **state)
{
    static const struct { u16 selector; u64 rip; u8 vector; u32 error; } rows[] = {
        {0, 0, VEC_GP, 0},
        {SEL_END, 0, VEC_GP, SEL_END},
        {SEL_DATA, 0, VEC_GP, SEL_DATA},
        {SEL_USER_CODE, 0, VEC_GP, SEL_USER_CODE},
        {SEL_CODE | 1, 0, VEC_GP, SEL_CODE},
        {SEL_L_AND_D, 0, VEC_GP, SEL_L_AND_D},
        {SEL_ABSENT_CODE, 0, VEC_NP, SEL_ABSENT_CODE},
        {SEL_CODE, BIT(47), VEC_GP, 0},
        {SEL_CODE32, BIT(32), VEC_GP, 0},
        {SEL_TSS, 0, VEC_GP, SEL_TSS},
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        point(b, rows[n].selector, rows[n].rip);
        refused(b, STEP(b, JMP_FAR), rows[n].vector, rows[n].error);
        assert_int_equal(b->h.reg[REG_RIP], CODE_AT);
    }
}

static void a_conforming_segment_runs_at_the_callers_privilege(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    point(b, SEL_CONFORMING, 0x8000);
    assert_int_equal(STEP(b, JMP_FAR), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.seg[SEG_CS].selector, SEL_CONFORMING | 3);
}

static void far_call_and_return_come_back(void **state)
{
    struct hart_bench *b = *state;
    point(b, SEL_CODE32, 0x8000);
    assert_int_equal(STEP(b, CALL_FAR), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW - 16);
    assert_int_equal(bench_read(b, STACK_NOW - 16, 8), CODE_AT + 3);
    assert_int_equal(bench_read(b, STACK_NOW - 8, 8), SEL_CODE);
    bench_set_state(b);
    b->h.reg[REG_RSP] = STACK_NOW - 16;
    assert_int_equal(STEP(b, 0x48, 0xca, 0x20, 0x00), OUT_FLUSH); /* retfq 0x20 */
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT + 3);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW + 0x20);
}

static void a_call_gate_enters_ring_0_on_its_stack_and_retf_goes_back(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    point(b, SEL_GATE, 0);
    refused(b, STEP(b, CALL_FAR), VEC_GP, SEL_GATE);
    point(b, SEL_GATE_USER, 0);
    refused(b, STEP(b, JMP_FAR), VEC_GP, SEL_CODE);
    assert_int_equal(STEP(b, CALL_FAR), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 0);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT);
    assert_int_equal(b->h.reg[REG_RSP], STACK0 - 32);
    assert_int_equal(STEP(b, 0x48, 0xcb), OUT_FLUSH); /* retfq */
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT + 3);
    assert_int_equal(b->h.reg[REG_RSP], USER_STACK);
    assert_int_equal(b->h.seg[SEG_SS].selector, SEL_USER_DATA | 3);
}

/* --- IRET --- */

#define IRETQ 0x48, 0xcf

static void frame(struct hart_bench *b, u64 rip, u16 cs, u64 rflags, u64 rsp, u16 ss)
{
    const u64 words[5] = {rip, cs, rflags, rsp, ss};
    memcpy(b->mem.host + STACK_NOW, words, sizeof words);
}

static void iretq_goes_to_user_mode_and_takes_kernel_segments_away(void **state)
{
    struct hart_bench *b = *state;
    b->h.seg[SEG_GS].base = 0x9999;
    b->h.seg[SEG_ES] = segment_flat_data(SEL_USER_DATA | 3, 3);
    frame(b, 0x8000, SEL_USER_CODE | 3, RFLAGS_IF | RFLAGS_IOPL | RFLAGS_CF, 0x16000, SEL_USER_DATA | 3);
    assert_int_equal(STEP(b, IRETQ), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 3);
    assert_true(b->h.soft.user);
    assert_int_equal(b->h.reg[REG_RIP], 0x8000);
    assert_int_equal(b->h.reg[REG_RSP], 0x16000);
    assert_int_equal(hart_rflags(&b->h), RFLAGS_IF | RFLAGS_IOPL | RFLAGS_CF | RFLAGS_ONE);
    assert_true(b->h.seg[SEG_DS].ar & AR_UNUSABLE);
    assert_false(b->h.seg[SEG_ES].ar & AR_UNUSABLE);
    assert_int_equal(b->h.seg[SEG_GS].base, 0x9999);
}

static void iretq_to_compatibility_mode_truncates_the_stack_pointer(void **state)
{
    struct hart_bench *b = *state;
    frame(b, 0x8000, SEL_USER_CODE32 | 3, 0, 0x100016000, SEL_USER_DATA | 3);
    assert_int_equal(STEP(b, IRETQ), OUT_FLUSH);
    assert_int_equal(b->h.mode, MODE_COMPAT32);
    assert_int_equal(b->h.reg[REG_RSP], 0x16000);
}

static void iretd_pops_four_byte_words(void **state)
{
    static const u32 words[5] = {0x8000, SEL_CODE, RFLAGS_ID, 0x15000, SEL_DATA};
    struct hart_bench *b = *state;
    memcpy(b->mem.host + STACK_NOW, words, sizeof words);
    assert_int_equal(STEP(b, 0xcf), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RIP], 0x8000);
    assert_int_equal(b->h.reg[REG_RSP], 0x15000);
    assert_true(b->h.rflags & RFLAGS_ID);
}

static void iret_inside_compatibility_mode_pops_three_words(void **state)
{
    static const u32 words[3] = {0x8000, SEL_USER_CODE32 | 3, RFLAGS_IF | RFLAGS_DF};
    struct hart_bench *b = *state;
    bench_user(b, false);
    memcpy(b->mem.host + USER_STACK, words, sizeof words);
    assert_int_equal(STEP(b, 0xcf), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RSP], USER_STACK + 12);
    assert_int_equal(b->h.rflags & (RFLAGS_IF | RFLAGS_DF), RFLAGS_DF); /* IF is IOPL's */
}

static void bad_iret_frames_fault_and_change_nothing(void **state)
{
    static const struct { u64 rip; u16 cs; u64 rsp; u16 ss; u8 vector; u32 error; } rows[] = {
        {0, 0, 0, SEL_DATA, VEC_GP, 0},
        {0, SEL_DATA, 0, SEL_DATA, VEC_GP, SEL_DATA},
        {0, SEL_USER_CODE, 0, SEL_DATA, VEC_GP, SEL_USER_CODE},
        {0, SEL_ABSENT_CODE, 0, SEL_DATA, VEC_NP, SEL_ABSENT_CODE},
        {0, SEL_L_AND_D, 0, SEL_DATA, VEC_GP, SEL_L_AND_D},
        {BIT(47), SEL_CODE, 0, SEL_DATA, VEC_GP, 0},
        {0, SEL_CODE, 0, SEL_USER_DATA, VEC_GP, SEL_USER_DATA},
        {0, SEL_CODE, 0, SEL_ABSENT_DATA, VEC_SS, SEL_ABSENT_DATA},
        {0, SEL_USER_CODE | 3, 0, 3, VEC_GP, 0},
        {0, SEL_USER_CODE | 3, 0, SEL_DATA, VEC_GP, SEL_DATA},
        {0, SEL_CODE32, 0, 0, VEC_GP, 0}, /* null SS is for 64-bit code */
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        frame(b, rows[n].rip, rows[n].cs, 0, rows[n].rsp, rows[n].ss);
        refused(b, STEP(b, IRETQ), rows[n].vector, rows[n].error);
        assert_int_equal(b->h.reg[REG_RSP], STACK_NOW);
        assert_int_equal(b->h.cpl, 0);
    }
}

static void iret_to_ring_0_may_have_a_null_ss_and_nt_is_refused(void **state)
{
    struct hart_bench *b = *state;
    frame(b, 0x8000, SEL_CODE, 0, 0x15000, 0);
    assert_int_equal(STEP(b, IRETQ), OUT_FLUSH);
    assert_true(b->h.seg[SEG_SS].ar & AR_UNUSABLE);
    b->h.rflags |= RFLAGS_NT;
    refused(b, STEP(b, IRETQ), VEC_GP, 0);
}

/* --- SYSCALL, SYSRET --- */

static void prepare_syscall(struct hart_bench *b)
{
    b->h.star = (u64)SEL_CODE << 32 | (u64)(SEL_USER_CODE - 16) << 48;
    b->h.lstar = 0xffff800000008000;
    b->h.fmask = RFLAGS_IF | RFLAGS_TF | RFLAGS_DF;
}

static void syscall_enters_ring_0_by_the_msrs(void **state)
{
    struct hart_bench *b = *state;
    prepare_syscall(b);
    bench_user(b, true);
    hart_set_rflags(&b->h, RFLAGS_IF | RFLAGS_TF | RFLAGS_CF);
    b->h.tf_armed = true;
    assert_int_equal(STEP(b, 0x0f, 0x05), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RCX], CODE_AT + 2);
    assert_int_equal(b->h.reg[REG_R11], RFLAGS_IF | RFLAGS_TF | RFLAGS_CF | RFLAGS_ONE);
    assert_int_equal(hart_rflags(&b->h), RFLAGS_CF | RFLAGS_ONE);
    assert_int_equal(b->h.reg[REG_RIP], 0xffff800000008000);
    assert_int_equal(b->h.cpl, 0);
    assert_int_equal(b->h.seg[SEG_CS].selector, SEL_CODE);
    assert_int_equal(b->h.seg[SEG_SS].selector, SEL_CODE + 8);
    assert_int_equal(b->h.reg[REG_RSP], USER_STACK);
    assert_false(isa_take_attention(&b->h)); /* TF was cleared: no trap */
}

static void syscall_is_undefined_without_sce_and_outside_64_bit_mode(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, false);
    refused(b, STEP(b, 0x0f, 0x05), VEC_UD, 0);
    bench_user(b, true);
    b->h.efer &= ~EFER_SCE;
    refused(b, STEP(b, 0x0f, 0x05), VEC_UD, 0);
}

static void sysretq_returns_to_64_bit_and_sysretl_to_compatibility_mode(void **state)
{
    struct hart_bench *b = *state;
    prepare_syscall(b);
    b->h.reg[REG_RCX] = 0x700000008000;
    b->h.reg[REG_R11] = ~0ull;
    assert_int_equal(STEP(b, 0x48, 0x0f, 0x07), OUT_FLUSH);
    assert_int_equal(b->h.mode, MODE_LONG64);
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.reg[REG_RIP], 0x700000008000);
    assert_int_equal(hart_rflags(&b->h), 0x3c7fd7 & ~RFLAGS_RF);
    assert_int_equal(b->h.seg[SEG_CS].selector, SEL_USER_CODE | 3);
    assert_int_equal(b->h.seg[SEG_SS].selector, (SEL_USER_CODE - 8) | 3);
    bench_set_state(b);
    b->h.reg[REG_RCX] = 0x100008000;
    assert_int_equal(STEP(b, 0x0f, 0x07), OUT_FLUSH);
    assert_int_equal(b->h.mode, MODE_COMPAT32);
    assert_int_equal(b->h.reg[REG_RIP], 0x8000);
    assert_int_equal(b->h.seg[SEG_CS].selector, (SEL_USER_CODE - 16) | 3);
}

static void sysret_faults_in_ring_0_and_refuses_a_non_canonical_rcx(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RCX] = BIT(47);
    refused(b, STEP(b, 0x48, 0x0f, 0x07), VEC_GP, 0);
    assert_int_equal(b->h.cpl, 0);
    bench_user(b, true);
    refused(b, STEP(b, 0x48, 0x0f, 0x07), VEC_GP, 0);
}

static void sysret_into_single_step_traps_at_once(void **state)
{
    struct hart_bench *b = *state;
    prepare_syscall(b);
    b->h.reg[REG_RCX] = 0x8000;
    b->h.reg[REG_R11] = RFLAGS_TF | RFLAGS_ONE;
    STEP(b, 0x48, 0x0f, 0x07);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DB);
    assert_int_equal(bench_read(b, b->h.reg[REG_RSP], 8), 0x8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_data_segment_is_loaded_with_base_limit_and_rights),
        TEST(a_page_granular_limit_is_kept_in_bytes),
        TEST(data_segment_loads_are_checked),
        TEST(stack_segment_loads_are_checked_and_start_a_shadow),
        TEST(pop_fs_that_faults_leaves_rsp),
        TEST(lgdt_takes_ten_bytes_and_a_canonical_base),
        TEST(ltr_reads_sixteen_bytes_and_marks_the_tss_busy),
        TEST(lldt_makes_local_selectors_work),
        TEST(lar_and_lsl_answer_in_zf_and_keep_the_other_flags),
        TEST(verr_and_verw_see_what_privilege_lets_them),
        TEST(fsgsbase_instructions_need_cr4_and_a_canonical_value),
        TEST(a_far_jump_changes_between_64_bit_and_compatibility_mode),
        TEST(far_jump_targets_are_checked),
        TEST(a_conforming_segment_runs_at_the_callers_privilege),
        TEST(far_call_and_return_come_back),
        TEST(a_call_gate_enters_ring_0_on_its_stack_and_retf_goes_back),
        TEST(iretq_goes_to_user_mode_and_takes_kernel_segments_away),
        TEST(iretq_to_compatibility_mode_truncates_the_stack_pointer),
        TEST(iretd_pops_four_byte_words),
        TEST(iret_inside_compatibility_mode_pops_three_words),
        TEST(bad_iret_frames_fault_and_change_nothing),
        TEST(iret_to_ring_0_may_have_a_null_ss_and_nt_is_refused),
        TEST(syscall_enters_ring_0_by_the_msrs),
        TEST(syscall_is_undefined_without_sce_and_outside_64_bit_mode),
        TEST(sysretq_returns_to_64_bit_and_sysretl_to_compatibility_mode),
        TEST(sysret_faults_in_ring_0_and_refuses_a_non_canonical_rcx),
        TEST(sysret_into_single_step_traps_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
