/* host_fp.h - the host's IEEE arithmetic with a rounding mode going in and exception flags coming out.
 *
 * The host is used for add, subtract, multiply, divide, square root, fused multiply-add and narrowing, whose results IEEE 754
 * fixes. NaNs and denormal operands are the caller's. Underflow must be detected after rounding, as x86 does; on hosts that
 * detect it before (some ARM), an underflow flag may differ in the last step below the normal range.
 */
#ifndef ISA_HOST_FP_H
#define ISA_HOST_FP_H

#include "isa/fpu.h"

/* The compiler may neither fold nor move arithmetic on these. */
#define HOST_FP_BARRIER volatile

#if defined(__SSE2__)
#include <xmmintrin.h>

/* rounding: MXCSR.RC, 0..3. Default environment otherwise: all masked, no DAZ, no FTZ. */
static inline void host_fp_begin(u32 rounding)
{
    _mm_setcsr(MXCSR_INIT | rounding << MXCSR_RC_SHIFT);
}

/* MXCSR's flags raised since; the default environment is back. */
static inline u32 host_fp_end(void)
{
    u32 raised = _mm_getcsr() & MXCSR_FLAGS;
    _mm_setcsr(MXCSR_INIT);
    return raised;
}
#else
#include <fenv.h>

static inline void host_fp_begin(u32 rounding)
{
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    fesetround(modes[rounding]);
    feclearexcept(FE_ALL_EXCEPT);
}

static inline u32 host_fp_end(void)
{
    int e = fetestexcept(FE_ALL_EXCEPT);
    fesetround(FE_TONEAREST);
    return (e & FE_INVALID ? MXCSR_IE : 0) | (e & FE_DIVBYZERO ? MXCSR_ZE : 0) |
           (e & FE_OVERFLOW ? MXCSR_OE : 0) | (e & FE_UNDERFLOW ? MXCSR_UE : 0) |
           (e & FE_INEXACT ? MXCSR_PE : 0);
}
#endif

#endif
