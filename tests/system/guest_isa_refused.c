/* guest_isa_refused.c - values that control registers and MSRs refuse, and error codes to the last bit:
 * build/workloads/test-isa_refused.elf.
 *
 * Checks:  reserved bits and impossible combinations of CR0, CR3, CR4, CR8, EFER, PAT and other MSRs, debug
 *          registers, INVPCID, EXT and IDT bits of error codes, a page fault's P beside RSVD, #SS of a
 *          non-canonical access through the stack segment.
 * Prints:  one line per check that tells what the processor did, then "isa_refused: N checks ok"; exits with
 *          0 or 1.
 * Run by:  tests/system/isa_guests.sh, on the simulator. QEMU does not check most of this; Bochs'
 *          corei7_haswell_4770 does.
 */
#include "kit/kit.h"

enum { VEC_UD = 6, VEC_DF = 8, VEC_NP = 11, VEC_SS = 12, VEC_GP = 13, VEC_PF = 14, IDT_BIT = 2, EXT_BIT = 1 };
#define NON_CANONICAL 0x0000800000000000ull

static unsigned checks, failures;

static void verdict(const char *what, struct trap_outcome o, int vector, u64 error)
{
    bool ok = o.vector == vector && o.error_code == error;
    checks++;
    failures += !ok;
    printf("%s: vector %d error 0x%llx%s\n", what, o.vector, (ull)o.error_code, ok ? "" : " FAILED");
}

static void must_fault(const char *what, void (*try)(u64), u64 argument, int vector, u64 error)
{
    verdict(what, trap_try(try, argument), vector, error);
}

static void must_refuse(const char *what, void (*try)(u64), u64 argument)
{
    must_fault(what, try, argument, VEC_GP, 0);
}
static void must_take(const char *what, void (*try)(u64), u64 argument)
{
    must_fault(what, try, argument, TRAP_NONE, 0);
}

/* --- control registers --- */

static void set_cr0(u64 value) { write_cr0(value); }
static void set_cr3(u64 value) { write_cr3(value); }
static void set_cr4(u64 value) { write_cr4(value); }
static void set_cr8(u64 value) { __asm__ volatile("mov %0, %%cr8" : : "r"(value)); }

static void test_control_registers(void)
{
    u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();
    must_refuse("CR0.PG without PE", set_cr0, cr0 & ~CR0_PE);
    must_refuse("CR0.PG cleared in 64-bit mode", set_cr0, cr0 & ~CR0_PG);
    must_refuse("CR0.NW without CD", set_cr0, cr0 | BIT(29));
    must_refuse("CR0's upper half", set_cr0, cr0 | BIT(32));
    must_take("CR0 as it is", set_cr0, cr0);
    must_refuse("CR3 beyond the physical addresses", set_cr3, cr3 | BIT(52));
    must_refuse("CR3's bit 63 without PCIDE", set_cr3, cr3 | BIT(63));
    must_take("CR3 as it is", set_cr3, cr3);
    must_refuse("CR4.PAE cleared in 64-bit mode", set_cr4, cr4 & ~CR4_PAE);
    must_refuse("CR4 bit 15", set_cr4, cr4 | BIT(15));
    must_refuse("CR4's upper half", set_cr4, cr4 | BIT(40));
    must_refuse("CR8 of 16", set_cr8, 16);
    must_take("CR8 of 0", set_cr8, 0);
}

static void test_pcide(void)
{
    if (!cpu_has_pcid()) return;
    u64 cr3 = read_cr3(), cr4 = read_cr4();
    write_cr3(cr3 | 8); /* PWT: bit 3 is of the PCID, too */
    must_refuse("CR4.PCIDE with a PCID in CR3", set_cr4, cr4 | CR4_PCIDE);
    write_cr3(cr3);
    must_take("CR4.PCIDE", set_cr4, cr4 | CR4_PCIDE);
    must_take("CR3 with PCID and bit 63", set_cr3, cr3 | BIT(63) | 5);
    must_take("CR3 with PCID 0", set_cr3, cr3);
    must_take("CR4.PCIDE off", set_cr4, cr4);
}

/* --- MSRs --- */

struct msr_write {
    const char *what;
    u32 msr;
    u64 value;
    bool refused;
};

static const struct msr_write *msr_write;

static void write_msr(u64 x)
{
    (void)x;
    wrmsr(msr_write->msr, msr_write->value);
}

static void test_msrs(void)
{
    static const struct msr_write rows[] = {
        {"EFER without LME", MSR_EFER, EFER_SCE, true},
        {"EFER bit 1", MSR_EFER, EFER_SCE | EFER_LME | BIT(1), true},
        {"LSTAR not canonical", MSR_LSTAR, NON_CANONICAL, true},
        {"KERNEL_GS_BASE not canonical", MSR_KERNEL_GS_BASE, NON_CANONICAL, true},
        {"KERNEL_GS_BASE canonical", MSR_KERNEL_GS_BASE, ~0ull << 47, false},
        {"SYSENTER_EIP not canonical", 0x176, NON_CANONICAL, true},
        {"PAT of type 2", 0x277, 0x0007040600070402, true},
        {"PAT of type 8", 0x277, 0x0807040600070406, true},
        {"PAT", 0x277, 0x0007040600070406, false},
    };
    for (unsigned n = 0; n < COUNT_OF(rows); n++) {
        msr_write = &rows[n];
        (rows[n].refused ? must_refuse : must_take)(rows[n].what, write_msr, 0);
    }
}

/* --- debug registers, INVPCID --- */

static void set_dr6(u64 value) { __asm__ volatile("mov %0, %%dr6" : : "r"(value)); }
static void set_dr7(u64 value) { __asm__ volatile("mov %0, %%dr7" : : "r"(value)); }

static struct {
    u64 pcid, va;
} invpcid_descriptor;

static void invpcid(u64 type)
{
    __asm__ volatile("invpcid %1, %0" : : "r"(type), "m"(invpcid_descriptor) : "memory");
}

static void test_invpcid(void)
{
    if (!(cpuid(7, 0).ebx & BIT(10))) return;
    must_take("INVPCID of all", invpcid, 2);
    must_refuse("INVPCID type 4", invpcid, 4);
    invpcid_descriptor.pcid = 0x1000;
    must_refuse("INVPCID reserved bits", invpcid, 1);
    invpcid_descriptor.pcid = 1;
    must_refuse("INVPCID of PCID 1 without PCIDE", invpcid, 1);
    invpcid_descriptor.pcid = 0;
    invpcid_descriptor.va = NON_CANONICAL;
    must_refuse("INVPCID of a non-canonical address", invpcid, 0);
}

/* --- error codes --- */

struct table_pointer {
    u16 limit;
    u64 base;
} __attribute__((packed));

static void undefined(u64 x)
{
    (void)x;
    __asm__ volatile("ud2");
}

static void interrupt_200(u64 x)
{
    (void)x;
    __asm__ volatile("int $200");
}

static void read_at(u64 va) { (void)*(volatile u8 *)va; }

static void read_through_ss(u64 va)
{
    __asm__ volatile("mov %%rbp, %%rbx; mov %0, %%rbp; mov (%%rbp), %%al; mov %%rbx, %%rbp"
                     :
                     : "r"(va)
                     : "rax", "rbx", "memory");
}

/* A gate is 16 bytes; its selector is at 2, its type at 5. */
static void test_gates(void)
{
    struct table_pointer idtr;
    __asm__ volatile("sidt %0" : "=m"(idtr));
    u8 *gate = (u8 *)idtr.base + 16 * VEC_UD;
    u8 type = gate[5], selector = gate[2];
    gate[5] = type & 0x7f;
    must_fault("#UD by an absent gate", undefined, 0, VEC_NP, VEC_UD * 8 + IDT_BIT + EXT_BIT);
    gate[5] = type;
    gate[2] = SELECTOR_KERNEL_DATA;
    must_fault("#UD by a gate to data", undefined, 0, VEC_GP, SELECTOR_KERNEL_DATA + EXT_BIT);
    gate[2] = 0;
    must_fault("#UD by a gate to null", undefined, 0, VEC_GP, EXT_BIT);
    gate[2] = selector;
    u8 *other = (u8 *)idtr.base + 16 * 200;
    other[5] &= 0x7f;
    must_fault("INT 200 by an absent gate", interrupt_200, 0, VEC_NP, 200 * 8 + IDT_BIT);
    other[5] |= 0x80;
}

static void test_page_fault(void)
{
    paging_map(kernel_space(), DATA_VA, (u64)heap_page_cleared(), PAGE_4K, PAGE_4K, BIT(51));
    must_fault("read with a reserved bit set", read_at, DATA_VA, VEC_PF, 9);
    must_fault("read non-canonical through SS", read_through_ss, NON_CANONICAL, VEC_SS, 0);
}

int main(void)
{
    test_control_registers();
    test_pcide();
    test_msrs();
    must_refuse("DR6's upper half", set_dr6, BIT(33));
    must_refuse("DR7's upper half", set_dr7, BIT(33));
    test_invpcid();
    test_gates();
    test_page_fault();
    printf("isa_refused: %u checks %s\n", checks, failures ? "FAILED" : "ok");
    return failures != 0;
}
