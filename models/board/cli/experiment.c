/* experiment.c - the product of an experiment: its runs, their names and words. experiment_yaml.c reads. */
#include "models/board/cli/experiment.h"
#include "models/board/cli/experiment_yaml.h"
#include "models/sim/check.h"
#include "models/sim/files.h"
#include <stdlib.h>
#include <string.h>

/* Appends `more` to the allocated *text, behind `separator` unless one of the two is empty. */
static void append(char **text, const char *separator, const char *more)
{
    size_t old = *text ? strlen(*text) : 0;
    const char *between = old && *more ? separator : "";
    *text = realloc(*text, old + strlen(between) + strlen(more) + 1);
    CHECK(*text, "no memory for the runs of an experiment");
    strcpy(*text + old, between);
    strcat(*text, more);
}

static void append_pair(char **text, const char *separator, const char *key, const char *value)
{
    append(text, separator, key);
    append(text, "", "=");
    append(text, "", value);
}

static bool is_parameter(const struct exp_axis *axis)
{
    return strchr(axis->key, '.') != NULL;
}

static void add_axis(struct exp_run *r, const struct exp_axis *axis, const char *value)
{
    append_pair(&r->name, ".", axis->key, value);
    append_pair(&r->varied, " ", axis->key, value);
    if (is_parameter(axis))
        r->varied_set[r->n_varied_set++] = (struct exp_setting){axis->key, value, axis->line};
    else
        append_pair(&r->words, " ", axis->key, value);
}

/* `point` counts through the values of all axes, the last one fastest. */
static void make_run(struct exp_run *r, const struct exp_group *g, const struct exp_bench *b, size_t point,
                     const struct exp_mode *m)
{
    *r = (struct exp_run){.group = g, .bench = b, .mode = m};
    append(&r->name, "", g->name);
    append(&r->name, "", "/");
    append(&r->name, "", b->name);
    append(&r->words, "", b->words);
    append(&r->varied, "", "");
    size_t stride = 1;
    for (size_t a = 0; a < g->n_axes; a++) stride *= g->axis[a].n;
    for (size_t a = 0; a < g->n_axes; a++) {
        stride /= g->axis[a].n;
        add_axis(r, &g->axis[a], g->axis[a].value[point / stride % g->axis[a].n]);
    }
    append(&r->name, ".", m->name);
}

static size_t count_points(const struct exp_group *g)
{
    size_t n = 1;
    for (size_t a = 0; a < g->n_axes; a++) n *= g->axis[a].n;
    return n;
}

static void expand_group(struct experiment *e, const struct exp_group *g)
{
    for (size_t b = 0; b < g->n_benches; b++)
        for (size_t point = 0; point < count_points(g); point++)
            for (size_t m = 0; m < g->n_modes; m++)
                make_run(&e->run[e->n_runs++], g, &g->bench[b], point, g->mode[m]);
}

static void expand(struct experiment *e)
{
    size_t n = 0;
    for (size_t g = 0; g < e->n_groups; g++)
        n += e->group[g].n_benches * e->group[g].n_modes * count_points(&e->group[g]);
    e->run = calloc(n, sizeof *e->run);
    CHECK(e->run, "no memory for %zu runs", n);
    for (size_t g = 0; g < e->n_groups; g++) expand_group(e, &e->group[g]);
}

static bool check_shapes(const struct experiment *e)
{
    for (size_t s = 0; s < e->n_shapes; s++) {
        for (unsigned i = 0; i < 2; i++) {
            if (experiment_find_run(e, e->shape[s].run[i])) continue;
            fprintf(stderr,
                    "%s:%u: assert.ratio: there is no run '%s' (allowed: group/bench[.key=value].mode, as in "
                    "'%s')\n",
                    e->file, e->shape[s].line, e->shape[s].run[i], e->run[0].name);
            return false;
        }
    }
    return true;
}

bool experiment_read(struct experiment *e, const char *file)
{
    *e = (struct experiment){.file = file};
    if (!experiment_load_document(&e->document, file)) return false;
    bool good = experiment_read_document(e);
    if (good) expand(e);
    good = good && check_shapes(e);
    if (!good) experiment_free(e);
    return good;
}

static void free_group(struct exp_group *g)
{
    for (size_t a = 0; a < g->n_axes; a++) free(g->axis[a].value);
    free(g->mode);
    free(g->bench);
    free(g->set.item);
}

void experiment_free(struct experiment *e)
{
    for (size_t i = 0; i < e->n_runs; i++) {
        free(e->run[i].name);
        free(e->run[i].varied);
        free(e->run[i].words);
    }
    for (size_t i = 0; i < e->n_modes; i++) free(e->mode[i].set.item);
    for (size_t i = 0; i < e->n_groups; i++) free_group(&e->group[i]);
    free(e->run);
    free(e->mode);
    free(e->group);
    free(e->set.item);
    free(e->figure);
    free(e->shape);
    exp_reference_free(&e->reference);
    yaml_document_delete(&e->document);
    *e = (struct experiment){0};
}

const struct exp_run *experiment_find_run(const struct experiment *e, const char *name)
{
    for (size_t i = 0; i < e->n_runs; i++)
        if (strcmp(e->run[i].name, name) == 0) return &e->run[i];
    return NULL;
}

char *experiment_path(const struct experiment *e, const char *path)
{
    const char *slash = strrchr(e->file, '/');
    if (*path == '/' || !slash) return strdup(path);
    char *dir = strndup(e->file, (size_t)(slash - e->file));
    char *whole = files_path(dir, path, "");
    free(dir);
    return whole;
}

static bool each(const struct exp_setting *item, size_t n,
                 bool (*fn)(void *self, const struct exp_setting *s), void *self)
{
    for (size_t i = 0; i < n; i++)
        if (!fn(self, &item[i])) return false;
    return true;
}

bool experiment_each_setting(const struct experiment *e, const struct exp_run *r,
                             bool (*fn)(void *self, const struct exp_setting *s), void *self)
{
    return each(e->set.item, e->set.n, fn, self) && each(r->group->set.item, r->group->set.n, fn, self) &&
           each(r->mode->set.item, r->mode->set.n, fn, self) &&
           each(r->varied_set, r->n_varied_set, fn, self);
}
