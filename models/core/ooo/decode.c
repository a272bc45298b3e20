/* decode.c - from an executed instruction to queued micro-operations: which there are, what is fused, and in which
 * cycle the micro-op cache, the legacy decoders or the microcode sequencer deliver them. */
#include "models/core/ooo/ooo_stages.h"
#include "models/sim/check.h"

#define MOST_UOPS (2 * RECORD_MAX_ACCESSES + 3 * INSN_MAX_UOPS + OPERATION_MAX_UOPS) /* of one record */

bool ooo_can_decode(const struct ooo *p)
{
    return p->queue_used < p->cfg.queue_entries && p->tail - p->head + MOST_UOPS <= OOO_RING &&
           (u32)p->translations_used + RECORD_MAX_WALKS <= OOO_TRANSLATIONS;
}

/* --- delivery: the cycle, and what of it is left --- */

static void next_cycle(struct ooo *p, u64 cycle)
{
    struct ooo_delivery *d = &p->delivery;
    d->cycle = cycle;
    d->block = ~0ull;
    d->slots = p->cfg.uop_cache_width;
    d->decoders = p->cfg.decoders;
}

static void leave_window(struct ooo *p)
{
    struct ooo_delivery *d = &p->delivery;
    if (!d->cached && p->cfg.uop_cache_ways) uop_cache_fill(&p->uop_cache, d->window, d->window_slots);
    d->window = ~0ull;
    d->window_slots = 0;
}

/* One window a cycle, from one source. */
static void enter_window(struct ooo *p, u64 window)
{
    struct ooo_delivery *d = &p->delivery;
    bool was_cached = d->cached, used = d->slots != p->cfg.uop_cache_width || d->decoders != p->cfg.decoders;
    if (d->window != ~0ull) leave_window(p);
    d->window = window;
    d->cached = p->cfg.uop_cache_ways && uop_cache_find(&p->uop_cache, window);
    p->stats.uop_cache_lookups++;
    p->stats.uop_cache_misses += !d->cached;
    u32 bubble = was_cached && !d->cached ? p->cfg.uop_cache_switch_cycles : 0;
    bool apart = used && (d->cached || was_cached);
    if (apart || bubble) next_cycle(p, d->cycle + apart + bubble);
}

static void deliver_cached(struct ooo *p, u32 slots)
{
    struct ooo_delivery *d = &p->delivery;
    if (slots > d->slots) next_cycle(p, d->cycle + 1);
    d->slots -= slots < d->slots ? slots : d->slots;
    p->stats.uops_from_cache += slots;
}

/* Instructions of one block of bytes a cycle; one with several micro-operations is the first of its cycle. */
static void deliver_legacy(struct ooo *p, u64 at, u32 slots)
{
    struct ooo_delivery *d = &p->delivery;
    u64 block = at / p->cfg.fetch_bytes;
    bool first = d->decoders == p->cfg.decoders;
    if (UNLIKELY(p->record.info->length_changes)) {
        next_cycle(p, d->cycle + !first + p->cfg.length_change_cycles);
        p->stats.length_changes++;
    } else if (!first && (block != d->block || d->decoders == 0 || slots > 1)) {
        next_cycle(p, d->cycle + 1);
    }
    d->block = block;
    d->decoders--;
    d->window_slots += slots;
    p->stats.uops_from_decoders += slots;
}

/* The sequencer delivers alone. */
static void deliver_sequenced(struct ooo *p, u32 slots)
{
    struct ooo_delivery *d = &p->delivery;
    bool used = d->slots != p->cfg.uop_cache_width || d->decoders != p->cfg.decoders;
    u32 cycles = (slots + p->cfg.sequencer_width - 1) / p->cfg.sequencer_width;
    next_cycle(p, d->cycle + used + cycles);
    p->stats.uops_from_sequencer += slots;
}

/* The host-physical address of the instruction's last byte: the line that fetch is in holds it. */
static u64 last_byte(const struct ooo *p)
{
    const struct insn_record *r = &p->record;
    u64 within = (r->rip + r->info->length - 1) & (LINE_BYTES - 1);
    return (p->core->hart->fetch.line_at.v & ~(LINE_BYTES - 1)) | within;
}

static u64 deliver(struct ooo *p, u64 now, u32 slots)
{
    u64 at = last_byte(p);
    if (p->delivery.cycle < now) next_cycle(p, now);
    if (at >> 5 != p->delivery.window) enter_window(p, at >> 5);
    if (slots > p->cfg.complex_slots)
        deliver_sequenced(p, slots);
    else if (p->delivery.cached)
        deliver_cached(p, slots);
    else
        deliver_legacy(p, at, slots);
    return p->delivery.cycle;
}

/* --- micro-operations --- */

static struct ooo_uop *push(struct ooo *p, enum ooo_op op, u8 dst)
{
    struct ooo_uop *u = uop_at(p, p->tail++);
    u->op = (u8)op;
    u->state = UOP_QUEUED;
    u->src[0] = u->src[1] = u->src[2] = u->src[3] = REG_NONE;
    u->dst = dst;
    u->slots = 1;
    u->flags = 0;
    return u;
}

static struct ooo_uop *push_execution(struct ooo *p, enum ooo_op op, enum uop_kind kind, struct execution by, u8 dst)
{
    struct ooo_uop *u = push(p, by.ports ? op : OP_none, dst);
    u->kind = (u8)kind;
    u->by = by;
    return u;
}

static const struct operation *operation_of(const struct ooo *p, enum uop_kind kind, enum uop_row row)
{
    return operation_find((enum operation_table)p->cfg.units, kind, row);
}

static struct ooo_uop *push_memory(struct ooo *p, enum ooo_op op, u8 dst, const struct mem_access *a)
{
    u64 seq = p->tail;
    enum uop_kind kind = op == OP_load ? UOP_LOAD : UOP_STORE;
    struct ooo_uop *u = push_execution(p, op, kind, operation_of(p, kind, ROW_NARROW)->step[0].by, dst);
    struct ooo_mem *m = mem_at(p, seq);
    m->at = a->at;
    m->va = a->va;
    m->bytes = a->bytes;
    m->tlb = a->tlb;
    m->translation = ooo_find_translation(p, a);
    m->pc = p->record.rip;
    m->kind = MEM_WRITE;
    m->memory_type = op == OP_sta ? (u8)record_store_type(&p->record, a) : a->memory_type;
    if (p->record.info->locked) u->flags |= UOP_LOCKED;
    return u;
}

/* Takes no slot of its own: it is fused with the one before it. */
static void fuse(struct ooo *p, struct ooo_uop *u)
{
    if (p->cfg.micro_fusion) u->slots = 0;
}

/* Un-lamination, before rename: Intel, Optimization Reference Manual, "Micro-Fusion" (Sandy Bridge: whatever is indexed); from
 * Haswell on what replaces one of its operands, or has no result, stays together (measured: uops.info, "unlamination"). */
static void fuse_indexed(struct ooo *p, struct ooo_uop *u, enum unlamination apart_from)
{
    fuse(p, u);
    if (u->slots || p->cfg.unlamination < apart_from) return;
    u->slots = 1;
    p->unlaminated++;
    p->stats.unlaminated++;
}

static bool replaces_operand(const struct ooo_uop *u)
{
    return u->dst == REG_NONE || u->dst == u->src[0] || u->dst == u->src[1] || u->dst == u->src[2];
}

static void fuse_with_load(struct ooo *p, struct ooo_uop *u, const struct ooo_uop *load)
{
    if (load->flags & UOP_INDEXED)
        fuse_indexed(p, u, replaces_operand(u) ? UNLAMINATE_INDEXED : UNLAMINATE_THREE_INPUTS);
    else
        fuse(p, u);
}

static const struct mem_access *next_access(const struct ooo *p, enum access kind)
{
    if (p->next_access >= p->record.n_accesses) return NULL;
    const struct mem_access *a = &p->record.access[p->next_access];
    return a->kind == kind ? a : NULL;
}

/* Two accesses of one kind that meet at a page's end are one reference that splits it. */
static const struct mem_access *take_second_half(struct ooo *p, const struct mem_access *first)
{
    const struct mem_access *a = next_access(p, (enum access)first->kind);
    if (!a || (a->va.v & (PAGE_BYTES - 1)) || first->va.v + first->bytes != a->va.v) return NULL;
    p->next_access++;
    return a;
}

static void set_address(struct ooo_uop *to, const struct uop *u, unsigned base)
{
    to->src[0] = u->src[base];
    to->src[1] = u->src[base + 1];
    if (u->src[base + 1] != REG_NONE) to->flags |= UOP_INDEXED;
}

static void push_halves(struct ooo *p, const struct uop *u, const struct mem_access *first,
                        const struct mem_access *second)
{
    p->stats.page_splits++;
    set_address(push_memory(p, OP_load, OOO_REG_HALF0, first), u, 0);
    struct ooo_uop *other = push_memory(p, OP_load, OOO_REG_HALF1, second);
    set_address(other, u, 0);
    other->slots = 0;
    struct ooo_uop *join = push(p, OP_join, u->dst);
    join->slots = 0;
    join->src[0] = OOO_REG_HALF0;
    join->src[1] = OOO_REG_HALF1;
}

static void push_load(struct ooo *p, const struct uop *u)
{
    const struct mem_access *a = next_access(p, ACCESS_READ);
    if (!a) {
        push_execution(p, OP_execute, UOP_ALU, operation_of(p, UOP_ALU, ROW_NARROW)->step[0].by, u->dst); /* masked */
        return;
    }
    p->next_access++;
    const struct mem_access *second = take_second_half(p, a);
    if (second)
        push_halves(p, u, a, second);
    else
        set_address(push_memory(p, OP_load, u->dst, a), u, 0);
}

static struct ooo_uop *push_store_data(struct ooo *p)
{
    struct execution by = operation_of(p, UOP_STORE, ROW_NARROW)->step[1].by;
    return push_execution(p, OP_std, UOP_STORE, by, REG_NONE);
}

static void push_one_store(struct ooo *p, const struct uop *u, const struct mem_access *a)
{
    struct ooo_uop *address = push_memory(p, OP_sta, REG_NONE, a), *data = push_store_data(p);
    set_address(address, u, 1);
    data->src[0] = u->src[0];
    if (address->flags & UOP_INDEXED)
        fuse_indexed(p, data, UNLAMINATE_INDEXED);
    else
        fuse(p, data);
}

static void push_store(struct ooo *p, const struct uop *u)
{
    const struct mem_access *a = next_access(p, ACCESS_WRITE);
    if (!a) return; /* a masked store */
    p->next_access++;
    const struct mem_access *second = take_second_half(p, a);
    push_one_store(p, u, a);
    if (second) push_one_store(p, u, second);
}

/* CLFLUSH and relatives: a store of no data. */
static void push_flush(struct ooo *p, const struct uop *u)
{
    const struct mem_access *a = next_access(p, ACCESS_READ);
    enum insn_class iclass = (enum insn_class)p->record.info->iclass;
    if (!a) return;
    p->next_access++;
    u64 seq = p->tail;
    struct ooo_uop *address = push_memory(p, OP_sta, REG_NONE, a);
    set_address(address, u, 0);
    if (iclass == CLASS_clflush) address->flags |= UOP_IN_ORDER;
    mem_at(p, seq)->kind = iclass == CLASS_clwb ? MEM_CLEAN : MEM_FLUSH;
    mem_at(p, seq)->memory_type = MEMORY_WB;
    fuse(p, push_store_data(p));
    p->stats.flushes++;
}

static u16 sets_flags(const struct uop *u)
{
    return (u16)((u->writes_flags & FLAGS_CARRY ? UOP_SETS_CARRY : 0) |
                 (u->writes_flags & FLAGS_OTHERS ? UOP_SETS_FLAGS : 0));
}

/* True if rename does it alone. */
static bool push_renamed(struct ooo *p, const struct uop *u)
{
    bool zeroes = p->cfg.zero_idioms && u->zeroes, moves = u->copies && p->cfg.move_elimination;
    if (!zeroes && !moves) return false;
    p->stats.zero_idioms += zeroes;
    p->stats.moves_eliminated += !zeroes;
    struct ooo_uop *o = push(p, OP_none, u->dst);
    if (!zeroes) {
        o->src[0] = u->src[0];
        o->flags |= UOP_COPY;
    }
    o->flags |= sets_flags(u);
    return true;
}

/* A further result that is there with the first one takes nothing. */
static void push_alias(struct ooo *p, const struct uop *u)
{
    struct ooo_uop *o = push(p, OP_none, u->dst);
    o->src[0] = u->src[0];
    o->slots = 0;
    o->flags |= UOP_COPY;
}

static u8 part(unsigned step, unsigned n)
{
    return (u8)(OOO_REG_PART0 + step % 2 * OOO_PARTS + n);
}

/* Both groups of flags take two sources; an instruction that reads both names two registers at most. */
static void set_flags_source(struct ooo_uop *o, const struct uop *u)
{
    if (u->reads_flags & FLAGS_OTHERS) o->src[3] = REG_FLAGS;
    if (u->reads_flags & FLAGS_CARRY) o->src[u->reads_flags & FLAGS_OTHERS ? 2 : 3] = REG_CARRY;
}

static void set_sources(struct ooo_uop *o, const struct uop *u, const struct operation *how, unsigned step)
{
    if (how->step[step].aside) return;
    if (step == 0) {
        memcpy(o->src, u->src, sizeof u->src);
        set_flags_source(o, u);
        return;
    }
    for (unsigned n = 0; n < OOO_PARTS && n < how->step[step - 1].count; n++) o->src[n] = part(step - 1, n);
}

static bool is_last_step(const struct operation *how, unsigned step)
{
    return step + 1 == OPERATION_STEPS || how->step[step + 1].count == 0 || how->step[step + 1].aside;
}

/* The step's results: its last micro-operation's is the operation's, or the last few are parts for the next step. */
static void push_step(struct ooo *p, const struct uop *u, const struct operation *how, unsigned step)
{
    const struct operation_step *s = &how->step[step];
    bool last_step = is_last_step(how, step);
    enum ooo_op op = u->kind == UOP_BRANCH ? OP_branch : OP_execute;
    for (unsigned left = s->count; left-- > 0;) {
        bool last = last_step && left == 0 && !s->aside;
        u8 dst = last ? u->dst : last_step || s->aside || left >= OOO_PARTS ? REG_NONE : part(step, left);
        struct ooo_uop *o = push_execution(p, op, (enum uop_kind)u->kind, s->by, dst);
        set_sources(o, u, how, step);
        if (last) o->flags |= sets_flags(u);
    }
}

static void push_operation(struct ooo *p, const struct uop *u)
{
    const struct operation *how = operation_of(p, operation_kind(u, &p->record), (enum uop_row)u->row);
    if (push_renamed(p, u)) return;
    if (!how) {
        push_alias(p, u);
        return;
    }
    for (unsigned n = 0; n < OPERATION_STEPS && how->step[n].count; n++) push_step(p, u, how, n);
}

/* A gather's loads need its addresses; what combines three of them needs what there was before. */
static void push_elements(struct ooo *p)
{
    const struct operation *how = operation_of(p, UOP_GATHER, ROW_FURTHER);
    static const u8 element[OOO_PARTS] = {OOO_REG_PART0, OOO_REG_PART0 + 1, OOO_REG_PART0 + 2};
    for (unsigned n = 0; next_access(p, ACCESS_READ);) {
        struct uop load = {.kind = UOP_LOAD, .src = {REG_TEMP0, REG_NONE, REG_NONE}, .dst = element[n++]};
        push_load(p, &load);
        if (n < OOO_PARTS && next_access(p, ACCESS_READ)) continue;
        struct ooo_uop *o = push_execution(p, OP_execute, UOP_GATHER, how->step[0].by, REG_TEMP1);
        for (unsigned part = 0; part < n; part++) o->src[part] = element[part];
        o->src[3] = REG_TEMP1;
        n = 0;
    }
}

/* References that no micro-operation of the instruction names: a string's part, a gather. */
static void push_rest(struct ooo *p)
{
    static const struct uop load = {.kind = UOP_LOAD, .src = {REG_NONE, REG_NONE, REG_NONE}, .dst = REG_TEMP0};
    static const struct uop store = {.kind = UOP_STORE, .src = {REG_TEMP0, REG_NONE, REG_NONE}, .dst = REG_NONE};
    while (p->next_access < p->record.n_accesses)
        if (p->record.access[p->next_access].kind == ACCESS_READ)
            push_load(p, &load);
        else
            push_store(p, &store);
}

/* The flags of a string comparison hang on what it loads. */
static void push_string_flags(struct ooo *p)
{
    const struct insn_info *i = p->record.info;
    if (i->iclass != CLASS_string || !i->uop[0].writes_flags) return;
    static const struct uop compare = {
        .kind = UOP_ALU, .src = {REG_TEMP0, REG_NONE, REG_NONE}, .dst = REG_NONE,
        .writes_flags = FLAGS_CARRY | FLAGS_OTHERS};
    push_operation(p, &compare);
}

static void push_uop(struct ooo *p, const struct uop *u, bool behind_load)
{
    if (u->kind == UOP_LOAD) {
        push_load(p, u);
    } else if (u->kind == UOP_STORE) {
        push_store(p, u);
    } else if (u->kind == UOP_FLUSH) {
        push_flush(p, u);
    } else {
        u64 first = p->tail;
        push_operation(p, u);
        if (behind_load) fuse_with_load(p, uop_at(p, first), uop_at(p, first - 1));
        if (u->kind == UOP_GATHER && u->row != ROW_FURTHER) push_elements(p);
    }
}

/* With the x87 registers that its places in their stack are now. */
static struct uop at_x87_top(const struct ooo *p, const struct uop *u)
{
    struct uop named = *u;
    for (unsigned n = 0; n < ARRAY_LEN(named.src); n++) named.src[n] = x87_register(u->src[n], p->x87_top);
    named.dst = x87_register(u->dst, p->x87_top);
    return named;
}

static void push_x87(struct ooo *p, const struct insn_info *i)
{
    for (unsigned n = 0; n < i->n_uops; n++) {
        struct uop u = at_x87_top(p, &i->uop[n]);
        push_uop(p, &u, n && i->uop[n - 1].kind == UOP_LOAD);
    }
    p->x87_top = (u8)((p->x87_top + i->x87_pops) & 7);
}

static void push_all(struct ooo *p)
{
    const struct insn_info *i = p->record.info;
    u64 from = p->tail;
    if (i->n_uops == 0) push(p, OP_none, REG_NONE);
    if (UNLIKELY(i->x87))
        push_x87(p, i);
    else
        for (unsigned n = 0; n < i->n_uops; n++) push_uop(p, &i->uop[n], n && i->uop[n - 1].kind == UOP_LOAD);
    push_rest(p);
    push_string_flags(p);
    if (p->tail == from) push(p, OP_none, REG_NONE); /* a masked store of nothing */
}

/* --- branches --- */

/* Behind it the front end goes on at once, behind a bubble, or when it has issued. */
static void predict(struct ooo *p, struct ooo_uop *branch)
{
    const struct insn_record *r = &p->record;
    enum flow flow = (enum flow)r->info->flow;
    enum prediction right =
        bpred_branch(p->bpred, flow, r->rip, r->rip + r->info->length, r->branch_taken, r->next_rip);
    if (right == PREDICTED_WRONG) {
        branch->flags |= UOP_MISPREDICTED;
        if (flow == FLOW_INDIRECT || flow == FLOW_CALL_INDIRECT || flow == FLOW_RET) branch->flags |= UOP_INDIRECT;
        p->branch_pending = true;
        if (ooo_is_traced(p)) ooo_trace_mispredicted(p, branch);
    }
    if (!r->branch_taken) return;
    leave_window(p);
    u32 bubble = right == PREDICTED_LATE ? p->cfg.late_branch_cycles : p->cfg.taken_branch_cycles;
    if (flow == FLOW_RET) bubble += p->cfg.return_cycles;
    p->front_ready = p->delivery.cycle + 1 + bubble;
}

static struct ooo_uop *find_branch(struct ooo *p, u64 from)
{
    if (p->record.info->flow == FLOW_NONE) return NULL;
    for (u64 seq = from; seq != p->tail; seq++)
        if (uop_at(p, seq)->op == OP_branch) return uop_at(p, seq);
    return NULL;
}

/* --- macro-fusion: Intel, Optimization Reference Manual, "Macro-Fusion" --- */

/* The jump joins the comparison right in front of it, if that is still in the queue. */
static bool join_comparison(struct ooo *p)
{
    bool in_queue = p->fusible > p->renamed; /* sequence number + 1 */
    if (p->record.info->flow != FLOW_COND || !in_queue || !p->cfg.macro_fusion) return false;
    struct ooo_uop *u = uop_at(p, p->fusible - 1);
    if (!(u->flags & UOP_FUSIBLE) || !(p->fusible_groups & p->record.info->fusion)) return false;
    u->op = OP_branch;
    u->kind = UOP_BRANCH;
    u->by = operation_of(p, UOP_BRANCH, ROW_NARROW)->step[0].by;
    p->stats.macro_fused++;
    predict(p, u);
    return true;
}

static void offer_to_jump(struct ooo *p)
{
    const struct insn_info *i = p->record.info;
    struct ooo_uop *last = uop_at(p, p->tail - 1);
    bool may = i->flow == FLOW_NONE && i->fusion && last->op == OP_execute && (last->flags & UOP_SETS_FLAGS);
    p->fusible = may ? p->tail : 0;
    p->fusible_groups = i->fusion;
    if (may) last->flags |= UOP_FUSIBLE;
}

/* --- the stage --- */

static void queue_from(struct ooo *p, u64 from, u64 now)
{
    u32 slots = 0;
    for (u64 seq = from; seq != p->tail; seq++) slots += uop_at(p, seq)->slots;
    u64 cycle = deliver(p, now, slots - p->unlaminated) + 1;
    for (u64 seq = from; seq != p->tail; seq++) uop_at(p, seq)->cycle = cycle;
    p->queue_used += slots;
    p->front_ready = p->delivery.cycle;
}

void ooo_decode(struct ooo *p, u64 now)
{
    u64 from = p->tail;
    if (join_comparison(p)) {
        if (ooo_is_traced(p)) ooo_trace_fused(p, p->fusible - 1);
        p->fusible = 0;
        return;
    }
    p->unlaminated = 0;
    push_all(p);
    queue_from(p, from, now);
    if (ooo_is_traced(p)) ooo_trace_decoded(p, from);
    struct ooo_uop *branch = find_branch(p, from);
    if (branch) predict(p, branch);
    if (p->record.info->iclass == CLASS_string) p->front_ready += p->cost.cycles[CLASS_string];
    offer_to_jump(p);
}
