/* monitor_unrestricted.c - a monitor that lets its guest run in every mode: build/workloads/test-monitor-unrestricted.elf.
 *
 * The guest begins as Multiboot has it, in 32-bit protected mode without paging, and owns CR0 but for NE, CR3, and CR4 but
 * for VMXE. CPUID, VMCALL and the port that ends the run exit.
 * Run by:  tests/system/vmx_features.sh, monitors_on_bochs.sh
 *
 * Two 1-GiB pages are its EPT: the guest's memory, and the region of the local APIC.
 */
#include "kit/boot.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/words.h"
#include "monitors/guest.h"
#include "monitors/vcpu.h"

enum { EPT_ALL = 7, EPT_WRITE_BACK = 6 << 3, EPT_LARGE = 1 << 7, EPT_POINTER_4_LEVELS_WRITE_BACK = 6 | 3 << 3 };
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define SECONDARY_UNRESTRICTED_GUEST BIT(7)

static void map_memory(struct vcpu *vcpu)
{
    u64 *top = heap_page_cleared(), *gib = heap_page_cleared();
    top[0] = (u64)gib | EPT_ALL;
    gib[0] = GUEST_HOST_BASE | EPT_ALL | EPT_WRITE_BACK | EPT_LARGE;
    gib[3] = 3 * GiB | EPT_ALL | EPT_LARGE; /* uncacheable */
    vmwrite(EPT_POINTER, (u64)top | EPT_POINTER_4_LEVELS_WRITE_BACK);
    controls_require(&vcpu->controls, ENABLE_EPT);
}

static void set_up(struct vcpu *vcpu)
{
    struct controls *c = &vcpu->controls;
    map_memory(vcpu);
    if (!(c->allowed_1[SECONDARY] & SECONDARY_UNRESTRICTED_GUEST)) panic("the processor has no unrestricted guests");
    c->word[SECONDARY] |= SECONDARY_UNRESTRICTED_GUEST;
    controls_switch(c, CR3_LOAD_EXITING, false);
    controls_switch(c, CR3_STORE_EXITING, false);
    controls_switch(c, IA32E_MODE_GUEST, false);
}

/* The last call before the launch: what vcpu_run has written for guests that are always paged. */
static void load_address_space(struct vcpu *vcpu)
{
    (void)vcpu;
    vmwrite(GUEST_CR0, CR0_PE | CR0_NE | CR0_ET);
    vmwrite(CR0_GUEST_HOST_MASK, CR0_NE);
    vmwrite(CR0_READ_SHADOW, 0);
    vmwrite(GUEST_CR3, 0);
    vmwrite(GUEST_CR4, CR4_VMXE);
    vmwrite(CR4_GUEST_HOST_MASK, CR4_VMXE);
    vmwrite(GUEST_IA32_EFER, 0);
}

static const struct technique unrestricted = {
    .name = "unrestricted", .set_up = set_up, .load_address_space = load_address_space};

int main(void)
{
    words_read(boot.words, NULL, 0);
    vmx_on();
    guest_load();
    vcpu_run(&unrestricted, (struct vcpu_options){.vpid = false}, guest.entry, guest.multiboot_info);
}
