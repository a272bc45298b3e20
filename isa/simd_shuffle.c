/* simd_shuffle.c - pack, unpack, shuffle, blend, permute. */
#include "isa/simd.h"

static i32 clamp(i32 v, i32 low, i32 high)
{
    return v < low ? low : v > high ? high : v;
}

/* --- pack: a's lanes, then b's, narrowed with saturation --- */

#define PACK(name, lane, lanes, from_lane, low, high)                                                        \
    SIMD_HALVES(                                                                                             \
        name, for (unsigned n = 0; n < (lanes); n++) {                                                       \
            const struct simd_half *from = n < (lanes) / 2 ? &a : &b;                                        \
            i32 v = clamp(from->from_lane[n % ((lanes) / 2)], low, high);                                    \
            memcpy(&r.lane[n], &v, sizeof r.lane[n]);                                                        \
        })
PACK(packsswb, b, 16, sw, -0x80, 0x7f)
PACK(packuswb, b, 16, sw, 0, 0xff)
PACK(packssdw, w, 8, sd, -0x8000, 0x7fff)
PACK(packusdw, w, 8, sd, 0, 0xffff)

/* --- unpack: lanes of a and b alternate, from the low or the high part --- */

#define UNPACK(name, lane, lanes, first)                                                                     \
    SIMD_HALVES(                                                                                             \
        name, for (unsigned n = 0; n < (lanes); n++) r.lane[n] =                                             \
                  n & 1 ? b.lane[(first) + n / 2] : a.lane[(first) + n / 2];)
UNPACK(punpcklbw, b, 16, 0)
UNPACK(punpcklwd, w, 8, 0)
UNPACK(punpckldq, d, 4, 0)
UNPACK(punpcklqdq, q, 2, 0)
UNPACK(punpckhbw, b, 16, 8)
UNPACK(punpckhwd, w, 8, 4)
UNPACK(punpckhdq, d, 4, 2)
UNPACK(punpckhqdq, q, 2, 1)

/* --- shuffles by an immediate: two bits for each lane --- */

#define SELECT(n) (s->imm >> (2 * (n)) & 3)
SIMD_HALVES(pshufd, (void)a; for (unsigned n = 0; n < 4; n++) r.d[n] = b.d[SELECT(n)];)
SIMD_HALVES(pshuflw, (void)a; r = b; for (unsigned n = 0; n < 4; n++) r.w[n] = b.w[SELECT(n)];)
SIMD_HALVES(pshufhw, (void)a; r = b; for (unsigned n = 0; n < 4; n++) r.w[4 + n] = b.w[4 + SELECT(n)];)
SIMD_HALVES(shufps, for (unsigned n = 0; n < 4; n++) r.d[n] = n < 2 ? a.d[SELECT(n)] : b.d[SELECT(n)];)
SIMD_HALVES(shufpd, r.q[0] = a.q[s->imm >> (2 * half) & 1]; r.q[1] = b.q[s->imm >> (2 * half + 1) & 1];)

/* --- bytes by a register or an immediate --- */

SIMD_HALVES(pshufb, for (unsigned n = 0; n < 16; n++) r.b[n] = b.b[n] & 0x80 ? 0 : a.b[b.b[n] & 15];)

/* Byte n of a:b, a above b; 0 beyond. */
static u8 concatenated(const struct simd_half *a, const struct simd_half *b, unsigned n)
{
    return n < 16 ? b->b[n] : n < 32 ? a->b[n - 16] : 0;
}
SIMD_HALVES(palignr, for (unsigned n = 0; n < 16; n++) r.b[n] = concatenated(&a, &b, n + s->imm);)

/* --- blends: bit 1 chooses b --- */

SIMD_LANES(pblendw, w, s->imm >> (n & 7) & 1 ? s->b.w[n] : s->a.w[n])
SIMD_LANES(blendps, d, s->imm >> n & 1 ? s->b.d[n] : s->a.d[n])
SIMD_LANES(blendpd, q, s->imm >> n & 1 ? s->b.q[n] : s->a.q[n])
SIMD_LANES(pblendvb, b, s->c.sb[n] < 0 ? s->b.b[n] : s->a.b[n])
SIMD_LANES(blendvps, d, s->c.sd[n] < 0 ? s->b.d[n] : s->a.d[n])
SIMD_LANES(blendvpd, q, s->c.sq[n] < 0 ? s->b.q[n] : s->a.q[n])

/* --- permutations --- */

/* The control is b's lanes when there are two sources, else the immediate. */
static unsigned permil_ps(const struct simd *s, unsigned n)
{
    return s->has_a ? s->b.d[n] & 3 : s->imm >> (2 * (n & 3)) & 3;
}
static unsigned permil_pd(const struct simd *s, unsigned n)
{
    return s->has_a ? s->b.q[n] >> 1 & 1 : s->imm >> n & 1;
}
static const union vec *permil_from(const struct simd *s)
{
    return s->has_a ? &s->a : &s->b;
}
SIMD_LANES(permilps, d, permil_from(s)->d[(n & ~3u) + permil_ps(s, n)])
SIMD_LANES(permilpd, q, permil_from(s)->q[(n & ~1u) + permil_pd(s, n)])

SIMD_LANES(permq, q, s->b.q[SELECT(n)])
SIMD_LANES(permd, d, s->b.d[s->a.d[n] & 7])

/* One half of the result: a control of four bits. */
static void choose_half(const struct simd *s, unsigned control, u64 *out)
{
    const union vec *from = control & 2 ? &s->b : &s->a;
    out[0] = control & 8 ? 0 : from->q[2 * (control & 1)];
    out[1] = control & 8 ? 0 : from->q[2 * (control & 1) + 1];
}

void simd_perm2_128(struct simd *s)
{
    choose_half(s, s->imm & 15, &s->r.q[0]);
    choose_half(s, s->imm >> 4, &s->r.q[2]);
}
