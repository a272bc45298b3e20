/* on_gigogne.c - the groups as a guest image, in ring 0: build/workloads/test-isa.elf. The kit leaves vector units
 * off and has no 32-bit code segment of ring 0: both are made here. */
#include "groups.h"
#include "kit/cpu.h"
#include "kit/trap.h"

#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_OSXSAVE    (1u << 18)

unsigned short isa_code32 = 0x40, isa_data32 = 0x10;

/* The kit's table, and one descriptor behind it. */
static void add_code32(void)
{
    static u64 table[9];
    struct __attribute__((packed)) {
        u16 limit;
        u64 base;
    } pointer;
    __asm__ volatile("sgdt %0" : "=m"(pointer));
    for (unsigned n = 0; n < 8; n++) table[n] = ((const u64 *)pointer.base)[n];
    table[8] = 0x00cf9b000000ffff;
    pointer.limit = sizeof table - 1;
    pointer.base = (u64)table;
    __asm__ volatile("lgdt %0" : : "m"(pointer));
}

static void turn_units_on(void)
{
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE);
    __asm__ volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
    __asm__ volatile("fninit");
}

int main(void)
{
    turn_units_on();
    add_code32();
    return isa_groups() ? 1 : 0;
}
