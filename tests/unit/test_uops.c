/* test_uops.c - what an instruction's operands make of its micro-operations: kinds, rows, idioms, flags, parts of
 * registers, x87 places. */
#include "exec_bench.h"
#include "isa/uops.h"

static struct decoder decoder;

static int setup(void **state)
{
    (void)state;
    decoder_init(&decoder);
    return 0;
}

static struct insn_info decode_bytes(const u8 *bytes, unsigned length)
{
    struct decoded_insn d;
    u8 padded[15];
    memset(padded, 0x90, sizeof padded);
    memcpy(padded, bytes, length);
    assert_int_equal(decode(&decoder, MODE_LONG64, padded, 15, &d), DECODED);
    assert_int_equal(d.cold.length, length);
    return d.cold;
}
#define UOPS(...) decode_bytes((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

#define NO REG_NONE

static void assert_registers(const struct uop *u, u8 dst, u8 s0, u8 s1, u8 s2)
{
    assert_int_equal(u->dst, dst);
    assert_int_equal(u->src[0], s0);
    assert_int_equal(u->src[1], s1);
    assert_int_equal(u->src[2], s2);
}

static bool has_source(const struct uop *u, u8 reg)
{
    return u->src[0] == reg || u->src[1] == reg || u->src[2] == reg;
}

/* --- kinds --- */

static void operands_refine_the_kind(void **state)
{
    (void)state;
    assert_int_equal(UOPS(0x8d, 0x5c, 0x33, 8).uop[0].kind, UOP_LEA3);                   /* lea ebx, [rbx + rsi + 8] */
    assert_int_equal(UOPS(0x8d, 0x5b, 8).uop[0].kind, UOP_LEA);
    assert_int_equal(UOPS(0xd3, 0xc3).uop[0].kind, UOP_SHIFT_CL);                        /* rol ebx, cl */
    assert_int_equal(UOPS(0xd1, 0xd3).uop[0].kind, UOP_ROTATE_CARRY);                    /* rcl ebx, 1 */
    assert_int_equal(UOPS(0xc1, 0xd3, 3).uop[0].kind, UOP_ROTATE_CARRY_FAR);
    assert_int_equal(UOPS(0x0f, 0xaf, 0xdb).uop[0].kind, UOP_MUL);                       /* imul ebx, ebx */
    assert_int_equal(UOPS(0xf7, 0xeb).uop[0].kind, UOP_MUL_DOUBLE);                      /* imul ebx */
    assert_int_equal(UOPS(0x48, 0xf7, 0xe3).uop[0].kind, UOP_MUL_DOUBLE64);              /* mul rbx */
    assert_int_equal(UOPS(0x48, 0xf7, 0xfb).uop[0].kind, UOP_IDIV64);
    assert_int_equal(UOPS(0xf7, 0xfb).uop[0].kind, UOP_DIV32);
    assert_int_equal(UOPS(0x66, 0x0f, 0x72, 0xf1, 3).uop[0].kind, UOP_VSHIFT);           /* pslld xmm1, 3 */
    assert_int_equal(UOPS(0x66, 0x0f, 0xf2, 0xca).uop[0].kind, UOP_VSHIFT_COUNT);        /* pslld xmm1, xmm2 */
    assert_int_equal(UOPS(0x66, 0x0f, 0x6e, 0xcb).uop[0].kind, UOP_TO_VECTOR);           /* movd xmm1, ebx */
    assert_int_equal(UOPS(0x66, 0x0f, 0x7e, 0xcb).uop[0].kind, UOP_FROM_VECTOR);         /* movd ebx, xmm1 */
    assert_int_equal(UOPS(0x66, 0x0f, 0x3a, 0x22, 0xcb, 1).uop[0].kind, UOP_INSERT);     /* pinsrd xmm1, ebx, 1 */
    assert_int_equal(UOPS(0x66, 0x0f, 0x3a, 0x22, 0x0b, 1).uop[1].kind, UOP_SHUFFLE);    /* pinsrd xmm1, [rbx], 1 */
    assert_int_equal(UOPS(0xf2, 0x0f, 0x2a, 0xcb).uop[0].kind, UOP_CONVERT_FROM_INT);    /* cvtsi2sd xmm1, ebx */
    assert_int_equal(UOPS(0xf2, 0x0f, 0x2a, 0x0b).uop[1].kind, UOP_CONVERT);             /* cvtsi2sd xmm1, [rbx] */
    assert_int_equal(UOPS(0x66, 0x0f, 0x38, 0x14, 0xca).uop[0].kind, UOP_BLENDV);        /* blendvps xmm1, xmm2 */
    assert_int_equal(UOPS(0xc4, 0xe3, 0x71, 0x4a, 0xca, 0x30).uop[0].kind, UOP_BLENDV_VEX);
}

static void the_widest_register_decides_the_row(void **state)
{
    (void)state;
    assert_int_equal(UOPS(0x0f, 0xcb).uop[0].row, ROW_NARROW);             /* bswap ebx */
    assert_int_equal(UOPS(0x48, 0x0f, 0xcb).uop[0].row, ROW_WIDE);         /* bswap rbx */
    assert_int_equal(UOPS(0xc5, 0xe8, 0x5e, 0xcb).uop[0].row, ROW_NARROW); /* vdivps xmm1, xmm2, xmm3 */
    assert_int_equal(UOPS(0xc5, 0xec, 0x5e, 0xcb).uop[0].row, ROW_WIDE);   /* vdivps ymm1, ymm2, ymm3 */
}

static void loads_that_spread_or_extend_are_loads_alone(void **state)
{
    (void)state;
    assert_int_equal(UOPS(0xf3, 0x0f, 0x10, 0x0b).n_uops, 1);             /* movss xmm1, [rbx] */
    assert_int_equal(UOPS(0xc4, 0xe2, 0x7d, 0x18, 0x0b).n_uops, 1);       /* vbroadcastss ymm1, [rbx] */
    assert_int_equal(UOPS(0xc4, 0xe2, 0x7d, 0x78, 0x0b).n_uops, 2);       /* vpbroadcastb ymm1, [rbx] */
    assert_int_equal(UOPS(0x0f, 0x17, 0x0b).n_uops, 1);                   /* movhps [rbx], xmm1 */
    assert_int_equal(UOPS(0x0f, 0x16, 0x0b).n_uops, 2);                   /* movhps xmm1, [rbx] */
    assert_int_equal(UOPS(0xc4, 0xe3, 0x7d, 0x19, 0x0b, 1).n_uops, 1);    /* vextractf128 [rbx], ymm1, 1 */
}

/* --- dependences --- */

static void idioms_depend_on_nothing(void **state)
{
    (void)state;
    struct insn_info zero = UOPS(0x66, 0x0f, 0xef, 0xc9), ones = UOPS(0x66, 0x0f, 0x76, 0xc9); /* pxor, pcmpeqd */
    assert_registers(&zero.uop[0], REG_VEC0 + 1, NO, NO, NO);
    assert_true(zero.uop[0].zeroes);
    assert_registers(&ones.uop[0], REG_VEC0 + 1, NO, NO, NO);
    assert_false(ones.uop[0].zeroes);
    assert_true(UOPS(0x29, 0xdb).uop[0].zeroes);                   /* sub ebx, ebx */
    assert_true(UOPS(0xc5, 0xe9, 0xfa, 0xca).uop[0].zeroes);       /* vpsubd xmm1, xmm2, xmm2 */
    assert_true(UOPS(0x66, 0x0f, 0x64, 0xc9).uop[0].zeroes);       /* pcmpgtb xmm1, xmm1 */
    assert_false(UOPS(0x30, 0xdb).uop[0].zeroes);                  /* xor bl, bl keeps the rest */
    assert_false(UOPS(0x66, 0x0f, 0xef, 0xca).uop[0].zeroes);      /* pxor xmm1, xmm2 */
    assert_false(UOPS(0x19, 0xdb).uop[0].zeroes);                  /* sbb ebx, ebx */
}

static void carry_is_apart_from_the_other_flags(void **state)
{
    (void)state;
    struct insn_info inc = UOPS(0xff, 0xc3), adc = UOPS(0x11, 0xf3), cmova = UOPS(0x0f, 0x47, 0xde);
    struct insn_info bt = UOPS(0x0f, 0xa3, 0xf3);
    assert_int_equal(inc.uop[0].writes_flags, FLAGS_OTHERS);
    assert_int_equal(adc.uop[0].reads_flags, FLAGS_CARRY);
    assert_int_equal(adc.uop[0].writes_flags, FLAGS_CARRY | FLAGS_OTHERS);
    assert_int_equal(cmova.uop[0].reads_flags, FLAGS_CARRY | FLAGS_OTHERS);
    assert_int_equal(cmova.uop[0].writes_flags, 0);
    assert_true(bt.uop[0].writes_flags & FLAGS_CARRY);
}

static void a_part_of_a_vector_keeps_the_rest(void **state)
{
    (void)state;
    struct insn_info legacy = UOPS(0xf2, 0x0f, 0x51, 0xca), vex = UOPS(0xc5, 0xe3, 0x51, 0xca); /* sqrtsd */
    struct insn_info load = UOPS(0xf3, 0x0f, 0x10, 0x0b);
    assert_true(has_source(&legacy.uop[0], REG_VEC0 + 1));
    assert_false(has_source(&vex.uop[0], REG_VEC0 + 1)); /* vsqrtsd xmm1, xmm3, xmm2 */
    assert_false(has_source(&load.uop[0], REG_VEC0 + 1));
}

static void an_exchange_is_three_moves(void **state)
{
    (void)state;
    struct insn_info d = UOPS(0x87, 0xfb); /* xchg ebx, edi */
    assert_int_equal(d.n_uops, 3);
    assert_registers(&d.uop[0], REG_TEMP0, REG_RBX, NO, NO);
    assert_registers(&d.uop[1], REG_RBX, REG_RDI, NO, NO);
    assert_registers(&d.uop[2], REG_RDI, REG_TEMP0, NO, NO);
}

static void a_gather_has_addresses_elements_and_its_mask(void **state)
{
    (void)state;
    struct insn_info d = UOPS(0xc4, 0xe2, 0x69, 0x90, 0x0c, 0x18); /* vpgatherdd xmm1, [rax + xmm3], xmm2 */
    assert_int_equal(d.n_uops, 3);
    assert_registers(&d.uop[0], REG_TEMP0, REG_VEC0 + 3, REG_RAX, REG_VEC0 + 2);
    assert_registers(&d.uop[1], REG_VEC0 + 1, REG_TEMP1, REG_VEC0 + 1, NO);
    assert_int_equal(d.uop[2].dst, REG_VEC0 + 2);
}

/* --- x87 --- */

static void x87_registers_count_from_the_top(void **state)
{
    (void)state;
    struct insn_info load = UOPS(0xd9, 0xc1), add = UOPS(0xde, 0xc1), store = UOPS(0xdd, 0xd9);
    assert_int_equal(load.x87_pops, -1); /* fld st(1): the new top is below the old one */
    assert_registers(&load.uop[0], REG_ST0 + 7, REG_ST0 + 1, NO, NO);
    assert_int_equal(add.x87_pops, 1); /* faddp st(1), st */
    assert_registers(&add.uop[0], REG_ST0 + 1, REG_ST0 + 1, REG_ST0, NO);
    assert_int_equal(store.x87_pops, 1); /* fstp st(1) */
    assert_registers(&store.uop[0], REG_ST0 + 1, REG_ST0, NO, NO);
    assert_int_equal(UOPS(0xde, 0xd9).x87_pops, 2); /* fcompp */
    assert_int_equal(x87_register(REG_ST0 + 1, 7), REG_ST0);
    assert_int_equal(x87_register(REG_RBX, 7), REG_RBX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands_refine_the_kind),
        cmocka_unit_test(the_widest_register_decides_the_row),
        cmocka_unit_test(loads_that_spread_or_extend_are_loads_alone),
        cmocka_unit_test(idioms_depend_on_nothing),
        cmocka_unit_test(carry_is_apart_from_the_other_flags),
        cmocka_unit_test(a_part_of_a_vector_keeps_the_rest),
        cmocka_unit_test(an_exchange_is_three_moves),
        cmocka_unit_test(a_gather_has_addresses_elements_and_its_mask),
        cmocka_unit_test(x87_registers_count_from_the_top),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
