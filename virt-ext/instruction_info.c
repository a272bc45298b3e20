/* instruction_info.c - what an exit says of the instruction: SDM Vol. 3C, "Information for VM Exits Due to
 * Instruction Execution". */
#include "isa/exec.h"
#include "virt-ext/internal.h"

struct exit exit_for_instruction(const struct hart *h, const struct insn *i, enum exit_reason reason)
{
    return (struct exit){.reason = reason, .rip = insn_rip(h, i), .instruction_length = i->length};
}

/* Relative to RIP: the address itself. */
u64 operand_displacement(const struct hart *h, const struct insn *i)
{
    u64 disp = (u64)(i64)i->disp;
    return i->base == REG_RIP ? disp + h->reg[REG_RIP] : disp;
}

/* 0: 16 bits, 1: 32, 2: 64. */
static u32 size_code(unsigned bytes) { return bytes == 8 ? 2 : bytes == 4 ? 1 : 0; }

/* Scaling, address size, segment, index and base: the same bits in every layout. */
static u32 memory_operand(const struct insn *i)
{
    u32 info = i->scale | size_code(insn_address_bytes(i)) << 7 | (u32)i->segment << 15;
    info |= i->index < REG_RIP ? (u32)i->index << 18 : 1u << 22;
    info |= i->base < REG_RIP ? (u32)i->base << 23 : 1u << 27;
    return info;
}

/* Register 1 (bits 6:3) stands in for the memory operand and sets bit 10. */
static u32 rm_operand(const struct insn *i)
{
    return insn_has_memory(i) ? memory_operand(i) : (u32)i->dst << 3 | 1u << 10;
}

u32 info_of_operands(const struct insn *i, bool second_register)
{
    return rm_operand(i) | (second_register ? (u32)i->src << 28 : 0);
}

u32 info_of_descriptor_table(const struct hart *h, const struct insn *i, unsigned identity)
{
    bool wide = h->mode == MODE_COMPAT32 || h->mode == MODE_PROT32;
    return rm_operand(i) | (wide ? 1u << 11 : 0) | identity << 28;
}

u32 info_of_random(const struct insn *i)
{
    return (u32)i->dst << 3 | size_code(insn_operand_bytes(i)) << 11;
}

u32 info_of_string_io(const struct insn *i)
{
    return size_code(insn_address_bytes(i)) << 7 | (u32)i->segment << 15;
}
