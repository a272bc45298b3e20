/* mmu.h - address translation of one logical processor: L1 TLBs, STLB, paging-structure caches, nested TLB, walks; the values and
 * the ledgers. Time is played elsewhere (caches/walker.h).
 *
 * Models:     per-page-size L1 ITLB/DTLB, unified STLB, guest and EPT paging-structure caches, nested TLB (guest-physical mappings), tags PCID,
 *             VPID, EP4TA, global pages; 4- and 5-level paging and EPT; A/D bits in both dimensions; permissions (U/S, R/W, NX, WP, SMEP, SMAP),
 *             reserved bits; EPT violations and misconfigurations as values.
 * In functional mode (the fast core): no modelled structure is looked up or filled; walks go straight to RAM and the executor's soft TLB keeps results.
 * Not modelled: 32-bit and PAE paging, protection keys, memory types (kept, without effect on timing), EPT sub-page permissions.
 * Neighbours:   isa (mmu_ops), virt-ext (mmu_set_virt, INVEPT, INVVPID), physmem.
 * Checked by:   tests/unit/test_walk.c, test_tlb.c, test_mmu.c
 */
#ifndef CACHES_MMU_H
#define CACHES_MMU_H

#include "isa/hart.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

struct mmu;

extern const struct mmu_ops mmu_ops;

/* What VMX adds to a translation. Root and native world: all zero. */
struct mmu_virt {
    u16 vpid;           /* 0: native, root, or VPID off */
    bool ept;           /* EPT on */
    u64 eptp;           /* EPT pointer as in the VMCS */
    bool flush;         /* a transition without VPID: linear and combined mappings of VPID 0 go */
};

/* Called by virt-ext at every VM entry and exit, after the hart's own state was switched. */
void mmu_set_virt(struct mmu *m, struct hart *h, const struct mmu_virt *v);

enum invept_type { INVEPT_SINGLE = 1, INVEPT_ALL = 2 };
enum invvpid_type { INVVPID_ADDRESS, INVVPID_SINGLE, INVVPID_ALL, INVVPID_SINGLE_RETAIN_GLOBALS };
void mmu_invept(struct mmu *m, struct hart *h, enum invept_type type, u64 eptp);
void mmu_invvpid(struct mmu *m, struct hart *h, enum invvpid_type type, u16 vpid, va_t va);

/* timed=true: modelled structures on (they start empty), soft TLB off. false: the reverse. */
void mmu_set_timed(struct mmu *m, struct hart *h, bool timed);

/* An address of the guest's own (VMX-internal use: PDPTEs, APIC page): guest-physical to host-physical through EPT. false: h->fault. */
bool mmu_guest_physical(struct mmu *m, struct hart *h, gpa_t at, enum access access, hpa_t *out);

/* Debug and tools: the translation of a linear address as of now, without touching any structure, A/D bit or counter. false: not mapped. */
bool mmu_peek(const struct mmu *m, const struct hart *h, va_t va, hpa_t *out);

#endif
