/* kernel.c - events, notifications and runs; time itself is kept behind kernel_time.h. */
#include "models/sim/kernel.h"

#include "models/sim/check.h"
#include "models/sim/kernel_queue.h"
#include "models/sim/kernel_time.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* One simulation per process, as SystemC has it: hence one object. */
static struct {
    struct kernel_queue queue;
    struct kernel_event **events; /* all that were created, by age */
    u32 n_events;
    const struct kernel_borrower *borrower;
    u64 lent_until_ps; /* what borrowers have reached; the keeper of time may be behind */
    u64 limit_ps;
    bool running;  /* inside kernel_run_until */
    bool stepping; /* inside kernel_step */
    volatile sig_atomic_t stop;
} kernel;

static void say_time(void *self, FILE *out)
{
    (void)self;
    fprintf(out, "  simulated time: %" PRIu64 " ps\n", kernel_now_ps());
}

void kernel_init(void)
{
    kernel_time_init();
    check_add_witness(say_time, NULL);
}

void kernel_fini(void)
{
    kernel_vcd_close();
    kernel_time_fini();
    for (u32 i = 0; i < kernel.n_events; i++) free(kernel.events[i]);
    free(kernel.events);
    kernel_queue_free(&kernel.queue);
    memset(&kernel, 0, sizeof kernel);
    check_remove_witness(say_time, NULL);
}

struct kernel_event *kernel_event_new(const char *name, enum kernel_rank rank, kernel_fn fn, void *self)
{
    struct kernel_event *e = malloc(sizeof *e);
    u32 age = kernel.n_events++;
    kernel.events = realloc(kernel.events, kernel.n_events * sizeof(struct kernel_event *));
    CHECK(e && kernel.events, "no memory for event %s", name);
    *e = (struct kernel_event){
        .name = name, .rank = rank, .age = age, .fn = fn, .self = self, .place = KERNEL_QUEUE_ABSENT};
    kernel.events[age] = e;
    kernel_queue_reserve(&kernel.queue, kernel.n_events);
    return e;
}

/* The alarm stands at the first event whenever time may pass. Beyond the limit it is not set, so that events
 * at the limit itself wait for the next run. */
static void set_alarm(void)
{
    if (!kernel.running || kernel.stepping) return;
    u64 first_ps = kernel_queue_first_ps(&kernel.queue);
    kernel_time_set_alarm(first_ps < kernel.limit_ps ? first_ps : KERNEL_NEVER);
}

void kernel_notify(struct kernel_event *e, u64 delay_ps)
{
    u64 now_ps = kernel_now_ps();
    CHECK(delay_ps < KERNEL_NEVER - now_ps, "event %s notified beyond the end of time", e->name);
    u64 at_ps = now_ps + delay_ps;
    if (kernel_event_pending(e)) {
        if (e->at_ps <= at_ps) return;
        kernel_queue_remove(&kernel.queue, e);
    }
    kernel_queue_put(&kernel.queue, e, at_ps);
    set_alarm();
    if (kernel.borrower) kernel.borrower->notified(kernel.borrower->self, at_ps);
}

void kernel_cancel(struct kernel_event *e)
{
    if (!kernel_event_pending(e)) return;
    kernel_queue_remove(&kernel.queue, e);
    set_alarm();
}

bool kernel_event_pending(const struct kernel_event *e)
{
    return e->place != KERNEL_QUEUE_ABSENT;
}

u64 kernel_now_ps(void)
{
    if (kernel.borrower) return kernel.borrower->now_ps(kernel.borrower->self);
    return max_u64(kernel_time_now_ps(), kernel.lent_until_ps);
}

u64 kernel_next_event_ps(void)
{
    return min_u64(kernel_queue_first_ps(&kernel.queue), kernel_time_foreign_ps());
}

void kernel_borrow_time(const struct kernel_borrower *b)
{
    CHECK(!b || !kernel.borrower, "two clock domains borrow time at once");
    if (kernel.borrower) kernel.lent_until_ps = kernel_now_ps();
    kernel.borrower = b;
}

void kernel_step(void)
{
    u64 now_ps = kernel_time_now_ps();
    kernel.stepping = true;
    while (!kernel.stop && kernel_queue_first_ps(&kernel.queue) <= now_ps) {
        struct kernel_event *e = kernel.queue.heap[0];
        kernel_queue_remove(&kernel.queue, e);
        e->fn(e->self);
    }
    kernel.stepping = false;
    set_alarm();
}

static enum kernel_end end_of_run(void)
{
    if (kernel.stop) {
        kernel.stop = 0;
        return KERNEL_STOPPED;
    }
    return kernel_next_event_ps() == KERNEL_NEVER ? KERNEL_STARVED : KERNEL_REACHED;
}

enum kernel_end kernel_run_until(u64 end_ps)
{
    CHECK(!kernel.running, "kernel_run_until inside a run");
    if (!kernel.stop && end_ps > kernel_now_ps()) {
        kernel.limit_ps = end_ps;
        kernel.running = true;
        set_alarm();
        kernel_time_run(end_ps);
        kernel_time_set_alarm(KERNEL_NEVER);
        kernel.running = false;
    }
    return end_of_run();
}

u64 kernel_run_limit_ps(void)
{
    return kernel.limit_ps;
}

void kernel_interrupt(void)
{
    kernel.stop = 1;
}

void kernel_stop(void)
{
    kernel.stop = 1;
    if (kernel.borrower) kernel.borrower->notified(kernel.borrower->self, kernel_now_ps());
}

bool kernel_stop_requested(void)
{
    return kernel.stop;
}
