/* physmem.h - host-physical memory as semantics see it: one flat array from address 0, zero-filled.
 *
 * Whoever writes to it besides the executor (loader, devices, page walks' A/D bits) uses physmem_write*, so decoded
 * code is dropped. Anything outside is MMIO (struct hart_ops). models/mem/ram.c allocates it.
 */
#ifndef ISA_PHYSMEM_H
#define ISA_PHYSMEM_H

#include "models/sim/types.h"
#include <string.h>

struct physmem {
    u8 *host;        /* size_bytes of it */
    u64 size_bytes;
    u8 *has_code;    /* one byte per 4 KiB page: writes to it are to be heard, for it holds decoded code or a monitored line */
    void (*code_written)(void *self, hpa_t at, u64 bytes); /* the decoded-instruction cache's ear; may be NULL */
    void *code_self;
};

static inline bool physmem_has(const struct physmem *m, hpa_t at, u64 bytes)
{
    return at.v < m->size_bytes && bytes <= m->size_bytes - at.v;
}

static inline u64 physmem_read64(const struct physmem *m, hpa_t at)
{
    u64 v;
    memcpy(&v, m->host + at.v, sizeof v);
    return v;
}

/* Tells the decoded-instruction cache that [at, at+bytes) inside RAM was written. */
static inline void physmem_note_write(struct physmem *m, hpa_t at, u64 bytes)
{
    if (UNLIKELY(m->has_code[at.v >> PAGE_SHIFT] || m->has_code[(at.v + bytes - 1) >> PAGE_SHIFT]) && m->code_written)
        m->code_written(m->code_self, at, bytes);
}

static inline void physmem_write64(struct physmem *m, hpa_t at, u64 v)
{
    memcpy(m->host + at.v, &v, sizeof v);
    physmem_note_write(m, at, sizeof v);
}

#endif
