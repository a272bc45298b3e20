/* yaml_reader.h - reads a YAML document strictly, from tables of keys.
 *
 * Refused:    unknown, missing, repeated and empty keys; lists where maps belong and the reverse.
 * Errors:     one message "file:line: key: what (allowed: ...)" on stderr; every function then says false.
 * Neighbours: libyaml's document owns all strings; experiment_yaml.c and experiment_reference.c have the tables.
 * Checked by: tests/unit/test_experiment.c
 */
#ifndef CLI_YAML_READER_H
#define CLI_YAML_READER_H

#include "models/sim/types.h"
#include <stdio.h>
#include <yaml.h>

#define READER_PATH_BYTES 256

struct reader {
    const char *file;
    yaml_document_t *document;
    void *whole;                  /* what the document describes, for keys that refer to others */
    char path[READER_PATH_BYTES]; /* of the key that is read, for messages */
};

/* What a key holds. Fills a field of `into`, the struct that the map describes. */
typedef bool (*read_fn)(struct reader *r, yaml_node_t *value, void *into);

struct key {
    const char *name;
    bool required;
    read_fn read;
};

/* Prints the message; gives false. */
bool reader_complain(const struct reader *r, const yaml_node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

unsigned reader_line_of(const yaml_node_t *n);
const char *reader_text_of(const yaml_node_t *n);
/* Entries of a map, items of a list. */
size_t reader_length_of(const yaml_node_t *n);
/* Cleared memory for n things. */
void *reader_allocate(size_t n, size_t bytes);
bool reader_expect(const struct reader *r, const yaml_node_t *n, yaml_node_type_t type);

/* Letters, digits, '-', '_' and what is in `also`; at least one. */
bool reader_is_name(const char *text, const char *also);

/* One value that may not be missing; it may be "" in quotes. */
bool reader_text(struct reader *r, yaml_node_t *value, const char **text);
bool reader_number(struct reader *r, yaml_node_t *value, double *number);
bool reader_switch(struct reader *r, yaml_node_t *value, bool *on);

/* A list of at least one text; *texts is allocated and holds what was read even if the answer is false. */
bool reader_texts(struct reader *r, yaml_node_t *list, const char ***texts, size_t *n);

/* Each item of a list. */
bool reader_each_item(struct reader *r, yaml_node_t *list, read_fn fn, void *into);

/* Each entry of a map whose keys are names that the user chose. */
typedef bool (*entry_fn)(struct reader *r, const yaml_node_t *key, yaml_node_t *value, void *into);
bool reader_each_entry(struct reader *r, yaml_node_t *map, entry_fn fn, void *into);

/* A map with keys of a fixed set. */
bool reader_fields(struct reader *r, yaml_node_t *map, const struct key *keys, size_t n, void *into);

/* A read_fn for one text field. */
#define TEXT_FIELD(type, field)                                                         \
    static bool read_##type##_##field(struct reader *r, yaml_node_t *value, void *into) \
    {                                                                                   \
        return reader_text(r, value, &((struct type *)into)->field);                    \
    }

#endif
