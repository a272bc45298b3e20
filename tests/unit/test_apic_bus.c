/* test_apic_bus.c - interprocessor interrupts between four local APICs: destinations, shorthands, lowest priority,
 * INIT and start-up, latency. */
#include "tests/unit/device_bench.h"

#include "models/dev/lapic.h"

#define CPUS       4u
#define LATENCY_PS 50000u

enum { ID = 0x20, TPR = 0x80, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, IRR = 0x200, ICR = 0x300, ICR_HIGH = 0x310 };

#define LOGICAL   0x800u
#define LOWEST    0x100u
#define NMI       0x400u
#define INIT      0x500u
#define STARTUP   0x600u
#define ASSERT    0x4000u
#define LEVEL     0x8000u
#define PENDING   0x1000u
#define TO_SELF   0x40000u
#define TO_ALL    0x80000u
#define TO_OTHERS 0xc0000u

struct cpu {
    struct lapic lapic;
    struct probe intr;
    unsigned nmis, inits, startups;
    u8 startup_vector;
};

static struct fixture {
    struct apic_bus bus;
    struct cpu cpu[CPUS];
} f;

static void on_nmi(void *self) { ((struct cpu *)self)->nmis++; }
static void on_init(void *self) { ((struct cpu *)self)->inits++; }
static void on_startup(void *self, u8 vector)
{
    struct cpu *c = self;
    c->startups++;
    c->startup_vector = vector;
}

static u32 rd(unsigned cpu, u32 offset)
{
    return (u32)lapic_mmio_read(&f.cpu[cpu].lapic, HPA(LAPIC_DEFAULT_BASE + offset), 4);
}

static void wr(unsigned cpu, u32 offset, u32 value)
{
    lapic_mmio_write(&f.cpu[cpu].lapic, HPA(LAPIC_DEFAULT_BASE + offset), value, 4);
}

static void build(u64 latency_ps)
{
    const struct lapic_cfg cfg = {.timer_hz = 100 * MHz, .ipi_latency_ps = latency_ps};
    memset(&f, 0, sizeof f);
    device_bench_init();
    for (unsigned n = 0; n < CPUS; n++) {
        struct cpu *c = &f.cpu[n];
        lapic_init(&c->lapic, &cfg,
                   &(struct lapic_desc){.id = n, .bootstrap = n == 0, .x2apic = true, .bus = &f.bus,
                                        .intr = probe_line(&c->intr), .nmi = on_nmi, .nmi_self = c,
                                        .init = on_init, .startup = on_startup, .startup_self = c});
        wr(n, SVR, 0x1ff);
    }
}

static int setup(void **state)
{
    (void)state;
    build(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    device_bench_fini();
    return 0;
}

static void send(unsigned from, u32 destination, u32 command)
{
    wr(from, ICR_HIGH, destination << 24);
    wr(from, ICR, command);
}

/* A bit for each processor that has an interrupt; takes all of them. */
static unsigned receivers(void)
{
    unsigned set = 0;
    for (unsigned n = 0; n < CPUS; n++) {
        if (!f.cpu[n].intr.level) continue;
        set |= 1u << n;
        lapic_acknowledge(&f.cpu[n].lapic);
        lapic_eoi(&f.cpu[n].lapic);
    }
    return set;
}

static void physical_destinations_reach_one_or_all(void **state)
{
    (void)state;
    send(0, 2, 0x41);
    assert_int_equal(receivers(), 1u << 2);
    send(1, 1, 0x41);
    assert_int_equal(receivers(), 1u << 1);
    send(1, 0xff, 0x41);
    assert_int_equal(receivers(), 15);
    send(1, 9, 0x41);
    assert_int_equal(receivers(), 0);
    assert_int_equal(f.cpu[1].lapic.stats.lost_ipis, 1);
}

static void shorthands_say_who(void **state)
{
    (void)state;
    send(1, 0, TO_SELF | 0x41);
    assert_int_equal(receivers(), 2);
    send(1, 0, TO_ALL | 0x41);
    assert_int_equal(receivers(), 15);
    send(1, 0, TO_OTHERS | 0x41);
    assert_int_equal(receivers(), 13);
}

static void flat_logical_destinations_are_sets(void **state)
{
    (void)state;
    for (unsigned n = 0; n < CPUS; n++) wr(n, LDR, 1u << (24 + n));
    send(0, 0x0a, LOGICAL | 0x41);
    assert_int_equal(receivers(), 0x0a);
    send(0, 0xff, LOGICAL | 0x41);
    assert_int_equal(receivers(), 15);
}

static void cluster_logical_destinations_are_sets_in_a_cluster(void **state)
{
    (void)state;
    for (unsigned n = 0; n < CPUS; n++) {
        wr(n, DFR, 0x0fffffff);
        wr(n, LDR, (n / 2) << 28 | 1u << (24 + n % 2)); /* two clusters of two */
    }
    send(0, 0x03, LOGICAL | 0x41);
    assert_int_equal(receivers(), 3);
    send(0, 0x12, LOGICAL | 0x41);
    assert_int_equal(receivers(), 1u << 3);
    send(0, 0xf1, LOGICAL | 0x41); /* all clusters */
    assert_int_equal(receivers(), 5);
}

static void x2apic_destinations_have_32_bits(void **state)
{
    bool gp;
    (void)state;
    for (unsigned n = 0; n < CPUS; n++) lapic_wrmsr(&f.cpu[n].lapic, 0x1b, LAPIC_DEFAULT_BASE | 0xc00, &gp);
    lapic_wrmsr(&f.cpu[0].lapic, 0x830, 3ull << 32 | 0x41, &gp);
    assert_int_equal(receivers(), 1u << 3);
    lapic_wrmsr(&f.cpu[0].lapic, 0x830, 0xffull << 32 | 0x41, &gp); /* an ID, not a broadcast */
    assert_int_equal(receivers(), 0);
    lapic_wrmsr(&f.cpu[0].lapic, 0x830, 0xffffffffull << 32 | 0x41, &gp);
    assert_int_equal(receivers(), 15);
    lapic_wrmsr(&f.cpu[0].lapic, 0x830, 6ull << 32 | LOGICAL | 0x41, &gp); /* cluster 0, members 1 and 2 */
    assert_int_equal(receivers(), 6);
    lapic_wrmsr(&f.cpu[0].lapic, 0x830, 0x10006ull << 32 | LOGICAL | 0x41, &gp); /* cluster 1 */
    assert_int_equal(receivers(), 0);
}

static void lowest_priority_goes_to_one_processor(void **state)
{
    (void)state;
    for (unsigned n = 0; n < CPUS; n++) wr(n, TPR, 0x30 - n * 0x10);
    send(0, 0xff, LOWEST | 0x41);
    assert_int_equal(receivers(), 1u << 3);
    wr(3, SVR, 0xff); /* software-disabled ones take no part */
    send(0, 0xff, LOWEST | 0x41);
    assert_int_equal(receivers(), 1u << 2);
    for (unsigned n = 0; n < CPUS; n++) wr(n, TPR, 0);
    send(0, 0xff, LOWEST | 0x41);
    assert_int_equal(receivers(), 1u << 0);
}

static void init_startup_and_nmi_reach_the_processor_itself(void **state)
{
    (void)state;
    send(0, 1, INIT | ASSERT);
    send(0, 1, STARTUP | 0x9a);
    send(0, 2, NMI);
    assert_int_equal(f.cpu[1].inits, 1);
    assert_int_equal(f.cpu[1].startups, 1);
    assert_int_equal(f.cpu[1].startup_vector, 0x9a);
    assert_int_equal(f.cpu[2].nmis, 1);
    send(0, 1, INIT | LEVEL); /* de-assert: nothing since the Pentium 4 */
    assert_int_equal(f.cpu[1].inits, 1);
    send(0, 0, TO_OTHERS | INIT | ASSERT);
    assert_int_equal(f.cpu[0].inits, 0);
    assert_int_equal(f.cpu[1].inits + f.cpu[2].inits + f.cpu[3].inits, 4);
}

static void init_resets_the_registers_but_not_the_id(void **state)
{
    (void)state;
    wr(1, TPR, 0x40);
    wr(1, ID, 5u << 24);
    send(0, 5, 0x51);
    lapic_init_signal(&f.cpu[1].lapic);
    assert_int_equal(rd(1, ID), 5u << 24);
    assert_int_equal(rd(1, TPR), 0);
    assert_int_equal(rd(1, SVR), 0xff);
    assert_int_equal(rd(1, IRR + 0x20), 0);
    assert_false(f.cpu[1].intr.level);
}

static void an_ipi_arrives_after_its_latency(void **state)
{
    (void)state;
    device_bench_fini();
    build(LATENCY_PS);
    run_to_ps(1000);
    send(0, 2, 0x41);
    send(1, 0, TO_SELF | 0x42); /* needs no bus */
    assert_int_equal(receivers(), 2);
    assert_int_equal(rd(0, ICR), PENDING | 0x41);
    run_to_ps(1000 + LATENCY_PS - 1);
    assert_int_equal(receivers(), 0);
    run_to_ps(1000 + LATENCY_PS);
    assert_int_equal(receivers(), 4);
    assert_int_equal(rd(0, ICR), 0x41);
}

static void a_second_ipi_pushes_the_first_one_out(void **state)
{
    (void)state;
    device_bench_fini();
    build(LATENCY_PS);
    send(0, 2, 0x41);
    send(0, 3, 0x42);
    assert_int_equal(receivers(), 1u << 2);
    run_to_ps(LATENCY_PS);
    assert_int_equal(receivers(), 1u << 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(physical_destinations_reach_one_or_all),
        TEST(shorthands_say_who),
        TEST(flat_logical_destinations_are_sets),
        TEST(cluster_logical_destinations_are_sets_in_a_cluster),
        TEST(x2apic_destinations_have_32_bits),
        TEST(lowest_priority_goes_to_one_processor),
        TEST(init_startup_and_nmi_reach_the_processor_itself),
        TEST(init_resets_the_registers_but_not_the_id),
        TEST(an_ipi_arrives_after_its_latency),
        TEST(a_second_ipi_pushes_the_first_one_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
