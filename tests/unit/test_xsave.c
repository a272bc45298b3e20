/* test_xsave.c - XSAVE's relatives and XGETBV: formats, what is in use, refusals, and what a guest is asked. */
#include "hart_bench.h"

enum { AREA = DATA_AT, XSTATE_BV = AREA + 512, XCOMP_BV = AREA + 520, YMM = AREA + 576 };
#define COMPACTED BIT(63)
#define ALL       (XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define UNTOUCHED 0x5a5a5a5a5a5a5a5aull

/* Their memory operand is (%rbx). */
#define XSAVE(b)    STEP(b, 0x0f, 0xae, 0x23)
#define XSAVEOPT(b) STEP(b, 0x0f, 0xae, 0x33)
#define XRSTOR(b)   STEP(b, 0x0f, 0xae, 0x2b)
#define XSAVEC(b)   STEP(b, 0x0f, 0xc7, 0x23)
#define XSAVES(b)   STEP(b, 0x0f, 0xc7, 0x2b)
#define XRSTORS(b)  STEP(b, 0x0f, 0xc7, 0x1b)
#define XGETBV(b)   STEP(b, 0x0f, 0x01, 0xd0)

/* Components all enabled and asked for, none in use; the area holds UNTOUCHED. */
static struct hart_bench *ready(void **state)
{
    struct hart_bench *b = *state;
    b->h.cr4 |= CR4_OSXSAVE | CR4_OSFXSR;
    b->h.fpu.xcr0 = ALL;
    b->h.reg[REG_RBX] = AREA;
    b->h.reg[REG_RAX] = ALL;
    b->h.reg[REG_RDX] = 0;
    for (u64 at = AREA; at < AREA + 832; at += 8) bench_write(b, at, 8, UNTOUCHED);
    return b;
}

static void use_ymm(struct hart_bench *b)
{
    b->h.fpu.vec[1].q[3] = 0x1234;
}

/* --- XGETBV --- */

static void xgetbv_of_1_tells_what_is_in_use_of_what_is_enabled(void **state)
{
    struct hart_bench *b = ready(state);
    b->h.reg[REG_RCX] = 1;
    assert_int_equal(XGETBV(b), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RAX], 0);
    use_ymm(b);
    b->h.fpu.mxcsr ^= 0x8000;
    assert_int_equal(XGETBV(b), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RAX], XCR0_SSE | XCR0_AVX);
    b->h.fpu.xcr0 = XCR0_X87 | XCR0_SSE;
    assert_int_equal(XGETBV(b), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RAX], XCR0_SSE);
}

static void xgetbv_knows_0_and_1(void **state)
{
    struct hart_bench *b = ready(state);
    b->h.reg[REG_RCX] = 0xffffffff00000000; /* ECX alone counts */
    assert_int_equal(XGETBV(b), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RAX], ALL);
    b->h.reg[REG_RCX] = 2;
    assert_int_equal(XGETBV(b), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
    b->h.cr4 &= ~CR4_OSXSAVE;
    b->h.reg[REG_RCX] = 0;
    assert_int_equal(XGETBV(b), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
}

static void xgetbv_of_1_needs_its_feature(void **state)
{
    struct hart_bench *b = ready(state);
    assert_true(cpu_model_set_feature(&b->model, "xgetbv1", false));
    b->h.reg[REG_RCX] = 1;
    assert_int_equal(XGETBV(b), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
}

/* --- formats --- */

static void xsave_and_xsaveopt_keep_other_components_of_the_header(void **state)
{
    struct hart_bench *b = ready(state);
    use_ymm(b);
    b->h.reg[REG_RAX] = XCR0_AVX;
    assert_int_equal(XSAVE(b), OUT_NEXT);
    assert_int_equal(bench_read(b, XSTATE_BV, 8), UNTOUCHED | XCR0_AVX);
    assert_int_equal(bench_read(b, XCOMP_BV, 8), UNTOUCHED);
    assert_int_equal(bench_read(b, YMM + 16 + 8, 8), 0x1234);
    assert_int_equal(bench_read(b, AREA, 8), UNTOUCHED);
    b->h.fpu.vec[1].q[3] = 0;
    assert_int_equal(XSAVEOPT(b), OUT_NEXT);
    assert_int_equal(bench_read(b, XSTATE_BV, 8), UNTOUCHED & ~XCR0_AVX);
    assert_int_equal(bench_read(b, YMM + 16 + 8, 8), 0x1234); /* not in use: not written */
}

static void the_compacted_format_names_what_was_asked_for(void **state)
{
    struct hart_bench *b = ready(state);
    use_ymm(b);
    assert_int_equal(XSAVEC(b), OUT_NEXT);
    assert_int_equal(bench_read(b, XSTATE_BV, 8), XCR0_AVX);
    assert_int_equal(bench_read(b, XCOMP_BV, 8), COMPACTED | ALL);
    assert_int_equal(bench_read(b, AREA, 8), UNTOUCHED); /* x87 is in its initial state */
    assert_int_equal(bench_read(b, YMM + 16 + 8, 8), 0x1234);
}

static void xsaves_and_xrstors_move_the_state_there_and_back(void **state)
{
    struct hart_bench *b = ready(state);
    use_ymm(b);
    b->h.fpu.vec[2].q[0] = 0x77;
    for (u64 at = XCOMP_BV + 8; at < YMM; at += 8) bench_write(b, at, 8, 0); /* reserved; not written by XSAVES */
    assert_int_equal(XSAVES(b), OUT_NEXT);
    b->h.fpu.vec[1].q[3] = b->h.fpu.vec[2].q[0] = 0;
    b->h.fpu.vec[3].q[2] = 5;
    assert_int_equal(XRSTORS(b), OUT_NEXT);
    assert_int_equal(b->h.fpu.vec[1].q[3], 0x1234);
    assert_int_equal(b->h.fpu.vec[2].q[0], 0x77);
    assert_int_equal(b->h.fpu.vec[3].q[2], 0);
}

static void xrstors_takes_the_compacted_format_only(void **state)
{
    struct hart_bench *b = ready(state);
    for (u64 at = XSTATE_BV; at < YMM; at += 8) bench_write(b, at, 8, 0);
    assert_int_equal(XRSTOR(b), OUT_FAULT); /* MXCSR's reserved bits, in the standard format */
    assert_fault(b, VEC_GP, 0);
    bench_write(b, AREA + 24, 4, MXCSR_INIT);
    assert_int_equal(XRSTOR(b), OUT_NEXT);
    assert_int_equal(XRSTORS(b), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
    bench_write(b, XCOMP_BV, 8, COMPACTED | ALL);
    assert_int_equal(XRSTORS(b), OUT_NEXT);
    bench_write(b, XCOMP_BV, 8, COMPACTED | ALL | BIT(9));
    assert_int_equal(XRSTORS(b), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
}

/* --- PKRU --- */

enum { PKRU_STANDARD = AREA + 2688, PKRU_COMPACTED = AREA + 832, PKRU_ALONE = AREA + 576 };

static struct hart_bench *ready_with_keys(void **state)
{
    struct hart_bench *b = ready(state);
    b->h.cr4 |= CR4_PKE;
    b->h.fpu.xcr0 = b->h.reg[REG_RAX] = ALL | XCR0_PKRU;
    b->h.pkru = 0x12345678;
    for (u64 at = XSTATE_BV; at < YMM; at += 8) bench_write(b, at, 8, 0);
    bench_write(b, AREA + 24, 4, MXCSR_INIT);
    return b;
}

static void pkru_has_its_own_place_in_the_standard_format(void **state)
{
    struct hart_bench *b = ready_with_keys(state);
    assert_int_equal(XSAVE(b), OUT_NEXT);
    assert_int_equal(bench_read(b, XSTATE_BV, 8), XCR0_PKRU);
    assert_int_equal(bench_read(b, PKRU_STANDARD, 8), 0x12345678);
    b->h.pkru = 1;
    assert_int_equal(XRSTOR(b), OUT_FLUSH);
    assert_int_equal(b->h.pkru, 0x12345678);
    bench_write(b, XSTATE_BV, 8, 0); /* its initial state */
    assert_int_equal(XRSTOR(b), OUT_FLUSH);
    assert_int_equal(b->h.pkru, 0);
    b->h.reg[REG_RAX] = ALL; /* not asked for */
    b->h.pkru = 7;
    assert_int_equal(XRSTOR(b), OUT_NEXT);
    assert_int_equal(b->h.pkru, 7);
}

static void pkru_follows_the_components_asked_for_in_the_compacted_format(void **state)
{
    struct hart_bench *b = ready_with_keys(state);
    assert_int_equal(XSAVEC(b), OUT_NEXT);
    assert_int_equal(bench_read(b, XCOMP_BV, 8), COMPACTED | ALL | XCR0_PKRU);
    assert_int_equal(bench_read(b, PKRU_COMPACTED, 8), 0x12345678);
    b->h.reg[REG_RAX] = XCR0_PKRU;
    assert_int_equal(XSAVEC(b), OUT_NEXT);
    assert_int_equal(bench_read(b, PKRU_ALONE, 8), 0x12345678);
    b->h.pkru = 0;
    assert_int_equal(XRSTOR(b), OUT_FLUSH);
    assert_int_equal(b->h.pkru, 0x12345678);
    b->h.reg[REG_RCX] = 1;
    assert_int_equal(XGETBV(b), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RAX], XCR0_PKRU);
}

static void xcr0_takes_pkru_where_the_processor_has_it(void **state)
{
    struct hart_bench *b = ready_with_keys(state);
    b->h.fpu.xcr0 = XCR0_X87;
    b->h.reg[REG_RAX] = XCR0_X87 | XCR0_PKRU;
    b->h.reg[REG_RCX] = 0;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xd1), OUT_FLUSH); /* xsetbv */
    assert_int_equal(b->h.fpu.xcr0, XCR0_X87 | XCR0_PKRU);
    assert_true(cpu_model_set_feature(&b->model, "pku", false));
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xd1), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
}

/* --- who may --- */

static void xsaves_and_xrstors_are_for_ring_0_with_an_aligned_area(void **state)
{
    struct hart_bench *b = ready(state);
    b->h.reg[REG_RBX] = AREA + 32;
    assert_int_equal(XSAVES(b), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
    b->h.reg[REG_RBX] = AREA;
    b->h.cr0 |= CR0_TS;
    assert_int_equal(XRSTORS(b), OUT_FAULT);
    assert_fault(b, VEC_NM, 0);
    b->h.cr0 &= ~CR0_TS;
    bench_user(b, true);
    assert_int_equal(XSAVES(b), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
    b->h.cr4 &= ~CR4_OSXSAVE;
    assert_int_equal(XSAVES(b), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
}

static void a_guest_without_the_control_does_not_know_xsaves(void **state)
{
    struct hart_bench *b = ready(state);
    bench_enter_guest(b);
    b->insns_enabled = false;
    assert_int_equal(XSAVES(b), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
    assert_int_equal(XRSTORS(b), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
    assert_int_equal(XSAVEC(b), OUT_NEXT);
    assert_int_equal(b->intercepts_seen, 0);
}

static void a_guests_xsaves_asks_about_the_supervisor_components_it_names(void **state)
{
    struct hart_bench *b = ready(state);
    bench_enter_guest(b);
    b->exits_on_intercept = true;
    b->h.fpu.xss = BIT(8) | BIT(40);
    b->h.reg[REG_RAX] = BIT(8) | BIT(9);
    b->h.reg[REG_RDX] = BIT(8) | BIT(9);
    assert_int_equal(XSAVES(b), OUT_EXIT);
    assert_int_equal(b->last_intercept, INTERCEPT_xsaves);
    assert_int_equal(b->last_info, BIT(8) | BIT(40));
    assert_int_equal(XRSTORS(b), OUT_EXIT);
    assert_int_equal(b->last_intercept, INTERCEPT_xrstors);
    assert_int_equal(bench_read(b, XSTATE_BV, 8), UNTOUCHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(xgetbv_of_1_tells_what_is_in_use_of_what_is_enabled),
        TEST(xgetbv_knows_0_and_1),
        TEST(xgetbv_of_1_needs_its_feature),
        TEST(xsave_and_xsaveopt_keep_other_components_of_the_header),
        TEST(the_compacted_format_names_what_was_asked_for),
        TEST(xsaves_and_xrstors_move_the_state_there_and_back),
        TEST(xrstors_takes_the_compacted_format_only),
        TEST(pkru_has_its_own_place_in_the_standard_format),
        TEST(pkru_follows_the_components_asked_for_in_the_compacted_format),
        TEST(xcr0_takes_pkru_where_the_processor_has_it),
        TEST(xsaves_and_xrstors_are_for_ring_0_with_an_aligned_area),
        TEST(a_guest_without_the_control_does_not_know_xsaves),
        TEST(a_guests_xsaves_asks_about_the_supervisor_components_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
