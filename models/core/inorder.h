/* inorder.h - an in-order, stall-on-use core: scoreboard, non-blocking loads, store buffer, prediction.
 *
 * Models:       issue of up to issue_width micro-operations a cycle in program order when their sources are
 *               ready; loads that miss while younger, independent instructions go on; page walks beside the
 *               pipeline; stores that drain in order from a buffer and forward to loads; string
 *               instructions part by part, their references like any others; drain before serializing
 *               instructions, port I/O, MMIO, VM transitions; mispredicts as a redirect; microcode by class
 *               (costs.def), its references one a cycle behind it; VM transitions from their parts.
 * Not modelled: execution-port and cache-port conflicts, fetch bandwidth (a line that hits the L1I is hidden
 *               by the pipeline), wrong paths, partial-overlap store forwarding (a load that
 *               a buffered store covers in part goes to the L1), dependence of LODS's register and of a
 *               string's stores on its loads, of the carry flag on a string comparison's loads; units that are not
 *               pipelined.
 * Memory types: WC and non-temporal stores go from the store buffer to the write-combining buffers; WT and WP
 *               stores to memory, in order with the others; an uncacheable access waits until all older ones are
 *               done, and younger ones for it.
 * Time:         an instruction executes functionally when the front end reaches it; its record is then
 *               played.
 * Neighbours:   core.h; L1I and L1D ports, the page-walk unit.
 * Checked by:   tests/unit/test_inorder.c, test_inorder_memory.c, test_inorder_microcode.c, test_core.c;
 *               tests/system
 */
#ifndef CORE_INORDER_H
#define CORE_INORDER_H

#include "caches/port.h"
#include "caches/walker.h"
#include "caches/write_combining.h"
#include "models/core/bpred.h"
#include "models/core/core.h"
#include "models/core/load_latency.h"
#include "models/core/microcode.h"
#include "models/core/operation.h"

/* clang-format off */
#define INORDER_PARAMS(P)                                                                                    \
    P(u32,  issue_width,          2,  RANGE(1, 4),  "micro-operations issued per cycle")                     \
    P(u32,  mispredict_cycles,    16, RANGE(1, 64), "from a branch's issue to the right path")               \
    P(u32,  redirect_cycles,      12, RANGE(1, 64), "refill behind serialization, events, VM transitions")   \
    P(u32,  taken_branch_cycles,  0,  RANGE(0, 8),  "bubble behind a taken branch that was predicted")       \
    P(u32,  loads_in_flight,      12, RANGE(1, 30), "loads that wait for the memory system or a page walk")  \
    P(bool, blocking_loads,       0,  ANY,          "a load that misses stops the pipeline")                 \
    P(u32,  store_buffer_entries, 16, RANGE(2, 64), "stores issued and not yet in the L1D")                  \
    P(u32,  stores_in_flight,     4,  RANGE(1, 16), "stores of the buffer that wait for their line at once") \
    P(u32,  forward_cycles,       4,  RANGE(1, 32), "load that a buffered store answers")                    \
    P(choice, units,              0, OPERATION_TABLES, "latencies: models/core/uops_<units>.def")
/* clang-format on */
struct inorder_cfg {
    INORDER_PARAMS(PARAM_FIELD)
};

extern const struct param inorder_params[];
extern const size_t inorder_params_count;

/* clang-format off */
#define INORDER_STATS(S)                                                                     \
    S(loads,              "load references, one per line")                                   \
    S(stores,             "store references, one per line")                                  \
    S(fetches,            "instruction-fetch references, one per line")                      \
    S(forwards,           "loads that the store buffer answered")                            \
    S(served_l1,          "data loads that the L1D or the store buffer served")              \
    S(served_l2,          "data loads that the L2 served")                                   \
    S(served_l3,          "data loads that the L3 served")                                   \
    S(served_peer,        "data loads that another processor's cache served")                \
    S(served_dram,        "data loads that DRAM served")                                     \
    S(uncacheable,        "data references to uncacheable memory, one per line")             \
    S(flushes,            "lines flushed or cleaned (CLFLUSH, CLFLUSHOPT, CLWB)")           \
    S(drains,             "times that the pipe was emptied")                                 \
    S(events,             "exceptions and interrupts delivered")
/* clang-format on */
struct inorder_stats {
    INORDER_STATS(STAT_FIELD)
    struct load_latency load_latency;
};

#define FETCH_FLIGHTS 2  /* lines of one instruction */
#define FLIGHT_MAX    32 /* loads_in_flight at most, and FETCH_FLIGHTS */
#define FLIGHT_NONE   0xff
#define STORE_MAX     64

/* A reference under way: a load, a fetched line, or one of a microcoded sequence. */
struct flight {
    hpa_t at;
    u64 pc;         /* of its instruction */
    u64 issued;     /* cycle */
    u16 bytes;
    u8 kind;        /* enum mem_kind of its requests */
    u8 origin;      /* enum mem_origin */
    u8 reg;         /* what waits for it: enum reg, REG_NONE */
    u8 lines;       /* 1, or 2 for an access that splits a line; 0: only a walk (that faulted) */
    u8 parts;       /* of these, not answered yet */
    u8 unsent;      /* of these, not requested yet */
    u8 served;      /* the farthest level that served a part */
    u8 memory_type; /* enum memory_type */
    u8 other_half;  /* of a load that splits a page, while both are under way; else FLIGHT_NONE */
    bool from_stlb; /* its translation */
};

struct store {
    hpa_t at;
    u8 bytes;       /* of a flush: 0 */
    u8 kind;        /* MEM_WRITE, or what a flush asks for */
    u8 memory_type; /* enum memory_type; non-temporal stores: MEMORY_WC */
    bool in_order;  /* CLFLUSH */
    bool translating, done;
};

/* The life of one instruction, in this order; a microcoded one takes MICROCODE and REFERENCES instead of
 * ISSUE. */
enum inorder_phase {
    PHASE_BEGIN,
    PHASE_FETCH,
    PHASE_DRAIN,
    PHASE_ISSUE,
    PHASE_MICROCODE,
    PHASE_REFERENCES,
    PHASE_FINISH
};

struct inorder {
    /* fixed at elaboration */
    struct inorder_cfg cfg;
    struct cost_cfg cost;
    u8 latency[UOP_KINDS][ROW_COUNT];
    /* wiring */
    struct core *core;
    struct bpred *bpred;
    struct mem_port l1i, l1d;
    struct walker *walker;
    struct write_combining *wc;
    /* state */
    enum inorder_phase phase;
    struct insn_record record;
    u8 uop;         /* the next one to issue */
    u8 next_access; /* of record: not yet issued */
    u8 x87_top;     /* where the stack's top is, from where it was at first */
    u64 slot_cycle; /* the cycle whose issue slots are counted */
    u32 slots_used;
    u64 front_ready; /* the front end delivers from this cycle on */
    u8 front_cause;  /* enum cause of the wait for it */
    u64 microcode_until;
    u64 ready[REG_DEPS]; /* cycle; KERNEL_NEVER while a flight decides */
    u8 ready_flight[REG_DEPS];
    u8 ready_cause[REG_DEPS];
    struct flight flight[FLIGHT_MAX];
    u32 flights;    /* a bit each: under way */
    u32 fetches;    /* of these, instruction fetches */
    u32 uncacheable; /* of these, accesses to UC memory: younger ones wait */
    u32 refused;    /* of these, the L1 had no MSHR: they wait for its `freed` */
    u64 hits_until; /* the last load or store that hit the L1D is answered; fetches hide it */
    struct store
        store[STORE_MAX]; /* ring: the oldest stores_requested of it wait for their lines or have them */
    u32 store_head, store_count, stores_requested;
    u32 stores_waiting;  /* requested and not there */
    u32 flushes;         /* of the stores in the buffer: CLFLUSH and relatives */
    bool asleep;         /* the last tick named no cycle: an answer must wake the core */
    u8 wait_cause;       /* what the cycles since account.until are waiting for... */
    u8 wait_flight;      /* ...refined by this flight, FLIGHT_NONE: no flight */
    bool drained;  /* older records have left the pipe; a delivery lets record.drained say so too early */
    bool executed; /* the record is filled: drain, then play it */
    u8 world;      /* enum world of the instruction that is played */
    struct microcode_cursor cursor; /* of a microcoded record */
    /* statistics */
    struct inorder_stats stats;
};

void inorder_init(struct inorder *p, const struct inorder_cfg *cfg, const struct cost_cfg *cost,
                  struct bpred *bpred, struct core *core, struct mem_port l1i, struct mem_port l1d,
                  struct walker *walker, struct write_combining *wc);

/* The core model takes over at `cycle`, with nothing under way. */
void inorder_begin(struct inorder *p, u64 cycle);
u64 inorder_tick(struct inorder *p, u64 cycle);
bool inorder_is_empty(const struct inorder *p);
void inorder_register_stats(struct inorder *p, struct stats *s, const char *prefix);

/* The `freed` callbacks of the L1 caches and the write-combining buffers, and the page-walk unit's `done` (self is the struct inorder). */
void inorder_l1_freed(void *self);
void inorder_combining_freed(void *self);
void inorder_walk_done(void *self, u64 token, const struct walk_ledger *played);

/* --- between the files of this core --- */

/* What a phase answers: go on in this cycle, or the cycle to come back at (CLOCK_SLEEP: when something wakes
 * the core). */
#define GO_ON 0

/* Charges the cycles since the account's end up to `cycle`; while a VM transition is played, to the
 * transition. */
void inorder_charge(struct inorder *p, enum cause cause, u64 cycle);
/* The core waits from now on: earlier cycles go to the earlier wait. Returns `until`. */
u64 inorder_wait(struct inorder *p, enum cause cause, u8 flight, u64 until);
/* The wait is over: charges it up to now. */
void inorder_settle(struct inorder *p);

/* inorder_microcode.c */
u64 inorder_phase_microcode(struct inorder *p, u64 now);
u64 inorder_phase_references(struct inorder *p, u64 now);

/* inorder_mem.c */
/* Starts a reference; its completion makes `reg` ready. Returns false if no flight is free (nothing
 * happened). */
bool inorder_start(struct inorder *p, const struct mem_access *a, enum mem_kind kind, enum mem_origin origin,
                   u8 reg);
/* The second half of a load that splits a page: `reg`, which waits for the first, is ready when both are
 * there. */
bool inorder_start_second_half(struct inorder *p, const struct mem_access *a, u8 reg);
/* Any flight of a set, FLIGHT_NONE if it is empty. */
static inline u8 inorder_first_flight(u32 flights)
{
    return flights ? (u8)__builtin_ctz(flights) : FLIGHT_NONE;
}
bool inorder_store(struct inorder *p, const struct mem_access *a);
/* CLFLUSH, CLFLUSHOPT or CLWB, as the record says: a place of the store buffer. */
bool inorder_flush(struct inorder *p, const struct mem_access *a);
/* Sends the write-combining buffers' lines away, unless the instruction lets them stay (LFENCE). */
void inorder_drain_combined_stores(struct inorder *p);
bool inorder_memory_is_idle(const struct inorder *p);
/* Asserts: loads = sum over the levels that served them + those under way. */
void inorder_check_identities(const struct inorder *p);

#endif
