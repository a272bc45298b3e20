/* capabilities.c - what IA32_VMX_* report: computed from controls.def and the configuration, so nothing is
 * advertised that is not there. */
#include "isa/cpu_model.h"
#include "isa/state.h"
#include "virt-ext/controls.h"
#include "virt-ext/vmx.h"

#define MEMORY_TYPE_WB 6ull

struct word {
    u32 msr, true_msr, default1;
};

static const struct word words[VMX_WORDS] = {
#define WORD(word, msr, true_msr, default1) {msr, true_msr, default1},
#include "virt-ext/controls.def"
};

/* The controls of `word` that this configuration offers. */
static u32 offered(const struct vmx_cfg *cfg, enum vmx_word word)
{
    u32 all[VMX_WORDS] = {0};
#define CONTROL(word, bit, name, exists, meaning)                                                            \
    if (exists) all[VMX_##word] |= 1u << (bit);
#include "virt-ext/controls.def"
    return all[word];
}

struct vmx_allowed vmx_allowed_settings(const struct vmx_cfg *cfg, enum vmx_word word, bool non_true)
{
    u32 have = offered(cfg, word), default1 = words[word].default1;
    return (struct vmx_allowed){.must_be_1 = non_true ? default1 : default1 & ~have,
                                .may_be_1 = default1 | have};
}

/* The control words' MSRs, TRUE or not: allowed 0-settings in bits 31:0, allowed 1-settings in bits 63:32. */
static bool control_capability(const struct vmx *x, u32 msr, u64 *value)
{
    for (unsigned w = 0; w < VMX_WORDS; w++) {
        if (msr != words[w].msr && msr != words[w].true_msr) continue;
        struct vmx_allowed a = vmx_allowed_settings(&x->cfg, (enum vmx_word)w, msr != words[w].true_msr);
        *value = (u64)a.may_be_1 << 32 | a.must_be_1;
        return true;
    }
    return false;
}

/* "Basic VMX Information" */
static u64 basic(const struct vmx_cfg *cfg)
{
    const u64 ins_outs_information = BIT(54), true_msrs = BIT(55);
    return cfg->revision | (u64)cfg->region_bytes << 32 | MEMORY_TYPE_WB << 50 | ins_outs_information |
           true_msrs;
}

/* "Miscellaneous Data": rate of the preemption timer, LMA saved by exits, activity states, VMWRITE to read-only fields, injection
 * of length 0. */
static u64 misc(const struct vmx_cfg *cfg)
{
    const u64 activity_states = BIT(6) | BIT(7) | BIT(8); /* HLT, shutdown, wait-for-SIPI */
    u64 value = activity_states | (u64)VMX_CR3_TARGETS << 16;
    if (cfg->preemption_timer) value |= cfg->preemption_timer_rate;
    if (cfg->ept && cfg->unrestricted_guest) value |= BIT(5);
    if (cfg->vmwrite_any) value |= BIT(29);
    if (cfg->inject_length_0) value |= BIT(30);
    return value;
}

/* "VPID and EPT Capabilities" */
u64 vmx_ept_vpid_capability(const struct vmx_cfg *cfg)
{
    const u64 walk_4 = BIT(6), type_uc = BIT(8), type_wb = BIT(14), invept = BIT(20),
              invept_types = BIT(25) | BIT(26);
    const u64 invvpid = BIT(32), invvpid_types = BIT(40) | BIT(41) | BIT(42) | BIT(43);
    u64 value = 0;
    if (cfg->ept) value |= walk_4 | type_uc | type_wb | invept | invept_types;
    if (cfg->ept && cfg->ept_execute_only) value |= BIT(0);
    if (cfg->ept && cfg->ept_5_level) value |= BIT(7);
    if (cfg->ept && cfg->ept_2m) value |= BIT(16);
    if (cfg->ept && cfg->ept_1g) value |= BIT(17);
    if (cfg->ept && cfg->ept_ad) value |= BIT(21);
    if (cfg->ept && cfg->ept_advanced_info) value |= BIT(22);
    if (cfg->vpid) value |= invvpid | invvpid_types;
    return value;
}

/* "VM Functions" */
u64 vmx_functions(const struct vmx_cfg *cfg)
{
    const u64 eptp_switching = BIT(0);
    return cfg->vmfunc && cfg->ept ? eptp_switching : 0;
}

u64 vmx_tertiary_controls(const struct vmx_cfg *cfg)
{
    u64 all = 0;
#define TERTIARY_CONTROL(bit, name, exists, meaning)                                                         \
    if (exists) all |= BIT(bit);
#include "virt-ext/controls.def"
    return all;
}

/* "VMX-Fixed Bits in CR0", "VMX-Fixed Bits in CR4" */
#define CR0_FIXED0 (CR0_PE | CR0_NE | CR0_PG)
#define CR0_FIXED1 0xffffffffull
#define CR4_FIXED0 CR4_VMXE

static u64 cr4_fixed1(const struct vmx *x)
{
    return cr4_allowed_bits(x->hart) | CR4_VMXE;
}

static bool is_legal(u64 value, u64 fixed0, u64 fixed1)
{
    return (value & fixed0) == fixed0 && !(value & ~fixed1);
}
bool vmx_cr0_is_legal(u64 cr0, bool unrestricted)
{
    return is_legal(cr0, unrestricted ? CR0_NE : CR0_FIXED0, CR0_FIXED1);
}
bool vmx_cr4_is_legal(const struct vmx *x, u64 cr4)
{
    return is_legal(cr4, CR4_FIXED0, cr4_fixed1(x));
}

static u64 feature_control(const struct vmx_cfg *cfg)
{
    const u64 locked = BIT(0), vmxon_outside_smx = BIT(2);
    return locked | (cfg->bios_enabled ? vmxon_outside_smx : 0);
}

bool vmx_capability(const struct vmx *x, u32 msr, u64 *value)
{
    if (control_capability(x, msr, value)) return true;
    switch (msr) {
    case MSR_FEATURE_CONTROL:
        *value = feature_control(&x->cfg);
        return true;
    case MSR_VMX_BASIC:
        *value = basic(&x->cfg);
        return true;
    case MSR_VMX_MISC:
        *value = misc(&x->cfg);
        return true;
    case MSR_VMX_CR0_FIXED0:
        *value = CR0_FIXED0;
        return true;
    case MSR_VMX_CR0_FIXED1:
        *value = CR0_FIXED1;
        return true;
    case MSR_VMX_CR4_FIXED0:
        *value = CR4_FIXED0;
        return true;
    case MSR_VMX_CR4_FIXED1:
        *value = cr4_fixed1(x);
        return true;
    case MSR_VMX_VMCS_ENUM:
        *value = (u64)vmcs_highest_index(&x->cfg) << 1;
        return true;
    case MSR_VMX_EPT_VPID_CAP:
        *value = vmx_ept_vpid_capability(&x->cfg);
        return x->cfg.ept || x->cfg.vpid;
    case MSR_VMX_PROCBASED_CTLS3:
        *value = vmx_tertiary_controls(&x->cfg);
        return *value;
    case MSR_VMX_VMFUNC:
        *value = vmx_functions(&x->cfg);
        return x->cfg.vmfunc;
    default:
        return false;
    }
}
