/* ooo_state.h - the state of the out-of-order core, for the files of its stages: ooo_stages.h.
 *
 * Micro-operations live in one ring from decode to retirement, named by ever-growing sequence numbers:
 *
 *   head ......... renamed ......... tail       [head, renamed) is the ROB, [renamed, tail) the decode queue
 *
 * Micro-fused ones are neighbours of which only the first takes slots. Who waits for a result is in a list
 * that begins at its producer; who waits for a cycle is in a ring of lists (due); who waits for memory is in a
 * list at what it waits for. So nothing is searched each cycle.
 */
#ifndef CORE_OOO_STATE_H
#define CORE_OOO_STATE_H

#include "caches/walker.h"
#include "caches/write_combining.h"
#include "models/core/bpred.h"
#include "models/core/core.h"
#include "models/core/microcode.h"
#include "models/core/operation.h"
#include "models/core/ooo/ooo_params.h"
#include "models/core/ooo/pipe_trace.h"
#include "models/core/ooo/uop_cache.h"

enum ooo_op {
#define OOO_OP(name, meaning) OP_##name,
#include "models/core/ooo/ops.def"
#undef OOO_OP
    OP_COUNT
};

#define OOO_RING    1024u /* micro-operations in flight at most; a power of two */
#define OOO_SOURCES 4u    /* three registers and the flags */
#define OOO_PORTS   12u
#define OOO_STORES  128u  /* ring of the store buffer */
#define OOO_NONE    0xffffu

#define OOO_PARTS 3u /* micro-operations abreast that the next step of an operation waits for */

/* Registers of dependences, the halves of a load that splits a page, and the parts of an operation: of the step before
 * and of the step that goes on. */
enum { OOO_REG_HALF0 = REG_DEPS, OOO_REG_HALF1, OOO_REG_PART0, OOO_REGS = OOO_REG_PART0 + 2 * OOO_PARTS };

/* The life of a micro-operation. */
enum uop_state {
    UOP_QUEUED,  /* decoded */
    UOP_WAITING, /* renamed; for operands, or ready and for its port */
    UOP_BLOCKED, /* ready, but its unit is busy: due when that is free */
    UOP_ISSUED,
    UOP_TIMED,   /* issued, and due when the result is there */
    UOP_DONE
};

enum uop_flag {
    UOP_MISPREDICTED = 1,
    UOP_INDIRECT = 2,
    UOP_LOCKED = 4,     /* load of a locked instruction, and the store behind it */
    UOP_INDEXED = 8,    /* load with an index register */
    UOP_SETS_FLAGS = 16, /* all but carry */
    UOP_COPY = 32,      /* register move */
    UOP_FUSIBLE = 64,   /* a conditional jump may join it */
    UOP_IN_ORDER = 128, /* the store address of CLFLUSH */
    UOP_SETS_CARRY = 256
};

struct ooo_uop {
    u64 cycle; /* queued: rename may take it from here on; timed: its result */
    u16 waiters; /* first edge of those that wait for its result: consumer * OOO_SOURCES + source */
    u16 next_waiter[OOO_SOURCES];
    u16 next_due;
    u16 store; /* sta, std: its place in the store buffer */
    struct execution by;
    u8 op, kind, state, pending, port; /* enum ooo_op, enum uop_kind, enum uop_state */
    u8 src[OOO_SOURCES];
    u8 dst;
    u8 slots;
    u8 cause;  /* enum cause of waiting for it */
    u16 flags; /* enum uop_flag */
};

/* What of fused micro-operations with an index register comes apart: cpu.ooo.unlamination. */
enum unlamination { UNLAMINATE_NEVER, UNLAMINATE_THREE_INPUTS, UNLAMINATE_INDEXED };

/* Where a load stands. */
enum load_phase {
    LOAD_LOCK, /* locked: until it is the oldest and the store buffer empty */
    LOAD_TRANSLATE,
    LOAD_ORDER, /* among older stores */
    LOAD_ACCESS
};

/* A load's, or a store address's, reference; beside its micro-operation. */
struct ooo_mem {
    hpa_t at;
    va_t va;
    u64 pc; /* linear address of its instruction: disambiguation and prefetchers go by it */
    u64 issued;
    u64 ready;       /* the latest of its parts that hit */
    u32 store_mark;  /* stores before this one are older */
    u16 bytes;
    u16 translation; /* of the pool, OOO_NONE */
    u16 next;        /* in the list of what it waits for */
    u8 tlb, phase;
    u8 parts, unsent; /* lines not answered, not requested */
    u8 served;
    u16 penalty;
    u8 memory_type; /* enum memory_type; non-temporal stores: MEMORY_WC */
    u8 kind;        /* of a store address: MEM_WRITE, or what a flush asks for */
    bool sent_again; /* it had to wait for a store's data */
};

/* An entry of the store buffer, from rename to the write. */
struct ooo_store {
    hpa_t at;
    u16 bytes;
    u16 data_waiters, write_waiters; /* loads */
    bool address_known, data_known, retired, locked;
    bool in_order;         /* CLFLUSH */
    u8 unsent, unanswered; /* lines of it */
    u8 memory_type, kind;
    u64 pc;
};

#define OOO_TRANSLATIONS 256u /* of the ring's references */

/* A page walk that micro-operations of the ring need, from its record to the last of them. */
struct ooo_translation {
    u64 page; /* linear address >> shift */
    u8 shift;
    bool started, done;
    u16 users, waiters;
    u16 next_free;
    struct walk_ledger ledger;
};

#define OOO_REFERENCES 32u /* fetched lines, and references of microcode */

struct ooo_reference {
    hpa_t at;
    u16 bytes;
    u8 kind, origin, memory_type;
    u8 parts, unsent;
};

enum front_phase {
    FRONT_BEGIN,
    FRONT_LINES,
    FRONT_EXECUTE,
    FRONT_DRAIN,
    FRONT_MICROCODE,
    FRONT_REFERENCES,
    FRONT_FINISH
};

/* What of the decoders or the micro-op cache is left in the cycle of delivery. */
struct ooo_delivery {
    u64 cycle;
    u64 window;    /* physical address / 32 of the window, ~0: none */
    u64 block;     /* the fetch block of the legacy decoders */
    u32 slots, decoders;
    u32 window_slots; /* that the legacy decoders made of this window */
    bool cached;      /* the window comes from the micro-op cache */
};

#define OOO_DUE          256u /* cycles that the ring of due lists covers */
#define OOO_DISAMBIGUATE 256u /* counters */
#define OOO_GRANULES     256u /* counters of buffered stores by 8-byte granule */

struct ooo {
    /* fixed at elaboration */
    struct ooo_cfg cfg;
    struct cost_cfg cost;
    /* wiring */
    struct core *core;
    struct bpred *bpred;
    struct mem_port l1i, l1d;
    struct walker *walker;
    struct write_combining *wc;
    struct pipe_trace *trace; /* may be NULL */
    /* state: front end */
    struct insn_record record;
    enum front_phase phase;
    u8 world;
    bool drained, executed;
    u8 front_cause; /* enum cause of an empty ROB */
    u64 front_ready; /* the front end goes on from here */
    bool branch_pending; /* it waits for a mispredicted branch */
    u64 microcode_until;
    struct microcode_cursor cursor;
    u8 next_access; /* of record: not yet in a micro-operation */
    u8 x87_top;     /* where the stack's top is, from where it was when this core model took over */
    u64 fusible;        /* sequence number + 1 of the micro-operation that a jump may join; 0: none */
    u32 unlaminated;    /* of the record: fused for the decoders, but not for rename */
    u8 fusible_groups;  /* of jumps: isa/insn.h, enum fusion */
    struct ooo_delivery delivery;
    struct uop_cache uop_cache;
    /* state: window */
    bool refuses; /* rename lacks a resource, not micro-operations */
    u64 head, renamed, tail; /* sequence numbers; modulo OOO_RING: indices */
    u32 queue_used, rob_used, scheduler_used, loads_used, integer_used, vector_used; /* what is taken */
    u64 producer[OOO_REGS]; /* sequence number + 1 of the last writer; 0: there was none */
    struct ooo_uop *uop; /* OOO_RING */
    struct ooo_mem *mem; /* OOO_RING */
    u8 port_load[OOO_PORTS]; /* micro-operations bound to a port and not issued */
    u64 port_used[OOO_PORTS]; /* the last cycle in which it issued */
    u64 ready[OOO_PORTS][OOO_RING / 64];
    u16 ready_words[OOO_PORTS]; /* a bit for each word that is not zero */
    u16 ready_ports;
    u64 unit_free[OOO_PORTS]; /* of each port the unit that does not take one a cycle */
    u16 due[OOO_DUE];
    u64 due_bits[OOO_DUE / 64];
    u64 due_from; /* lists of cycles before are done */
    /* state: memory */
    struct ooo_store store[OOO_STORES];
    u32 store_head, store_retired, store_sent, store_tail; /* sequence numbers */
    u32 store_known; /* addresses of the stores before are known */
    u32 stores_waiting;
    u32 flushes; /* in the store buffer */
    bool store_refused;
    u8 granule[OOO_GRANULES];
    u8 passes[OOO_DISAMBIGUATE];
    u16 refused, order_waiters, lock_waiters; /* lists of loads */
    u32 locked_loads, locked_stores; /* in the window; in the store buffer */
    struct ooo_translation *translation;
    u16 free_translation, translations_used;
    u16 open_count;
    u16 open[OOO_TRANSLATIONS]; /* not done yet */
    struct ooo_reference reference[OOO_REFERENCES];
    u32 references, references_refused; /* a bit each */
    /* state: the clock */
    u64 next_cycle; /* that the last tick has named */
    struct topdown topdown;
    /* statistics */
    struct ooo_stats stats;
};

struct ooo_wiring {
    const struct ooo_cfg *cfg;
    const struct cost_cfg *cost;
    struct core *core;
    struct bpred *bpred;
    struct mem_port l1i, l1d;
    struct walker *walker;
    struct write_combining *wc;
};

static inline struct ooo_uop *uop_at(struct ooo *p, u64 seq)
{
    return &p->uop[seq % OOO_RING];
}
static inline struct ooo_mem *mem_at(struct ooo *p, u64 seq)
{
    return &p->mem[seq % OOO_RING];
}
static inline struct ooo_store *store_at(struct ooo *p, u32 seq)
{
    return &p->store[seq % OOO_STORES];
}
static inline bool rob_is_empty(const struct ooo *p)
{
    return p->head == p->renamed;
}
static inline bool window_is_empty(const struct ooo *p)
{
    return p->head == p->tail;
}
static inline bool is_oldest(const struct ooo *p, u32 index)
{
    return !rob_is_empty(p) && p->head % OOO_RING == index;
}
/* Physical registers hold the architecture's; what goes between micro-operations of one instruction takes none. */
static inline bool takes_integer_register(const struct ooo_uop *u)
{
    return u->op > OP_join && u->dst < REG_FILE;
}
static inline bool takes_vector_register(const struct ooo_uop *u)
{
    return u->op > OP_join && u->dst >= REG_VEC0 && u->dst < REG_DEPS;
}
static inline u64 ooo_now(const struct ooo *p)
{
    return clock_now(p->core->clock);
}

#endif
