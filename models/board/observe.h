/* observe.h - who listens to the machine for the user: names of addresses, trace lines of walks and VM exits, the
 * file of walk ledgers, the timeline.
 *
 * Names:       an address of the guest world belongs to the guest image; of the root or native world, to the image
 *              that was booted.
 * Ledger file: CSV, one row a reference of every page walk that timed cores played in the measured region (without
 *              region markers: in the whole run), walks numbered as they end:
 *              cpu,walk,ref,va,access,dim,guest_level,host_level,hpa,served,cycles. Levels as in isa/record.h.
 * Processors:  all, or those of board_options.traced_cpus.
 * Neighbours:  symbols.h, timeline.h; hooks of the core (core_watch), the page walkers and VMX.
 * Checked by:  tests/system/trace.sh, explain.sh
 */
#ifndef BOARD_OBSERVE_H
#define BOARD_OBSERVE_H

#include "models/board/pc.h"
#include "models/board/symbols.h"
#include "models/board/timeline.h"

struct observer;

/* One processor's hooks. */
struct observed_cpu {
    /* wiring */
    struct observer *o;
    struct processor *cpu;
    struct core_watch watch;
    struct timeline timeline;
    /* state */
    bool entered;            /* a VM entry has been seen... */
    u64 entered_vmcs;        /* ...with the VMCS at this address... */
    struct vmcs at_entry;    /* ...and these fields */
    int function;            /* of the last traced instruction, of the symbols of its world; -1: none */
    enum world function_world;
    char place[SYMBOL_TEXT_BYTES + 4];
};

struct observer {
    /* wiring */
    struct pc *pc;
    struct trace *trace;     /* may be NULL */
    FILE *ledger;            /* NULL: none */
    struct timeline_file timeline;
    struct pipe_trace *pipeline; /* NULL: none */
    char pipeline_place[SYMBOL_TEXT_BYTES];
    const char *booted_path, *guest_path; /* images; guest_path NULL: there is no monitor */
    u32 cpus;                /* a bit each: those that it watches */
    bool remembers_entry, explains_all;
    bool names_exits;        /* not for lines that only the ring keeps */
    /* state */
    bool ledger_closed;      /* the region has ended */
    bool symbols_read;       /* at the first question for a name */
    struct symbols *booted, *guest;
    u64 walks;
    struct observed_cpu cpu[PC_MAX_PROCESSORS];
};

/* Plugs itself into the machine. false: message printed. */
bool observer_init(struct observer *o, struct pc *pc, const struct board_options *options);
void observer_fini(struct observer *o);

/* The measured region begins: rows so far were not of it. */
void observer_region_begin(struct observer *o);
void observer_region_end(struct observer *o);

/* The name of an address of a world: "function+0x12 (file.c:34)"; "" if it has none. */
const char *observer_name(struct observer *o, enum world world, u64 address, char text[SYMBOL_TEXT_BYTES]);

/* Why a processor's last VMX instruction, VM entry or VM exit failed, and where the program was: the monitor, and
 * the guest that it ran. */
void observer_print_failure(struct observer *o, unsigned cpu, FILE *out);

/* The current VMCS of a processor as it was at its last VM entry; NULL if that is not known. */
const struct vmcs *observer_vmcs_at_entry(const struct observer *o, unsigned cpu);

#endif
