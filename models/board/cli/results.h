/* results.h - what the runs of an experiment measured, as a SQLite database and as one CSV table.
 *
 *   modes(mode, label, position)    in the experiment's order
 *   runs(run, name, "group", bench, words, varied, mode, label, preset, image)
 *                                   run: 0, 1, ... in the experiment's order
 *   words(run, key, value, number)  the guest's words and varied parameters; number: 64K is 65536; or NULL
 *   stats(run, path, value)         stats.json of each run that ended well
 *   histograms(run, path, low, high, count)    histograms.json, a row a bucket; high NULL: no end
 *   ledger(run, cpu, walk, ref, va, access, dim, guest_level, host_level, hpa, served, cycles)
 *                                   of groups with `ledger: true`
 *   measures(run, measure, value, unit)    what the guest measured itself: "measure: NAME NUMBER UNIT" on its console
 *   reference(position, item, measure, value, unit, within, misses)
 *                                   what a measure is compared with, one row each; misses: why it is off, or NULL
 *
 * results.csv has a row a run: the columns of `runs`, then every statistic that is not zero in all of them,
 * sorted by path. Host times are in none of them: two sweeps of one experiment write the same bytes.
 * Checked by: tests/system/sweep.sh
 */
#ifndef CLI_RESULTS_H
#define CLI_RESULTS_H

#include "models/board/cli/experiment.h"
#include <sqlite3.h>

struct results {
    sqlite3 *db;
    char *path, *temporary;
};

/* Opens DIR/results.db, to be there when results_commit says so. false: message printed. */
bool results_begin(struct results *r, const char *dir, const struct experiment *e);

/* Takes in a run whose directory holds stats.json and histograms.json (and ledger.csv). false: message printed. */
bool results_add_run(struct results *r, const struct experiment *e, const struct exp_run *run,
                     const char *run_dir);

/* DIR/results.csv, whole. false: message printed. */
bool results_write_csv(struct results *r, const char *dir);

/* Puts the database in place. false: message printed. */
bool results_commit(struct results *r);
void results_close(struct results *r);

/* Value of one statistic of a run, by names; false if there is none. */
bool results_find(struct results *r, const char *run, const char *path, double *value);

/* In how many runs a guest has measured it; *value is the measure of one of them. */
size_t results_find_measure(struct results *r, const char *measure, double *value);

/* Runs every statement of `sql`; rows go to `out` as comma-separated values below a line of column names.
 * Results of several queries are separated by two empty lines (gnuplot's `index`). `origin` names the query in
 * messages. false: message printed. */
bool results_query(struct results *r, const char *sql, const char *origin, FILE *out);

#endif
