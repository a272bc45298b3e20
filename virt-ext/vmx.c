#include "models/sim/check.h"
#include "virt-ext/internal.h"
#include <string.h>

#define PARAM_OF struct vmx_cfg
const struct param vmx_params[] = {VMX_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t vmx_params_count = ARRAY_LEN(vmx_params);

/* --- MSRs --- */

static bool is_vmx_msr(u32 msr)
{
    return msr == MSR_FEATURE_CONTROL || (msr >= MSR_VMX_BASIC && msr <= MSR_VMX_LAST);
}

static bool vmx_rdmsr(void *self, struct hart *h, u32 msr, u64 *value, bool *gp)
{
    const struct vmx *x = self;
    (void)h;
    if (virtual_apic_msr(x, msr)) return virtual_apic_read_msr(self, msr, value);
    if (!is_vmx_msr(msr) || !x->cfg.present) return false;
    *gp = !vmx_capability(x, msr, value);
    return true;
}

/* The capability MSRs are read-only, and IA32_FEATURE_CONTROL is locked. */
static bool vmx_wrmsr(void *self, struct hart *h, u32 msr, u64 value, bool *gp)
{
    const struct vmx *x = self;
    (void)h;
    if (virtual_apic_msr(x, msr)) return virtual_apic_write_msr(self, msr, value, gp);
    if (!is_vmx_msr(msr) || !x->cfg.present) return false;
    *gp = true;
    return true;
}

/* --- control registers --- */

static bool vmx_cr0_allowed(void *self, struct hart *h, u64 value)
{
    const struct vmx *x = self;
    return !x->on || vmx_cr0_is_legal(value, hart_in_guest(h) && guest_is_unrestricted(current_vmcs(x)));
}

static bool vmx_cr4_allowed(void *self, struct hart *h, u64 value)
{
    const struct vmx *x = self;
    (void)h;
    return !x->on || vmx_cr4_is_legal(x, value);
}

const struct virt_ops vmx_ops = {
    .intercept = vmx_intercept,
    .intercept_event = vmx_intercept_event,
    .intercept_interrupt = vmx_intercept_interrupt,
    .intercept_triple_fault = vmx_intercept_triple_fault,
    .instruction = vmx_instruction,
    .rdmsr = vmx_rdmsr,
    .wrmsr = vmx_wrmsr,
    .cr0_allowed = vmx_cr0_allowed,
    .cr4_allowed = vmx_cr4_allowed,
    .read_cr = vmx_read_cr,
    .merge_cr = vmx_merge_cr,
    .read_cr8 = vmx_read_cr8,
    .write_cr8 = vmx_write_cr8,
    .apic_access = vmx_apic_access,
    .unblock_nmi = vmx_unblock_nmi,
    .insn_enabled = vmx_insn_enabled,
};

void vmx_init(struct vmx *x, const struct vmx_cfg *cfg, struct hart *h, struct mmu *mmu)
{
    CHECK((uintptr_t)h->mem->host % sizeof(u64) == 0,
          "RAM is not aligned: fields of a VMCS are read in place");
    memset(x, 0, sizeof *x);
    x->cfg = *cfg;
    x->cfg.invpcid = cfg->invpcid && cpu_has(h->model, FEATURE_invpcid);
    x->cfg.virtualize_x2apic = cfg->virtualize_x2apic && cpu_has(h->model, FEATURE_x2apic);
    x->cfg.xsaves = cfg->xsaves && cpu_has(h->model, FEATURE_xsaves);
    x->cfg.rdrand_exiting = cfg->rdrand_exiting && cpu_has(h->model, FEATURE_rdrand);
    x->cfg.rdseed_exiting = cfg->rdseed_exiting && cpu_has(h->model, FEATURE_rdseed);
    x->hart = h;
    x->mmu = mmu;
    x->current = VMCS_NONE;
    x->failure.check = -1;
    for (unsigned w = 0; w < VMX_WORDS; w++)
        x->allowed[w] = vmx_allowed_settings(&x->cfg, (enum vmx_word)w, false);
    for (unsigned a = 0; a < VMCS_AREAS; a++)
        vmcs_area_span((enum vmcs_area)a, &x->area[a].first, &x->area[a].end);
    mmu_set_ept_features(mmu, &(struct mmu_ept_features){.pages_2m = cfg->ept_2m,
                                                         .pages_1g = cfg->ept_1g,
                                                         .execute_only = cfg->ept_execute_only,
                                                         .advanced_info = cfg->ept_advanced_info,
                                                         .log_write = log_guest_page,
                                                         .log_self = x});
    h->virt = &vmx_ops;
    h->virt_self = x;
}
