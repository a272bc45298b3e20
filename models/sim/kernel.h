/* kernel.h - the whole C view of the discrete-event kernel.
 *
 * Models:       events with a callback, integer picoseconds, run/stop, VCD traces of C variables.
 * Behind it:    kernel.c, and as the keeper of time kernel_systemc.cpp (the program: SystemC 2.3.4) or
 *               kernel_stub.c (unit tests). Both order events in kernel_queue.c, so equal times have one
 *               order: by rank, then by age of the event.
 * Not modelled: delta cycles; an event notified for "now" runs in this time step, after those of lower
 *               rank.
 * Checked by:   tests/unit/test_kernel.c, built twice: on the stub and on SystemC.
 *
 * One simulation at a time per process; time starts at 0 after kernel_init. Nothing here throws or jumps;
 * errors of use are assertions.
 */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include "models/sim/types.h"

#define KERNEL_NEVER UINT64_MAX

typedef void (*kernel_fn)(void *self);

/* What runs first when several events fall on the same picosecond. */
enum kernel_rank { KERNEL_DEVICE, KERNEL_CLOCK };

/* REACHED: the time limit; STARVED: nothing is pending any more, and time stays at the last event. */
enum kernel_end { KERNEL_REACHED, KERNEL_STOPPED, KERNEL_STARVED };

struct kernel_event;

void kernel_init(void);
/* Frees every event. kernel_init may follow. */
void kernel_fini(void);

/* A named event whose callback runs in kernel context. Lives until kernel_fini. `name` is not copied. */
struct kernel_event *kernel_event_new(const char *name, enum kernel_rank rank, kernel_fn fn, void *self);

/* Asks for the callback delay_ps after kernel_now_ps(). One notification is pending at most; the earlier
 * wins. */
void kernel_notify(struct kernel_event *e, u64 delay_ps);
/* Takes the notification back, if there is one: the callback will not run. */
void kernel_cancel(struct kernel_event *e);
bool kernel_event_pending(const struct kernel_event *e);

/* Simulated time in ps: inside a batch of a clock domain, the domain's own time. */
u64 kernel_now_ps(void);

/* Absolute time of the earliest pending event (foreign SystemC activity included), KERNEL_NEVER if there is
 * none. */
u64 kernel_next_event_ps(void);

/* Runs all events before the absolute time `end_ps` (KERNEL_NEVER: no limit) until kernel_stop() or nothing
 * is pending. Events at `end_ps` itself wait for the next call: runs may be repeated and join without seam.
 */
enum kernel_end kernel_run_until(u64 end_ps);

/* The time limit of the current kernel_run_until. */
u64 kernel_run_limit_ps(void);

/* Ends kernel_run_until after the current callback (and after the current cycle of a batch). Asked for
 * between two runs, it ends the next one at once. */
void kernel_stop(void);
/* The same for a signal handler: a batch notices it within CLOCK_MAX_BATCH_CYCLES. */
void kernel_interrupt(void);
bool kernel_stop_requested(void);

/* A clock domain that runs cycle after cycle inside one callback lends the kernel its clock: now_ps answers
 * kernel_now_ps(), and notified() hears of every notification made meanwhile (absolute ps), and of
 * kernel_stop() as of a notification for now. NULL ends the loan; time does not fall back behind what the
 * borrower had reached. */
struct kernel_borrower {
    u64 (*now_ps)(void *self);
    void (*notified)(void *self, u64 at_ps);
    void *self;
};
void kernel_borrow_time(const struct kernel_borrower *b);

/* VCD trace through SystemC: open, name the variables, run. While one is open clock domains do not batch.
 * Returns false if the file can't be made (the stub can't make any). `variable` must outlive the trace; names
 * may hold dots. */
bool kernel_vcd_open(const char *path_without_suffix);
void kernel_vcd_trace(const char *name, const u64 *variable, unsigned width_bits);
void kernel_vcd_close(void);
bool kernel_vcd_is_open(void);

#endif
