/* board.h - the machine as one object: built from a configuration, loaded with guest images, run, reported.
 *
 * Neighbours: pc.c wires it (the one file that does), boot.c loads images, observe.c watches, report.c sums up; cli/ drives it.
 * Errors:     what the user asked and cannot be had is one message on stderr and NULL/false: exit status 2.
 */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H

#include "models/sim/config.h"
#include "models/sim/stats.h"
#include "models/sim/trace.h"

#define BOARD_MAX_MODULES 16

/* An image with its Multiboot string: file name, then its words. */
struct boot_image {
    const char *path;
    const char *words; /* may be "" */
};

/* Which VM entries, VMX instructions and VM exits that failed are explained on stderr: the last one, in the report, if the guest has
 * not made good for it (a #UD or #GP that a run survives with status 0 is no news); none; or each as it happens. */
enum explain { EXPLAIN_FAILURES, EXPLAIN_NEVER, EXPLAIN_ALWAYS };

struct board_options {
    struct boot_image image;                      /* the guest */
    struct boot_image monitor;                    /* path NULL: none. With one, the monitor is booted and the guest is its module 0 */
    struct boot_image module[BOARD_MAX_MODULES];  /* further modules */
    unsigned n_modules;
    u64 max_cycles;       /* hang limit, core cycles; 0: none */
    u64 max_instructions; /* of one processor: end of the run, not an error; 0: none */
    const char *console_path; /* console.log, NULL: none; the console also goes to stdout if echo_console */
    bool echo_console;
    struct trace *trace;  /* may be NULL */
    const char *vcd_path; /* without suffix; NULL: none */
    const char *ledger_path; /* every page walk's ledger of the region as one CSV row a reference; NULL: none */
    const char *timeline_path; /* timeline.h; NULL: none */
    const char *kanata_path, *pipeview_path; /* core/ooo/pipe_trace.h; NULL: none. At most one of them */
    u64 pipeline_skip, pipeline_count;       /* instructions of the region that it leaves out, and tells */
    unsigned pipeline_cpu;                   /* whose pipeline */
    u32 traced_cpus; /* a bit each: processors in trace, ledger, timeline and waveform; 0: all */
    enum explain explain;
    bool remembers_entry;      /* the VMCS as of the last VM entry, for board_print_vmcs */
};

/* Region markers (ARCHITECTURE.md, section 10): payload 0x47KKIIII. */
enum marker_kind { MARKER_BEGIN = 1, MARKER_END = 2, MARKER_LABEL = 3, MARKER_WARM = 4 };

/* How a run ended. */
enum board_end {
    BOARD_EXITED,       /* the guest wrote to port 0xf4: status */
    BOARD_DIED,         /* triple fault, or idle for ever: why */
    BOARD_HANG_LIMIT,   /* max_cycles */
    BOARD_INSTRUCTIONS, /* max_instructions */
    BOARD_INTERRUPTED   /* board_interrupt() */
};

struct board;

/* Every parameter table is bound to `c` here, so `list params` and config_check_all_used work after it. NULL: message printed. */
struct board *board_new(struct config *c);
void board_free(struct board *b);

/* Loads the images into RAM and sets the boot state. false: message printed. */
bool board_load(struct board *b, const struct board_options *o);
/* Opens what the run will write, and plans it. Behind board_load, so that a refused image leaves no file. false: message printed. */
bool board_open(struct board *b, const struct board_options *o);

enum board_end board_run(struct board *b, u8 *status);
/* The run ends where the guest first sets a marker of this kind; fn(self) is called there. Before board_run. */
void board_stop_at_marker(struct board *b, enum marker_kind kind, void (*fn)(void *self), void *self);
/* From a signal handler: ends the run at the next opportunity. */
void board_interrupt(void);

/* Closes accounts and asserts every identity (ARCHITECTURE.md, section 8). Called by board_run at its end. */
void board_check(struct board *b);

struct stats *board_stats(struct board *b);

/* How the guest ended, and where: one line, and one for each processor if there are several. */
void board_print_end(struct board *b, enum board_end end, FILE *out);
/* Where the time went (report.h). Nothing was timed: writes nothing. */
void board_print_accounts(struct board *b, FILE *out);
/* What the sample of a sampled run says. Not one: writes nothing. */
void board_print_sample(struct board *b, FILE *out);
/* What the guest used that is not modelled, each with its bytes and disassembly; the last VM entry or VMX
 * instruction that failed, as options.explain says. Nothing to say: writes nothing. */
void board_print_report(struct board *b, enum board_end end, FILE *out);

/* A processor's state now: the page walk of a linear address, the current VMCS (inspect.h). False: no translation, no VMCS. */
bool board_print_walk(struct board *b, unsigned cpu, va_t va, FILE *out);
bool board_print_vmcs(struct board *b, unsigned cpu, FILE *out);

/* For progress: work done so far. */
u64 board_instructions(const struct board *b);
u64 board_now_ps(const struct board *b);
/* board_ask_progress(), from a signal handler: fn(self) is called soon, outside of simulation. Nothing simulated changes. */
void board_on_progress(struct board *b, void (*fn)(void *self), void *self);
void board_ask_progress(void);

#endif
