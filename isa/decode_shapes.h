/* decode_shapes.h - where an instruction's operands are, and which form of struct insn they make. For decode*.c only.
 *
 * A row of insns.def names a shape: a function that packs the operands, or says that the row does not fit them.
 */
#ifndef ISA_DECODE_SHAPES_H
#define ISA_DECODE_SHAPES_H

#include "isa/decode.h"
#include "isa/icache.h"
#include "isa/operand.h"

/* An instruction on its way. */
struct decoding {
    const ZydisDecodedInstruction *z;
    const ZydisDecodedOperand *op;
    const u8 *bytes;
    struct decoded_insn *out;
    enum form form;
    unsigned size_log2; /* operand size */
};

/* 8, 16, 32, 64 bits: 0..3. */
unsigned decode_log2_of_bits(unsigned width_bits);

bool shape_operands(struct decoding *d);
bool shape_extend(struct decoding *d);
bool shape_implied(struct decoding *d);
bool shape_offset(struct decoding *d);
bool shape_stack(struct decoding *d);
bool shape_near(struct decoding *d);
bool shape_string(struct decoding *d);
bool shape_xlat(struct decoding *d);
bool shape_monitor(struct decoding *d);
bool shape_enter(struct decoding *d);
bool shape_system(struct decoding *d);
bool shape_simd(struct decoding *d);
bool shape_mmx(struct decoding *d);
bool shape_x87(struct decoding *d);
bool shape_port(struct decoding *d);
bool shape_to_cr(struct decoding *d);
bool shape_to_cr3(struct decoding *d);
bool shape_to_cr8(struct decoding *d);
bool shape_from_cr(struct decoding *d);
bool shape_to_dr(struct decoding *d);
bool shape_from_dr(struct decoding *d);
bool shape_to_segment(struct decoding *d);
bool shape_from_segment(struct decoding *d);
bool shape_segment(struct decoding *d);
bool shape_far(struct decoding *d);
bool shape_marker(struct decoding *d);

#endif
