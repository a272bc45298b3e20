/* state.c - registers between the hart and the VMCS. */
#include "virt-ext/internal.h"

/* Bits of CR0 that neither entries nor exits change: SDM Vol. 3C, "Loading Guest Control Registers, Debug
 * Registers, and MSRs". */
#define CR0_KEPT (CR0_ET | CR0_NW | CR0_CD)

/* Bits of DR7 that are always 0, and the one that is always 1. */
#define DR7_ZEROS (BIT(11) | BIT(12) | BIT(14) | BIT(15))
#define DR7_ONE   BIT(10)

_Static_assert(VMCS_guest_tr_base - VMCS_guest_es_base == GUEST_SEGMENTS - 1 &&
                   VMCS_guest_tr_limit - VMCS_guest_es_limit == GUEST_SEGMENTS - 1 &&
                   VMCS_guest_tr_ar - VMCS_guest_es_ar == GUEST_SEGMENTS - 1 &&
                   VMCS_guest_tr_selector - VMCS_guest_es_selector == GUEST_SEGMENTS - 1,
               "vmcs.def keeps segments in the order of hart_segment()");

static u64 with_bit(u64 value, u64 mask, bool on) { return on ? value | mask : value & ~mask; }

/* --- guest: SDM Vol. 3C, "Loading Guest State" --- */

static void load_guest_segments(struct hart *h, const struct vmcs *v)
{
    for (unsigned n = 0; n < GUEST_SEGMENTS; n++)
        *hart_segment(h, n) = (struct segment){
            .base = vmcs_read(v, VMCS_guest_es_base + n, false),
            .limit = (u32)vmcs_read(v, VMCS_guest_es_limit + n, false),
            .ar = (u32)vmcs_read(v, VMCS_guest_es_ar + n, false),
            .selector = (u16)vmcs_read(v, VMCS_guest_es_selector + n, false),
        };
    h->gdtr = (struct desc_table){v->guest_gdtr_base, (u16)v->guest_gdtr_limit};
    h->idtr = (struct desc_table){v->guest_idtr_base, (u16)v->guest_idtr_limit};
}

static void load_guest_msrs(struct hart *h, const struct vmcs *v)
{
    h->sysenter_cs = v->guest_sysenter_cs;
    h->sysenter_esp = v->guest_sysenter_esp;
    h->sysenter_eip = v->guest_sysenter_eip;
    if (entry_on(v, ON_ENTRY_load_perf_global_ctrl)) h->perf_global_ctrl = v->guest_perf_global_ctrl;
    if (entry_on(v, ON_ENTRY_load_pat)) h->pat = v->guest_pat;
    if (entry_on(v, ON_ENTRY_load_efer)) h->efer = v->guest_efer;
    h->efer = with_bit(h->efer, EFER_LMA | (v->guest_cr0 & CR0_PG ? EFER_LME : 0),
                       entry_on(v, ON_ENTRY_ia32e_mode_guest));
}

/* One reference to memory: 32 aligned bytes. */
void guest_pdptes(const struct hart *h, const struct vmcs *v, u64 pdpte[PDPTES])
{
    const u64 bytes = PDPTES * sizeof pdpte[0];
    hpa_t table = HPA(bits(v->guest_cr3, 31, 5) << 5);
    if (secondary_on(v, SECONDARY_enable_ept)) {
        memcpy(pdpte, &v->guest_pdpte0, bytes);
        return;
    }
    memset(pdpte, 0xff, bytes);
    if (!physmem_has(h->mem, table, bytes)) return;
    memcpy(pdpte, h->mem->host + table.v, bytes);
    transition_touch(hart_vmx_record(h), table, bytes, false);
}

_Static_assert(offsetof(struct vmcs, guest_pdpte3) - offsetof(struct vmcs, guest_pdpte0) == 3 * sizeof(u64),
               "vmcs.def keeps the PDPTEs together");

static void load_guest_control(struct hart *h, const struct vmcs *v)
{
    h->cr0 = (v->guest_cr0 & ~CR0_KEPT) | (h->cr0 & CR0_KEPT);
    h->cr3 = v->guest_cr3;
    h->cr4 = v->guest_cr4;
    if (guest_has_pdptes(v)) guest_pdptes(h, v, h->pdpte);
    if (!entry_on(v, ON_ENTRY_load_debug_controls)) return;
    h->dr[7] = (v->guest_dr7 & ~DR7_ZEROS) | DR7_ONE;
    h->debugctl = v->guest_debugctl;
}

_Static_assert(ACTIVITY_ACTIVE == GUEST_ACTIVE && ACTIVITY_HLT == GUEST_HLT &&
                   ACTIVITY_SHUTDOWN == GUEST_SHUTDOWN && ACTIVITY_WAIT_SIPI == GUEST_WAIT_SIPI,
               "activity states have the VMCS's numbers");

static void load_guest_non_register(struct hart *h, const struct vmcs *v)
{
    h->sti_shadow = v->guest_interruptibility & BLOCKING_STI;
    h->movss_shadow = v->guest_interruptibility & BLOCKING_MOV_SS;
    h->nmi_blocked = (v->guest_interruptibility & BLOCKING_NMI) && !pin_on(v, PIN_virtual_nmis);
    h->pending_debug = v->guest_pending_debug & (0xf | PENDING_DEBUG_BS);
    h->activity = (u8)v->guest_activity;
}

void load_guest_state(struct hart *h, const struct vmcs *v)
{
    load_guest_control(h, v);
    load_guest_msrs(h, v);
    load_guest_segments(h, v);
    h->reg[REG_RIP] = v->guest_rip;
    h->reg[REG_RSP] = v->guest_rsp;
    hart_set_rflags(h, v->guest_rflags);
    load_guest_non_register(h, v);
}

/* --- guest: SDM Vol. 3C, "Saving Guest State" --- */

static void save_guest_segments(struct hart *h, struct vmcs *v)
{
    for (unsigned n = 0; n < GUEST_SEGMENTS; n++) {
        const struct segment *s = hart_segment(h, n);
        vmcs_write(v, VMCS_guest_es_base + n, false, s->base);
        vmcs_write(v, VMCS_guest_es_limit + n, false, s->limit);
        vmcs_write(v, VMCS_guest_es_ar + n, false, s->ar);
        vmcs_write(v, VMCS_guest_es_selector + n, false, s->selector);
    }
    v->guest_gdtr_base = h->gdtr.base;
    v->guest_gdtr_limit = h->gdtr.limit;
    v->guest_idtr_base = h->idtr.base;
    v->guest_idtr_limit = h->idtr.limit;
}

static void save_guest_control(const struct hart *h, struct vmcs *v)
{
    v->guest_cr0 = h->cr0;
    v->guest_cr3 = h->cr3;
    v->guest_cr4 = h->cr4;
    if (secondary_on(v, SECONDARY_enable_ept) && pae_paging_is_on(h->cr0, h->cr4, h->efer))
        memcpy(&v->guest_pdpte0, h->pdpte, sizeof h->pdpte);
    v->guest_sysenter_cs = (u32)h->sysenter_cs;
    v->guest_sysenter_esp = h->sysenter_esp;
    v->guest_sysenter_eip = h->sysenter_eip;
    if (exit_on(v, ON_EXIT_save_pat)) v->guest_pat = h->pat;
    if (exit_on(v, ON_EXIT_save_efer)) v->guest_efer = h->efer;
    if (!exit_on(v, ON_EXIT_save_debug_controls)) return;
    v->guest_dr7 = h->dr[7];
    v->guest_debugctl = h->debugctl;
}

static void save_guest_non_register(const struct hart *h, struct vmcs *v)
{
    v->guest_interruptibility = (h->sti_shadow ? (u32)BLOCKING_STI : 0) |
                                (h->movss_shadow ? (u32)BLOCKING_MOV_SS : 0) |
                                (h->nmi_blocked ? (u32)BLOCKING_NMI : 0);
    v->guest_activity = h->activity == ACTIVITY_MWAIT ? GUEST_ACTIVE : h->activity;
    v->guest_pending_debug = h->pending_debug & (0xf | PENDING_DEBUG_BS);
}

void save_guest_state(struct hart *h, struct vmcs *v)
{
    save_guest_control(h, v);
    save_guest_segments(h, v);
    v->guest_rip = h->reg[REG_RIP];
    v->guest_rsp = h->reg[REG_RSP];
    v->guest_rflags = hart_rflags(h);
    save_guest_non_register(h, v);
}

/* --- host: SDM Vol. 3C, "Loading Host State" --- */

static void load_host_control(struct hart *h, const struct vmcs *v)
{
    h->cr0 = (v->host_cr0 & ~CR0_KEPT) | (h->cr0 & CR0_KEPT);
    h->cr3 = v->host_cr3;
    h->cr4 = v->host_cr4;
    h->dr[7] = 0x400;
    h->debugctl = 0;
    h->sysenter_cs = v->host_sysenter_cs;
    h->sysenter_esp = v->host_sysenter_esp;
    h->sysenter_eip = v->host_sysenter_eip;
    if (exit_on(v, ON_EXIT_load_perf_global_ctrl)) h->perf_global_ctrl = v->host_perf_global_ctrl;
    if (exit_on(v, ON_EXIT_load_pat)) h->pat = v->host_pat;
    if (exit_on(v, ON_EXIT_load_efer)) h->efer = v->host_efer;
    h->efer = with_bit(h->efer, EFER_LMA | EFER_LME, exit_on(v, ON_EXIT_host_address_space_size));
}

static struct segment host_data(u16 selector, u64 base)
{
    struct segment s = selector ? segment_flat_data(selector, 0) : segment_null(0, 0);
    s.base = base;
    return s;
}

/* "Loading Host Segment and Descriptor-Table Registers" */
static void load_host_segments(struct hart *h, const struct vmcs *v)
{
    h->seg[SEG_CS] = segment_flat_code(v->host_cs_selector, 0, exit_on(v, ON_EXIT_host_address_space_size));
    h->seg[SEG_SS] = host_data(v->host_ss_selector, 0);
    h->seg[SEG_DS] = host_data(v->host_ds_selector, 0);
    h->seg[SEG_ES] = host_data(v->host_es_selector, 0);
    h->seg[SEG_FS] = host_data(v->host_fs_selector, v->host_fs_base);
    h->seg[SEG_GS] = host_data(v->host_gs_selector, v->host_gs_base);
    h->tr = (struct segment){v->host_tr_base, 0x67, AR_P | TYPE_TSS | TSS_BUSY, v->host_tr_selector};
    h->ldtr = segment_null(0, 0);
    h->gdtr = (struct desc_table){v->host_gdtr_base, 0xffff};
    h->idtr = (struct desc_table){v->host_idtr_base, 0xffff};
}

void load_host_state(struct hart *h, const struct vmcs *v)
{
    load_host_control(h, v);
    load_host_segments(h, v);
    h->reg[REG_RIP] = v->host_rip;
    h->reg[REG_RSP] = v->host_rsp;
    hart_set_rflags(h, RFLAGS_ONE);
    h->sti_shadow = h->movss_shadow = false; /* "Updating Non-Register State" */
    h->pending_debug = 0;
    h->activity = ACTIVITY_ACTIVE;
}
