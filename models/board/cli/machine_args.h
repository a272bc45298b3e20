/* machine_args.h - the part of a command line that says which machine and which guest: shared by the commands that run one.
 *
 * A command makes machine_argp a child of its own parser, with a struct machine_args as that child's input.
 */
#ifndef CLI_MACHINE_ARGS_H
#define CLI_MACHINE_ARGS_H

#include "models/board/board.h"
#include <argp.h>

#define MACHINE_ARGS_SETTINGS 256

struct machine_args {
    struct board_options board;
    const char *config_name; /* NULL: DEFAULT_PRESET */
    const char *set[MACHINE_ARGS_SETTINGS];
    unsigned n_set;
    char *words; /* the guest's, owned */
};

extern const struct argp machine_argp;

/* A number of an option, 1...; else the program ends with a message. */
u64 machine_args_count(struct argp_state *state, const char *option, const char *text);
/* A processor, 0 to 15; and a set of them, a bit each: "0,2-3". */
unsigned machine_args_cpu(struct argp_state *state, const char *option, const char *text);
u32 machine_args_cpus(struct argp_state *state, const char *option, const char *text);

/* The configuration that the arguments ask for, to be freed. NULL: message printed. */
struct config *machine_args_configure(const struct machine_args *a);

void machine_args_free(struct machine_args *a);

#endif
