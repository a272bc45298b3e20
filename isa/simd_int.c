/* simd_int.c - integer lanes: arithmetic, comparison, logic, shifts. */
#include "isa/simd.h"

/* --- helpers: saturation --- */

static i32 clamp(i32 v, i32 low, i32 high)
{
    return v < low ? low : v > high ? high : v;
}
static u8 to_u8(i32 v)
{
    return (u8)clamp(v, 0, 0xff);
}
static u8 to_i8(i32 v)
{
    return (u8)clamp(v, -0x80, 0x7f);
}
static u16 to_u16(i32 v)
{
    return (u16)clamp(v, 0, 0xffff);
}
static u16 to_i16(i32 v)
{
    return (u16)clamp(v, -0x8000, 0x7fff);
}

/* clang-format off */
#define A(lane) s->a.lane[n]
#define B(lane) s->b.lane[n]

/* --- addition, subtraction, average --- */
SIMD_LANES(paddb,   b, (u8)(A(b) + B(b)))
SIMD_LANES(paddw,   w, (u16)(A(w) + B(w)))
SIMD_LANES(paddd,   d, A(d) + B(d))
SIMD_LANES(paddq,   q, A(q) + B(q))
SIMD_LANES(paddsb,  b, to_i8(A(sb) + B(sb)))
SIMD_LANES(paddsw,  w, to_i16(A(sw) + B(sw)))
SIMD_LANES(paddusb, b, to_u8(A(b) + B(b)))
SIMD_LANES(paddusw, w, to_u16(A(w) + B(w)))
SIMD_LANES(psubb,   b, (u8)(A(b) - B(b)))
SIMD_LANES(psubw,   w, (u16)(A(w) - B(w)))
SIMD_LANES(psubd,   d, A(d) - B(d))
SIMD_LANES(psubq,   q, A(q) - B(q))
SIMD_LANES(psubsb,  b, to_i8(A(sb) - B(sb)))
SIMD_LANES(psubsw,  w, to_i16(A(sw) - B(sw)))
SIMD_LANES(psubusb, b, to_u8(A(b) - B(b)))
SIMD_LANES(psubusw, w, to_u16(A(w) - B(w)))
SIMD_LANES(pavgb,   b, (u8)((A(b) + B(b) + 1) >> 1))
SIMD_LANES(pavgw,   w, (u16)((A(w) + B(w) + 1) >> 1))

/* --- minimum, maximum, comparison --- */
#define LESSER(lane)  (A(lane) < B(lane) ? A(lane) : B(lane))
#define GREATER(lane) (A(lane) > B(lane) ? A(lane) : B(lane))
SIMD_LANES(pminub,  b,  LESSER(b))
SIMD_LANES(pminuw,  w,  LESSER(w))
SIMD_LANES(pminud,  d,  LESSER(d))
SIMD_LANES(pminsb,  sb, LESSER(sb))
SIMD_LANES(pminsw,  sw, LESSER(sw))
SIMD_LANES(pminsd,  sd, LESSER(sd))
SIMD_LANES(pmaxub,  b,  GREATER(b))
SIMD_LANES(pmaxuw,  w,  GREATER(w))
SIMD_LANES(pmaxud,  d,  GREATER(d))
SIMD_LANES(pmaxsb,  sb, GREATER(sb))
SIMD_LANES(pmaxsw,  sw, GREATER(sw))
SIMD_LANES(pmaxsd,  sd, GREATER(sd))
SIMD_LANES(pcmpeqb, sb, (i8)-(A(sb) == B(sb)))
SIMD_LANES(pcmpeqw, sw, (i16)-(A(sw) == B(sw)))
SIMD_LANES(pcmpeqd, sd, -(A(sd) == B(sd)))
SIMD_LANES(pcmpeqq, sq, -(A(sq) == B(sq)))
SIMD_LANES(pcmpgtb, sb, (i8)-(A(sb) > B(sb)))
SIMD_LANES(pcmpgtw, sw, (i16)-(A(sw) > B(sw)))
SIMD_LANES(pcmpgtd, sd, -(A(sd) > B(sd)))
SIMD_LANES(pcmpgtq, sq, -(A(sq) > B(sq)))

/* --- logic --- */
SIMD_LANES(pand,  q, A(q) & B(q))
SIMD_LANES(pandn, q, ~A(q) & B(q))
SIMD_LANES(por,   q, A(q) | B(q))
SIMD_LANES(pxor,  q, A(q) ^ B(q))

/* --- multiplication --- */
SIMD_LANES(pmullw,   w,  (u16)(A(sw) * B(sw)))
SIMD_LANES(pmulhw,   w,  (u16)((A(sw) * B(sw)) >> 16))
SIMD_LANES(pmulhuw,  w,  (u16)((u32)A(w) * B(w) >> 16))
SIMD_LANES(pmulhrsw, w,  (u16)((((A(sw) * B(sw)) >> 14) + 1) >> 1))
SIMD_LANES(pmulld,   d,  (u32)((u64)A(d) * B(d)))
SIMD_LANES(pmuludq,  q,  (A(q) & 0xffffffff) * (B(q) & 0xffffffff))
SIMD_LANES(pmuldq,   sq, (i64)s->a.sd[2 * n] * s->b.sd[2 * n])
SIMD_LANES(pmaddwd,  d,  (u32)(s->a.sw[2 * n] * s->b.sw[2 * n]) + (u32)(s->a.sw[2 * n + 1] * s->b.sw[2 * n + 1]))
SIMD_LANES(pmaddubsw, w, to_i16(s->a.b[2 * n] * s->b.sb[2 * n] + s->a.b[2 * n + 1] * s->b.sb[2 * n + 1]))

/* --- signs --- */
SIMD_LANES(pabsb,  b, (u8)(B(sb) < 0 ? -B(sb) : B(sb)))
SIMD_LANES(pabsw,  w, (u16)(B(sw) < 0 ? -B(sw) : B(sw)))
SIMD_LANES(pabsd,  d, B(sd) < 0 ? 0 - B(d) : B(d))
SIMD_LANES(psignb, b, (u8)(B(sb) < 0 ? -A(sb) : B(sb) ? A(sb) : 0))
SIMD_LANES(psignw, w, (u16)(B(sw) < 0 ? -A(sw) : B(sw) ? A(sw) : 0))
SIMD_LANES(psignd, d, B(sd) < 0 ? 0 - A(d) : B(sd) ? A(d) : 0)

/* --- shifts: the count is the immediate or the low 64 bits of b --- */
static u64 shift_count(const struct simd *s) { return s->has_b ? s->b.q[0] : s->imm; }

SIMD_LANES(psllw, w, (u16)(shift_count(s) > 15 ? 0 : A(w) << shift_count(s)))
SIMD_LANES(pslld, d, shift_count(s) > 31 ? 0 : A(d) << shift_count(s))
SIMD_LANES(psllq, q, shift_count(s) > 63 ? 0 : A(q) << shift_count(s))
SIMD_LANES(psrlw, w, (u16)(shift_count(s) > 15 ? 0 : A(w) >> shift_count(s)))
SIMD_LANES(psrld, d, shift_count(s) > 31 ? 0 : A(d) >> shift_count(s))
SIMD_LANES(psrlq, q, shift_count(s) > 63 ? 0 : A(q) >> shift_count(s))
SIMD_LANES(psraw, w, (u16)(A(sw) >> (shift_count(s) > 15 ? 15 : shift_count(s))))
SIMD_LANES(psrad, d, (u32)(A(sd) >> (shift_count(s) > 31 ? 31 : shift_count(s))))
SIMD_LANES(psllvd, d, B(d) > 31 ? 0 : A(d) << B(d))
SIMD_LANES(psllvq, q, B(q) > 63 ? 0 : A(q) << B(q))
SIMD_LANES(psrlvd, d, B(d) > 31 ? 0 : A(d) >> B(d))
SIMD_LANES(psrlvq, q, B(q) > 63 ? 0 : A(q) >> B(q))
SIMD_LANES(psravd, d, (u32)(A(sd) >> (B(d) > 31 ? 31 : B(d))))
/* clang-format on */

/* Bytes of each half move up or down. */
SIMD_HALVES(pslldq, for (unsigned n = s->imm; n < 16; n++) r.b[n] = a.b[n - s->imm]; (void)b)
SIMD_HALVES(psrldq, for (unsigned n = s->imm; n < 16; n++) r.b[n - s->imm] = a.b[n]; (void)b)

/* --- sums over neighbours --- */

/* r holds the results of a's pairs, then of b's; lanes of a half. */
#define PAIRS(name, lane, lanes, expr)                                                                       \
    SIMD_HALVES(                                                                                             \
        name, for (unsigned n = 0; n < (lanes); n++) {                                                       \
            const struct simd_half *from = n < (lanes) / 2 ? &a : &b;                                        \
            unsigned at = 2 * (n % ((lanes) / 2));                                                           \
            r.lane[n] = (expr);                                                                              \
        })
PAIRS(phaddw, w, 8, (u16)(from->w[at] + from->w[at + 1]))
PAIRS(phaddd, d, 4, from->d[at] + from->d[at + 1])
PAIRS(phaddsw, w, 8, to_i16(from->sw[at] + from->sw[at + 1]))
PAIRS(phsubw, w, 8, (u16)(from->w[at] - from->w[at + 1]))
PAIRS(phsubd, d, 4, from->d[at] - from->d[at + 1])
PAIRS(phsubsw, w, 8, to_i16(from->sw[at] - from->sw[at + 1]))

static u32 absolute_difference(u8 a, u8 b)
{
    return a > b ? (u32)(a - b) : (u32)(b - a);
}

void simd_psadbw(struct simd *s)
{
    for (unsigned n = 0; n < s->bytes / 8; n++) {
        u64 sum = 0;
        for (unsigned k = 0; k < 8; k++) sum += absolute_difference(s->a.b[8 * n + k], s->b.b[8 * n + k]);
        s->r.q[n] = sum;
    }
}

/* One half: imm bit 2 chooses a's offset, bits 1:0 b's block of four. */
static void sum_differences(const u8 *a, const u8 *b, unsigned control, u16 *r)
{
    const u8 *from = a + (control & 4), *block = b + 4 * (control & 3);
    for (unsigned n = 0; n < 8; n++) {
        u32 sum = 0;
        for (unsigned k = 0; k < 4; k++) sum += absolute_difference(from[n + k], block[k]);
        r[n] = (u16)sum;
    }
}

void simd_mpsadbw(struct simd *s)
{
    for (unsigned half = 0; half < s->bytes / 16; half++)
        sum_differences(s->a.b + 16 * half, s->b.b + 16 * half, s->imm >> (3 * half) & 7, s->r.w + 8 * half);
}

void simd_phminposuw(struct simd *s)
{
    unsigned at = 0;
    for (unsigned n = 1; n < 8; n++)
        if (s->b.w[n] < s->b.w[at]) at = n;
    s->r.q[0] = s->b.w[at] | at << 16;
    s->r.q[1] = 0;
}

/* --- tests --- */

/* ZF: no bit of a & b; CF: no bit of b outside a. `sign`: of each 64-bit word only these bits count. */
static void test_bits(struct simd *s, u64 counted)
{
    u64 both = 0, only_b = 0;
    for (unsigned n = 0; n < s->bytes / 8; n++) {
        both |= s->a.q[n] & s->b.q[n];
        only_b |= ~s->a.q[n] & s->b.q[n];
    }
    s->rflags = (both & counted ? 0 : RFLAGS_ZF) | (only_b & counted ? 0 : RFLAGS_CF);
    s->sets_flags = true;
}

void simd_ptest(struct simd *s)
{
    test_bits(s, ~0ull);
}
void simd_testps(struct simd *s)
{
    test_bits(s, 0x8000000080000000ull);
}
void simd_testpd(struct simd *s)
{
    test_bits(s, 0x8000000000000000ull);
}
