/* pic.c - 8259A command words, priorities and the cascade. */
#include "models/dev/pic.h"

#include "models/sim/check.h"

#define NO_INPUT   8
#define DEFAULT_IR 7
#define CASCADE_IR 2

#define ICW1         0x10
#define ICW1_IC4     0x01
#define ICW1_SNGL    0x02
#define ICW1_LTIM    0x08
#define ICW4_AEOI    0x02
#define ICW4_SFNM    0x10
#define OCW3         0x08
#define OCW3_POLL    0x04
#define OCW3_RR      0x02
#define OCW3_RIS     0x01
#define OCW3_ESMM    0x40
#define OCW3_SMM     0x20
#define POLL_REQUEST 0x80

/* OCW2 bits 7..5: rotate, specific, end of interrupt. */
enum ocw2 {
    OCW2_CLEAR_ROTATE_IN_AUTO_EOI = 0,
    OCW2_EOI = 1,
    OCW2_NOTHING = 2,
    OCW2_SPECIFIC_EOI = 3,
    OCW2_SET_ROTATE_IN_AUTO_EOI = 4,
    OCW2_ROTATE_ON_EOI = 5,
    OCW2_SET_PRIORITY = 6,
    OCW2_ROTATE_ON_SPECIFIC_EOI = 7
};

/* --- one chip --- */

/* The requests; one must last until its acknowledgement. */
static u8 irr(const struct pic_chip *c)
{
    return c->level_triggered ? c->line : c->line & c->edge;
}

/* 0: the highest. NO_INPUT has the lowest of all. */
static unsigned priority(const struct pic_chip *c, unsigned input)
{
    return input == NO_INPUT ? NO_INPUT : (input - c->lowest - 1u) & 7;
}

static unsigned highest(const struct pic_chip *c, u8 inputs)
{
    for (unsigned i = 1; i <= 8; i++)
        if (inputs & BIT((c->lowest + i) & 7)) return (c->lowest + i) & 7;
    return NO_INPUT;
}

/* In special mask mode, masked inputs are out of the reach of priorities and of a non-specific EOI. */
static u8 unmasked_in_service(const struct pic_chip *c)
{
    return c->special_mask ? c->isr & (u8)~c->imr : c->isr;
}

/* The input that asks for the processor, or NO_INPUT. */
static unsigned request(const struct pic_chip *c)
{
    const unsigned wanted = highest(c, irr(c) & (u8)~c->imr);
    u8 in_service = unmasked_in_service(c);

    if (c->special_fully_nested) in_service &= (u8)~c->cascade;
    return priority(c, wanted) < priority(c, highest(c, in_service)) ? wanted : NO_INPUT;
}

static void set_line(struct pic_chip *c, unsigned input, bool level)
{
    const u8 bit = (u8)BIT(input);

    if (level && !(c->line & bit)) c->edge |= bit;
    c->line = level ? c->line | bit : c->line & (u8)~bit;
}

static void acknowledge(struct pic_chip *c, unsigned input)
{
    c->edge &= (u8)~BIT(input);
    if (!c->auto_eoi)
        c->isr |= (u8)BIT(input);
    else if (c->rotate_in_auto_eoi)
        c->lowest = (u8)input;
}

/* --- the pair --- */

static void update(struct pic *p)
{
    set_line(&p->chip[PIC_PRIMARY], CASCADE_IR, request(&p->chip[PIC_SECONDARY]) != NO_INPUT);
    irq_set(&p->intr, request(&p->chip[PIC_PRIMARY]) != NO_INPUT);
}

static unsigned acknowledge_chip(struct pic *p, unsigned chip)
{
    const unsigned input = request(&p->chip[chip]);

    if (input == NO_INPUT) {
        p->stats.spurious++;
        return DEFAULT_IR;
    }
    acknowledge(&p->chip[chip], input);
    return input;
}

u8 pic_acknowledge(void *self)
{
    struct pic *p = self;
    struct pic_chip *primary = &p->chip[PIC_PRIMARY], *secondary = &p->chip[PIC_SECONDARY];
    const bool cascaded = request(primary) == CASCADE_IR;
    const unsigned input = acknowledge_chip(p, PIC_PRIMARY);
    u8 vector = (u8)(primary->vector_base + input);

    p->stats.interrupts++;
    if (cascaded) {
        vector = (u8)(secondary->vector_base + acknowledge_chip(p, PIC_SECONDARY));
        set_line(primary, CASCADE_IR, false); /* INT falls with INTA: the next request is a new edge */
    }
    update(p);
    return vector;
}

static void input_changed(void *self, unsigned input, bool level)
{
    struct pic *p = self;

    set_line(&p->chip[input / 8], input % 8, level);
    update(p);
}

struct irq_line pic_input(struct pic *p, unsigned n)
{
    CHECK(n < PIC_INPUTS && n != CASCADE_IR, "no device may drive input %u", n);
    return (struct irq_line){.changed = input_changed, .self = p, .input = n};
}

/* --- command words --- */

static void write_icw1(struct pic_chip *c, u8 value)
{
    const u8 line = c->line, cascade = c->cascade;

    *c = (struct pic_chip){.line = line, .cascade = cascade, .lowest = 7, .expects = PIC_EXPECTS_ICW2};
    c->needs_icw4 = value & ICW1_IC4;
    c->single = value & ICW1_SNGL;
    c->level_triggered = value & ICW1_LTIM;
}

static enum pic_expects after_icw3(const struct pic_chip *c)
{
    return c->needs_icw4 ? PIC_EXPECTS_ICW4 : PIC_EXPECTS_OCW;
}

/* A write to the odd port: the next initialization word, or the mask. */
static void write_data(struct pic_chip *c, u8 value)
{
    switch (c->expects) {
    case PIC_EXPECTS_ICW2:
        c->vector_base = value & 0xf8;
        c->expects = c->single ? after_icw3(c) : PIC_EXPECTS_ICW3;
        break;
    case PIC_EXPECTS_ICW3: /* the cascade is wired as on every PC */
        c->expects = after_icw3(c);
        break;
    case PIC_EXPECTS_ICW4:
        c->auto_eoi = value & ICW4_AEOI;
        c->special_fully_nested = value & ICW4_SFNM;
        c->expects = PIC_EXPECTS_OCW;
        break;
    default: c->imr = value; break;
    }
}

static void end_of_interrupt(struct pic_chip *c, unsigned input, bool rotate)
{
    if (input == NO_INPUT) return;
    c->isr &= (u8)~BIT(input);
    if (rotate) c->lowest = (u8)input;
}

static void write_ocw2(struct pic_chip *c, u8 value)
{
    const unsigned level = value & 7;
    const u8 in_service = unmasked_in_service(c);

    switch ((enum ocw2)(value >> 5)) {
    case OCW2_CLEAR_ROTATE_IN_AUTO_EOI: c->rotate_in_auto_eoi = false; break;
    case OCW2_SET_ROTATE_IN_AUTO_EOI: c->rotate_in_auto_eoi = true; break;
    case OCW2_EOI: end_of_interrupt(c, highest(c, in_service), false); break;
    case OCW2_ROTATE_ON_EOI: end_of_interrupt(c, highest(c, in_service), true); break;
    case OCW2_SPECIFIC_EOI: end_of_interrupt(c, level, false); break;
    case OCW2_ROTATE_ON_SPECIFIC_EOI: end_of_interrupt(c, level, true); break;
    case OCW2_SET_PRIORITY: c->lowest = (u8)level; break;
    case OCW2_NOTHING: break;
    }
}

static void write_ocw3(struct pic_chip *c, u8 value)
{
    if (value & OCW3_ESMM) c->special_mask = value & OCW3_SMM;
    if (value & OCW3_POLL)
        c->poll = true;
    else if (value & OCW3_RR)
        c->read_isr = value & OCW3_RIS;
}

static void write_command(struct pic_chip *c, u8 value)
{
    if (value & ICW1)
        write_icw1(c, value);
    else if (value & OCW3)
        write_ocw3(c, value);
    else
        write_ocw2(c, value);
}

/* The read behind a poll command is the acknowledgement. */
static u8 read_poll(struct pic_chip *c)
{
    const unsigned input = request(c);

    c->poll = false;
    if (input == NO_INPUT) return 0;
    acknowledge(c, input);
    return (u8)(POLL_REQUEST | input);
}

static u8 read_chip(struct pic_chip *c, bool odd)
{
    if (c->poll) return read_poll(c);
    if (odd) return c->imr;
    return c->read_isr ? c->isr : irr(c);
}

/* --- ports --- */

static struct pic_chip *chip_at(struct pic *p, u16 port)
{
    if ((port & ~1) == PIC_PRIMARY_PORT) return &p->chip[PIC_PRIMARY];
    if ((port & ~1) == PIC_SECONDARY_PORT) return &p->chip[PIC_SECONDARY];
    return NULL;
}

static u8 read8(void *self, u16 port)
{
    struct pic *p = self;
    struct pic_chip *c = chip_at(p, port);
    u8 value;

    if (!c) return PORT_ABSENT;
    value = read_chip(c, port & 1);
    update(p);
    return value;
}

static void write8(void *self, u16 port, u8 value)
{
    struct pic *p = self;
    struct pic_chip *c = chip_at(p, port);

    if (!c) return;
    if (port & 1)
        write_data(c, value);
    else
        write_command(c, value);
    update(p);
}

u32 pic_port_read(void *self, u16 port, unsigned bytes)
{
    return ports_read_bytes(read8, self, port, bytes);
}

void pic_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    ports_write_bytes(write8, self, port, value, bytes);
}

void pic_init(struct pic *p, const struct pic_desc *desc)
{
    *p = (struct pic){.intr = desc->intr};
    for (unsigned i = 0; i < PIC_CHIPS; i++) p->chip[i] = (struct pic_chip){.imr = 0xff, .lowest = 7};
    p->chip[PIC_PRIMARY].cascade = BIT(CASCADE_IR);
}

#define STAT_OF struct pic_stats
static const struct stat_row stat_rows[] = {PIC_STATS(STAT_ROW)};
#undef STAT_OF

void pic_add_stats(const struct pic *p, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &p->stats);
}
