/* vmcs_owners.h - on which logical processors each VMCS is active, for all processors of a machine.
 *
 * Models:       VMPTRLD makes a VMCS active on the processor that executes it, VMCLEAR there ends that; VMXON regions.
 *               What software does against it (hazards.def) is counted, and explained like a failure: no processor checks it,
 *               and the results are the manual's "undefined". Here a VMCS has one copy, in memory, so nothing is lost.
 * Not modelled: the corruption that a processor may cause which holds a part of the VMCS. More than VMCS_OWNERS_MAX
 *               regions at a time: the rest are not watched.
 * Neighbours:   vmx_instructions.c tells; vmcs_cache.c has which active VMCSs the processor holds, for time.
 * Checked by:   tests/unit/test_vmcs_owners.c
 */
#ifndef VIRT_VMCS_OWNERS_H
#define VIRT_VMCS_OWNERS_H

#include "models/sim/types.h"

#define VMCS_OWNERS_MAX 256

enum vmx_hazard {
    HAZARD_none,
#define HAZARD(name, happened, asks, section, here) HAZARD_##name,
#include "virt-ext/hazards.def"
#undef HAZARD
};

/* Masks of processors, by their number in the machine. */
struct vmcs_owner {
    u64 region; /* host-physical */
    u16 active;
    u16 left;   /* it was active there at VMXOFF */
    u16 vmxon;  /* it is the VMXON region there */
};

struct vmcs_owners {
    unsigned n;
    struct vmcs_owner owner[VMCS_OWNERS_MAX];
};

/* The rule that was broken, if any, and *peer, the processor that it touches besides `cpu` (0 to 15). */
enum vmx_hazard vmcs_owners_load(struct vmcs_owners *o, unsigned cpu, u64 region, unsigned *peer);
enum vmx_hazard vmcs_owners_clear(struct vmcs_owners *o, unsigned cpu, u64 region, unsigned *peer);
enum vmx_hazard vmcs_owners_vmxon(struct vmcs_owners *o, unsigned cpu, u64 region, unsigned *peer);
void vmcs_owners_vmxoff(struct vmcs_owners *o, unsigned cpu);

#endif
