/* microcode.c - the front end while microcode carries out an instruction, an event or a VM transition
 * (models/core/microcode.h): its cycles, its references one a cycle, the wait for the last of them. */
#include "models/core/ooo/ooo_stages.h"

u64 ooo_front_microcode(struct ooo *p, u64 now)
{
    if (p->microcode_until == 0)
        p->microcode_until = now + microcode_cycles(&p->cost, &p->core->vmx->cfg, &p->record);
    if (p->microcode_until > now) return p->microcode_until;
    if (core_obeys(p->core, &p->record)) return CLOCK_SLEEP;
    p->microcode_until = 0;
    p->phase = FRONT_REFERENCES;
    return GO_ON;
}

/* True if every reference is under way or over. */
static bool start_reference(struct ooo *p)
{
    struct mem_access a;
    enum mem_origin origin;
    if (!microcode_next_reference(&p->record, &p->cursor, &a, &origin)) return true;
    if (ooo_start_reference(p, &a, a.kind == ACCESS_WRITE ? MEM_WRITE : MEM_READ, origin))
        microcode_advance(&p->record, &p->cursor);
    return false;
}

u64 ooo_front_references(struct ooo *p, u64 now)
{
    if (!start_reference(p)) return now + 1;
    if (p->references) return CLOCK_SLEEP;
    p->phase = FRONT_FINISH;
    return GO_ON;
}

u64 ooo_front_finish(struct ooo *p, u64 now)
{
    const struct insn_record *r = &p->record;
    ooo_charge_wait(p);
    if (ooo_is_traced(p)) ooo_trace_sequence_ends(p);
    p->stats.events += r->event;
    p->phase = FRONT_BEGIN;
    p->front_cause = CAUSE_front_end;
    bool refill = !r->info || r->event || r->info->serializing || r->info->flow == FLOW_FAR;
    if (transition_is_played(&p->core->transition)) {
        refill = !p->core->ideal.exits;
        core_end_transition(p->core, r, refill ? now + p->cfg.redirect_cycles : now);
    }
    if (refill) p->front_ready = now + p->cfg.redirect_cycles;
    return GO_ON;
}
