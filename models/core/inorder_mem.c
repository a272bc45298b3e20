/* inorder_mem.c - the in-order core's references under way: loads and fetched lines in flights, stores in the buffer. */
#include "models/core/inorder.h"
#include "models/sim/check.h"
#include <string.h>

#define TOKEN_STORE 0x100 /* walk tokens: flights below, entries of the store buffer from here on */

static const u8 data_cause[SERVED_COUNT] = {
    [SERVED_L1] = CAUSE_l1_data, [SERVED_L2] = CAUSE_l2_data, [SERVED_L3] = CAUSE_l3_data, [SERVED_DRAM] = CAUSE_dram_data};

static void wake(struct inorder *p) { clock_wake(p->core->clock, p->core->tick, clock_now(p->core->clock)); }

static unsigned lines_of(hpa_t at, unsigned bytes)
{
    return (at.v >> LINE_SHIFT) == ((at.v + bytes - 1) >> LINE_SHIFT) ? 1 : 2;
}

/* --- flights --- */

static unsigned flight_allocate(struct inorder *p)
{
    for (unsigned i = 0; i < p->cfg.loads_in_flight; i++)
        if (!p->flight[i].busy) return i;
    return FLIGHT_NONE;
}

static void count_served(struct inorder *p, const struct flight *f, enum served served)
{
    if (f->kind != MEM_READ) return;
    switch (served) {
    case SERVED_L2: p->stats.served_l2++; break;
    case SERVED_L3: p->stats.served_l3++; break;
    case SERVED_DRAM: p->stats.served_dram++; break;
    default: p->stats.served_l1++; break;
    }
}

/* What a wait for this flight's data is called. */
static enum cause flight_cause(const struct flight *f, enum served served)
{
    if (f->kind == MEM_FETCH) return CAUSE_front_end;
    return data_cause[served] ? (enum cause)data_cause[served] : CAUSE_l1_data;
}

static void flight_finish(struct inorder *p, unsigned index)
{
    struct flight *f = &p->flight[index];
    u64 now = clock_now(p->core->clock);
    if (p->wait_flight == index) {
        inorder_charge(p, flight_cause(f, (enum served)f->served), now);
        p->wait_flight = FLIGHT_NONE;
    }
    if (f->reg != REG_NONE && p->ready_flight[f->reg] == index) {
        p->ready[f->reg] = now;
        p->ready_flight[f->reg] = FLIGHT_NONE;
    }
    if (f->kind == MEM_FETCH) p->fetches_busy--;
    p->flights_busy--;
    f->busy = false;
    wake(p);
}

static void flight_part_done(void *self, u64 token, enum served served)
{
    struct inorder *p = self;
    struct flight *f = &p->flight[token];
    CHECK(f->busy && f->parts > 0, "an answer for flight %u that nobody waits for", (unsigned)token);
    count_served(p, f, served);
    if (served > f->served) f->served = (u8)served;
    if (--f->parts == 0 && f->unsent == 0) flight_finish(p, (unsigned)token);
}

/* A hit's latency has passed. */
static void flight_hit_done(void *self, u64 token_and_level)
{
    flight_part_done(self, token_and_level & 0xff, (enum served)(token_and_level >> 8));
}

/* The next part to send: the access's own address, then the line that it runs into. */
static struct mem_request flight_request(struct inorder *p, unsigned index)
{
    const struct flight *f = &p->flight[index];
    u64 last = f->access.at.v + f->access.bytes - 1;
    hpa_t at = f->unsent == f->lines ? f->access.at : HPA(last & ~(LINE_BYTES - 1));
    return (struct mem_request){.at = at, .kind = f->kind, .origin = f->origin, .done = flight_part_done, .self = p, .token = index};
}

/* Sends what is not sent yet; stops when the L1 refuses. */
static void flight_send(struct inorder *p, unsigned index)
{
    struct flight *f = &p->flight[index];
    const struct mem_port *port = f->kind == MEM_FETCH ? &p->l1i : &p->l1d;
    f->refused = false;
    while (f->unsent > 0) {
        struct mem_request r = flight_request(p, index);
        u64 ready = 0;
        enum served served = SERVED_L1;
        enum port_answer answer = port_access(port, &r, &ready, &served);
        if (answer == PORT_BUSY) {
            f->refused = true;
            return;
        }
        f->unsent--;
        if (answer == PORT_HIT)
            clock_post(p->core->clock, ready, flight_hit_done, p, index | (u64)served << 8);
    }
}

static void flight_translated(void *self, u64 index)
{
    struct inorder *p = self;
    struct flight *f = &p->flight[index];
    if (p->wait_flight == index && f->access.tlb == TLB_L2) inorder_charge(p, CAUSE_stlb, clock_now(p->core->clock));
    f->translating = false;
    if (f->parts == 0)
        flight_finish(p, (unsigned)index); /* a walk that faulted: nothing behind it */
    else
        flight_send(p, (unsigned)index);
}

static void flight_translate(struct inorder *p, unsigned index)
{
    struct flight *f = &p->flight[index];
    if (f->access.walk >= 0) {
        f->translating = true;
        walker_start(p->walker, &p->record.walk[f->access.walk], index);
    } else if (f->access.tlb == TLB_L2) {
        f->translating = true;
        clock_post(p->core->clock, clock_now(p->core->clock) + p->core->mmu->cfg.stlb_hit_cycles, flight_translated, p, index);
    } else {
        flight_send(p, index);
    }
}

/* --- loads and fetches --- */

static bool forwarded(const struct inorder *p, const struct mem_access *a)
{
    for (u32 i = p->store_count; i-- > 0;) {
        const struct store *s = &p->store[(p->store_head + i) % p->cfg.store_buffer_entries];
        if (a->at.v >= s->at.v && a->at.v + a->bytes <= s->at.v + s->bytes) return true;
    }
    return false;
}

static void register_ready(struct inorder *p, u8 reg, u64 cycle)
{
    if (reg == REG_NONE) return;
    p->ready[reg] = cycle;
    p->ready_cause[reg] = CAUSE_l1_data;
    p->ready_flight[reg] = FLIGHT_NONE;
}

static void register_pends(struct inorder *p, u8 reg, unsigned index)
{
    if (reg == REG_NONE) return;
    p->ready[reg] = KERNEL_NEVER;
    p->ready_flight[reg] = (u8)index;
}

/* The common case, without a flight: translated by the L1 TLB, in one line, and the L1 (or the store buffer) has it. */
static bool start_and_hit(struct inorder *p, const struct mem_access *a, enum mem_kind kind, u8 reg, unsigned index)
{
    struct flight *f = &p->flight[index];
    const struct mem_port *port = kind == MEM_FETCH ? &p->l1i : &p->l1d;
    struct mem_request r = {.at = a->at, .kind = (u8)kind, .origin = f->origin, .done = flight_part_done, .self = p, .token = index};
    u64 ready = 0;
    enum served served = SERVED_L1;
    switch (port_access(port, &r, &ready, &served)) {
    case PORT_HIT:
        count_served(p, f, served);
        register_ready(p, reg, ready);
        return true;
    case PORT_PENDING:
        f->unsent = 0;
        return false;
    default:
        f->refused = true;
        return false;
    }
}

static void count_reference(struct inorder *p, enum mem_kind kind)
{
    p->stats.loads += kind == MEM_READ;
    p->stats.stores += kind == MEM_WRITE;
    p->stats.fetches += kind == MEM_FETCH;
}

bool inorder_start(struct inorder *p, const struct mem_access *a, enum mem_kind kind, enum mem_origin origin, u8 reg)
{
    unsigned index = flight_allocate(p);
    if (index == FLIGHT_NONE) return false;
    struct flight *f = &p->flight[index];
    u8 lines = (u8)(a->bytes ? lines_of(a->at, a->bytes) : 0);
    count_reference(p, kind);
    *f = (struct flight){.kind = (u8)kind, .origin = (u8)origin, .reg = reg, .lines = lines, .parts = lines, .unsent = lines, .access = *a};
    bool simple = lines == 1 && a->walk < 0 && a->tlb != TLB_L2;
    if (simple && kind == MEM_READ && p->store_count && forwarded(p, a)) {
        p->stats.forwards++;
        p->stats.served_l1++;
        register_ready(p, reg, clock_now(p->core->clock) + p->cfg.forward_cycles);
        return true;
    }
    if (simple && start_and_hit(p, a, kind, reg, index)) return true;
    f->busy = true;
    p->flights_busy++;
    p->fetches_busy += kind == MEM_FETCH;
    register_pends(p, reg, index);
    if (!simple) flight_translate(p, index);
    return true;
}

/* --- the store buffer --- */

static struct store *store_at(struct inorder *p, u32 i) { return &p->store[(p->store_head + i) % p->cfg.store_buffer_entries]; }

static void store_done(void *self, u64 token, enum served served);

static enum port_answer store_request(struct inorder *p, struct store *s)
{
    struct mem_request r = {.at = s->at, .kind = MEM_WRITE, .origin = ORIGIN_DATA, .done = store_done, .self = p, .token = (u64)(s - p->store)};
    u64 ready = 0;
    enum served served = SERVED_L1;
    return port_access(&p->l1d, &r, &ready, &served);
}

static void retire_stores(struct inorder *p)
{
    bool freed = false;
    while (p->store_count && store_at(p, 0)->done) {
        p->store_head = (p->store_head + 1) % p->cfg.store_buffer_entries;
        p->store_count--;
        p->stores_requested--;
        freed = true;
    }
    if (freed) wake(p);
}

static u32 stores_waiting(struct inorder *p)
{
    u32 n = 0;
    for (u32 i = 0; i < p->stores_requested; i++) n += !store_at(p, i)->done;
    return n;
}

/* Requests lines for the oldest stores, in order, up to stores_in_flight at once. */
static void pump_stores(struct inorder *p)
{
    u32 waiting = stores_waiting(p);
    while (p->stores_requested < p->store_count && waiting < p->cfg.stores_in_flight) {
        struct store *s = store_at(p, p->stores_requested);
        if (s->translating) break;
        enum port_answer answer = store_request(p, s);
        if (answer == PORT_BUSY) break;
        s->requested = true;
        s->done = answer == PORT_HIT;
        waiting += !s->done;
        p->stores_requested++;
    }
    retire_stores(p);
}

static void store_done(void *self, u64 token, enum served served)
{
    struct inorder *p = self;
    (void)served;
    p->store[token].done = true;
    pump_stores(p);
}

static void store_translated(void *self, u64 token)
{
    struct inorder *p = self;
    p->store[token].translating = false;
    pump_stores(p);
}

static struct store *push_store(struct inorder *p, hpa_t at, unsigned bytes)
{
    struct store *s = store_at(p, p->store_count++);
    *s = (struct store){.at = at, .bytes = (u8)bytes};
    p->stats.stores++;
    return s;
}

bool inorder_store(struct inorder *p, const struct mem_access *a)
{
    unsigned lines = lines_of(a->at, a->bytes);
    if (p->store_count + lines > p->cfg.store_buffer_entries) return false;
    unsigned first = lines == 1 ? a->bytes : (unsigned)(LINE_BYTES - (a->at.v & (LINE_BYTES - 1)));
    struct store *s = push_store(p, a->at, first);
    if (a->walk >= 0) {
        s->translating = true;
        walker_start(p->walker, &p->record.walk[a->walk], TOKEN_STORE + (u64)(s - p->store));
    } else if (a->tlb == TLB_L2) {
        s->translating = true;
        clock_post(p->core->clock, clock_now(p->core->clock) + p->core->mmu->cfg.stlb_hit_cycles, store_translated, p, (u64)(s - p->store));
    }
    if (lines == 2) push_store(p, HPA(a->at.v + first), a->bytes - first);
    pump_stores(p);
    return true;
}

/* --- answers from outside --- */

void inorder_l1_freed(void *self)
{
    struct inorder *p = self;
    for (unsigned i = 0; i < p->cfg.loads_in_flight; i++)
        if (p->flight[i].busy && p->flight[i].refused) flight_send(p, i);
    pump_stores(p);
}

void inorder_charge_walk(struct inorder *p, const struct walk_ledger *played, u64 end)
{
    u64 cycle = end;
    for (unsigned i = 0; i < played->n_refs; i++) cycle -= played->ref[i].cycles;
    inorder_charge(p, CAUSE_guest_walk, cycle);
    for (unsigned i = 0; i < played->n_refs; i++) {
        cycle += played->ref[i].cycles;
        inorder_charge(p, played->ref[i].dim == DIM_GUEST ? CAUSE_guest_walk : CAUSE_host_walk, cycle);
    }
}

void inorder_walk_done(void *self, u64 token, const struct walk_ledger *played)
{
    struct inorder *p = self;
    if (token >= TOKEN_STORE) {
        store_translated(p, token - TOKEN_STORE);
        return;
    }
    if (p->wait_flight == token) inorder_charge_walk(p, played, clock_now(p->core->clock));
    flight_translated(p, token);
}

bool inorder_memory_is_idle(const struct inorder *p)
{
    return p->flights_busy == 0 && p->store_count == 0;
}
