/* flusher.c - set by set, cache by cache. */
#include "caches/flusher.h"

#include "caches/cache_lines.h"
#include "models/sim/check.h"

#define PARAM_OF struct flusher_cfg
const struct param flusher_params[] = {FLUSHER_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t flusher_params_count = ARRAY_LEN(flusher_params);

static struct cache *current(const struct flusher *f)
{
    return f->desc.cache[f->at_cache];
}

static void post(struct flusher *f, u64 cycles, message_fn fn)
{
    clock_post(f->desc.clock, clock_now(f->desc.clock) + cycles, fn, f, 0);
}

static void finish(void *self, u64 arg)
{
    struct flusher *f = self;

    (void)arg;
    f->busy = false;
    f->stats.cycles += clock_now(f->desc.clock) - f->start_cycle;
    f->desc.done(f->desc.self);
}

static void step(void *self, u64 arg);

static void line_answered(void *self, u64 token, enum served served)
{
    struct flusher *f = self;

    (void)token;
    (void)served;
    f->in_flight--;
    if (f->stalled) {
        f->stalled = false;
        post(f, 0, step);
    } else if (f->at_cache == f->end_cache && f->in_flight == 0) {
        post(f, 0, finish);
    }
}

/* The line has been taken from this cache, dirty: on to memory. */
static void flush_line(struct flusher *f, struct cache *c, u64 line)
{
    const struct mem_port port = cache_port(c);
    const struct mem_request r = {.at = HPA(line << LINE_SHIFT),
                                  .kind = MEM_FLUSH,
                                  .origin = ORIGIN_DATA,
                                  .dirty = true,
                                  .done = line_answered,
                                  .self = f};
    u64 ready_cycle;
    enum served served;

    CHECK(port_access(&port, &r, &ready_cycle, &served) == PORT_PENDING, "%s: a flush is not accepted", c->name);
    f->in_flight++;
}

/* A dirty copy above an inclusive level counts. */
static void empty_place(struct flusher *f, struct cache *c, size_t place)
{
    const u64 line = c->line[place];
    bool dirty = cache_state_at(c, place) == LINE_DIRTY;

    if (f->way == FLUSHER_SPILLS)
        cache_evict(c, place);
    else
        dirty = cache_take(c, place) && f->way == FLUSHER_WRITES_BACK;
    f->stats.lines++;
    f->stats.dirty += dirty;
    if (dirty && f->way == FLUSHER_WRITES_BACK) flush_line(f, c, line);
}

/* false: no further before an answer. */
static bool empty_set(struct flusher *f, struct cache *c, u32 set)
{
    for (size_t place = (size_t)set * c->ways; place < (size_t)(set + 1) * c->ways; place++) {
        if (f->in_flight == f->cfg.lines_in_flight) return false;
        if (cache_state_at(c, place) != LINE_INVALID) empty_place(f, c, place);
    }
    return true;
}

/* The sets of one cycle. false: stalled. */
static bool empty_sets(struct flusher *f)
{
    struct cache *c = current(f);
    const u32 end = c->sets - f->at_set < f->cfg.sets_per_cycle ? c->sets : f->at_set + f->cfg.sets_per_cycle;

    for (; f->at_set < end; f->at_set++)
        if (!empty_set(f, c, f->at_set)) return false;
    return true;
}

/* What has left this cache must have reached the next one before that is looked through. */
static u64 leave_cache(struct flusher *f)
{
    const u64 cycles = 1 + current(f)->hit_cycles;

    f->at_cache++;
    f->at_set = 0;
    return cycles;
}

static void step(void *self, u64 arg)
{
    struct flusher *f = self;
    u64 cycles = 1;

    (void)arg;
    if (!empty_sets(f)) {
        f->stalled = true;
        return;
    }
    if (f->at_set == current(f)->sets) cycles = leave_cache(f);
    if (f->at_cache < f->end_cache)
        post(f, cycles, step);
    else if (f->in_flight == 0)
        post(f, cycles, finish);
}

void flusher_start(struct flusher *f, enum flusher_way way, u32 n_caches)
{
    CHECK(!f->busy && n_caches >= 1 && n_caches <= f->desc.n_caches, "a flusher of %u caches cannot start",
          f->desc.n_caches);
    f->busy = true;
    f->way = (u8)way;
    f->at_cache = f->at_set = 0;
    f->end_cache = n_caches;
    f->start_cycle = clock_now(f->desc.clock);
    f->stats.runs++;
    post(f, 1, step);
}

void flusher_init(struct flusher *f, const struct flusher_cfg *cfg, const struct flusher_desc *desc)
{
    CHECK(desc->n_caches <= FLUSHER_MAX_CACHES, "a flusher of %u caches", desc->n_caches);
    *f = (struct flusher){.cfg = *cfg, .desc = *desc};
}

#define STAT_OF struct flusher_stats
static const struct stat_row stat_rows[] = {FLUSHER_STATS(STAT_ROW)};
#undef STAT_OF

void flusher_add_stats(const struct flusher *f, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &f->stats);
}
