#include "models/sim/config_yaml.h"

#include "models/sim/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MAX_PATH_BYTES 256

void config_complain(const char *file, unsigned line, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:", file);
    if (line) fprintf(stderr, "%u:", line);
    if (path && *path) fprintf(stderr, " %s:", path);
    fputc(' ', stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* --- lists of settings --- */

static char *copy(const char *text)
{
    char *copied = strdup(text);
    CHECK(copied, "no memory for a setting");
    return copied;
}

void settings_add(struct setting_list *l, const char *path, const char *value, const char *file,
                  unsigned line)
{
    if (l->n == l->capacity) {
        l->capacity = l->capacity ? 2 * l->capacity : 64;
        l->setting = realloc(l->setting, l->capacity * sizeof *l->setting);
        CHECK(l->setting, "no memory for %zu settings", l->capacity);
    }
    l->setting[l->n++] = (struct setting){copy(path), copy(value), copy(file), line, false};
}

struct setting *settings_find(const struct setting_list *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->setting[i].path, path) == 0) return &l->setting[i];
    }
    return NULL;
}

void settings_free(struct setting_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->setting[i].path);
        free(l->setting[i].value);
        free(l->setting[i].file);
    }
    free(l->setting);
    *l = (struct setting_list){0};
}

/* --- the reader --- */

struct reader {
    const char *file;
    struct setting_list *list;
    yaml_parser_t parser;
    char path[MAX_PATH_BYTES]; /* of the map that is open, or of the key just read */
};

static bool complain_at(const struct reader *r, const yaml_event_t *e, const char *what)
{
    config_complain(r->file, (unsigned)e->start_mark.line + 1, r->path, "%s", what);
    return false;
}

static bool next_event(struct reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e)) return true;
    const char *problem = r->parser.problem ? r->parser.problem : "unreadable";
    config_complain(r->file, (unsigned)r->parser.problem_mark.line + 1, NULL, "not YAML: %s", problem);
    return false;
}

static bool is_name(const char *key)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t bytes = strlen(key);
    return bytes && key[0] != '.' && key[bytes - 1] != '.' && strspn(key, allowed) == bytes;
}

/* Appends a key to the open path; false if it is no key. */
static bool push_key(struct reader *r, const yaml_event_t *e)
{
    const char *key = e->type == YAML_SCALAR_EVENT ? (const char *)e->data.scalar.value : "";
    size_t used = strlen(r->path);
    if (!is_name(key)) return complain_at(r, e, "a key must be a name");
    if (used + strlen(key) + 2 > MAX_PATH_BYTES) return complain_at(r, e, "the key is too long");
    snprintf(r->path + used, MAX_PATH_BYTES - used, "%s%s", used ? "." : "", key);
    return true;
}

static bool add_scalar(struct reader *r, const yaml_event_t *e)
{
    const char *value = (const char *)e->data.scalar.value;
    if (!*value && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return complain_at(r, e, "the value is missing");
    const struct setting *before = settings_find(r->list, r->path);
    if (before) {
        config_complain(r->file, (unsigned)e->start_mark.line + 1, r->path,
                        "duplicate key (first on line %u)", before->line);
        return false;
    }
    settings_add(r->list, r->path, value, r->file, (unsigned)e->start_mark.line + 1);
    return true;
}

static bool read_map(struct reader *r);

/* The value of the key in r->path. */
static bool read_value(struct reader *r)
{
    yaml_event_t e;
    bool good = false;
    if (!next_event(r, &e)) return false;
    switch (e.type) {
    case YAML_SCALAR_EVENT:
        good = add_scalar(r, &e);
        break;
    case YAML_MAPPING_START_EVENT:
        good = read_map(r);
        break;
    case YAML_SEQUENCE_START_EVENT:
        good = complain_at(r, &e, "a list where one value is expected");
        break;
    default:
        good = complain_at(r, &e, "anchors and aliases are not supported");
    }
    yaml_event_delete(&e);
    return good;
}

/* The rest of a map whose start was read. */
static bool read_map(struct reader *r)
{
    size_t outer = strlen(r->path);
    for (;;) {
        yaml_event_t e;
        if (!next_event(r, &e)) return false;
        bool ends = e.type == YAML_MAPPING_END_EVENT;
        bool good = ends || push_key(r, &e);
        yaml_event_delete(&e);
        if (ends) return true;
        if (!good || !read_value(r)) return false;
        r->path[outer] = 0;
    }
}

/* The file holds one document, which is one map, or nothing at all. */
static bool read_stream(struct reader *r)
{
    for (unsigned maps = 0;;) {
        yaml_event_t e;
        if (!next_event(r, &e)) return false;
        bool ends = e.type == YAML_STREAM_END_EVENT, good = true;
        if (e.type == YAML_MAPPING_START_EVENT)
            good = maps++ ? complain_at(r, &e, "more than one document") : read_map(r);
        else if (e.type == YAML_SCALAR_EVENT || e.type == YAML_SEQUENCE_START_EVENT ||
                 e.type == YAML_ALIAS_EVENT)
            good = complain_at(r, &e, "'key: value' lines are expected");
        yaml_event_delete(&e);
        if (ends || !good) return good;
    }
}

bool yaml_read_settings(const char *file, struct setting_list *l)
{
    struct reader r = {.file = file, .list = l};
    FILE *in = fopen(file, "r");
    if (!in) {
        config_complain(file, 0, NULL, "can't be read: %s", strerror(errno));
        return false;
    }
    CHECK(yaml_parser_initialize(&r.parser), "no memory for the YAML parser");
    yaml_parser_set_input_file(&r.parser, in);
    bool good = read_stream(&r);
    yaml_parser_delete(&r.parser);
    fclose(in);
    return good;
}
