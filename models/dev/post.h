/* post.h - port 0x80: the power-on self-test code, a latch that firmware and monitors use as a diagnostic or
 * a delay.
 *
 * Models:       the last byte written, which reads back.
 * Not modelled: the DMA page registers that share the neighbouring ports.
 * Neighbours:   none.
 * Checked by:   tests/unit/test_uart.c
 */
#ifndef DEV_POST_H
#define DEV_POST_H

#include "models/dev/ports.h"

#define POST_PORT 0x80

struct post {
    u8 code;    /* state */
    u64 writes; /* statistics */
};

void post_init(struct post *p);
u32 post_port_read(void *self, u16 port, unsigned bytes);
void post_port_write(void *self, u16 port, u32 value, unsigned bytes);

#endif
