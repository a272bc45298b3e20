/* hart.c - power-up, flags, derived state, and the fault values that everything returns. */
#include "isa/hart.h"
#include "isa/icache.h"
#include "isa/cpu_model.h"
#include "isa/debug.h"
#include "isa/mem.h"
#include "isa/msr.h"
#include "isa/state.h"

void hart_reset_registers(struct hart *h)
{
    memset(h->reg, 0, sizeof h->reg);
    h->reg[REG_RIP] = 0xfff0;
    h->reg[REG_RDX] = h->model->signature;
    h->flags.zero = h->flags.sign = 1; /* all arithmetic flags clear */
    h->flags.carries = 0;
    h->rflags = RFLAGS_ONE;
    h->cr2 = h->cr3 = h->cr4 = h->efer = 0;
    memset(h->dr, 0, sizeof h->dr);
    h->dr[6] = 0xffff0ff0;
    h->dr[7] = 0x400;
    for (unsigned s = 0; s < SEG_COUNT; s++)
        h->seg[s] = (struct segment){.limit = 0xffff, .ar = AR_P | AR_S | DESC_READABLE | DESC_ACCESSED};
    h->seg[SEG_CS] =
        (struct segment){0xffff0000, 0xffff, AR_P | AR_S | DESC_CODE | DESC_READABLE | DESC_ACCESSED, 0xf000};
    h->ldtr = (struct segment){.limit = 0xffff, .ar = AR_P | TYPE_LDT};
    h->tr = (struct segment){.limit = 0xffff, .ar = AR_P | TYPE_TSS | TSS_BUSY};
    h->gdtr = h->idtr = (struct desc_table){.limit = 0xffff};
}

static void set_power_up_state(struct hart *h)
{
    hart_reset_registers(h);
    h->cr0 = CR0_CD | CR0_NW | CR0_ET;
    h->fpu.mxcsr = MXCSR_INIT;
    h->fpu.xcr0 = XCR0_X87;
}

void hart_init(struct hart *h, unsigned id, struct physmem *mem, struct icache *ic,
               const struct cpu_model *model)
{
    memset(h, 0, sizeof *h);
    h->id = id;
    x87_reset(&h->fpu.x87);
    h->mem = mem;
    h->icache = ic;
    h->model = model;
    h->activity = ACTIVITY_ACTIVE;
    h->world = WORLD_NATIVE;
    h->apic_access_page = NO_APIC_ACCESS_PAGE;
    h->part_of = ~0ull;
    soft_tlb_flush(&h->soft);
    set_power_up_state(h);
    msr_reset(h);
    hart_load_mode(h);
    if (ic) {
        icache_attach(ic, h);
        decoder_set_model(&ic->decoder, model);
    }
}

/* --- flags --- */

u64 hart_rflags(const struct hart *h)
{
    const struct lazy_flags *f = &h->flags;
    u64 carry = f->carries >> 63, overflow = carry ^ ((f->carries >> 62) & 1);
    u64 value = h->rflags | carry | overflow << 11 | ((f->carries >> 3) & 1) << 4 | (f->sign >> 63) << 7;
    if (f->zero == 0)
        value |= RFLAGS_ZF;
    if (!__builtin_parity(f->sign & 0xff))
        value |= RFLAGS_PF;
    return value;
}

void hart_set_rflags(struct hart *h, u64 value)
{
    u64 carry = value & RFLAGS_CF, overflow = (value & RFLAGS_OF) >> 11;
    h->flags.carries = carry << 63 | (carry ^ overflow) << 62 | ((value & RFLAGS_AF) >> 4) << 3;
    h->flags.sign = (value & RFLAGS_SF) >> 7 << 63 | (value & RFLAGS_PF ? 0 : 1);
    h->flags.zero = value & RFLAGS_ZF ? 0 : 1;
    u64 old = h->rflags;
    h->rflags = (value & ~RFLAGS_ARITHMETIC) | RFLAGS_ONE;
    if ((old ^ h->rflags) & RFLAGS_AC)
        hart_load_mode(h);
    hart_update_attention(h);
}

/* --- mode and world --- */

static enum code_mode derive_mode(const struct hart *h)
{
    u32 cs = h->seg[SEG_CS].ar;
    if (!hart_has_descriptors(h))
        return (cs & AR_DB) && !hart_in_v86(h) ? MODE_PROT32 : MODE_REAL16;
    if (!(h->efer & EFER_LMA))
        return cs & AR_DB ? MODE_PROT32 : MODE_PROT16;
    if (cs & AR_L)
        return MODE_LONG64;
    return cs & AR_DB ? MODE_COMPAT32 : MODE_COMPAT16;
}

/* All of the address space, and lines of it whole, so that offsets wrap only between lines. */
static bool segment_is_flat(const struct segment *s)
{
    return s->limit == 0xffffffff && !(s->base % LINE_BYTES) && segment_is_writable_data(s) &&
           !(s->ar & (DESC_EXPAND_DOWN | AR_UNUSABLE));
}

static bool segments_are_flat(const struct hart *h)
{
    for (unsigned s = 0; s < SEG_COUNT; s++)
        if (s != SEG_CS && !segment_is_flat(&h->seg[s]))
            return false;
    return h->seg[SEG_CS].limit == 0xffffffff && (!(h->cr0 & CR0_PE) || (h->seg[SEG_CS].ar & DESC_READABLE));
}

void hart_load_mode(struct hart *h)
{
    h->mode = derive_mode(h);
    h->soft.user = h->cpl == 3;
    h->watch = debug_watches(h);
    bool unchecked = !(h->watch & (WATCH_DATA | WATCH_ALIGNMENT)) && (h->mode == MODE_LONG64 || segments_are_flat(h));
    h->soft.checks = !unchecked;
    h->soft.lookup_class = unchecked && !h->warm ? h->soft.user : SOFT_CLASS_EMPTY;
}

void isa_set_warming(struct hart *h, const struct warm_ops *ops, void *self, struct insn_record *record)
{
    h->warm = ops;
    h->warm_self = self;
    h->warm_record = record;
    hart_load_mode(h);
}

/* SDM Vol. 3C, "Clearing Address-Range Monitoring" of VM entries and of VM exits. */
void hart_set_world(struct hart *h, enum world world)
{
    h->world = world;
    hart_disarm_monitor(h);
}

void hart_state_changed(struct hart *h)
{
    h->cpl = h->cr0 & CR0_PE ? segment_dpl(&h->seg[SEG_SS]) : 0;
    h->tf_armed = false;
    h->shadow_seen = false;
    h->debug_hits = 0;
    hart_load_mode(h);
    hart_update_attention(h);
    h->mmu->context_changed(h->mmu_self, h);
}

/* --- attention --- */

static bool interrupt_wants_a_look(const struct hart *h)
{
    bool open = h->rflags & RFLAGS_IF;
    return (h->intr_line && (open || hart_in_guest(h))) || (h->virtual_interrupt && open);
}

static bool nmi_wants_a_look(const struct hart *h)
{
    return h->nmi_pending && (!h->nmi_blocked || hart_in_guest(h));
}

static bool trap_wants_a_look(const struct hart *h)
{
    return (h->rflags & RFLAGS_TF) || h->tf_armed || h->pending_debug;
}

void hart_update_attention(struct hart *h)
{
    u32 a = h->attention & (ATTENTION_WINDOW | ATTENTION_STOP | ATTENTION_STEP);
    if (interrupt_wants_a_look(h))
        a |= ATTENTION_INTR;
    if (nmi_wants_a_look(h))
        a |= ATTENTION_NMI;
    if (trap_wants_a_look(h))
        a |= ATTENTION_TF;
    if (h->sti_shadow || h->movss_shadow)
        a |= ATTENTION_SHADOW;
    if (h->activity != ACTIVITY_ACTIVE)
        a |= ATTENTION_IDLE;
    if (h->init_pending || h->startup_pending)
        a |= ATTENTION_STARTUP;
    if (h->watch & ~WATCH_ALIGNMENT || (h->rflags & RFLAGS_RF))
        a |= ATTENTION_DEBUG;
    h->attention = a;
}

void hart_set_intr(struct hart *h, bool asserted)
{
    h->intr_line = asserted;
    hart_update_attention(h);
}

void hart_raise_nmi(struct hart *h)
{
    h->nmi_pending = true;
    hart_update_attention(h);
}

static void count_idle(struct hart *h, bool idle)
{
    if (!h->bus || idle == (h->idle_since != 0))
        return;
    u64 now = h->bus->read_tsc ? h->bus->read_tsc(h->bus_self, h) : 0;
    if (!idle)
        h->idle_ticks += now - h->idle_since;
    h->idle_since = idle ? now : 0;
}

void hart_set_activity(struct hart *h, enum activity activity)
{
    if (h->activity == ACTIVITY_MWAIT)
        hart_disarm_monitor(h);
    h->activity = activity;
    count_idle(h, activity != ACTIVITY_ACTIVE);
    hart_update_attention(h);
}

bool hart_interrupts_open(const struct hart *h)
{
    return (h->rflags & RFLAGS_IF) && !h->sti_shadow && !h->movss_shadow;
}

void hart_start_shadow(struct hart *h, bool movss)
{
    if (movss)
        h->movss_shadow = true;
    else
        h->sti_shadow = true;
    h->shadow_seen = false;
    hart_update_attention(h);
}

bool hart_intercepted(struct hart *h, const struct insn *i, enum intercept what, u64 info)
{
    return hart_in_guest(h) && h->virt->intercept(h->virt_self, h, i, what, info);
}

/* --- fault values --- */

static enum outcome exception(struct hart *h, struct fault f)
{
    f.kind = FAULT_EXCEPTION;
    h->fault = f;
    return OUT_FAULT;
}

enum outcome hart_fault(struct hart *h, enum vector vector)
{
    return exception(h, (struct fault){.vector = vector});
}

enum outcome hart_fault_error(struct hart *h, enum vector vector, u32 error)
{
    return exception(h, (struct fault){.vector = vector, .has_error = true, .error = error});
}

enum outcome hart_page_fault(struct hart *h, va_t va, u32 error)
{
    return exception(h, (struct fault){.vector = VEC_PF, .has_error = true, .error = error, .va = va});
}

enum outcome hart_debug_fault(struct hart *h, u64 dr6_bits)
{
    return exception(h, (struct fault){.vector = VEC_DB, .qualification = dr6_bits});
}

/* --- stack --- */

static u64 stack_mask(const struct hart *h)
{
    if (hart_in_64bit_mode(h))
        return ~0ull;
    return h->seg[SEG_SS].ar & AR_DB ? 0xffffffff : 0xffff;
}

va_t hart_stack_at(const struct hart *h, u64 rsp)
{
    if (hart_in_64bit_mode(h))
        return VA(rsp);
    return VA((h->seg[SEG_SS].base + (rsp & stack_mask(h))) & 0xffffffff);
}

u64 hart_stack_add(const struct hart *h, u64 rsp, i64 delta)
{
    u64 mask = stack_mask(h), kept = mask == 0xffff ? rsp & 0xffff0000 : 0;
    return ((rsp + (u64)delta) & mask) | kept;
}

bool hart_push(struct hart *h, unsigned bytes, u64 value)
{
    u64 rsp = hart_stack_add(h, h->reg[REG_RSP], -(i64)bytes);
    if (!mem_store(h, SEG_SS, hart_stack_at(h, rsp), bytes, value))
        return false;
    h->reg[REG_RSP] = rsp;
    return true;
}

bool hart_pop(struct hart *h, unsigned bytes, u64 *value)
{
    u64 rsp = h->reg[REG_RSP];
    if (!mem_load(h, SEG_SS, hart_stack_at(h, rsp), bytes, value))
        return false;
    h->reg[REG_RSP] = hart_stack_add(h, rsp, bytes);
    return true;
}
