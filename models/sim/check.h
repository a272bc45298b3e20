/* check.h - assertions that stay on: the simulator's own errors stop it, and it says what it knew.
 *
 * Models:       CHECK(condition, format, ...): where, what, then what each witness has to say (simulated
 *               time, recent trace), then abort().
 * Not modelled: the user's and the guest's errors; those are messages with exit status 2 and architectural
 *               faults.
 * Neighbours:   everybody calls it; kernel.c and trace.c are witnesses.
 * Checked by:   tests/unit/test_trace.c
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "models/sim/types.h"
#include <stdio.h>

#define CHECK(condition, ...)                                                                                \
    do {                                                                                                     \
        if (UNLIKELY(!(condition))) check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);               \
    } while (0)

__attribute__((noreturn, format(printf, 4, 5))) void
check_failed(const char *file, int line, const char *condition, const char *format, ...);

/* A witness writes what it knows about the failing moment. It must not fail itself. */
typedef void (*check_witness_fn)(void *self, FILE *out);

#define CHECK_MAX_WITNESSES 8

void check_add_witness(check_witness_fn fn, void *self);
void check_remove_witness(check_witness_fn fn, void *self);

#endif
