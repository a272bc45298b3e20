/* exceptions.c - from a fault to its end, and what happens between two instructions.
 *
 * SDM Vol. 3A, "Interrupt and Exception Handling"; interception first, as Vol. 3C, "Exceptions" of "Other
 * Causes of VM Exits" has it. */
#include "isa/debug.h"
#include "isa/exec.h"
#include "isa/state.h"
#include "isa/store_buffer.h"
#include "models/sim/check.h"

/* --- double and triple faults: SDM Vol. 3A, "Interrupt 8-Double Fault Exception (#DF)" --- */

enum severity { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum severity severity_of(u8 vector)
{
    switch (vector) {
    case VEC_DE: case VEC_TS: case VEC_NP: case VEC_SS: case VEC_GP:
        return CONTRIBUTORY;
    case VEC_PF: case VEC_VE:
        return PAGE_FAULT;
    case VEC_DF:
        return DOUBLE_FAULT;
    default:
        return BENIGN;
    }
}

enum combination { SERIAL, DOUBLE, TRIPLE };

/* [first][second] */
static const u8 combinations[4][4] = {
    [BENIGN] = {SERIAL, SERIAL, SERIAL, SERIAL},
    [CONTRIBUTORY] = {SERIAL, DOUBLE, SERIAL, SERIAL},
    [PAGE_FAULT] = {SERIAL, DOUBLE, DOUBLE, SERIAL},
    [DOUBLE_FAULT] = {SERIAL, TRIPLE, TRIPLE, TRIPLE},
};

/* What `second` makes of the delivery that it interrupted. */
static enum combination combine(const struct vectoring *first, u8 second)
{
    if (!first->valid || first->type != EVENT_HARDWARE)
        return SERIAL;
    return combinations[severity_of(first->vector)][severity_of(second)];
}

/* --- delivery of a fault --- */

static bool intercepted(struct hart *h, const struct fault *f, enum event_type type)
{
    return hart_in_guest(h) && h->virt->intercept_event(h->virt_self, h, f, type);
}

static void triple_fault(struct hart *h)
{
    h->vectoring.valid = false;
    if (hart_in_guest(h) && h->virt->intercept_triple_fault(h->virt_self, h))
        return;
    hart_set_activity(h, ACTIVITY_SHUTDOWN);
    if (h->record)
        h->record->halted = true;
}

/* What an exception changes besides the stack, once nobody intercepts it. */
static void set_exception_state(struct hart *h, const struct fault *f)
{
    if (f->vector == VEC_PF)
        h->cr2 = f->va.v;
    if (f->vector == VEC_DB) {
        h->dr[6] |= f->qualification;
        debug_enter_handler(h);
    }
}

/* One exception: true if it is at its end, false if its delivery faulted anew. */
static bool raise_one(struct hart *h, const struct fault *f, enum event_type type)
{
    if (intercepted(h, f, type))
        return true;
    set_exception_state(h, f);
    switch (combine(&h->vectoring, f->vector)) {
    case TRIPLE:
        triple_fault(h);
        return true;
    case DOUBLE:
        h->vectoring.valid = false;
        h->fault = (struct fault){.kind = FAULT_EXCEPTION, .vector = VEC_DF, .has_error = true};
        return false;
    default:
        return isa_deliver(h, f->vector, type, f->has_error, f->error, f->insn_length) != OUT_FAULT;
    }
}

/* One of a guest's second dimension: a VM exit, or what virtualization made of it, a fault of the guest's own (#VE) in
 * h->fault. True if it is at its end. */
static bool raise_host_fault(struct hart *h, const struct fault *f)
{
    if (intercepted(h, f, EVENT_HARDWARE))
        return true;
    CHECK(h->fault.kind == FAULT_EXCEPTION, "a fault of kind %d that nobody intercepts", (int)f->kind);
    return false;
}

static bool is_host_fault(enum fault_kind kind)
{
    return kind == FAULT_EPT_VIOLATION || kind == FAULT_EPT_MISCONFIG || kind == FAULT_LOG_FULL ||
           kind == FAULT_APIC_ACCESS;
}

/* Delivers h->fault, and what its delivery raises, until one is at its end. */
static void raise_all(struct hart *h)
{
    for (;;) {
        struct fault f = h->fault;
        if (is_host_fault(f.kind)) {
            if (raise_host_fault(h, &f))
                return;
            continue;
        }
        CHECK(f.kind == FAULT_EXCEPTION, "raising fault of kind %d", (int)f.kind);
        if (raise_one(h, &f, f.soft ? (enum event_type)f.soft : EVENT_HARDWARE))
            return;
    }
}

/* A delivery is alone in its step and in the pipe, so that it may even touch MMIO: whoever puts a stack
 * there. Returns what end_event puts back. */
static bool begin_event(struct hart *h)
{
    bool alone = h->fetch.alone;
    h->fetch.alone = true;
    if (h->record)
        h->record->drained = true;
    return alone;
}

static void end_event(struct hart *h, bool alone)
{
    h->fetch.alone = alone;
    h->vectoring.valid = false;
    hart_update_attention(h);
}

void isa_raise(struct hart *h)
{
    bool alone = begin_event(h);
    if (UNLIKELY(h->stores)) store_buffer_drain(h);
    h->tf_armed = false;
    h->debug_hits = 0; /* of an instruction that has not come to its end */
    h->first_fault = h->fault;
    raise_all(h);
    end_event(h, alone);
}

/* --- between two instructions: SDM Vol. 3A, "Priority Among Concurrent Events" --- */

static void raise_event(struct hart *h, u8 vector, enum event_type type)
{
    bool alone = begin_event(h);
    if (isa_deliver(h, vector, type, false, 0, 0) == OUT_FAULT)
        isa_raise(h);
    end_event(h, alone);
}

void isa_take_interrupt(struct hart *h, u8 vector) { raise_event(h, vector, EVENT_EXTERNAL); }

static bool raise_debug(struct hart *h, u64 dr6_bits)
{
    hart_debug_fault(h, dr6_bits);
    isa_raise(h);
    return true;
}

/* Traps on the previous instruction. MOV SS holds them back, and forgets a single step. */
static bool take_debug_trap(struct hart *h)
{
    u64 bits = h->pending_debug;
    if (h->movss_shadow || !bits)
        return false;
    h->pending_debug = 0;
    return raise_debug(h, bits);
}

/* A fault of the instruction that comes next, before it is fetched. MOV SS holds it off, RF too: so an instruction that
 * was returned to does not meet its breakpoint again. */
static bool take_code_breakpoint(struct hart *h)
{
    if (!(h->watch & WATCH_CODE) || (h->rflags & RFLAGS_RF) || h->movss_shadow || h->activity != ACTIVITY_ACTIVE)
        return false;
    u64 rip = h->reg[REG_RIP];
    u64 bits = debug_code_matches(h, hart_in_64bit_mode(h) ? rip : (u32)(h->seg[SEG_CS].base + rip));
    return bits && raise_debug(h, bits);
}

static bool wants_virt(const struct hart *h)
{
    bool stepped = (h->attention & ATTENTION_STEP) && h->stepped;
    return hart_in_guest(h) &&
           (h->intr_line || (h->attention & ATTENTION_INTR) || h->nmi_pending || (h->attention & (ATTENTION_WINDOW | ATTENTION_STARTUP)) || stepped);
}

static bool nmi_is_open(const struct hart *h)
{
    return h->nmi_pending && !h->nmi_blocked && !h->movss_shadow;
}

static bool take_nmi(struct hart *h)
{
    if (!nmi_is_open(h))
        return false;
    h->nmi_pending = false;
    raise_event(h, VEC_NMI, EVENT_NMI);
    return true;
}

static bool take_interrupt(struct hart *h)
{
    if (!h->intr_line || !hart_interrupts_open(h))
        return false;
    int vector = h->bus->interrupt_acknowledge(h->bus_self, h);
    h->fetch.touched_device = true; /* the controller may have news for the core */
    if (vector < 0)
        return false;
    isa_take_interrupt(h, (u8)vector);
    return true;
}

static bool take_event(struct hart *h)
{
    if (wants_virt(h) && h->virt->intercept_interrupt(h->virt_self, h))
        return true;
    if ((h->attention & ATTENTION_STARTUP) && hart_take_startup(h))
        return true;
    if (h->activity == ACTIVITY_SHUTDOWN)
        return take_nmi(h);
    if (h->activity == ACTIVITY_WAIT_SIPI)
        return false;
    return take_debug_trap(h) || take_nmi(h) || take_interrupt(h) || take_code_breakpoint(h);
}

/* The instruction that the trap flag or a breakpoint watched is done: its trap is due, a single step's unless MOV SS
 * forgot it, or unless the step is to be from branch to branch. */
static void finish_watched(struct hart *h)
{
    bool steps = !(h->debugctl & DEBUGCTL_BTF) || h->branched;
    if (h->tf_armed && !h->movss_shadow && steps)
        h->pending_debug |= DR6_BS;
    h->pending_debug |= h->debug_hits;
    h->debug_hits = 0;
    h->tf_armed = false;
}

static void finish_shadow(struct hart *h)
{
    if (!h->shadow_seen)
        return;
    h->sti_shadow = h->movss_shadow = h->shadow_seen = false;
}

/* The next thing is an instruction, not an event. RF covers no other one. */
static void begin_instruction(struct hart *h)
{
    h->branched = false;
    h->rflags &= ~(u64)RFLAGS_RF;
    h->tf_armed = h->rflags & RFLAGS_TF;
    h->shadow_seen = h->sti_shadow || h->movss_shadow;
}

/* In guest world a pending interrupt, NMI or window counts: the hypervisor decides when it is asked. */
bool isa_would_wake(const struct hart *h)
{
    bool held = h->movss_shadow && !h->shadow_seen;
    bool shadowed = (h->sti_shadow || h->movss_shadow) && !h->shadow_seen;
    bool startup = h->world == WORLD_NATIVE && (h->init_pending || h->startup_pending);
    if (wants_virt(h) || startup || hart_mwait_is_over(h))
        return true;
    if (h->activity == ACTIVITY_SHUTDOWN || h->activity == ACTIVITY_WAIT_SIPI)
        return false;
    if (!held && (h->tf_armed || h->pending_debug || (h->nmi_pending && !h->nmi_blocked)))
        return true;
    return h->intr_line && (h->rflags & RFLAGS_IF) && !shadowed;
}

bool isa_take_attention(struct hart *h)
{
    if (UNLIKELY(h->stores)) store_buffer_drain(h);
    finish_shadow(h);
    finish_watched(h);
    if (hart_is_in_repeat(h))
        h->rflags |= RFLAGS_RF;
    bool taken = take_event(h);
    if (!taken && hart_mwait_is_over(h))
        hart_set_activity(h, ACTIVITY_ACTIVE);
    if (taken && h->record)
        h->record->interrupt_taken = true;
    if (!taken && h->activity == ACTIVITY_ACTIVE)
        begin_instruction(h);
    h->stepped = taken || h->activity == ACTIVITY_ACTIVE;
    hart_update_attention(h);
    return taken;
}
