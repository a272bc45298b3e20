#include "shadow/walk.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "monitors/guest.h"

#define CR4_SMEP BIT(20)

static u64 *guest_entry(u64 table, u64 va, unsigned level)
{
    if (table >= guest.bytes)
        panic("a page table of the guest lies outside its memory: 0x%llx", (unsigned long long)table);
    return (u64 *)guest_pointer(table) + entry_index(va, level);
}

/* Bits that must be 0 in every present entry: addresses that the processor does not have, and NX while it is
 * off. */
static u64 reserved_bits(const struct vcpu *vcpu)
{
    static u64 beyond_physical;
    if (!beyond_physical) beyond_physical = ~(BIT(cpuid(0x80000008, 0).eax & 0xff) - 1);
    return (beyond_physical & PTE_ADDRESS) | (vcpu->efer & EFER_NXE ? 0 : PTE_NX);
}

/* Address bits below a large page's size, apart from PAT in bit 12; in a PML4 entry, PS itself. */
static bool is_bad_large_page(u64 entry, unsigned level)
{
    if (level == ROOT_LEVEL) return entry & PTE_PS;
    return level > 1 && entry & PTE_PS && entry & (entry_bytes(level) - 1) & PTE_ADDRESS & ~BIT(12);
}

static bool stop_walk(struct walk *w, u32 error_code)
{
    w->error_code = error_code;
    return false;
}

/* Down to the leaf, without looking at rights. False: an entry is missing or has a reserved bit. */
static bool walk_down(const struct vcpu *vcpu, u64 va, struct walk *w)
{
    u64 table = vcpu_cr3(vcpu) & PTE_ADDRESS, reserved = reserved_bits(vcpu), entry;
    for (w->level = ROOT_LEVEL;; w->level--) {
        entry = *guest_entry(table, va, w->level);
        w->table[w->level] = table;
        w->entry[w->level] = entry;
        if (!(entry & PTE_P)) return stop_walk(w, 0);
        if (entry & reserved || is_bad_large_page(entry, w->level))
            return stop_walk(w, PF_PRESENT | PF_RESERVED);
        if (w->level == 1 || entry & PTE_PS) break;
        table = entry & PTE_ADDRESS;
    }
    u64 offset_mask = entry_bytes(w->level) - 1;
    w->gpa = (entry & PTE_ADDRESS & ~offset_mask) | (va & offset_mask);
    return true;
}

/* A right to write or for users needs the bit at every level; NX at one level forbids execution. */
static bool is_allowed(const struct walk *w, u32 access)
{
    u64 all = ~0ull, any = 0;
    for (unsigned level = w->level; level <= ROOT_LEVEL; level++) {
        all &= w->entry[level];
        any |= w->entry[level];
    }
    if (access & PF_USER && !(all & PTE_U)) return false;
    if (access & PF_FETCH && any & PTE_NX) return false;
    if (access & PF_FETCH && !(access & PF_USER) && all & PTE_U && vmread(GUEST_CR4) & CR4_SMEP) return false;
    if (!(access & PF_WRITE) || all & PTE_W) return true;
    if (access & PF_USER || vmread(CR0_READ_SHADOW) & CR0_WP) return false;
    panic("the guest writes to a read-only page with CR0.WP clear, which this monitor does not model");
}

static void set_flags(struct walk *w, u64 va, unsigned level, u64 flags)
{
    if ((w->entry[level] & flags) == flags) return;
    w->entry[level] |= flags;
    *guest_entry(w->table[level], va, level) = w->entry[level];
}

bool walk_guest(const struct vcpu *vcpu, u64 va, u32 access, struct walk *w)
{
    if (!walk_down(vcpu, va, w)) return stop_walk(w, w->error_code | access);
    if (!is_allowed(w, access)) return stop_walk(w, PF_PRESENT | access);
    for (unsigned level = ROOT_LEVEL; level > w->level; level--) set_flags(w, va, level, PTE_A);
    set_flags(w, va, w->level, access & PF_WRITE ? PTE_A | PTE_D : PTE_A);
    return true;
}

const u8 *walk_pointer(const struct vcpu *vcpu, u64 va)
{
    struct walk w;
    return walk_down(vcpu, va, &w) && w.gpa < guest.bytes ? guest_pointer(w.gpa) : NULL;
}
