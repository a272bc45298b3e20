/* apic_posted.c - posted-interrupt descriptors: SDM Vol. 3C, "Posted-Interrupt Processing" and the format of the
 * descriptor there and in "IPI Virtualization". */
#include "virt-ext/apic.h"

/* 64 bytes: 256 bits of requests (PIR), then control: ON, SN, notification vector and destination. */
#define PIR_WORDS        4
#define CONTROL_AT       32
#define CONTROL_ON       BIT(0)
#define CONTROL_SN       BIT(1)
#define DESCRIPTOR_BYTES 64

static bool descriptor_is_in_ram(const struct vmx *x, u64 at)
{
    return physmem_has(x->hart->mem, HPA(at), DESCRIPTOR_BYTES);
}

static u64 read_word(const struct vmx *x, u64 at)
{
    physical_record(x->hart, at, 8, ACCESS_READ);
    return physmem_read64(x->hart->mem, HPA(at));
}

static void write_word(const struct vmx *x, u64 at, u64 value)
{
    physical_record(x->hart, at, 8, ACCESS_WRITE);
    physmem_write64(x->hart->mem, HPA(at), value);
}

/* --- receiving --- */

/* Moves 64 requests to VIRR and returns the highest of them, 0: none. */
static u8 take_requests(struct vmx *x, u64 descriptor, unsigned word)
{
    u64 at = descriptor + 8 * word, requests = read_word(x, at);
    if (!requests) return 0;
    write_word(x, at, 0);
    for (unsigned half = 0; half < 2; half++) {
        u32 register_at = VAPIC_IRR + (2 * word + half) * 16, wanted = (u32)(requests >> 32 * half);
        if (wanted) apic_page_write(x, register_at, apic_page_read(x, register_at) | wanted);
    }
    x->stats.posted_vectors += (u64)__builtin_popcountll(requests);
    return (u8)(64 * word + 63 - (unsigned)__builtin_clzll(requests));
}

bool apic_process_posted(struct vmx *x, u8 vector)
{
    struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    u64 descriptor = v->posted_interrupt_descriptor;
    u8 highest = 0;
    if (!pin_on(v, PIN_process_posted_interrupts) || vector != (u8)v->posted_interrupt_vector) return false;
    x->stats.posted_interrupts++;
    apic_charge(x, x->cfg.posted_interrupt_cycles);
    h->bus->apic_eoi(h->bus_self, h);
    h->fetch.touched_device = true; /* the controller may have news for the core */
    if (!descriptor_is_in_ram(x, descriptor)) return true;
    write_word(x, descriptor + CONTROL_AT, read_word(x, descriptor + CONTROL_AT) & ~CONTROL_ON);
    for (unsigned word = 0; word < PIR_WORDS; word++)
        highest = (u8)max_u64(highest, take_requests(x, descriptor, word));
    apic_request(x, highest);
    return true;
}

/* --- posting --- */

/* The destination's format follows the local APIC's mode. */
static void notify(struct vmx *x, u64 control)
{
    struct hart *h = x->hart;
    u32 destination = (u32)(control >> 32);
    if (!h->bus->apic_in_x2apic_mode(h->bus_self, h)) destination = destination >> 8 & 0xff;
    h->bus->apic_send(h->bus_self, h, (u8)bits(control, 23, 16), destination);
    h->fetch.touched_device = true;
}

void apic_post(struct vmx *x, u64 descriptor, u8 vector)
{
    u64 word = descriptor + 8 * (u64)(vector / 64);
    if (!descriptor_is_in_ram(x, descriptor)) return;
    write_word(x, word, read_word(x, word) | BIT(vector % 64));
    u64 control = read_word(x, descriptor + CONTROL_AT);
    if (control & (CONTROL_ON | CONTROL_SN)) return;
    write_word(x, descriptor + CONTROL_AT, control | CONTROL_ON);
    notify(x, control);
}
