#include "shadow/walk.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "monitors/guest.h"

#define CR4_SMEP BIT(20)

static u64 *guest_entry(u64 table, u64 va, unsigned level)
{
    if (table >= guest.bytes) panic("a page table of the guest lies outside its memory: 0x%llx", (unsigned long long)table);
    return (u64 *)guest_pointer(table) + entry_index(va, level);
}

static u64 address_bits(void)
{
    static u64 bits;
    if (!bits) bits = cpuid(0x80000008, 0).eax & 0xff;
    return bits;
}

/* Bits that must be 0 in a present entry. */
static u64 reserved_bits(const struct vcpu *vcpu, u64 entry, unsigned level)
{
    u64 reserved = PTE_ADDRESS & ~(BIT(address_bits()) - 1);
    if (!(vcpu->efer & EFER_NXE)) reserved |= PTE_NX;
    if (level == ROOT_LEVEL) return reserved | PTE_PS;
    if (level > 1 && entry & PTE_PS) reserved |= (entry_bytes(level) - 1) & PTE_ADDRESS & ~BIT(12); /* 12 is PAT */
    return reserved;
}

static bool is_leaf(u64 entry, unsigned level)
{
    return level == 1 || entry & PTE_PS;
}

/* Down to the leaf, without looking at rights. Reports a missing entry or a reserved bit. */
static struct walk walk_down(const struct vcpu *vcpu, u64 va)
{
    struct walk w = {.faults = false};
    u64 table = vcpu_cr3(vcpu) & PTE_ADDRESS;
    for (w.level = ROOT_LEVEL;; w.level--) {
        u64 entry = *guest_entry(table, va, w.level);
        w.table[w.level] = table;
        w.entry[w.level] = entry;
        if (!(entry & PTE_P) || entry & reserved_bits(vcpu, entry, w.level)) {
            w.faults = true;
            w.error_code = entry & PTE_P ? PF_PRESENT | PF_RESERVED : 0;
            return w;
        }
        if (is_leaf(entry, w.level)) break;
        table = entry & PTE_ADDRESS;
    }
    u64 offset_mask = entry_bytes(w.level) - 1;
    w.gpa = (w.entry[w.level] & PTE_ADDRESS & ~offset_mask) | (va & offset_mask);
    return w;
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

struct walk walk_guest(const struct vcpu *vcpu, u64 va, u32 access)
{
    struct walk w = walk_down(vcpu, va);
    if (!w.faults && !is_allowed(&w, access)) {
        w.faults = true;
        w.error_code = PF_PRESENT;
    }
    if (w.faults) {
        w.error_code |= access;
        return w;
    }
    for (unsigned level = ROOT_LEVEL; level > w.level; level--)
        set_flags(&w, va, level, PTE_A);
    set_flags(&w, va, w.level, access & PF_WRITE ? PTE_A | PTE_D : PTE_A);
    return w;
}

bool walk_read(const struct vcpu *vcpu, u64 va, void *to, u64 bytes)
{
    for (u8 *at = to; bytes > 0;) {
        u64 in_page = smaller(bytes, PAGE_4K - va % PAGE_4K);
        struct walk w = walk_down(vcpu, va);
        if (w.faults || w.gpa >= guest.bytes) return false;
        memcpy(at, guest_pointer(w.gpa), in_page);
        at += in_page;
        va += in_page;
        bytes -= in_page;
    }
    return true;
}
