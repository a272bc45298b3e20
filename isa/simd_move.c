/* simd_move.c - moves between registers and memory, insertion, extraction, masks of signs, broadcast, extension. */
#include "isa/simd.h"

static void clear(union vec *v)
{
    *v = (union vec){.q = {0}};
}

static unsigned lane_of(const struct simd *s, unsigned lanes)
{
    return s->imm & (lanes - 1);
}

/* --- whole and low parts --- */

void simd_mov(struct simd *s)
{
    memcpy(&s->r, &s->b, s->bytes);
}

void simd_movd(struct simd *s)
{
    u32 low = s->b.d[0];
    clear(&s->r);
    s->r.d[0] = low;
}

void simd_movq(struct simd *s)
{
    u64 low = s->b.q[0];
    clear(&s->r);
    s->r.q[0] = low;
}

/* A load clears the rest; from a register the rest is the first source's. */
void simd_movss(struct simd *s)
{
    if (s->from_memory) clear(&s->r);
    s->r.d[0] = s->b.d[0];
}

void simd_movsd(struct simd *s)
{
    if (s->from_memory) clear(&s->r);
    s->r.q[0] = s->b.q[0];
}

void simd_movhlps(struct simd *s)
{
    s->r.q[0] = s->b.q[1];
}
void simd_movlhps(struct simd *s)
{
    s->r.q[1] = s->b.q[0];
}
void simd_movlps(struct simd *s)
{
    s->r.q[0] = s->b.q[0];
}

/* A load fills the high quadword, a store writes it. */
void simd_movhps(struct simd *s)
{
    if (s->from_memory)
        s->r.q[1] = s->b.q[0];
    else
        s->r.q[0] = s->b.q[1];
}

SIMD_LANES(movsldup, d, s->b.d[n & ~1u])
SIMD_LANES(movshdup, d, s->b.d[n | 1u])
SIMD_LANES(movddup, q, s->b.q[n & ~1u])

/* --- signs of lanes as bits of a general register --- */

void simd_pmovmskb(struct simd *s)
{
    u64 mask = 0;
    for (unsigned n = 0; n < s->bytes; n++) mask |= (u64)(s->b.b[n] >> 7) << n;
    s->r.q[0] = mask;
}

void simd_movmskps(struct simd *s)
{
    u64 mask = 0;
    for (unsigned n = 0; n < s->bytes / 4; n++) mask |= (u64)(s->b.d[n] >> 31) << n;
    s->r.q[0] = mask;
}

void simd_movmskpd(struct simd *s)
{
    u64 mask = 0;
    for (unsigned n = 0; n < s->bytes / 8; n++) mask |= s->b.q[n] >> 63 << n;
    s->r.q[0] = mask;
}

/* --- one lane in, one lane out --- */

void simd_pinsrb(struct simd *s)
{
    s->r.b[lane_of(s, 16)] = s->b.b[0];
}
void simd_pinsrw(struct simd *s)
{
    s->r.w[lane_of(s, 8)] = s->b.w[0];
}
void simd_pinsrd(struct simd *s)
{
    s->r.d[lane_of(s, 4)] = s->b.d[0];
}
void simd_pinsrq(struct simd *s)
{
    s->r.q[lane_of(s, 2)] = s->b.q[0];
}
void simd_pextrb(struct simd *s)
{
    s->r.q[0] = s->b.b[lane_of(s, 16)];
}
void simd_pextrw(struct simd *s)
{
    s->r.q[0] = s->b.w[lane_of(s, 8)];
}
void simd_pextrd(struct simd *s)
{
    s->r.q[0] = s->b.d[lane_of(s, 4)];
}
void simd_pextrq(struct simd *s)
{
    s->r.q[0] = s->b.q[lane_of(s, 2)];
}

/* imm: 7..6 source lane of a register, 5..4 destination lane, 3..0 lanes to clear. */
void simd_insertps(struct simd *s)
{
    s->r.d[s->imm >> 4 & 3] = s->b.d[s->from_memory ? 0 : s->imm >> 6];
    for (unsigned n = 0; n < 4; n++)
        if (s->imm >> n & 1) s->r.d[n] = 0;
}

/* --- broadcast, 128-bit halves --- */

SIMD_LANES(broadcast_b, b, s->b.b[0])
SIMD_LANES(broadcast_w, w, s->b.w[0])
SIMD_LANES(broadcast_d, d, s->b.d[0])
SIMD_LANES(broadcast_q, q, s->b.q[0])
SIMD_LANES(broadcast_128, q, s->b.q[n & 1])

void simd_insert_128(struct simd *s)
{
    s->r = s->a;
    memcpy(&s->r.q[2 * (s->imm & 1)], &s->b, 16);
}

void simd_extract_128(struct simd *s)
{
    clear(&s->r);
    memcpy(&s->r, &s->b.q[2 * (s->imm & 1)], 16);
}

/* --- extension of the low lanes --- */

SIMD_LANES(pmovsxbw, w, (u16)s->b.sb[n])
SIMD_LANES(pmovsxbd, d, (u32)s->b.sb[n])
SIMD_LANES(pmovsxbq, q, (u64)s->b.sb[n])
SIMD_LANES(pmovsxwd, d, (u32)s->b.sw[n])
SIMD_LANES(pmovsxwq, q, (u64)s->b.sw[n])
SIMD_LANES(pmovsxdq, q, (u64)s->b.sd[n])
SIMD_LANES(pmovzxbw, w, s->b.b[n])
SIMD_LANES(pmovzxbd, d, s->b.b[n])
SIMD_LANES(pmovzxbq, q, s->b.b[n])
SIMD_LANES(pmovzxwd, d, s->b.w[n])
SIMD_LANES(pmovzxwq, q, s->b.w[n])
SIMD_LANES(pmovzxdq, q, s->b.d[n])
