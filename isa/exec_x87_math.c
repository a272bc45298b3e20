/* exec_x87_math.c - x87 transcendental functions: correctly rounded by GNU MPFR, which is the same on every host.
 *
 * MPFR computes 128 bits toward zero and says whether that is exact; float80_round does the rest. FYL2X and FYL2XP1 take
 * their logarithm to 256 bits first: correctly rounded but for products nearer than 2^-180 to a tie.
 */
#include "isa/operand.h"
#include "isa/x87.h"
#include <mpfr.h>

#define RESULT_BITS 128
#define INNER_BITS  256

static void to_mpfr(mpfr_t out, const struct float_value *v)
{
    mpfr_init2(out, 64);
    if (v->class == FLOAT_ZERO)
        mpfr_set_zero(out, v->sign ? -1 : 1);
    else if (v->class == FLOAT_INFINITE)
        mpfr_set_inf(out, v->sign ? -1 : 1);
    else {
        mpfr_set_ui_2exp(out, v->significand, v->exponent - 63, MPFR_RNDZ);
        mpfr_setsign(out, out, v->sign, MPFR_RNDZ);
    }
}

/* Takes m, of RESULT_BITS, apart; frees it. */
static struct float_exact take_apart(mpfr_t m, bool inexact)
{
    struct float_exact x = {mpfr_signbit(m) != 0, (i32)mpfr_get_exp(m) - 1, 0};
    mpfr_abs(m, m, MPFR_RNDZ);
    mpfr_mul_2si(m, m, 63 - x.exponent, MPFR_RNDZ);
    u64 high = mpfr_get_ui(m, MPFR_RNDZ);
    mpfr_sub_ui(m, m, high, MPFR_RNDZ);
    mpfr_mul_2ui(m, m, 64, MPFR_RNDZ);
    x.significand = (u128)high << 64 | mpfr_get_ui(m, MPFR_RNDZ) | inexact;
    return x;
}

static struct x87_register round_result(struct float_env *env, mpfr_t m, bool inexact)
{
    struct x87_register r;
    if (mpfr_nan_p(m))
        r = float80_invalid(env);
    else if (mpfr_inf_p(m))
        r = float80_infinity(mpfr_signbit(m));
    else if (mpfr_zero_p(m))
        r = float80_zero(mpfr_signbit(m));
    else {
        struct float_exact x = take_apart(m, inexact);
        r = float80_round(env, &x, 64);
    }
    mpfr_clear(m);
    return r;
}

/* --- one operand --- */

typedef int mpfr_function(mpfr_t result, const mpfr_t x, mpfr_rnd_t rounding);

static struct x87_register compute(struct float_env *env, const struct float_value *a,
                                   mpfr_function *function)
{
    mpfr_t x, y;
    to_mpfr(x, a);
    mpfr_init2(y, RESULT_BITS);
    bool inexact = function(y, x, MPFR_RNDZ) != 0;
    mpfr_clear(x);
    return round_result(env, y, inexact);
}

/* 2^x - 1; outside [-1, 1] the manual leaves it undefined. */
static int exp2_minus_1(mpfr_t result, const mpfr_t x, mpfr_rnd_t rounding)
{
    return mpfr_exp2m1(result, x, rounding);
}

static enum outcome underflow(struct x87_op *o, unsigned dst)
{
    x87_stack_fault(o, false);
    if (!x87_commit(o)) return OUT_NEXT;
    x87_set(o->s, dst, float80_indefinite);
    x87_pop(o);
    return OUT_NEXT;
}

/* NaN and denormal operands: true if they end the operation with *result. */
static bool special(struct float_env *env, const struct float_value *a, const struct float_value *b,
                    struct x87_register *result)
{
    if (float80_nan_result(env, a, b, result)) return true;
    if (!a->denormal && !b->denormal) return false;
    env->flags |= FLOAT_DENORMAL;
    return !(env->masks & FLOAT_DENORMAL);
}

/* Trigonometric functions take operands below 2^63; others stay, with C2 set. */
static bool is_out_of_range(const struct float_value *a)
{
    return a->class == FLOAT_FINITE && a->exponent >= 63;
}

static enum outcome refuse(struct x87_op *o)
{
    x87_commit(o);
    o->s->status |= X87_C2;
    return OUT_NEXT;
}

/* F2XM1 (parameter 0), FSIN, FCOS. */
enum outcome x87_one_operand(struct x87_op *o)
{
    static mpfr_function *const functions[] = {exp2_minus_1, mpfr_sin, mpfr_cos};
    struct x87_register r;
    if (o->parameter) o->s->status &= (u16)~X87_C2;
    if (x87_is_empty(o->s, 0)) return underflow(o, 0);
    struct float_value a = x87_value(o->s, 0);
    if (o->parameter && is_out_of_range(&a)) return refuse(o);
    if (!special(&o->env, &a, &a, &r)) r = compute(&o->env, &a, functions[o->parameter]);
    if (x87_commit(o)) x87_set(o->s, 0, r);
    return OUT_NEXT;
}

/* FPTAN (parameter 0) leaves the tangent and pushes 1; FSINCOS leaves the sine and pushes the cosine. */
static void compute_pair(struct x87_op *o, const struct float_value *a, struct x87_register result[2])
{
    if (special(&o->env, a, a, &result[0])) {
        result[1] = result[0];
        return;
    }
    result[1] = o->parameter ? compute(&o->env, a, mpfr_cos) : float80_one;
    result[0] = compute(&o->env, a, o->parameter ? mpfr_sin : mpfr_tan);
    if (o->env.flags & FLOAT_INVALID) result[1] = result[0];
}

enum outcome x87_two_results(struct x87_op *o)
{
    struct x87_register result[2] = {float80_indefinite, float80_indefinite};
    bool empty = x87_is_empty(o->s, 0);
    struct float_value a = x87_value(o->s, 0);
    if (empty || !x87_is_empty(o->s, 7))
        x87_stack_fault(o, !empty);
    else if (is_out_of_range(&a))
        return refuse(o);
    else
        compute_pair(o, &a, result);
    o->s->status &= (u16)~X87_C2;
    if (!x87_commit(o)) return OUT_NEXT;
    x87_set(o->s, 0, result[0]);
    x87_push(o->s, result[1]);
    return OUT_NEXT;
}

/* --- two operands: x is ST(0), y is ST(1) --- */

static int y_times(mpfr_t result, const mpfr_t y, const mpfr_t x, mpfr_function *logarithm)
{
    mpfr_t inner;
    mpfr_init2(inner, INNER_BITS);
    int below = logarithm(inner, x, MPFR_RNDZ), cut = mpfr_mul(result, y, inner, MPFR_RNDZ);
    mpfr_clear(inner);
    return below | cut;
}

static int y_log2(mpfr_t result, const mpfr_t y, const mpfr_t x)
{
    return y_times(result, y, x, mpfr_log2);
}
static int y_log2_plus_1(mpfr_t result, const mpfr_t y, const mpfr_t x)
{
    return y_times(result, y, x, mpfr_log2p1);
}
static int arctangent(mpfr_t result, const mpfr_t y, const mpfr_t x)
{
    return mpfr_atan2(result, y, x, MPFR_RNDZ);
}

typedef int mpfr_function2(mpfr_t result, const mpfr_t y, const mpfr_t x);

static struct x87_register compute2(struct float_env *env, const struct float_value *y,
                                    const struct float_value *x, mpfr_function2 *function)
{
    mpfr_t a, b, result;
    to_mpfr(a, y);
    to_mpfr(b, x);
    mpfr_init2(result, RESULT_BITS);
    bool inexact = function(result, a, b) != 0;
    mpfr_clear(a);
    mpfr_clear(b);
    return round_result(env, result, inexact);
}

/* The logarithm of zero. */
static bool divides_by_zero(const struct x87_op *o, const struct float_value *y, const struct float_value *x)
{
    return o->parameter == 0 && x->class == FLOAT_ZERO && y->class == FLOAT_FINITE;
}

/* The logarithm of a negative number; a denormal beside it does not matter, a NaN decides before. */
static bool is_negative_logarithm(const struct x87_op *o, const struct float_value *y,
                                  const struct float_value *x)
{
    bool number = x->class == FLOAT_FINITE || x->class == FLOAT_INFINITE;
    return o->parameter == 0 && number && x->sign && y->class < FLOAT_QNAN;
}

/* FYL2X (parameter 0), FYL2XP1, FPATAN: the result goes to ST(1), the stack is popped. */
enum outcome x87_two_operands(struct x87_op *o)
{
    static mpfr_function2 *const functions[] = {y_log2, y_log2_plus_1, arctangent};
    struct x87_register r;
    if (x87_is_empty(o->s, 0) || x87_is_empty(o->s, 1)) return underflow(o, 1);
    struct float_value x = x87_value(o->s, 0), y = x87_value(o->s, 1);
    if (divides_by_zero(o, &y, &x)) {
        o->env.flags |= FLOAT_ZERO_DIVIDE;
        r = float80_infinity(!y.sign);
    } else if (is_negative_logarithm(o, &y, &x)) {
        r = float80_invalid(&o->env);
    } else if (!special(&o->env, &y, &x, &r)) {
        r = compute2(&o->env, &y, &x, functions[o->parameter]);
    }
    if (!x87_commit(o)) return OUT_NEXT;
    x87_set(o->s, 1, r);
    x87_pop(o);
    return OUT_NEXT;
}
