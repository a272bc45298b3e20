/* vmx_bench.h - one hart in 64-bit mode with VMX, RAM, a flat MMU and mock neighbours: the bench of
 * test_vmx_*.c, test_entry_checks.c, test_exits.c.
 *
 * Instructions are real bytes, decoded and executed one at a time without delivery of their faults. A good
 * VMCS is written field by field into RAM, so that each test breaks or changes one thing. */
#ifndef TESTS_VMX_BENCH_H
#define TESTS_VMX_BENCH_H

#include "flat_mmu.h"
#include "isa/cpu_model.h"
#include "isa/exec.h"
#include "isa/icache.h"
#include "isa/state.h"
#include "virt-ext/controls.h"
#include "virt-ext/vmx.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RAM_BYTES (2 * MiB)

enum place {
    AT_ROOT = 0x1000,
    AT_VMXON = 0x2000,
    AT_VMCS = 0x3000,
    AT_OTHER_VMCS = 0x4000,
    AT_IO_BITMAP_A = 0x5000,
    AT_IO_BITMAP_B = 0x6000,
    AT_MSR_BITMAP = 0x7000,
    AT_MSR_LIST = 0x8000,
    AT_GDT = 0x9000,
    AT_IDT = 0xa000,
    AT_TSS = 0xb000,
    AT_OPERAND = 0xc000,
    AT_STACK = 0xe000,
    AT_EPT = 0xf000,
    AT_GUEST = 0x10000,
    AT_HOST = 0x11000,
    AT_HANDLERS = 0x20000,
};
#define HANDLER(vector) (AT_HANDLERS + 16u * (vector))

#define GUEST_VPID 7u
#define GUEST_EPTP (AT_EPT | 6u | 3u << 3)

/* What the mock MMU and bus were told. */
struct vmx_mocks {
    unsigned set_virt_calls, invept_calls, invvpid_calls, context_changes;
    struct mmu_virt virt;
    struct mmu_ept_features ept_features;
    u64 invalidated_eptp;
    u64 invalidated_type;
    u16 invalidated_vpid;
    va_t invalidated_va;
    int vector; /* of the interrupt controller; -1: it went away */
    unsigned acknowledges;
    u64 tsc;
};

struct vmx_bench {
    struct physmem mem;
    struct cpu_model model;
    struct icache icache;
    struct hart h;
    struct flat_mmu flat;
    struct vmx x;
    struct insn_record record;
    struct vmx_mocks told;
    struct vmx_exit_event event;
    unsigned events;
};

static struct vmx_mocks *vmx_bench_told; /* the mocks below have no other way home */

void mmu_set_virt(struct mmu *m, struct hart *h, const struct mmu_virt *v)
{
    (void)m, (void)h;
    vmx_bench_told->set_virt_calls++;
    vmx_bench_told->virt = *v;
}

void mmu_set_ept_features(struct mmu *m, const struct mmu_ept_features *f)
{
    (void)m;
    vmx_bench_told->ept_features = *f;
}

void mmu_invept(struct mmu *m, struct hart *h, enum invept_type type, u64 eptp)
{
    (void)m, (void)h;
    vmx_bench_told->invept_calls++;
    vmx_bench_told->invalidated_type = type;
    vmx_bench_told->invalidated_eptp = eptp;
}

void mmu_invvpid(struct mmu *m, struct hart *h, enum invvpid_type type, u16 vpid, va_t va)
{
    (void)m, (void)h;
    vmx_bench_told->invvpid_calls++;
    vmx_bench_told->invalidated_type = type;
    vmx_bench_told->invalidated_vpid = vpid;
    vmx_bench_told->invalidated_va = va;
}

static inline int bench_acknowledge(void *self, struct hart *h)
{
    struct vmx_bench *b = self;
    (void)h;
    b->told.acknowledges++;
    return b->told.vector;
}

static inline u32 bench_port_read(void *self, u16 port, unsigned bytes)
{
    (void)self, (void)port, (void)bytes;
    return 0;
}

static inline void bench_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    (void)self, (void)port, (void)value, (void)bytes;
}

static inline u64 bench_mmio_read(void *self, hpa_t at, unsigned bytes)
{
    (void)self, (void)at, (void)bytes;
    return ~0ull;
}

static inline void bench_mmio_write(void *self, hpa_t at, u64 value, unsigned bytes)
{
    (void)self, (void)at, (void)value, (void)bytes;
}

static inline u64 bench_read_tsc(void *self, struct hart *h)
{
    (void)h;
    return ((struct vmx_bench *)self)->told.tsc;
}

static inline u64 bench_get_cr8(void *self, struct hart *h)
{
    (void)self, (void)h;
    return 0;
}

static inline void bench_set_cr8(void *self, struct hart *h, u64 value) { (void)self, (void)h, (void)value; }

static inline bool bench_no_apic_read(void *self, struct hart *h, u32 msr, u64 *value, bool *gp)
{
    (void)self, (void)h, (void)msr, (void)value, (void)gp;
    return false;
}

static inline bool bench_no_apic_write(void *self, struct hart *h, u32 msr, u64 value, bool *gp)
{
    (void)self, (void)h, (void)msr, (void)value, (void)gp;
    return false;
}

static const struct bus_ops bench_bus = {
    .port_read = bench_port_read,
    .port_write = bench_port_write,
    .mmio_read = bench_mmio_read,
    .mmio_write = bench_mmio_write,
    .interrupt_acknowledge = bench_acknowledge,
    .apic_rdmsr = bench_no_apic_read,
    .apic_wrmsr = bench_no_apic_write,
    .get_cr8 = bench_get_cr8,
    .set_cr8 = bench_set_cr8,
    .read_tsc = bench_read_tsc,
};

static inline void bench_note_exit(void *self, const struct vmx_exit_event *e)
{
    struct vmx_bench *b = self;
    b->event = *e;
    b->events++;
}

/* --- the hart: GDT of code (8) and data (16), IDT of interrupt gates to HANDLER(vector), TSS (24) --- */

static inline void bench_write64(struct vmx_bench *b, u64 at, u64 value)
{
    physmem_write64(&b->mem, HPA(at), value);
}
static inline u64 bench_read64(const struct vmx_bench *b, u64 at) { return physmem_read64(&b->mem, HPA(at)); }

static inline void bench_write_tables(struct vmx_bench *b)
{
    bench_write64(b, AT_GDT + 8, 0x00209b0000000000);  /* 64-bit code, DPL 0 */
    bench_write64(b, AT_GDT + 16, 0x00cf93000000ffff); /* data */
    for (u64 v = 0; v < 256; v++) {
        bench_write64(b, AT_IDT + 16 * v,
                      (HANDLER(v) & 0xffff) | 8u << 16 | 0x8e00ull << 32 | (HANDLER(v) >> 16) << 48);
        bench_write64(b, AT_IDT + 16 * v + 8, 0);
    }
}

static inline void bench_set_segments(struct hart *h)
{
    for (unsigned s = 0; s < SEG_COUNT; s++) h->seg[s] = segment_flat_data(16, 0);
    h->seg[SEG_CS] = segment_flat_code(8, 0, true);
    h->tr = (struct segment){AT_TSS, 0x67, AR_P | TYPE_TSS | TSS_BUSY, 24};
    h->ldtr = segment_null(0, 0);
    h->gdtr = (struct desc_table){AT_GDT, 0xfff};
    h->idtr = (struct desc_table){AT_IDT, 0xfff};
}

static inline void bench_set_control(struct hart *h)
{
    h->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    h->cr4 = CR4_PAE | CR4_VMXE;
    h->cr3 = 0x100000;
    h->efer = EFER_LME | EFER_LMA | EFER_SCE;
    h->reg[REG_RIP] = AT_ROOT;
    h->reg[REG_RSP] = AT_STACK;
}

static const struct vmx_cfg bench_vmx_cfg = {VMX_PARAMS(PARAM_DEFAULT)};

/* With what only newer processors have: every control, field and rule is there. */
static inline struct vmx_cfg bench_full_cfg(void)
{
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.ipi_virtualization = true;
    return cfg;
}

static inline struct vmx_bench *vmx_bench_new(const struct vmx_cfg *cfg)
{
    struct vmx_bench *b = calloc(1, sizeof *b);
    vmx_bench_told = &b->told;
    b->told.vector = -1;
    flat_mmu_init(&b->flat, &b->mem, RAM_BYTES);
    assert_true(cpu_model_init(&b->model, "cascade-lake"));
    assert_true(cpu_model_set_feature(&b->model, "vmx", true));
    icache_init(&b->icache, &b->mem);
    hart_init(&b->h, 0, &b->mem, &b->icache, &b->model);
    b->h.mmu = &flat_mmu_ops;
    b->h.mmu_self = &b->flat;
    b->h.bus = &bench_bus;
    b->h.bus_self = b;
    vmx_init(&b->x, cfg ? cfg : &bench_vmx_cfg, &b->h, NULL);
    b->x.on_exit = bench_note_exit;
    b->x.on_exit_self = b;
    bench_write_tables(b);
    bench_set_segments(&b->h);
    bench_set_control(&b->h);
    hart_state_changed(&b->h);
    return b;
}

static inline void vmx_bench_free(struct vmx_bench *b)
{
    icache_destroy(&b->icache);
    free(b->mem.host);
    free(b->mem.has_code);
    free(b);
}

/* --- executing --- */

/* Executes the bytes at RIP as one instruction; a fault stays in h.fault, with RIP at the instruction. */
static inline enum outcome bench_execute(struct vmx_bench *b, const u8 *bytes, unsigned n)
{
    struct hart *h = &b->h;
    memcpy(b->mem.host + h->reg[REG_RIP], bytes, n);
    icache_flush(&b->icache);
    struct block *block = icache_decode(&b->icache, HPA(h->reg[REG_RIP]), (enum code_mode)h->mode, NULL);
    const struct insn *i = &b->icache.insn[block->first];
    h->fault = (struct fault){.kind = FAULT_NONE};
    enum outcome out = isa_run_single(h, i);
    if (out == OUT_FAULT) h->reg[REG_RIP] -= i->length;
    return out;
}

#define EXECUTE(b, ...) bench_execute((b), (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

/* Register operand rcx or none; memory operand [rax]; VMREAD and VMWRITE: field rcx, value rbx. */
#define VMXON(b)    EXECUTE(b, 0xf3, 0x0f, 0xc7, 0x30)
#define VMXOFF(b)   EXECUTE(b, 0x0f, 0x01, 0xc4)
#define VMCLEAR(b)  EXECUTE(b, 0x66, 0x0f, 0xc7, 0x30)
#define VMPTRLD(b)  EXECUTE(b, 0x0f, 0xc7, 0x30)
#define VMPTRST(b)  EXECUTE(b, 0x0f, 0xc7, 0x38)
#define VMREAD(b)   EXECUTE(b, 0x0f, 0x78, 0xcb)
#define VMWRITE(b)  EXECUTE(b, 0x0f, 0x79, 0xcb)
#define VMLAUNCH(b) EXECUTE(b, 0x0f, 0x01, 0xc2)
#define VMRESUME(b) EXECUTE(b, 0x0f, 0x01, 0xc3)
#define VMCALL(b)   EXECUTE(b, 0x0f, 0x01, 0xc1)
#define VMFUNC(b)   EXECUTE(b, 0x0f, 0x01, 0xd4)
#define INVEPT(b)   EXECUTE(b, 0x66, 0x0f, 0x38, 0x80, 0x08)
#define INVVPID(b)  EXECUTE(b, 0x66, 0x0f, 0x38, 0x81, 0x08)
#define CPUID(b)    EXECUTE(b, 0x0f, 0xa2)

/* [rax] holds `value`. */
static inline void bench_point_at(struct vmx_bench *b, u64 value)
{
    b->h.reg[REG_RAX] = AT_OPERAND;
    bench_write64(b, AT_OPERAND, value);
}

enum result { SUCCEEDED, FAILED_INVALID, FAILED_VALID, FAULTED };

/* "Conventions": how the VMX instruction that gave `out` ended. */
static inline enum result bench_result(const struct vmx_bench *b, enum outcome out)
{
    u64 flags = hart_rflags(&b->h) & RFLAGS_ARITHMETIC;
    if (out == OUT_FAULT) return FAULTED;
    if (flags == RFLAGS_CF) return FAILED_INVALID;
    if (flags == RFLAGS_ZF) return FAILED_VALID;
    assert_int_equal(flags, 0);
    return SUCCEEDED;
}

static inline struct vmcs *bench_vmcs(const struct vmx_bench *b)
{
    return (struct vmcs *)(void *)(b->mem.host + AT_VMCS);
}

/* --- a VMCS that enters: host and guest are both the hart as it stands --- */

static inline void bench_write_controls(const struct vmx *x, struct vmcs *v)
{
    v->pin_controls = x->allowed[VMX_PIN].must_be_1;
    v->primary_controls = x->allowed[VMX_PRIMARY].must_be_1 | 1u << PRIMARY_activate_secondary_controls;
    v->secondary_controls = 1u << SECONDARY_enable_vpid | 1u << SECONDARY_enable_ept;
    v->exit_controls = x->allowed[VMX_ON_EXIT].must_be_1 | 1u << ON_EXIT_host_address_space_size;
    v->entry_controls = x->allowed[VMX_ON_ENTRY].must_be_1 | 1u << ON_ENTRY_ia32e_mode_guest;
    v->vpid = GUEST_VPID;
    v->ept_pointer = GUEST_EPTP;
    v->vmcs_link_pointer = VMCS_NONE;
}

static inline void bench_write_host(const struct hart *h, struct vmcs *v)
{
    v->host_cr0 = h->cr0;
    v->host_cr3 = h->cr3;
    v->host_cr4 = h->cr4;
    v->host_cs_selector = 8;
    v->host_ss_selector = v->host_ds_selector = v->host_es_selector = 16;
    v->host_tr_selector = 24;
    v->host_tr_base = AT_TSS;
    v->host_gdtr_base = AT_GDT;
    v->host_idtr_base = AT_IDT;
    v->host_rip = AT_HOST;
    v->host_rsp = AT_STACK;
}

static inline void bench_write_guest(const struct hart *h, struct vmcs *v)
{
    v->guest_cr0 = h->cr0;
    v->guest_cr3 = h->cr3;
    v->guest_cr4 = h->cr4;
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        vmcs_write(v, VMCS_guest_es_selector + s, false, h->seg[s].selector);
        vmcs_write(v, VMCS_guest_es_limit + s, false, h->seg[s].limit);
        vmcs_write(v, VMCS_guest_es_ar + s, false, h->seg[s].ar);
    }
    v->guest_ldtr_ar = AR_UNUSABLE;
    v->guest_tr_selector = 24;
    v->guest_tr_base = AT_TSS;
    v->guest_tr_limit = 0x67;
    v->guest_tr_ar = AR_P | TYPE_TSS | TSS_BUSY;
    v->guest_gdtr_base = AT_GDT;
    v->guest_idtr_base = AT_IDT;
    v->guest_gdtr_limit = v->guest_idtr_limit = 0xfff;
    v->guest_rip = AT_GUEST;
    v->guest_rsp = AT_STACK;
    v->guest_rflags = RFLAGS_ONE;
    v->guest_dr7 = 0x400;
}

/* In root operation, no current VMCS. */
static inline void bench_turn_on(struct vmx_bench *b)
{
    *(u32 *)(void *)(b->mem.host + AT_VMXON) = b->x.cfg.revision;
    bench_point_at(b, AT_VMXON);
    assert_int_equal(bench_result(b, VMXON(b)), SUCCEEDED);
}

/* In root operation with the good VMCS current and clear. */
static inline struct vmx_bench *vmx_bench_ready(const struct vmx_cfg *cfg)
{
    struct vmx_bench *b = vmx_bench_new(cfg);
    bench_turn_on(b);
    struct vmcs *v = bench_vmcs(b);
    v->revision = b->x.cfg.revision;
    bench_point_at(b, AT_VMCS);
    assert_int_equal(bench_result(b, VMCLEAR(b)), SUCCEEDED);
    assert_int_equal(bench_result(b, VMPTRLD(b)), SUCCEEDED);
    bench_write_controls(&b->x, v);
    bench_write_host(&b->h, v);
    bench_write_guest(&b->h, v);
    return b;
}

/* Enters the guest by VMLAUNCH or, later, by VMRESUME. */
static inline void bench_enter(struct vmx_bench *b)
{
    enum outcome out = bench_vmcs(b)->launch_state == VMCS_LAUNCH_CLEAR ? VMLAUNCH(b) : VMRESUME(b);
    if (!hart_in_guest(&b->h)) vmx_print_failure(&b->x, stderr);
    assert_int_equal(out, OUT_EXIT);
    assert_true(hart_in_guest(&b->h));
}

static inline struct vmx_bench *vmx_bench_in_guest(void)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_enter(b);
    return b;
}

/* The basic reason of the exit that brought the hart to the host, -1: it is in the guest. */
static inline int bench_exit(const struct vmx_bench *b)
{
    if (hart_in_guest(&b->h)) return -1;
    return bench_vmcs(b)->exit_reason & 0xffff;
}

#endif
