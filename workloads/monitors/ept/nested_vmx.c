/* nested_vmx.c - level 1's VMX instructions, each of which exits, done as the manual's operation sections
 * say. */
#include "kit/console.h"
#include "kit/trap.h"
#include "nested.h"

/* --- how an instruction ends: "Conventions" of the VMX instruction reference --- */

enum { RFLAGS_CF = 1 << 0, RFLAGS_ZF = 1 << 6, RFLAGS_CF_PF_AF_ZF_SF_OF = 0x8d5 };

static void set_flags(u64 flags)
{
    vmwrite(GUEST_RFLAGS, (vmread(GUEST_RFLAGS) & ~(u64)RFLAGS_CF_PF_AF_ZF_SF_OF) | flags);
    vcpu_skip_instruction();
}

void vm_succeed(void)
{
    set_flags(0);
}

/* Without a current VMCS nobody learns the error's number: VMfailInvalid. */
void vm_fail(enum vm_error error)
{
    bool valid = nested.current != NO_VMCS;
    if (valid) vmcs12_write(VM_INSTRUCTION_ERROR, error);
    set_flags(valid ? RFLAGS_ZF : RFLAGS_CF);
}

/* --- VMXON, VMXOFF --- */

static bool is_region(u64 gpa)
{
    return !(gpa & 4095) && gpa < guest.bytes;
}

static bool revision_is_ours(u64 gpa)
{
    return *(const u32 *)guest_pointer(gpa) == NESTED_REVISION;
}

static u64 pointer_operand(const struct vcpu *vcpu)
{
    u64 gpa;
    operand_read(vcpu, &gpa, sizeof gpa);
    return gpa;
}

static void set_current(u64 gpa)
{
    nested.current = gpa;
    nested.vmcs12 = gpa == NO_VMCS ? NULL : guest_pointer(gpa);
    nested.changed = true;
    if (!nested.shadowing) return;
    if (gpa != NO_VMCS) shadow_load();
    shadow_link(gpa != NO_VMCS);
}

static void vmxon(struct vcpu *vcpu)
{
    u64 region = pointer_operand(vcpu);
    if (nested.on) {
        vm_fail(VM_ERROR_VMXON_IN_ROOT);
        return;
    }
    nested.current = NO_VMCS;
    if (!is_region(region) || !revision_is_ours(region)) {
        set_flags(RFLAGS_CF);
        return;
    }
    nested.on = true;
    nested.vmxon_region = region;
    vm_succeed();
}

/* All that belongs to the current VMCS goes back to its page. */
static void write_back(void)
{
    if (nested.current == NO_VMCS) return;
    if (nested.shadowing) shadow_save();
    nested_fetch_guest();
}

static void vmxoff(struct vcpu *vcpu)
{
    (void)vcpu;
    write_back();
    set_current(NO_VMCS);
    nested.on = false;
    vm_succeed();
}

/* --- VMCLEAR, VMPTRLD, VMPTRST --- */

static void vmclear_12(struct vcpu *vcpu)
{
    u64 region = pointer_operand(vcpu);
    if (!is_region(region)) {
        vm_fail(VM_ERROR_VMCLEAR_ADDRESS);
    } else if (region == nested.vmxon_region) {
        vm_fail(VM_ERROR_VMCLEAR_VMXON_POINTER);
    } else {
        if (region == nested.current) {
            write_back();
            set_current(NO_VMCS);
        }
        ((struct vmcs12 *)guest_pointer(region))->launched = false;
        vm_succeed();
    }
}

static void vmptrld_12(struct vcpu *vcpu)
{
    u64 region = pointer_operand(vcpu);
    if (!is_region(region)) {
        vm_fail(VM_ERROR_VMPTRLD_ADDRESS);
    } else if (region == nested.vmxon_region) {
        vm_fail(VM_ERROR_VMPTRLD_VMXON_POINTER);
    } else if (!revision_is_ours(region)) {
        vm_fail(VM_ERROR_VMPTRLD_REVISION);
    } else {
        write_back();
        set_current(region);
        vm_succeed();
    }
}

static void vmptrst_12(struct vcpu *vcpu)
{
    operand_write(vcpu, &nested.current, sizeof nested.current);
    vm_succeed();
}

/* --- VMREAD, VMWRITE --- */

/* Field of the instruction under way. -1: it has failed. */
static int find_field(const struct vcpu *vcpu)
{
    if (nested.current == NO_VMCS) {
        set_flags(RFLAGS_CF);
        return -1;
    }
    int field = vmcs12_find(vcpu_register(vcpu, operand_field_register()));
    if (field < 0)
        vm_fail(VM_ERROR_COMPONENT);
    else if (vmcs12_kind(field) == GUEST)
        nested_fetch_guest();
    return field;
}

static void vmread_12(struct vcpu *vcpu)
{
    unsigned number;
    int field = find_field(vcpu);
    if (field < 0) return;
    u64 value = nested.vmcs12->value[field];
    if (operand_is_register(&number))
        vcpu_set_register(vcpu, number, value);
    else
        operand_write(vcpu, &value, sizeof value);
    vm_succeed();
}

/* Bits 14:13 of the encoding: 16 bits, 64, 32, natural width. */
static u64 cut_to_width(u64 encoding, u64 value)
{
    switch (encoding >> 13 & 3) {
    case 0:
        return (u16)value;
    case 2:
        return (u32)value;
    default:
        return value;
    }
}

static bool is_copied_each_time(enum field_kind kind)
{
    return kind == GUEST_EACH || kind == CONTROL_EACH || kind == MERGED_EACH;
}

static void vmwrite_12(struct vcpu *vcpu)
{
    unsigned number;
    u64 value;
    int field = find_field(vcpu);
    if (field < 0) return;
    if (vmcs12_kind(field) == INFO) {
        vm_fail(VM_ERROR_READ_ONLY);
        return;
    }
    if (operand_is_register(&number))
        value = vcpu_register(vcpu, number);
    else
        operand_read(vcpu, &value, sizeof value);
    nested.vmcs12->value[field] = cut_to_width(vcpu_register(vcpu, operand_field_register()), value);
    nested.changed |= !is_copied_each_time(vmcs12_kind(field));
    vm_succeed();
}

/* --- VM entries, INVEPT, INVVPID --- */

static void vmlaunch(struct vcpu *vcpu)
{
    nested_enter(vcpu, true);
}

static void vmresume(struct vcpu *vcpu)
{
    nested_enter(vcpu, false);
}

/* Whatever the type and the descriptor, everything goes: more than what was asked for is always allowed. */
static void invept_12(struct vcpu *vcpu)
{
    u64 type = vcpu_register(vcpu, operand_field_register());
    if (type != 1 && type != 2) {
        vm_fail(VM_ERROR_OPERAND);
        return;
    }
    nested_ept_invalidate();
    vm_succeed();
}

static void invvpid_12(struct vcpu *vcpu)
{
    u64 type = vcpu_register(vcpu, operand_field_register()), descriptor[2];
    operand_read(vcpu, descriptor, sizeof descriptor);
    if (type > 3 || descriptor[0] >> 16 || (type != 2 && descriptor[0] == 0)) {
        vm_fail(VM_ERROR_OPERAND);
        return;
    }
    if (vcpu->vpid && type == INVVPID_ADDRESS)
        invvpid(INVVPID_ADDRESS, NESTED_VPID, descriptor[1]);
    else if (vcpu->vpid)
        invvpid(INVVPID_SINGLE_CONTEXT, NESTED_VPID, 0);
    vm_succeed();
}

/* --- all of them --- */

static const exit_handler_fn instructions[EXIT_REASONS] = {
    [EXIT_VMCLEAR] = vmclear_12, [EXIT_VMLAUNCH] = vmlaunch,  [EXIT_VMPTRLD] = vmptrld_12,
    [EXIT_VMPTRST] = vmptrst_12, [EXIT_VMREAD] = vmread_12,   [EXIT_VMRESUME] = vmresume,
    [EXIT_VMWRITE] = vmwrite_12, [EXIT_VMXOFF] = vmxoff,      [EXIT_VMXON] = vmxon,
    [EXIT_INVEPT] = invept_12,   [EXIT_INVVPID] = invvpid_12,
};

bool nested_is_vmx_instruction(u32 reason)
{
    return reason < EXIT_REASONS && instructions[reason];
}

/* The processor exits before it looks at the privilege level, and with a CR4 that is not the one that level
 * 1 sees. */
void nested_vmx_instruction(struct vcpu *vcpu, u32 reason)
{
    enum { DPL_SHIFT = 5 };
    bool enabled = reason == EXIT_VMXON ? (vmread(CR4_READ_SHADOW) & CR4_VMXE) != 0 : nested.on;
    if (!enabled)
        vcpu_inject_exception(vcpu, VECTOR_UD, 0);
    else if (vmread(GUEST_SS_ACCESS_RIGHTS) >> DPL_SHIFT & 3)
        vcpu_inject_gp(vcpu);
    else
        instructions[reason](vcpu);
}
