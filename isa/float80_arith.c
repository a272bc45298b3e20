/* float80_arith.c - sum, product, quotient, root, remainder and scaling of x87 values: exact results, rounded once. */
#include "isa/float80.h"

/* A denormal operand; true if that ends the operation. */
static bool denormal_operand(struct float_env *env, const struct float_value *a, const struct float_value *b)
{
    if (!a->denormal && !b->denormal) return false;
    env->flags |= FLOAT_DENORMAL;
    return !(env->masks & FLOAT_DENORMAL);
}

/* significand * 2^(exponent - 127), not yet normal; 0 is the caller's. */
static struct x87_register round_normalized(struct float_env *env, bool sign, i32 exponent, u128 significand,
                                            unsigned precision)
{
    u64 high = (u64)(significand >> 64);
    unsigned zeros =
        high ? (unsigned)__builtin_clzll(high) : 64 + (unsigned)__builtin_clzll((u64)significand);
    struct float_exact x = {sign, exponent - (i32)zeros, significand << zeros};
    return float80_round(env, &x, precision);
}

/* --- sum --- */

static u128 aligned(const struct float_value *v, i32 exponent)
{
    unsigned shift = (unsigned)min_u64((u64)(exponent - v->exponent), 127) + 1; /* one bit for the carry */
    u128 wide = (u128)v->significand << 64;
    if (shift > 127) return 1;
    return wide >> shift | ((wide << (128 - shift)) != 0);
}

static struct x87_register add_finite(struct float_env *env, const struct float_value *a,
                                      const struct float_value *b)
{
    i32 exponent = a->exponent > b->exponent ? a->exponent : b->exponent;
    u128 x = aligned(a, exponent), y = aligned(b, exponent);
    bool sign = a->sign;
    if (a->sign == b->sign) return round_normalized(env, sign, exponent + 1, x + y, env->precision);
    if (x == y) return float80_zero(env->rounding == ROUND_DOWN);
    if (x < y) sign = b->sign;
    return round_normalized(env, sign, exponent + 1, x > y ? x - y : y - x, env->precision);
}

static struct x87_register round_value(struct float_env *env, const struct float_value *v)
{
    struct float_exact x = {v->sign, v->exponent, (u128)v->significand << 64};
    return float80_round(env, &x, env->precision);
}

static struct x87_register add_zero(struct float_env *env, const struct float_value *a,
                                    const struct float_value *b)
{
    if (a->class == FLOAT_FINITE) return round_value(env, a);
    if (b->class == FLOAT_FINITE) return round_value(env, b);
    return float80_zero(a->sign == b->sign ? a->sign : env->rounding == ROUND_DOWN);
}

struct x87_register float80_add(struct float_env *env, struct float_value a, struct float_value b)
{
    struct x87_register result;
    if (float80_nan_result(env, &a, &b, &result)) return result;
    if (a.class == FLOAT_INFINITE && b.class == FLOAT_INFINITE && a.sign != b.sign)
        return float80_invalid(env);
    if (denormal_operand(env, &a, &b)) return float80_indefinite;
    if (a.class == FLOAT_INFINITE) return float80_infinity(a.sign);
    if (b.class == FLOAT_INFINITE) return float80_infinity(b.sign);
    if (a.class == FLOAT_ZERO || b.class == FLOAT_ZERO) return add_zero(env, &a, &b);
    return add_finite(env, &a, &b);
}

struct x87_register float80_sub(struct float_env *env, struct float_value a, struct float_value b)
{
    if (!float_is_nan(&b)) b.sign = !b.sign;
    return float80_add(env, a, b);
}

/* --- product, quotient, root --- */

struct x87_register float80_mul(struct float_env *env, struct float_value a, struct float_value b)
{
    struct x87_register result;
    bool sign = a.sign != b.sign;
    if (float80_nan_result(env, &a, &b, &result)) return result;
    bool infinite = a.class == FLOAT_INFINITE || b.class == FLOAT_INFINITE;
    bool zero = a.class == FLOAT_ZERO || b.class == FLOAT_ZERO;
    if (infinite && zero) return float80_invalid(env);
    if (denormal_operand(env, &a, &b)) return float80_indefinite;
    if (infinite) return float80_infinity(sign);
    if (zero) return float80_zero(sign);
    return round_normalized(env, sign, a.exponent + b.exponent + 1, (u128)a.significand * b.significand,
                            env->precision);
}

/* 127 bits of a / b, and whether there are more. */
static u128 divide_significands(u64 a, u64 b)
{
    u128 n = (u128)a << 63;
    u64 high = (u64)(n / b);
    u128 rest = (n % b) << 64;
    return (u128)high << 64 | (u64)(rest / b) | (rest % b != 0);
}

struct x87_register float80_div(struct float_env *env, struct float_value a, struct float_value b)
{
    struct x87_register result;
    bool sign = a.sign != b.sign;
    if (float80_nan_result(env, &a, &b, &result)) return result;
    if (a.class == b.class && a.class != FLOAT_FINITE) return float80_invalid(env);
    if (b.class == FLOAT_ZERO && a.class == FLOAT_FINITE) {
        env->flags |= FLOAT_ZERO_DIVIDE;
        return float80_infinity(sign);
    }
    if (denormal_operand(env, &a, &b)) return float80_indefinite;
    if (a.class == FLOAT_INFINITE || b.class == FLOAT_ZERO) return float80_infinity(sign);
    if (a.class == FLOAT_ZERO || b.class == FLOAT_INFINITE) return float80_zero(sign);
    return round_normalized(env, sign, a.exponent - b.exponent,
                            divide_significands(a.significand, b.significand), env->precision);
}

/* The integer root of n >= 2^126, and what is left: bit by bit. */
static u64 integer_root(u128 n, u128 *rest)
{
    u128 root = 0;
    for (u128 bit = (u128)1 << 126; bit; bit >>= 2) {
        bool fits = n >= root + bit;
        if (fits) n -= root + bit;
        root = (root >> 1) + (fits ? bit : 0);
    }
    *rest = n;
    return (u64)root;
}

struct x87_register float80_sqrt(struct float_env *env, struct float_value a)
{
    struct x87_register result;
    if (float80_nan_result(env, &a, &a, &result)) return result;
    if (a.class == FLOAT_ZERO) return float80_zero(a.sign);
    if (a.sign) return float80_invalid(env);
    if (denormal_operand(env, &a, &a)) return float80_indefinite;
    if (a.class == FLOAT_INFINITE) return float80_infinity(false);
    bool odd = a.exponent & 1;
    u128 rest;
    u64 root = integer_root((u128)a.significand << (odd ? 64 : 63), &rest);
    u128 half = (u128)(rest > root) << 63;
    return round_normalized(env, false, (a.exponent - odd) / 2, (u128)root << 64 | half | (rest != 0),
                            env->precision);
}

/* --- remainder, scaling, parts --- */

/* One reduction takes at most 63 bits of the quotient (SDM Vol. 2A, "FPREM"). `count`: how many. */
static u64 reduce(u64 dividend, u64 divisor, unsigned count, u64 *quotient)
{
    u128 rest = dividend;
    u64 q = 0;
    for (unsigned n = 0; n <= count; n++) {
        bool fits = rest >= divisor;
        if (fits) rest -= divisor;
        q = q << 1 | fits;
        if (n < count) rest <<= 1;
    }
    *quotient = q;
    return (u64)rest;
}

static struct x87_register remainder_of(struct float_env *env, bool sign, i32 exponent, u64 rest)
{
    if (!rest) return float80_zero(sign);
    return round_normalized(env, sign, exponent, (u128)rest << 64, 64);
}

/* FPREM1: is divisor - rest nearer, or as near with an even quotient? */
static bool rounds_up(u64 rest, u64 divisor, u64 quotient)
{
    u64 other = divisor - rest;
    return rest > other || (rest == other && (quotient & 1));
}

/* The whole quotient in one go: a's exponent is at least b's less one, and less than 64 above. */
static struct x87_register last_reduction(struct float_env *env, const struct float_value *a,
                                          const struct float_value *b, bool nearest, u64 *quotient)
{
    i32 difference = a->exponent - b->exponent;
    if (difference < -1) return remainder_of(env, a->sign, a->exponent, a->significand);
    if (difference == -1) { /* quotient 0, or 1 if it is rounded */
        u128 twice = (u128)b->significand << 1;
        if (!nearest || a->significand <= b->significand)
            return remainder_of(env, a->sign, a->exponent, a->significand);
        *quotient = 1;
        return remainder_of(env, !a->sign, a->exponent, (u64)(twice - a->significand));
    }
    u64 rest = reduce(a->significand, b->significand, (unsigned)difference, quotient);
    bool up = nearest && rounds_up(rest, b->significand, *quotient);
    if (up) (*quotient)++;
    return remainder_of(env, a->sign != up, b->exponent, up ? b->significand - rest : rest);
}

static struct x87_register finite_remainder(struct float_env *env, const struct float_value *a,
                                            const struct float_value *b, bool nearest, u64 *quotient,
                                            bool *partial)
{
    i32 difference = a->exponent - b->exponent;
    *partial = difference >= 64;
    if (!*partial) return last_reduction(env, a, b, nearest, quotient);
    unsigned count = ((unsigned)difference & 31) | 32;
    u64 rest = reduce(a->significand, b->significand, count, quotient);
    *quotient = 0;
    return remainder_of(env, a->sign, a->exponent - (i32)count, rest);
}

struct x87_register float80_remainder(struct float_env *env, struct float_value a, struct float_value b,
                                      bool nearest, u64 *quotient, bool *partial)
{
    struct x87_register result;
    *quotient = 0;
    *partial = false;
    if (float80_nan_result(env, &a, &b, &result)) return result;
    if (a.class == FLOAT_INFINITE || b.class == FLOAT_ZERO) return float80_invalid(env);
    if (denormal_operand(env, &a, &b)) return float80_indefinite;
    if (a.class == FLOAT_ZERO) return float80_zero(a.sign);
    if (b.class == FLOAT_INFINITE) return remainder_of(env, a.sign, a.exponent, a.significand);
    return finite_remainder(env, &a, &b, nearest, quotient, partial);
}

static struct x87_register scale_by_infinity(struct float_env *env, const struct float_value *a, bool down)
{
    if (a->class == (down ? FLOAT_INFINITE : FLOAT_ZERO)) return float80_invalid(env);
    return down ? float80_zero(a->sign) : float80_infinity(a->sign);
}

/* Toward zero; beyond 2^17 one is as good as another. */
static i32 truncated(const struct float_value *v)
{
    if (v->class == FLOAT_ZERO || v->exponent < 0) return 0;
    i32 magnitude = v->exponent > 16 ? 0x20000 : (i32)(v->significand >> (63 - v->exponent));
    return v->sign ? -magnitude : magnitude;
}

struct x87_register float80_scale(struct float_env *env, struct float_value a, struct float_value b)
{
    struct x87_register result;
    if (float80_nan_result(env, &a, &b, &result)) return result;
    if (b.class == FLOAT_INFINITE && a.class == (b.sign ? FLOAT_INFINITE : FLOAT_ZERO))
        return float80_invalid(env);
    if (denormal_operand(env, &a, &b)) return float80_indefinite;
    if (b.class == FLOAT_INFINITE) return scale_by_infinity(env, &a, b.sign);
    if (a.class != FLOAT_FINITE) return float80_pack(&a);
    struct float_exact x = {a.sign, a.exponent + truncated(&b), (u128)a.significand << 64};
    return float80_round(env, &x, 64);
}

struct x87_register float80_extract(struct float_env *env, struct float_value a,
                                    struct x87_register *significand)
{
    struct x87_register result;
    *significand = float80_pack(&a);
    if (float80_nan_result(env, &a, &a, &result)) return *significand = result;
    if (a.class == FLOAT_INFINITE) return float80_infinity(false);
    if (a.class == FLOAT_ZERO) {
        env->flags |= FLOAT_ZERO_DIVIDE;
        return float80_infinity(true);
    }
    if (denormal_operand(env, &a, &a)) return float80_indefinite;
    struct float_value exponent = float_of_integer(a.exponent);
    a.exponent = 0;
    *significand = float80_pack(&a);
    return float80_pack(&exponent);
}
