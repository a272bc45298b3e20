/* pool.h - shadow pages: the tables that the processor really walks, and who points to whom.
 *
 * A shadow page stands in either for one table of the guest ("a shadow of"), entry by entry, or, where the
 * guest has a page that is larger than what its memory can be mapped by, for a part of that page ("a split
 * of"). A guest frame that has a shadow is a table: no shadow entry may let the guest write to it, in 2 MiB
 * pieces neither.
 *
 *   chains   frame -> shadow pages made of it; frame or 2 MiB region -> entries that map it; shadow page
 *            -> entries that point to it. A present entry is in the chain of what its address names.
 *
 * Models:       a fixed number of pages, taken until none is left and then all given back at once.
 * Not modelled: least-recently-used replacement; 1 GiB shadow pages; entries that point outside guest memory
 *               (not chained).
 * Neighbours:   shadow.c decides what is shadowed; the processor reads the tables.
 * Checked by:   tests/system/monitors_on_bochs.sh
 */
#ifndef SHADOW_POOL_H
#define SHADOW_POOL_H

#include "kit/types.h"

/* An entry of a shadow page: page number times 512 plus index. No page has number 0. */
typedef u32 slot_t;

enum { POOL_PAGES_MIN = 16, POOL_PAGES_MAX = 65536, POOL_PAGES_DEFAULT = 4096 };
enum page_role { SHADOW_OF, SPLIT_OF };

void pool_init(u64 pages);
u32 pool_free_pages(void);

/* All shadow pages are given back. */
void pool_reset(void);

/* The shadow page for a guest table (SHADOW_OF) or for the memory from gpa on (SPLIT_OF), whose entries are
 * of this level. Makes an empty one, if there is none; a table's frame is then write-protected, and stale
 * TLB entries must go: see pool_take_flush. */
u32 pool_page(u64 gpa, unsigned level, enum page_role role);

/* Host-physical address of a shadow page, and the slot for a linear address in it. */
u64 pool_table(u32 page);
slot_t pool_slot(u32 page, u64 va);

/* The entry, the shadow page that it points to, and a change of it. */
u64 pool_entry(slot_t slot);
u32 pool_page_below(slot_t slot);
void pool_set_entry(slot_t slot, u64 value);

/* Whether the frame is a table, and whether any frame of its 2 MiB region is. */
bool pool_is_table(u64 gpa);
bool pool_region_has_tables(u64 gpa);

/* The guest has stored to an entry of a table: clears what was derived from it. For the INVLPG that the
 * guest owes, a large page is one page, though the shadow may have split it; and INVLPG of any address
 * empties the paging-structure caches, though INVVPID of one address does not. So if a table was below the
 * entry, all the TLB has to go. Returns how many stores the frame's shadow pages have seen (the most of any)
 * since they were last used. */
u32 pool_note_store(u64 gpa);

/* A page has been filled from: its guest table is in use. */
void pool_note_use(u32 page);

/* The frame is no table any more: its shadow pages go, and all that points to them. */
void pool_unshadow(u64 gpa);

/* True once after something happened that asks for a TLB flush. */
bool pool_take_flush(void);

#endif
