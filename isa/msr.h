/* msr.h - model-specific registers, after privilege and interception.
 *
 * Models:       the rows of msrs.def; IA32_APIC_BASE and x2APIC through bus_ops, VMX capability MSRs through
 *               virt_ops.
 * Not modelled: performance counters, last-branch records, what IA32_SPEC_CTRL restricts, machine-check banks (their
 *               count is 0).
 * Neighbours:   exec_msr.c (RDMSR, WRMSR), virt-ext (MSR lists of VM entry and exit).
 * Checked by:   tests/unit/test_msr.c
 */
#ifndef ISA_MSR_H
#define ISA_MSR_H

#include "isa/hart.h"

/* Reads or writes MSR number `msr` as RDMSR or WRMSR at CPL 0 would. False: #GP(0): not there, reserved bits,
 * not canonical. */
bool msr_read(struct hart *h, u32 msr, u64 *value);
bool msr_write(struct hart *h, u32 msr, u64 value);

/* Puts every register of msrs.def to its power-up value. */
void msr_reset(struct hart *h);

#endif
