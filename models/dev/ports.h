/* ports.h - byte-wide devices on the I/O bus: wider accesses are split into bytes at rising addresses, as the
 * ISA bus does.
 *
 * Neighbours:   every device with ports.
 * Checked by:   tests/unit/test_uart.c
 */
#ifndef DEV_PORTS_H
#define DEV_PORTS_H

#include "models/sim/types.h"

typedef u8 (*port_read8_fn)(void *self, u16 port);
typedef void (*port_write8_fn)(void *self, u16 port, u8 value);

static inline u32 ports_read_bytes(port_read8_fn read, void *self, u16 port, unsigned bytes)
{
    u32 value = 0;

    for (unsigned i = 0; i < bytes; i++) value |= (u32)read(self, (u16)(port + i)) << (8 * i);
    return value;
}

static inline void ports_write_bytes(port_write8_fn write, void *self, u16 port, u32 value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) write(self, (u16)(port + i), (u8)(value >> (8 * i)));
}

#define PORT_ABSENT 0xff /* what an empty bus reads as */

#endif
