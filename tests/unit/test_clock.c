/* test_clock.c - clock domains: exact edges, order within a cycle, sleeping, quanta. */
#include "tests/unit/clock_bench.h"

#include "models/sim/clock_wheel.h"

static void arrive(void *self, u64 arg)
{
    note(self, arg);
}

static u64 sleeper(void *self, u64 cycle)
{
    (void)cycle;
    note(self, 1000);
    return CLOCK_SLEEP;
}

/* --- edges --- */

static void edges_of_3_1_ghz_do_not_drift(void **state)
{
    (void)state;
    struct clock c = {.frequency_hz = 3100 * MHz};
    assert_int_equal(clock_cycle_to_ps(&c, 0), 0);
    assert_int_equal(clock_cycle_to_ps(&c, 1), 322); /* 322.58 */
    assert_int_equal(clock_cycle_to_ps(&c, 31), 10000);
    assert_true(clock_cycle_to_ps(&c, 3100 * MHz) == 1000000000000ull);
    assert_true(clock_cycle_to_ps(&c, 3100 * MHz * 86400 * 30) ==
                1000000000000ull * 86400 * 30); /* a month */
}

static void the_cycle_at_a_time_is_the_first_edge_not_before_it(void **state)
{
    (void)state;
    static const u64 hz[] = {1, 999999937, 1193182, 3 * GHz, 3100 * MHz, 1000 * GHz};
    for (unsigned i = 0; i < ARRAY_LEN(hz); i++) {
        struct clock c = {.frequency_hz = hz[i]};
        for (u64 n = 1; n < 5000000; n = n * 3 + 1) {
            u64 ps = clock_cycle_to_ps(&c, n);
            assert_int_equal(clock_ps_to_cycle(&c, ps), n);
            assert_int_equal(clock_ps_to_cycle(&c, ps + 1), n + 1);
        }
    }
}

static void the_end_of_time_saturates(void **state)
{
    (void)state;
    struct clock slow = {.frequency_hz = 1}, fast = {.frequency_hz = 1000 * GHz};
    assert_true(clock_cycle_to_ps(&slow, UINT64_MAX / 2) == KERNEL_NEVER);
    assert_true(clock_ps_to_cycle(&fast, KERNEL_NEVER) == CLOCK_SLEEP);
}

/* --- messages --- */

static void messages_of_a_cycle_arrive_in_order_of_posting(void **state)
{
    (void)state;
    for (u64 i = 0; i < 5; i++) clock_post(&clk, 7, arrive, &clk, i);
    clock_post(&clk, 6, arrive, &clk, 5);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 6);
    assert_seen(0, 6, 5);
    for (unsigned i = 0; i < 5; i++) assert_seen(i + 1, 7, i);
    assert_int_equal(seen.entry[1].at_ps, clock_cycle_to_ps(&clk, 7));
}

static void repost_far(void *self, u64 arg)
{
    note(self, arg);
    clock_post(&clk, 5000, arrive, &clk, arg + 100);
}

static void far_messages_keep_their_place_among_near_ones(void **state)
{
    (void)state;
    clock_post(&clk, 5000, arrive, &clk, 1); /* far from cycle 0 */
    clock_post(&clk, 3000, repost_far, &clk, 2);
    clock_post(&clk, 4990, repost_far, &clk, 3); /* near when it is handled */
    clock_post(&clk, 5000, arrive, &clk, 4);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 6);
    assert_seen(0, 3000, 2);
    assert_seen(1, 4990, 3);
    static const u64 order[] = {1, 4, 102, 103};
    for (unsigned i = 0; i < 4; i++) assert_seen(2 + i, 5000, order[i]);
}

static void repost_now(void *self, u64 arg)
{
    note(self, arg);
    if (arg < 3) clock_post(self, clock_now(self), repost_now, self, arg + 1);
}

static void a_message_posted_for_now_arrives_before_the_ticks(void **state)
{
    (void)state;
    clock_add_tick(&clk, sleeper, &clk);
    clock_post(&clk, 0, repost_now, &clk, 0);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 5);
    for (unsigned i = 0; i < 4; i++) assert_seen(i, 0, i);
    assert_seen(4, 0, 1000);
}

static u64 post_for_now(void *self, u64 cycle)
{
    note(self, 50);
    clock_post(self, cycle, arrive, self, 51);
    return CLOCK_SLEEP;
}

static void a_message_posted_for_now_by_a_tick_arrives_after_the_ticks(void **state)
{
    (void)state;
    clock_add_tick(&clk, post_for_now, &clk);
    clock_add_tick(&clk, sleeper, &clk);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 3);
    assert_seen(0, 0, 50);
    assert_seen(1, 0, 1000);
    assert_seen(2, 0, 51);
}

static void the_wheel_finds_every_slot_around_its_seam(void **state)
{
    (void)state;
    for (u64 start = 0; start < CLOCK_WHEEL_SLOTS; start += 61) {
        for (u64 distance = 1; distance < 3 * CLOCK_WHEEL_SLOTS; distance += 53) {
            struct clock_wheel *w = wheel_new();
            struct wheel_message m = {0};
            wheel_set_base(w, start);
            if (distance < CLOCK_WHEEL_SLOTS)
                wheel_post_near(w, start + distance, &m);
            else
                wheel_post_far(w, start + distance, &m);
            assert_int_equal(wheel_find_next(w, start + 1), start + distance);
            assert_int_equal(w->next, start + distance);
            wheel_free(w);
        }
    }
}

static void a_returned_message_is_used_again(void **state)
{
    (void)state;
    for (u64 i = 0; i < 3ull * CLOCK_WHEEL_MESSAGES; i++) {
        clock_post(&clk, clock_now(&clk) + 1 + i % 2000, arrive, &clk, i);
        seen.n = 0;
        kernel_run_until(KERNEL_NEVER);
        assert_int_equal(seen.n, 1);
    }
    assert_true(clk.wheel->used <= 2);
}

/* --- ticks --- */

static u64 pace(void *self, u64 cycle)
{
    struct pacer *p = self;
    note(p->clock, p->who);
    return cycle + p->period < p->end ? cycle + p->period : CLOCK_SLEEP;
}

static void ticks_run_in_order_of_registration_at_the_cycles_they_name(void **state)
{
    (void)state;
    struct pacer a = pacer(1, 2, 7), b = pacer(2, 3, 7);
    clock_add_tick(&clk, pace, &a);
    clock_add_tick(&clk, pace, &b);
    assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STARVED);
    static const struct {
        u64 cycle, who;
    } expected[] = {{0, 1}, {0, 2}, {2, 1}, {3, 2}, {4, 1}, {6, 1}, {6, 2}};
    assert_int_equal(seen.n, ARRAY_LEN(expected));
    for (unsigned i = 0; i < seen.n; i++) assert_seen(i, expected[i].cycle, expected[i].who);
    assert_int_equal(kernel_now_ps(), clock_cycle_to_ps(&clk, 6));
}

static void wake_index(void *self, u64 index)
{
    note(self, 100 + index);
    clock_wake(self, (unsigned)index, clock_now(self));
}

static void a_message_wakes_a_sleeping_tick_in_its_own_cycle(void **state)
{
    (void)state;
    clock_add_tick(&clk, sleeper, &clk);
    clock_post(&clk, 9, wake_index, &clk, 0);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 3);
    assert_seen(0, 0, 1000);
    assert_seen(1, 9, 100);
    assert_seen(2, 9, 1000);
}

static u64 wake_both_neighbours(void *self, u64 cycle)
{
    struct pacer *p = self;
    note(p->clock, 500);
    if (cycle == 4) {
        clock_wake(p->clock, 0, cycle);
        clock_wake(p->clock, 2, cycle);
    }
    return cycle < 4 ? 4 : CLOCK_SLEEP;
}

static void a_tick_that_had_its_turn_is_woken_for_the_next_cycle_and_a_later_one_for_this(void **state)
{
    (void)state;
    struct pacer first = pacer(1, 100, 0), waker = pacer(500, 0, 0), last = pacer(2, 100, 0);
    clock_add_tick(&clk, pace, &first);
    clock_add_tick(&clk, wake_both_neighbours, &waker);
    clock_add_tick(&clk, pace, &last);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 6);
    assert_seen(3, 4, 500);
    assert_seen(4, 4, 2);
    assert_seen(5, 5, 1);
}

static u64 run_on(void *self, u64 cycle)
{
    struct pacer *p = self;
    for (;; cycle++) {
        clock_advance(p->clock, cycle);
        if (cycle + 1 >= p->clock->horizon || cycle + 1 >= p->end) break;
    }
    note(p->clock, p->who);
    return cycle + 1 < p->end ? cycle + 1 : CLOCK_SLEEP;
}

static void a_lone_tick_runs_on_to_the_next_message_and_not_into_it(void **state)
{
    (void)state;
    struct pacer p = pacer(1, 1, 50);
    clock_add_tick(&clk, run_on, &p);
    clock_post(&clk, 20, arrive, &clk, 2);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 3);
    assert_seen(0, 19, 1);
    assert_seen(1, 20, 2);
    assert_seen(2, 49, 1);
}

static void a_tick_s_horizon_ends_at_the_time_limit_of_the_run(void **state)
{
    (void)state;
    struct pacer p = pacer(1, 1, 1000);
    clock_add_tick(&clk, run_on, &p);
    assert_int_equal(kernel_run_until(clock_cycle_to_ps(&clk, 100)), KERNEL_REACHED);
    assert_int_equal(clock_now(&clk), 99);
    assert_int_equal(kernel_now_ps(), clock_cycle_to_ps(&clk, 100));
    assert_int_equal(kernel_run_until(clock_cycle_to_ps(&clk, 100) + 1), KERNEL_REACHED);
    assert_int_equal(clock_now(&clk), 100);
}

/* --- quanta --- */

/* Where a tick is, and what time it is there. */
static u64 runner(void *self, u64 cycle)
{
    struct pacer *p = self;
    clock_advance(p->clock, max_u64(clock_now(p->clock), cycle));
    note(p->clock, p->who * 1000 + cycle);
    cycle = max_u64(cycle + 1, p->clock->horizon);
    clock_advance(p->clock, max_u64(clock_now(p->clock), cycle - 1));
    return cycle < p->end ? cycle : CLOCK_SLEEP;
}

static void two_runners(struct pacer pair[2], u64 quantum)
{
    clock_set_quantum(&clk, quantum);
    for (unsigned i = 0; i < 2; i++) {
        pair[i] = pacer(i + 1, 1, 64);
        clock_allow_ahead(&clk, clock_add_tick(&clk, runner, &pair[i]), true);
    }
}

static void ticks_that_may_run_ahead_take_turns_and_time_does_not_go_back(void **state)
{
    (void)state;
    struct pacer pair[2];
    two_runners(pair, 32);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 4);
    assert_seen(0, 0, 1000);
    assert_seen(1, 31, 2000);
    assert_seen(2, 32, 1032);
    assert_seen(3, 63, 2032);
}

static void a_message_ends_every_turn_before_its_cycle(void **state)
{
    (void)state;
    struct pacer pair[2];
    two_runners(pair, 32);
    clock_post(&clk, 10, arrive, &clk, 7);
    kernel_run_until(clock_cycle_to_ps(&clk, 20));
    assert_seen(1, 9, 2000);
    assert_seen(2, 10, 7);
    assert_seen(3, 10, 1010);
    assert_seen(4, 19, 2010);
}

static void one_tick_that_may_not_run_ahead_keeps_all_exact(void **state)
{
    (void)state;
    struct pacer pair[2], third = pacer(3, 1, 3);
    two_runners(pair, 32);
    clock_add_tick(&clk, pace, &third);
    kernel_run_until(KERNEL_NEVER);
    assert_seen(0, 0, 1000);
    assert_seen(1, 0, 2000);
    assert_seen(2, 0, 3);
    assert_seen(3, 1, 1001);
}

static u64 stop_at_70(void *self, u64 cycle)
{
    struct pacer *p = self;
    for (;; cycle++) {
        clock_advance(p->clock, cycle);
        if (cycle == 70) kernel_stop();
        if (cycle + 1 >= p->clock->horizon) return cycle + 1;
    }
}

static void a_stop_ends_the_batch_after_its_cycle_and_time_stands_there(void **state)
{
    (void)state;
    struct pacer p = pacer(1, 1, 0);
    clock_add_tick(&clk, stop_at_70, &p);
    assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STOPPED);
    assert_int_equal(clock_now(&clk), 70);
    assert_int_equal(kernel_now_ps(), clock_cycle_to_ps(&clk, 70));
    assert_int_equal(kernel_run_until(kernel_now_ps() + 10000), KERNEL_REACHED);
    assert_int_equal(clock_now(&clk), 70 + 29); /* 30 cycles of 3 GHz later, the edge itself not included */
}

static void yield(void *self, u64 arg)
{
    (void)arg;
    clock_yield(self);
}

static void a_batch_notices_an_interrupt_soon(void **state)
{
    (void)state;
    struct pacer p = pacer(1, 1, 10ull * CLOCK_MAX_BATCH_CYCLES);
    clock_add_tick(&clk, run_on, &p);
    clock_post(&clk, 5, yield, &clk, 0);
    kernel_run_until(1);
    kernel_interrupt();
    assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STOPPED);
    assert_true(clock_now(&clk) <= CLOCK_MAX_BATCH_CYCLES);
}

/* --- from outside the domain --- */

static void wake_from_device(void *self)
{
    note(self, 7);
    clock_wake(self, 0, 0);
    clock_post(self, 0, arrive, self, 8);
}

static void a_device_between_two_edges_reaches_the_next_one(void **state)
{
    (void)state;
    clock_add_tick(&clk, sleeper, &clk);
    struct kernel_event *e = kernel_event_new("device", KERNEL_DEVICE, wake_from_device, &clk);
    kernel_notify(e, 400); /* edges of 3 GHz: 0, 333, 666 */
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.entry[1].at_ps, 400);
    assert_seen(2, 2, 8);
    assert_seen(3, 2, 1000);
    assert_int_equal(seen.entry[2].at_ps, 666);
}

static void a_device_on_an_edge_runs_before_the_cycle_and_reaches_it(void **state)
{
    (void)state;
    clock_add_tick(&clk, sleeper, &clk);
    struct kernel_event *e = kernel_event_new("device", KERNEL_DEVICE, wake_from_device, &clk);
    kernel_notify(e, 333);
    kernel_run_until(KERNEL_NEVER);
    assert_seen(2, 1, 8);
    assert_seen(3, 1, 1000);
}

static struct kernel_event *called_now;

static u64 call_device_now(void *self, u64 cycle)
{
    (void)cycle;
    note(self, 600);
    if (cycle == 0) kernel_notify(called_now, 0);
    return cycle == 0 ? 5 : CLOCK_SLEEP;
}

static void a_device_called_from_a_cycle_can_t_reach_that_cycle_again(void **state)
{
    (void)state;
    clock_add_tick(&clk, call_device_now, &clk);
    called_now = kernel_event_new("device", KERNEL_DEVICE, wake_from_device, &clk);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.entry[1].at_ps, 0);
    assert_seen(2, 1, 8);
    assert_seen(3, 1, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_of_3_1_ghz_do_not_drift),
        cmocka_unit_test(the_cycle_at_a_time_is_the_first_edge_not_before_it),
        cmocka_unit_test(the_end_of_time_saturates),
        T(messages_of_a_cycle_arrive_in_order_of_posting),
        T(far_messages_keep_their_place_among_near_ones),
        T(a_message_posted_for_now_arrives_before_the_ticks),
        T(a_message_posted_for_now_by_a_tick_arrives_after_the_ticks),
        cmocka_unit_test(the_wheel_finds_every_slot_around_its_seam),
        T(a_returned_message_is_used_again),
        T(ticks_run_in_order_of_registration_at_the_cycles_they_name),
        T(a_message_wakes_a_sleeping_tick_in_its_own_cycle),
        T(a_tick_that_had_its_turn_is_woken_for_the_next_cycle_and_a_later_one_for_this),
        T(a_lone_tick_runs_on_to_the_next_message_and_not_into_it),
        T(ticks_that_may_run_ahead_take_turns_and_time_does_not_go_back),
        T(a_message_ends_every_turn_before_its_cycle),
        T(one_tick_that_may_not_run_ahead_keeps_all_exact),
        T(a_tick_s_horizon_ends_at_the_time_limit_of_the_run),
        T(a_stop_ends_the_batch_after_its_cycle_and_time_stands_there),
        T(a_batch_notices_an_interrupt_soon),
        T(a_device_between_two_edges_reaches_the_next_one),
        T(a_device_on_an_edge_runs_before_the_cycle_and_reaches_it),
        T(a_device_called_from_a_cycle_can_t_reach_that_cycle_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
