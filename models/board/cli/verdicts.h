/* verdicts.h - what an experiment must show: one line each on standard output.
 *
 *   ok NAME: ...      a shape that holds; a row of the reference whose measure is within its band
 *   FAIL NAME: ...    one that does not; also a row with `misses` that does not miss any more
 *   miss NAME: ...    a row with `misses`, and why
 *
 * Neighbours: results.c has the values.
 * Checked by: tests/system/sweep.sh
 */
#ifndef CLI_VERDICTS_H
#define CLI_VERDICTS_H

#include "models/board/cli/results.h"

/* False if any is FAIL. A run that failed fails what it should have shown. */
bool verdicts_print(const struct experiment *e, struct results *r);

#endif
