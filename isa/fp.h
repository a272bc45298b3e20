/* fp.h - single and double precision arithmetic as SSE does it: values in, value and MXCSR flags out.
 *
 * Models:       rounding, DAZ, FTZ, NaN propagation, default results, the order of exceptions in one lane (SDM Vol. 1,
 *               "SIMD Floating-Point Exceptions").
 * Not modelled: with overflow or underflow unmasked, whether PE accompanies them is as if they were masked.
 * Neighbours:   host_fp.h; simd_fp.c, simd_convert.c, simd_fma.c call it.
 * Checked by:   tests/unit/test_diff_simd.c
 */
#ifndef ISA_FP_H
#define ISA_FP_H

#include "isa/fpu.h"

/* `mxcsr` controls, `raised` collects MXCSR flags. */
struct fp {
    u32 mxcsr, raised;
};

enum fp_op { FP_ADD, FP_SUB, FP_MUL, FP_DIV, FP_SQRT, FP_FMA };
enum fp_relation { FP_LESS, FP_EQUAL, FP_GREATER, FP_UNORDERED };

#define FP_DECLARE(type, bits, other)                                                                        \
    /* FP_SQRT takes b alone, FP_FMA a * b + c, the others a and b. */                                       \
    bits type##_arith(struct fp *f, enum fp_op op, bits a, bits b, bits c);                                  \
    bits type##_min(struct fp *f, bits a, bits b);                                                           \
    bits type##_max(struct fp *f, bits a, bits b);                                                           \
    /* `signals`: a quiet NaN is invalid too. */                                                             \
    enum fp_relation type##_compare(struct fp *f, bits a, bits b, bool signals);                             \
    /* rounding: MXCSR.RC. */                                                                                \
    bits type##_round(struct fp *f, bits a, u32 rounding);                                                   \
    /* To a signed integer of 4 or 8 bytes; out of range: the integer indefinite. */                         \
    u64 type##_to_integer(struct fp *f, bits a, unsigned bytes, u32 rounding);                               \
    bits type##_from_integer(struct fp *f, i64 v);

FP_DECLARE(f32, u32, u64)
FP_DECLARE(f64, u64, u32)
#undef FP_DECLARE

u64 f32_to_f64(struct fp *f, u32 a);
u32 f64_to_f32(struct fp *f, u64 a);
/* F16C; rounding: MXCSR.RC. DAZ and FTZ do not touch the half. */
u32 f16_to_f32(struct fp *f, u16 a);
u16 f32_to_f16(struct fp *f, u32 a, u32 rounding);

static inline u32 fp_rounding(const struct fp *f)
{
    return f->mxcsr >> MXCSR_RC_SHIFT & 3;
}

#endif
