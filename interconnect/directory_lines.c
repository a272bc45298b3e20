/* directory_lines.c - entries: found, made, taken away; what they grant; what must hold between them and the caches. */
#include "interconnect/directory_lines.h"

#include "caches/signature.h"
#include "models/sim/check.h"
#include <stdlib.h>

#define PARAM_OF struct directory_cfg
const struct param directory_params[] = {DIRECTORY_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t directory_params_count = ARRAY_LEN(directory_params);

/* --- the processors' caches --- */

enum line_state directory_core_state(const struct directory *d, u32 core, u64 line)
{
    const struct directory_side *side = &d->side[core];
    enum line_state strongest = LINE_INVALID;

    for (u32 n = 0; n < side->n_caches; n++) {
        const enum line_state state = cache_line_state(side->cache[n], line);

        if (state > strongest) strongest = state;
    }
    return strongest;
}

enum line_state directory_snoop_core(struct directory *d, u32 core, u64 line, enum snoop what)
{
    const struct directory_side *side = &d->side[core];
    enum line_state strongest = LINE_INVALID;

    for (u32 n = 0; n < side->n_caches; n++) {
        const enum line_state before = cache_snoop(side->cache[n], line, what);

        if (before > strongest) strongest = before;
    }
    return strongest;
}

static bool anybody_has(const struct directory *d, const struct directory_entry *e)
{
    for (u32 core = 0; core < d->n_cores; core++)
        if ((e->holders & BIT(core)) && directory_core_state(d, core, e->line) != LINE_INVALID) return true;
    return false;
}

void directory_write_memory(struct directory *d, u64 line)
{
    const struct mem_request r = {
        .at = HPA(line << LINE_SHIFT), .kind = MEM_WRITEBACK, .origin = ORIGIN_DATA};
    u64 ready_cycle;
    enum served served;

    if (UNLIKELY(d->warming))
        port_warm(&d->next, &r);
    else
        port_access(&d->next, &r, &ready_cycle, &served);
}

/* Takes the line from all its holders. true: one of them had it dirty. */
static bool take_from_holders(struct directory *d, struct directory_entry *e)
{
    bool dirty = false;

    for (u32 core = 0; core < d->n_cores; core++)
        if (e->holders & BIT(core))
            dirty |= directory_snoop_core(d, core, e->line, SNOOP_INVALIDATE) == LINE_DIRTY;
    e->holders = 0;
    if (e->busy == DIRECTORY_IDLE) e->state = DIRECTORY_UNCACHED;
    return dirty;
}

/* --- entries --- */

static u32 set_of(const struct directory *d, u64 line)
{
    return topology_spread(line, d->sets);
}

static struct directory_entry *entries_of(const struct directory *d, u32 set)
{
    return &d->entry[(size_t)set * d->ways];
}

static u16 *signatures_of(const struct directory *d, u32 set)
{
    return &d->signature[(size_t)set * signature_stride(d->ways)];
}

static bool in_use(const struct directory_entry *e)
{
    return e->used != 0;
}

struct directory_entry *directory_find(const struct directory *d, u64 line)
{
    const u32 set = set_of(d, line);
    const u16 *signature = signatures_of(d, set), wanted = signature_of(line);

    for (u32 way = 0; way < d->ways; way += SIGNATURE_LANES)
        for (u64 match = signature_match(signature + way, wanted); match; match &= match - 1) {
            struct directory_entry *e = &entries_of(d, set)[way + signature_lane(match)];

            if (e->line == line && in_use(e)) return e;
        }
    return NULL;
}

void directory_expect(void *self, u64 line)
{
    const struct directory *d = self;
    const u32 set = set_of(d, line);

    __builtin_prefetch(signatures_of(d, set));
    for (u32 way = 0; way < d->ways; way += LINE_BYTES / sizeof *d->entry)
        __builtin_prefetch(&entries_of(d, set)[way]);
    port_expect(&d->next, line);
}

/* The oldest entry that was used after `after` and has no transaction, or NULL. */
static struct directory_entry *next_oldest(const struct directory *d, struct directory_entry *set, u64 after)
{
    struct directory_entry *oldest = NULL;

    for (u32 way = 0; way < d->ways; way++) {
        struct directory_entry *e = &set[way];

        if (e->busy != DIRECTORY_IDLE || (in_use(e) && e->used <= after)) continue;
        if (!oldest || e->used < oldest->used) oldest = e;
    }
    return oldest;
}

/* The oldest place whose line nobody has; if every line is with somebody, the oldest, recalled. */
static struct directory_entry *make_place(struct directory *d, struct directory_entry *set)
{
    struct directory_entry *oldest = next_oldest(d, set, 0);

    for (struct directory_entry *e = oldest; e; e = next_oldest(d, set, e->used))
        if (!in_use(e) || !anybody_has(d, e)) return e;
    if (!oldest) return NULL;
    d->stats.recalls++;
    if (take_from_holders(d, oldest)) directory_write_memory(d, oldest->line);
    return oldest;
}

static void track_line(struct directory *d, struct directory_entry *e, u64 line)
{
    const u32 set = set_of(d, line);

    *e = (struct directory_entry){.line = line, .used = ++d->time};
    signatures_of(d, set)[e - entries_of(d, set)] = signature_of(line);
}

struct directory_entry *directory_find_or_take(struct directory *d, u64 line)
{
    struct directory_entry *e = directory_find(d, line);

    if (e) return e;
    e = make_place(d, entries_of(d, set_of(d, line)));
    if (e) track_line(d, e, line);
    return e;
}

/* --- for caches and the L3 --- */

static enum grant granted(void *self, u64 line)
{
    const struct directory_side *side = self;
    const struct directory_entry *e = directory_find(side->directory, line);

    if (!e || !(e->holders & BIT(side->core))) return GRANT_NONE;
    return e->state == DIRECTORY_OWNED && e->keeper == side->core ? GRANT_OWNED : GRANT_SHARED;
}

struct coherence_port directory_coherence(struct directory *d, u32 core)
{
    return (struct coherence_port){granted, &d->side[core]};
}

static bool recall(void *self, u64 line)
{
    struct directory *d = self;
    struct directory_entry *e = directory_find(d, line);

    return e && take_from_holders(d, e);
}

struct recall_port directory_recall(struct directory *d)
{
    return (struct recall_port){recall, d};
}

void directory_attach(struct directory *d, u32 core, struct cache *c)
{
    struct directory_side *side = &d->side[core];

    CHECK(core < d->n_cores && side->n_caches < DIRECTORY_MAX_CACHES, "%s: too many caches", d->name);
    side->cache[side->n_caches++] = c;
}

/* --- building --- */

void directory_init(struct directory *d, const struct directory_cfg *cfg, const struct directory_desc *desc)
{
    CHECK(desc->cores >= 1 && desc->cores <= DIRECTORY_MAX_CORES, "%s: %u processors", desc->name,
          desc->cores);
    *d = (struct directory){
        .name = desc->name, .ways = cfg->ways, .n_cores = desc->cores, .snoop_cycles = cfg->snoop_cycles};
    d->sets = max_u32(1, cfg->lines_per_core * desc->cores / cfg->ways);
    d->protocol = cfg->protocol;
    d->topology = desc->topology;
    d->clock = desc->clock;
    d->next = desc->next;
    d->n_transactions = desc->in_flight;
    d->entry = calloc((size_t)d->sets * d->ways + SIGNATURE_LANES, sizeof *d->entry);
    d->signature = calloc((size_t)d->sets * signature_stride(d->ways), sizeof *d->signature);
    d->transaction = calloc((size_t)d->n_transactions + 1, sizeof *d->transaction);
    CHECK(d->entry && d->signature && d->transaction, "%s: no host memory for %u lines", d->name, d->sets * d->ways);
    for (u32 core = 0; core < d->n_cores; core++)
        d->side[core] = (struct directory_side){.directory = d, .core = core};
    for (u32 i = 1; i < d->n_transactions; i++) d->transaction[i].next = (i32)i + 1;
    d->free_transaction = 1;
}

void directory_fini(struct directory *d)
{
    free(d->entry);
    free(d->signature);
    free(d->transaction);
}

#define STAT_OF struct directory_stats
static const struct stat_row stat_rows[] = {DIRECTORY_STATS(STAT_ROW)};
#undef STAT_OF

void directory_add_stats(const struct directory *d, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &d->stats);
}

/* --- what must hold --- */

static void check_line(const struct directory *d, const struct directory_side *side, u64 line,
                       enum line_state state)
{
    const enum grant grant = granted((void *)(uintptr_t)side, line);

    CHECK(grant != GRANT_NONE, "%s: line 0x%llx is in processor %u, which is not known", d->name,
          (unsigned long long)line, side->core);
    if (state == LINE_SHARED) return;
    CHECK(grant == GRANT_OWNED, "%s: processor %u may not own line 0x%llx", d->name, side->core,
          (unsigned long long)line);
    for (u32 core = 0; core < d->n_cores; core++)
        CHECK(core == side->core || directory_core_state(d, core, line) == LINE_INVALID,
              "%s: line 0x%llx is owned and not alone", d->name, (unsigned long long)line);
}

static void check_cache(const struct directory *d, const struct directory_side *side, const struct cache *c)
{
    for (size_t place = 0; place < (size_t)c->sets * c->ways; place++)
        if (c->state[place] != LINE_INVALID)
            check_line(d, side, c->line[place], cache_line_state(c, c->line[place]));
}

void directory_check_identities(const struct directory *d)
{
    const struct directory_stats *s = &d->stats;

    CHECK(s->reads + s->owns + s->flushes == s->from_memory + s->from_peer + s->from_nobody + d->in_flight,
          "%s: requests by answer", d->name);
    for (u32 core = 0; core < d->n_cores; core++)
        for (u32 n = 0; n < d->side[core].n_caches; n++)
            check_cache(d, &d->side[core], d->side[core].cache[n]);
}
