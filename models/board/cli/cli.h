/* cli.h - the command line: one function per command. Each returns the exit status of the program.
 *
 * Exit status: what the guest wrote to port 0xf4 (run), 0; 2 for errors of use, 3 for a guest that died, 4 for an interrupted run.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "models/sim/config.h"

enum exit_status { EXIT_USE = 2, EXIT_DIED = 3, EXIT_INTERRUPTED = 4 };

#define DEFAULT_PRESET "cascade-lake"

int cli_run(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_sweep(int argc, char **argv);
int cli_walk(int argc, char **argv);
int cli_vmcs(int argc, char **argv);

/* Where presets and guest images are: beside the program's sources and in its build directory, or where GIGOGNE_PRESETS and GIGOGNE_WORKLOADS say. */
const char *cli_preset_dir(void);
const char *cli_workload_dir(void);

#endif
