/* pipe_trace.h - the life of every micro-operation, stage by stage, as a file for pipeline viewers.
 *
 * Formats:    Kanata 0004 (docs/kanata-log-format.md of the viewer Konata), and O3PipeView, the format of gem5's
 *             o3-pipeview.py, which Konata reads too: 1000 ticks a cycle, disassembly without colons, stages that a
 *             micro-operation does not have at the tick of the one before, since tick 0 means flushed.
 * Kanata:     a row is a micro-operation, a jump that is fused with the comparison above it, or a microcode
 *             sequence: an instruction, an event, a VM transition. Lane 0 are the stages of PIPE_STAGES, lane 1 what
 *             stalls it (PIPE_STALLS). The label is address, disassembly and kind; details (mouse over) are the
 *             place in the program, each page walk, what served a load, a mispredict, what rename lacked. Arrows (W)
 *             go from the producer that a micro-operation waited for. The thread is the processor.
 * O3PipeView: the letters of its stalls stand behind the disassembly: "{Wk}"; a fused jump and the comparison above
 *             it share their stages.
 * Bounds:     `skip` instructions are left out, then `count` are told; the region's begin starts anew.
 * Neighbours: the stages of the core tell it (trace_stages.c); observe.c opens it.
 * Checked by: tests/unit/test_pipe_trace.c, tests/system/pipeline.sh
 */
#ifndef CORE_OOO_PIPE_TRACE_H
#define CORE_OOO_PIPE_TRACE_H

#include "models/core/core.h"
#include <stdio.h>

/* clang-format off */
#define PIPE_STAGES(S)                                                                                     \
    S(FETCH,    "F",  "in the front end: its line and the line's translation, the redirect's last cycles") \
    S(DRAIN,    "Dr", "waits in the front end until older instructions, or stores, are done")              \
    S(QUEUE,    "Dc", "decoded: in the decode queue")                                                      \
    S(RENAME,   "Rn", "renamed: in the scheduler")                                                         \
    S(EXECUTE,  "Ex", "issued")                                                                            \
    S(SEQUENCE, "Mc", "microcode and its references")                                                      \
    S(FUSED,    "Fu", "goes with the micro-operation above")                                               \
    S(COMPLETE, "Cm", "its result is there; it retires in order")

#define PIPE_STALLS(S)                                                           \
    S(RESOURCE, "Rs", "rename lacks a resource")                                 \
    S(STLB,     "Tl", "second-level TLB")                                        \
    S(WALK,     "Wk", "page walk")                                               \
    S(LOCK,     "Lk", "a locked load: until it is the oldest; a load behind one") \
    S(ORDER,    "So", "an older store whose address, data or write is not there") \
    S(BUSY,     "Bz", "the L1D takes no further miss")                           \
    S(MISS,     "Ms", "its data, or its line, come from behind the L1")
/* clang-format on */
#define PIPE_ENUM(name, letters, meaning) PIPE_##name,
enum pipe_stage { PIPE_STAGES(PIPE_ENUM) PIPE_N_STAGES };
enum pipe_stall { PIPE_NO_STALL, PIPE_STALLS(PIPE_ENUM) PIPE_N_STALLS };
#undef PIPE_ENUM

#define PIPE_MICROCODE  1024 /* the sequence that is played */
#define PIPE_FETCHED    1025 /* the instruction that the front end is at */
#define PIPE_TRACE_ROWS 1026 /* behind a ring of micro-operations */

enum pipe_format { PIPE_KANATA, PIPE_O3PIPEVIEW };

struct pipe_row {
    u64 id; /* 0: not traced */
    u64 pc;
    u64 cycle[PIPE_N_STAGES]; /* first entered, plus 1; 0: not */
    u32 stalls;               /* a bit each: it had it */
    u8 stall;                 /* enum pipe_stall of now */
    u8 part;                  /* micro-operation of its instruction */
    char text[96];
    u64 fused_id, fused_pc, fused_fetch; /* the jump that goes with it, also if it is not traced itself; id 0: none */
    char fused_text[64];
};

struct pipe_trace {
    /* fixed at elaboration */
    FILE *out;
    enum pipe_format format;
    u64 skip, count;
    unsigned thread; /* whose pipeline, as viewers call it */
    const char *(*place)(void *self, enum world world, u64 pc); /* "" or the name of an address; NULL: none is known */
    void *place_self;
    /* state */
    bool closed;      /* the region has ended */
    bool started;     /* the file has a first cycle */
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

/* The front end is at another instruction: a row PIPE_FETCHED, if it is in the window. */
void pipe_trace_fetch(struct pipe_trace *t, u64 cycle, enum world world, u64 pc);
/* True if the instruction that the front end is at is traced. */
static inline bool pipe_trace_has_fetched(const struct pipe_trace *t) { return t->row[PIPE_FETCHED].id != 0; }

/* What was fetched is this micro-operation, or sequence, or a jump that the micro-operation `index` takes in; `text`
 * names it. */
void pipe_trace_decode(struct pipe_trace *t, u32 index, u64 cycle, const char *text);
void pipe_trace_fuse(struct pipe_trace *t, u32 index, u64 cycle, const char *text);
/* A further micro-operation of that instruction. */
void pipe_trace_begin(struct pipe_trace *t, u32 index, u64 cycle, u64 pc, unsigned part, const char *text);

void pipe_trace_stage(struct pipe_trace *t, u32 index, u64 cycle, enum pipe_stage stage);
/* It is stalled from now on; PIPE_NO_STALL: no longer. Another stage ends a stall too. */
void pipe_trace_stall(struct pipe_trace *t, u32 index, u64 cycle, enum pipe_stall stall);
/* Stands behind its text: " [mispredicted]". */
void pipe_trace_mark(struct pipe_trace *t, u32 index, u64 cycle, const char *mark);
/* One line of its details. */
__attribute__((format(printf, 4, 5))) void pipe_trace_detail(struct pipe_trace *t, u32 index, u64 cycle,
                                                             const char *format, ...);
/* It waits for the result of the row `producer`. */
void pipe_trace_wait(struct pipe_trace *t, u32 index, u32 producer, u64 cycle);
void pipe_trace_retire(struct pipe_trace *t, u32 index, u64 cycle);

#endif
