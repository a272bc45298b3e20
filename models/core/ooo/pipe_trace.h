/* pipe_trace.h - the life of every micro-operation, stage by stage, as a file for pipeline viewers.
 *
 * Formats:    Kanata (the viewer Konata), and O3PipeView, the format of gem5's o3-pipeview.py, which Konata reads too:
 *             1000 ticks a cycle, disassembly without colons.
 * Stages:     F in the decode queue, Rn in the scheduler, Wk waiting for a page walk, Ex executing, Cm complete; Mc a
 *             microcode sequence: an instruction, an event, a VM transition, named in its text.
 * Bounds:     `skip` instructions are left out, then `count` are told; the region's begin starts anew.
 * Neighbours: the stages of the core tell it; observe.c opens it.
 * Checked by: tests/unit/test_pipe_trace.c, tests/system/trace.sh
 */
#ifndef CORE_OOO_PIPE_TRACE_H
#define CORE_OOO_PIPE_TRACE_H

#include "models/core/core.h"
#include <stdio.h>

#define PIPE_TRACE_ROWS 1025 /* a ring of micro-operations, and one for microcode */
#define PIPE_MICROCODE  1024

enum pipe_format { PIPE_KANATA, PIPE_O3PIPEVIEW };
enum pipe_stage { PIPE_QUEUE, PIPE_RENAME, PIPE_WALK, PIPE_EXECUTE, PIPE_COMPLETE, PIPE_SEQUENCE, PIPE_STAGES };

struct pipe_row {
    u64 id; /* 0: not traced */
    u64 pc;
    u64 cycle[PIPE_STAGES]; /* first entered; 0: not */
    u8 part;                /* micro-operation of its instruction */
    char text[96];
};

struct pipe_trace {
    /* fixed at elaboration */
    FILE *out;
    enum pipe_format format;
    u64 skip, count;
    unsigned thread; /* whose pipeline, as viewers call it */
    /* state */
    bool closed;      /* the region has ended */
    u64 instructions; /* seen since the region's begin */
    u64 ids, retired;
    u64 cycle; /* that the file is at */
    struct pipe_row row[PIPE_TRACE_ROWS];
};

/* false: message printed. */
bool pipe_trace_open(struct pipe_trace *t, const char *path, enum pipe_format format, u64 skip, u64 count);
void pipe_trace_close(struct pipe_trace *t);
/* What was written so far was not of the region. */
void pipe_trace_restart(struct pipe_trace *t);
/* The region ends. */
void pipe_trace_stop(struct pipe_trace *t);

/* Another instruction: is it in the window? */
bool pipe_trace_next(struct pipe_trace *t);
/* A micro-operation is there; `text` names it. It is then known by `index`. */
void pipe_trace_begin(struct pipe_trace *t, u32 index, u64 cycle, u64 pc, unsigned part, const char *text);
void pipe_trace_stage(struct pipe_trace *t, u32 index, u64 cycle, enum pipe_stage stage);
void pipe_trace_retire(struct pipe_trace *t, u32 index, u64 cycle);

#endif
