/* uops_refine.c - kinds of micro-operations by operands; idioms and copies. */
#include "isa/uops.h"

/* --- kinds --- */

enum when {
    WHEN_SHORT,          /* no 64-bit or 256-bit register */
    WHEN_WIDE,
    WHEN_THREE_PARTS,    /* an address with base, index and displacement */
    WHEN_BY_CL,
    WHEN_NOT_BY_ONE,
    WHEN_ONE_OPERAND,
    WHEN_MEMORY_SOURCE,
    WHEN_MEMORY_RESULT,
    WHEN_GENERAL_SOURCE, /* the last operand is a general register */
    WHEN_GENERAL_RESULT,
    WHEN_VECTOR_COUNT,   /* the last operand is a vector or MMX register */
    WHEN_VEX
};

/* Every row that fits, in this order. clang-format off */
static const struct { u8 from, when, to; } refinements[] = {
    {UOP_DIV64,              WHEN_SHORT,          UOP_DIV32},
    {UOP_IDIV64,             WHEN_SHORT,          UOP_DIV32},
    {UOP_LEA,                WHEN_THREE_PARTS,    UOP_LEA3},
    {UOP_SHIFT,              WHEN_BY_CL,          UOP_SHIFT_CL},
    {UOP_ROTATE,             WHEN_BY_CL,          UOP_SHIFT_CL},
    {UOP_ROTATE_CARRY,       WHEN_NOT_BY_ONE,     UOP_ROTATE_CARRY_FAR},
    {UOP_SHIFT_DOUBLE,       WHEN_BY_CL,          UOP_SHIFT_DOUBLE_CL},
    {UOP_MUL,                WHEN_ONE_OPERAND,    UOP_MUL_DOUBLE},
    {UOP_MUL_DOUBLE,         WHEN_WIDE,           UOP_MUL_DOUBLE64},
    {UOP_CMPXCHG,            WHEN_MEMORY_RESULT,  UOP_CMPXCHG_STORE},
    {UOP_XADD,               WHEN_MEMORY_RESULT,  UOP_ALU},
    {UOP_VMOVE,              WHEN_GENERAL_SOURCE, UOP_TO_VECTOR},
    {UOP_VMOVE,              WHEN_GENERAL_RESULT, UOP_FROM_VECTOR},
    {UOP_VSHIFT,             WHEN_VECTOR_COUNT,   UOP_VSHIFT_COUNT},
    {UOP_INSERT,             WHEN_MEMORY_SOURCE,  UOP_SHUFFLE},
    {UOP_EXTRACT,            WHEN_MEMORY_RESULT,  UOP_SHUFFLE},
    {UOP_INSERT_LANE,        WHEN_MEMORY_SOURCE,  UOP_BLEND},
    {UOP_BLENDV,             WHEN_VEX,            UOP_BLENDV_VEX},
    {UOP_MASK_LOAD,          WHEN_MEMORY_RESULT,  UOP_MASK_STORE},
    {UOP_CONVERT_FROM_INT,   WHEN_MEMORY_SOURCE,  UOP_CONVERT},
    {UOP_CONVERT_FROM_INT_S, WHEN_MEMORY_SOURCE,  UOP_CONVERT},
    {UOP_CONVERT_WIDEN,      WHEN_MEMORY_SOURCE,  UOP_CONVERT},
};
/* clang-format on */

static bool is_general(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER && decode_dependence(o->reg.value) < REG_RIP;
}

static bool is_memory(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static bool is_three_component(const ZydisDecodedOperandMem *m)
{
    return m->base != ZYDIS_REGISTER_NONE && m->index != ZYDIS_REGISTER_NONE && m->disp.has_displacement;
}

static bool shifts_by_cl(const ZydisDecodedOperand *last)
{
    return last->type == ZYDIS_OPERAND_TYPE_REGISTER && last->visibility == ZYDIS_OPERAND_VISIBILITY_IMPLICIT &&
           last->reg.value == ZYDIS_REGISTER_CL;
}

static bool shifts_by_one(const ZydisDecodedOperand *last)
{
    return last->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && last->imm.value.u == 1;
}

static bool reads_memory(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    for (unsigned n = 1; n < z->operand_count_visible; n++)
        if (is_memory(&operand[n])) return true;
    return false;
}

static bool holds(enum when when, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    const ZydisDecodedOperand *last = &operand[z->operand_count_visible - 1u];
    switch (when) {
    case WHEN_SHORT: return uops_find_row(z, operand) == ROW_NARROW;
    case WHEN_WIDE: return uops_find_row(z, operand) == ROW_WIDE;
    case WHEN_THREE_PARTS: return is_three_component(&last->mem);
    case WHEN_BY_CL: return shifts_by_cl(last);
    case WHEN_NOT_BY_ONE: return !shifts_by_one(last);
    case WHEN_ONE_OPERAND: return z->operand_count_visible == 1;
    case WHEN_MEMORY_SOURCE: return reads_memory(z, operand);
    case WHEN_MEMORY_RESULT: return is_memory(&operand[0]);
    case WHEN_GENERAL_SOURCE: return is_general(last);
    case WHEN_GENERAL_RESULT: return is_general(&operand[0]);
    case WHEN_VECTOR_COUNT: return last->type == ZYDIS_OPERAND_TYPE_REGISTER;
    case WHEN_VEX: return z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
    }
    return false;
}

enum uop_kind uops_refine_kind(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand,
                               enum uop_kind kind)
{
    if (z->operand_count_visible == 0) return kind;
    for (unsigned n = 0; n < ARRAY_LEN(refinements); n++)
        if (refinements[n].from == kind && holds((enum when)refinements[n].when, z, operand))
            kind = (enum uop_kind)refinements[n].to;
    return kind;
}

enum uop_row uops_find_row(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    for (unsigned n = 0; n < z->operand_count; n++) {
        const ZydisDecodedOperand *o = &operand[n];
        bool hidden_stack = o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && is_general(o) &&
                            decode_dependence(o->reg.value) == REG_RSP;
        if (o->type != ZYDIS_OPERAND_TYPE_REGISTER || hidden_stack) continue;
        if (o->size == 256 || (o->size == 64 && is_general(o))) return ROW_WIDE;
    }
    return ROW_NARROW;
}

/* --- moves --- */

/* Loads that spread or extend what they load on the way, and stores of one half: Intel, "64 and IA-32 Architectures
 * Optimization Reference Manual", "Load and Store Operation Overview"; Agner Fog's tables. */
static bool only_loads(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand, enum uop_kind kind)
{
    if (kind == UOP_BROADCAST) return operand[1].size >= 32; /* of bytes and words shuffle behind the load */
    if (kind != UOP_FSHUFFLE) return false;
    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_MOVSS: case ZYDIS_MNEMONIC_VMOVSS: case ZYDIS_MNEMONIC_MOVSD: case ZYDIS_MNEMONIC_VMOVSD:
    case ZYDIS_MNEMONIC_MOVDDUP: case ZYDIS_MNEMONIC_VMOVDDUP: case ZYDIS_MNEMONIC_MOVSLDUP:
    case ZYDIS_MNEMONIC_VMOVSLDUP: case ZYDIS_MNEMONIC_MOVSHDUP: case ZYDIS_MNEMONIC_VMOVSHDUP: return true;
    default: return false;
    }
}

bool uops_only_moves(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand, enum uop_kind kind)
{
    if (z->operand_count_visible == 0) return false;
    if (kind == UOP_X87_MOVE) return is_memory(&operand[0]);
    if (is_memory(&operand[0])) return kind == UOP_FSHUFFLE || kind == UOP_EXTRACT_LANE;
    return z->operand_count_visible == 2 && is_memory(&operand[1]) && only_loads(z, operand, kind);
}

/* Moves that Agner Fog's tables show eliminated: general registers of 32 and 64 bits, whole vectors. */
bool uops_is_copy(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVAPS: case ZYDIS_MNEMONIC_MOVAPD: case ZYDIS_MNEMONIC_MOVUPS: case ZYDIS_MNEMONIC_MOVUPD:
    case ZYDIS_MNEMONIC_MOVDQA: case ZYDIS_MNEMONIC_MOVDQU:
    case ZYDIS_MNEMONIC_VMOVAPS: case ZYDIS_MNEMONIC_VMOVAPD: case ZYDIS_MNEMONIC_VMOVUPS:
    case ZYDIS_MNEMONIC_VMOVUPD: case ZYDIS_MNEMONIC_VMOVDQA: case ZYDIS_MNEMONIC_VMOVDQU:
        return operand[0].type == ZYDIS_OPERAND_TYPE_REGISTER && operand[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
               operand[0].size >= 32;
    default:
        return false;
    }
}

bool uops_is_exchange(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    return z->mnemonic == ZYDIS_MNEMONIC_FXCH ||
           (z->mnemonic == ZYDIS_MNEMONIC_XCHG && !is_memory(&operand[0]) && !is_memory(&operand[1]));
}

/* --- idioms: Intel, "64 and IA-32 Architectures Optimization Reference Manual", "Clearing Registers and Dependency
 * Breaking Idioms"; Agner Fog, "The microarchitecture of Intel, AMD and VIA CPUs", on independent sources --- */

static enum idiom idiom_of(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_XOR: case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_PXOR: case ZYDIS_MNEMONIC_VPXOR: case ZYDIS_MNEMONIC_XORPS: case ZYDIS_MNEMONIC_VXORPS:
    case ZYDIS_MNEMONIC_XORPD: case ZYDIS_MNEMONIC_VXORPD:
    case ZYDIS_MNEMONIC_PSUBB: case ZYDIS_MNEMONIC_VPSUBB: case ZYDIS_MNEMONIC_PSUBW: case ZYDIS_MNEMONIC_VPSUBW:
    case ZYDIS_MNEMONIC_PSUBD: case ZYDIS_MNEMONIC_VPSUBD: case ZYDIS_MNEMONIC_PSUBQ: case ZYDIS_MNEMONIC_VPSUBQ:
    case ZYDIS_MNEMONIC_PCMPGTB: case ZYDIS_MNEMONIC_VPCMPGTB: case ZYDIS_MNEMONIC_PCMPGTW:
    case ZYDIS_MNEMONIC_VPCMPGTW: case ZYDIS_MNEMONIC_PCMPGTD: case ZYDIS_MNEMONIC_VPCMPGTD:
    case ZYDIS_MNEMONIC_PCMPGTQ: case ZYDIS_MNEMONIC_VPCMPGTQ:
        return IDIOM_ZERO;
    case ZYDIS_MNEMONIC_PCMPEQB: case ZYDIS_MNEMONIC_VPCMPEQB: case ZYDIS_MNEMONIC_PCMPEQW:
    case ZYDIS_MNEMONIC_VPCMPEQW: case ZYDIS_MNEMONIC_PCMPEQD: case ZYDIS_MNEMONIC_VPCMPEQD:
    case ZYDIS_MNEMONIC_PCMPEQQ: case ZYDIS_MNEMONIC_VPCMPEQQ:
        return IDIOM_ONES;
    default:
        return IDIOM_NONE;
    }
}

enum idiom uops_find_idiom(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    enum idiom idiom = idiom_of(z->mnemonic);
    if (idiom == IDIOM_NONE || operand[0].size < 32) return IDIOM_NONE;
    const ZydisDecodedOperand *last = &operand[z->operand_count_visible - 1u], *other = last - 1;
    bool equal = other->type == ZYDIS_OPERAND_TYPE_REGISTER && last->type == ZYDIS_OPERAND_TYPE_REGISTER &&
                 other->reg.value == last->reg.value;
    return equal ? idiom : IDIOM_NONE;
}
