/* decode.h - from bytes, by way of Zydis, to struct insn and struct insn_info.
 *
 * Models:       the rows of insns.def; prefixes, operand and address sizes of every mode; micro-operations
 *               derived from the operands; instructions that the processor's model lacks (gates.def).
 * Neighbours:   icache.c calls it; insns.def is its table; the handlers' families are in operand.h.
 * Checked by:   tests/unit/test_decode.c, test_uops.c
 */
#ifndef ISA_DECODE_H
#define ISA_DECODE_H

#include "isa/hart.h"
#include <Zydis/Zydis.h>

struct decoder {
    ZydisDecoder zydis[MODE_LONG64 + 1];
    u16 first_row[ZYDIS_MNEMONIC_MAX_VALUE + 1]; /* in insns.def's table, + 1; 0: none */
    bool absent[ZYDIS_MNEMONIC_MAX_VALUE + 1];   /* the processor does not know it */
};

enum decoded { DECODED, DECODED_TRUNCATED /* more bytes are needed */ };

struct decoded_insn {
    struct insn hot; /* hot.info is the caller's */
    struct insn_info cold;
    bool alone; /* wants a block of its own */
    bool ends;  /* nothing behind it belongs to its block */
    bool stops; /* the functional run returns to the core behind it */
};

/* Knows everything. */
void decoder_init(struct decoder *d);
/* Knows from now on what a processor of this model knows. */
void decoder_set_model(struct decoder *d, const struct cpu_model *m);
/* Decodes one instruction from `available` (1..15) bytes. Bytes that are no instruction decode to one that
 * answers #UD or, above 15 bytes, #GP. */
enum decoded decode(const struct decoder *d, enum code_mode mode, const u8 *bytes, unsigned available,
                    struct decoded_insn *out);

/* The micro-operations: uops.c. `moves`: a load or store is the whole work. */
void decode_uops(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand, enum uop_kind kind,
                 bool moves, struct insn_info *info);
/* A general register as struct insn numbers operands: byte registers by their offset in h->reg. REG_NONE: not one. */
u8 decode_operand_register(ZydisRegister r);
/* REG_NONE for what is not a general register; RIP is REG_NONE too: nothing depends on it. */
u8 decode_dependence(ZydisRegister r);

/* Intel syntax, without the address, NUL-terminated. Returns the bytes that the instruction takes of `length`; all, if they are none. */
unsigned isa_disassemble(const u8 *bytes, unsigned length, enum code_mode mode, u64 rip, char *buffer,
                         size_t buffer_bytes);

#endif
