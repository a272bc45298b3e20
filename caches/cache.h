/* cache.h - one set-associative, write-back, write-allocate cache level: tags and states, no data.
 *
 * Models:       lookup at arrival, answer of a hit after hit_cycles; MSHRs with merging; replacement by
 *               policy; write-backs of dirty victims; back-pressure: the first level refuses (PORT_BUSY, then
 *               `freed`), others queue in order. Any number of sets, a power of two or not (Cascade Lake's
 *               11-way L3). Up to two prefetchers, which take MSHRs that demand misses leave free. MESI states, with the
 *               directory's word (desc.coherence) on what a fill may keep; snoops; inclusion: a level that includes the ones
 *               above takes their lines away with its own, one that keeps victims is filled by their evictions only.
 * Not modelled: banks and ports, ECC, sectors, bandwidth of the fill path, the time of recalls by an inclusive level.
 * Time:         a miss leaves for the level below hit_cycles after its arrival; so does a write-back after
 *               its eviction. The answer comes at the cycle at which the level below has it: hit_cycles holds
 *               both ways of the travel. A queued request whose line came meanwhile is answered when its turn
 *               comes.
 *             Requests for memory itself pass behind hit_cycles, too, and so behind what left before them: a write through keeps a
 *             line that is here, a clean-up (MEM_CLEAN) cleans it, an uncached access or a flush takes it along.
 * Neighbours:   askers through cache_port(); the level below through desc.next, which must not refuse.
 * Checked by:   tests/unit/test_cache.c, test_cache_levels.c, test_cache_flush.c, tests/timing/test_memory_latency.c
 */
#ifndef CACHES_CACHE_H
#define CACHES_CACHE_H

#include "caches/mshr.h"
#include "caches/prefetch.h"
#include "caches/replacement.h"
#include "models/sim/clock.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

/* clang-format off */
#define CACHE_PARAMS(P)                                                                                         \
    P(u32,    size_bytes,   32 * KiB, RANGE(64, GiB),      "data capacity: a multiple of ways * 64")            \
    P(u32,    ways,         8,        RANGE(1, 64),        "associativity")                                     \
    P(u32,    hit_cycles,   4,        RANGE(1, 10000),     "from arrival at this level to the answer of a hit") \
    P(u32,    mshrs,        16,       RANGE(1, 256),       "misses in flight")                                  \
    P(u32,    mshr_targets, 64,       RANGE(1, 65536),     "requests that wait for misses in flight")           \
    P(choice, policy,       0,        REPLACEMENT_CHOICES, "replacement policy")                                \
    P(choice, prefetcher,   0,        PREFETCHER_CHOICES,  "prefetcher that watches this level")                \
    P(choice, prefetcher2,  0,        PREFETCHER_CHOICES,  "a second one beside it")                            \
    P(u32,    prefetch_degree,   2,   RANGE(1, PREFETCH_MAX_LINES), "lines that a prefetcher names at a time")  \
    P(u32,    prefetch_distance, 20,  RANGE(1, 63),        "lines that the streamer may be ahead of its run")   \
    P(u32,    prefetch_reserve,  2,   RANGE(0, 256),       "MSHRs that prefetches leave free")                  \
    P(choice, inclusion,    0,        INCLUSION_CHOICES,   "of the lines of the levels above")

#define CACHE_STATS(S)                                                           \
    S(lookups,         "requests looked up, write-backs from above not counted") \
    S(hits,            "lookups that found their line")                          \
    S(misses,          "lookups that sent a request below")                      \
    S(mshr_merges,     "lookups that joined a miss in flight")                   \
    S(busy,            "requests refused for want of an MSHR; not lookups")      \
    S(queued,          "lookups that waited for an MSHR in this level's queue")  \
    S(fills,           "lines brought in by misses")                             \
    S(evictions,       "valid lines replaced")                                   \
    S(writebacks,      "dirty lines sent below")                                 \
    S(writebacks_in,   "dirty lines received from above")                        \
    S(writeback_fills, "lines brought in by write-backs from above")              \
    S(passed,          "requests for memory itself; not lookups")             \
    S(flushed,         "lines that flushes and uncached accesses took away")  \
    S(cleaned,         "dirty lines that stayed, written back (CLWB)")        \
    S(prefetches,        "lines that this level's prefetchers sent for; not lookups")     \
    S(prefetches_known,  "lines that they named and that were here or in flight")          \
    S(prefetches_dropped, "lines that they named while too few MSHRs were free")           \
    S(prefetches_useful, "prefetched lines that a lookup found")                          \
    S(prefetches_late,   "prefetched lines that a lookup joined in flight")               \
    S(prefetches_useless, "prefetched lines evicted or taken away before any lookup found them") \
    S(victims_in,        "clean lines received from above")                               \
    S(writebacks_passed, "dirty lines from above that this processor no longer owned, sent on below") \
    S(fills_passed,      "lines that went through to the asker without staying here")     \
    S(upgrades,          "misses on a line that was here, but shared")                    \
    S(snoops,            "snoops by other processors, and recalls, that found their line") \
    S(invalidations,     "of these: lines taken away")

/* Choices of `inclusion`. */
enum inclusion { NON_INCLUSIVE, INCLUSIVE, KEEPS_VICTIMS };
#define INCLUSION_CHOICES ONE_OF("non_inclusive", "inclusive", "victim")

#define CACHE_ORIGINS(O)                                                \
    O(data,       ORIGIN_DATA,       "loads and stores")                \
    O(fetch,      ORIGIN_FETCH,      "instruction fetches")             \
    O(walk_guest, ORIGIN_WALK_GUEST, "guest-dimension walk references") \
    O(walk_host,  ORIGIN_WALK_HOST,  "host-dimension walk references")  \
    O(vmx,        ORIGIN_VMX,        "VMCS and MSR-list accesses")
/* clang-format on */

struct cache_cfg {
    CACHE_PARAMS(PARAM_FIELD)
};

extern const struct param cache_params[];
extern const size_t cache_params_count;

struct coherence_port {
    enum grant (*granted)(void *self, u64 line); /* NULL: GRANT_OWNED always */
    void *self;
};

/* Takes a line away from everybody above an inclusive level. true: somebody had it dirty. */
struct recall_port {
    bool (*recall)(void *self, u64 line);
    void *self;
};

enum snoop { SNOOP_SHARE, SNOOP_INVALIDATE, SNOOP_CLEAN };

struct cache_stats {
    CACHE_STATS(STAT_FIELD)
    u64 lookups_by[ORIGIN_COUNT];
    u64 misses_by[ORIGIN_COUNT];
};

#define CACHE_MAX_LISTENERS 4

typedef void (*cache_freed_fn)(void *self);

struct cache_desc {
    const char *name;                       /* a path like "cpu0.l1d", for messages; not copied */
    enum served level;                      /* what a reference that hits here is said to be served by */
    struct clock *clock;                    /* the domain of all its neighbours */
    struct mem_port next;                   /* the level below */
    bool refuses;                           /* true: PORT_BUSY when MSHRs are full; false: queues */
    const struct coherence_port *coherence; /* what a fill may keep; NULL: everything. Copied. */
    bool sends_victims;                     /* clean victims go below too: the level below keeps victims */
    u32 queue_entries; /* at least as many requests as all askers can have in flight; 0: 1024 */
};

/* In the terms of MESI: I, S, E, M. */
enum line_state { LINE_INVALID, LINE_SHARED, LINE_CLEAN, LINE_DIRTY };
#define LINE_PREFETCHED 0x80 /* beside the state: no lookup has found the line since its prefetch */

#define CACHE_PREFETCHERS 2

/* A request for memory itself between its arrival here and its answer. */
struct cache_pass {
    struct mem_request asked;
    i32 next_free;
    u8 served; /* enum served */
};

struct cache {
    /* fixed at elaboration */
    const char *name;
    u32 sets, ways, hit_cycles;
    u32 set_mask; /* sets - 1 if sets is a power of two, else 0 */
    enum served level;
    bool refuses, sends_victims;
    enum inclusion inclusion;
    u32 queue_entries;
    u32 prefetch_reserve;
    struct prefetch_limits prefetch_limits;
    u32 n_prefetchers;
    const struct prefetcher *prefetcher[CACHE_PREFETCHERS];
    /* wiring */
    struct clock *clock;
    struct mem_port next;
    struct coherence_port coherence;
    struct recall_port above;
    u32 n_listeners;
    struct {
        cache_freed_fn fn;
        void *self;
    } listener[CACHE_MAX_LISTENERS];
    /* state */
    u64 *line; /* [set * ways + way]: line number */
    u8 *state; /* likewise: enum line_state | LINE_PREFETCHED */
    u16 *signature; /* [set * signature_stride(ways) + way]: of its line */
    struct replacement replacement;
    void *prefetcher_state[CACHE_PREFETCHERS];
    struct mshr_file mshrs;
    struct mem_request *queue; /* a ring */
    u32 queue_head, queue_length;
    struct cache_pass *pass; /* queue_entries of them, the first passes_made once used */
    u32 passes_made;
    i32 free_pass;
    bool refused; /* somebody waits for `freed` */
    bool warming; /* in the port's warm(): what goes below goes without time */
    u64 departing; /* then: the line that has just been evicted, with its kind as in a message */
    /* statistics */
    struct cache_stats stats;
};

/* What is wrong with a configuration whose values are each in range, or NULL. */
const char *cache_cfg_error(const struct cache_cfg *cfg);

void cache_init(struct cache *c, const struct cache_cfg *cfg, const struct cache_desc *desc);
void cache_fini(struct cache *c);

struct mem_port cache_port(struct cache *c);

/* fn(self) is called when an MSHR comes free after somebody was refused, in order of registration. */
void cache_on_freed(struct cache *c, cache_freed_fn fn, void *self);

/* True if the line that holds `at` is valid here (in flight is not valid). Changes nothing. */
bool cache_has(const struct cache *c, hpa_t at);

/* An inclusive level needs it before its first eviction. */
void cache_set_recall(struct cache *c, struct recall_port above);

/* Another processor reads (SNOOP_SHARE) or takes (SNOOP_INVALIDATE) the line, or memory wants it (SNOOP_CLEAN): it becomes shared and clean,
 * or goes, or becomes clean. Returns its state before. */
enum line_state cache_snoop(struct cache *c, u64 line, enum snoop what);

/* The line's state; LINE_INVALID if it is not here. Changes nothing. */
enum line_state cache_line_state(const struct cache *c, u64 line);

/* Registers the counters below `prefix`. */
void cache_add_stats(const struct cache *c, struct stats *reg, const char *prefix);

/* Asserts: lookups = hits + misses + merges + waiting; by origin they add up; lines in = lines valid +
 * evicted; a line that goes down was dirty. */
void cache_check_identities(const struct cache *c);

#endif
