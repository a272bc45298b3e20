/* nested_operand.c - operands of level 1's VMX instructions, from what the exit tells of them.
 *
 * Source: Intel SDM Vol. 3C, "Information for VM Exits Due to Instruction Execution", the formats of the
 *         VM-exit instruction-information field for VMREAD and VMWRITE, for INVEPT and INVVPID, and for
 *         VMCLEAR and its like.
 */
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "nested.h"

enum { SEGMENT_FS = 4, SEGMENT_GS = 5, ADDRESS_SIZE_32 = 1 };

static u64 information(void)
{
    return vmread(EXIT_INSTRUCTION_INFORMATION);
}

static unsigned bit_field(u64 value, unsigned high, unsigned low)
{
    return (unsigned)(value >> low & (BIT(high - low + 1) - 1));
}

unsigned operand_field_register(void)
{
    return bit_field(information(), 31, 28);
}

bool operand_is_register(unsigned *number)
{
    u64 info = information();
    *number = bit_field(info, 6, 3);
    return info & BIT(10);
}

/* The exit qualification is the displacement; RIP-relative addresses are already added up in it. */
static u64 linear_address(const struct vcpu *vcpu)
{
    u64 info = information(), at = vmread(EXIT_QUALIFICATION);
    unsigned segment = bit_field(info, 17, 15);
    bool no_index = info & BIT(22), no_base = info & BIT(27);
    if (!no_index) at += vcpu_register(vcpu, bit_field(info, 21, 18)) << bit_field(info, 1, 0);
    if (!no_base) at += vcpu_register(vcpu, bit_field(info, 26, 23));
    if (bit_field(info, 9, 7) == ADDRESS_SIZE_32) at = (u32)at;
    if (segment == SEGMENT_FS) at += vmread(GUEST_FS_BASE);
    if (segment == SEGMENT_GS) at += vmread(GUEST_GS_BASE);
    return at;
}

/* Level 1 is in 64-bit mode with four levels of tables, whose CR3 is its own under EPT. */
static u8 *pointer_to(u64 linear)
{
    u64 table = vmread(GUEST_CR3) & PTE_ADDRESS, entry;
    for (unsigned shift = 39;; shift -= 9) {
        entry = ((const u64 *)guest_pointer(table))[linear >> shift & (TABLE_ENTRIES - 1)];
        if (!(entry & PTE_P))
            panic("level 1: operand of a VMX instruction at 0x%llx, not mapped", (ull)linear);
        if (shift == 12 || entry & PTE_PS)
            return guest_pointer((entry & PTE_ADDRESS & ~(BIT(shift) - 1)) | (linear & (BIT(shift) - 1)));
        table = entry & PTE_ADDRESS;
    }
}

void operand_read(const struct vcpu *vcpu, void *to, u64 bytes)
{
    u64 at = linear_address(vcpu);
    for (u64 i = 0; i < bytes; i += sizeof(u64)) memcpy((u8 *)to + i, pointer_to(at + i), sizeof(u64));
}

void operand_write(const struct vcpu *vcpu, const void *from, u64 bytes)
{
    u64 at = linear_address(vcpu);
    for (u64 i = 0; i < bytes; i += sizeof(u64))
        memcpy(pointer_to(at + i), (const u8 *)from + i, sizeof(u64));
}
