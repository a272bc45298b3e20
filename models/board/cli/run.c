/* run.c - gigogne run: one guest, from its image to its statistics. */
#include "models/board/cli/cli.h"
#include "models/board/cli/machine_args.h"
#include "models/sim/files.h"
#include "models/sim/kernel.h"
#include "models/sim/progress.h"
#include "models/sim/trace.h"
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

enum { KEY_TRACE = 256, KEY_VCD, KEY_LEDGER, KEY_TIMELINE, KEY_KANATA, KEY_PIPEVIEW, KEY_PIPELINE_WINDOW, KEY_PIPELINE_CPU, KEY_CPUS, KEY_EXPLAIN, KEY_SAMPLE, KEY_QUIET };

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "write stats.json, stats.txt, histograms.json (each also as *-all), config.yaml, console.log, run.json there", 0},
    {"trace", KEY_TRACE, "CATEGORY,...", 0, "write trace.log to the output directory (default: .)", 0},
    {"vcd", KEY_VCD, "FILE", 0, "write a waveform FILE.vcd: world, walkers busy, exit reason of each processor; slow", 0},
    {"ledger", KEY_LEDGER, "FILE", 0, "write every page walk of the timed part, one row a reference, with its processor", 0},
    {"timeline", KEY_TIMELINE, "FILE", 0, "write a timeline of the timed part for Perfetto (JSON): guest, VM exits, hypervisor, VM entries, page walks", 0},
    {"kanata", KEY_KANATA, "FILE", 0, "write the pipeline of the out-of-order core for Konata: micro-operations, stalls, page walks, microcode, VM transitions", 0},
    {"pipeview", KEY_PIPEVIEW, "FILE", 0, "the same as O3PipeView, gem5's format", 0},
    {"pipeline-window", KEY_PIPELINE_WINDOW, "SKIP:COUNT", 0, "with --kanata or --pipeview: leave out SKIP instructions of the region, write COUNT (default: 0:10000)", 0},
    {"pipeline-cpu", KEY_PIPELINE_CPU, "N", 0, "with --kanata or --pipeview: the pipeline of processor N (default: 0)", 0},
    {"cpus", KEY_CPUS, "LIST", 0, "processors that trace, ledger, timeline and waveform tell of, like 0,2-3 (default: all)", 0},
    {"explain", KEY_EXPLAIN, "WHEN", OPTION_ARG_OPTIONAL,
     "say why a VM entry, VMX instruction or VM exit failed: failures (default: the last one, behind the run), never, always (each as it happens; so "
     "without WHEN)", 0},
    {"sample", KEY_SAMPLE, "PERIOD", OPTION_ARG_OPTIONAL,
     "measure short windows, one in PERIOD instructions, and estimate the whole with a confidence interval (parameters sample.*)", 0},
    {"quiet", KEY_QUIET, NULL, 0, "no summary on stderr", 0},
    {0},
};

struct run {
    struct machine_args args;
    struct config *config;
    const char *output, *trace_categories;
    bool quiet, sampled;
    u64 sample_period; /* 0: the parameter's */
    struct timespec start;
    struct progress *progress;
    struct board *machine;
};

/* --- the command line --- */

static void parse_explain(struct argp_state *state, struct run *r, const char *when)
{
    static const char *const names[] = {[EXPLAIN_FAILURES] = "failures", [EXPLAIN_NEVER] = "never", [EXPLAIN_ALWAYS] = "always"};
    for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
        if (when && strcmp(when, names[n])) continue;
        r->args.board.explain = when ? (enum explain)n : EXPLAIN_ALWAYS;
        return;
    }
    argp_error(state, "--explain: '%s' is no choice (allowed: failures never always)", when);
}

static void parse_window(struct argp_state *state, struct run *r, const char *text)
{
    unsigned long long skip, count;
    char rest;
    if (sscanf(text, "%llu:%llu%c", &skip, &count, &rest) != 2)
        argp_error(state, "--pipeline-window: '%s' is not SKIP:COUNT, two numbers of instructions", text);
    r->args.board.pipeline_skip = skip;
    r->args.board.pipeline_count = count;
}

/* SystemC adds the suffix. */
static const char *without_suffix(char *path)
{
    size_t n = strlen(path);
    if (n > 4 && !strcmp(path + n - 4, ".vcd")) path[n - 4] = '\0';
    return path;
}

static void parse_sample(struct argp_state *state, struct run *r, const char *period)
{
    r->sampled = true;
    if (period) r->sample_period = machine_args_count(state, "sample", period);
}

/* As if they had been given as settings. */
static bool configure_sample(const struct run *r)
{
    char period[64];
    if (!r->sampled) return true;
    snprintf(period, sizeof period, "sample.period_instructions=%llu", (unsigned long long)r->sample_period);
    return config_set(r->config, "sample.on=true") && (r->sample_period == 0 || config_set(r->config, period));
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct run *r = state->input;
    switch (key) {
    case 'o': r->output = arg; break;
    case KEY_TRACE: r->trace_categories = arg; break;
    case KEY_VCD: r->args.board.vcd_path = without_suffix(arg); break;
    case KEY_LEDGER: r->args.board.ledger_path = arg; break;
    case KEY_KANATA: r->args.board.kanata_path = arg; break;
    case KEY_PIPEVIEW: r->args.board.pipeview_path = arg; break;
    case KEY_PIPELINE_WINDOW: parse_window(state, r, arg); break;
    case KEY_PIPELINE_CPU: r->args.board.pipeline_cpu = machine_args_cpu(state, "pipeline-cpu", arg); break;
    case KEY_CPUS: r->args.board.traced_cpus = machine_args_cpus(state, "cpus", arg); break;
    case KEY_TIMELINE: r->args.board.timeline_path = arg; break;
    case KEY_EXPLAIN: parse_explain(state, r, arg); break;
    case KEY_SAMPLE: parse_sample(state, r, arg); break;
    case KEY_QUIET: r->quiet = true; break;
    case ARGP_KEY_INIT: state->child_inputs[0] = &r->args; break;
    case ARGP_KEY_END:
        if (r->args.board.kanata_path && r->args.board.pipeview_path) argp_error(state, "--kanata and --pipeview exclude each other");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {{&machine_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {options, parse, "IMAGE [-- GUEST WORDS]",
                                 "Runs a guest image and says where every cycle went.\v"
                                 "Exit status: what the guest wrote to port 0xf4; 2 error of use; 3 the guest died; 4 interrupted.",
                                 children, NULL, NULL};

/* --- preparation --- */

static bool make_output(struct run *r)
{
    if (!r->output) return true;
    if (!files_make_directories(r->output)) {
        fprintf(stderr, "%s: %s\n", r->output, strerror(errno));
        return false;
    }
    r->args.board.console_path = files_path(r->output, "console", ".log");
    return true;
}

static bool open_trace(struct run *r)
{
    char *path = files_path(r->output ? r->output : ".", "trace", ".log");
    r->args.board.trace = trace_open(path, r->trace_categories);
    free(path);
    return r->args.board.trace != NULL;
}

static void on_signal(int number)
{
    (void)number;
    board_interrupt();
}

static double host_seconds(const struct run *r)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - r->start.tv_sec) + (double)(now.tv_nsec - r->start.tv_nsec) * 1e-9;
}

static void on_progress(void *self)
{
    struct run *r = self;
    u64 done = board_instructions(r->machine);
    progress_update(r->progress, done, r->args.board.max_instructions, board_now_ps(r->machine), done);
}

static void on_alarm(int number)
{
    (void)number;
    board_ask_progress();
}

static void set_alarm(u32 milliseconds)
{
    struct itimerval t = {.it_interval = {.tv_usec = milliseconds * 1000}, .it_value = {.tv_usec = milliseconds * 1000}};
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &t, NULL);
}

/* --- results --- */

static bool write_config(const struct run *r)
{
    char *path = files_path(r->output, "config", ".yaml");
    struct whole_file f;
    bool ok = whole_file_begin(&f, path);
    if (ok) {
        config_write(r->config, f.out);
        ok = whole_file_commit(&f);
    }
    free(path);
    return ok;
}

static bool write_run_json(const struct run *r, const char *end, unsigned status)
{
    double seconds = host_seconds(r);
    u64 n = board_instructions(r->machine);
    char *path = files_path(r->output, "run", ".json");
    struct whole_file f;
    json_t *j = json_pack("{s:s, s:s, s:i, s:I, s:f, s:f}", "image", r->args.board.image.path, "end", end, "status", (int)status, "instructions",
                          (json_int_t)n, "host_seconds", seconds, "mips", seconds > 0 ? (double)n / seconds / 1e6 : 0.0);
    bool ok = whole_file_begin(&f, path);
    if (ok) {
        json_dumpf(j, f.out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        fputc('\n', f.out);
        ok = whole_file_commit(&f);
    }
    json_decref(j);
    free(path);
    return ok;
}

static bool write_results(const struct run *r, const char *end, unsigned status)
{
    if (!r->output) return true;
    const struct stats *s = board_stats(r->machine);
    bool region = stats_region_seen(s);
    bool ok = stats_write(s, r->output, "stats", region) && stats_write(s, r->output, "stats-all", false) &&
              stats_write_histograms(s, r->output, "histograms", region) && stats_write_histograms(s, r->output, "histograms-all", false) &&
              write_config(r) && write_run_json(r, end, status);
    if (!ok) fprintf(stderr, "%s: results could not be written: %s\n", r->output, strerror(errno));
    return ok;
}

static void print_summary(const struct run *r, enum board_end end)
{
    double seconds = host_seconds(r);
    u64 n = board_instructions(r->machine);
    board_print_end(r->machine, end, stderr);
    fprintf(stderr, "%llu instructions in %.2f s of host time: %.1f MIPS\n", (unsigned long long)n, seconds,
            seconds > 0 ? (double)n / seconds / 1e6 : 0.0);
    board_print_accounts(r->machine, stderr);
    board_print_sample(r->machine, stderr);
    board_print_report(r->machine, end, stderr);
}

/* --- the run --- */

static const struct {
    const char *name;
    int status; /* -1: the guest's own */
} ends[] = {
    [BOARD_EXITED] = {"exited", -1},         [BOARD_DIED] = {"died", EXIT_DIED}, [BOARD_HANG_LIMIT] = {"hang limit", EXIT_DIED},
    [BOARD_INSTRUCTIONS] = {"instructions", 0}, [BOARD_INTERRUPTED] = {"interrupted", EXIT_INTERRUPTED},
};

static int run_machine(struct run *r)
{
    u8 guest_status = 0;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    clock_gettime(CLOCK_MONOTONIC, &r->start);
    r->progress = progress_new(stderr);
    board_on_progress(r->machine, on_progress, r);
    set_alarm(progress_is_shown(r->progress) ? PROGRESS_INTERVAL_MS : 0);
    enum board_end end = board_run(r->machine, &guest_status);
    set_alarm(0);
    progress_free(r->progress);
    fflush(stdout);
    int status = ends[end].status < 0 ? guest_status : ends[end].status;
    if (!write_results(r, ends[end].name, (unsigned)status)) return EXIT_USE;
    if (!r->quiet) print_summary(r, end);
    return status;
}

int cli_run(int argc, char **argv)
{
    struct run r = {.args.board = {.echo_console = true, .pipeline_count = 10000}};
    argp_err_exit_status = EXIT_USE;
    argv[0] = "gigogne run";
    if (argp_parse(&argp, argc, argv, 0, NULL, &r) != 0) return EXIT_USE;
    kernel_init();
    int status = EXIT_USE;
    bool loaded = (r.config = machine_args_configure(&r.args)) && configure_sample(&r) && (r.machine = board_new(r.config)) && board_load(r.machine, &r.args.board);
    if (loaded && make_output(&r) && open_trace(&r) && board_open(r.machine, &r.args.board)) status = run_machine(&r);
    if (r.machine) board_free(r.machine);
    if (r.args.board.trace) trace_close(r.args.board.trace);
    if (r.config) config_free(r.config);
    machine_args_free(&r.args);
    free((char *)r.args.board.console_path);
    kernel_fini();
    return status;
}
