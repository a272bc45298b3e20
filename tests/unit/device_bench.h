/* device_bench.h - for tests of devices: the stub kernel's time, and a line that remembers what it saw. */
#ifndef TESTS_DEVICE_BENCH_H
#define TESTS_DEVICE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "models/dev/irq.h"
#include "models/sim/kernel.h"

/* The far end of an interrupt line. */
struct probe {
    bool level;
    unsigned rises;
    u64 rise_ps; /* the last one */
};

static inline void probe_changed(void *self, unsigned input, bool level)
{
    struct probe *p = self;

    (void)input;
    p->level = level;
    if (!level) return;
    p->rises++;
    p->rise_ps = kernel_now_ps();
}

static inline struct irq_line probe_line(struct probe *p)
{
    return (struct irq_line){.changed = probe_changed, .self = p};
}

static struct kernel_event *device_bench_alarm;

static inline void device_bench_stop(void *self)
{
    (void)self;
    kernel_stop();
}

static inline void device_bench_init(void)
{
    kernel_init();
}

/* Runs everything up to `ps`, that very time included. */
static inline void run_to_ps(u64 ps)
{
    if (!device_bench_alarm)
        device_bench_alarm = kernel_event_new("test", KERNEL_CLOCK, device_bench_stop, NULL);
    kernel_notify(device_bench_alarm, ps - kernel_now_ps());
    kernel_run_until(KERNEL_NEVER);
    assert_int_equal(kernel_now_ps(), ps);
}

static inline void device_bench_fini(void)
{
    device_bench_alarm = NULL;
    kernel_fini();
}

#endif
