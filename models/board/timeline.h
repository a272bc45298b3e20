/* timeline.h - a run as a picture: the timed part in the Trace Event Format that Perfetto and Chrome's tracing page
 * draw.
 *
 * Format:     a JSON array, one event a line. Complete events ("ph":"X"); ts and dur in microseconds of simulated
 *             time, with picoseconds behind the point. A process each is a processor of the machine, cpuN process N
 *             + 1. Its thread 1: slices "guest", "exit REASON", "hypervisor: REASON", "entry", one behind the other
 *             (categories native, guest, exit, hypervisor, entry); threads 2...: page walks, as many as run at once.
 *             Arguments in cycles, so that slices add up to cpuN.vmx.exits.<reason>.{cycles_out,cycles_root,cycles_in}.
 * Not there:  what the functional core ran; with region markers, what lies outside the region.
 * Neighbours: observe.c tells it what happens.
 * Checked by: tests/unit/test_timeline.c, tests/system/explain.sh
 */
#ifndef BOARD_TIMELINE_H
#define BOARD_TIMELINE_H

#include "models/sim/clock.h"
#include "virt-ext/vmx.h"
#include <stdio.h>

#define TIMELINE_LANES 16 /* walks at once: WALKER_PARAMS, walkers */

struct timeline_file {
    FILE *out; /* NULL: no timeline, and every function does nothing */
    const struct clock *clock;
    u32 cpus; /* a bit each: those that it tells of */
};

/* One processor's part. */
struct timeline {
    /* wiring */
    const struct timeline_file *file;
    unsigned cpu;
    /* state */
    bool closed;           /* the region has ended */
    bool running;          /* the cycles since `since` belong to a slice */
    bool in_transition;    /* of `transition`; else of a world */
    u64 since;             /* cycle */
    struct vm_transition transition;
    const char *reason;    /* of the last VM exit; NULL: there was none */
    struct vmx_exit_event exit;
    char place[192];       /* of its guest RIP, "" if it has no name */
    u64 lane_end[TIMELINE_LANES];
};

/* path NULL: none. false: message printed. */
bool timeline_open(struct timeline_file *f, const char *path, const struct clock *clock, u32 cpus);
/* What was written so far was not of the region. */
void timeline_restart(struct timeline_file *f);
/* The file is whole; each processor's time has ended (timeline_pause). */
void timeline_close(struct timeline_file *f);

void timeline_init(struct timeline *t, const struct timeline_file *f, unsigned cpu);

/* The region begins, behind timeline_restart. It ends. */
void timeline_region_begin(struct timeline *t, u64 cycle);
void timeline_region_end(struct timeline *t, u64 cycle, enum world world);

/* Time begins to be told, or ends at `cycle` in `world`. */
void timeline_resume(struct timeline *t, u64 cycle);
void timeline_pause(struct timeline *t, u64 cycle, enum world world);

/* What the VM exit is whose transition comes next; place: name of its guest RIP. */
void timeline_note_exit(struct timeline *t, const struct vmx_exit_event *e, const char *place);
void timeline_transition_begins(struct timeline *t, const struct vm_transition *transition, u64 cycle);
void timeline_transition_ends(struct timeline *t, u64 cycle);

void timeline_walk(struct timeline *t, const struct walk_ledger *w, u64 begin, u64 end);

#endif
