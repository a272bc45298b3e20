/* inorder_microcode.c - what microcode carries out: expensive instructions, event deliveries, VM transitions.
 *
 * The pipe is empty when one begins. Its microcode takes its cycles, then its references go out, one each
 * cycle, then it waits for the last of them. A VM transition is such a sequence: microcode
 * (virt-ext/transition.h), the lines of the VMCS and MSR lists through the caches, the front end's refill
 * (ARCHITECTURE.md, section 7). */
#include "models/core/inorder.h"
#include "virt-ext/transition.h"

bool inorder_is_microcoded(const struct inorder *p)
{
    const struct insn_record *r = &p->record;
    /* `event` and `io` apart: tested together they are one wide load right behind narrow stores, which stalls
     * the host. */
    if (!r->info || r->event || r->transition.kind != TRANSITION_NONE || r->io) return true;
    return r->info->iclass != CLASS_string && p->cost.cycles[r->info->iclass] > 0;
}

static bool touches_mmio(const struct insn_record *r)
{
    for (unsigned i = r->n_fetches; i < r->n_accesses; i++)
        if (r->access[i].mmio) return true;
    return false;
}

static u64 microcode_cycles(const struct inorder *p)
{
    const struct insn_record *r = &p->record;
    u64 cycles = r->info && !r->event ? p->cost.cycles[r->info->iclass] : 0;
    if (r->event) cycles += p->cfg.event_cycles;
    if (touches_mmio(r)) cycles += p->cfg.mmio_cycles;
    if (r->transition.kind != TRANSITION_NONE)
        cycles = transition_microcode_cycles(&p->core->vmx->cfg, &r->transition);
    return cycles;
}

static enum cause current_cause(const struct inorder *p)
{
    return p->transition_cause == CAUSE_COUNT ? CAUSE_microcode : (enum cause)p->transition_cause;
}

/* --- VM transitions: accounts --- */

void inorder_begin_transition(struct inorder *p)
{
    const struct vm_transition *t = &p->record.transition;
    inorder_settle(p); /* what the front end waited for is not the transition's */
    u64 begin = p->core->account.until;
    p->transition_reason = t->reason;
    bool leaves_root = t->kind != TRANSITION_EXIT || t->injects; /* an injection that exits is one record */
    if (leaves_root && p->root_since != KERNEL_NEVER) {
        vmx_account_exit(p->core->vmx, (enum exit_reason)p->root_reason, VMX_CYCLES_ROOT,
                         begin - p->root_since);
        p->root_since = KERNEL_NEVER;
    }
    p->transition_cause = t->kind == TRANSITION_EXIT ? CAUSE_vm_exit : CAUSE_vm_entry;
    if (p->core->watch) p->core->watch->transition_begins(p->core->watch->self, t, begin);
}

void inorder_end_transition(struct inorder *p, u64 end)
{
    inorder_charge(p, (enum cause)p->transition_cause, end);
    if (p->transition_cause == CAUSE_vm_exit || p->record.transition.kind == TRANSITION_ENTRY_FAILED) {
        p->root_since = end;
        p->root_reason = p->transition_reason;
    }
    p->transition_cause = CAUSE_COUNT;
    if (p->core->watch) p->core->watch->transition_ends(p->core->watch->self, &p->record.transition, end);
}

/* --- phases --- */

u64 inorder_phase_microcode(struct inorder *p, u64 now)
{
    if (p->microcode_until == 0) p->microcode_until = now + microcode_cycles(p);
    if (p->microcode_until > now) return inorder_wait(p, current_cause(p), FLIGHT_NONE, p->microcode_until);
    inorder_settle(p);
    p->microcode_until = 0;
    p->phase = PHASE_REFERENCES;
    return GO_ON;
}

/* A walk that ended in a fault has no reference behind it, nor has one that only asked whether a whole frame
 * can be written. */
static bool has_reference(const struct insn_record *r, unsigned walk)
{
    for (unsigned i = 0; i < r->n_accesses; i++)
        if (r->access[i].walk == (int)walk) return true;
    return false;
}

static bool start_lone_walk(struct inorder *p)
{
    const struct insn_record *r = &p->record;
    while (p->next_walk < r->n_walks && has_reference(r, p->next_walk)) p->next_walk++;
    if (p->next_walk == r->n_walks) return true;
    struct mem_access a = {.va = r->walk[p->next_walk].va, .walk = (i8)p->next_walk};
    if (inorder_start(p, &a, MEM_READ, ORIGIN_DATA, REG_NONE)) p->next_walk++;
    return false;
}

/* Device registers answer within mmio_cycles and are in no cache. */
static bool start_access(struct inorder *p)
{
    const struct insn_record *r = &p->record;
    while (p->next_access < r->n_accesses && r->access[p->next_access].mmio &&
           r->access[p->next_access].walk < 0)
        p->next_access++;
    if (p->next_access == r->n_accesses) return true;
    struct mem_access a = r->access[p->next_access];
    if (a.mmio) a.bytes = 0;
    if (inorder_start(p, &a, a.kind == ACCESS_WRITE ? MEM_WRITE : MEM_READ, ORIGIN_DATA, REG_NONE))
        p->next_access++;
    return false;
}

static bool start_line(struct inorder *p)
{
    const struct vm_transition *t = &p->record.transition;
    if (t->kind == TRANSITION_NONE || p->next_line == t->n_lines) return true;
    struct mem_access a = {.at = t->line[p->next_line].at, .bytes = 8, .walk = -1, .tlb = TLB_NONE};
    if (inorder_start(p, &a, t->line[p->next_line].write ? MEM_WRITE : MEM_READ, ORIGIN_VMX, REG_NONE))
        p->next_line++;
    return false;
}

u64 inorder_phase_references(struct inorder *p, u64 now)
{
    bool all = start_lone_walk(p) && start_access(p) && start_line(p);
    if (!all) return inorder_wait(p, current_cause(p), FLIGHT_NONE, now + 1);
    if (p->flights) return inorder_wait(p, current_cause(p), inorder_first_flight(p->flights), CLOCK_SLEEP);
    if (p->hits_until > now) return inorder_wait(p, current_cause(p), FLIGHT_NONE, p->hits_until);
    p->phase = PHASE_FINISH;
    return GO_ON;
}
