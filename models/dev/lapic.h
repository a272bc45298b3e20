/* lapic.h - the local APIC of one processor in xAPIC mode (SDM Vol. 3A, "Advanced Programmable Interrupt
 * Controller (APIC)").
 *
 * Models:       ID, version, TPR, PPR, EOI, LDR, DFR, SVR, ISR/TMR/IRR, ESR, ICR (fixed and NMI to itself),
 *               LVT timer (one-shot, periodic, TSC deadline), LINT0 and LINT1 (fixed, NMI, ExtINT), LVT
 *               error; IA32_APIC_BASE with the global disable.
 * Not modelled: x2APIC, IPIs to other processors (INIT, SIPI included), SMI, lowest-priority arbitration, the
 *               thermal and performance LVT entries' sources, level-triggered EOI broadcasts.
 * Time:         the timer's count is a function of kernel_now_ps(); expiries are kernel events, the k-th at
 *               ceil(k * count * divide / timer_hz) after the start, without drift.
 * Neighbours:   the PIC drives lapic_lint0(); desc.intr and desc.nmi lead to the hart; desc.extint answers
 *               ExtINT acknowledgements. Globally disabled, the APIC is a wire from LINT0 to INTR (SDM:
 *               "Enabling or Disabling the Local APIC").
 * Checked by:   tests/unit/test_lapic.c
 */
#ifndef DEV_LAPIC_H
#define DEV_LAPIC_H

#include "models/dev/irq.h"
#include "models/sim/kernel.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

#define LAPIC_DEFAULT_BASE 0xfee00000ull
#define LAPIC_BYTES        4096

/* clang-format off */
#define LAPIC_PARAMS(P) \
    P(u64, timer_hz, 25 * MHz, RANGE(1000, 10000000000ull), "input clock of the timer, before its divider")

#define LAPIC_STATS(S)                                                       \
    S(interrupts,      "vectors given to the processor, ExtINT not counted") \
    S(extints,         "acknowledgements passed to the PIC")                 \
    S(timer_expiries,  "timer expiries, masked ones included")               \
    S(self_ipis,       "interrupts sent to itself through the ICR")          \
    S(unmodelled_ipis, "ICR writes whose delivery is not modelled")

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
    struct irq_line intr;
    void (*nmi)(void *self);         /* NULL: nowhere */
    void *nmi_self;
    u8 (*extint)(void *self);        /* acknowledges the PIC; NULL: there is none */
    void *extint_self;
    u64 (*read_tsc)(void *self);     /* for the deadline mode; NULL: the mode never expires */
    void *tsc_self;
    u64 tsc_hz;
};

/* 256 vectors, one bit each, in the layout of ISR, TMR and IRR. */
struct lapic_vectors {
    u32 word[8];
};

struct lapic {
    /* fixed at elaboration */
    u64 timer_hz;
    /* wiring */
    struct lapic_desc desc;
    struct kernel_event *timer;
    /* state */
    u64 base; /* IA32_APIC_BASE */
    u32 id, tpr, ldr, dfr, svr, esr, icr_low, icr_high;
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

/* IA32_APIC_BASE and IA32_TSC_DEADLINE. false: another MSR. *gp: the access faults. */
bool lapic_rdmsr(struct lapic *l, u32 msr, u64 *value, bool *gp);
bool lapic_wrmsr(struct lapic *l, u32 msr, u64 value, bool *gp);

/* CR8 is TPR bits 7:4; value 0..15. */
u64 lapic_get_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, u64 value);

/* The processor takes the pending interrupt: its vector, or -1 if it went away. */
int lapic_acknowledge(struct lapic *l);

void lapic_add_stats(const struct lapic *l, struct stats *reg, const char *prefix);

#endif
