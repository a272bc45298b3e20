/* clock.h - a clock domain: one kernel event that runs a list of C tick functions and a wheel of messages.
 *
 * Models:       exact cycle times floor(n * 10^12 / f) ps; messages due at a cycle, in order of posting;
 *               ticks in order of registration; sleeping; batching (cycle after cycle without going back to
 *               the kernel); quanta: ticks that allow it run ahead of each other, each for a stretch of cycles, while all allow it.
 * Order in a cycle: messages due now (including those posted for now meanwhile), then the ticks that are
 *                   due, then messages that the ticks posted for now.
 * Not modelled: frequency changes, clock gating energy.
 * Neighbours:   kernel.h; whoever ticks (cores) and whoever posts (caches, interconnect, walkers).
 * Checked by:   tests/unit/test_clock.c, test_clock_batching.c; tests/system: batching on and off give the same bytes.
 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include "models/sim/kernel.h"

#define CLOCK_SLEEP            UINT64_MAX
#define CLOCK_MAX_TICKS        64
#define CLOCK_MAX_BATCH_CYCLES 65536 /* after so many cycles a batch looks at kernel_interrupt() */

struct clock;

/* Does the work of `cycle`. May go on by itself through later cycles while they are below clock->horizon,
 * calling clock_advance() for each; the horizon shrinks as messages are posted. Returns the next cycle at
 * which it has work (greater than the last cycle that it ran), or CLOCK_SLEEP. */
typedef u64 (*tick_fn)(void *self, u64 cycle);

/* A message's arrival. */
typedef void (*message_fn)(void *self, u64 arg);

struct clock {
    /* fixed at elaboration */
    const char *name;
    u64 frequency_hz;
    bool batching;
    u64 quantum; /* cycles; 1: ticks never run ahead of each other */
    unsigned n_ticks;
    struct {
        tick_fn fn;
        void *self;
    } tick[CLOCK_MAX_TICKS];
    struct kernel_event *event;
    struct kernel_borrower borrower;
    /* state */
    u64 cycle;                      /* the cycle that runs now; between two, the last that ran */
    u64 horizon;                    /* first cycle that a tick must not run on its own */
    u64 bound;                      /* first cycle that this batch must not run */
    u64 bound_ps;                   /* the kernel's next business */
    unsigned n_ahead;               /* ticks that may run ahead */
    bool may_run_ahead[CLOCK_MAX_TICKS];
    u64 next_free;                  /* first cycle that has not run yet */
    u64 next_tick;                  /* earliest of the due cycles, as far as ticks have had their turn */
    unsigned turn;                  /* number of ticks that have had their turn in this cycle */
    u64 due_cycle[CLOCK_MAX_TICKS]; /* the earlier of what the tick said and its wake */
    u64 wake_cycle[CLOCK_MAX_TICKS];
    struct clock_wheel *wheel;
    bool running;
};

/* `frequency_hz` in 1 .. 10^12. `name` is not copied. */
void clock_init(struct clock *c, const char *name, u64 frequency_hz, bool batching);
void clock_fini(struct clock *c);

/* Adds a tick function, first due at cycle 0 of the run; returns its index for clock_wake. */
unsigned clock_add_tick(struct clock *c, tick_fn fn, void *self);

/* Makes tick `index` run at `cycle`, whatever it says itself. One wake is remembered until its cycle, the
 * earlier wins. A tick that has had its turn in this cycle is woken for the next. From outside the domain:
 * not before the next cycle boundary. */
void clock_wake(struct clock *c, unsigned index, u64 cycle);

/* While all ticks of the domain (two or more) are allowed it, each runs alone, in its turn, up to the next multiple of `cycles`,
 * the next message, or the kernel's next business; 1: never. clock_now() does not go back when the turn passes on: it is the
 * latest cycle that any of them has reached, and so is what devices are told. A tick's own place is its argument. */
void clock_set_quantum(struct clock *c, u64 cycles);
void clock_allow_ahead(struct clock *c, unsigned index, bool allowed);

static inline bool clock_runs_ahead(const struct clock *c)
{
    return c->quantum > 1 && c->n_ahead == c->n_ticks && c->n_ticks > 1;
}

/* Posts a message that arrives at `cycle` >= clock_now(). From outside the domain: not before the next cycle
 * boundary. Capacity (CLOCK_WHEEL_MESSAGES) is checked by assertion. Costs a few ns up to CLOCK_WHEEL_SLOTS
 * cycles ahead. */
void clock_post(struct clock *c, u64 cycle, message_fn fn, void *self, u64 arg);

/* The cycle that runs now. From outside the domain it is the last one that ran: use
 * clock_ps_to_cycle(kernel_now_ps()). */
static inline u64 clock_now(const struct clock *c)
{
    return c->cycle;
}

/* A tick that runs on by itself tells its cycle. */
static inline void clock_advance(struct clock *c, u64 cycle)
{
    c->cycle = cycle;
}

/* Ends the running tick's licence to run on: the domain re-reads its neighbours before the next cycle. */
static inline void clock_yield(struct clock *c)
{
    c->horizon = c->cycle + 1;
}

/* The time of a cycle's edge in ps, exact: floor(cycle * 10^12 / f); KERNEL_NEVER beyond the end of time. */
u64 clock_cycle_to_ps(const struct clock *c, u64 cycle);
/* The first cycle whose edge is not before `ps`. */
u64 clock_ps_to_cycle(const struct clock *c, u64 ps);

#endif
