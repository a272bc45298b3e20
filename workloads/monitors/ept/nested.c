/* nested.c - where VMX for the guest plugs into the monitor. */
#include "nested.h"
#include "kit/console.h"
#include "kit/memory.h"

struct nested nested;

/* --- set up --- */

static void set_up_vmcs02(void)
{
    static const u16 zero[] = {CR3_TARGET_COUNT, EXIT_MSR_STORE_COUNT, EXIT_MSR_LOAD_COUNT,
                               ENTRY_MSR_LOAD_COUNT, PREEMPTION_TIMER_VALUE};
    nested.vmcs02 = vmx_region();
    vmclear(nested.vmcs02);
    vmcs12_copy_host_state(nested.vmcs01, nested.vmcs02);
    vmptrld(nested.vmcs02);
    for (unsigned i = 0; i < COUNT_OF(zero); i++) vmwrite(zero[i], 0);
    vmwrite(VMCS_LINK_POINTER, NO_VMCS);
    vmptrld(nested.vmcs01);
}

/* The shadow VMCS holds exit information too, which VMWRITE does not reach on every processor. */
static bool can_shadow(struct controls *c)
{
    return rdmsr(MSR_VMX_MISC) & MISC_VMWRITE_ANY && controls_request(c, VMCS_SHADOWING);
}

void nested_set_up(struct vcpu *vcpu, bool shadowing, u64 ept_pointer, unsigned ept_leaf_level)
{
    struct controls *c = &vcpu->controls;
    if (!(c->allowed_1[control_word_of(ACTIVATE_PREEMPTION_TIMER)] &
          control_bit_of(ACTIVATE_PREEMPTION_TIMER)))
        panic("nested=on needs the VMX-preemption timer");
    nested.vmcs01 = vmptrst();
    nested.current = NO_VMCS;
    nested.ept_pointer_01 = ept_pointer;
    nested.bitmaps_01[0] = vmread(ADDRESS_OF_IO_BITMAP_A);
    nested.bitmaps_01[1] = vmread(ADDRESS_OF_IO_BITMAP_B);
    nested.bitmaps_01[2] = vmread(ADDRESS_OF_MSR_BITMAPS);
    vmcs12_set_up();
    set_up_vmcs02();
    nested_ept_set_up(ept_pointer, ept_leaf_level);
    nested.shadowing = shadowing && can_shadow(c);
    if (nested.shadowing) shadow_set_up();
}

void nested_filter_cpuid(const struct vcpu *vcpu, u32 leaf, struct cpuid *id)
{
    (void)vcpu;
    if (leaf == 1) id->ecx |= CPUID_1_ECX_VMX;
}

/* --- exits --- */

bool nested_take_exit(struct vcpu *vcpu, u32 reason)
{
    nested.exits[nested.level2 ? 2 : 1][reason < EXIT_REASONS ? reason : 0]++;
    if (nested.level2)
        nested_exit(vcpu, reason);
    else if (nested_is_vmx_instruction(reason))
        nested_vmx_instruction(vcpu, reason);
    else
        return false;
    if (!nested.level2) vcpu_deliver_events(vcpu);
    return true;
}

/* --- statistics --- */

static void print_level(unsigned level)
{
    u64 sum = 0;
    for (unsigned i = 0; i < EXIT_REASONS; i++) sum += nested.exits[level][i];
    printf("level %u: %llu exits\n", level, (ull)sum);
    for (unsigned i = 0; i < EXIT_REASONS; i++)
        if (nested.exits[level][i]) printf("  %8llu %s\n", (ull)nested.exits[level][i], vcpu_exit_name(i));
}

void nested_print_statistics(void)
{
    print_level(1);
    print_level(2);
    printf("  %8llu of these reflected to level 1\n", (ull)nested.reflected);
}
