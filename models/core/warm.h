/* warm.h - functional warming: while the fast core runs, caches, TLBs, paging-structure caches and branch predictors go on as if
 * each access and branch had been timed, so that a detailed window of a sampled run (sample.h) begins with the state of a full run.
 *
 * Models:       data accesses, instruction fetches, references of page walks and of VM transitions, through the models' own
 *               functions (mem_port.warm, mmu_warm, bpred_branch); prefetchers, inclusion and the directory follow from them.
 * Not modelled: the order in which a timed core would have sent references; loads that its store buffer would have answered; open rows and
 *               queues of the DRAM; merging and refusal of misses and prefetches; the predictor of memory disambiguation; the
 *               micro-op cache; lines that page-modification logging and #VE write.
 * Speed:        what a TLB, or a first-level cache without prefetcher, saw last in the same set changes nothing there if it comes again, and
 *               is not shown to it. References wait in a queue, in order, while the host fetches the tags that they will need.
 * Neighbours:   isa tells (struct warm_ops); the caches' ports, the MMU, the predictor; core.h turns it on and off.
 * Checked by:   tests/unit/test_warm.c; tests/system/sample.sh
 */
#ifndef CORE_WARM_H
#define CORE_WARM_H

#include "caches/cache.h"
#include "caches/mmu.h"
#include "models/core/bpred.h"

#define WARM_SETS     64u   /* filter slots: of lines */
#define WARM_PAGES    16u   /* of pages */
#define WARM_QUEUE    32u   /* references */
#define WARM_BLOCKS   1024u /* decoded blocks whose branches are known */
#define WARM_BRANCHES 5u

struct warm_wiring {
    struct hart *hart;
    struct mmu *mmu;
    struct bpred *bpred;
    struct cache *l1i, *l1d, *l2;
    bool walks_enter_l1; /* references of page walks: the L1D; else the L2 */
};

/* A page that was the last of its slot, while the MMU has not changed. */
struct warm_page {
    u64 key;        /* number << 2 | enum access_by */
    bool written;
    u8 memory_type; /* enum memory_type */
};

/* The lines that were last used in a first-level cache, one a slot of its sets. */
struct warm_lines {
    struct cache *cache;
    u32 mask;   /* slots - 1 */
    u64 snoops; /* lines that the levels below had taken away when these were noted */
    u64 latest[WARM_SETS]; /* line << 1 | written */
};

/* A reference that waits: of data, of code, or of a page walk. */
enum warm_unit { WARM_DATA, WARM_CODE, WARM_WALK, WARM_UNITS };
struct warm_reference {
    hpa_t at;
    u64 pc;
    u8 unit;         /* enum warm_unit */
    u8 kind, origin; /* enum mem_kind, mem_origin */
};

/* A branch in a block: instruction number, offset in bytes, its own bytes, enum flow. */
struct warm_branch {
    u16 offset;
    u8 index, length, flow;
};

struct warm_block {
    const struct insn *first; /* NULL: nothing known */
    u64 flushes;              /* of the decoded-instruction cache: `first` is another one behind them */
    u16 bytes;
    u8 n;
    struct warm_branch branch[WARM_BRANCHES]; /* n of them; more: WARM_BRANCHES + 1 */
};

struct warm {
    /* fixed at elaboration */
    u32 page_mask; /* slots - 1 */
    bool mixes_sizes; /* L1 TLBs hold pages of all sizes: one slot for all */
    /* wiring */
    struct warm_wiring to;
    struct mem_port port[WARM_UNITS];
    /* state */
    bool trains; /* the branch predictor too */
    u64 changes; /* of the MMU, when the pages below were noted */
    struct warm_page small[WARM_PAGES], large, code;
    struct warm_lines data, fetched;
    struct warm_reference queue[WARM_QUEUE]; /* a ring */
    u32 queued;                              /* since the start; the last WARM_QUEUE of them wait */
    struct warm_block block[WARM_BLOCKS];
    struct insn_record record; /* of VMX's own references */
};

void warm_init(struct warm *w, const struct warm_wiring *to);

/* From now on, or no longer, the functional core's accesses and branches warm what they would have touched. Timed accesses may have
 * come before. */
void warm_start(struct warm *w);
void warm_stop(struct warm *w);

#endif
