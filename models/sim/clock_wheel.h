/* clock_wheel.h - messages by due cycle: a timing wheel for the near future, a heap for the far.
 *
 * Models:       first posted, first delivered within a cycle, near and far alike.
 * Mechanism:    the wheel covers the cycles base .. base + SLOTS - 1, one slot each. A far message enters
 *               the wheel the moment its cycle comes into that window, so before any near message for the
 *               same cycle can be posted.
 * Neighbours:   clock.c only.
 * Checked by:   tests/unit/test_clock.c
 */
#ifndef SIM_CLOCK_WHEEL_H
#define SIM_CLOCK_WHEEL_H

#include "models/sim/check.h"
#include "models/sim/clock.h"

#define CLOCK_WHEEL_SLOTS    1024u /* a power of two; covers a DRAM access with its queueing */
#define CLOCK_WHEEL_MESSAGES 65536u

#define WHEEL_NONE UINT32_MAX

struct wheel_message {
    message_fn fn;
    void *self;
    u64 arg;
    u32 next; /* in its slot or in the free list */
};

struct wheel_far {
    u64 cycle;
    u64 order; /* number of far messages posted before */
    struct wheel_message message;
};

struct wheel_slot {
    u32 first, last;
};

struct clock_wheel {
    u64 base; /* first cycle of the window */
    u64 next; /* cycle of the earliest message, CLOCK_SLEEP if there is none */
    u32 free; /* list of returned messages */
    u32 used; /* messages of the pool that were ever used */
    u32 n_far;
    u64 far_posted;
    u64 occupied[CLOCK_WHEEL_SLOTS / 64]; /* one bit per slot that is not empty */
    struct wheel_slot slot[CLOCK_WHEEL_SLOTS];
    struct wheel_message pool[CLOCK_WHEEL_MESSAGES];
    struct wheel_far far[CLOCK_WHEEL_MESSAGES]; /* a binary heap by cycle, then order */
};

struct clock_wheel *wheel_new(void);
void wheel_free(struct clock_wheel *w);

/* Moves the window; no message may be due before `base`. */
void wheel_move_far(struct clock_wheel *w);
void wheel_post_far(struct clock_wheel *w, u64 cycle, const struct wheel_message *m);

/* The earliest cycle >= `from` with a message; none may be due before `from`. */
u64 wheel_find_next(const struct clock_wheel *w, u64 from);

static inline void wheel_set_base(struct clock_wheel *w, u64 base)
{
    w->base = base;
    if (UNLIKELY(w->n_far)) wheel_move_far(w);
}

static inline u32 wheel_allocate(struct clock_wheel *w)
{
    u32 i = w->free;
    if (LIKELY(i != WHEEL_NONE)) {
        w->free = w->pool[i].next;
        return i;
    }
    CHECK(w->used < CLOCK_WHEEL_MESSAGES, "more than %u messages in flight", CLOCK_WHEEL_MESSAGES);
    return w->used++;
}

/* Posts within the window. */
static inline void wheel_post_near(struct clock_wheel *w, u64 cycle, const struct wheel_message *m)
{
    u32 i = wheel_allocate(w), at = cycle % CLOCK_WHEEL_SLOTS;
    struct wheel_slot *s = &w->slot[at];
    w->pool[i] = *m;
    w->pool[i].next = WHEEL_NONE;
    if (s->first == WHEEL_NONE) {
        s->first = i;
        w->occupied[at / 64] |= BIT(at % 64);
    } else {
        w->pool[s->last].next = i;
    }
    s->last = i;
    if (cycle < w->next) w->next = cycle;
}

/* Takes the oldest message of `cycle`, which is in the window; false if there is none. */
static inline bool wheel_take(struct clock_wheel *w, u64 cycle, struct wheel_message *m)
{
    u32 at = cycle % CLOCK_WHEEL_SLOTS;
    struct wheel_slot *s = &w->slot[at];
    u32 i = s->first;
    if (i == WHEEL_NONE) return false;
    *m = w->pool[i];
    s->first = m->next;
    if (s->first == WHEEL_NONE) w->occupied[at / 64] &= ~BIT(at % 64);
    w->pool[i].next = w->free;
    w->free = i;
    return true;
}

#endif
