/* mmu.h - address translation of one logical processor: L1 TLBs, STLB, paging-structure caches, nested TLB,
 * walks; the values and the ledgers. Time is played elsewhere (caches/walker.h).
 *
 * Models:     L1 ITLB/DTLB per page size or for all, unified STLB, guest and EPT paging-structure caches, nested TLB
 *             (guest-physical mappings), tags PCID, VPID, EP4TA, global pages; 32-bit, PAE, 4- and 5-level
 *             paging and EPT; A/D bits in both dimensions; permissions (U/S, R/W, NX, WP, SMEP, SMAP,
 *             protection keys), reserved bits; EPT violations and misconfigurations as values;
 *             entries of pieces of a page whose host page is smaller, entries that serve up to 8 small pages;
 *             the memory type of each translation.
 *             In functional mode (the fast core) no modelled structure is looked up or filled, nothing is
 *             counted; walks go straight to RAM and the executor's soft TLB keeps results. In a sampled run
 *             (mmu_keep_structures) both live through both modes: invalidations reach both, and mmu_warm does
 *             to the modelled ones what a timed access would have done.
 * Not modelled: memory types of the paging structures, EPT sub-page permissions.
 * Choices:    where the manual leaves one: guest accessed and dirty flags are set when the whole translation
 *             has succeeded, so a faulting access sets none; a fault may come from a stale
 *             paging-structure-cache entry and then drops it; a page of 1 GiB without a TLB for its size
 *             takes 2 MiB pieces; SMAP counts the frame of an event delivery as an implicit access.
 * Neighbours: isa (mmu_ops), virt-ext (mmu_set_virt, INVEPT, INVVPID), physmem.
 * Checked by: tests/unit/test_walk.c, test_tlb.c, test_pwc.c, test_mmu.c, test_mmu_ept.c,
 *             test_mmu_legacy.c, test_mmu_invalidate.c, test_mmu_sharing.c, test_memory_type.c,
 *             test_paging_pitfalls.c, test_mmu_oracle.c, test_mmu_oracle_legacy.c,
 *             test_page_prefetch.c
 */
#ifndef CACHES_MMU_H
#define CACHES_MMU_H

#include "caches/page_prefetch.h"
#include "caches/pwc.h"
#include "caches/soft_space.h"
#include "caches/tlb.h"
#include "caches/walk.h"
#include "isa/hart.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

/* clang-format off */
#define MMU_ENTRIES RANGE(0, 65536) /* 0: the structure is not there */
#define MMU_WAYS    RANGE(1, 65536)

/* Defaults: Cascade Lake, results/reference/presets.md (paging-structure caches: "Intel-like split"; nested
 * TLB: Bhargava, ASPLOS'08). */
#define MMU_PARAMS(P)                                                                                        \
    P(u32,  itlb_4k_entries,       128,  MMU_ENTRIES,   "L1 ITLB entries for 4-KiB pages")                   \
    P(u32,  itlb_4k_ways,          8,    MMU_WAYS,      "their associativity")                               \
    P(u32,  itlb_2m_entries,       8,    MMU_ENTRIES,   "L1 ITLB entries for 2-MiB pages")                   \
    P(u32,  itlb_2m_ways,          8,    MMU_WAYS,      "their associativity")                               \
    P(u32,  dtlb_4k_entries,       64,   MMU_ENTRIES,   "L1 DTLB entries for 4-KiB pages")                   \
    P(u32,  dtlb_4k_ways,          4,    MMU_WAYS,      "their associativity")                               \
    P(u32,  dtlb_2m_entries,       32,   MMU_ENTRIES,   "L1 DTLB entries for 2-MiB pages")                   \
    P(u32,  dtlb_2m_ways,          4,    MMU_WAYS,      "their associativity")                               \
    P(u32,  dtlb_1g_entries,       4,    MMU_ENTRIES,   "L1 DTLB entries for 1-GiB pages")                   \
    P(u32,  dtlb_1g_ways,          4,    MMU_WAYS,      "their associativity")                               \
    P(u32,  stlb_entries,          1536, MMU_ENTRIES,   "second-level TLB entries")                          \
    P(u32,  stlb_ways,             12,   MMU_WAYS,      "their associativity")                               \
    P(bool, stlb_holds_2m,         true, ANY,           "the second-level TLB holds 2-MiB pages too")        \
    P(bool, stlb_hashed,           true, ANY,           "its set index is page-number bits XOR the next")    \
    P(u32,  stlb_1g_entries,       16,   MMU_ENTRIES,   "second-level TLB entries for 1-GiB pages")          \
    P(u32,  stlb_1g_ways,          4,    MMU_WAYS,      "their associativity")                               \
    P(u32,  psc_pml5e_entries,     2,    MMU_ENTRIES,   "paging-structure cache: PML5 entries")              \
    P(u32,  psc_pml5e_ways,        2,    MMU_WAYS,      "their associativity")                               \
    P(u32,  psc_pml4e_entries,     2,    MMU_ENTRIES,   "paging-structure cache: PML4 entries")              \
    P(u32,  psc_pml4e_ways,        2,    MMU_WAYS,      "their associativity")                               \
    P(u32,  psc_pdpte_entries,     4,    MMU_ENTRIES,   "paging-structure cache: PDPT entries")              \
    P(u32,  psc_pdpte_ways,        4,    MMU_WAYS,      "their associativity")                               \
    P(u32,  psc_pde_entries,       32,   MMU_ENTRIES,   "paging-structure cache: PD entries")                \
    P(u32,  psc_pde_ways,          4,    MMU_WAYS,      "their associativity")                               \
    P(u32,  ept_psc_pml5e_entries, 2,    MMU_ENTRIES,   "EPT paging-structure cache: PML5 entries")          \
    P(u32,  ept_psc_pml5e_ways,    2,    MMU_WAYS,      "their associativity")                               \
    P(u32,  ept_psc_pml4e_entries, 2,    MMU_ENTRIES,   "EPT paging-structure cache: PML4 entries")          \
    P(u32,  ept_psc_pml4e_ways,    2,    MMU_WAYS,      "their associativity")                               \
    P(u32,  ept_psc_pdpte_entries, 4,    MMU_ENTRIES,   "EPT paging-structure cache: PDPT entries")          \
    P(u32,  ept_psc_pdpte_ways,    4,    MMU_WAYS,      "their associativity")                               \
    P(u32,  ept_psc_pde_entries,   32,   MMU_ENTRIES,   "EPT paging-structure cache: PD entries")            \
    P(u32,  ept_psc_pde_ways,      4,    MMU_WAYS,      "their associativity")                               \
    P(u32,  ntlb_entries,          16,   MMU_ENTRIES,   "nested TLB (guest-physical mappings) entries")      \
    P(u32,  ntlb_ways,             16,   MMU_WAYS,      "their associativity")                               \
    P(bool, l1_holds_all_sizes,    false, ANY,          "the L1 TLBs for 4-KiB pages hold larger ones too")      \
    P(u32,  coalesced_pages,       1,    POW2_RANGE(1, 8), "aligned small pages that are contiguous and alike, in one entry") \
    P(choice, page_prefetcher,     0,    PAGE_PREFETCHER_CHOICES, "prefetcher of translations into the second-level TLB") \
    P(u32,  stlb_hit_cycles,       9,    RANGE(0, 1000), "what an STLB hit costs over an L1 TLB hit, and its miss before the walk") \
    P(u32,  psc_lookup_cycles,     2,    RANGE(0, 100), "a search of a dimension's paging-structure caches") \
    P(u32,  ntlb_lookup_cycles,    1,    RANGE(0, 100), "one lookup of the nested TLB")

#define MMU_TLB_STATS(S)                                  \
    S(lookups, "translations asked for")                  \
    S(misses,  "of them not found")

/* Identities: mmu_check_identities. */
#define MMU_STATS(S)                                                                           \
    S(walks,               "page walks")                                                       \
    S(walks_done,          "of them ended in a translation")                                   \
    S(walks_page_fault,    "of them ended in a page fault")                                    \
    S(walks_ept_violation, "of them ended in an EPT violation")                                \
    S(walks_ept_misconfig, "of them ended in an EPT misconfiguration")                         \
    S(walks_log_full,      "of them found the page-modification log full")                     \
    S(rewalks,             "walks although a TLB entry was there: it lacked a right or D")     \
    S(ahead_walks,         "walks for a translation ahead of its use")                          \
    S(ahead_stale,         "of them ended behind an invalidation or in another context")       \
    S(ahead_known,         "pages named whose translation the second-level TLB has")            \
    S(ahead_dropped,       "pages named while too many such walks were under way")              \
    S(ahead_refused,       "pages named without a translation, or with an accessed flag to set") \
    S(fractured,           "walks for a large page whose entries are smaller: the host's pages or memory types are") \
    S(coalesced,           "walks whose entry serves several small pages")                     \
    S(refs_guest,          "paging-structure entries read, guest dimension (or the only one)") \
    S(refs_host,           "paging-structure entries read, host dimension")                    \
    S(ledger_refs,         "references in all ledgers")                                        \
    S(ad_updates_guest,    "accessed or dirty flags set, guest dimension (or the only one)")   \
    S(ad_updates_host,     "accessed or dirty flags set, host dimension")                      \
    S(host_lookups,        "guest-physical addresses to translate during walks")               \
    S(host_walks,          "of them walked through EPT")                                       \
    S(ntlb_hits,           "of them found in the nested TLB")                                  \
    S(psc_lookups,         "searches of the paging-structure caches")                          \
    S(psc_hits_pml5e,      "best find: a PML5 entry")                                          \
    S(psc_hits_pml4e,      "best find: a PML4 entry")                                          \
    S(psc_hits_pdpte,      "best find: a PDPT entry")                                          \
    S(psc_hits_pde,        "best find: a PD entry")                                            \
    S(ept_psc_lookups,     "searches of the EPT paging-structure caches")                      \
    S(ept_psc_hits_pml5e,  "best find: a PML5 entry")                                          \
    S(ept_psc_hits_pml4e,  "best find: a PML4 entry")                                          \
    S(ept_psc_hits_pdpte,  "best find: a PDPT entry")                                          \
    S(ept_psc_hits_pde,    "best find: a PD entry")                                            \
    S(invalidations,       "INVLPG ... INVEPT, and VM transitions without VPID")
/* clang-format on */

struct mmu_cfg {
    MMU_PARAMS(PARAM_FIELD)
};

extern const struct param mmu_params[];
extern const size_t mmu_params_count;

struct mmu_tlb_stats {
    MMU_TLB_STATS(STAT_FIELD)
};

struct mmu_stats {
    MMU_STATS(STAT_FIELD)
};

/* What the processor's EPT can do: its owner is virt-ext, which also advertises it. */
struct mmu_ept_features {
    bool pages_2m, pages_1g;
    bool execute_only;  /* entries may allow fetches without reads */
    bool advanced_info; /* violations report the guest page's rights: qualification bits 11:9 */
    /* Page-modification logging: a dirty flag of this page is about to be set. false: the log is full. */
    bool (*log_write)(void *self, gpa_t page);
    void *log_self;
};

/* What VMX adds to a translation. Root and native world: all zero. */
struct mmu_virt {
    u16 vpid;   /* 0: native, root, or VPID off */
    bool ept;   /* EPT on */
    u64 eptp;   /* EPT pointer as in the VMCS */
    bool flush; /* a transition without VPID: linear and combined mappings of VPID 0 go */
    bool mode_based_execute; /* EPT tells fetches of user- from those of supervisor-mode addresses */
    bool log_writes;         /* page-modification logging */
};

#define MMU_SIZES 3 /* of pages: 4 KiB, 2 MiB, 1 GiB */

/* Rights of a whole translation: the guest's (enum rights), the host's above them, and whether a write
 * needs a walk. */
#define MMU_HOST_SHIFT 4
#define MMU_DIRTY      0x80u /* dirty flags are set in both dimensions, as far as they are kept */

enum mmu_privilege {
    MMU_SUPERVISOR,
    MMU_USER,
    MMU_SUPERVISOR_AC /* explicit access with RFLAGS.AC set */,
    MMU_PRIVILEGES
};

/* What of the control state translations depend on: derived by context_changed. */
struct mmu_context {
    bool paging, ept, smap;
    bool pdptes;                 /* PAE paging: the walk's first entry is one of the hart's PDPTE registers */
    bool reports_fetch;          /* PF_I is reported: NXE or SMEP */
    bool globals;                /* CR4.PGE */
    bool host_structure_writes;  /* EPT A/D: reads of guest paging structures count as writes */
    bool write_back;             /* memory is, whatever the address, as far as the MTRRs say */
    bool keyed;                  /* a protection key may deny something */
    u32 key_rights[2];           /* access and write disable by key: of supervisor-mode, user-mode pages */
    struct tlb_space space;      /* tags of linear and combined mappings */
    struct tlb_space host_space; /* tags of guest-physical mappings */
    struct walk_rules guest_rules, host_rules;
    u64 guest_root, host_root;
    u16 need[3][MMU_PRIVILEGES];   /* by enum access: rights that must be there */
    u16 forbid[3][MMU_PRIVILEGES]; /* rights that must not (SMEP, SMAP) */
};

#define MMU_PAGES_AHEAD 4

/* A translation ahead of its use, whose walk is played. */
struct mmu_page {
    bool busy, found, global;
    va_t va;
    u64 changes; /* of struct mmu, at the walk */
    struct tlb_entry entry;
};

struct mmu {
    /* fixed at elaboration */
    struct mmu_cfg cfg;
    const struct page_prefetcher *page_prefetcher; /* may be NULL */
    struct mmu_ept_features ept_features;
    /* state */
    bool timed;
    bool keeps_structures; /* from mode to mode */
    u64 changes;           /* of the context, and invalidations: what was found before must be looked up again */
    struct mmu_virt virt;
    struct mmu_context context;
    struct tlb itlb[MMU_SIZES], dtlb[MMU_SIZES], stlb, stlb_1g;
    struct pwc psc, ept_psc;
    struct tlb ntlb;
    struct page_prefetch_state missed;
    struct mmu_page ahead[MMU_PAGES_AHEAD];
    struct soft_spaces spaces;  /* functional mode */
    struct walk_ledger scratch; /* of walks without a record */
    /* statistics */
    struct mmu_tlb_stats itlb_stats, dtlb_stats, stlb_stats;
    struct mmu_stats stats;
};

/* `self` is a struct mmu. invalidate: `pcid` is that of the operation (INVALIDATE_CR3: of the new CR3, 0
 * without CR4.PCIDE). */
extern const struct mmu_ops mmu_ops;

/* NULL if the sizes fit together, else what does not. */
const char *mmu_cfg_problem(const struct mmu_cfg *cfg);

/* Starts in functional mode, all structures empty; context_changed must follow before the first
 * translation. */
void mmu_init(struct mmu *m, const struct mmu_cfg *cfg);
void mmu_fini(struct mmu *m);

/* Paths <prefix>.itlb.lookups, <prefix>.dtlb.*, <prefix>.stlb.*, <prefix>.mmu.*; `prefix` like "cpu0". */
void mmu_register_stats(const struct mmu *m, struct stats *s, const char *prefix);

/* Asserts what must add up: L1 misses = STLB lookups; walks = STLB misses + rewalks = sum of outcomes;
 *                           references = those in ledgers; guest-physical translations = nested TLB hits +
 *                           EPT walks. */
void mmu_check_identities(const struct mmu *m);

/* Called by virt-ext while the machine is built; before that everything is there. */
void mmu_set_ept_features(struct mmu *m, const struct mmu_ept_features *f);

/* Called by virt-ext at every VM entry and exit, after the hart's own state was switched. */
void mmu_set_virt(struct mmu *m, struct hart *h, const struct mmu_virt *v);

enum invept_type { INVEPT_SINGLE = 1, INVEPT_ALL = 2 };
enum invvpid_type { INVVPID_ADDRESS, INVVPID_SINGLE, INVVPID_ALL, INVVPID_SINGLE_RETAIN_GLOBALS };
void mmu_invept(struct mmu *m, struct hart *h, enum invept_type type, u64 eptp);
void mmu_invvpid(struct mmu *m, struct hart *h, enum invvpid_type type, u16 vpid, va_t va);

/* timed=true: modelled structures on (they start empty), soft TLB off. false: the reverse. */
void mmu_set_timed(struct mmu *m, struct hart *h, bool timed);

/* From now on mmu_set_timed leaves the modelled structures, and the soft TLB, as they are. */
void mmu_keep_structures(struct mmu *m);

/* The walk of a record whose `ahead` was n + 1 has ended, now: the STLB gets the translation. mmu_ahead.c. */
void mmu_page_arrived(struct mmu *m, unsigned n);

/* Functional warming, in functional mode with structures kept: brings TLBs, paging-structure caches and nested TLB
 * to what they are behind a timed access that the functional one has been, and counts one. `out`: as the modelled
 * structures say; untouched if they are stale and the walk ends in a fault. Returns the walk that the access would
 * have made, valid until the next one, or NULL. */
const struct walk_ledger *mmu_warm(struct mmu *m, struct hart *h, va_t va, enum access access, enum access_by by,
                                   struct translation *out);

/* An address of the guest's own (VMX-internal use: PDPTEs, APIC page): guest-physical to host-physical
 * through EPT, straight from RAM, uncounted and without a ledger; sets EPT accessed and dirty flags. false:
 * h->fault. */
bool mmu_guest_physical(struct mmu *m, struct hart *h, gpa_t at, enum access access, hpa_t *out);

/* Begins a walk of a linear address in the current context, as far as no memory is needed for. */
enum walk_state mmu_begin_walk(const struct mmu_context *c, const struct hart *h, struct walk *w, u64 va);

/* Debug and tools: the translation of a linear address as of now, without touching any structure, A/D bit
 * or counter. false: not mapped. */
bool mmu_peek(const struct mmu *m, const struct hart *h, va_t va, hpa_t *out);

#endif
