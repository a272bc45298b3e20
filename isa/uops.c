/* uops.c - the micro-operations of an instruction, derived from what Zydis says that it reads and writes.
 *
 * Loads come first, then the main operation, further register results, and stores. The stack engine's
 * updates of RSP by PUSH, POP, CALL and RET are no dependences. Microcoded instructions are one
 * micro-operation; what they cost is the timing model's table.
 */
#include "isa/uops.h"
#include "models/sim/check.h"

/* What the instruction touches. */
struct touched {
    u8 reads[4], writes[4];
    u8 n_reads, n_writes;
    const ZydisDecodedOperandMem *load[2], *store;
    u8 n_loads;
    bool pushes; /* an x87 register: what it writes counts from the new top */
};

static void add_register(u8 *list, u8 *count, u8 reg)
{
    for (unsigned n = 0; n < *count; n++)
        if (list[n] == reg) return;
    if (reg != REG_NONE && *count < 4) list[(*count)++] = reg;
}

/* A general, a vector, an MMX or an x87 register; the latter by its place from the top. */
static u8 dependence(ZydisRegister r)
{
    if (r >= ZYDIS_REGISTER_ST0 && r <= ZYDIS_REGISTER_ST7) return (u8)(REG_ST0 + (r - ZYDIS_REGISTER_ST0));
    if (r >= ZYDIS_REGISTER_MM0 && r <= ZYDIS_REGISTER_MM7) return (u8)(REG_MMX0 + (r - ZYDIS_REGISTER_MM0));
    if (r >= ZYDIS_REGISTER_XMM0 && r <= ZYDIS_REGISTER_XMM15) return (u8)(REG_VEC0 + (r - ZYDIS_REGISTER_XMM0));
    if (r >= ZYDIS_REGISTER_YMM0 && r <= ZYDIS_REGISTER_YMM15) return (u8)(REG_VEC0 + (r - ZYDIS_REGISTER_YMM0));
    return decode_dependence(r);
}

/* A result of 8 or 16 bits, or of a part of a vector, keeps the rest of its register, unless it is VEX-encoded. */
static bool keeps_rest(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o, u8 reg)
{
    if (o->actions & ZYDIS_OPERAND_ACTION_CONDWRITE) return true;
    if (reg < REG_RIP) return o->size < 32;
    bool vector = reg >= REG_VEC0 && reg <= REG_VEC15;
    return vector && o->size < 128 && z->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
}

static void touch_register(struct touched *t, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o)
{
    u8 reg = dependence(o->reg.value);
    bool writes = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    bool hidden_stack = reg == REG_RSP && o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
    if (hidden_stack) return;
    if ((o->actions & ZYDIS_OPERAND_ACTION_MASK_READ) || (writes && keeps_rest(z, o, reg)))
        add_register(t->reads, &t->n_reads, reg);
    if (writes && t->pushes && reg >= REG_ST0 && reg <= REG_ST7) reg = x87_register(reg, 7);
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

static struct touched touched_by(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand, bool pushes)
{
    struct touched t = {.pushes = pushes};
    for (unsigned n = 0; n < z->operand_count; n++) {
        if (operand[n].type == ZYDIS_OPERAND_TYPE_REGISTER) touch_register(&t, z, &operand[n]);
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

static void add_sources(struct uop *u, const struct touched *t)
{
    unsigned n = 0;
    for (; n < t->n_loads; n++) u->src[n] = (u8)(REG_TEMP0 + n);
    for (unsigned r = 0; r < t->n_reads && n < ARRAY_LEN(u->src); r++) u->src[n++] = t->reads[r];
}

static void add_further(struct insn_info *info, u8 dst, const struct uop *first)
{
    struct uop *u = add_uop(info, (enum uop_kind)first->kind, dst);
    u->row = ROW_FURTHER;
    u->src[0] = first->dst;
}

/* Carry, and the others: Intel processors rename them apart. */
static u8 flag_groups(ZydisAccessedFlagsMask flags)
{
    const ZydisAccessedFlagsMask others =
        ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF | ZYDIS_CPUFLAG_ZF | ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF;
    return (u8)((flags & ZYDIS_CPUFLAG_CF ? FLAGS_CARRY : 0) | (flags & others ? FLAGS_OTHERS : 0));
}

static void set_flags(struct uop *u, const ZydisDecodedInstruction *z)
{
    if (!z->cpu_flags) return;
    u->reads_flags = flag_groups(z->cpu_flags->tested);
    u->writes_flags = flag_groups(z->cpu_flags->modified | z->cpu_flags->set_0 | z->cpu_flags->set_1);
}

static void add_main(struct insn_info *info, const ZydisDecodedInstruction *z,
                     const ZydisDecodedOperand *operand, enum uop_kind kind, const struct touched *t)
{
    bool to_store = t->store && kind != UOP_BRANCH;
    enum idiom idiom = uops_find_idiom(z, operand);
    struct uop *u = add_uop(info, kind, to_store ? REG_TEMP1 : t->n_writes ? t->writes[0] : REG_NONE);
    u->row = (u8)uops_find_row(z, operand);
    if (idiom == IDIOM_NONE) add_sources(u, t);
    u->zeroes = idiom == IDIOM_ZERO;
    set_flags(u, z);
    for (unsigned n = to_store ? 0 : 1; n < t->n_writes && info->n_uops + (t->store != NULL) < INSN_MAX_UOPS;
         n++)
        add_further(info, t->writes[n], u);
}

static void add_exchange(struct insn_info *info, enum uop_kind kind, const struct touched *t)
{
    u8 a = t->writes[0], b = t->n_writes > 1 ? t->writes[1] : a;
    const u8 from[3] = {a, b, REG_TEMP0}, to[3] = {REG_TEMP0, a, b};
    for (unsigned n = 0; n < 3; n++) {
        struct uop *u = add_uop(info, kind, to[n]);
        u->src[0] = from[n];
        u->copies = kind == UOP_X87_EXCHANGE;
    }
}

/* A gather: its addresses, what its elements make, and the mask that it clears. Its loads are the record's. */
static void add_gather(struct insn_info *info, const ZydisDecodedOperand *operand, const struct touched *t)
{
    const ZydisDecodedOperandMem *m = &operand[1].mem;
    struct uop *address = add_uop(info, UOP_GATHER, REG_TEMP0);
    address->src[0] = dependence(m->index);
    address->src[1] = decode_dependence(m->base);
    address->src[2] = t->writes[1];
    struct uop *u = add_uop(info, UOP_GATHER, t->writes[0]);
    u->row = ROW_FURTHER;
    u->src[0] = REG_TEMP1;
    u->src[1] = t->writes[0];
    add_further(info, t->writes[1], address);
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

/* clang-format on */

/* The address of a cache line. */
static void add_flush(struct insn_info *info, const ZydisDecodedOperand *line)
{
    struct uop *u = add_uop(info, UOP_FLUSH, REG_NONE);
    u->src[0] = decode_dependence(line->mem.base);
    u->src[1] = decode_dependence(line->mem.index);
}

/* Fences, and what microcode does: one micro-operation, without its references. */
static void add_single(struct insn_info *info, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand,
                       enum uop_kind kind, struct touched *t)
{
    t->n_loads = 0;
    t->store = NULL;
    add_main(info, z, operand, kind, t);
}

static void add_parts(struct insn_info *info, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand,
                      enum uop_kind kind, bool moves, const struct touched *t)
{
    moves = moves || uops_only_moves(z, operand, kind);
    kind = uops_refine_kind(z, operand, kind);
    add_loads(info, t, moves);
    if (!moves || !(t->n_loads || t->store)) add_main(info, z, operand, kind, t);
    if (info->n_uops == 1 && !t->n_loads) info->uop[0].copies = uops_is_copy(z, operand);
    if (t->store) add_store(info, t, moves, kind);
}

void decode_uops(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand, enum uop_kind kind,
                 bool moves, struct insn_info *info)
{
    if (z->mnemonic == ZYDIS_MNEMONIC_NOP) return; /* its operands are for show */
    struct touched t = touched_by(z, operand, info->x87_pops < 0);
    bool compares = kind != UOP_BRANCH && may_be_compared(z, operand);
    info->fusion = kind == UOP_BRANCH || compares ? fusion_of(z->mnemonic) : 0;
    if (kind == UOP_FLUSH) {
        add_flush(info, &operand[0]);
    } else if (kind == UOP_MICROCODE || kind == UOP_FENCE) {
        add_single(info, z, operand, kind, &t);
    } else if (kind == UOP_GATHER) {
        add_gather(info, operand, &t);
    } else if (uops_is_exchange(z, operand)) {
        add_exchange(info, kind, &t);
    } else {
        add_parts(info, z, operand, kind, moves, &t);
    }
}
