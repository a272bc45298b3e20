#include "models/sim/clock_wheel.h"

#include <stdlib.h>
#include <string.h>

struct clock_wheel *wheel_new(void)
{
    struct clock_wheel *w = calloc(1, sizeof *w); /* zero pages cost nothing until they are used */
    CHECK(w, "no memory for a wheel of messages");
    memset(w->slot, 0xff, sizeof w->slot); /* WHEEL_NONE */
    w->free = WHEEL_NONE;
    w->next = CLOCK_SLEEP;
    return w;
}

void wheel_free(struct clock_wheel *w)
{
    free(w);
}

static bool before(const struct wheel_far *a, const struct wheel_far *b)
{
    return a->cycle != b->cycle ? a->cycle < b->cycle : a->order < b->order;
}

void wheel_post_far(struct clock_wheel *w, u64 cycle, const struct wheel_message *m)
{
    CHECK(w->n_far < CLOCK_WHEEL_MESSAGES, "more than %u messages far ahead", CLOCK_WHEEL_MESSAGES);
    struct wheel_far posted = {.cycle = cycle, .order = w->far_posted++, .message = *m};
    u32 i = w->n_far++;
    for (; i && before(&posted, &w->far[(i - 1) / 2]); i = (i - 1) / 2) w->far[i] = w->far[(i - 1) / 2];
    w->far[i] = posted;
    w->next = min_u64(w->next, cycle);
}

static void remove_first_far(struct clock_wheel *w)
{
    struct wheel_far last = w->far[--w->n_far];
    u32 i = 0;
    for (u32 child = 1; child < w->n_far; child = 2 * i + 1) {
        if (child + 1 < w->n_far && before(&w->far[child + 1], &w->far[child])) child++;
        if (!before(&w->far[child], &last)) break;
        w->far[i] = w->far[child];
        i = child;
    }
    w->far[i] = last;
}

void wheel_move_far(struct clock_wheel *w)
{
    while (w->n_far && w->far[0].cycle - w->base < CLOCK_WHEEL_SLOTS) {
        wheel_post_near(w, w->far[0].cycle, &w->far[0].message);
        remove_first_far(w);
    }
}

/* The first occupied slot at or after slot `at`, going round once; CLOCK_WHEEL_SLOTS if all are empty. The
 * result is a distance. */
static u32 distance_to_occupied(const struct clock_wheel *w, u32 at)
{
    const u32 words = CLOCK_WHEEL_SLOTS / 64;
    u64 word = w->occupied[at / 64] >> (at % 64);
    if (word) return (u32)__builtin_ctzll(word);
    u32 distance = 64 - at % 64;
    for (u32 i = 1; i <= words; i++, distance += 64) {
        word = w->occupied[(at / 64 + i) % words];
        if (word) return distance + (u32)__builtin_ctzll(word);
    }
    return CLOCK_WHEEL_SLOTS;
}

u64 wheel_find_next(const struct clock_wheel *w, u64 from)
{
    u32 distance = distance_to_occupied(w, from % CLOCK_WHEEL_SLOTS);
    if (distance < CLOCK_WHEEL_SLOTS) return from + distance;
    return w->n_far ? w->far[0].cycle : CLOCK_SLEEP;
}
