/* dram.c - queues of the channels: what waits, what is next, when it is answered. */
#include "models/mem/dram.h"

#include "models/sim/check.h"
#include <stdlib.h>

#define ACCESSES 4096 /* waiting; bounded by the MSHRs above and write_high */

#define PARAM_OF struct dram_cfg
const struct param dram_params[] = {DRAM_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t dram_params_count = ARRAY_LEN(dram_params);

__extension__ typedef unsigned __int128 u128;

/* The first DRAM cycle whose edge is not before `ps`. */
static u64 ps_to_cycle(const struct dram *d, u64 ps)
{
    return (u64)(((u128)ps * d->cfg.frequency_hz + PS_PER_SECOND - 1) / PS_PER_SECOND);
}

u64 dram_cycle_to_ps(const struct dram *d, u64 cycle)
{
    return (u64)((u128)cycle * PS_PER_SECOND / d->cfg.frequency_hz);
}

static u64 now_ps(const struct dram *d)
{
    return clock_cycle_to_ps(d->core, clock_now(d->core));
}

/* --- queues --- */

static i32 take_access(struct dram *d)
{
    const i32 i = d->free_access;

    CHECK(i != DRAM_NONE, "%s: more than %d accesses wait", d->name, ACCESSES);
    d->free_access = d->access[i].next;
    return i;
}

static void append(struct dram *d, struct dram_queue *q, i32 i)
{
    d->access[i].next = DRAM_NONE;
    *(q->first == DRAM_NONE ? &q->first : &d->access[q->last].next) = i;
    q->last = i;
    q->length++;
}

/* Takes the access behind `before` (DRAM_NONE: the first) out of the queue. */
static i32 take_behind(struct dram *d, struct dram_queue *q, i32 before)
{
    i32 *link = before == DRAM_NONE ? &q->first : &d->access[before].next;
    const i32 i = *link;

    *link = d->access[i].next;
    if (q->last == i) q->last = before;
    q->length--;
    return i;
}

static bool hits_row(const struct dram_channel *c, const struct dram_access *a)
{
    return c->bank[a->bank].is_open && c->bank[a->bank].open_row == a->row;
}

/* FR-FCFS: the oldest that finds its row open, else the oldest. */
static i32 take_next(struct dram_channel *c, struct dram_queue *q)
{
    struct dram *d = c->dram;
    i32 before = DRAM_NONE;

    for (i32 i = q->first; i != DRAM_NONE && d->cfg.scheduler == 0; before = i, i = d->access[i].next)
        if (hits_row(c, &d->access[i])) {
            d->stats.reordered += before != DRAM_NONE;
            return take_behind(d, q, before);
        }
    return take_behind(d, q, DRAM_NONE);
}

static bool line_waits(const struct dram *d, const struct dram_queue *q, hpa_t at)
{
    for (i32 i = q->first; i != DRAM_NONE; i = d->access[i].next)
        if (d->access[i].asked.at.v >> LINE_SHIFT == at.v >> LINE_SHIFT) return true;
    return false;
}

/* --- answers --- */

static void release_access(struct dram *d, i32 i)
{
    d->access[i].next = d->free_access;
    d->free_access = i;
}

static void answer(void *self, u64 i)
{
    struct dram *d = self;
    const struct mem_request asked = d->access[i].asked;

    release_access(d, (i32)i);
    asked.done(asked.self, asked.token, SERVED_DRAM);
}

/* An access is over, or will be at this DRAM cycle; who waits for it hears of it when it has come through the controller. */
static void finish_access(struct dram *d, i32 i, bool writes, u64 cycle)
{
    const struct dram_access *a = &d->access[i];
    const u64 ready_ps = dram_cycle_to_ps(d, cycle) + d->cfg.controller_ps;

    *(writes ? &d->stats.writes : &d->stats.reads) += 1;
    if (!writes) d->stats.read_ps += ready_ps - dram_cycle_to_ps(d, a->arrival);
    if (a->asked.done)
        clock_post(d->core, clock_ps_to_cycle(d->core, ready_ps), answer, d, (u64)i);
    else
        release_access(d, i);
}

/* --- what a channel does next --- */

static void choose_direction(struct dram_channel *c)
{
    const struct dram_cfg *cfg = &c->dram->cfg;

    if (!c->draining && c->writes.length >= cfg->write_high) {
        c->draining = true;
        c->dram->stats.drains++;
    }
    if (c->writes.length <= cfg->write_low) c->draining = false;
}

static void decide(void *self, u64 arg);

/* So early that even a row conflict keeps the bus busy. */
static void post_decision(struct dram_channel *c, u64 now)
{
    const struct dram *d = c->dram;
    const u64 lead = d->cfg.trp + d->cfg.trcd + d->cfg.tcl;
    const u64 when = c->bus_free > now + lead ? c->bus_free - lead : now;

    if (c->decision_posted || (c->reads.length == 0 && c->writes.length == 0)) return;
    c->decision_posted = true;
    clock_post(d->core, max_u64(clock_now(d->core), clock_ps_to_cycle(d->core, dram_cycle_to_ps(d, when))), decide,
               c, 0);
}

static void decide(void *self, u64 arg)
{
    struct dram_channel *c = self;
    struct dram *d = c->dram;
    const u64 now = ps_to_cycle(d, now_ps(d));
    bool writes;
    i32 i;

    (void)arg;
    c->decision_posted = false;
    choose_direction(c);
    writes = c->draining || c->reads.length == 0;
    i = take_next(c, writes ? &c->writes : &c->reads);
    finish_access(d, i, writes, dram_play(c, &d->access[i], writes, now));
    post_decision(c, now);
}

/* --- the port --- */

static struct dram_channel *place_access(struct dram *d, struct dram_access *a, hpa_t at)
{
    const u64 line = at.v >> LINE_SHIFT;
    const u64 row_of_channel = line / d->cfg.channels / d->row_lines;

    a->row = row_of_channel / d->cfg.banks;
    a->bank = (u32)((row_of_channel ^ a->row) & (d->cfg.banks - 1));
    return &d->channel[line % d->cfg.channels];
}

/* One access joins its queue; a read of a line that waits to be written is answered at once. */
static void start_access(struct dram *d, const struct mem_request *r)
{
    const bool writes = mem_kind_writes_memory(r->kind);
    const i32 i = take_access(d);
    struct dram_access *a = &d->access[i];
    struct dram_channel *c = place_access(d, a, r->at);

    a->asked = *r;
    a->arrival = ps_to_cycle(d, now_ps(d));
    if (!writes && line_waits(d, &c->writes, r->at)) {
        d->stats.forwarded++;
        finish_access(d, i, false, a->arrival);
        return;
    }
    append(d, writes ? &c->writes : &c->reads, i);
    post_decision(c, a->arrival);
}

static void write_line(struct dram *d, hpa_t at)
{
    start_access(d, &(struct mem_request){.at = at, .kind = MEM_WRITEBACK, .origin = ORIGIN_DATA});
}

/* A flush is over when the write queue has its line, if there is room there, else when
 * it is written. */
static enum port_answer start_flush(struct dram *d, const struct mem_request *r)
{
    struct mem_request write = *r;
    struct dram_access place;

    if (!r->dirty) return PORT_HIT;
    write.kind = MEM_WRITEBACK;
    if (place_access(d, &place, r->at)->writes.length < d->cfg.write_high) write.done = NULL;
    start_access(d, &write);
    return write.done ? PORT_PENDING : PORT_HIT;
}

static enum port_answer access(void *self, const struct mem_request *r, u64 *ready_cycle, enum served *served)
{
    struct dram *d = self;

    *served = SERVED_DRAM;
    *ready_cycle = clock_now(d->core);
    if (mem_kind_flushes(r->kind)) return start_flush(d, r);
    if (r->dirty) write_line(d, r->at); /* that came with the access, before it */
    start_access(d, r);
    return r->done ? PORT_PENDING : PORT_HIT;
}

struct mem_port dram_port(struct dram *d)
{
    return (struct mem_port){.access = access, .self = d};
}

/* --- building --- */

const char *dram_cfg_error(const struct dram_cfg *cfg)
{
    if (cfg->bank_groups > cfg->banks) return "bank_groups must not be above banks";
    if (cfg->write_low >= cfg->write_high) return "write_low must be below write_high";
    return NULL;
}

static void init_channel(struct dram *d, struct dram_channel *c)
{
    *c = (struct dram_channel){.dram = d, .refresh_due = d->cfg.trefi};
    c->reads = c->writes = (struct dram_queue){DRAM_NONE, DRAM_NONE, 0};
    c->bank = calloc(d->cfg.banks, sizeof *c->bank);
    CHECK(c->bank, "%s: no host memory for %u banks", d->name, d->cfg.banks);
}

void dram_init(struct dram *d, const struct dram_cfg *cfg, const char *name, struct clock *core)
{
    CHECK(dram_cfg_error(cfg) == NULL, "%s: %s", name, dram_cfg_error(cfg));
    *d = (struct dram){.name = name, .cfg = *cfg, .core = core};
    d->row_lines = cfg->row_bytes / (u32)LINE_BYTES;
    for (u32 n = 0; n < cfg->channels; n++) init_channel(d, &d->channel[n]);
    d->access = calloc(ACCESSES, sizeof *d->access);
    CHECK(d->access, "%s: no host memory for %d accesses", name, ACCESSES);
    for (i32 i = 0; i < ACCESSES; i++) d->access[i].next = i + 1 < ACCESSES ? i + 1 : DRAM_NONE;
}

void dram_fini(struct dram *d)
{
    for (u32 n = 0; n < d->cfg.channels; n++) free(d->channel[n].bank);
    free(d->access);
}

#define STAT_OF struct dram_stats
static const struct stat_row stat_rows[] = {DRAM_STATS(STAT_ROW)};
#undef STAT_OF

void dram_add_stats(const struct dram *d, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &d->stats);
}

void dram_check_identities(const struct dram *d)
{
    const struct dram_stats *s = &d->stats;

    CHECK(s->reads + s->writes == s->row_hits + s->row_misses + s->row_conflicts + s->forwarded,
          "%s: accesses by row", d->name);
}
