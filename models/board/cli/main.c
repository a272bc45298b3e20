/* main.c - gigogne COMMAND ...: finds the command. */
#include "models/board/cli/cli.h"
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *meaning;
} commands[] = {
    {"run",   cli_run,   "run a guest image, natively or under a monitor"},
    {"sweep", cli_sweep, "run an experiment: many runs, one table, its figures"},
    {"walk",  cli_walk,  "run to a point and print one page walk there, step by step"},
    {"vmcs",  cli_vmcs,  "run to a point and print the current VMCS there"},
    {"list",  cli_list,  "list parameters, statistics, presets, workloads or exit reasons"},
};

static void print_help(FILE *out)
{
    fprintf(out, "Usage: gigogne COMMAND [OPTION...]\n"
                 "A cycle-level full-system x86-64 simulator with hardware virtualization.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].meaning);
    fprintf(out, "\n`gigogne COMMAND --help` tells more.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        print_help(stdout);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(name, commands[i].name)) return commands[i].run(argc - 1, argv + 1);
    if (*name) fprintf(stderr, "gigogne: there is no command '%s' (allowed: run, sweep, walk, vmcs, list)\n", name);
    if (!*name) print_help(stderr);
    return EXIT_USE;
}
