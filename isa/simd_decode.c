/* simd_decode.c - finds the row of simd.def for an instruction and packs its operands into struct insn. */
#include "isa/decode.h"
#include "isa/simd.h"

static const struct {
    u16 mnemonic;
    u8 traits;
} rows[] = {
#define SIMD(m, function, feature, traits, uop, moves) {ZYDIS_MNEMONIC_##m, (traits)},
#include "isa/simd.def"
#undef SIMD
};

/* An instruction on its way. */
struct packing {
    const ZydisDecodedInstruction *z;
    const ZydisDecodedOperand *op;
    struct insn *i;
    struct simd_form f;
    enum simd_kind dst, b;
    u8 traits;
};

static bool find_row(struct packing *p)
{
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++)
        if (rows[n].mnemonic == p->z->mnemonic) {
            p->f.row = (u16)n;
            p->traits = rows[n].traits;
            return true;
        }
    return false;
}

static u8 vector_number(ZydisRegister r)
{
    if (r >= ZYDIS_REGISTER_XMM0 && r <= ZYDIS_REGISTER_XMM15) return (u8)(r - ZYDIS_REGISTER_XMM0);
    if (r >= ZYDIS_REGISTER_YMM0 && r <= ZYDIS_REGISTER_YMM15) return (u8)(r - ZYDIS_REGISTER_YMM0);
    return SIMD_NO_REG;
}

/* Puts the number into *number: a vector's, or a general register's as struct insn numbers operands. */
static enum simd_kind operand_kind(const ZydisDecodedOperand *o, u8 *number)
{
    if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) return SIMD_MEMORY;
    if (o->type != ZYDIS_OPERAND_TYPE_REGISTER) return SIMD_NONE;
    *number = vector_number(o->reg.value);
    if (*number != SIMD_NO_REG) return SIMD_VECTOR;
    *number = decode_operand_register(o->reg.value);
    return *number == REG_NONE ? SIMD_NONE : SIMD_GENERAL_REGISTER;
}

static void pack_destination(struct packing *p)
{
    p->dst = operand_kind(&p->op[0], &p->i->dst);
    p->f.dst_bytes = (u8)(p->op[0].size / 8);
}

static void pack_second(struct packing *p, unsigned n)
{
    p->b = operand_kind(&p->op[n], &p->i->src);
    p->f.b_bytes = (u8)(p->op[n].size / 8);
}

/* Sources behind the destination: b; or a, b; or a, b, c. A memory operand is b wherever it stands. */
static void pack_sources(struct packing *p, unsigned first)
{
    unsigned source[3], count = 0;
    for (unsigned n = first; n < p->z->operand_count_visible && count < 3; n++)
        if (p->op[n].type != ZYDIS_OPERAND_TYPE_IMMEDIATE) source[count++] = n;
    if (count == 0) return;
    bool legacy = p->z->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
    if (count == 1 && (p->traits & SIMD_SHIFTS) && !legacy) {
        operand_kind(&p->op[source[0]], &p->f.a);
        return;
    }
    bool pair = count >= 2 && !legacy;
    bool swapped = pair && p->op[source[0]].type == ZYDIS_OPERAND_TYPE_MEMORY;
    if (pair) operand_kind(&p->op[source[swapped]], &p->f.a);
    pack_second(p, source[pair != swapped]);
    if (count == 3) operand_kind(&p->op[source[count - 1]], &p->f.c);
}

static void pack_operands(struct packing *p)
{
    bool legacy = p->z->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
    if (p->z->operand_count_visible == 0) return;
    if (p->traits & SIMD_COMPARES) {
        if (operand_kind(&p->op[0], &p->f.a) == SIMD_MEMORY) pack_second(p, 0);
        pack_sources(p, 1);
        return;
    }
    pack_destination(p);
    p->f.a = p->f.c = SIMD_NO_REG;
    if (p->dst == SIMD_VECTOR) {
        p->f.c = p->i->dst;
        if (legacy) p->f.a = p->i->dst;
        if (p->z->operand_count > p->z->operand_count_visible) /* XMM0 of a variable blend */
            operand_kind(&p->op[p->z->operand_count_visible], &p->f.c);
    }
    pack_sources(p, 1);
}

/* The memory operand, MASKMOVDQU's hidden one included; a vector of indices is in src. */
static int find_memory(struct packing *p)
{
    for (unsigned n = 0; n < p->z->operand_count; n++) {
        if (p->op[n].type != ZYDIS_OPERAND_TYPE_MEMORY) continue;
        if (vector_number(p->op[n].mem.index) != SIMD_NO_REG) p->i->src = vector_number(p->op[n].mem.index);
        return (int)n;
    }
    return -1;
}

/* Every register operand is a vector or a general register. */
static bool has_foreign_register(const struct packing *p)
{
    u8 number;
    for (unsigned n = 0; n < p->z->operand_count_visible; n++)
        if (p->op[n].type == ZYDIS_OPERAND_TYPE_REGISTER && operand_kind(&p->op[n], &number) == SIMD_NONE)
            return true;
    return false;
}

static u8 encoding_bits(const ZydisDecodedInstruction *z)
{
    if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_VEX) return 0;
    return (u8)(SIMD_VEX | (z->raw.vex.L ? SIMD_256 : 0));
}

bool simd_decode(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op, struct insn *i, int *memory)
{
    struct packing p = {.z = z, .op = op, .i = i};
    p.f.a = p.f.c = SIMD_NO_REG;
    bool encoded = z->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY || z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
    if (!encoded || !find_row(&p) || has_foreign_register(&p)) return false;
    if ((p.traits & SIMD_ONLY128) && (encoding_bits(z) & SIMD_256)) return false;
    pack_operands(&p);
    p.f.imm = (u8)z->raw.imm[0].value.u;
    p.f.kinds = (u8)(p.dst | p.b << 2 | encoding_bits(z));
    memcpy(&i->imm, &p.f, sizeof p.f);
    *memory = find_memory(&p);
    return true;
}
