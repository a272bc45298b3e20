/* exec_mmx.c - instructions on MMX registers: decoding, state checks, operands, the operation, the result. */
#include "isa/cpu_model.h"
#include "isa/decode.h"
#include "isa/mmx.h"
#include "isa/operand.h"
#include "isa/x87.h"

struct row {
    u16 mnemonic, feature;
    simd_fn *function;
    u8 layout, traits;
};

static simd_fn simd_emms;

static const struct row rows[] = {
#define MMX(m, function, layout, feature, traits, uop, moves)                                                \
    {ZYDIS_MNEMONIC_##m, FEATURE_##feature, simd_##function, MMX_##layout, (traits)},
#include "isa/mmx.def"
#undef MMX
};

_Static_assert(sizeof(struct mmx_form) == sizeof(u64), "a form fills struct insn.imm");

/* --- decoding --- */

static enum mmx_kind operand_kind(const ZydisDecodedOperand *o, u8 *number)
{
    ZydisRegister r = o->reg.value;
    if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) return MMX_MEMORY;
    if (o->type != ZYDIS_OPERAND_TYPE_REGISTER) return MMX_NONE;
    if (r >= ZYDIS_REGISTER_MM0 && r <= ZYDIS_REGISTER_MM7) return *number = (u8)(r - ZYDIS_REGISTER_MM0), MMX_REGISTER;
    if (r >= ZYDIS_REGISTER_XMM0 && r <= ZYDIS_REGISTER_XMM15) return *number = (u8)(r - ZYDIS_REGISTER_XMM0), MMX_XMM;
    *number = decode_operand_register(r);
    return *number == REG_NONE ? MMX_NONE : MMX_GENERAL;
}

static const struct row *find_row(ZydisMnemonic m)
{
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++)
        if (rows[n].mnemonic == m) return &rows[n];
    return NULL;
}

/* MOVD and MOVQ have SSE2 forms beside these. */
static bool takes_part(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op, const struct row *row)
{
    u8 number;
    if (row->traits & (MMX_LEAVES | MMX_SSE_MEM)) return true;
    for (unsigned n = 0; n < z->operand_count_visible; n++)
        if (operand_kind(&op[n], &number) == MMX_REGISTER) return true;
    return false;
}

static int find_memory(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op)
{
    for (unsigned n = 0; n < z->operand_count; n++)
        if (op[n].type == ZYDIS_OPERAND_TYPE_MEMORY) return (int)n;
    return -1;
}

bool mmx_decode(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op, struct insn *i, int *memory)
{
    const struct row *row = find_row(z->mnemonic);
    if (!row || z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || !takes_part(z, op, row)) return false;
    struct mmx_form f = {.row = (u16)(row - rows), .imm = (u8)z->raw.imm[0].value.u};
    if (z->operand_count_visible > 0) {
        f.dst = (u8)operand_kind(&op[0], &i->dst);
        f.dst_bytes = (u8)(op[0].size / 8);
    }
    if (z->operand_count_visible > 1) {
        f.b = (u8)operand_kind(&op[1], &i->src);
        f.b_bytes = (u8)(op[1].size / 8);
    }
    memcpy(&i->imm, &f, sizeof f);
    *memory = find_memory(z, op);
    return true;
}

/* --- may it execute? --- */

static bool has_xmm(const struct mmx_form *f)
{
    return f->dst == MMX_XMM || f->b == MMX_XMM;
}

/* CVTPI2PD with a memory operand is an SSE2 instruction like others; processors treat CVTPI2PS so, too, of
 * which the SDM says nothing. */
static bool uses_mmx_state(const struct row *row, const struct mmx_form *f)
{
    return !(row->traits & MMX_SSE_MEM) || f->b != MMX_MEMORY;
}

/* SDM Vol. 3A, "Effect of the Setting of CR0.EM and of CR4.OSFXSR": existence and switches first, then #NM,
 * then #MF. */
static bool usable(struct hart *h, const struct row *row, const struct mmx_form *f)
{
    bool exists = cpu_has(h->model, FEATURE_mmx) && cpu_has(h->model, row->feature);
    bool on = !(h->cr0 & CR0_EM) && (!has_xmm(f) || (h->cr4 & CR4_OSFXSR));
    if (!exists || !on) return (void)hart_ud(h), false;
    if (h->cr0 & CR0_TS) return (void)hart_fault(h, VEC_NM), false;
    if (uses_mmx_state(row, f) && (h->fpu.x87.status & X87_ES)) return (void)hart_fault(h, VEC_MF), false;
    return true;
}

/* --- operands --- */

static union vec low_half(u64 value)
{
    return (union vec){.q = {value}};
}

/* An XMM source in memory of 16 bytes is aligned, as legacy SSE2 has it. */
static bool load_memory(struct hart *h, const struct insn *i, const struct mmx_form *f, union vec *v)
{
    va_t at = insn_ea(h, i);
    if (f->b_bytes == 16 && at.v % 16) return (void)hart_gp(h, 0), false;
    return simd_load(h, i->segment, at, f->b_bytes, v);
}

static bool load_second(struct hart *h, const struct insn *i, const struct mmx_form *f, union vec *v)
{
    switch ((enum mmx_kind)f->b) {
    case MMX_REGISTER:
        *v = low_half(h->fpu.x87.reg[i->src].significand);
        return true;
    case MMX_XMM:
        *v = h->fpu.vec[i->src];
        return true;
    case MMX_GENERAL:
        *v = low_half(reg_read(h, i->src, f->b_bytes));
        return true;
    case MMX_MEMORY:
        return load_memory(h, i, f, v);
    case MMX_NONE:
        break;
    }
    return true;
}

static union vec load_first(const struct hart *h, const struct insn *i, const struct mmx_form *f)
{
    if (f->dst == MMX_REGISTER) return low_half(h->fpu.x87.reg[i->dst].significand);
    return f->dst == MMX_XMM ? h->fpu.vec[i->dst] : low_half(0);
}

/* Lays the operands out for a function of simd_*.c. */
static void lay_out(struct simd *s, enum mmx_layout layout)
{
    u64 a = s->a.q[0], b = s->b.q[0];
    s->bytes = layout == MMX_LANES ? 8 : 16;
    if (layout == MMX_PAIR) s->a.q[1] = b;
    if (layout == MMX_ALIGN) s->b.q[1] = a, s->a = low_half(0);
    if (layout == MMX_BYTES) s->b.q[0] &= 0x8787878787878787;
    if (layout == MMX_WORD) s->imm &= 3;
    s->r = s->a;
}

/* --- the result --- */

/* SDM Vol. 3A, "Effects of MMX Instructions on x87 State": TOP is 0, every register valid; one that is written has an
 * exponent of ones. EMMS empties them. A conversion's exception comes behind this, a memory operand's before it. */
static void enter_mmx_state(struct x87_state *x, const struct row *row)
{
    x87_set_top(x, 0);
    x->valid = row->traits & MMX_LEAVES ? 0 : 0xff;
}

/* EMMS has no result. */
static void simd_emms(struct simd *s)
{
    (void)s;
}

static bool commit(struct hart *h, const struct insn *i, const struct mmx_form *f, const struct simd *s)
{
    switch ((enum mmx_kind)f->dst) {
    case MMX_REGISTER:
        h->fpu.x87.reg[i->dst] = (struct x87_register){s->r.q[rows[f->row].layout == MMX_UPPER], 0xffff};
        break;
    case MMX_XMM:
        memcpy(&h->fpu.vec[i->dst], &s->r, s->bytes);
        break;
    case MMX_GENERAL:
        reg_write(h, i->dst, f->dst_bytes == 8 ? 8 : 4, s->r.q[0]);
        break;
    case MMX_MEMORY:
        return simd_store(h, i->segment, insn_ea(h, i), f->dst_bytes, &s->r);
    case MMX_NONE:
        break;
    }
    return true;
}

enum outcome exec_mmx(struct hart *h, const struct insn *i)
{
    struct mmx_form f;
    memcpy(&f, &i->imm, sizeof f);
    const struct row *row = &rows[f.row];
    struct simd s = {.h = h, .i = i, .imm = f.imm, .has_b = f.b != MMX_NONE, .from_memory = f.b == MMX_MEMORY};
    if (!usable(h, row, &f) || !load_second(h, i, &f, &s.b)) return OUT_FAULT;
    s.a = load_first(h, i, &f);
    lay_out(&s, (enum mmx_layout)row->layout);
    row->function(&s);
    bool raises = !s.faulted && !simd_raise(h, s.exceptions);
    bool done = !s.faulted && !raises && ((row->traits & MMX_STORES) || commit(h, i, &f, &s));
    if ((done || raises) && uses_mmx_state(row, &f)) enter_mmx_state(&h->fpu.x87, row);
    return done ? OUT_NEXT : OUT_FAULT;
}
