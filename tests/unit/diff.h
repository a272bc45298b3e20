/* diff.h - random instructions with random state for differential tests against other implementations.
 *
 * An instruction is random prefixes, a random opcode of the one-byte or 0F map, and random operands; kept
 * if its row in insns.def belongs to the integer groups. Addresses are steered into the data area most of
 * the time. What the manual leaves undefined is in the table below (SDM Vol. 2, "Flags Affected" of each
 * instruction).
 */
#ifndef TESTS_DIFF_H
#define TESTS_DIFF_H

#include "exec_bench.h"
#include "isa/operand.h"
#include <stdio.h>

#define DIFF_CODE       0x10000ull
#define DIFF_CODE_BYTES 0x6000ull
#define DIFF_SLOT_BYTES 17 /* odd, so that some cross a line or a page */
#define DIFF_SLOTS      1300
#define DIFF_DATA       0x20000ull
#define DIFF_DATA_BYTES 0x2000ull
#define DIFF_FLAGS      (RFLAGS_ARITHMETIC | RFLAGS_DF)
#define DIFF_NONE       0xff
#define DIFF_MNEMONICS  (ZYDIS_MNEMONIC_MAX_VALUE + 1)

struct diff_random {
    enum code_mode mode; /* MODE_LONG64, MODE_PROT32 (flat) or MODE_REAL16 (segments at the areas' starts) */
    bool hints;          /* fences, cache-line instructions, PAUSE, ENTER, and those that are #UD for ever, too */
    u64 state, cases;
    u64 seen[DIFF_MNEMONICS], faulted[DIFF_MNEMONICS]; /* cases, of each mnemonic */
};

struct diff_case {
    enum code_mode mode;
    u8 bytes[15], length;
    u16 mnemonic;
    bool is_string;
    u64 reg[16], rip, rflags; /* rip: linear */
    u64 undefined_flags;
    unsigned scanned_register; /* destination of BSF or BSR, undefined if ZF is set; or DIFF_NONE */
    u8 data[DIFF_DATA_BYTES];
};

static inline u64 diff_setting(const char *name, u64 otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 0) : otherwise;
}

/* xorshift64*; state is never 0. */
static inline u64 diff_next(struct diff_random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 0x2545f4914f6cdd1dull;
}

static inline u64 diff_below(struct diff_random *r, u64 limit)
{
    return (diff_next(r) >> 16) % limit;
}
static inline bool diff_chance(struct diff_random *r, unsigned percent)
{
    return diff_below(r, 100) < percent;
}

/* Values near the edges of every operand size, small ones, and any. */
static inline u64 diff_value(struct diff_random *r)
{
    u64 edge = BIT(diff_below(r, 64));
    switch (diff_below(r, 5)) {
    case 0:
        return diff_below(r, 256);
    case 1:
        return edge - 1 + diff_below(r, 3);
    case 2:
        return 0 - edge + diff_below(r, 3);
    case 3:
        return diff_below(r, 2) ? 0 : ~0ull;
    default:
        return diff_next(r);
    }
}

/* --- bytes --- */

static inline unsigned diff_prefixes(struct diff_random *r, u8 *at)
{
    static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36};
    unsigned n = 0;
    while (diff_chance(r, 25) && n < 3)
        at[n++] = prefixes[diff_below(r, diff_chance(r, 60) ? 1 : ARRAY_LEN(prefixes))];
    if (r->mode == MODE_LONG64 && diff_chance(r, 50)) at[n++] = (u8)(0x40 + diff_below(r, 16));
    return n;
}

/* The 0F 38 map: MOVBE, ADCX, ADOX. */
static inline void diff_third_map(struct diff_random *r, u8 *at)
{
    static const u8 opcodes[] = {0xf0, 0xf1, 0xf6};
    at[1] = 0x38;
    at[2] = opcodes[diff_below(r, ARRAY_LEN(opcodes))];
}

/* A three-byte VEX prefix and an opcode of BMI1 or BMI2. */
static inline void diff_vex(struct diff_random *r, u8 *at)
{
    static const u8 opcodes[] = {0xf0, 0xf2, 0xf3, 0xf5, 0xf6, 0xf7};
    at[0] = 0xc4;
    bool rorx = diff_chance(r, 8);
    at[1] = (u8)((at[1] & 0xe0) | (rorx ? 3 : 2));
    at[2] = rorx ? (at[2] & 0x80) | 0x7b : at[2] & 0xfb; /* 128 bits */
    at[3] = rorx ? 0xf0 : opcodes[diff_below(r, ARRAY_LEN(opcodes))];
}

/* POPCNT, TZCNT, LZCNT, ENDBR behind an F3 prefix. */
static inline void diff_count(struct diff_random *r, u8 *at)
{
    static const u8 opcodes[] = {0xb8, 0xbc, 0xbd};
    unsigned rex = diff_chance(r, 50);
    at[0] = 0xf3;
    at[1] = 0x48;
    at[1 + rex] = 0x0f;
    at[2 + rex] = opcodes[diff_below(r, ARRAY_LEN(opcodes))];
    if (diff_chance(r, 80)) return;
    at[1 + rex] = 0x0f;
    at[2 + rex] = 0x1e;
    at[3 + rex] = (u8)(0xfa + diff_below(r, 2));
}

static inline void diff_random_bytes(struct diff_random *r, u8 bytes[15])
{
    for (unsigned n = 0; n < 15; n++) bytes[n] = (u8)diff_next(r);
    unsigned kind = (unsigned)diff_below(r, 100);
    if (kind < 6) {
        diff_vex(r, bytes);
        return;
    }
    if (kind < 7) {
        diff_count(r, bytes);
        return;
    }
    unsigned n = diff_prefixes(r, bytes);
    if (diff_chance(r, 45)) bytes[n] = 0x0f;
    if (bytes[n] == 0x0f && diff_chance(r, 8)) diff_third_map(r, bytes + n);
}

/* --- which instructions, and what of them is undefined --- */

/* Flags that the instruction leaves undefined whatever its operands. */
static inline u64 diff_undefined_always(u16 mnemonic)
{
    u64 all = RFLAGS_ARITHMETIC;
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_TEST:
        return RFLAGS_AF;
    case ZYDIS_MNEMONIC_MUL:
    case ZYDIS_MNEMONIC_IMUL:
        return all & ~(u64)(RFLAGS_CF | RFLAGS_OF);
    case ZYDIS_MNEMONIC_DIV:
    case ZYDIS_MNEMONIC_IDIV:
        return all;
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        return all & ~(u64)(RFLAGS_CF | RFLAGS_ZF);
    case ZYDIS_MNEMONIC_BSF:
    case ZYDIS_MNEMONIC_BSR:
        return all & ~(u64)RFLAGS_ZF;
    case ZYDIS_MNEMONIC_AAA:
    case ZYDIS_MNEMONIC_AAS:
        return all & ~(u64)(RFLAGS_CF | RFLAGS_AF);
    case ZYDIS_MNEMONIC_AAM:
    case ZYDIS_MNEMONIC_AAD:
        return RFLAGS_OF | RFLAGS_AF | RFLAGS_CF;
    case ZYDIS_MNEMONIC_DAA:
    case ZYDIS_MNEMONIC_DAS:
        return RFLAGS_OF;
    case ZYDIS_MNEMONIC_TZCNT:
    case ZYDIS_MNEMONIC_LZCNT:
        return all & ~(u64)(RFLAGS_CF | RFLAGS_ZF);
    case ZYDIS_MNEMONIC_ANDN:
    case ZYDIS_MNEMONIC_BLSI:
    case ZYDIS_MNEMONIC_BLSMSK:
    case ZYDIS_MNEMONIC_BLSR:
    case ZYDIS_MNEMONIC_BZHI:
        return RFLAGS_AF | RFLAGS_PF;
    case ZYDIS_MNEMONIC_BEXTR:
        return RFLAGS_AF | RFLAGS_PF | RFLAGS_SF;
    default:
        return 0;
    }
}

static inline bool diff_is_shift(u16 m)
{
    return m == ZYDIS_MNEMONIC_SHL || m == ZYDIS_MNEMONIC_SHR || m == ZYDIS_MNEMONIC_SAR ||
           m == ZYDIS_MNEMONIC_SHLD || m == ZYDIS_MNEMONIC_SHRD;
}

static inline bool diff_is_rotate(u16 m)
{
    return m == ZYDIS_MNEMONIC_ROL || m == ZYDIS_MNEMONIC_ROR || m == ZYDIS_MNEMONIC_RCL ||
           m == ZYDIS_MNEMONIC_RCR;
}

/* Shifts by more than 1 leave OF undefined, by more than the width CF too; every one but by 0 leaves AF
 * so. */
static inline u64 diff_undefined_shift(u16 mnemonic, unsigned count, unsigned width)
{
    u64 flags = count != 1 ? RFLAGS_OF : 0;
    if (count == 0) return 0;
    if (diff_is_rotate(mnemonic)) return flags;
    return flags | RFLAGS_AF | (count >= width ? RFLAGS_CF : 0);
}

static inline unsigned diff_shift_count(const struct diff_case *c, const ZydisDecodedInstruction *z,
                                        const ZydisDecodedOperand *op)
{
    const ZydisDecodedOperand *last = &op[z->operand_count_visible - 1];
    u64 count = last->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? last->imm.value.u : c->reg[REG_RCX];
    return count & (op[0].size == 64 ? 63 : 31);
}

/* Registers or memory would differ too: such a case is drawn again. */
static inline bool diff_result_is_undefined(const struct diff_case *c, const ZydisDecodedInstruction *z,
                                            const ZydisDecodedOperand *op)
{
    bool double_shift = c->mnemonic == ZYDIS_MNEMONIC_SHLD || c->mnemonic == ZYDIS_MNEMONIC_SHRD;
    if (double_shift && diff_shift_count(c, z, op) > op[0].size) return true;
    return c->mnemonic == ZYDIS_MNEMONIC_BSWAP && op[0].size == 16;
}

/* FXSAVE and its relatives that a program may execute. */
static inline bool diff_is_image(exec_fn exec)
{
    return exec == exec_fxsave || exec == exec_fxrstor || exec == exec_xsave || exec == exec_xsaveopt ||
           exec == exec_xsavec || exec == exec_xrstor;
}

static inline bool diff_is_integer_group(const struct decoded_insn *d)
{
    if (d->cold.marker || d->cold.mnemonic == ZYDIS_MNEMONIC_ENTER) return false;
    if (ZydisMnemonicGetString(d->cold.mnemonic)[0] == 'f') return false; /* x87: test_diff_x87.c */
    if (diff_is_image(d->hot.exec) || d->hot.exec == exec_xsaves || d->hot.exec == exec_xrstors) return false;
    if (d->hot.exec == exec_simd || d->hot.exec == exec_mmx) return false; /* test_diff_simd.c */
    return d->hot.exec != exec_unmodelled && d->hot.exec != exec_ud &&
           d->cold.uop[0].kind != UOP_FENCE && d->cold.flow != FLOW_FAR &&
           (d->cold.iclass == CLASS_plain || d->cold.iclass == CLASS_atomic ||
            d->cold.iclass == CLASS_string);
}

static inline bool diff_is_hint(const struct decoded_insn *d)
{
    u16 m = d->cold.mnemonic;
    return d->cold.uop[0].kind == UOP_FENCE || d->hot.exec == exec_clflush || d->hot.exec == exec_pause ||
           m == ZYDIS_MNEMONIC_ENTER || m == ZYDIS_MNEMONIC_UD0 || m == ZYDIS_MNEMONIC_UD1 || m == ZYDIS_MNEMONIC_UD2;
}

static inline bool diff_is_wanted(const struct diff_random *r, const struct decoded_insn *d)
{
    return diff_is_integer_group(d) || (r->hints && diff_is_hint(d));
}

static inline bool diff_is_system(const struct decoded_insn *d)
{
    static const u16 system[] = {ZYDIS_MNEMONIC_PUSH,     ZYDIS_MNEMONIC_MOV,      ZYDIS_MNEMONIC_RDFSBASE,
                                 ZYDIS_MNEMONIC_RDGSBASE, ZYDIS_MNEMONIC_WRFSBASE, ZYDIS_MNEMONIC_WRGSBASE,
                                 ZYDIS_MNEMONIC_RDRAND,   ZYDIS_MNEMONIC_RDSEED,   ZYDIS_MNEMONIC_RDPID,
                                 ZYDIS_MNEMONIC_XGETBV};
    if (d->cold.uop[0].kind != UOP_MICROCODE) return false;
    for (unsigned n = 0; n < ARRAY_LEN(system); n++)
        if (d->cold.mnemonic == system[n]) return true;
    return false;
}

/* --- state --- */

static inline void diff_set_register(struct diff_case *c, ZydisRegister r, u64 value)
{
    u8 reg = decode_dependence(r);
    if (reg != REG_NONE) c->reg[reg] = value;
}

static inline u64 diff_register(const struct diff_case *c, ZydisRegister r)
{
    u8 reg = decode_dependence(r);
    return reg == REG_NONE ? 0 : c->reg[reg];
}

/* Offset of the data area in its segments, of the code area in CS. */
static inline u64 diff_data_offset(const struct diff_case *c)
{
    return c->mode == MODE_REAL16 ? 0 : DIFF_DATA;
}
static inline u64 diff_code_base(const struct diff_case *c)
{
    return c->mode == MODE_REAL16 ? DIFF_CODE : 0;
}

/* Makes the operand point into the data area: by its base, or by its displacement if that has 32 bits. */
static inline void diff_steer(struct diff_random *r, struct diff_case *c, const ZydisDecodedInstruction *z,
                              const ZydisDecodedOperandMem *m)
{
    u64 target = diff_data_offset(c) + diff_below(r, DIFF_DATA_BYTES - 16);
    u64 index = diff_chance(r, 90) ? diff_below(r, 64) : diff_value(r);
    u8 base = decode_dependence(m->base);
    if (base == REG_NONE) {
        u64 from = m->base == ZYDIS_REGISTER_RIP ? c->rip + c->length : 0;
        i32 disp = (i32)(target - from - (m->index ? index * m->scale : 0));
        if (z->raw.disp.size == 32) memcpy(c->bytes + z->raw.disp.offset, &disp, 4);
        if (z->raw.disp.size == 16) memcpy(c->bytes + z->raw.disp.offset, &disp, 2);
        diff_set_register(c, m->index, index);
        return;
    }
    diff_set_register(c, m->index, index);
    u64 rest = (m->index ? diff_register(c, m->index) * m->scale : 0) + (u64)m->disp.value;
    if (decode_dependence(m->index) == base && base != REG_NONE)
        diff_set_register(c, m->base, (target - (u64)m->disp.value) / (m->scale + 1u));
    else
        diff_set_register(c, m->base, target - rest);
}

static inline void diff_random_state(struct diff_random *r, struct diff_case *c)
{
    c->mode = r->mode;
    c->rip = DIFF_CODE + r->cases % DIFF_SLOTS * DIFF_SLOT_BYTES;
    u64 kept = r->mode == MODE_LONG64 ? ~0ull : 0xffffffff;
    for (unsigned n = 0; n < 16; n++) c->reg[n] = n < 8 || r->mode == MODE_LONG64 ? diff_value(r) & kept : 0;
    c->reg[REG_RSP] = diff_data_offset(c) + 64 + diff_below(r, DIFF_DATA_BYTES - 128);
    c->rflags = RFLAGS_ONE | (diff_next(r) & (RFLAGS_ARITHMETIC | (diff_chance(r, 20) ? RFLAGS_DF : 0)));
    for (unsigned n = 0; n < DIFF_DATA_BYTES; n += 8) {
        u64 v = diff_next(r);
        memcpy(c->data + n, &v, 8);
    }
}

static inline bool diff_is_string(const struct decoded_insn *d)
{
    return d->cold.iclass == CLASS_string;
}

/* A frame that stays in the data area: processors differ in how they look at one that does not. */
static inline void diff_tame_enter(struct diff_random *r, struct diff_case *c, const struct decoded_insn *d)
{
    u16 frame = (u16)diff_below(r, 256);
    memcpy(c->bytes + d->hot.length - 3, &frame, 2);
    c->reg[REG_RSP] = DIFF_DATA + 1024 + diff_below(r, DIFF_DATA_BYTES - 2048);
    c->reg[REG_RBP] = DIFF_DATA + 1024 + diff_below(r, DIFF_DATA_BYTES - 2048);
}

static inline void diff_steer_all(struct diff_random *r, struct diff_case *c, const struct decoded_insn *d,
                                  const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op)
{
    if (diff_is_string(d)) {
        c->reg[REG_RCX] = diff_below(r, 40);
        c->reg[REG_RSI] = diff_data_offset(c) + 32 + diff_below(r, DIFF_DATA_BYTES - 32);
        c->reg[REG_RDI] = diff_chance(r, 50) ? c->reg[REG_RSI] + diff_below(r, 64) - 32
                                             : diff_data_offset(c) + diff_below(r, DIFF_DATA_BYTES);
    }
    bool bit_string =
        op[0].type == ZYDIS_OPERAND_TYPE_MEMORY && op[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
        z->operand_count_visible == 2 &&
        diff_undefined_always(c->mnemonic) == (RFLAGS_ARITHMETIC & ~(u64)(RFLAGS_CF | RFLAGS_ZF));
    if (bit_string && diff_chance(r, 90)) diff_set_register(c, op[1].reg.value, diff_below(r, 400) - 200);
    for (unsigned n = 0; n < z->operand_count_visible; n++)
        if (op[n].type == ZYDIS_OPERAND_TYPE_MEMORY && op[n].mem.type == ZYDIS_MEMOP_TYPE_MEM &&
            diff_chance(r, 93) && !diff_is_string(d))
            diff_steer(r, c, z, &op[n].mem);
    if (c->mnemonic == ZYDIS_MNEMONIC_ENTER) diff_tame_enter(r, c, d);
    if (c->mnemonic == ZYDIS_MNEMONIC_LEAVE)
        c->reg[REG_RBP] = diff_data_offset(c) + diff_below(r, DIFF_DATA_BYTES);
    if (c->mnemonic == ZYDIS_MNEMONIC_XLAT)
        c->reg[REG_RBX] = diff_data_offset(c) + diff_below(r, DIFF_DATA_BYTES - 256);
    for (unsigned n = 0; c->mode != MODE_LONG64 && n < 16; n++) c->reg[n] &= 0xffffffff;
    if (d->cold.flow == FLOW_RET) { /* the target must be code */
        u64 target = DIFF_CODE - diff_code_base(c) + diff_below(r, 256);
        memcpy(c->data + (c->reg[REG_RSP] - diff_data_offset(c)), &target, 8);
    }
}

static inline void diff_find_undefined(struct diff_case *c, const ZydisDecodedInstruction *z,
                                       const ZydisDecodedOperand *op)
{
    bool scans = c->mnemonic == ZYDIS_MNEMONIC_BSF || c->mnemonic == ZYDIS_MNEMONIC_BSR;
    c->scanned_register = scans ? decode_dependence(op[0].reg.value) : DIFF_NONE;
    c->undefined_flags = diff_undefined_always(c->mnemonic);
    if (diff_is_shift(c->mnemonic) || diff_is_rotate(c->mnemonic))
        c->undefined_flags = diff_undefined_shift(c->mnemonic, diff_shift_count(c, z, op), op[0].size);
}

/* Where other implementations have a rule of their own: AMD's branches with 66 truncate the target; REX
 * before another prefix is ignored, but not by all; AH with REX in LAHF and SAHF; the second encoding of
 * TEST; RET with 32 KiB or more to release; REP prefixes turn LOOPE into LOOPNE on some processors.
 * Reserved NOPs may be #UD; REX.R in MOV of an immediate; a CALL whose push and whose target both fault;
 * both REP prefixes; RIP-relative SHLD and SHRD with an immediate, which Unicorn 2.0 counts wrong. FS and
 * GS have bases of the oracle's own. Data read through CS are older instructions. */
static inline bool diff_is_contentious(const struct diff_case *c, const struct decoded_insn *d,
                                       const ZydisDecodedInstruction *z)
{
    for (unsigned n = 0; n + 1 < z->raw.prefix_count; n++)
        if (c->mode == MODE_LONG64 && c->bytes[n] >= 0x40 && c->bytes[n] <= 0x4f) return true;
    if (z->attributes & (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS)) return true;
    if (c->mode == MODE_REAL16 && (z->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_CS)) return true;
    if (c->mnemonic == ZYDIS_MNEMONIC_NOP && (z->opcode == 0x0d || z->opcode == 0x18)) return true;
    if (memchr(c->bytes, 0xf2, z->raw.prefix_count) && memchr(c->bytes, 0xf3, z->raw.prefix_count))
        return true;
    if ((c->mnemonic == ZYDIS_MNEMONIC_SHLD || c->mnemonic == ZYDIS_MNEMONIC_SHRD) && z->raw.imm[0].size &&
        d->hot.base == REG_RIP)
        return true;
    if (c->mnemonic == ZYDIS_MNEMONIC_MOV && (z->opcode & 0xfe) == 0xc6 && z->raw.rex.R) return true;
    if (d->cold.flow == FLOW_CALL_INDIRECT && d->hot.base == REG_RSP) return true;
    if (d->cold.flow == FLOW_COND &&
        (memchr(c->bytes, 0xf2, z->raw.prefix_count) || memchr(c->bytes, 0xf3, z->raw.prefix_count)))
        return true;
    if ((c->mnemonic == ZYDIS_MNEMONIC_LAHF || c->mnemonic == ZYDIS_MNEMONIC_SAHF) && z->raw.prefix_count)
        return true;
    if (c->mnemonic == ZYDIS_MNEMONIC_TEST && z->raw.modrm.reg == 1 && z->raw.imm[0].size) return true;
    return (d->cold.flow != FLOW_NONE && memchr(c->bytes, 0x66, z->raw.prefix_count)) ||
           (d->cold.flow == FLOW_RET && d->hot.imm >= 0x8000);
}

static inline bool diff_try(struct diff_random *r, const struct decoder *decoder, struct diff_case *c)
{
    struct decoded_insn d;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    diff_random_bytes(r, c->bytes);
    if (decode(decoder, r->mode, c->bytes, 15, &d) != DECODED || !diff_is_wanted(r, &d) ||
        diff_is_system(&d))
        return false;
    c->length = d.hot.length;
    c->mnemonic = d.cold.mnemonic;
    if (r->seen[c->mnemonic] > 20 && diff_chance(r, 75)) /* the one-byte map is full of ADD and MOV */
        return false;
    diff_random_state(r, c);
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder->zydis[r->mode], c->bytes, 15, &z, op))) return false;
    if (diff_is_contentious(c, &d, &z)) return false;
    c->is_string = diff_is_string(&d);
    diff_steer_all(r, c, &d, &z, op);
    diff_find_undefined(c, &z, op);
    return !diff_result_is_undefined(c, &z, op);
}

static inline void diff_generate(struct diff_random *r, const struct decoder *decoder, struct diff_case *c)
{
    while (!diff_try(r, decoder, c))
        ;
    r->cases++;
    r->seen[c->mnemonic]++;
}

static inline u64 diff_mnemonics_seen(const struct diff_random *r)
{
    u64 count = 0;
    for (unsigned n = 0; n < DIFF_MNEMONICS; n++) count += r->seen[n] != 0;
    return count;
}

static inline void diff_print(const struct diff_case *c)
{
    char text[100];
    isa_disassemble(c->bytes, c->length, c->mode, c->rip, text, sizeof text);
    print_message("%s   [", text);
    for (unsigned n = 0; n < c->length; n++) print_message("%02x ", c->bytes[n]);
    print_message("] at %llx, flags %llx\n", (unsigned long long)c->rip, (unsigned long long)c->rflags);
}

/* Are the registers the same, but for one that is undefined? */
static inline bool diff_same_registers(const struct diff_case *c, const u64 *here, const u64 *there,
                                       u64 rflags)
{
    for (unsigned r = 0; r < 16; r++)
        if (here[r] != there[r] && !(r == c->scanned_register && (rflags & RFLAGS_ZF))) return false;
    return true;
}

/* --- execution here --- */

/* Only the code and data areas are mapped; code is not writable. */
static inline bool diff_translate(void *self, struct hart *h, va_t va, enum access access, enum access_by by,
                                  struct translation *out)
{
    bool code = va.v >= DIFF_CODE && va.v < DIFF_CODE + DIFF_CODE_BYTES;
    ((struct flat_mmu *)self)->reads_code |= code && access == ACCESS_READ;
    bool data = va.v >= DIFF_DATA && va.v < DIFF_DATA + DIFF_DATA_BYTES;
    if (!(code && access != ACCESS_WRITE) && !data) return hart_page_fault(h, va, 0), false;
    bool done = flat_translate(self, h, va, access, by, out);
    out->cacheable_soft &= access != ACCESS_READ || data; /* every read of code is to be seen here */
    return done;
}

static const struct mmu_ops diff_mmu_ops = {diff_translate, flat_invalidate, flat_context_changed, flat_allows,
                                      flat_read_pdptes};

/* Real mode with CS on the code area and every other segment on the data area. */
static inline void diff_enter_real_mode(struct hart *h)
{
    h->cr0 = CR0_ET;
    h->cr4 = h->efer = 0;
    for (unsigned s = 0; s < SEG_COUNT; s++)
        h->seg[s] = (struct segment){.base = s == SEG_CS ? DIFF_CODE : DIFF_DATA, .limit = 0xffff, .ar = 0x93};
    hart_state_changed(h);
}

static inline struct exec_bench *diff_bench_new(enum code_mode mode)
{
    struct exec_bench *b = exec_bench_new();
    b->h.mmu = &diff_mmu_ops;
    if (mode == MODE_PROT32) exec_bench_32bit(b);
    if (mode == MODE_REAL16) diff_enter_real_mode(&b->h);
    return b;
}

static inline void diff_load(struct exec_bench *b, const struct diff_case *c)
{
    exec_bench_put(b, c->rip, c->bytes, c->length);
    memcpy(b->mem.host + DIFF_DATA, c->data, DIFF_DATA_BYTES);
    memcpy(b->h.reg, c->reg, sizeof c->reg);
    b->h.reg[REG_RIP] = c->rip - diff_code_base(c);
    hart_set_rflags(&b->h, c->rflags);
}

static inline enum outcome diff_execute(struct exec_bench *b)
{
    return exec_bench_step(b);
}

#endif
