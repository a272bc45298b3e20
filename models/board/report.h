/* report.h - where the time of a run went, in a few lines for its end: from the statistics, so that it says nothing
 * that they do not.
 *
 * For each processor that a timed core ran: instructions, cycles and CPI; the largest leaves of its cycle account;
 * of the out-of-order core the shares of rename slots by top-down category; VM exits, and what one took.
 * Neighbours: board.c calls at the end of a run.
 * Checked by: tests/unit/test_report.c
 */
#ifndef BOARD_REPORT_H
#define BOARD_REPORT_H

#include "models/sim/stats.h"
#include <stdio.h>

/* The measured region, or, without region markers, the whole run. */
void report_print(const struct stats *s, unsigned cpus, FILE *out);

#endif
