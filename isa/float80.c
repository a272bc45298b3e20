/* float80.c - values of the x87 unit: unpacking, rounding, conversions, comparison. */
#include "isa/float80.h"

#define EXPONENT_BIAS  16383
#define EXPONENT_MAX   0x7fff
#define INTEGER_BIT    BIT(63)
#define QUIET_BIT      BIT(62)
#define UNMASKED_SCALE 24576 /* SDM Vol. 1, "Numeric Overflow Exception (#O)" */

struct format {
    i32 min_exponent, max_exponent;
    unsigned precision;
};

static const struct format single_format = {-126, 127, 24}, double_format = {-1022, 1023, 53};

const struct x87_register float80_indefinite = {INTEGER_BIT | QUIET_BIT, 0xffff};
const struct x87_register float80_one = {INTEGER_BIT, EXPONENT_BIAS};

/* --- unpacking --- */

/* 0.significand * 2^exponent of a number with leading zeros. */
static struct float_value normalized(bool sign, i32 exponent, u64 significand)
{
    unsigned zeros = significand ? (unsigned)__builtin_clzll(significand) : 0;
    return (struct float_value){.class = significand ? FLOAT_FINITE : FLOAT_ZERO,
                                .sign = sign,
                                .exponent = exponent - (i32)zeros,
                                .significand = significand << zeros};
}

static struct float_value infinite_or_nan(bool sign, u64 significand)
{
    u8 class = !(significand << 1) ? FLOAT_INFINITE : significand & QUIET_BIT ? FLOAT_QNAN : FLOAT_SNAN;
    return (struct float_value){.class = class, .sign = sign, .significand = significand};
}

struct float_value float_of_register(struct x87_register r)
{
    bool sign = r.sign_exponent >> 15;
    unsigned biased = r.sign_exponent & EXPONENT_MAX;
    if (biased && !(r.significand & INTEGER_BIT))
        return (struct float_value){.class = FLOAT_UNSUPPORTED, .sign = sign, .significand = r.significand};
    if (biased == EXPONENT_MAX) return infinite_or_nan(sign, r.significand);
    struct float_value v = normalized(sign, (i32)(biased ? biased : 1) - EXPONENT_BIAS, r.significand);
    v.denormal = !biased && v.class == FLOAT_FINITE;
    return v;
}

static struct float_value of_memory(bool sign, unsigned biased, u64 fraction, const struct format *f)
{
    u64 significand = fraction << (64 - f->precision);
    if (biased == (unsigned)f->max_exponent * 2 + 1) return infinite_or_nan(sign, significand | INTEGER_BIT);
    if (biased) return normalized(sign, (i32)biased - f->max_exponent, significand | INTEGER_BIT);
    struct float_value v = normalized(sign, f->min_exponent, significand);
    v.denormal = v.class == FLOAT_FINITE;
    return v;
}

struct float_value float_of_double(u64 bits)
{
    return of_memory(bits >> 63, bits >> 52 & 0x7ff, bits & (BIT(52) - 1), &double_format);
}

struct float_value float_of_single(u32 bits)
{
    return of_memory(bits >> 31, bits >> 23 & 0xff, bits & (BIT(23) - 1), &single_format);
}

struct float_value float_of_integer(i64 n)
{
    return normalized(n < 0, 63, n < 0 ? 0 - (u64)n : (u64)n);
}

/* --- packing --- */

static struct x87_register pack(bool sign, unsigned biased, u64 significand)
{
    return (struct x87_register){significand, (u16)(sign << 15 | biased)};
}

struct x87_register float80_zero(bool sign)
{
    return pack(sign, 0, 0);
}

struct x87_register float80_infinity(bool sign)
{
    return pack(sign, EXPONENT_MAX, INTEGER_BIT);
}

struct x87_register float80_pack(const struct float_value *v)
{
    if (v->class == FLOAT_ZERO) return float80_zero(v->sign);
    if (v->class != FLOAT_FINITE) return pack(v->sign, EXPONENT_MAX, v->significand);
    return pack(v->sign, (unsigned)(v->exponent + EXPONENT_BIAS), v->significand);
}

/* --- rounding --- */

/* Does the magnitude grow? `half`: 2 * rest against the last kept bit, -1, 0 or 1. */
static bool grows(unsigned rounding, bool sign, bool odd, bool inexact, int half)
{
    switch (rounding) {
    case ROUND_NEAREST:
        return half > 0 || (half == 0 && odd);
    case ROUND_DOWN:
        return inexact && sign;
    case ROUND_UP:
        return inexact && !sign;
    default:
        return false;
    }
}

static u128 shift_right_sticky(u128 v, unsigned count)
{
    if (count == 0) return v;
    if (count > 127) return v != 0;
    return v >> count | ((v << (128 - count)) != 0);
}

/* Keeps the upper `precision` (0..64) bits of x and sets *inexact and env->up. A carry out of the top leaves 0. */
static u128 round_at(struct float_env *env, bool sign, u128 x, unsigned precision, bool *inexact)
{
    unsigned drop = 128 - precision;
    u128 unit = precision ? (u128)1 << drop : 0, half = (u128)1 << (drop - 1);
    u128 rest = x & (unit - 1);
    *inexact = rest != 0;
    env->up = grows(env->rounding, sign, (x & unit) != 0, *inexact, rest > half ? 1 : rest == half ? 0 : -1);
    return x - rest + (env->up ? unit : 0);
}

/* As if exponents had no end. */
static struct float_exact round_unbounded(struct float_env *env, const struct float_exact *x,
                                          unsigned precision, bool *inexact)
{
    struct float_exact r = *x;
    r.significand = round_at(env, x->sign, x->significand, precision, inexact);
    if (!r.significand) {
        r.significand = (u128)1 << 127;
        r.exponent++;
    }
    return r;
}

/* Masked overflow: infinity, or the largest number if the rounding points away from it. */
static bool overflows_to_infinity(const struct float_env *env, bool sign)
{
    return env->rounding == ROUND_NEAREST || env->rounding == (sign ? ROUND_DOWN : ROUND_UP);
}

/* A tiny number, as a denormal with f's smallest exponent. */
static struct float_exact round_denormal(struct float_env *env, const struct float_exact *x,
                                         const struct format *f)
{
    bool inexact;
    struct float_exact r = {x->sign, f->min_exponent, 0};
    u128 shifted = shift_right_sticky(x->significand, (unsigned)(f->min_exponent - x->exponent));
    r.significand = round_at(env, x->sign, shifted, f->precision, &inexact);
    if (inexact) env->flags |= FLOAT_UNDERFLOW | FLOAT_PRECISION;
    return r;
}

/* Masked overflow's answer: *infinite or the largest number. */
static struct float_exact round_overflow(struct float_env *env, bool sign, const struct format *f,
                                         bool *infinite)
{
    env->flags |= FLOAT_OVERFLOW | FLOAT_PRECISION;
    env->up = *infinite = overflows_to_infinity(env, sign);
    return (struct float_exact){sign, f->max_exponent, ~(u128)0 << (128 - f->precision)};
}

/* Rounds to a format. Unmasked overflow and underflow answer the unbounded result: the caller scales or drops it. */
static struct float_exact round_to_format(struct float_env *env, const struct float_exact *x,
                                          const struct format *f, bool *infinite)
{
    bool inexact;
    struct float_exact r = round_unbounded(env, x, f->precision, &inexact);
    bool overflow = r.exponent > f->max_exponent, tiny = r.exponent < f->min_exponent;
    *infinite = false;
    if (overflow && (env->masks & FLOAT_OVERFLOW)) return round_overflow(env, x->sign, f, infinite);
    if (tiny && (env->masks & FLOAT_UNDERFLOW)) return round_denormal(env, x, f);
    if (overflow) env->flags |= FLOAT_OVERFLOW;
    if (tiny) env->flags |= FLOAT_UNDERFLOW;
    if (inexact) env->flags |= FLOAT_PRECISION;
    return r;
}

/* What is out of reach even when scaled: infinity or zero (SDM Vol. 2A, "FSCALE"). */
static struct x87_register pack_scaled(struct float_env *env, bool sign, i32 biased, u64 significand)
{
    if (biased > 0 && biased < EXPONENT_MAX) return pack(sign, (unsigned)biased, significand);
    env->flags |= FLOAT_PRECISION;
    env->up = biased > 0;
    return biased > 0 ? float80_infinity(sign) : float80_zero(sign);
}

struct x87_register float80_round(struct float_env *env, const struct float_exact *x, unsigned precision)
{
    struct format f = {1 - EXPONENT_BIAS, EXPONENT_BIAS, precision};
    bool infinite;
    struct float_exact r = round_to_format(env, x, &f, &infinite);
    u64 significand = (u64)(r.significand >> 64);
    i32 biased = r.exponent + EXPONENT_BIAS;
    if (infinite) return float80_infinity(x->sign);
    if (r.exponent > f.max_exponent) return pack_scaled(env, x->sign, biased - UNMASKED_SCALE, significand);
    if (r.exponent < f.min_exponent) return pack_scaled(env, x->sign, biased + UNMASKED_SCALE, significand);
    return pack(x->sign, significand & INTEGER_BIT ? (unsigned)biased : 0, significand);
}

/* --- conversions --- */

static struct float_exact exact_of(const struct float_value *v)
{
    return (struct float_exact){v->sign, v->exponent, (u128)v->significand << 64};
}

/* The bits of a memory format behind the sign. */
static u64 to_format(struct float_env *env, const struct float_value *a, const struct format *f)
{
    unsigned fraction_bits = f->precision - 1;
    u64 special = (u64)(f->max_exponent * 2 + 1) << fraction_bits;
    u64 fraction = BIT(fraction_bits) - 1;
    if (a->class == FLOAT_ZERO) return 0;
    if (a->class == FLOAT_INFINITE) return special;
    if (a->class != FLOAT_FINITE)
        return special | ((a->significand | QUIET_BIT) >> (64 - f->precision) & fraction);
    struct float_exact x = exact_of(a);
    bool infinite;
    struct float_exact r = round_to_format(env, &x, f, &infinite);
    u64 significand = (u64)(r.significand >> (128 - f->precision));
    if (infinite) return special;
    u64 biased = significand >> fraction_bits ? (u64)(r.exponent + f->max_exponent) : 0;
    return biased << fraction_bits | (significand & fraction);
}

/* Signaling NaNs and unsupported encodings are invalid; the latter become the indefinite. */
static struct float_value check_stored(struct float_env *env, struct float_value a)
{
    if (a.class == FLOAT_UNSUPPORTED) a = float_of_register(float80_invalid(env));
    if (a.class == FLOAT_SNAN) env->flags |= FLOAT_INVALID;
    return a;
}

u64 float80_to_double(struct float_env *env, struct float_value a)
{
    a = check_stored(env, a);
    return (u64)a.sign << 63 | to_format(env, &a, &double_format);
}

u32 float80_to_single(struct float_env *env, struct float_value a)
{
    a = check_stored(env, a);
    return (u32)a.sign << 31 | (u32)to_format(env, &a, &single_format);
}

/* The magnitude of an integral rounding, below 2^64. False: it has more bits. */
static bool round_magnitude(struct float_env *env, const struct float_value *a, u64 *magnitude, bool *inexact)
{
    *magnitude = 0;
    *inexact = env->up = false;
    if (a->class == FLOAT_ZERO) return true;
    if (a->class != FLOAT_FINITE || a->exponent > 63) return false;
    u128 fixed =
        shift_right_sticky((u128)a->significand << 64, (unsigned)min_u64((u64)(63 - a->exponent), 200));
    u128 rounded = round_at(env, a->sign, fixed, 64, inexact);
    *magnitude = (u64)(rounded >> 64);
    return !(env->up && *magnitude == 0);
}

u64 float80_to_integer(struct float_env *env, struct float_value a, unsigned bits)
{
    u64 magnitude, limit = BIT(bits - 1);
    bool inexact, fits = round_magnitude(env, &a, &magnitude, &inexact);
    if (!fits || magnitude > limit - !a.sign) {
        env->flags |= FLOAT_INVALID;
        env->up = false;
        return limit;
    }
    if (inexact) env->flags |= FLOAT_PRECISION;
    return a.sign ? 0 - magnitude : magnitude;
}

struct x87_register float80_round_to_integer(struct float_env *env, struct float_value a)
{
    struct x87_register result;
    u64 magnitude;
    bool inexact;
    if (float80_nan_result(env, &a, &a, &result)) return result;
    if (a.denormal) env->flags |= FLOAT_DENORMAL;
    if (env->flags & ~env->masks) return float80_indefinite;
    if (a.class != FLOAT_FINITE || a.exponent >= 63) return float80_pack(&a);
    round_magnitude(env, &a, &magnitude, &inexact);
    if (inexact) env->flags |= FLOAT_PRECISION;
    struct float_value v = normalized(a.sign, 63, magnitude);
    return float80_pack(&v);
}

/* --- NaNs, comparison --- */

struct x87_register float80_invalid(struct float_env *env)
{
    env->flags |= FLOAT_INVALID;
    return float80_indefinite;
}

/* Of two NaNs: the quiet one, else the one with the larger significand, else the positive one. */
static const struct float_value *stronger_nan(const struct float_value *a, const struct float_value *b)
{
    if (!float_is_nan(b)) return a;
    if (!float_is_nan(a)) return b;
    if (a->class != b->class) return a->class == FLOAT_QNAN ? a : b;
    if (a->significand != b->significand) return a->significand > b->significand ? a : b;
    return a->sign ? b : a;
}

bool float80_nan_result(struct float_env *env, const struct float_value *a, const struct float_value *b,
                        struct x87_register *result)
{
    if (a->class == FLOAT_UNSUPPORTED || b->class == FLOAT_UNSUPPORTED) {
        *result = float80_invalid(env);
        return true;
    }
    if (!float_is_nan(a) && !float_is_nan(b)) return false;
    if (a->class == FLOAT_SNAN || b->class == FLOAT_SNAN) env->flags |= FLOAT_INVALID;
    const struct float_value *nan = stronger_nan(a, b);
    *result = pack(nan->sign, EXPONENT_MAX, nan->significand | QUIET_BIT);
    return true;
}

static int compare_magnitude(const struct float_value *a, const struct float_value *b)
{
    if (a->class != FLOAT_FINITE || b->class != FLOAT_FINITE)
        return (a->class > b->class) - (a->class < b->class);
    if (a->exponent != b->exponent) return a->exponent > b->exponent ? 1 : -1;
    return (a->significand > b->significand) - (a->significand < b->significand);
}

int float80_compare(struct float_env *env, struct float_value a, struct float_value b, bool quiet)
{
    if (a.class >= FLOAT_QNAN || b.class >= FLOAT_QNAN) {
        if (!quiet || a.class > FLOAT_QNAN || b.class > FLOAT_QNAN) env->flags |= FLOAT_INVALID;
        return 2;
    }
    if (a.denormal || b.denormal) env->flags |= FLOAT_DENORMAL;
    if (a.class == FLOAT_ZERO && b.class == FLOAT_ZERO) return 0;
    if (a.class == FLOAT_ZERO) return b.sign ? 1 : -1;
    if (b.class == FLOAT_ZERO || a.sign != b.sign) return a.sign ? -1 : 1;
    int magnitude = compare_magnitude(&a, &b);
    return a.sign ? -magnitude : magnitude;
}
