/* test_clock_batching.c - a random world of clock domains, ticks, messages and a device runs the same with batching and without. */
#include "tests/unit/clock_bench.h"

#include <string.h>

static struct log reference;

#define N_ACTORS  6
#define N_DOMAINS 2

/* A pure function of who asks and when, so that both runs decide alike exactly as long as they do the same.
 */
static u64 choice(u64 who, u64 cycle, u64 what)
{
    u64 x = (who + 1) * 0x9e3779b97f4a7c15ull ^ cycle * 0xbf58476d1ce4e5b9ull ^ what * 0x94d049bb133111ebull;
    x ^= x >> 31;
    x *= 0xd6e8feb86659fd93ull;
    return x ^ x >> 29;
}

static struct world {
    u64 seed;
    struct clock domain[N_DOMAINS];
    struct actor {
        struct world *world;
        struct clock *clock;
        unsigned index;
        u64 who;
    } actor[N_DOMAINS][N_ACTORS];
    struct kernel_event *device;
} world;

static void receive(void *self, u64 arg)
{
    struct actor *a = self;
    u64 r = choice(a->who, clock_now(a->clock), a->world->seed ^ arg);
    note(a->clock, 100 + a->who * 1000 + arg % 97);
    if (r % 3 == 0) clock_wake(a->clock, a->index, clock_now(a->clock) + r / 3 % 4);
    if (r % 5 == 0) clock_post(a->clock, clock_now(a->clock) + r / 5 % 3, receive, self, arg + 1);
    if (r % 11 == 0) kernel_notify(a->world->device, r % 3000);
}

/* One cycle's work of an actor: it decides who hears from it; returns its next cycle. Others may be ahead of it. */
static u64 work(struct actor *a, u64 cycle)
{
    u64 r = choice(a->who, cycle, a->world->seed), now = clock_now(a->clock);
    struct actor *other = &a->world->actor[r % 2 ? 1 : a->clock == &a->world->domain[1]][r / 2 % N_ACTORS];
    note(a->clock, a->who);
    if (r % 7 == 0) clock_post(a->clock, now + r / 7 % 40, receive, a, r);
    if (r % 13 == 0) clock_post(a->clock, now + r / 13 % 5000, receive, a, r);
    if (r % 101 == 0) clock_allow_ahead(a->clock, a->index, r / 101 % 4);
    if (r % 17 == 0) clock_post(other->clock, clock_now(other->clock) + 1 + r / 17 % 20, receive, other, r);
    if (r % 19 == 0) clock_wake(other->clock, other->index, clock_now(other->clock) + r / 19 % 9);
    if (r % 23 == 0) kernel_notify(a->world->device, r / 23 % 4000);
    if (r % 31 == 0) kernel_cancel(a->world->device);
    if (r % 499 == 0) kernel_stop();
    return r % 29 == 0 ? CLOCK_SLEEP : cycle + (r % 3 ? 1 : 1 + r / 29 % 30);
}

static u64 live(void *self, u64 cycle)
{
    struct actor *a = self;
    u64 next = work(a, cycle);
    while (next != CLOCK_SLEEP && next < a->clock->horizon) {
        clock_advance(a->clock, max_u64(clock_now(a->clock), next));
        next = work(a, next);
    }
    return next;
}

static void device(void *self)
{
    struct world *w = self;
    u64 r = choice(99, kernel_now_ps(), w->seed);
    struct actor *a = &w->actor[r % N_DOMAINS][r / 2 % N_ACTORS];
    note(a->clock, 999);
    clock_wake(a->clock, a->index, 0);
    clock_post(a->clock, 0, receive, a, r);
    if (r % 4) kernel_notify(w->device, 1 + r / 4 % 20000);
}

static void run_world(u64 seed, unsigned n_actors, bool batching)
{
    kernel_init();
    seen.n = 0;
    world.seed = seed;
    world.device = kernel_event_new("device", KERNEL_DEVICE, device, &world);
    for (unsigned d = 0; d < N_DOMAINS; d++) {
        clock_init(&world.domain[d], "domain", d ? 1333333333 : 3100 * MHz, batching);
        clock_set_quantum(&world.domain[d], 1 + seed % 3 * 50);
        for (unsigned i = 0; i < N_ACTORS; i++) {
            struct actor *a = &world.actor[d][i];
            *a = (struct actor){.world = &world, .clock = &world.domain[d], .who = d * N_ACTORS + i};
            a->index = i < n_actors ? clock_add_tick(a->clock, live, a) : 0;
            if (i < n_actors) clock_allow_ahead(a->clock, a->index, true);
        }
    }
    kernel_notify(world.device, 50);
    /* Slices and stops on the way: time stands where the last event or cycle was, and that must agree as
     * well. */
    for (u64 end_ps = 3001; end_ps < 3000 * 1000ull; end_ps += 300 * 1000) {
        while (kernel_run_until(end_ps) == KERNEL_STOPPED) note(&world.domain[0], 888);
        note(&world.domain[0], 889);
    }
    for (unsigned d = 0; d < N_DOMAINS; d++) clock_fini(&world.domain[d]);
    kernel_fini();
}

static void batching_changes_nothing_that_can_be_observed(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 60; seed++) {
        unsigned n_actors = 1 + seed % N_ACTORS;
        run_world(seed, n_actors, false);
        memcpy(&reference, &seen, sizeof seen);
        assert_true(reference.n > 500);
        run_world(seed, n_actors, true);
        assert_int_equal(seen.n, reference.n);
        for (unsigned i = 0; i < seen.n; i++)
            assert_memory_equal(&seen.entry[i], &reference.entry[i], sizeof(struct entry));
    }
}

static unsigned kernel_calls;
static u64 count_and_go_on(void *self, u64 cycle)
{
    struct pacer *p = self;
    kernel_calls += cycle == p->clock->bound - 1;
    return cycle + 1 < p->end ? cycle + 1 : CLOCK_SLEEP;
}

static void batching_saves_the_way_to_the_kernel(void **state)
{
    (void)state;
    struct pacer p = pacer(1, 1, 3 * CLOCK_MAX_BATCH_CYCLES);
    kernel_calls = 0;
    clock_add_tick(&clk, count_and_go_on, &p);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(kernel_calls, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batching_changes_nothing_that_can_be_observed),
        T(batching_saves_the_way_to_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
