/* run.c - the functional run loop of the fast core: whole decoded blocks between two looks at the hart's
 * attention.
 *
 * An access to a device is refused inside a block (FAULT_NOT_DRAINED, nothing done) and its instruction
 * executed again alone, so that h->run_steps tells the device the time of that very instruction.
 */
#include "isa/exec.h"
#include "isa/icache.h"
#include "isa/state.h"
#include "isa/store_buffer.h"
#include "models/sim/check.h"

/* Executes from *at up to something else than OUT_NEXT; *at becomes the instruction that said it. */
static enum outcome run_block(struct hart *h, const struct insn **at)
{
    enum outcome out;
    h->at = *at - 1;
    do {
        const struct insn *i = ++h->at;
        h->reg[REG_RIP] += i->length;
        out = i->exec(h, i);
    } while (out == OUT_NEXT);
    *at = h->at;
    return out;
}

enum outcome isa_run_single(struct hart *h, const struct insn *i)
{
    struct insn *alone = h->single;
    alone[0] = *i;
    alone[1].exec = exec_cut;
    h->at = alone;
    h->reg[REG_RIP] += i->length;
    enum outcome out = alone->exec(h, alone);
    return out == OUT_CUT && h->at != alone ? OUT_NEXT : out;
}

static enum outcome run_one(struct hart *h, const struct insn *i)
{
    h->fetch.alone = true;
    enum outcome out = isa_run_single(h, i);
    h->fetch.alone = false;
    if (UNLIKELY(h->tf_armed)) h->branched = out == OUT_JUMP || (out == OUT_FLUSH && insn_cold(h, i)->flow != FLOW_NONE);
    return out;
}

static void retire(struct hart *h, u64 count)
{
    h->instructions += count;
    h->run_steps += count;
}

/* h->fault is delivered; the state that lookups depend on may be another one. */
static void raise_fault(struct hart *h)
{
    isa_raise(h);
    h->run_steps++;
    fetch_restart(h);
}

/* Answers what instruction `i` said. `world`: when it began. */
static void finish(struct hart *h, const struct insn *i, enum outcome out, u8 world)
{
    switch (out) {
    case OUT_CUT:
        return;
    case OUT_NEXT:
    case OUT_JUMP:
        retire(h, 1);
        return;
    case OUT_FLUSH:
        retire(h, 1);
        break;
    case OUT_AGAIN:
        h->reg[REG_RIP] -= i->length;
        hart_note_part(h);
        h->run_steps++;
        return;
    case OUT_FAULT:
        h->reg[REG_RIP] -= i->length;
        raise_fault(h);
        return;
    case OUT_EXIT: /* an intercepted instruction has not retired, a VM entry has */
        h->instructions += world != WORLD_GUEST;
        h->run_steps++;
        break;
    }
    fetch_restart(h);
}

static bool refused(const struct hart *h, enum outcome out)
{
    return out == OUT_FAULT && h->fault.kind == FAULT_NOT_DRAINED;
}

/* Executes one instruction; its step is the only one that may touch devices. */
static void step(struct hart *h, const struct insn *i)
{
    u8 world = h->world;
    if (UNLIKELY(h->stores)) {
        store_buffer_begin(h, insn_cold(h, i));
        if (i->exec == exec_dropped) return; /* by one of these stores: it is found anew */
    }
    finish(h, i, run_one(h, i), world);
}

static bool fits(const struct hart *h, const struct fetch_entry *e, u64 max)
{
    return e->count > 1 && e->count <= max - h->run_steps;
}

/* The block that a jump has reached, if it may run at once: known, whole, and with nothing to attend to before it. */
static const struct fetch_entry *next_entry(struct hart *h, u64 max)
{
    const struct fetch_entry *e = fetch_known(h);
    return LIKELY(e && !h->attention && fits(h, e, max)) ? e : NULL;
}

/* Whether `i` retired, its answer says. */
static void tell_warming(struct hart *h, const struct fetch_entry *e, const struct insn *i, enum outcome out)
{
    if (UNLIKELY(h->warm))
        h->warm->block(h->warm_self, e, (unsigned)(i - e->first) + (out == OUT_JUMP || out == OUT_FLUSH));
}

/* A block, and those that jumps lead to from there. True: back to the core. */
static bool run_entries(struct hart *h, const struct fetch_entry *e, u64 max)
{
    u8 world = h->world;
    const struct insn *i;
    enum outcome out;
    bool stops;
    do {
        const struct insn *first = i = e->first;
        stops = e->stops;
        if (UNLIKELY(h->warm)) h->warm->fetch(h->warm_self, e);
        out = run_block(h, &i);
        retire(h, (u64)(i - first) + (out == OUT_JUMP));
        tell_warming(h, e, i, out);
    } while (out == OUT_JUMP && !stops && (e = next_entry(h, max)));
    if (UNLIKELY(refused(h, out))) {
        h->reg[REG_RIP] -= i->length;
        step(h, i);
    } else if (out != OUT_JUMP) {
        finish(h, i, out, world);
    }
    return stops;
}

/* What stands between two instructions, if anything. */
enum between { BETWEEN_NOTHING, BETWEEN_EVENT, BETWEEN_STOP };

static enum between attend(struct hart *h)
{
    if (h->attention & ATTENTION_STOP) return BETWEEN_STOP;
    if (isa_take_attention(h)) {
        h->run_steps++;
        fetch_restart(h);
        return BETWEEN_EVENT;
    }
    return h->activity == ACTIVITY_ACTIVE ? BETWEEN_NOTHING : BETWEEN_STOP;
}

static bool one_by_one(const struct hart *h)
{
    return h->stores || h->attention & (ATTENTION_SHADOW | ATTENTION_TF | ATTENTION_STEP | ATTENTION_DEBUG);
}

/* One block, or one instruction where the limit or the attention asks for it. True: back to the core. */
static bool advance(struct hart *h, u64 max)
{
    const struct fetch_entry *e = fetch_find(h);
    if (UNLIKELY(!e)) {
        raise_fault(h);
        return false;
    }
    if (fits(h, e, max) && LIKELY(!one_by_one(h))) return run_entries(h, e, max);
    const struct fetch_entry alone = *e;
    u64 before = h->instructions;
    if (UNLIKELY(h->warm)) h->warm->fetch(h->warm_self, &alone);
    step(h, alone.first);
    if (UNLIKELY(h->warm)) h->warm->block(h->warm_self, &alone, h->instructions != before);
    return alone.stops;
}

u64 isa_run(struct hart *h, u64 max)
{
    u8 world = h->world;
    bool stop = false;
    CHECK(!h->record, "isa_run is for the fast core");
    h->run_steps = 0;
    h->fetch.touched_device = h->fetch.paused = false;
    fetch_restart(h);
    while (!stop && h->run_steps < max) {
        enum between between = UNLIKELY(h->attention) ? attend(h) : BETWEEN_NOTHING;
        if (between == BETWEEN_STOP) break;
        if (between == BETWEEN_NOTHING) stop = advance(h, max);
        stop |= h->fetch.touched_device || h->fetch.paused || h->world != world;
    }
    h->attention &= ~(u32)ATTENTION_STOP;
    return h->run_steps;
}
