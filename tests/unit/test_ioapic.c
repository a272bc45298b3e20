/* test_ioapic.c - the I/O APIC in front of two local APICs: triggering, masks, remote IRR and EOI, destinations. */
#include "tests/unit/device_bench.h"

#include "models/dev/ioapic.h"
#include "models/dev/lapic.h"

#define MASKED     0x10000ull
#define LEVEL      0x8000ull
#define REMOTE_IRR 0x4000ull
#define LOW_ACTIVE 0x2000ull
#define LOGICAL    0x800ull
#define LOWEST     0x100ull
#define NMI        0x400ull
#define TO(id)     ((u64)(id) << 56)

static struct fixture {
    struct apic_bus bus;
    struct ioapic io;
    struct lapic lapic[2];
    struct probe intr[2];
    struct irq_line line[IOAPIC_INPUTS];
    unsigned nmis;
} f;

static void on_nmi(void *self) { ((struct fixture *)self)->nmis++; }

static int setup(void **state)
{
    const struct lapic_cfg cfg = {.timer_hz = 100 * MHz};
    (void)state;
    memset(&f, 0, sizeof f);
    device_bench_init();
    for (u32 n = 0; n < 2; n++) {
        lapic_init(&f.lapic[n], &cfg,
                   &(struct lapic_desc){.id = n, .bus = &f.bus, .intr = probe_line(&f.intr[n]), .nmi = on_nmi, .nmi_self = &f});
        lapic_mmio_write(&f.lapic[n], HPA(LAPIC_DEFAULT_BASE + 0xf0), 0x1ff, 4);
        lapic_mmio_write(&f.lapic[n], HPA(LAPIC_DEFAULT_BASE + 0xd0), 1u << (24 + n), 4);
    }
    ioapic_init(&f.io, 7, &f.bus);
    apic_bus_attach_ioapic(&f.bus, &f.io);
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) f.line[n] = ioapic_input(&f.io, n);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    device_bench_fini();
    return 0;
}

static u32 rd(u32 index)
{
    ioapic_mmio_write(&f.io, HPA(IOAPIC_BASE), index, 4);
    return (u32)ioapic_mmio_read(&f.io, HPA(IOAPIC_BASE + 0x10), 4);
}

static void wr(u32 index, u32 value)
{
    ioapic_mmio_write(&f.io, HPA(IOAPIC_BASE), index, 4);
    ioapic_mmio_write(&f.io, HPA(IOAPIC_BASE + 0x10), value, 4);
}

static void route(unsigned n, u64 entry)
{
    wr(0x11 + 2 * n, (u32)(entry >> 32));
    wr(0x10 + 2 * n, (u32)entry);
}

static u64 entry(unsigned n)
{
    return (u64)rd(0x11 + 2 * n) << 32 | rd(0x10 + 2 * n);
}

/* Takes and ends what processor n has; -1: nothing. */
static int take(unsigned n)
{
    int vector = lapic_acknowledge(&f.lapic[n]);
    if (vector >= 0) lapic_eoi(&f.lapic[n]);
    return vector;
}

static void registers_are_the_data_sheets(void **state)
{
    (void)state;
    assert_int_equal(rd(0), 7u << 24);
    assert_int_equal(rd(1), 0x00170020);
    assert_int_equal(entry(23), MASKED);
    wr(0, 3u << 24);
    assert_int_equal(rd(2), 3u << 24);
    route(5, ~0ull);
    assert_int_equal(entry(5), 0xff0000000001afff); /* status and remote IRR are read-only */
    assert_int_equal(rd(0x40), 0);
    assert_int_equal(ioapic_mmio_read(&f.io, HPA(IOAPIC_BASE + 0x10), 1), 0);
}

static void an_edge_is_sent_once(void **state)
{
    (void)state;
    route(4, TO(1) | 0x44);
    irq_set(&f.line[4], true);
    assert_int_equal(take(1), 0x44);
    assert_int_equal(take(1), -1);
    assert_int_equal(take(0), -1);
    irq_set(&f.line[4], false);
    irq_set(&f.line[4], true);
    assert_int_equal(take(1), 0x44);
}

static void a_masked_edge_is_lost(void **state)
{
    (void)state;
    route(4, MASKED | 0x44);
    irq_set(&f.line[4], true);
    route(4, 0x44);
    assert_int_equal(take(0), -1);
}

static void a_level_is_sent_again_after_its_eoi(void **state)
{
    (void)state;
    route(9, LEVEL | 0x49);
    irq_set(&f.line[9], true);
    assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x49);
    assert_int_equal(lapic_acknowledge(&f.lapic[0]), 0x49);
    assert_int_equal(lapic_acknowledge(&f.lapic[0]), -1);
    lapic_eoi(&f.lapic[0]);
    assert_int_equal(lapic_acknowledge(&f.lapic[0]), 0x49);
    irq_set(&f.line[9], false);
    assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x49);
    lapic_eoi(&f.lapic[0]);
    assert_int_equal(entry(9), LEVEL | 0x49);
    assert_int_equal(take(0), -1);
    assert_int_equal(f.io.stats.eois, 2);
}

static void a_masked_level_is_sent_when_it_is_unmasked(void **state)
{
    (void)state;
    route(9, MASKED | LEVEL | 0x49);
    irq_set(&f.line[9], true);
    assert_int_equal(take(0), -1);
    route(9, LEVEL | 0x49);
    assert_int_equal(lapic_acknowledge(&f.lapic[0]), 0x49);
}

static void low_active_inputs_are_the_other_way_round(void **state)
{
    (void)state;
    irq_set(&f.line[9], true);
    route(9, LEVEL | LOW_ACTIVE | 0x49);
    assert_int_equal(take(0), -1);
    irq_set(&f.line[9], false);
    assert_int_equal(lapic_acknowledge(&f.lapic[0]), 0x49);
}

static void suppressed_broadcasts_leave_the_eoi_to_software(void **state)
{
    (void)state;
    lapic_mmio_write(&f.lapic[0], HPA(LAPIC_DEFAULT_BASE + 0xf0), 0x11ff, 4);
    route(9, LEVEL | 0x49);
    irq_set(&f.line[9], true);
    assert_int_equal(take(0), 0x49);
    assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x49);
    irq_set(&f.line[9], false);
    ioapic_mmio_write(&f.io, HPA(IOAPIC_BASE + 0x40), 0x49, 4);
    assert_int_equal(entry(9), LEVEL | 0x49);
}

static void becoming_edge_triggered_forgets_the_remote_irr(void **state)
{
    (void)state;
    route(9, LEVEL | 0x49);
    irq_set(&f.line[9], true);
    route(9, 0x49);
    assert_int_equal(entry(9), 0x49);
}

static void destinations_and_delivery_modes_are_the_bus_ones(void **state)
{
    (void)state;
    route(1, TO(0xff) | 0x41); /* physical broadcast */
    irq_set(&f.line[1], true);
    assert_int_equal(take(0), 0x41);
    assert_int_equal(take(1), 0x41);
    route(2, TO(2) | LOGICAL | LOWEST | 0x42);
    irq_set(&f.line[2], true);
    assert_int_equal(take(0), -1);
    assert_int_equal(take(1), 0x42);
    route(3, NMI);
    irq_set(&f.line[3], true);
    assert_int_equal(f.nmis, 1);
    route(4, TO(9) | 0x44);
    irq_set(&f.line[4], true);
    assert_int_equal(f.io.stats.lost, 1);
    assert_int_equal(f.io.stats.messages, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(registers_are_the_data_sheets),
        TEST(an_edge_is_sent_once),
        TEST(a_masked_edge_is_lost),
        TEST(a_level_is_sent_again_after_its_eoi),
        TEST(a_masked_level_is_sent_when_it_is_unmasked),
        TEST(low_active_inputs_are_the_other_way_round),
        TEST(suppressed_broadcasts_leave_the_eoi_to_software),
        TEST(becoming_edge_triggered_forgets_the_remote_irr),
        TEST(destinations_and_delivery_modes_are_the_bus_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
