/* irq.h - the wires between interrupt sources and controllers: a line has a level, and somebody at its end
 * who hears of changes.
 *
 * Models:       one output pin; setting the level that it has already is silent.
 * A device holds its outputs as struct irq_line; the board connects them:
 *   uart.irq -> pic_input(&pic, 4)    pit.irq -> pic_input(&pic, 0)    pic.intr -> lapic_lint0(&lapic)   
 *   lapic.intr -> irq_to_hart(h)
 * Neighbours:   every device; isa/hart.h for the processor's INTR pin.
 * Checked by:   tests/unit/test_pic.c, test_lapic.c
 */
#ifndef DEV_IRQ_H
#define DEV_IRQ_H

#include "isa/hart.h"

typedef void (*irq_fn)(void *self, unsigned input, bool level);

struct irq_line {
    /* wiring */
    irq_fn changed; /* NULL: the pin is open */
    void *self;
    unsigned input; /* which input of `self` */
    /* state */
    bool level;
};

static inline void irq_set(struct irq_line *line, bool level)
{
    if (line->level == level) return;
    line->level = level;
    if (line->changed) line->changed(line->self, line->input, level);
}

/* The INTR pin of a hart. */
struct irq_line irq_to_hart(struct hart *h);

#endif
