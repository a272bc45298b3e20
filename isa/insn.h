/* insn.h - one decoded instruction: a hot part of 32 bytes that runs, and a cold part that describes.
 *
 * The hot part is what the executor touches. Its `exec` handler is specialized for operation, operand size and operand form, and
 * finds everything else precomputed. The cold part (struct insn_info) is for timing cores, interception, disassembly.
 */
#ifndef ISA_INSN_H
#define ISA_INSN_H

#include "models/sim/types.h"

/* Register numbers: the sixteen of the architecture, then what addresses need, then what only dependences need. */
enum reg {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
    REG_RIP,   /* while an instruction executes: the address of the next one */
    REG_ZERO,  /* always 0: the base or index that is not there */
    REG_FILE,  /* registers that struct hart stores */
    REG_FLAGS = REG_FILE, /* from here: only in dependences. All arithmetic flags but */
    REG_CARRY,
    REG_TEMP0, REG_TEMP1, /* between the micro-operations of one instruction */
    REG_VEC0, /* sixteen vector registers */
    REG_VEC15 = REG_VEC0 + 15,
    REG_MMX0, /* eight MMX registers */
    REG_MMX7 = REG_MMX0 + 7,
    REG_ST0, /* eight x87 registers, counted from the top of their stack */
    REG_ST7 = REG_ST0 + 7,
    REG_DEPS,
    REG_NONE = 0xff
};

/* What a handler answers. Everything but OUT_NEXT ends the block. */
enum outcome {
    OUT_NEXT,  /* done; go on behind it */
    OUT_JUMP,  /* done; REG_RIP holds the target */
    OUT_FLUSH, /* done; decoded code, translations or the mode may have changed: find the next instruction anew */
    OUT_AGAIN, /* a part of a repeated string instruction is done; the same instruction goes on (RIP stays) */
    OUT_FAULT, /* nothing done (but what the manual says stays); h->fault tells; RIP stays */
    OUT_EXIT,  /* a VM exit or VM entry has switched the state; RIP is the new world's */
    OUT_CUT    /* not an instruction: end of a decoded block that is continued elsewhere */
};

struct hart;
struct insn;
typedef enum outcome (*exec_fn)(struct hart *h, const struct insn *i);

struct insn {
    exec_fn exec;
    u64 imm;      /* immediate, sign-extended; relative branches: displacement */
    i32 disp;     /* of the memory operand */
    u8 base;      /* enum reg: never REG_NONE, REG_ZERO instead */
    u8 index;
    u8 scale;     /* left shift of the index, 0..3 */
    u8 segment;   /* enum segreg of the memory operand */
    u8 dst, src;  /* enum reg; for byte operands the byte offset in h->reg (AH = 1) */
    u8 length;    /* bytes, 1..15 */
    u8 attr;      /* handlers' own */
    u32 info;     /* index of its cold part in the decoded-instruction cache */
};

/* What a micro-operation does: isa/uops.def. */
enum uop_kind {
#define UOP(name, meaning) UOP_##name,
#include "isa/uops.def"
#undef UOP
    UOP_KINDS
};

/* Which row of a timing model's table a micro-operation has. */
enum uop_row {
    ROW_NARROW,  /* integers of up to 32 bits, vectors of up to 128 */
    ROW_WIDE,    /* 64-bit integers, 256-bit vectors */
    ROW_FURTHER, /* not the operation, but a further result of it: its source is the first one */
    ROW_COUNT
};

/* Groups of flags that processors rename apart: REG_CARRY and REG_FLAGS. */
enum flag_group { FLAGS_CARRY = 1, FLAGS_OTHERS = 2 };

struct uop {
    u8 kind;    /* enum uop_kind */
    u8 row;     /* enum uop_row */
    u8 src[3];  /* enum reg or REG_NONE */
    u8 dst;
    u8 reads_flags, writes_flags; /* enum flag_group */
    bool zeroes; /* its result is zero whatever its registers hold: rename may know it */
    bool copies; /* a whole register to another: rename may do it alone */
};

/* Macro-fusion: a comparison holds the groups of conditional jumps that may join it, a jump its own. */
enum fusion {
    FUSION_ORDER = 1,  /* jumps on ZF, SF with OF: Z, L, LE and their opposites */
    FUSION_CARRY = 2,  /* on CF: B, BE and their opposites */
    FUSION_OTHERS = 4  /* on SF, OF or PF alone */
};

/* How the instruction changes the flow. */
enum flow { FLOW_NONE, FLOW_COND, FLOW_JUMP, FLOW_INDIRECT, FLOW_CALL, FLOW_CALL_INDIRECT, FLOW_RET, FLOW_FAR };

/* Classes that timing models price by name; one row each in isa/classes.def: CLASS(name, "meaning"). */
enum insn_class {
    CLASS_plain,
#define CLASS(name, meaning) CLASS_##name,
#include "isa/classes.def"
#undef CLASS
    CLASS_COUNT
};

#define INSN_MAX_UOPS 4

struct insn_info {
    u16 mnemonic;       /* ZydisMnemonic */
    u8 iclass;          /* enum insn_class */
    u8 flow;            /* enum flow */
    u8 n_uops;
    bool serializing;   /* SDM Vol. 3A, "Serializing Instructions"; older records leave first, younger wait */
    bool sees_time;     /* RDTSC, port I/O, HLT, VM transitions...: older records have left the pipe before it executes */
    bool locked;
    bool length_changes; /* a prefix changes the length of its immediate */
    bool streams;       /* its stores are non-temporal */
    bool repeats;       /* REP string: one record per part */
    u8 fusion;          /* enum fusion, several for a comparison; 0: takes no part in it */
    bool marker;        /* a region marker NOP: payload in `marker_payload` */
    u32 marker_payload;
    bool x87;               /* it names x87 registers */
    i8 x87_pops;            /* that the top of their stack goes up behind it; -1: down in front of its results */
    u8 length;
    u8 bytes[15];
    struct uop uop[INSN_MAX_UOPS];
};

/* The x87 register of a dependence on REG_ST0 to REG_ST7, from a fixed place, when the stack's top is there; others
 * as they are. */
static inline u8 x87_register(u8 reg, u8 top)
{
    return reg >= REG_ST0 && reg <= REG_ST7 ? (u8)(REG_ST0 + ((reg - REG_ST0 + top) & 7)) : reg;
}

#endif
