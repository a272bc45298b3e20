/* virtual_apic.h - a local APIC for each of several virtual processors, kept by the processor: APIC-register
 * virtualization, virtual-interrupt delivery, posted interrupts.
 *
 * An IPI between virtual processors is a bit in the receiver's posted-interrupt descriptor and, if need be, a
 * notification to the logical processor that it is on. The descriptor's control word says where that is:
 *
 *   the virtual processor is   notifications
 *   on a logical processor     vector NOTIFY to it: taken without a VM exit
 *   queued, or stopped         suppressed (SN): whoever loads it looks at the descriptor
 *   halted                     vector SMP_WAKE to the logical processor that it was on: a VM exit
 *
 * Models:       fixed IPIs to a physical destination or by shorthand, INIT, start-up.
 * Not modelled: the timer, LINT pins, NMI, logical destinations, x2APIC mode: a message and the end of the run.
 * Neighbours:   smp.c moves virtual processors about.
 * Source:       Intel SDM Vol. 3C, "APIC Virtualization and Virtual Interrupts".
 * Checked by:   tests/system/smp_vmx.sh
 */
#ifndef EPT_VIRTUAL_APIC_H
#define EPT_VIRTUAL_APIC_H

#include "monitors/vcpu.h"

/* Once: the APIC-access page, whose host-physical address EPT gives the guest's APIC. */
u64 virtual_apic_access_page(void);

/* Adds controls and fields to the current VMCS, of vcpu->number below `count`. by_processor: IPI
 * virtualization, whose fixed IPIs do not exit. */
void virtual_apic_set_up(struct vcpu *vcpu, unsigned count, bool by_processor);

/* The current VMCS's virtual processor comes to logical processor `at`; leaves it; halts there. False: an
 * interrupt waits that ends the halt at once. */
void virtual_apic_load(const struct vcpu *vcpu, unsigned at);
void virtual_apic_unload(const struct vcpu *vcpu);
bool virtual_apic_halt(const struct vcpu *vcpu);

/* Has anybody sent it an interrupt? */
bool virtual_apic_is_requested(const struct vcpu *vcpu);

/* EXIT_APIC_WRITE. */
void virtual_apic_on_write(struct vcpu *vcpu);

#endif
