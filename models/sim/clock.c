#include "models/sim/clock.h"

#include "models/sim/clock_wheel.h"

__extension__ typedef unsigned __int128 u128;

u64 clock_cycle_to_ps(const struct clock *c, u64 cycle)
{
    u128 ps = (u128)cycle * PS_PER_SECOND / c->frequency_hz;
    return ps < KERNEL_NEVER ? (u64)ps : KERNEL_NEVER;
}

/* floor(n * 10^12 / f) >= ps holds from n = ceil(ps * f / 10^12) on. */
u64 clock_ps_to_cycle(const struct clock *c, u64 ps)
{
    u128 cycle = ((u128)ps * c->frequency_hz + (PS_PER_SECOND - 1)) / PS_PER_SECOND;
    return cycle < CLOCK_SLEEP ? (u64)cycle : CLOCK_SLEEP;
}

/* --- running cycles --- */

static void deliver_messages(struct clock *c)
{
    struct wheel_message m;
    while (wheel_take(c->wheel, c->cycle, &m)) m.fn(m.self, m.arg);
    c->wheel->next = wheel_find_next(c->wheel, c->cycle + 1);
}

/* Tick i may run on until its wake or until somebody else has work: a message, another tick, or what bounds
 * the batch. */
static u64 horizon_of(const struct clock *c, unsigned i)
{
    u64 soonest = c->cycle + 1;
    u64 horizon = min_u64(min_u64(c->bound, c->wake_cycle[i]), min_u64(c->next_tick, c->wheel->next));
    for (unsigned j = i + 1; j < c->n_ticks && horizon > soonest; j++)
        horizon = min_u64(horizon, c->due_cycle[j]);
    return max_u64(horizon, soonest);
}

static void run_exactly(struct clock *c, unsigned i)
{
    if (c->wake_cycle[i] <= c->cycle) c->wake_cycle[i] = CLOCK_SLEEP;
    c->horizon = horizon_of(c, i);
    u64 next = c->tick[i].fn(c->tick[i].self, c->cycle);
    CHECK(c->cycle < c->horizon, "%s: tick %u ran on beyond its horizon", c->name, i);
    CHECK(next > c->cycle, "%s: tick %u says that its next cycle is a past one", c->name, i);
    c->due_cycle[i] = min_u64(next, c->wake_cycle[i]);
}

/* When the kernel has something to do: its next event, or the end of the run. */
static u64 business_ps(void)
{
    return min_u64(kernel_next_event_ps(), kernel_run_limit_ps());
}

static u64 cycle_of_business(const struct clock *c, u64 ps)
{
    return ps == KERNEL_NEVER ? CLOCK_SLEEP : clock_ps_to_cycle(c, ps);
}

/* From its own cycle, which others may have left behind, to the end of the quantum. The kernel's business is asked for anew: an event
 * may have been cancelled since the batch began, and turns must not depend on batches. */
static void run_ahead(struct clock *c, unsigned i)
{
    u64 from = c->due_cycle[i];
    if (c->wake_cycle[i] <= c->cycle) c->wake_cycle[i] = CLOCK_SLEEP;
    u64 business = max_u64(cycle_of_business(c, business_ps()), c->cycle + 1);
    u64 end = min_u64(business, min_u64(c->wheel->next, c->wake_cycle[i]));
    c->horizon = max_u64(from + 1, min_u64(end, from - from % c->quantum + c->quantum));
    u64 next = c->tick[i].fn(c->tick[i].self, from);
    CHECK(next > from, "%s: tick %u does not go on from its cycle", c->name, i);
    c->due_cycle[i] = min_u64(next, c->wake_cycle[i]);
}

static void run_tick(struct clock *c, unsigned i)
{
    if (UNLIKELY(clock_runs_ahead(c)))
        run_ahead(c, i);
    else
        run_exactly(c, i);
}

static void run_ticks(struct clock *c)
{
    c->next_tick = CLOCK_SLEEP;
    for (unsigned i = 0; i < c->n_ticks; i++) {
        c->turn = i + 1;
        if (c->due_cycle[i] <= c->cycle) run_tick(c, i);
        if (c->due_cycle[i] < c->next_tick) c->next_tick = c->due_cycle[i];
    }
}

static void run_cycle(struct clock *c, u64 cycle)
{
    c->cycle = max_u64(c->cycle, cycle);
    c->turn = 0;
    wheel_set_base(c->wheel, c->cycle);
    if (c->wheel->next <= c->cycle) deliver_messages(c);
    run_ticks(c);
    if (c->wheel->next <= c->cycle) deliver_messages(c);
}

static u64 next_work(const struct clock *c)
{
    return min_u64(c->next_tick, c->wheel->next);
}

/* --- batches --- */

static u64 borrowed_now_ps(void *self)
{
    struct clock *c = self;
    return clock_cycle_to_ps(c, c->cycle);
}

/* The kernel has something to do at `at_ps`: cycles from then on are not for this batch. */
static void on_notified(void *self, u64 at_ps)
{
    struct clock *c = self;
    if (at_ps >= c->bound_ps) return;
    u64 business = max_u64(clock_ps_to_cycle(c, at_ps), c->cycle + 1);
    c->bound_ps = at_ps;
    c->bound = min_u64(c->bound, business);
    c->horizon = min_u64(c->horizon, business);
}

static void set_bound(struct clock *c, u64 first_cycle)
{
    bool batching = c->batching && !kernel_vcd_is_open();
    c->bound_ps = business_ps();
    c->bound = min_u64(cycle_of_business(c, c->bound_ps), first_cycle + (batching ? CLOCK_MAX_BATCH_CYCLES : 1));
}

/* The cycle of a tick that others have left behind is now. */
static void set_alarm(struct clock *c, u64 cycle)
{
    u64 now_ps = kernel_now_ps();
    if (cycle != CLOCK_SLEEP) kernel_notify(c->event, max_u64(clock_cycle_to_ps(c, cycle), now_ps) - now_ps);
}

/* The kernel event's callback: runs the due cycle, and those after it that nobody else can notice. */
static void run_batch(void *self)
{
    struct clock *c = self;
    u64 cycle = next_work(c);
    c->running = true;
    set_bound(c, cycle);
    c->cycle = max_u64(c->cycle, cycle);
    kernel_borrow_time(&c->borrower);
    do {
        run_cycle(c, cycle);
        cycle = next_work(c);
    } while (cycle < c->bound && !kernel_stop_requested());
    kernel_borrow_time(NULL);
    c->next_free = c->cycle + 1;
    c->running = false;
    set_alarm(c, cycle);
}

/* --- wiring and neighbours --- */

void clock_init(struct clock *c, const char *name, u64 frequency_hz, bool batching)
{
    CHECK(frequency_hz >= 1 && frequency_hz <= PS_PER_SECOND, "%s: no clock of 0 Hz or above 1 THz", name);
    *c = (struct clock){
        .name = name, .frequency_hz = frequency_hz, .batching = batching, .quantum = 1, .next_tick = CLOCK_SLEEP};
    c->event = kernel_event_new(name, KERNEL_CLOCK, run_batch, c);
    c->borrower = (struct kernel_borrower){.now_ps = borrowed_now_ps, .notified = on_notified, .self = c};
    c->wheel = wheel_new();
}

void clock_fini(struct clock *c)
{
    kernel_cancel(c->event);
    wheel_free(c->wheel);
    c->wheel = NULL;
}

/* Who calls from outside the domain reaches the first edge that is not past and has not run. */
static u64 reachable_from_outside(const struct clock *c, u64 cycle)
{
    return max_u64(cycle, max_u64(c->next_free, clock_ps_to_cycle(c, kernel_now_ps())));
}

static void make_due(struct clock *c, unsigned index, u64 cycle)
{
    c->wake_cycle[index] = min_u64(c->wake_cycle[index], cycle);
    c->due_cycle[index] = min_u64(c->due_cycle[index], cycle);
    if (index < c->turn || !c->running) c->next_tick = min_u64(c->next_tick, cycle);
}

void clock_wake(struct clock *c, unsigned index, u64 cycle)
{
    CHECK(index < c->n_ticks, "%s has no tick %u", c->name, index);
    if (c->running) {
        make_due(c, index, max_u64(cycle, index < c->turn ? c->cycle + 1 : c->cycle));
        c->horizon = min_u64(c->horizon, max_u64(cycle, c->cycle + 1));
    } else {
        make_due(c, index, reachable_from_outside(c, cycle));
        set_alarm(c, c->due_cycle[index]);
    }
}

unsigned clock_add_tick(struct clock *c, tick_fn fn, void *self)
{
    CHECK(c->n_ticks < CLOCK_MAX_TICKS, "%s: more than %d ticks", c->name, CLOCK_MAX_TICKS);
    unsigned index = c->n_ticks++;
    c->tick[index].fn = fn;
    c->tick[index].self = self;
    c->due_cycle[index] = c->wake_cycle[index] = CLOCK_SLEEP;
    clock_wake(c, index, 0);
    return index;
}

void clock_set_quantum(struct clock *c, u64 cycles)
{
    CHECK(cycles > 0, "%s: a quantum of no cycles", c->name);
    c->quantum = cycles;
}

void clock_allow_ahead(struct clock *c, unsigned index, bool allowed)
{
    CHECK(index < c->n_ticks, "%s has no tick %u", c->name, index);
    c->n_ahead = c->n_ahead - c->may_run_ahead[index] + allowed;
    c->may_run_ahead[index] = allowed;
    clock_yield(c);
}

/* Beyond the window as it stands. A tick that has run on left the window behind: it catches up, since nothing
 * is due before the cycle of a tick that runs on. */
static void post_beyond_window(struct clock *c, u64 cycle, const struct wheel_message *m)
{
    if (c->running) wheel_set_base(c->wheel, c->cycle);
    if (cycle - c->wheel->base < CLOCK_WHEEL_SLOTS)
        wheel_post_near(c->wheel, cycle, m);
    else
        wheel_post_far(c->wheel, cycle, m);
}

static void post(struct clock *c, u64 cycle, const struct wheel_message *m)
{
    if (LIKELY(cycle - c->wheel->base < CLOCK_WHEEL_SLOTS))
        wheel_post_near(c->wheel, cycle, m);
    else
        post_beyond_window(c, cycle, m);
}

void clock_post(struct clock *c, u64 cycle, message_fn fn, void *self, u64 arg)
{
    const struct wheel_message m = {.fn = fn, .self = self, .arg = arg};
    if (LIKELY(c->running)) {
        CHECK(cycle >= c->cycle, "%s: a message into the past", c->name);
        post(c, cycle, &m);
        if (cycle < c->horizon) c->horizon = max_u64(cycle, c->cycle + 1);
    } else {
        cycle = reachable_from_outside(c, cycle);
        post(c, cycle, &m);
        set_alarm(c, cycle);
    }
}
