/* timed.c - one instruction at a time for timing cores: isa_fetch finds it, isa_execute does it, the
 * record tells. */
#include "isa/exec.h"
#include "isa/icache.h"
#include "isa/state.h"
#include "isa/store_buffer.h"
#include "models/sim/check.h"

static void close_record(struct hart *h, struct insn_record *r)
{
    r->next_rip = h->reg[REG_RIP];
    r->halted = h->activity != ACTIVITY_ACTIVE;
}

/* h->fault is delivered as this record's event. */
static void raise_fault(struct hart *h, struct insn_record *r)
{
    isa_raise(h);
    fetch_restart(h);
    close_record(h, r);
}

static void begin(struct hart *h, struct insn_record *r)
{
    record_reset(r);
    h->record = r;
    r->rip = h->reg[REG_RIP];
    r->world = h->world;
    r->cpl = h->cpl;
}

/* True: the record is an event, or nothing can be done (*idle). */
static bool attend(struct hart *h, struct insn_record *r, bool *idle)
{
    if (isa_take_attention(h)) {
        r->interrupt_taken = true;
        fetch_restart(h);
        close_record(h, r);
        return true;
    }
    *idle = h->activity != ACTIVITY_ACTIVE;
    return *idle;
}

bool isa_fetch(struct hart *h, struct insn_record *r)
{
    bool idle = false;
    begin(h, r);
    if (UNLIKELY(h->attention) && attend(h, r, &idle)) return !idle;
    const struct insn *i = fetch_next_timed(h);
    if (UNLIKELY(!i)) {
        raise_fault(h, r);
        return true;
    }
    h->fetch.current = i;
    r->info = insn_cold(h, i);
    return true;
}

/* The access must wait until the pipe is empty: as if isa_execute had not been called. Only its page walks
 * stay: what they found is in the TLBs, so that no second one will tell of them. */
static void refuse(struct insn_record *r)
{
    r->not_drained = true;
    r->n_accesses = r->n_fetches;
}

static void retire(struct hart *h, struct insn_record *r)
{
    h->instructions++;
    r->retired = true;
}

static void finish(struct hart *h, struct insn_record *r, const struct insn *i, enum outcome out)
{
    switch (out) {
    case OUT_NEXT:
        retire(h, r);
        h->fetch.next = i + 1;
        break;
    case OUT_JUMP:
        retire(h, r);
        h->fetch.next = NULL;
        break;
    case OUT_FLUSH:
        retire(h, r);
        fetch_restart(h);
        break;
    case OUT_AGAIN:
        h->reg[REG_RIP] -= i->length;
        hart_note_part(h);
        h->fetch.next = i;
        break;
    case OUT_EXIT: /* an intercepted instruction has not retired, a VM entry has */
        if (r->world != WORLD_GUEST) retire(h, r);
        fetch_restart(h);
        break;
    case OUT_FAULT:
    case OUT_CUT:
        CHECK(false, "outcome %d behind isa_fetch", (int)out);
    }
    h->fetch.next_rip = h->reg[REG_RIP];
    r->branch_taken =
        r->info->flow != FLOW_NONE && (out == OUT_JUMP || h->reg[REG_RIP] != r->rip + i->length);
    h->branched = r->branch_taken;
    r->io |= r->info->iclass == CLASS_port_io;
    close_record(h, r);
}

/* What isa_fetch found, or what stands there now if somebody has written to it since. NULL: h->fault. */
static const struct insn *current(struct hart *h, struct insn_record *r)
{
    if (UNLIKELY(h->fetch.current->exec == exec_dropped)) {
        h->fetch.current = fetch_next_timed(h);
        r->info = h->fetch.current ? insn_cold(h, h->fetch.current) : NULL;
    }
    return h->fetch.current;
}

void isa_execute(struct hart *h, struct insn_record *r)
{
    if (!r->info) return;
    if (UNLIKELY(h->stores)) store_buffer_begin(h, r->info);
    const struct insn *i = current(h, r);
    r->not_drained = false;
    if (!i) {
        raise_fault(h, r);
        return;
    }
    enum outcome out = isa_run_single(h, i);
    if (LIKELY(out != OUT_FAULT)) {
        finish(h, r, i, out);
        return;
    }
    h->reg[REG_RIP] -= i->length;
    if (h->fault.kind == FAULT_NOT_DRAINED)
        refuse(r);
    else
        raise_fault(h, r);
}
