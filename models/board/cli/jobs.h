/* jobs.h - runs child processes, some at once, and shows on a terminal how far they are.
 *
 * Models:     start in the order of the list; standard output to nowhere, standard error to a file;
 *             SIGINT and SIGTERM reach the jobs, after which no more are started.
 * Neighbours: sweep.c fills the list; Linux: a job dies with its parent.
 * Checked by: tests/system/sweep.sh
 */
#ifndef CLI_JOBS_H
#define CLI_JOBS_H

#include "models/sim/types.h"
#include <stdio.h>
#include <sys/types.h>

#define JOB_NOT_RUN (-1)

struct job {
    const char *name;  /* for the progress line */
    char **argv;       /* NULL-terminated; argv[0] is a path */
    const char *log;   /* file for standard error */
    int status;        /* out: exit status, 128 + signal number, or JOB_NOT_RUN */
    pid_t pid;         /* 0: not running */
    double started_at; /* seconds of CLOCK_MONOTONIC */
};

struct jobs_report {
    size_t done, failed;
    double seconds;
    bool interrupted;
};

/* Runs all `n` jobs, `at_once` (1 or more) of them together; returns when all that were started have ended.
 * The progress line goes to `terminal` if that is one. */
struct jobs_report jobs_run(struct job *jobs, size_t n, unsigned at_once, FILE *terminal);

#endif
