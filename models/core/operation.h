/* operation.h - the micro-operations that each operation of isa/uops.def is, by family of processors.
 *
 * Models:       for each operation, narrow (up to 32 bits; 128-bit vectors) and, where it differs, wide (64 bits;
 *               256-bit vectors), and for its further results: steps, of which each waits for the results of the
 *               one before; in a step, micro-operations abreast, with the ports that can execute them, their
 *               latency, and the cycles that they keep the unit busy.
 * Not modelled: latencies that differ by source operand (one row has the longest), and by the operands' values, but
 *               for divisions of 128 bits.
 * Neighbours:   models/core/uops_<family>.def are the tables, with their sources; ooo/decode.c expands an operation into
 *               micro-operations, the in-order core takes its latency.
 * Checked by:   tests/unit/test_operation.c; tests/timing/test_ooo_instructions.c, test_instruction_reference.c
 */
#ifndef CORE_OPERATION_H
#define CORE_OPERATION_H

#include "isa/record.h"

/* The tables, in the order of enum operation_table. */
#define OPERATION_TABLES ONE_OF("skylake", "haswell", "nehalem", "sandy_bridge", "zen2")
enum operation_table { TABLE_SKYLAKE, TABLE_HASWELL, TABLE_NEHALEM, TABLE_SANDY_BRIDGE, TABLE_ZEN2, TABLE_COUNT };

#define OPERATION_STEPS    4u
#define OPERATION_MAX_UOPS 40u /* of one operation */

/* Where a micro-operation executes: ports as a bit mask, 0 if rename does it alone; its result after `latency` cycles;
 * the unit takes the next one after `busy`. */
struct execution {
    u16 ports;
    u8 latency, busy;
};

struct operation_step {
    u8 count; /* micro-operations abreast; 0: no such step */
    struct execution by;
    bool aside; /* they wait for nothing, and nothing for them; behind all others */
};

struct operation {
    struct operation_step step[OPERATION_STEPS];
};

extern const struct operation operation_tables[TABLE_COUNT][UOP_KINDS][ROW_COUNT];

/* Every operation has a narrow row; NULL: no micro-operation of its own for a further result. */
static inline const struct operation *operation_find(enum operation_table table, enum uop_kind kind, enum uop_row row)
{
    const struct operation *rows = operation_tables[table][kind];
    if (rows[row].step[0].count) return &rows[row];
    return row == ROW_FURTHER ? NULL : &rows[ROW_NARROW];
}

/* The operation that this micro-operation of the record is: of a division the dividend decides. */
static inline enum uop_kind operation_kind(const struct uop *u, const struct insn_record *r)
{
    if (UNLIKELY(u->kind == UOP_DIV64)) return r->wide_dividend ? UOP_DIV128 : UOP_DIV64;
    if (UNLIKELY(u->kind == UOP_IDIV64)) return r->wide_dividend ? UOP_IDIV128 : UOP_IDIV64;
    return (enum uop_kind)u->kind;
}

/* Cycles from the operands to the result, when no port is taken by others. */
u32 operation_latency(const struct operation *o);

#endif
