/* prefetch_adjacent.c - a miss completes the pair of lines that makes an aligned 128-byte block. */
#include "caches/prefetch.h"

static void adjacent_look(void *state, const struct prefetch_look *l, const struct prefetch_limits *limits,
                          struct prefetch_wish *w)
{
    const u64 line = l->at.v >> LINE_SHIFT;

    (void)state;
    if (!l->hit) prefetch_wish_line(w, limits, line, line ^ 1);
}

const struct prefetcher prefetcher_adjacent = {"adjacent", 0, adjacent_look};
