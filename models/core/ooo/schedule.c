/* schedule.c - schedulers and ports: the oldest ready micro-operation of each port issues; results wake. */
#include "models/core/ooo/ooo_stages.h"
#include "models/sim/check.h"

/* --- ready micro-operations: a bit each, by port --- */

#define WORDS (OOO_RING / 64)

/* The first set bit at or behind `start`, going around. There is one. */
static u32 first_from(const u64 *bits, u32 words, u32 start)
{
    u32 w = start / 64;
    u64 here = bits[w] & (~0ull << start % 64);
    if (here) return w * 64 + (u32)__builtin_ctzll(here);
    u32 around = (words >> (w + 1) | words << (WORDS - 1 - w)) & (BIT(WORDS) - 1);
    u32 word = (w + 1 + (u32)__builtin_ctz(around)) % WORDS;
    return word * 64 + (u32)__builtin_ctzll(bits[word]);
}

static void set_ready(struct ooo *p, u32 port, u32 index)
{
    p->ready[port][index / 64] |= BIT(index % 64);
    p->ready_words[port] |= (u16)BIT(index / 64);
    p->ready_ports |= (u16)BIT(port);
}

static void clear_ready(struct ooo *p, u32 port, u32 index)
{
    u64 *word = &p->ready[port][index / 64];
    *word &= ~BIT(index % 64);
    if (*word) return;
    p->ready_words[port] &= (u16)~BIT(index / 64);
    if (!p->ready_words[port]) p->ready_ports &= (u16)~BIT(port);
}

void ooo_make_ready(struct ooo *p, u32 index)
{
    struct ooo_uop *u = &p->uop[index];
    if (UNLIKELY(u->op == OP_join)) {
        u->state = UOP_ISSUED;
        ooo_finish_at(p, index, ooo_now(p) + p->cfg.page_split_cycles);
        return;
    }
    u->state = UOP_WAITING;
    set_ready(p, u->port, index);
}

/* --- results --- */

static void wake_waiters(struct ooo *p, struct ooo_uop *u)
{
    for (u32 edge = u->waiters; edge != OOO_NONE;) {
        struct ooo_uop *w = &p->uop[edge / OOO_SOURCES];
        u32 next = w->next_waiter[edge % OOO_SOURCES];
        if (--w->pending == 0) ooo_make_ready(p, edge / OOO_SOURCES);
        edge = next;
    }
    u->waiters = OOO_NONE;
}

static void complete(struct ooo *p, u32 index)
{
    struct ooo_uop *u = &p->uop[index];
    if (u->state == UOP_BLOCKED) {
        ooo_make_ready(p, index);
        return;
    }
    u->state = UOP_DONE;
    ooo_trace_stage(p, index, PIPE_COMPLETE);
    wake_waiters(p, u);
}

static void complete_far(void *self, u64 index)
{
    complete(self, (u32)index);
    ooo_wake(self);
}

/* The micro-operation is looked at again at `cycle`. */
static void make_due(struct ooo *p, u32 index, u64 cycle)
{
    u32 at = cycle % OOO_DUE;
    p->uop[index].next_due = p->due[at];
    p->due[at] = (u16)index;
    p->due_bits[at / 64] |= BIT(at % 64);
}

void ooo_finish_at(struct ooo *p, u32 index, u64 cycle)
{
    cycle = max_u64(cycle, p->due_from);
    p->uop[index].state = UOP_TIMED;
    p->uop[index].cycle = cycle;
    if (cycle - p->due_from < OOO_DUE)
        make_due(p, index, cycle);
    else
        clock_post(p->core->clock, cycle, complete_far, p, index);
}

void ooo_complete_due(struct ooo *p, u64 now)
{
    u32 at = now % OOO_DUE;
    u32 index = p->due[at];
    p->due[at] = OOO_NONE;
    p->due_bits[at / 64] &= ~BIT(at % 64);
    p->due_from = now + 1;
    while (index != OOO_NONE) {
        u32 next = p->uop[index].next_due;
        complete(p, index);
        index = next;
    }
}

u64 ooo_next_due(const struct ooo *p, u64 now)
{
    u32 start = (now + 1) % OOO_DUE;
    for (u32 n = 0; n <= OOO_DUE / 64; n++) {
        u32 word = (start / 64 + n) % (OOO_DUE / 64);
        u64 bits = p->due_bits[word] & (n == 0 ? ~0ull << start % 64 : ~0ull);
        if (bits) return now + 1 + (word * 64 + (u32)__builtin_ctzll(bits) - start) % OOO_DUE;
    }
    return CLOCK_SLEEP;
}

/* --- issue --- */

/* What the front end waits for is found to be wrong: it turns to the right path. */
static void resolve_branch(struct ooo *p, const struct ooo_uop *u, u64 now)
{
    if (!(u->flags & UOP_MISPREDICTED)) return;
    u32 penalty = u->flags & UOP_INDIRECT ? p->cfg.mispredict_indirect_cycles : p->cfg.mispredict_cycles;
    p->branch_pending = false;
    p->front_ready = now + penalty - 2; /* delivered there, renamed a cycle later, issued another one later */
    ooo_set_front_cause(p, CAUSE_branch);
}

/* The unit that does not take one a cycle: all such operations of a port share one. */
static bool unit_is_busy(struct ooo *p, u32 index, u64 now)
{
    struct ooo_uop *u = &p->uop[index];
    u32 busy = u->by.busy;
    if (LIKELY(busy <= 1)) return false;
    u64 *free = &p->unit_free[u->port];
    if (*free > now) {
        clear_ready(p, u->port, index);
        u->state = UOP_BLOCKED;
        make_due(p, index, *free);
        return true;
    }
    *free = now + busy;
    return false;
}

static void execute(struct ooo *p, u32 index, u64 now)
{
    struct ooo_uop *u = &p->uop[index];
    switch (u->op) {
    case OP_load:
        ooo_issue_load(p, index, now);
        return;
    case OP_sta:
        ooo_store_address(p, index);
        return;
    case OP_std:
        ooo_store_data(p, index);
        return;
    case OP_branch:
        resolve_branch(p, u, now);
        break;
    default:
        break;
    }
    ooo_finish_at(p, index, now + u->by.latency);
}

static void issue_one(struct ooo *p, u32 port, u32 index, u64 now)
{
    struct ooo_uop *u = &p->uop[index];
    clear_ready(p, port, index);
    p->port_load[port]--;
    p->port_used[port] = now;
    p->scheduler_used--;
    u->state = UOP_ISSUED;
    ooo_trace_stage(p, index, PIPE_EXECUTE);
    ooo_set_cause(p, index, u->op == OP_load ? CAUSE_l1_data : CAUSE_execute);
    execute(p, index, now);
}

void ooo_issue(struct ooo *p, u64 now)
{
    u32 start = p->head % OOO_RING;
    for (u32 ports = p->ready_ports; ports; ports &= ports - 1) {
        u32 port = (u32)__builtin_ctz(ports);
        while (p->ready_words[port]) {
            u32 index = first_from(p->ready[port], p->ready_words[port], start);
            if (unit_is_busy(p, index, now)) continue;
            issue_one(p, port, index, now);
            break;
        }
    }
}
