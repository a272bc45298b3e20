/* ptemod.c - changes of present mappings, what shadow paging pays most for.
 *
 * Measures: sending a random page to a random frame, as a kernel does that migrates pages: walk to the entry,
 *           plain store, INVLPG, and one read through the new mapping.
 * Words:    pages=1024    mapped, and as many frames to choose from, in 4 KiB
 *           iters=6000    changes
 *           page=4K|2M    (4K)
 *           seed=1        of the choices
 * Check:    every frame holds its own number, scrambled; the sum of what was read must be that of the frames
 *           chosen.
 */
#include "kit/kit.h"

struct mapping {
    u64 va, frames; /* first page's address, first frame's */
    u64 count, page_bytes;
};

static u64 stamp_of(u64 frame)
{
    return mix(frame + 1);
}

static void stamp_frames(const struct mapping *m)
{
    for (u64 i = 0; i < m->count; i++) *(u64 *)(m->frames + i * m->page_bytes) = stamp_of(i);
}

static u64 touch(u64 va)
{
    return *(volatile u64 *)va;
}

static void touch_all(const struct mapping *m)
{
    for (u64 i = 0; i < m->count; i++) touch(m->va + i * m->page_bytes);
}

static void send(const struct mapping *m, u64 page, u64 frame)
{
    u64 va = m->va + page * m->page_bytes;
    u64 *slot = paging_slot(kernel_space(), va, m->page_bytes);
    *slot = (m->frames + frame * m->page_bytes) | (*slot & ~PTE_ADDRESS & ~(PTE_A | PTE_D));
    invlpg(va);
}

static u64 change(const struct mapping *m, u64 *stream, u64 count)
{
    u64 sum = 0;
    while (count--) {
        u64 page = random_below(stream, m->count);
        u64 frame = random_below(stream, m->count);
        send(m, page, frame);
        sum += touch(m->va + page * m->page_bytes);
    }
    return sum;
}

static u64 sum_expected(const struct mapping *m, u64 *stream, u64 count)
{
    u64 sum = 0;
    while (count--) {
        random_next(stream);
        sum += stamp_of(random_below(stream, m->count));
    }
    return sum;
}

int main(void)
{
    u64 pages = 1024, iters = 6000, page_size = 0, seed = 1;
    const struct word words[] = {WORD_PAGES(pages, 1, PAGES_MAX), WORD_ITERS(iters),
                                 WORD_PAGE_SIZE(page_size), WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));
    u64 page_bytes = PAGE_SIZE_OF(page_size);
    struct mapping m = {.va = (u64)bench_data(pages, page_bytes), .page_bytes = page_bytes};
    m.count = round_up(pages * PAGE_4K, page_bytes) / page_bytes;
    m.frames = paging_translate(kernel_space(), m.va);
    stamp_frames(&m);
    touch_all(&m);

    u64 stream = random_seeded(seed);
    MARK_WARM();
    change(&m, &stream, iters / 4);
    u64 region_stream = stream;
    bench_begin();
    u64 sum = change(&m, &stream, iters);
    bench_end();

    bool ok = sum == sum_expected(&m, &region_stream, iters);
    return bench_report(ok, "ptemod: pages=%llu iters=%llu sum=0x%llx", (ull)pages, (ull)iters, (ull)sum);
}
