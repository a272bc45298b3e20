#include "models/board/bus.h"

/* --- which device answers where --- */

struct port_range {
    u16 first, last;
    u32 (*read)(void *self, u16 port, unsigned bytes);
    void (*write)(void *self, u16 port, u32 value, unsigned bytes);
    size_t device; /* offset in struct pc */
};

#define DEVICE(first, last, name) {first, last, name##_port_read, name##_port_write, offsetof(struct pc, name)}
static const struct port_range ports[] = {
    DEVICE(UART_COM1, UART_COM1 + 7, uart),
    DEVICE(0x20, 0x21, pic),
    DEVICE(0xa0, 0xa1, pic),
    DEVICE(0x40, 0x43, pit),
    DEVICE(0x61, 0x61, pit),
    DEVICE(0x80, 0x80, post),
    DEVICE(0xf4, 0xf4, exitport),
};

static const struct port_range *find_port(u16 port)
{
    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        if (port >= ports[i].first && port <= ports[i].last) return &ports[i];
    return NULL;
}

/* The board as a processor's instruction meets it: at the cycle of that very instruction. */
static struct pc *arrive(struct processor *p)
{
    core_sync_clock(&p->core);
    return p->pc;
}

static struct lapic *lapic_of(struct processor *p) { return &p->lapic; }

static u32 all_ones(unsigned bytes) { return bytes >= 4 ? UINT32_MAX : (1u << (8 * bytes)) - 1; }

static void trace_access(struct pc *pc, const char *what, u64 at, u64 value, unsigned bytes)
{
    if (trace_on(pc->trace, TRACE_dev))
        trace_line(pc->trace, TRACE_dev, clock_now(&pc->clock), "bus", "%s 0x%llx, %u bytes: 0x%llx", what, (unsigned long long)at, bytes,
                   (unsigned long long)value);
}

static u32 bus_port_read(void *self, u16 port, unsigned bytes)
{
    struct pc *pc = arrive(self);
    const struct port_range *r = find_port(port);
    u32 value = r ? r->read((char *)pc + r->device, port, bytes) : all_ones(bytes);
    pc->stats.empty_port_reads += r == NULL;
    trace_access(pc, "in", port, value, bytes);
    return value;
}

static void bus_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    struct pc *pc = arrive(self);
    const struct port_range *r = find_port(port);
    trace_access(pc, "out", port, value, bytes);
    if (r)
        r->write((char *)pc + r->device, port, value, bytes);
    else
        pc->stats.empty_port_writes++;
}

static void note_empty_mmio(struct pc *pc, hpa_t at)
{
    if (pc->first_empty_mmio == PC_UNMAPPED_NONE) pc->first_empty_mmio = at.v;
}

static u64 bus_mmio_read(void *self, hpa_t at, unsigned bytes)
{
    struct pc *pc = arrive(self);
    struct lapic *lapic = lapic_of(self);
    if (lapic_decodes(lapic, at)) {
        u64 value = lapic_mmio_read(lapic, at, bytes);
        trace_access(pc, "load", at.v, value, bytes);
        return value;
    }
    if (ioapic_decodes(at)) {
        u64 value = ioapic_mmio_read(&pc->ioapic, at, bytes);
        trace_access(pc, "load", at.v, value, bytes);
        return value;
    }
    note_empty_mmio(pc, at);
    pc->stats.empty_mmio_reads++;
    return bytes >= 8 ? UINT64_MAX : BIT(8 * bytes) - 1;
}

static void bus_mmio_write(void *self, hpa_t at, u64 value, unsigned bytes)
{
    struct pc *pc = arrive(self);
    struct lapic *lapic = lapic_of(self);
    trace_access(pc, "store", at.v, value, bytes);
    if (lapic_decodes(lapic, at)) {
        lapic_mmio_write(lapic, at, value, bytes);
        return;
    }
    if (ioapic_decodes(at)) {
        ioapic_mmio_write(&pc->ioapic, at, value, bytes);
        return;
    }
    note_empty_mmio(pc, at);
    pc->stats.empty_mmio_writes++;
}

/* --- what else instructions reach --- */

static int bus_interrupt_acknowledge(void *self, struct hart *h)
{
    (void)h;
    arrive(self);
    return lapic_acknowledge(lapic_of(self));
}

static bool bus_apic_rdmsr(void *self, struct hart *h, u32 msr, u64 *value, bool *gp)
{
    (void)h;
    arrive(self);
    return lapic_rdmsr(lapic_of(self), msr, value, gp);
}

static bool bus_apic_wrmsr(void *self, struct hart *h, u32 msr, u64 value, bool *gp)
{
    (void)h;
    arrive(self);
    return lapic_wrmsr(lapic_of(self), msr, value, gp);
}

static u64 bus_get_cr8(void *self, struct hart *h)
{
    (void)h;
    return lapic_get_cr8(lapic_of(self));
}

static void bus_set_cr8(void *self, struct hart *h, u64 value)
{
    (void)h;
    arrive(self);
    lapic_set_cr8(lapic_of(self), value);
}

static bool bus_init_signal(void *self, struct hart *h)
{
    struct processor *p = self;
    (void)h;
    arrive(self);
    lapic_init_signal(&p->lapic);
    return p->lapic.desc.bootstrap;
}

static void bus_tsc_changed(void *self, struct hart *h)
{
    (void)h;
    arrive(self);
    lapic_tsc_changed(lapic_of(self));
}

static void bus_apic_eoi(void *self, struct hart *h)
{
    (void)h;
    arrive(self);
    lapic_eoi(lapic_of(self));
}

static void bus_apic_send(void *self, struct hart *h, u8 vector, u32 destination)
{
    (void)h;
    arrive(self);
    lapic_send_fixed(lapic_of(self), vector, destination);
}

static bool bus_apic_in_x2apic_mode(void *self, struct hart *h)
{
    (void)h;
    return lapic_in_x2apic_mode(lapic_of(self));
}

static u64 bus_read_tsc(void *self, struct hart *h)
{
    (void)h;
    return clock_now(&arrive(self)->clock);
}

static void bus_wake(void *self, struct hart *h)
{
    struct processor *p = self;
    (void)h;
    core_wake(&p->core);
}

static void bus_marker(void *self, struct hart *h, u32 payload)
{
    (void)h;
    struct pc *pc = arrive(self);
    pc->hooks.marker(pc->hooks.self, payload);
}

const struct bus_ops pc_bus_ops = {
    .port_read = bus_port_read,
    .port_write = bus_port_write,
    .mmio_read = bus_mmio_read,
    .mmio_write = bus_mmio_write,
    .interrupt_acknowledge = bus_interrupt_acknowledge,
    .apic_rdmsr = bus_apic_rdmsr,
    .apic_wrmsr = bus_apic_wrmsr,
    .get_cr8 = bus_get_cr8,
    .set_cr8 = bus_set_cr8,
    .init_signal = bus_init_signal,
    .tsc_changed = bus_tsc_changed,
    .apic_eoi = bus_apic_eoi,
    .apic_send = bus_apic_send,
    .apic_in_x2apic_mode = bus_apic_in_x2apic_mode,
    .read_tsc = bus_read_tsc,
    .wake = bus_wake,
    .marker = bus_marker,
};
