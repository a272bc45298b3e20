/* simd.h - SSE and AVX instructions: one table, one way in, one small function for each operation.
 *
 * Models:       SSE to SSE4.2, AES-NI, PCLMULQDQ, AVX, AVX2, FMA, F16C on XMM and YMM 0..15; CR0.EM, CR0.TS, CR4.OSFXSR, XCR0;
 *               alignment of legacy memory operands; MXCSR rounding, DAZ, FTZ, flags and unmasked exceptions.
 * Not modelled: AVX-512 (EVEX is #UD), Intel's values of RCPPS and RSQRTPS (simd_fp.c tells ours).
 * Neighbours:   simd.def lists the operations; simd_decode.c packs operands; simd.c fetches them, calls, and commits;
 *               simd_int.c, simd_move.c, simd_fp.c, simd_convert.c, simd_fma.c, simd_string.c, simd_crypto.c and
 *               simd_masked.c are the operations.
 * Checked by:   tests/unit/test_diff_simd.c (against the host CPU)
 */
#ifndef ISA_SIMD_H
#define ISA_SIMD_H

#include "isa/hart.h"
#include <Zydis/Zydis.h>

/* Operands of one instruction. A function sets r from a, b, c and imm; what it leaves of r is the first source's in the
 * low 128 bits, and in the upper 128 bits 0 under VEX and unchanged else. */
struct simd {
    struct hart *h;
    const struct insn *i;
    union vec r;   /* result */
    union vec a;   /* first source: the destination in legacy forms, VEX.vvvv else */
    union vec b;   /* second source: ModRM.rm, register or memory */
    union vec c;   /* third source: XMM0 or the is4 register of variable blends, the old destination of FMA */
    unsigned bytes;     /* of the vectors: 16 or 32 */
    unsigned dst_bytes; /* of the destination operand */
    unsigned b_bytes;   /* of b */
    u8 imm;
    bool has_a;       /* false: a VEX form without VEX.vvvv */
    bool has_b;       /* false: a shift by the immediate */
    bool from_memory; /* b is memory */
    bool vex;
    bool faulted;     /* h->fault is set: nothing is committed */
    bool sets_flags;  /* rflags is the result */
    u32 exceptions;   /* MXCSR flags raised */
    u64 rflags;       /* the arithmetic flags */
};

typedef void simd_fn(struct simd *s);

#define SIMD(mnemonic, function, feature, traits, uop, moves) simd_fn simd_##function;
#include "isa/simd.def"
#undef SIMD

/* Traits of a row. */
enum simd_trait {
    SIMD_INTEGER = 1,    /* its 256-bit form is AVX2's */
    SIMD_ALIGNED = 2,    /* the memory operand is aligned, VEX or not */
    SIMD_UNALIGNED = 4,  /* it need not be, even in the legacy form */
    SIMD_COMPARES = 8,   /* the first operand is a source */
    SIMD_SHIFTS = 16,    /* an immediate is the count when there are two operands */
    SIMD_ONLY128 = 32,   /* no 256-bit form */
    SIMD_NO_LOAD = 64,   /* the function reads or writes memory itself */
    SIMD_GENERAL = 128   /* general registers only: no SSE state needed */
};

/* How simd_decode packs struct insn.imm; dst and src are register numbers. */
struct simd_form {
    u16 row;
    u8 imm;
    u8 a, c; /* vector registers; SIMD_NO_REG */
    u8 dst_bytes, b_bytes;
    u8 kinds; /* destination's enum simd_kind | second source's << 2 | SIMD_VEX | SIMD_256 */
};

enum simd_kind { SIMD_NONE, SIMD_VECTOR, SIMD_GENERAL_REGISTER, SIMD_MEMORY };
#define SIMD_VEX    0x10u
#define SIMD_256    0x20u
#define SIMD_NO_REG 0xffu

static inline struct simd_form simd_form_of(const struct insn *i)
{
    struct simd_form f;
    memcpy(&f, &i->imm, sizeof f);
    return f;
}

/* Packs all but the memory operand's address, whose number is *memory (-1: none). False: no row fits (MMX registers,
 * EVEX): the caller's other rows or #UD. */
bool simd_decode(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op, struct insn *i, int *memory);

/* May SSE (vex false) or AVX instructions execute? #UD, then #NM: SDM Vol. 2A, "Exception Classifications". False:
 * h->fault. */
bool simd_usable(struct hart *h, bool vex);
/* Adds what one computation raised to s->exceptions: an unmasked exception that precedes it hides those that follow it (SDM
 * Vol. 1, "SIMD Floating-Point Exceptions"). True: one is not masked, no further computation takes place. */
bool simd_keep(struct simd *s, u32 raised);
/* MXCSR collects `exceptions`. False: one is not masked, #XM or #UD is in h->fault. */
bool simd_raise(struct hart *h, u32 exceptions);
/* Replaces the arithmetic flags; the others stay. */
void simd_set_flags(struct hart *h, u64 arithmetic);

/* Memory operands of 1..64 bytes, split over two pages or not. False: h->fault, nothing was changed. */
bool simd_load(struct hart *h, enum segreg seg, va_t va, unsigned bytes, void *out);
bool simd_store(struct hart *h, enum segreg seg, va_t va, unsigned bytes, const void *from);

/* --- lanes --- */

/* r.lane[n] = expr for each lane; expr reads A, B (lanes of the sources), n, and s. */
#define SIMD_LANES(name, lane, expr)                                                                         \
    void simd_##name(struct simd *s)                                                                         \
    {                                                                                                        \
        for (unsigned n = 0; n < s->bytes / sizeof s->r.lane[0]; n++) s->r.lane[n] = (expr);                 \
    }

/* In each 128-bit half, apart: `body` reads a, b and writes r, pointers to the half. */
struct simd_half {
    union {
        u8 b[16];
        u16 w[8];
        u32 d[4];
        u64 q[2];
        i16 sw[8];
        i32 sd[4];
    };
};
#define SIMD_HALVES(name, body)                                                                              \
    void simd_##name(struct simd *s)                                                                         \
    {                                                                                                        \
        for (unsigned half = 0; half < s->bytes / 16; half++) {                                              \
            struct simd_half a, b, r;                                                                        \
            memcpy(&a, &s->a.b[16 * half], 16);                                                              \
            memcpy(&b, &s->b.b[16 * half], 16);                                                              \
            memset(&r, 0, sizeof r);                                                                         \
            body;                                                                                            \
            memcpy(&s->r.b[16 * half], &r, 16);                                                              \
        }                                                                                                    \
    }

#endif
