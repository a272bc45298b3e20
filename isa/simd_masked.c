/* simd_masked.c - memory under a mask, gathers, and instructions on the state as a whole. */
#include "isa/operand.h"
#include "isa/simd.h"

/* --- moves under a mask: only the lanes whose mask is negative touch memory --- */

static bool lane_is_on(const union vec *mask, unsigned n, unsigned lane_bytes)
{
    return mask->sb[(n + 1) * lane_bytes - 1] < 0;
}

static va_t lane_at(const struct simd *s, unsigned n, unsigned lane_bytes)
{
    u64 offset = zero_extend(insn_offset(s->h, s->i) + n * lane_bytes, insn_address_bytes(s->i));
    return segment_linear(s->h, s->i->segment, offset);
}

static void masked_load(struct simd *s, unsigned lane_bytes)
{
    memset(&s->r, 0, sizeof s->r);
    for (unsigned n = 0; n < s->bytes / lane_bytes && !s->faulted; n++)
        if (lane_is_on(&s->a, n, lane_bytes))
            s->faulted = !simd_load(s->h, s->i->segment, lane_at(s, n, lane_bytes), lane_bytes,
                                    &s->r.b[n * lane_bytes]);
}

/* Every lane may be written, before the first one is. */
static bool may_store(const struct simd *s, const union vec *mask, unsigned lane_bytes)
{
    for (unsigned n = 0; n < s->bytes / lane_bytes; n++) {
        va_t first = lane_at(s, n, lane_bytes), last = VA(first.v + lane_bytes - 1);
        if (!lane_is_on(mask, n, lane_bytes) || !va_is_canonical(s->h, first.v) || !va_is_canonical(s->h, last.v))
            continue;
        if (!mem_probe(s->h, first, ACCESS_WRITE, explicit_by(s->h))) return false;
        if (!mem_probe(s->h, last, ACCESS_WRITE, explicit_by(s->h))) return false;
    }
    return true;
}

static void masked_store(struct simd *s, const union vec *mask, const union vec *data, unsigned lane_bytes)
{
    s->faulted = !may_store(s, mask, lane_bytes);
    for (unsigned n = 0; n < s->bytes / lane_bytes && !s->faulted; n++)
        if (lane_is_on(mask, n, lane_bytes))
            s->faulted = !simd_store(s->h, s->i->segment, lane_at(s, n, lane_bytes), lane_bytes,
                                     &data->b[n * lane_bytes]);
}

void simd_maskmov_d(struct simd *s)
{
    if (s->from_memory)
        masked_load(s, 4);
    else
        masked_store(s, &s->a, &s->b, 4);
}

void simd_maskmov_q(struct simd *s)
{
    if (s->from_memory)
        masked_load(s, 8);
    else
        masked_store(s, &s->a, &s->b, 8);
}

/* To DS:RDI. */
void simd_maskmovdqu(struct simd *s)
{
    masked_store(s, &s->b, &s->a, 1);
}

/* --- gathers: SDM Vol. 2C, "VGATHERDPS/VGATHERQPS" --- */

static u64 gather_index(const struct simd *s, unsigned n, unsigned index_bytes)
{
    const union vec *index = &s->h->fpu.vec[s->i->src];
    return index_bytes == 8 ? index->q[n] : (u64)(i64)index->sd[n];
}

static va_t gather_at(const struct simd *s, unsigned n, unsigned index_bytes)
{
    u64 offset = s->h->reg[s->i->base] + (gather_index(s, n, index_bytes) << s->i->scale) + (u64)(i64)s->i->disp;
    return segment_linear(s->h, s->i->segment, zero_extend(offset, insn_address_bytes(s->i)));
}

/* The registers are three. */
static bool gather_is_legal(const struct simd *s)
{
    u8 mask = simd_form_of(s->i).a;
    return s->i->dst != mask && s->i->dst != s->i->src && mask != s->i->src;
}

/* What a fault leaves: the lanes that are done, with their masks cleared. */
static void leave_partial(struct simd *s, const union vec *mask, const union vec *data)
{
    s->h->fpu.vec[s->i->dst] = *data;
    s->h->fpu.vec[simd_form_of(s->i).a] = *mask;
    s->faulted = true;
}

static void gather(struct simd *s, unsigned index_bytes, unsigned lane_bytes)
{
    unsigned lanes = s->bytes / (index_bytes > lane_bytes ? index_bytes : lane_bytes);
    union vec mask = s->a, data = s->c;
    if (!gather_is_legal(s)) {
        hart_ud(s->h);
        s->faulted = true;
        return;
    }
    for (unsigned n = 0; n < lanes; n++) {
        if (lane_is_on(&mask, n, lane_bytes) &&
            !simd_load(s->h, s->i->segment, gather_at(s, n, index_bytes), lane_bytes, &data.b[n * lane_bytes])) {
            leave_partial(s, &mask, &data);
            return;
        }
        memset(&mask.b[n * lane_bytes], 0, lane_bytes);
    }
    memset(&s->r, 0, sizeof s->r);
    memcpy(&s->r, &data, (size_t)lanes * lane_bytes);
    memset(&s->h->fpu.vec[simd_form_of(s->i).a], 0, sizeof mask);
}

void simd_gather_dd(struct simd *s)
{
    gather(s, 4, 4);
}
void simd_gather_dq(struct simd *s)
{
    gather(s, 4, 8);
}
void simd_gather_qd(struct simd *s)
{
    gather(s, 8, 4);
}
void simd_gather_qq(struct simd *s)
{
    gather(s, 8, 8);
}

/* --- the state as a whole --- */

static unsigned registers(const struct hart *h)
{
    return h->mode == MODE_LONG64 ? 16 : 8;
}

void simd_zeroall(struct simd *s)
{
    memset(s->h->fpu.vec, 0, registers(s->h) * sizeof s->h->fpu.vec[0]);
}

void simd_zeroupper(struct simd *s)
{
    for (unsigned n = 0; n < registers(s->h); n++) s->h->fpu.vec[n].q[2] = s->h->fpu.vec[n].q[3] = 0;
}

void simd_ldmxcsr(struct simd *s)
{
    s->faulted = s->b.d[0] & ~MXCSR_MASK;
    if (s->faulted)
        hart_gp(s->h, 0);
    else
        s->h->fpu.mxcsr = s->b.d[0];
}

void simd_stmxcsr(struct simd *s)
{
    s->r.d[0] = s->h->fpu.mxcsr;
}
