/* nested.h - VMX for the guest: a hypervisor under this hypervisor (`nested=on`).
 *
 * Level 0 is this monitor, level 1 its guest, a hypervisor itself, level 2 that one's guest. The processor
 * knows two levels only, so level 2 is really a guest of level 0, with a VMCS that level 0 makes of two:
 *
 *   VMCS01  level 0 keeps for level 1
 *   VMCS12  level 1 keeps for level 2: a page of its memory in our format; VMX instructions on it exit
 *   VMCS02  the processor runs level 2 with: guest state and events of VMCS12, host state of VMCS01,
 *           controls of both
 *
 * Every VM exit goes to level 0. An exit of level 2 that level 1 wants is reflected: written into VMCS12,
 * and level 1 goes on at its own host RIP. That one exit of level 2 thus costs all those that level 1 takes
 * while it handles it. VMCS shadowing (`shadowing=on`) lets the processor do level 1's VMREADs and VMWRITEs
 * without exits.
 *
 * Models:       VMXON to VMXOFF, one VMCS02, EPT under EPT (nested_ept.c) or shadow paging under EPT, VPID.
 * Not modelled: operands in unmapped memory, checks of VMCS12's host state, MSR lists, bitmaps of level 1
 *               that let through what level 0 keeps to itself: each ends the run with a message. High halves
 *               of 64-bit fields.
 * Neighbours:   ept.c plugs it in; vcpu.c lets it look at every exit first.
 * Source:       Intel SDM Vol. 3C, "VMX Instruction Reference", "VMCS Shadowing", "Virtualizing VMREAD and
 *               VMWRITE".
 * Checked by:   tests/system/nested.sh
 */
#ifndef EPT_NESTED_H
#define EPT_NESTED_H

#include "monitors/guest.h"
#include "monitors/vcpu.h"

#define NO_VMCS         (~0ull)
#define NESTED_VPID     2       /* of level 2; level 1 has 1 */
#define NESTED_REVISION 0x6967u /* of the regions that level 1 makes: our format of VMCS12 */

enum field_kind { INFO, GUEST_EACH, CONTROL_EACH, MERGED_EACH, GUEST, CONTROL, MERGED, HOST, FIELD_KINDS };

enum {
    VMCS12_FIELDS = 0
#define FIELD(encoding, kind) +1
#include "vmcs12.def"
};

struct vmcs12 {
    u32 revision, abort, launched, unused;
    u64 value[VMCS12_FIELDS];
};

struct nested {
    /* fixed when set up */
    u64 vmcs01, vmcs02; /* host-physical */
    u64 ept_pointer_01;
    u64 bitmaps_01[3]; /* I/O A and B, MSRs */
    bool shadowing;

    /* state */
    bool on;     /* level 1 is in VMX operation */
    bool level2; /* runs, or exited last; VMCS02 is the processor's current VMCS */
    bool vmcs02_launched;
    u64 vmxon_region;
    u64 current; /* level 1's current VMCS: guest-physical, or NO_VMCS */
    struct vmcs12 *vmcs12;
    bool changed;           /* level 1 has written fields that are not copied each time */
    bool guest_is_newer;    /* in VMCS02: its fields of kind GUEST have not come back to VMCS12 yet */
    u32 pin_02, primary_02; /* as VMCS02 has them */
    u16 vpid_12;            /* 0: the last entry of level 2 was without VPID */

    /* statistics: exits by level, and those of level 2 that went on to level 1 */
    u64 exits[3][EXIT_REASONS];
    u64 reflected;
};

extern struct nested nested;

/* --- nested.c: plugs --- */

/* Once VMCS01 has its host state and its bitmaps, and before its controls are written. shadowing: if the
 * processor can. */
void nested_set_up(struct vcpu *vcpu, bool shadowing, u64 ept_pointer, unsigned ept_leaf_level);
/* The first look at every exit; true: it is dealt with. */
bool nested_take_exit(struct vcpu *vcpu, u32 reason);
void nested_filter_cpuid(const struct vcpu *vcpu, u32 leaf, struct cpuid *id);
void nested_print_statistics(void);

/* --- nested_capabilities.c: what level 1 is told that its processor can do --- */

bool nested_read_msr(u32 msr, u64 *value);
/* Are the control words of VMCS12 allowed? */
bool nested_controls_allowed(const struct vcpu *vcpu);

/* --- vmcs12.c: its fields, and the shadow VMCS that holds some of them --- */

void vmcs12_set_up(void);
/* Index of a field, -1: there is no such field. */
int vmcs12_find(u64 encoding);
enum field_kind vmcs12_kind(int index);
u64 vmcs12_read(enum vmcs_field field);
void vmcs12_write(enum vmcs_field field, u64 value);
/* All fields of one kind, between VMCS12 and the processor's current VMCS. */
void vmcs12_load_kind(enum field_kind kind);
void vmcs12_save_kind(enum field_kind kind);
/* The host state of VMCS01, for VMCS02 too: nothing of it ever differs. */
void vmcs12_copy_host_state(u64 from, u64 to);

void shadow_set_up(void);
/* Level 1 gets a current VMCS, or has none any more. */
void shadow_link(bool current);
void shadow_load(void); /* VMCS12 into the shadow VMCS */
void shadow_save(void); /* what level 1 wrote there, back */

/* --- nested_vmx.c: the VMX instructions of level 1 --- */

bool nested_is_vmx_instruction(u32 reason);
void nested_vmx_instruction(struct vcpu *vcpu, u32 reason);

enum vm_error {
    VM_ERROR_NONE = 0,
    VM_ERROR_NO_VMCS = 1, /* VMfailInvalid: the number is seen by nobody */
    VM_ERROR_VMCLEAR_ADDRESS = 2,
    VM_ERROR_VMCLEAR_VMXON_POINTER = 3,
    VM_ERROR_VMLAUNCH_NOT_CLEAR = 4,
    VM_ERROR_VMRESUME_NOT_LAUNCHED = 5,
    VM_ERROR_CONTROLS = 7,
    VM_ERROR_VMPTRLD_ADDRESS = 9,
    VM_ERROR_VMPTRLD_VMXON_POINTER = 10,
    VM_ERROR_VMPTRLD_REVISION = 11,
    VM_ERROR_COMPONENT = 12,
    VM_ERROR_READ_ONLY = 13,
    VM_ERROR_VMXON_IN_ROOT = 15,
    VM_ERROR_MOV_SS = 26,
    VM_ERROR_OPERAND = 28,
};
void vm_succeed(void);
void vm_fail(enum vm_error error);

/* --- nested_operand.c: the operands of those instructions --- */

/* Registers of the instruction-information field. */
unsigned operand_field_register(void);
bool operand_is_register(unsigned *number);
void operand_read(const struct vcpu *vcpu, void *to, u64 bytes);
void operand_write(const struct vcpu *vcpu, const void *from, u64 bytes);

/* --- nested_entry.c: between the levels --- */

void nested_enter(struct vcpu *vcpu, bool launch);
void nested_exit(struct vcpu *vcpu, u32 reason);
/* Fields of kind GUEST come back from VMCS02. */
void nested_fetch_guest(void);

/* --- nested_ept.c: level 2's addresses to the host's --- */

void nested_ept_set_up(u64 ept_pointer_01, unsigned leaf_level);
/* The EPT pointer of VMCS02 for level 1's, as VMCS12 has it. */
u64 nested_ept_pointer(void);
/* Level 1 has executed INVEPT. */
void nested_ept_invalidate(void);
/* An EPT violation in level 2. True: the page is mapped now, or level 1 had mapped it before us. False: it
 * is level 1's, and `reason` and `qualification` are what it must see. */
bool nested_ept_handle_violation(u32 *reason, u64 *qualification);

#endif
