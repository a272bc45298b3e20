/* trace_stages.c - what the stages tell the pipeline trace. */
#include "isa/icache.h"
#include "models/core/ooo/ooo_stages.h"
#include "virt-ext/vmx.h"

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

void ooo_trace_decoded(struct ooo *p, u64 from, u64 now)
{
    char text[TEXT_BYTES], line[TEXT_BYTES + 16];
    if (!pipe_trace_next(p->trace)) return;
    disassemble(p, text);
    for (u64 seq = from; seq != p->tail; seq++) {
        u32 index = seq % OOO_RING;
        snprintf(line, sizeof line, "%s  [%s]", text, uop_name(&p->uop[index]));
        pipe_trace_begin(p->trace, index, now, p->record.rip, (unsigned)(seq - from), line);
        pipe_trace_stage(p->trace, index, now, PIPE_QUEUE);
    }
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

void ooo_trace_sequence(struct ooo *p, u64 now)
{
    char text[TEXT_BYTES];
    if (!pipe_trace_next(p->trace)) return;
    name_sequence(p, text, sizeof text);
    pipe_trace_begin(p->trace, PIPE_MICROCODE, now, p->record.rip, 0, text);
    pipe_trace_stage(p->trace, PIPE_MICROCODE, now, PIPE_SEQUENCE);
}

void ooo_trace_sequence_ends(struct ooo *p, u64 now)
{
    pipe_trace_stage(p->trace, PIPE_MICROCODE, now, PIPE_COMPLETE);
    pipe_trace_retire(p->trace, PIPE_MICROCODE, now);
}
