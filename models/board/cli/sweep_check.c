/* sweep_check.c - finds an experiment's errors of use before it runs for minutes. */
#include "models/board/cli/sweep.h"
#include "models/board/pc.h"
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *sweep_image(const char *kind, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s-%s.elf", cli_workload_dir(), kind, name) < 0 ? NULL : path;
}

char *sweep_preset(const struct experiment *e)
{
    size_t n = strlen(e->preset);
    bool is_file = strchr(e->preset, '/') || (n > 5 && !strcmp(e->preset + n - 5, ".yaml"));
    return is_file ? experiment_path(e, e->preset) : strdup(e->preset);
}

/* --- images --- */

static void print_images(const char *kind)
{
    char *pattern = sweep_image(kind, "*");
    size_t prefix = strlen(pattern) - strlen("*.elf");
    glob_t found;
    bool any = glob(pattern, 0, NULL, &found) == 0;
    if (!any)
        fprintf(stderr, "there is no %s at all; build the workloads, or set GIGOGNE_WORKLOADS", pattern);
    for (size_t i = 0; any && i < found.gl_pathc; i++)
        fprintf(stderr, "%s%.*s", i ? ", " : "", (int)(strlen(found.gl_pathv[i]) - prefix - strlen(".elf")),
                found.gl_pathv[i] + prefix);
    if (any) globfree(&found);
    free(pattern);
}

static bool check_image(const struct experiment *e, const char *kind, const char *name, unsigned line)
{
    char *path = sweep_image(kind, name);
    bool good = access(path, R_OK) == 0;
    if (!good) {
        fprintf(stderr, "%s:%u: %s: there is no image %s (allowed: ", e->file, line, name, path);
        print_images(kind);
        fputs(")\n", stderr);
    }
    free(path);
    return good;
}

static bool check_images(const struct experiment *e)
{
    for (size_t i = 0; i < e->n_modes; i++) {
        const struct exp_mode *m = &e->mode[i];
        if (m->monitor && !check_image(e, "monitor", m->monitor, m->line)) return false;
        if (m->middle && !check_image(e, "monitor", m->middle, m->line)) return false;
    }
    for (size_t g = 0; g < e->n_groups; g++)
        for (size_t b = 0; b < e->group[g].n_benches; b++)
            if (!check_image(e, e->group[g].bench[b].kind, e->group[g].bench[b].name, e->group[g].bench[b].line))
                return false;
    return true;
}

/* --- settings --- */

struct target {
    const struct experiment *e;
    struct config *config;
};

static bool apply(void *self, const struct exp_setting *s)
{
    struct target *t = self;
    config_set_from(t->config, s->path, s->value, t->e->file, s->line);
    return true;
}

static bool check_settings(const struct experiment *e, const struct exp_run *r)
{
    struct target t = {e, config_new(cli_preset_dir())};
    struct pc_cfg machine;
    char *preset = sweep_preset(e);
    bool good = config_load(t.config, preset) && experiment_each_setting(e, r, apply, &t) &&
                pc_cfg_bind(&machine, t.config);
    config_free(t.config);
    free(preset);
    return good;
}

/* Runs that differ in their words only have the same settings. */
static bool same_settings(const struct exp_run *a, const struct exp_run *b)
{
    return a->group == b->group && a->mode == b->mode && a->n_varied_set == 0 && b->n_varied_set == 0;
}

static bool is_checked(const struct experiment *e, const struct exp_run *r)
{
    for (const struct exp_run *before = e->run; before < r; before++)
        if (same_settings(before, r)) return true;
    return false;
}

bool sweep_check(const struct experiment *e)
{
    if (!check_images(e)) return false;
    for (size_t i = 0; i < e->n_runs; i++)
        if (!is_checked(e, &e->run[i]) && !check_settings(e, &e->run[i])) return false;
    return true;
}
