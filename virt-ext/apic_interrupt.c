/* apic_interrupt.c - virtual interrupts: priorities, evaluation, delivery, end. SDM Vol. 3C, "Evaluation and Delivery
 * of Virtual Interrupts" and "Virtualizing ... APIC" sections named below. */
#include "isa/exec.h"
#include "virt-ext/apic.h"

/* RVI and SVI: "Guest Non-Register State", guest interrupt status. */
static u8 rvi(const struct vmcs *v) { return (u8)v->guest_interrupt_status; }
static u8 svi(const struct vmcs *v) { return (u8)(v->guest_interrupt_status >> 8); }
static void set_rvi(struct vmcs *v, u8 vector)
{
    v->guest_interrupt_status = (u16)((v->guest_interrupt_status & 0xff00) | vector);
}
static void set_svi(struct vmcs *v, u8 vector)
{
    v->guest_interrupt_status = (u16)((v->guest_interrupt_status & 0xff) | vector << 8);
}

void apic_charge(const struct vmx *x, u32 cycles)
{
    if (x->hart->record) x->hart->record->virtual_cycles += cycles;
}

void apic_exit_behind(struct vmx *x, enum exit_reason reason, u64 qualification)
{
    x->apic.due = true;
    x->apic.reason = (u8)reason;
    x->apic.qualification = qualification;
    x->hart->attention |= ATTENTION_WINDOW;
}

/* "PPR Virtualization" */
static void virtualize_ppr(struct vmx *x)
{
    u8 in_service = svi(current_vmcs(x));
    u32 tpr = apic_page_read(x, VAPIC_TPR);
    bool task_wins = (tpr & 0xf0) >= (in_service & 0xf0u);
    apic_page_write(x, VAPIC_PPR, task_wins ? tpr & 0xff : in_service & 0xf0u);
}

/* "Evaluation of Pending Virtual Interrupts" */
void apic_evaluate(struct vmx *x)
{
    const struct vmcs *v = current_vmcs(x);
    bool window = primary_on(v, PRIMARY_interrupt_window_exiting);
    x->hart->virtual_interrupt = !window && (rvi(v) & 0xf0u) > (apic_page_read(x, VAPIC_PPR) & 0xf0);
    hart_update_attention(x->hart);
}

void apic_request(struct vmx *x, u8 vector)
{
    struct vmcs *v = current_vmcs(x);
    if (vector > rvi(v)) set_rvi(v, vector);
    apic_evaluate(x);
}

/* "TPR Virtualization" */
void apic_virtualize_tpr(struct vmx *x)
{
    const struct vmcs *v = current_vmcs(x);
    if (virtual_interrupts_on(v)) {
        virtualize_ppr(x);
        apic_evaluate(x);
    } else if (virtual_tpr(x) >> 4 < (v->tpr_threshold & 15)) {
        apic_exit_behind(x, EXIT_tpr_below_threshold, 0);
    }
}

static bool eoi_exits(const struct vmcs *v, u8 vector)
{
    const u64 bitmap[4] = {v->eoi_exit_bitmap_0, v->eoi_exit_bitmap_1, v->eoi_exit_bitmap_2, v->eoi_exit_bitmap_3};
    return bitmap[vector / 64] >> vector % 64 & 1;
}

/* "EOI Virtualization" */
void apic_virtualize_eoi(struct vmx *x)
{
    struct vmcs *v = current_vmcs(x);
    u8 vector = svi(v);
    x->stats.virtual_eois++;
    apic_page_clear_vector(x, VAPIC_ISR, vector);
    set_svi(v, apic_page_highest_vector(x, VAPIC_ISR));
    virtualize_ppr(x);
    if (eoi_exits(v, vector))
        apic_exit_behind(x, EXIT_virtualized_eoi, vector);
    else
        apic_evaluate(x);
}

/* "Self-IPI Virtualization" */
void apic_virtualize_self_ipi(struct vmx *x, u8 vector)
{
    x->stats.virtual_self_ipis++;
    apic_page_set_vector(x, VAPIC_IRR, vector);
    apic_request(x, vector);
}

/* "Virtual-Interrupt Delivery" */
bool apic_deliver(struct vmx *x)
{
    struct hart *h = x->hart;
    struct vmcs *v = current_vmcs(x);
    if (!h->virtual_interrupt || !hart_interrupts_open(h) || h->activity > ACTIVITY_HLT) return false;
    u8 vector = rvi(v);
    apic_page_set_vector(x, VAPIC_ISR, vector);
    set_svi(v, vector);
    apic_page_write(x, VAPIC_PPR, vector & 0xf0u);
    apic_page_clear_vector(x, VAPIC_IRR, vector);
    set_rvi(v, apic_page_highest_vector(x, VAPIC_IRR));
    h->virtual_interrupt = false;
    x->stats.virtual_interrupts++;
    apic_charge(x, x->cfg.virtual_interrupt_cycles);
    isa_take_interrupt(h, vector);
    return true;
}

/* --- VM entry and exit --- */

/* "VM Exits Induced by the TPR Threshold": only where no check of the entry has looked. */
static void check_threshold(struct vmx *x, const struct vmcs *v)
{
    bool accesses = secondary_on(v, SECONDARY_virtualize_apic_accesses);
    if (accesses && virtual_tpr(x) >> 4 < (v->tpr_threshold & 15)) apic_exit_behind(x, EXIT_tpr_below_threshold, 0);
}

void apic_enter(struct vmx *x, const struct vmcs *v)
{
    if (secondary_on(v, SECONDARY_virtualize_apic_accesses))
        x->hart->apic_access_page = v->apic_access_address >> PAGE_SHIFT;
    if (!primary_on(v, PRIMARY_use_tpr_shadow)) return;
    if (virtual_interrupts_on(v)) {
        virtualize_ppr(x);
        apic_evaluate(x);
    } else {
        check_threshold(x, v);
    }
}

void apic_leave(struct vmx *x)
{
    x->apic.written = x->apic.due = false;
    x->hart->virtual_interrupt = false;
    x->hart->apic_access_page = NO_APIC_ACCESS_PAGE;
}

/* --- CR8: "Virtualizing CR8-Based TPR Accesses" --- */

bool vmx_read_cr8(void *self, struct hart *h, u64 *value)
{
    const struct vmx *x = self;
    (void)h;
    if (!primary_on(current_vmcs(x), PRIMARY_use_tpr_shadow)) return false;
    *value = bits(apic_page_read(x, VAPIC_TPR), 7, 4);
    return true;
}

bool vmx_write_cr8(void *self, struct hart *h, u64 value)
{
    struct vmx *x = self;
    (void)h;
    if (!primary_on(current_vmcs(x), PRIMARY_use_tpr_shadow)) return false;
    apic_page_write(x, VAPIC_TPR, (u32)value << 4);
    apic_virtualize_tpr(x);
    return true;
}
