#include "models/board/cli/experiment_reference.h"
#include "models/board/cli/experiment.h"
#include "models/sim/check.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- the file --- */

static const char head[] = "item,value,unit";

static char *next_cell(char **rest)
{
    char *cell = strsep(rest, ",");
    return cell && *cell ? cell : NULL;
}

static bool add_item(struct exp_reference *f, const char *line)
{
    struct exp_item item;
    char *rest = item.name = strdup(line);
    CHECK(rest, "no memory for a reference");
    bool good = next_cell(&rest) && (item.value = next_cell(&rest)) && (item.unit = next_cell(&rest));
    if (!good) {
        free(item.name);
        return false;
    }
    f->item = realloc(f->item, (f->n_items + 1) * sizeof *f->item);
    CHECK(f->item, "no memory for a reference");
    f->item[f->n_items++] = item;
    return true;
}

/* Line by line; comments and empty lines count, but hold nothing. */
static bool read_items(struct exp_reference *f, const char *path, FILE *in)
{
    char *line = NULL;
    size_t bytes = 0;
    bool good = true, begun = false;
    for (unsigned n = 1; good && getline(&line, &bytes, in) > 0; n++) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!*line || *line == '#') continue;
        good = begun ? add_item(f, line) : strncmp(line, head, strlen(head)) == 0;
        if (!good) fprintf(stderr, "%s:%u: '%s' (allowed: %s...)\n", path, n, line, head);
        begun = true;
    }
    free(line);
    return good;
}

static bool read_file(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_reference *f = into;
    if (!reader_text(r, value, &f->file)) return false;
    char *path = experiment_path(r->whole, f->file);
    FILE *in = fopen(path, "r");
    bool good = in ? read_items(f, path, in) : reader_complain(r, value, "%s: %s", path, strerror(errno));
    if (in) fclose(in);
    free(path);
    return good;
}

/* --- the rows --- */

TEXT_FIELD(exp_row, item)
TEXT_FIELD(exp_row, misses)

static bool read_value(struct reader *r, yaml_node_t *value, void *into)
{
    return reader_number(r, value, &((struct exp_row *)into)->value);
}

static bool read_within(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_row *row = into;
    if (!reader_number(r, value, &row->within)) return false;
    return row->within >= 0 ? true : reader_complain(r, value, "an error below zero (allowed: percent)");
}

static bool read_measures(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_row *row = into;
    return reader_texts(r, value, &row->measure, &row->n_measures);
}

static const struct key row_keys[] = {
    {"item", true, read_exp_row_item}, {"measures", true, read_measures}, {"within", true, read_within},
    {"value", false, read_value},      {"misses", false, read_exp_row_misses},
};

static const struct exp_item *find_item(const struct exp_reference *f, const char *name)
{
    for (size_t i = 0; i < f->n_items; i++)
        if (strcmp(f->item[i].name, name) == 0) return &f->item[i];
    return NULL;
}

/* The file's value, unless the row has its own. */
static bool take_value(struct reader *r, yaml_node_t *at, struct exp_row *row, const struct exp_item *item)
{
    char *end;
    row->unit = item->unit;
    if (!isnan(row->value)) return true;
    row->value = strtod(item->value, &end);
    return *end ? reader_complain(r, at, "the file's value '%s' is no number: the row needs a 'value'", item->value)
                : true;
}

static bool read_row(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_reference *f = into;
    struct exp_row *row = &f->row[f->n_rows++];
    *row = (struct exp_row){.value = NAN, .line = reader_line_of(value)};
    if (!reader_fields(r, value, row_keys, ARRAY_LEN(row_keys), row)) return false;
    const struct exp_item *item = find_item(f, row->item);
    if (!item) return reader_complain(r, value, "%s has no item '%s'", f->file, row->item);
    return take_value(r, value, row, item);
}

static bool read_rows(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_reference *f = into;
    if (!reader_expect(r, value, YAML_SEQUENCE_NODE)) return false;
    if (!f->file) return reader_complain(r, value, "'file' must stand before 'rows'");
    f->row = reader_allocate(reader_length_of(value), sizeof *f->row);
    return reader_each_item(r, value, read_row, f);
}

static const struct key reference_keys[] = {{"file", true, read_file}, {"rows", true, read_rows}};

bool exp_reference_read(struct reader *r, yaml_node_t *value, struct exp_reference *into)
{
    return reader_fields(r, value, reference_keys, ARRAY_LEN(reference_keys), into);
}

void exp_reference_free(struct exp_reference *f)
{
    for (size_t i = 0; i < f->n_items; i++) free(f->item[i].name);
    for (size_t i = 0; i < f->n_rows; i++) free(f->row[i].measure);
    free(f->item);
    free(f->row);
    *f = (struct exp_reference){0};
}

/* --- the comparison --- */

double exp_row_error(const struct exp_row *row, double measured)
{
    return 100 * (measured - row->value) / row->value;
}

bool exp_row_holds(const struct exp_row *row, double measured)
{
    return 100 * fabs(measured - row->value) <= row->within * fabs(row->value);
}
