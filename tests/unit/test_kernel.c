/* test_kernel.c - the contract of kernel.h. Built twice: test_kernel on the stub, test_kernel_systemc on
 * SystemC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/sim/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_EVENTS 64
#define MAX_LOG  4096

/* What ran, and when. */
static struct log {
    unsigned n;
    struct {
        u64 at_ps;
        unsigned who;
    } entry[MAX_LOG];
} seen;

struct actor {
    unsigned id;
    struct kernel_event *event;
    void (*then)(struct actor *);
};

static void act(void *self)
{
    struct actor *a = self;
    assert_true(seen.n < MAX_LOG);
    seen.entry[seen.n].at_ps = kernel_now_ps();
    seen.entry[seen.n++].who = a->id;
    if (a->then) a->then(a);
}

static struct actor actor[N_EVENTS];

static struct kernel_event *make(unsigned id, enum kernel_rank rank, void (*then)(struct actor *))
{
    actor[id] = (struct actor){.id = id, .then = then};
    actor[id].event = kernel_event_new("actor", rank, act, &actor[id]);
    return actor[id].event;
}

static int setup(void **state)
{
    (void)state;
    seen.n = 0;
    kernel_init();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kernel_fini();
    return 0;
}

static void assert_ran(unsigned i, u64 at_ps, unsigned who)
{
    assert_true(i < seen.n);
    assert_int_equal(seen.entry[i].at_ps, at_ps);
    assert_int_equal(seen.entry[i].who, who);
}

static void time_starts_at_zero_with_nothing_pending(void **state)
{
    (void)state;
    assert_int_equal(kernel_now_ps(), 0);
    assert_true(kernel_next_event_ps() == KERNEL_NEVER);
    assert_int_equal(kernel_run_until(1000), KERNEL_STARVED);
    assert_int_equal(kernel_now_ps(), 0);
}

static void an_event_runs_exactly_after_its_delay(void **state)
{
    (void)state;
    struct kernel_event *e = make(1, KERNEL_DEVICE, NULL);
    kernel_notify(e, 322);
    assert_true(kernel_event_pending(e));
    assert_int_equal(kernel_next_event_ps(), 322);
    assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STARVED);
    assert_int_equal(seen.n, 1);
    assert_ran(0, 322, 1);
    assert_int_equal(kernel_now_ps(), 322);
    assert_false(kernel_event_pending(e));
}

static void events_at_the_limit_wait_for_the_next_run(void **state)
{
    (void)state;
    kernel_notify(make(1, KERNEL_DEVICE, NULL), 100);
    assert_int_equal(kernel_run_until(99), KERNEL_REACHED);
    assert_int_equal(kernel_now_ps(), 99);
    assert_int_equal(kernel_run_until(100), KERNEL_REACHED);
    assert_int_equal(kernel_now_ps(), 100);
    assert_int_equal(seen.n, 0);
    assert_int_equal(kernel_next_event_ps(), 100);
    assert_int_equal(kernel_run_until(101), KERNEL_STARVED);
    assert_ran(0, 100, 1);
    assert_int_equal(kernel_now_ps(), 100);
}

static void an_event_at_the_limit_can_still_be_cancelled(void **state)
{
    (void)state;
    struct kernel_event *e = make(1, KERNEL_DEVICE, NULL);
    kernel_notify(e, 100);
    assert_int_equal(kernel_run_until(100), KERNEL_REACHED);
    kernel_cancel(e);
    assert_true(kernel_next_event_ps() == KERNEL_NEVER);
    assert_int_equal(kernel_run_until(200), KERNEL_STARVED);
    assert_int_equal(seen.n, 0);
}

static void a_run_to_a_limit_before_the_next_event_moves_time(void **state)
{
    (void)state;
    kernel_notify(make(1, KERNEL_DEVICE, NULL), 1000);
    for (u64 t = 100; t <= 900; t += 100) {
        assert_int_equal(kernel_run_until(t), KERNEL_REACHED);
        assert_int_equal(kernel_now_ps(), t);
        assert_int_equal(kernel_run_limit_ps(), t);
    }
    assert_int_equal(seen.n, 0);
}

static void the_earlier_of_two_notifications_wins(void **state)
{
    (void)state;
    struct kernel_event *a = make(1, KERNEL_DEVICE, NULL), *b = make(2, KERNEL_DEVICE, NULL);
    kernel_notify(a, 50);
    kernel_notify(a, 70);
    kernel_notify(b, 70);
    kernel_notify(b, 40);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 2);
    assert_ran(0, 40, 2);
    assert_ran(1, 50, 1);
}

static void equal_times_run_by_rank_then_by_age(void **state)
{
    (void)state;
    make(1, KERNEL_CLOCK, NULL);
    make(2, KERNEL_DEVICE, NULL);
    make(3, KERNEL_CLOCK, NULL);
    make(4, KERNEL_DEVICE, NULL);
    for (unsigned i = 4; i >= 1; i--) kernel_notify(actor[i].event, 10);
    kernel_run_until(KERNEL_NEVER);
    static const unsigned order[] = {2, 4, 1, 3};
    assert_int_equal(seen.n, 4);
    for (unsigned i = 0; i < 4; i++) assert_ran(i, 10, order[i]);
}

static void notify_device_now(struct actor *a)
{
    (void)a;
    kernel_notify(actor[2].event, 0);
}

static void an_event_notified_for_now_runs_in_this_time_step(void **state)
{
    (void)state;
    make(1, KERNEL_CLOCK, notify_device_now);
    make(2, KERNEL_DEVICE, NULL);
    make(3, KERNEL_CLOCK, NULL);
    kernel_notify(actor[1].event, 10);
    kernel_notify(actor[3].event, 10);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 3);
    assert_ran(0, 10, 1);
    assert_ran(1, 10, 2); /* the lower rank goes before the clock that was waiting */
    assert_ran(2, 10, 3);
}

static void a_cancelled_event_leaves_no_trace(void **state)
{
    (void)state;
    struct kernel_event *a = make(1, KERNEL_DEVICE, NULL), *b = make(2, KERNEL_DEVICE, NULL);
    kernel_notify(a, 10);
    kernel_notify(b, 30);
    kernel_cancel(a);
    kernel_cancel(a);
    assert_false(kernel_event_pending(a));
    assert_int_equal(kernel_next_event_ps(), 30);
    kernel_notify(a, 20);
    assert_int_equal(kernel_next_event_ps(), 20);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 2);
    assert_ran(0, 20, 1);
    assert_ran(1, 30, 2);
}

static void cancel_other(struct actor *a)
{
    (void)a;
    kernel_cancel(actor[2].event);
    assert_int_equal(kernel_next_event_ps(), 500);
}

static void an_event_cancelled_in_its_own_time_step_does_not_run(void **state)
{
    (void)state;
    make(1, KERNEL_DEVICE, cancel_other);
    make(2, KERNEL_DEVICE, NULL);
    make(3, KERNEL_DEVICE, NULL);
    kernel_notify(actor[1].event, 10);
    kernel_notify(actor[2].event, 10);
    kernel_notify(actor[3].event, 500);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 2);
    assert_ran(1, 500, 3);
}

static void stop(struct actor *a)
{
    (void)a;
    kernel_stop();
    assert_true(kernel_stop_requested());
}

static void stop_ends_the_run_after_this_callback_and_the_next_run_goes_on(void **state)
{
    (void)state;
    make(1, KERNEL_DEVICE, stop);
    make(2, KERNEL_DEVICE, NULL);
    make(3, KERNEL_DEVICE, stop);
    kernel_notify(actor[1].event, 10);
    kernel_notify(actor[2].event, 10);
    kernel_notify(actor[3].event, 20);
    assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STOPPED);
    assert_false(kernel_stop_requested());
    assert_int_equal(seen.n, 1);
    assert_int_equal(kernel_now_ps(), 10);
    assert_int_equal(kernel_next_event_ps(), 10);
    assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STOPPED);
    assert_int_equal(seen.n, 3);
    assert_ran(1, 10, 2);
    assert_ran(2, 20, 3);
    assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STARVED);
}

static void a_stop_between_runs_ends_the_next_one_at_once(void **state)
{
    (void)state;
    kernel_notify(make(1, KERNEL_DEVICE, NULL), 10);
    kernel_interrupt();
    assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STOPPED);
    assert_int_equal(seen.n, 0);
    assert_int_equal(kernel_run_until(KERNEL_NEVER), KERNEL_STARVED);
    assert_int_equal(seen.n, 1);
}

static void repeat(struct actor *a)
{
    if (seen.n < 1000) kernel_notify(a->event, 333);
}

static void a_run_in_slices_equals_one_run(void **state)
{
    (void)state;
    kernel_notify(make(1, KERNEL_CLOCK, repeat), 0);
    for (u64 t = 1; seen.n < 1000; t += 97) kernel_run_until(t);
    for (unsigned i = 0; i < 1000; i++) assert_ran(i, 333ull * i, 1);
}

static u64 random_state;

static u64 next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* The queue against the definition: at every step the pending event with least (time, rank, age) runs. */
static struct model {
    bool pending;
    u64 at_ps;
    enum kernel_rank rank;
} model[N_EVENTS];

static unsigned model_first(void)
{
    unsigned best = N_EVENTS;
    for (unsigned i = 0; i < N_EVENTS; i++) {
        if (!model[i].pending) continue;
        if (best == N_EVENTS || model[i].at_ps < model[best].at_ps ||
            (model[i].at_ps == model[best].at_ps && model[i].rank < model[best].rank))
            best = i;
    }
    return best;
}

static void shuffle(struct actor *a)
{
    assert_int_equal(a->id, model_first());
    assert_int_equal(kernel_now_ps(), model[a->id].at_ps);
    model[a->id].pending = false;
    if (seen.n >= MAX_LOG) return;
    for (unsigned n = next_random() % 4; n; n--) {
        unsigned i = next_random() % N_EVENTS;
        u64 at_ps = kernel_now_ps() + next_random() % 8;
        kernel_notify(actor[i].event, at_ps - kernel_now_ps());
        if (!model[i].pending || at_ps < model[i].at_ps) model[i].at_ps = at_ps;
        model[i].pending = true;
    }
    unsigned gone = next_random() % N_EVENTS;
    kernel_cancel(actor[gone].event);
    model[gone].pending = false;
}

static void any_mix_of_notify_and_cancel_keeps_the_defined_order(void **state)
{
    (void)state;
    random_state = 88172645463325252ull;
    memset(model, 0, sizeof model);
    for (unsigned i = 0; i < N_EVENTS; i++) {
        model[i].rank = next_random() % 2 ? KERNEL_CLOCK : KERNEL_DEVICE;
        make(i, model[i].rank, shuffle);
    }
    while (seen.n < MAX_LOG - 1) {
        unsigned i = next_random() % N_EVENTS;
        kernel_notify(actor[i].event, 5);
        if (!model[i].pending) model[i].at_ps = kernel_now_ps() + 5;
        model[i].at_ps = model[i].at_ps < kernel_now_ps() + 5 ? model[i].at_ps : kernel_now_ps() + 5;
        model[i].pending = true;
        kernel_run_until(kernel_now_ps() + 40);
        u64 expected = model_first() == N_EVENTS ? KERNEL_NEVER : model[model_first()].at_ps;
        assert_true(kernel_next_event_ps() == expected);
        if (seen.n > MAX_LOG - 200) break;
    }
}

/* A borrower at a time of its own choosing, which notes the last notification. */
static u64 borrowed_now, noted_ps;
static u64 borrowed_time(void *self)
{
    return (void)self, borrowed_now;
}
static void note(void *self, u64 at_ps)
{
    (void)self, noted_ps = at_ps;
}
static const struct kernel_borrower borrower = {borrowed_time, note, NULL};

static void borrow(struct actor *a)
{
    (void)a;
    kernel_borrow_time(&borrower);
    borrowed_now = 150;
    assert_int_equal(kernel_now_ps(), 150);
    kernel_notify(actor[2].event, 7);
    assert_int_equal(noted_ps, 157);
    assert_int_equal(kernel_next_event_ps(), 157);
    borrowed_now = 156;
    kernel_borrow_time(NULL);
    assert_int_equal(kernel_now_ps(), 156);
}

static void a_borrower_s_time_counts_for_everybody(void **state)
{
    (void)state;
    make(1, KERNEL_CLOCK, borrow);
    make(2, KERNEL_DEVICE, NULL);
    kernel_notify(actor[1].event, 100);
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(seen.n, 2);
    assert_ran(0, 100, 1);
    assert_ran(1, 157, 2);
}

static void borrow_and_stop(struct actor *a)
{
    (void)a;
    kernel_borrow_time(&borrower);
    borrowed_now = 150;
    kernel_stop();
    assert_int_equal(noted_ps, 150);
    kernel_borrow_time(NULL);
}

static void time_does_not_fall_back_behind_a_borrower_that_stopped(void **state)
{
    (void)state;
    kernel_notify(make(1, KERNEL_CLOCK, borrow_and_stop), 100);
    make(2, KERNEL_DEVICE, NULL);
    assert_int_equal(kernel_run_until(1000), KERNEL_STOPPED);
    assert_int_equal(kernel_now_ps(), 150);
    kernel_notify(actor[2].event, 10);
    assert_int_equal(kernel_run_until(1000), KERNEL_STARVED);
    assert_ran(1, 160, 2);
}

static u64 traced;

static void change_traced(struct actor *a)
{
    traced = kernel_now_ps() / 100;
    if (kernel_now_ps() < 500) kernel_notify(a->event, 100);
}

/* Reads a whole small file; NULL if there is none. */
static char *read_text(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) return NULL;
    char *text = calloc(1, 65536);
    assert_true(fread(text, 1, 65535, f) > 0);
    fclose(f);
    return text;
}

static void a_vcd_trace_holds_the_changes_of_its_variables(void **state)
{
    (void)state;
    char path[64], file[80];
    snprintf(path, sizeof path, "/tmp/test_kernel.%d", (int)getpid());
    snprintf(file, sizeof file, "%s.vcd", path);
    if (!kernel_vcd_open(path)) {
        assert_false(kernel_vcd_is_open());
        print_message("the stub makes no VCD file; test_kernel_systemc checks it\n");
        return;
    }
    assert_true(kernel_vcd_is_open());
    kernel_vcd_trace("cpu0.world", &traced, 4);
    kernel_notify(make(1, KERNEL_DEVICE, change_traced), 100);
    kernel_run_until(KERNEL_NEVER);
    kernel_vcd_close();
    assert_false(kernel_vcd_is_open());
    char *text = read_text(file);
    assert_non_null(strstr(text, "world"));
    assert_non_null(strstr(text, "#300\nb11 "));
    assert_non_null(strstr(text, "#400\nb100 "));
    const char *date = strstr(text, "$date\n") + strlen("$date\n");
    assert_memory_equal(date + strspn(date, " "), "\n$end", 5); /* two runs write the same bytes */
    free(text);
    unlink(file);
}

static void a_vcd_file_that_can_t_be_made_is_told(void **state)
{
    (void)state;
    assert_false(kernel_vcd_open("/nonexistent/trace"));
    assert_false(kernel_vcd_is_open());
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_vcd_trace_holds_the_changes_of_its_variables), /* first: VCD files count SystemC's time, which
                                                              never restarts */
        T(time_starts_at_zero_with_nothing_pending),
        T(an_event_runs_exactly_after_its_delay),
        T(events_at_the_limit_wait_for_the_next_run),
        T(an_event_at_the_limit_can_still_be_cancelled),
        T(a_run_to_a_limit_before_the_next_event_moves_time),
        T(the_earlier_of_two_notifications_wins),
        T(equal_times_run_by_rank_then_by_age),
        T(an_event_notified_for_now_runs_in_this_time_step),
        T(a_cancelled_event_leaves_no_trace),
        T(an_event_cancelled_in_its_own_time_step_does_not_run),
        T(stop_ends_the_run_after_this_callback_and_the_next_run_goes_on),
        T(a_stop_between_runs_ends_the_next_one_at_once),
        T(a_run_in_slices_equals_one_run),
        T(any_mix_of_notify_and_cancel_keeps_the_defined_order),
        T(a_borrower_s_time_counts_for_everybody),
        T(time_does_not_fall_back_behind_a_borrower_that_stopped),
        T(a_vcd_file_that_can_t_be_made_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
