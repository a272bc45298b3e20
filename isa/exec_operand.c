/* exec_operand.c - operands for handlers that are not specialized: see exec.h. */
#include "isa/operand.h"

unsigned insn_operand_bytes(const struct insn *i)
{
    return 1u << ATTR_SIZE_LOG2(i->attr);
}

unsigned insn_address_bytes(const struct insn *i)
{
    return 1u << ATTR_ADDRESS_LOG2(i->attr);
}

bool insn_has_memory(const struct insn *i)
{
    return i->attr & ATTR_MEMORY;
}

u64 insn_offset(const struct hart *h, const struct insn *i)
{
    u64 offset = h->reg[i->base] + (h->reg[i->index] << i->scale) + (u64)(i64)i->disp;
    return zero_extend(offset, insn_address_bytes(i));
}

/* In 64-bit mode only FS and GS have a base (SDM Vol. 3A, "Segmentation in IA-32e Mode"). */
va_t segment_linear(const struct hart *h, enum segreg seg, u64 offset)
{
    if (h->mode != MODE_LONG64) return VA((u32)(h->seg[seg].base + offset));
    return VA(seg >= SEG_FS ? h->seg[seg].base + offset : offset);
}

va_t insn_linear(const struct hart *h, const struct insn *i)
{
    return segment_linear(h, i->segment, insn_offset(h, i));
}

bool insn_read_rm(struct hart *h, const struct insn *i, unsigned bytes, u64 *out)
{
    if (insn_has_memory(i)) return mem_load(h, i->segment, insn_linear(h, i), bytes, out);
    *out = zero_extend(h->reg[i->dst], bytes);
    return true;
}

bool insn_write_rm(struct hart *h, const struct insn *i, unsigned bytes, u64 value)
{
    if (insn_has_memory(i)) return mem_store(h, i->segment, insn_linear(h, i), bytes, value);
    reg_write(h, i->dst, bytes, value);
    return true;
}

u64 insn_read_reg(const struct hart *h, const struct insn *i)
{
    return h->reg[i->src];
}

void insn_write_reg(struct hart *h, const struct insn *i, unsigned bytes, u64 value)
{
    reg_write(h, i->src, bytes, value);
}
