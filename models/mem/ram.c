/* ram.c - anonymous, unreserved host pages. */
#include "models/mem/ram.h"

#include "models/sim/check.h"
#include <sys/mman.h>

static u8 *map_zero(u64 bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) return NULL;
    madvise(p, bytes, MADV_HUGEPAGE); /* a wish: fewer TLB misses of the host, where it has large pages */
    return p;
}

bool ram_init(struct physmem *m, u64 size_bytes)
{
    CHECK(size_bytes && size_bytes % PAGE_BYTES == 0, "RAM of %llu bytes", (unsigned long long)size_bytes);
    *m = (struct physmem){.host = map_zero(size_bytes), .size_bytes = size_bytes};
    if (!m->host) return false;
    m->has_code = map_zero(size_bytes >> PAGE_SHIFT);
    if (m->has_code) return true;
    munmap(m->host, size_bytes);
    return false;
}

void ram_fini(struct physmem *m)
{
    munmap(m->host, m->size_bytes);
    munmap(m->has_code, m->size_bytes >> PAGE_SHIFT);
    m->host = m->has_code = NULL;
}

void ram_clear(struct physmem *m)
{
    if (m->code_written) m->code_written(m->code_self, HPA(0), m->size_bytes);
    CHECK(madvise(m->host, m->size_bytes, MADV_DONTNEED) == 0, "the host does not give pages back");
}
