/* simd_convert.c - between integers, single, double and half precision. */
#include "isa/fp.h"
#include "isa/simd.h"

/* r's first `count` lanes from b's; the rest of the vector is 0. */
#define CONVERT(name, to, count, expr)                                                                       \
    void simd_##name(struct simd *s)                                                                         \
    {                                                                                                        \
        struct fp f = {.mxcsr = s->h->fpu.mxcsr};                                                            \
        memset(&s->r, 0, 16);                                                                                \
        for (unsigned n = 0; n < (count); n++) s->r.to[n] = (expr);                                          \
        simd_keep(s, f.raised);                                                                              \
    }

/* The lowest lane alone; the others are the first source's. */
#define CONVERT_ONE(name, to, expr)                                                                          \
    void simd_##name(struct simd *s)                                                                         \
    {                                                                                                        \
        struct fp f = {.mxcsr = s->h->fpu.mxcsr};                                                            \
        s->r.to[0] = (expr);                                                                                 \
        simd_keep(s, f.raised);                                                                              \
    }

#define TRUNCATE 3u
#define CURRENT  fp_rounding(&f)

/* clang-format off */
CONVERT(cvtdq2ps,  d, s->bytes / 4, f32_from_integer(&f, s->b.sd[n]))
CONVERT(cvtdq2pd,  q, s->bytes / 8, f64_from_integer(&f, s->b.sd[n]))
CONVERT(cvtps2dq,  d, s->bytes / 4, (u32)f32_to_integer(&f, s->b.d[n], 4, CURRENT))
CONVERT(cvttps2dq, d, s->bytes / 4, (u32)f32_to_integer(&f, s->b.d[n], 4, TRUNCATE))
CONVERT(cvtpd2dq,  d, s->bytes / 8, (u32)f64_to_integer(&f, s->b.q[n], 4, CURRENT))
CONVERT(cvttpd2dq, d, s->bytes / 8, (u32)f64_to_integer(&f, s->b.q[n], 4, TRUNCATE))
CONVERT(cvtps2pd,  q, s->bytes / 8, f32_to_f64(&f, s->b.d[n]))
CONVERT(cvtpd2ps,  d, s->bytes / 8, f64_to_f32(&f, s->b.q[n]))
CONVERT_ONE(cvtss2sd,  q, f32_to_f64(&f, s->b.d[0]))
CONVERT_ONE(cvtsd2ss,  d, f64_to_f32(&f, s->b.q[0]))
CONVERT_ONE(cvtss2si,  q, f32_to_integer(&f, s->b.d[0], s->dst_bytes, CURRENT))
CONVERT_ONE(cvttss2si, q, f32_to_integer(&f, s->b.d[0], s->dst_bytes, TRUNCATE))
CONVERT_ONE(cvtsd2si,  q, f64_to_integer(&f, s->b.q[0], s->dst_bytes, CURRENT))
CONVERT_ONE(cvttsd2si, q, f64_to_integer(&f, s->b.q[0], s->dst_bytes, TRUNCATE))
/* clang-format on */

static i64 general_source(const struct simd *s)
{
    return s->b_bytes == 8 ? s->b.sq[0] : s->b.sd[0];
}
CONVERT_ONE(cvtsi2ss, d, f32_from_integer(&f, general_source(s)))
CONVERT_ONE(cvtsi2sd, q, f64_from_integer(&f, general_source(s)))

/* imm bit 2: MXCSR's rounding, else bits 1..0. */
static u32 half_rounding(const struct simd *s, const struct fp *f)
{
    return s->imm & 4 ? fp_rounding(f) : s->imm & 3;
}
CONVERT(cvtph2ps, d, s->bytes / 4, f16_to_f32(&f, s->b.w[n]))
CONVERT(cvtps2ph, w, s->bytes / 4, f32_to_f16(&f, s->b.d[n], half_rounding(s, &f)))
