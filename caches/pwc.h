/* pwc.h - paging-structure caches: what they remember lets a walk begin below the root.
 *
 * Models:       one cache per level, PML5E, PML4E, PDPTE and PDE (levels 5 to 2), each with its size or
 *               none. An entry holds the address of the table that the cached paging-structure entry
 *               references (with EPT: its host-physical address) and the rights accumulated down to it.
 *               Serves ordinary paging (tagged VPID, PCID, EP4TA) and EPT (tagged EP4TA) alike.
 * Not modelled: time; one lookup searches all levels at once.
 * Neighbours:   mmu_walk.c
 * Checked by:   tests/unit/test_pwc.c
 * Source:       SDM Vol. 3A, "Paging-Structure Caches"; Vol. 3C, "Information That May Be Cached".
 */
#ifndef CACHES_PWC_H
#define CACHES_PWC_H

#include "caches/tlb.h"

#define PWC_LEVELS 6 /* index: level of the cached entry, 2..5 */

struct pwc_geometry {
    u32 entries[PWC_LEVELS], ways[PWC_LEVELS]; /* 0 entries: that level is not cached */
};

struct pwc {
    struct tlb level[PWC_LEVELS];
};

void pwc_init(struct pwc *p, const struct pwc_geometry *g);
void pwc_fini(struct pwc *p);
bool pwc_exists(const struct pwc *p);

/* The deepest remembered entry on the way to `address`, NULL if there is none. *level: that of the entry;
 * the walk goes on one below. */
const struct tlb_entry *pwc_lookup(struct pwc *p, u64 address, const struct tlb_space *s, unsigned *level);

/* Remembers that the entry of `level` (2..5) for `address` references `table`, whose guest-physical address
 * is `guest`. */
void pwc_fill(struct pwc *p, unsigned level, u64 address, const struct tlb_space *s, u64 table, u64 guest,
              unsigned rights);

/* Drops what the scope selects, in all levels. */
void pwc_invalidate(struct pwc *p, const struct tlb_scope *scope);

#endif
