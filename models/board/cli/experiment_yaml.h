/* experiment_yaml.h - reads an experiment's YAML strictly, from tables of keys. Internal to experiment.c.
 *
 * Refused: unknown, missing, repeated and empty keys; lists where maps belong and the reverse; names that
 *          would not do as file names.
 */
#ifndef CLI_EXPERIMENT_YAML_H
#define CLI_EXPERIMENT_YAML_H

#include "models/board/cli/experiment.h"

/* false: message printed, nothing to delete. */
bool experiment_load_document(yaml_document_t *document, const char *file);

/* Fills everything of `e` but its runs from e->document. false: message printed; experiment_free frees. */
bool experiment_read_document(struct experiment *e);

#endif
