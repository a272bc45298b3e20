/* vmx.h - VMX as the processor offers it: instructions, capability MSRs, control words, VMX operation.
 *
 * Models:       the logical processor that calls, in VMX root operation.
 * Not modelled: dual-monitor treatment, MSR lists, VMCS shadowing, enclaves.
 * Neighbours:   kit/cpu.h below; vcpu.c (the guest's state in the VMCS) above.
 * Source:       Intel SDM Vol. 3C, "Virtual Machine Extensions"; Vol. 3D, Appendix "VMX Capability Reporting
 *               Facility".
 * Checked by:   tests/system/monitors_on_bochs.sh
 */
#ifndef MONITORS_VMX_H
#define MONITORS_VMX_H

#include "kit/types.h"
#include "monitors/vmcs_fields.h"

enum {
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_VMX_BASIC = 0x480, /* first of the VMX capability MSRs */
    MSR_VMX_MISC = 0x485,
    MSR_VMX_CR0_FIXED0 = 0x486,
    MSR_VMX_CR0_FIXED1 = 0x487,
    MSR_VMX_CR4_FIXED0 = 0x488,
    MSR_VMX_CR4_FIXED1 = 0x489,
    MSR_VMX_EPT_VPID_CAP = 0x48c,
    MSR_VMX_LAST = 0x491,
};

#define CPUID_1_ECX_VMX BIT(5)
#define CR4_VMXE        BIT(13)

/* IA32_VMX_EPT_VPID_CAP */
#define CAP_EPT_EXECUTE_ONLY       BIT(0)
#define CAP_EPT_WALK_LENGTH_4      BIT(6)
#define CAP_EPT_UNCACHEABLE        BIT(8)
#define CAP_EPT_WRITE_BACK         BIT(14)
#define CAP_EPT_2M                 BIT(16)
#define CAP_EPT_1G                 BIT(17)
#define CAP_INVEPT                 BIT(20)
#define CAP_EPT_ACCESSED_DIRTY     BIT(21)
#define CAP_INVEPT_TYPES           (BIT(25) | BIT(26))
#define CAP_INVVPID                BIT(32)
#define CAP_INVVPID_ADDRESS        BIT(40)
#define CAP_INVVPID_SINGLE_CONTEXT BIT(41)
#define CAP_INVVPID_TYPES          (BIT(40) | BIT(41) | BIT(42) | BIT(43))

/* IA32_VMX_MISC */
#define MISC_ACTIVITY_STATE_HLT BIT(6)
#define MISC_VMWRITE_ANY        BIT(29) /* exit information too */

/* The five words of VMX controls, and every control used, by its name in the manual. */
enum control_word { PIN, PRIMARY, SECONDARY, EXIT, ENTRY, CONTROL_WORDS };

enum control {
#define CONTROL(word, bit, name, text) name,
#include "monitors/controls.def"
    CONTROLS
};

struct controls {
    u32 word[CONTROL_WORDS];
    u32 allowed_1[CONTROL_WORDS];
};

/* Enters VMX operation with a current, cleared VMCS. Without VMX, or with VMX locked off: one message,
 * status 1. */
void vmx_on(void);

/* The same on another processor, without a VMCS and without a word of the heap: `vmxon_region` is a
 * vmx_region(). */
void vmx_on_processor(u64 vmxon_region);

/* Starts each word with the bits that must be 1. */
void controls_init(struct controls *c);

/* Sets a control that the monitor cannot do without; when the processor lacks it: one message, status 1. */
void controls_require(struct controls *c, enum control which);

/* Sets a control if the processor has it, and tells. */
bool controls_request(struct controls *c, enum control which);
bool controls_set(const struct controls *c, enum control which);

/* The word that a control is in, and its bit there. */
enum control_word control_word_of(enum control which);
u32 control_bit_of(enum control which);

/* The word that a capability MSR, TRUE or not, is about. False: it is about none. */
bool control_word_of_msr(u32 msr, enum control_word *word);

/* Writes all five words to the VMCS. */
void controls_write(const struct controls *c);

/* Sets or clears one control of a guest that already runs; writes its word only when it changes. */
void controls_switch(struct controls *c, enum control which, bool on);

/* Host-state area: where the processor continues after a VM exit, in the kit's own tables. The second alone:
 * those that each processor has of its own (GDT, TSS), for a VMCS that comes from another. */
void vmx_write_host_state(u64 rip, u64 rsp);
void vmx_write_host_tables(void);

/* Stops with what the processor says of a VMX instruction that failed. */
_Noreturn void vmx_fail(const char *instruction);

/* A VMXON region or a VMCS: a cleared page that begins with the revision identifier. */
u64 vmx_region(void);

/* VMCLEAR and VMPTRLD of a host-physical address; VMPTRST. */
static inline void vmclear(u64 vmcs)
{
    bool failed;
    __asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
    if (failed) vmx_fail("VMCLEAR");
}

static inline void vmptrld(u64 vmcs)
{
    bool failed;
    __asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
    if (failed) vmx_fail("VMPTRLD");
}

static inline u64 vmptrst(void)
{
    u64 vmcs;
    __asm__ volatile("vmptrst %0" : "=m"(vmcs) : : "cc");
    return vmcs;
}

static inline u64 vmread(enum vmcs_field field)
{
    u64 value;
    __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"((u64)field) : "cc");
    return value;
}

static inline void vmwrite(enum vmcs_field field, u64 value)
{
    bool failed;
    __asm__ volatile("vmwrite %2, %1" : "=@ccbe"(failed) : "r"((u64)field), "r"(value));
    if (failed) vmx_fail("VMWRITE");
}

enum { INVVPID_ADDRESS = 0, INVVPID_SINGLE_CONTEXT = 1, INVEPT_SINGLE_CONTEXT = 1 };

static inline void invvpid(u64 type, u16 vpid, u64 linear_address)
{
    struct {
        u64 vpid, address;
    } descriptor = {vpid, linear_address};
    bool failed;
    __asm__ volatile("invvpid %1, %2" : "=@ccbe"(failed) : "m"(descriptor), "r"(type) : "memory");
    if (failed) vmx_fail("INVVPID");
}

static inline void invept(u64 type, u64 ept_pointer)
{
    struct {
        u64 ept_pointer, reserved;
    } descriptor = {ept_pointer, 0};
    bool failed;
    __asm__ volatile("invept %1, %2" : "=@ccbe"(failed) : "m"(descriptor), "r"(type) : "memory");
    if (failed) vmx_fail("INVEPT");
}

#endif
