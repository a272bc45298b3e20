/* soft_space.h - hands out the address-space tags of the executor's soft TLB, and takes new ones to
 * invalidate.
 *
 * Models:     one tag per (VPID, EP4TA, PCID, rights-relevant control bits); an invalidation of a whole
 *             space is a new tag, O(1) however much the soft TLB holds; of one address a dropped page,
 *             unless a large page that may cover it was kept: a new tag then. More is invalidated than the
 *             architecture asks for, never less. Global pages are merely found again.
 * Not modelled: anything that guest software or statistics could see.
 * Neighbours:   mmu.c; isa/softtlb.h holds the entries.
 * Checked by:   tests/unit/test_soft_space.c
 */
#ifndef CACHES_SOFT_SPACE_H
#define CACHES_SOFT_SPACE_H

#include "caches/tlb.h"
#include "isa/softtlb.h"

#define SOFT_SPACES      64
#define SOFT_LARGE_WORDS 8 /* of the filter of 2-MiB regions */

/* Control state that entries depend on. */
struct soft_rights {
    u32 control;       /* bits of CR0, CR4 and EFER */
    u32 key_rights[2]; /* struct mmu_context */
};

struct soft_space {
    bool known;
    struct tlb_space of;
    struct soft_rights rights;
    u32 tag;                        /* SOFT_TAG_NONE: takes a new one when it is selected */
    u64 used;                       /* age */
    u64 large_2m[SOFT_LARGE_WORDS]; /* bit by hash of the region: a page of 2 MiB or more may be kept there */
    u64 large_1g;
};

struct soft_spaces {
    struct soft_space space[SOFT_SPACES];
    unsigned current;
    u32 next_tag;
    u64 clock;
};

/* Forgets every space; the soft TLB is emptied. */
void soft_spaces_reset(struct soft_spaces *s, struct soft_tlb *t);

/* Lookups are from now on those of this space: sets t->space. */
void soft_spaces_select(struct soft_spaces *s, struct soft_tlb *t, const struct tlb_space *of,
                        const struct soft_rights *rights);

/* The soft TLB may keep 4-KiB parts of the page of 2^shift bytes, shift > 12, at `va` in this space. */
void soft_spaces_note_large(struct soft_spaces *s, va_t va, unsigned shift);

/* Invalidates at least what the scope selects. */
void soft_spaces_invalidate(struct soft_spaces *s, struct soft_tlb *t, const struct tlb_scope *scope);

#endif
