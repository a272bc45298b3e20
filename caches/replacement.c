/* replacement.c - the table of policies. */
#include "caches/replacement.h"

#include "models/sim/check.h"
#include <stdlib.h>

#define REPLACEMENT_POINTER(name, meaning) &replacement_##name,
static const struct replacement_policy *const policies[] = {REPLACEMENT_POLICIES(REPLACEMENT_POINTER)};

void replacement_init(struct replacement *r, u32 choice, u32 sets, u32 ways)
{
    CHECK(choice < ARRAY_LEN(policies), "no replacement policy %u", choice);
    *r = (struct replacement){.policy = policies[choice], .ways = ways};
    r->word = calloc((size_t)sets * ways, sizeof *r->word);
    CHECK(r->word, "no host memory for %u x %u lines", sets, ways);
}

void replacement_fini(struct replacement *r)
{
    free(r->word);
    r->word = NULL;
}
