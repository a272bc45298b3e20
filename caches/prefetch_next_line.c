/* prefetch_next_line.c - a miss brings the lines behind it. */
#include "caches/prefetch.h"

static void next_line_look(void *state, const struct prefetch_look *l, const struct prefetch_limits *limits,
                           struct prefetch_wish *w)
{
    const u64 line = l->at.v >> LINE_SHIFT;

    (void)state;
    for (u32 n = 1; !l->hit && n <= limits->degree; n++) prefetch_wish_line(w, limits, line, line + n);
}

const struct prefetcher prefetcher_next_line = {"next_line", 0, next_line_look};
