/* files.h - output files that are there whole or not at all.
 *
 * Models:       writing beside the target and renaming at the end; making a directory with its parents.
 * Neighbours:   stats.c, the effective configuration, results: everything that writes a result.
 * Checked by:   tests/unit/test_stats.c
 */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "models/sim/types.h"
#include <stdio.h>

struct whole_file {
    FILE *out; /* write here */
    char *path;
    char *temporary;
};

/* Opens. false, with errno set: it can't be written. */
bool whole_file_begin(struct whole_file *f, const char *path);
/* Puts the file in place, on disk. false, with errno set: the old file, if any, is untouched. */
bool whole_file_commit(struct whole_file *f);
/* Gives up; nothing remains. */
void whole_file_abandon(struct whole_file *f);

/* Makes directory `path` and its parents. false, with errno set, if one is not there afterwards. */
bool files_make_directories(const char *path);

/* "<dir>/<name><suffix>", allocated. */
char *files_path(const char *dir, const char *name, const char *suffix);

#endif
