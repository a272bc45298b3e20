#include "models/sim/check.h"

#include <stdarg.h>
#include <stdlib.h>

struct witness {
    check_witness_fn fn;
    void *self;
};

/* The process dies as a whole, so the witnesses of its death are one list. */
static struct witness witnesses[CHECK_MAX_WITNESSES];
static unsigned n_witnesses;
static bool failing;

void check_add_witness(check_witness_fn fn, void *self)
{
    CHECK(n_witnesses < CHECK_MAX_WITNESSES, "more than %d witnesses", CHECK_MAX_WITNESSES);
    witnesses[n_witnesses++] = (struct witness){fn, self};
}

void check_remove_witness(check_witness_fn fn, void *self)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < n_witnesses; i++) {
        if (witnesses[i].fn != fn || witnesses[i].self != self) witnesses[kept++] = witnesses[i];
    }
    n_witnesses = kept;
}

static void hear_witnesses(void)
{
    if (failing) return; /* a witness that fails is not heard again */
    failing = true;
    for (unsigned i = 0; i < n_witnesses; i++) witnesses[i].fn(witnesses[i].self, stderr);
}

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "gigogne: simulator error at %s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fprintf(stderr, " (%s does not hold)\n", condition);
    va_end(args);
    hear_witnesses();
    abort();
}
