/* apicv_bench.h - a guest with a virtual-APIC page and an APIC-access page, for test_vmx_apic_access.c,
 * test_vmx_virtual_interrupts.c and test_vmx_posted.c. */
#ifndef TESTS_APICV_BENCH_H
#define TESTS_APICV_BENCH_H

#include "vmx_bench.h"
#include "virt-ext/apic.h"

#define APIC_PAGE   0x30000u /* virtual-APIC page */
#define ACCESS_PAGE 0x31000u /* APIC-access page */
#define DESCRIPTOR  0x32000u
#define PID_TABLE   0x33000u
#define OTHER_DESCRIPTOR 0x34000u

enum apicv {
    WITH_ACCESSES = 1,
    WITH_X2APIC = 2,
    WITH_REGISTERS = 4,
    WITH_INTERRUPTS = 8,
    WITH_POSTING = 16,
    WITH_IPIS = 32,
    WITHOUT_SHADOW = 64
};

static struct {
    unsigned eois, sends;
    u8 vector;
    u32 destination;
    bool x2apic;
} apicv_told;

static void apicv_eoi(void *self, struct hart *h) { (void)self, (void)h, apicv_told.eois++; }
static bool apicv_mode(void *self, struct hart *h) { return (void)self, (void)h, apicv_told.x2apic; }
static void apicv_send(void *self, struct hart *h, u8 vector, u32 destination)
{
    (void)self, (void)h;
    apicv_told.sends++;
    apicv_told.vector = vector;
    apicv_told.destination = destination;
}

static void apicv_set_controls(struct vmcs *v, unsigned with)
{
    if (!(with & WITHOUT_SHADOW)) v->primary_controls |= 1u << PRIMARY_use_tpr_shadow;
    if (with & WITH_ACCESSES) v->secondary_controls |= 1u << SECONDARY_virtualize_apic_accesses;
    if (with & WITH_X2APIC) v->secondary_controls |= 1u << SECONDARY_virtualize_x2apic_mode;
    if (with & WITH_REGISTERS) v->secondary_controls |= 1u << SECONDARY_apic_register_virtualization;
    if (with & WITH_INTERRUPTS) v->secondary_controls |= 1u << SECONDARY_virtual_interrupt_delivery;
    if (with & (WITH_INTERRUPTS | WITH_POSTING)) v->pin_controls |= 1u << PIN_external_interrupt_exiting;
    if (with & WITH_POSTING) {
        v->pin_controls |= 1u << PIN_process_posted_interrupts;
        v->exit_controls |= 1u << ON_EXIT_acknowledge_interrupt;
    }
    if (with & WITH_IPIS) {
        v->primary_controls |= 1u << PRIMARY_activate_tertiary_controls;
        v->tertiary_controls = BIT(TERTIARY_ipi_virtualization);
    }
}

/* In root operation, with interrupts on for the guest. */
static struct vmx_bench *apicv_ready(unsigned with)
{
    static struct bus_ops bus;
    const struct vmx_cfg cfg = bench_full_cfg();
    struct vmx_bench *b = vmx_bench_ready(&cfg);
    struct vmcs *v = bench_vmcs(b);
    memset(&apicv_told, 0, sizeof apicv_told);
    bus = bench_bus;
    bus.apic_eoi = apicv_eoi;
    bus.apic_send = apicv_send;
    bus.apic_in_x2apic_mode = apicv_mode;
    b->h.bus = &bus;
    apicv_set_controls(v, with);
    v->virtual_apic_address = APIC_PAGE;
    v->apic_access_address = ACCESS_PAGE;
    v->posted_interrupt_descriptor = DESCRIPTOR;
    v->posted_interrupt_vector = 0xf2;
    v->pid_pointer_table_address = PID_TABLE;
    v->last_pid_pointer_index = 3;
    v->guest_rflags |= RFLAGS_IF;
    return b;
}

static struct vmx_bench *apicv_guest(unsigned with)
{
    struct vmx_bench *b = apicv_ready(with);
    bench_enter(b);
    b->h.fetch.alone = true; /* devices may be touched */
    return b;
}

static u32 page_read(const struct vmx_bench *b, u32 offset)
{
    u32 value;
    memcpy(&value, b->mem.host + APIC_PAGE + offset, 4);
    return value;
}

static void page_write(struct vmx_bench *b, u32 offset, u32 value)
{
    memcpy(b->mem.host + APIC_PAGE + offset, &value, 4);
}

/* Requests `vector` as a monitor does: in VIRR and, if it is the highest, in RVI. */
static inline void request(struct vmx_bench *b, u8 vector)
{
    u32 at = VAPIC_IRR + vector / 32u * 16;
    struct vmcs *v = bench_vmcs(b);
    page_write(b, at, page_read(b, at) | 1u << vector % 32);
    if (vector > (u8)v->guest_interrupt_status) v->guest_interrupt_status = (u16)((v->guest_interrupt_status & 0xff00) | vector);
}

static inline bool has_vector(const struct vmx_bench *b, u32 set, u8 vector)
{
    return page_read(b, set + vector / 32u * 16) >> vector % 32 & 1;
}

/* One boundary between instructions, if somebody asks for it. */
static bool look(struct vmx_bench *b) { return b->h.attention && isa_take_attention(&b->h); }

/* MOV [rcx], eax and the like; what it faults goes to its end. */
static inline enum outcome access_with(struct vmx_bench *b, u32 offset, const u8 *bytes, unsigned n)
{
    b->h.reg[REG_RCX] = ACCESS_PAGE + offset;
    enum outcome out = bench_execute(b, bytes, n);
    if (out == OUT_FAULT) isa_raise(&b->h);
    return out;
}
#define ACCESS(b, offset, ...) access_with(b, offset, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
#define LOAD32(b, offset)  ACCESS(b, offset, 0x8b, 0x01)
#define LOAD8(b, offset)   ACCESS(b, offset, 0x8a, 0x01)
#define LOAD64(b, offset)  ACCESS(b, offset, 0x48, 0x8b, 0x01)
#define STORE32(b, offset) ACCESS(b, offset, 0x89, 0x01)
#define STORE8(b, offset)  ACCESS(b, offset, 0x88, 0x01)
#define OR32(b, offset)    ACCESS(b, offset, 0x09, 0x01)

#define RDMSR(b) EXECUTE(b, 0x0f, 0x32)
#define WRMSR(b) EXECUTE(b, 0x0f, 0x30)

/* MSRs must not exit by themselves. */
static inline void pass_msrs(struct vmx_bench *b)
{
    bench_vmcs(b)->primary_controls |= 1u << PRIMARY_use_msr_bitmaps;
    bench_vmcs(b)->msr_bitmap = AT_MSR_BITMAP;
}

#endif
