/* inorder_microcode.c - what microcode carries out: expensive instructions, event deliveries, VM transitions.
 *
 * The pipe is empty when one begins. Its microcode takes its cycles, then its references go out, one each
 * cycle, then it waits for the last of them. A VM transition is such a sequence: microcode
 * (virt-ext/transition.h), the lines of the VMCS and MSR lists through the caches, the front end's refill
 * (ARCHITECTURE.md, section 7). */
#include "models/core/inorder.h"

static enum cause current_cause(const struct inorder *p)
{
    const struct transition_account *t = &p->core->transition;
    return transition_is_played(t) ? (enum cause)t->cause : CAUSE_microcode;
}

/* --- phases --- */

u64 inorder_phase_microcode(struct inorder *p, u64 now)
{
    if (p->microcode_until == 0)
        p->microcode_until = now + microcode_cycles(&p->cost, &p->core->vmx->cfg, &p->record);
    if (p->microcode_until > now) return inorder_wait(p, current_cause(p), FLIGHT_NONE, p->microcode_until);
    if (core_obeys(p->core, &p->record)) return inorder_wait(p, current_cause(p), FLIGHT_NONE, CLOCK_SLEEP);
    inorder_settle(p);
    p->microcode_until = 0;
    p->phase = PHASE_REFERENCES;
    return GO_ON;
}

/* True if every reference is under way or over. */
static bool start_reference(struct inorder *p)
{
    struct mem_access a;
    enum mem_origin origin;
    if (!microcode_next_reference(&p->record, &p->cursor, &a, &origin)) return true;
    if (inorder_start(p, &a, a.kind == ACCESS_WRITE ? MEM_WRITE : MEM_READ, origin, REG_NONE))
        microcode_advance(&p->record, &p->cursor);
    return false;
}

u64 inorder_phase_references(struct inorder *p, u64 now)
{
    if (!start_reference(p)) return inorder_wait(p, current_cause(p), FLIGHT_NONE, now + 1);
    if (p->flights) return inorder_wait(p, current_cause(p), inorder_first_flight(p->flights), CLOCK_SLEEP);
    if (p->hits_until > now) return inorder_wait(p, current_cause(p), FLIGHT_NONE, p->hits_until);
    p->phase = PHASE_FINISH;
    return GO_ON;
}
