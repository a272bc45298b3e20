/* directory.c - transactions: a request meets its line's state, snoops and memory answer, the line changes hands. */
#include "interconnect/directory_lines.h"

#include "models/sim/check.h"

enum peers { NOBODY, SHARE_KEEPER, CLEAN_KEEPER, TAKE_OTHERS, TAKE_ALL };
enum data { MEMORY, KEEPER, HELD };
enum request { READ, OWN, FLUSH, CLEAN, REQUESTS };
enum protocol { MESI, MESIF, PROTOCOLS };

struct transition {
    u8 peers, data, next;
    bool exists;
};

#define T(protocol, state, request, peers, data, next)                                                       \
    [protocol][DIRECTORY_##state][request] = {peers, data, DIRECTORY_##next, true},
static const struct transition table[PROTOCOLS][DIRECTORY_STATES][REQUESTS] = {
#include "interconnect/coherence.def"
};
#undef T

static struct directory_entry *entry_of(struct directory *d, const struct directory_transaction *t)
{
    return &d->entry[t->entry];
}

static u64 line_of(const struct mem_request *r)
{
    return r->at.v >> LINE_SHIFT;
}

/* Cycles between the line's place in the directory and a processor. */
static u32 way_to(const struct directory *d, u64 line, u32 core)
{
    return topology_cycles(d->topology, topology_slice(d->topology, line), core);
}

/* Writes that pass the caches take the line away from the others, too. */
static enum request request_of(const struct mem_request *r)
{
    if (mem_kind_flushes(r->kind)) return r->kind == MEM_FLUSH ? FLUSH : CLEAN;
    return mem_kind_owns(r->kind) || mem_kind_writes_memory(r->kind) ? OWN : READ;
}

/* --- the end of a transaction --- */

static void begin(struct directory *d, i32 i);

static void restart_stalled(struct directory *d)
{
    const i32 i = d->stalled_first;

    if (i == DIRECTORY_IDLE) return;
    d->stalled_first = d->transaction[i].next;
    if (d->stalled_first == DIRECTORY_IDLE) d->stalled_last = DIRECTORY_IDLE;
    d->transaction[i].next = DIRECTORY_IDLE;
    begin(d, i);
}

/* The line is the asker's; but an uncached access leaves it where it is, and what a flush leaves says its row. */
static void hand_over(struct directory *d, struct directory_entry *e, const struct directory_transaction *t)
{
    const u32 asker = t->asked.asker;

    if (mem_kind_flushes(t->asked.kind)) {
        e->state = e->holders ? t->next_state : DIRECTORY_UNCACHED;
    } else if (mem_kind_passes_caches(t->asked.kind) && directory_core_state(d, asker, e->line) == LINE_INVALID) {
        e->holders &= ~BIT(asker);
        e->state = e->holders ? DIRECTORY_SHARED : DIRECTORY_UNCACHED;
    } else {
        e->holders |= BIT(asker);
        e->state = t->next_state;
        e->keeper = (u8)asker;
    }
}

/* The line is the asker's; who waited for it has his turn after the answer has left. */
static void finish(struct directory *d, i32 i)
{
    struct directory_transaction *t = &d->transaction[i];
    struct directory_entry *e = entry_of(d, t);
    const struct mem_request asked = t->asked;
    const enum served served = (enum served)t->served;
    const i32 waiting = t->next;

    hand_over(d, e, t);
    e->busy = DIRECTORY_IDLE;
    t->next = d->free_transaction;
    d->free_transaction = i;
    d->in_flight--;
    if (asked.done) asked.done(asked.self, asked.token, served);
    if (waiting != DIRECTORY_IDLE) begin(d, waiting);
    restart_stalled(d);
}

static void count_source(struct directory *d, const struct directory_transaction *t)
{
    d->stats.from_peer += t->served == SERVED_PEER;
    d->stats.from_nobody += t->served == SERVED_UNKNOWN;
    d->stats.from_memory += t->served != SERVED_PEER && t->served != SERVED_UNKNOWN;
}

static void finish_when_all_answered(struct directory *d, i32 i)
{
    struct directory_transaction *t = &d->transaction[i];

    if (t->snoops_out || t->reads_memory) return;
    if (t->peer_has_data) t->served = SERVED_PEER;
    count_source(d, t);
    if (t->served == SERVED_UNKNOWN) t->served = SERVED_L3; /* only the right came, from beside the L3 */
    finish(d, i);
}

/* --- memory --- */

static void memory_answered(void *self, u64 i, enum served served)
{
    struct directory *d = self;

    d->transaction[i].reads_memory = false;
    d->transaction[i].served = (u8)served;
    finish_when_all_answered(d, (i32)i);
}

static void memory_ready(void *self, u64 i)
{
    struct directory *d = self;

    memory_answered(d, i, (enum served)d->transaction[i].served);
}

static void read_memory(struct directory *d, i32 i)
{
    struct directory_transaction *t = &d->transaction[i];
    struct mem_request r = t->asked;
    u64 ready_cycle;
    enum served served;

    r.done = memory_answered;
    r.self = d;
    r.token = (u64)i;
    t->reads_memory = true;
    if (port_access(&d->next, &r, &ready_cycle, &served) == PORT_PENDING) return;
    t->served = (u8)served;
    clock_post(d->clock, ready_cycle, memory_ready, d, (u64)i);
}

/* --- snoops --- */

static enum snoop snoop_of(const struct mem_request *r)
{
    static const u8 snoops[REQUESTS] = {
        [READ] = SNOOP_SHARE, [OWN] = SNOOP_INVALIDATE, [FLUSH] = SNOOP_INVALIDATE, [CLEAN] = SNOOP_CLEAN};

    return (enum snoop)snoops[request_of(r)];
}

/* A snoop under way: its transaction and its processor in one message argument. */
static u64 snoop_arg(i32 i, u32 core)
{
    return (u64)i << 8 | core;
}

static void snoop_answered(void *self, u64 arg)
{
    struct directory *d = self;
    const i32 i = (i32)(arg >> 8);
    struct directory_transaction *t = &d->transaction[i];

    if (--t->snoops_out == 0 && t->awaits_snoops && !t->peer_has_data) read_memory(d, i);
    finish_when_all_answered(d, i);
}

/* A dirty line that the snooped processor gives up, or shares, goes to the L3; a request that passes the caches takes it
 * along. */
static void take_dirty(struct directory *d, struct directory_transaction *t, u64 line)
{
    const bool passes = mem_kind_passes_caches(t->asked.kind);

    if (!passes && request_of(&t->asked) == OWN) return; /* it goes over to the asker */
    d->stats.snoop_writebacks++;
    if (passes)
        t->asked.dirty = true;
    else
        directory_write_memory(d, line);
}

static void snoop_arrives(void *self, u64 arg)
{
    struct directory *d = self;
    const u32 core = arg & 0xff;
    struct directory_transaction *t = &d->transaction[arg >> 8];
    struct directory_entry *e = entry_of(d, t);
    const enum snoop what = snoop_of(&t->asked);
    const enum line_state before = directory_snoop_core(d, core, e->line, what);

    if (what == SNOOP_INVALIDATE || before == LINE_INVALID) e->holders &= ~BIT(core);
    if (e->state == DIRECTORY_OWNED && what != SNOOP_CLEAN)
        e->state = DIRECTORY_SHARED; /* until the transaction ends: nobody may write */
    d->stats.snoops_missed += before == LINE_INVALID;
    t->peer_has_data |= before != LINE_INVALID && t->awaits_snoops && !mem_kind_passes_caches(t->asked.kind);
    if (before == LINE_DIRTY) take_dirty(d, t, e->line);
    clock_post(d->clock, clock_now(d->clock) + d->snoop_cycles + way_to(d, e->line, core), snoop_answered, d,
               arg);
}

static void send_snoops(struct directory *d, i32 i, u64 cores)
{
    struct directory_transaction *t = &d->transaction[i];

    for (u32 core = 0; core < d->n_cores; core++) {
        if (!(cores & BIT(core))) continue;
        t->snoops_out++;
        d->stats.snoops++;
        clock_post(d->clock, clock_now(d->clock) + way_to(d, line_of(&t->asked), core), snoop_arrives, d,
                   snoop_arg(i, core));
    }
}

/* --- the beginning --- */

static u64 snooped_cores(const struct directory_entry *e, const struct transition *row, u32 asker)
{
    u64 cores = 0;

    if (row->peers == TAKE_ALL) return e->holders;
    if (row->peers == SHARE_KEEPER || row->peers == CLEAN_KEEPER) cores = BIT(e->keeper);
    if (row->peers == TAKE_OTHERS) cores = e->holders;
    return cores & e->holders & ~BIT(asker);
}

static void play(struct directory *d, i32 i, struct directory_entry *e)
{
    struct directory_transaction *t = &d->transaction[i];
    const enum request request = request_of(&t->asked);
    const bool passes = mem_kind_passes_caches(t->asked.kind);
    const bool alone = !(e->holders & ~BIT(t->asked.asker));
    const struct transition *row =
        &table[d->protocol][alone && request == READ ? DIRECTORY_UNCACHED : e->state][request];
    const bool held = directory_core_state(d, t->asked.asker, e->line) != LINE_INVALID;
    u64 cores;

    CHECK(row->exists, "%s: no transition from state %u", d->name, e->state);
    if (request == FLUSH && !held) e->holders &= ~BIT(t->asked.asker); /* it has brought the line here */
    cores = snooped_cores(e, row, t->asked.asker);
    t->next_state = row->next;
    t->awaits_snoops = cores && (row->data == KEEPER || passes);
    send_snoops(d, i, cores);
    if (!t->awaits_snoops && (passes || !(row->data == HELD && held))) read_memory(d, i);
    finish_when_all_answered(d, i);
}

static void append(struct directory *d, i32 first, i32 i)
{
    while (d->transaction[first].next != DIRECTORY_IDLE) first = d->transaction[first].next;
    d->transaction[first].next = i;
}

static void stall(struct directory *d, i32 i)
{
    if (d->stalled_first == DIRECTORY_IDLE)
        d->stalled_first = i;
    else
        d->transaction[d->stalled_last].next = i;
    d->stalled_last = i;
    d->transaction[i].next = DIRECTORY_IDLE;
}

/* A new transaction, or one whose turn has come; its followers on the same line are behind it in t->next. */
static void begin(struct directory *d, i32 i)
{
    struct directory_transaction *t = &d->transaction[i];
    struct directory_entry *e = directory_find_or_take(d, line_of(&t->asked));

    if (!e) {
        stall(d, i);
    } else if (e->busy != DIRECTORY_IDLE) {
        d->stats.waited++;
        append(d, e->busy, i);
    } else {
        e->busy = i;
        e->used = ++d->time;
        t->entry = (u32)(e - d->entry);
        play(d, i, e);
    }
}

/* It left its processor before a flush's snoop came there, and reaches the directory behind the flush: on to memory. */
static bool comes_late(const struct directory_entry *e, const struct mem_request *r)
{
    return r->kind == MEM_WRITEBACK && e && e->holders == 0;
}

static void note_evicted(struct directory *d, struct directory_entry *e, const struct mem_request *r)
{
    d->stats.evicted_in++;
    if (!e || directory_core_state(d, r->asker, e->line) != LINE_INVALID) return;
    e->holders &= ~BIT(r->asker);
    if (e->holders == 0 && e->busy == DIRECTORY_IDLE) e->state = DIRECTORY_UNCACHED;
}

static enum port_answer pass_evicted(struct directory *d, const struct mem_request *r, u64 *ready_cycle,
                                     enum served *served)
{
    struct directory_entry *e = directory_find(d, line_of(r));
    struct mem_request on = *r;

    if (comes_late(e, r)) {
        on.kind = MEM_FLUSH;
        on.dirty = true;
    }
    note_evicted(d, e, r);
    port_access(&d->next, &on, ready_cycle, served);
    return PORT_HIT; /* nobody waits */
}

static enum port_answer access(void *self, const struct mem_request *r, u64 *ready_cycle, enum served *served)
{
    struct directory *d = self;
    const i32 i = d->free_transaction;

    if (mem_kind_is_evicted(r->kind)) return pass_evicted(d, r, ready_cycle, served);
    CHECK(i != DIRECTORY_IDLE, "%s: more than %u requests in flight", d->name, d->n_transactions);
    d->free_transaction = d->transaction[i].next;
    d->transaction[i] = (struct directory_transaction){.asked = *r, .next = DIRECTORY_IDLE};
    d->in_flight++;
    *(mem_kind_flushes(r->kind) ? &d->stats.flushes : mem_kind_owns(r->kind) ? &d->stats.owns : &d->stats.reads) += 1;
    begin(d, i);
    return PORT_PENDING;
}

/* --- warming --- */

/* Snoops the others at once. Returns whether one of them has the data. */
static bool warm_peers(struct directory *d, struct directory_entry *e, u64 cores, enum snoop what)
{
    bool found = false;

    for (u32 core = 0; core < d->n_cores; core++) {
        if (!(cores & BIT(core))) continue;
        const enum line_state before = directory_snoop_core(d, core, e->line, what);

        if (what == SNOOP_INVALIDATE || before == LINE_INVALID) e->holders &= ~BIT(core);
        if (before == LINE_DIRTY && what == SNOOP_SHARE) directory_write_memory(d, e->line);
        found |= before != LINE_INVALID;
    }
    return found;
}

/* The whole of a transaction but its time. */
static enum grant warm_entry(struct directory *d, struct directory_entry *e, const struct mem_request *r)
{
    const enum request request = request_of(r);
    const bool alone = !(e->holders & ~BIT(r->asker));
    const struct transition *row =
        &table[d->protocol][alone && request == READ ? DIRECTORY_UNCACHED : e->state][request];
    const bool held = row->data == HELD && directory_core_state(d, r->asker, e->line) != LINE_INVALID;
    const u64 cores = snooped_cores(e, row, r->asker);
    const bool found = cores && warm_peers(d, e, cores, snoop_of(r));
    const struct directory_transaction done = {.asked = *r, .next_state = row->next};

    e->used = ++d->time;
    if (!(row->data == KEEPER && found) && !held) port_warm(&d->next, r);
    hand_over(d, e, &done);
    return e->state == DIRECTORY_OWNED ? GRANT_OWNED : GRANT_SHARED;
}

/* What passes the caches has met those of its asker; the entry of a line that nobody has any more may stay. */
static enum grant warm_request(struct directory *d, const struct mem_request *r)
{
    struct directory_entry *e = NULL;

    if (mem_kind_is_evicted(r->kind))
        note_evicted(d, directory_find(d, line_of(r)), r);
    else if (!mem_kind_passes_caches(r->kind))
        e = directory_find_or_take(d, line_of(r));
    if (e && e->busy == DIRECTORY_IDLE) return warm_entry(d, e, r);
    port_warm(&d->next, r);
    return GRANT_NONE;
}

static enum grant warm(void *self, const struct mem_request *r)
{
    struct directory *d = self;

    d->warming = true;
    const enum grant grant = warm_request(d, r);
    d->warming = false;
    return grant;
}

struct mem_port directory_port(struct directory *d)
{
    return (struct mem_port){.access = access, .self = d, .expect = directory_expect, .warm = warm};
}
