/* walk.c - dependent loads, each of which misses the TLB: page walks with their paging structures hot or cold.
 *
 * Measures: what a walk costs. hot: a random chase over 16 MiB again and again; large pages map it many times, so
 *           that no TLB holds them, while the few lines of paging structures that walks read stay near the core.
 *           cold: each load is the first to a page 128 GiB away from all others; tables and pages lie scattered
 *           over 512 MiB.
 * Words:    page=4K|2M|1G    of the mapping (4K)
 *           tables=hot|cold  (hot)
 *           laps=2           hot: of 4096 loads each, behind one to warm up
 * Check:    the chase ends where it began, and each place has told its number once a lap.
 */
#include "kit/kit.h"

enum { LINE = 64, LINES = PAGE_4K / LINE, HOT_LOADS = 4096, COLD_LOADS = 1024 };

#define HOT_BYTES   (HOT_LOADS * PAGE_4K)
#define COLD_BYTES  (512 * MiB)
#define COLD_APART  (128 * GiB)
#define COLD_OFFSET (64 * GiB)  /* beside the identity mapping */
#define COLD_TABLES 3           /* at most, for a place */
#define SCATTER     51437       /* odd: goes through all pages of a power of two */

struct place {
    struct place *next;
    u64 number;
};

struct layout {
    u64 loads, page_bytes;
    u8 *memory;
    bool cold;
};

/* --- where places lie --- */

static u64 page_base(const struct layout *l, u64 address)
{
    return round_down(address, l->page_bytes);
}

/* A page of the cold memory, another one for each k. */
static u64 scattered(const struct layout *l, u64 k)
{
    return (u64)l->memory + k * SCATTER % (COLD_BYTES / PAGE_4K) * PAGE_4K;
}

static u64 physical(const struct layout *l, u64 i)
{
    return (l->cold ? scattered(l, i) : (u64)l->memory + i * PAGE_4K) + mix(i) % LINES * LINE;
}

/* How often the hot memory is mapped, in pages that no TLB holds together, and at what distance. */
static u64 aliases(const struct layout *l)
{
    return l->page_bytes == PAGE_4K ? 1 : l->page_bytes == PAGE_2M ? 256 : 512;
}

static u64 alias_bytes(const struct layout *l)
{
    return l->page_bytes == PAGE_1G ? PAGE_1G : HOT_BYTES;
}

static u64 hot_base(const struct layout *l)
{
    return l->page_bytes == PAGE_1G ? page_base(l, (u64)l->memory) : (u64)l->memory;
}

static u64 hot_va(const struct layout *l, u64 i)
{
    return DATA_VA + mix(i) % aliases(l) * alias_bytes(l) + physical(l, i) - hot_base(l);
}

/* In a GiB of its own, in one of its pages of the size. */
static u64 cold_va(const struct layout *l, u64 i)
{
    u64 pages = PAGE_1G / l->page_bytes, pa = physical(l, i);
    return COLD_OFFSET + i * COLD_APART + mix(i + COLD_LOADS) % pages * l->page_bytes + pa - page_base(l, pa);
}

static struct place *place(const struct layout *l, u64 i)
{
    return (struct place *)(l->cold ? cold_va(l, i) : hot_va(l, i));
}

/* --- the mapping --- */

static void map(const struct layout *l, u64 va, u64 pa, u64 bytes)
{
    paging_map(kernel_space(), va, pa, bytes, l->page_bytes, PTE_W | pte_nx());
}

static void map_hot(struct layout *l)
{
    l->memory = heap_run(HOT_BYTES, HOT_BYTES);
    for (u64 alias = 0; alias < aliases(l); alias++)
        map(l, DATA_VA + alias * alias_bytes(l), hot_base(l), alias_bytes(l));
}

/* The heap's next pages, which tables are made of, are scattered too. */
static void map_cold(struct layout *l)
{
    l->memory = heap_run(COLD_BYTES, COLD_BYTES);
    for (u64 k = l->loads; k < l->loads * (1 + COLD_TABLES); k++) heap_page_free((void *)scattered(l, k));
    for (u64 i = 0; i < l->loads; i++)
        map(l, page_base(l, cold_va(l, i)), page_base(l, physical(l, i)), l->page_bytes);
}

static void link_places(const struct layout *l)
{
    u32 *next = heap_run(l->loads * sizeof *next, PAGE_4K);
    random_cycle(next, l->loads, 1);
    for (u64 i = 0; i < l->loads; i++) *place(l, i) = (struct place){place(l, next[i]), i};
}

/* --- the chase --- */

static u64 chase(struct place **at, u64 loads)
{
    struct place *p = *at;
    u64 sum = 0;
    while (loads--) {
        sum += p->number;
        p = p->next;
    }
    *at = p;
    return sum;
}

int main(void)
{
    u64 page_size = 0, cold = 0, laps = 2;
    const struct word words[] = {{"page", WORD_CHOICE, &page_size, 0, 0, PAGE_SIZE_CHOICES},
                                 {"tables", WORD_CHOICE, &cold, 0, 0, "hot|cold"},
                                 {"laps", WORD_NUMBER, &laps, 1, 1000, NULL}};
    bench_start(words, COUNT_OF(words));
    struct layout l = {.loads = cold ? COLD_LOADS : HOT_LOADS, .page_bytes = PAGE_SIZE_OF(page_size), .cold = cold};
    if (l.page_bytes == PAGE_1G && !cpu_has_1g_pages()) panic("the processor has no 1 GiB pages");
    if (cold)
        map_cold(&l);
    else
        map_hot(&l);
    link_places(&l);

    MARK_WARM();
    struct place *at = place(&l, 0);
    if (!cold) chase(&at, l.loads);
    bench_begin();
    u64 sum = chase(&at, cold ? l.loads : laps * l.loads);
    bench_end();

    u64 expected = l.loads * (l.loads - 1) / 2 * (cold ? 1 : laps);
    return bench_report(at == place(&l, 0) && sum == expected, "walk: loads=%llu sum=0x%llx", (ull)l.loads, (ull)sum);
}
