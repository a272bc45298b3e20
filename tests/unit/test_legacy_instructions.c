/* test_legacy_instructions.c - what 64-bit mode has not, or has for others' sake: decimal arithmetic, BOUND, INTO,
 * ARPL, far pointers, SYSENTER and SYSEXIT. Values: SDM Vol. 2, the examples and operations of each. */
#include "hart_bench.h"

#define B ((struct hart_bench *)*state)
#define H (&B->h)

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

static void set(struct hart *h, u64 ax, u64 flags)
{
    h->reg[REG_RAX] = ax;
    hart_set_rflags(h, RFLAGS_ONE | flags);
}

static void assert_is(const struct hart *h, u64 ax, u64 flags, u64 of)
{
    assert_int_equal(h->reg[REG_RAX], ax);
    assert_int_equal(hart_rflags(h) & of, flags);
}

#define ADJUST (RFLAGS_AF | RFLAGS_CF)
#define SIGN   (RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF)

static void daa_and_das_adjust_two_digits(void **state)
{
    set(H, 0x79 + 0x35, 0);
    assert_int_equal(STEP(B, 0x27), OUT_NEXT);
    assert_is(H, 0x14, ADJUST | RFLAGS_PF, ADJUST | SIGN);
    set(H, 0x35 - 0x47 + 0x100, ADJUST);
    assert_int_equal(STEP(B, 0x2f), OUT_NEXT);
    assert_is(H, 0x88, ADJUST | RFLAGS_SF | RFLAGS_PF, ADJUST | SIGN);
    set(H, 0x03, RFLAGS_AF); /* the low digit borrows from all */
    assert_int_equal(STEP(B, 0x2f), OUT_NEXT);
    assert_is(H, 0xfd, ADJUST | RFLAGS_SF, ADJUST | SIGN);
    set(H, 0x12, 0);
    assert_int_equal(STEP(B, 0x27), OUT_NEXT);
    assert_is(H, 0x12, RFLAGS_PF, ADJUST | SIGN);
}

static void aaa_and_aas_adjust_one_digit_and_carry_into_ah(void **state)
{
    set(H, 0x010e, 0);
    assert_int_equal(STEP(B, 0x37), OUT_NEXT);
    assert_is(H, 0x0204, ADJUST, ADJUST);
    set(H, 0x02fc, RFLAGS_AF);
    assert_int_equal(STEP(B, 0x3f), OUT_NEXT);
    assert_is(H, 0x0106, ADJUST, ADJUST);
    set(H, 0x0135, 0);
    assert_int_equal(STEP(B, 0x37), OUT_NEXT);
    assert_is(H, 0x0105, 0, ADJUST);
}

static void aam_and_aad_convert_and_division_by_0_faults(void **state)
{
    set(H, 0x003f, 0);
    assert_int_equal(STEP(B, 0xd4, 0x0a), OUT_NEXT);
    assert_is(H, 0x0603, RFLAGS_PF, SIGN);
    assert_int_equal(STEP(B, 0xd5, 0x0a), OUT_NEXT);
    assert_is(H, 0x003f, RFLAGS_PF, SIGN);
    assert_int_equal(STEP(B, 0xd4, 0x00), OUT_FAULT);
    assert_int_equal(H->fault.vector, VEC_DE);
    assert_int_equal(H->reg[REG_RAX], 0x3f);
}

static void bound_compares_signed(void **state)
{
    bench_write(B, DATA_AT, 4, (u32)-5);
    bench_write(B, DATA_AT + 4, 4, 7);
    H->reg[REG_RBX] = DATA_AT;
    H->reg[REG_RCX] = 7;
    assert_int_equal(STEP(B, 0x62, 0x0b), OUT_NEXT);
    H->reg[REG_RCX] = (u32)-5;
    assert_int_equal(STEP(B, 0x62, 0x0b), OUT_NEXT);
    H->reg[REG_RCX] = 8;
    assert_int_equal(STEP(B, 0x62, 0x0b), OUT_FAULT);
    assert_int_equal(H->fault.vector, VEC_BR);
    H->reg[REG_RCX] = (u32)-6;
    assert_int_equal(STEP(B, 0x62, 0x0b), OUT_FAULT);
}

static void into_traps_only_on_overflow(void **state)
{
    bench_write(B, IDT_AT + 8 * VEC_OF, 8, HANDLER_AT | (u64)SEL_CODE32 << 16 | 0xee00ull << 32);
    set(H, 0, 0);
    assert_int_equal(STEP(B, 0xce), OUT_NEXT);
    set(H, 0, RFLAGS_OF);
    u64 behind = H->reg[REG_RIP] + 1;
    assert_int_equal(STEP(B, 0xce), OUT_FLUSH);
    assert_int_equal(H->reg[REG_RIP], HANDLER_AT);
    assert_int_equal(bench_read(B, H->reg[REG_RSP], 4), behind); /* a trap */
}

static void arpl_raises_the_rpl_and_tells(void **state)
{
    H->reg[REG_RAX] = 0x18;
    H->reg[REG_RBX] = 3;
    assert_int_equal(STEP(B, 0x63, 0xd8), OUT_NEXT); /* arpl ax, bx */
    assert_int_equal(H->reg[REG_RAX], 0x1b);
    assert_true(hart_rflags(H) & RFLAGS_ZF);
    assert_int_equal(STEP(B, 0x63, 0xd8), OUT_NEXT);
    assert_false(hart_rflags(H) & RFLAGS_ZF);
}

static void a_far_pointer_is_loaded_whole_or_not_at_all(void **state)
{
    bench_write(B, DATA_AT, 4, 0x12345678);
    bench_write(B, DATA_AT + 4, 2, SEL_READONLY);
    H->reg[REG_RBX] = DATA_AT;
    assert_int_equal(STEP(B, 0xc4, 0x0b), OUT_FLUSH); /* les ecx, [ebx] */
    assert_int_equal(H->reg[REG_RCX], 0x12345678);
    assert_int_equal(H->seg[SEG_ES].selector, SEL_READONLY);
    H->reg[REG_RCX] = 0;
    assert_int_equal(STEP(B, 0x0f, 0xb2, 0x0b), OUT_FAULT); /* lss: must be writable */
    assert_fault(B, VEC_GP, SEL_READONLY);
    assert_int_equal(H->reg[REG_RCX], 0);
}

static void sysenter_and_sysexit_change_rings_without_descriptors(void **state)
{
    H->sysenter_cs = 0x101;
    H->sysenter_esp = 0xf00001000;
    H->sysenter_eip = 0x700002000;
    H->reg[REG_RCX] = USER_STACK;
    H->reg[REG_RDX] = 0x4000;
    assert_int_equal(STEP(B, 0x0f, 0x35), OUT_FLUSH);
    assert_int_equal(H->cpl, 3);
    assert_int_equal(H->reg[REG_RIP], 0x4000);
    assert_int_equal(H->reg[REG_RSP], USER_STACK);
    assert_int_equal(H->seg[SEG_CS].selector, 0x113);
    assert_int_equal(H->seg[SEG_SS].selector, 0x11b);
    assert_int_equal(H->mode, MODE_PROT32);
    assert_int_equal(STEP(B, 0x0f, 0x35), OUT_FAULT); /* ring 3 */
    assert_fault(B, VEC_GP, 0);
    H->rflags |= RFLAGS_IF;
    assert_int_equal(STEP(B, 0x0f, 0x34), OUT_FLUSH);
    assert_int_equal(H->cpl, 0);
    assert_int_equal(H->reg[REG_RIP], 0x2000); /* 32 bits of it */
    assert_int_equal(H->reg[REG_RSP], 0x1000);
    assert_int_equal(H->seg[SEG_CS].selector, 0x100);
    assert_int_equal(H->seg[SEG_SS].selector, 0x108);
    assert_false(H->rflags & RFLAGS_IF);
    H->sysenter_cs = 3;
    assert_int_equal(STEP(B, 0x0f, 0x34), OUT_FAULT);
    assert_fault(B, VEC_GP, 0);
}

static void sysenter_in_64_bit_mode_takes_all_bits(void **state)
{
    H->sysenter_cs = SEL_CODE;
    H->sysenter_esp = 0xffff800000001000;
    H->sysenter_eip = 0xffff800000002000;
    bench_user(B, true);
    assert_int_equal(STEP(B, 0x0f, 0x34), OUT_FLUSH);
    assert_int_equal(H->reg[REG_RIP], 0xffff800000002000);
    assert_int_equal(H->reg[REG_RSP], 0xffff800000001000);
    assert_int_equal(H->mode, MODE_LONG64);
    H->reg[REG_RCX] = USER_STACK;
    H->reg[REG_RDX] = BIT(47);
    assert_int_equal(STEP(B, 0x48, 0x0f, 0x35), OUT_FAULT); /* not canonical */
    assert_fault(B, VEC_GP, 0);
    H->reg[REG_RDX] = 0x4000;
    assert_int_equal(STEP(B, 0x48, 0x0f, 0x35), OUT_FLUSH);
    assert_int_equal(H->seg[SEG_CS].selector, (SEL_CODE + 32) | 3);
    assert_int_equal(H->seg[SEG_SS].selector, (SEL_CODE + 40) | 3);
    assert_int_equal(H->mode, MODE_LONG64);
    assert_int_equal(STEP(B, 0x0f, 0x34), OUT_FLUSH);
    assert_int_equal(STEP(B, 0x0f, 0x35), OUT_FLUSH);
    assert_int_equal(H->mode, MODE_COMPAT32);
}

int main(void)
{
#define PROTECTED(name) cmocka_unit_test_setup_teardown(name, in_protected_mode, bench_teardown)
    const struct CMUnitTest tests[] = {
        PROTECTED(daa_and_das_adjust_two_digits),
        PROTECTED(aaa_and_aas_adjust_one_digit_and_carry_into_ah),
        PROTECTED(aam_and_aad_convert_and_division_by_0_faults),
        PROTECTED(bound_compares_signed),
        PROTECTED(into_traps_only_on_overflow),
        PROTECTED(arpl_raises_the_rpl_and_tells),
        PROTECTED(a_far_pointer_is_loaded_whole_or_not_at_all),
        PROTECTED(sysenter_and_sysexit_change_rings_without_descriptors),
        TEST(sysenter_in_64_bit_mode_takes_all_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
