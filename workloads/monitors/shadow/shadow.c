/* shadow.c - a hypervisor on shadow page tables, for processors whose VMX has no EPT: the textbook.
 *
 * The processor translates once, by tables that the guest never sees. Each shadow table mirrors one table of
 * the guest, entry by entry: the same rights, but host addresses. They are filled on demand and have to stay
 * what the guest's tables say:
 *
 *   page fault exits    the entry is missing in the guest's tables too: the guest gets its page fault;
 *                       or only in the shadow (a hidden fault): fill it, set the guest's accessed and dirty
 *                       flags, go on;
 *                       or the guest stores to one of its tables, which are mapped read-only: do the store
 *                       for it and clear what was derived from the old entry.
 *   INVLPG exits        the shadow is up to date already; the TLB is not.
 *   MOV CR3 exits       the other root is shadowed too, or still; load it, flush the TLB.
 *
 * Accessed and dirty flags: an entry enters the shadow when its accessed flag is set, and allows writes when
 * its dirty flag is set; until then the access faults and the monitor sets the flag.
 *
 * A table that is stored to again and again without being used is no longer worth it, or no table any more
 * (the guest has recycled its page): after STORES_MAX stores, or at once after one that store.c does not
 * decode, its shadow is thrown away and the guest may write to it, until the next walk finds it to be a
 * table.
 *
 * In the steady state nothing exits, and a TLB miss costs what it costs natively: g references.
 *
 * Models:       4-level paging with 4K, 2M and 1G guest pages, CR0.WP, NX, SMEP; VPID.
 * Not modelled: PCID, SMAP, protection keys, 5 levels (hidden by CPUID); tables out of step ("unsync");
 *               global pages.
 * Neighbours:   walk.c (the guest's tables), pool.c (the shadow's), store.c; vcpu.c and exits.c (all that is
 *               not memory).
 * Source:       Intel SDM Vol. 3C, "VMM Software: Virtualizing Address Translation"; Adams and Agesen, "A
 *               Comparison of Software and Hardware Techniques for x86 Virtualization", ASPLOS 2006 (hidden
 *               and true faults).
 * Checked by:   tests/system/monitors_on_bochs.sh
 */
#include "kit/boot.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/trap.h"
#include "kit/words.h"
#include "monitors/exit_log.h"
#include "monitors/guest.h"
#include "monitors/vcpu.h"
#include "shadow/pool.h"
#include "shadow/store.h"
#include "shadow/walk.h"

enum { STORES_MAX = 3, SAME_STORE_MAX = 8 };

/* Features of paging that are not shadowed. */
enum {
    CPUID_1_ECX_PCID = 1 << 17,
    CPUID_7_EBX_SMAP = 1 << 20,
    CPUID_7_ECX_PKU = 1 << 3,
    CPUID_7_ECX_LA57 = 1 << 16,
};
#define CR4_LA57       BIT(12)
#define CR4_SMAP       BIT(21)
#define CR4_PKE        BIT(22)
#define PTE_RIGHTS     (PTE_P | PTE_W | PTE_U | PTE_NX)
#define PTE_ALL_RIGHTS (PTE_P | PTE_W | PTE_U)

static struct {
    u64 vpid, verbose, log, pool;
} options = {.vpid = true, .pool = POOL_PAGES_DEFAULT};

static const struct word words[] = {
    {"vpid", WORD_SWITCH, &options.vpid, 0, 0, NULL},
    {"verbose", WORD_SWITCH, &options.verbose, 0, 0, NULL},
    {"log", WORD_NUMBER, &options.log, 0, EXIT_LOG_MAX, NULL},
    {"pool", WORD_NUMBER, &options.pool, POOL_PAGES_MIN, POOL_PAGES_MAX, NULL},
};

#define STATISTICS(S)                                                                                        \
    S(guest_faults, "page faults that were the guest's own")                                                 \
    S(hidden_faults, "page faults hidden from it")                                                           \
    S(table_stores, "stores to its tables")                                                                  \
    S(tables_dropped, "tables whose shadow was thrown away")                                                 \
    S(pool_resets, "times that all shadow pages were")

static struct {
#define COUNTER(name, text) u64 name;
    STATISTICS(COUNTER)
#undef COUNTER
} statistics;

/* --- address spaces --- */

/* A fill needs at most one page for each level below the root. */
static void make_room(void)
{
    if (pool_free_pages() >= ROOT_LEVEL) return;
    pool_reset();
    statistics.pool_resets++;
}

static u32 root_page(const struct vcpu *vcpu)
{
    u64 root = vcpu_cr3(vcpu) & PTE_ADDRESS;
    if (root >= guest.bytes)
        panic("the guest's CR3 points outside its memory: 0x%llx", (unsigned long long)root);
    return pool_page(root, ROOT_LEVEL, SHADOW_OF);
}

static void load_address_space(struct vcpu *vcpu)
{
    make_room();
    vmwrite(GUEST_CR3, pool_table(root_page(vcpu)));
    vcpu_flush_tlb(vcpu);
    pool_take_flush();
}

/* --- hidden faults: fill the shadow from a walk of the guest's tables --- */

/* What an entry at this level allows: what the guest's own does; below its large page, everything. A page
 * that is not yet dirty is read-only. */
static u64 rights_at(const struct walk *w, unsigned level)
{
    if (level < w->level) return PTE_ALL_RIGHTS;
    u64 rights = w->entry[level] & PTE_RIGHTS;
    return level == w->level && !(w->entry[level] & PTE_D) ? rights & ~PTE_W : rights;
}

/* Asked above level 1. */
static bool points_to_table(slot_t slot)
{
    return (pool_entry(slot) & (PTE_P | PTE_PS)) == PTE_P;
}

/* A guest page of 2M or 1G is mapped in 2 MiB pieces; a piece that holds a table is split, and stays so. */
static bool maps_at(const struct walk *w, unsigned level, slot_t slot)
{
    if (level == 1) return true;
    return level == 2 && w->level >= 2 && w->gpa < guest.bytes && !points_to_table(slot) &&
           !pool_region_has_tables(w->gpa);
}

/* Guest memory, or the local APIC's page, which is the guest's too; the guest has nothing else. */
static u64 mapping_of(const struct walk *w, unsigned level)
{
    u64 rights = rights_at(w, level) | PTE_A | PTE_D;
    if (w->gpa < guest.bytes) {
        if (level == 1 && pool_is_table(w->gpa)) rights &= ~PTE_W;
        return (GUEST_HOST_BASE + round_down(w->gpa, entry_bytes(level))) | rights | (level > 1 ? PTE_PS : 0);
    }
    if (round_down(w->gpa, PAGE_4K) == LOCAL_APIC) return LOCAL_APIC | rights | PTE_PCD | PTE_PWT;
    panic("the guest reached guest-physical address 0x%llx, outside its memory, at rip 0x%llx",
          (unsigned long long)w->gpa, (unsigned long long)vmread(GUEST_RIP));
}

/* The table below an entry that is no leaf: the one that it points to already, the shadow of the guest's
 * table, or a part of the guest's large page. */
static u32 page_below(const struct walk *w, unsigned level, slot_t slot)
{
    if (points_to_table(slot)) return pool_page_below(slot);
    if (level > w->level) return pool_page(w->table[level - 1], level - 1, SHADOW_OF);
    return pool_page(round_down(w->gpa, entry_bytes(level)), level - 1, SPLIT_OF);
}

/* Makes the shadow map va as the walk found it. */
static void fill(const struct vcpu *vcpu, u64 va, const struct walk *w)
{
    u32 page = root_page(vcpu);
    for (unsigned level = ROOT_LEVEL;; level--) {
        pool_note_use(page);
        slot_t slot = pool_slot(page, va);
        if (maps_at(w, level, slot)) {
            pool_set_entry(slot, mapping_of(w, level));
            return;
        }
        page = page_below(w, level, slot);
        pool_set_entry(slot, pool_table(page) | rights_at(w, level) | PTE_A);
    }
}

static void flush_if_needed(const struct vcpu *vcpu)
{
    if (pool_take_flush()) vcpu_flush_tlb(vcpu);
}

/* If the fault was one of rights, the TLB may hold the old ones. */
static void on_hidden_fault(struct vcpu *vcpu, u64 va, const struct walk *w, bool present)
{
    statistics.hidden_faults++;
    if (pool_free_pages() < ROOT_LEVEL) load_address_space(vcpu);
    fill(vcpu, va, w);
    if (present) vcpu_flush_address(vcpu, va);
    flush_if_needed(vcpu);
}

/* --- stores to the guest's tables --- */

/* The root may be among what goes. */
static void drop_table(struct vcpu *vcpu, u64 gpa)
{
    statistics.tables_dropped++;
    pool_unshadow(gpa);
    load_address_space(vcpu);
}

/* The store is executed again, without protection. If it hits a table that its own address translation uses,
 * that table is shadowed again at once, and nothing is gained. */
static void retry_unprotected(struct vcpu *vcpu, u64 gpa)
{
    static u64 last_rip, last_gpa, times;
    u64 rip = vmread(GUEST_RIP);
    times = rip == last_rip && gpa == last_gpa ? times + 1 : 0;
    if (times > SAME_STORE_MAX)
        panic("rip 0x%llx stores to a page table that it depends on, in a way that is not decoded",
              (unsigned long long)rip);
    last_rip = rip;
    last_gpa = gpa;
    drop_table(vcpu, gpa);
}

/* One entry is stored to by one instruction that is decoded, and not in the middle of delivering an event. */
static bool decode_table_store(const struct vcpu *vcpu, u64 va, struct store *store)
{
    if (vcpu->delivery_interrupted || !store_decode(vcpu, store)) return false;
    return store->address == va && va % sizeof(u64) + store->operand_bytes <= sizeof(u64);
}

static void on_table_store(struct vcpu *vcpu, u64 va, u64 gpa)
{
    struct store store;
    statistics.table_stores++;
    if (!decode_table_store(vcpu, va, &store)) {
        retry_unprotected(vcpu, gpa);
        return;
    }
    store_execute(vcpu, &store, guest_pointer(gpa));
    if (pool_note_store(gpa) > STORES_MAX) drop_table(vcpu, gpa);
    flush_if_needed(vcpu);
}

/* --- exits --- */

static void give_fault_to_guest(struct vcpu *vcpu, u64 va, u32 error_code)
{
    statistics.guest_faults++;
    write_cr2(va);
    vcpu_inject_exception(vcpu, VECTOR_PF, error_code);
}

/* Only page faults are in the exception bitmap. Their linear address is the exit qualification. */
static void on_page_fault(struct vcpu *vcpu)
{
    u64 va = vmread(EXIT_QUALIFICATION);
    u32 error_code = (u32)vmread(EXIT_INTERRUPTION_ERROR_CODE);
    u32 access = error_code & (PF_WRITE | PF_USER | PF_FETCH);
    struct walk w;
    if (!walk_guest(vcpu, va, access, &w))
        give_fault_to_guest(vcpu, va, w.error_code);
    else if (access & PF_WRITE && pool_is_table(w.gpa))
        on_table_store(vcpu, va, w.gpa);
    else
        on_hidden_fault(vcpu, va, &w, error_code & PF_PRESENT);
}

static void on_invlpg(struct vcpu *vcpu)
{
    vcpu_flush_address(vcpu, vmread(EXIT_QUALIFICATION));
    vcpu_skip_instruction();
}

/* --- set-up --- */

static void filter_cpuid(const struct vcpu *vcpu, u32 leaf, struct cpuid *id)
{
    (void)vcpu;
    if (leaf == 1) id->ecx &= ~(u32)CPUID_1_ECX_PCID;
    if (leaf != 7) return;
    id->ebx &= ~(u32)CPUID_7_EBX_SMAP;
    id->ecx &= ~(u32)(CPUID_7_ECX_PKU | CPUID_7_ECX_LA57);
}

static void set_up(struct vcpu *vcpu)
{
    controls_require(&vcpu->controls, INVLPG_EXITING);
    vmwrite(EXCEPTION_BITMAP, BIT(VECTOR_PF));
    pool_init(options.pool);
}

static void print_statistics(void)
{
#define PRINT(name, text) printf("  %8llu " text "\n", (unsigned long long)statistics.name);
    STATISTICS(PRINT)
#undef PRINT
}

static const struct technique shadow = {
    .name = "shadow",
    .cr0_forced = CR0_WP, /* or the guest's kernel could store to its tables; walk.c knows what it set */
    .cr4_hidden = CR4_VMXE | CR4_PCIDE | CR4_LA57 | CR4_SMAP | CR4_PKE,
    .set_up = set_up,
    .load_address_space = load_address_space,
    .filter_cpuid = filter_cpuid,
    .print_statistics = print_statistics,
    .handlers = {[EXIT_EXCEPTION_OR_NMI] = on_page_fault, [EXIT_INVLPG] = on_invlpg},
};

int main(void)
{
    words_read(boot.words, words, COUNT_OF(words));
    vmx_on();
    guest_load();
    vcpu_run(&shadow, (struct vcpu_options){options.vpid, options.verbose, options.log}, guest.entry,
             guest.multiboot_info);
}
