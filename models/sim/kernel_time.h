/* kernel_time.h - what kernel.c asks of the keeper of time, and what it offers to it.
 *
 * Two keepers: kernel_systemc.cpp and kernel_stub.c; the linker chooses. Neither orders events: at a time
 * that kernel_time_set_alarm named they call kernel_step().
 */
#ifndef SIM_KERNEL_TIME_H
#define SIM_KERNEL_TIME_H

#include "models/sim/kernel.h"

/* Offered by a keeper of time. */
void kernel_time_init(void); /* time becomes 0 */
void kernel_time_fini(void);
u64 kernel_time_now_ps(void);
/* Asks for kernel_step() at `at_ps`, which is not in the past, instead of any time asked for before;
 * KERNEL_NEVER: not at all. */
void kernel_time_set_alarm(u64 at_ps);
/* Earliest activity that is not kernel.c's, KERNEL_NEVER if there is none. */
u64 kernel_time_foreign_ps(void);
/* Lets time pass until kernel_stop_requested(), until nothing is pending, or to `end_ps`, and says nothing of
 * which. */
void kernel_time_run(u64 end_ps);

/* Offered by kernel.c: runs all events due now and sets the next alarm. */
void kernel_step(void);

#endif
