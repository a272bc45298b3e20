/* uart.h - a 16550 UART (National Semiconductor PC16550D data sheet) as COM1 of a PC.
 *
 * Models:       all registers; 16-byte receive FIFO with trigger levels; interrupts for line status, received
 *               data, character timeout, transmitter empty and modem status, in that order; loopback; OUT2 as
 *               the gate of the IRQ line.
 * Not modelled: time: a character leaves the moment it is written, so the transmitter is always empty, and a
 *               character timeout is reported at once instead of after four characters; parity, framing and
 *               break errors; DMA modes.
 * Neighbours:   desc.sink gets what the guest sends; uart_receive() is what it receives; desc.irq (IRQ4).
 * Checked by:   tests/unit/test_uart.c
 */
#ifndef DEV_UART_H
#define DEV_UART_H

#include "models/dev/irq.h"
#include "models/dev/ports.h"
#include "models/sim/stats.h"

#define UART_COM1       0x3f8
#define UART_FIFO_BYTES 16

#define UART_STATS(S)                                   \
    S(bytes_out, "characters that the guest sent")      \
    S(bytes_in,  "characters put into the receiver")    \
    S(overruns,  "received characters that were lost")

struct uart_stats {
    UART_STATS(STAT_FIELD)
};

struct uart_desc {
    u16 base;                            /* first of eight ports */
    void (*sink)(void *self, u8 byte);   /* NULL: nobody listens */
    void *sink_self;
    struct irq_line irq;
};

struct uart {
    /* wiring */
    struct uart_desc desc;
    /* state */
    u8 ier, fcr, lcr, mcr, lsr, msr, scr;
    u16 divisor;
    bool thre_pending; /* the transmitter-empty interrupt is not yet acknowledged */
    u8 fifo[UART_FIFO_BYTES];
    u8 fifo_head, fifo_length;
    /* statistics */
    struct uart_stats stats;
};

void uart_init(struct uart *u, const struct uart_desc *desc);
/* The master reset pin (MR); statistics stay. */
void uart_reset(struct uart *u);

u32 uart_port_read(void *self, u16 port, unsigned bytes);
void uart_port_write(void *self, u16 port, u32 value, unsigned bytes);

/* A character arrives on the line. false: there was no room, it is lost and the guest sees an overrun. */
bool uart_receive(struct uart *u, u8 byte);

void uart_add_stats(const struct uart *u, struct stats *reg, const char *prefix);

#endif
