/* prefetch.h - hardware prefetchers: they watch the lookups of one cache and name lines that it should fetch.
 *
 * Models:       the prefetchers that Intel documents for its L1 and L2 caches (Optimization Reference Manual, "Data Prefetching"),
 *               each watching demand lookups; no line beyond the 4-KByte page of the access is named, because only the physical
 *               address is known here.
 * Not modelled: throttling by bandwidth or accuracy, L2 prefetches that go to the L3 only; translations are page_prefetch.h's.
 * A new prefetcher is one file (prefetch_<name>.c) that defines prefetcher_<name>, and one row below.
 * Neighbours:   cache.c tells it of lookups, drops what is there or in flight already, and counts use and uselessness.
 * Checked by:   tests/unit/test_prefetch.c
 */
#ifndef CACHES_PREFETCH_H
#define CACHES_PREFETCH_H

#include "isa/record.h"

/* clang-format off */
#define PREFETCHERS(P)                                                                           \
    P(next_line, "the line behind a missed one")                                                 \
    P(adjacent,  "the other line of a missed one's pair of 128 bytes (Intel: spatial prefetcher)") \
    P(stride,    "per instruction: constant strides up to 2 KiB (Intel: IP-based prefetcher)")   \
    P(streamer,  "per page: runs of ascending or descending lines (Intel: L2 streamer)")         \
    P(dcu,       "the line behind two that were loaded in ascending order (Intel: DCU prefetcher)")
/* clang-format on */

#define PREFETCH_MAX_LINES 16

struct prefetch_look {
    hpa_t at;
    u64 pc;   /* linear address of the instruction, 0: none */
    bool hit; /* the lookup found its line */
};

struct prefetch_limits {
    u32 degree;   /* lines named at a time: 1..PREFETCH_MAX_LINES */
    u32 distance; /* lines ahead of the access at most */
};

/* The lines named after one look, in the order of their use. */
struct prefetch_wish {
    u32 n;
    u64 line[PREFETCH_MAX_LINES];
};

struct prefetcher {
    const char *name;
    size_t state_bytes;
    void (*look)(void *state, const struct prefetch_look *l, const struct prefetch_limits *limits,
                 struct prefetch_wish *w);
};

#define PREFETCHER_DECLARE(name, meaning) extern const struct prefetcher prefetcher_##name;
PREFETCHERS(PREFETCHER_DECLARE)

/* The allowed values of a parameter (type choice): none, or a row. */
#define PREFETCHER_NAME(name, meaning) #name,
#define PREFETCHER_CHOICES                                                                                   \
    {                                                                                                        \
        0, 0, false, (const char *const[])                                                                   \
        {                                                                                                    \
            "none", PREFETCHERS(PREFETCHER_NAME) NULL                                                        \
        }                                                                                                    \
    }

/* The prefetcher of a parameter's value, NULL for none. */
const struct prefetcher *prefetcher_of_choice(u32 choice);

static inline bool same_page(u64 line, u64 other)
{
    return (line ^ other) >> (12 - LINE_SHIFT) == 0;
}

/* Names `line` unless it lies in another page than `from`, or the list is as long as `limits` allows. */
static inline void prefetch_wish_line(struct prefetch_wish *w, const struct prefetch_limits *limits, u64 from,
                                      u64 line)
{
    if (w->n < limits->degree && same_page(from, line)) w->line[w->n++] = line;
}

#endif
