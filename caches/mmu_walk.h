/* mmu_walk.h - one whole translation by walking: a guest walk whose every address goes through the host's,
 * or a walk in one dimension.
 *
 * Models:       order and number of references, use and fill of paging-structure caches and nested TLB
 *               (timed mode), page faults with their error codes, EPT violations with their qualifications,
 *               EPT misconfigurations, accessed and dirty flags.
 * Not modelled: see mmu.h; TLBs are mmu.c's.
 * Neighbours:   mmu.c asks, walk.c knows the formats, pwc.c and tlb.c remember.
 * Checked by:   tests/unit/test_walk.c, test_mmu.c, test_mmu_oracle.c
 */
#ifndef CACHES_MMU_WALK_H
#define CACHES_MMU_WALK_H

#include "caches/mmu.h"

/* A translation: of a linear address, or from guest-physical to host-physical. */
struct mapping {
    u64 frame;      /* host-physical address of the page */
    u16 rights;     /* linear: guest's | host's << MMU_HOST_SHIFT | MMU_DIRTY; else: host's | MMU_DIRTY */
    u8 shift;       /* of the page that all dimensions agree on */
    u8 whole_shift; /* of the guest's page, >= shift */
    u8 key;         /* protection key, in IA-32e mode */
    u8 memory_type; /* linear: enum memory_type; host's: bits 6:3 of the EPT leaf. Timed mode only */
    bool global;
};

/* Walks for a linear address in the current context, which has paging or EPT on. false: h->fault. `ledger`
 * NULL: functional, no structure is touched and nothing is counted. */
bool mmu_walk(struct mmu *m, struct hart *h, va_t va, enum access access, enum mmu_privilege privilege,
              struct walk_ledger *ledger, struct mapping *out);

/* What the rights by protection key say to an access of a page with these rights and this key. */
bool mmu_key_permits(const struct mmu_context *c, unsigned rights, unsigned key, enum access access,
                     enum mmu_privilege p);

/* Would mmu_walk find a translation, by the tables as they are? Touches nothing. */
bool mmu_allows(const struct mmu *m, const struct hart *h, va_t va, enum access access,
                enum mmu_privilege privilege);

/* An entry of the walk's format; all ones where no RAM is. */
u64 mmu_load_entry(const struct hart *h, const struct walk *w, hpa_t at);

/* Reads the guest's tables, as they are in memory, into *w; touches nothing. false: no translation. */
bool mmu_peek_guest(const struct mmu_context *c, const struct hart *h, va_t va, struct walk *w);

/* --- mmu.c --- */

/* What a TLB keeps of a linear mapping. */
struct tlb_entry mmu_entry_of(const struct mapping *map);
/* In the current context. */
struct tlb_entry *mmu_find_in_stlb(struct mmu *m, u64 address);
void mmu_fill_stlb(struct mmu *m, va_t va, bool global, const struct tlb_entry *e);

/* --- mmu_ahead.c --- */

void mmu_init_ahead(struct mmu *m);
/* A data access to a page of 2^shift bytes has missed the L1 DTLB and been translated. m->page_prefetcher is there. */
void mmu_look_ahead(struct mmu *m, struct hart *h, va_t va, unsigned shift, enum mmu_privilege p);

/* Drops in the modelled structures what would translate this linear address in the current context (TLBs
 * and paging-structure caches). mmu.c. */
void mmu_drop_linear(struct mmu *m, va_t va);

#endif
