/* monitor_badfield.c - a monitor with one bad field in its VMCS: build/workloads/test-monitor-badfield.elf.
 *
 * Words:   field=NAME   the table below: what is written, behind everything else and right before the first VM entry
 * Run by:  tests/system/bad_input.sh: the simulator must name the rule that is broken.
 */
#include "kit/boot.h"
#include "kit/memory.h"
#include "kit/words.h"
#include "monitors/guest.h"
#include "monitors/vcpu.h"

/* One rule of each stage: controls and host state (VMfail, errors 7 and 8), guest state (exit reason 33). */
static const struct {
    const char *name;
    enum vmcs_field field;
    u64 value;
} bad[] = {
    {"cr3_target_count", CR3_TARGET_COUNT, 5},
    {"host_rip", HOST_RIP, 1ull << 63},
    {"guest_rflags", GUEST_RFLAGS, 0},
    {"vmcs_link_pointer", VMCS_LINK_POINTER, 1},
};

static u64 choice;

static void set_up(struct vcpu *vcpu)
{
    (void)vcpu;
}

/* The last call of the technique before the launch. */
static void load_address_space(struct vcpu *vcpu)
{
    vmwrite(GUEST_CR3, vcpu_cr3(vcpu));
    vmwrite(bad[choice].field, bad[choice].value);
}

static const struct technique badfield = {
    .name = "badfield", .set_up = set_up, .load_address_space = load_address_space};

int main(void)
{
    const struct word words[] = {
        {"field", WORD_CHOICE, &choice, 0, 0, "cr3_target_count|host_rip|guest_rflags|vmcs_link_pointer"}};
    words_read(boot.words, words, COUNT_OF(words));
    vmx_on();
    guest_load();
    vcpu_run(&badfield, (struct vcpu_options){false, false, 0}, guest.entry, guest.multiboot_info);
}
