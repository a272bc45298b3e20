/* smp.h - one hypervisor with several virtual processors (`cpus=N`), on as many logical processors as there are
 * (`cpus=0`: one for each).
 *
 * Every logical processor is in VMX operation and has a stack; every virtual processor has a VMCS. With N or
 * more logical processors each virtual one stays on its own. With fewer they take turns: a queue, a slice of
 * time each (VMX-preemption timer), and HLT gives the rest of the slice away. A VMCS that leaves a logical
 * processor is made clear (VMCLEAR) before the queue has it: the next one may load it.
 *
 *   `ipi=`     the guest's local APICs                sending an IPI   receiving it   INIT, start-up
 *   passed     the hardware's, one each               as native        VM exit        VM exits, wait-for-SIPI
 *   posted     virtual_apic.h                         VM exit          as native      by the exit of the ICR
 *   virtual    virtual_apic.h, IPI virtualization     as native        as native      by the exit of the ICR
 *
 * EPT is common to all. Who changes a present entry shoots down the others: an IPI, upon which each does INVEPT.
 *
 * Models:       scheduling, halting, waking, migration, start-up, shoot-down.
 * Not modelled: INIT of a virtual processor that runs; devices' interrupts while virtual processors take turns
 *               (a message); nested=on.
 * Neighbours:   ept.c plugs it in; kit/smp.h starts the logical processors, of which only number 0 may use the
 *               heap.
 * Source:       Intel SDM Vol. 3C, "Software Use of the VMCS and Related Structures", "Guidelines for Use of
 *               the INVEPT Instruction".
 * Checked by:   tests/system/smp_vmx.sh
 */
#ifndef EPT_SMP_H
#define EPT_SMP_H

#include "monitors/vcpu.h"

/* The vector that calls a logical processor's monitor: work in the queue, a request to flush. No vector of a
 * guest's. */
#define SMP_WAKE 0xf1

#define IPI_TECHNIQUES "passed|posted|virtual"

struct smp_options {
    u64 cpus;         /* virtual processors, at most SMP_MAX; 0: as many as logical ones */
    u64 ipi;          /* position in IPI_TECHNIQUES */
    u64 slice_cycles; /* of the time-stamp counter */
};

/* Prepares the virtual processors with `technique`, starts the logical ones, and runs. Does not come back. */
_Noreturn void smp_run(const struct technique *technique, struct vcpu_options options, const struct smp_options *smp);

/* For `technique`: set_up, once EPT is there (a local APIC's host-physical page comes from smp_local_apic),
 * go_on, filter_cpuid, print_statistics, handlers. */
u64 smp_local_apic(const struct smp_options *smp);
void smp_set_up(struct vcpu *vcpu);
struct vcpu *smp_go_on(struct vcpu *vcpu);
void smp_filter_cpuid(const struct vcpu *vcpu, u32 leaf, struct cpuid *id);
void smp_print_statistics(void);
void smp_on_external_interrupt(struct vcpu *vcpu);
void smp_on_hlt(struct vcpu *vcpu);
void smp_on_slice_end(struct vcpu *vcpu);
void smp_on_init(struct vcpu *vcpu);
void smp_on_startup(struct vcpu *vcpu);

/* For virtual_apic.c: an INIT and a start-up IPI have been sent to virtual processor `number`. */
void smp_init(unsigned number);
void smp_start_up(unsigned number, u8 vector);

/* Around a change to EPT: one at a time; behind the second call no processor has a translation from before. */
void smp_begin_ept_change(const struct vcpu *vcpu);
void smp_end_ept_change(const struct vcpu *vcpu);

#endif
