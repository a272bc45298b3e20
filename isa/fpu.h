/* fpu.h - x87, MMX, SSE and AVX state of one logical processor.
 *
 * Models:       x87 stack and environment, XMM/YMM 0..15, MXCSR, XCR0, IA32_XSS; the image of FXSAVE and the XSAVE family.
 * Not modelled: AVX-512, MPX, PKRU and supervisor components.
 * Neighbours:   exec_x87*.c own struct x87_state; simd.c and simd_*.c own the vectors and MXCSR; exec_xsave.c makes images
 *               and takes the x87 part from the functions below.
 * Checked by:   tests/unit/test_diff_simd.c, tests/unit/test_xsave.c
 */
#ifndef ISA_FPU_H
#define ISA_FPU_H

#include "models/sim/types.h"

/* A vector register, lane 0 lowest; the host is little-endian. */
union vec {
    u8 b[32];
    u16 w[16];
    u32 d[8];
    u64 q[4];
    i8 sb[32];
    i16 sw[16];
    i32 sd[8];
    i64 sq[4];
};

/* The x87 unit (SDM Vol. 1, "Programming with the x87 FPU"). MMX registers are the significands of the physical
 * registers. */
struct x87_register {
    u64 significand;
    u16 sign_exponent;
};

struct x87_state {
    struct x87_register reg[8]; /* physical: ST(i) is reg[(top + i) & 7] */
    u16 control, status;        /* status: TOP in bits 13..11 */
    u8 valid;                   /* bit n: physical register n is not empty, as FXSAVE's abridged tag word */
    u16 opcode, ip_selector, dp_selector;
    u64 ip, dp;
};

struct fpu_state {
    struct x87_state x87;
    union vec vec[16];
    u32 mxcsr;
    u64 xcr0, xss;
};

#define MXCSR_IE   BIT(0)
#define MXCSR_DE   BIT(1)
#define MXCSR_ZE   BIT(2)
#define MXCSR_OE   BIT(3)
#define MXCSR_UE   BIT(4)
#define MXCSR_PE   BIT(5)
#define MXCSR_DAZ  BIT(6)
#define MXCSR_FTZ  BIT(15)
#define MXCSR_MASK 0xffffu  /* the bits that are there */
#define MXCSR_INIT 0x1f80u
#define MXCSR_FLAGS 0x3fu
#define MXCSR_MASKS_SHIFT 7
#define MXCSR_RC_SHIFT 13

/* Components of XCR0 and of the XSAVE image. */
#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)
#define XCR0_PKRU BIT(9)

/* The x87 part of an FXSAVE image, 160 bytes: bytes 0..23 and the registers at 32..159; 24..31 (MXCSR) are left alone. `wide`: REX.W,
 * 64-bit instruction and data pointers instead of selector and offset. */
void x87_to_image(const struct x87_state *x, u8 *image, bool wide);
void x87_from_image(struct x87_state *x, const u8 *image, bool wide);
/* The state behind FNINIT, which is also the initial configuration of the XSAVE component. */
void x87_reset(struct x87_state *x);
bool x87_is_initial(const struct x87_state *x);

#endif
