/* core_trace.h - the lines that cores write into the trace: instructions, references, events.
 *
 * Neighbours: fast.c asks before an instruction (which then runs alone), inorder.c behind it, with its record.
 * Checked by: tests/system/trace.sh
 */
#ifndef CORE_CORE_TRACE_H
#define CORE_CORE_TRACE_H

#include "models/core/core.h"

static inline bool core_traces_instructions(const struct core *c) { return trace_on(c->trace, TRACE_exec); }

/* The instruction that comes next, read from memory as it is now. */
void core_trace_next(struct core *c);

/* What a record did: categories exec, mem, except. Nothing if none of them is on. */
void core_trace_record(struct core *c, const struct insn_record *r);

#endif
