#include "models/board/cli/experiment_yaml.h"
#include "models/board/cli/yaml_reader.h"
#include "models/sim/check.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- settings --- */

static bool read_setting(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    struct exp_settings *s = into;
    struct exp_setting *item = &s->item[s->n];
    *item = (struct exp_setting){.path = reader_text_of(key), .line = reader_line_of(key)};
    if (!reader_text(r, value, &item->value)) return false;
    s->n++;
    return true;
}

static bool read_settings(struct reader *r, yaml_node_t *value, struct exp_settings *s)
{
    if (!reader_expect(r, value, YAML_MAPPING_NODE)) return false;
    s->item = reader_allocate(reader_length_of(value), sizeof *s->item);
    return reader_each_entry(r, value, read_setting, s);
}

/* --- modes --- */

TEXT_FIELD(exp_mode, label)
TEXT_FIELD(exp_mode, monitor)
TEXT_FIELD(exp_mode, args)
TEXT_FIELD(exp_mode, middle)
TEXT_FIELD(exp_mode, middle_args)

static bool read_mode_set(struct reader *r, yaml_node_t *value, void *into)
{
    return read_settings(r, value, &((struct exp_mode *)into)->set);
}

static const struct key mode_keys[] = {
    {"label", true, read_exp_mode_label},
    {"monitor", false, read_exp_mode_monitor},
    {"args", false, read_exp_mode_args},
    {"middle", false, read_exp_mode_middle},
    {"middle_args", false, read_exp_mode_middle_args},
    {"set", false, read_mode_set},
};

static bool read_mode(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    struct exp_mode *m = &e->mode[e->n_modes++];
    *m = (struct exp_mode){.name = reader_text_of(key), .args = "", .middle_args = "", .line = reader_line_of(key)};
    if (!reader_is_name(m->name, "")) return reader_complain(r, key, "not a name (allowed: letters, digits, '-', '_')");
    if (!reader_fields(r, value, mode_keys, ARRAY_LEN(mode_keys), m)) return false;
    if (!m->monitor && *m->args) return reader_complain(r, value, "args without a monitor");
    if (!m->monitor && m->middle) return reader_complain(r, value, "a monitor in the middle without one below");
    return m->middle || !*m->middle_args ? true : reader_complain(r, value, "middle_args without a middle");
}

static bool read_modes(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    if (!reader_expect(r, value, YAML_MAPPING_NODE)) return false;
    e->mode = reader_allocate(reader_length_of(value), sizeof *e->mode);
    return reader_each_entry(r, value, read_mode, e);
}

/* --- groups --- */

static const struct exp_mode *find_mode(const struct experiment *e, const char *name)
{
    for (size_t i = 0; i < e->n_modes; i++)
        if (strcmp(e->mode[i].name, name) == 0) return &e->mode[i];
    return NULL;
}

static bool complain_of_mode(const struct reader *r, const yaml_node_t *at, const char *name)
{
    char allowed[READER_PATH_BYTES] = "";
    const struct experiment *e = r->whole;
    for (size_t i = 0; i < e->n_modes; i++) {
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", i ? ", " : "", e->mode[i].name);
    }
    if (!*allowed) return reader_complain(r, at, "'modes' must stand before 'groups'");
    return reader_complain(r, at, "there is no mode '%s' (allowed: %s)", name, allowed);
}

static bool read_group_modes(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_group *g = into;
    const char **name = NULL;
    size_t n = 0;
    bool good = reader_texts(r, value, &name, &n);
    g->mode = reader_allocate(n, sizeof *g->mode);
    for (size_t i = 0; good && i < n; i++) {
        g->mode[g->n_modes++] = find_mode(r->whole, name[i]);
        if (!g->mode[i]) good = complain_of_mode(r, value, name[i]);
    }
    free(name);
    return good;
}

static bool read_image(struct reader *r, const yaml_node_t *key, yaml_node_t *value, struct exp_group *g,
                       const char *kind)
{
    struct exp_bench *b = &g->bench[g->n_benches++];
    *b = (struct exp_bench){.kind = kind, .name = reader_text_of(key), .line = reader_line_of(key)};
    if (!reader_is_name(b->name, ""))
        return reader_complain(r, key, "not a name (allowed: letters, digits, '-', '_')");
    return reader_text(r, value, &b->words);
}

static bool read_bench(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    return read_image(r, key, value, into, "bench");
}

static bool read_probe(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    return read_image(r, key, value, into, "probe");
}

static bool read_images(struct reader *r, yaml_node_t *value, struct exp_group *g, entry_fn read)
{
    if (!reader_expect(r, value, YAML_MAPPING_NODE)) return false;
    if (g->bench) return reader_complain(r, value, "a group has benches or probes, not both");
    if (reader_length_of(value) == 0) return reader_complain(r, value, "no image is named");
    g->bench = reader_allocate(reader_length_of(value), sizeof *g->bench);
    return reader_each_entry(r, value, read, g);
}

static bool read_benches(struct reader *r, yaml_node_t *value, void *into)
{
    return read_images(r, value, into, read_bench);
}

static bool read_probes(struct reader *r, yaml_node_t *value, void *into)
{
    return read_images(r, value, into, read_probe);
}

static bool read_axis(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    struct exp_group *g = into;
    if (g->n_axes == EXP_MAX_AXES) return reader_complain(r, key, "too many lists (allowed: %d)", EXP_MAX_AXES);
    struct exp_axis *a = &g->axis[g->n_axes++];
    a->key = reader_text_of(key);
    a->line = reader_line_of(key);
    if (!reader_texts(r, value, &a->value, &a->n)) return false;
    for (size_t i = 0; i < a->n; i++) /* it becomes part of a file name */
        if (!reader_is_name(a->value[i], "."))
            return reader_complain(r, value, "'%s' (allowed: letters, digits, '-', '_', '.')", a->value[i]);
    return true;
}

static bool read_vary(struct reader *r, yaml_node_t *value, void *into)
{
    return reader_each_entry(r, value, read_axis, into);
}

static bool read_group_set(struct reader *r, yaml_node_t *value, void *into)
{
    return read_settings(r, value, &((struct exp_group *)into)->set);
}

static bool read_ledger(struct reader *r, yaml_node_t *value, void *into)
{
    return reader_switch(r, value, &((struct exp_group *)into)->ledger);
}

static const struct key group_keys[] = {
    {"modes", true, read_group_modes}, {"benches", false, read_benches}, {"probes", false, read_probes},
    {"vary", false, read_vary},        {"set", false, read_group_set},   {"ledger", false, read_ledger},
};

static bool read_group(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    struct exp_group *g = &e->group[e->n_groups++];
    g->name = reader_text_of(key);
    if (!reader_is_name(g->name, "")) return reader_complain(r, key, "not a name (allowed: letters, digits, '-', '_')");
    if (!reader_fields(r, value, group_keys, ARRAY_LEN(group_keys), g)) return false;
    return g->bench ? true : reader_complain(r, value, "the key 'benches' or 'probes' is missing");
}

static bool read_groups(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    if (!reader_expect(r, value, YAML_MAPPING_NODE)) return false;
    if (reader_length_of(value) == 0) return reader_complain(r, value, "no group is named");
    e->group = reader_allocate(reader_length_of(value), sizeof *e->group);
    return reader_each_entry(r, value, read_group, e);
}

/* --- shapes --- */

TEXT_FIELD(exp_shape, name)
TEXT_FIELD(exp_shape, stat)

static bool read_ratio(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_shape *s = into;
    const char **name = NULL;
    size_t n = 0;
    bool good = reader_texts(r, value, &name, &n);
    if (good && n != 2) good = reader_complain(r, value, "%zu names (allowed: two runs)", n);
    for (size_t i = 0; good && i < 2; i++) s->run[i] = name[i];
    free(name);
    return good;
}

static bool read_min(struct reader *r, yaml_node_t *value, void *into)
{
    return reader_number(r, value, &((struct exp_shape *)into)->min);
}
static bool read_max(struct reader *r, yaml_node_t *value, void *into)
{
    return reader_number(r, value, &((struct exp_shape *)into)->max);
}

static const struct key shape_keys[] = {
    {"name", true, read_exp_shape_name},
    {"ratio", true, read_ratio},
    {"stat", false, read_exp_shape_stat},
    {"min", false, read_min},
    {"max", false, read_max},
};

static bool read_shape(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    struct exp_shape *s = &e->shape[e->n_shapes++];
    *s = (struct exp_shape){.stat = "cpu0.cycles", .max = INFINITY, .line = reader_line_of(value)};
    if (!reader_fields(r, value, shape_keys, ARRAY_LEN(shape_keys), s)) return false;
    if (s->min == 0 && isinf(s->max)) return reader_complain(r, value, "a shape needs 'min' or 'max'");
    return s->min <= s->max ? true : reader_complain(r, value, "'min' is above 'max'");
}

static bool read_shapes(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    if (!reader_expect(r, value, YAML_SEQUENCE_NODE)) return false;
    e->shape = reader_allocate(reader_length_of(value), sizeof *e->shape);
    return reader_each_item(r, value, read_shape, e);
}

/* --- the experiment --- */

TEXT_FIELD(experiment, preset)
TEXT_FIELD(experiment, table)

static bool read_name(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    if (!reader_text(r, value, &e->name)) return false;
    return reader_is_name(e->name, "")
               ? true
               : reader_complain(r, value, "'%s' is not a name (allowed: letters, digits, '-', '_')", e->name);
}

static bool read_set(struct reader *r, yaml_node_t *value, void *into)
{
    return read_settings(r, value, &((struct experiment *)into)->set);
}

static bool read_figures(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    return reader_texts(r, value, &e->figure, &e->n_figures);
}

static bool read_reference(struct reader *r, yaml_node_t *value, void *into)
{
    return exp_reference_read(r, value, &((struct experiment *)into)->reference);
}

static const struct key experiment_keys[] = {
    {"name", true, read_name},        {"preset", true, read_experiment_preset},
    {"set", false, read_set},         {"modes", true, read_modes},
    {"groups", true, read_groups},    {"table", false, read_experiment_table},
    {"figures", false, read_figures}, {"assert", false, read_shapes},
    {"reference", false, read_reference},
};

bool experiment_read_document(struct experiment *e)
{
    struct reader r = {.file = e->file, .document = &e->document, .whole = e};
    yaml_node_t *root = yaml_document_get_root_node(&e->document);
    if (!root) {
        fprintf(stderr, "%s:1: the file is empty (allowed: an experiment)\n", e->file);
        return false;
    }
    return reader_fields(&r, root, experiment_keys, ARRAY_LEN(experiment_keys), e);
}

static bool parse(yaml_document_t *document, const char *file, FILE *in)
{
    yaml_parser_t parser;
    CHECK(yaml_parser_initialize(&parser), "no memory for the YAML parser");
    yaml_parser_set_input_file(&parser, in);
    bool good = yaml_parser_load(&parser, document);
    if (!good)
        fprintf(stderr, "%s:%zu: not YAML: %s\n", file, parser.problem_mark.line + 1,
                parser.problem ? parser.problem : "unreadable");
    yaml_parser_delete(&parser);
    return good;
}

bool experiment_load_document(yaml_document_t *document, const char *file)
{
    FILE *in = fopen(file, "r");
    if (!in) {
        fprintf(stderr, "%s: can't be read: %s\n", file, strerror(errno));
        return false;
    }
    bool good = parse(document, file, in);
    fclose(in);
    return good;
}
