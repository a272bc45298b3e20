/* simd_fma.c - fused multiply-add: the digits of a mnemonic say which operands are factors and which is added, counting
 * 1 the destination, 2 VEX.vvvv, 3 ModRM.rm (SDM Vol. 1, "Fused-Multiply-ADD (FMA) Numeric Behavior"). */
#include "isa/fp.h"
#include "isa/simd.h"

/* x * y + z. A NaN's sign is not touched by negation. */
static u32 f32_fma(struct fp *f, u32 x, u32 y, u32 z, bool negate_product, bool negate_addend)
{
    bool nan_x = (x & 0x7fffffff) > 0x7f800000, nan_z = (z & 0x7fffffff) > 0x7f800000;
    if (negate_product && !nan_x) x ^= 0x80000000;
    if (negate_addend && !nan_z) z ^= 0x80000000;
    return f32_arith(f, FP_FMA, x, y, z);
}

static u64 f64_fma(struct fp *f, u64 x, u64 y, u64 z, bool negate_product, bool negate_addend)
{
    u64 infinity = 0x7ffull << 52, magnitude = BIT(63) - 1;
    if (negate_product && (x & magnitude) <= infinity) x ^= BIT(63);
    if (negate_addend && (z & magnitude) <= infinity) z ^= BIT(63);
    return f64_arith(f, FP_FMA, x, y, z);
}

/* The sources by number: the old destination is c, VEX.vvvv a, ModRM.rm b. The scalar forms keep the destination. */
#define OPERAND_1 s->c
#define OPERAND_2 s->a
#define OPERAND_3 s->b

#define LANES(name, type, lane, count, x, y, z, negate_product, negate_addend)                               \
    void simd_##name(struct simd *s)                                                                         \
    {                                                                                                        \
        struct fp f = {.mxcsr = s->h->fpu.mxcsr};                                                            \
        memcpy(&s->r, &s->c, 16);                                                                            \
        for (unsigned n = 0; n < (count); n++)                                                               \
            s->r.lane[n] = type##_fma(&f, OPERAND_##x.lane[n], OPERAND_##y.lane[n], OPERAND_##z.lane[n],     \
                                      negate_product, negate_addend);                                        \
        simd_keep(s, f.raised);                                                                              \
    }

#define PACKED(op, order, x, y, z, np, na)                                                                   \
    LANES(f##op##order##ps, f32, d, s->bytes / 4, x, y, z, np, na)                                           \
    LANES(f##op##order##pd, f64, q, s->bytes / 8, x, y, z, np, na)
#define SCALAR(op, order, x, y, z, np, na)                                                                   \
    LANES(f##op##order##ss, f32, d, 1, x, y, z, np, na)                                                      \
    LANES(f##op##order##sd, f64, q, 1, x, y, z, np, na)

#define ORDERS(form, op, np, na)                                                                             \
    form(op, 132, 1, 3, 2, np, na) form(op, 213, 2, 1, 3, np, na) form(op, 231, 2, 3, 1, np, na)

ORDERS(PACKED, madd, false, false)
ORDERS(PACKED, msub, false, true)
ORDERS(PACKED, nmadd, true, false)
ORDERS(PACKED, nmsub, true, true)
ORDERS(SCALAR, madd, false, false)
ORDERS(SCALAR, msub, false, true)
ORDERS(SCALAR, nmadd, true, false)
ORDERS(SCALAR, nmsub, true, true)
ORDERS(PACKED, maddsub, false, !(n & 1))
ORDERS(PACKED, msubadd, false, n & 1)
