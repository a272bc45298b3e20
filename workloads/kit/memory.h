/* memory.h - C's memory functions (the compiler may call them), strings, and the heap of physical pages.
 *
 * The heap is the largest gap of RAM that holds neither the image, nor a module, nor anything below 1 MiB.
 * All of it is identity-mapped, so an address serves as a pointer and as a physical address. Single pages
 * come back through a last-in, first-out list kept in the free pages themselves; runs of pages do not come
 * back.
 */
#ifndef KIT_MEMORY_H
#define KIT_MEMORY_H

#include "kit/types.h"

void *memset(void *to, int byte, size_t bytes);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t string_length(const char *s);

/* Called by the kit before main; a monitor that splits RAM with its guest may call it again with a part of
 * it. */
void heap_init(u64 start, u64 end);
u64 heap_start(void);
u64 heap_end(void);

/* One 4 KiB page: as it is, or cleared. The run ends with a message when RAM is used up. */
void *heap_page(void);
void *heap_page_cleared(void);
void heap_page_free(void *page);

/* Physically contiguous bytes, aligned to `alignment` (a power of two, at least 4 KiB), not cleared. */
void *heap_run(u64 bytes, u64 alignment);

#endif
