/* cache_build.c - building a cache, its statistics and what must always hold of them. */
#include "caches/cache_lines.h"

#include "models/sim/check.h"
#include <stdlib.h>

#define DEFAULT_QUEUE_ENTRIES 1024

#define PARAM_OF struct cache_cfg
const struct param cache_params[] = {CACHE_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t cache_params_count = ARRAY_LEN(cache_params);

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
    CHECK(c->prefetcher_state[c->n_prefetchers] || p->state_bytes == 0, "%s: no host memory for a prefetcher",
          c->name);
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
    c->sends_victims = desc->sends_victims;
    c->inclusion = (enum inclusion)cfg->inclusion;
    if (desc->coherence) c->coherence = *desc->coherence;
    c->line = calloc(lines + SIGNATURE_LANES, sizeof *c->line);
    c->state = calloc(lines + SIGNATURE_LANES, sizeof *c->state);
    c->signature = calloc((size_t)sets * signature_stride(cfg->ways), sizeof *c->signature);
    c->queue = calloc(c->queue_entries, sizeof *c->queue);
    c->pass = calloc(c->queue_entries, sizeof *c->pass);
    c->free_pass = CACHE_PASS_NONE;
    c->departing = CACHE_NO_DEPARTURE;
    CHECK(c->line && c->state && c->signature && c->queue && c->pass, "%s: no host memory for %zu lines", c->name, lines);
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
    free(c->signature);
    free(c->queue);
    free(c->pass);
    for (u32 n = 0; n < c->n_prefetchers; n++) free(c->prefetcher_state[n]);
    replacement_fini(&c->replacement);
    mshr_fini(&c->mshrs);
}

void cache_on_freed(struct cache *c, cache_freed_fn fn, void *self)
{
    CHECK(c->n_listeners < CACHE_MAX_LISTENERS, "%s: too many askers", c->name);
    c->listener[c->n_listeners].fn = fn;
    c->listener[c->n_listeners++].self = self;
}

void cache_set_recall(struct cache *c, struct recall_port above)
{
    c->above = above;
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

    for (size_t place = 0; place < (size_t)c->sets * c->ways; place++)
        n += (c->state[place] & state_bits) != 0;
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
    CHECK(s->fills - s->fills_passed + s->writeback_fills ==
              s->evictions + s->invalidations + s->flushed + count_lines(c, UINT8_MAX),
          "%s: lines in and out", c->name);
    CHECK(s->prefetches == s->prefetches_useful + s->prefetches_late + s->prefetches_useless +
                               count_lines(c, LINE_PREFETCHED) + prefetches_in_flight(c),
          "%s: prefetches by outcome", c->name);
    CHECK(s->writebacks <= s->evictions, "%s: more write-backs than evictions", c->name);
    CHECK(s->invalidations <= s->snoops, "%s: more lines taken away than snoops", c->name);
}
