/* monitor_dirty_log.c - a monitor that learns by page-modification logging which pages its guest writes:
 * build/workloads/test-monitor-dirty_log.elf.
 *
 * Words:   verbose=on  at the end: how many pages the log named, how many have their dirty flag set, how often it was full
 * Run by:  tests/system/vmx_features.sh: the first two must be the same.
 *
 * Guest memory is mapped by EPT in 4-KiB pages, all clean. The local APIC is the guest's own and always dirty.
 */
#include "kit/boot.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/words.h"
#include "monitors/guest.h"
#include "monitors/vcpu.h"

enum { PML_ADDRESS = 0x200e, GUEST_PML_INDEX = 0x0812, EXIT_LOG_FULL = 62, LOG_ENTRIES = 512 };
enum { EPT_ALL = 7, EPT_WRITE_BACK = 6 << 3, EPT_LARGE = 1 << 7, EPT_DIRTY = 1 << 9 };
enum { EPT_POINTER_4_LEVELS_WRITE_BACK = 6 | 3 << 3, EPT_POINTER_ACCESSED_DIRTY = 1 << 6 };
#define SECONDARY_ENABLE_PML BIT(17)

static u64 *leaf_table[TABLE_ENTRIES]; /* of 2 MiB each */
static u64 *pages_log, verbose, logged, times_full;

/* The entries above the index are filled. */
static void drain_log(void)
{
    u16 index = (u16)(vmread((enum vmcs_field)GUEST_PML_INDEX) + 1);
    for (unsigned n = index; n < LOG_ENTRIES; n++)
        if (pages_log[n] >= guest.bytes || pages_log[n] % PAGE_4K) panic("the log names 0x%llx", (unsigned long long)pages_log[n]);
    logged += LOG_ENTRIES - index;
    vmwrite((enum vmcs_field)GUEST_PML_INDEX, LOG_ENTRIES - 1);
}

static void on_log_full(struct vcpu *vcpu)
{
    (void)vcpu;
    times_full++;
    drain_log();
}

static u64 count_dirty_pages(void)
{
    u64 dirty = 0;
    for (unsigned t = 0; t < TABLE_ENTRIES && leaf_table[t]; t++)
        for (unsigned n = 0; n < TABLE_ENTRIES; n++) dirty += (leaf_table[t][n] & EPT_DIRTY) != 0;
    return dirty;
}

static void print_statistics(void)
{
    drain_log();
    printf("logged %llu dirty %llu full %llu\n", (unsigned long long)logged, (unsigned long long)count_dirty_pages(),
           (unsigned long long)times_full);
}

static u64 map_memory(void)
{
    u64 *top = heap_page_cleared(), *gib = heap_page_cleared(), *directory = heap_page_cleared();
    top[0] = (u64)gib | EPT_ALL;
    gib[0] = (u64)directory | EPT_ALL;
    gib[3] = 3 * GiB | EPT_ALL | EPT_LARGE | EPT_DIRTY;
    for (u64 gpa = 0; gpa < guest.bytes; gpa += PAGE_4K) {
        u64 **table = &leaf_table[gpa / PAGE_2M];
        if (!*table) directory[gpa / PAGE_2M] = (u64)(*table = heap_page_cleared()) | EPT_ALL;
        (*table)[gpa / PAGE_4K % TABLE_ENTRIES] = (GUEST_HOST_BASE + gpa) | EPT_ALL | EPT_WRITE_BACK;
    }
    return (u64)top | EPT_POINTER_4_LEVELS_WRITE_BACK | EPT_POINTER_ACCESSED_DIRTY;
}

static void set_up(struct vcpu *vcpu)
{
    struct controls *c = &vcpu->controls;
    controls_require(c, ENABLE_EPT);
    if (!(c->allowed_1[SECONDARY] & SECONDARY_ENABLE_PML)) panic("the processor has no page-modification logging");
    c->word[SECONDARY] |= SECONDARY_ENABLE_PML;
    pages_log = heap_page_cleared();
    vmwrite(EPT_POINTER, map_memory());
    vmwrite((enum vmcs_field)PML_ADDRESS, (u64)pages_log);
    vmwrite((enum vmcs_field)GUEST_PML_INDEX, LOG_ENTRIES - 1);
}

static void load_address_space(struct vcpu *vcpu)
{
    vmwrite(GUEST_CR3, vcpu_cr3(vcpu));
}

static const struct technique dirty_log = {
    .name = "dirty_log",
    .set_up = set_up,
    .load_address_space = load_address_space,
    .print_statistics = print_statistics,
    .handlers = {[EXIT_LOG_FULL] = on_log_full},
};

int main(void)
{
    const struct word words[] = {{"verbose", WORD_SWITCH, &verbose, 0, 0, NULL}};
    words_read(boot.words, words, COUNT_OF(words));
    vmx_on();
    guest_load();
    vcpu_run(&dirty_log, (struct vcpu_options){.verbose = verbose}, guest.entry, guest.multiboot_info);
}
