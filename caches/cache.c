/* cache.c - one cache level: lookup, miss, fill, write-back. */
#include "caches/cache_lines.h"

#include "models/sim/check.h"

/* --- downward --- */

static void post_down(struct cache *c, message_fn fn, u64 arg)
{
    port_expect(&c->next, c->mshrs.entry[arg].line);
    clock_post(c->clock, clock_now(c->clock) + c->hit_cycles, fn, c, arg);
}

/* --- fills --- */

static void drain_queue(struct cache *c);

static void tell_freed(struct cache *c)
{
    if (!c->refused) return;
    c->refused = false;
    for (u32 i = 0; i < c->n_listeners; i++) c->listener[i].fn(c->listener[i].self);
}

static enum grant granted(const struct cache *c, u64 line)
{
    return c->coherence.granted ? c->coherence.granted(c->coherence.self, line) : GRANT_OWNED;
}

/* Keeps the line that register m waited for, or would have, as far as it may. */
static void keep_line(struct cache *c, const struct mshr *m, enum grant grant)
{
    const i64 place = cache_find(c, m->line);
    const u8 state = grant == GRANT_SHARED ? LINE_SHARED : m->dirty ? LINE_DIRTY : LINE_CLEAN;
    const bool passes = grant == GRANT_NONE || (c->inclusion == KEEPS_VICTIMS && !m->prefetch);

    if (place < 0 && !passes) {
        cache_install(c, m->line, state | (m->prefetch ? LINE_PREFETCHED : 0));
        return;
    }
    if (place >= 0 && !passes) c->state[place] = state; /* it was here, shared */
    c->stats.fills_passed++;
    c->stats.prefetches_useless += m->prefetch;
}

static void send_miss(void *self, u64 i);

/* The level below has answered register `token`, now. A line that came shared, while somebody asked to own it meanwhile, is sent for again. */
static void fill(void *self, u64 token, enum served served)
{
    struct cache *c = self;
    const i32 i = (i32)token;
    struct mshr *m = &c->mshrs.entry[i];
    const enum grant grant = granted(c, m->line);

    if (m->own && grant == GRANT_SHARED) {
        m->kind = MEM_OWN;
        post_down(c, send_miss, token);
        return;
    }
    c->stats.fills++;
    keep_line(c, m, grant);
    mshr_release(&c->mshrs, i, served);
    drain_queue(c);
    tell_freed(c);
}

static void fill_at_ready(void *self, u64 i)
{
    struct cache *c = self;

    fill(c, i, c->mshrs.entry[i].served);
}

static void send_miss(void *self, u64 i)
{
    struct cache *c = self;
    struct mshr *m = &c->mshrs.entry[i];
    const struct mem_request r = {.at = HPA(m->line << LINE_SHIFT),
                                  .kind = m->kind,
                                  .origin = m->origin,
                                  .done = fill,
                                  .self = c,
                                  .token = i};
    u64 ready_cycle;
    enum served served;
    const enum port_answer answer = port_access(&c->next, &r, &ready_cycle, &served);

    CHECK(answer != PORT_BUSY, "%s: the level below refuses", c->name);
    if (answer != PORT_HIT) return;
    m->served = (u8)served;
    clock_post(c->clock, ready_cycle, fill_at_ready, c, i);
}

/* --- warming --- */

/* The line comes, from below if need be, and stays as far as it may. */
static enum grant warm_line(struct cache *c, const struct mem_request *r, bool prefetch)
{
    const bool owns = mem_kind_owns(r->kind);
    const struct mshr m = {.line = r->at.v >> LINE_SHIFT, .dirty = r->kind == MEM_WRITE, .prefetch = prefetch};
    const struct mem_request below = {
        .at = HPA(m.line << LINE_SHIFT), .kind = owns ? MEM_OWN : r->kind, .origin = r->origin};

    *(prefetch ? &c->stats.prefetches : &c->stats.misses) += 1;
    const enum grant grant = port_warm(&c->next, &below);
    c->stats.fills++;
    keep_line(c, &m, grant);
    return grant;
}

/* --- prefetches --- */

static void send_prefetch(struct cache *c, u64 line, u8 origin)
{
    const struct mem_request r = {.at = HPA(line << LINE_SHIFT), .kind = MEM_PREFETCH, .origin = origin};
    i32 i;

    if (cache_find(c, line) >= 0 || mshr_find(&c->mshrs, line) != MSHR_NONE) {
        c->stats.prefetches_known++;
        return;
    }
    if (UNLIKELY(c->warming)) {
        warm_line(c, &r, true);
        return;
    }
    i = c->mshrs.used + c->prefetch_reserve < c->mshrs.n && c->queue_length == 0
            ? mshr_allocate(&c->mshrs, line, &r)
            : MSHR_NONE;
    if (i == MSHR_NONE) {
        c->stats.prefetches_dropped++;
        return;
    }
    c->mshrs.entry[i].prefetch = true;
    c->stats.prefetches++;
    post_down(c, send_miss, (u64)i);
}

/* The prefetchers see what programs ask for, and what prefetchers above ask for, but no page walks. */
static void show_prefetchers(struct cache *c, const struct mem_request *r, bool hit)
{
    const struct prefetch_look look = {.at = r->at, .pc = r->pc, .hit = hit};

    if (r->origin != ORIGIN_DATA && r->origin != ORIGIN_FETCH) return;
    for (u32 n = 0; n < c->n_prefetchers; n++) {
        struct prefetch_wish wish; /* not cleared as a whole: this is every hit's way */

        wish.n = 0;
        c->prefetcher[n]->look(c->prefetcher_state[n], &look, &c->prefetch_limits, &wish);
        for (u32 i = 0; i < wish.n; i++) send_prefetch(c, wish.line[i], r->origin);
    }
}

/* --- lookups --- */

static void count_lookup(struct cache *c, const struct mem_request *r)
{
    c->stats.lookups++;
    c->stats.lookups_by[r->origin]++;
}

/* Is the line here, and in a state that this request may use? */
static bool usable(const struct cache *c, const struct mem_request *r, i64 place)
{
    return place >= 0 && !(mem_kind_owns(r->kind) && cache_state_at(c, (size_t)place) == LINE_SHARED);
}

/* A lookup has found it. true: the first one since a prefetch brought it. */
static bool use_line(struct cache *c, size_t place)
{
    const bool first = c->state[place] & LINE_PREFETCHED;

    c->stats.prefetches_useful += first;
    c->state[place] &= (u8)~LINE_PREFETCHED;
    return first;
}

static void hit(struct cache *c, const struct mem_request *r, size_t place)
{
    const bool first = use_line(c, place);
    const u32 set = cache_set_of(c, r->at.v >> LINE_SHIFT);

    c->stats.hits++;
    c->replacement.policy->hit(&c->replacement, set, (u32)(place - (size_t)set * c->ways));
    if (r->kind == MEM_WRITE) c->state[place] = LINE_DIRTY;
    if (UNLIKELY(c->n_prefetchers)) show_prefetchers(c, r, !first);
}

/* Takes a register and sends the request below. false: no register or no target is free. */
static bool start_miss(struct cache *c, const struct mem_request *r, u64 line)
{
    const i32 i = mshr_allocate(&c->mshrs, line, r);
    i64 place;

    if (i == MSHR_NONE) return false;
    c->stats.misses++;
    c->stats.misses_by[r->origin]++;
    place = cache_find(c, line);
    c->stats.upgrades += place >= 0;
    if (place >= 0) use_line(c, (size_t)place);
    if (mem_kind_owns(r->kind)) c->mshrs.entry[i].kind = MEM_OWN;
    post_down(c, send_miss, (u64)i);
    return true;
}

static bool join_miss(struct cache *c, const struct mem_request *r, u64 line)
{
    const i32 i = mshr_find(&c->mshrs, line);

    if (i == MSHR_NONE || !mshr_merge(&c->mshrs, i, r)) return false;
    c->stats.mshr_merges++;
    c->stats.prefetches_late += c->mshrs.entry[i].prefetch;
    c->mshrs.entry[i].prefetch = false;
    return true;
}

static void enqueue(struct cache *c, const struct mem_request *r)
{
    CHECK(c->queue_length < c->queue_entries, "%s: queue of %u requests is full", c->name, c->queue_entries);
    c->queue[(c->queue_head + c->queue_length++) % c->queue_entries] = *r;
    c->stats.queued++;
}

/* The head of the queue has its turn. false: it must go on waiting. */
static bool serve_queued(struct cache *c, const struct mem_request *r)
{
    const u64 line = r->at.v >> LINE_SHIFT;
    const i64 place = cache_find(c, line);

    if (!usable(c, r, place)) {
        if (mshr_find(&c->mshrs, line) != MSHR_NONE) return join_miss(c, r, line);
        return start_miss(c, r, line);
    }
    hit(c, r, (size_t)place);
    if (r->done) r->done(r->self, r->token, c->level);
    return true;
}

static void drain_queue(struct cache *c)
{
    while (c->queue_length) {
        const struct mem_request r = c->queue[c->queue_head];

        if (!serve_queued(c, &r)) return;
        c->queue_head = (c->queue_head + 1) % c->queue_entries;
        c->queue_length--;
    }
}

static enum port_answer miss(struct cache *c, const struct mem_request *r, u64 line)
{
    const bool in_flight = mshr_find(&c->mshrs, line) != MSHR_NONE;
    const bool accepted = in_flight ? join_miss(c, r, line) : c->queue_length == 0 && start_miss(c, r, line);

    if (!accepted && c->refuses) {
        c->stats.busy++;
        c->refused = true;
        return PORT_BUSY;
    }
    count_lookup(c, r);
    if (!accepted) enqueue(c, r);
    if (UNLIKELY(c->n_prefetchers)) show_prefetchers(c, r, false);
    return PORT_PENDING;
}

/* A line that is here, and not shared, is this processor's: no need to ask. */
static bool owns(const struct cache *c, u64 line, i64 place)
{
    return place >= 0 ? cache_state_at(c, (size_t)place) != LINE_SHARED : granted(c, line) == GRANT_OWNED;
}

/* A dirty line from above. One that this processor does not own any more only passes. */
static void accept_writeback(struct cache *c, u64 line, i64 place)
{
    const i32 i = place < 0 ? mshr_find(&c->mshrs, line) : MSHR_NONE;

    c->stats.writebacks_in++;
    if (!owns(c, line, place)) {
        c->stats.writebacks_passed++;
        cache_send_evicted(c, line, MEM_WRITEBACK);
    } else if (place >= 0) {
        c->state[place] = LINE_DIRTY | (c->state[place] & LINE_PREFETCHED);
    } else if (i != MSHR_NONE) {
        c->mshrs.entry[i].dirty = c->mshrs.entry[i].own = true;
    } else {
        c->stats.writeback_fills++;
        cache_install(c, line, LINE_DIRTY); /* a whole line: nothing to read from below */
    }
}

/* A clean line from above, for a level that keeps victims. */
static void accept_victim(struct cache *c, u64 line, i64 place)
{
    c->stats.victims_in++;
    if (place >= 0 || mshr_find(&c->mshrs, line) != MSHR_NONE) return;
    c->stats.writeback_fills++;
    cache_install(c, line, LINE_CLEAN);
}

static enum port_answer access(void *self, const struct mem_request *r, u64 *ready_cycle, enum served *served)
{
    struct cache *c = self;
    const u64 line = r->at.v >> LINE_SHIFT;
    const i64 place = cache_find(c, line);

    *ready_cycle = clock_now(c->clock) + c->hit_cycles;
    *served = c->level;
    if (UNLIKELY(mem_kind_is_evicted(r->kind))) {
        (r->kind == MEM_WRITEBACK ? accept_writeback : accept_victim)(c, line, place);
        return PORT_HIT;
    }
    if (UNLIKELY(mem_kind_passes_caches(r->kind))) {
        cache_let_pass(c, r, place);
        return PORT_PENDING;
    }
    if (UNLIKELY(!usable(c, r, place))) return miss(c, r, line);
    count_lookup(c, r);
    hit(c, r, (size_t)place);
    return PORT_HIT;
}

static void expect(void *self, u64 line)
{
    const struct cache *c = self;
    const u32 set = cache_set_of(c, line);
    const size_t place = (size_t)set * c->ways;

    __builtin_prefetch(cache_signatures_of(c, set));
    __builtin_prefetch(&c->state[place]);
    for (u32 way = 0; way < c->ways; way += LINE_BYTES / sizeof *c->line) {
        __builtin_prefetch(&c->line[place + way]);
        __builtin_prefetch(&c->replacement.word[place + way]);
    }
}

static enum grant warm_miss(struct cache *c, const struct mem_request *r, i64 place)
{
    c->stats.misses_by[r->origin]++;
    c->stats.upgrades += place >= 0;
    const enum grant grant = warm_line(c, r, false);
    if (UNLIKELY(c->n_prefetchers)) show_prefetchers(c, r, false);
    return grant;
}

static enum grant warm_lookup(struct cache *c, const struct mem_request *r, i64 place)
{
    count_lookup(c, r);
    if (!usable(c, r, place)) return warm_miss(c, r, place);
    hit(c, r, (size_t)place);
    return cache_state_at(c, (size_t)place) == LINE_SHARED ? GRANT_SHARED : GRANT_OWNED;
}

static enum grant warm_passing(struct cache *c, const struct mem_request *r, i64 place)
{
    struct mem_request passing = *r;

    c->stats.passed++;
    if (place >= 0) passing.dirty |= cache_treat_passed(c, (size_t)place, r->kind);
    return port_warm(&c->next, &passing);
}

static enum grant warm(void *self, const struct mem_request *r)
{
    struct cache *c = self;
    const u64 line = r->at.v >> LINE_SHIFT;
    const i64 place = cache_find(c, line);
    enum grant grant = GRANT_NONE;

    c->warming = true;
    if (UNLIKELY(mem_kind_is_evicted(r->kind)))
        (r->kind == MEM_WRITEBACK ? accept_writeback : accept_victim)(c, line, place);
    else if (UNLIKELY(mem_kind_passes_caches(r->kind)))
        grant = warm_passing(c, r, place);
    else
        grant = warm_lookup(c, r, place);
    cache_warm_departure(c);
    c->warming = false;
    return grant;
}

struct mem_port cache_port(struct cache *c)
{
    return (struct mem_port){.access = access, .self = c, .expect = expect, .warm = warm};
}
