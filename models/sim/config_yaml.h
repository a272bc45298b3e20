/* config_yaml.h - a YAML file of nested maps as a list of settings, each with its line.
 *
 * Models:       maps and scalars; "a: {b: 1}" and "a.b: 1" are the same setting "a.b".
 * Refused:      lists, anchors, tags, several documents, duplicate keys, keys without a value.
 * Neighbours:   libyaml's parser; config.c.
 * Checked by:   tests/unit/test_config.c
 */
#ifndef SIM_CONFIG_YAML_H
#define SIM_CONFIG_YAML_H

#include "models/sim/types.h"

struct setting {
    char *path;
    char *value;
    char *file;
    unsigned line; /* from 1; 0: the command line */
    bool used;
};

struct setting_list {
    struct setting *setting;
    size_t n, capacity;
};

/* Takes copies of the three strings. */
void settings_add(struct setting_list *l, const char *path, const char *value, const char *file,
                  unsigned line);
struct setting *settings_find(const struct setting_list *l, const char *path);
void settings_free(struct setting_list *l);

/* Reads a file, added to the empty list `l`. false: one message printed. */
bool yaml_read_settings(const char *file, struct setting_list *l);

/* "file:line: path: what" on stderr; without the line or the path where there is none. */
__attribute__((format(printf, 4, 5))) void config_complain(const char *file, unsigned line, const char *path,
                                                           const char *format, ...);

#endif
