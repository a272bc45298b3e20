/* page_prefetch.h - prefetchers of translations: they watch which pages miss the L1 DTLB and name the one that the
 * STLB should hold next.
 *
 * Models:       the choice of the page. The walk is an ordinary one, played by the page walkers beside the others;
 *               the STLB gets the translation when it has ended, unless an invalidation or another context came
 *               first. It is made only if it ends in a translation that may be read and sets no accessed flag in
 *               either dimension: SDM Vol. 3A, "Details of TLB Use", and Vol. 3C, "Information That May Be
 *               Cached", let a processor do so at any time.
 * Not modelled: what starts Intel's (lines close to the page's end): here it is the page's first miss, up to a
 *               page earlier; instruction pages; a demand for a page whose prefetch is under way makes its own
 *               walk. None in functional warming.
 * A new prefetcher is one file (page_prefetch_<name>.c) that defines page_prefetcher_<name>, and one row below.
 * Neighbours:   mmu.c tells it of misses; the walk goes by the record to the core (microcode.h), its end to
 *               mmu_page_arrived().
 * Checked by:   tests/unit/test_page_prefetch.c
 * Source:       Intel, Optimization Reference Manual, "Intel Microarchitecture Code Name Ivy Bridge" (next-page
 *               prefetcher).
 */
#ifndef CACHES_PAGE_PREFETCH_H
#define CACHES_PAGE_PREFETCH_H

#include "models/sim/types.h"

/* clang-format off */
#define PAGE_PREFETCHERS(P) \
    P(next_page, "the page behind two neighbours that miss the L1 DTLB, up or down (Intel: next-page prefetcher)")
/* clang-format on */

#define PAGE_PREFETCH_MISSES 8 /* remembered pages */

struct page_prefetch_state {
    u64 missed[PAGE_PREFETCH_MISSES]; /* page numbers, a ring */
    u32 next;
};

struct page_prefetcher {
    const char *name;
    /* A data access to this page (linear address by its size) has missed the L1 DTLB. true: *wanted should be there
     * before its use. */
    bool (*miss)(struct page_prefetch_state *s, u64 page, u64 *wanted);
};

#define PAGE_PREFETCHER_DECLARE(name, meaning) extern const struct page_prefetcher page_prefetcher_##name;
PAGE_PREFETCHERS(PAGE_PREFETCHER_DECLARE)

/* The allowed values of a parameter (type choice): none, or a row. */
#define PAGE_PREFETCHER_NAME(name, meaning) #name,
#define PAGE_PREFETCHER_CHOICES                                                                              \
    {                                                                                                        \
        0, 0, false, (const char *const[])                                                                   \
        {                                                                                                    \
            "none", PAGE_PREFETCHERS(PAGE_PREFETCHER_NAME) NULL                                              \
        }                                                                                                    \
    }

#endif
