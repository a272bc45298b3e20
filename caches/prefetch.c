/* prefetch.c - the table of prefetchers. */
#include "caches/prefetch.h"

#include "models/sim/check.h"

#define PREFETCHER_POINTER(name, meaning) &prefetcher_##name,
static const struct prefetcher *const prefetchers[] = {NULL, PREFETCHERS(PREFETCHER_POINTER)};

const struct prefetcher *prefetcher_of_choice(u32 choice)
{
    CHECK(choice < ARRAY_LEN(prefetchers), "no prefetcher %u", choice);
    return prefetchers[choice];
}
