#include "models/board/cli/experiment_yaml.h"
#include "models/sim/check.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH_BYTES 256

struct reader {
    struct experiment *e;
    char path[MAX_PATH_BYTES]; /* of the key that is read, for messages */
};

/* What a key holds. Fills a field of `into`, the struct that the map describes. */
typedef bool (*read_fn)(struct reader *r, yaml_node_t *value, void *into);

struct key {
    const char *name;
    bool required;
    read_fn read;
};

/* --- messages --- */

static unsigned line_of(const yaml_node_t *n)
{
    return (unsigned)n->start_mark.line + 1;
}

__attribute__((format(printf, 3, 4))) static bool complain(const struct reader *r, const yaml_node_t *at,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%u: ", r->e->file, line_of(at));
    if (*r->path) fprintf(stderr, "%s: ", r->path);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

static bool complain_of_key(const struct reader *r, const yaml_node_t *at, const char *what,
                            const struct key *keys, size_t n)
{
    char allowed[MAX_PATH_BYTES] = "";
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", i ? ", " : "", keys[i].name);
    }
    return complain(r, at, "%s (allowed: %s)", what, allowed);
}

static void push(struct reader *r, const char *key)
{
    size_t used = strlen(r->path);
    snprintf(r->path + used, sizeof r->path - used, "%s%s", used ? "." : "", key);
}

/* --- nodes --- */

static const char *text_of(const yaml_node_t *n)
{
    return (const char *)n->data.scalar.value;
}

static yaml_node_t *node(const struct reader *r, int index)
{
    return yaml_document_get_node(&r->e->document, index);
}

static const char *kind_name(yaml_node_type_t type)
{
    return type == YAML_MAPPING_NODE ? "a map" : type == YAML_SEQUENCE_NODE ? "a list" : "one value";
}

static bool expect(const struct reader *r, const yaml_node_t *n, yaml_node_type_t type)
{
    if (n->type == type) return true;
    return complain(r, n, "%s where %s is expected", kind_name(n->type), kind_name(type));
}

static size_t length_of(const yaml_node_t *n)
{
    if (n->type == YAML_SEQUENCE_NODE)
        return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
    return (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start);
}

static void *allocate(size_t n, size_t bytes)
{
    void *memory = calloc(n ? n : 1, bytes);
    CHECK(memory, "no memory for an experiment");
    return memory;
}

/* One value that may not be missing; it may be "" in quotes. */
static bool read_text(struct reader *r, yaml_node_t *value, const char **text)
{
    if (!expect(r, value, YAML_SCALAR_NODE)) return false;
    if (!*text_of(value) && value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return complain(r, value, "the value is missing");
    *text = text_of(value);
    return true;
}

static bool read_number(struct reader *r, yaml_node_t *value, double *number)
{
    const char *text;
    char *end;
    if (!read_text(r, value, &text)) return false;
    *number = strtod(text, &end);
    return *text && !*end ? true : complain(r, value, "'%s' is not a number", text);
}

static bool read_switch(struct reader *r, yaml_node_t *value, bool *on)
{
    const char *text;
    if (!read_text(r, value, &text)) return false;
    *on = strcmp(text, "true") == 0;
    return *on || strcmp(text, "false") == 0
               ? true
               : complain(r, value, "'%s' is not a switch (allowed: true, false)", text);
}

/* --- maps --- */

/* Reads the entry of a map whose keys are names that the user chose. */
typedef bool (*entry_fn)(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into);

static bool is_name(const char *text, const char *also)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    for (const char *c = text; *c; c++)
        if (!strchr(letters, *c) && !strchr(also, *c)) return false;
    return *text != '\0';
}

static bool check_key(const struct reader *r, const yaml_node_t *key)
{
    if (key->type == YAML_SCALAR_NODE && is_name(text_of(key), ".")) return true;
    return complain(r, key, "a key must be a name (allowed: letters, digits, '-', '_', '.')");
}

static bool check_unique(const struct reader *r, const yaml_node_t *map, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = node(r, pair->key);
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *before = node(r, p->key);
        if (strcmp(text_of(before), text_of(key)) == 0)
            return complain(r, key, "duplicate key (first on line %u)", line_of(before));
    }
    return true;
}

static bool for_each_entry(struct reader *r, yaml_node_t *map, entry_fn fn, void *into)
{
    if (!expect(r, map, YAML_MAPPING_NODE)) return false;
    size_t outer = strlen(r->path);
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        yaml_node_t *key = node(r, p->key);
        if (!check_key(r, key)) return false;
        push(r, text_of(key));
        if (!check_unique(r, map, p) || !fn(r, key, node(r, p->value), into)) return false;
        r->path[outer] = '\0';
    }
    return true;
}

/* Keys of a fixed set. */
struct fields {
    const struct key *keys;
    size_t n;
    u64 seen;
    void *into;
};

static bool read_field(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *self)
{
    struct fields *f = self;
    for (size_t i = 0; i < f->n; i++) {
        if (strcmp(f->keys[i].name, text_of(key)) != 0) continue;
        f->seen |= BIT(i);
        return f->keys[i].read(r, value, f->into);
    }
    return complain_of_key(r, key, "unknown key", f->keys, f->n);
}

static bool read_fields(struct reader *r, yaml_node_t *map, const struct key *keys, size_t n, void *into)
{
    struct fields f = {keys, n, 0, into};
    if (!for_each_entry(r, map, read_field, &f)) return false;
    for (size_t i = 0; i < n; i++)
        if (keys[i].required && !(f.seen & BIT(i)))
            return complain(r, map, "the key '%s' is missing", keys[i].name);
    return true;
}

/* A reader of one text field. */
#define TEXT_FIELD(type, field)                                                                              \
    static bool read_##type##_##field(struct reader *r, yaml_node_t *value, void *into)                      \
    {                                                                                                        \
        return read_text(r, value, &((struct type *)into)->field);                                           \
    }

/* --- settings --- */

static bool read_setting(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    struct exp_settings *s = into;
    struct exp_setting *item = &s->item[s->n];
    *item = (struct exp_setting){.path = text_of(key), .line = line_of(key)};
    if (!read_text(r, value, &item->value)) return false;
    s->n++;
    return true;
}

static bool read_settings(struct reader *r, yaml_node_t *value, struct exp_settings *s)
{
    if (!expect(r, value, YAML_MAPPING_NODE)) return false;
    s->item = allocate(length_of(value), sizeof *s->item);
    return for_each_entry(r, value, read_setting, s);
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
    *m = (struct exp_mode){.name = text_of(key), .args = "", .middle_args = "", .line = line_of(key)};
    if (!is_name(m->name, "")) return complain(r, key, "not a name (allowed: letters, digits, '-', '_')");
    if (!read_fields(r, value, mode_keys, ARRAY_LEN(mode_keys), m)) return false;
    if (!m->monitor && *m->args) return complain(r, value, "args without a monitor");
    if (!m->monitor && m->middle) return complain(r, value, "a monitor in the middle without one below");
    return m->middle || !*m->middle_args ? true : complain(r, value, "middle_args without a middle");
}

static bool read_modes(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    if (!expect(r, value, YAML_MAPPING_NODE)) return false;
    e->mode = allocate(length_of(value), sizeof *e->mode);
    return for_each_entry(r, value, read_mode, e);
}

/* --- lists of texts --- */

/* *texts has room for all. */
static bool read_texts(struct reader *r, yaml_node_t *list, const char ***texts, size_t *n)
{
    if (!expect(r, list, YAML_SEQUENCE_NODE)) return false;
    if (length_of(list) == 0) return complain(r, list, "the list is empty");
    *texts = allocate(length_of(list), sizeof **texts);
    for (yaml_node_item_t *i = list->data.sequence.items.start; i < list->data.sequence.items.top; i++)
        if (!read_text(r, node(r, *i), &(*texts)[(*n)++])) return false;
    return true;
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
    char allowed[MAX_PATH_BYTES] = "";
    for (size_t i = 0; i < r->e->n_modes; i++) {
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", i ? ", " : "", r->e->mode[i].name);
    }
    if (!*allowed) return complain(r, at, "'modes' must stand before 'groups'");
    return complain(r, at, "there is no mode '%s' (allowed: %s)", name, allowed);
}

static bool read_group_modes(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_group *g = into;
    const char **name = NULL;
    size_t n = 0;
    bool good = read_texts(r, value, &name, &n);
    g->mode = allocate(n, sizeof *g->mode);
    for (size_t i = 0; good && i < n; i++) {
        g->mode[g->n_modes++] = find_mode(r->e, name[i]);
        if (!g->mode[i]) good = complain_of_mode(r, value, name[i]);
    }
    free(name);
    return good;
}

static bool read_bench(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    struct exp_group *g = into;
    struct exp_bench *b = &g->bench[g->n_benches++];
    *b = (struct exp_bench){.name = text_of(key), .line = line_of(key)};
    if (!is_name(b->name, "")) return complain(r, key, "not a name (allowed: letters, digits, '-', '_')");
    return read_text(r, value, &b->words);
}

static bool read_benches(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_group *g = into;
    if (!expect(r, value, YAML_MAPPING_NODE)) return false;
    if (length_of(value) == 0) return complain(r, value, "no bench is named");
    g->bench = allocate(length_of(value), sizeof *g->bench);
    return for_each_entry(r, value, read_bench, g);
}

static bool read_axis(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    struct exp_group *g = into;
    if (g->n_axes == EXP_MAX_AXES) return complain(r, key, "too many lists (allowed: %d)", EXP_MAX_AXES);
    struct exp_axis *a = &g->axis[g->n_axes++];
    a->key = text_of(key);
    a->line = line_of(key);
    if (!read_texts(r, value, &a->value, &a->n)) return false;
    for (size_t i = 0; i < a->n; i++) /* it becomes part of a file name */
        if (!is_name(a->value[i], "."))
            return complain(r, value, "'%s' (allowed: letters, digits, '-', '_', '.')", a->value[i]);
    return true;
}

static bool read_vary(struct reader *r, yaml_node_t *value, void *into)
{
    return for_each_entry(r, value, read_axis, into);
}

static bool read_group_set(struct reader *r, yaml_node_t *value, void *into)
{
    return read_settings(r, value, &((struct exp_group *)into)->set);
}

static bool read_ledger(struct reader *r, yaml_node_t *value, void *into)
{
    return read_switch(r, value, &((struct exp_group *)into)->ledger);
}

static const struct key group_keys[] = {
    {"modes", true, read_group_modes}, {"benches", true, read_benches}, {"vary", false, read_vary},
    {"set", false, read_group_set},    {"ledger", false, read_ledger},
};

static bool read_group(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    struct exp_group *g = &e->group[e->n_groups++];
    g->name = text_of(key);
    if (!is_name(g->name, "")) return complain(r, key, "not a name (allowed: letters, digits, '-', '_')");
    return read_fields(r, value, group_keys, ARRAY_LEN(group_keys), g);
}

static bool read_groups(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    if (!expect(r, value, YAML_MAPPING_NODE)) return false;
    if (length_of(value) == 0) return complain(r, value, "no group is named");
    e->group = allocate(length_of(value), sizeof *e->group);
    return for_each_entry(r, value, read_group, e);
}

/* --- shapes --- */

TEXT_FIELD(exp_shape, name)
TEXT_FIELD(exp_shape, stat)

static bool read_ratio(struct reader *r, yaml_node_t *value, void *into)
{
    struct exp_shape *s = into;
    const char **name = NULL;
    size_t n = 0;
    bool good = read_texts(r, value, &name, &n);
    if (good && n != 2) good = complain(r, value, "%zu names (allowed: two runs)", n);
    for (size_t i = 0; good && i < 2; i++) s->run[i] = name[i];
    free(name);
    return good;
}

static bool read_min(struct reader *r, yaml_node_t *value, void *into)
{
    return read_number(r, value, &((struct exp_shape *)into)->min);
}
static bool read_max(struct reader *r, yaml_node_t *value, void *into)
{
    return read_number(r, value, &((struct exp_shape *)into)->max);
}

static const struct key shape_keys[] = {
    {"name", true, read_exp_shape_name},
    {"ratio", true, read_ratio},
    {"stat", false, read_exp_shape_stat},
    {"min", false, read_min},
    {"max", false, read_max},
};

static bool read_shape(struct reader *r, yaml_node_t *value, struct exp_shape *s)
{
    *s = (struct exp_shape){.stat = "cpu0.cycles", .max = INFINITY, .line = line_of(value)};
    if (!read_fields(r, value, shape_keys, ARRAY_LEN(shape_keys), s)) return false;
    if (s->min == 0 && isinf(s->max)) return complain(r, value, "a shape needs 'min' or 'max'");
    return s->min <= s->max ? true : complain(r, value, "'min' is above 'max'");
}

static bool read_shapes(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    if (!expect(r, value, YAML_SEQUENCE_NODE)) return false;
    e->shape = allocate(length_of(value), sizeof *e->shape);
    for (yaml_node_item_t *i = value->data.sequence.items.start; i < value->data.sequence.items.top; i++)
        if (!read_shape(r, node(r, *i), &e->shape[e->n_shapes++])) return false;
    return true;
}

/* --- the experiment --- */

TEXT_FIELD(experiment, preset)
TEXT_FIELD(experiment, table)

static bool read_name(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    if (!read_text(r, value, &e->name)) return false;
    return is_name(e->name, "")
               ? true
               : complain(r, value, "'%s' is not a name (allowed: letters, digits, '-', '_')", e->name);
}

static bool read_set(struct reader *r, yaml_node_t *value, void *into)
{
    return read_settings(r, value, &((struct experiment *)into)->set);
}

static bool read_figures(struct reader *r, yaml_node_t *value, void *into)
{
    struct experiment *e = into;
    return read_texts(r, value, &e->figure, &e->n_figures);
}

static const struct key experiment_keys[] = {
    {"name", true, read_name},        {"preset", true, read_experiment_preset},
    {"set", false, read_set},         {"modes", true, read_modes},
    {"groups", true, read_groups},    {"table", false, read_experiment_table},
    {"figures", false, read_figures}, {"assert", false, read_shapes},
};

bool experiment_read_document(struct experiment *e)
{
    struct reader r = {.e = e};
    yaml_node_t *root = yaml_document_get_root_node(&e->document);
    if (!root) {
        fprintf(stderr, "%s:1: the file is empty (allowed: an experiment)\n", e->file);
        return false;
    }
    return read_fields(&r, root, experiment_keys, ARRAY_LEN(experiment_keys), e);
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
