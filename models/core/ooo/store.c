/* store.c - the store buffer: from rename, through address, data and retirement, to the write to the L1D. */
#include "models/core/ooo/ooo_stages.h"
#include "models/sim/check.h"

static void count_granules(struct ooo *p, const struct ooo_store *s, int by)
{
    for (u64 g = s->at.v >> 3; g <= (s->at.v + s->bytes - 1) >> 3; g++)
        p->granule[g % OOO_GRANULES] = (u8)(p->granule[g % OOO_GRANULES] + by);
}

void ooo_allocate_store(struct ooo *p, u32 index)
{
    const struct ooo_mem *m = &p->mem[index];
    struct ooo_store *s = store_at(p, p->store_tail);
    u8 lines = (u8)ooo_lines_of(m->at, m->bytes);
    *s = (struct ooo_store){.at = m->at,
                            .bytes = m->bytes,
                            .data_waiters = OOO_NONE,
                            .write_waiters = OOO_NONE,
                            .memory_type = m->memory_type,
                            .kind = m->kind,
                            .pc = m->pc,
                            .locked = p->uop[index].flags & UOP_LOCKED,
                            .in_order = p->uop[index].flags & UOP_IN_ORDER,
                            .unsent = lines};
    p->uop[index].store = (u16)(p->store_tail++ % OOO_STORES);
    p->stats.stores += s->kind == MEM_WRITE ? lines : 0;
    p->flushes += s->kind != MEM_WRITE;
    p->locked_stores += s->locked;
    count_granules(p, s, 1);
}

/* --- address and data --- */

static void address_known(struct ooo *p, u32 index)
{
    u32 known = p->store_known;
    p->store[p->uop[index].store].address_known = true;
    ooo_finish_at(p, index, ooo_now(p) + p->uop[index].by.latency);
    while (p->store_known != p->store_tail && store_at(p, p->store_known)->address_known) p->store_known++;
    if (p->store_known != known) ooo_continue_list(p, &p->order_waiters);
}

void ooo_store_address(struct ooo *p, u32 index)
{
    if (ooo_translate(p, index)) address_known(p, index);
}

void ooo_store_translated(struct ooo *p, u32 index)
{
    address_known(p, index);
}

void ooo_store_data(struct ooo *p, u32 index)
{
    struct ooo_store *s = &p->store[p->uop[index].store];
    s->data_known = true;
    ooo_finish_at(p, index, ooo_now(p) + p->uop[index].by.latency);
    ooo_continue_list(p, &s->data_waiters);
}

/* --- the write --- */

static void store_done(void *self, u64 index, enum served served)
{
    struct ooo *p = self;
    (void)served;
    CHECK(p->store[index].unanswered > 0, "an answer for store %u that nobody waits for", (unsigned)index);
    p->store[index].unanswered--;
    p->stores_waiting--;
    ooo_wake(p);
}

static hpa_t next_line(const struct ooo_store *s)
{
    unsigned lines = ooo_lines_of(s->at, s->bytes);
    return s->unsent == lines ? s->at : HPA((s->at.v + s->bytes - 1) & ~(LINE_BYTES - 1));
}

static bool same_line(hpa_t a, hpa_t b)
{
    return a.v >> LINE_SHIFT == b.v >> LINE_SHIFT;
}

/* CLFLUSH keeps order with all stores and flushes, CLFLUSHOPT and CLWB with older stores to their line: SDM Vol. 2A.
 * Asked while there is a flush in the buffer. */
static bool order_lets_send(struct ooo *p)
{
    const struct ooo_store *s = store_at(p, p->store_sent);
    if (s->in_order) return p->stores_waiting == 0;
    for (u32 seq = p->store_head; seq != p->store_sent; seq++) {
        const struct ooo_store *older = store_at(p, seq);
        bool ordered = older->in_order || (s->kind != MEM_WRITE && same_line(older->at, s->at));
        if (older->unanswered && ordered) return false;
    }
    return true;
}

static bool can_send(struct ooo *p)
{
    return p->store_sent != p->store_retired && !p->store_refused &&
           p->stores_waiting < p->cfg.stores_in_flight && (LIKELY(!p->flushes) || order_lets_send(p));
}

/* Bytes of the line that is next: what the write-combining buffers gather. */
static unsigned bytes_of_line(const struct ooo_store *s)
{
    unsigned first = (unsigned)(LINE_BYTES - (s->at.v & (LINE_BYTES - 1)));
    if (ooo_lines_of(s->at, s->bytes) == 1) return s->bytes;
    return s->unsent == 2 ? first : s->bytes - first;
}

static enum port_answer request_line(struct ooo *p, struct ooo_store *s)
{
    if (s->memory_type == MEMORY_WC)
        return write_combining_store(p->wc, next_line(s), bytes_of_line(s)) ? PORT_HIT : PORT_BUSY;
    if (UNLIKELY(s->kind != MEM_WRITE)) write_combining_flush_line(p->wc, s->at);
    const struct mem_request r = {.at = next_line(s),
                                  .kind = (u8)mem_kind_of_type((enum mem_kind)s->kind, (enum memory_type)s->memory_type),
                                  .origin = ORIGIN_DATA,
                                  .done = store_done,
                                  .self = p,
                                  .token = p->store_sent % OOO_STORES,
                                  .pc = s->pc};
    u64 ready = 0;
    enum served served = SERVED_L1;
    return port_access(&p->l1d, &r, &ready, &served);
}

static void send_line(struct ooo *p)
{
    struct ooo_store *s = store_at(p, p->store_sent);
    enum port_answer answer = request_line(p, s);
    p->store_refused = answer == PORT_BUSY;
    if (p->store_refused) return;
    s->unanswered += answer == PORT_PENDING;
    p->stores_waiting += answer == PORT_PENDING;
    p->store_sent += --s->unsent == 0;
}

static bool is_written(struct ooo *p)
{
    return p->store_head != p->store_sent && store_at(p, p->store_head)->unanswered == 0;
}

static void leave_buffer(struct ooo *p)
{
    struct ooo_store *s = store_at(p, p->store_head++);
    count_granules(p, s, -1);
    p->flushes -= s->kind != MEM_WRITE;
    ooo_continue_list(p, &s->write_waiters);
    if (!s->locked) return;
    s->locked = false;
    p->locked_stores--;
    ooo_continue_list(p, &p->lock_waiters);
}

void ooo_drain_stores(struct ooo *p)
{
    if (is_written(p)) leave_buffer(p);
    if (can_send(p)) send_line(p);
}

u64 ooo_next_store(struct ooo *p, u64 now)
{
    return is_written(p) || can_send(p) ? now + 1 : CLOCK_SLEEP;
}
