/* mmx.h - instructions on MMX registers: the operations are those of simd.h, on 64 bits.
 *
 * Models:       MMX and the MMX forms of SSE, SSE2 and SSSE3 on the significands of the x87 registers; what
 *               they do to TOP, tags and exponents; CR0.EM, CR0.TS, pending x87 exceptions, CR4.OSFXSR where an
 *               XMM register takes part.
 * Not modelled: 3DNow!
 * Neighbours:   mmx.def lists the instructions; simd_*.c are the operations; struct x87_state of fpu.h holds
 *               the registers.
 * Checked by:   tests/unit/test_diff_simd.c (against the host CPU), tests/unit/test_mmx.c
 *
 * Sources: SDM Vol. 1, "Programming with Intel MMX Technology"; Vol. 3A, "Intel MMX Technology System
 * Programming".
 */
#ifndef ISA_MMX_H
#define ISA_MMX_H

#include "isa/simd.h"

/* How the 64-bit operands a (first) and b (second) lie in the function's vectors, and where its result is. */
enum mmx_layout {
    MMX_LANES, /* the function works on 8 bytes */
    MMX_WHOLE, /* on 16, of which the low 8 count; all 16 of an XMM destination */
    MMX_UPPER, /* on 16, of which the high 8 count */
    MMX_PAIR,  /* b above a is the first operand */
    MMX_ALIGN, /* a above b is the second operand */
    MMX_BYTES, /* b's bytes choose among 8 */
    MMX_WORD   /* the immediate chooses among 4 words */
};

enum mmx_trait {
    MMX_STORES = 1, /* the function writes memory itself; the first operand is a source */
    MMX_LEAVES = 2, /* EMMS: all registers become empty */
    MMX_SSE_MEM = 4 /* with a memory operand it has nothing to do with MMX registers */
};

enum mmx_kind { MMX_NONE, MMX_REGISTER, MMX_XMM, MMX_GENERAL, MMX_MEMORY };

/* How mmx_decode packs struct insn.imm; dst and src are register numbers. */
struct mmx_form {
    u16 row;
    u8 imm;
    u8 dst, b; /* enum mmx_kind */
    u8 dst_bytes, b_bytes;
    u8 unused;
};

/* As simd_decode. False: no row fits, or no MMX register takes part. */
bool mmx_decode(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op, struct insn *i, int *memory);

#endif
