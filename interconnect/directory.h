/* directory.h - keeps the private caches of a socket's processors coherent: it stands before the L3 and knows who has which line.
 *
 * Models:       MESI or MESIF by a table of transitions (coherence.def); one transaction per line at a time, later ones wait in order;
 *               snoops that travel to the processors and back; data from a peer or from the L3; upgrades without data; a finite number of
 *               tracked lines: one that must make room is recalled from its holders.
 *               Requests for memory itself, flushes among them, wait for the snoops and take a dirty line along.
 * Not modelled: lost or reordered messages, the time of recalls, silent evictions (an entry whose line no cache has any more is found by
 *               looking into the caches when its place is needed), sockets.
 * Time:         a snoop travels hop_cycles there, is answered after snoop_cycles, travels back; the L3 is read when it is known that no peer
 *               has the data, and beside the snoops when no peer can have them. The line belongs to the asker once the answer leaves.
 * Neighbours:   the interconnect's memory side above (askers by number), desc.next (the L3) below, the processors' caches, attached one by one;
 *               they ask directory_coherence() what their fills may keep.
 * Checked by:   tests/unit/test_directory.c (every row; random traffic against single-writer-or-many-readers)
 */
#ifndef INTERCONNECT_DIRECTORY_H
#define INTERCONNECT_DIRECTORY_H

#include "caches/cache.h"
#include "interconnect/topology.h"

/* clang-format off */
#define DIRECTORY_PARAMS(P)                                                                                        \
    P(choice, protocol,     1,     ONE_OF("mesi", "mesif"), "states of a line in the private caches")              \
    P(u32, lines_per_core,  65536, POW2_RANGE(64, 16777216), "tracked lines for each processor: a power of two")   \
    P(u32, ways,            16,    RANGE(1, 64),            "associativity of the tracked lines")                  \
    P(u32, snoop_cycles,    12,    RANGE(1, 1000),          "a snooped processor's answer, from arrival to leaving")

#define DIRECTORY_STATS(S)                                                            \
    S(reads,          "requests to read")                                             \
    S(owns,           "requests to own")                                              \
    S(flushes,        "requests to flush or clean a line")                            \
    S(from_memory,    "requests answered with data from the L3 or below")             \
    S(from_peer,      "requests answered with data from another processor's cache")   \
    S(from_nobody,    "requests to own a line that the asker held: no data moved")    \
    S(waited,         "requests that found another transaction on their line")        \
    S(snoops,         "snoops sent")                                                  \
    S(snoops_missed,  "snoops that found no line")                                    \
    S(snoop_writebacks, "dirty lines that a snoop sends to the L3 or to memory")  \
    S(recalls,        "tracked lines taken from their holders to make room")          \
    S(evicted_in,     "evicted lines that passed on their way down")
/* clang-format on */

struct directory_cfg {
    DIRECTORY_PARAMS(PARAM_FIELD)
};

extern const struct param directory_params[];
extern const size_t directory_params_count;

struct directory_stats {
    DIRECTORY_STATS(STAT_FIELD)
};

#define DIRECTORY_MAX_CORES  64
#define DIRECTORY_MAX_CACHES 4 /* of one processor */

struct directory_desc {
    const char *name;
    struct clock *clock;
    struct mem_port next;            /* the L3; must not refuse */
    const struct topology *topology; /* for the way of snoops */
    u32 cores;                       /* 1..DIRECTORY_MAX_CORES */
    u32 in_flight;                   /* requests that all processors together can have on their way */
};

enum directory_state {
    DIRECTORY_UNCACHED,
    DIRECTORY_SHARED,
    DIRECTORY_FORWARD,
    DIRECTORY_OWNED,
    DIRECTORY_STATES
};

#define DIRECTORY_IDLE 0 /* transactions are numbered from 1 */

struct directory_entry {
    u64 line;
    u64 holders; /* one bit per processor */
    u64 used;    /* running number of the last transaction, 0: a free place */
    u8 state;    /* enum directory_state */
    u8 keeper;   /* OWNED: the owner; FORWARD: who answers */
    i32 busy;    /* its transaction, DIRECTORY_IDLE */
};

struct directory;

struct directory_side {
    struct directory *directory;
    u32 core;
    u32 n_caches;
    struct cache *cache[DIRECTORY_MAX_CACHES];
};

/* A request from its arrival to its answer. */
struct directory_transaction {
    struct mem_request asked;
    u32 entry;
    u32 snoops_out;
    bool reads_memory, peer_has_data;
    bool awaits_snoops; /* before memory is asked, if it still is */
    u8 next_state; /* enum directory_state */
    u8 served;     /* enum served */
    i32 next;      /* waiting on the same line, or for a place; or the next free one */
};

struct directory {
    /* fixed at elaboration */
    const char *name;
    u32 sets, ways, n_cores, snoop_cycles, n_transactions;
    u32 protocol;
    const struct topology *topology;
    /* wiring */
    struct clock *clock;
    struct mem_port next;
    struct directory_side side[DIRECTORY_MAX_CORES];
    /* state */
    struct directory_entry *entry;             /* [set * ways + way] */
    u16 *signature;                            /* [set * signature_stride(ways) + way]: of the entry's line */
    struct directory_transaction *transaction; /* [1..n_transactions] */
    i32 free_transaction;
    i32 stalled_first, stalled_last; /* wait for a place in a set whose lines are all busy */
    u32 in_flight;
    u64 time;
    bool warming; /* in the port's warm(): what goes below goes without time */
    /* statistics */
    struct directory_stats stats;
};

void directory_init(struct directory *d, const struct directory_cfg *cfg, const struct directory_desc *desc);
void directory_fini(struct directory *d);

/* Where the interconnect's memory side sends requests; mem_request.asker tells the processor. Answers later (PORT_PENDING), but for evicted lines. */
struct mem_port directory_port(struct directory *d);

/* One more private cache of a processor. */
void directory_attach(struct directory *d, u32 core, struct cache *c);

/* What that processor's caches may keep; for cache_desc.coherence. */
struct coherence_port directory_coherence(struct directory *d, u32 core);

/* For an inclusive L3: takes its victims from all holders. */
struct recall_port directory_recall(struct directory *d);

void directory_add_stats(const struct directory *d, struct stats *reg, const char *prefix);

/* Asserts: every line in a private cache is tracked for its processor; one that may be written is in no other processor; requests by answer. */
void directory_check_identities(const struct directory *d);

#endif
