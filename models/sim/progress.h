/* progress.h - one line on a terminal that says how far the work is; silent where nobody watches.
 *
 * Models:       done of total, simulated time, simulated instructions per host second, time left.
 * Not modelled: host speed in results: this goes to stderr only.
 * Neighbours:   the command line's run loop and the sweep.
 * Checked by:   tests/unit/test_trace.c
 */
#ifndef SIM_PROGRESS_H
#define SIM_PROGRESS_H

#include "models/sim/types.h"
#include <stdio.h>

#define PROGRESS_INTERVAL_MS 200

/* How far the work is. Zero: unknown, or not of interest. */
struct progress_state {
    u64 done, total; /* in any unit: cycles, runs */
    u64 simulated_ps;
    u64 instructions;
};

struct progress;

/* Silent unless `out` is a terminal. */
struct progress *progress_new(FILE *out);
bool progress_is_shown(const struct progress *p);
/* Shows the state, if the last time is PROGRESS_INTERVAL_MS ago. */
void progress_update(struct progress *p, u64 done, u64 total, u64 simulated_ps, u64 instructions);
/* Clears the line. */
void progress_free(struct progress *p);

/* The line after `elapsed_ms`; returns its length. */
unsigned progress_format(char *line, size_t bytes, const struct progress_state *now, u64 elapsed_ms);

#endif
