/* irq.c - the last wire: into the processor. */
#include "models/dev/irq.h"

static void set_intr(void *self, unsigned input, bool level)
{
    (void)input;
    hart_set_intr(self, level);
}

struct irq_line irq_to_hart(struct hart *h)
{
    return (struct irq_line){.changed = set_intr, .self = h};
}
