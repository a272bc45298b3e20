/* apic_page.c - the virtual-APIC page: SDM Vol. 3C, "Virtual-APIC Page". Its bytes are references that a timing
 * core plays. Outside RAM it reads as ones, and writes are lost. */
#include "virt-ext/apic.h"

static u64 page_at(const struct vmx *x, u32 offset)
{
    return current_vmcs(x)->virtual_apic_address + offset;
}

static u64 read_page(const struct vmx *x, u32 offset, unsigned bytes)
{
    const struct hart *h = x->hart;
    u64 value = ~0ull, at = page_at(x, offset);
    if (physmem_has(h->mem, HPA(at), bytes)) memcpy(&value, h->mem->host + at, bytes);
    physical_record(h, at, bytes, ACCESS_READ);
    return bytes == 8 ? value : (u32)value;
}

static void write_page(const struct vmx *x, u32 offset, unsigned bytes, u64 value)
{
    const struct hart *h = x->hart;
    u64 at = page_at(x, offset);
    physical_record(h, at, bytes, ACCESS_WRITE);
    if (!physmem_has(h->mem, HPA(at), bytes)) return;
    memcpy(h->mem->host + at, &value, bytes);
    physmem_note_write(h->mem, HPA(at), bytes);
}

u32 apic_page_read(const struct vmx *x, u32 offset)
{
    return (u32)read_page(x, offset, 4);
}

u64 apic_page_read64(const struct vmx *x, u32 offset)
{
    return read_page(x, offset, 8);
}

void apic_page_write(const struct vmx *x, u32 offset, u32 value)
{
    write_page(x, offset, 4, value);
}

void apic_page_write64(const struct vmx *x, u32 offset, u64 value)
{
    write_page(x, offset, 8, value);
}

/* --- the 256 bits of VISR and VIRR: eight registers, 16 bytes apart --- */

static u32 word_of(u32 set, unsigned vector)
{
    return set + vector / 32 * 16;
}

void apic_page_set_vector(const struct vmx *x, u32 set, u8 vector)
{
    u32 word = word_of(set, vector);
    apic_page_write(x, word, apic_page_read(x, word) | 1u << vector % 32);
}

void apic_page_clear_vector(const struct vmx *x, u32 set, u8 vector)
{
    u32 word = word_of(set, vector);
    apic_page_write(x, word, apic_page_read(x, word) & ~(1u << vector % 32));
}

u8 apic_page_highest_vector(const struct vmx *x, u32 set)
{
    for (int n = 7; n >= 0; n--) {
        u32 word = apic_page_read(x, set + (u32)n * 16);
        if (word) return (u8)(n * 32 + 31 - __builtin_clz(word));
    }
    return 0;
}

u8 virtual_tpr(const struct vmx *x)
{
    return physical_read8(x->hart->mem, page_at(x, VAPIC_TPR));
}
