/* exitport.h - the port through which a guest ends the simulation with a status.
 *
 * Models:       a byte written to 0xf4 is the status; reads see an empty bus, as with QEMU's isa-debug-exit.
 * Neighbours:   the board hears of it through desc.exited, once per write.
 * Checked by:   tests/unit/test_uart.c
 */
#ifndef DEV_EXITPORT_H
#define DEV_EXITPORT_H

#include "models/dev/ports.h"

#define EXITPORT 0xf4

struct exitport_desc {
    void (*exited)(void *self, u8 status);
    void *self;
};

struct exitport {
    struct exitport_desc desc;
};

void exitport_init(struct exitport *e, const struct exitport_desc *desc);
u32 exitport_port_read(void *self, u16 port, unsigned bytes);
void exitport_port_write(void *self, u16 port, u32 value, unsigned bytes);

#endif
