/* trace.h - what happens, as lines of text "<cycle> <unit> <message>", by category.
 *
 * Models:       one trace file of the categories that `--trace` names; the last TRACE_RING_LINES lines, of
 *               these and of the categories that are always kept, which a failing assertion prints.
 * Not modelled: binary traces; values over time (those are the VCD's).
 * Cost:         trace_on() is a test of a pointer and of a bit. Ask it before a message's arguments are
 *               worked out.
 * Neighbours:   every model holds a `struct trace *`; check.c asks for the ring.
 * Checked by:   tests/unit/test_trace.c
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "models/sim/types.h"
#include <stdio.h>

/* clang-format off */
/*    name    kept   what */
#define TRACE_CATEGORIES(C)                                                  \
    C(exec,   false, "each instruction: address, bytes, disassembly")        \
    C(state,  false, "a digest of the architectural state behind every instruction, each 256") \
    C(core,   true,  "cores: switches, resets, halts, shutdowns")            \
    C(except, false, "exceptions and interrupts delivered")                  \
    C(mem,    false, "each memory reference of a timed core and what translated it") \
    C(walk,   false, "each page walk of a timed core with its ledger")         \
    C(vmx,    true,  "VM entries and exits, VMX instructions that fail")     \
    C(irq,    false, "interrupt lines, local APIC, PIC")                     \
    C(dev,    false, "accesses to devices")                                  \
    C(board,  true,  "loading, markers, the end of the run")
/* clang-format on */

enum trace_category {
#define TRACE_ENUM(name, kept, what) TRACE_##name,
    TRACE_CATEGORIES(TRACE_ENUM)
#undef TRACE_ENUM
        TRACE_N_CATEGORIES
};

#define TRACE_RING_LINES 64
#define TRACE_LINE_BYTES 192

struct trace {
    u64 active; /* categories that anybody wants, a bit each */
    u64 to_file;
    FILE *file;
    u64 lines; /* ever put into the ring */
    char ring[TRACE_RING_LINES][TRACE_LINE_BYTES];
};

/* Opens a trace of the categories of a list "exec,walk" ("all" for all) into the file `path`; categories
 * NULL: only the ring, no file. NULL: one message printed. A failing CHECK prints the ring until trace_close.
 */
struct trace *trace_open(const char *path, const char *categories);
void trace_close(struct trace *t);

/* A model without trace (unit tests) holds NULL. */
static inline bool trace_on(const struct trace *t, enum trace_category c)
{
    return UNLIKELY(t && t->active & BIT(c));
}

/* One line, if the category is on. `unit` is the path of the speaker: "cpu0.walker". Lines in the ring are
 * cut at TRACE_LINE_BYTES. */
__attribute__((format(printf, 5, 6))) void trace_line(struct trace *t, enum trace_category c, u64 cycle,
                                                      const char *unit, const char *format, ...);

/* The ring, oldest line first. */
void trace_print_ring(const struct trace *t, FILE *out);

/* All categories with what they say. */
void trace_print_categories(FILE *out);

#endif
