/* simd_string.c - PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: SDM Vol. 2B, "Imm8 Control Byte Operation for
 * PCMPESTRI / PCMPESTRM / PCMPISTRI / PCMPISTRM". */
#include "isa/exec.h"
#include "isa/simd.h"

enum aggregation { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

struct strings {
    const struct simd *s;
    unsigned count;          /* elements of a vector: 16 bytes or 8 words */
    unsigned a_length, b_length;
};

static i32 element(const struct strings *t, const union vec *v, unsigned n)
{
    switch (t->s->imm & 3) {
    case 0:
        return v->b[n];
    case 1:
        return v->w[n];
    case 2:
        return v->sb[n];
    default:
        return v->sw[n];
    }
}
static i32 a_at(const struct strings *t, unsigned n)
{
    return element(t, &t->s->a, n);
}
static i32 b_at(const struct strings *t, unsigned n)
{
    return element(t, &t->s->b, n);
}

static bool equal_any(const struct strings *t, unsigned at)
{
    for (unsigned n = 0; n < t->a_length; n++)
        if (at < t->b_length && a_at(t, n) == b_at(t, at)) return true;
    return false;
}

static bool in_ranges(const struct strings *t, unsigned at)
{
    for (unsigned n = 0; n + 1 < t->a_length; n += 2)
        if (at < t->b_length && a_at(t, n) <= b_at(t, at) && b_at(t, at) <= a_at(t, n + 1)) return true;
    return false;
}

static bool equal_each(const struct strings *t, unsigned at)
{
    bool in_a = at < t->a_length, in_b = at < t->b_length;
    return in_a && in_b ? a_at(t, at) == b_at(t, at) : in_a == in_b;
}

/* Does a stand in b from `at` on, as far as b's vector reaches? */
static bool equal_ordered(const struct strings *t, unsigned at)
{
    for (unsigned n = 0; n < t->a_length && at + n < t->count; n++)
        if (at + n >= t->b_length || a_at(t, n) != b_at(t, at + n)) return false;
    return true;
}

static bool matches(const struct strings *t, unsigned at)
{
    switch ((enum aggregation)(t->s->imm >> 2 & 3)) {
    case EQUAL_ANY:
        return equal_any(t, at);
    case RANGES:
        return in_ranges(t, at);
    case EQUAL_EACH:
        return equal_each(t, at);
    default:
        return equal_ordered(t, at);
    }
}

/* IntRes2: the matches, with imm's polarity. */
static u32 compare(const struct strings *t)
{
    u32 result = 0;
    for (unsigned n = 0; n < t->count; n++) result |= (u32)matches(t, n) << n;
    if (t->s->imm & 0x10) result ^= (1u << (t->s->imm & 0x20 ? t->b_length : t->count)) - 1;
    return result;
}

/* --- lengths --- */

static unsigned elements(const struct simd *s)
{
    return s->imm & 1 ? 8 : 16;
}

static unsigned implicit_length(const struct strings *t, const union vec *v)
{
    unsigned n = 0;
    while (n < t->count && element(t, v, n)) n++;
    return n;
}

static unsigned explicit_length(const struct strings *t, u64 value)
{
    i64 v = insn_operand_bytes(t->s->i) == 8 ? (i64)value : (i32)value;
    u64 magnitude = v < 0 ? 0 - (u64)v : (u64)v;
    return magnitude > t->count ? t->count : (unsigned)magnitude;
}

static struct strings strings_implicit(const struct simd *s)
{
    struct strings t = {.s = s, .count = elements(s)};
    t.a_length = implicit_length(&t, &s->a);
    t.b_length = implicit_length(&t, &s->b);
    return t;
}

static struct strings strings_explicit(const struct simd *s)
{
    struct strings t = {.s = s, .count = elements(s)};
    t.a_length = explicit_length(&t, s->h->reg[REG_RAX]);
    t.b_length = explicit_length(&t, s->h->reg[REG_RDX]);
    return t;
}

/* --- results --- */

static void set_flags(struct simd *s, const struct strings *t, u32 result)
{
    s->rflags = (result ? RFLAGS_CF : 0) | (t->b_length < t->count ? RFLAGS_ZF : 0) |
                (t->a_length < t->count ? RFLAGS_SF : 0) | (result & 1 ? RFLAGS_OF : 0);
    s->sets_flags = true;
}

/* ECX: the lowest match, or with imm bit 6 the highest; the number of elements if there is none. */
static void give_index(struct simd *s, const struct strings *t)
{
    u32 result = compare(t);
    unsigned found = t->count;
    if (result) found = s->imm & 0x40 ? 31 - (unsigned)__builtin_clz(result) : (unsigned)__builtin_ctz(result);
    s->h->reg[REG_RCX] = found;
    set_flags(s, t, result);
}

/* XMM0: a bit, or with imm bit 6 a whole element, for each match. */
static void give_mask(struct simd *s, const struct strings *t)
{
    u32 result = compare(t);
    union vec r = {.q = {result, 0}};
    unsigned bytes = 16 / t->count;
    if (s->imm & 0x40)
        for (unsigned n = 0; n < t->count; n++) memset(&r.b[n * bytes], result >> n & 1 ? 0xff : 0, bytes);
    memcpy(&s->h->fpu.vec[0], &r, s->vex ? 32 : 16);
    set_flags(s, t, result);
}

void simd_pcmpestri(struct simd *s)
{
    struct strings t = strings_explicit(s);
    give_index(s, &t);
}
void simd_pcmpestrm(struct simd *s)
{
    struct strings t = strings_explicit(s);
    give_mask(s, &t);
}
void simd_pcmpistri(struct simd *s)
{
    struct strings t = strings_implicit(s);
    give_index(s, &t);
}
void simd_pcmpistrm(struct simd *s)
{
    struct strings t = strings_implicit(s);
    give_mask(s, &t);
}
