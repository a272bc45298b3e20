/* lapic.h - the local APIC of one processor (SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)").
 *
 * Models:       the registers of lapic_registers.def in xAPIC and x2APIC mode; IA32_APIC_BASE with the legal
 *               changes of mode; interrupt command register: fixed, lowest priority, NMI, INIT and start-up to
 *               physical (8 and 32 bits) and logical (flat, cluster, x2APIC) destinations and shorthands;
 *               self IPI; EOI broadcasts and their suppression; local vector table: timer (one-shot, periodic,
 *               TSC deadline), thermal and performance entries, LINT0 and LINT1 (fixed, NMI, INIT, ExtINT),
 *               error; ESR.
 * Not modelled: SMI, the CMCI entry, arbitration between processors' messages (APR and RRD read as of one that
 *               is alone). A second IPI while the first is under way: the first arrives at once.
 * Time:         the timer's count is a function of kernel_now_ps(); expiries are kernel events, the k-th at
 *               ceil(k * count * divide / timer_hz) after the start, without drift. An IPI arrives
 *               ipi_latency_ps after the write of the ICR; one to itself by shorthand at once.
 * Neighbours:   the PIC drives lapic_lint0(); desc.intr, nmi, init and startup lead to the processor;
 *               desc.extint answers ExtINT acknowledgements; desc.bus carries messages from and to others.
 *               Globally disabled, the APIC is a wire from LINT0 to INTR (SDM: "Enabling or Disabling the
 *               Local APIC").
 * Files:        lapic.c priorities and acceptance, lapic_registers.c, lapic_msr.c, lapic_ipi.c, lapic_timer.c
 * Checked by:   tests/unit/test_lapic.c, test_x2apic.c, test_apic_bus.c
 */
#ifndef DEV_LAPIC_H
#define DEV_LAPIC_H

#include "models/dev/apic_bus.h"
#include "models/dev/irq.h"
#include "models/sim/kernel.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

#define LAPIC_DEFAULT_BASE 0xfee00000ull
#define LAPIC_BYTES        4096

/* clang-format off */
#define LAPIC_PARAMS(P) \
    P(u64, timer_hz, 25 * MHz, RANGE(1000, 10000000000ull), "input clock of the timer, before its divider") \
    P(u64, ipi_latency_ps, 0, RANGE(0, 1000000000), "from the write of an ICR to the arrival at other processors")

#define LAPIC_STATS(S)                                                       \
    S(interrupts,      "vectors given to the processor, ExtINT not counted") \
    S(extints,         "acknowledgements passed to the PIC")                 \
    S(timer_expiries,  "timer expiries, masked ones included")               \
    S(self_ipis,       "interrupts sent to itself: shorthand or self-IPI register") \
    S(ipis,            "interrupts sent by the ICR in other ways")           \
    S(lost_ipis,       "of them, those whose destination is nobody")         \
    S(unmodelled_ipis, "ICR writes whose delivery mode is not modelled or reserved")

/* Local vector table entries in order of their registers. */
#define LAPIC_LVT(L)      \
    L(TIMER,       0x320) \
    L(THERMAL,     0x330) \
    L(PERFORMANCE, 0x340) \
    L(LINT0,       0x350) \
    L(LINT1,       0x360) \
    L(ERROR,       0x370)
/* clang-format on */

struct lapic_cfg {
    LAPIC_PARAMS(PARAM_FIELD)
};

extern const struct param lapic_params[];
extern const size_t lapic_params_count;

struct lapic_stats {
    LAPIC_STATS(STAT_FIELD)
};

enum lapic_lvt {
#define LAPIC_LVT_ENUM(name, offset) LVT_##name,
    LAPIC_LVT(LAPIC_LVT_ENUM) LVT_COUNT
};

struct lapic_desc {
    u32 id;
    bool bootstrap;                  /* the BSP flag of IA32_APIC_BASE */
    bool x2apic;                     /* the processor has that mode */
    struct apic_bus *bus;            /* NULL: it is alone */
    struct irq_line intr;
    void (*nmi)(void *self);         /* NULL: nowhere; likewise the next two */
    void *nmi_self;
    void (*init)(void *self);
    void (*startup)(void *self, u8 vector);
    void *startup_self;              /* of both */
    u8 (*extint)(void *self);        /* acknowledges the PIC; NULL: there is none */
    void *extint_self;
    u64 (*read_tsc)(void *self);     /* for the deadline mode; NULL: the mode never expires */
    void *tsc_self;
    u64 tsc_hz;
    const char *ipi_name, *timer_name; /* of its kernel events */
};

/* 256 vectors, one bit each, in the layout of ISR, TMR and IRR. */
struct lapic_vectors {
    u32 word[8];
};

struct lapic {
    /* fixed at elaboration */
    u64 timer_hz, ipi_latency_ps;
    /* wiring */
    struct lapic_desc desc;
    struct kernel_event *timer, *ipi;
    /* state */
    u64 base; /* IA32_APIC_BASE */
    u32 id, tpr, ldr, dfr, svr, esr;
    u32 icr_low, icr_high;      /* x2APIC mode: the two halves of the ICR */
    struct apic_message sent;   /* while `ipi` is pending */
    u32 pending_errors; /* ESR bits that the next write to ESR shows */
    u32 lvt[LVT_COUNT];
    struct lapic_vectors isr, tmr, irr;
    bool lint[2]; /* levels */
    u32 divide;   /* the register */
    u32 initial_count;
    u64 timer_start_ps; /* of the running count; the k-th period ends k * count later */
    u64 timer_expiries; /* since the start */
    bool timer_runs;
    u64 tsc_deadline;
    /* statistics */
    struct lapic_stats stats;
};

/* State as after a power-up reset. Needs the kernel. */
void lapic_init(struct lapic *l, const struct lapic_cfg *cfg, const struct lapic_desc *desc);
void lapic_reset(struct lapic *l);

/* An INIT: as a reset, but ID, IA32_APIC_BASE and with it the mode stay (SDM Vol. 3A, "Local APIC State After It
 * Has Been Reset by an INIT", "x2APIC After INIT"). */
void lapic_init_signal(struct lapic *l);

/* What firmware leaves to a boot loader: software-enabled, LINT0 ExtINT, LINT1 NMI ("virtual wire mode"). */
void lapic_set_virtual_wire(struct lapic *l);

/* The input to which the PIC's INTR is connected. */
struct irq_line lapic_lint0(struct lapic *l);
struct irq_line lapic_lint1(struct lapic *l);

/* Whether a rise of LINT0 becomes an NMI now. */
bool lapic_makes_nmi_of_lint0(const struct lapic *l);

/* True if the register page is mapped and `at` lies in it. */
bool lapic_decodes(const struct lapic *l, hpa_t at);

/* Registers are read and written as aligned doublewords; wider or unaligned accesses have undefined results
 * in the manual and read 0 and write nothing here. */
u64 lapic_mmio_read(struct lapic *l, hpa_t at, unsigned bytes);
void lapic_mmio_write(struct lapic *l, hpa_t at, u64 value, unsigned bytes);

/* IA32_APIC_BASE, IA32_TSC_DEADLINE and 0x800-0x8ff. false: another MSR. *gp: the access faults. */
bool lapic_rdmsr(struct lapic *l, u32 msr, u64 *value, bool *gp);
bool lapic_wrmsr(struct lapic *l, u32 msr, u64 value, bool *gp);

/* The time-stamp counter was written, or IA32_TSC_ADJUST: a deadline is at another time. */
void lapic_tsc_changed(struct lapic *l);

/* What posted-interrupt processing and IPI virtualization do without a register's access: the EOI of the
 * highest vector in service; a fixed IPI to one physical destination. */
void lapic_eoi(struct lapic *l);
void lapic_send_fixed(struct lapic *l, u8 vector, u32 destination);
bool lapic_in_x2apic_mode(const struct lapic *l);

/* A source of the processor itself: LVT_THERMAL, LVT_PERFORMANCE, whose entry is masked by it. */
void lapic_raise_local(struct lapic *l, enum lapic_lvt which);

/* --- for the bus --- */

bool lapic_matches(const struct lapic *l, const struct apic_message *m); /* is it the message's destination? */
bool lapic_arbitrates(const struct lapic *l);                            /* takes part in lowest priority */
u32 lapic_priority(const struct lapic *l);                               /* of the processor: PPR */
void lapic_accept(struct lapic *l, const struct apic_message *m);

/* --- for the processor --- */

/* CR8 is TPR bits 7:4; value 0..15. */
u64 lapic_get_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, u64 value);

/* The processor takes the pending interrupt: its vector, or -1 if it went away. */
int lapic_acknowledge(struct lapic *l);

void lapic_add_stats(const struct lapic *l, struct stats *reg, const char *prefix);

#endif
