/* rename.c - from the decode queue into the window: resources, ports, who waits for whose result. */
#include "models/core/ooo/ooo_stages.h"

/* --- resources --- */

/* Physical registers beside those that hold the architecture's state. */
static bool lacks_register(const struct ooo *p, const struct ooo_uop *u)
{
    if (takes_integer_register(u)) return p->integer_used == p->cfg.integer_registers - 16;
    return takes_vector_register(u) && p->vector_used == p->cfg.vector_registers - 16;
}

/* The counter of what is missing, NULL: all is there. */
static u64 *missing_resource(struct ooo *p, const struct ooo_uop *u)
{
    if (p->rob_used + u->slots > p->cfg.rob_entries) return &p->stats.stall_rob;
    if (u->op <= OP_join) return NULL;
    if (p->scheduler_used == p->cfg.scheduler_entries) return &p->stats.stall_scheduler;
    if (u->op == OP_load && p->loads_used == p->cfg.load_buffer_entries) return &p->stats.stall_loads;
    if (u->op == OP_sta && p->store_tail - p->store_head == p->cfg.store_buffer_entries)
        return &p->stats.stall_stores;
    return lacks_register(p, u) ? &p->stats.stall_registers : NULL;
}

static void take_resources(struct ooo *p, const struct ooo_uop *u)
{
    p->queue_used -= u->slots;
    p->rob_used += u->slots;
    p->loads_used += u->op == OP_load;
    p->integer_used += takes_integer_register(u);
    p->vector_used += takes_vector_register(u);
}

/* --- dependences --- */

/* The in-flight producer of a register, NULL if its value is there. */
static struct ooo_uop *producer_of(struct ooo *p, u8 reg)
{
    u64 producer = p->producer[reg];
    if (producer <= p->head) return NULL; /* sequence number + 1: retired */
    struct ooo_uop *u = uop_at(p, producer - 1);
    return u->state == UOP_DONE ? NULL : u;
}

static void link_sources(struct ooo *p, struct ooo_uop *u, u32 index)
{
    u->pending = 0;
    for (unsigned s = 0; s < OOO_SOURCES; s++) {
        struct ooo_uop *from = u->src[s] < OOO_REGS ? producer_of(p, u->src[s]) : NULL;
        if (!from) continue;
        u->next_waiter[s] = from->waiters;
        from->waiters = (u16)(index * OOO_SOURCES + s);
        u->pending++;
        if (ooo_is_traced(p)) pipe_trace_wait(p->trace, index, (u32)(from - p->uop), ooo_now(p));
    }
}

static void set_producers(struct ooo *p, const struct ooo_uop *u, u64 seq)
{
    if (u->dst < OOO_REGS) p->producer[u->dst] = u->flags & UOP_COPY ? p->producer[u->src[0]] : seq + 1;
    if (u->flags & UOP_SETS_FLAGS) p->producer[REG_FLAGS] = seq + 1;
    if (u->flags & UOP_SETS_CARRY) p->producer[REG_CARRY] = seq + 1;
}

/* The port of those that can do it with the fewest micro-operations in front of it. */
static void bind_port(struct ooo *p, struct ooo_uop *u)
{
    u32 ports = u->by.ports, best = (u32)__builtin_ctz(ports);
    for (ports &= ports - 1; ports; ports &= ports - 1) {
        u32 port = (u32)__builtin_ctz(ports);
        if (p->port_load[port] < p->port_load[best]) best = port;
    }
    u->port = (u8)best;
    p->port_load[best]++;
    p->scheduler_used++;
}

static bool is_memory(const struct ooo_uop *u)
{
    return u->op >= OP_load;
}

static void rename_memory(struct ooo *p, struct ooo_uop *u, u32 index)
{
    if (u->op == OP_sta) ooo_allocate_store(p, index);
    if (u->op == OP_std) u->store = (u16)((p->store_tail - 1) % OOO_STORES);
    p->mem[index].store_mark = p->store_tail;
    p->locked_loads += u->op == OP_load && (u->flags & UOP_LOCKED);
}

static void rename_one(struct ooo *p, struct ooo_uop *u, u64 seq)
{
    u32 index = seq % OOO_RING;
    bool first = rob_is_empty(p);
    if (first) ooo_charge_wait(p);
    take_resources(p, u);
    u->waiters = OOO_NONE;
    u->cause = first ? p->front_cause : CAUSE_execute;
    p->front_cause = CAUSE_front_end;
    p->renamed++;
    ooo_trace_stage(p, index, PIPE_RENAME);
    if (u->op == OP_none) {
        u->state = UOP_DONE;
        ooo_trace_stage(p, index, PIPE_COMPLETE);
        set_producers(p, u, seq);
        return;
    }
    u->state = UOP_WAITING;
    if (is_memory(u)) rename_memory(p, u, index);
    if (u->op != OP_join) bind_port(p, u);
    link_sources(p, u, index);
    set_producers(p, u, seq);
    if (u->pending == 0) ooo_make_ready(p, index);
}

/* --- the stage --- */

static enum topdown_category back_end_category(struct ooo *p)
{
    return !rob_is_empty(p) && is_memory(uop_at(p, p->head)) ? TOPDOWN_memory : TOPDOWN_core;
}

/* Why the slots that are left stay empty: `missing` refuses them, or there is nothing to rename. */
static enum topdown_category empty_category(struct ooo *p, const u64 *missing)
{
    p->refuses = missing != NULL;
    if (!missing) return ooo_front_category(p);
    return missing == &p->stats.stall_stores ? TOPDOWN_memory : back_end_category(p);
}

static void tell_path(struct ooo *p)
{
    if (UNLIKELY(p->branch_pending))
        topdown_wrong_path(&p->topdown, p->cfg.rob_entries - p->rob_used, back_end_category(p));
    else
        topdown_right_path(&p->topdown);
}

void ooo_rename(struct ooo *p, u64 now)
{
    u32 used = 0;
    u64 *missing = NULL;
    while (p->renamed != p->tail) {
        struct ooo_uop *u = uop_at(p, p->renamed);
        if (u->cycle > now || used + u->slots > p->cfg.rename_width) break;
        missing = missing_resource(p, u);
        if (missing) break;
        used += u->slots;
        rename_one(p, u, p->renamed);
    }
    if (missing) ++*missing;
    if (missing && ooo_is_traced(p)) ooo_trace_refused(p, p->renamed % OOO_RING, missing);
    if (missing && rob_is_empty(p)) ooo_set_front_cause(p, CAUSE_stores);
    topdown_advance(&p->topdown, now);
    tell_path(p);
    topdown_cycle(&p->topdown, now, used, empty_category(p, missing));
}

u64 ooo_rename_next(struct ooo *p, u64 now)
{
    if (p->renamed == p->tail) return CLOCK_SLEEP;
    const struct ooo_uop *u = uop_at(p, p->renamed);
    if (u->cycle > now + 1) return u->cycle;
    return missing_resource(p, u) ? CLOCK_SLEEP : now + 1;
}
