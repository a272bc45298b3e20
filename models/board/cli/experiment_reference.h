/* experiment_reference.h - what a real machine showed, and which measures of the probes are compared with it.
 *
 *   reference:
 *     file: ../reference/machine.csv     item,value,unit and further columns that are not read; '#' begins a comment
 *     rows:
 *       - {item: "L2 hit", measures: [l2_hit], within: 5}         error allowed, in percent of the value
 *       - {item: "hash of the sets", measures: [hash], value: 1, within: 0}    where the file's value is no number
 *       - {item: "L3 hit", measures: [l3_hit], within: 15, misses: "why"}      known to be off: it must miss
 *
 * A probe prints "measure: l2_hit 14.00 cycles" on the console. Each measure of a row is compared with the item's value.
 * Errors:     one message "file:line: key: what (allowed: ...)" on stderr.
 * Neighbours: experiment_yaml.c; verdicts.c compares.
 * Checked by: tests/unit/test_experiment.c
 */
#ifndef CLI_EXPERIMENT_REFERENCE_H
#define CLI_EXPERIMENT_REFERENCE_H

#include "models/board/cli/yaml_reader.h"

/* A line of the file. */
struct exp_item {
    char *name, *value, *unit; /* in one allocation, that of the name */
};

struct exp_row {
    const char *item, *unit, *misses; /* misses NULL: it must be within */
    const char **measure;
    size_t n_measures;
    double value, within;
    unsigned line;
};

struct exp_reference {
    const char *file;
    struct exp_item *item;
    size_t n_items;
    struct exp_row *row;
    size_t n_rows;
};

/* The value of the key `reference`; its file is meant beside the experiment's. false: message printed;
 * exp_reference_free frees. */
bool exp_reference_read(struct reader *r, yaml_node_t *value, struct exp_reference *into);
void exp_reference_free(struct exp_reference *f);

/* The measured value is within the row's band. */
bool exp_row_holds(const struct exp_row *row, double measured);
/* In percent of the reference's value. */
double exp_row_error(const struct exp_row *row, double measured);

#endif
