/* figures.h - from an experiment's database to its pictures: one SQL query and one gnuplot script each.
 *
 * A figure NAME.gp has NAME.sql beside it. The query's rows become DIR/data/NAME.csv; then, in the script's
 * directory, `gnuplot -c NAME.gp DIR/data/NAME.csv DIR/NAME.svg`, and the same for NAME.png. A script finds the
 * data in ARG1 and what to write in ARG2.
 * Neighbours: results.c, gnuplot.
 * Checked by: tests/system/sweep.sh
 */
#ifndef CLI_FIGURES_H
#define CLI_FIGURES_H

#include "models/board/cli/results.h"

/* Every figure's script and query, and the table's query, can be read. false: message printed. */
bool figures_check(const struct experiment *e);

/* Writes DIR/table.csv and prints it in columns. Nothing to do without a table. false: message printed. */
bool figures_write_table(const struct experiment *e, struct results *r, const char *dir, FILE *out);

/* Draws all. false: message printed for each that failed. */
bool figures_draw(const struct experiment *e, struct results *r, const char *dir);

#endif
