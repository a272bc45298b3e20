/* inorder_mem.c - the in-order core's references under way: loads and fetched lines in flights, stores in the
 * buffer. */
#include "models/core/inorder.h"
#include "models/sim/check.h"
#include <string.h>

#define TOKEN_STORE 0x100 /* walk tokens: flights below, entries of the store buffer from here on */

static const u8 data_cause[SERVED_COUNT] = {[SERVED_L1] = CAUSE_l1_data,
                                            [SERVED_L2] = CAUSE_l2_data,
                                            [SERVED_L3] = CAUSE_l3_data,
                                            [SERVED_PEER] = CAUSE_peer_data,
                                            [SERVED_DRAM] = CAUSE_dram_data};

/* A core that sleeps looks again; one that named its next cycle cannot go on before it. */
static void wake(struct inorder *p)
{
    if (p->asleep) clock_wake(p->core->clock, p->core->tick, clock_now(p->core->clock));
}

static unsigned lines_of(hpa_t at, unsigned bytes)
{
    return bytes ? (unsigned)(((at.v + bytes - 1) >> LINE_SHIFT) - (at.v >> LINE_SHIFT)) + 1 : 0;
}

/* --- flights --- */

/* Loads never keep the front end from fetching: behind their places are those of an instruction's lines. */
static unsigned free_flight(const struct inorder *p, enum mem_kind kind)
{
    u32 loads = (1u << p->cfg.loads_in_flight) - 1;
    u32 places = kind == MEM_FETCH ? ((1u << FETCH_FLIGHTS) - 1) << p->cfg.loads_in_flight : loads;
    return inorder_first_flight(places & ~p->flights);
}

static void count_reference(struct inorder *p, enum mem_kind kind, unsigned lines)
{
    p->stats.loads += kind == MEM_READ ? lines : 0;
    p->stats.stores += kind == MEM_WRITE ? lines : 0;
    p->stats.fetches += kind == MEM_FETCH ? lines : 0;
}

/* clang-format off */
static void count_served(struct inorder *p, enum mem_kind kind, enum served served)
{
    if (kind != MEM_READ) return;
    switch (served) {
    case SERVED_L2: p->stats.served_l2++; break;
    case SERVED_L3: p->stats.served_l3++; break;
    case SERVED_PEER: p->stats.served_peer++; break;
    case SERVED_DRAM: p->stats.served_dram++; break;
    default: p->stats.served_l1++; break;
    }
}
/* clang-format on */

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

/* What a wait for this flight's data is called. */
static enum cause flight_cause(const struct flight *f)
{
    if (f->kind == MEM_FETCH) return CAUSE_front_end;
    return data_cause[f->served] ? (enum cause)data_cause[f->served] : CAUSE_l1_data;
}

/* Hands the register over to the half that is still under way, if there is one. */
static void release_register(struct inorder *p, const struct flight *f, unsigned index)
{
    u8 other = f->other_half;
    if (other != FLIGHT_NONE) p->flight[other].other_half = FLIGHT_NONE;
    if (f->reg == REG_NONE || p->ready_flight[f->reg] != index) return;
    p->ready_flight[f->reg] = other;
    if (other == FLIGHT_NONE) p->ready[f->reg] = clock_now(p->core->clock);
}

static void count_latency(struct inorder *p, const struct flight *f)
{
    bool data = f->kind == MEM_READ && f->origin == ORIGIN_DATA && f->lines;
    if (data) load_latency_add(&p->stats.load_latency, (enum served)f->served, clock_now(p->core->clock) - f->issued);
}

static void flight_finish(struct inorder *p, unsigned index)
{
    struct flight *f = &p->flight[index];
    count_latency(p, f);
    if (p->wait_flight == index) {
        inorder_charge(p, flight_cause(f), clock_now(p->core->clock));
        p->wait_flight = FLIGHT_NONE;
    }
    release_register(p, f, index);
    p->flights &= ~(1u << index);
    p->uncacheable &= ~(1u << index);
    p->fetches &= ~(1u << index);
    wake(p);
}

static void flight_part_done(void *self, u64 token, enum served served)
{
    struct inorder *p = self;
    struct flight *f = &p->flight[token];
    CHECK((p->flights >> token & 1) && f->parts > 0, "an answer for flight %u that nobody waits for",
          (unsigned)token);
    count_served(p, (enum mem_kind)f->kind, served);
    if (served > f->served) f->served = (u8)served;
    if (--f->parts == 0 && f->unsent == 0) flight_finish(p, (unsigned)token);
}

/* A hit's latency has passed. */
static void flight_hit_done(void *self, u64 token_and_level)
{
    flight_part_done(self, token_and_level & 0xff, (enum served)(token_and_level >> 8));
}

static enum port_answer request(struct inorder *p, hpa_t at, enum mem_kind kind, enum mem_origin origin,
                                unsigned index, u64 pc, u64 *ready, enum served *served)
{
    const struct mem_port *port = kind == MEM_FETCH ? &p->l1i : &p->l1d;
    const struct mem_request r = {.at = at,
                                  .kind = (u8)mem_kind_of_type(kind, (enum memory_type)p->flight[index].memory_type),
                                  .origin = (u8)origin,
                                  .done = flight_part_done,
                                  .self = p,
                                  .token = index,
                                  .pc = pc};
    return port_access(port, &r, ready, served);
}

/* The next part to send: the access's own address, then the line that it runs into. */
static hpa_t next_part(const struct flight *f)
{
    u64 last = f->at.v + f->bytes - 1;
    return f->unsent == f->lines ? f->at : HPA(last & ~(LINE_BYTES - 1));
}

/* Sends what is not sent yet; stops when the L1 refuses. */
static void flight_send(struct inorder *p, unsigned index)
{
    struct flight *f = &p->flight[index];
    p->refused &= ~(1u << index);
    while (f->unsent > 0) {
        u64 ready = 0;
        enum served served = SERVED_L1;
        enum port_answer answer = request(p, next_part(f), (enum mem_kind)f->kind, (enum mem_origin)f->origin,
                                          index, f->pc, &ready, &served);
        if (answer == PORT_BUSY) {
            p->refused |= 1u << index;
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
    const struct flight *f = &p->flight[index];
    if (p->wait_flight == index && f->from_stlb) inorder_charge(p, CAUSE_stlb, clock_now(p->core->clock));
    if (f->parts == 0)
        flight_finish(p, (unsigned)index); /* a walk that faulted: nothing behind it */
    else
        flight_send(p, (unsigned)index);
}

static void flight_translate(struct inorder *p, unsigned index, const struct mem_access *a)
{
    u64 now = clock_now(p->core->clock);
    if (a->walk >= 0)
        walker_start(p->walker, &p->record.walk[a->walk], index);
    else if (a->tlb == TLB_L2)
        clock_post(p->core->clock, now + p->core->mmu->cfg.stlb_hit_cycles, flight_translated, p, index);
    else
        flight_send(p, index);
}

/* --- loads and fetches --- */

static struct store *store_at(struct inorder *p, u32 i)
{
    u32 at = p->store_head + i;
    return &p->store[at < p->cfg.store_buffer_entries ? at : at - p->cfg.store_buffer_entries];
}

/* The youngest store that covers the load answers it. */
static bool forward(struct inorder *p, const struct mem_access *a, u8 reg)
{
    for (u32 i = p->store_count; i-- > 0;) {
        const struct store *s = store_at(p, i);
        if (a->at.v < s->at.v || a->at.v + a->bytes > s->at.v + s->bytes) continue;
        p->stats.forwards++;
        p->stats.served_l1++;
        load_latency_add(&p->stats.load_latency, LOAD_FORWARDED, p->cfg.forward_cycles);
        register_ready(p, reg, clock_now(p->core->clock) + p->cfg.forward_cycles);
        return true;
    }
    return false;
}

/* The common case, which takes no flight: translated by the L1 TLB, in one line, and the L1 or the store
 * buffer has it. */
static bool start_and_hit(struct inorder *p, const struct mem_access *a, enum mem_kind kind,
                          enum mem_origin origin, u8 reg, unsigned index, enum port_answer *answer)
{
    enum served served = SERVED_L1;
    u64 ready = 0;
    if (kind == MEM_READ && p->store_count && forward(p, a, reg)) return true;
    *answer = request(p, a->at, kind, origin, index, p->record.rip, &ready, &served);
    if (*answer != PORT_HIT) return false;
    count_served(p, kind, served);
    if (kind == MEM_READ && origin == ORIGIN_DATA)
        load_latency_add(&p->stats.load_latency, served, ready - clock_now(p->core->clock));
    register_ready(p, reg, ready);
    if (kind != MEM_FETCH) p->hits_until = ready;
    return true;
}

static void note_uncacheable(struct inorder *p, unsigned index, unsigned lines)
{
    p->uncacheable |= 1u << index;
    p->stats.uncacheable += lines;
}

/* Accesses to uncacheable memory keep program order with all others; a read of what is gathered sends it away first.
 * SDM Vol. 3A, "Methods of Caching Available". */
static bool memory_type_lets_start(struct inorder *p, const struct mem_access *a, enum mem_kind kind)
{
    if (kind == MEM_FETCH) return true;
    if (p->uncacheable) return false;
    if (a->memory_type == MEMORY_WB) return true;
    if (a->memory_type != MEMORY_UC) {
        write_combining_flush_line(p->wc, a->at);
        return true;
    }
    write_combining_flush(p->wc);
    return p->flights == p->fetches && p->store_count == 0 && write_combining_is_empty(p->wc);
}

bool inorder_start(struct inorder *p, const struct mem_access *a, enum mem_kind kind, enum mem_origin origin,
                   u8 reg)
{
    unsigned index = free_flight(p, kind), lines = lines_of(a->at, a->bytes);
    if (index == FLIGHT_NONE) return false;
    if (UNLIKELY(p->uncacheable || a->memory_type) && !memory_type_lets_start(p, a, kind)) return false;
    bool simple = lines == 1 && a->walk < 0 && a->tlb != TLB_L2 && a->memory_type != MEMORY_UC;
    p->flight[index].memory_type = a->memory_type;
    enum port_answer answer = PORT_BUSY;
    count_reference(p, kind, lines);
    if (simple && start_and_hit(p, a, kind, origin, reg, index, &answer)) return true;
    u8 unsent = answer == PORT_PENDING ? 0 : (u8)lines;
    p->flight[index] = (struct flight){.at = a->at,
                                       .pc = p->record.rip,
                                       .issued = clock_now(p->core->clock),
                                       .bytes = a->bytes,
                                       .kind = (u8)kind,
                                       .origin = (u8)origin,
                                       .reg = reg,
                                       .lines = (u8)lines,
                                       .parts = (u8)lines,
                                       .unsent = unsent,
                                       .memory_type = a->memory_type,
                                       .other_half = FLIGHT_NONE,
                                       .from_stlb = a->tlb == TLB_L2};
    p->flights |= 1u << index;
    if (a->memory_type == MEMORY_UC && kind != MEM_FETCH) note_uncacheable(p, index, lines);
    if (kind == MEM_FETCH) p->fetches |= 1u << index;
    register_pends(p, reg, index);
    if (simple && unsent) p->refused |= 1u << index;
    if (!simple) flight_translate(p, index, a);
    return true;
}

bool inorder_start_second_half(struct inorder *p, const struct mem_access *a, u8 reg)
{
    u64 ready = p->ready[reg];
    u8 first = p->ready_flight[reg];
    if (!inorder_start(p, a, MEM_READ, ORIGIN_DATA, reg)) return false;
    u8 second = p->ready_flight[reg];
    if (first != FLIGHT_NONE && second != FLIGHT_NONE) {
        p->flight[first].other_half = second;
        p->flight[second].other_half = first;
    } else if (first != FLIGHT_NONE) {
        register_pends(p, reg, first); /* the second half hit */
    } else if (second == FLIGHT_NONE) {
        p->ready[reg] = max_u64(ready, p->ready[reg]);
    }
    return true;
}

/* --- the store buffer --- */

static void store_done(void *self, u64 token, enum served served);

static enum port_answer store_request(struct inorder *p, struct store *s)
{
    if (s->memory_type == MEMORY_WC) return write_combining_store(p->wc, s->at, s->bytes) ? PORT_HIT : PORT_BUSY;
    struct mem_request r = {.at = s->at,
                            .kind = (u8)mem_kind_of_type((enum mem_kind)s->kind, (enum memory_type)s->memory_type),
                            .origin = ORIGIN_DATA,
                            .done = store_done,
                            .self = p,
                            .token = (u64)(s - p->store)};
    u64 ready = 0;
    enum served served = SERVED_L1;
    return port_access(&p->l1d, &r, &ready, &served);
}

static void retire_stores(struct inorder *p)
{
    u32 before = p->store_count;
    while (p->stores_requested && store_at(p, 0)->done) {
        p->flushes -= store_at(p, 0)->kind != MEM_WRITE;
        p->store_head = p->store_head + 1 == p->cfg.store_buffer_entries ? 0 : p->store_head + 1;
        p->store_count--;
        p->stores_requested--;
    }
    if (p->store_count != before) wake(p);
}

static bool same_line(hpa_t a, hpa_t b)
{
    return a.v >> LINE_SHIFT == b.v >> LINE_SHIFT;
}

/* CLFLUSH keeps order with all stores and flushes, CLFLUSHOPT and CLWB with older stores to their line: SDM Vol. 2A.
 * Asked while there is a flush in the buffer. `s` is the next to be requested. */
static bool order_lets_request(struct inorder *p, const struct store *s)
{
    if (s->in_order) return p->stores_waiting == 0;
    for (u32 i = 0; i < p->stores_requested; i++) {
        const struct store *older = store_at(p, i);
        bool ordered = older->in_order || (s->kind != MEM_WRITE && same_line(older->at, s->at));
        if (!older->done && ordered) return false;
    }
    return true;
}

/* Requests lines for the oldest stores, in order, up to stores_in_flight at once. */
static void pump_stores(struct inorder *p)
{
    while (p->stores_requested < p->store_count && p->stores_waiting < p->cfg.stores_in_flight) {
        struct store *s = store_at(p, p->stores_requested);
        if (s->translating) break;
        if (UNLIKELY(p->flushes) && !order_lets_request(p, s)) break;
        enum port_answer answer = store_request(p, s);
        if (answer == PORT_BUSY) break;
        s->done = answer == PORT_HIT;
        p->stores_waiting += !s->done;
        p->stores_requested++;
    }
    retire_stores(p);
}

static void store_done(void *self, u64 token, enum served served)
{
    struct inorder *p = self;
    (void)served;
    p->store[token].done = true;
    p->stores_waiting--;
    pump_stores(p);
}

static void store_translated(void *self, u64 token)
{
    struct inorder *p = self;
    p->store[token].translating = false;
    pump_stores(p);
}

static struct store *push_store(struct inorder *p, hpa_t at, unsigned bytes, enum memory_type type)
{
    struct store *s = store_at(p, p->store_count++);
    *s = (struct store){.at = at, .bytes = (u8)bytes, .kind = MEM_WRITE, .memory_type = (u8)type};
    return s;
}

static void store_translate(struct inorder *p, struct store *s, const struct mem_access *a)
{
    u64 token = (u64)(s - p->store), now = clock_now(p->core->clock);
    s->translating = a->walk >= 0 || a->tlb == TLB_L2;
    if (a->walk >= 0)
        walker_start(p->walker, &p->record.walk[a->walk], TOKEN_STORE + token);
    else if (a->tlb == TLB_L2)
        clock_post(p->core->clock, now + p->core->mmu->cfg.stlb_hit_cycles, store_translated, p, token);
}

bool inorder_store(struct inorder *p, const struct mem_access *a)
{
    unsigned lines = lines_of(a->at, a->bytes);
    enum memory_type type = record_store_type(&p->record, a);
    if (UNLIKELY(p->uncacheable)) return false;
    if (UNLIKELY(type == MEMORY_UC)) return inorder_start(p, a, MEM_WRITE, ORIGIN_DATA, REG_NONE);
    if (p->store_count + lines > p->cfg.store_buffer_entries) return false;
    unsigned first = lines == 1 ? a->bytes : (unsigned)(LINE_BYTES - (a->at.v & (LINE_BYTES - 1)));
    p->stats.stores += lines;
    store_translate(p, push_store(p, a->at, first, type), a);
    if (lines == 2) push_store(p, HPA(a->at.v + first), a->bytes - first, type);
    pump_stores(p);
    return true;
}

bool inorder_flush(struct inorder *p, const struct mem_access *a)
{
    enum insn_class iclass = (enum insn_class)p->record.info->iclass;
    if (p->uncacheable || p->store_count == p->cfg.store_buffer_entries) return false;
    write_combining_flush_line(p->wc, a->at);
    struct store *s = push_store(p, a->at, 0, MEMORY_WB);
    s->kind = iclass == CLASS_clwb ? MEM_CLEAN : MEM_FLUSH;
    s->in_order = iclass == CLASS_clflush;
    p->flushes++;
    p->stats.flushes++;
    store_translate(p, s, a);
    pump_stores(p);
    return true;
}

/* --- answers from outside --- */

void inorder_l1_freed(void *self)
{
    struct inorder *p = self;
    for (u32 left = p->refused; left; left &= left - 1) flight_send(p, inorder_first_flight(left));
    pump_stores(p);
}

void inorder_combining_freed(void *self)
{
    struct inorder *p = self;
    pump_stores(p);
    wake(p);
}

void inorder_walk_done(void *self, u64 token, const struct walk_ledger *played)
{
    struct inorder *p = self;
    if (token >= TOKEN_STORE) {
        store_translated(p, token - TOKEN_STORE);
        return;
    }
    if (p->wait_flight == token)
        core_charge_walk(p->core, (enum world)p->world, played, clock_now(p->core->clock));
    flight_translated(p, token);
}

/* LFENCE waits for loads and lets gathered stores be: SDM Vol. 3A, "Buffering of Write Combining Memory Locations". */
static bool lets_combined_stores_be(const struct inorder *p)
{
    return p->phase != PHASE_BEGIN && p->record.info && p->record.info->iclass == CLASS_lfence;
}

void inorder_drain_combined_stores(struct inorder *p)
{
    if (p->store_count == 0 && !lets_combined_stores_be(p)) write_combining_flush(p->wc);
}

bool inorder_memory_is_idle(const struct inorder *p)
{
    return p->flights == 0 && p->store_count == 0 && (write_combining_is_empty(p->wc) || lets_combined_stores_be(p));
}

void inorder_check_identities(const struct inorder *p)
{
    const struct inorder_stats *s = &p->stats;
    u64 under_way = 0;
    for (u32 left = p->flights; left; left &= left - 1) {
        const struct flight *f = &p->flight[inorder_first_flight(left)];
        under_way += f->kind == MEM_READ ? f->parts : 0;
    }
    CHECK(s->loads == s->served_l1 + s->served_l2 + s->served_l3 + s->served_peer + s->served_dram + under_way,
          "cpu%u.inorder: loads do not sum over the levels that served them", p->core->id);
}
