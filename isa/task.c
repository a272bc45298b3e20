/* task.c - the hardware task switch: see task.h. Steps, and whose fault is whose: SDM Vol. 3A, "Task Switching". */
#include "isa/task.h"
#include "isa/debug.h"
#include "isa/exec.h"
#include "isa/far.h"
#include "isa/mem.h"
#include "isa/state.h"

/* SDM Vol. 3A, "Task-State Segment (TSS)" and "16-Bit Task-State Segment (TSS)": where the dynamic part stands. */
struct tss_format {
    u8 bytes, word; /* of the whole; of one register */
    u8 ip, flags, registers, segments, ldt;
    u8 segment_count; /* without FS and GS in the older one */
};

static const struct tss_format formats[] = {
    {44, 2, 14, 16, 18, 34, 42, 4},
    {TSS_BYTES, 4, 32, 36, 40, 72, 96, 6},
};

enum { LINK_AT = 0, CR3_AT = 28, TRAP_AT = 100, GENERAL_REGISTERS = 8 };

static const struct tss_format *format_of(const struct segment *tss) { return &formats[tss->ar >> 3 & 1]; }

static bool refuse(struct hart *h, enum vector vector, u32 error)
{
    hart_fault_error(h, vector, error);
    return false;
}

/* --- the new TSS: its descriptor --- */

static bool is_nested(const struct task_switch *t) { return t->source == TASK_CALL || t->source == TASK_GATE; }

/* A TSS, available, but busy for IRET, which goes back to one. */
static bool has_right_type(const struct task_switch *t)
{
    u32 busy = t->source == TASK_IRET ? TSS_BUSY : 0;
    return (t->tss.ar & (AR_S | (AR_TYPE & ~8u))) == (TYPE_TSS16 | busy);
}

static bool find_tss(struct hart *h, struct task_switch *t)
{
    enum vector vector = t->source == TASK_IRET ? VEC_TS : VEC_GP;
    u32 error = selector_error(t->selector) | t->ext;
    u64 low;
    enum lookup l = t->selector & 4 ? LOOKUP_OUTSIDE : descriptor_read(h, t->selector, &low);
    if (l == LOOKUP_FAULT)
        return false;
    if (l == LOOKUP_OUTSIDE)
        return refuse(h, vector, error);
    t->tss = segment_from_descriptor(t->selector, low);
    if (!has_right_type(t))
        return refuse(h, vector, error);
    if (!(t->tss.ar & AR_P))
        return refuse(h, VEC_NP, error);
    return t->tss.limit >= format_of(&t->tss)->bytes - 1u ? true : refuse(h, VEC_TS, error);
}

/* --- what can fault still belongs to the old task --- */

static bool probe(struct hart *h, u64 at, unsigned bytes, enum access access)
{
    return mem_probe(h, VA(at), access, BY_PROCESSOR) && mem_probe(h, VA(at + bytes - 1), access, BY_PROCESSOR);
}

static u64 type_byte_at(const struct hart *h, u16 selector) { return h->gdtr.base + (selector & ~7u) + 5; }

static bool probe_all(struct hart *h, const struct task_switch *t)
{
    const struct tss_format *old = format_of(&h->tr);
    if (h->tr.limit < old->bytes - 1u)
        return refuse(h, VEC_TS, selector_error(h->tr.selector) | t->ext);
    return probe(h, h->tr.base + old->ip, old->ldt - old->ip, ACCESS_WRITE) &&
           probe(h, t->tss.base, format_of(&t->tss)->bytes, ACCESS_READ) &&
           (!is_nested(t) || probe(h, t->tss.base + LINK_AT, 2, ACCESS_WRITE)) &&
           probe(h, type_byte_at(h, t->selector), 1, ACCESS_WRITE) &&
           (is_nested(t) || probe(h, type_byte_at(h, h->tr.selector), 1, ACCESS_WRITE));
}

static bool load_block(struct hart *h, u64 from, u8 *to, unsigned bytes)
{
    for (unsigned at = 0; at < bytes; at += 8) {
        unsigned part = (unsigned)min_u64(8, bytes - at);
        u64 v;
        if (!mem_load_system(h, VA(from + at), part, &v))
            return false;
        memcpy(to + at, &v, part);
    }
    return true;
}

static bool store_block(struct hart *h, u64 to, const u8 *from, unsigned bytes)
{
    for (unsigned at = 0; at < bytes; at += 8) {
        unsigned part = (unsigned)min_u64(8, bytes - at);
        u64 v = 0;
        memcpy(&v, from + at, part);
        if (!mem_store_system(h, VA(to + at), part, v))
            return false;
    }
    return true;
}

/* Instruction pointer, flags and general registers stand together, the selectors behind them in words of their own. */
static bool save_old_task(struct hart *h, const struct task_switch *t)
{
    const struct tss_format *f = format_of(&h->tr);
    u8 image[(2 + GENERAL_REGISTERS) * 4];
    memcpy(image, &t->rip, f->word);
    memcpy(image + f->word, &t->rflags, f->word);
    for (unsigned r = 0; r < GENERAL_REGISTERS; r++)
        memcpy(image + (2 + r) * f->word, &h->reg[r], f->word);
    if (!store_block(h, h->tr.base + f->ip, image, (2 + GENERAL_REGISTERS) * f->word))
        return false;
    for (unsigned s = 0; s < f->segment_count; s++)
        if (!mem_store_system(h, VA(h->tr.base + f->segments + s * f->word), 2, h->seg[s].selector))
            return false;
    return true;
}

/* A task that is left for good is available again; one that is nested stays busy and is linked to. */
static bool mark_tasks(struct hart *h, const struct task_switch *t)
{
    u64 old;
    if (is_nested(t) && !mem_store_system(h, VA(t->tss.base + LINK_AT), 2, h->tr.selector))
        return false;
    if (!is_nested(t) && (!mem_load_system(h, VA(type_byte_at(h, h->tr.selector)), 1, &old) ||
                          !mem_store_system(h, VA(type_byte_at(h, h->tr.selector)), 1, old & ~(u64)TSS_BUSY)))
        return false;
    return t->source == TASK_IRET ||
           mem_store_system(h, VA(type_byte_at(h, t->selector)), 1, (t->tss.ar & 0xff) | TSS_BUSY);
}

enum outcome task_begin(struct hart *h, const struct insn *i, struct task_switch *t)
{
    if (!find_tss(h, t))
        return OUT_FAULT;
    if (hart_intercepted(h, i, INTERCEPT_task_switch, t->selector | (u64)t->source << 30))
        return OUT_EXIT;
    if (!probe_all(h, t) || !load_block(h, t->tss.base, t->image, format_of(&t->tss)->bytes) ||
        !save_old_task(h, t) || !mark_tasks(h, t))
        return OUT_FAULT;
    return OUT_NEXT;
}

/* --- the new task --- */

static u32 field(const struct task_switch *t, unsigned at, unsigned bytes)
{
    u32 v = 0;
    memcpy(&v, t->image + at, bytes);
    return v;
}

static u16 task_selector(const struct task_switch *t, enum segreg s)
{
    const struct tss_format *f = format_of(&t->tss);
    return s < f->segment_count ? (u16)field(t, f->segments + s * f->word, 2) : 0;
}

#define TASK_RFLAGS 0x3f7fd7u /* all that exist */

static void load_flags(struct hart *h, const struct task_switch *t)
{
    const struct tss_format *f = format_of(&t->tss);
    u64 nested = is_nested(t) ? RFLAGS_NT : 0;
    hart_set_rflags(h, (field(t, f->flags, f->word) & TASK_RFLAGS) | nested);
}

static void load_general_registers(struct hart *h, const struct task_switch *t)
{
    const struct tss_format *f = format_of(&t->tss);
    for (unsigned r = 0; r < GENERAL_REGISTERS; r++)
        h->reg[r] = field(t, f->registers + r * f->word, f->word) | (f->word == 2 ? 0xffff0000 : 0);
    h->reg[REG_RIP] = field(t, f->ip, f->word);
}

/* Selectors first: a fault of their loading finds them, and unusable segments, in the new task. */
static void load_selectors(struct hart *h, const struct task_switch *t)
{
    for (unsigned s = 0; s < SEG_COUNT; s++)
        h->seg[s] = segment_null(task_selector(t, s), 0);
    h->ldtr = segment_null((u16)field(t, format_of(&t->tss)->ldt, 2), 0);
    h->cpl = h->rflags & RFLAGS_VM ? 3 : h->seg[SEG_CS].selector & 3;
}

#define DR7_LOCAL 0x155u /* L0 to L3, LE */

static void load_state(struct hart *h, const struct task_switch *t)
{
    h->tr = t->tss;
    h->tr.ar |= TSS_BUSY;
    h->cr0 |= CR0_TS;
    h->dr[7] &= ~(u64)DR7_LOCAL;
    h->tf_armed = false;
    load_general_registers(h, t);
    load_flags(h, t);
    load_selectors(h, t);
    hart_load_mode(h);
}

static bool load_page_directory(struct hart *h, const struct task_switch *t)
{
    bool loads = format_of(&t->tss)->bytes == TSS_BYTES && (h->cr0 & CR0_PG);
    return !loads || hart_write_cr3(h, field(t, CR3_AT, 4)) || refuse(h, VEC_TS, selector_error(t->selector) | t->ext);
}

static bool load_ldt(struct hart *h, const struct task_switch *t)
{
    u16 selector = h->ldtr.selector;
    u64 low;
    if (!(selector & 4) && selector_is_null(selector))
        return true;
    enum lookup l = selector & 4 ? LOOKUP_OUTSIDE : descriptor_read(h, selector, &low);
    if (l == LOOKUP_FAULT)
        return false;
    struct segment s = l == LOOKUP_OK ? segment_from_descriptor(selector, low) : segment_null(selector, 0);
    if ((s.ar & (AR_S | AR_TYPE | AR_P)) != (TYPE_LDT | AR_P))
        return refuse(h, VEC_TS, selector_error(selector) | t->ext);
    h->ldtr = s;
    return true;
}

static bool load_code(struct hart *h, const struct task_switch *t)
{
    u16 selector = h->seg[SEG_CS].selector;
    u32 error = selector_error(selector) | t->ext;
    struct segment s;
    if (!segment_read_code(h, selector, VEC_TS, t->ext, &s))
        return false;
    unsigned dpl = segment_dpl(&s);
    if (segment_is_conforming(&s) ? dpl > h->cpl : dpl != h->cpl)
        return refuse(h, VEC_TS, error);
    if (!(s.ar & AR_P))
        return refuse(h, VEC_NP, error);
    if (!descriptor_set_accessed(h, selector, (u64)(s.ar & 0xff) << 40))
        return false;
    segment_enter_code(h, &s, selector, h->cpl);
    return true;
}

static bool load_descriptors(struct hart *h, const struct task_switch *t)
{
    static const enum segreg data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    struct segment stack;
    if (!load_code(h, t) ||
        !segment_check_stack(h, h->seg[SEG_SS].selector, h->cpl, VEC_TS, t->ext, &stack))
        return false;
    h->seg[SEG_SS] = stack;
    for (unsigned n = 0; n < ARRAY_LEN(data); n++)
        if (!segment_load_data(h, data[n], h->seg[data[n]].selector, VEC_TS, t->ext))
            return false;
    return true;
}

static bool load_paragraphs(struct hart *h)
{
    for (unsigned s = 0; s < SEG_COUNT; s++)
        h->seg[s] = segment_from_paragraph(h, s, h->seg[s].selector);
    return true;
}

static bool load_segments(struct hart *h, const struct task_switch *t)
{
    bool loaded = load_page_directory(h, t) && load_ldt(h, t) &&
                  (hart_in_v86(h) ? load_paragraphs(h) : load_descriptors(h, t));
    hart_load_mode(h);
    if (loaded && !segment_holds_rip(h, &h->seg[SEG_CS], h->reg[REG_RIP]))
        return refuse(h, VEC_GP, t->ext);
    return loaded;
}

static bool push_error(struct hart *h, const struct task_switch *t)
{
    if (!t->has_error || hart_push(h, format_of(&t->tss)->word, t->error))
        return true;
    if (h->fault.vector == VEC_SS)
        h->fault.error |= t->ext;
    return false;
}

static void finish(struct hart *h, const struct task_switch *t)
{
    if (!load_segments(h, t) || !push_error(h, t))
        isa_raise(h);
    else if (format_of(&t->tss)->bytes == TSS_BYTES && (t->image[TRAP_AT] & 1))
        h->pending_debug |= DR6_BT;
}

/* Nothing of it can wait for the pipe any more, even if a table lies in a device. */
enum outcome task_finish(struct hart *h, const struct task_switch *t)
{
    bool alone = h->fetch.alone;
    h->fetch.alone = true;
    if (h->record)
        h->record->drained = h->record->task_switched = true;
    load_state(h, t);
    finish(h, t);
    h->fetch.alone = alone;
    h->mmu->context_changed(h->mmu_self, h);
    hart_update_attention(h);
    return OUT_FLUSH;
}

/* --- instructions --- */

static enum outcome switch_task(struct hart *h, const struct insn *i, struct task_switch *t)
{
    enum outcome o = task_begin(h, i, t);
    return o == OUT_NEXT ? task_finish(h, t) : o;
}

static struct task_switch switch_from(const struct hart *h, u16 selector, enum task_source source)
{
    return (struct task_switch){
        .source = source, .selector = selector, .rip = h->reg[REG_RIP], .rflags = hart_rflags(h)};
}

static bool is_available_tss(unsigned type) { return type == TYPE_TSS || type == TYPE_TSS16; }

enum outcome task_far_transfer(struct hart *h, const struct insn *i, u16 selector, u64 low, enum task_source source)
{
    unsigned type = (unsigned)bits(low, 43, 40), dpl = (unsigned)bits(low, 46, 45);
    bool gate = type == TYPE_TASK_GATE;
    if ((!gate && !is_available_tss(type)) || dpl < h->cpl || dpl < (selector & 3u))
        return hart_gp(h, selector_error(selector));
    if (!(low & BIT(47)))
        return hart_fault_error(h, VEC_NP, selector_error(selector));
    struct task_switch t = switch_from(h, gate ? (u16)bits(low, 31, 16) : selector, source);
    return switch_task(h, i, &t);
}

enum outcome task_return(struct hart *h, const struct insn *i)
{
    u64 link;
    if (!tss_read(h, LINK_AT, 2, 0, &link))
        return OUT_FAULT;
    struct task_switch t = switch_from(h, (u16)link, TASK_IRET);
    t.rflags &= ~(u64)RFLAGS_NT;
    return switch_task(h, i, &t);
}
