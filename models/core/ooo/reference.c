/* reference.c - the front end's references under way: fetched lines, and those of microcode. */
#include "models/core/ooo/ooo_stages.h"
#include "models/sim/check.h"

static void finish(struct ooo *p, u32 index)
{
    p->references &= ~(1u << index);
    ooo_wake(p);
}

static void count_load(struct ooo *p, enum mem_kind kind, enum served served)
{
    if (kind != MEM_READ) return;
    p->stats.loads++;
    ooo_count_served(p, served);
}

static void part_done(void *self, u64 index, enum served served)
{
    struct ooo *p = self;
    struct ooo_reference *r = &p->reference[index];
    CHECK(r->parts > 0, "an answer for reference %u that nobody waits for", (unsigned)index);
    count_load(p, (enum mem_kind)r->kind, served);
    if (--r->parts == 0 && r->unsent == 0) finish(p, (u32)index);
}

static void hit_done(void *self, u64 index_and_level)
{
    part_done(self, index_and_level & 0xff, (enum served)(index_and_level >> 8));
}

static hpa_t next_part(const struct ooo_reference *r)
{
    return r->unsent == ooo_lines_of(r->at, r->bytes) ? r->at : HPA((r->at.v + r->bytes - 1) & ~(LINE_BYTES - 1));
}

static enum port_answer request(struct ooo *p, u32 index, hpa_t at, u64 *ready, enum served *served)
{
    const struct ooo_reference *f = &p->reference[index];
    const struct mem_request r = {
        .at = at, .kind = (u8)mem_kind_of_type((enum mem_kind)f->kind, (enum memory_type)f->memory_type), .origin = f->origin, .done = part_done, .self = p, .token = index};
    return port_access(f->kind == MEM_FETCH ? &p->l1i : &p->l1d, &r, ready, served);
}

static void send(struct ooo *p, u32 index)
{
    struct ooo_reference *r = &p->reference[index];
    p->references_refused &= ~(1u << index);
    while (r->unsent) {
        u64 ready = 0;
        enum served served = SERVED_L1;
        enum port_answer answer = request(p, index, next_part(r), &ready, &served);
        if (answer == PORT_BUSY) {
            p->references_refused |= 1u << index;
            return;
        }
        r->unsent--;
        if (answer == PORT_HIT)
            clock_post(p->core->clock, ready, hit_done, p, index | (u64)served << 8);
    }
}

void ooo_reference_translated(struct ooo *p, u32 index)
{
    if (p->reference[index].parts == 0)
        finish(p, index); /* a walk that faulted: nothing behind it */
    else
        send(p, index);
}

static void stlb_answered(void *self, u64 index)
{
    struct ooo *p = self;
    if (ooo_is_traced(p)) ooo_trace_front_stall(p, PIPE_NO_STALL);
    if (rob_is_empty(p)) core_charge(p->core, (enum world)p->world, CAUSE_stlb, ooo_now(p));
    ooo_reference_translated(p, (u32)index);
}

/* The pipeline hides the latency of a fetched line that the L1I has. */
static void send_fetch(struct ooo *p, u32 index)
{
    u64 ready = 0;
    enum served served = SERVED_L1;
    enum port_answer answer = request(p, index, p->reference[index].at, &ready, &served);
    if (answer == PORT_BUSY) p->references_refused |= 1u << index;
    if (answer == PORT_PENDING) p->reference[index].unsent = 0;
    if (answer == PORT_HIT) p->references &= ~(1u << index);
}

static void translate(struct ooo *p, u32 index, const struct mem_access *a)
{
    u64 stlb = ooo_now(p) + p->core->mmu->cfg.stlb_hit_cycles;
    bool misses = a->walk >= 0 || a->tlb == TLB_L2;
    if (misses && ooo_is_traced(p)) ooo_trace_front_stall(p, a->walk >= 0 ? PIPE_WALK : PIPE_STLB);
    if (a->walk >= 0)
        walker_start(p->walker, &p->record.walk[a->walk], OOO_TRANSLATIONS + index);
    else if (a->tlb == TLB_L2)
        clock_post(p->core->clock, stlb, stlb_answered, p, index);
    else if (p->reference[index].kind == MEM_FETCH)
        send_fetch(p, index);
    else
        send(p, index);
}

bool ooo_start_reference(struct ooo *p, const struct mem_access *a, enum mem_kind kind, enum mem_origin origin)
{
    if (p->references == UINT32_MAX) return false;
    u32 index = (u32)__builtin_ctz(~p->references);
    u8 lines = (u8)ooo_lines_of(a->at, a->bytes);
    p->references |= 1u << index;
    p->reference[index] = (struct ooo_reference){
        .at = a->at, .bytes = a->bytes, .kind = (u8)kind, .origin = (u8)origin, .parts = lines, .unsent = lines,
        .memory_type = kind == MEM_FETCH ? MEMORY_WB : a->memory_type};
    p->stats.stores += kind == MEM_WRITE ? lines : 0;
    p->stats.fetches += kind == MEM_FETCH ? lines : 0;
    translate(p, index, a);
    return true;
}

void ooo_retry_references(struct ooo *p)
{
    for (u32 left = p->references_refused; left; left &= left - 1) send(p, (u32)__builtin_ctz(left));
}
