/* config.h - strict configuration: YAML files built on presets, --set overrides, bound to parameter tables.
 *
 * Models:     nested maps flattened to paths ("cpu.l1d.ways"); every value knows its file and line.
 *             `based_on: NAME` (a preset or a file beside it) is read first and overridden.
 * Errors:     unknown key, duplicate key, wrong type or unit, out of range, unused setting: one message
 *             "file:line: key: what (allowed: ...)" on stderr. Callers exit with status 2.
 * Neighbours: config_yaml.c reads files; params.c reads values; board binds the tables of the machine it is
 *             about to build.
 * Checked by: tests/unit/test_config.c
 */
#ifndef SIM_CONFIG_H
#define SIM_CONFIG_H

#include "models/sim/params.h"
#include <stdio.h>

struct config;

struct config *config_new(const char *preset_dir);
void config_free(struct config *c);

/* Reads a preset (a name without '/' or ".yaml", looked up in preset_dir) or a YAML file; what it says
 * overrides what was loaded before. false: message printed. */
bool config_load(struct config *c, const char *preset_or_file);
/* One "path=value" of the command line, which overrides files and earlier ones. false: message printed. */
bool config_set(struct config *c, const char *assignment);
/* The same from another place, which messages name. line 0: none. */
void config_set_from(struct config *c, const char *path, const char *value, const char *file, unsigned line);

/* Fills the struct at `base` with defaults, then with the settings below `prefix`. All errors are printed,
 * the first decides: false means the configuration is unusable. The table is remembered for config_write and
 * for the unknown-key check: `base` and `table` must live as long as `c`. Several structs may be bound to one
 * prefix; config_write shows the first. */
bool config_bind(struct config *c, const char *prefix, const struct param *table, size_t n, void *base);

/* After all binds: every setting must have been used. false: message printed for each that was not. */
bool config_check_all_used(const struct config *c);

/* The effective configuration, every parameter of every bound table, as YAML that config_load reads back. */
void config_write(const struct config *c, FILE *out);

/* `list params`: path, type, default, allowed range, meaning. */
void config_print_params(const struct config *c);
/* `list presets`: names, with the first comment line of each file. */
void config_print_presets(const struct config *c);

#endif
