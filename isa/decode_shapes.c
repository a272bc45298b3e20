/* decode_shapes.c - packs operands: registers, sizes, memory, immediates, and each shape of insns.def. */
#include "isa/decode_shapes.h"
#include "isa/mmx.h"
#include "isa/x87.h"
#include "models/sim/check.h"

/* --- registers, sizes, immediates --- */

static u8 byte_register(ZydisRegister r)
{
    if (r < ZYDIS_REGISTER_AH) return (u8)(8 * (r - ZYDIS_REGISTER_AL));
    if (r < ZYDIS_REGISTER_SPL) return (u8)(8 * (r - ZYDIS_REGISTER_AH) + 1);
    return (u8)(8 * (r - ZYDIS_REGISTER_SPL + REG_RSP));
}

u8 decode_dependence(ZydisRegister r)
{
    if (r >= ZYDIS_REGISTER_AL && r <= ZYDIS_REGISTER_R15B) return byte_register(r) / 8;
    if (r >= ZYDIS_REGISTER_AX && r <= ZYDIS_REGISTER_R15) return (u8)((r - ZYDIS_REGISTER_AX) % 16);
    return REG_NONE;
}

/* As struct insn numbers them: byte registers by their offset. */
u8 decode_operand_register(ZydisRegister r)
{
    return r >= ZYDIS_REGISTER_AL && r <= ZYDIS_REGISTER_R15B ? byte_register(r) : decode_dependence(r);
}

static u8 address_register(ZydisRegister r)
{
    if (r == ZYDIS_REGISTER_RIP || r == ZYDIS_REGISTER_EIP || r == ZYDIS_REGISTER_IP) return REG_RIP;
    u8 reg = decode_dependence(r);
    return reg == REG_NONE ? REG_ZERO : reg;
}

static bool is_general(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER && decode_dependence(o->reg.value) != REG_NONE;
}

static bool is_segment(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value >= ZYDIS_REGISTER_ES &&
           o->reg.value <= ZYDIS_REGISTER_GS;
}

/* 8, 16, 32, 64 bits: 0, 1, 2, 3. */
unsigned decode_log2_of_bits(unsigned width_bits)
{
    return width_bits >= 64 ? 3 : width_bits == 32 ? 2 : width_bits == 16 ? 1 : 0;
}

/* Immediates smaller than the operand are sign-extended; where the manual wants them zero-extended the
 * shape masks. */
static u64 immediate(const struct decoding *d, unsigned n)
{
    return d->z->raw.imm[n].size ? sign_extend(d->z->raw.imm[n].value.u, d->z->raw.imm[n].size / 8) : 0;
}

static u8 segment_number(ZydisRegister r)
{
    return r >= ZYDIS_REGISTER_ES && r <= ZYDIS_REGISTER_GS ? (u8)(r - ZYDIS_REGISTER_ES) : SEG_DS;
}

static bool is_64bit(const struct decoding *d)
{
    return d->z->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;
}

/* A SIB byte without a base. Zydis 4.0 takes REX.B for one when the address size is 32 bits. */
static bool has_no_base(const ZydisDecodedInstruction *z)
{
    return (z->attributes & ZYDIS_ATTRIB_HAS_SIB) && z->raw.modrm.mod == 0 && z->raw.sib.base == 5;
}

static void set_memory(struct decoding *d, const ZydisDecodedOperandMem *m)
{
    struct insn *i = &d->out->hot;
    bool no_base = has_no_base(d->z);
    i->base = no_base ? REG_ZERO : address_register(m->base);
    i->index = address_register(m->index);
    i->scale = m->scale ? (u8)__builtin_ctz(m->scale) : 0;
    i->disp = (i32)(no_base ? d->z->raw.disp.value : m->disp.value);
    i->segment = segment_number(m->segment);
    i->attr |= ATTR_MEMORY;
    if (is_64bit(d) && d->z->address_width == 64 && i->segment < SEG_FS) i->attr |= ATTR_PLAIN_EA;
}

/* --- shapes: does the row fit, and where are its operands? --- */

enum operand_kind { KIND_NONE, KIND_R, KIND_M, KIND_I, KIND_C, KIND_OTHER };

static enum operand_kind operand_kind(const struct decoding *d, unsigned n)
{
    const ZydisDecodedOperand *o = &d->op[n];
    if (n >= d->z->operand_count_visible) return KIND_NONE;
    if (n > 0 && o->visibility == ZYDIS_OPERAND_VISIBILITY_IMPLICIT && o->reg.value == ZYDIS_REGISTER_CL)
        return KIND_C;
    if (is_general(o)) return KIND_R;
    return o->type == ZYDIS_OPERAND_TYPE_MEMORY      ? KIND_M
           : o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? KIND_I
                                                     : KIND_OTHER;
}

static const struct {
    u8 kind[3];
    u8 form;
} forms[] = {
    {{KIND_R}, FORM_R},
    {{KIND_M}, FORM_M},
    {{KIND_I}, FORM_I},
    {{KIND_R, KIND_R}, FORM_RR},
    {{KIND_R, KIND_M}, FORM_RM},
    {{KIND_M, KIND_R}, FORM_MR},
    {{KIND_R, KIND_I}, FORM_RI},
    {{KIND_M, KIND_I}, FORM_MI},
    {{KIND_R, KIND_C}, FORM_RC},
    {{KIND_M, KIND_C}, FORM_MC},
    {{KIND_R, KIND_R, KIND_I}, FORM_RRI},
    {{KIND_R, KIND_M, KIND_I}, FORM_RMI},
    {{KIND_M, KIND_R, KIND_I}, FORM_MRI},
    {{KIND_R, KIND_R, KIND_C}, FORM_RRC},
    {{KIND_M, KIND_R, KIND_C}, FORM_MRC},
    {{KIND_R, KIND_R, KIND_R}, FORM_RRR},
    {{KIND_R, KIND_R, KIND_M}, FORM_RRM},
    {{KIND_R, KIND_M, KIND_R}, FORM_RMR},
};

static enum form find_form(const struct decoding *d)
{
    for (unsigned n = 0; n < ARRAY_LEN(forms); n++)
        if (forms[n].kind[0] == operand_kind(d, 0) && forms[n].kind[1] == operand_kind(d, 1) &&
            forms[n].kind[2] == operand_kind(d, 2))
            return forms[n].form;
    return FORM_NONE;
}

/* A visible operand: the first is dst, the second src, a third register is in imm. */
static void pack_operand(struct decoding *d, unsigned n)
{
    const ZydisDecodedOperand *o = &d->op[n];
    if (operand_kind(d, n) == KIND_R && n == 2)
        d->out->hot.imm = decode_dependence(o->reg.value);
    else if (operand_kind(d, n) == KIND_R)
        *(n == 0 ? &d->out->hot.dst : &d->out->hot.src) = decode_operand_register(o->reg.value);
    if (operand_kind(d, n) == KIND_M) set_memory(d, &o->mem);
    if (operand_kind(d, n) == KIND_I)
        d->out->hot.imm =
            d->z->raw.imm[0].size ? immediate(d, 0) : o->imm.value.u; /* shift by 1 has no bytes */
}

/* Registers, memory, immediates in the order of the manual; the size is the first operand's. */
bool shape_operands(struct decoding *d)
{
    d->form = find_form(d);
    if (d->form == FORM_NONE) return false;
    for (unsigned n = 0; n < d->z->operand_count_visible; n++) pack_operand(d, n);
    d->size_log2 = decode_log2_of_bits(d->op[0].size);
    return true;
}

/* MOVZX and relatives: the source's width is part of the form. */
bool shape_extend(struct decoding *d)
{
    static const u8 by_width[2][3] = {{FORM_RX8, FORM_RX16, FORM_RX32}, {FORM_MX8, FORM_MX16, FORM_MX32}};
    if (!shape_operands(d)) return false;
    d->form = by_width[d->form == FORM_RM][decode_log2_of_bits(d->op[1].size)];
    return true;
}

/* No operands but implied ones; the operand size decides. */
bool shape_implied(struct decoding *d)
{
    d->form = FORM_NONE;
    d->size_log2 = decode_log2_of_bits(d->z->operand_width);
    return true;
}

/* MOV with a 64-bit memory offset: the address goes into imm. */
bool shape_offset(struct decoding *d)
{
    if (d->z->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT || (d->z->opcode & 0xfc) != 0xa0) return false;
    unsigned memory = d->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? 0 : 1;
    set_memory(d, &d->op[memory].mem);
    d->form = memory == 0 ? FORM_MR : FORM_RM;
    d->out->hot.imm = zero_extend((u64)d->op[memory].mem.disp.value, d->z->address_width / 8);
    d->out->hot.dst = d->out->hot.src = REG_RAX;
    d->size_log2 = decode_log2_of_bits(d->op[0].size);
    return true;
}

/* PUSH and POP of anything but segment registers. */
bool shape_stack(struct decoding *d)
{
    if (!shape_operands(d)) return false;
    d->size_log2 = decode_log2_of_bits(d->z->operand_width);
    return true;
}

static ZydisRegister segment_override(const ZydisDecodedInstruction *z)
{
    static const struct {
        ZydisInstructionAttributes attribute;
        ZydisRegister segment;
    } overrides[] = {
        {ZYDIS_ATTRIB_HAS_SEGMENT_CS, ZYDIS_REGISTER_CS}, {ZYDIS_ATTRIB_HAS_SEGMENT_SS, ZYDIS_REGISTER_SS},
        {ZYDIS_ATTRIB_HAS_SEGMENT_ES, ZYDIS_REGISTER_ES}, {ZYDIS_ATTRIB_HAS_SEGMENT_FS, ZYDIS_REGISTER_FS},
        {ZYDIS_ATTRIB_HAS_SEGMENT_GS, ZYDIS_REGISTER_GS},
    };
    for (unsigned n = 0; n < ARRAY_LEN(overrides); n++)
        if (z->attributes & overrides[n].attribute) return overrides[n].segment;
    return ZYDIS_REGISTER_DS;
}

static bool is_far(const struct decoding *d)
{
    return d->z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
}

/* Near branches: 64-bit in 64-bit mode whatever the prefixes. */
bool shape_near(struct decoding *d)
{
    if (is_far(d)) return false;
    if (d->z->operand_count_visible && !shape_operands(d)) return false;
    if (d->out->cold.flow == FLOW_RET) d->out->hot.imm &= 0xffff;
    d->size_log2 = is_64bit(d) ? 3 : decode_log2_of_bits(d->z->operand_width);
    return true;
}

bool shape_string(struct decoding *d)
{
    if (d->z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || d->z->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
        return false;
    d->out->hot.segment = SEG_DS;
    for (unsigned n = 0; n < d->z->operand_count; n++)
        if (d->op[n].type == ZYDIS_OPERAND_TYPE_MEMORY && decode_dependence(d->op[n].mem.base) == REG_RSI)
            d->out->hot.segment = segment_number(d->op[n].mem.segment);
    shape_implied(d);
    bool port = d->out->cold.mnemonic == ZYDIS_MNEMONIC_INSD || d->out->cold.mnemonic == ZYDIS_MNEMONIC_OUTSD;
    if (port && d->size_log2 == 3) d->size_log2 = 2; /* REX.W means nothing to them */
    return true;
}

bool shape_xlat(struct decoding *d)
{
    ZydisDecodedOperandMem memory = {.base = ZYDIS_REGISTER_RBX, .segment = ZYDIS_REGISTER_DS};
    for (unsigned n = 0; n < d->z->operand_count; n++)
        if (d->op[n].type == ZYDIS_OPERAND_TYPE_MEMORY) memory.segment = d->op[n].mem.segment;
    set_memory(d, &memory);
    return shape_implied(d);
}

/* MONITOR's line is at DS:rAX, by the address size. */
bool shape_monitor(struct decoding *d)
{
    ZydisDecodedOperandMem memory = {.base = ZYDIS_REGISTER_RAX, .segment = segment_override(d->z)};
    set_memory(d, &memory);
    return shape_implied(d);
}

bool shape_enter(struct decoding *d)
{
    d->out->hot.imm = (immediate(d, 0) & 0xffff) | (immediate(d, 1) & 0x1f) << 16;
    return shape_implied(d);
}

/* Instructions whose handler serves every form: ModRM.rm is memory or dst, ModRM.reg is src, imm is the
 * first immediate. */
bool shape_system(struct decoding *d)
{
    const ZydisDecodedInstruction *z = d->z;
    for (unsigned n = 0; n < z->operand_count_visible; n++)
        if (d->op[n].type == ZYDIS_OPERAND_TYPE_MEMORY)
            set_memory(d, &d->op[n].mem);
        else if (is_general(&d->op[n]))
            *(d->op[n].encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG ? &d->out->hot.src : &d->out->hot.dst) =
                decode_operand_register(d->op[n].reg.value);
    d->out->hot.imm = z->raw.imm[0].value.u;
    return shape_implied(d);
}

/* The rows of simd.def: see simd.h. */
bool shape_simd(struct decoding *d)
{
    int memory;
    if (!simd_decode(d->z, d->op, &d->out->hot, &memory)) return false;
    if (memory >= 0) set_memory(d, &d->op[memory].mem);
    return shape_implied(d);
}

/* The rows of mmx.def. */
bool shape_mmx(struct decoding *d)
{
    int memory;
    if (!mmx_decode(d->z, d->op, &d->out->hot, &memory)) return false;
    if (memory >= 0) set_memory(d, &d->op[memory].mem);
    return shape_implied(d);
}

/* imm is what struct x87_state.opcode keeps: see x87_opcode of isa/x87.h. WAIT has no ModRM and counts as a
 * register form. */
bool shape_x87(struct decoding *d)
{
    const ZydisDecodedInstruction *z = d->z;
    for (unsigned n = 0; n < z->operand_count; n++)
        if (d->op[n].type == ZYDIS_OPERAND_TYPE_MEMORY) set_memory(d, &d->op[n].mem);
    d->out->hot.imm = (z->opcode & 7u) << 8 | (unsigned)z->raw.modrm.mod << 6 |
                      (unsigned)z->raw.modrm.reg << 3 | z->raw.modrm.rm;
    if (z->mnemonic == ZYDIS_MNEMONIC_FWAIT) d->out->hot.imm = 0xc0;
    return shape_implied(d);
}

/* IN and OUT: imm is the port, ~0 for DX; the size is that of AL, AX or EAX. */
bool shape_port(struct decoding *d)
{
    unsigned accumulator = d->z->mnemonic == ZYDIS_MNEMONIC_IN ? 0 : 1;
    d->form = FORM_NONE;
    d->size_log2 = decode_log2_of_bits(d->op[accumulator].size);
    d->out->hot.imm = d->z->raw.imm[0].size ? d->z->raw.imm[0].value.u & 0xff : ~0ull;
    return true;
}

/* --- moves to and from special registers: imm is the register's number, dst = src the general one --- */

static bool special_move(struct decoding *d, unsigned special, ZydisRegister first, ZydisRegister last)
{
    const ZydisDecodedOperand *o = &d->op[special];
    if (o->type != ZYDIS_OPERAND_TYPE_REGISTER || o->reg.value < first || o->reg.value > last) return false;
    d->out->hot.imm = o->reg.value - first;
    d->out->hot.dst = d->out->hot.src = decode_operand_register(d->op[1 - special].reg.value);
    return shape_implied(d);
}

bool shape_to_cr(struct decoding *d)
{
    return special_move(d, 0, ZYDIS_REGISTER_CR0, ZYDIS_REGISTER_CR15);
}
bool shape_to_cr3(struct decoding *d)
{
    return shape_to_cr(d) && d->out->hot.imm == 3;
}
bool shape_to_cr8(struct decoding *d)
{
    return shape_to_cr(d) && d->out->hot.imm == 8;
}
bool shape_from_cr(struct decoding *d)
{
    return special_move(d, 1, ZYDIS_REGISTER_CR0, ZYDIS_REGISTER_CR15);
}
bool shape_to_dr(struct decoding *d)
{
    return special_move(d, 0, ZYDIS_REGISTER_DR0, ZYDIS_REGISTER_DR15);
}
bool shape_from_dr(struct decoding *d)
{
    return special_move(d, 1, ZYDIS_REGISTER_DR0, ZYDIS_REGISTER_DR15);
}

static bool segment_move(struct decoding *d, unsigned segment)
{
    if (!is_segment(&d->op[segment])) return false;
    shape_system(d);
    d->out->hot.imm = segment_number(d->op[segment].reg.value);
    return true;
}

bool shape_to_segment(struct decoding *d)
{
    return segment_move(d, 0);
}
bool shape_from_segment(struct decoding *d)
{
    return segment_move(d, 1);
}
bool shape_segment(struct decoding *d)
{
    return segment_move(d, 0);
}

bool shape_far(struct decoding *d)
{
    if (!is_far(d)) return false;
    shape_system(d);
    if (d->op[0].type == ZYDIS_OPERAND_TYPE_POINTER)
        d->out->hot.imm = d->op[0].ptr.offset | (u64)d->op[0].ptr.segment << 32;
    if (d->z->mnemonic == ZYDIS_MNEMONIC_RET) d->out->hot.imm &= 0xffff;
    return true;
}

/* nopl disp32(%rax) with 0x47 as the top byte of the displacement. */
bool shape_marker(struct decoding *d)
{
    const u8 *b = d->bytes;
    if (d->z->length != 7 || b[0] != 0x0f || b[1] != 0x1f || b[2] != 0x80 || b[6] != 0x47) return false;
    d->out->cold.marker = true;
    d->out->cold.marker_payload = (u32)b[6] << 24 | (u32)b[5] << 16 | (u32)b[4] << 8 | b[3];
    return shape_implied(d);
}
