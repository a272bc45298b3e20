/* retire.c - in order out of the window; the account of cycles goes by the oldest micro-operation. */
#include "models/core/ooo/ooo_stages.h"

static void give_back(struct ooo *p, const struct ooo_uop *u)
{
    p->rob_used -= u->slots;
    p->loads_used -= u->op == OP_load;
    p->integer_used -= takes_integer_register(u);
    p->vector_used -= takes_vector_register(u);
    p->locked_loads -= u->op == OP_load && (u->flags & UOP_LOCKED);
}

static void retire_one(struct ooo *p, struct ooo_uop *u)
{
    if (ooo_is_traced(p)) pipe_trace_retire(p->trace, p->head % OOO_RING, ooo_now(p));
    give_back(p, u);
    if (u->op == OP_std) {
        p->store[u->store].retired = true;
        p->store_retired++;
    }
    p->stats.uops += u->slots || u->op != OP_none; /* a further result is no micro-operation */
    p->stats.slots += u->slots;
    p->head++;
}

void ooo_retire(struct ooo *p, u64 now)
{
    u32 used = 0;
    if (rob_is_empty(p) || uop_at(p, p->head)->state != UOP_DONE) return;
    ooo_charge_wait(p);
    while (!rob_is_empty(p)) {
        struct ooo_uop *u = uop_at(p, p->head);
        if (u->state != UOP_DONE || used + u->slots > p->cfg.retire_width) break;
        used += u->slots;
        retire_one(p, u);
    }
    core_charge(p->core, (enum world)p->world, CAUSE_base, now + 1);
}
