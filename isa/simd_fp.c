/* simd_fp.c - floating-point arithmetic, comparison, rounding, horizontal sums, dot products.
 *
 * RCPPS and RSQRTPS: the exact quotient, truncated to 12 bits of fraction; the manual grants a relative error of 1.5 * 2^-12,
 * and processors differ. Denormal operands are zeros, tiny results are zeros, no flag is raised.
 */
#include "isa/fp.h"
#include "isa/simd.h"
#include <math.h>

static struct fp fp_of(const struct simd *s)
{
    return (struct fp){.mxcsr = s->h->fpu.mxcsr};
}

/* Ends a stage of the computation; true: it is the last one. */
static bool keep(struct simd *s, struct fp *f)
{
    bool ends = simd_keep(s, f->raised);
    f->raised = 0;
    return ends;
}

/* `count` lanes of one precision; expr reads x and y, lanes of the sources, and f. */
#define EACH(name, lane, type, count, expr)                                                                  \
    void simd_##name(struct simd *s)                                                                         \
    {                                                                                                        \
        struct fp f = fp_of(s);                                                                              \
        for (unsigned n = 0; n < (count); n++) {                                                             \
            type x = s->a.lane[n], y = s->b.lane[n];                                                         \
            (void)x;                                                                                         \
            s->r.lane[n] = (expr);                                                                           \
        }                                                                                                    \
        keep(s, &f);                                                                                         \
    }

/* The packed and scalar forms of both precisions. f_x: the function of fp.h behind its precision's prefix. */
#define FORMS(name, f_x, arguments)                                                                          \
    EACH(name##ps, d, u32, s->bytes / 4, f32_##f_x arguments)                                                \
    EACH(name##ss, d, u32, 1, f32_##f_x arguments)                                                           \
    EACH(name##pd, q, u64, s->bytes / 8, f64_##f_x arguments)                                                \
    EACH(name##sd, q, u64, 1, f64_##f_x arguments)

FORMS(add, arith, (&f, FP_ADD, x, y, 0))
FORMS(sub, arith, (&f, FP_SUB, x, y, 0))
FORMS(mul, arith, (&f, FP_MUL, x, y, 0))
FORMS(div, arith, (&f, FP_DIV, x, y, 0))
FORMS(sqrt, arith, (&f, FP_SQRT, 0, y, 0))
FORMS(min, min, (&f, x, y))
FORMS(max, max, (&f, x, y))

/* --- rounding: imm 1..0 the mode unless bit 2 says MXCSR's; bit 3 hides PE --- */

static u32 rounding_of(const struct simd *s)
{
    return s->imm & 4 ? s->h->fpu.mxcsr >> MXCSR_RC_SHIFT & 3 : s->imm & 3;
}

static u32 round_f32(struct fp *f, u32 v, const struct simd *s)
{
    u32 r = f32_round(f, v, rounding_of(s));
    if (s->imm & 8) f->raised &= ~(u32)MXCSR_PE;
    return r;
}

static u64 round_f64(struct fp *f, u64 v, const struct simd *s)
{
    u64 r = f64_round(f, v, rounding_of(s));
    if (s->imm & 8) f->raised &= ~(u32)MXCSR_PE;
    return r;
}

EACH(roundps, d, u32, s->bytes / 4, round_f32(&f, y, s))
EACH(roundss, d, u32, 1, round_f32(&f, y, s))
EACH(roundpd, q, u64, s->bytes / 8, round_f64(&f, y, s))
EACH(roundsd, q, u64, 1, round_f64(&f, y, s))

/* --- comparison: SDM Vol. 2A, "CMPPD", the table of predicates --- */

#define IS(relation) (1u << FP_##relation)

/* Relations for which predicates 0..15 hold; 16..31 are the same with the other answer to quiet NaNs. */
static const u8 holds[16] = {
    IS(EQUAL),
    IS(LESS),
    IS(LESS) | IS(EQUAL),
    IS(UNORDERED),
    IS(LESS) | IS(GREATER) | IS(UNORDERED),
    IS(EQUAL) | IS(GREATER) | IS(UNORDERED),
    IS(GREATER) | IS(UNORDERED),
    IS(LESS) | IS(EQUAL) | IS(GREATER),
    IS(EQUAL) | IS(UNORDERED),
    IS(LESS) | IS(UNORDERED),
    IS(LESS) | IS(EQUAL) | IS(UNORDERED),
    0,
    IS(LESS) | IS(GREATER),
    IS(EQUAL) | IS(GREATER),
    IS(GREATER),
    IS(LESS) | IS(EQUAL) | IS(GREATER) | IS(UNORDERED),
};

static unsigned predicate(const struct simd *s)
{
    return s->imm & (s->vex ? 31 : 7);
}

/* Predicates 1, 2, 5, 6, 9, 10, 13, 14 signal on quiet NaNs, and the others of the upper half. */
static bool signals(unsigned p)
{
    bool lower = (p & 3) == 1 || (p & 3) == 2;
    return lower != (p >= 16);
}

static bool compare_f32(struct fp *f, u32 x, u32 y, unsigned p)
{
    return holds[p & 15] >> f32_compare(f, x, y, signals(p)) & 1;
}

static bool compare_f64(struct fp *f, u64 x, u64 y, unsigned p)
{
    return holds[p & 15] >> f64_compare(f, x, y, signals(p)) & 1;
}

EACH(cmpps, d, u32, s->bytes / 4, compare_f32(&f, x, y, predicate(s)) ? ~0u : 0)
EACH(cmpss, d, u32, 1, compare_f32(&f, x, y, predicate(s)) ? ~0u : 0)
EACH(cmppd, q, u64, s->bytes / 8, compare_f64(&f, x, y, predicate(s)) ? ~0ull : 0)
EACH(cmpsd, q, u64, 1, compare_f64(&f, x, y, predicate(s)) ? ~0ull : 0)

static void relation_to_flags(struct simd *s, enum fp_relation relation)
{
    static const u16 flags[] = {[FP_LESS] = RFLAGS_CF,
                                [FP_EQUAL] = RFLAGS_ZF,
                                [FP_GREATER] = 0,
                                [FP_UNORDERED] = RFLAGS_ZF | RFLAGS_PF | RFLAGS_CF};
    s->rflags = flags[relation];
    s->sets_flags = true;
}

#define COMPARE_FLAGS(name, type, lane, quiet_signals)                                                       \
    void simd_##name(struct simd *s)                                                                         \
    {                                                                                                        \
        struct fp f = fp_of(s);                                                                              \
        relation_to_flags(s, type##_compare(&f, s->a.lane[0], s->b.lane[0], quiet_signals));                 \
        keep(s, &f);                                                                                         \
    }
COMPARE_FLAGS(comiss, f32, d, true)
COMPARE_FLAGS(ucomiss, f32, d, false)
COMPARE_FLAGS(comisd, f64, q, true)
COMPARE_FLAGS(ucomisd, f64, q, false)

/* --- neighbours --- */

#define ALTERNATE(n) ((n) & 1 ? FP_ADD : FP_SUB)
EACH(addsubps, d, u32, s->bytes / 4, f32_arith(&f, ALTERNATE(n), x, y, 0))
EACH(addsubpd, q, u64, s->bytes / 8, f64_arith(&f, ALTERNATE(n), x, y, 0))

/* In each 128-bit half: the pairs of a, then the pairs of b. */
#define HORIZONTAL(name, type, lane, lanes, op)                                                              \
    void simd_##name(struct simd *s)                                                                         \
    {                                                                                                        \
        struct fp f = fp_of(s);                                                                              \
        for (unsigned n = 0; n < s->bytes / 16 * (lanes); n++) {                                             \
            unsigned half = n / (lanes) * (lanes), in = n % (lanes);                                         \
            const union vec *from = in < (lanes) / 2 ? &s->a : &s->b;                                        \
            unsigned at = half + 2 * (in % ((lanes) / 2));                                                   \
            s->r.lane[n] = type##_arith(&f, op, from->lane[at], from->lane[at + 1], 0);                      \
        }                                                                                                    \
        keep(s, &f);                                                                                         \
    }
HORIZONTAL(haddps, f32, d, 4, FP_ADD)
HORIZONTAL(hsubps, f32, d, 4, FP_SUB)
HORIZONTAL(haddpd, f64, q, 2, FP_ADD)
HORIZONTAL(hsubpd, f64, q, 2, FP_SUB)

/* Dot product: imm 7..4 which products count, 3..0 where the sum goes. Each stage raises its own exceptions. */
void simd_dpps(struct simd *s)
{
    struct fp f = fp_of(s);
    u32 v[8] = {0};
    unsigned halves = s->bytes / 16;
    for (unsigned n = 0; n < 4 * halves; n++)
        if (s->imm >> (4 + n % 4) & 1) v[n] = f32_arith(&f, FP_MUL, s->a.d[n], s->b.d[n], 0);
    if (keep(s, &f)) return;
    for (unsigned n = 0; n < 4 * halves; n += 2) v[n] = f32_arith(&f, FP_ADD, v[n], v[n + 1], 0);
    if (keep(s, &f)) return;
    for (unsigned n = 0; n < 4 * halves; n += 4) v[n] = f32_arith(&f, FP_ADD, v[n], v[n + 2], 0);
    for (unsigned n = 0; n < 4 * halves; n++) s->r.d[n] = s->imm >> n % 4 & 1 ? v[n & ~3u] : 0;
    keep(s, &f);
}

void simd_dppd(struct simd *s)
{
    struct fp f = fp_of(s);
    u64 v[2] = {0};
    for (unsigned n = 0; n < 2; n++)
        if (s->imm >> (4 + n) & 1) v[n] = f64_arith(&f, FP_MUL, s->a.q[n], s->b.q[n], 0);
    if (keep(s, &f)) return;
    u64 sum = f64_arith(&f, FP_ADD, v[0], v[1], 0);
    for (unsigned n = 0; n < 2; n++) s->r.q[n] = s->imm >> n & 1 ? sum : 0;
    keep(s, &f);
}

/* --- approximations --- */

#define F32_SIGN      0x80000000u
#define F32_INFINITY  0x7f800000u
#define F32_QUIET     0x00400000u
#define F32_INDEFINITE 0xffc00000u
#define KEPT_FRACTION 0xfffff800u

static float to_float(u32 v)
{
    float r;
    memcpy(&r, &v, sizeof r);
    return r;
}

static u32 to_bits(double v)
{
    float single = (float)v;
    u32 r;
    memcpy(&r, &single, sizeof r);
    return r & KEPT_FRACTION;
}

/* What both have in common: NaNs, infinities, zeros and denormals. False: a normal number. */
static bool approximate_special(u32 v, u32 *r)
{
    u32 magnitude = v & ~F32_SIGN;
    if (magnitude > F32_INFINITY)
        *r = v | F32_QUIET;
    else if (magnitude < 0x00800000)
        *r = (v & F32_SIGN) | F32_INFINITY;
    else if (v == F32_INFINITY)
        *r = 0;
    else
        return false;
    return true;
}

static u32 reciprocal(u32 v)
{
    u32 r;
    if (approximate_special(v, &r)) return r;
    r = to_bits(1.0 / (double)to_float(v));
    return r & F32_INFINITY ? r : v & F32_SIGN;
}

static u32 reciprocal_root(u32 v)
{
    u32 r;
    if (approximate_special(v, &r)) return r;
    return v & F32_SIGN ? F32_INDEFINITE : to_bits(1.0 / sqrt((double)to_float(v)));
}

SIMD_LANES(rcpps, d, reciprocal(s->b.d[n]))
SIMD_LANES(rsqrtps, d, reciprocal_root(s->b.d[n]))
void simd_rcpss(struct simd *s)
{
    s->r.d[0] = reciprocal(s->b.d[0]);
}
void simd_rsqrtss(struct simd *s)
{
    s->r.d[0] = reciprocal_root(s->b.d[0]);
}
