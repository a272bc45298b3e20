/* cache_pass.c - requests for memory itself on their way through a cache: uncached accesses, writes through, flushes.
 *
 * They leave as a miss does, hit_cycles after their arrival, so nothing that left before can come behind them: a
 * line evicted just before has reached the level below when they look for it there. */
#include "caches/cache_lines.h"

#include "models/sim/check.h"

static u32 take_pass(struct cache *c)
{
    const i32 i = c->free_pass;

    if (i == CACHE_PASS_NONE) {
        CHECK(c->passes_made < c->queue_entries, "%s: more than %u requests pass", c->name, c->queue_entries);
        return c->passes_made++;
    }
    c->free_pass = c->pass[i].next_free;
    return (u32)i;
}

static void answered(void *self, u64 i, enum served served)
{
    struct cache *c = self;
    const struct mem_request asked = c->pass[i].asked;

    c->pass[i].next_free = c->free_pass;
    c->free_pass = (i32)i;
    if (asked.done) asked.done(asked.self, asked.token, served);
}

static void answered_at_ready(void *self, u64 i)
{
    struct cache *c = self;

    answered(c, i, (enum served)c->pass[i].served);
}

static void send(void *self, u64 i)
{
    struct cache *c = self;
    struct mem_request r = c->pass[i].asked;
    u64 ready_cycle;
    enum served served;
    enum port_answer answer;

    r.done = answered;
    r.self = c;
    r.token = i;
    answer = port_access(&c->next, &r, &ready_cycle, &served);
    CHECK(answer != PORT_BUSY, "%s: the level below refuses", c->name);
    if (answer != PORT_HIT) return;
    c->pass[i].served = (u8)served;
    clock_post(c->clock, ready_cycle, answered_at_ready, c, i);
}

bool cache_treat_passed(struct cache *c, size_t place, u8 kind)
{
    if (kind == MEM_WRITE_THROUGH) return false;
    if (kind != MEM_CLEAN) return cache_take(c, place);
    if (cache_state_at(c, place) != LINE_DIRTY) return false;
    c->stats.cleaned++;
    c->state[place] = LINE_CLEAN | (c->state[place] & LINE_PREFETCHED);
    return true;
}

void cache_let_pass(struct cache *c, const struct mem_request *r, i64 place)
{
    const u32 i = take_pass(c);

    c->stats.passed++;
    c->pass[i].asked = *r;
    if (place >= 0) c->pass[i].asked.dirty |= cache_treat_passed(c, (size_t)place, r->kind);
    clock_post(c->clock, clock_now(c->clock) + c->hit_cycles, send, c, i);
}
