/* uops.h - what the operands of an instruction say of its micro-operations. For uops*.c only.
 *
 * Checked by: tests/unit/test_uops.c
 */
#ifndef ISA_UOPS_H
#define ISA_UOPS_H

#include "isa/decode.h"

/* The kind that these operands make of the mnemonic's. */
enum uop_kind uops_refine_kind(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand,
                               enum uop_kind kind);
/* By the widest register that it names or implies. */
enum uop_row uops_find_row(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand);
/* Its load or its store is the whole work, although its row does not say so of all its forms. */
bool uops_only_moves(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand, enum uop_kind kind);

/* Two equal registers make a result that does not depend on them: zero, or all ones. */
enum idiom { IDIOM_NONE, IDIOM_ZERO, IDIOM_ONES };
enum idiom uops_find_idiom(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand);
/* A move of a whole register to another: Agner Fog's tables show which are eliminated. */
bool uops_is_copy(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand);
/* An exchange of two registers, in three moves. */
bool uops_is_exchange(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand);

#endif
