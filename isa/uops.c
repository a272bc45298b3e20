/* uops.c - the micro-operations of an instruction, derived from what Zydis says that it reads and writes.
 *
 * Loads come first, then the main operation, further register results, and stores. The stack engine's
 * updates of RSP by PUSH, POP, CALL and RET are no dependences. Microcoded instructions are one
 * micro-operation; what they cost is the timing model's table.
 */
#include "isa/decode.h"
#include "models/sim/check.h"

/* What the instruction touches. */
struct touched {
    u8 reads[4], writes[4];
    u8 n_reads, n_writes;
    const ZydisDecodedOperandMem *load[2], *store;
    u8 n_loads;
};

static void add_register(u8 *list, u8 *count, u8 reg)
{
    for (unsigned n = 0; n < *count; n++)
        if (list[n] == reg) return;
    if (reg != REG_NONE && *count < 4) list[(*count)++] = reg;
}

/* A general, a vector or an MMX register. */
static u8 dependence(ZydisRegister r)
{
    if (r >= ZYDIS_REGISTER_MM0 && r <= ZYDIS_REGISTER_MM7) return (u8)(REG_MMX0 + (r - ZYDIS_REGISTER_MM0));
    if (r >= ZYDIS_REGISTER_XMM0 && r <= ZYDIS_REGISTER_XMM15) return (u8)(REG_VEC0 + (r - ZYDIS_REGISTER_XMM0));
    if (r >= ZYDIS_REGISTER_YMM0 && r <= ZYDIS_REGISTER_YMM15) return (u8)(REG_VEC0 + (r - ZYDIS_REGISTER_YMM0));
    return decode_dependence(r);
}

/* An 8- or 16-bit result keeps the rest of its register, a conditional one (CMOV) perhaps all of it: it reads it. */
static void touch_register(struct touched *t, const ZydisDecodedOperand *o)
{
    u8 reg = dependence(o->reg.value);
    bool writes = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    bool hidden_stack = reg == REG_RSP && o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
    if (hidden_stack) return;
    bool keeps = writes && (o->size < 32 || (o->actions & ZYDIS_OPERAND_ACTION_CONDWRITE));
    if ((o->actions & ZYDIS_OPERAND_ACTION_MASK_READ) || keeps)
        add_register(t->reads, &t->n_reads, reg);
    if (writes) add_register(t->writes, &t->n_writes, reg);
}

static void touch_memory(struct touched *t, const ZydisDecodedOperand *o)
{
    if (o->mem.type == ZYDIS_MEMOP_TYPE_AGEN) {
        add_register(t->reads, &t->n_reads, decode_dependence(o->mem.base));
        add_register(t->reads, &t->n_reads, decode_dependence(o->mem.index));
        return;
    }
    if ((o->actions & ZYDIS_OPERAND_ACTION_MASK_READ) && t->n_loads < ARRAY_LEN(t->load))
        t->load[t->n_loads++] = &o->mem;
    if (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) t->store = &o->mem;
}

static struct touched touched_by(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    struct touched t = {.n_reads = 0};
    for (unsigned n = 0; n < z->operand_count; n++) {
        if (operand[n].type == ZYDIS_OPERAND_TYPE_REGISTER) touch_register(&t, &operand[n]);
        if (operand[n].type == ZYDIS_OPERAND_TYPE_MEMORY) touch_memory(&t, &operand[n]);
    }
    return t;
}

static struct uop *add_uop(struct insn_info *info, enum uop_kind kind, u8 dst)
{
    CHECK(info->n_uops < INSN_MAX_UOPS, "mnemonic %u", info->mnemonic);
    struct uop *u = &info->uop[info->n_uops++];
    *u = (struct uop){.kind = (u8)kind, .src = {REG_NONE, REG_NONE, REG_NONE}, .dst = dst};
    return u;
}

static void add_loads(struct insn_info *info, const struct touched *t, bool moves)
{
    for (unsigned n = 0; n < t->n_loads; n++) {
        bool direct = moves && !t->store && t->n_writes;
        struct uop *u = add_uop(info, UOP_LOAD, direct ? t->writes[0] : (u8)(REG_TEMP0 + n));
        u->src[0] = decode_dependence(t->load[n]->base);
        u->src[1] = decode_dependence(t->load[n]->index);
    }
}

static bool is_exclusive_or(ZydisMnemonic m)
{
    return m == ZYDIS_MNEMONIC_PXOR || m == ZYDIS_MNEMONIC_VPXOR || m == ZYDIS_MNEMONIC_XORPS ||
           m == ZYDIS_MNEMONIC_VXORPS || m == ZYDIS_MNEMONIC_XORPD || m == ZYDIS_MNEMONIC_VXORPD;
}

/* XOR and SUB of a register with itself depend on nothing. */
static bool is_zero_idiom(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    unsigned last = z->operand_count_visible - 1u;
    bool idiom = z->mnemonic == ZYDIS_MNEMONIC_XOR || z->mnemonic == ZYDIS_MNEMONIC_SUB || is_exclusive_or(z->mnemonic);
    return idiom && operand[0].size >= 32 && operand[last - 1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           operand[last].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           operand[last - 1].reg.value == operand[last].reg.value;
}

static void add_sources(struct uop *u, const struct touched *t)
{
    unsigned n = 0;
    for (; n < t->n_loads; n++) u->src[n] = (u8)(REG_TEMP0 + n);
    for (unsigned r = 0; r < t->n_reads && n < ARRAY_LEN(u->src); r++) u->src[n++] = t->reads[r];
}

/* Base, index and displacement together. */
static bool is_three_component(const ZydisDecodedOperandMem *m)
{
    return m->base != ZYDIS_REGISTER_NONE && m->index != ZYDIS_REGISTER_NONE && m->disp.has_displacement;
}

static bool shifts_by_cl(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    unsigned last = z->operand_count_visible - 1u;
    return z->operand_count_visible >= 2 && operand[last].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           operand[last].visibility == ZYDIS_OPERAND_VISIBILITY_IMPLICIT &&
           operand[last].reg.value == ZYDIS_REGISTER_CL;
}

static enum uop_kind refine_kind(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand,
                                 enum uop_kind kind)
{
    if (kind == UOP_DIV64 && z->operand_width < 64) return UOP_DIV32;
    if (z->mnemonic == ZYDIS_MNEMONIC_IDIV) return UOP_IDIV64;
    if (z->mnemonic == ZYDIS_MNEMONIC_LEA && is_three_component(&operand[1].mem)) return UOP_LEA3;
    return kind == UOP_ALU && shifts_by_cl(z, operand) ? UOP_SHIFT_CL : kind;
}

/* By the widest register that it names or implies. */
static enum uop_row row_of(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    for (unsigned n = 0; n < z->operand_count; n++) {
        const ZydisDecodedOperand *o = &operand[n];
        if (o->type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
        if (o->size == 256 || (o->size == 64 && decode_dependence(o->reg.value) < REG_RIP)) return ROW_WIDE;
    }
    return ROW_NARROW;
}

static void add_further(struct insn_info *info, u8 dst, const struct uop *first)
{
    struct uop *u = add_uop(info, (enum uop_kind)first->kind, dst);
    u->row = ROW_FURTHER;
    u->src[0] = first->dst;
}

static void add_main(struct insn_info *info, const ZydisDecodedInstruction *z,
                     const ZydisDecodedOperand *operand, enum uop_kind kind, const struct touched *t)
{
    bool to_store = t->store && kind != UOP_BRANCH;
    struct uop *u = add_uop(info, kind, to_store ? REG_TEMP1 : t->n_writes ? t->writes[0] : REG_NONE);
    u->row = (u8)row_of(z, operand);
    if (!is_zero_idiom(z, operand)) add_sources(u, t);
    if (z->cpu_flags) {
        u->reads_flags = z->cpu_flags->tested != 0;
        u->writes_flags = (z->cpu_flags->modified | z->cpu_flags->set_0 | z->cpu_flags->set_1) != 0;
    }
    for (unsigned n = to_store ? 0 : 1; n < t->n_writes && info->n_uops + (t->store != NULL) < INSN_MAX_UOPS;
         n++)
        add_further(info, t->writes[n], u);
}

/* The data of a pure store: the loaded value, the register, or nothing for an immediate and for a return
 * address. */
static u8 moved_data(const struct touched *t)
{
    return t->n_loads ? REG_TEMP0 : t->n_reads ? t->reads[0] : REG_NONE;
}

static void add_store(struct insn_info *info, const struct touched *t, bool moves, enum uop_kind kind)
{
    u8 data = moves ? moved_data(t) : kind == UOP_BRANCH ? REG_NONE : REG_TEMP1;
    struct uop *u = add_uop(info, UOP_STORE, REG_NONE);
    u->src[0] = data;
    u->src[1] = decode_dependence(t->store->base);
    u->src[2] = decode_dependence(t->store->index);
}

/* Intel, Optimization Reference Manual, "Macro-Fusion": not with both an immediate and memory, nor relative to
 * RIP. */
static bool may_be_compared(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
{
    bool memory = operand[0].type == ZYDIS_OPERAND_TYPE_MEMORY || operand[1].type == ZYDIS_OPERAND_TYPE_MEMORY;
    bool immediate = operand[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    bool stores = operand[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
                  (operand[0].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE);
    return z->operand_count_visible > 0 && !stores && !(memory && immediate);
}

/* clang-format off */
static u8 fusion_of(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_TEST: case ZYDIS_MNEMONIC_AND:
        return FUSION_ORDER | FUSION_CARRY | FUSION_OTHERS;
    case ZYDIS_MNEMONIC_CMP: case ZYDIS_MNEMONIC_ADD: case ZYDIS_MNEMONIC_SUB:
        return FUSION_ORDER | FUSION_CARRY;
    case ZYDIS_MNEMONIC_INC: case ZYDIS_MNEMONIC_DEC:
    case ZYDIS_MNEMONIC_JZ: case ZYDIS_MNEMONIC_JNZ: case ZYDIS_MNEMONIC_JL: case ZYDIS_MNEMONIC_JNL:
    case ZYDIS_MNEMONIC_JLE: case ZYDIS_MNEMONIC_JNLE:
        return FUSION_ORDER;
    case ZYDIS_MNEMONIC_JB: case ZYDIS_MNEMONIC_JNB: case ZYDIS_MNEMONIC_JBE: case ZYDIS_MNEMONIC_JNBE:
        return FUSION_CARRY;
    case ZYDIS_MNEMONIC_JS: case ZYDIS_MNEMONIC_JNS: case ZYDIS_MNEMONIC_JO: case ZYDIS_MNEMONIC_JNO:
    case ZYDIS_MNEMONIC_JP: case ZYDIS_MNEMONIC_JNP:
        return FUSION_OTHERS;
    default:
        return 0;
    }
}

/* Moves that Agner Fog's tables show eliminated: general registers of 32 and 64 bits, whole vectors. */
static bool is_copy(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand)
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
/* clang-format on */

/* The address of a cache line. */
static void add_flush(struct insn_info *info, const ZydisDecodedOperand *line)
{
    struct uop *u = add_uop(info, UOP_FLUSH, REG_NONE);
    u->src[0] = decode_dependence(line->mem.base);
    u->src[1] = decode_dependence(line->mem.index);
}

void decode_uops(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand, enum uop_kind kind,
                 bool moves, struct insn_info *info)
{
    if (z->mnemonic == ZYDIS_MNEMONIC_NOP) return; /* its operands are for show */
    if (kind == UOP_FLUSH) {
        add_flush(info, &operand[0]);
        return;
    }
    struct touched t = touched_by(z, operand);
    bool single = kind == UOP_MICROCODE || kind == UOP_FENCE;
    if (single) {
        t.n_loads = 0;
        t.store = NULL;
    } else {
        kind = refine_kind(z, operand, kind);
    }
    add_loads(info, &t, moves);
    if (!moves || !(t.n_loads || t.store)) add_main(info, z, operand, kind, &t);
    if ((kind == UOP_ALU || kind == UOP_VECTOR) && info->n_uops == 1) info->uop[0].copies = is_copy(z, operand);
    bool compares = kind != UOP_BRANCH && may_be_compared(z, operand);
    info->fusion = kind == UOP_BRANCH || compares ? fusion_of(z->mnemonic) : 0;
    if (t.store) add_store(info, &t, moves, kind);
}
