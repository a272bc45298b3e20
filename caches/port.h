/* port.h - how a memory request travels: every component that answers requests is a `struct mem_port`.
 *
 * Contract: a request reaches a port at the cycle at which access() is called; components of a domain are called in time order.
 *   PORT_HIT      answered: the data are there at *ready_cycle (>= now), served by *served; done() is NOT called.
 *   PORT_PENDING  accepted: done(self, token, served) is called once, at the cycle at which the data are there.
 *   PORT_BUSY     not accepted (no MSHR): nothing happened; the asker tries again after the port's `freed` call.
 * A request never spans two lines. Evicted lines (MEM_WRITEBACK: dirty; MEM_VICTIM: clean) have no answer: done may be NULL and PORT_BUSY
 * never happens to them. MEM_WRITE dirties the line in the level that it meets first; below that level it is MEM_OWN, a read for ownership.
 */
#ifndef CACHES_PORT_H
#define CACHES_PORT_H

#include "isa/record.h"

enum mem_kind {
    MEM_READ, MEM_WRITE, MEM_OWN, MEM_FETCH, MEM_PREFETCH, MEM_WRITEBACK, MEM_VICTIM,
    /* Memory itself answers, later (PORT_PENDING): caches let them pass behind what they have sent below. Up to 64 bytes, never PORT_BUSY.
     * The uncached ones and MEM_FLUSH (CLFLUSH, CLFLUSHOPT) take the line away, MEM_CLEAN (CLWB) leaves it clean; if it was dirty it
     * travels with them (mem_request.dirty). */
    MEM_WRITE_THROUGH, MEM_UNCACHED_READ, MEM_UNCACHED_WRITE, MEM_FLUSH, MEM_CLEAN
};
enum mem_origin { ORIGIN_DATA, ORIGIN_FETCH, ORIGIN_WALK_GUEST, ORIGIN_WALK_HOST, ORIGIN_VMX, ORIGIN_COUNT };
enum port_answer { PORT_HIT, PORT_PENDING, PORT_BUSY };

/* What the caches of one processor may do with a line, as the directory says now. */
enum grant { GRANT_NONE, GRANT_SHARED, GRANT_OWNED };

typedef void (*mem_done_fn)(void *self, u64 token, enum served served);

struct mem_request {
    hpa_t at;
    u8 kind;   /* enum mem_kind */
    u8 origin; /* enum mem_origin */
    u8 asker;  /* number of the core-side port of the interconnect that it came through */
    bool dirty; /* of a request that passes the caches: the line travels with it, newer than what lies below */
    mem_done_fn done;
    void *self;
    u64 token;
    u64 pc; /* linear address of the instruction that asks for data, 0: none; for prefetchers */
};

struct mem_port {
    enum port_answer (*access)(void *self, const struct mem_request *r, u64 *ready_cycle, enum served *served);
    void *self;
    /* May be NULL. A request for this line is on its way: the host may fetch what it will need. Changes nothing that is simulated. */
    void (*expect)(void *self, u64 line);
    /* Functional warming, while nothing is under way: what the port leads to is now as it would be once access() had been answered
     * and all that follows from it had happened. Returns what the asker may keep of the line. Caches count it like others, no
     * one else does. NULL: nothing to keep there. */
    enum grant (*warm)(void *self, const struct mem_request *r);
};

static inline bool mem_kind_is_evicted(u8 kind)
{
    return kind == MEM_WRITEBACK || kind == MEM_VICTIM;
}

static inline bool mem_kind_owns(u8 kind)
{
    return kind == MEM_WRITE || kind == MEM_OWN;
}

static inline bool mem_kind_passes_caches(u8 kind)
{
    return kind >= MEM_WRITE_THROUGH;
}

static inline bool mem_kind_flushes(u8 kind)
{
    return kind == MEM_FLUSH || kind == MEM_CLEAN;
}

static inline bool mem_kind_writes_memory(u8 kind)
{
    return kind == MEM_WRITEBACK || kind == MEM_WRITE_THROUGH || kind == MEM_UNCACHED_WRITE;
}

/* What a reference to memory of this type asks for. Write-through and write-protected memory is read through the caches. */
static inline enum mem_kind mem_kind_of_type(enum mem_kind kind, enum memory_type type)
{
    static const u8 stores[] = {[MEMORY_WB] = MEM_WRITE,
                                [MEMORY_WT] = MEM_WRITE_THROUGH,
                                [MEMORY_WP] = MEM_UNCACHED_WRITE,
                                [MEMORY_WC] = MEM_UNCACHED_WRITE,
                                [MEMORY_UC] = MEM_UNCACHED_WRITE};
    if (LIKELY(type == MEMORY_WB)) return kind;
    if (kind == MEM_WRITE) return (enum mem_kind)stores[type];
    return type == MEMORY_WC || type == MEMORY_UC ? MEM_UNCACHED_READ : kind;
}

static inline enum port_answer port_access(const struct mem_port *p, const struct mem_request *r, u64 *ready_cycle, enum served *served)
{
    return p->access(p->self, r, ready_cycle, served);
}

static inline void port_expect(const struct mem_port *p, u64 line)
{
    if (p->expect) p->expect(p->self, line);
}

static inline enum grant port_warm(const struct mem_port *p, const struct mem_request *r)
{
    return p->warm ? p->warm(p->self, r) : GRANT_OWNED;
}

#endif
