/* simd.c - the one way in: state checks, operands, the operation, exceptions, the result. */
#include "isa/simd.h"
#include "isa/cpu_model.h"
#include "isa/operand.h"
#include "isa/state.h"
#include "models/sim/check.h"

struct row {
    simd_fn *function;
    u16 feature;
    u8 traits;
};

static const struct row rows[] = {
#define SIMD(m, function, feature, traits, uop, moves) {simd_##function, FEATURE_##feature, (traits)},
#include "isa/simd.def"
#undef SIMD
};

_Static_assert(sizeof(struct simd_form) == sizeof(u64), "a form fills struct insn.imm");

/* --- may it execute? --- */

static bool sse_usable(struct hart *h)
{
    if ((h->cr0 & CR0_EM) || !(h->cr4 & CR4_OSFXSR)) return (void)hart_ud(h), false;
    return true;
}

static bool avx_usable(struct hart *h)
{
    u64 needed = XCR0_SSE | XCR0_AVX;
    bool legacy_mode = !(h->cr0 & CR0_PE) || (h->rflags & RFLAGS_VM);
    if (legacy_mode || !(h->cr4 & CR4_OSXSAVE) || (h->fpu.xcr0 & needed) != needed) return (void)hart_ud(h), false;
    return true;
}

bool simd_usable(struct hart *h, bool vex)
{
    if (!(vex ? avx_usable(h) : sse_usable(h))) return false;
    if (h->cr0 & CR0_TS) return (void)hart_fault(h, VEC_NM), false;
    return true;
}

static bool has_feature(const struct hart *h, const struct row *row, const struct simd_form *f)
{
    if (!cpu_has(h->model, row->feature)) return false;
    if (!(f->kinds & SIMD_VEX)) return true;
    bool needs_avx2 = (f->kinds & SIMD_256) && (row->traits & SIMD_INTEGER);
    return cpu_has(h->model, needs_avx2 ? FEATURE_avx2 : FEATURE_avx);
}

/* Existence first, then what software has switched on. */
static bool usable(struct hart *h, const struct row *row, const struct simd_form *f)
{
    if (!has_feature(h, row, f)) return (void)hart_ud(h), false;
    return (row->traits & SIMD_GENERAL) || simd_usable(h, f->kinds & SIMD_VEX);
}

/* --- memory --- */

/* Bytes of a span that do not cross a page. */
static unsigned bytes_in_page(va_t va, unsigned bytes)
{
    return (unsigned)min_u64(bytes, PAGE_BYTES - (va.v & (PAGE_BYTES - 1)));
}

static va_t behind(const struct hart *h, va_t va, unsigned bytes)
{
    return VA(h->mode == MODE_LONG64 ? va.v + bytes : (u32)(va.v + bytes));
}

/* Two pages: an address that is not canonical comes before a page fault. */
static bool may_access_both(struct hart *h, enum segreg seg, va_t first, va_t second, enum access access)
{
    struct mem_span span;
    bool canonical = va_is_canonical(h, first.v) && va_is_canonical(h, second.v);
    if (h->mode == MODE_LONG64 && !canonical)
        return mem_get_span(h, seg, va_is_canonical(h, first.v) ? second : first, 1, access, &span);
    return mem_probe(h, first, access, explicit_by(h)) && mem_probe(h, second, access, explicit_by(h));
}

/* One or two spans; both are translated before anything is read or written. */
static bool get_spans(struct hart *h, enum segreg seg, va_t va, unsigned bytes, enum access access,
                      struct mem_span span[2])
{
    unsigned first = bytes_in_page(va, bytes);
    bool split = first < bytes;
    if (split && !may_access_both(h, seg, va, behind(h, va, first), access)) return false;
    if (!mem_get_span(h, seg, va, first, access, &span[0])) return false;
    return !split || mem_get_span(h, seg, behind(h, va, first), bytes - first, access, &span[1]);
}

/* A device takes and gives at most 8 bytes at a time. */
static bool load_device(struct hart *h, enum segreg seg, va_t va, unsigned bytes, u8 *out)
{
    for (unsigned done = 0; done < bytes; done += 8) {
        u64 v;
        unsigned part = (unsigned)min_u64(8, bytes - done);
        if (!mem_load(h, seg, behind(h, va, done), part, &v)) return false;
        memcpy(out + done, &v, part);
    }
    return true;
}

static bool store_device(struct hart *h, enum segreg seg, va_t va, unsigned bytes, const u8 *from)
{
    for (unsigned done = 0; done < bytes; done += 8) {
        u64 v = 0;
        unsigned part = (unsigned)min_u64(8, bytes - done);
        memcpy(&v, from + done, part);
        if (!mem_store(h, seg, behind(h, va, done), part, v)) return false;
    }
    return true;
}

bool simd_load(struct hart *h, enum segreg seg, va_t va, unsigned bytes, void *out)
{
    struct mem_span span[2];
    unsigned first = bytes_in_page(va, bytes);
    if (!get_spans(h, seg, va, bytes, ACCESS_READ, span)) return false;
    if (!span[0].host || (first < bytes && !span[1].host)) return load_device(h, seg, va, bytes, out);
    memcpy(out, span[0].host, first);
    if (first < bytes) memcpy((u8 *)out + first, span[1].host, bytes - first);
    return true;
}

static void write_span(struct hart *h, const struct mem_span *span, const void *from, unsigned bytes)
{
    memcpy(span->host, from, bytes);
    physmem_note_write(h->mem, span->at, bytes);
}

bool simd_store(struct hart *h, enum segreg seg, va_t va, unsigned bytes, const void *from)
{
    struct mem_span span[2];
    unsigned first = bytes_in_page(va, bytes);
    if (!get_spans(h, seg, va, bytes, ACCESS_WRITE, span)) return false;
    if (!span[0].host || (first < bytes && !span[1].host)) return store_device(h, seg, va, bytes, from);
    write_span(h, &span[0], from, first);
    if (first < bytes) write_span(h, &span[1], (const u8 *)from + first, bytes - first);
    return true;
}

/* Legacy 16-byte operands are aligned, and those of the explicitly aligned moves: SDM Vol. 1, "Memory Alignment". */
static bool is_aligned(struct hart *h, const struct row *row, const struct simd_form *f, va_t va, unsigned bytes)
{
    bool wants = (row->traits & SIMD_ALIGNED) ||
                 (bytes == 16 && !(f->kinds & SIMD_VEX) && !(row->traits & SIMD_UNALIGNED));
    if (!wants || (va.v & (bytes - 1)) == 0) return true;
    hart_gp(h, 0);
    return false;
}

/* --- operands --- */

static enum simd_kind dst_kind(const struct simd_form *f)
{
    return (enum simd_kind)(f->kinds & 3);
}
static enum simd_kind b_kind(const struct simd_form *f)
{
    return (enum simd_kind)(f->kinds >> 2 & 3);
}

static bool load_b(struct hart *h, const struct insn *i, const struct row *row, const struct simd_form *f,
                   struct simd *s)
{
    switch (b_kind(f)) {
    case SIMD_VECTOR:
        s->b = h->fpu.vec[i->src];
        return true;
    case SIMD_GENERAL_REGISTER:
        s->b.q[0] = reg_read(h, i->src, f->b_bytes);
        return true;
    case SIMD_MEMORY:
        if (row->traits & SIMD_NO_LOAD) return true;
        return is_aligned(h, row, f, insn_ea(h, i), f->b_bytes) &&
               simd_load(h, i->segment, insn_ea(h, i), f->b_bytes, &s->b);
    case SIMD_NONE:
        break;
    }
    return true;
}

static void load_registers(struct hart *h, const struct simd_form *f, struct simd *s)
{
    s->has_a = f->a != SIMD_NO_REG;
    if (s->has_a) s->a = h->fpu.vec[f->a];
    if (f->c != SIMD_NO_REG) s->c = h->fpu.vec[f->c];
    s->r = s->a;
    if (s->vex) s->r.q[2] = s->r.q[3] = 0;
}

static void describe(const struct simd_form *f, struct simd *s)
{
    s->imm = f->imm;
    s->bytes = f->kinds & SIMD_256 ? 32 : 16;
    s->dst_bytes = f->dst_bytes;
    s->b_bytes = f->b_bytes;
    s->vex = f->kinds & SIMD_VEX;
    s->has_b = b_kind(f) != SIMD_NONE;
    s->from_memory = b_kind(f) == SIMD_MEMORY;
}

/* --- the result --- */

static void commit_vector(struct hart *h, unsigned reg, const struct simd *s)
{
    memcpy(&h->fpu.vec[reg], &s->r, s->vex ? 32 : 16);
}

static bool commit(struct hart *h, const struct insn *i, const struct row *row, const struct simd_form *f,
                   const struct simd *s)
{
    switch (dst_kind(f)) {
    case SIMD_VECTOR:
        commit_vector(h, i->dst, s);
        break;
    case SIMD_GENERAL_REGISTER:
        reg_write(h, i->dst, f->dst_bytes == 8 ? 8 : 4, s->r.q[0]);
        break;
    case SIMD_MEMORY:
        if (row->traits & SIMD_NO_LOAD) break;
        return is_aligned(h, row, f, insn_ea(h, i), f->dst_bytes) &&
               simd_store(h, i->segment, insn_ea(h, i), f->dst_bytes, &s->r);
    case SIMD_NONE:
        break;
    }
    if (s->sets_flags) simd_set_flags(h, s->rflags);
    return true;
}

void simd_set_flags(struct hart *h, u64 arithmetic)
{
    u64 carry = arithmetic & RFLAGS_CF, overflow = (arithmetic & RFLAGS_OF) >> 11;
    h->flags.carries = carry << 63 | (carry ^ overflow) << 62 | ((arithmetic & RFLAGS_AF) >> 4) << 3;
    h->flags.sign = (arithmetic & RFLAGS_SF) >> 7 << 63 | (arithmetic & RFLAGS_PF ? 0 : 1);
    h->flags.zero = arithmetic & RFLAGS_ZF ? 0 : 1;
}

/* --- exceptions --- */

#define BEFORE (MXCSR_IE | MXCSR_DE | MXCSR_ZE)

static u32 unmasked(const struct hart *h, u32 exceptions)
{
    return exceptions & ~(h->fpu.mxcsr >> MXCSR_MASKS_SHIFT) & MXCSR_FLAGS;
}

bool simd_keep(struct simd *s, u32 raised)
{
    if (unmasked(s->h, raised & BEFORE)) raised &= BEFORE;
    s->exceptions |= raised;
    return unmasked(s->h, raised);
}

bool simd_raise(struct hart *h, u32 exceptions)
{
    if (LIKELY(!exceptions)) return true;
    h->fpu.mxcsr |= exceptions;
    if (!unmasked(h, exceptions)) return true;
    hart_fault(h, h->cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD);
    return false;
}

/* A store's own fault comes before an exception of what it would store. */
static bool may_store(struct hart *h, const struct insn *i, const struct simd_form *f, u32 exceptions)
{
    struct mem_span span[2];
    if (dst_kind(f) != SIMD_MEMORY || !exceptions) return true;
    return get_spans(h, i->segment, insn_ea(h, i), f->dst_bytes, ACCESS_WRITE, span);
}

enum outcome exec_simd(struct hart *h, const struct insn *i)
{
    struct simd_form f = simd_form_of(i);
    const struct row *row = &rows[f.row];
    struct simd s = {.h = h, .i = i};
    if (UNLIKELY(!usable(h, row, &f))) return OUT_FAULT;
    describe(&f, &s);
    load_registers(h, &f, &s);
    if (!load_b(h, i, row, &f, &s)) return OUT_FAULT;
    row->function(&s);
    if (s.faulted || !may_store(h, i, &f, s.exceptions) || !simd_raise(h, s.exceptions)) return OUT_FAULT;
    return commit(h, i, row, &f, &s) ? OUT_NEXT : OUT_FAULT;
}
