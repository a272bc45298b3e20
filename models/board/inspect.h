/* inspect.h - the machine at one point of a run, printed for a reader: a page walk step by step, the current VMCS by area.
 *
 * Nothing is changed: no accessed or dirty flag, no cache, no counter.
 * Neighbours: board.c calls at the point that was asked for; caches/walk.h walks, virt-ext/vmcs.def names.
 * Checked by: tests/unit/test_inspect.c, tests/system/inspect.sh
 */
#ifndef BOARD_INSPECT_H
#define BOARD_INSPECT_H

#include "models/board/processor.h"
#include <stdio.h>

/* Every reference of the walk for a linear address, both dimensions, in the order that hardware makes them without translation caches; above
 * them the table of who asks whom. Returns true if it ends in a translation. */
bool inspect_walk(const struct mmu *mmu, const struct hart *h, va_t va, FILE *out);

/* The fields of the current VMCS; those that differ from `at_entry` (NULL: not known) with what they were. False: there is none. */
bool inspect_vmcs(const struct vmx *x, const struct vmcs *at_entry, FILE *out);

#endif
