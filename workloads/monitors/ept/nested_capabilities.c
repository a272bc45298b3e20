/* nested_capabilities.c - the processor that level 1 sees: IA32_VMX_* and IA32_FEATURE_CONTROL.
 *
 * It offers the controls of `offered` that the real one has. Those of `needed` must be 1 there: level 0
 * cannot run any guest without them, and a processor may say so ("Reserved Controls and Default Settings").
 * Source: Intel SDM Vol. 3D, Appendix "VMX Capability Reporting Facility".
 */
#include "nested.h"

enum {
    FEATURE_CONTROL_LOCKED_ON = 1 << 0 | 1 << 2,
    MSR_VMX_VMCS_ENUM = 0x48a,
    HIGHEST_FIELD_INDEX = 0x17, /* of vmcs12.def: the activity state's and below */
    BASIC_REGION_BYTES = 4096,
    MEMORY_TYPE_WB = 6,
    TIMER_RATE = 31, /* bits 4:0 of IA32_VMX_MISC */
};
#define BASIC_TRUE_CONTROLS BIT(55)

static const enum control needed[] = {
    EXTERNAL_INTERRUPT_EXITING,  USE_IO_BITMAPS,          USE_MSR_BITMAPS,
    ACTIVATE_SECONDARY_CONTROLS, HOST_ADDRESS_SPACE_SIZE, ACKNOWLEDGE_INTERRUPT_ON_EXIT,
    LOAD_IA32_EFER_ON_EXIT,      IA32E_MODE_GUEST,        LOAD_IA32_EFER_ON_ENTRY,
};
static const enum control offered[] = {
    INTERRUPT_WINDOW_EXITING, HLT_EXITING, INVLPG_EXITING, CR3_LOAD_EXITING,
    CR3_STORE_EXITING,        ENABLE_EPT,  ENABLE_RDTSCP,  ENABLE_VPID,
    ENABLE_INVPCID,
};

static u32 bits_in(const enum control *list, unsigned n, enum control_word word)
{
    u32 bits = 0;
    for (unsigned i = 0; i < n; i++)
        if (control_word_of(list[i]) == word) bits |= control_bit_of(list[i]);
    return bits;
}

struct allowed {
    u32 must_be_1, may_be_1;
};

static struct allowed allowed(enum control_word word)
{
    struct controls hardware;
    controls_init(&hardware);
    u32 must = hardware.word[word] | bits_in(needed, COUNT_OF(needed), word);
    return (struct allowed){must,
                            must | (hardware.allowed_1[word] & bits_in(offered, COUNT_OF(offered), word))};
}

bool nested_controls_allowed(const struct vcpu *vcpu)
{
    static const enum vmcs_field field[CONTROL_WORDS] = {[PIN] = PIN_BASED_CONTROLS,
                                                         [PRIMARY] = PRIMARY_CONTROLS,
                                                         [SECONDARY] = SECONDARY_CONTROLS,
                                                         [EXIT] = EXIT_CONTROLS,
                                                         [ENTRY] = ENTRY_CONTROLS};
    (void)vcpu;
    for (enum control_word word = 0; word < CONTROL_WORDS; word++) {
        struct allowed a = allowed(word);
        u32 value = (u32)vmcs12_read(field[word]);
        if ((value & a.must_be_1) != a.must_be_1 || value & ~a.may_be_1) return false;
    }
    return true;
}

/* Level 2's tables are folded with ours, so accessed and dirty flags are not level 1's to have. */
static u64 ept_and_vpid(void)
{
    return rdmsr(MSR_VMX_EPT_VPID_CAP) &
           (CAP_EPT_EXECUTE_ONLY | CAP_EPT_WALK_LENGTH_4 | CAP_EPT_UNCACHEABLE | CAP_EPT_WRITE_BACK |
            CAP_EPT_2M | CAP_EPT_1G | CAP_INVEPT | CAP_INVEPT_TYPES | CAP_INVVPID | CAP_INVVPID_TYPES);
}

bool nested_read_msr(u32 msr, u64 *value)
{
    enum control_word word;
    if (control_word_of_msr(msr, &word)) {
        struct allowed a = allowed(word);
        *value = (u64)a.may_be_1 << 32 | a.must_be_1;
        return true;
    }
    switch (msr) {
    case MSR_FEATURE_CONTROL:
        *value = FEATURE_CONTROL_LOCKED_ON;
        return true;
    case MSR_VMX_BASIC:
        *value =
            NESTED_REVISION | (u64)BASIC_REGION_BYTES << 32 | (u64)MEMORY_TYPE_WB << 50 | BASIC_TRUE_CONTROLS;
        return true;
    case MSR_VMX_MISC:
        *value = rdmsr(msr) & (TIMER_RATE | MISC_ACTIVITY_STATE_HLT);
        return true;
    case MSR_VMX_CR0_FIXED0:
    case MSR_VMX_CR0_FIXED1:
    case MSR_VMX_CR4_FIXED0:
    case MSR_VMX_CR4_FIXED1:
        *value = rdmsr(msr);
        return true;
    case MSR_VMX_VMCS_ENUM:
        *value = HIGHEST_FIELD_INDEX << 1;
        return true;
    case MSR_VMX_EPT_VPID_CAP:
        *value = ept_and_vpid();
        return true;
    default:
        return false;
    }
}
