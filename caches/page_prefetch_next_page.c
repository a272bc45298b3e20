/* page_prefetch_next_page.c - two neighbours in a row, or with few pages between: the next one in their direction. */
#include "caches/page_prefetch.h"

static bool is_known(const struct page_prefetch_state *s, u64 page)
{
    for (u32 i = 0; i < PAGE_PREFETCH_MISSES; i++)
        if (s->missed[i] == page) return true;
    return false;
}

static bool next_page_miss(struct page_prefetch_state *s, u64 page, u64 *wanted)
{
    const bool up = is_known(s, page - 1), down = is_known(s, page + 1);

    s->missed[s->next] = page;
    s->next = (s->next + 1) % PAGE_PREFETCH_MISSES;
    *wanted = up ? page + 1 : page - 1;
    return up != down;
}

const struct page_prefetcher page_prefetcher_next_page = {"next_page", next_page_miss};
