/* load.c - loads from their issue to their data. */
#include "models/core/ooo/ooo_stages.h"
#include "models/sim/check.h"

static const u8 data_cause[SERVED_COUNT] = {[SERVED_L1] = CAUSE_l1_data,
                                            [SERVED_L2] = CAUSE_l2_data,
                                            [SERVED_L3] = CAUSE_l3_data,
                                            [SERVED_PEER] = CAUSE_peer_data,
                                            [SERVED_DRAM] = CAUSE_dram_data};

unsigned ooo_lines_of(hpa_t at, unsigned bytes)
{
    return bytes ? (unsigned)(((at.v + bytes - 1) >> LINE_SHIFT) - (at.v >> LINE_SHIFT)) + 1 : 0;
}

/* --- lists of loads --- */

static u16 reversed(struct ooo *p, u16 list)
{
    u16 out = OOO_NONE;
    while (list != OOO_NONE) {
        u16 next = p->mem[list].next;
        p->mem[list].next = out;
        out = list;
        list = next;
    }
    return out;
}

void ooo_park(struct ooo *p, u32 index, u16 *list)
{
    p->mem[index].next = *list;
    *list = (u16)index;
}

u16 ooo_take_list(struct ooo *p, u16 *list)
{
    u16 first = reversed(p, *list);
    *list = OOO_NONE;
    return first;
}

void ooo_continue_list(struct ooo *p, u16 *list)
{
    u16 index = ooo_take_list(p, list);
    while (index != OOO_NONE) {
        u16 next = p->mem[index].next;
        ooo_continue_load(p, index);
        index = next;
    }
}

/* --- the L1D --- */

/* clang-format off */
void ooo_count_served(struct ooo *p, enum served served)
{
    switch (served) {
    case SERVED_L2: p->stats.served_l2++; break;
    case SERVED_L3: p->stats.served_l3++; break;
    case SERVED_PEER: p->stats.served_peer++; break;
    case SERVED_DRAM: p->stats.served_dram++; break;
    default: p->stats.served_l1++; break;
    }
}
/* clang-format on */

void ooo_load_answered(struct ooo *p, u32 index, u64 cycle, enum served served)
{
    p->uop[index].cause = data_cause[served] ? data_cause[served] : CAUSE_l1_data;
    load_latency_add(&p->stats.load_latency, served, cycle - p->mem[index].issued);
    if (ooo_is_traced(p)) ooo_trace_load(p, index, served, cycle - p->mem[index].issued);
    ooo_finish_at(p, index, cycle);
}

static void part_answered(struct ooo *p, u32 index, enum served served)
{
    struct ooo_mem *m = &p->mem[index];
    ooo_count_served(p, served);
    if (served > m->served) m->served = (u8)served;
    m->parts--;
}

static void load_done(void *self, u64 index, enum served served)
{
    struct ooo *p = self;
    struct ooo_mem *m = &p->mem[index];
    CHECK(m->parts > 0, "an answer for load %u that nobody waits for", (unsigned)index);
    part_answered(p, (u32)index, served);
    if (m->parts || m->unsent) return;
    ooo_load_answered(p, (u32)index, max_u64(ooo_now(p), m->ready) + m->penalty, (enum served)m->served);
    ooo_wake(p);
}

/* The next part to send: the load's own address, then the line that it runs into. */
static hpa_t next_part(const struct ooo_mem *m, unsigned lines)
{
    u64 last = m->at.v + m->bytes - 1;
    return m->unsent == lines ? m->at : HPA(last & ~(LINE_BYTES - 1));
}

static enum port_answer send_part(struct ooo *p, u32 index, unsigned lines)
{
    struct ooo_mem *m = &p->mem[index];
    const struct mem_request r = {.at = next_part(m, lines),
                                  .kind = (u8)mem_kind_of_type(MEM_READ, (enum memory_type)m->memory_type),
                                  .origin = ORIGIN_DATA,
                                  .done = load_done,
                                  .self = p,
                                  .token = index,
                                  .pc = m->pc};
    u64 ready = 0;
    enum served served = SERVED_L1;
    enum port_answer answer = port_access(&p->l1d, &r, &ready, &served);
    if (answer != PORT_HIT) return answer;
    if (p->uop[index].flags & UOP_INDEXED) ready += p->cfg.indexed_cycles;
    m->ready = max_u64(m->ready, ready);
    part_answered(p, index, served);
    return answer;
}

static void access(struct ooo *p, u32 index)
{
    struct ooo_mem *m = &p->mem[index];
    unsigned lines = ooo_lines_of(m->at, m->bytes);
    if (UNLIKELY(m->memory_type == MEMORY_WC)) write_combining_flush_line(p->wc, m->at);
    while (m->unsent) {
        if (send_part(p, index, lines) == PORT_BUSY) {
            ooo_park(p, index, &p->refused);
            ooo_trace_stall(p, index, PIPE_BUSY);
            return;
        }
        m->unsent--;
    }
    if (m->parts == 0)
        ooo_load_answered(p, index, m->ready + m->penalty, (enum served)m->served);
    else
        ooo_trace_stall(p, index, PIPE_MISS);
}

void ooo_retry_loads(struct ooo *p)
{
    ooo_continue_list(p, &p->refused);
}

/* --- the life of a load --- */

static void split(struct ooo *p, struct ooo_mem *m)
{
    unsigned lines = ooo_lines_of(m->at, m->bytes);
    m->parts = m->unsent = (u8)lines;
    p->stats.loads += lines;
    if (lines < 2) return;
    m->penalty += (u16)p->cfg.split_cycles;
    p->stats.splits++;
}

/* Older stores are written, those that the write-combining buffers gather too: SDM Vol. 3A, "Buffering of Write Combining Memory
 * Locations". */
static bool older_stores_are_over(struct ooo *p, u32 index)
{
    if (p->store_head != p->mem[index].store_mark) return false;
    if (LIKELY(write_combining_is_empty(p->wc))) return true;
    write_combining_flush(p->wc);
    return false;
}

static bool may_pass_lock(struct ooo *p, u32 index)
{
    if (is_oldest(p, index) && older_stores_are_over(p, index)) return true;
    ooo_set_cause(p, index, CAUSE_serialization);
    ooo_trace_stall(p, index, PIPE_LOCK);
    return false;
}

void ooo_issue_load(struct ooo *p, u32 index, u64 now)
{
    struct ooo_mem *m = &p->mem[index];
    bool locked = p->uop[index].flags & UOP_LOCKED;
    m->issued = now;
    m->ready = 0;
    m->sent_again = false;
    m->served = SERVED_L1;
    m->penalty = locked ? (u16)p->cfg.lock_cycles : 0;
    m->phase = locked ? LOAD_LOCK : LOAD_TRANSLATE;
    split(p, m);
    ooo_continue_load(p, index);
}

static bool pass_lock(struct ooo *p, u32 index)
{
    if (!may_pass_lock(p, index)) return false;
    ooo_set_cause(p, index, CAUSE_l1_data);
    ooo_trace_stall(p, index, PIPE_NO_STALL);
    p->mem[index].phase = LOAD_TRANSLATE;
    return true;
}

void ooo_continue_load(struct ooo *p, u32 index)
{
    struct ooo_mem *m = &p->mem[index];
    if (m->phase == LOAD_LOCK && !pass_lock(p, index)) return;
    if (m->phase == LOAD_TRANSLATE) {
        m->phase = LOAD_ORDER;
        if (!ooo_translate(p, index)) return;
    }
    if (m->phase == LOAD_ORDER) {
        if (ooo_check_order(p, index) != ORDER_ACCESS) return;
        m->phase = LOAD_ACCESS;
    }
    access(p, index);
}

void ooo_continue_lock(struct ooo *p)
{
    if (rob_is_empty(p)) return;
    u32 index = p->head % OOO_RING;
    const struct ooo_uop *u = &p->uop[index];
    bool waits = u->op == OP_load && u->state == UOP_ISSUED && p->mem[index].phase == LOAD_LOCK;
    if (waits) ooo_continue_load(p, index);
}
