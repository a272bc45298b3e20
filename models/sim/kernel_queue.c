#include "models/sim/kernel_queue.h"

#include "models/sim/check.h"

#include <stdlib.h>

void kernel_queue_reserve(struct kernel_queue *q, u32 capacity)
{
    if (capacity <= q->capacity) return;
    q->capacity = capacity < 16 ? 16 : 2 * capacity;
    q->heap = realloc(q->heap, q->capacity * sizeof(struct kernel_event *));
    CHECK(q->heap, "no memory for %u events", q->capacity);
}

void kernel_queue_free(struct kernel_queue *q)
{
    free(q->heap);
    *q = (struct kernel_queue){0};
}

static bool before(const struct kernel_event *a, const struct kernel_event *b)
{
    if (a->at_ps != b->at_ps) return a->at_ps < b->at_ps;
    if (a->rank != b->rank) return a->rank < b->rank;
    return a->age < b->age;
}

static void place(struct kernel_queue *q, u32 i, struct kernel_event *e)
{
    q->heap[i] = e;
    e->place = i;
}

static void sift_up(struct kernel_queue *q, u32 i)
{
    struct kernel_event *e = q->heap[i];
    while (i && before(e, q->heap[(i - 1) / 2])) {
        place(q, i, q->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(q, i, e);
}

static void sift_down(struct kernel_queue *q, u32 i)
{
    struct kernel_event *e = q->heap[i];
    for (;;) {
        u32 child = 2 * i + 1;
        if (child + 1 < q->n && before(q->heap[child + 1], q->heap[child])) child++;
        if (child >= q->n || !before(q->heap[child], e)) break;
        place(q, i, q->heap[child]);
        i = child;
    }
    place(q, i, e);
}

void kernel_queue_put(struct kernel_queue *q, struct kernel_event *e, u64 at_ps)
{
    CHECK(e->place == KERNEL_QUEUE_ABSENT && q->n < q->capacity, "event %s put twice", e->name);
    e->at_ps = at_ps;
    place(q, q->n++, e);
    sift_up(q, e->place);
}

void kernel_queue_remove(struct kernel_queue *q, struct kernel_event *e)
{
    CHECK(e->place < q->n && q->heap[e->place] == e, "event %s is not in the queue", e->name);
    struct kernel_event *last = q->heap[--q->n];
    u32 hole = e->place;
    e->place = KERNEL_QUEUE_ABSENT;
    if (last == e) return;
    place(q, hole, last);
    sift_up(q, hole);
    sift_down(q, last->place);
}
