/* float80.h - the arithmetic of the x87 unit on 80-bit values, exact and the same on every host.
 *
 * Models:       double extended, double and single precision, integers; rounding control, precision control, the six
 *               exceptions with their masked answers and, unmasked, the results scaled by 2^24576; pseudo-denormals; NaN
 *               rules; unsupported encodings.
 * Not modelled: nothing of the above depends on the host's own floating point.
 * Neighbours:   exec_x87*.c call it; exec_x87_math.c gives it transcendental results to round.
 * Checked by:   tests/unit/test_diff_x87.c (against the host CPU)
 *
 * A value is unpacked into its class, sign, exponent and significand; an operation makes an exact result of 128
 * significant bits, the last of which also says "and something behind it"; one function rounds. Sources: SDM Vol. 1,
 * "Floating-Point Number Spaces", "Operating on SNaNs and QNaNs", "Floating-Point Exceptions in Detail".
 */
#ifndef ISA_FLOAT80_H
#define ISA_FLOAT80_H

#include "isa/fpu.h"

__extension__ typedef unsigned __int128 u128;

/* Exceptions, as in the status word; their masks in the control word. */
#define FLOAT_INVALID     0x01u
#define FLOAT_DENORMAL    0x02u
#define FLOAT_ZERO_DIVIDE 0x04u
#define FLOAT_OVERFLOW    0x08u
#define FLOAT_UNDERFLOW   0x10u
#define FLOAT_PRECISION   0x20u
#define FLOAT_BEFORE      (FLOAT_INVALID | FLOAT_DENORMAL | FLOAT_ZERO_DIVIDE) /* unmasked: nothing is computed */

enum float_rounding { ROUND_NEAREST, ROUND_DOWN, ROUND_UP, ROUND_ZERO };

struct float_env {
    u8 precision; /* significant bits of a result in a register: 24, 53, 64 */
    u8 rounding;  /* enum float_rounding */
    u8 masks;     /* FLOAT_: masked */
    u8 flags;     /* FLOAT_: raised, collects */
    bool up;      /* the last rounding enlarged the magnitude */
};

enum float_class { FLOAT_ZERO, FLOAT_FINITE, FLOAT_INFINITE, FLOAT_QNAN, FLOAT_SNAN, FLOAT_UNSUPPORTED };

/* FLOAT_FINITE: significand * 2^(exponent - 63), its bit 63 set. NaN: the significand as in a register. */
struct float_value {
    u8 class; /* enum float_class */
    bool sign;
    bool denormal; /* in the format that it came from */
    i32 exponent;
    u64 significand;
};

/* significand * 2^(exponent - 127); bit 127 is set; bit 0 is set too if the true value lies behind it. */
struct float_exact {
    bool sign;
    i32 exponent;
    u128 significand;
};

extern const struct x87_register float80_indefinite, float80_one;

static inline bool float_is_nan(const struct float_value *v)
{
    return v->class == FLOAT_QNAN || v->class == FLOAT_SNAN;
}

struct float_value float_of_register(struct x87_register r);
struct float_value float_of_double(u64 bits);
struct float_value float_of_single(u32 bits);
struct float_value float_of_integer(i64 n);
struct x87_register float80_zero(bool sign);
struct x87_register float80_infinity(bool sign);
/* As it is, without rounding: what a load of a single, a double or an integer gives. */
struct x87_register float80_pack(const struct float_value *v);

/* To a register: `precision` bits, or 64 for operations that ignore the precision control. */
struct x87_register float80_round(struct float_env *env, const struct float_exact *x, unsigned precision);

/* a op b, rounded to env->precision. If an unmasked FLOAT_BEFORE exception is in env->flags the answer means nothing. */
struct x87_register float80_add(struct float_env *env, struct float_value a, struct float_value b);
struct x87_register float80_sub(struct float_env *env, struct float_value a, struct float_value b);
struct x87_register float80_mul(struct float_env *env, struct float_value a, struct float_value b);
struct x87_register float80_div(struct float_env *env, struct float_value a, struct float_value b);
struct x87_register float80_sqrt(struct float_env *env, struct float_value a);

/* To an integral value. */
struct x87_register float80_round_to_integer(struct float_env *env, struct float_value a);
/* a * 2^truncated(b). */
struct x87_register float80_scale(struct float_env *env, struct float_value a, struct float_value b);
/* The remainder of a / b with the quotient truncated or (nearest) rounded. *quotient: its low bits; *partial: reduction
 * stopped early, call again. */
struct x87_register float80_remainder(struct float_env *env, struct float_value a, struct float_value b,
                                      bool nearest, u64 *quotient, bool *partial);
/* Splits a: its exponent as a value, its significand in [1, 2). */
struct x87_register float80_extract(struct float_env *env, struct float_value a,
                                    struct x87_register *significand);

/* -1, 0, 1; 2: unordered. FLOAT_INVALID for a signaling NaN, and for a quiet one unless `quiet`. */
int float80_compare(struct float_env *env, struct float_value a, struct float_value b, bool quiet);

u64 float80_to_double(struct float_env *env, struct float_value a);
u32 float80_to_single(struct float_env *env, struct float_value a);
/* To a signed integer of 16, 32 or 64 bits. What does not fit is FLOAT_INVALID and the integer indefinite. */
u64 float80_to_integer(struct float_env *env, struct float_value a, unsigned bits);

/* NaNs and unsupported encodings: true if they decide the result (SDM Vol. 1, "Operating on SNaNs and QNaNs"). */
bool float80_nan_result(struct float_env *env, const struct float_value *a, const struct float_value *b,
                        struct x87_register *result);
/* FLOAT_INVALID and the real indefinite. */
struct x87_register float80_invalid(struct float_env *env);

#endif
