/* walker.h - the page-walk unit of a core: N walkers that play walk ledgers through the caches.
 *
 * Models:       N concurrent walks; a queue in order of arrival when all walkers are busy; the STLB's search in
 *               front of a walk, which goes on while it waits for a walker; the lookups of translation caches
 *               (ledger's cache_cycles); every reference an ordinary request,
 *               strictly one after the other; the price of setting accessed and dirty bits. Fills in which
 *               level served each reference, and its cycles.
 * Not modelled: walks of wrong paths, abandoned walks, coalescing of walks for one page (the MMU asks once).
 * Which entries a walk needs and what they say, the MMU (caches/mmu.h) has decided before: here is only time.
 * Neighbours:   a core starts walks; the L1D or L2 port serves the references (parameter `enters`, wired by
 *               the board).
 * Checked by:   tests/unit/test_walker.c
 */
#ifndef CACHES_WALKER_H
#define CACHES_WALKER_H

#include "caches/port.h"
#include "models/sim/clock.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"
#include "models/sim/stats_hist.h"

enum walker_enters { WALKER_ENTERS_L1D, WALKER_ENTERS_L2 };

/* clang-format off */
#define WALKER_PARAMS(P)                                                                                   \
    P(u32,    walkers,          2,  RANGE(1, 16),        "page walks in progress at once")                 \
    P(u32,    queue_entries,   160, RANGE(1, 1024),      "walks that wait for a walker")                   \
    P(choice, enters,           0,  ONE_OF("l1d", "l2"), "the cache level at which walk references enter") \
    P(u32,    ad_update_cycles, 18, RANGE(0, 10000),     "added to a reference that sets an A or D bit")

#define WALKER_STATS(S)                                                                  \
    S(walks,         "page walks played")                                                \
    S(walks_nested,  "of them two-dimensional")                                          \
    S(walks_faulted, "of them ended in a fault")                                         \
    S(cycles,        "walker cycles over all walks, from the walker's start to its end") \
    S(cycles_guest,  "of them in references of the guest dimension (or the only one)")   \
    S(cycles_host,   "of them in references of the host dimension")                      \
    S(cycles_caches, "of them in lookups of paging-structure caches and nested TLB")     \
    S(queued,        "walks that found every walker busy")                               \
    S(queue_cycles,  "cycles that walks waited for a walker, behind the STLB's search")                            \
    S(refs_guest,    "references of the guest dimension (or the only one)")              \
    S(refs_host,     "references of the host dimension")                                 \
    S(ad_updates,    "references that set accessed or dirty bits")

/* What served a reference, per dimension: rows refs_guest_l1 ... refs_host_dram. */
#define WALKER_SERVED(V)       \
    V(l1,   SERVED_L1,   "L1") \
    V(l2,   SERVED_L2,   "L2") \
    V(l3,   SERVED_L3,   "L3") \
    V(peer, SERVED_PEER, "another processor's cache") \
    V(dram, SERVED_DRAM, "DRAM")
/* clang-format on */

#define WALKER_N_DIMS 2

/* Pages that a walk ends in, by dimension: none, 4 KByte, 2 or 4 MByte, 1 GByte. */
#define WALKER_PAGES 4

struct walker_cfg {
    WALKER_PARAMS(PARAM_FIELD)
};

extern const struct param walker_params[];
extern const size_t walker_params_count;

struct walker_stats {
    WALKER_STATS(STAT_FIELD)
    u64 refs_by[WALKER_N_DIMS][SERVED_COUNT];
    /* of walks, in cycles */
    struct histogram latency[WALKER_PAGES][WALKER_PAGES]; /* by the guest's (or only) page and the host's; 0, 0: faulted */
    struct histogram latency_in[WALKER_N_DIMS]; /* references of one dimension; host: of two-dimensional walks */
};

/* A walk has ended, now. `played` is valid during the call only; refs have `served` and `cycles`. */
typedef void (*walker_done_fn)(void *self, u64 token, const struct walk_ledger *played);

/* Sees every ledger as it ends; for traces. */
typedef void (*walker_trace_fn)(void *self, const struct walk_ledger *played, u64 start_cycle, u64 end_cycle);

struct walker_desc {
    const char *name; /* a path like "cpu0.walker"; not copied */
    struct clock *clock;
    struct mem_port port;
    walker_done_fn done;
    void *done_self;
    u32 search_cycles; /* of the STLB, before it has missed */
};

/* A walk that waits or is played. */
struct walk_play {
    u64 token;
    u64 arrival_cycle; /* at walker_start */
    u64 start_cycle;   /* got its walker, and the STLB has missed */
    u64 issue_cycle;   /* of the reference that is played */
    u64 cycles_in[WALKER_N_DIMS]; /* of the references that are over */
    u8 next_ref;       /* index of the reference that is played */
    bool blocked;      /* the port refused it: waits for `freed` */
    struct walk_ledger ledger;
};

struct walker {
    /* fixed at elaboration */
    const char *name;
    u32 n, queue_entries, ad_update_cycles, search_cycles;
    /* wiring */
    struct clock *clock;
    struct mem_port port;
    walker_done_fn done;
    void *done_self;
    walker_trace_fn trace;
    void *trace_self;
    /* state */
    struct walk_play *play; /* n of them, those below with a set bit in `active` */
    u64 active;             /* bit w: walker w is at work */
    u64 busy;               /* number of bits in `active`; a VCD variable */
    struct walk_play *queue; /* a ring */
    u32 queue_head, queue_length;
    /* statistics */
    struct walker_stats stats;
};

void walker_init(struct walker *w, const struct walker_cfg *cfg, const struct walker_desc *desc);
void walker_fini(struct walker *w);

/* Copies the ledger and plays it, search_cycles from now; desc.done is called when it ends, never from inside this
 * call. References marked SERVED_PSC or SERVED_NTLB cost nothing. The asker keeps at most `walkers` +
 * `queue_entries` walks in flight (asserted). */
void walker_start(struct walker *w, const struct walk_ledger *ledger, u64 token);

/* To be registered with cache_on_freed() of the cache that `port` leads to: refused references try again. */
void walker_retry(void *self);

void walker_set_trace(struct walker *w, walker_trace_fn fn, void *self);

void walker_add_stats(struct walker *w, struct stats *reg, const char *prefix);

/* Asserts: cycles = caches + guest + host; references add up over serving levels; walks and their cycles add up over
 * the histograms, by pages and by dimension. */
void walker_check_identities(const struct walker *w);

#endif
