#include "kit/paging.h"
#include "kit/cpu.h"
#include "kit/memory.h"

enum { ROOT_LEVEL = 4 };

static u64 *kernel_pml4;
static u64 nx;

u64 *kernel_space(void)
{
    return kernel_pml4;
}

u64 pte_nx(void)
{
    return nx;
}

/* Bytes that one entry of a table of this level covers: 4 KiB for a page table (1), 512 GiB for a PML4
 * (4). */
static u64 entry_bytes(unsigned level)
{
    return PAGE_4K << (9 * (level - 1));
}

static unsigned entry_index(u64 va, unsigned level)
{
    return va >> (12 + 9 * (level - 1)) & (TABLE_ENTRIES - 1);
}

static unsigned leaf_level(u64 page_bytes)
{
    return page_bytes == PAGE_4K ? 1 : page_bytes == PAGE_2M ? 2 : 3;
}

static u64 *next_table(u64 entry)
{
    return (u64 *)(entry & PTE_ADDRESS);
}

/* Tables above a leaf allow everything; the leaf alone decides. */
static u64 *next_table_made(u64 *slot)
{
    if (!(*slot & PTE_P)) *slot = (u64)heap_page_cleared() | PTE_P | PTE_W | PTE_U;
    return next_table(*slot);
}

u64 *paging_slot(u64 *pml4, u64 va, u64 page_bytes)
{
    u64 *table = pml4;
    unsigned leaf = leaf_level(page_bytes);
    for (unsigned level = ROOT_LEVEL; level > leaf; level--)
        table = next_table_made(&table[entry_index(va, level)]);
    return &table[entry_index(va, leaf)];
}

u64 *paging_find(u64 *pml4, u64 va)
{
    u64 *table = pml4;
    for (unsigned level = ROOT_LEVEL; level > 0; level--) {
        u64 *slot = &table[entry_index(va, level)];
        if (!(*slot & PTE_P)) return NULL;
        if (level == 1 || *slot & PTE_PS) return slot;
        table = next_table(*slot);
    }
    return NULL;
}

u64 paging_translate(u64 *pml4, u64 va)
{
    u64 *table = pml4;
    unsigned level = ROOT_LEVEL;
    u64 entry = table[entry_index(va, level)];
    while (level > 1 && !(entry & PTE_PS)) {
        level--;
        entry = next_table(entry)[entry_index(va, level)];
    }
    u64 offset_mask = entry_bytes(level) - 1;
    return (entry & PTE_ADDRESS & ~offset_mask) | (va & offset_mask);
}

/* One table's worth at a time, so that a large mapping costs a few instructions a page. */
void paging_map(u64 *pml4, u64 va, u64 pa, u64 bytes, u64 page_bytes, u64 flags)
{
    u64 leaf_flags = flags | PTE_P | (page_bytes > PAGE_4K ? PTE_PS : 0);
    unsigned level = leaf_level(page_bytes);
    for (u64 end = va + bytes; va < end;) {
        u64 *slot = paging_slot(pml4, va, page_bytes);
        for (unsigned i = entry_index(va, level); i < TABLE_ENTRIES && va < end; i++) {
            *slot++ = pa | leaf_flags;
            va += page_bytes;
            pa += page_bytes;
        }
    }
}

void *paging_map_fresh(u64 va, u64 bytes, u64 page_bytes)
{
    u64 whole = round_up(bytes, page_bytes);
    paging_map(kernel_pml4, va, (u64)heap_run(whole, page_bytes), whole, page_bytes, PTE_W | nx);
    return (void *)va;
}

void paging_free_tables(u64 *table, unsigned level)
{
    for (unsigned i = 0; level > 1 && i < TABLE_ENTRIES; i++)
        if ((table[i] & (PTE_P | PTE_PS)) == PTE_P) paging_free_tables(next_table(table[i]), level - 1);
    heap_page_free(table);
}

/* The devices' GiB holds the local APIC (0xfee00000) and must not be cached. */
static void map_identity(void)
{
    u64 page_bytes = cpu_has_1g_pages() ? PAGE_1G : PAGE_2M;
    u64 devices = IDENTITY_RAM_BYTES;
    kernel_pml4 = heap_page_cleared();
    paging_map(kernel_pml4, 0, 0, devices, page_bytes, PTE_W);
    paging_map(kernel_pml4, devices, devices, GiB, page_bytes, PTE_W | PTE_PCD | PTE_PWT);
}

void paging_init(void)
{
    if (cpu_has_nx()) {
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
        nx = PTE_NX;
    }
    map_identity();
    write_cr3((u64)kernel_pml4);
}
