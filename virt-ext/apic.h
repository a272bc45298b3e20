/* apic.h - APIC virtualization: SDM Vol. 3C, "APIC Virtualization and Virtual Interrupts".
 *
 * Models:       TPR shadow and threshold; the APIC-access page with its exits and, by "use TPR shadow",
 *               "APIC-register virtualization" and "virtual-interrupt delivery", its virtual registers;
 *               virtualized x2APIC MSRs; PPR, EOI and self-IPI virtualization; evaluation and delivery of
 *               virtual interrupts; posted interrupts; IPI virtualization; APIC-write and EOI-induced exits.
 * Not modelled: accesses to the APIC-access page by guest-physical address alone (page walks): they are to
 *               the memory there. A REP string that writes to the page: one emulation, of its last store.
 * Time:         accesses to page and descriptor are references of their instruction or event; microcode is
 *               record->virtual_cycles (apic_access, apic_write, virtual_interrupt, posted_interrupt, virtual_ipi _cycles).
 * Neighbours:   the files of virt-ext; isa asks through vmx_ops; bus_ops ends the notification's interrupt and
 *               sends notifications.
 * Checked by:   tests/unit/test_vmx_tpr.c, test_vmx_apic_access.c, test_vmx_virtual_interrupts.c,
 *               test_vmx_posted.c
 */
#ifndef VIRT_APIC_H
#define VIRT_APIC_H

#include "virt-ext/internal.h"

/* Offsets in the virtual-APIC page and in the APIC-access page: Vol. 3A, "Local APIC Register Address Map". */
enum vapic_offset {
    VAPIC_ID = 0x020,
    VAPIC_VERSION = 0x030,
    VAPIC_TPR = 0x080,
    VAPIC_PPR = 0x0a0,
    VAPIC_EOI = 0x0b0,
    VAPIC_LDR = 0x0d0,
    VAPIC_DFR = 0x0e0,
    VAPIC_SVR = 0x0f0,
    VAPIC_ISR = 0x100,
    VAPIC_TMR = 0x180,
    VAPIC_IRR = 0x200,
    VAPIC_ESR = 0x280,
    VAPIC_ICR = 0x300,
    VAPIC_ICR_HIGH = 0x310,
    VAPIC_LVT_TIMER = 0x320,
    VAPIC_LVT_ERROR = 0x370,
    VAPIC_INITIAL = 0x380,
    VAPIC_DIVIDE = 0x3e0,
    VAPIC_SELF_IPI = 0x3f0
};

/* --- apic_page.c --- */

u32 apic_page_read(const struct vmx *x, u32 offset);
u64 apic_page_read64(const struct vmx *x, u32 offset);
void apic_page_write(const struct vmx *x, u32 offset, u32 value);
void apic_page_write64(const struct vmx *x, u32 offset, u64 value);
/* `set`: VAPIC_ISR or VAPIC_IRR. */
void apic_page_set_vector(const struct vmx *x, u32 set, u8 vector);
void apic_page_clear_vector(const struct vmx *x, u32 set, u8 vector);
u8 apic_page_highest_vector(const struct vmx *x, u32 set); /* 0: none */

/* --- apic_interrupt.c --- */

static inline bool virtual_interrupts_on(const struct vmcs *v)
{
    return secondary_on(v, SECONDARY_virtual_interrupt_delivery);
}

/* An exit behind the instruction under way. */
void apic_exit_behind(struct vmx *x, enum exit_reason reason, u64 qualification);
/* Behind a write to VTPR. */
void apic_virtualize_tpr(struct vmx *x);
void apic_virtualize_eoi(struct vmx *x);
void apic_virtualize_self_ipi(struct vmx *x, u8 vector);
/* "vector" joins the requests of the virtual-APIC page; what may be delivered is evaluated anew. */
void apic_request(struct vmx *x, u8 vector);
void apic_evaluate(struct vmx *x);
/* Adds microcode to the record under way. */
void apic_charge(const struct vmx *x, u32 cycles);

/* --- apic_access.c --- */

/* Emulates the store to the APIC-access page that has just been done, if there was one: then true. */
bool apic_emulate_write(struct vmx *x);

/* --- apic_ipi.c --- */

/* A write to the ICR whose low half and destination these are. */
void apic_virtualize_icr(struct vmx *x, u32 low, u32 destination);

/* --- apic_posted.c --- */

/* The acknowledged external interrupt is a notification: processes it. */
bool apic_process_posted(struct vmx *x, u8 vector);
/* Posts `vector` to the descriptor at `descriptor`, which may send its notification. */
void apic_post(struct vmx *x, u64 descriptor, u8 vector);

#endif
