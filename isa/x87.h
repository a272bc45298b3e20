/* x87.h - the x87 unit: its stack, status and environment, and how its instructions run.
 *
 * Models:       eight registers with tags, control and status words, instruction and data pointers, opcode;
 *               exceptions masked and unmasked, the latter as #MF of the next waiting instruction; MMX
 *               registers in the significands.
 * Not modelled: FERR# and IGNNE# (CR0.NE clear answers #MF too); selectors of the pointers, which are 0 as on
 *               processors with CPUID.7:EBX[13]; results of FCOS, FSIN, FSINCOS, FPTAN reduce by the true pi,
 *               not by Intel's 66 bits.
 * Neighbours:   x87.def lists the instructions; exec_x87.c runs loads, stores and control, exec_x87_arith.c and
 *               exec_x87_math.c compute with float80.h; x87_image.c packs the state for memory; struct
 *               x87_state is in fpu.h.
 * Checked by:   tests/unit/test_diff_x87.c (against the host CPU)
 *
 * Sources: SDM Vol. 1, "Programming with the x87 FPU"; Vol. 2, each instruction.
 */
#ifndef ISA_X87_H
#define ISA_X87_H

#include "isa/float80.h"
#include "isa/hart.h"

/* Status word; the low six bits are FLOAT_. */
#define X87_SF        0x0040u
#define X87_ES        0x0080u
#define X87_C0        0x0100u
#define X87_C1        0x0200u
#define X87_C2        0x0400u
#define X87_TOP       0x3800u
#define X87_C3        0x4000u
#define X87_B         0x8000u
#define X87_FLAGS     0x003fu
#define X87_TOP_SHIFT 11

/* Control word: six masks, precision in bits 9:8, rounding in 11:10. Bit 6 reads as 1, bits 7 and 15:13 as 0. */
#define X87_CONTROL_INIT  0x037fu
#define X87_CONTROL_FIXED 0x0040u
#define X87_CONTROL_BITS  0x1f3fu

/* Traits of a row of x87.def. */
enum x87_trait {
    X87_NOWAIT = 1,
    X87_CONTROL = 2, /* leaves the pointers alone */
    X87_POP = 4,
    X87_POP_TWICE = 8,
    X87_PUSH = 32, /* for dependences only: its handler pushes by itself */
    X87_ANY = 64,  /* every instruction that may name registers, in decode.c */
    X87_WAIT = 16  /* the WAIT instruction itself: CR0.EM does not count, CR0.TS only with CR0.MP */
};

/* One instruction under way. */
struct x87_op {
    struct hart *h;
    const struct insn *i;
    struct x87_state *s;
    struct float_env env;
    unsigned parameter; /* of the row */
    unsigned traits;    /* enum x87_trait */
    bool stack_fault, overflow;
};

typedef enum outcome x87_fn(struct x87_op *o);
#define X87(mnemonic, function, parameter, traits, uop) x87_fn x87_##function;
#include "isa/x87.def"
#undef X87

/* Handlers that decode.c routes to. */
#define X87(mnemonic, function, parameter, traits, uop)                                                      \
    enum outcome exec_x87_##mnemonic(struct hart *h, const struct insn *i);
#include "isa/x87.def"
#undef X87

/* The types of memory operands. */
enum x87_type { X87_SINGLE, X87_DOUBLE, X87_EXTENDED, X87_INT16, X87_INT32, X87_INT64, X87_BCD };

/* struct insn.imm: the opcode's low byte and three bits of the first one, as the opcode register keeps them. */
static inline unsigned x87_opcode(const struct insn *i)
{
    return (unsigned)i->imm & 0x7ff;
}
static inline unsigned x87_rm(const struct insn *i)
{
    return (unsigned)i->imm & 7;
}
static inline bool x87_has_memory(const struct insn *i)
{
    return (i->imm & 0xc0) != 0xc0;
}
enum x87_type x87_type_of(const struct insn *i);

static inline unsigned x87_top(const struct x87_state *s)
{
    return s->status >> X87_TOP_SHIFT & 7;
}
static inline unsigned x87_physical(const struct x87_state *s, unsigned st)
{
    return (x87_top(s) + st) & 7;
}
static inline bool x87_is_empty(const struct x87_state *s, unsigned st)
{
    return !(s->valid >> x87_physical(s, st) & 1);
}
static inline void x87_set_top(struct x87_state *s, unsigned top)
{
    s->status = (u16)((s->status & ~X87_TOP) | (top & 7) << X87_TOP_SHIFT);
}
static inline struct float_value x87_value(const struct x87_state *s, unsigned st)
{
    return float_of_register(s->reg[x87_physical(s, st)]);
}
void x87_set(struct x87_state *s, unsigned st, struct x87_register value);
void x87_push(struct x87_state *s, struct x87_register value);
void x87_pop(struct x87_op *o); /* as the row's traits say */
/* ES and B follow from flags and masks. */
void x87_update_summary(struct x87_state *s);

/* The exceptions raised go to the status word, and C1 with them. True: results may be written. */
bool x87_commit(struct x87_op *o);
/* A register was empty, or the one to push into was not. */
void x87_stack_fault(struct x87_op *o, bool overflow);
/* The operand of arithmetic and loads from memory: single, double or integer. False: h->fault. */
bool x87_load_value(struct x87_op *o, struct float_value *v);

/* CR0.EM and CR0.TS, pending exceptions. False: h->fault. */
bool x87_may_execute(struct hart *h, bool waits);

/* x87_image.c: environment of 14 or 28 bytes, whole state of 94 or 108 bytes (SDM Vol. 1, "x87 FPU State"). */
#define X87_ENVIRONMENT_MAX 28
#define X87_STATE_MAX       108
unsigned x87_environment_to_image(const struct hart *h, unsigned operand_bytes,
                                  u8 *image); /* its size in bytes */
unsigned x87_environment_from_image(struct hart *h, unsigned operand_bytes, const u8 *image);

#endif
