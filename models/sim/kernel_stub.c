/* kernel_stub.c - a keeper of time in plain C for unit tests: time jumps to the next event.
 *
 * Not modelled: VCD traces, foreign activity.
 */
#include "models/sim/kernel_time.h"

static struct {
    u64 now_ps, alarm_ps;
} stub;

void kernel_time_init(void)
{
    stub.now_ps = 0;
    stub.alarm_ps = KERNEL_NEVER;
}

void kernel_time_fini(void) {}

u64 kernel_time_now_ps(void)
{
    return stub.now_ps;
}

void kernel_time_set_alarm(u64 at_ps)
{
    stub.alarm_ps = at_ps;
}

u64 kernel_time_foreign_ps(void)
{
    return KERNEL_NEVER;
}

void kernel_time_run(u64 end_ps)
{
    while (!kernel_stop_requested() && stub.alarm_ps < end_ps) {
        stub.now_ps = stub.alarm_ps;
        kernel_step();
    }
    if (!kernel_stop_requested() && kernel_next_event_ps() != KERNEL_NEVER) stub.now_ps = end_ps;
}

bool kernel_vcd_open(const char *path_without_suffix)
{
    (void)path_without_suffix;
    return false;
}

void kernel_vcd_trace(const char *name, const u64 *variable, unsigned width_bits)
{
    (void)name, (void)variable, (void)width_bits;
}

void kernel_vcd_close(void) {}

bool kernel_vcd_is_open(void)
{
    return false;
}
