#include "models/board/cli/verdicts.h"
#include <math.h>
#include <stdio.h>

/* --- shapes --- */

static bool check_shape(struct results *r, const struct exp_shape *shape)
{
    double value[2];
    for (unsigned i = 0; i < 2; i++) {
        if (results_find(r, shape->run[i], shape->stat, &value[i])) continue;
        printf("FAIL %s: %s has no %s\n", shape->name, shape->run[i], shape->stat);
        return false;
    }
    double ratio = value[1] != 0 ? value[0] / value[1] : 0;
    bool good = value[1] != 0 && ratio >= shape->min && ratio <= shape->max;
    printf("%s %s: %.4g (allowed: %.4g", good ? "ok" : "FAIL", shape->name, ratio, shape->min);
    if (isfinite(shape->max))
        printf(" .. %.4g)\n", shape->max);
    else
        printf(" or more)\n");
    return good;
}

/* --- rows of the reference --- */

static void print_comparison(const char *verdict, const struct exp_row *row, const char *measure, double value)
{
    printf("%s %s: %s %.6g, measured %.6g %s: %+.1f %% (allowed: %.3g %%)", verdict, row->item, measure, value,
           row->value, row->unit, exp_row_error(row, value), row->within);
}

static bool check_measure(struct results *r, const struct exp_row *row, const char *measure)
{
    double value;
    size_t runs = results_find_measure(r, measure, &value);
    if (runs != 1) {
        printf("FAIL %s: %zu runs have measured %s (allowed: one)\n", row->item, runs, measure);
        return false;
    }
    bool holds = exp_row_holds(row, value), good = holds == !row->misses;
    print_comparison(!good ? "FAIL" : holds ? "ok" : "miss", row, measure, value);
    if (row->misses) printf(": %s", holds ? "no miss any more, so take 'misses' away" : row->misses);
    putchar('\n');
    return good;
}

static bool check_row(struct results *r, const struct exp_row *row)
{
    bool good = true;
    for (size_t m = 0; m < row->n_measures; m++) good = check_measure(r, row, row->measure[m]) && good;
    return good;
}

bool verdicts_print(const struct experiment *e, struct results *r)
{
    bool good = true;
    for (size_t i = 0; i < e->n_shapes; i++) good = check_shape(r, &e->shape[i]) && good;
    for (size_t i = 0; i < e->reference.n_rows; i++) good = check_row(r, &e->reference.row[i]) && good;
    return good;
}
