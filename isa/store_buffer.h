/* store_buffer.h - the stores of one hart that others cannot see yet.
 *
 * Models:       stores of MOV, PUSH and CALL to write-back memory wait, first in, first out, while such moves and
 *               instructions without memory operands follow; the hart's own loads and page walks see them. So the
 *               outcomes appear that x86-TSO allows and sequential consistency does not. They leave when the buffer
 *               is full, STORE_AGE_MAX instructions later, or, all of them, before anything else: other memory
 *               accesses, fences, locked and serializing instructions, I/O, faults, interrupts, VM transitions,
 *               accessed and dirty flags, decoding.
 * Not modelled: stores of other instructions waiting; the time at which the timed store buffers of the cores let go.
 * Manual:       SDM Vol. 3A, "Store Buffer", "Memory Ordering".
 * Neighbours:   mem.c puts and forwards, run.c and timed.c ask before each instruction. No buffer (the default):
 *               h->stores is NULL, and memory is sequentially consistent. With one, no soft TLB answers.
 * Checked by:   tests/unit/test_store_buffer.c, tests/system/store_buffer.sh
 */
#ifndef ISA_STORE_BUFFER_H
#define ISA_STORE_BUFFER_H

#include "isa/hart.h"
#include "models/sim/stats.h"

#define STORE_BUFFER_MAX 64
#define STORE_AGE_MAX    64 /* instructions */

/* clang-format off */
#define STORE_BUFFER_STATS(S)                                                  \
    S(buffered, "stores that waited in the functional store buffer")           \
    S(forwards, "loads that took bytes of one of them")                        \
    S(drains,   "instructions and events that emptied it")
/* clang-format on */

struct store_buffer_stats {
    STORE_BUFFER_STATS(STAT_FIELD)
};

struct store_buffer {
    /* fixed at elaboration */
    unsigned entries; /* 1 to STORE_BUFFER_MAX */
    /* state */
    bool open;        /* the instruction that runs now may leave its store here */
    u64 instructions; /* begun */
    unsigned n;
    struct {
        hpa_t at;
        u64 value, instruction;
        unsigned bytes; /* 1 to 8, in one page */
    } store[STORE_BUFFER_MAX]; /* the oldest first */
    /* statistics */
    struct store_buffer_stats stats;
};

/* Empty, and plugged into the hart. */
void store_buffer_init(struct store_buffer *s, unsigned entries, struct hart *h);
void store_buffer_add_stats(const struct store_buffer *s, struct stats *reg, const char *prefix);

/* All below: the hart has one (h->stores). Before the instruction is executed. */
void store_buffer_begin(struct hart *h, const struct insn_info *info);
/* All stores go to memory. */
void store_buffer_drain(struct hart *h);
/* False: it must be written at once, and what was before it has been. */
bool store_buffer_put(struct hart *h, hpa_t at, unsigned bytes, u64 value);
/* What the hart sees where memory holds `value`: bytes 1 to 8. */
u64 store_buffer_forward(const struct hart *h, hpa_t at, unsigned bytes, u64 value);

#endif
