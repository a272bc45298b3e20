/* prefetch_dcu.c - a load of the line behind one that was loaded very recently names the line behind that: Intel's DCU
 * prefetcher, "triggered by an ascending access to very recently loaded data" (Optimization Reference Manual, "Data
 * Prefetching"). How many lines count as recent is estimated. */
#include "caches/prefetch.h"

#define RECENT 4u

struct dcu_state {
    u64 recent[RECENT]; /* line numbers, a ring */
    u32 oldest;
};

static bool is_recent(const struct dcu_state *s, u64 line)
{
    for (u32 n = 0; n < RECENT; n++)
        if (s->recent[n] == line) return true;
    return false;
}

static void dcu_look(void *state, const struct prefetch_look *l, const struct prefetch_limits *limits,
                     struct prefetch_wish *w)
{
    struct dcu_state *s = state;
    const u64 line = l->at.v >> LINE_SHIFT;

    if (is_recent(s, line)) return;
    if (is_recent(s, line - 1)) prefetch_wish_line(w, limits, line, line + 1);
    s->recent[s->oldest] = line;
    s->oldest = (s->oldest + 1) % RECENT;
}

const struct prefetcher prefetcher_dcu = {"dcu", sizeof(struct dcu_state), dcu_look};
