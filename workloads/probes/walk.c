/* walk.c - the visible cost of a page walk: a random chase through 4-KiB pages, less the same chase over the same lines
 * through the identity mapping's pages of 1 GiB (2 MiB where there are none), which misses no TLB.
 *
 * Published as "random over all memory less random within a page" (InstLatx64): there too what differs is the walk. */
#include "probes/kit/chase.h"

enum { LINE = 64, LINES = PAGE_4K / LINE };

struct footprint {
    u64 pages;
};

static u8 *memory(const struct footprint *f)
{
    static u8 *base;
    static u64 pages;
    if (pages < f->pages) {
        base = heap_run(f->pages * PAGE_4K, PAGE_2M);
        pages = f->pages;
    }
    return base;
}

/* Spread over all pages; where a page has several, in different lines. */
static u64 offset_of(u64 i, const struct footprint *f)
{
    u64 round = i / f->pages, part = f->pages > CHASE_MAX ? f->pages / CHASE_MAX : 1;
    u64 page = i % f->pages * part + mix(i) % part;
    return page * PAGE_4K + (mix(page) + round) % LINES * LINE;
}

static u64 place_in_small_pages(u64 i, const void *self)
{
    return DATA_VA + offset_of(i, self);
}

static u64 place_in_large_pages(u64 i, const void *self)
{
    return (u64)memory(self) + offset_of(i, self);
}

static u64 measure_walk(const void *self)
{
    const struct footprint *f = self;
    paging_map(kernel_space(), DATA_VA, (u64)memory(f), f->pages * PAGE_4K, PAGE_4K, PTE_W | pte_nx());
    write_cr3(read_cr3()); /* an item before may have mapped other memory there */
    u64 small = chase_latency(CHASE_MAX, place_in_small_pages, f);
    u64 large = chase_latency(CHASE_MAX, place_in_large_pages, f);
    return small > large ? small - large : 0;
}

#define FOOTPRINT(mib) {(mib) * MiB / PAGE_4K}
static const struct footprint mib_64 = FOOTPRINT(64), mib_256 = FOOTPRINT(256), mib_512 = FOOTPRINT(512);

static const struct probe probes[] = {
    {"walk_64m", "cycles", measure_walk, &mib_64},
    {"walk_256m", "cycles", measure_walk, &mib_256},
    {"walk_512m", "cycles", measure_walk, &mib_512},
};

int main(void)
{
    return probe_main(probes, COUNT_OF(probes));
}
