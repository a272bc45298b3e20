/* decode.c - finds the row of insns.def for an instruction and describes it. */
#include "isa/cpu_model.h"
#include "isa/decode_shapes.h"
#include "isa/x87.h"
#include "models/sim/check.h"

/* --- the table --- */

enum trait { MOVES = 1, SERIALIZING = 2, SEES_TIME = 4, ALONE = 8 };

struct row {
    bool (*shape)(struct decoding *d);
    const exec_family *family; /* or */
    exec_fn handler;
    u16 mnemonic;
    u8 kind, iclass, flow, traits;
    u8 x87; /* enum x87_trait of an x87 instruction */
};

static const struct row rows[] = {
#define INSN(m, shape, family, kind, class, flow, traits)                                                    \
    {shape_##shape, &exec_##family##_family, NULL,        ZYDIS_MNEMONIC_##m,                                \
     UOP_##kind,    CLASS_##class,           FLOW_##flow, traits,   0},
#define SINGLE(m, shape, handler, kind, class, flow, traits)                                                 \
    {shape_##shape, NULL, exec_##handler, ZYDIS_MNEMONIC_##m, UOP_##kind, CLASS_##class, FLOW_##flow, traits, 0},
#include "isa/insns.def"
#undef INSN
#undef SINGLE
#define X87(m, function, parameter, traits, kind)                                                            \
    {shape_x87, NULL, exec_x87_##m, ZYDIS_MNEMONIC_##m, UOP_##kind, CLASS_plain, FLOW_NONE, 0, X87_ANY | (traits)},
#include "isa/x87.def"
#undef X87
};

/* What no preset has and older processors take for something else: a NOP, or WBINVD. */
static void init_zydis(ZydisDecoder *z, ZydisMachineMode mode, ZydisStackWidth stack)
{
    static const ZydisDecoderMode unknown[] = {ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_CET,
                                               ZYDIS_DECODER_MODE_CLDEMOTE, ZYDIS_DECODER_MODE_WBNOINVD};
    ZyanStatus status = ZydisDecoderInit(z, mode, stack);
    CHECK(ZYAN_SUCCESS(status), "Zydis says %x", (unsigned)status);
    for (unsigned n = 0; n < ARRAY_LEN(unknown); n++) ZydisDecoderEnableMode(z, unknown[n], ZYAN_FALSE);
}

void decoder_init(struct decoder *d)
{
    *d = (struct decoder){0};
    init_zydis(&d->zydis[MODE_REAL16], ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16);
    init_zydis(&d->zydis[MODE_PROT16], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    init_zydis(&d->zydis[MODE_PROT32], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    init_zydis(&d->zydis[MODE_COMPAT16], ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16);
    init_zydis(&d->zydis[MODE_COMPAT32], ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32);
    init_zydis(&d->zydis[MODE_LONG64], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (unsigned n = ARRAY_LEN(rows); n-- > 0;) d->first_row[rows[n].mnemonic] = (u16)(n + 1);
}

void decoder_set_model(struct decoder *d, const struct cpu_model *m)
{
#define GATE(mnemonic, feature) d->absent[ZYDIS_MNEMONIC_##mnemonic] = !cpu_has(m, FEATURE_##feature);
#include "isa/gates.def"
#undef GATE
    for (unsigned mode = 0; mode <= MODE_LONG64; mode++) {
        ZydisDecoderEnableMode(&d->zydis[mode], ZYDIS_DECODER_MODE_LZCNT, cpu_has(m, FEATURE_lzcnt));
        ZydisDecoderEnableMode(&d->zydis[mode], ZYDIS_DECODER_MODE_TZCNT, cpu_has(m, FEATURE_bmi1));
    }
}

/* --- one instruction --- */

static void reset(struct decoded_insn *out, const u8 *bytes, unsigned length)
{
    *out = (struct decoded_insn){
        .hot = {.base = REG_ZERO, .index = REG_ZERO, .segment = SEG_DS, .length = (u8)length}};
    out->cold.length = (u8)length;
    memcpy(out->cold.bytes, bytes, length);
}

static enum outcome exec_too_long(struct hart *h, const struct insn *i)
{
    return (void)i, hart_gp(h, 0);
}

static void undecodable(struct decoded_insn *out, const u8 *bytes, unsigned available, exec_fn exec)
{
    reset(out, bytes, min_u64(available, 15));
    out->hot.length = 1;
    out->hot.exec = exec;
    out->cold.n_uops = 1;
    out->cold.uop[0] = (struct uop){.kind = UOP_MICROCODE, .src = {REG_NONE, REG_NONE, REG_NONE}, .dst = REG_NONE};
    out->ends = true;
}

static bool is_locked(const struct decoding *d)
{
    bool exchanges = d->z->mnemonic == ZYDIS_MNEMONIC_XCHG && (d->out->hot.attr & ATTR_MEMORY);
    return exchanges || (d->z->attributes & ZYDIS_ATTRIB_HAS_LOCK);
}

/* SDM Vol. 1, "Cacheability Control Instructions". */
static bool is_non_temporal_store(ZydisMnemonic mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_MOVNTI: case ZYDIS_MNEMONIC_MOVNTQ: case ZYDIS_MNEMONIC_MOVNTDQ: case ZYDIS_MNEMONIC_VMOVNTDQ:
    case ZYDIS_MNEMONIC_MOVNTPS: case ZYDIS_MNEMONIC_VMOVNTPS: case ZYDIS_MNEMONIC_MOVNTPD: case ZYDIS_MNEMONIC_VMOVNTPD:
    case ZYDIS_MNEMONIC_MASKMOVQ: case ZYDIS_MNEMONIC_MASKMOVDQU: case ZYDIS_MNEMONIC_VMASKMOVDQU: return true;
    default: return false;
    }
}

/* Intel, Optimization Reference Manual, "Length-Changing Prefixes (LCP)": an operand-size prefix in front of an immediate of
 * 16 bits where 32 are usual, or the reverse. */
static bool changes_length(const ZydisDecodedInstruction *z)
{
    return (z->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) && z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
           z->raw.imm[0].size == z->operand_width && (z->operand_width == 16 || z->operand_width == 32) &&
           !z->raw.imm[0].is_relative;
}

static u8 refine_flow(const struct decoding *d, u8 flow)
{
    if (d->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) return flow;
    return flow == FLOW_JUMP ? FLOW_INDIRECT : flow == FLOW_CALL ? FLOW_CALL_INDIRECT : flow;
}

static i8 x87_pops(unsigned traits)
{
    return traits & X87_POP_TWICE ? 2 : traits & X87_POP ? 1 : traits & X87_PUSH ? -1 : 0;
}

static void describe(struct decoding *d, const struct row *row)
{
    struct insn_info *info = &d->out->cold;
    info->iclass = row->iclass;
    info->flow = refine_flow(d, row->flow);
    info->serializing = row->traits & SERIALIZING;
    info->length_changes = changes_length(d->z);
    info->streams = is_non_temporal_store(d->z->mnemonic);
    info->sees_time = row->traits & SEES_TIME;
    info->locked = is_locked(d);
    if (info->locked && info->iclass == CLASS_plain) info->iclass = CLASS_atomic;
    info->repeats = d->out->hot.attr & (ATTR_REP | ATTR_REPNE);
    info->x87 = row->x87;
    info->x87_pops = x87_pops(row->x87);
    decode_uops(d->z, d->op, row->kind, row->traits & MOVES, info);
    d->out->alone = row->traits & (SERIALIZING | SEES_TIME | ALONE);
    d->out->ends =
        d->out->alone || row->kind == UOP_MICROCODE || (info->flow != FLOW_NONE && info->flow != FLOW_COND);
    d->out->stops = info->marker || info->iclass == CLASS_port_io;
}

static u8 common_attributes(const ZydisDecodedInstruction *z)
{
    unsigned attr = decode_log2_of_bits(z->address_width) << ATTR_ADDRESS_SHIFT;
    if (z->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) attr |= ATTR_REP;
    if (z->attributes & ZYDIS_ATTRIB_HAS_REPNE) attr |= ATTR_REPNE;
    return (u8)attr;
}

/* Tries one row: shape, then handler. */
static bool try_row(struct decoding *d, const struct row *row)
{
    reset(d->out, d->bytes, d->z->length);
    d->out->cold.mnemonic = (u16)d->z->mnemonic;
    d->out->cold.flow = row->flow;
    d->out->hot.attr = common_attributes(d->z);
    d->form = FORM_NONE;
    if (!row->shape(d)) return false;
    d->out->hot.attr |= (u8)d->size_log2;
    d->out->hot.exec = row->family ? (*row->family)[d->form][d->size_log2] : row->handler;
    return d->out->hot.exec != NULL;
}

static void not_modelled(struct decoding *d)
{
    static const struct row row = {.kind = UOP_MICROCODE};
    reset(d->out, d->bytes, d->z->length);
    d->out->cold.mnemonic = (u16)d->z->mnemonic;
    d->out->hot.exec = exec_unmodelled;
    describe(d, &row);
}

/* The class of soft TLB lookups that flat segments use does not see who writes through CS, so decoding does: SDM
 * Vol. 3A, "Type Checking". */
static bool writes_code_segment(const struct decoding *d)
{
    for (unsigned n = 0; n < d->z->operand_count; n++)
        if (d->op[n].type == ZYDIS_OPERAND_TYPE_MEMORY && d->op[n].mem.segment == ZYDIS_REGISTER_CS &&
            (d->op[n].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
            return true;
    return false;
}

static enum outcome exec_write_to_code(struct hart *h, const struct insn *i)
{
    return (void)i, hart_gp(h, 0);
}

static void find_row(const struct decoder *decoder, struct decoding *d)
{
    unsigned n = decoder->first_row[d->z->mnemonic];
    for (; n && n <= ARRAY_LEN(rows); n++)
        if (rows[n - 1].mnemonic == d->z->mnemonic && try_row(d, &rows[n - 1])) {
            describe(d, &rows[n - 1]);
            return;
        }
    not_modelled(d);
}

/* SDM Vol. 2A, "Instruction Format": VEX "is not supported in virtual-8086 and real-address mode". */
static bool is_vex_in_real_mode(const ZydisDecodedInstruction *z, enum code_mode mode)
{
    return mode == MODE_REAL16 && z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
}

/* With REX.B opcode 90 is XCHG with R8 and F3 means nothing; Zydis 4.0 says PAUSE. Decodes it with a prefix
 * that means nothing in 64-bit mode in F3's place. */
static void decode_exchange(const ZydisDecoder *zydis, const u8 *bytes, ZydisDecodedInstruction *z,
                            ZydisDecodedOperand *op)
{
    u8 without[ZYDIS_MAX_INSTRUCTION_LENGTH];
    memcpy(without, bytes, z->length);
    for (unsigned n = 0; n < z->raw.prefix_count; n++)
        if (without[n] == 0xf3) without[n] = 0x2e;
    ZydisDecoderDecodeFull(zydis, without, z->length, z, op);
}

enum decoded decode(const struct decoder *d, enum code_mode mode, const u8 *bytes, unsigned available,
                    struct decoded_insn *out)
{
    ZydisDecodedInstruction z;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    ZyanStatus status = ZydisDecoderDecodeFull(&d->zydis[mode], bytes, available, &z, op);
    if (ZYAN_SUCCESS(status) && z.mnemonic == ZYDIS_MNEMONIC_PAUSE && z.raw.rex.B)
        decode_exchange(&d->zydis[mode], bytes, &z, op);
    struct decoding decoding = {.z = &z, .op = op, .bytes = bytes, .out = out};
    if (status == ZYDIS_STATUS_NO_MORE_DATA && available < ZYDIS_MAX_INSTRUCTION_LENGTH)
        return DECODED_TRUNCATED;
    if (status == ZYDIS_STATUS_NO_MORE_DATA || status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG)
        undecodable(out, bytes, available, exec_too_long);
    else if (ZYAN_FAILED(status) || d->absent[z.mnemonic] || is_vex_in_real_mode(&z, mode))
        undecodable(out, bytes, available, exec_ud);
    else
        find_row(d, &decoding);
    bool protects_code = mode != MODE_LONG64 && mode != MODE_REAL16;
    if (ZYAN_SUCCESS(status) && protects_code && writes_code_segment(&decoding))
        out->hot.exec = exec_write_to_code;
    return DECODED;
}

unsigned isa_disassemble(const u8 *bytes, unsigned length, enum code_mode mode, u64 rip, char *buffer,
                     size_t buffer_bytes)
{
    struct decoder d;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    ZydisFormatter formatter;
    decoder_init(&d);
    ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&d.zydis[mode], bytes, length, &z, op)) ||
        ZYAN_FAILED(ZydisFormatterFormatInstruction(&formatter, &z, op, z.operand_count_visible, buffer,
                                                    buffer_bytes, rip, NULL))) {
        snprintf(buffer, buffer_bytes, "(no instruction)");
        return length;
    }
    return z.length;
}
