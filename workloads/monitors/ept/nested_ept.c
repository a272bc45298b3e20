/* nested_ept.c - EPT under EPT: level 2's guest-physical addresses, through level 1's tables and level 0's,
 * in one.
 *
 * The processor takes one EPT pointer. So level 0 fills tables EPT02 with what EPT12, level 1's, and EPT01,
 * its own, make together, page by page, as EPT violations ask for it: shadow paging once more, one dimension
 * further down. A page is as large as the smaller of the two that map it, and has the rights of EPT12. What
 * EPT12 does not map or does not allow is level 1's to see. INVEPT by level 1 empties EPT02.
 *
 * Source: Intel SDM Vol. 3C, "The Extended Page Table Mechanism (EPT)", "EPT Translation Mechanism";
 *         Ben-Yehuda et al., "The Turtles Project: Design and Implementation of Nested Virtualization", OSDI
 *         2010 ("multi-dimensional paging").
 */
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "ept.h"
#include "nested.h"

enum { EPT_RIGHTS = 7, EPT_MEMORY_TYPE = 7 << 3, ROOT_LEVEL = 4 };

static struct {
    u64 pointer_01;      /* EPT01; its flags are EPT02's too */
    unsigned leaf_level; /* of EPT01: 1 = 4K, 2 = 2M, 3 = 1G */
    u64 *root_02;
    u64 pointer_12; /* whose mappings EPT02 holds */
} ept;

static u64 pointer_02(void)
{
    return (u64)ept.root_02 | (ept.pointer_01 & ~PTE_ADDRESS);
}

void nested_ept_set_up(u64 ept_pointer_01, unsigned leaf_level)
{
    ept.pointer_01 = ept_pointer_01;
    ept.leaf_level = leaf_level;
    ept.root_02 = heap_page_cleared();
    ept.pointer_12 = NO_VMCS;
}

/* --- EPT02 --- */

static void free_below(u64 *table, unsigned level)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        u64 entry = table[i];
        table[i] = 0;
        if (level == 1 || !entry || entry & EPT_LARGE) continue;
        free_below((u64 *)(entry & PTE_ADDRESS), level - 1);
        heap_page_free((void *)(entry & PTE_ADDRESS));
    }
}

void nested_ept_invalidate(void)
{
    free_below(ept.root_02, ROOT_LEVEL);
    invept(INVEPT_SINGLE_CONTEXT, pointer_02());
}

u64 nested_ept_pointer(void)
{
    u64 pointer_12 = vmcs12_read(EPT_POINTER);
    if (pointer_12 != ept.pointer_12) nested_ept_invalidate();
    ept.pointer_12 = pointer_12;
    return pointer_02();
}

/* --- EPT12 --- */

struct mapping {
    u64 entry;      /* the leaf, or where the walk ended */
    unsigned level; /* of it */
    u64 rights;     /* of all levels together */
    u64 gpa1;       /* what the address becomes in level 1 */
};

static bool is_misconfigured(u64 entry)
{
    return (entry & EPT_RIGHTS) == 2 || (entry & EPT_RIGHTS) == 6;
}

/* False: an entry allows nothing, or is misconfigured. */
static bool walk_12(u64 gpa2, struct mapping *m)
{
    u64 table = ept.pointer_12 & PTE_ADDRESS;
    m->rights = EPT_RIGHTS;
    for (m->level = ROOT_LEVEL;; m->level--) {
        m->entry = *ept_entry(guest_pointer(table), gpa2, m->level);
        m->rights &= m->entry;
        if (!(m->entry & EPT_RIGHTS) || is_misconfigured(m->entry)) return false;
        if (m->level == 1 || m->entry & EPT_LARGE) break;
        table = m->entry & PTE_ADDRESS;
    }
    u64 offset = BIT(12 + 9 * (m->level - 1)) - 1;
    m->gpa1 = (m->entry & PTE_ADDRESS & ~offset) | (gpa2 & offset);
    return true;
}

/* --- both --- */

static void fill(u64 gpa2, const struct mapping *m)
{
    bool device = round_down(m->gpa1, PAGE_4K) == LOCAL_APIC;
    unsigned level = device ? 1 : (unsigned)smaller(m->level, ept.leaf_level);
    if (!device && m->gpa1 >= guest.bytes) panic("level 1 maps 0x%llx, outside its memory", (ull)m->gpa1);
    u64 offset = BIT(12 + 9 * (level - 1)) - 1, hpa = device ? LOCAL_APIC : GUEST_HOST_BASE + m->gpa1;
    u64 type = device ? EPT_UNCACHEABLE : m->entry & EPT_MEMORY_TYPE;
    ept_map_page(ept.root_02, gpa2 & ~offset, hpa & ~offset, level, m->rights | type);
}

bool nested_ept_handle_violation(u32 *reason, u64 *qualification)
{
    enum { ASKED = 7, ALLOWED_SHIFT = 3 };
    struct mapping m;
    u64 gpa2 = vmread(GUEST_PHYSICAL_ADDRESS);
    *qualification = vmread(EXIT_QUALIFICATION);
    bool mapped = walk_12(gpa2, &m);
    if (mapped && !(*qualification & ASKED & ~m.rights)) {
        fill(gpa2, &m);
        return true;
    }
    if (!mapped && is_misconfigured(m.entry)) {
        *reason = EXIT_EPT_MISCONFIG;
        *qualification = 0;
    }
    u64 allowed = mapped ? m.rights : 0;
    *qualification = (*qualification & ~(u64)(ASKED << ALLOWED_SHIFT)) | allowed << ALLOWED_SHIFT;
    return false;
}
