/* core_trace.h - the lines that cores write into the trace: instructions, references, events.
 *
 * Neighbours: fast.c asks before an instruction (which then runs alone), inorder.c behind it with its record.
 * Checked by: tests/system/trace.sh
 */
#ifndef CORE_CORE_TRACE_H
#define CORE_CORE_TRACE_H

#include "models/core/core.h"

/* The functional core stops behind each instruction. */
static inline bool core_traces_instructions(const struct core *c)
{
    return trace_on(c->trace, TRACE_exec) || trace_on(c->trace, TRACE_state);
}

/* The instruction that comes next, read from memory as it is now. */
void core_trace_next(struct core *c);

/* Behind each step, in program order, once the hart has its new state: category state. */
void core_trace_state(struct core *c);

#define CORE_TRACES_OF_RECORDS (BIT(TRACE_exec) | BIT(TRACE_state) | BIT(TRACE_mem) | BIT(TRACE_except))
static inline bool core_traces_records(const struct core *c)
{
    return UNLIKELY(c->trace && (c->trace->active & CORE_TRACES_OF_RECORDS));
}

/* What a record did: categories exec, mem, except. */
void core_trace_record(struct core *c, const struct insn_record *r);

#endif
