/* deliver.c - an event through the IDT: SDM Vol. 3A, "Exception- and Interrupt-Handler Procedures" and
 * "64-Bit Mode Stack Frame".
 *
 * Everything that can fault is done before anything of the hart changes, so a failed delivery leaves the
 * state of before. Task gates: task.c. */
#include "isa/far.h"
#include "isa/mem.h"
#include "isa/state.h"
#include "isa/task.h"

struct gate {
    u64 offset;
    u16 selector;
    u8 type, dpl, ist;
    bool present;
};

/* One delivery on its way: what the IDT, the TSS and the code descriptor say. */
struct delivery {
    u8 vector;
    enum event_type type;
    bool has_error;
    u32 error;
    u64 return_rip;
    u32 ext;             /* EXT of error codes that delivery itself causes */
    struct gate gate;
    struct segment cs;
    unsigned cpl;        /* of the handler */
    struct far_stack stack; /* the handler's */
    unsigned slot_bytes;
};

#define IDT_ERROR 2u /* the error code names an IDT entry */

static bool fail(struct hart *h, enum vector vector, u32 error)
{
    hart_fault_error(h, vector, error);
    return false;
}

static bool is_software(const struct delivery *d)
{
    return d->type == EVENT_SOFT_INT || d->type == EVENT_SOFT_EXCEPTION;
}

/* --- the gate --- */

static bool read_gate_words(struct hart *h, const struct delivery *d, u64 word[2])
{
    unsigned bytes = hart_in_long_mode(h) ? 16 : 8, at = d->vector * bytes;
    if (at + bytes - 1 > h->idtr.limit)
        return fail(h, VEC_GP, d->vector * 8u | IDT_ERROR | d->ext);
    word[1] = 0;
    return mem_load_system(h, VA(h->idtr.base + at), 8, &word[0]) &&
           (bytes == 8 || mem_load_system(h, VA(h->idtr.base + at + 8), 8, &word[1]));
}

static struct gate gate_of(const u64 word[2])
{
    return (struct gate){
        .offset = bits(word[0], 15, 0) | bits(word[0], 63, 48) << 16 | bits(word[1], 31, 0) << 32,
        .selector = (u16)bits(word[0], 31, 16),
        .type = (u8)bits(word[0], 44, 40),
        .dpl = (u8)bits(word[0], 46, 45),
        .ist = (u8)bits(word[0], 34, 32),
        .present = word[0] & BIT(47),
    };
}

static bool gate_type_is_valid(const struct hart *h, u8 type)
{
    if (type == TYPE_INT_GATE || type == TYPE_TRAP_GATE)
        return true;
    return !hart_in_long_mode(h) && (type == TYPE_INT_GATE16 || type == TYPE_TRAP_GATE16 || type == TYPE_TASK_GATE);
}

static bool find_gate(struct hart *h, struct delivery *d)
{
    u64 word[2];
    u32 error = d->vector * 8u | IDT_ERROR | d->ext;
    if (!read_gate_words(h, d, word))
        return false;
    d->gate = gate_of(word);
    if (!gate_type_is_valid(h, d->gate.type) || (is_software(d) && d->gate.dpl < h->cpl))
        return fail(h, VEC_GP, error);
    if (!d->gate.present)
        return fail(h, VEC_NP, error);
    if (hart_in_long_mode(h))
        d->slot_bytes = 8;
    else
        d->slot_bytes = d->gate.type & 8 ? 4 : 2, d->gate.ist = 0;
    return true;
}

/* --- the handler's code segment --- */

static bool find_code(struct hart *h, struct delivery *d)
{
    u32 error = selector_error(d->gate.selector) | d->ext;
    if (!segment_read_code(h, d->gate.selector, VEC_GP, d->ext, &d->cs))
        return false;
    if (segment_dpl(&d->cs) > h->cpl || (hart_in_long_mode(h) && !(d->cs.ar & AR_L)))
        return fail(h, VEC_GP, error);
    if (!(d->cs.ar & AR_P))
        return fail(h, VEC_NP, error);
    bool leaves_v86 = !segment_is_conforming(&d->cs) && segment_dpl(&d->cs) == 0;
    if (hart_in_v86(h) && !leaves_v86)
        return fail(h, VEC_GP, error);
    if (!segment_holds_rip(h, &d->cs, d->gate.offset))
        return fail(h, VEC_GP, d->ext);
    d->cpl = segment_is_conforming(&d->cs) ? h->cpl : segment_dpl(&d->cs);
    return true;
}

/* --- the handler's stack --- */

/* SDM Vol. 3A, "64-Bit TSS Format": IST1 at 36. */
static bool find_ist_stack(struct hart *h, struct delivery *d)
{
    if (!tss_read(h, 28u + 8u * d->gate.ist, 8, d->ext, &d->stack.rsp))
        return false;
    return va_is_canonical(h, d->stack.rsp) ? true : fail(h, VEC_SS, d->ext);
}

/* In IA-32e mode the frame is aligned to 16 bytes. */
static bool find_stack(struct hart *h, struct delivery *d)
{
    bool inward = d->cpl != h->cpl;
    d->stack = far_current_stack(h);
    d->stack.cpl = d->cpl;
    if (inward && d->gate.ist)
        d->stack.ss = segment_null((u16)d->cpl, d->cpl);
    if (d->gate.ist ? !find_ist_stack(h, d) : inward && !far_find_inner_stack(h, d->cpl, d->ext, &d->stack))
        return false;
    if (hart_in_long_mode(h))
        d->stack.rsp &= ~0xfull;
    return true;
}

/* --- the frame --- */

struct frame {
    u64 word[10];
    unsigned words;
};

/* RF is set in the image of a fault, so that returning to the instruction does not meet its breakpoint again:
 * SDM Vol. 3A, "Instruction-Breakpoint Exception Condition". */
static u64 rflags_image(const struct hart *h, const struct delivery *d)
{
    bool fault = d->type == EVENT_HARDWARE && d->vector != VEC_DB;
    return hart_rflags(h) | (fault ? RFLAGS_RF : 0);
}

/* What leaving virtual-8086 mode saves and empties: SDM Vol. 3B, "Handling Virtual-8086 Interrupts and
 * Exceptions". */
static const enum segreg v86_data[] = {SEG_GS, SEG_FS, SEG_DS, SEG_ES};

static struct frame frame_of(const struct hart *h, const struct delivery *d)
{
    struct frame f = {.words = 0};
    for (unsigned n = 0; hart_in_v86(h) && n < ARRAY_LEN(v86_data); n++)
        f.word[f.words++] = h->seg[v86_data[n]].selector;
    if (hart_in_long_mode(h) || d->cpl != h->cpl) {
        f.word[f.words++] = h->seg[SEG_SS].selector;
        f.word[f.words++] = h->reg[REG_RSP];
    }
    f.word[f.words++] = rflags_image(h, d);
    f.word[f.words++] = h->seg[SEG_CS].selector;
    f.word[f.words++] = d->return_rip;
    if (d->has_error)
        f.word[f.words++] = d->error;
    return f;
}

static bool push_frame(struct hart *h, struct delivery *d)
{
    struct frame f = frame_of(h, d);
    u32 error = (d->cpl == h->cpl ? 0 : selector_error(d->stack.ss.selector)) | d->ext;
    return far_push_frame(h, &d->stack, d->slot_bytes, f.word, f.words, error);
}

/* --- done --- */

static void enter_handler(struct hart *h, const struct delivery *d)
{
    h->reg[REG_RSP] = far_stack_pointer(h, &d->stack);
    if (d->cpl != h->cpl)
        h->seg[SEG_SS] = d->stack.ss;
    for (unsigned n = 0; hart_in_v86(h) && n < ARRAY_LEN(v86_data); n++)
        h->seg[v86_data[n]] = segment_null(0, 0);
    h->reg[REG_RIP] = d->gate.offset;
    h->rflags &= ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM);
    if (!(d->gate.type & 1))
        h->rflags &= ~RFLAGS_IF;
    segment_enter_code(h, &d->cs, d->gate.selector, d->cpl);
}

static void note_event(struct hart *h, u8 vector)
{
    if (!h->record)
        return;
    h->record->event = true;
    h->record->vector = vector;
}

static void finish(struct hart *h, const struct delivery *d)
{
    if (d->type == EVENT_NMI)
        h->nmi_blocked = true;
    h->sti_shadow = h->movss_shadow = h->tf_armed = false;
    hart_set_activity(h, ACTIVITY_ACTIVE);
    note_event(h, d->vector);
}

static enum outcome deliver_to_handler(struct hart *h, struct delivery *d)
{
    if (!find_code(h, d) || !find_stack(h, d) || !push_frame(h, d) ||
        !descriptor_set_accessed(h, d->gate.selector, (u64)(d->cs.ar & 0xff) << 40))
        return OUT_FAULT;
    enter_handler(h, d);
    finish(h, d);
    return OUT_FLUSH;
}

/* The event is over once the new task has begun: what it faults with still meets this event, for double faults. */
static enum outcome deliver_to_task(struct hart *h, const struct delivery *d)
{
    struct task_switch t = {.source = TASK_GATE, .selector = d->gate.selector, .ext = d->ext, .rip = d->return_rip,
                            .rflags = rflags_image(h, d), .has_error = d->has_error, .error = d->error};
    enum outcome o = task_begin(h, NULL, &t);
    if (o != OUT_NEXT)
        return o;
    finish(h, d);
    o = task_finish(h, &t);
    return o;
}

static enum outcome deliver_through_idt(struct hart *h, struct delivery *d)
{
    if (!find_gate(h, d))
        return OUT_FAULT;
    return d->gate.type == TYPE_TASK_GATE ? deliver_to_task(h, d) : deliver_to_handler(h, d);
}

static enum outcome deliver_real(struct hart *h, struct delivery *d)
{
    if (!deliver_through_ivt(h, d->vector, d->return_rip))
        return OUT_FAULT;
    finish(h, d);
    return OUT_FLUSH;
}

enum outcome isa_deliver(struct hart *h, u8 vector, enum event_type type, bool has_error, u32 error,
                         unsigned insn_length)
{
    struct delivery d = {.vector = vector, .type = type, .has_error = has_error, .error = error};
    u64 length = type >= EVENT_SOFT_INT ? insn_length : 0;
    d.return_rip = h->reg[REG_RIP] + length;
    d.ext = !is_software(&d);
    h->vectoring = (struct vectoring){true, vector, type, has_error, error, (u8)length};
    enum outcome o = h->cr0 & CR0_PE ? deliver_through_idt(h, &d) : deliver_real(h, &d);
    h->vectoring.valid &= o == OUT_FAULT;
    return o;
}
