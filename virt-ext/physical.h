/* physical.h - VMX's own accesses to memory by physical address. What is not RAM reads as ones, and writes
 * to it are lost.
 *
 * Checked by: tests/unit/test_vmx_instructions.c, test_exits.c
 */
#ifndef VIRT_PHYSICAL_H
#define VIRT_PHYSICAL_H

#include "isa/cpu_model.h"
#include "isa/hart.h"

static inline u32 physical_read32(const struct physmem *m, u64 at)
{
    u32 value = ~0u;
    if (physmem_has(m, HPA(at), sizeof value)) memcpy(&value, m->host + at, sizeof value);
    return value;
}

static inline u8 physical_read8(const struct physmem *m, u64 at)
{
    return physmem_has(m, HPA(at), 1) ? m->host[at] : 0xff;
}

/* Adds a reference to the instruction or event under way, for a timing core to play; outside RAM there is none. */
static inline void physical_record(const struct hart *h, u64 at, unsigned bytes, enum access kind)
{
    if (!hart_vmx_record(h) || !physmem_has(h->mem, HPA(at), bytes)) return;
    struct mem_access *a = record_add_access(hart_vmx_record(h));
    *a = (struct mem_access){
        .at = HPA(at), .bytes = (u16)bytes, .kind = (u8)kind, .walk = -1, .system = true};
}

/* Address bits that the processor does not have. */
static inline u64 bits_beyond_physical(const struct hart *h) { return ~0ull << h->model->physical_bits; }

/* A 4-KiB-aligned address that the processor can form. */
static inline bool is_page_address(const struct hart *h, u64 at)
{
    return !(at & (bits_beyond_physical(h) | (PAGE_BYTES - 1)));
}

#endif
