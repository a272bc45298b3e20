/* paging.h - 4-level page tables: build, look up, change, free.
 *
 *   63..48   47..39   38..30   29..21   20..12   11..0
 *   sign     PML4     PDPT     PD       PT       offset        (Intel SDM Vol. 3A, "4-Level Paging")
 *
 * Tables are 4 KiB heap pages reached through the identity mapping. Nothing here flushes a TLB: whoever
 * changes a present entry calls invlpg() or reloads CR3, as the manual's "Invalidation of TLBs and
 * Paging-Structure Caches" asks.
 * Not modelled: 5-level paging, protection keys, global pages.
 */
#ifndef KIT_PAGING_H
#define KIT_PAGING_H

#include "kit/types.h"

#define PAGE_4K (4 * KiB)
#define PAGE_2M (2 * MiB)
#define PAGE_1G (1 * GiB)

#define PTE_P       BIT(0)
#define PTE_W       BIT(1)
#define PTE_U       BIT(2)
#define PTE_PWT     BIT(3)
#define PTE_PCD     BIT(4)
#define PTE_A       BIT(5)
#define PTE_D       BIT(6)
#define PTE_PS      BIT(7)
#define PTE_COW     BIT(9) /* software: write-protected because shared */
#define PTE_NX      BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull

enum { TABLE_ENTRIES = 512 };

/* Where the benches map the memory that they measure: far from the identity mapping, so in tables of its
 * own. */
#define DATA_VA (1ull << 40)

/* RAM up to here is identity-mapped and cached; the GiB behind it is mapped uncached, for devices. */
#define IDENTITY_RAM_BYTES (3 * GiB)

/* The address space that the kit runs in: the first 4 GiB identity-mapped, supervisor only. */
u64 *kernel_space(void);

/* Called by the kit: replaces start.S's tables by 1 GiB pages where CPUID offers them, else by 2 MiB
 * pages. */
void paging_init(void);

/* PTE_NX when the processor has it, else 0. */
u64 pte_nx(void);

/* Maps [va, va + bytes) to [pa, pa + bytes) in leaves of page_bytes (4K, 2M or 1G; all aligned to it).
 * flags: PTE_W, PTE_U, PTE_PCD, PTE_NX...; PTE_P, PTE_PS and the tables above come by themselves. */
void paging_map(u64 *pml4, u64 va, u64 pa, u64 bytes, u64 page_bytes, u64 flags);

/* The slot of the 4 KiB, 2 MiB or 1 GiB leaf for va, with the tables above it made where missing. */
u64 *paging_slot(u64 *pml4, u64 va, u64 page_bytes);

/* The slot of the present leaf that maps va, of whatever size; NULL if there is none. */
u64 *paging_find(u64 *pml4, u64 va);

/* Physical address that va is mapped to; va must be mapped. */
u64 paging_translate(u64 *pml4, u64 va);

/* Maps `bytes` of fresh contiguous memory at va in kernel_space(), supervisor, writable, not executable. */
void *paging_map_fresh(u64 va, u64 bytes, u64 page_bytes);

/* Frees table pages below a table of the given level (4 = PML4) and the table itself; leaves stay. */
void paging_free_tables(u64 *table, unsigned level);

/* A page of zeros, and a page's copy: 512 stores of 8 bytes by REP STOSQ and MOVSQ. */
static inline void page_clear(void *page)
{
    u64 count = TABLE_ENTRIES;
    __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0ull) : "memory");
}

static inline void page_copy(void *to, const void *from)
{
    u64 count = TABLE_ENTRIES;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

#endif
