/* pic.h - the two cascaded 8259A interrupt controllers of a PC (Intel 8259A data sheet).
 *
 * Models:       ICW1-ICW4, OCW1-OCW3; edge and level triggering; fully nested, special fully nested and
 *               special mask mode; specific, non-specific and automatic EOI; rotation; poll; the default IR7
 *               when a request went away.
 * Not modelled: MCS-80/85 vectors (ICW4 bit 0 clear acts as 8086 mode), buffered mode, ELCR, several
 *               secondaries.
 * Neighbours:   pic_input() lines from devices; desc.intr towards the local APIC or the processor, which
 *               calls pic_acknowledge().
 * Checked by:   tests/unit/test_pic.c
 */
#ifndef DEV_PIC_H
#define DEV_PIC_H

#include "models/dev/irq.h"
#include "models/dev/ports.h"
#include "models/sim/stats.h"

#define PIC_PRIMARY_PORT   0x20 /* and 0x21 */
#define PIC_SECONDARY_PORT 0xa0 /* and 0xa1 */
#define PIC_INPUTS         16   /* 0..7 the primary's, 8..15 the secondary's; 2 is the cascade */

#define PIC_STATS(S)                                                      \
    S(interrupts, "acknowledgements, spurious ones included")             \
    S(spurious,   "acknowledgements without a request: the default IR7")

struct pic_stats {
    PIC_STATS(STAT_FIELD)
};

struct pic_desc {
    struct irq_line intr;
};

enum pic_expects { PIC_EXPECTS_OCW, PIC_EXPECTS_ICW2, PIC_EXPECTS_ICW3, PIC_EXPECTS_ICW4 };

struct pic_chip {
    u8 line; /* levels of IR0..IR7 */
    u8 edge; /* edge-sense latches */
    u8 imr, isr;
    u8 vector_base;
    u8 cascade; /* the inputs (one, or none) at which another chip sits */
    u8 lowest;  /* the input of lowest priority */
    u8 expects; /* enum pic_expects */
    bool single, needs_icw4, level_triggered;
    bool auto_eoi, rotate_in_auto_eoi, special_fully_nested, special_mask;
    bool read_isr, poll;
};

enum { PIC_PRIMARY, PIC_SECONDARY, PIC_CHIPS };

struct pic {
    /* wiring */
    struct irq_line intr;
    /* state */
    struct pic_chip chip[PIC_CHIPS];
    /* statistics */
    struct pic_stats stats;
};

/* After init nothing passes: all inputs are masked until the guest programs the chips. */
void pic_init(struct pic *p, const struct pic_desc *desc);

/* The line to input n (0..15, not 2). */
struct irq_line pic_input(struct pic *p, unsigned n);

u32 pic_port_read(void *self, u16 port, unsigned bytes);
void pic_port_write(void *self, u16 port, u32 value, unsigned bytes);

/* The processor's two INTA cycles: the vector. Without a request it is the default IR7's. self is the struct
 * pic. */
u8 pic_acknowledge(void *self);

void pic_add_stats(const struct pic *p, struct stats *reg, const char *prefix);

#endif
