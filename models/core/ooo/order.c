/* order.c - a load among older stores: forwarding, stores that are still unknown, locked instructions.
 *
 * Memory disambiguation: a counter by the load's address counts loads that did not depend on a store whose address
 * was unknown when they could have gone; at its maximum such a load goes ahead. If it was wrong, the counter
 * starts again. J. Doweck, "Inside Intel Core Microarchitecture and Smart Memory Access" (2006). */
#include "models/core/ooo/ooo_stages.h"

#define PASSES_MAX 15

static bool overlaps(const struct ooo_mem *m, const struct ooo_store *s)
{
    return s->kind == MEM_WRITE && m->at.v < s->at.v + s->bytes && s->at.v < m->at.v + m->bytes;
}

static bool covers(const struct ooo_store *s, const struct ooo_mem *m)
{
    return s->at.v <= m->at.v && m->at.v + m->bytes <= s->at.v + s->bytes;
}

/* No store of the buffer touches the load's bytes. */
static bool granules_are_free(const struct ooo *p, const struct ooo_mem *m)
{
    for (u64 g = m->at.v >> 3; g <= (m->at.v + m->bytes - 1) >> 3; g++)
        if (p->granule[g % OOO_GRANULES]) return false;
    return true;
}

/* The youngest store older than the load that touches its bytes. */
static struct ooo_store *find_store(struct ooo *p, const struct ooo_mem *m)
{
    if (granules_are_free(p, m)) return NULL;
    for (u32 seq = m->store_mark; seq != p->store_head;)
        if (overlaps(m, store_at(p, --seq))) return store_at(p, seq);
    return NULL;
}

static bool has_older_stores(const struct ooo *p, const struct ooo_mem *m)
{
    return (i32)(m->store_mark - p->store_head) > 0;
}

static bool older_store_is_locked(struct ooo *p, const struct ooo_mem *m)
{
    for (u32 seq = p->store_head; p->locked_stores && seq != m->store_mark; seq++)
        if (store_at(p, seq)->locked) return true;
    return false;
}

static enum order_answer wait_in(struct ooo *p, u32 index, u16 *list)
{
    ooo_park(p, index, list);
    ooo_trace_stall(p, index, list == &p->lock_waiters ? PIPE_LOCK : PIPE_ORDER);
    return ORDER_WAITS;
}

/* Addresses of older stores are unknown: does the predictor let the load pass? It learns either way. */
static bool may_pass(struct ooo *p, const struct ooo_mem *m, const struct ooo_store *s)
{
    u8 *passes = &p->passes[(m->pc ^ m->pc >> 8) % OOO_DISAMBIGUATE];
    bool depends = s && !s->address_known;
    bool passed = p->cfg.disambiguation && *passes == PASSES_MAX;
    if (depends)
        *passes = 0;
    else if (*passes < PASSES_MAX)
        ++*passes;
    return passed;
}

static enum order_answer wait_for_addresses(struct ooo *p, u32 index)
{
    p->stats.order_waits++;
    return wait_in(p, index, &p->order_waiters);
}

static enum order_answer clear_order(struct ooo *p, u32 index)
{
    p->stats.order_clears++;
    p->mem[index].penalty += (u16)p->cfg.clear_cycles;
    return wait_in(p, index, &p->order_waiters);
}

/* A load that came before the data goes through its port once more, in the data's cycle if that is free. */
static u64 port_delay(struct ooo *p, u32 index)
{
    u64 *used = &p->port_used[p->uop[index].port];
    if (!p->mem[index].sent_again) return 0;
    bool taken = *used >= ooo_now(p);
    *used = max_u64(*used, ooo_now(p)) + taken;
    return *used - ooo_now(p);
}

static enum order_answer forward(struct ooo *p, u32 index, struct ooo_store *s)
{
    struct ooo_mem *m = &p->mem[index];
    if (!s->data_known) {
        m->sent_again = true;
        return wait_in(p, index, &s->data_waiters);
    }
    p->stats.forwards++;
    p->stats.served_l1 += m->parts;
    m->parts = m->unsent = 0;
    u64 sent = ooo_now(p) + port_delay(p, index);
    ooo_load_answered(p, index, sent + p->cfg.forward_cycles + m->penalty, LOAD_FORWARDED);
    return ORDER_FORWARDED;
}

static enum order_answer wait_for_write(struct ooo *p, u32 index, struct ooo_store *s)
{
    p->stats.forward_fails++;
    p->mem[index].penalty += (u16)p->cfg.forward_fail_cycles;
    return wait_in(p, index, &s->write_waiters);
}

enum order_answer ooo_check_order(struct ooo *p, u32 index)
{
    struct ooo_mem *m = &p->mem[index];
    if (!has_older_stores(p, m)) return ORDER_ACCESS;
    if (UNLIKELY(older_store_is_locked(p, m))) {
        ooo_set_cause(p, index, CAUSE_serialization);
        return wait_in(p, index, &p->lock_waiters);
    }
    struct ooo_store *s = find_store(p, m);
    bool unknown = (i32)(m->store_mark - p->store_known) > 0;
    if (unknown && !may_pass(p, m, s)) return wait_for_addresses(p, index);
    if (!s) return ORDER_ACCESS;
    if (!s->address_known) return clear_order(p, index);
    return covers(s, m) ? forward(p, index, s) : wait_for_write(p, index, s);
}
