/* vmentry_checks.c - the predicates of entry_checks.def, and who asks them. Pure functions over the VMCS
 * and the processor's state. */
#include "isa/debug.h"
#include "virt-ext/internal.h"

#define SELECTOR_TI    4u
#define AR_RESERVED    0xfffe0f00u
#define RFLAGS_DEFINED 0x003f7fd7ull

static bool controls_allowed(const struct vmx *x, enum vmx_word word, u32 value)
{
    const struct vmx_allowed *a = &x->allowed[word];
    return (value & a->must_be_1) == a->must_be_1 && !(value & ~a->may_be_1);
}

/* The manual asks for the processor's linear-address width, whatever CR4.LA57. */
static bool canonical(const struct hart *h, u64 va)
{
    return base_is_canonical(h, va);
}

/* Of RIP: the bits that linear addresses do not have are the same, whatever the highest that they have. */
static bool high_bits_are_alike(const struct hart *h, u64 rip)
{
    i64 high = (i64)rip >> (cpu_has(h->model, FEATURE_la57) ? 57 : 48);
    return high == 0 || high == -1;
}

static bool msr_list_fits(const struct hart *h, u64 at, u32 count)
{
    if (!count) return true;
    u64 last = at + (u64)count * 16 - 1;
    return !(at & 15) && !((at | last) & bits_beyond_physical(h));
}

/* --- EPT --- */

static bool ept_on(const struct vmcs *v)
{
    return secondary_on(v, SECONDARY_enable_ept);
}

/* Uncacheable or write-back. */
static bool eptp_type_is_valid(u64 eptp)
{
    return bits(eptp, 2, 0) == 0 || bits(eptp, 2, 0) == 6;
}
static bool eptp_length_is_valid(const struct vmx *x, u64 eptp)
{
    unsigned levels = (unsigned)bits(eptp, 5, 3) + 1;
    return levels == 4 || (levels == 5 && x->cfg.ept_5_level);
}
static bool eptp_flags_are_valid(const struct vmx *x, u64 eptp)
{
    return x->cfg.ept_ad || !(eptp & BIT(6));
}
static u64 eptp_reserved(const struct hart *h)
{
    return bits_beyond_physical(h) | 0xf80;
}

bool eptp_is_valid(const struct vmx *x, u64 eptp)
{
    return eptp_type_is_valid(eptp) && eptp_length_is_valid(x, eptp) && eptp_flags_are_valid(x, eptp) &&
           !(eptp & eptp_reserved(x->hart));
}

/* --- APIC virtualization, VM functions, shadow VMCSs --- */

static bool tpr_shadow_on(const struct vmcs *v)
{
    return primary_on(v, PRIMARY_use_tpr_shadow);
}

static bool apic_accesses_on(const struct vmcs *v)
{
    return secondary_on(v, SECONDARY_virtualize_apic_accesses);
}

static bool virtual_interrupts_on(const struct vmcs *v)
{
    return secondary_on(v, SECONDARY_virtual_interrupt_delivery);
}

static bool uses_tpr_threshold(const struct vmcs *v)
{
    return tpr_shadow_on(v) && !virtual_interrupts_on(v);
}

static bool posting_on(const struct vmcs *v)
{
    return pin_on(v, PIN_process_posted_interrupts);
}

static bool ipis_on(const struct vmcs *v)
{
    return tertiary_on(v, TERTIARY_ipi_virtualization);
}

static bool pid_table_fits(const struct hart *h, const struct vmcs *v)
{
    u64 at = v->pid_pointer_table_address, last = at + 8 * (u64)v->last_pid_pointer_index;
    return !(at & 7) && !((at | last) & bits_beyond_physical(h));
}

static bool functions_on(const struct vmcs *v)
{
    return secondary_on(v, SECONDARY_enable_vm_functions);
}

static bool eptp_switching_on(const struct vmcs *v)
{
    return functions_on(v) && (v->vm_function_controls & VM_FUNCTION_EPTP_SWITCHING);
}

static bool shadowing_on(const struct vmcs *v)
{
    return secondary_on(v, SECONDARY_vmcs_shadowing);
}

/* --- event injection --- */

static bool injects(const struct vmcs *v)
{
    return v->entry_interruption_info & EVENT_VALID;
}
static enum event_type event_type(const struct vmcs *v)
{
    return EVENT_TYPE(v->entry_interruption_info);
}
static bool injects_type(const struct vmcs *v, enum event_type t)
{
    return injects(v) && event_type(v) == t;
}
static unsigned event_vector(const struct vmcs *v)
{
    return v->entry_interruption_info & 0xff;
}
static bool event_has_error(const struct vmcs *v)
{
    return v->entry_interruption_info & EVENT_HAS_ERROR;
}
static bool event_is_soft(const struct vmcs *v)
{
    return event_type(v) >= EVENT_SOFT_INT && event_type(v) <= EVENT_SOFT_EXCEPTION;
}

static bool event_vector_fits_type(const struct vmcs *v)
{
    switch (event_type(v)) {
    case EVENT_NMI:
        return event_vector(v) == VEC_NMI;
    case EVENT_HARDWARE:
        return event_vector(v) <= 31;
    case EVENT_OTHER:
        return event_vector(v) == OTHER_PENDING_MTF;
    default:
        return true;
    }
}

static bool event_needs_error(const struct vmcs *v)
{
    const u32 with_error = 1u << VEC_DF | 1u << VEC_TS | 1u << VEC_NP | 1u << VEC_SS | 1u << VEC_GP |
                           1u << VEC_PF | 1u << VEC_AC;
    return event_type(v) == EVENT_HARDWARE && (v->guest_cr0 & CR0_PE) && (with_error >> (event_vector(v) & 31) & 1);
}

static bool event_length_is_valid(const struct vmx *x, const struct vmcs *v)
{
    return v->entry_instruction_length >= (x->cfg.inject_length_0 ? 0 : 1) &&
           v->entry_instruction_length <= 15;
}

/* An interrupt, an NMI, #DB, #MC and a pending MTF exit may arrive in the HLT state. */
static bool event_ends_hlt(const struct vmcs *v)
{
    if (event_type(v) == EVENT_HARDWARE) return event_vector(v) == VEC_DB || event_vector(v) == VEC_MC;
    return event_type(v) == EVENT_EXTERNAL || event_type(v) == EVENT_NMI || event_type(v) == EVENT_OTHER;
}

static bool event_ends_shutdown(const struct vmcs *v)
{
    return event_type(v) == EVENT_NMI || (event_type(v) == EVENT_HARDWARE && event_vector(v) == VEC_MC);
}

/* --- modes --- */

static bool host_is_64bit(const struct vmcs *v)
{
    return exit_on(v, ON_EXIT_host_address_space_size);
}
static bool guest_is_ia32e(const struct vmcs *v)
{
    return entry_on(v, ON_ENTRY_ia32e_mode_guest);
}
static bool guest_is_64bit(const struct vmcs *v)
{
    return guest_is_ia32e(v) && (v->guest_cs_ar & AR_L);
}

static bool is_v86(const struct vmcs *v)
{
    return v->guest_rflags & RFLAGS_VM;
}

/* LMA and LME both say what the control says; the host's CR0.PG is always 1. */
static bool efer_modes_are(u64 efer, bool long_mode)
{
    return (bool)(efer & EFER_LMA) == long_mode && (bool)(efer & EFER_LME) == long_mode;
}

/* --- host segments --- */

static unsigned host_selectors_or(const struct vmcs *v)
{
    return v->host_es_selector | v->host_cs_selector | v->host_ss_selector | v->host_ds_selector |
           v->host_fs_selector | v->host_gs_selector | v->host_tr_selector;
}

static bool host_bases_are_canonical(const struct hart *h, const struct vmcs *v)
{
    return canonical(h, v->host_fs_base) && canonical(h, v->host_gs_base) && canonical(h, v->host_tr_base) &&
           canonical(h, v->host_gdtr_base) && canonical(h, v->host_idtr_base);
}

/* --- guest segments --- */

static bool usable(u32 ar)
{
    return !(ar & AR_UNUSABLE);
}
static unsigned rpl(u16 selector)
{
    return selector & 3;
}
static unsigned dpl(u32 ar)
{
    return ar >> AR_DPL_SHIFT & 3;
}

/* A limit that is no whole number of pages has G clear; one of 1 MByte or more has it set. */
static bool g_clear_fits(u32 limit, u32 ar)
{
    return (limit & 0xfff) == 0xfff || !(ar & AR_G);
}
static bool g_set_fits(u32 limit, u32 ar)
{
    return !(limit >> 20) || (ar & AR_G);
}

/* Real-address mode's, left in CS: "unrestricted guest". */
static bool cs_is_data(const struct vmcs *v)
{
    return (v->guest_cs_ar & AR_TYPE) == (DESC_READABLE | DESC_ACCESSED);
}

static bool is_accessed_code(u32 ar)
{
    return (ar & AR_TYPE & (DESC_CODE | DESC_ACCESSED)) == (DESC_CODE | DESC_ACCESSED);
}

static bool is_stack_type(u32 ar)
{
    return (ar & AR_TYPE & ~DESC_CONFORMING) ==
           (DESC_READABLE | DESC_ACCESSED); /* bit 2 of data: expand-down */
}

static struct segment segment_field(const struct vmcs *v, enum segreg s)
{
    return (struct segment){
        .base = vmcs_read(v, VMCS_guest_es_base + s, false),
        .ar = (u32)vmcs_read(v, VMCS_guest_es_ar + s, false),
        .limit = (u32)vmcs_read(v, VMCS_guest_es_limit + s, false),
        .selector = (u16)vmcs_read(v, VMCS_guest_es_selector + s, false),
    };
}

typedef bool (*segment_rule)(const struct segment *s);

static bool s_is_1(const struct segment *s)
{
    return s->ar & AR_S;
}
static bool p_is_1(const struct segment *s)
{
    return s->ar & AR_P;
}
static bool reserved_is_0(const struct segment *s)
{
    return !(s->ar & AR_RESERVED);
}
static bool odd_limit_has_no_g(const struct segment *s)
{
    return g_clear_fits(s->limit, s->ar);
}
static bool large_limit_has_g(const struct segment *s)
{
    return g_set_fits(s->limit, s->ar);
}

/* Virtual-8086 mode. */
static bool base_is_paragraph(const struct segment *s)
{
    return s->base == (u64)s->selector << 4;
}
static bool limit_is_64k(const struct segment *s)
{
    return s->limit == 0xffff;
}
static bool rights_are_v86(const struct segment *s)
{
    return s->ar == (AR_P | 3u << AR_DPL_SHIFT | AR_S | DESC_READABLE | DESC_ACCESSED);
}

static bool data_type_is_right(const struct segment *s)
{
    return (s->ar & DESC_ACCESSED) && (!(s->ar & DESC_CODE) || (s->ar & DESC_READABLE));
}

/* Data and non-conforming code. */
static bool data_dpl_is_right(const struct segment *s)
{
    return (s->ar & AR_TYPE) > 11 || dpl(s->ar) >= rpl(s->selector);
}

static bool each_segment(const struct vmcs *v, segment_rule rule)
{
    for (enum segreg s = SEG_ES; s < SEG_COUNT; s++) {
        struct segment seg = segment_field(v, s);
        if (!rule(&seg)) return false;
    }
    return true;
}

/* CS counts even where its unusable bit is set. */
static bool each_usable_segment(const struct vmcs *v, segment_rule rule)
{
    for (enum segreg s = SEG_ES; s < SEG_COUNT; s++) {
        struct segment seg = segment_field(v, s);
        if ((s == SEG_CS || usable(seg.ar)) && !rule(&seg)) return false;
    }
    return true;
}

/* DS, ES, FS, GS. */
static bool each_data_segment(const struct vmcs *v, segment_rule rule)
{
    for (enum segreg s = SEG_ES; s < SEG_COUNT; s++) {
        struct segment seg = segment_field(v, s);
        if (s != SEG_CS && s != SEG_SS && usable(seg.ar) && !rule(&seg)) return false;
    }
    return true;
}

static bool cs_dpl_fits(const struct vmcs *v)
{
    unsigned cs = dpl(v->guest_cs_ar), ss = dpl(v->guest_ss_ar);
    return v->guest_cs_ar & DESC_CONFORMING ? cs <= ss : cs == ss;
}

static bool short_base_fits(u64 base, u32 ar)
{
    return !usable(ar) || !(base >> 32);
}

static bool guest_short_bases_fit(const struct vmcs *v)
{
    return short_base_fits(v->guest_ss_base, v->guest_ss_ar) &&
           short_base_fits(v->guest_ds_base, v->guest_ds_ar) &&
           short_base_fits(v->guest_es_base, v->guest_es_ar);
}

/* Busy: 64-bit TSS in IA-32e mode, 16- or 32-bit TSS else. */
static bool tr_type_is_right(const struct vmcs *v)
{
    u32 type = v->guest_tr_ar & AR_TYPE;
    return type == (TYPE_TSS | TSS_BUSY) || (!guest_is_ia32e(v) && type == (TYPE_TSS16 | TSS_BUSY));
}

/* --- debug exceptions --- */

/* While a trap is held back, a pending single step must say what RFLAGS.TF says. */
static bool pending_single_step_fits(const struct vmcs *v)
{
    bool held =
        (v->guest_interruptibility & (BLOCKING_STI | BLOCKING_MOV_SS)) || v->guest_activity == GUEST_HLT;
    bool steps = (v->guest_rflags & RFLAGS_TF) && !(v->guest_debugctl & DEBUGCTL_BTF);
    return !held || (bool)(v->guest_pending_debug & PENDING_DEBUG_BS) == steps;
}

/* --- PAE paging --- */

/* Under EPT from the VMCS, else from memory. What is not RAM reads as ones. */
static bool guest_pdptes_are_valid(const struct hart *h, const struct vmcs *v)
{
    u64 pdpte[PDPTES];
    guest_pdptes(h, v, pdpte);
    return pdptes_are_valid(h, pdpte);
}

/* --- all rows --- */

static bool rule_holds(const struct vmx *x, enum entry_check check)
{
    const struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    switch (check) {
#define ENTRY_CHECK(stage, name, section, fields, holds)                                                     \
    case ENTRY_CHECK_##name:                                                                                 \
        return holds;
#include "virt-ext/entry_checks.def"
#undef ENTRY_CHECK
    default:
        return true;
    }
}

/* The table stands in the order of the stages. */
static const u8 stages[ENTRY_CHECKS] = {
#define ENTRY_CHECK(stage, name, section, fields, holds) STAGE_##stage,
#include "virt-ext/entry_checks.def"
#undef ENTRY_CHECK
};

int entry_check_first_broken(const struct vmx *x, enum check_stage stage)
{
    for (int c = 0; c < ENTRY_CHECKS && stages[c] <= stage; c++)
        if (stages[c] == stage && !rule_holds(x, (enum entry_check)c)) return c;
    return -1;
}
