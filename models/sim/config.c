#include "models/sim/config.h"

#include "models/sim/check.h"
#include "models/sim/config_yaml.h"
#include "models/sim/files.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PATH_BYTES 256
#define MAX_BASES      16 /* files built on each other */

/* One parameter of a bound table. */
struct bound {
    char *path;
    const struct param *param;
    const void *base;
};

struct config {
    char *preset_dir;
    struct setting_list settings;
    struct bound *bound; /* sorted by path */
    size_t n_bound, bound_capacity;
};

struct config *config_new(const char *preset_dir)
{
    struct config *c = calloc(1, sizeof *c);
    CHECK(c, "no memory for the configuration");
    c->preset_dir = strdup(preset_dir);
    CHECK(c->preset_dir, "no memory for the configuration");
    return c;
}

void config_free(struct config *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n_bound; i++) free(c->bound[i].path);
    free(c->bound);
    settings_free(&c->settings);
    free(c->preset_dir);
    free(c);
}

/* --- presets --- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static int is_preset(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ends_with(entry->d_name, ".yaml");
}

/* Calls fn for each preset's name, in alphabetical order. */
static void for_each_preset(const struct config *c, void (*fn)(const struct config *c, const char *name))
{
    struct dirent **entries;
    int n = scandir(c->preset_dir, &entries, is_preset, alphasort);
    for (int i = 0; i < n; i++) {
        entries[i]->d_name[strlen(entries[i]->d_name) - strlen(".yaml")] = 0;
        fn(c, entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
}

static void print_allowed_preset(const struct config *c, const char *name)
{
    (void)c;
    fprintf(stderr, " %s", name);
}

static void complain_of_preset(const struct config *c, const char *name, const struct setting *asked_by)
{
    if (asked_by) fprintf(stderr, "%s:%u: %s: ", asked_by->file, asked_by->line, asked_by->path);
    fprintf(stderr, "'%s' is neither a preset nor a YAML file (presets:", name);
    for_each_preset(c, print_allowed_preset);
    fputs(")\n", stderr);
}

static void print_preset(const struct config *c, const char *name)
{
    char line[MAX_PATH_BYTES] = "";
    char *path = files_path(c->preset_dir, name, ".yaml");
    FILE *f = fopen(path, "r");
    bool commented = f && fgets(line, sizeof line, f) && line[0] == '#';
    line[strcspn(line, "\n")] = 0;
    printf("%-16s %s\n", name, commented ? line + 1 + strspn(line + 1, " ") : "");
    if (f) fclose(f);
    free(path);
}

void config_print_presets(const struct config *c)
{
    for_each_preset(c, print_preset);
}

/* --- files --- */

/* "<directory of `beside`>/<name>", allocated; the name alone if there is no such directory. */
static char *path_beside(const char *beside, const char *name)
{
    const char *slash = beside ? strrchr(beside, '/') : NULL;
    if (!slash || name[0] == '/') return strdup(name);
    char *dir = strndup(beside, (size_t)(slash - beside));
    char *path = files_path(dir, name, "");
    free(dir);
    return path;
}

/* The file that a name means, allocated; NULL, with a message, if there is none. */
static char *find_file(const struct config *c, const char *name, const struct setting *asked_by)
{
    bool is_name = !strchr(name, '/') && !ends_with(name, ".yaml");
    char *path = is_name ? files_path(c->preset_dir, name, ".yaml")
                         : path_beside(asked_by ? asked_by->file : NULL, name);
    if (access(path, F_OK) == 0) return path;
    complain_of_preset(c, name, asked_by);
    free(path);
    return NULL;
}

static void override(struct setting *old, const struct setting *by)
{
    free(old->value);
    free(old->file);
    old->value = strdup(by->value);
    old->file = strdup(by->file);
    old->line = by->line;
}

static void apply(struct config *c, const struct setting_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct setting *s = &l->setting[i];
        struct setting *old = settings_find(&c->settings, s->path);
        if (strcmp(s->path, "based_on") == 0) continue;
        if (old)
            override(old, s);
        else
            settings_add(&c->settings, s->path, s->value, s->file, s->line);
    }
}

static bool load(struct config *c, const char *name, const struct setting *asked_by, unsigned depth);

static bool load_base(struct config *c, const struct setting_list *l, unsigned depth)
{
    const struct setting *base = settings_find(l, "based_on");
    if (!base) return true;
    if (depth < MAX_BASES) return load(c, base->value, base, depth + 1);
    config_complain(base->file, base->line, base->path, "the files are based on each other in a circle");
    return false;
}

static bool load(struct config *c, const char *name, const struct setting *asked_by, unsigned depth)
{
    struct setting_list l = {0};
    char *path = find_file(c, name, asked_by);
    bool good = path && yaml_read_settings(path, &l) && load_base(c, &l, depth);
    if (good) apply(c, &l);
    settings_free(&l);
    free(path);
    return good;
}

bool config_load(struct config *c, const char *preset_or_file)
{
    return load(c, preset_or_file, NULL, 0);
}

bool config_set(struct config *c, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment || equals - assignment >= MAX_PATH_BYTES) {
        config_complain("--set", 0, NULL, "'%s' is not of the form path=value", assignment);
        return false;
    }
    char path[MAX_PATH_BYTES];
    snprintf(path, sizeof path, "%.*s", (int)(equals - assignment), assignment);
    config_set_from(c, path, equals + 1, "--set", 0);
    return true;
}

void config_set_from(struct config *c, const char *path, const char *value, const char *file, unsigned line)
{
    struct setting_list one = {0};
    settings_add(&one, path, value, file, line);
    apply(c, &one);
    settings_free(&one);
}

/* --- binding --- */

static size_t lower_bound(const struct config *c, const char *path)
{
    size_t i = 0;
    while (i < c->n_bound && strcmp(c->bound[i].path, path) < 0) i++;
    return i;
}

static void remember(struct config *c, const char *path, const struct param *p, const void *base)
{
    size_t i = lower_bound(c, path);
    if (i < c->n_bound && strcmp(c->bound[i].path, path) == 0) return;
    if (c->n_bound == c->bound_capacity) {
        c->bound_capacity = c->bound_capacity ? 2 * c->bound_capacity : 128;
        c->bound = realloc(c->bound, c->bound_capacity * sizeof *c->bound);
        CHECK(c->bound, "no memory for %zu parameters", c->bound_capacity);
    }
    memmove(&c->bound[i + 1], &c->bound[i], (c->n_bound++ - i) * sizeof *c->bound);
    c->bound[i] = (struct bound){.path = strdup(path), .param = p, .base = base};
}

static bool bind_one(struct config *c, const char *path, const struct param *p, void *base)
{
    char why[PARAM_WHY_BYTES];
    param_set_default(p, base);
    remember(c, path, p, base);
    struct setting *s = settings_find(&c->settings, path);
    if (!s) return true;
    s->used = true;
    if (param_set(p, base, s->value, why)) return true;
    config_complain(s->file, s->line, path, "%s", why);
    return false;
}

bool config_bind(struct config *c, const char *prefix, const struct param *table, size_t n, void *base)
{
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        char path[MAX_PATH_BYTES];
        int bytes = snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", table[i].name);
        CHECK(bytes < MAX_PATH_BYTES, "a path of more than %d bytes: %s", MAX_PATH_BYTES, path);
        good &= bind_one(c, path, &table[i], base);
    }
    return good;
}

/* The number of bytes that two paths share as whole names with their dots: "a.b.c" and "a.b.d" share "a.b.".
 */
static size_t shared_bytes(const char *a, const char *b)
{
    size_t shared = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
        if (a[i] == '.') shared = i + 1;
    }
    return shared;
}

/* The length of the longest beginning of `path`, in whole names with their dots, below which something is
 * bound. */
static size_t known_bytes(const struct config *c, const char *path)
{
    size_t known = 0;
    for (size_t i = 0; i < c->n_bound; i++) {
        size_t shared = shared_bytes(path, c->bound[i].path);
        if (shared > known) known = shared;
    }
    return known;
}

/* Prints the names that may follow the first `bytes` of a path, each once. */
static void print_children(const struct config *c, const char *path, size_t bytes)
{
    const char *last = "";
    for (size_t i = 0; i < c->n_bound; i++) {
        if (strncmp(c->bound[i].path, path, bytes) != 0) continue;
        const char *child = c->bound[i].path + bytes;
        size_t child_bytes = strcspn(child, ".");
        if (strncmp(child, last, child_bytes + 1) != 0) fprintf(stderr, " %.*s", (int)child_bytes, child);
        last = child;
    }
}

static void complain_of_unused(const struct config *c, const struct setting *s)
{
    size_t bytes = known_bytes(c, s->path);
    fprintf(stderr, "%s:", s->file);
    if (s->line) fprintf(stderr, "%u:", s->line);
    fprintf(stderr, " %s: unknown key, nothing in this machine uses it (allowed", s->path);
    if (bytes) fprintf(stderr, " below %.*s", (int)bytes - 1, s->path);
    fputc(':', stderr);
    print_children(c, s->path, bytes);
    fputs(")\n", stderr);
}

bool config_check_all_used(const struct config *c)
{
    bool good = true;
    for (size_t i = 0; i < c->settings.n; i++) {
        if (c->settings.setting[i].used) continue;
        complain_of_unused(c, &c->settings.setting[i]);
        good = false;
    }
    return good;
}

/* --- writing --- */

static int indentation(const char *path, size_t bytes)
{
    int dots = 0;
    for (size_t i = 0; i < bytes; i++) dots += path[i] == '.';
    return 2 * dots;
}

/* Opens the maps of `path` that its predecessor does not share, then names the value. */
static void write_keys(const char *path, const char *predecessor, FILE *out)
{
    size_t at = shared_bytes(path, predecessor);
    for (const char *dot; (dot = strchr(path + at, '.')); at = (size_t)(dot - path) + 1)
        fprintf(out, "%*s%.*s:\n", indentation(path, at), "", (int)(dot - path - (long)at), path + at);
    fprintf(out, "%*s%s: ", indentation(path, at), "", path + at);
}

/* In double quotes, as YAML reads it back. */
static void write_quoted(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputs("\"\n", out);
}

void config_write(const struct config *c, FILE *out)
{
    const char *predecessor = "";
    char text[PARAM_VALUE_BYTES];
    fputs("# The effective configuration: every parameter of the machine.\n", out);
    for (size_t i = 0; i < c->n_bound; i++) {
        const struct bound *b = &c->bound[i];
        write_keys(b->path, predecessor, out);
        param_print(b->param, b->base, text);
        if (b->param->type == PARAM_text)
            write_quoted(text, out);
        else
            fprintf(out, "%s\n", text);
        predecessor = b->path;
    }
}

void config_print_params(const struct config *c)
{
    char value[PARAM_VALUE_BYTES], range[PARAM_WHY_BYTES];
    for (size_t i = 0; i < c->n_bound; i++) {
        const struct bound *b = &c->bound[i];
        printf("%-36s %-9s %-12s %s\n", b->path, param_type_name(b->param),
               param_print_default(b->param, value), b->param->meaning);
        printf("%-36s allowed: %s\n", "", param_print_range(b->param, range));
    }
}
