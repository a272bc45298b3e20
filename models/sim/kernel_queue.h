/* kernel_queue.h - the order of events: a binary heap by time, then rank, then age of the event.
 *
 * Models:       at most one pending notification per event, removal of any of them in O(log n).
 * Not modelled: time; the queue never looks at a clock.
 * Neighbours:   kernel.c only.
 * Checked by:   tests/unit/test_kernel.c
 */
#ifndef SIM_KERNEL_QUEUE_H
#define SIM_KERNEL_QUEUE_H

#include "models/sim/kernel.h"

#define KERNEL_QUEUE_ABSENT UINT32_MAX

struct kernel_event {
    /* fixed at elaboration */
    const char *name;
    enum kernel_rank rank;
    u32 age; /* number of events created before this one */
    kernel_fn fn;
    void *self;
    /* state */
    u64 at_ps;
    u32 place; /* in the heap, or KERNEL_QUEUE_ABSENT */
};

struct kernel_queue {
    struct kernel_event **heap;
    u32 n, capacity;
};

/* Room for `capacity` events; putting never allocates. */
void kernel_queue_reserve(struct kernel_queue *q, u32 capacity);
void kernel_queue_free(struct kernel_queue *q);

/* Puts an absent event. */
void kernel_queue_put(struct kernel_queue *q, struct kernel_event *e, u64 at_ps);
/* Removes a present event. */
void kernel_queue_remove(struct kernel_queue *q, struct kernel_event *e);

static inline u64 kernel_queue_first_ps(const struct kernel_queue *q)
{
    return q->n ? q->heap[0]->at_ps : KERNEL_NEVER;
}

#endif
