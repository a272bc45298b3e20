/* pit.c - 8254: what each mode's output and count are after t edges, and the registers in front of them. */
#include "models/dev/pit.h"

#define REFRESH_TOGGLE_PS  15085000ull /* one request of the PC's refresh timer */
#define CONTROL_READ_BACK  3           /* counter field of the control word */
#define READ_BACK_NO_COUNT 0x20
#define READ_BACK_NO_STATUS 0x10
#define STATUS_OUT         0x80
#define STATUS_NULL_COUNT  0x40
#define SYSTEM_GATE2       0x01
#define SYSTEM_WRITABLE    0x03
#define SYSTEM_REFRESH     0x10
#define SYSTEM_OUT2        0x20

__extension__ typedef unsigned __int128 u128;

/* --- time --- */

static u64 now_edge(void)
{
    return (u64)((u128)kernel_now_ps() * PIT_HZ / PS_PER_SECOND);
}

/* The first picosecond at which now_edge() is `edge`. */
static u64 edge_to_ps(u64 edge)
{
    return (u64)(((u128)edge * PS_PER_SECOND + PIT_HZ - 1) / PIT_HZ);
}

/* --- modes: t edges after a count n was loaded --- */

static bool out_after_terminal_count(u64 n, u64 t) { return t >= n; }
static bool out_but_last_edge(u64 n, u64 t) { return t % n != n - 1; }
static bool out_first_half(u64 n, u64 t) { return t % n < (n + 1) / 2; }
static bool out_but_strobe(u64 n, u64 t) { return t != n; }

static u64 next_terminal_count(u64 n, u64 t) { return t < n ? n : PIT_NO_EDGE; }
static u64 next_last_or_reload(u64 n, u64 t) { return t % n < n - 1 ? t - t % n + n - 1 : t + 1; }
static u64 next_half(u64 n, u64 t) { return t - t % n + (t % n < (n + 1) / 2 ? (n + 1) / 2 : n); }
static u64 next_strobe(u64 n, u64 t) { return t <= n ? n + (t == n) : PIT_NO_EDGE; }

static u64 count_down(u64 n, u64 t) { return n - t; } /* and on through zero: the caller takes the modulus */
static u64 count_period(u64 n, u64 t) { return n - t % n; }

/* Counts by two, each half anew; an odd count has its bit 0 dropped. */
static u64 count_half(u64 n, u64 t)
{
    const u64 phase = t % n, half = (n + 1) / 2;

    return (n & ~1ull) - 2 * (phase < half ? phase : phase - half);
}

static const struct pit_mode {
    bool (*out)(u64 n, u64 t);
    u64 (*next)(u64 n, u64 t); /* the edge after t at which the output changes */
    u64 (*count)(u64 n, u64 t);
    bool out_before_load;
    bool by_trigger;   /* a rising gate starts it */
    bool is_periodic;  /* reloads itself; a rising gate restarts it, a low one forces the output high */
} modes[] = {
    {out_after_terminal_count, next_terminal_count, count_down, false, false, false},
    {out_after_terminal_count, next_terminal_count, count_down, true, true, false},
    {out_but_last_edge, next_last_or_reload, count_period, true, false, true},
    {out_first_half, next_half, count_half, true, false, true},
    {out_but_strobe, next_strobe, count_down, true, false, false},
    {out_but_strobe, next_strobe, count_down, true, true, false},
};

static const struct pit_mode *mode_of(const struct pit_counter *c)
{
    return &modes[c->mode];
}

/* --- a counter at edge `now` --- */

static u64 elapsed(const struct pit_counter *c, u64 now)
{
    return c->counting ? now - c->load_edge : c->held;
}

/* Loads the written count if its edge has come. */
static void settle(struct pit_counter *c, u64 now)
{
    if (c->next_load_edge == PIT_NO_EDGE || c->next_load_edge > now) return;
    c->n = c->written_n;
    c->load_edge = c->next_load_edge;
    c->next_load_edge = PIT_NO_EDGE;
    c->held = 0;
    c->loaded = true;
    c->counting = c->gate || mode_of(c)->by_trigger;
    c->null_count = false;
}

static bool output(const struct pit_counter *c, u64 now)
{
    if (!c->loaded) return mode_of(c)->out_before_load;
    if (mode_of(c)->is_periodic && !c->gate) return true;
    return mode_of(c)->out(c->n, elapsed(c, now));
}

/* The next edge at which the counter's output may change, or PIT_NO_EDGE. */
static u64 next_change(const struct pit_counter *c, u64 now)
{
    u64 next = c->next_load_edge;

    if (c->loaded && c->counting) {
        const u64 t = mode_of(c)->next(c->n, elapsed(c, now));
        if (t != PIT_NO_EDGE) next = min_u64(next, c->load_edge + t);
    }
    return next;
}

static u16 to_bcd(u64 v)
{
    return (u16)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

static u32 from_bcd(u32 v)
{
    return (v & 15) + 10 * (v >> 4 & 15) + 100 * (v >> 8 & 15) + 1000 * (v >> 12 & 15);
}

static u16 count_of(const struct pit_counter *c, u64 now)
{
    const u64 modulus = c->bcd ? 10000 : 65536;
    u64 count;

    if (!c->loaded) return 0;
    count = mode_of(c)->count(c->n, elapsed(c, now) % (modulus * c->n)) + modulus * modulus * c->n;
    return c->bcd ? to_bcd(count % modulus) : (u16)count;
}

/* --- events --- */

/* Counter 0's output as of now to IRQ0, and an event for its next change. */
static void update_irq(struct pit *p)
{
    struct pit_counter *c = &p->counter[0];
    const u64 now = now_edge();
    const bool before = p->irq.level;
    u64 next;

    settle(c, now);
    irq_set(&p->irq, output(c, now));
    p->stats.ticks += !before && p->irq.level;
    next = next_change(c, now);
    kernel_cancel(p->event);
    if (next != PIT_NO_EDGE) kernel_notify(p->event, edge_to_ps(next) - kernel_now_ps());
}

static void on_edge(void *self)
{
    update_irq(self);
}

/* --- writing --- */

static void write_count(struct pit_counter *c, u32 value, u64 now)
{
    const bool runs = c->loaded && mode_of(c)->is_periodic;

    c->written_n = c->bcd ? from_bcd(value) : value;
    if (c->written_n == 0) c->written_n = c->bcd ? 10000 : 65536;
    c->null_count = true;
    if (mode_of(c)->by_trigger) return;
    if (!runs)
        c->next_load_edge = now + 1;
    else if (c->counting)
        c->next_load_edge = c->load_edge + (elapsed(c, now) / c->n + 1) * c->n;
    if (c->mode == 0) c->loaded = false; /* the output falls with the write */
}

static void write_counter(struct pit_counter *c, u8 value, u64 now)
{
    if (c->access == PIT_LOW) {
        write_count(c, value, now);
    } else if (c->access == PIT_HIGH) {
        write_count(c, (u32)value << 8, now);
    } else if (c->write_high) {
        c->write_high = false;
        write_count(c, (u32)value << 8 | c->low_byte, now);
    } else {
        c->write_high = true;
        c->low_byte = value;
        if (c->mode == 0) c->loaded = false; /* the first byte stops the count */
    }
}

static void latch_count(struct pit_counter *c, u64 now)
{
    if (c->count_latched) return;
    c->count_latched = true;
    c->latched_count = count_of(c, now);
}

static void latch_status(struct pit_counter *c, u64 now)
{
    if (c->status_latched) return;
    c->status_latched = true;
    c->latched_status = (u8)((output(c, now) ? STATUS_OUT : 0) | (c->null_count ? STATUS_NULL_COUNT : 0) |
                             c->access << 4 | c->mode << 1 | c->bcd);
}

static void write_read_back(struct pit *p, u8 value, u64 now)
{
    for (unsigned i = 0; i < PIT_COUNTERS; i++) {
        if (!(value & BIT(i + 1))) continue;
        if (!(value & READ_BACK_NO_COUNT)) latch_count(&p->counter[i], now);
        if (!(value & READ_BACK_NO_STATUS)) latch_status(&p->counter[i], now);
    }
}

static void program(struct pit_counter *c, u8 value)
{
    const u8 mode = value >> 1 & 7;
    const bool gate = c->gate;

    *c = (struct pit_counter){.gate = gate, .null_count = true, .next_load_edge = PIT_NO_EDGE};
    c->mode = mode > 5 ? mode - 4 : mode; /* bit 2 is not looked at in modes 2 and 3 */
    c->access = value >> 4 & 3;
    c->bcd = value & 1;
}

static void write_control(struct pit *p, u8 value, u64 now)
{
    const unsigned i = value >> 6;

    if (i == CONTROL_READ_BACK)
        write_read_back(p, value, now);
    else if ((value >> 4 & 3) == 0)
        latch_count(&p->counter[i], now);
    else
        program(&p->counter[i], value);
}

static void set_gate(struct pit_counter *c, bool gate, u64 now)
{
    const bool rises = gate && !c->gate;
    const bool falls = !gate && c->gate;

    c->gate = gate;
    if (mode_of(c)->by_trigger || mode_of(c)->is_periodic) {
        if (rises && c->written_n) c->next_load_edge = now + 1;
    } else if (rises && c->loaded) {
        c->load_edge = now - c->held;
        c->counting = true;
    }
    if (falls && c->counting && !mode_of(c)->by_trigger) {
        c->held = elapsed(c, now);
        c->counting = false;
    }
}

/* --- reading --- */

static u8 read_counter(struct pit_counter *c, u64 now)
{
    const u16 count = c->count_latched ? c->latched_count : count_of(c, now);
    const bool high = c->access == PIT_HIGH || c->read_high;

    if (c->status_latched) {
        c->status_latched = false;
        return c->latched_status;
    }
    if (c->access == PIT_LOW_HIGH) c->read_high = !c->read_high;
    if (!c->read_high) c->count_latched = false; /* both bytes, or the only one, are read */
    return (u8)(high ? count >> 8 : count);
}

static u8 read_system_port(struct pit *p, u64 now)
{
    const u8 refresh = kernel_now_ps() / REFRESH_TOGGLE_PS & 1 ? SYSTEM_REFRESH : 0;
    const u8 out2 = output(&p->counter[2], now) ? SYSTEM_OUT2 : 0;

    return p->system_port | refresh | out2;
}

/* --- ports --- */

static u64 settle_all(struct pit *p)
{
    const u64 now = now_edge();

    for (unsigned i = 0; i < PIT_COUNTERS; i++) settle(&p->counter[i], now);
    return now;
}

static u8 read8(void *self, u16 port)
{
    struct pit *p = self;
    const u64 now = settle_all(p);

    if (port == PIT_SYSTEM_PORT) return read_system_port(p, now);
    if (port < PIT_PORT || port >= PIT_CONTROL_PORT) return PORT_ABSENT; /* the control word can't be read */
    return read_counter(&p->counter[port - PIT_PORT], now);
}

static void write8(void *self, u16 port, u8 value)
{
    struct pit *p = self;
    const u64 now = settle_all(p);

    if (port == PIT_SYSTEM_PORT) {
        p->system_port = value & SYSTEM_WRITABLE;
        set_gate(&p->counter[2], value & SYSTEM_GATE2, now);
    } else if (port == PIT_CONTROL_PORT) {
        write_control(p, value, now);
    } else if (port >= PIT_PORT && port < PIT_CONTROL_PORT) {
        write_counter(&p->counter[port - PIT_PORT], value, now);
    }
    update_irq(p);
}

u32 pit_port_read(void *self, u16 port, unsigned bytes)
{
    return ports_read_bytes(read8, self, port, bytes);
}

void pit_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    ports_write_bytes(write8, self, port, value, bytes);
}

void pit_init(struct pit *p, const struct pit_desc *desc)
{
    *p = (struct pit){.irq = desc->irq};
    p->event = kernel_event_new("pit", KERNEL_DEVICE, on_edge, p);
    for (unsigned i = 0; i < PIT_COUNTERS; i++) {
        p->counter[i].gate = i != 2;
        program(&p->counter[i], PIT_LOW_HIGH << 4 | 3 << 1); /* mode 3, as firmware leaves it, but no count */
    }
    p->irq.level = true; /* the outputs are high already: no edge */
}

#define STAT_OF struct pit_stats
static const struct stat_row stat_rows[] = {PIT_STATS(STAT_ROW)};
#undef STAT_OF

void pit_add_stats(const struct pit *p, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &p->stats);
}
