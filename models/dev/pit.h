/* pit.h - the 8254 programmable interval timer of a PC (Intel 8254 data sheet) and port 0x61.
 *
 * Models:       three counters at 1.193182 MHz, modes 0-5, binary and BCD, all access modes, counter latch,
 *               read-back, null count, gates; counter 0 drives IRQ0, counter 2 is gated by and seen through
 *               port 0x61.
 * Not modelled: the speaker's sound; counter 1's output (port 0x61 bit 4 toggles by time); a count written in
 *               mode 3 while it runs takes effect at the end of the period, not of the half period.
 * Time:         a count is a function of kernel_now_ps(); only edges of counter 0's output are kernel events.
 *               A count is loaded at the first edge of the PIT's clock after it was written.
 * Neighbours:   desc.irq (IRQ0); kernel.h.
 * Checked by:   tests/unit/test_pit.c
 */
#ifndef DEV_PIT_H
#define DEV_PIT_H

#include "models/dev/irq.h"
#include "models/dev/ports.h"
#include "models/sim/kernel.h"
#include "models/sim/stats.h"

#define PIT_HZ           1193182
#define PIT_PORT         0x40 /* counters 0..2, then the control word */
#define PIT_CONTROL_PORT 0x43
#define PIT_SYSTEM_PORT  0x61 /* system control port B */
#define PIT_COUNTERS     3

#define PIT_STATS(S)                                  \
    S(ticks, "rising edges of counter 0's output")

struct pit_stats {
    PIT_STATS(STAT_FIELD)
};

struct pit_desc {
    struct irq_line irq;
};

enum pit_access { PIT_LOW = 1, PIT_HIGH = 2, PIT_LOW_HIGH = 3 };

#define PIT_NO_EDGE UINT64_MAX

/* All times are in edges of the PIT's clock since time 0. */
struct pit_counter {
    u8 mode;   /* 0..5 */
    u8 access; /* enum pit_access */
    bool bcd;
    bool gate;
    bool loaded;        /* a count was loaded since the control word */
    bool counting;      /* loaded and not held by its gate */
    bool null_count;    /* control word or count written, count not yet loaded */
    u32 n;              /* 1..65536, of the running count */
    u32 written_n;      /* the last count written; 0: none since the control word */
    u64 load_edge;      /* edge at which n was loaded, moved on by the time that the gate held it */
    u64 held;           /* edges counted when the gate closed */
    u64 next_load_edge; /* edge at which written_n is loaded, PIT_NO_EDGE: none is due */
    bool write_high, read_high; /* the second byte of two is due */
    u8 low_byte;        /* of a write in two bytes */
    bool count_latched, status_latched;
    u16 latched_count;
    u8 latched_status;
};

struct pit {
    /* wiring */
    struct irq_line irq;
    struct kernel_event *event;
    /* state */
    struct pit_counter counter[PIT_COUNTERS];
    u8 system_port; /* the two writable bits: gate 2, speaker data */
    /* statistics */
    struct pit_stats stats;
};

/* Counters are silent with their outputs high until they are programmed. Needs the kernel. */
void pit_init(struct pit *p, const struct pit_desc *desc);

/* Ports 0x40-0x43 and 0x61. */
u32 pit_port_read(void *self, u16 port, unsigned bytes);
void pit_port_write(void *self, u16 port, u32 value, unsigned bytes);

void pit_add_stats(const struct pit *p, struct stats *reg, const char *prefix);

#endif
