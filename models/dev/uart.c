/* uart.c - registers and interrupts of a 16550. Names are the data sheet's. */
#include "models/dev/uart.h"

enum { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

#define IER_ERBFI 0x01 /* received data available */
#define IER_ETBEI 0x02 /* transmitter holding register empty */
#define IER_ELSI  0x04 /* receiver line status */
#define IER_EDSSI 0x08 /* modem status */

#define IIR_NONE    0x01
#define IIR_MODEM   0x00
#define IIR_THRE    0x02
#define IIR_DATA    0x04
#define IIR_LINE    0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS   0xc0

#define FCR_ENABLE        0x01
#define FCR_RESET_RECEIVE 0x02
#define FCR_KEPT          0xc9

#define LCR_DLAB 0x80

#define MCR_DTR  0x01
#define MCR_RTS  0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DR     0x01
#define LSR_OE     0x02
#define LSR_THRE   0x20
#define LSR_TEMT   0x40
#define LSR_ERRORS 0x1e

#define MSR_DELTAS 0x0f
#define MSR_TERI   0x04
#define MSR_CTS    0x10
#define MSR_DSR    0x20
#define MSR_RI     0x40
#define MSR_DCD    0x80

static bool fifos_on(const struct uart *u)
{
    return u->fcr & FCR_ENABLE;
}

/* --- interrupts --- */

static u8 trigger_level(const struct uart *u)
{
    static const u8 level[] = {1, 4, 8, 14};

    return fifos_on(u) ? level[u->fcr >> 6] : 1;
}

/* The cause of highest priority, as IIR shows it. */
static u8 pending_cause(const struct uart *u)
{
    if ((u->ier & IER_ELSI) && (u->lsr & LSR_ERRORS)) return IIR_LINE;
    if ((u->ier & IER_ERBFI) && u->fifo_length >= trigger_level(u)) return IIR_DATA;
    if ((u->ier & IER_ERBFI) && u->fifo_length) return IIR_TIMEOUT;
    if ((u->ier & IER_ETBEI) && u->thre_pending) return IIR_THRE;
    if ((u->ier & IER_EDSSI) && (u->msr & MSR_DELTAS)) return IIR_MODEM;
    return IIR_NONE;
}

/* On a PC, OUT2 connects the interrupt pin to the bus; in loopback the pin is cut off. */
static void update_irq(struct uart *u)
{
    const bool gate = (u->mcr & MCR_OUT2) && !(u->mcr & MCR_LOOP);

    irq_set(&u->desc.irq, gate && pending_cause(u) != IIR_NONE);
}

/* --- data --- */

static bool push(struct uart *u, u8 byte)
{
    const unsigned room = fifos_on(u) ? UART_FIFO_BYTES : 1;

    if (u->fifo_length == room) {
        u->lsr |= LSR_OE;
        u->stats.overruns++;
        return false;
    }
    u->fifo[(u->fifo_head + u->fifo_length++) % UART_FIFO_BYTES] = byte;
    u->lsr |= LSR_DR;
    return true;
}

static u8 pop(struct uart *u)
{
    const u8 byte = u->fifo[u->fifo_head];

    if (u->fifo_length == 0) return 0;
    u->fifo_head = (u8)((u->fifo_head + 1) % UART_FIFO_BYTES);
    u->fifo_length--;
    if (u->fifo_length == 0) u->lsr &= (u8)~LSR_DR;
    return byte;
}

static void clear_receiver(struct uart *u)
{
    u->fifo_length = 0;
    u->lsr &= (u8)~LSR_DR;
}

static void transmit(struct uart *u, u8 byte)
{
    u->thre_pending = true; /* it has left already */
    if (u->mcr & MCR_LOOP) {
        push(u, byte);
        return;
    }
    u->stats.bytes_out++;
    if (u->desc.sink) u->desc.sink(u->desc.sink_self, byte);
}

/* --- modem lines --- */

static u8 modem_lines(const struct uart *u)
{
    if (!(u->mcr & MCR_LOOP)) return MSR_CTS | MSR_DSR | MSR_DCD; /* a peer that is always ready */
    return (u8)((u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
                (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

/* Delta bits sit four below their lines; ring's tells only of a trailing edge. */
static void update_modem_lines(struct uart *u)
{
    const u8 lines = modem_lines(u), old = u->msr & (u8)~MSR_DELTAS;
    u8 deltas = (u8)((lines ^ old) >> 4);

    if (lines & MSR_RI) deltas &= (u8)~MSR_TERI;
    u->msr = (u8)(lines | (u->msr & MSR_DELTAS) | deltas);
}

/* --- registers --- */

static u8 read_iir(struct uart *u)
{
    const u8 cause = pending_cause(u);

    if (cause == IIR_THRE) u->thre_pending = false;
    return cause | (fifos_on(u) ? IIR_FIFOS : 0);
}

static u8 read_lsr(struct uart *u)
{
    const u8 value = u->lsr;

    u->lsr &= (u8)~LSR_ERRORS;
    return value;
}

static u8 read_msr(struct uart *u)
{
    const u8 value = u->msr;

    u->msr &= (u8)~MSR_DELTAS;
    return value;
}

static u8 read_register(struct uart *u, unsigned reg)
{
    const bool dlab = u->lcr & LCR_DLAB;

    switch (reg) {
    case RBR_THR: return dlab ? (u8)u->divisor : pop(u);
    case IER: return dlab ? (u8)(u->divisor >> 8) : u->ier;
    case IIR_FCR: return read_iir(u);
    case LCR: return u->lcr;
    case MCR: return u->mcr;
    case LSR: return read_lsr(u);
    case MSR: return read_msr(u);
    default: return u->scr;
    }
}

static void write_ier(struct uart *u, u8 value)
{
    if ((value & IER_ETBEI) && !(u->ier & IER_ETBEI)) u->thre_pending = true; /* the transmitter is empty */
    u->ier = value & 0x0f;
}

static void write_fcr(struct uart *u, u8 value)
{
    const bool switched = (value ^ u->fcr) & FCR_ENABLE;

    if (switched || (value & FCR_RESET_RECEIVE)) clear_receiver(u);
    u->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
}

static void write_divisor(struct uart *u, unsigned shift, u8 value)
{
    u->divisor = (u16)((u->divisor & ~(0xff << shift)) | (value << shift));
}

static void write_register(struct uart *u, unsigned reg, u8 value)
{
    const bool dlab = u->lcr & LCR_DLAB;

    switch (reg) {
    case RBR_THR:
        if (dlab)
            write_divisor(u, 0, value);
        else
            transmit(u, value);
        break;
    case IER:
        if (dlab)
            write_divisor(u, 8, value);
        else
            write_ier(u, value);
        break;
    case IIR_FCR: write_fcr(u, value); break;
    case LCR: u->lcr = value; break;
    case MCR: u->mcr = value & MCR_MASK; break;
    case SCR: u->scr = value; break;
    default: break; /* LSR and MSR are read-only */
    }
}

static u8 read8(void *self, u16 port)
{
    struct uart *u = self;
    u8 value;

    if ((u16)(port - u->desc.base) > SCR) return PORT_ABSENT;
    value = read_register(u, port - u->desc.base);
    update_irq(u);
    return value;
}

static void write8(void *self, u16 port, u8 value)
{
    struct uart *u = self;

    if ((u16)(port - u->desc.base) > SCR) return;
    write_register(u, port - u->desc.base, value);
    update_modem_lines(u);
    update_irq(u);
}

u32 uart_port_read(void *self, u16 port, unsigned bytes)
{
    return ports_read_bytes(read8, self, port, bytes);
}

void uart_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    ports_write_bytes(write8, self, port, value, bytes);
}

bool uart_receive(struct uart *u, u8 byte)
{
    const bool taken = !(u->mcr & MCR_LOOP) && push(u, byte); /* loopback disconnects the line */

    u->stats.bytes_in += taken;
    update_irq(u);
    return taken;
}

void uart_reset(struct uart *u)
{
    u->ier = u->fcr = u->lcr = u->mcr = u->scr = 0;
    u->divisor = 12; /* 9600 baud, as firmware leaves it; the data sheet leaves it open */
    u->thre_pending = false;
    clear_receiver(u);
    u->lsr = LSR_THRE | LSR_TEMT;
    u->msr = modem_lines(u);
    update_irq(u);
}

void uart_init(struct uart *u, const struct uart_desc *desc)
{
    *u = (struct uart){.desc = *desc};
    uart_reset(u);
}

#define STAT_OF struct uart_stats
static const struct stat_row stat_rows[] = {UART_STATS(STAT_ROW)};
#undef STAT_OF

void uart_add_stats(const struct uart *u, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &u->stats);
}
