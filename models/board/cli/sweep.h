/* sweep.h - gigogne sweep: every run of an experiment, then its table, its shapes and its figures.
 *
 * Reads:   EXPERIMENT.yaml (experiment.h).
 * Writes:  DIR/runs/<run>/ (what `gigogne run -o` writes, and log.txt), DIR/results.csv, DIR/results.db,
 *          DIR/table.csv, DIR/data/, and of each figure DIR/NAME.svg and DIR/NAME.png.
 * Prints:  standard output: the table, then "ok" or "FAIL" for each shape and row of the reference; standard error: progress on a
 *          terminal, the first failure, one summary line.
 * Status:  0; 1 a run, a shape or a figure failed (what is good is kept); 2 error of use, nothing run;
 *          4 interrupted.
 * Neighbours: jobs.c runs `gigogne run`; results.c, verdicts.c, figures.c.
 * Checked by: tests/system/sweep.sh
 */
#ifndef CLI_SWEEP_H
#define CLI_SWEEP_H

#include "models/board/cli/cli.h"
#include "models/board/cli/experiment.h"

enum { EXIT_FAILED = 1 };

/* All that can be known before the first run: every setting of every run fits the machine, images are there.
 * false: message printed. */
bool sweep_check(const struct experiment *e);

/* The preset as `gigogne run -c` takes it: a file is meant beside the experiment. Allocated. */
char *sweep_preset(const struct experiment *e);

/* "<workloads>/<kind>-<name>.elf", allocated; kind is "bench", "probe" or "monitor". */
char *sweep_image(const char *kind, const char *name);

#endif
