/* inspect.c - gigogne walk, gigogne vmcs: run to a point, then print the machine's state there. */
#include "models/board/cli/cli.h"
#include "models/board/cli/machine_args.h"
#include "models/sim/kernel.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_AT = 256, KEY_VA, KEY_CPU };

enum at { AT_END, AT_MARKER, AT_INSTRUCTIONS };

struct inspection {
    struct machine_args args;
    const char *at_text;
    enum at at;
    enum marker_kind marker;
    bool has_va;
    va_t va;
    unsigned cpu;
    bool (*print)(struct inspection *i);
    struct board *machine;
    bool printed;
};

/* clang-format off */
#define AT_MEANING "marker:begin, marker:end, marker:warm (the first one) or instructions:N; default: the end of the run"

#define CPU_MEANING "of this processor (default: 0, which boots)"

static const struct argp_option walk_options[] = {
    {"at", KEY_AT, "POINT",   0, AT_MEANING, 0},
    {"va", KEY_VA, "ADDRESS", 0, "the linear address, in the world that runs at that point", 0},
    {"cpu", KEY_CPU, "N",     0, CPU_MEANING, 0},
    {0},
};
static const struct argp_option vmcs_options[] = {
    {"at", KEY_AT, "POINT",   0, AT_MEANING, 0},
    {"cpu", KEY_CPU, "N",     0, CPU_MEANING, 0},
    {0},
};
/* clang-format on */

/* --- the command line --- */

static bool parse_marker(const char *name, enum marker_kind *kind)
{
    static const struct {
        const char *name;
        enum marker_kind kind;
    } markers[] = {{"marker:begin", MARKER_BEGIN}, {"marker:end", MARKER_END}, {"marker:warm", MARKER_WARM}};
    for (size_t m = 0; m < ARRAY_LEN(markers); m++)
        if (!strcmp(markers[m].name, name)) {
            *kind = markers[m].kind;
            return true;
        }
    return false;
}

static void parse_at(struct argp_state *state, struct inspection *i, const char *text)
{
    i->at_text = text;
    if (!strncmp(text, "instructions:", 13)) {
        i->at = AT_INSTRUCTIONS;
        i->args.board.max_instructions = machine_args_count(state, "at", text + 13);
    } else if (parse_marker(text, &i->marker)) {
        i->at = AT_MARKER;
    } else {
        argp_error(state,
                   "--at: '%s' is no point (allowed: marker:begin marker:end marker:warm instructions:N)",
                   text);
    }
}

static void parse_va(struct argp_state *state, struct inspection *i, const char *text)
{
    char *end;
    errno = 0;
    i->va = VA(strtoull(text, &end, 0));
    i->has_va = !errno && end != text && !*end && *text != '-';
    if (!i->has_va) argp_error(state, "--va: '%s' is not an address", text);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct inspection *i = state->input;
    switch (key) {
    case KEY_AT:
        parse_at(state, i, arg);
        break;
    case KEY_VA:
        parse_va(state, i, arg);
        break;
    case KEY_CPU:
        i->cpu = machine_args_cpu(state, "cpu", arg);
        i->args.board.traced_cpus = 1u << i->cpu;
        break;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &i->args;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {{&machine_argp, 0, NULL, 0}, {0}};

static const struct argp walk_argp = {walk_options,
                                      parse,
                                      "IMAGE [-- GUEST WORDS]",
                                      "Runs a guest to a point and prints the page walk of one linear "
                                      "address there, step by step in both dimensions.",
                                      children,
                                      NULL,
                                      NULL};
static const struct argp vmcs_argp = {vmcs_options,
                                      parse,
                                      "IMAGE [-- GUEST WORDS]",
                                      "Runs a guest to a point and prints the current VMCS there, with what "
                                      "has changed since the last VM entry.",
                                      children,
                                      NULL,
                                      NULL};

/* --- the run --- */

static bool print_walk(struct inspection *i)
{
    return board_print_walk(i->machine, i->cpu, i->va, stdout);
}
static bool print_vmcs(struct inspection *i)
{
    return board_print_vmcs(i->machine, i->cpu, stdout);
}

static void print_now(void *self)
{
    struct inspection *i = self;
    i->print(i);
    i->printed = true;
}

static void on_signal(int number)
{
    (void)number;
    board_interrupt();
}

static int run_to_point(struct inspection *i)
{
    u8 guest_status;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (i->at == AT_MARKER) board_stop_at_marker(i->machine, i->marker, print_now, i);
    enum board_end end = board_run(i->machine, &guest_status);
    bool reached = i->at == AT_END || (i->at == AT_INSTRUCTIONS && end == BOARD_INSTRUCTIONS);
    if (reached) print_now(i);
    if (i->printed) return 0;
    fprintf(stderr, "--at %s: the run ended before: ", i->at_text);
    board_print_end(i->machine, end, stderr);
    return end == BOARD_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_USE;
}

static int inspect(struct inspection *i)
{
    int status = EXIT_USE;
    i->args.board.remembers_entry = true;
    kernel_init();
    struct config *c = machine_args_configure(&i->args);
    bool loaded = c && (i->machine = board_new(c)) && board_load(i->machine, &i->args.board);
    if (loaded && board_open(i->machine, &i->args.board)) status = run_to_point(i);
    if (i->machine) board_free(i->machine);
    if (c) config_free(c);
    machine_args_free(&i->args);
    kernel_fini();
    return status;
}

int cli_walk(int argc, char **argv)
{
    struct inspection i = {.print = print_walk};
    argp_err_exit_status = EXIT_USE;
    argv[0] = "gigogne walk";
    if (argp_parse(&walk_argp, argc, argv, 0, NULL, &i) != 0) return EXIT_USE;
    if (i.has_va) return inspect(&i);
    fprintf(stderr, "gigogne walk: no address (--va)\n");
    machine_args_free(&i.args);
    return EXIT_USE;
}

int cli_vmcs(int argc, char **argv)
{
    struct inspection i = {.print = print_vmcs};
    argp_err_exit_status = EXIT_USE;
    argv[0] = "gigogne vmcs";
    if (argp_parse(&vmcs_argp, argc, argv, 0, NULL, &i) != 0) return EXIT_USE;
    return inspect(&i);
}
