/* cache.c - one cache level: lookup, miss, fill, write-back. */
#include "caches/cache.h"

#include "models/sim/check.h"
#include <stdlib.h>

#define DEFAULT_QUEUE_ENTRIES 1024

#define PARAM_OF struct cache_cfg
const struct param cache_params[] = {CACHE_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t cache_params_count = ARRAY_LEN(cache_params);

static u32 set_of(const struct cache *c, u64 line)
{
    return (u32)(LIKELY(c->set_mask || c->sets == 1) ? line & c->set_mask : line % c->sets);
}

/* The index of the line's place in the arrays, or -1. */
static i64 find_line(const struct cache *c, u32 set, u64 line)
{
    const size_t base = (size_t)set * c->ways;

    for (u32 way = 0; way < c->ways; way++)
        if (c->line[base + way] == line && c->state[base + way] != LINE_INVALID) return (i64)(base + way);
    return -1;
}

/* --- downward --- */

static void post_down(struct cache *c, message_fn fn, u64 arg)
{
    clock_post(c->clock, clock_now(c->clock) + c->hit_cycles, fn, c, arg);
}

static void send_writeback(void *self, u64 at)
{
    struct cache *c = self;
    const struct mem_request r = {.at = HPA(at), .kind = MEM_WRITEBACK, .origin = ORIGIN_DATA};
    u64 ready_cycle;
    enum served served;

    port_access(&c->next, &r, &ready_cycle, &served);
}

static void evict(struct cache *c, size_t place)
{
    if (c->state[place] == LINE_INVALID) return;
    c->stats.evictions++;
    c->stats.prefetches_useless += (c->state[place] & LINE_PREFETCHED) != 0;
    if ((c->state[place] & ~LINE_PREFETCHED) == LINE_DIRTY) {
        c->stats.writebacks++;
        post_down(c, send_writeback, c->line[place] << LINE_SHIFT);
    }
    c->state[place] = LINE_INVALID;
}

static u32 choose_way(struct cache *c, u32 set)
{
    for (u32 way = 0; way < c->ways; way++)
        if (c->state[(size_t)set * c->ways + way] == LINE_INVALID) return way;
    return c->replacement.policy->victim(&c->replacement, set);
}

static void install(struct cache *c, u64 line, u8 state)
{
    const u32 set = set_of(c, line);
    const u32 way = choose_way(c, set);
    const size_t place = (size_t)set * c->ways + way;

    evict(c, place);
    c->line[place] = line;
    c->state[place] = state;
    c->replacement.policy->fill(&c->replacement, set, way);
}

/* --- fills --- */

static void drain_queue(struct cache *c);

static void tell_freed(struct cache *c)
{
    if (!c->refused) return;
    c->refused = false;
    for (u32 i = 0; i < c->n_listeners; i++) c->listener[i].fn(c->listener[i].self);
}

/* The level below has answered register `token`, now. */
static void fill(void *self, u64 token, enum served served)
{
    struct cache *c = self;
    const i32 i = (i32)token;
    const struct mshr *m = &c->mshrs.entry[i];

    c->stats.fills++;
    install(c, m->line, (m->dirty ? LINE_DIRTY : LINE_CLEAN) | (m->prefetch ? LINE_PREFETCHED : 0));
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
    const struct mem_request r = {.at = HPA(m->line << LINE_SHIFT), .kind = m->kind, .origin = m->origin, .done = fill, .self = c, .token = i};
    u64 ready_cycle;
    enum served served;
    const enum port_answer answer = port_access(&c->next, &r, &ready_cycle, &served);

    CHECK(answer != PORT_BUSY, "%s: the level below refuses", c->name);
    if (answer != PORT_HIT) return;
    m->served = (u8)served;
    clock_post(c->clock, ready_cycle, fill_at_ready, c, i);
}

/* --- prefetches --- */

static void send_prefetch(struct cache *c, u64 line, u8 origin)
{
    const struct mem_request r = {.at = HPA(line << LINE_SHIFT), .kind = MEM_PREFETCH, .origin = origin};
    i32 i;

    if (find_line(c, set_of(c, line), line) >= 0 || mshr_find(&c->mshrs, line) != MSHR_NONE) {
        c->stats.prefetches_known++;
        return;
    }
    i = c->mshrs.used + c->prefetch_reserve < c->mshrs.n && c->queue_length == 0 ? mshr_allocate(&c->mshrs, line, &r) : MSHR_NONE;
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
        struct prefetch_wish wish = {.n = 0};

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

static void hit(struct cache *c, const struct mem_request *r, u32 set, size_t place)
{
    const bool first = c->state[place] & LINE_PREFETCHED;

    c->stats.hits++;
    c->stats.prefetches_useful += first;
    c->state[place] &= (u8)~LINE_PREFETCHED;
    c->replacement.policy->hit(&c->replacement, set, (u32)(place - (size_t)set * c->ways));
    if (r->kind == MEM_WRITE) c->state[place] = LINE_DIRTY;
    if (UNLIKELY(c->n_prefetchers)) show_prefetchers(c, r, !first);
}

/* Takes a register and sends the request below. false: no register or no target is free. */
static bool start_miss(struct cache *c, const struct mem_request *r, u64 line)
{
    const i32 i = mshr_allocate(&c->mshrs, line, r);

    if (i == MSHR_NONE) return false;
    c->stats.misses++;
    c->stats.misses_by[r->origin]++;
    if (r->kind == MEM_WRITE) c->mshrs.entry[i].kind = MEM_READ; /* below, a write is a read for ownership */
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
    const u32 set = set_of(c, line);
    const i64 place = find_line(c, set, line);

    if (place < 0) {
        if (mshr_find(&c->mshrs, line) != MSHR_NONE) return join_miss(c, r, line);
        return start_miss(c, r, line);
    }
    hit(c, r, set, (size_t)place);
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
    const bool accepted =
        in_flight ? join_miss(c, r, line) : c->queue_length == 0 && start_miss(c, r, line);

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

static void accept_writeback(struct cache *c, u64 line, i64 place)
{
    const i32 i = place < 0 ? mshr_find(&c->mshrs, line) : MSHR_NONE;

    c->stats.writebacks_in++;
    if (place >= 0) {
        c->state[place] = LINE_DIRTY | (c->state[place] & LINE_PREFETCHED);
    } else if (i != MSHR_NONE) {
        c->mshrs.entry[i].dirty = true;
    } else {
        c->stats.writeback_fills++;
        install(c, line, LINE_DIRTY); /* a whole line: nothing to read from below */
    }
}

static enum port_answer access(void *self, const struct mem_request *r, u64 *ready_cycle, enum served *served)
{
    struct cache *c = self;
    const u64 line = r->at.v >> LINE_SHIFT;
    const u32 set = set_of(c, line);
    const i64 place = find_line(c, set, line);

    *ready_cycle = clock_now(c->clock) + c->hit_cycles;
    *served = c->level;
    if (UNLIKELY(r->kind == MEM_WRITEBACK)) {
        accept_writeback(c, line, place);
        return PORT_HIT;
    }
    if (UNLIKELY(place < 0)) return miss(c, r, line);
    count_lookup(c, r);
    hit(c, r, set, (size_t)place);
    return PORT_HIT;
}

/* --- building --- */

const char *cache_cfg_error(const struct cache_cfg *cfg)
{
    if (cfg->size_bytes % (cfg->ways * LINE_BYTES) != 0) return "size_bytes must be a multiple of ways * 64";
    if (cfg->mshr_targets < cfg->mshrs) return "mshr_targets must not be below mshrs";
    return NULL;
}

static void add_prefetcher(struct cache *c, const struct prefetcher *p)
{
    if (!p) return;
    c->prefetcher[c->n_prefetchers] = p;
    c->prefetcher_state[c->n_prefetchers] = p->state_bytes ? calloc(1, p->state_bytes) : NULL;
    CHECK(c->prefetcher_state[c->n_prefetchers] || p->state_bytes == 0, "%s: no host memory for a prefetcher", c->name);
    c->n_prefetchers++;
}

void cache_init(struct cache *c, const struct cache_cfg *cfg, const struct cache_desc *desc)
{
    const u32 sets = (u32)(cfg->size_bytes / (cfg->ways * LINE_BYTES));
    const size_t lines = (size_t)sets * cfg->ways;

    CHECK(cache_cfg_error(cfg) == NULL, "%s: %s", desc->name, cache_cfg_error(cfg));
    *c = (struct cache){.name = desc->name, .sets = sets, .ways = cfg->ways, .hit_cycles = cfg->hit_cycles};
    c->set_mask = (sets & (sets - 1)) == 0 ? sets - 1 : 0;
    c->level = desc->level;
    c->refuses = desc->refuses;
    c->queue_entries = desc->queue_entries ? desc->queue_entries : DEFAULT_QUEUE_ENTRIES;
    c->clock = desc->clock;
    c->next = desc->next;
    c->line = calloc(lines, sizeof *c->line);
    c->state = calloc(lines, sizeof *c->state);
    c->queue = calloc(c->queue_entries, sizeof *c->queue);
    CHECK(c->line && c->state && c->queue, "%s: no host memory for %zu lines", c->name, lines);
    replacement_init(&c->replacement, cfg->policy, sets, cfg->ways);
    mshr_init(&c->mshrs, cfg->mshrs, cfg->mshr_targets);
    c->prefetch_reserve = cfg->prefetch_reserve;
    c->prefetch_limits = (struct prefetch_limits){cfg->prefetch_degree, cfg->prefetch_distance};
    add_prefetcher(c, prefetcher_of_choice(cfg->prefetcher));
    add_prefetcher(c, prefetcher_of_choice(cfg->prefetcher2));
}

void cache_fini(struct cache *c)
{
    free(c->line);
    free(c->state);
    free(c->queue);
    for (u32 n = 0; n < c->n_prefetchers; n++) free(c->prefetcher_state[n]);
    replacement_fini(&c->replacement);
    mshr_fini(&c->mshrs);
}

struct mem_port cache_port(struct cache *c)
{
    return (struct mem_port){access, c};
}

void cache_on_freed(struct cache *c, cache_freed_fn fn, void *self)
{
    CHECK(c->n_listeners < CACHE_MAX_LISTENERS, "%s: too many askers", c->name);
    c->listener[c->n_listeners].fn = fn;
    c->listener[c->n_listeners++].self = self;
}

bool cache_has(const struct cache *c, hpa_t at)
{
    const u64 line = at.v >> LINE_SHIFT;

    return find_line(c, set_of(c, line), line) >= 0;
}

/* --- statistics --- */

#define STAT_OF struct cache_stats
#define ORIGIN_ROWS(name, origin, meaning)                                                                   \
    {"lookups_" #name, offsetof(STAT_OF, lookups_by[origin]), "lookups by " meaning},                        \
    {"misses_" #name, offsetof(STAT_OF, misses_by[origin]), "misses by " meaning},
static const struct stat_row stat_rows[] = {CACHE_STATS(STAT_ROW) CACHE_ORIGINS(ORIGIN_ROWS)};
#undef STAT_OF

void cache_add_stats(const struct cache *c, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &c->stats);
}

static u64 count_lines(const struct cache *c, u8 state_bits)
{
    u64 n = 0;

    for (size_t place = 0; place < (size_t)c->sets * c->ways; place++) n += (c->state[place] & state_bits) != 0;
    return n;
}

static u64 prefetches_in_flight(const struct cache *c)
{
    u64 n = 0;

    for (u32 i = 0; i < c->mshrs.n; i++) n += c->mshrs.entry[i].valid && c->mshrs.entry[i].prefetch;
    return n;
}

static u64 sum(const u64 *counters)
{
    u64 total = 0;

    for (unsigned origin = 0; origin < ORIGIN_COUNT; origin++) total += counters[origin];
    return total;
}

void cache_check_identities(const struct cache *c)
{
    const struct cache_stats *s = &c->stats;

    CHECK(s->lookups == s->hits + s->misses + s->mshr_merges + c->queue_length, "%s: lookups by outcome",
          c->name);
    CHECK(s->lookups == sum(s->lookups_by), "%s: lookups by origin", c->name);
    CHECK(s->misses == sum(s->misses_by), "%s: misses by origin", c->name);
    CHECK(s->misses + s->prefetches == s->fills + c->mshrs.used, "%s: misses in flight", c->name);
    CHECK(s->fills + s->writeback_fills == s->evictions + count_lines(c, UINT8_MAX), "%s: lines in and out", c->name);
    CHECK(s->prefetches == s->prefetches_useful + s->prefetches_late + s->prefetches_useless + count_lines(c, LINE_PREFETCHED) +
                               prefetches_in_flight(c),
          "%s: prefetches by outcome", c->name);
    CHECK(s->writebacks <= s->evictions, "%s: more write-backs than evictions", c->name);
}
