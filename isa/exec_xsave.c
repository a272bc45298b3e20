/* exec_xsave.c - FXSAVE and FXRSTOR, XSAVE and XRSTOR with their variants, XGETBV, XSETBV.
 *
 * Images: SDM Vol. 1, "FXSAVE Area" and "XSAVE Area". YMM's upper halves come first behind the header, so that they stand
 * at the same place in the standard and in the compacted format; PKRU does not.
 */
#include "isa/cpu_model.h"
#include "isa/operand.h"
#include "isa/simd.h"
#include "isa/state.h"

enum {
    IMAGE_MXCSR = 24,
    IMAGE_XMM = 160,
    IMAGE_LEGACY_END = IMAGE_XMM + 256, /* what processors write of the 512 bytes */
    IMAGE_HEADER = 512,
    IMAGE_YMM = 576,
    IMAGE_BYTES = 832
};

#define XCOMP_COMPACTED BIT(63)

struct image {
    u8 b[IMAGE_BYTES];
};

struct header {
    u64 xstate_bv, xcomp_bv, reserved[6];
};

static bool is_wide(const struct insn *i)
{
    return insn_operand_bytes(i) == 8;
}

static unsigned vectors(const struct hart *h)
{
    return hart_in_64bit_mode(h) ? 16 : 8;
}

/* --- memory in lines, all of it translated before the first byte changes --- */

#define PART 64u

static bool probe(struct hart *h, va_t va, unsigned bytes, enum access access)
{
    if (!va_is_canonical(h, va.v) || !va_is_canonical(h, va.v + bytes - 1)) return true; /* the access itself faults */
    return mem_probe(h, va, access, explicit_by(h)) && mem_probe(h, VA(va.v + bytes - 1), access, explicit_by(h));
}

static bool load_part(struct hart *h, const struct insn *i, unsigned from, unsigned to, struct image *m)
{
    va_t va = insn_ea(h, i);
    for (unsigned at = from; at < to; at += PART)
        if (!simd_load(h, i->segment, VA(va.v + at), (unsigned)min_u64(PART, to - at), m->b + at)) return false;
    return true;
}

static bool store_part(struct hart *h, const struct insn *i, unsigned from, unsigned to, const struct image *m)
{
    va_t va = insn_ea(h, i);
    for (unsigned at = from; at < to; at += PART)
        if (!simd_store(h, i->segment, VA(va.v + at), (unsigned)min_u64(PART, to - at), m->b + at)) return false;
    return true;
}

/* --- components in the image --- */

static void put_mxcsr(const struct hart *h, struct image *m)
{
    u32 mask = MXCSR_MASK;
    memcpy(m->b + IMAGE_MXCSR, &h->fpu.mxcsr, 4);
    memcpy(m->b + IMAGE_MXCSR + 4, &mask, 4);
}

static void put_xmm(const struct hart *h, struct image *m)
{
    for (unsigned n = 0; n < vectors(h); n++) memcpy(m->b + IMAGE_XMM + 16 * n, &h->fpu.vec[n], 16);
}

static void put_ymm(const struct hart *h, struct image *m)
{
    for (unsigned n = 0; n < vectors(h); n++) memcpy(m->b + IMAGE_YMM + 16 * n, &h->fpu.vec[n].q[2], 16);
}

static void get_xmm(struct hart *h, const struct image *m)
{
    for (unsigned n = 0; n < vectors(h); n++) memcpy(&h->fpu.vec[n], m->b + IMAGE_XMM + 16 * n, 16);
}

static void get_ymm(struct hart *h, const struct image *m)
{
    for (unsigned n = 0; n < vectors(h); n++) memcpy(&h->fpu.vec[n].q[2], m->b + IMAGE_YMM + 16 * n, 16);
}

static u32 image_mxcsr(const struct image *m)
{
    u32 v;
    memcpy(&v, m->b + IMAGE_MXCSR, 4);
    return v;
}

/* --- FXSAVE, FXRSTOR --- */

static bool fx_usable(struct hart *h, const struct insn *i)
{
    if (!cpu_has(h->model, FEATURE_fxsr)) return (void)hart_ud(h), false;
    if (h->cr0 & (CR0_EM | CR0_TS)) return (void)hart_fault(h, VEC_NM), false;
    if (insn_ea(h, i).v & 15) return (void)hart_gp(h, 0), false;
    return true;
}

/* Bytes behind the registers that the mode does not have stay. */
static unsigned fx_end(const struct hart *h)
{
    return h->cr4 & CR4_OSFXSR ? IMAGE_XMM + 16 * vectors(h) : IMAGE_XMM;
}

enum outcome exec_fxsave(struct hart *h, const struct insn *i)
{
    struct image m = {{0}};
    if (!fx_usable(h, i) || !probe(h, insn_ea(h, i), IMAGE_HEADER, ACCESS_WRITE)) return OUT_FAULT;
    x87_to_image(&h->fpu.x87, m.b, is_wide(i));
    put_mxcsr(h, &m);
    put_xmm(h, &m);
    return store_part(h, i, 0, fx_end(h), &m) ? OUT_NEXT : OUT_FAULT;
}

enum outcome exec_fxrstor(struct hart *h, const struct insn *i)
{
    struct image m;
    if (!fx_usable(h, i) || !load_part(h, i, 0, IMAGE_HEADER, &m)) return OUT_FAULT;
    bool sse = h->cr4 & CR4_OSFXSR;
    if (sse && (image_mxcsr(&m) & ~MXCSR_MASK)) return hart_gp(h, 0);
    x87_from_image(&h->fpu.x87, m.b, is_wide(i));
    if (!sse) return OUT_NEXT;
    h->fpu.mxcsr = image_mxcsr(&m);
    get_xmm(h, &m);
    return OUT_NEXT;
}

/* --- what is in use, what is asked for --- */

static bool upper_halves_in_use(const struct hart *h)
{
    u64 any = 0;
    for (unsigned n = 0; n < 16; n++) any |= h->fpu.vec[n].q[2] | h->fpu.vec[n].q[3];
    return any;
}

static bool lower_halves_in_use(const struct hart *h)
{
    u64 any = 0;
    for (unsigned n = 0; n < 16; n++) any |= h->fpu.vec[n].q[0] | h->fpu.vec[n].q[1];
    return any;
}

/* --- PKRU: eight bytes at a place of their own --- */

static va_t pkru_at(const struct hart *h, const struct insn *i, bool compacted, u64 components)
{
    u64 behind_header = components & XCR0_AVX ? IMAGE_BYTES : IMAGE_YMM;
    return VA(insn_ea(h, i).v + (compacted ? behind_header : XSAVE_PKRU_OFFSET));
}

static bool store_pkru(struct hart *h, const struct insn *i, bool compacted, u64 components)
{
    return mem_store(h, i->segment, pkru_at(h, i, compacted, components), 8, h->pkru);
}

/* XINUSE: SDM Vol. 1, "Processor Tracking of XSAVE-Managed State". */
static u64 in_use(const struct hart *h)
{
    return (x87_is_initial(&h->fpu.x87) ? 0 : XCR0_X87) | (lower_halves_in_use(h) ? XCR0_SSE : 0) |
           (upper_halves_in_use(h) ? XCR0_AVX : 0) | (h->pkru ? XCR0_PKRU : 0);
}

/* RFBM: the components that EDX:EAX asks for and XCR0 has. */
static u64 requested(const struct hart *h)
{
    return (h->reg[REG_RDX] << 32 | (u32)h->reg[REG_RAX]) & h->fpu.xcr0;
}

static bool xsave_usable(struct hart *h, const struct insn *i, enum cpu_feature feature)
{
    if (!cpu_has(h->model, feature) || !(h->cr4 & CR4_OSXSAVE)) return (void)hart_ud(h), false;
    if (h->cr0 & CR0_TS) return (void)hart_fault(h, VEC_NM), false;
    if (insn_ea(h, i).v & 63) return (void)hart_gp(h, 0), false;
    return true;
}

/* XSAVES and XRSTORS: CPL 0 only; a guest must be let ("enable XSAVES/XRSTORS", else #UD), and asks for each supervisor
 * component that the instruction names (SDM Vol. 3C, "Instructions That Cause VM Exits Conditionally"). */
static enum outcome check_supervisor(struct hart *h, const struct insn *i, enum intercept what)
{
    u64 named = (h->reg[REG_RDX] << 32 | (u32)h->reg[REG_RAX]) & h->fpu.xss;
    if (!cpu_has(h->model, FEATURE_xsaves) || !(h->cr4 & CR4_OSXSAVE)) return hart_ud(h);
    if (hart_in_guest(h) && !h->virt->insn_enabled(h->virt_self, h, what)) return hart_ud(h);
    if (h->cpl != 0) return hart_gp(h, 0);
    if (hart_intercepted(h, i, what, named)) return OUT_EXIT;
    return xsave_usable(h, i, FEATURE_xsaves) ? OUT_NEXT : OUT_FAULT;
}

/* --- saving --- */

static void fill(const struct hart *h, const struct insn *i, struct image *m)
{
    x87_to_image(&h->fpu.x87, m->b, is_wide(i));
    put_mxcsr(h, m);
    put_xmm(h, m);
    put_ymm(h, m);
}

static bool store_components(struct hart *h, const struct insn *i, u64 components, bool mxcsr, const struct image *m)
{
    if ((components & XCR0_X87) && (!store_part(h, i, 0, IMAGE_MXCSR, m) || !store_part(h, i, 32, IMAGE_XMM, m)))
        return false;
    if (mxcsr && !store_part(h, i, IMAGE_MXCSR, IMAGE_MXCSR + 8, m)) return false;
    if ((components & XCR0_SSE) && !store_part(h, i, IMAGE_XMM, IMAGE_XMM + 16 * vectors(h), m)) return false;
    return !(components & XCR0_AVX) || store_part(h, i, IMAGE_YMM, IMAGE_YMM + 16 * vectors(h), m);
}

/* The whole area that may be written. */
static bool probe_area(struct hart *h, const struct insn *i, bool compacted)
{
    unsigned bytes = requested(h) & XCR0_AVX ? IMAGE_BYTES : IMAGE_YMM;
    va_t pkru = pkru_at(h, i, compacted, requested(h));
    if ((requested(h) & XCR0_PKRU) && va_is_canonical(h, pkru.v) && !mem_probe(h, pkru, ACCESS_WRITE, explicit_by(h)))
        return false;
    return probe(h, insn_ea(h, i), bytes, ACCESS_WRITE);
}

/* XSAVE writes what is asked for, XSAVEOPT of that what is in use; XSTATE_BV of other components stays. */
static enum outcome save_standard(struct hart *h, const struct insn *i, bool only_used)
{
    struct image m = {{0}};
    u64 asked = requested(h), used = in_use(h), bv;
    if (!probe_area(h, i, false) || !simd_load(h, i->segment, VA(insn_ea(h, i).v + IMAGE_HEADER), 8, &bv)) return OUT_FAULT;
    fill(h, i, &m);
    bv = (bv & ~asked) | (asked & used);
    memcpy(m.b + IMAGE_HEADER, &bv, 8);
    u64 written = only_used ? asked & used : asked;
    if (!store_components(h, i, written, asked & (XCR0_SSE | XCR0_AVX), &m)) return OUT_FAULT;
    if ((written & XCR0_PKRU) && !store_pkru(h, i, false, asked)) return OUT_FAULT;
    return store_part(h, i, IMAGE_HEADER, IMAGE_HEADER + 8, &m) ? OUT_NEXT : OUT_FAULT;
}

/* XSAVEC and XSAVES: the header is new; MXCSR belongs to the SSE component and puts it in use. */
static enum outcome save_compacted(struct hart *h, const struct insn *i)
{
    struct image m = {{0}};
    u64 asked = requested(h), used = in_use(h) | (h->fpu.mxcsr != MXCSR_INIT ? XCR0_SSE : 0);
    struct header header = {.xstate_bv = asked & used, .xcomp_bv = asked | XCOMP_COMPACTED};
    if (!probe_area(h, i, true)) return OUT_FAULT;
    fill(h, i, &m);
    memcpy(m.b + IMAGE_HEADER, &header, sizeof header);
    if (!store_components(h, i, asked & used, asked & used & XCR0_SSE, &m)) return OUT_FAULT;
    if ((asked & used & XCR0_PKRU) && !store_pkru(h, i, true, asked)) return OUT_FAULT;
    return store_part(h, i, IMAGE_HEADER, IMAGE_HEADER + 16, &m) ? OUT_NEXT : OUT_FAULT;
}

enum outcome exec_xsave(struct hart *h, const struct insn *i)
{
    return xsave_usable(h, i, FEATURE_xsave) ? save_standard(h, i, false) : OUT_FAULT;
}

enum outcome exec_xsaveopt(struct hart *h, const struct insn *i)
{
    return xsave_usable(h, i, FEATURE_xsaveopt) ? save_standard(h, i, true) : OUT_FAULT;
}

enum outcome exec_xsavec(struct hart *h, const struct insn *i)
{
    return xsave_usable(h, i, FEATURE_xsavec) ? save_compacted(h, i) : OUT_FAULT;
}

enum outcome exec_xsaves(struct hart *h, const struct insn *i)
{
    enum outcome o = check_supervisor(h, i, INTERCEPT_xsaves);
    return o == OUT_NEXT ? save_compacted(h, i) : o;
}

/* --- restoring --- */

/* SDM Vol. 1, "Operation of XRSTOR": what of the header is refused. */
static bool header_is_legal(const struct hart *h, const struct header *x, bool only_compacted)
{
    bool compacted = x->xcomp_bv & XCOMP_COMPACTED;
    u64 reserved = 0;
    for (unsigned n = 0; n < 6; n++) reserved |= x->reserved[n];
    if (!compacted) return !only_compacted && !(x->xstate_bv & ~h->fpu.xcr0) && !x->xcomp_bv && !x->reserved[0];
    return cpu_has(h->model, FEATURE_xsavec) && !(x->xcomp_bv & ~XCOMP_COMPACTED & ~h->fpu.xcr0) &&
           !(x->xstate_bv & ~x->xcomp_bv) && !reserved;
}

/* PKRU of the image; stays as it is if there is none. False: h->fault. */
static bool load_pkru(struct hart *h, const struct insn *i, const struct header *x, u64 *pkru)
{
    bool compacted = x->xcomp_bv & XCOMP_COMPACTED;
    if (!(x->xstate_bv & XCR0_PKRU)) return true;
    return mem_load(h, i->segment, pkru_at(h, i, compacted, x->xcomp_bv), 4, pkru);
}

static void restore_ymm(struct hart *h, const struct image *m, bool from_image)
{
    if (from_image)
        get_ymm(h, m);
    else
        for (unsigned n = 0; n < vectors(h); n++) h->fpu.vec[n].q[2] = h->fpu.vec[n].q[3] = 0;
}

static void restore_xmm(struct hart *h, const struct image *m, bool from_image)
{
    if (from_image)
        get_xmm(h, m);
    else
        for (unsigned n = 0; n < vectors(h); n++) h->fpu.vec[n].q[0] = h->fpu.vec[n].q[1] = 0;
}

/* Components asked for come from the image, or to their initial state if XSTATE_BV leaves them out. */
static void restore(struct hart *h, const struct insn *i, const struct image *m, u64 asked, u64 present)
{
    if ((asked & XCR0_X87) && (present & XCR0_X87))
        x87_from_image(&h->fpu.x87, m->b, is_wide(i));
    else if (asked & XCR0_X87)
        x87_reset(&h->fpu.x87);
    if (asked & XCR0_SSE) restore_xmm(h, m, present & XCR0_SSE);
    if (asked & XCR0_AVX) restore_ymm(h, m, present & XCR0_AVX);
}

/* The standard format has MXCSR whenever SSE or AVX is asked for; the compacted one with SSE alone. */
static bool loads_mxcsr(const struct header *x, u64 asked)
{
    if (x->xcomp_bv & XCOMP_COMPACTED) return asked & x->xstate_bv & XCR0_SSE;
    return asked & (XCR0_SSE | XCR0_AVX);
}

static enum outcome restore_image(struct hart *h, const struct insn *i, bool only_compacted)
{
    struct image m = {{0}};
    struct header x;
    u64 asked = requested(h), pkru = 0;
    if (!load_part(h, i, IMAGE_HEADER, IMAGE_HEADER + sizeof x, &m)) return OUT_FAULT;
    memcpy(&x, m.b + IMAGE_HEADER, sizeof x);
    if (!header_is_legal(h, &x, only_compacted)) return hart_gp(h, 0);
    if (!load_part(h, i, 0, IMAGE_LEGACY_END, &m)) return OUT_FAULT;
    if ((asked & XCR0_AVX) && !load_part(h, i, IMAGE_YMM, IMAGE_BYTES, &m)) return OUT_FAULT;
    if ((asked & XCR0_PKRU) && !load_pkru(h, i, &x, &pkru)) return OUT_FAULT;
    if (loads_mxcsr(&x, asked) && (image_mxcsr(&m) & ~MXCSR_MASK)) return hart_gp(h, 0);
    restore(h, i, &m, asked, x.xstate_bv);
    if (loads_mxcsr(&x, asked))
        h->fpu.mxcsr = image_mxcsr(&m);
    else if (asked & XCR0_SSE)
        h->fpu.mxcsr = MXCSR_INIT;
    if (!(asked & XCR0_PKRU)) return OUT_NEXT;
    hart_write_pkru(h, (u32)pkru);
    return OUT_FLUSH;
}

enum outcome exec_xrstor(struct hart *h, const struct insn *i)
{
    return xsave_usable(h, i, FEATURE_xsave) ? restore_image(h, i, false) : OUT_FAULT;
}

enum outcome exec_xrstors(struct hart *h, const struct insn *i)
{
    enum outcome o = check_supervisor(h, i, INTERCEPT_xrstors);
    return o == OUT_NEXT ? restore_image(h, i, true) : o;
}

/* --- XCR0 --- */

enum outcome exec_xgetbv(struct hart *h, const struct insn *i)
{
    u32 n = (u32)h->reg[REG_RCX];
    (void)i;
    if (!(h->cr4 & CR4_OSXSAVE)) return hart_ud(h);
    if (n > 1 || (n == 1 && !cpu_has(h->model, FEATURE_xgetbv1))) return hart_gp(h, 0);
    u64 used = in_use(h) | (h->fpu.mxcsr != MXCSR_INIT ? XCR0_SSE : 0);
    u64 value = n == 0 ? h->fpu.xcr0 : h->fpu.xcr0 & used;
    h->reg[REG_RAX] = (u32)value;
    h->reg[REG_RDX] = value >> 32;
    return OUT_NEXT;
}

/* x87 always; AVX only with SSE (SDM Vol. 1, "Enabling the XSAVE Feature Set and XSAVE-Enabled Features"). */
static bool xcr0_is_valid(const struct hart *h, u64 value)
{
    u64 there = XCR0_X87 | XCR0_SSE | (cpu_has(h->model, FEATURE_avx) ? XCR0_AVX : 0) |
                (cpu_has(h->model, FEATURE_pku) ? XCR0_PKRU : 0);
    return (value & XCR0_X87) && !(value & ~there) && (!(value & XCR0_AVX) || (value & XCR0_SSE));
}

enum outcome exec_xsetbv(struct hart *h, const struct insn *i)
{
    u64 value = h->reg[REG_RDX] << 32 | (u32)h->reg[REG_RAX];
    if (!(h->cr4 & CR4_OSXSAVE)) return hart_ud(h);
    if (h->cpl != 0) return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_xsetbv, 0)) return OUT_EXIT;
    if ((u32)h->reg[REG_RCX] != 0 || !xcr0_is_valid(h, value)) return hart_gp(h, 0);
    h->fpu.xcr0 = value;
    return OUT_FLUSH;
}
