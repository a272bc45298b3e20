/* tlb.c - sizes of the data TLBs, the function that chooses a set of the second level, what its hit costs, and how many
 * page walks run at once.
 *
 * Pages are many, memory is little: many virtual pages map few frames, so that the L1D has all that is read and what
 * costs is translation alone. No two neighbours map neighbouring frames: they cannot share an entry. */
#include "probes/kit/chase.h"

enum { FRAMES = 8, WORD = 8, RISE_PERCENT = 5, NEAR_PAGES = 16, MOST_PAGES = 4096 };
enum { SMALL_VA_PML4 = 2, LARGE_VA_PML4 = 6, HUGE_VA_PML4 = 8 };
enum { GROUPS = 16, SAME_SET_SHIFT = 14, FAR_WAYS = 32, MOST_WAYS = 80, SAME_L1_SET = 256 };

#define PML4_VA(slot) ((u64)(slot) << 39)

/* --- small pages: which are used, by number --- */

/* Page number i of a set of pages. */
struct selection {
    u64 (*page)(u64 i, const struct selection *s);
    u64 stride; /* pages between two */
    u64 mask;   /* see page_of_pairs */
};

static u64 small_va(u64 page)
{
    return PML4_VA(SMALL_VA_PML4) + page * PAGE_4K;
}

static void map_small(u64 page, u64 frame)
{
    *paging_slot(kernel_space(), small_va(page), PAGE_4K) = frame | PTE_P | PTE_W | pte_nx();
}

static u64 frame_of(u64 page)
{
    static u8 *frames;
    if (!frames) frames = heap_run(FRAMES * PAGE_4K, PAGE_4K);
    return (u64)frames + (FRAMES - 1 - page % FRAMES) * PAGE_4K;
}

/* A word of its own in the frame, for 512 pages of any numbers or 4096 in a row. */
static u64 place_in_page(u64 i, const void *self)
{
    const struct selection *s = self;
    u64 word = i / FRAMES + i % FRAMES * (PAGE_4K / WORD / FRAMES);
    return small_va(s->page(i, s)) + word * WORD % PAGE_4K;
}

static u64 cost_of(u64 n, const struct selection *s)
{
    for (u64 i = 0; i < n; i++) {
        u64 page = s->page(i, s);
        map_small(page, frame_of(page));
    }
    return chase_latency(n, place_in_page, s);
}

static u64 page_by_stride(u64 i, const struct selection *s)
{
    return i * s->stride;
}

static u64 cost_by_stride(u64 n, const void *stride)
{
    return cost_of(n, &(struct selection){.page = page_by_stride, .stride = *(const u64 *)stride});
}

/* The largest number of pages at this distance that costs no more than few. */
static u64 pages_that_hit(u64 few, u64 most, u64 limit, u64 stride)
{
    return probe_last(cost_by_stride, few, most, limit + limit * RISE_PERCENT / 100, &stride);
}

static u64 first_level_cost(void)
{
    u64 one = 1;
    return cost_by_stride(NEAR_PAGES, &one);
}

static u64 first_level_entries(void)
{
    return pages_that_hit(NEAR_PAGES, MOST_PAGES, first_level_cost(), 1);
}

/* Twice as many pages in a row as the first level holds: it misses always, the second level hits. */
static u64 second_level_cost(void)
{
    u64 one = 1;
    return cost_by_stride(2 * first_level_entries(), &one);
}

static u64 measure_dtlb_entries(const void *self)
{
    (void)self;
    return first_level_entries() * PROBE_UNIT;
}

static u64 measure_dtlb_ways(const void *self)
{
    (void)self;
    return pages_that_hit(1, MOST_WAYS, first_level_cost(), SAME_L1_SET) * PROBE_UNIT;
}

static u64 measure_stlb_hit(const void *self)
{
    (void)self;
    return second_level_cost() - first_level_cost();
}

/* A few misses among so many hits must show. */
static u64 measure_stlb_entries(const void *self)
{
    (void)self;
    u64 one = 1, hit = second_level_cost();
    return probe_last(cost_by_stride, 2 * first_level_entries(), MOST_PAGES, hit + hit / 100, &one) * PROBE_UNIT;
}

/* --- the sets of the second level --- */

/* So many pages of one set, in each of 16 neighbouring sets: the first level's sets are used evenly. */
static u64 page_of_sets(u64 i, const struct selection *s)
{
    (void)s;
    return i % GROUPS + (i / GROUPS << SAME_SET_SHIFT);
}

static u64 cost_of_ways(u64 n, const void *self)
{
    (void)self;
    return cost_of(n * GROUPS, &(struct selection){.page = page_of_sets});
}

static u64 second_level_ways(void)
{
    u64 hit = second_level_cost();
    return probe_last(cost_of_ways, 1, FAR_WAYS, hit + hit * RISE_PERCENT / 100, NULL);
}

static u64 measure_stlb_ways(const void *self)
{
    (void)self;
    return second_level_ways() * PROBE_UNIT;
}

/* The value's bits go to the places of the lowest bits that `mask` does not have. */
static u64 spread_beside(u64 value, u64 mask)
{
    u64 out = 0;
    for (unsigned bit = 0; value; bit++) {
        if (mask & BIT(bit)) continue;
        out |= (value & 1) << bit;
        value >>= 1;
    }
    return out;
}

/* 16 sets as above; in each half of the pages, and the other half with the bits of `mask` inverted. */
static u64 page_of_pairs(u64 i, const struct selection *s)
{
    u64 group = i % GROUPS, half = i / GROUPS & 1, tag = i / GROUPS / 2;
    return (spread_beside(group, s->mask) | tag << SAME_SET_SHIFT) ^ (half ? s->mask : 0);
}

/* Do two pages whose numbers differ in these bits share a set? Then these are more than it holds. */
static bool shares_set(u64 mask, u64 ways, u64 limit)
{
    return cost_of((ways / 2 + 1) * 2 * GROUPS, &(struct selection){.page = page_of_pairs, .mask = mask}) > limit;
}

struct hash {
    u64 index_bits;
    u64 distance; /* between the two bits of a page's number that one bit of the index is made of; 0: there is one */
};

/* Bits of the page number below the 14th: those that do not matter alone, then pairs that cancel each other. */
static struct hash find_hash(void)
{
    struct hash h = {.index_bits = SAME_SET_SHIFT};
    u64 ways = second_level_ways(), limit = second_level_cost() * (100 + RISE_PERCENT) / 100, matter = 0;
    for (unsigned bit = 0; bit < SAME_SET_SHIFT; bit++)
        if (shares_set(BIT(bit), ways, limit))
            h.index_bits--;
        else
            matter |= BIT(bit);
    for (unsigned low = 0; low < SAME_SET_SHIFT; low++)
        for (unsigned high = low + 1; high < SAME_SET_SHIFT; high++) {
            u64 pair = BIT(low) | BIT(high);
            if ((pair & ~matter) || !shares_set(pair, ways, limit)) continue;
            h.index_bits--;
            h.distance = high - low;
        }
    return h;
}

static u64 measure_stlb_index_bits(const void *self)
{
    (void)self;
    return find_hash().index_bits * PROBE_UNIT;
}

static u64 measure_stlb_xor_distance(const void *self)
{
    (void)self;
    return find_hash().distance * PROBE_UNIT;
}

/* --- larger pages --- */

/* Any number of pages over one frame of their size, places in different lines of it; of GiB pages in the small frames. */
static u64 place_in_large_page(u64 i, const void *self)
{
    u64 page_bytes = *(const u64 *)self, line = i * 64;
    if (page_bytes == PAGE_2M) return PML4_VA(LARGE_VA_PML4) + i * PAGE_2M + line;
    return PML4_VA(HUGE_VA_PML4) + i * PAGE_1G + frame_of(FRAMES - 1) + line;
}

static u64 cost_of_large(u64 n, const void *self)
{
    static u64 frame_2m;
    u64 page_bytes = *(const u64 *)self, frame = 0;
    if (page_bytes == PAGE_2M) frame = frame_2m = frame_2m ? frame_2m : (u64)heap_run(PAGE_2M, PAGE_2M);
    u64 va = PML4_VA(page_bytes == PAGE_2M ? LARGE_VA_PML4 : HUGE_VA_PML4);
    for (u64 i = 0; i < n; i++)
        *paging_slot(kernel_space(), va + i * page_bytes, page_bytes) = frame | PTE_P | PTE_W | PTE_PS | pte_nx();
    return chase_latency(n, place_in_large_page, self);
}

static u64 measure_large_entries(const void *self)
{
    u64 page_bytes = *(const u64 *)self;
    if (page_bytes == PAGE_1G && !cpu_has_1g_pages()) return PROBE_ABSENT;
    u64 few = cost_of_large(2, self);
    return probe_last(cost_of_large, 2, MOST_WAYS, few + few * RISE_PERCENT / 100, self) * PROBE_UNIT;
}

/* --- walkers --- */

enum { STREAMS = 8, PAGES_OF_STREAM = 512, PAGES_THAT_HIT = 32, WALK_STRIDE = 2, ROUNDS = 2048 };
/* Not a power of two, so that what shall hit is not all in the same sets. */
enum { STREAM_APART = (PAGES_OF_STREAM + PAGES_THAT_HIT) * WALK_STRIDE };

struct streams {
    u64 base, mask; /* of the page number within a stream */
};

/* Eight streams of loads, each over pages of its own by a linear congruential generator (which goes through all of
 * them). What is loaded is 0. In parallel the next page of a stream needs its last load; serially a load needs the one
 * before, of the neighbouring stream. */
#define ADDRESS(k) (s->base + (k) * (STREAM_APART * PAGE_4K) + (x##k & s->mask) * WALK_STRIDE * PAGE_4K)
#define IN_PARALLEL(k) x##k = x##k * 5 + 1 + *(volatile u64 *)ADDRESS(k)
#define SERIALLY(k) x##k = x##k * 5 + 1, last = *(volatile u64 *)(ADDRESS(k) + last)
#define ALL_STREAMS(DO) DO(0), DO(1), DO(2), DO(3), DO(4), DO(5), DO(6), DO(7)

static u64 ticks_in_parallel(const struct streams *s)
{
    u64 x0 = 0, x1 = 0, x2 = 0, x3 = 0, x4 = 0, x5 = 0, x6 = 0, x7 = 0, begin = probe_clock();
    for (u64 n = 0; n < ROUNDS; n++) ALL_STREAMS(IN_PARALLEL);
    opaque(x0 ^ x1 ^ x2 ^ x3 ^ x4 ^ x5 ^ x6 ^ x7);
    return probe_clock() - begin;
}

static u64 ticks_serially(const struct streams *s)
{
    u64 x0 = 0, x1 = 0, x2 = 0, x3 = 0, x4 = 0, x5 = 0, x6 = 0, x7 = 0, last = 0, begin = probe_clock();
    for (u64 n = 0; n < ROUNDS; n++) ALL_STREAMS(SERIALLY);
    opaque(last);
    return probe_clock() - begin;
}

static u64 warm(u64 (*ticks)(const struct streams *s), u64 base, u64 pages)
{
    const struct streams s = {base, pages - 1};
    ticks(&s);
    return ticks(&s);
}

/* All pages of all streams are one frame. */
static u64 map_streams(void)
{
    u64 frame = (u64)heap_page_cleared();
    for (u64 page = 0; page < STREAMS * STREAM_APART; page++) map_small(page, frame);
    write_cr3(read_cr3());
    return small_va(0);
}

/* What walks take one after the other, over what they take when eight may be under way. The former is what serial loads
 * take longer over pages that no TLB holds than over few that the second level does. */
static u64 measure_walkers(const void *self)
{
    (void)self;
    u64 base = map_streams(), hits = warm(ticks_serially, base, PAGES_THAT_HIT);
    u64 alone = warm(ticks_serially, base, PAGES_OF_STREAM) - hits;
    return alone * PROBE_UNIT / warm(ticks_in_parallel, base, PAGES_OF_STREAM);
}

/* clang-format off */
static const u64 size_2m = PAGE_2M, size_1g = PAGE_1G;
static const struct probe probes[] = {
    {"dtlb_entries",      "entries", measure_dtlb_entries,      NULL},
    {"dtlb_ways",         "ways",    measure_dtlb_ways,         NULL},
    {"dtlb_2m_entries",   "entries", measure_large_entries,     &size_2m},
    {"dtlb_1g_entries",   "entries", measure_large_entries,     &size_1g},
    {"stlb_hit",          "cycles",  measure_stlb_hit,          NULL},
    {"stlb_entries",      "entries", measure_stlb_entries,      NULL},
    {"stlb_ways",         "ways",    measure_stlb_ways,         NULL},
    {"stlb_index_bits",   "bits",    measure_stlb_index_bits,   NULL},
    {"stlb_xor_distance", "bits",    measure_stlb_xor_distance, NULL},
    {"walkers",           "count",   measure_walkers,           NULL},
};
/* clang-format on */

int main(void)
{
    return probe_main(probes, COUNT_OF(probes));
}
