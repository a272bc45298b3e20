/* prefetch_stride.c - keeps track of single instructions: one that moves on by the same stride twice gets the next places fetched.
 * Strides to 2 KiB either way (Intel, Optimization Reference Manual, "Data Prefetching"); the table of 64 instructions is estimated. */
#include "caches/prefetch.h"

#define INSTRUCTIONS     64u
#define MAX_STRIDE_BYTES 2048
#define CONFIDENT        2

struct stride_track {
    u64 pc;
    u64 last; /* address */
    i64 stride;
    u32 confidence;
};

struct stride_state {
    struct stride_track track[INSTRUCTIONS];
};

static bool learn_stride(struct stride_track *t, u64 at)
{
    const i64 stride = (i64)(at - t->last);

    t->last = at;
    if (stride == 0) return false;
    t->confidence = stride == t->stride ? t->confidence + (t->confidence < CONFIDENT) : 1;
    t->stride = stride;
    return t->confidence == CONFIDENT && stride <= MAX_STRIDE_BYTES && stride >= -MAX_STRIDE_BYTES;
}

/* Names the lines at the next strides that are not the access's own. */
static void follow_stride(const struct stride_track *t, const struct prefetch_limits *limits,
                          struct prefetch_wish *w)
{
    const u64 line = t->last >> LINE_SHIFT;
    u64 before = line;

    for (u64 at = t->last + (u64)t->stride; same_page(at >> LINE_SHIFT, line) && w->n < limits->degree;
         at += (u64)t->stride) {
        if (at >> LINE_SHIFT != before) prefetch_wish_line(w, limits, line, at >> LINE_SHIFT);
        before = at >> LINE_SHIFT;
    }
}

static void stride_look(void *state, const struct prefetch_look *l, const struct prefetch_limits *limits,
                        struct prefetch_wish *w)
{
    struct stride_track *t = &((struct stride_state *)state)->track[(l->pc ^ l->pc >> 6) % INSTRUCTIONS];

    if (l->pc == 0) return;
    if (t->pc != l->pc) {
        *t = (struct stride_track){.pc = l->pc, .last = l->at.v};
    } else if (learn_stride(t, l->at.v)) {
        follow_stride(t, limits, w);
    }
}

const struct prefetcher prefetcher_stride = {"stride", sizeof(struct stride_state), stride_look};
