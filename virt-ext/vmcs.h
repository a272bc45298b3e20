/* vmcs.h - a VMCS region: 4 KiB of guest RAM in our own layout, which is the order of vmcs.def.
 *
 * Models:       every field of vmcs.def, launch state, revision identifier and abort indicator in the
 *               region itself: a VMCS in memory is whole at any time, and each access is a reference to a line that caches know.
 * Not modelled: values of a VMCS held in the processor apart from memory; which ones it holds is vmcs_cache.c's, for time,
 *               and on which processors it is active vmcs_owners.h's.
 * Neighbours:   vmx.h. Software that writes to a region behind VMWRITE's back sees what the manual calls
 *               undefined.
 * Checked by:   tests/unit/test_vmcs.c
 */
#ifndef VIRT_VMCS_H
#define VIRT_VMCS_H

#include "models/sim/types.h"

struct vmx_cfg;

typedef u64 nat; /* a field of natural width: 64 bits on a processor with Intel 64 */

#define VMCS_LAUNCH_CLEAR    0u
#define VMCS_LAUNCH_LAUNCHED 1u

#define VMCS_SHADOW BIT(31) /* of the revision: the VMCS-shadow indicator */

struct vmcs {
    u32 revision; /* SDM Vol. 3C, "Format of the VMCS Region" */
    u32 abort;
    u32 launch_state;       /* VMCS_LAUNCH_* */
    u32 controls_rewritten; /* a control was written since the last VM entry: its checks are due again */
#define FIELD(type, name, encoding, access, exists, section) type name;
#include "virt-ext/vmcs.def"
#undef FIELD
};

enum vmcs_field_id {
#define FIELD(type, name, encoding, access, exists, section) VMCS_##name,
#include "virt-ext/vmcs.def"
#undef FIELD
    VMCS_FIELDS
};

enum vmcs_area { VMCS_CONTROL, VMCS_EXIT_INFO, VMCS_GUEST, VMCS_HOST, VMCS_AREAS };

struct vmcs_field {
    const char *name;
    const char *section; /* of SDM Vol. 3C */
    u16 encoding;
    u16 offset; /* in struct vmcs */
    u8 bytes;   /* 2, 4, 8 */
    bool read_only;
};

extern const struct vmcs_field vmcs_fields[VMCS_FIELDS];

/* Bits of a field encoding: SDM Vol. 3C, "Field Encoding in VMCS". */
#define VMCS_HIGH(encoding)  ((encoding)&1)
#define VMCS_AREA(encoding)  ((enum vmcs_area)bits((encoding), 11, 10))
#define VMCS_WIDTH(encoding) bits((encoding), 14, 13) /* 0: 16 bits, 1: 64, 2: 32, 3: natural */

/* The field of an encoding, the access type (bit 0) ignored; -1: the processor `cfg` has no such field. */
int vmcs_find(const struct vmx_cfg *cfg, u64 encoding);
/* The field of a name; -1: none. */
int vmcs_find_name(const char *name, size_t length);

/* high: bits 63:32 of a 64-bit field. Writing the low part writes all 64 bits. */
u64 vmcs_read(const struct vmcs *v, enum vmcs_field_id field, bool high);
void vmcs_write(struct vmcs *v, enum vmcs_field_id field, bool high, u64 value);

/* The bytes of an area in struct vmcs: [*first, *end). */
void vmcs_area_span(enum vmcs_area area, u64 *first, u64 *end);

/* IA32_VMX_VMCS_ENUM: the highest index of any field. */
unsigned vmcs_highest_index(const struct vmx_cfg *cfg);

#endif
