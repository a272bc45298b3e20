#include "kit/memory.h"
#include "kit/console.h"
#include "kit/paging.h"

void *memset(void *to, int byte, size_t bytes)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(byte) : "memory");
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    if (to <= from) return memcpy(to, from, bytes);
    u8 *d = to;
    const u8 *s = from;
    while (bytes--) *(volatile u8 *)(d + bytes) = s[bytes];
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const u8 *p = a, *q = b;
    for (size_t i = 0; i < bytes; i++)
        if (p[i] != q[i]) return p[i] - q[i];
    return 0;
}

size_t string_length(const char *s)
{
    size_t n = 0;
    while (s[n]) n++;
    return n;
}

struct free_page {
    struct free_page *next;
};

static struct {
    u64 start, end, next;
    struct free_page *freed;
} heap;

void heap_init(u64 start, u64 end)
{
    heap.start = round_up(start, PAGE_4K);
    heap.end = round_down(end, PAGE_4K);
    heap.next = heap.start;
    heap.freed = NULL;
}

u64 heap_start(void)
{
    return heap.start;
}

u64 heap_end(void)
{
    return heap.end;
}

void *heap_run(u64 bytes, u64 alignment)
{
    u64 start = round_up(heap.next, alignment);
    if (start + bytes > heap.end) panic("out of memory: %llu KiB asked for", (ull)(bytes / KiB));
    heap.next = round_up(start + bytes, PAGE_4K);
    return (void *)start;
}

void *heap_page(void)
{
    struct free_page *page = heap.freed;
    if (!page) return heap_run(PAGE_4K, PAGE_4K);
    heap.freed = page->next;
    return page;
}

void *heap_page_cleared(void)
{
    u64 *page = heap_page();
    page_clear(page);
    return page;
}

void heap_page_free(void *page)
{
    struct free_page *freed = page;
    freed->next = heap.freed;
    heap.freed = freed;
}
