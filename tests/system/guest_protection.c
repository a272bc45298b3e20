/* guest_protection.c - SMAP and protection keys from inside: build/workloads/test-protection.elf.
 *
 * Checks:  loads and stores of a page for user mode with RFLAGS.AC and without, with PKRU's access and write disable, their
 *          error codes; RDPKRU, WRPKRU and OSPKE.
 * Prints:  one line per check, then "protection: N checks ok"; exits with 0 or 1.
 * Run by:  tests/system/paging_guests.sh, on QEMU and on the simulator: both must print the same.
 */
#include "kit/kit.h"

enum { PF_P = 1, PF_W = 2, PF_PK = 32, VEC_UD = 6 };
enum { CPUID_7_EBX_SMAP = 1 << 20, CPUID_7_ECX_PKU = 1 << 3, CPUID_7_ECX_OSPKE = 1 << 4 };
enum { CR4_BIT_SMAP = 1 << 21, CR4_BIT_PKE = 1 << 22, KEY = 5 };
#define PAGE_VA     (DATA_VA + (8ull << 30))
#define PTE_KEY     ((u64)KEY << 59)
#define KEY_DENIES  (1u << 2 * KEY)
#define KEY_DENIES_WRITES (2u << 2 * KEY)

static unsigned checks, failures;

static void must_be(const char *what, u64 got, u64 wanted)
{
    checks++;
    failures += got != wanted;
    printf("%s: 0x%llx%s\n", what, (ull)got, got == wanted ? "" : " FAILED");
}

static void try_load(u64 va) { (void)*(volatile u64 *)va; }
static void try_store(u64 va) { *(volatile u64 *)va = 1; }
static void try_load_with_ac(u64 va) { __asm__ volatile("stac\n mov (%0), %%rax\n clac" : : "r"(va) : "rax"); }
static void try_store_with_ac(u64 va) { __asm__ volatile("stac\n mov %0, (%0)\n clac" : : "r"(va) : "memory"); }

static void write_pkru(u64 value)
{
    __asm__ volatile("wrpkru" : : "a"((u32)value), "c"(0), "d"(0) : "memory");
}

static u32 read_pkru(void)
{
    u32 value;
    __asm__ volatile("rdpkru" : "=a"(value) : "c"(0) : "edx");
    return value;
}

/* The fault as vector << 32 | error code, or 0. */
static u64 fault_of(void (*try)(u64), u64 argument)
{
    struct trap_outcome outcome = trap_try(try, argument);
    return outcome.vector == TRAP_NONE ? 0 : (u64)outcome.vector << 32 | outcome.error_code;
}

static u64 page_fault(u64 error)
{
    return (u64)VECTOR_PF << 32 | error;
}

static void test_smap(void)
{
    if (!(cpuid(7, 0).ebx & CPUID_7_EBX_SMAP)) return;
    must_be("load without CR4.SMAP", fault_of(try_load, PAGE_VA), 0);
    write_cr4(read_cr4() | CR4_BIT_SMAP);
    must_be("load", fault_of(try_load, PAGE_VA), page_fault(PF_P));
    must_be("store", fault_of(try_store, PAGE_VA), page_fault(PF_P | PF_W));
    must_be("load between STAC and CLAC", fault_of(try_load_with_ac, PAGE_VA), 0);
    must_be("store between them", fault_of(try_store_with_ac, PAGE_VA), 0);
    must_be("load behind them", fault_of(try_load, PAGE_VA), page_fault(PF_P));
    write_cr4(read_cr4() & ~(u64)CR4_BIT_SMAP);
}

static void test_keys(void)
{
    if (!(cpuid(7, 0).ecx & CPUID_7_ECX_PKU)) return;
    must_be("WRPKRU without CR4.PKE", fault_of(write_pkru, 0), (u64)VEC_UD << 32);
    must_be("OSPKE", cpuid(7, 0).ecx & CPUID_7_ECX_OSPKE, 0);
    write_cr4(read_cr4() | CR4_BIT_PKE);
    must_be("OSPKE with CR4.PKE", cpuid(7, 0).ecx & CPUID_7_ECX_OSPKE, CPUID_7_ECX_OSPKE);
    write_pkru(KEY_DENIES);
    must_be("RDPKRU", read_pkru(), KEY_DENIES);
    must_be("load with access disable", fault_of(try_load, PAGE_VA), page_fault(PF_P | PF_PK));
    must_be("store", fault_of(try_store, PAGE_VA), page_fault(PF_P | PF_W | PF_PK));
    write_pkru(KEY_DENIES_WRITES);
    must_be("load with write disable", fault_of(try_load, PAGE_VA), 0);
    must_be("store", fault_of(try_store, PAGE_VA), page_fault(PF_P | PF_W | PF_PK));
    write_pkru(~(u64)(KEY_DENIES | KEY_DENIES_WRITES) & 0xffffffff);
    must_be("store when all other keys are denied", fault_of(try_store, PAGE_VA), 0);
    write_pkru(0);
    write_cr4(read_cr4() & ~(u64)CR4_BIT_PKE);
}

int main(void)
{
    u64 *slot = paging_slot(kernel_space(), PAGE_VA, PAGE_4K);
    *slot = (u64)heap_page() | PTE_P | PTE_W | PTE_U | PTE_KEY;
    for (unsigned level = 2; level <= 4; level++) { /* for user mode at every level */
        u64 *table = kernel_space();
        for (unsigned at = 4; at > level; at--)
            table = (u64 *)(table[PAGE_VA >> (12 + 9 * (at - 1)) & (TABLE_ENTRIES - 1)] & PTE_ADDRESS);
        table[PAGE_VA >> (12 + 9 * (level - 1)) & (TABLE_ENTRIES - 1)] |= PTE_U;
    }
    invlpg(PAGE_VA);
    test_smap();
    test_keys();
    printf("protection: %u checks ok\n", checks - failures);
    return failures != 0;
}
