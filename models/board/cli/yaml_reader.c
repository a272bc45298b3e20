#include "models/board/cli/yaml_reader.h"
#include "models/sim/check.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- messages --- */

unsigned reader_line_of(const yaml_node_t *n)
{
    return (unsigned)n->start_mark.line + 1;
}

bool reader_complain(const struct reader *r, const yaml_node_t *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%u: ", r->file, reader_line_of(at));
    if (*r->path) fprintf(stderr, "%s: ", r->path);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

static bool complain_of_key(const struct reader *r, const yaml_node_t *at, const char *what,
                            const struct key *keys, size_t n)
{
    char allowed[READER_PATH_BYTES] = "";
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", i ? ", " : "", keys[i].name);
    }
    return reader_complain(r, at, "%s (allowed: %s)", what, allowed);
}

static void push(struct reader *r, const char *key)
{
    size_t used = strlen(r->path);
    snprintf(r->path + used, sizeof r->path - used, "%s%s", used ? "." : "", key);
}

/* --- nodes --- */

const char *reader_text_of(const yaml_node_t *n)
{
    return (const char *)n->data.scalar.value;
}

static yaml_node_t *node(const struct reader *r, int index)
{
    return yaml_document_get_node(r->document, index);
}

static const char *kind_name(yaml_node_type_t type)
{
    return type == YAML_MAPPING_NODE ? "a map" : type == YAML_SEQUENCE_NODE ? "a list" : "one value";
}

bool reader_expect(const struct reader *r, const yaml_node_t *n, yaml_node_type_t type)
{
    if (n->type == type) return true;
    return reader_complain(r, n, "%s where %s is expected", kind_name(n->type), kind_name(type));
}

size_t reader_length_of(const yaml_node_t *n)
{
    if (n->type == YAML_SEQUENCE_NODE)
        return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
    return (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start);
}

void *reader_allocate(size_t n, size_t bytes)
{
    void *memory = calloc(n ? n : 1, bytes);
    CHECK(memory, "no memory for what a file says");
    return memory;
}

bool reader_text(struct reader *r, yaml_node_t *value, const char **text)
{
    if (!reader_expect(r, value, YAML_SCALAR_NODE)) return false;
    if (!*reader_text_of(value) && value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return reader_complain(r, value, "the value is missing");
    *text = reader_text_of(value);
    return true;
}

bool reader_number(struct reader *r, yaml_node_t *value, double *number)
{
    const char *text;
    char *end;
    if (!reader_text(r, value, &text)) return false;
    *number = strtod(text, &end);
    return *text && !*end ? true : reader_complain(r, value, "'%s' is not a number", text);
}

bool reader_switch(struct reader *r, yaml_node_t *value, bool *on)
{
    const char *text;
    if (!reader_text(r, value, &text)) return false;
    *on = strcmp(text, "true") == 0;
    return *on || strcmp(text, "false") == 0
               ? true
               : reader_complain(r, value, "'%s' is not a switch (allowed: true, false)", text);
}

/* --- maps --- */

bool reader_is_name(const char *text, const char *also)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    for (const char *c = text; *c; c++)
        if (!strchr(letters, *c) && !strchr(also, *c)) return false;
    return *text != '\0';
}

static bool check_key(const struct reader *r, const yaml_node_t *key)
{
    if (key->type == YAML_SCALAR_NODE && reader_is_name(reader_text_of(key), ".")) return true;
    return reader_complain(r, key, "a key must be a name (allowed: letters, digits, '-', '_', '.')");
}

static bool check_unique(const struct reader *r, const yaml_node_t *map, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = node(r, pair->key);
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *before = node(r, p->key);
        if (strcmp(reader_text_of(before), reader_text_of(key)) == 0)
            return reader_complain(r, key, "duplicate key (first on line %u)", reader_line_of(before));
    }
    return true;
}

bool reader_each_entry(struct reader *r, yaml_node_t *map, entry_fn fn, void *into)
{
    if (!reader_expect(r, map, YAML_MAPPING_NODE)) return false;
    size_t outer = strlen(r->path);
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        yaml_node_t *key = node(r, p->key);
        if (!check_key(r, key)) return false;
        push(r, reader_text_of(key));
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
        if (strcmp(f->keys[i].name, reader_text_of(key)) != 0) continue;
        f->seen |= BIT(i);
        return f->keys[i].read(r, value, f->into);
    }
    return complain_of_key(r, key, "unknown key", f->keys, f->n);
}

bool reader_fields(struct reader *r, yaml_node_t *map, const struct key *keys, size_t n, void *into)
{
    struct fields f = {keys, n, 0, into};
    if (!reader_each_entry(r, map, read_field, &f)) return false;
    for (size_t i = 0; i < n; i++)
        if (keys[i].required && !(f.seen & BIT(i)))
            return reader_complain(r, map, "the key '%s' is missing", keys[i].name);
    return true;
}

/* --- lists --- */

bool reader_each_item(struct reader *r, yaml_node_t *list, read_fn fn, void *into)
{
    if (!reader_expect(r, list, YAML_SEQUENCE_NODE)) return false;
    for (yaml_node_item_t *i = list->data.sequence.items.start; i < list->data.sequence.items.top; i++)
        if (!fn(r, node(r, *i), into)) return false;
    return true;
}

struct texts {
    const char **text;
    size_t *n;
};

static bool add_text(struct reader *r, yaml_node_t *value, void *into)
{
    struct texts *t = into;
    return reader_text(r, value, &t->text[(*t->n)++]);
}

bool reader_texts(struct reader *r, yaml_node_t *list, const char ***texts, size_t *n)
{
    if (!reader_expect(r, list, YAML_SEQUENCE_NODE)) return false;
    if (reader_length_of(list) == 0) return reader_complain(r, list, "the list is empty");
    *texts = reader_allocate(reader_length_of(list), sizeof **texts);
    return reader_each_item(r, list, add_text, &(struct texts){*texts, n});
}
