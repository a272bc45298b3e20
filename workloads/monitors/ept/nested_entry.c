/* nested_entry.c - from level 1 to level 2 and back: VMCS02 out of VMCS12, and VM exits of level 2.
 *
 * Source: Intel SDM Vol. 3C, chapters "VM Entries" and "VM Exits": the section titles at the functions.
 */
#include "kit/console.h"
#include "kit/memory.h"
#include "nested.h"

#define ENTRY_FAILURE (1u << 31) /* of the exit reason */
#define EVENT_VALID   (1u << 31) /* of interruption information */

void nested_fetch_guest(void)
{
    if (!nested.guest_is_newer) return;
    vmptrld(nested.vmcs02);
    vmcs12_save_kind(GUEST);
    vmptrld(nested.vmcs01);
    nested.guest_is_newer = false;
}

/* --- down: VMCS12 into VMCS02 --- */

static bool covers(const u64 *theirs, const u64 *ours)
{
    for (unsigned i = 0; i < 512; i++)
        if (ours[i] & ~theirs[i]) return false;
    return true;
}

/* Where level 1 intercepts all that we do, its bitmap serves both. */
static void merge_bitmap(enum vmcs_field field, u64 ours)
{
    u64 gpa = vmcs12_read(field);
    if (gpa >= guest.bytes) panic("level 1: a bitmap at 0x%llx, outside its memory", (ull)gpa);
    if (!covers(guest_pointer(gpa), (const u64 *)ours))
        panic("level 1 lets its guest have what level 0 keeps to itself");
    vmwrite(field, (u64)guest_pointer(gpa));
}

static bool uses(enum control which)
{
    static const enum vmcs_field field[CONTROL_WORDS] = {[SECONDARY] = SECONDARY_CONTROLS};
    return vmcs12_read(field[control_word_of(which)]) & control_bit_of(which);
}

static u64 vpid_of(const struct vcpu *vcpu)
{
    return vcpu->vpid ? NESTED_VPID : 0;
}

/* What level 1 asks for, and what we need: EPT in any case, VPID as for level 1. */
static void merge_controls(const struct vcpu *vcpu)
{
    u32 ours = control_bit_of(ENABLE_EPT) | (vcpu->vpid ? control_bit_of(ENABLE_VPID) : 0);
    u32 theirs = (u32)vmcs12_read(SECONDARY_CONTROLS) & ~control_bit_of(ENABLE_VPID);
    vmwrite(SECONDARY_CONTROLS, theirs | ours);
    vmwrite(EXIT_CONTROLS, vcpu->controls.word[EXIT]);
    vmwrite(ENTRY_CONTROLS, vmcs12_read(ENTRY_CONTROLS));
    vmwrite(VIRTUAL_PROCESSOR_ID, vpid_of(vcpu));
    vmwrite(EPT_POINTER, uses(ENABLE_EPT) ? nested_ept_pointer() : nested.ept_pointer_01);
}

static void merge_lists(void)
{
    merge_bitmap(ADDRESS_OF_IO_BITMAP_A, nested.bitmaps_01[0]);
    merge_bitmap(ADDRESS_OF_IO_BITMAP_B, nested.bitmaps_01[1]);
    merge_bitmap(ADDRESS_OF_MSR_BITMAPS, nested.bitmaps_01[2]);
    if (vmcs12_read(CR3_TARGET_COUNT) | vmcs12_read(EXIT_MSR_STORE_COUNT) | vmcs12_read(EXIT_MSR_LOAD_COUNT) |
        vmcs12_read(ENTRY_MSR_LOAD_COUNT))
        panic("level 1 uses MSR lists or CR3 targets, which are not modelled here");
}

/* A control word that is rewritten has the processor check all of them again, so only when it differs. */
static void write_if_new(enum vmcs_field field, u32 *last, u32 value)
{
    if (*last != value) vmwrite(field, value);
    *last = value;
}

/* An interrupt that waits for level 1 must make level 2 exit, but behind the event that level 1 injects: so
 * the preemption timer, at 0, ends this stay before its first instruction ("VMX-Preemption Timer"). */
static void write_dynamic_controls(struct vcpu *vcpu)
{
    bool stop = vcpu_interrupt_waits(vcpu);
    u32 pin = (u32)vmcs12_read(PIN_BASED_CONTROLS) | (stop ? control_bit_of(ACTIVATE_PREEMPTION_TIMER) : 0);
    write_if_new(PIN_BASED_CONTROLS, &nested.pin_02, pin);
    write_if_new(PRIMARY_CONTROLS, &nested.primary_02, (u32)vmcs12_read(PRIMARY_CONTROLS));
}

static void load_vmcs02(struct vcpu *vcpu)
{
    vmptrld(nested.vmcs02);
    vmcs12_load_kind(GUEST_EACH);
    vmcs12_load_kind(CONTROL_EACH);
    if (nested.changed) {
        vmcs12_load_kind(GUEST);
        vmcs12_load_kind(CONTROL);
        merge_controls(vcpu);
        merge_lists();
    }
    write_dynamic_controls(vcpu);
    nested.changed = false;
}

/* Level 1's VPID 0, or another VPID than last time: nothing cached for level 2 may be used. */
static void forget_translations(const struct vcpu *vcpu)
{
    u16 vpid = uses(ENABLE_VPID) ? (u16)vmcs12_read(VIRTUAL_PROCESSOR_ID) : 0;
    if (vcpu->vpid && (vpid == 0 || vpid != nested.vpid_12)) invvpid(INVVPID_SINGLE_CONTEXT, NESTED_VPID, 0);
    nested.vpid_12 = vpid;
}

/* 0: the entry may go on. */
static enum vm_error check_entry(const struct vcpu *vcpu, bool launch)
{
    enum { BLOCKED_BY_MOV_SS = 2 };
    if (vmread(GUEST_INTERRUPTIBILITY_STATE) & BLOCKED_BY_MOV_SS) return VM_ERROR_MOV_SS;
    if (launch && nested.vmcs12->launched) return VM_ERROR_VMLAUNCH_NOT_CLEAR;
    if (!launch && !nested.vmcs12->launched) return VM_ERROR_VMRESUME_NOT_LAUNCHED;
    return nested.changed && !nested_controls_allowed(vcpu) ? VM_ERROR_CONTROLS : VM_ERROR_NONE;
}

void nested_enter(struct vcpu *vcpu, bool launch)
{
    if (nested.current != NO_VMCS && nested.shadowing) shadow_save();
    enum vm_error error = nested.current == NO_VMCS ? VM_ERROR_NO_VMCS : check_entry(vcpu, launch);
    if (error) {
        vm_fail(error);
        return;
    }
    if (nested.changed) nested_fetch_guest();
    load_vmcs02(vcpu);
    forget_translations(vcpu);
    nested.level2 = true;
    vcpu->launches = !nested.vmcs02_launched;
}

/* --- up: a VM exit of level 2 that level 1 sees --- */

static void write_segment(unsigned index, u64 selector, u64 base, u64 limit, u32 rights)
{
    vmwrite(GUEST_ES_SELECTOR + 2 * index, selector);
    vmwrite(GUEST_ES_BASE + 2 * index, base);
    vmwrite(GUEST_ES_LIMIT + 2 * index, limit);
    vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * index, rights);
}

/* "Loading Host Segment and Descriptor-Table Registers" */
static void load_segments(void)
{
    enum { CODE64 = 0xa09b, DATA = 0xc093, BUSY_TSS = 0x8b, UNUSABLE = 0x10000 };
    enum { ES, CS, SS, DS, FS, GS, LDTR, TR };
    static const u16 base[] = {[FS] = HOST_FS_BASE, [GS] = HOST_GS_BASE};
    for (unsigned i = ES; i <= GS; i++) {
        u64 selector = vmcs12_read(HOST_ES_SELECTOR + 2 * i);
        u32 rights = i == CS ? CODE64 : selector || i == SS ? DATA : UNUSABLE;
        write_segment(i, selector, i >= FS ? vmcs12_read(base[i]) : 0, 0xffffffff, rights);
    }
    write_segment(LDTR, 0, 0, 0, UNUSABLE);
    write_segment(TR, vmcs12_read(HOST_TR_SELECTOR), vmcs12_read(HOST_TR_BASE), 0x67, BUSY_TSS);
    vmwrite(GUEST_GDTR_BASE, vmcs12_read(HOST_GDTR_BASE));
    vmwrite(GUEST_GDTR_LIMIT, 0xffff);
    vmwrite(GUEST_IDTR_BASE, vmcs12_read(HOST_IDTR_BASE));
    vmwrite(GUEST_IDTR_LIMIT, 0xffff);
}

/* "Loading Host Control Registers, Debug Registers, MSRs" */
static void load_registers(struct vcpu *vcpu)
{
    enum { DR7_RESET = 0x400, RFLAGS_RESET = 2 };
    vmwrite(GUEST_CR0, vmcs12_read(HOST_CR0));
    vmwrite(CR0_READ_SHADOW, vmcs12_read(HOST_CR0));
    vmwrite(GUEST_CR3, vmcs12_read(HOST_CR3));
    vmwrite(GUEST_CR4, vmcs12_read(HOST_CR4));
    vmwrite(CR4_READ_SHADOW, vmcs12_read(HOST_CR4));
    vcpu->efer = vmcs12_read(HOST_IA32_EFER);
    vmwrite(GUEST_IA32_EFER, vcpu->efer);
    vmwrite(GUEST_DR7, DR7_RESET);
    vmwrite(GUEST_IA32_SYSENTER_CS, vmcs12_read(HOST_IA32_SYSENTER_CS));
    vmwrite(GUEST_IA32_SYSENTER_ESP, vmcs12_read(HOST_IA32_SYSENTER_ESP));
    vmwrite(GUEST_IA32_SYSENTER_EIP, vmcs12_read(HOST_IA32_SYSENTER_EIP));
    vmwrite(GUEST_RIP, vmcs12_read(HOST_RIP));
    vmwrite(GUEST_RSP, vmcs12_read(HOST_RSP));
    vmwrite(GUEST_RFLAGS, RFLAGS_RESET);
    vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
}

static void go_up(struct vcpu *vcpu)
{
    vmptrld(nested.vmcs01);
    nested.level2 = false;
    nested.reflected++;
    load_registers(vcpu);
    load_segments();
    if (!uses(ENABLE_VPID)) vcpu_flush_tlb(vcpu);
    if (nested.shadowing) shadow_load();
}

/* "Recording VM-Exit Information and Updating VM-Entry Control Fields", "Saving Guest State" */
static void save_exit(u32 reason, u64 qualification)
{
    vmcs12_save_kind(INFO);
    vmcs12_save_kind(GUEST_EACH);
    vmcs12_write(EXIT_REASON, reason);
    vmcs12_write(EXIT_QUALIFICATION, qualification);
    vmcs12_write(ENTRY_INTERRUPTION_INFORMATION,
                 vmcs12_read(ENTRY_INTERRUPTION_INFORMATION) & ~(u64)EVENT_VALID);
    nested.guest_is_newer = true;
    nested.vmcs12->launched = true;
}

static void reflect(struct vcpu *vcpu, u32 reason, u64 qualification)
{
    save_exit(reason, qualification);
    go_up(vcpu);
}

/* "VM-Entry Failures During or After Loading Guest State": nothing but this changes. */
static void reflect_failure(struct vcpu *vcpu)
{
    vmcs12_write(EXIT_REASON, vmread(EXIT_REASON));
    vmcs12_write(EXIT_QUALIFICATION, vmread(EXIT_QUALIFICATION));
    go_up(vcpu);
}

static void reflect_interrupt(struct vcpu *vcpu)
{
    save_exit(EXIT_EXTERNAL_INTERRUPT, 0);
    vmcs12_write(EXIT_INTERRUPTION_INFORMATION, EVENT_VALID | vcpu_take_interrupt(vcpu));
    go_up(vcpu);
}

static void on_ept_violation(struct vcpu *vcpu)
{
    u32 reason = EXIT_EPT_VIOLATION;
    u64 qualification;
    if (!uses(ENABLE_EPT))
        panic("level 2 reached 0x%llx, outside level 1's memory", (ull)vmread(GUEST_PHYSICAL_ADDRESS));
    if (nested_ept_handle_violation(&reason, &qualification))
        vcpu_repeat_interrupted_event();
    else
        reflect(vcpu, reason, qualification);
}

/* Interrupts go by way of the vCPU, which may hold older ones. All the rest but EPT02's own business is
 * level 1's. */
void nested_exit(struct vcpu *vcpu, u32 reason)
{
    bool failed = vmread(EXIT_REASON) & ENTRY_FAILURE;
    nested.vmcs02_launched |= !failed;
    if (failed) {
        reflect_failure(vcpu);
    } else if (reason == EXIT_EXTERNAL_INTERRUPT) {
        vcpu_raise_interrupt(vcpu, (u8)vmread(EXIT_INTERRUPTION_INFORMATION));
        reflect_interrupt(vcpu);
    } else if (reason == EXIT_PREEMPTION_TIMER) {
        reflect_interrupt(vcpu);
    } else if (reason == EXIT_EPT_VIOLATION) {
        on_ept_violation(vcpu);
    } else {
        reflect(vcpu, reason, vmread(EXIT_QUALIFICATION));
    }
}
