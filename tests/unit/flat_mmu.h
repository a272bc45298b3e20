/* flat_mmu.h - an identity MMU for unit tests: linear = host-physical, with one page that is absent and
 * one that is read-only. */
#ifndef TESTS_FLAT_MMU_H
#define TESTS_FLAT_MMU_H

#include "isa/mem.h"
#include <stdlib.h>
#include <string.h>

#define FLAT_NO_PAGE (~0ull)

struct flat_mmu {
    u64 absent_page, readonly_page; /* page addresses, or FLAT_NO_PAGE */
    unsigned translations;
    bool reads_code; /* diff.h: the code area was read as data */
};

static bool flat_refuses(const struct flat_mmu *m, u64 page, enum access access)
{
    return page == m->absent_page || (page == m->readonly_page && access == ACCESS_WRITE);
}

static bool flat_translate(void *self, struct hart *h, va_t va, enum access access, enum access_by by,
                           struct translation *out)
{
    struct flat_mmu *m = self;
    u64 page = va.v & ~(PAGE_BYTES - 1);
    m->translations++;
    if (flat_refuses(m, page, access)) {
        h->fault = (struct fault){.kind = FAULT_EXCEPTION, .vector = VEC_PF, .has_error = true, .va = va};
        h->fault.error = (page == m->absent_page ? 0 : PF_P) | (access == ACCESS_WRITE ? PF_W : 0) |
                         (by == BY_USER ? PF_U : 0) | (access == ACCESS_FETCH ? PF_I : 0);
        return false;
    }
    *out = (struct translation){.at = {va.v}, .walk = -1, .tlb = TLB_L1, .page_shift = PAGE_SHIFT};
    bool plain = physmem_has(h->mem, out->at, 1) && !hart_maps_apic_access(h, out->at);
    out->host = plain ? h->mem->host + va.v : NULL;
    out->cacheable_soft = out->host && !h->record;
    return true;
}

static void flat_invalidate(void *self, struct hart *h, enum invalidate_kind kind, u64 pcid, va_t va)
{
    (void)self, (void)kind, (void)pcid, (void)va;
    soft_tlb_flush(&h->soft);
}

static void flat_context_changed(void *self, struct hart *h)
{
    (void)self, (void)h;
}

static bool flat_allows(void *self, struct hart *h, va_t va, enum access access, enum access_by by)
{
    (void)h, (void)by;
    return !flat_refuses(self, va.v & ~(PAGE_BYTES - 1), access);
}

static bool flat_read_pdptes(void *self, struct hart *h, u64 cr3, u64 pdpte[PDPTES])
{
    (void)self;
    memset(pdpte, 0xff, PDPTES * sizeof pdpte[0]); /* where no RAM is */
    if (physmem_has(h->mem, HPA(cr3 & 0xffffffe0), PDPTES * sizeof pdpte[0]))
        memcpy(pdpte, h->mem->host + (cr3 & 0xffffffe0), PDPTES * sizeof pdpte[0]);
    return true;
}

static const struct mmu_ops flat_mmu_ops = {flat_translate, flat_invalidate, flat_context_changed, flat_allows,
                                      flat_read_pdptes};

/* RAM from 0. */
static void flat_mmu_init(struct flat_mmu *m, struct physmem *mem, u64 ram_bytes)
{
    *m = (struct flat_mmu){.absent_page = FLAT_NO_PAGE, .readonly_page = FLAT_NO_PAGE};
    *mem = (struct physmem){.host = calloc(1, ram_bytes),
                            .size_bytes = ram_bytes,
                            .has_code = calloc(1, ram_bytes >> PAGE_SHIFT)};
}

#endif
