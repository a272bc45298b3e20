/* cache_lines.c - places of a cache: victims, evictions, snoops. */
#include "caches/cache_lines.h"

#include "models/sim/check.h"

static struct mem_request evicted(u64 line, u8 kind)
{
    return (struct mem_request){.at = HPA(line << LINE_SHIFT), .kind = kind, .origin = ORIGIN_DATA};
}

/* The message's argument is the line's address, with the kind in the bits of the offset. */
static void send_evicted(void *self, u64 address_and_kind)
{
    struct cache *c = self;
    const struct mem_request r = evicted(address_and_kind >> LINE_SHIFT, (u8)(address_and_kind & (LINE_BYTES - 1)));
    u64 ready_cycle;
    enum served served;

    port_access(&c->next, &r, &ready_cycle, &served);
}

void cache_send_evicted(struct cache *c, u64 line, enum mem_kind kind)
{
    if (UNLIKELY(c->warming)) {
        c->departing = line << LINE_SHIFT | kind;
        return;
    }
    port_expect(&c->next, line);
    clock_post(c->clock, clock_now(c->clock) + c->hit_cycles, send_evicted, c, line << LINE_SHIFT | kind);
}

void cache_warm_departure(struct cache *c)
{
    const u64 left = c->departing;
    const struct mem_request r = evicted(left >> LINE_SHIFT, (u8)(left & (LINE_BYTES - 1)));

    c->departing = CACHE_NO_DEPARTURE;
    if (left != CACHE_NO_DEPARTURE) port_warm(&c->next, &r);
}

static void empty_place(struct cache *c, size_t place)
{
    c->stats.prefetches_useless += (c->state[place] & LINE_PREFETCHED) != 0;
    c->state[place] = LINE_INVALID;
}

static bool recall_from_above(struct cache *c, u64 line)
{
    return c->inclusion == INCLUSIVE && c->above.recall && c->above.recall(c->above.self, line);
}

void cache_evict(struct cache *c, size_t place)
{
    const u64 line = c->line[place];
    const bool dirty = recall_from_above(c, line) || cache_state_at(c, place) == LINE_DIRTY;

    c->stats.evictions++;
    c->stats.writebacks += dirty;
    empty_place(c, place);
    if (dirty)
        cache_send_evicted(c, line, MEM_WRITEBACK);
    else if (c->sends_victims)
        cache_send_evicted(c, line, MEM_VICTIM);
}

bool cache_take(struct cache *c, size_t place)
{
    const bool dirty = recall_from_above(c, c->line[place]) || cache_state_at(c, place) == LINE_DIRTY;

    c->stats.flushed++;
    empty_place(c, place);
    return dirty;
}

static u32 choose_way(struct cache *c, u32 set)
{
    for (u32 way = 0; way < c->ways; way++)
        if (c->state[(size_t)set * c->ways + way] == LINE_INVALID) return way;
    return c->replacement.policy->victim(&c->replacement, set);
}

void cache_install(struct cache *c, u64 line, u8 state)
{
    const u32 set = cache_set_of(c, line);
    const u32 way = choose_way(c, set);
    const size_t place = (size_t)set * c->ways + way;

    if (c->state[place] != LINE_INVALID) cache_evict(c, place);
    c->line[place] = line;
    c->state[place] = state;
    cache_signatures_of(c, set)[way] = signature_of(line);
    c->replacement.policy->fill(&c->replacement, set, way);
    if (UNLIKELY(c->warming)) cache_warm_departure(c);
}

enum line_state cache_line_state(const struct cache *c, u64 line)
{
    const i64 place = cache_find(c, line);

    return place < 0 ? LINE_INVALID : cache_state_at(c, (size_t)place);
}

bool cache_has(const struct cache *c, hpa_t at)
{
    return cache_find(c, at.v >> LINE_SHIFT) >= 0;
}

enum line_state cache_snoop(struct cache *c, u64 line, enum snoop what)
{
    const i64 place = cache_find(c, line);
    enum line_state before;

    if (place < 0) return LINE_INVALID;
    before = cache_state_at(c, (size_t)place);
    c->stats.snoops++;
    if (what == SNOOP_CLEAN) {
        if (before == LINE_DIRTY) c->state[place] = LINE_CLEAN | (c->state[place] & LINE_PREFETCHED);
    } else if (what == SNOOP_SHARE) {
        c->state[place] = LINE_SHARED | (c->state[place] & LINE_PREFETCHED);
    } else {
        c->stats.invalidations++;
        empty_place(c, (size_t)place);
    }
    return before;
}
