#include "models/dev/ioapic.h"
#include "models/sim/check.h"

/* "Memory Mapped Registers for Accessing IOAPIC Registers", and the EOI register of version 0x20. */
enum { REG_SELECT = 0x00, REG_WINDOW = 0x10, REG_EOI = 0x40 };
/* "IOAPIC Registers" */
enum { INDEX_ID = 0x00, INDEX_VERSION = 0x01, INDEX_ARBITRATION = 0x02, INDEX_TABLE = 0x10 };

#define VERSION (0x20u | (IOAPIC_INPUTS - 1) << 16)

/* "IOREDTBL[23:0] - I/O Redirection Table Registers" */
#define ENTRY_LOGICAL    BIT(11)
#define ENTRY_STATUS     BIT(12)
#define ENTRY_LOW_ACTIVE BIT(13)
#define ENTRY_REMOTE_IRR BIT(14)
#define ENTRY_LEVEL      BIT(15)
#define ENTRY_MASKED     BIT(16)
#define ENTRY_WRITABLE   (0xff0000000001ffffull & ~(ENTRY_STATUS | ENTRY_REMOTE_IRR))

static u32 entry_destination(u64 entry)
{
    u32 destination = (u32)(entry >> 56);
    return destination == 0xff && !(entry & ENTRY_LOGICAL) ? APIC_BROADCAST : destination;
}

static void send(struct ioapic *io, unsigned n)
{
    u64 entry = io->entry[n];
    struct apic_message m = {.destination = entry_destination(entry),
                             .logical = entry & ENTRY_LOGICAL,
                             .delivery = (u8)bits(entry, 10, 8),
                             .vector = (u8)entry,
                             .level = entry & ENTRY_LEVEL};
    io->stats.messages++;
    if (!apic_bus_deliver(io->bus, NULL, &m)) io->stats.lost++;
}

static bool is_asserted(const struct ioapic *io, unsigned n)
{
    return (bool)(io->level >> n & 1) != (bool)(io->entry[n] & ENTRY_LOW_ACTIVE);
}

/* A level is sent once until its end: the remote IRR. */
static void look_at_level(struct ioapic *io, unsigned n)
{
    u64 entry = io->entry[n];
    if (!(entry & ENTRY_LEVEL) || entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR) || !is_asserted(io, n)) return;
    io->entry[n] |= ENTRY_REMOTE_IRR;
    send(io, n);
}

static void input_changed(void *self, unsigned n, bool level)
{
    struct ioapic *io = self;
    bool was = is_asserted(io, n);
    io->level = (io->level & ~(1u << n)) | (u32)level << n;
    bool rises = !was && is_asserted(io, n);
    if (rises && !(io->entry[n] & (ENTRY_LEVEL | ENTRY_MASKED))) send(io, n);
    look_at_level(io, n);
}

struct irq_line ioapic_input(struct ioapic *io, unsigned n)
{
    CHECK(n < IOAPIC_INPUTS, "the I/O APIC has no input %u", n);
    return (struct irq_line){.changed = input_changed, .self = io, .input = n};
}

void ioapic_end_of_interrupt(struct ioapic *io, u8 vector)
{
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        if (!(io->entry[n] & ENTRY_REMOTE_IRR) || (u8)io->entry[n] != vector) continue;
        io->entry[n] &= ~ENTRY_REMOTE_IRR;
        io->stats.eois++;
        look_at_level(io, n);
    }
}

/* --- registers --- */

static u32 read_index(const struct ioapic *io, unsigned index)
{
    unsigned n = (index - INDEX_TABLE) / 2;
    if (index >= INDEX_TABLE && n < IOAPIC_INPUTS) return (u32)(io->entry[n] >> (index & 1 ? 32 : 0));
    switch (index) {
    case INDEX_ID:
    case INDEX_ARBITRATION:
        return (u32)io->id << 24;
    case INDEX_VERSION:
        return VERSION;
    default:
        return 0;
    }
}

/* An entry that becomes edge-triggered forgets its remote IRR. */
static void write_entry(struct ioapic *io, unsigned n, bool high, u32 value)
{
    u64 old = io->entry[n], half = high ? 0xffffffff00000000ull : 0xffffffffull;
    u64 wanted = (old & ~half) | (high ? (u64)value << 32 : value);
    io->entry[n] = (wanted & ENTRY_WRITABLE) | (old & ENTRY_REMOTE_IRR);
    if (!(io->entry[n] & ENTRY_LEVEL)) io->entry[n] &= ~ENTRY_REMOTE_IRR;
    look_at_level(io, n);
}

static void write_index(struct ioapic *io, unsigned index, u32 value)
{
    unsigned n = (index - INDEX_TABLE) / 2;
    if (index == INDEX_ID)
        io->id = value >> 24 & 0xf;
    else if (index >= INDEX_TABLE && n < IOAPIC_INPUTS)
        write_entry(io, n, index & 1, value);
}

static bool is_register_access(hpa_t at, unsigned bytes)
{
    return bytes == 4 && at.v % 16 == 0;
}

u64 ioapic_mmio_read(struct ioapic *io, hpa_t at, unsigned bytes)
{
    if (!is_register_access(at, bytes)) return 0;
    switch (at.v % IOAPIC_BYTES) {
    case REG_SELECT:
        return io->select;
    case REG_WINDOW:
        return read_index(io, io->select);
    default:
        return 0;
    }
}

void ioapic_mmio_write(struct ioapic *io, hpa_t at, u64 value, unsigned bytes)
{
    if (!is_register_access(at, bytes)) return;
    switch (at.v % IOAPIC_BYTES) {
    case REG_SELECT:
        io->select = (u8)value;
        break;
    case REG_WINDOW:
        write_index(io, io->select, (u32)value);
        break;
    case REG_EOI:
        ioapic_end_of_interrupt(io, (u8)value);
        break;
    default:
        break;
    }
}

/* --- building --- */

void ioapic_init(struct ioapic *io, u8 id, struct apic_bus *bus)
{
    *io = (struct ioapic){.bus = bus, .id = id};
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) io->entry[n] = ENTRY_MASKED;
}

#define STAT_OF struct ioapic_stats
static const struct stat_row stat_rows[] = {IOAPIC_STATS(STAT_ROW)};
#undef STAT_OF

void ioapic_add_stats(const struct ioapic *io, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &io->stats);
}
