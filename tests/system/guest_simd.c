/* guest_simd.c - the system side of SSE and AVX: build/workloads/test-simd.elf.
 *
 * Checks:  what CR0.EM, CR0.TS, CR4.OSFXSR, CR4.OSXMMEXCPT, CR4.OSXSAVE and XCR0 let through, unmasked exceptions, MXCSR's
 *          reserved bits, alignment, FXSAVE and FXRSTOR, XSAVE and XRSTOR, XSETBV's refusals; and a sum, a product, a
 *          shuffle, a CRC and a 256-bit addition.
 * Words:   strict=off leaves out what QEMU does not do: CR0.EM, MXCSR's reserved bits, unmasked exceptions.
 * Prints:  one line per check, then "simd: N checks ok"; exits with 0 or 1.
 * Run by:  tests/system/isa_guests.sh, on QEMU and on the simulator.
 */
#include "kit/kit.h"

enum { VEC_UD = 6, VEC_NM = 7, VEC_GP = 13, VEC_XM = 19 };

#define CR0_MP         BIT(1)
#define CR0_EM         BIT(2)
#define CR0_TS         BIT(3)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_OSXSAVE    BIT(18)
#define MXCSR_INIT     0x1f80u

static unsigned checks, failures;
static u64 strict = true;
static _Alignas(64) u8 area[1024];
static _Alignas(64) u64 data[8];

static void verdict(const char *what, bool ok)
{
    checks++;
    failures += !ok;
    printf("%s%s\n", what, ok ? "" : " FAILED");
}

static void must_fault(const char *what, void (*try)(u64), u64 argument, int vector)
{
    struct trap_outcome o = trap_try(try, argument);
    verdict(what, o.vector == vector);
}

/* --- instructions: no register is told to the compiler, which uses none of them --- */

static void sse_add(u64 unused)
{
    (void)unused;
    __asm__ volatile("addps %xmm1, %xmm0");
}

static void avx_add(u64 unused)
{
    (void)unused;
    __asm__ volatile("vaddps %xmm2, %xmm1, %xmm0");
}

static void load_aligned(u64 at)
{
    __asm__ volatile("movaps (%0), %%xmm0" : : "r"(at) : "memory");
}

static void load_unaligned(u64 at)
{
    __asm__ volatile("movups (%0), %%xmm0" : : "r"(at) : "memory");
}

static void load_mxcsr(u64 value)
{
    u32 v = (u32)value;
    __asm__ volatile("ldmxcsr %0" : : "m"(v));
}

static u32 stored_mxcsr(void)
{
    u32 v;
    __asm__ volatile("stmxcsr %0" : "=m"(v));
    return v;
}

/* 1 / 0 with MXCSR = `mxcsr`. */
static void divide_by_zero(u64 mxcsr)
{
    static const float one = 1;
    load_mxcsr(mxcsr);
    __asm__ volatile("movss %0, %%xmm0; xorps %%xmm1, %%xmm1; divss %%xmm1, %%xmm0" : : "m"(one));
}

static void fxsave(u64 at)
{
    __asm__ volatile("fxsave64 (%0)" : : "r"(at) : "memory");
}

static void fxrstor(u64 at)
{
    __asm__ volatile("fxrstor64 (%0)" : : "r"(at) : "memory");
}

static void xsave(u64 components)
{
    __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((u32)components), "d"(0) : "memory");
}

static void xrstor(u64 components)
{
    __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((u32)components), "d"(0) : "memory");
}

static void set_xcr0(u64 value)
{
    __asm__ volatile("xsetbv" : : "a"((u32)value), "d"((u32)(value >> 32)), "c"(0));
}

static u64 xcr0(void)
{
    u32 low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (u64)high << 32 | low;
}

static void store_xmm0(void)
{
    __asm__ volatile("movups %%xmm0, (%0)" : : "r"(data) : "memory");
}

/* --- checks --- */

static void test_switches(void)
{
    u64 cr0 = read_cr0() & ~(CR0_EM | CR0_TS), cr4 = read_cr4() & ~CR4_OSFXSR;
    write_cr0(cr0 | CR0_MP);
    write_cr4(cr4);
    must_fault("SSE without CR4.OSFXSR is #UD", sse_add, 0, VEC_UD);
    write_cr4(cr4 | CR4_OSFXSR);
    must_fault("SSE with CR4.OSFXSR", sse_add, 0, TRAP_NONE);
    write_cr0(cr0 | CR0_TS);
    must_fault("SSE with CR0.TS is #NM", sse_add, 0, VEC_NM);
    must_fault("FXSAVE with CR0.TS is #NM", fxsave, (u64)area, VEC_NM);
    write_cr0(cr0 | CR0_EM | CR0_TS);
    if (strict) must_fault("SSE with CR0.EM is #UD before #NM", sse_add, 0, VEC_UD);
    write_cr0(cr0 | CR0_MP);
    must_fault("a legacy operand wants alignment", load_aligned, (u64)data + 8, VEC_GP);
    must_fault("MOVUPS does not", load_unaligned, (u64)data + 8, TRAP_NONE);
}

static void test_mxcsr(void)
{
    must_fault("a masked division by zero", divide_by_zero, MXCSR_INIT, TRAP_NONE);
    verdict("  sets ZE", stored_mxcsr() == (MXCSR_INIT | 4));
    store_xmm0();
    verdict("  gives infinity", (u32)data[0] == 0x7f800000);
    load_mxcsr(MXCSR_INIT);
}

static void test_unmasked(void)
{
    u64 cr4 = read_cr4();
    must_fault("a reserved bit of MXCSR is #GP", load_mxcsr, 0x80000000, VEC_GP);
    write_cr4(cr4 & ~CR4_OSXMMEXCPT);
    must_fault("an unmasked one without CR4.OSXMMEXCPT is #UD", divide_by_zero, MXCSR_INIT & ~BIT(9), VEC_UD);
    write_cr4(cr4 | CR4_OSXMMEXCPT);
    must_fault("an unmasked one is #XM", divide_by_zero, MXCSR_INIT & ~BIT(9), VEC_XM);
    verdict("  sets ZE", stored_mxcsr() == ((MXCSR_INIT & ~(u32)BIT(9)) | 4));
    load_mxcsr(MXCSR_INIT);
}

static void test_results(void)
{
    static const _Alignas(16) float a[4] = {1, 2, 3, 4}, b[4] = {10, 20, 30, 40};
    u64 crc = 0;
    __asm__ volatile("movaps (%0), %%xmm0; addps (%1), %%xmm0; mulps (%0), %%xmm0; shufps $0x1b, %%xmm0, %%xmm0"
                     : : "r"(a), "r"(b));
    store_xmm0();
    verdict("ADDPS, MULPS, SHUFPS", data[0] == 0x42c6000043300000 && data[1] == 0x4130000042300000);
    __asm__ volatile("crc32q %1, %0" : "+r"(crc) : "r"(0x0123456789abcdefull));
    verdict("CRC32", crc == 0xe9986aa9);
}

static void test_fxsave(void)
{
    u64 kept[2];
    load_unaligned((u64)data);
    fxsave((u64)area);
    memcpy(kept, area + 160, 16);
    verdict("FXSAVE stores XMM0", kept[0] == data[0] && kept[1] == data[1]);
    __asm__ volatile("xorps %xmm0, %xmm0");
    fxrstor((u64)area);
    memset(data, 0, 16);
    store_xmm0();
    verdict("FXRSTOR takes it back", data[0] == kept[0] && data[1] == kept[1]);
    must_fault("FXSAVE wants alignment", fxsave, (u64)area + 8, VEC_GP);
    area[27] = 0x80;
    if (strict) must_fault("FXRSTOR refuses MXCSR's reserved bits", fxrstor, (u64)area, VEC_GP);
}

static void test_avx(void)
{
    u64 header[2];
    must_fault("AVX without CR4.OSXSAVE is #UD", avx_add, 0, VEC_UD);
    must_fault("XSETBV without CR4.OSXSAVE is #UD", set_xcr0, 7, VEC_UD);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    verdict("CPUID shows OSXSAVE", cpuid(1, 0).ecx & BIT(27));
    verdict("XCR0 begins with x87", xcr0() == 1);
    must_fault("AVX without XCR0's bits is #UD", avx_add, 0, VEC_UD);
    must_fault("XCR0 without x87 is #GP", set_xcr0, 6, VEC_GP);
    must_fault("XCR0 with AVX and without SSE is #GP", set_xcr0, 5, VEC_GP);
    must_fault("XCR0 with an unknown bit is #GP", set_xcr0, 7 | BIT(63), VEC_GP);
    must_fault("XCR0 with SSE and AVX", set_xcr0, 7, TRAP_NONE);
    must_fault("AVX", avx_add, 0, TRAP_NONE);
    verdict("the XSAVE area has 832 bytes", cpuid(0xd, 0).ebx == 832 && cpuid(0xd, 2).ebx == 576);
    memset(area, 0, sizeof area);
    __asm__ volatile("vpcmpeqd %ymm0, %ymm0, %ymm0; vpaddd %ymm0, %ymm0, %ymm0");
    xsave(7);
    memcpy(header, area + 576, 16);
    verdict("XSAVE stores YMM0's upper half", header[0] == 0xfffffffefffffffe && header[1] == header[0]);
    __asm__ volatile("vzeroall");
    xrstor(4);
    __asm__ volatile("vextractf128 $1, %%ymm0, (%0)" : : "r"(data) : "memory");
    verdict("XRSTOR takes it back", data[0] == header[0] && data[1] == header[1]);
    store_xmm0();
    verdict("  and leaves the lower half alone", data[0] == 0 && data[1] == 0);
    area[520] = 1;
    must_fault("XRSTOR refuses a bad header", xrstor, 7, VEC_GP);
}

int main(void)
{
    const struct word words[] = {{.key = "strict", .kind = WORD_SWITCH, .value = &strict}};
    words_read(boot.words, words, COUNT_OF(words));
    test_switches();
    test_mxcsr();
    if (strict) test_unmasked();
    test_results();
    test_fxsave();
    if (cpuid(1, 0).ecx & BIT(28)) test_avx();
    printf("simd: %u checks %s\n", checks, failures ? "FAILED" : "ok");
    return failures != 0;
}
