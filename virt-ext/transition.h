/* transition.h - what a VM entry or exit costs besides its memory references: the microcode part, each
 * piece a parameter.
 *
 * Models:       fixed microcode of entry and exit, the consistency checks that a cached VMCS skips (paid
 *               again when a control was written since the last entry), event injection, MSR lists, VMX
 *               instructions.
 * Not modelled: overlap of microcode with the memory references of the same transition. Lines of a
 *               transition beyond TRANSITION_MAX_LINES take no time (long MSR lists).
 * Neighbours:   timing cores play record->transition: its lines through the caches, then these cycles.
 *               vmentry.c, vmexit.c record.
 * Checked by:   tests/unit/test_vmx_transitions.c
 */
#ifndef VIRT_TRANSITION_H
#define VIRT_TRANSITION_H

#include "isa/record.h"

struct vmx_cfg;

/* The microcode part of a transition in core cycles. Pure. */
u64 transition_microcode_cycles(const struct vmx_cfg *cfg, const struct vm_transition *t);

/* What a VMX instruction costs by itself in core cycles, VM entries apart; 0 for other classes. */
u32 vmx_instruction_cycles(const struct vmx_cfg *cfg, enum insn_class c);

/* Starts a transition in `r` (NULL: nothing is recorded). */
void transition_begin(struct insn_record *r, enum transition_kind kind, unsigned reason);

/* Adds the lines of [at, at+bytes), each once per kind of access. */
void transition_touch(struct insn_record *r, hpa_t at, u64 bytes, bool write);

#endif
