/* exitport.c - port 0xf4. */
#include "models/dev/exitport.h"

void exitport_init(struct exitport *e, const struct exitport_desc *desc)
{
    e->desc = *desc;
}

u32 exitport_port_read(void *self, u16 port, unsigned bytes)
{
    (void)self;
    (void)port;
    return (u32)(BIT(8 * bytes) - 1);
}

/* Wider writes count too: their low byte is the status. */
void exitport_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    struct exitport *e = self;

    (void)port;
    (void)bytes;
    e->desc.exited(e->desc.self, (u8)value);
}
