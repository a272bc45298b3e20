/* flusher.h - empties whole caches: WBINVD, INVD, IA32_FLUSH_CMD.
 *
 * Models:       a walk over the sets of one cache after the other, from the core outward, sets_per_cycle of them
 *               at a time. Clean lines go in silence; a dirty one is a flush (MEM_FLUSH) of its own from its cache
 *               down to memory, up to lines_in_flight at once, so the time follows the number of dirty lines and
 *               what lies below. Dropped lines (INVD) go in silence, too. A spilled cache (IA32_FLUSH_CMD) sends
 *               its dirty lines one level down, as evictions.
 * Not modelled: other processors' private caches, but for what an inclusive L3 recalls (SDM Vol. 2, "WBINVD":
 *               external caches are told, not waited for); what INVD would lose: data live in RAM.
 * Neighbours:   processor.c starts it for a core, which waits; caches through cache_port() and cache_lines.h.
 * Checked by:   tests/unit/test_flusher.c, tests/system/flush.sh
 */
#ifndef CACHES_FLUSHER_H
#define CACHES_FLUSHER_H

#include "caches/cache.h"

#define FLUSHER_MAX_CACHES 4

/* clang-format off */
#define FLUSHER_PARAMS(P)                                                                              \
    P(u32, sets_per_cycle,  1,  RANGE(1, 1024), "sets looked through in a cycle (estimated)")          \
    P(u32, lines_in_flight, 16, RANGE(1, 256),  "dirty lines on their way to memory at once (estimated)")

#define FLUSHER_STATS(S)                                                    \
    S(runs,   "times that caches were emptied")                             \
    S(lines,  "lines taken out")                                            \
    S(dirty,  "of them written back")                                       \
    S(cycles, "from the start to the last answer, over all runs")
/* clang-format on */

struct flusher_cfg {
    FLUSHER_PARAMS(PARAM_FIELD)
};

extern const struct param flusher_params[];
extern const size_t flusher_params_count;

struct flusher_stats {
    FLUSHER_STATS(STAT_FIELD)
};

enum flusher_way { FLUSHER_WRITES_BACK, FLUSHER_DROPS, FLUSHER_SPILLS };

struct flusher_desc {
    struct clock *clock;
    struct cache *cache[FLUSHER_MAX_CACHES]; /* from the core outward */
    u32 n_caches;
    void (*done)(void *self); /* everything has left, or has been answered */
    void *self;
};

struct flusher {
    /* fixed at elaboration */
    struct flusher_cfg cfg;
    /* wiring */
    struct flusher_desc desc;
    /* state */
    bool busy;
    u8 way; /* enum flusher_way */
    u32 at_cache, end_cache, at_set;
    u32 in_flight;
    bool stalled; /* lines_in_flight are on their way */
    u64 start_cycle;
    /* statistics */
    struct flusher_stats stats;
};

void flusher_init(struct flusher *f, const struct flusher_cfg *cfg, const struct flusher_desc *desc);

/* Empties the first n_caches of its caches from now on; desc.done is called at the end, never from inside this
 * call. Not while it is busy. */
void flusher_start(struct flusher *f, enum flusher_way way, u32 n_caches);

void flusher_add_stats(const struct flusher *f, struct stats *reg, const char *prefix);

#endif
