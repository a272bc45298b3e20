#include "monitors/vmx.h"
#include "kit/console.h"
#include "kit/cpu.h"
#include "kit/memory.h"
#include "kit/trap.h"

enum {
    FEATURE_CONTROL_LOCKED = 1 << 0,
    FEATURE_CONTROL_VMX = 1 << 2, /* outside SMX operation */
};

#define BASIC_TRUE_CONTROLS BIT(55)

/* --- VMX operation ("Enabling and Entering VMX Operation") --- */

void vmx_fail(const char *instruction)
{
    panic("%s failed: VM-instruction error %u", instruction, (u32)vmread(VM_INSTRUCTION_ERROR));
}

static void check_vmx(void)
{
    if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX)) panic("the processor has no VMX");
    u64 feature_control = rdmsr(MSR_FEATURE_CONTROL);
    if (!(feature_control & FEATURE_CONTROL_LOCKED))
        wrmsr(MSR_FEATURE_CONTROL, feature_control | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX);
    else if (!(feature_control & FEATURE_CONTROL_VMX))
        panic("the firmware has locked VMX off");
}

u64 vmx_region(void)
{
    u32 *region = heap_page_cleared();
    region[0] = rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
    return (u64)region;
}

void vmx_on_processor(u64 vmxon_region)
{
    check_vmx();
    write_cr0((read_cr0() | rdmsr(MSR_VMX_CR0_FIXED0)) & rdmsr(MSR_VMX_CR0_FIXED1));
    write_cr4((read_cr4() | rdmsr(MSR_VMX_CR4_FIXED0)) & rdmsr(MSR_VMX_CR4_FIXED1));
    bool failed;
    __asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(vmxon_region) : "memory");
    if (failed) panic("VMXON failed");
}

void vmx_on(void)
{
    check_vmx(); /* before the first of its MSRs is read */
    vmx_on_processor(vmx_region());
    u64 vmcs = vmx_region();
    vmclear(vmcs);
    vmptrld(vmcs);
}

/* --- controls ("Algorithms for Determining VMX Capabilities") --- */

static const struct {
    enum control_word word;
    u32 bit;
    const char *name;
} control_table[CONTROLS] = {
#define CONTROL(word, bit, name, text) [name] = {word, 1u << (bit), text},
#include "monitors/controls.def"
};

static const struct {
    u16 msr, true_msr; /* the latter where IA32_VMX_BASIC[55] is 1 */
    enum vmcs_field field;
} word_table[CONTROL_WORDS] = {
    [PIN] = {0x481, 0x48d, PIN_BASED_CONTROLS},       [PRIMARY] = {0x482, 0x48e, PRIMARY_CONTROLS},
    [SECONDARY] = {0x48b, 0x48b, SECONDARY_CONTROLS}, [EXIT] = {0x483, 0x48f, EXIT_CONTROLS},
    [ENTRY] = {0x484, 0x490, ENTRY_CONTROLS},
};

/* Low half of a capability MSR: bits that must be 1. High half: bits that may be 1. */
static void read_capability(struct controls *c, enum control_word word)
{
    bool true_controls = rdmsr(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS;
    u64 capability = rdmsr(true_controls ? word_table[word].true_msr : word_table[word].msr);
    c->word[word] = (u32)capability;
    c->allowed_1[word] = (u32)(capability >> 32);
}

void controls_init(struct controls *c)
{
    *c = (struct controls){{0}, {0}};
    for (enum control_word word = 0; word < CONTROL_WORDS; word++)
        if (word != SECONDARY) read_capability(c, word);
    if (controls_request(c, ACTIVATE_SECONDARY_CONTROLS)) read_capability(c, SECONDARY);
}

bool controls_request(struct controls *c, enum control which)
{
    u32 bit = control_table[which].bit;
    if (!(c->allowed_1[control_table[which].word] & bit)) return false;
    c->word[control_table[which].word] |= bit;
    return true;
}

void controls_require(struct controls *c, enum control which)
{
    if (!controls_request(c, which))
        panic("the processor has no VMX control \"%s\"", control_table[which].name);
}

bool controls_set(const struct controls *c, enum control which)
{
    return c->word[control_table[which].word] & control_table[which].bit;
}

enum control_word control_word_of(enum control which)
{
    return control_table[which].word;
}

u32 control_bit_of(enum control which)
{
    return control_table[which].bit;
}

bool control_word_of_msr(u32 msr, enum control_word *word)
{
    for (*word = 0; *word < CONTROL_WORDS; ++*word)
        if (msr == word_table[*word].msr || msr == word_table[*word].true_msr) return true;
    return false;
}

void controls_write(const struct controls *c)
{
    for (enum control_word word = 0; word < CONTROL_WORDS; word++)
        if (word != SECONDARY || controls_set(c, ACTIVATE_SECONDARY_CONTROLS))
            vmwrite(word_table[word].field, c->word[word]);
}

void controls_switch(struct controls *c, enum control which, bool on)
{
    if (controls_set(c, which) == on) return;
    enum control_word word = control_table[which].word;
    c->word[word] ^= control_table[which].bit;
    vmwrite(word_table[word].field, c->word[word]);
}

/* --- host-state area --- */

struct table_register {
    u16 limit;
    u64 base;
} __attribute__((packed));

/* Base of a 64-bit TSS: "TSS Descriptor in 64-bit mode". */
static u64 tss_base(const u64 *descriptor)
{
    return (descriptor[0] >> 16 & 0xffffff) | (descriptor[0] >> 56 & 0xff) << 24 | descriptor[1] << 32;
}

void vmx_write_host_tables(void)
{
    struct table_register idtr, gdtr;
    __asm__ volatile("sidt %0" : "=m"(idtr));
    __asm__ volatile("sgdt %0" : "=m"(gdtr));
    vmwrite(HOST_IDTR_BASE, idtr.base);
    vmwrite(HOST_GDTR_BASE, gdtr.base);
    vmwrite(HOST_TR_BASE, tss_base((const u64 *)gdtr.base + SELECTOR_TSS / 8));
    vmwrite(HOST_TR_SELECTOR, SELECTOR_TSS);
}

static void write_host_segments(void)
{
    vmwrite(HOST_CS_SELECTOR, SELECTOR_KERNEL_CODE);
    vmwrite(HOST_SS_SELECTOR, SELECTOR_KERNEL_DATA);
    vmwrite(HOST_DS_SELECTOR, SELECTOR_KERNEL_DATA);
    vmwrite(HOST_ES_SELECTOR, SELECTOR_KERNEL_DATA);
    vmwrite(HOST_FS_SELECTOR, 0);
    vmwrite(HOST_GS_SELECTOR, 0);
    vmwrite(HOST_FS_BASE, 0);
    vmwrite(HOST_GS_BASE, 0);
}

void vmx_write_host_state(u64 rip, u64 rsp)
{
    vmx_write_host_tables();
    write_host_segments();
    vmwrite(HOST_CR0, read_cr0());
    vmwrite(HOST_CR3, read_cr3());
    vmwrite(HOST_CR4, read_cr4());
    vmwrite(HOST_IA32_EFER, rdmsr(MSR_EFER));
    vmwrite(HOST_IA32_SYSENTER_CS, 0);
    vmwrite(HOST_IA32_SYSENTER_ESP, 0);
    vmwrite(HOST_IA32_SYSENTER_EIP, 0);
    vmwrite(HOST_RIP, rip);
    vmwrite(HOST_RSP, rsp);
}
