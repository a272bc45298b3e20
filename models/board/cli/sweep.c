#include "models/board/cli/sweep.h"
#include "models/board/cli/figures.h"
#include "models/board/cli/jobs.h"
#include "models/board/cli/results.h"
#include "models/board/cli/verdicts.h"
#include "models/sim/check.h"
#include "models/sim/files.h"
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ARGUMENTS    512
#define MAX_AT_ONCE      1024
#define MAX_FAILED_LINES 12

struct sweep {
    const char *file, *output;
    unsigned at_once;
    struct experiment experiment;
    struct job *job; /* as many as runs, in their order */
    char **run_dir;
    struct results results;
};

/* --- the command line --- */

static const struct argp_option options[] = {
    {"jobs", 'j', "N", 0, "runs at once (default: the number of host processors)", 0},
    {"output", 'o', "DIR", 0, "where results go (default: results/<name of the experiment>)", 0},
    {0},
};

static unsigned parse_at_once(struct argp_state *state, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || end == text || n < 1 || n > MAX_AT_ONCE)
        argp_error(state, "-j: '%s' (allowed: 1..%d)", text, MAX_AT_ONCE);
    return (unsigned)n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct sweep *s = state->input;
    switch (key) {
    case 'j':
        s->at_once = parse_at_once(state, arg);
        break;
    case 'o':
        s->output = arg;
        break;
    case ARGP_KEY_ARG:
        if (s->file) argp_error(state, "one experiment at a time");
        s->file = arg;
        break;
    case ARGP_KEY_END:
        if (!s->file) argp_error(state, "no experiment");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    options,
    parse,
    "EXPERIMENT.yaml",
    "Runs an experiment and draws its figures.\v"
    "Exit status: 0; 1 a run, a shape or a figure failed; 2 error of use; 4 interrupted.",
    NULL,
    NULL,
    NULL};

/* --- jobs --- */

/* An argument vector under construction: owns its strings. */
struct arguments {
    char *item[MAX_ARGUMENTS];
    size_t n;
};

static void add_argument(struct arguments *a, char *allocated)
{
    CHECK(allocated && a->n + 1 < MAX_ARGUMENTS, "too many arguments of a run");
    a->item[a->n++] = allocated;
}

static bool add_setting(void *self, const struct exp_setting *s)
{
    char *text;
    add_argument(self, strdup("-s"));
    add_argument(self, asprintf(&text, "%s=%s", s->path, s->value) < 0 ? NULL : text);
    return true;
}

/* An option that takes "FILE:WORDS". */
static void add_image_option(struct arguments *a, const char *option, char *image, const char *words)
{
    char *text;
    add_argument(a, strdup(option));
    add_argument(a, asprintf(&text, "%s%s%s", image, *words ? ":" : "", words) < 0 ? NULL : text);
    free(image);
}

static void add_words(struct arguments *a, const char *words)
{
    char *copy = strdup(words), *rest = copy, *word;
    while ((word = strsep(&rest, " ")))
        if (*word) add_argument(a, strdup(word));
    free(copy);
}

/* The image that is run; with a monitor in the middle that is the image, and the bench its module. */
static void add_image(struct arguments *a, const struct exp_run *r)
{
    const struct exp_mode *m = r->mode;
    if (m->monitor) add_image_option(a, "-m", sweep_image("monitor", m->monitor), m->args);
    if (m->middle) add_image_option(a, "--module", sweep_image(r->bench->kind, r->bench->name), r->words);
    add_argument(a, m->middle ? sweep_image("monitor", m->middle) : sweep_image(r->bench->kind, r->bench->name));
    add_argument(a, strdup("--"));
    add_words(a, m->middle ? m->middle_args : r->words);
}

static char **build_arguments(const struct experiment *e, const struct exp_run *r, const char *run_dir)
{
    struct arguments a = {.n = 0};
    add_argument(&a, strdup("/proc/self/exe"));
    add_argument(&a, strdup("run"));
    add_argument(&a, strdup("-c"));
    add_argument(&a, sweep_preset(e));
    experiment_each_setting(e, r, add_setting, &a);
    add_argument(&a, strdup("-o"));
    add_argument(&a, strdup(run_dir));
    if (r->group->ledger) {
        add_argument(&a, strdup("--ledger"));
        add_argument(&a, files_path(run_dir, "ledger", ".csv"));
    }
    add_image(&a, r);
    char **argv = calloc(a.n + 1, sizeof *argv);
    CHECK(argv, "no memory for the arguments of a run");
    memcpy(argv, a.item, a.n * sizeof *argv);
    return argv;
}

/* What an earlier sweep left would look like a result of this one. */
static void remove_result(const char *run_dir)
{
    char *path = files_path(run_dir, "stats", ".json");
    unlink(path);
    free(path);
}

static bool prepare_job(struct sweep *s, size_t i, const char *runs_dir)
{
    const struct exp_run *r = &s->experiment.run[i];
    s->run_dir[i] = files_path(runs_dir, r->name, "");
    if (!files_make_directories(s->run_dir[i])) {
        fprintf(stderr, "%s: %s\n", s->run_dir[i], strerror(errno));
        return false;
    }
    remove_result(s->run_dir[i]);
    s->job[i] = (struct job){.name = r->name,
                             .argv = build_arguments(&s->experiment, r, s->run_dir[i]),
                             .log = files_path(s->run_dir[i], "log", ".txt")};
    return true;
}

static bool prepare_jobs(struct sweep *s)
{
    char *runs_dir = files_path(s->output, "runs", "");
    size_t n = s->experiment.n_runs;
    s->job = calloc(n, sizeof *s->job);
    s->run_dir = calloc(n, sizeof *s->run_dir);
    CHECK(s->job && s->run_dir, "no memory for %zu runs", n);
    bool good = true;
    for (size_t i = 0; good && i < n; i++) good = prepare_job(s, i, runs_dir);
    free(runs_dir);
    return good;
}

static void free_jobs(struct sweep *s)
{
    for (size_t i = 0; s->job && i < s->experiment.n_runs; i++) {
        for (char **a = s->job[i].argv; a && *a; a++) free(*a);
        free(s->job[i].argv);
        free((char *)s->job[i].log);
        free(s->run_dir[i]);
    }
    free(s->job);
    free(s->run_dir);
}

/* --- after the runs --- */

static void print_log(const char *path)
{
    char *line = NULL;
    size_t bytes = 0;
    FILE *in = fopen(path, "r");
    for (unsigned i = 0; in && i < MAX_FAILED_LINES && getline(&line, &bytes, in) > 0; i++)
        fprintf(stderr, "    %s", line);
    free(line);
    if (in) fclose(in);
}

static void print_first_failure(const struct sweep *s)
{
    for (size_t i = 0; i < s->experiment.n_runs; i++) {
        const struct job *j = &s->job[i];
        if (j->status == 0 || j->status == JOB_NOT_RUN) continue;
        fprintf(stderr, "%s: exit status %d\n", s->run_dir[i], j->status);
        print_log(j->log);
        return;
    }
}

static bool add_runs(struct sweep *s)
{
    bool good = true;
    for (size_t i = 0; good && i < s->experiment.n_runs; i++)
        if (s->job[i].status == 0)
            good = results_add_run(&s->results, &s->experiment, &s->experiment.run[i], s->run_dir[i]);
    return good;
}

/* The table, the verdicts and the figures; all are tried. */
static bool conclude(struct sweep *s)
{
    const struct experiment *e = &s->experiment;
    bool good = figures_write_table(e, &s->results, s->output, stdout);
    good = verdicts_print(e, &s->results) && good;
    return figures_draw(e, &s->results, s->output) && good;
}

/* Keeps what the good runs measured. Of an interrupted experiment nothing is concluded. */
static bool report(struct sweep *s, bool interrupted)
{
    if (!results_begin(&s->results, s->output, &s->experiment)) return false;
    bool good = add_runs(s) && results_write_csv(&s->results, s->output) && results_commit(&s->results);
    if (good && !interrupted) good = conclude(s);
    results_close(&s->results);
    return good;
}

static void print_summary(const struct sweep *s, const struct jobs_report *j)
{
    int seconds = (int)(j->seconds + 0.5);
    fprintf(stderr, "%s: %zu of %zu runs in %d:%02d, %u at once, %zu failed%s: %s/results.csv\n",
            s->experiment.name, j->done, s->experiment.n_runs, seconds / 60, seconds % 60, s->at_once,
            j->failed, j->interrupted ? ", interrupted" : "", s->output);
}

static int run_experiment(struct sweep *s)
{
    if (!prepare_jobs(s)) return EXIT_USE;
    struct jobs_report j = jobs_run(s->job, s->experiment.n_runs, s->at_once, stderr);
    if (!j.interrupted) print_first_failure(s);
    bool good = report(s, j.interrupted);
    print_summary(s, &j);
    if (j.interrupted) return EXIT_INTERRUPTED;
    return good && j.failed == 0 ? 0 : EXIT_FAILED;
}

int cli_sweep(int argc, char **argv)
{
    struct sweep s = {.at_once = (unsigned)max_u64(1, (u64)sysconf(_SC_NPROCESSORS_ONLN))};
    argp_err_exit_status = EXIT_USE;
    argv[0] = "gigogne sweep";
    if (argp_parse(&argp, argc, argv, 0, NULL, &s) != 0 || !experiment_read(&s.experiment, s.file))
        return EXIT_USE;
    char *output = s.output ? strdup(s.output) : files_path("results", s.experiment.name, "");
    s.output = output;
    int status = sweep_check(&s.experiment) && figures_check(&s.experiment) ? run_experiment(&s) : EXIT_USE;
    free_jobs(&s);
    experiment_free(&s.experiment);
    free(output);
    return status;
}
