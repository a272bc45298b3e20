/* registers.c - the guest's control registers and EFER.
 *
 * Without "unrestricted guest" a VMX guest always has paging on. So the Multiboot entry, 32-bit protected
 * mode without paging, runs as compatibility mode on an identity mapping: to flat 32-bit code they are the
 * same. CR0.PG, CR4.PAE and EFER are what would betray it; the CR0 and CR4 masks and the MSR bitmap keep
 * them for the monitor, and the guest sees what it wrote. When it turns paging on, its own CR3 comes into
 * force and only bits that VMX fixes stay hidden. A guest that leaves long mode again is refused.
 * Source: Intel SDM Vol. 3C, "Guest/Host Masks and Read Shadows for CR0 and CR4", "Exit Qualification for
 *         Control-Register Accesses"; Vol. 3A, "IA-32e Mode Operation".
 */
#include "kit/console.h"
#include "monitors/vcpu.h"

enum { ACCESS_MOV_TO = 0, ACCESS_MOV_FROM = 1 };

#define EFER_ALL (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

static void enable_paging(struct vcpu *vcpu)
{
    if (!(vcpu->efer & EFER_LME))
        panic("the guest turns on paging without long mode; only 64-bit guests can run here");
    vcpu->paging = true;
    vcpu->efer |= EFER_LMA;
    vcpu->technique->load_address_space(vcpu);
}

static void write_guest_cr0(struct vcpu *vcpu, u64 value)
{
    if (value >> 32) {
        vcpu_inject_gp(vcpu);
        return;
    }
    bool paging = value & CR0_PG;
    if (vcpu->technique->unrestricted) panic("the guest changes CR0.NE; this monitor cannot follow");
    if (!(value & CR0_PE) || (vcpu->paging && !paging))
        panic("the guest leaves long mode; this monitor cannot follow");
    vmwrite(CR0_READ_SHADOW, value);
    vmwrite(GUEST_CR0,
            (value | rdmsr(MSR_VMX_CR0_FIXED0) | vcpu->technique->cr0_forced) & rdmsr(MSR_VMX_CR0_FIXED1));
    if (paging && !vcpu->paging) enable_paging(vcpu);
    vcpu_skip_instruction();
}

static void write_guest_cr4(struct vcpu *vcpu, u64 value)
{
    u64 refused = ~rdmsr(MSR_VMX_CR4_FIXED1) | vcpu->technique->cr4_hidden;
    if (value & refused || (vcpu->paging && !(value & CR4_PAE))) {
        vcpu_inject_gp(vcpu);
        return;
    }
    vmwrite(CR4_READ_SHADOW, value);
    vmwrite(GUEST_CR4, value | rdmsr(MSR_VMX_CR4_FIXED0) | CR4_PAE);
    vcpu_skip_instruction();
}

static void write_guest_cr3(struct vcpu *vcpu, u64 value)
{
    vcpu->cr3 = value;
    if (vcpu->paging) vcpu->technique->load_address_space(vcpu);
    vcpu_skip_instruction();
}

void vcpu_handle_cr_access(struct vcpu *vcpu)
{
    u64 qualification = vmread(EXIT_QUALIFICATION);
    unsigned cr = qualification & 15, access = qualification >> 4 & 3, gpr = qualification >> 8 & 15;
    if (access == ACCESS_MOV_FROM && cr == 3) {
        vcpu_set_register(vcpu, gpr, vcpu->cr3);
        vcpu_skip_instruction();
    } else if (access == ACCESS_MOV_TO && cr == 0) {
        write_guest_cr0(vcpu, vcpu_register(vcpu, gpr));
    } else if (access == ACCESS_MOV_TO && cr == 3) {
        write_guest_cr3(vcpu, vcpu_register(vcpu, gpr));
    } else if (access == ACCESS_MOV_TO && cr == 4) {
        write_guest_cr4(vcpu, vcpu_register(vcpu, gpr));
    } else {
        panic("control-register access 0x%llx is not modelled", (unsigned long long)qualification);
    }
}

/* What the processor holds is in IA-32e mode all the time. False: the value is illegal, #GP. */
bool vcpu_write_efer(struct vcpu *vcpu, u64 value)
{
    if (value & ~(u64)EFER_ALL) return false;
    if (vcpu->paging && (value ^ vcpu->efer) & EFER_LME) return false;
    vcpu->efer = (value & ~(u64)EFER_LMA) | (vcpu->paging ? EFER_LMA : 0);
    vmwrite(GUEST_IA32_EFER, value | EFER_LME | EFER_LMA);
    return true;
}
