/* write_combining.h - the write-combining buffers of one core.
 *
 * Models:       stores to WC memory and non-temporal stores gathered by line; a buffer leaves as one write to memory when
 *               all its bytes are there, when another line needs its place (the oldest goes), or when it is told to;
 *               while it is on its way its place is taken.
 * Not modelled: sharing of places with the fill buffers; a partial line as several bus transactions; weak order
 *               between buffers beyond that each leaves when it must.
 * Time:         a store is taken at once; a line's write leaves at that cycle. Its place is free when it is answered.
 * Neighbours:   a core's store buffer above; the L1D's port below, which lets MEM_UNCACHED_WRITE pass.
 * Checked by:   tests/unit/test_write_combining.c, test_inorder_memory_types.c
 * Source:       SDM Vol. 3A, "Buffering of Write Combining Memory Locations".
 */
#ifndef CACHES_WRITE_COMBINING_H
#define CACHES_WRITE_COMBINING_H

#include "caches/port.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

#define WRITE_COMBINING_MAX 32

/* clang-format off */
#define WRITE_COMBINING_PARAMS(P)                                                                          \
    P(u32, buffers, 12, RANGE(1, WRITE_COMBINING_MAX), "lines gathered at once (Intel: the fill buffers)")

#define WRITE_COMBINING_STATS(S)                                    \
    S(stores,        "stores gathered, one per line")               \
    S(opened,        "of them began a line")                        \
    S(left_full,     "lines that left with all their bytes")        \
    S(left_for_room, "lines that left for another's sake")          \
    S(left_flushed,  "lines that a fence, a lock, a serializing instruction or an access sent away") \
    S(bytes,         "written by the lines that left")              \
    S(refused,       "stores that found every buffer on its way")
/* clang-format on */

struct write_combining_cfg {
    WRITE_COMBINING_PARAMS(PARAM_FIELD)
};

extern const struct param write_combining_params[];
extern const size_t write_combining_params_count;

struct write_combining_stats {
    WRITE_COMBINING_STATS(STAT_FIELD)
};

struct write_combining_desc {
    const char *name; /* a path like "cpu0.wc"; not copied */
    struct clock *clock;
    struct mem_port port;
    void (*freed)(void *self); /* a buffer's write has been answered */
    void *self;
};

struct combining_buffer {
    u64 line;  /* line number */
    u64 bytes; /* bit n: byte n is there */
    u64 age;
    bool filling, leaving; /* neither: free */
};

struct write_combining {
    /* fixed at elaboration */
    const char *name;
    u32 n;
    /* wiring */
    struct clock *clock;
    struct mem_port port;
    void (*freed)(void *self);
    void *self;
    /* state */
    struct combining_buffer buffer[WRITE_COMBINING_MAX];
    u32 filling, leaving; /* how many */
    u64 stores;           /* ages */
    /* statistics */
    struct write_combining_stats stats;
};

void write_combining_init(struct write_combining *w, const struct write_combining_cfg *cfg,
                          const struct write_combining_desc *desc);

/* A store inside one line. False: no buffer can be had; again after `freed`. */
bool write_combining_store(struct write_combining *w, hpa_t at, unsigned bytes);

/* Every line leaves now: SFENCE, MFENCE, locked and serializing instructions, uncacheable accesses, interrupts. */
void write_combining_flush(struct write_combining *w);
/* The line that holds `at`, if it is here: another kind of access needs it. */
void write_combining_flush_line(struct write_combining *w, hpa_t at);

/* Nothing gathered and nothing on its way. */
static inline bool write_combining_is_empty(const struct write_combining *w)
{
    return w->filling + w->leaving == 0;
}

void write_combining_add_stats(const struct write_combining *w, struct stats *reg, const char *prefix);

/* Asserts: lines begun = lines that left + those gathered. */
void write_combining_check_identities(const struct write_combining *w);

#endif
