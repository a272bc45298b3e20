/* ooo.c - the out-of-order core as a whole: a cycle from its end to its beginning, accounts, life. */
#include "models/core/ooo/ooo_stages.h"
#include "models/sim/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- accounts --- */

void ooo_charge_wait(struct ooo *p)
{
    u8 cause = rob_is_empty(p) ? p->front_cause : uop_at(p, p->head)->cause;
    core_charge(p->core, (enum world)p->world, (enum cause)cause, ooo_now(p));
}

void ooo_set_cause(struct ooo *p, u32 index, enum cause cause)
{
    struct ooo_uop *u = &p->uop[index];
    if (u->cause == cause) return;
    if (is_oldest(p, index)) ooo_charge_wait(p);
    u->cause = (u8)cause;
}

void ooo_set_front_cause(struct ooo *p, enum cause cause)
{
    if (p->front_cause == cause) return;
    if (rob_is_empty(p)) ooo_charge_wait(p);
    p->front_cause = (u8)cause;
}

void ooo_settle(struct ooo *p)
{
    ooo_charge_wait(p);
    topdown_advance(&p->topdown, ooo_now(p));
}

/* --- the clock --- */

void ooo_wake(struct ooo *p)
{
    u64 now = ooo_now(p);
    if (p->next_cycle > now) clock_wake(p->core->clock, p->core->tick, now);
}

void ooo_l1_freed(void *self)
{
    struct ooo *p = self;
    p->store_refused = false;
    ooo_retry_loads(p);
    ooo_retry_references(p);
    ooo_wake(p);
}

void ooo_combining_freed(void *self)
{
    struct ooo *p = self;
    p->store_refused = false;
    ooo_wake(p);
}

/* Later stages first: what they free, earlier ones take in the same cycle. */
static u64 run_cycle(struct ooo *p, u64 now)
{
    ooo_complete_due(p, now);
    ooo_drain_stores(p);
    ooo_retire(p, now);
    if (UNLIKELY(p->locked_loads)) ooo_continue_lock(p);
    ooo_issue(p, now);
    ooo_rename(p, now);
    u64 next = ooo_front(p, now);
    if (!p->refuses) p->topdown.category = ooo_front_category(p); /* until the next tick */
    if (p->ready_ports) return now + 1;
    if (!rob_is_empty(p) && uop_at(p, p->head)->state == UOP_DONE) return now + 1;
    next = min_u64(next, ooo_rename_next(p, now));
    next = min_u64(next, ooo_next_store(p, now));
    return min_u64(next, ooo_next_due(p, now));
}

u64 ooo_tick(struct ooo *p, u64 cycle)
{
    struct clock *clock = p->core->clock;
    u64 next = cycle;
    do {
        clock_advance(clock, next);
        p->next_cycle = next; /* nobody needs to wake a core that runs */
        next = run_cycle(p, next);
    } while (next < clock->horizon);
    p->next_cycle = next;
    return next;
}

/* --- life --- */

bool ooo_is_empty(const struct ooo *p)
{
    return p->phase == FRONT_BEGIN && window_is_empty(p) && p->store_head == p->store_tail && !p->references &&
           write_combining_is_empty(p->wc);
}

void ooo_begin(struct ooo *p, u64 cycle)
{
    core_charge(p->core, (enum world)p->core->hart->world, CAUSE_base, cycle);
    memset(p->producer, 0, sizeof p->producer);
    p->phase = FRONT_BEGIN;
    p->front_ready = cycle;
    p->front_cause = CAUSE_front_end;
    p->fusible = 0;
    p->due_from = cycle;
    p->delivery.cycle = cycle;
    p->delivery.window = ~0ull;
    p->topdown.until = cycle;
    topdown_right_path(&p->topdown);
    p->topdown.category = TOPDOWN_front_end;
    p->world = p->core->hart->world;
    p->core->hart->record = &p->record;
}

static void init_translations(struct ooo *p)
{
    for (u32 i = 0; i < OOO_TRANSLATIONS; i++)
        p->translation[i].next_free = i + 1 < OOO_TRANSLATIONS ? (u16)(i + 1) : OOO_NONE;
}

void ooo_init(struct ooo *p, const struct ooo_wiring *w)
{
    memset(p, 0, sizeof *p);
    p->cfg = *w->cfg;
    p->cost = *w->cost;
    p->core = w->core;
    p->bpred = w->bpred;
    p->l1i = w->l1i;
    p->l1d = w->l1d;
    p->walker = w->walker;
    p->wc = w->wc;
    p->uop = calloc(OOO_RING, sizeof *p->uop);
    p->mem = calloc(OOO_RING, sizeof *p->mem);
    p->translation = calloc(OOO_TRANSLATIONS, sizeof *p->translation);
    CHECK(p->uop && p->mem && p->translation, "no host memory for the out-of-order core");
    microcode_add_vmx(&p->cost, &w->core->vmx->cfg);
    memset(p->due, 0xff, sizeof p->due);
    p->refused = p->order_waiters = p->lock_waiters = OOO_NONE;
    p->topdown.width = p->cfg.rename_width;
    uop_cache_init(&p->uop_cache, p->cfg.uop_cache_sets, p->cfg.uop_cache_ways, p->cfg.uop_cache_line);
    init_translations(p);
}

void ooo_fini(struct ooo *p)
{
    free(p->uop);
    free(p->mem);
    free(p->translation);
}

const char *ooo_cfg_problem(const struct ooo_cfg *cfg, const struct walker_cfg *walker)
{
    u32 walks = cfg->load_buffer_entries + cfg->store_buffer_entries + 2; /* and the lines of an instruction */
    if (walker->walkers + walker->queue_entries < walks)
        return "walkers and queue_entries must hold a walk for each of cpu.ooo.load_buffer_entries, "
               ".store_buffer_entries and two fetched lines";
    return NULL;
}

/* --- statistics --- */

#define STAT_OF struct ooo_stats
static const struct stat_row rows[] = {OOO_STATS(STAT_ROW)};
#undef STAT_OF

void ooo_register_stats(struct ooo *p, struct stats *s, const char *prefix)
{
    char path[64];
    snprintf(path, sizeof path, "%s.ooo", prefix);
    stats_add_rows(s, path, rows, ARRAY_LEN(rows), &p->stats);
    load_latency_register(&p->stats.load_latency, s, path);
    topdown_register_stats(&p->topdown, s, prefix);
}

static u64 parts_under_way(const struct ooo *p)
{
    u64 parts = 0;
    for (u64 seq = p->head; seq != p->renamed; seq++) {
        const struct ooo_uop *u = &p->uop[seq % OOO_RING];
        bool issued = u->state == UOP_ISSUED || u->state == UOP_TIMED;
        if (u->op == OP_load && issued) parts += p->mem[seq % OOO_RING].parts;
    }
    return parts;
}

void ooo_check_identities(const struct ooo *p)
{
    const struct ooo_stats *s = &p->stats;
    u64 served = s->served_l1 + s->served_l2 + s->served_l3 + s->served_peer + s->served_dram;
    CHECK(s->loads == served + parts_under_way(p),
          "cpu%u.ooo: loads do not sum over the levels that served them", p->core->id);
    topdown_check(&p->topdown);
}

#define PARAM_OF struct ooo_cfg
const struct param ooo_params[] = {OOO_PARAMS(PARAM_ROW)};
const size_t ooo_params_count = ARRAY_LEN(ooo_params);
#undef PARAM_OF
