#include "shadow/store.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "shadow/walk.h"

enum { INSTRUCTION_BYTES_MAX = 15, REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8, CS_RIGHTS_LONG = 1 << 13 };
enum {
    FLAG_CF = 1 << 0,
    FLAG_PF = 1 << 2,
    FLAG_AF = 1 << 4,
    FLAG_ZF = 1 << 6,
    FLAG_SF = 1 << 7,
    FLAG_OF = 1 << 11
};
#define ARITHMETIC_FLAGS (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* What follows the opcode: a register or an immediate. */
enum source { SOURCE_REGISTER, SOURCE_IMMEDIATE, SOURCE_IMMEDIATE_BYTE };

enum { ANY_EXTENSION = -1 };

/* Opcodes as in the manual's opcode map; 0x0f.. are those of two bytes. Bit 0 clear: a byte operand, if
 * has_byte_form. */
struct opcode {
    u16 code;
    bool has_byte_form;
    int extension; /* ModRM.reg, or ANY_EXTENSION */
    enum source source;
    enum store_operation operation;
};

// clang-format off
static const struct opcode opcodes[] = {
    {0x0089, true,  ANY_EXTENSION, SOURCE_REGISTER,       STORE_MOV},
    {0x00c7, true,  0,             SOURCE_IMMEDIATE,      STORE_MOV},
    {0x0087, true,  ANY_EXTENSION, SOURCE_REGISTER,       STORE_XCHG},
    {0x0009, true,  ANY_EXTENSION, SOURCE_REGISTER,       STORE_OR},
    {0x0021, true,  ANY_EXTENSION, SOURCE_REGISTER,       STORE_AND},
    {0x0031, true,  ANY_EXTENSION, SOURCE_REGISTER,       STORE_XOR},
    {0x0081, true,  1,             SOURCE_IMMEDIATE,      STORE_OR},
    {0x0081, true,  4,             SOURCE_IMMEDIATE,      STORE_AND},
    {0x0081, true,  6,             SOURCE_IMMEDIATE,      STORE_XOR},
    {0x0083, false, 1,             SOURCE_IMMEDIATE_BYTE, STORE_OR},
    {0x0083, false, 4,             SOURCE_IMMEDIATE_BYTE, STORE_AND},
    {0x0083, false, 6,             SOURCE_IMMEDIATE_BYTE, STORE_XOR},
    {0x0fb1, true,  ANY_EXTENSION, SOURCE_REGISTER,       STORE_CMPXCHG},
    {0x0fba, false, 5,             SOURCE_IMMEDIATE_BYTE, STORE_BTS},
    {0x0fba, false, 6,             SOURCE_IMMEDIATE_BYTE, STORE_BTR},
    {0x0fba, false, 7,             SOURCE_IMMEDIATE_BYTE, STORE_BTC},
};
// clang-format on

/* An instruction while it is read, byte by byte. */
struct reader {
    const u8 *bytes;
    unsigned at, length;
    bool operand_size_prefix, overrun;
    u8 rex;
    u16 code;
    u8 modrm;
};

static u64 read_little_endian(struct reader *r, unsigned bytes)
{
    u64 value = 0;
    if (r->at + bytes > r->length) {
        r->overrun = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++) value |= (u64)r->bytes[r->at++] << 8 * i;
    return value;
}

static u64 sign_extend(u64 value, unsigned bytes)
{
    unsigned unused = 64 - 8 * bytes;
    return (u64)((int64_t)(value << unused) >> unused);
}

static u64 low_bytes(u64 value, unsigned bytes)
{
    return bytes == 8 ? value : value & (BIT(8 * bytes) - 1);
}

/* An instruction that crosses into another page is put together from both; that page may be missing. */
static bool fetch(const struct vcpu *vcpu, struct reader *r, u8 joined[INSTRUCTION_BYTES_MAX])
{
    u64 rip = vmread(GUEST_RIP), in_page = PAGE_4K - rip % PAGE_4K;
    r->bytes = walk_pointer(vcpu, rip);
    r->length = INSTRUCTION_BYTES_MAX;
    if (!r->bytes || in_page >= INSTRUCTION_BYTES_MAX) return r->bytes;
    const u8 *rest = walk_pointer(vcpu, rip + in_page);
    if (!rest) {
        r->length = (unsigned)in_page;
        return true;
    }
    memcpy(joined, r->bytes, in_page);
    memcpy(joined + in_page, rest, INSTRUCTION_BYTES_MAX - in_page);
    r->bytes = joined;
    return true;
}

/* LOCK changes nothing on one processor; a REX prefix is the last. FS, GS, REP and address size are for the
 * caller. */
static void read_prefixes_and_opcode(struct reader *r)
{
    enum { OPERAND_SIZE = 0x66, LOCK = 0xf0, TWO_BYTES = 0x0f };
    u8 byte = (u8)read_little_endian(r, 1);
    for (; byte == OPERAND_SIZE || byte == LOCK; byte = (u8)read_little_endian(r, 1))
        r->operand_size_prefix |= byte == OPERAND_SIZE;
    if ((byte & 0xf0) == 0x40) {
        r->rex = byte;
        byte = (u8)read_little_endian(r, 1);
    }
    r->code = byte;
    if (byte == TWO_BYTES) r->code = (u16)(0x0f00 | read_little_endian(r, 1));
    r->modrm = (u8)read_little_endian(r, 1);
}

static const struct opcode *find_opcode(const struct reader *r)
{
    int extension = r->modrm >> 3 & 7;
    for (unsigned i = 0; i < COUNT_OF(opcodes); i++) {
        const struct opcode *o = &opcodes[i];
        if (r->code != o->code && !(o->has_byte_form && r->code == (o->code & ~1))) continue;
        if (o->extension == ANY_EXTENSION || o->extension == extension) return o;
    }
    return NULL;
}

static unsigned operand_bytes(const struct reader *r, const struct opcode *o)
{
    if (o->has_byte_form && !(r->code & 1)) return 1;
    return r->rex & REX_W ? 8 : r->operand_size_prefix ? 2 : 4;
}

static u64 read_sib(const struct vcpu *vcpu, struct reader *r, unsigned mod)
{
    u8 sib = (u8)read_little_endian(r, 1);
    unsigned index = (sib >> 3 & 7) | (r->rex & REX_X ? 8 : 0), base = (sib & 7) | (r->rex & REX_B ? 8 : 0);
    u64 address = index == RSP ? 0 : vcpu_register(vcpu, index) << (sib >> 6);
    if ((base & 7) == RBP && mod == 0) return address + sign_extend(read_little_endian(r, 4), 4);
    return address + vcpu_register(vcpu, base);
}

/* The memory operand's address, RIP-relative without RIP: that needs the length. */
static u64 read_address(const struct vcpu *vcpu, struct reader *r, bool *rip_relative)
{
    unsigned mod = r->modrm >> 6, rm = r->modrm & 7;
    *rip_relative = mod == 0 && rm == RBP;
    if (*rip_relative) return sign_extend(read_little_endian(r, 4), 4);
    u64 address = rm == RSP ? read_sib(vcpu, r, mod) : vcpu_register(vcpu, rm | (r->rex & REX_B ? 8 : 0));
    if (mod == 1) address += sign_extend(read_little_endian(r, 1), 1);
    if (mod == 2) address += sign_extend(read_little_endian(r, 4), 4);
    return address;
}

static u64 read_immediate(struct reader *r, enum source source, unsigned operand)
{
    unsigned bytes = source == SOURCE_IMMEDIATE_BYTE ? 1 : operand > 4 ? 4 : operand;
    return sign_extend(read_little_endian(r, bytes), bytes);
}

bool store_decode(const struct vcpu *vcpu, struct store *store)
{
    u8 joined[INSTRUCTION_BYTES_MAX];
    struct reader r = {.at = 0};
    if (!(vmread(GUEST_CS_ACCESS_RIGHTS) & CS_RIGHTS_LONG) || !fetch(vcpu, &r, joined)) return false;
    read_prefixes_and_opcode(&r);
    const struct opcode *o = find_opcode(&r);
    if (!o || r.modrm >> 6 == 3) return false;
    bool rip_relative;
    unsigned bytes = operand_bytes(&r, o);
    store->operation = o->operation;
    store->operand_bytes = (u8)bytes;
    store->reg = (u8)((r.modrm >> 3 & 7) | (r.rex & REX_R ? 8 : 0));
    if (bytes == 1 && !r.rex && store->reg >= 4 && o->source == SOURCE_REGISTER)
        return false; /* AH, CH, DH, BH */
    store->address = read_address(vcpu, &r, &rip_relative);
    store->source =
        o->source == SOURCE_REGISTER ? vcpu_register(vcpu, store->reg) : read_immediate(&r, o->source, bytes);
    store->source = low_bytes(store->source, bytes);
    store->instruction_bytes = (u8)r.at;
    if (rip_relative) store->address += vmread(GUEST_RIP) + r.at;
    return !r.overrun;
}

/* --- execution --- */

/* A register takes 1 or 2 bytes into its low part; 4 bytes clear the rest. */
static void write_register(struct vcpu *vcpu, unsigned number, u64 value, unsigned bytes)
{
    u64 kept = bytes < 4 ? vcpu_register(vcpu, number) & ~(BIT(8 * bytes) - 1) : 0;
    vcpu_set_register(vcpu, number, kept | value);
}

static void write_flags(u64 flags, u64 mask)
{
    vmwrite(GUEST_RFLAGS, (vmread(GUEST_RFLAGS) & ~mask) | (flags & mask));
}

/* Shifted to the top of a register, operands of any size compare with the same CF, ZF, SF and OF. */
static u64 flags_of_compare(u64 a, u64 b, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;
    u64 flags, parity;
    __asm__("cmp %2, %1; pushfq; pop %0" : "=r"(flags) : "r"(a << shift), "r"(b << shift) : "cc");
    __asm__("cmp %2, %1; pushfq; pop %0" : "=r"(parity) : "r"(a), "r"(b) : "cc");
    return (flags & ~(u64)(FLAG_PF | FLAG_AF)) | (parity & (FLAG_PF | FLAG_AF));
}

/* AND, OR and XOR clear CF and OF and set the others by the result, as TEST does. */
static void set_logic_flags(u64 result, unsigned bytes)
{
    u64 flags = flags_of_compare(result, 0, bytes);
    write_flags(flags, ARITHMETIC_FLAGS);
}

static u64 compare_exchange(struct vcpu *vcpu, const struct store *s, u64 old)
{
    u64 expected = low_bytes(vcpu->gpr[RAX], s->operand_bytes);
    write_flags(flags_of_compare(expected, old, s->operand_bytes), ARITHMETIC_FLAGS);
    if (expected == old) return s->source;
    write_register(vcpu, RAX, old, s->operand_bytes);
    return old;
}

static u64 change_bit(const struct store *s, u64 old)
{
    u64 bit = BIT(s->source % (8 * s->operand_bytes));
    write_flags(old & bit ? FLAG_CF : 0, FLAG_CF);
    return s->operation == STORE_BTS ? old | bit : s->operation == STORE_BTR ? old & ~bit : old ^ bit;
}

static u64 logic_result(const struct store *s, u64 old)
{
    u64 result = s->operation == STORE_AND  ? old & s->source
                 : s->operation == STORE_OR ? old | s->source
                                            : old ^ s->source;
    set_logic_flags(result, s->operand_bytes);
    return result;
}

static u64 result_of(struct vcpu *vcpu, const struct store *s, u64 old)
{
    switch (s->operation) {
    case STORE_XCHG:
        write_register(vcpu, s->reg, old, s->operand_bytes);
        return s->source;
    case STORE_AND:
    case STORE_OR:
    case STORE_XOR:
        return logic_result(s, old);
    case STORE_CMPXCHG:
        return compare_exchange(vcpu, s, old);
    case STORE_BTS:
    case STORE_BTR:
    case STORE_BTC:
        return change_bit(s, old);
    default:
        return s->source;
    }
}

static u64 load_operand(const void *operand, unsigned bytes)
{
    switch (bytes) {
    case 1:
        return *(const u8 *)operand;
    case 2:
        return *(const u16 *)operand;
    case 4:
        return *(const u32 *)operand;
    default:
        return *(const u64 *)operand;
    }
}

static void store_operand(void *operand, unsigned bytes, u64 value)
{
    switch (bytes) {
    case 1:
        *(u8 *)operand = (u8)value;
        break;
    case 2:
        *(u16 *)operand = (u16)value;
        break;
    case 4:
        *(u32 *)operand = (u32)value;
        break;
    default:
        *(u64 *)operand = value;
    }
}

void store_execute(struct vcpu *vcpu, const struct store *store, void *operand)
{
    u64 old = load_operand(operand, store->operand_bytes);
    store_operand(operand, store->operand_bytes, result_of(vcpu, store, old));
    vcpu_advance(store->instruction_bytes);
}
