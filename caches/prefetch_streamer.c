/* prefetch_streamer.c - finds runs of lines in one direction within a page and keeps some lines ahead of them; one forward or
 * backward stream in each of 32 pages (Intel, Optimization Reference Manual, "Data Prefetching": 32 streams, 20 lines ahead). */
#include "caches/prefetch.h"

#define STREAMS 32u
#define TRAINED 2 /* steps in one direction before lines are named */

struct stream {
    u64 page;
    u64 last;  /* line of the last access */
    u64 ahead; /* line named last */
    i32 direction;
    u32 steps;
    u64 used; /* running number of its last use, 0: free */
};

struct streamer_state {
    u64 time;
    struct stream stream[STREAMS];
};

static u64 page_of(u64 line)
{
    return line >> (12 - LINE_SHIFT);
}

/* The page's stream, or the one unused for the longest time, begun anew. */
static struct stream *find_stream(struct streamer_state *s, u64 line)
{
    struct stream *oldest = &s->stream[0];

    for (struct stream *t = s->stream; t < s->stream + STREAMS; t++) {
        if (t->used && t->page == page_of(line)) return t;
        if (t->used < oldest->used) oldest = t;
    }
    *oldest = (struct stream){.page = page_of(line), .last = line, .ahead = line};
    return oldest;
}

/* Counts steps in one direction; a turn starts again. false: the same line as before. */
static bool train_stream(struct stream *t, u64 line)
{
    const i32 direction = line > t->last ? 1 : -1;

    if (line == t->last) return false;
    if (direction != t->direction) t->steps = 0, t->ahead = line;
    t->direction = direction;
    t->steps += t->steps < TRAINED;
    t->last = line;
    return t->steps == TRAINED;
}

static u64 lines_ahead(const struct stream *t)
{
    const i64 lead = (i64)(t->ahead - t->last) * t->direction;

    return lead > 0 ? (u64)lead : 0;
}

static void run_ahead(struct stream *t, const struct prefetch_limits *limits, struct prefetch_wish *w)
{
    if (lines_ahead(t) == 0) t->ahead = t->last;
    while (w->n < limits->degree && lines_ahead(t) < limits->distance) {
        const u64 next = t->ahead + (u64)(i64)t->direction;

        if (!same_page(t->last, next)) return;
        prefetch_wish_line(w, limits, t->last, next);
        t->ahead = next;
    }
}

static void streamer_look(void *state, const struct prefetch_look *l, const struct prefetch_limits *limits,
                          struct prefetch_wish *w)
{
    struct streamer_state *s = state;
    const u64 line = l->at.v >> LINE_SHIFT;
    struct stream *t = find_stream(s, line);

    t->used = ++s->time;
    if (train_stream(t, line)) run_ahead(t, limits, w);
}

const struct prefetcher prefetcher_streamer = {"streamer", sizeof(struct streamer_state), streamer_look};
