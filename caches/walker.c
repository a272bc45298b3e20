/* walker.c - plays walk ledgers: one reference at a time per walker. */
#include "caches/walker.h"

#include "models/sim/check.h"
#include <stdlib.h>
#include <string.h>

#define PARAM_OF struct walker_cfg
const struct param walker_params[] = {WALKER_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t walker_params_count = ARRAY_LEN(walker_params);

/* Ledgers are long and mostly empty: only what is in use is copied. */
static void copy_ledger(struct walk_ledger *to, const struct walk_ledger *from)
{
    memcpy(to, from, offsetof(struct walk_ledger, ref) + from->n_refs * sizeof from->ref[0]);
}

static void copy_play(struct walk_play *to, const struct walk_play *from)
{
    memcpy(to, from, offsetof(struct walk_play, ledger));
    copy_ledger(&to->ledger, &from->ledger);
}

static bool is_saved(const struct walk_ref *ref)
{
    return ref->served == SERVED_PSC || ref->served == SERVED_NTLB;
}

/* --- one walk --- */

static void begin_walk(struct walker *w, u32 slot);
static void next_reference(void *self, u64 slot);

static unsigned page_class(unsigned shift)
{
    return shift == 0 ? 0 : (shift - PAGE_SHIFT) / 9 + 1;
}

static void count_latency(struct walker *w, const struct walk_play *p, u64 cycles)
{
    const struct walk_ledger *l = &p->ledger;

    histogram_add(&w->stats.latency[page_class(l->guest_shift)][page_class(l->host_shift)], cycles);
    histogram_add(&w->stats.latency_in[DIM_GUEST], p->cycles_in[DIM_GUEST]);
    if (l->nested) histogram_add(&w->stats.latency_in[DIM_HOST], p->cycles_in[DIM_HOST]);
}

static void count_walk(struct walker *w, const struct walk_play *p)
{
    const u64 cycles = clock_now(w->clock) - p->start_cycle;

    w->stats.walks++;
    w->stats.walks_nested += p->ledger.nested;
    w->stats.walks_faulted += p->ledger.faulted;
    w->stats.cycles += cycles;
    w->stats.cycles_caches += p->ledger.cache_cycles;
    count_latency(w, p, cycles);
}

static void dequeue(struct walker *w, u32 slot)
{
    copy_play(&w->play[slot], &w->queue[w->queue_head]);
    w->queue_head = (w->queue_head + 1) % w->queue_entries;
    w->queue_length--;
}

/* The slot is free again before `done` hears of it, so that `done` may start the next walk. */
static void end_walk(struct walker *w, u32 slot)
{
    struct walk_play ended;

    copy_play(&ended, &w->play[slot]);
    count_walk(w, &ended);
    if (w->queue_length) {
        dequeue(w, slot);
        begin_walk(w, slot);
    } else {
        w->active &= ~BIT(slot);
        w->busy--;
    }
    if (w->trace) w->trace(w->trace_self, &ended.ledger, ended.start_cycle, clock_now(w->clock));
    w->done(w->done_self, ended.token, &ended.ledger);
}

/* The reference that is played has its data, now. */
static void end_reference(struct walker *w, u32 slot)
{
    struct walk_play *p = &w->play[slot];
    struct walk_ref *ref = &p->ledger.ref[p->next_ref++];
    const u64 cycles = clock_now(w->clock) - p->issue_cycle;

    ref->cycles = (u32)cycles;
    p->cycles_in[ref->dim] += cycles;
    w->stats.refs_by[ref->dim][ref->served]++;
    w->stats.ad_updates += ref->writes;
    if (ref->dim == DIM_HOST) {
        w->stats.refs_host++;
        w->stats.cycles_host += cycles;
    } else {
        w->stats.refs_guest++;
        w->stats.cycles_guest += cycles;
    }
    next_reference(w, slot);
}

static void reference_over(void *self, u64 slot)
{
    end_reference(self, (u32)slot);
}

static void answer_at(struct walker *w, u32 slot, u64 cycle, enum served served)
{
    struct walk_ref *ref = &w->play[slot].ledger.ref[w->play[slot].next_ref];

    ref->served = (u8)served;
    clock_post(w->clock, cycle + (ref->writes ? w->ad_update_cycles : 0), reference_over, w, slot);
}

/* The port's answer to a request that it kept. */
static void answered(void *self, u64 slot, enum served served)
{
    struct walker *w = self;

    answer_at(w, (u32)slot, clock_now(w->clock), served);
}

static void issue(struct walker *w, u32 slot)
{
    struct walk_play *p = &w->play[slot];
    const struct walk_ref *ref = &p->ledger.ref[p->next_ref];
    const struct mem_request r = {.at = ref->at,
                                  .kind = ref->writes ? MEM_WRITE : MEM_READ,
                                  .origin = ref->dim == DIM_HOST ? ORIGIN_WALK_HOST : ORIGIN_WALK_GUEST,
                                  .done = answered,
                                  .self = w,
                                  .token = slot};
    u64 ready_cycle;
    enum served served;
    const enum port_answer answer = port_access(&w->port, &r, &ready_cycle, &served);

    p->blocked = answer == PORT_BUSY;
    if (answer == PORT_HIT) answer_at(w, slot, ready_cycle, served);
}

/* Issues the next reference that a translation cache did not save, or ends the walk. */
static void next_reference(void *self, u64 slot)
{
    struct walker *w = self;
    struct walk_play *p = &w->play[slot];

    while (p->next_ref < p->ledger.n_refs && is_saved(&p->ledger.ref[p->next_ref])) p->next_ref++;
    p->issue_cycle = clock_now(w->clock);
    if (p->next_ref == p->ledger.n_refs)
        end_walk(w, (u32)slot);
    else
        issue(w, (u32)slot);
}

static void begin_walk(struct walker *w, u32 slot)
{
    struct walk_play *p = &w->play[slot];
    const u64 searched = p->arrival_cycle + w->search_cycles;

    p->start_cycle = max_u64(clock_now(w->clock), searched);
    p->next_ref = 0;
    p->blocked = false;
    memset(p->cycles_in, 0, sizeof p->cycles_in);
    w->stats.queue_cycles += p->start_cycle - searched;
    clock_post(w->clock, p->start_cycle + p->ledger.cache_cycles, next_reference, w, slot);
}

/* --- the unit --- */

static void arrive(struct walker *w, struct walk_play *p, const struct walk_ledger *ledger, u64 token)
{
    p->token = token;
    p->arrival_cycle = clock_now(w->clock);
    copy_ledger(&p->ledger, ledger);
}

static void enqueue(struct walker *w, const struct walk_ledger *ledger, u64 token)
{
    CHECK(w->queue_length < w->queue_entries, "%s: more than %u walks wait", w->name, w->queue_entries);
    arrive(w, &w->queue[(w->queue_head + w->queue_length++) % w->queue_entries], ledger, token);
    w->stats.queued++;
}

void walker_start(struct walker *w, const struct walk_ledger *ledger, u64 token)
{
    const u32 slot = (u32)__builtin_ctzll(~w->active);

    if (w->busy == w->n) {
        enqueue(w, ledger, token);
        return;
    }
    w->active |= BIT(slot);
    w->busy++;
    arrive(w, &w->play[slot], ledger, token);
    begin_walk(w, slot);
}

void walker_retry(void *self)
{
    struct walker *w = self;

    for (u32 slot = 0; slot < w->n; slot++)
        if ((w->active & BIT(slot)) && w->play[slot].blocked) issue(w, slot);
}

void walker_init(struct walker *w, const struct walker_cfg *cfg, const struct walker_desc *desc)
{
    *w = (struct walker){.name = desc->name, .n = cfg->walkers, .queue_entries = cfg->queue_entries};
    w->ad_update_cycles = cfg->ad_update_cycles;
    w->search_cycles = desc->search_cycles;
    w->clock = desc->clock;
    w->port = desc->port;
    w->done = desc->done;
    w->done_self = desc->done_self;
    w->play = calloc(w->n, sizeof *w->play);
    w->queue = calloc(w->queue_entries, sizeof *w->queue);
    CHECK(w->play && w->queue, "%s: no host memory for %u walks", w->name, w->n + w->queue_entries);
}

void walker_fini(struct walker *w)
{
    free(w->play);
    free(w->queue);
}

void walker_set_trace(struct walker *w, walker_trace_fn fn, void *self)
{
    w->trace = fn;
    w->trace_self = self;
}

/* --- statistics --- */

#define STAT_OF struct walker_stats
#define SERVED_ROWS(name, served, meaning)                                                                   \
    {"refs_guest_" #name, offsetof(STAT_OF, refs_by[DIM_GUEST][served]), "guest references from " meaning},  \
    {"refs_host_" #name, offsetof(STAT_OF, refs_by[DIM_HOST][served]), "host references from " meaning},
static const struct stat_row stat_rows[] = {WALKER_STATS(STAT_ROW) WALKER_SERVED(SERVED_ROWS)};
#undef STAT_OF

static void add_histogram(struct stats *reg, const char *prefix, const char *name, const char *meaning,
                          struct histogram *h, size_t n)
{
    char path[128];

    snprintf(path, sizeof path, "%s.latency_%scycles", prefix, name);
    stats_add_histogram(reg, path, meaning, h, n);
}

/* clang-format off */
static const struct {
    u8 guest, host;
    const char *name, *meaning;
} page_rows[] = {
    {0, 0, "faulted_",        "page walks that faulted"},
    {1, 0, "4k_",             "page walks in one dimension that end in 4-KByte pages"},
    {2, 0, "2m_",             "page walks in one dimension that end in 2- or 4-MByte pages"},
    {3, 0, "1g_",             "page walks in one dimension that end in 1-GByte pages"},
    {0, 1, "unpaged_on_4k_",  "page walks without guest paging that end in 4-KByte pages of the host"},
    {0, 2, "unpaged_on_2m_",  "page walks without guest paging that end in 2-MByte pages of the host"},
    {0, 3, "unpaged_on_1g_",  "page walks without guest paging that end in 1-GByte pages of the host"},
    {1, 1, "4k_on_4k_",       "two-dimensional page walks that end in 4-KByte pages of the guest on 4-KByte pages of the host"},
    {1, 2, "4k_on_2m_",       "two-dimensional page walks that end in 4-KByte pages of the guest on 2-MByte pages of the host"},
    {1, 3, "4k_on_1g_",       "two-dimensional page walks that end in 4-KByte pages of the guest on 1-GByte pages of the host"},
    {2, 1, "2m_on_4k_",       "two-dimensional page walks that end in 2- or 4-MByte pages of the guest on 4-KByte pages of the host"},
    {2, 2, "2m_on_2m_",       "two-dimensional page walks that end in 2- or 4-MByte pages of the guest on 2-MByte pages of the host"},
    {2, 3, "2m_on_1g_",       "two-dimensional page walks that end in 2- or 4-MByte pages of the guest on 1-GByte pages of the host"},
    {3, 1, "1g_on_4k_",       "two-dimensional page walks that end in 1-GByte pages of the guest on 4-KByte pages of the host"},
    {3, 2, "1g_on_2m_",       "two-dimensional page walks that end in 1-GByte pages of the guest on 2-MByte pages of the host"},
    {3, 3, "1g_on_1g_",       "two-dimensional page walks that end in 1-GByte pages of the guest on 1-GByte pages of the host"},
};
/* clang-format on */

void walker_add_stats(struct walker *w, struct stats *reg, const char *prefix)
{
    struct walker_stats *s = &w->stats;

    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), s);
    add_histogram(reg, prefix, "", "page walks, from the walker's start to its end", &s->latency[0][0],
                  WALKER_PAGES * WALKER_PAGES);
    add_histogram(reg, prefix, "guest_", "page walks: of that, references of the guest dimension (or the only one)",
                  &s->latency_in[DIM_GUEST], 1);
    add_histogram(reg, prefix, "host_", "two-dimensional page walks: of that, references of the host dimension",
                  &s->latency_in[DIM_HOST], 1);
    for (size_t i = 0; i < ARRAY_LEN(page_rows); i++)
        add_histogram(reg, prefix, page_rows[i].name, page_rows[i].meaning,
                      &s->latency[page_rows[i].guest][page_rows[i].host], 1);
}

static u64 sum(const u64 *counters, unsigned n)
{
    u64 total = 0;

    for (unsigned i = 0; i < n; i++) total += counters[i];
    return total;
}

/* Cycles of walks in progress are not in `cycles` yet, but those of their finished references are in
 * cycles_guest and _host. */
static u64 cycles_in_progress(const struct walker *w, enum walk_dim dim)
{
    u64 total = 0;

    for (u32 slot = 0; slot < w->n; slot++) {
        if (!(w->active & BIT(slot))) continue;
        for (u32 i = 0; i < w->play[slot].next_ref; i++) {
            const struct walk_ref *ref = &w->play[slot].ledger.ref[i];
            if (!is_saved(ref) && ref->dim == dim) total += ref->cycles;
        }
    }
    return total;
}

static void check_histograms(const struct walker *w)
{
    const struct walker_stats *s = &w->stats;
    const struct histogram *guest = &s->latency_in[DIM_GUEST], *host = &s->latency_in[DIM_HOST];
    u64 cycles = 0, walks = 0;

    for (size_t i = 0; i < WALKER_PAGES * WALKER_PAGES; i++) {
        cycles += s->latency[i / WALKER_PAGES][i % WALKER_PAGES].sum;
        walks += histogram_total(&s->latency[i / WALKER_PAGES][i % WALKER_PAGES]);
    }
    CHECK(s->cycles == cycles && s->walks == walks, "%s: walks by latency and pages", w->name);
    CHECK(s->walks == histogram_total(guest) && s->walks_nested == histogram_total(host),
          "%s: walks by latency and dimension", w->name);
    CHECK(s->cycles_guest == guest->sum + cycles_in_progress(w, DIM_GUEST), "%s: guest cycles by latency", w->name);
    CHECK(s->cycles_host == host->sum + cycles_in_progress(w, DIM_HOST), "%s: host cycles by latency", w->name);
}

void walker_check_identities(const struct walker *w)
{
    const struct walker_stats *s = &w->stats;

    CHECK(s->cycles + cycles_in_progress(w, DIM_GUEST) + cycles_in_progress(w, DIM_HOST) ==
              s->cycles_caches + s->cycles_guest + s->cycles_host,
          "%s: walk cycles by cause", w->name);
    CHECK(s->refs_guest == sum(s->refs_by[DIM_GUEST], SERVED_COUNT), "%s: guest refs by level", w->name);
    CHECK(s->refs_host == sum(s->refs_by[DIM_HOST], SERVED_COUNT), "%s: host refs by level", w->name);
    check_histograms(w);
}
