/* ept.c - a hypervisor on extended page tables (EPT): the textbook.
 *
 * The processor translates twice: a linear address by the guest's page tables to a guest-physical address,
 * and that, as every address that the guest's tables hold, by the monitor's EPT to host memory. The monitor
 * fills the EPT once, before the guest runs. From then on the guest changes its page tables, CR3 and TLB as
 * it likes, without one VM exit. The price is paid at TLB misses: a walk of g guest levels over h EPT levels
 * takes (g+1)(h+1)-1 references, 24 with 4 and 4. Larger EPT leaves (`host=`) shorten it.
 *
 * Models:       4-level EPT, write-back, accessed and dirty flags where the processor has them, leaves of
 *               4K, 2M or 1G.
 * Not modelled: paging guest memory out, sharing it, tracking what is dirty; EPT violations end the run.
 * Neighbours:   guest.c (what to map), vcpu.c and exits.c (everything that is not memory), nested.c (a guest
 *               that is a hypervisor: `nested=on`), smp.c (a guest with several processors: `cpus=N`).
 * Source:       Intel SDM Vol. 3C, "The Extended Page Table Mechanism (EPT)", "Extended-Page-Table Pointer
 *               (EPTP)".
 * Checked by:   tests/system/monitors_on_bochs.sh
 */
#include "kit/boot.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/smp.h"
#include "kit/words.h"
#include "monitors/exit_log.h"
#include "monitors/guest.h"
#include "monitors/hypercall.h"
#include "monitors/vcpu.h"
#include "ept.h"
#include "nested.h"
#include "smp.h"
#include "virtual_apic.h"

/* The EPT pointer: memory type of the tables themselves, walk length minus 1, accessed and dirty flags. */
enum {
    EPTP_WRITE_BACK = 6,
    EPTP_WALK_LENGTH_4 = 3 << 3,
    EPTP_ACCESSED_DIRTY = 1 << 6,
};

static struct {
    u64 host_page; /* position in PAGE_SIZE_CHOICES */
    u64 vpid, verbose, log, nested, shadowing;
    struct smp_options smp;
} options = {.vpid = true, .shadowing = true, .smp = {.cpus = 1, .slice_cycles = 20000}};

static u64 *pml4; /* of the EPT */

static const struct word words[] = {
    {"host", WORD_CHOICE, &options.host_page, 0, 0, PAGE_SIZE_CHOICES},
    {"vpid", WORD_SWITCH, &options.vpid, 0, 0, NULL},
    {"verbose", WORD_SWITCH, &options.verbose, 0, 0, NULL},
    {"log", WORD_NUMBER, &options.log, 0, EXIT_LOG_MAX, NULL},
    {"nested", WORD_SWITCH, &options.nested, 0, 0, NULL},
    {"shadowing", WORD_SWITCH, &options.shadowing, 0, 0, NULL},
    {"cpus", WORD_NUMBER, &options.smp.cpus, 0, SMP_MAX, NULL},
    {"ipi", WORD_CHOICE, &options.smp.ipi, 0, 0, IPI_TECHNIQUES},
    {"slice", WORD_NUMBER, &options.smp.slice_cycles, 1000, UINT32_MAX, NULL},
};

/* --- the tables --- */

static u64 *table_below(u64 *entry)
{
    if (!*entry || *entry & EPT_LARGE) *entry = (u64)heap_page_cleared() | EPT_READ_WRITE_EXECUTE;
    return (u64 *)(*entry & PTE_ADDRESS);
}

void ept_map_page(u64 *top, u64 gpa, u64 hpa, unsigned leaf_level, u64 flags)
{
    u64 *table = top;
    for (unsigned level = 4; level > leaf_level; level--) table = table_below(ept_entry(table, gpa, level));
    *ept_entry(table, gpa, leaf_level) = hpa | flags | (leaf_level > 1 ? EPT_LARGE : 0);
}

static unsigned leaf_level(void)
{
    return (unsigned)options.host_page + 1;
}

static bool is_smp(void)
{
    return options.smp.cpus != 1;
}

/* Guest memory is contiguous in the host. The local APIC is the guest's: its page is mapped to itself, but for
 * the technique that virtualizes it. */
static void build_ept(void)
{
    u64 apic = is_smp() ? smp_local_apic(&options.smp) : LOCAL_APIC;
    pml4 = heap_page_cleared();
    u64 page_bytes = PAGE_SIZE_OF(options.host_page);
    for (u64 gpa = 0; gpa < guest.bytes; gpa += page_bytes)
        ept_map_page(pml4, gpa, GUEST_HOST_BASE + gpa, leaf_level(), EPT_READ_WRITE_EXECUTE | EPT_WRITE_BACK);
    u64 type = apic == LOCAL_APIC ? EPT_UNCACHEABLE : EPT_WRITE_BACK;
    ept_map_page(pml4, LOCAL_APIC, apic, 1, EPT_READ_WRITE_EXECUTE | type);
}

/* --- the control fields --- */

static void check_capabilities(u64 capabilities)
{
    u64 needed = CAP_EPT_WALK_LENGTH_4 | CAP_EPT_WRITE_BACK | CAP_INVEPT;
    if ((capabilities & needed) != needed)
        panic("the processor's EPT lacks 4-level walks, write-back tables or INVEPT");
    u64 page_bytes = PAGE_SIZE_OF(options.host_page);
    if (page_bytes == PAGE_2M && !(capabilities & CAP_EPT_2M))
        panic("the processor's EPT has no 2 MiB pages");
    if (page_bytes == PAGE_1G && !(capabilities & CAP_EPT_1G))
        panic("the processor's EPT has no 1 GiB pages");
}

static void set_up(struct vcpu *vcpu)
{
    controls_require(&vcpu->controls, ENABLE_EPT);
    controls_request(&vcpu->controls, ENABLE_INVPCID);
    u64 capabilities = rdmsr(MSR_VMX_EPT_VPID_CAP);
    check_capabilities(capabilities);
    if (!pml4) build_ept();
    u64 ept_pointer = (u64)pml4 | EPTP_WRITE_BACK | EPTP_WALK_LENGTH_4;
    if (capabilities & CAP_EPT_ACCESSED_DIRTY) ept_pointer |= EPTP_ACCESSED_DIRTY;
    vmwrite(EPT_POINTER, ept_pointer);
    invept(INVEPT_SINGLE_CONTEXT, ept_pointer);
    if (options.nested) nested_set_up(vcpu, options.shadowing, ept_pointer, leaf_level());
    if (is_smp()) smp_set_up(vcpu);
}

/* Called with the identity mapping before the first entry, and again when the guest turns on paging. Then
 * CR3 is the guest's own and its moves exit no more. VM entry with VPID flushes nothing, hence the flush. */
static void load_address_space(struct vcpu *vcpu)
{
    vmwrite(GUEST_CR3, vcpu_cr3(vcpu));
    vcpu_flush_tlb(vcpu);
    controls_switch(&vcpu->controls, CR3_LOAD_EXITING, !vcpu->paging);
    controls_switch(&vcpu->controls, CR3_STORE_EXITING, !vcpu->paging);
}

/* All of guest memory is mapped, so the guest has reached outside. */
static void on_ept_violation(struct vcpu *vcpu)
{
    (void)vcpu;
    panic("the guest reached guest-physical address 0x%llx, outside its memory, at rip 0x%llx",
          (unsigned long long)vmread(GUEST_PHYSICAL_ADDRESS), (unsigned long long)vmread(GUEST_RIP));
}

/* --- exchanging pages: a change to entries that processors may hold translations of --- */

/* NULL: no page of guest memory, or not mapped by a leaf of 4 KiB. */
static u64 *find_leaf(u64 gpa)
{
    u64 *table = pml4;
    if (leaf_level() != 1 || gpa >= guest.bytes) return NULL;
    for (unsigned level = 4; level > 1; level--) table = (u64 *)(*ept_entry(table, gpa, level) & PTE_ADDRESS);
    return ept_entry(table, gpa, 1);
}

static void exchange(u64 *a, u64 *b)
{
    u64 kept = *a;
    *a = *b;
    *b = kept;
}

static void exchange_for(const struct vcpu *vcpu, u64 *a, u64 *b)
{
    if (is_smp()) {
        smp_begin_ept_change(vcpu);
        exchange(a, b);
        smp_end_ept_change(vcpu);
    } else {
        exchange(a, b);
        invept(INVEPT_SINGLE_CONTEXT, vmread(EPT_POINTER));
    }
}

static void on_vmcall(struct vcpu *vcpu)
{
    bool exchanges = vcpu->gpr[RAX] == HYPERCALL_EXCHANGE;
    u64 *a = find_leaf(vcpu->gpr[RBX]), *b = find_leaf(vcpu->gpr[RCX]);
    if (exchanges && a && b) exchange_for(vcpu, a, b);
    vcpu->gpr[RAX] = exchanges && !(a && b);
    vcpu_skip_instruction();
}

#define EPT_TECHNIQUE                                                                                        \
    .name = "ept", .set_up = set_up, .load_address_space = load_address_space,                               \
    .handlers = {[EXIT_EPT_VIOLATION] = on_ept_violation, [EXIT_VMCALL] = on_vmcall}

static const struct technique ept = {.cr4_hidden = CR4_VMXE, EPT_TECHNIQUE};

static const struct technique ept_nested = {
    .take_exit = nested_take_exit,
    .filter_cpuid = nested_filter_cpuid,
    .read_msr = nested_read_msr,
    .print_statistics = nested_print_statistics,
    EPT_TECHNIQUE,
};

static const struct technique ept_smp = {
    .name = "ept",
    .unrestricted = true,
    .cr4_hidden = CR4_VMXE,
    .set_up = set_up,
    .load_address_space = load_address_space,
    .go_on = smp_go_on,
    .filter_cpuid = smp_filter_cpuid,
    .print_statistics = smp_print_statistics,
    .handlers =
        {
            [EXIT_EXTERNAL_INTERRUPT] = smp_on_external_interrupt,
            [EXIT_INIT_SIGNAL] = smp_on_init,
            [EXIT_STARTUP_IPI] = smp_on_startup,
            [EXIT_HLT] = smp_on_hlt,
            [EXIT_VMCALL] = on_vmcall,
            [EXIT_EPT_VIOLATION] = on_ept_violation,
            [EXIT_PREEMPTION_TIMER] = smp_on_slice_end,
            [EXIT_APIC_WRITE] = virtual_apic_on_write,
        },
};

int main(void)
{
    words_read(boot.words, words, COUNT_OF(words));
    if (is_smp() && (options.nested || options.log)) panic("cpus=N goes without nested=on and log=N");
    struct vcpu_options of_vcpu = {options.vpid, options.verbose, options.log};
    vmx_on();
    guest_load();
    if (is_smp()) smp_run(&ept_smp, of_vcpu, &options.smp);
    vcpu_run(options.nested ? &ept_nested : &ept, of_vcpu, guest.entry, guest.multiboot_info);
}
