/* cache_lines.h - the places of one cache: finding, filling and emptying them. For cache*.c only. */
#ifndef CACHES_CACHE_LINES_H
#define CACHES_CACHE_LINES_H

#include "caches/cache.h"
#include "caches/signature.h"

static inline u32 cache_set_of(const struct cache *c, u64 line)
{
    return (u32)(LIKELY(c->set_mask || c->sets == 1) ? line & c->set_mask : line % c->sets);
}

#define CACHE_PASS_NONE (-1)

static inline u16 *cache_signatures_of(const struct cache *c, u32 set)
{
    return &c->signature[(size_t)set * signature_stride(c->ways)];
}

/* The index of the line's place in the arrays, or -1. */
static inline i64 cache_find(const struct cache *c, u64 line)
{
    const u32 set = cache_set_of(c, line);
    const u16 *signature = cache_signatures_of(c, set);
    const u16 wanted = signature_of(line);

    for (u32 way = 0; way < c->ways; way += SIGNATURE_LANES)
        for (u64 match = signature_match(signature + way, wanted); match; match &= match - 1) {
            const size_t place = (size_t)set * c->ways + way + signature_lane(match);

            if (c->line[place] == line && c->state[place] != LINE_INVALID) return (i64)place;
        }
    return -1;
}

static inline enum line_state cache_state_at(const struct cache *c, size_t place)
{
    return (enum line_state)(c->state[place] & ~LINE_PREFETCHED);
}

/* Sends a line that leaves (MEM_WRITEBACK or MEM_VICTIM) to the level below, hit_cycles from now. */
void cache_send_evicted(struct cache *c, u64 line, enum mem_kind kind);

/* Warming: the line that was to be sent goes now, since the directory asks who still has it, and the new one is in its place. */
#define CACHE_NO_DEPARTURE (~0ull)
void cache_warm_departure(struct cache *c);

/* The valid line of this place leaves. */
void cache_evict(struct cache *c, size_t place);

/* The valid line of this place leaves without a message. true: it was dirty, here or above an inclusive level. */
bool cache_take(struct cache *c, size_t place);

/* What a request that passes makes of a line that is here. true: it takes it along, for it was dirty. */
bool cache_treat_passed(struct cache *c, size_t place, u8 kind);

/* A request for memory itself (mem_kind_passes_caches) goes below behind hit_cycles: cache_pass.c. */
void cache_let_pass(struct cache *c, const struct mem_request *r, i64 place);

/* Makes room for a line that is not here and puts it there. `state`: enum line_state | LINE_PREFETCHED. */
void cache_install(struct cache *c, u64 line, u8 state);

#endif
