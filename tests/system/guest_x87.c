/* guest_x87.c - the x87 unit seen by a kernel: build/workloads/test-x87.elf.
 *
 * Checks:  #NM by CR0.TS and CR0.EM, WAIT with and without CR0.MP; an unmasked exception is #MF of WAIT
 *          and not of FNSTSW (of other instructions too, but not on QEMU); arithmetic, 80-bit memory operands over a page boundary, FSAVE and FRSTOR.
 * Prints:  one line per check, then "x87: N checks ok"; exits with 0 or 1.
 * Run by:  tests/system/isa_guests.sh, on QEMU and on the simulator: both must print the same.
 */
#include "kit/kit.h"

enum { VEC_NM = 7, VEC_MF = 16 };
enum { CR0_MP = 2, CR0_EM = 4, CR0_TS = 8, CR0_NE = 32 };

static unsigned checks, failures;
static u64 cr0;

static void must_be(const char *what, u64 got, u64 wanted)
{
    checks++;
    failures += got != wanted;
    printf("%s: 0x%llx%s\n", what, (ull)got, got == wanted ? "" : " FAILED");
}

static void set_cr0(u64 bits)
{
    u64 value = (cr0 & ~(u64)(CR0_MP | CR0_EM | CR0_TS)) | CR0_NE | bits;
    __asm__ volatile("mov %0, %%cr0" ::"r"(value) : "memory");
}

static u16 status_word(void)
{
    u16 status;
    __asm__ volatile("fnstsw %0" : "=a"(status));
    return status;
}

static void push_one(u64 unused)
{
    (void)unused;
    __asm__ volatile("fld1; fstp %st(0)");
}

static void wait_instruction(u64 unused)
{
    (void)unused;
    __asm__ volatile("fwait");
}

static u64 vector_with(u64 bits, void (*try)(u64))
{
    set_cr0(bits);
    struct trap_outcome o = trap_try(try, 0);
    set_cr0(CR0_MP);
    return (u64)o.vector;
}

static void device_not_available(void)
{
    must_be("x87 with TS", vector_with(CR0_TS, push_one), VEC_NM);
    must_be("x87 with EM", vector_with(CR0_EM, push_one), VEC_NM);
    must_be("WAIT with TS and MP", vector_with(CR0_TS | CR0_MP, wait_instruction), VEC_NM);
    must_be("WAIT with TS alone", vector_with(CR0_TS, wait_instruction), (u64)TRAP_NONE);
    must_be("x87 with MP", vector_with(CR0_MP, push_one), (u64)TRAP_NONE);
}

static void deferred_exception(void)
{
    u16 control = 0x37b; /* division by zero is not masked */
    __asm__ volatile("fninit; fldcw %0; fldz; fld1; fdiv %%st(1), %%st" ::"m"(control));
    must_be("status behind 1 / 0", status_word() & 0x80ff, 0x8084);
    must_be("WAIT", (u64)trap_try(wait_instruction, 0).vector, VEC_MF);
    __asm__ volatile("fnclex");
    must_be("behind FNCLEX", (u64)trap_try(wait_instruction, 0).vector, (u64)TRAP_NONE);
    __asm__ volatile("fninit");
}

static void numbers(void)
{
    static u8 page[2 * 4096 + 16] __attribute__((aligned(4096)));
    static u8 state[108];
    u64 significand;
    u16 high;
    u8 *split = page + 4096 - 5;
    i64 three = 3, result = 0;
    __asm__ volatile("fninit; fldpi; fildq %0; fmulp; fstpt %1" ::"m"(three), "m"(*split) : "memory");
    __builtin_memcpy(&significand, split, 8);
    __builtin_memcpy(&high, split + 8, 2);
    must_be("3 pi, significand", significand, 0x96cbe3f9990e91a8);
    must_be("3 pi, exponent", high, 0x4002);
    __asm__ volatile("fldt %1; fnsave %2; frstor %2; fistpq %0"
                     : "=m"(result)
                     : "m"(*split), "m"(state)
                     : "memory");
    must_be("3 pi, rounded", (u64)result, 9);
    must_be("TOP", status_word() >> 11 & 7, 0);
}

int main(void)
{
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    set_cr0(CR0_MP);
    __asm__ volatile("fninit");
    device_not_available();
    deferred_exception();
    numbers();
    if (!failures) printf("x87: %u checks ok\n", checks);
    return failures != 0;
}
