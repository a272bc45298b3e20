/* monitor_slices.c - a monitor that takes the processor from its guest again and again: build/workloads/test-monitor-slices.elf.
 *
 * Words:   slice=N   value of the VMX-preemption timer, saved and reloaded at each other exit; 0: no timer
 *          steps=N   the guest's first N steps each end in a monitor-trap-flag exit
 * Run by:  tests/system/vmx_features.sh: the guest must not notice, and the exits must be as many as asked.
 *
 * Two 1-GiB pages are its EPT: the guest's memory, and the region of the local APIC.
 */
#include "kit/boot.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/words.h"
#include "monitors/guest.h"
#include "monitors/vcpu.h"

enum { EXIT_MONITOR_TRAP_FLAG = 37 };
#define PRIMARY_MONITOR_TRAP_FLAG  BIT(27)
#define EXIT_SAVE_PREEMPTION_TIMER BIT(22)

/* EPT entries and pointer */
#define EPT_ALL                         7ull
#define EPT_WRITE_BACK                  (6ull << 3)
#define EPT_LARGE                       BIT(7)
#define EPT_POINTER_4_LEVELS_WRITE_BACK (6ull | 3ull << 3)

static u64 slice, steps;

static void start_slice(struct vcpu *vcpu)
{
    (void)vcpu;
    vmwrite(PREEMPTION_TIMER_VALUE, slice);
}

static void end_step(struct vcpu *vcpu)
{
    if (--steps) return;
    vcpu->controls.word[PRIMARY] &= ~(u32)PRIMARY_MONITOR_TRAP_FLAG;
    vmwrite(PRIMARY_CONTROLS, vcpu->controls.word[PRIMARY]);
}

static void map_memory(struct vcpu *vcpu)
{
    u64 *top = heap_page(), *gib = heap_page();
    memset(top, 0, PAGE_4K);
    memset(gib, 0, PAGE_4K);
    top[0] = (u64)gib | EPT_ALL;
    gib[0] = GUEST_HOST_BASE | EPT_ALL | EPT_WRITE_BACK | EPT_LARGE;
    gib[3] = 3 * GiB | EPT_ALL | EPT_LARGE; /* uncacheable */
    vmwrite(EPT_POINTER, (u64)top | EPT_POINTER_4_LEVELS_WRITE_BACK);
    controls_require(&vcpu->controls, ENABLE_EPT);
}

static void set_up(struct vcpu *vcpu)
{
    u32 *word = vcpu->controls.word;
    map_memory(vcpu);
    if (slice) {
        controls_require(&vcpu->controls, ACTIVATE_PREEMPTION_TIMER);
        word[EXIT] |= EXIT_SAVE_PREEMPTION_TIMER;
        start_slice(vcpu);
    }
    if (steps) word[PRIMARY] |= PRIMARY_MONITOR_TRAP_FLAG;
}

static void load_address_space(struct vcpu *vcpu)
{
    vmwrite(GUEST_CR3, vcpu_cr3(vcpu));
}

static const struct technique slices = {
    .name = "slices",
    .set_up = set_up,
    .load_address_space = load_address_space,
    .handlers = {[EXIT_PREEMPTION_TIMER] = start_slice, [EXIT_MONITOR_TRAP_FLAG] = end_step},
};

int main(void)
{
    const struct word words[] = {{"slice", WORD_NUMBER, &slice, 0, 0xffffffff, NULL},
                                 {"steps", WORD_NUMBER, &steps, 0, 1000000, NULL}};
    words_read(boot.words, words, COUNT_OF(words));
    vmx_on();
    guest_load();
    vcpu_run(&slices, (struct vcpu_options){false, false, 0}, guest.entry, guest.multiboot_info);
}
