/* test_mmx.c - MMX instructions: what CR0, CR4, the model and pending x87 exceptions refuse, and which state
 * they leave. What they compute is compared with the host's by test_diff_simd.c. */
#include "hart_bench.h"
#include "isa/x87.h"

#define PADDB(b)       STEP(b, 0x0f, 0xfc, 0xc1)       /* paddb mm0, mm1 */
#define EMMS(b)        STEP(b, 0x0f, 0x77)
#define MOVQ2DQ(b)     STEP(b, 0xf3, 0x0f, 0xd6, 0xc1) /* movq2dq xmm0, mm1 */
#define PSHUFB(b)      STEP(b, 0x0f, 0x38, 0x00, 0xc1) /* pshufb mm0, mm1 */
#define MOVQ_LOAD(b)   STEP(b, 0x0f, 0x6f, 0x03)       /* movq mm0, [rbx] */
#define CVTPI2PD_M(b)  STEP(b, 0x66, 0x0f, 0x2a, 0x03) /* cvtpi2pd xmm0, [rbx] */
#define CVTPI2PD_MM(b) STEP(b, 0x66, 0x0f, 0x2a, 0xc1) /* cvtpi2pd xmm0, mm1 */

static struct hart_bench *ready(void **state)
{
    struct hart_bench *b = *state;
    b->h.cr4 |= CR4_OSFXSR;
    b->h.reg[REG_RBX] = DATA_AT;
    x87_set_top(&b->h.fpu.x87, 5);
    return b;
}

static void mmx_instructions_empty_the_stack_pointer_and_fill_the_tags(void **state)
{
    struct hart_bench *b = ready(state);
    assert_int_equal(PADDB(b), OUT_NEXT);
    assert_int_equal(x87_top(&b->h.fpu.x87), 0);
    assert_int_equal(b->h.fpu.x87.valid, 0xff);
    assert_int_equal(b->h.fpu.x87.reg[0].sign_exponent, 0xffff);
    assert_int_not_equal(b->h.fpu.x87.reg[1].sign_exponent, 0xffff);
    assert_int_equal(EMMS(b), OUT_NEXT);
    assert_int_equal(b->h.fpu.x87.valid, 0);
}

static void cr0_em_makes_them_invalid_and_ts_unavailable(void **state)
{
    struct hart_bench *b = ready(state);
    b->h.cr0 |= CR0_EM | CR0_TS;
    assert_int_equal(PADDB(b), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
    b->h.cr0 &= ~CR0_EM;
    assert_int_equal(EMMS(b), OUT_FAULT);
    assert_fault(b, VEC_NM, 0);
    b->h.cr0 &= ~CR0_TS;
    assert_int_equal(EMMS(b), OUT_NEXT);
}

static void a_pending_x87_exception_comes_first(void **state)
{
    struct hart_bench *b = ready(state);
    b->h.fpu.x87.status |= X87_ES | X87_B | FLOAT_INVALID;
    b->h.reg[REG_RBX] = 1ull << 63; /* not canonical */
    assert_int_equal(MOVQ_LOAD(b), OUT_FAULT);
    assert_fault(b, VEC_MF, 0);
    assert_int_equal(x87_top(&b->h.fpu.x87), 5);
    b->h.fpu.x87.status &= (u16) ~(X87_ES | X87_B | FLOAT_INVALID);
    assert_int_equal(MOVQ_LOAD(b), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
    assert_int_equal(x87_top(&b->h.fpu.x87), 5);
}

static void only_forms_with_xmm_registers_want_osfxsr(void **state)
{
    struct hart_bench *b = ready(state);
    b->h.cr4 &= ~CR4_OSFXSR;
    assert_int_equal(PSHUFB(b), OUT_NEXT);
    assert_int_equal(MOVQ2DQ(b), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
}

static void each_form_wants_its_feature(void **state)
{
    struct hart_bench *b = ready(state);
    assert_true(cpu_model_set_feature(&b->model, "ssse3", false));
    assert_int_equal(PSHUFB(b), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
    assert_int_equal(PADDB(b), OUT_NEXT);
    assert_true(cpu_model_set_feature(&b->model, "mmx", false));
    assert_int_equal(PADDB(b), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
}

/* SDM Vol. 2A, "CVTPI2PD": with a memory operand it has nothing to do with x87 state. */
static void cvtpi2pd_from_memory_leaves_the_x87_state_alone(void **state)
{
    struct hart_bench *b = ready(state);
    bench_write(b, DATA_AT, 8, 3ull << 32 | 0xffffffff);
    b->h.fpu.x87.status |= X87_ES | X87_B | FLOAT_INVALID;
    assert_int_equal(CVTPI2PD_M(b), OUT_NEXT);
    assert_int_equal(b->h.fpu.vec[0].q[0], 0xbff0000000000000);
    assert_int_equal(b->h.fpu.vec[0].q[1], 0x4008000000000000);
    assert_int_equal(x87_top(&b->h.fpu.x87), 5);
    assert_int_equal(CVTPI2PD_MM(b), OUT_FAULT);
    assert_fault(b, VEC_MF, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mmx_instructions_empty_the_stack_pointer_and_fill_the_tags),
        TEST(cr0_em_makes_them_invalid_and_ts_unavailable),
        TEST(a_pending_x87_exception_comes_first),
        TEST(only_forms_with_xmm_registers_want_osfxsr),
        TEST(each_form_wants_its_feature),
        TEST(cvtpi2pd_from_memory_leaves_the_x87_state_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
