/* core.h - one logical processor's place in the machine: its hart, and the model that gives it time.
 *
 * Models:       choice of core model (fast, inorder, ooo) and switching between them at an instruction boundary
 *               with an empty pipe; sleeping while halted; cycle accounts.
 * Not modelled: several threads per core.
 * Neighbours:   isa (executes), caches (L1 ports, page walkers), virt-ext (transition prices, exit accounts),
 *               clock (ticks it).
 * Checked by:   tests/unit/test_core.c, test_inorder*.c, tests/system
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "caches/mmu.h"
#include "models/core/ideal.h"
#include "models/core/transition_account.h"
#include "models/sim/clock.h"
#include "models/sim/trace.h"
#include "virt-ext/vmx.h"

enum core_kind { CORE_FAST, CORE_INORDER, CORE_OOO, CORE_KINDS };

struct inorder;
struct ooo;
struct sample;

/* Who watches a core for the user. It changes nothing that is simulated. */
struct core_watch {
    void *self;
    /* What the trace says behind the instruction at rip: "" or words that begin with a space. Valid until
     * the next call. */
    const char *(*place)(void *self, enum world world, u64 rip);
    /* The core has, or no longer has, a model that tells time from this cycle on. */
    void (*timed)(void *self, bool timed, u64 cycle);
    /* A VM transition that a timed core plays: what the account charges to it lies between these cycles. */
    void (*transition_begins)(void *self, const struct vm_transition *t, u64 cycle);
    void (*transition_ends)(void *self, const struct vm_transition *t, u64 cycle);
};

/* Who obeys what a record commands (isa/record.h, enum command): begin() is called by a core with an empty pipe; true: the
 * core waits until core_commands_done(). */
struct core_commands {
    bool (*begin)(void *self, u8 commands);
    void *self;
};

struct core {
    /* fixed at elaboration */
    struct ideal_cfg ideal;
    /* wiring */
    unsigned id;
    struct hart *hart;
    struct mmu *mmu;
    struct vmx *vmx;
    struct clock *clock;
    unsigned tick;
    struct inorder *inorder;
    struct ooo *ooo;
    struct trace *trace; /* may be NULL */
    const struct core *leader; /* NULL, or the core whose changes of model this one follows */
    const struct core_watch *watch; /* may be NULL */
    struct sample *sample; /* NULL: not a sampled run */
    struct core_commands commands;
    /* state */
    bool obeys; /* a record's commands are under way */
    enum core_kind kind;
    enum core_kind wanted;       /* differs from kind until the pipe is empty */
    u64 run_start;               /* fast: the cycle at which the current isa_run began */
    u64 pace, pace_rest;         /* fast: cycles of a step, in 1/CORE_PACE_UNITs; what is left of the last cycle */
    u64 fast_edge, timed_edge;   /* instruction counts at which the sample is asked; UINT64_MAX: none */
    u64 max_instructions;        /* the run ends here */
    u64 state_digest, digested_instructions; /* trace category state */
    u64 switch_at_instruction;   /* core model changes here; UINT64_MAX: never */
    enum core_kind switch_to;
    u64 world;                   /* enum world of the current cycle: for waveforms */
    struct account account;
    struct transition_account transition;
    /* statistics */
    u64 cycles; /* = account.until - account.start, kept by core_sync */
};

struct core_wiring {
    struct hart *hart;
    struct mmu *mmu;
    struct vmx *vmx;
    struct clock *clock;
    struct inorder *inorder;
    struct ooo *ooo;
    const struct ideal_cfg *ideal; /* NULL: nothing is */
};

/* Registers its tick with the clock. Starts as `kind`. */
void core_init(struct core *c, unsigned id, enum core_kind kind, const struct core_wiring *w);
void core_fini(struct core *c);

/* Asks for another core model; it happens at the next instruction boundary with an empty pipe. */
void core_switch(struct core *c, enum core_kind kind);

/* An interrupt or another event may end an idle state: look again at the current cycle. */
void core_wake(struct core *c);

/* Has what the record commands begun, once. True while it is under way: core_wake() is called when it is over. */
bool core_obeys(struct core *c, struct insn_record *r);
void core_commands_done(struct core *c);

/* The cycle of the very instruction that executes now: tells the clock, so kernel_now_ps() is exact inside
 * device calls. */
void core_sync_clock(struct core *c);

#define CORE_PACE_UNIT 1024u
/* The fast core takes `cycles` for `steps` from now on: at least one unit, at most 2^20 cycles each. Until then, a cycle each. */
void core_set_pace(struct core *c, u64 cycles, u64 steps);
/* Cycles from the begin of its current run to that of the step behind `steps`. */
static inline u64 core_pace_cycles(const struct core *c, u64 steps)
{
    return (steps * c->pace + c->pace_rest) / CORE_PACE_UNIT;
}

/* A timed core's front end, before each instruction: it may be a window's edge. */
void core_pass_timed_edge(struct core *c);
static inline void core_look_at_edge(struct core *c)
{
    if (UNLIKELY(c->hart->instructions >= c->timed_edge)) core_pass_timed_edge(c);
}

/* Closes the account at the current cycle; before statistics are read. */
void core_sync(struct core *c);

/* The identities of a core, asserted. Call after core_sync. */
void core_check_identities(struct core *c);

void core_register_stats(struct core *c, struct stats *s);

/* fast.c: runs at `cycle`, below the clock's horizon; same contract as tick_fn. */
u64 fast_tick(struct core *c, u64 cycle);

#endif
