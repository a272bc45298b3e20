/* fp.c - both precisions of fp_lane.h, and conversions between formats. */
#include "isa/fp.h"
#include "isa/host_fp.h"
#include <math.h>
#include <string.h>

#define T(name) f32_##name
#define REAL float
#define BITS u32
#define FRACTION_BITS 23
#define EXPONENT_MAX 0xff
#define HOST(name) name##f
#include "isa/fp_lane.h"
#undef T
#undef REAL
#undef BITS
#undef FRACTION_BITS
#undef EXPONENT_MAX
#undef HOST

#define T(name) f64_##name
#define REAL double
#define BITS u64
#define FRACTION_BITS 52
#define EXPONENT_MAX 0x7ff
#define HOST(name) name
#include "isa/fp_lane.h"

/* --- between single and double --- */

#define F64_QUIET BIT(51)
#define F32_QUIET BIT(22)

u64 f32_to_f64(struct fp *f, u32 a)
{
    a = f32_operand(f, a);
    if (f32_is_nan(a)) {
        if (f32_is_signaling(a)) f->raised |= MXCSR_IE;
        return (u64)(a >> 31) << 63 | 0x7ffull << 52 | (u64)(a & 0x7fffff) << 29 | F64_QUIET;
    }
    if (f32_is_denormal(a)) f->raised |= MXCSR_DE;
    return f64_bits((double)f32_real(a));
}

u32 f64_to_f32(struct fp *f, u64 a)
{
    a = f64_operand(f, a);
    if (f64_is_nan(a)) {
        if (f64_is_signaling(a)) f->raised |= MXCSR_IE;
        return (u32)(a >> 63) << 31 | 0xffu << 23 | (u32)(a >> 29 & 0x7fffff) | (u32)F32_QUIET;
    }
    host_fp_begin(fp_rounding(f));
    HOST_FP_BARRIER double x = f64_real(a);
    HOST_FP_BARRIER float r = (float)x;
    u32 raised = host_fp_end() & ~(u32)MXCSR_DE;
    return f32_finish(f, f32_bits(r), raised | (f64_is_denormal(a) ? MXCSR_DE : 0));
}

/* --- half precision: SDM Vol. 1, "Half-Precision Floating-Point Conversion" --- */

#define F16_FRACTION 0x3ffu
#define F16_EXPONENT 0x7c00u
#define F16_QUIET    0x0200u

u32 f16_to_f32(struct fp *f, u16 a)
{
    u32 sign = (u32)(a >> 15) << 31, exponent = (a & F16_EXPONENT) >> 10, fraction = a & F16_FRACTION;
    if (exponent == 31 && fraction) {
        if (!(fraction & F16_QUIET)) f->raised |= MXCSR_IE;
        return sign | 0xffu << 23 | (u32)F32_QUIET | fraction << 13;
    }
    if (exponent == 31) return sign | 0xffu << 23;
    if (exponent) return sign | (exponent + 112) << 23 | fraction << 13;
    return sign | f32_bits((float)fraction * 0x1p-24f); /* exact: denormal halves are normal singles */
}

/* Does rounding take `magnitude` (with `rest` of `half` * 2 left over) up? */
static bool rounds_up(u32 rounding, bool negative, bool odd, u32 rest, u32 half)
{
    switch (rounding) {
    case 0:
        return rest > half || (rest == half && odd);
    case 1:
        return negative && rest;
    case 2:
        return !negative && rest;
    default:
        return false;
    }
}

/* The largest finite half or infinity, by the direction of rounding. */
static u16 half_overflow(struct fp *f, u32 sign, u32 rounding)
{
    bool infinite = rounding == 0 || (rounding == 1 && sign) || (rounding == 2 && !sign);
    f->raised |= MXCSR_OE | MXCSR_PE;
    return (u16)(sign | (infinite ? F16_EXPONENT : F16_EXPONENT - 1));
}

/* Below 2^-14 also when rounded to 11 bits without a limit on the exponent? */
static bool half_is_tiny(i32 exponent, u32 significand, u32 sign, u32 rounding)
{
    u32 kept = significand >> 13;
    bool up = rounds_up(rounding, sign, kept & 1, significand & 0x1fff, 0x1000);
    return exponent < 0 || (exponent == 0 && kept + up < 0x800);
}

/* A finite, non-zero magnitude. Below the normal range the unit is 2^-24 whatever the exponent. */
static u16 half_finite(struct fp *f, u32 sign, u32 magnitude, u32 rounding)
{
    i32 exponent = (i32)(magnitude >> 23) - 112; /* biased as a half's */
    u32 significand = (magnitude & 0x7fffff) | (magnitude >> 23 ? 0x800000 : 0);
    u32 shift = exponent > 0 ? 13 : 14 - (u32)(exponent < -12 ? -12 : exponent);
    u32 rest = significand & ((1u << shift) - 1), kept = significand >> shift;
    bool up = rounds_up(rounding, sign, kept & 1, rest, 1u << (shift - 1));
    u32 half = (exponent > 0 ? (u32)(exponent - 1) << 10 : 0) + kept + up;
    if (half >= F16_EXPONENT) return half_overflow(f, sign, rounding);
    bool tiny = half_is_tiny(exponent, significand, sign, rounding);
    bool unmasked = !(f->mxcsr & MXCSR_UE << MXCSR_MASKS_SHIFT);
    if (rest) f->raised |= MXCSR_PE;
    if (tiny && (rest || unmasked)) f->raised |= MXCSR_UE;
    return (u16)(sign | half);
}

u16 f32_to_f16(struct fp *f, u32 a, u32 rounding)
{
    a = f32_operand(f, a);
    u32 sign = a >> 31 << 15, magnitude = a & 0x7fffffff;
    if (f32_is_nan(a)) {
        if (f32_is_signaling(a)) f->raised |= MXCSR_IE;
        return (u16)(sign | F16_EXPONENT | F16_QUIET | (a >> 13 & F16_FRACTION));
    }
    if (magnitude >= 0x7f800000) return (u16)(sign | F16_EXPONENT);
    if (!magnitude) return (u16)sign;
    if (f32_is_denormal(a)) f->raised |= MXCSR_DE;
    if ((magnitude >> 23) >= 112 + 31) return half_overflow(f, sign, rounding);
    return half_finite(f, sign, magnitude, rounding);
}
