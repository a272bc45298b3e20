/* trace_stages.c - what the stages tell the pipeline trace. */
#include "isa/icache.h"
#include "models/core/ooo/ooo_stages.h"
#include "virt-ext/vmx.h"
#include <inttypes.h>

static const char *const op_name[OP_COUNT] = {
#define OOO_OP(name, meaning) [OP_##name] = #name,
#include "models/core/ooo/ops.def"
#undef OOO_OP
};

static const char *const kind_name[UOP_KINDS] = {
#define UOP(name, meaning) [UOP_##name] = #name,
#include "isa/uops.def"
#undef UOP
};

#define TEXT_BYTES 80

static void disassemble(struct ooo *p, char text[TEXT_BYTES])
{
    const struct insn_record *r = &p->record;
    isa_disassemble(r->info->bytes, r->info->length, (enum code_mode)p->core->hart->mode, r->rip, text, TEXT_BYTES);
}

static const char *uop_name(const struct ooo_uop *u)
{
    return u->op == OP_execute ? kind_name[u->kind] : op_name[u->op];
}

void ooo_trace_fetched(struct ooo *p)
{
    pipe_trace_fetch(p->trace, ooo_now(p), (enum world)p->world, p->record.rip);
}

void ooo_trace_fused(struct ooo *p, u64 with)
{
    char text[TEXT_BYTES];
    if (!pipe_trace_has_fetched(p->trace)) return;
    disassemble(p, text);
    pipe_trace_fuse(p->trace, with % OOO_RING, ooo_now(p), text);
}

static void begin_uop(struct ooo *p, u64 seq, unsigned part, const char *text)
{
    u32 index = seq % OOO_RING;
    char line[TEXT_BYTES + 16];
    snprintf(line, sizeof line, "%s  [%s]", text, uop_name(&p->uop[index]));
    if (part == 0)
        pipe_trace_decode(p->trace, index, ooo_now(p), line);
    else
        pipe_trace_begin(p->trace, index, ooo_now(p), p->record.rip, part, line);
    pipe_trace_stage(p->trace, index, ooo_now(p), PIPE_QUEUE);
}

void ooo_trace_decoded(struct ooo *p, u64 from)
{
    char text[TEXT_BYTES];
    if (!pipe_trace_has_fetched(p->trace)) return;
    disassemble(p, text);
    for (u64 seq = from; seq != p->tail; seq++) begin_uop(p, seq, (unsigned)(seq - from), text);
}

static void name_transition(const struct vm_transition *t, char *text, size_t bytes)
{
    bool exit = t->kind == TRANSITION_EXIT;
    snprintf(text, bytes, "%s %s", exit ? "VM exit" : "VM entry behind", vmx_exit_name(t->reason));
}

static void name_sequence(struct ooo *p, char *text, size_t bytes)
{
    const struct insn_record *r = &p->record;
    if (r->transition.kind != TRANSITION_NONE)
        name_transition(&r->transition, text, bytes);
    else if (r->event || !r->info)
        snprintf(text, bytes, "%s, vector %u", r->interrupt_taken ? "interrupt" : "exception", r->vector);
    else
        disassemble(p, text);
}

void ooo_trace_sequence(struct ooo *p)
{
    char text[TEXT_BYTES];
    if (!pipe_trace_has_fetched(p->trace)) return;
    name_sequence(p, text, sizeof text);
    pipe_trace_decode(p->trace, PIPE_MICROCODE, ooo_now(p), text);
    pipe_trace_stage(p->trace, PIPE_MICROCODE, ooo_now(p), PIPE_SEQUENCE);
    if (p->record.n_walks) pipe_trace_detail(p->trace, PIPE_MICROCODE, ooo_now(p), "%u page walks", p->record.n_walks);
}

void ooo_trace_sequence_ends(struct ooo *p)
{
    pipe_trace_stage(p->trace, PIPE_MICROCODE, ooo_now(p), PIPE_COMPLETE);
    pipe_trace_retire(p->trace, PIPE_MICROCODE, ooo_now(p));
}

void ooo_trace_mispredicted(struct ooo *p, const struct ooo_uop *branch)
{
    u32 index = (u32)(branch - p->uop);
    pipe_trace_mark(p->trace, index, ooo_now(p),
                    branch->flags & UOP_INDIRECT ? "  [mispredicted, indirect]" : "  [mispredicted]");
}

/* The row of what the front end does: an instruction on its way, or the sequence that microcode plays. */
static u32 front_row(const struct ooo *p)
{
    return p->phase >= FRONT_MICROCODE ? PIPE_MICROCODE : PIPE_FETCHED;
}

void ooo_trace_front_stall(struct ooo *p, enum pipe_stall stall)
{
    bool refines = stall == PIPE_MISS && p->trace->row[front_row(p)].stall; /* what is known already says more */
    if (!refines) pipe_trace_stall(p->trace, front_row(p), ooo_now(p), stall);
}

/* --- why it waited --- */

static const char *const served_by[SERVED_COUNT] = {
    [LOAD_FORWARDED] = "a buffered store", [SERVED_L1] = "the L1D",  [SERVED_L2] = "the L2", [SERVED_L3] = "the L3",
    [SERVED_PEER] = "another processor's cache", [SERVED_DRAM] = "DRAM"};

void ooo_trace_load(struct ooo *p, u32 index, enum served served, u64 cycles)
{
    u64 now = ooo_now(p);
    if (served == SERVED_L1 || served == LOAD_FORWARDED) pipe_trace_stall(p->trace, index, now, PIPE_NO_STALL);
    pipe_trace_detail(p->trace, index, now, "va 0x%" PRIx64 ", hpa 0x%" PRIx64 ", %u bytes: %" PRIu64 " cycles from %s",
                      p->mem[index].va.v, p->mem[index].at.v, p->mem[index].bytes, cycles, served_by[served]);
}

static void detail_walk(struct ooo *p, u32 row, const struct walk_ledger *w)
{
    static const char *const name[SERVED_COUNT] = {"-",  "paging-structure cache", "nested TLB", "L1", "L2",
                                                   "L3", "another cache",          "DRAM"};
    unsigned references[2] = {0};
    u32 cycles = w->cache_cycles, farthest = SERVED_UNKNOWN;
    for (unsigned i = 0; i < w->n_refs; i++) {
        references[w->ref[i].dim] += w->ref[i].served > SERVED_NTLB;
        cycles += w->ref[i].cycles;
        if (w->ref[i].served > farthest) farthest = w->ref[i].served;
    }
    pipe_trace_detail(p->trace, row, ooo_now(p),
                      "page walk for va 0x%" PRIx64
                      "%s: %u references of the guest, %u of the host, %u cycles, farthest: %s",
                      w->va.v, w->nested ? ", two-dimensional" : "", references[DIM_GUEST], references[DIM_HOST],
                      cycles, name[farthest]);
}

void ooo_trace_walked(struct ooo *p, u32 index, const struct walk_ledger *played)
{
    detail_walk(p, index, played);
    pipe_trace_stall(p->trace, index, ooo_now(p), PIPE_NO_STALL);
}

void ooo_trace_front_walked(struct ooo *p, const struct walk_ledger *played)
{
    ooo_trace_walked(p, front_row(p), played);
}

void ooo_trace_refused(struct ooo *p, u32 index, const u64 *missing)
{
    static const struct {
        size_t counter;
        const char *what;
    } resources[] = {
        {offsetof(struct ooo_stats, stall_rob), "ROB entry"},
        {offsetof(struct ooo_stats, stall_scheduler), "scheduler entry"},
        {offsetof(struct ooo_stats, stall_loads), "load-buffer entry"},
        {offsetof(struct ooo_stats, stall_stores), "store-buffer entry"},
        {offsetof(struct ooo_stats, stall_registers), "physical register"},
    };
    if (p->trace->row[index].stall == PIPE_RESOURCE) return;
    size_t counter = (size_t)((const char *)missing - (const char *)&p->stats);
    for (unsigned i = 0; i < ARRAY_LEN(resources); i++)
        if (resources[i].counter == counter)
            pipe_trace_detail(p->trace, index, ooo_now(p), "no free %s", resources[i].what);
    pipe_trace_stall(p->trace, index, ooo_now(p), PIPE_RESOURCE);
}
