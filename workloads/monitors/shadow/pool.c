#include "shadow/pool.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "monitors/guest.h"
#include "shadow/walk.h"

enum { NONE = 0 };

struct shadow_page {
    u64 gpa; /* of the guest table, or the first byte that is mapped */
    u8 level;
    u8 role;
    u16 stores;        /* by the guest to its table, since the page was last used */
    slot_t parents;    /* chain of entries that point here */
    u32 next_of_frame; /* chain of the frame's shadow pages */
};

struct frame {
    slot_t mappings; /* chain of 4 KiB entries */
    u32 shadows;     /* chain of shadow pages, of either role, whose gpa this is */
};

struct region {
    slot_t mappings; /* chain of 2 MiB entries */
    u32 tables;      /* SHADOW_OF pages in it */
};

struct link {
    slot_t next, previous;
};

static struct {
    /* fixed when initialized */
    u32 page_count;
    u64 tables; /* host address of page 0 */

    /* state */
    u32 used; /* pages taken, of which some may be in the free chain */
    u32 freed, freed_count;
    bool flush_needed;
    struct shadow_page *pages;
    struct link *links; /* by slot */
    struct frame *frames;
    struct region *regions;
} pool;

/* --- slots and chains --- */

static u64 *entry_at(slot_t slot)
{
    return (u64 *)pool.tables + slot;
}

static struct shadow_page *page_of(slot_t slot)
{
    return &pool.pages[slot / TABLE_ENTRIES];
}

u64 pool_table(u32 page)
{
    return pool.tables + page * PAGE_4K;
}

slot_t pool_slot(u32 page, u64 va)
{
    return page * TABLE_ENTRIES + entry_index(va, pool.pages[page].level);
}

u64 pool_entry(slot_t slot)
{
    return *entry_at(slot);
}

static u32 page_at(u64 hpa)
{
    return (u32)((hpa - pool.tables) / PAGE_4K);
}

u32 pool_page_below(slot_t slot)
{
    return page_at(*entry_at(slot) & PTE_ADDRESS);
}

static struct frame *frame_of(u64 gpa)
{
    return &pool.frames[gpa / PAGE_4K];
}

static struct region *region_of(u64 gpa)
{
    return &pool.regions[gpa / PAGE_2M];
}

/* The chain that an entry belongs to, by what it points to. NULL for a device's page. */
static slot_t *chain_of(u64 entry, unsigned level)
{
    u64 hpa = entry & PTE_ADDRESS;
    if (level > 1 && !(entry & PTE_PS)) return &pool.pages[page_at(hpa)].parents;
    u64 gpa = hpa - GUEST_HOST_BASE;
    if (hpa < GUEST_HOST_BASE || gpa >= guest.bytes) return NULL;
    return level > 1 ? &region_of(gpa)->mappings : &frame_of(gpa)->mappings;
}

static void link_slot(slot_t *chain, slot_t slot)
{
    if (!chain) return;
    pool.links[slot] = (struct link){*chain, NONE};
    if (*chain != NONE) pool.links[*chain].previous = slot;
    *chain = slot;
}

static void unlink_slot(slot_t *chain, slot_t slot)
{
    if (!chain) return;
    struct link link = pool.links[slot];
    if (link.next != NONE) pool.links[link.next].previous = link.previous;
    if (link.previous != NONE)
        pool.links[link.previous].next = link.next;
    else
        *chain = link.next;
}

static void drop(slot_t slot)
{
    u64 *entry = entry_at(slot);
    if (!*entry) return;
    unlink_slot(chain_of(*entry, page_of(slot)->level), slot);
    *entry = 0;
}

static bool points_to_table(slot_t slot)
{
    return page_of(slot)->level > 1 && (*entry_at(slot) & (PTE_P | PTE_PS)) == PTE_P;
}

static void drop_chain(const slot_t *chain)
{
    while (*chain != NONE) drop(*chain);
}

void pool_set_entry(slot_t slot, u64 value)
{
    u64 *entry = entry_at(slot), old = *entry;
    if (old == value) return;
    bool same_target = old && !((old ^ value) & (PTE_ADDRESS | PTE_PS));
    if (!same_target) {
        drop(slot);
        link_slot(chain_of(value, page_of(slot)->level), slot);
    }
    *entry = value;
}

/* --- tables of the guest --- */

static bool shadows_table(u32 page)
{
    return pool.pages[page].role == SHADOW_OF;
}

bool pool_is_table(u64 gpa)
{
    if (gpa >= guest.bytes) return false;
    u32 page = frame_of(gpa)->shadows;
    while (page != NONE && !shadows_table(page)) page = pool.pages[page].next_of_frame;
    return page != NONE;
}

bool pool_region_has_tables(u64 gpa)
{
    return region_of(gpa)->tables > 0;
}

/* 4 KiB entries become read-only; 2 MiB entries go, to come back split. */
static void protect(u64 gpa)
{
    for (slot_t slot = frame_of(gpa)->mappings; slot != NONE; slot = pool.links[slot].next)
        *entry_at(slot) &= ~PTE_W;
    drop_chain(&region_of(gpa)->mappings);
    pool.flush_needed = true;
}

static u32 find_page(u64 gpa, unsigned level, enum page_role role)
{
    u32 page = frame_of(gpa)->shadows;
    while (page != NONE && (pool.pages[page].level != level || pool.pages[page].role != role))
        page = pool.pages[page].next_of_frame;
    return page;
}

static u32 take_page(void)
{
    u32 page = pool.freed;
    if (page == NONE) return ++pool.used;
    pool.freed = pool.pages[page].next_of_frame;
    pool.freed_count--;
    return page;
}

u32 pool_page(u64 gpa, unsigned level, enum page_role role)
{
    u32 page = find_page(gpa, level, role);
    if (page != NONE) return page;
    page = take_page();
    page_clear((void *)pool_table(page));
    pool.pages[page] = (struct shadow_page){.gpa = gpa, .level = (u8)level, .role = (u8)role};
    if (role == SHADOW_OF) {
        protect(gpa);
        region_of(gpa)->tables++;
    }
    pool.pages[page].next_of_frame = frame_of(gpa)->shadows;
    frame_of(gpa)->shadows = page;
    return page;
}

static void free_page(u32 page)
{
    drop_chain(&pool.pages[page].parents);
    for (slot_t slot = page * TABLE_ENTRIES; slot < (page + 1) * TABLE_ENTRIES; slot++) drop(slot);
    region_of(pool.pages[page].gpa)->tables--;
    pool.pages[page].next_of_frame = pool.freed;
    pool.freed = page;
    pool.freed_count++;
}

void pool_unshadow(u64 gpa)
{
    u32 *at = &frame_of(gpa)->shadows;
    while (*at != NONE) {
        u32 page = *at;
        if (shadows_table(page)) {
            *at = pool.pages[page].next_of_frame;
            free_page(page);
        } else {
            at = &pool.pages[page].next_of_frame;
        }
    }
    pool.flush_needed = true;
}

u32 pool_note_store(u64 gpa)
{
    u32 most = 0;
    for (u32 page = frame_of(gpa)->shadows; page != NONE; page = pool.pages[page].next_of_frame) {
        if (!shadows_table(page)) continue;
        slot_t slot = page * TABLE_ENTRIES + (u32)(gpa % PAGE_4K / sizeof(u64));
        pool.flush_needed |= points_to_table(slot);
        drop(slot);
        if (++pool.pages[page].stores > most) most = pool.pages[page].stores;
    }
    return most;
}

void pool_note_use(u32 page)
{
    pool.pages[page].stores = 0;
}

bool pool_take_flush(void)
{
    bool needed = pool.flush_needed;
    pool.flush_needed = false;
    return needed;
}

/* --- the whole --- */

u32 pool_free_pages(void)
{
    return pool.page_count - 1 - pool.used + pool.freed_count;
}

static void clear_pages(void *start, u64 bytes)
{
    for (u64 at = 0; at < bytes; at += PAGE_4K) page_clear((u8 *)start + at);
}

static u64 frames_bytes(void)
{
    return round_up(guest.bytes / PAGE_4K * sizeof(struct frame), PAGE_4K);
}

static u64 regions_bytes(void)
{
    return round_up(guest.bytes / PAGE_2M * sizeof(struct region), PAGE_4K);
}

void pool_reset(void)
{
    pool.used = 0;
    pool.freed = NONE;
    pool.freed_count = 0;
    pool.flush_needed = true;
    clear_pages(pool.frames, frames_bytes());
    clear_pages(pool.regions, regions_bytes());
}

/* One page more than asked for: number 0 stays unused. */
void pool_init(u64 pages)
{
    pool.page_count = (u32)pages + 1;
    pool.tables = (u64)heap_run(pool.page_count * PAGE_4K, PAGE_4K);
    pool.pages = heap_run(pool.page_count * sizeof *pool.pages, PAGE_4K);
    pool.links = heap_run(pool.page_count * TABLE_ENTRIES * sizeof *pool.links, PAGE_4K);
    pool.frames = heap_run(frames_bytes(), PAGE_4K);
    pool.regions = heap_run(regions_bytes(), PAGE_4K);
    pool_reset();
}
