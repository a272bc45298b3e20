/* experiment.h - an experiment: which guests, under which monitors, with which words, and what must come out.
 *
 *   name: shadow-vs-ept
 *   preset: cascade-lake               a preset, or a FILE.yaml beside this one
 *   set: {board.core: inorder}         parameters of every run, as `gigogne run --set`
 *   modes:                             how a guest is run
 *     native: {label: "native"}
 *     ept-4k: {label: "EPT 4K", monitor: ept, args: "host=4K", set: {...}}
 *     nested: {label: "nested", monitor: ept, args: "nested=on", middle: ept, middle_args: ""}   a monitor's guest is a monitor
 *   groups:                            each: every image x every mode x every value of every `vary` list
 *     footprint:
 *       modes: [native, ept-4k]
 *       benches: {chase: "iters=20000"}        workloads/bench/<name>.c, and its words; or
 *       probes: {latency: ""}                  workloads/probes/<name>.c
 *       vary: {pages: [16, 64K]}               a word of the guest; with a dot in its name a parameter
 *       set: {cpu.mmu.ntlb_entries: 0}
 *       ledger: true                           keep every page walk of the region
 *   table: FILE.sql                    the query whose rows are printed (table.csv)
 *   figures: [FILE.gp, ...]            each with its query beside it (figures.h); relative to this file
 *   assert:                            shapes: a statistic of one run over that of another
 *     - {name: "EPT costs nothing", stat: cpu0.cycles, min: 0.99, max: 1.01,
 *        ratio: [footprint/chase.pages=16.ept-4k, footprint/chase.pages=16.native]}
 *
 *   reference:                         what probes must measure, within a percentage (experiment_reference.h)
 *     file: FILE.csv
 *     rows:
 *       - {item: "L2 hit", measures: [l2_hit], within: 5}
 *
 * A run is called <group>/<bench>[.<key>=<value>...].<mode>: "footprint/chase.pages=64K.ept-4k".
 * Errors:     one message "file:line: key: what (allowed: ...)" on stderr.
 * Neighbours: libyaml's documents, which own all strings; sweep.c runs what is here.
 * Checked by: tests/unit/test_experiment.c
 */
#ifndef CLI_EXPERIMENT_H
#define CLI_EXPERIMENT_H

#include "models/board/cli/experiment_reference.h"
#include "models/sim/types.h"
#include <yaml.h>

#define EXP_MAX_AXES 4

struct exp_setting {
    const char *path, *value;
    unsigned line;
};

struct exp_settings {
    struct exp_setting *item;
    size_t n;
};

struct exp_mode {
    const char *name, *label;
    const char *monitor, *args;       /* monitor NULL: none */
    const char *middle, *middle_args; /* the monitor between that one and the guest; NULL: none */
    struct exp_settings set;
    unsigned line;
};

struct exp_bench {
    const char *kind, *name, *words; /* the image is <kind>-<name>.elf: bench or probe */
    unsigned line;
};

struct exp_axis {
    const char *key;
    const char **value;
    size_t n;
    unsigned line;
};

struct exp_group {
    const char *name;
    const struct exp_mode **mode;
    size_t n_modes;
    struct exp_bench *bench;
    size_t n_benches;
    struct exp_axis axis[EXP_MAX_AXES];
    size_t n_axes;
    struct exp_settings set;
    bool ledger;
};

/* `min` <= run[0] / run[1] <= `max`, of statistic `stat`. max is infinite if the file says none. */
struct exp_shape {
    const char *name, *run[2], *stat;
    double min, max;
    unsigned line;
};

/* One row of the product. */
struct exp_run {
    const struct exp_group *group;
    const struct exp_bench *bench;
    const struct exp_mode *mode;
    char *name;
    char *varied; /* "pages=64K", keys and values of all axes, separated by spaces */
    char *words;  /* of the guest: the bench's own, then the varied ones */
    struct exp_setting varied_set[EXP_MAX_AXES]; /* axes that are parameters of the machine */
    size_t n_varied_set;
};

struct experiment {
    const char *file, *name, *preset;
    struct exp_settings set;
    struct exp_mode *mode;
    size_t n_modes;
    struct exp_group *group;
    size_t n_groups;
    const char *table; /* NULL: none */
    const char **figure;
    size_t n_figures;
    struct exp_shape *shape;
    size_t n_shapes;
    struct exp_reference reference; /* without rows: none */
    struct exp_run *run; /* in the order of the file: groups, benches, axes, modes */
    size_t n_runs;
    yaml_document_t document;
};

/* Reads a file; `file` must live as long as `e`. false: message printed, nothing to free. */
bool experiment_read(struct experiment *e, const char *file);
void experiment_free(struct experiment *e);

const struct exp_run *experiment_find_run(const struct experiment *e, const char *name);

/* A path that the experiment names, relative to its file; allocated. */
char *experiment_path(const struct experiment *e, const char *path);

/* All settings of a run, in rising precedence: the experiment's, its group's, its mode's, the varied ones.
 * Calls fn for each until it says false; gives what fn said. */
bool experiment_each_setting(const struct experiment *e, const struct exp_run *r,
                             bool (*fn)(void *self, const struct exp_setting *s), void *self);

#endif
