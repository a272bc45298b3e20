/* machine.c - building, resetting and driving the machine of the fuzzers: see machine.h. */
#include "machine.h"
#include "models/sim/check.h"
#include "virt-ext/controls.h"
#include "virt-ext/vmcs.h"
#include <stdlib.h>
#include <sys/mman.h>

enum {
    SEL_CODE32 = 0x08,
    SEL_DATA = 0x10,
    SEL_CODE64 = 0x18,
    SEL_USER32 = 0x20,
    SEL_USER_DATA = 0x28,
    SEL_USER64 = 0x30,
    SEL_TSS = 0x38,
    SEL_GATE = 0x48,
    GDT_BYTES = 0x58
};

/* --- an empty bus --- */

static u32 port_read(void *self, u16 port, unsigned bytes)
{
    return (void)self, (void)bytes, port * 0x10001u;
}
static void port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    (void)self, (void)port, (void)value, (void)bytes;
}
static u64 mmio_read(void *self, hpa_t at, unsigned bytes)
{
    return (void)self, (void)bytes, ~at.v;
}
static void mmio_write(void *self, hpa_t at, u64 value, unsigned bytes)
{
    (void)self, (void)at, (void)value, (void)bytes;
}
static int no_interrupt(void *self, struct hart *h)
{
    return (void)self, (void)h, -1;
}
static bool no_msr_read(void *self, struct hart *h, u32 msr, u64 *value, bool *gp)
{
    return (void)self, (void)h, (void)msr, (void)value, (void)gp, false;
}
static bool no_msr_write(void *self, struct hart *h, u32 msr, u64 value, bool *gp)
{
    return (void)self, (void)h, (void)msr, (void)value, (void)gp, false;
}
static u64 get_cr8(void *self, struct hart *h)
{
    return (void)self, (void)h, 0;
}
static void set_cr8(void *self, struct hart *h, u64 value)
{
    (void)self, (void)h, (void)value;
}
static u64 read_tsc(void *self, struct hart *h)
{
    return (void)self, h->instructions;
}

static const struct bus_ops bus = {.port_read = port_read,
                                   .port_write = port_write,
                                   .mmio_read = mmio_read,
                                   .mmio_write = mmio_write,
                                   .interrupt_acknowledge = no_interrupt,
                                   .apic_rdmsr = no_msr_read,
                                   .apic_wrmsr = no_msr_write,
                                   .get_cr8 = get_cr8,
                                   .set_cr8 = set_cr8,
                                   .read_tsc = read_tsc};

/* --- code of the machine: a VM exit skips its instruction and resumes, an exception skips a byte and returns --- */

extern const u8 fuzz_root_code[], fuzz_root_end[], fuzz_host_code[], fuzz_host_end[], fuzz_handler_code[],
    fuzz_handler_end[], fuzz_handler16_code[], fuzz_handler16_end[];

__asm__(".pushsection .rodata\n"
        "fuzz_root_code: vmxon (%rax); vmclear (%rbx); vmptrld (%rbx); hlt\n"
        "fuzz_root_end:\n"
        "fuzz_host_code: push %rax; push %rbx; push %rcx\n"
        "  mov $0x681e, %eax; vmread %rax, %rbx\n" /* guest RIP */
        "  mov $0x440c, %ecx; vmread %rcx, %rcx\n" /* VM-exit instruction length */
        "  add %rcx, %rbx; vmwrite %rbx, %rax\n"
        "  pop %rcx; pop %rbx; pop %rax; vmresume; hlt\n"
        "fuzz_host_end:\n"
        "fuzz_handler_code: pop %rax\n" /* the error code; vectors without one enter behind it */
        "  incq (%rsp); iretq\n"        /* the REX prefixes are DEC EAX in 32-bit code */
        "fuzz_handler_end:\n"
        "fuzz_handler16_code: .code16; push %bp; mov %sp, %bp; incw 2(%bp); pop %bp; iret; .code64\n"
        "fuzz_handler16_end:\n"
        ".popsection");

static void put_code(struct fuzz_machine *m, u64 at, const u8 *begin, const u8 *end)
{
    memcpy(m->mem.host + at, begin, (size_t)(end - begin));
}

/* --- tables --- */

static void put(struct fuzz_machine *m, u64 at, u64 value)
{
    memcpy(m->mem.host + at, &value, sizeof value);
}

static void put_segments(struct fuzz_machine *m)
{
    put(m, FUZZ_GDT + SEL_CODE32, 0x00cf9b000000ffff);
    put(m, FUZZ_GDT + SEL_DATA, 0x00cf93000000ffff);
    put(m, FUZZ_GDT + SEL_CODE64, 0x00af9b000000ffff);
    put(m, FUZZ_GDT + SEL_USER32, 0x00cffb000000ffff);
    put(m, FUZZ_GDT + SEL_USER_DATA, 0x00cff3000000ffff);
    put(m, FUZZ_GDT + SEL_USER64, 0x00affb000000ffff);
    put(m, FUZZ_GDT + SEL_TSS, 0x00008b0000000067 | (u64)FUZZ_TSS << 16);
    put(m, FUZZ_GDT + SEL_GATE, 0x0000ec0000000000 | FUZZ_HANDLER | (u64)SEL_CODE64 << 16);
    put(m, FUZZ_TSS + 4, FUZZ_STACK); /* RSP0; ESP0 */
    put(m, FUZZ_TSS + 8, SEL_DATA);   /* SS0 */
    put(m, FUZZ_TSS + 36, FUZZ_STACK - 0x1000);
}

#define WITH_ERROR_CODE                                                                                      \
    (BIT(VEC_DF) | BIT(VEC_TS) | BIT(VEC_NP) | BIT(VEC_SS) | BIT(VEC_GP) | BIT(VEC_PF) | BIT(VEC_AC))

static u64 interrupt_gate(u64 handler, u16 selector)
{
    return (handler & 0xffff) | (u64)selector << 16 | 0xee00ull << 32 | (handler >> 16) << 48;
}

static void put_gates(struct fuzz_machine *m)
{
    for (unsigned v = 0; v < 32; v++) {
        u64 handler = FUZZ_HANDLER + !(WITH_ERROR_CODE >> v & 1);
        put(m, FUZZ_IDT + 16 * v, interrupt_gate(handler, SEL_CODE64));
        put(m, FUZZ_IDT32 + 8 * v, interrupt_gate(handler, SEL_CODE32));
    }
    for (unsigned v = 0; v < 256; v += 2)
        put(m, 4 * v, (u64)FUZZ_HANDLER16 << 12 | (u64)FUZZ_HANDLER16 << 44);
}

/* Identity: the first 2 MiB by 4 KiB pages, the rest of 1 GiB by large ones; RAM ends early, so some pages are MMIO. */
static void put_pages(struct fuzz_machine *m)
{
    put(m, FUZZ_PML4, FUZZ_PDPT | 7);
    put(m, FUZZ_PDPT, FUZZ_PD | 7);
    put(m, FUZZ_PDPT + 8, 1 * GiB | 0x87);
    put(m, FUZZ_PD, FUZZ_PT | 7);
    put(m, FUZZ_EPT, (FUZZ_EPT + 0x1000) | 7);
    put(m, FUZZ_EPT + 0x1000, (FUZZ_EPT + 0x2000) | 7);
    for (u64 n = 0; n < 512; n++) {
        put(m, FUZZ_PT + 8 * n, n << 12 | 7);
        if (n) put(m, FUZZ_PD + 8 * n, n << 21 | 0x87);
        put(m, FUZZ_EPT + 0x2000 + 8 * n, n << 21 | 0xb7);
        put(m, FUZZ_PD32 + 8 * n, (n << 23 | 0x87) | (n << 23 | 0x400087) << 32);
    }
}

static void put_tables(struct fuzz_machine *m)
{
    put_segments(m);
    put_gates(m);
    put_pages(m);
    put_code(m, FUZZ_HANDLER, fuzz_handler_code, fuzz_handler_end);
    put_code(m, FUZZ_HANDLER16, fuzz_handler16_code, fuzz_handler16_end);
    put_code(m, FUZZ_HOST, fuzz_host_code, fuzz_host_end);
}

/* --- building --- */

static void build_memory(struct fuzz_machine *m)
{
    u8 *area = mmap(NULL, 2 * FUZZ_GUARD + FUZZ_RAM_BYTES, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(area != MAP_FAILED, "no address space for RAM and its guards");
    CHECK(mprotect(area + FUZZ_GUARD, FUZZ_RAM_BYTES, PROT_READ | PROT_WRITE) == 0, "no RAM");
    m->mem = (struct physmem){.host = area + FUZZ_GUARD,
                              .size_bytes = FUZZ_RAM_BYTES,
                              .has_code = calloc(1, FUZZ_RAM_BYTES >> PAGE_SHIFT)};
    put_tables(m);
    m->ram_new = malloc(FUZZ_RAM_BYTES);
    CHECK(m->mem.has_code && m->ram_new, "no memory");
    memcpy(m->ram_new, m->mem.host, FUZZ_RAM_BYTES);
}

static void build(struct fuzz_machine *m)
{
    static const struct mmu_cfg mmu_cfg = {MMU_PARAMS(PARAM_DEFAULT)};
    static const struct vmx_cfg vmx_cfg = {VMX_PARAMS(PARAM_DEFAULT)};
    build_memory(m);
    cpu_model_init(&m->model, "cascade-lake");
    cpu_model_set_feature(&m->model, "vmx", true);
    icache_init(&m->icache, &m->mem);
    hart_init(&m->h, 0, &m->mem, &m->icache, &m->model);
    mmu_init(&m->mmu, &mmu_cfg);
    m->h.mmu = &mmu_ops;
    m->h.mmu_self = &m->mmu;
    m->h.bus = &bus;
    vmx_init(&m->vmx, &vmx_cfg, &m->h, &m->mmu);
    m->vmx_new = m->vmx;
    m->hart_new = malloc(sizeof m->h);
    CHECK(m->hart_new, "no memory");
    memcpy(m->hart_new, &m->h, sizeof m->h);
}

struct fuzz_machine *fuzz_machine(void)
{
    static struct fuzz_machine *m;
    if (!m) {
        m = calloc(1, sizeof *m);
        CHECK(m, "no memory");
        build(m);
    }
    return m;
}

/* --- resetting --- */

/* All of the hart but its two large lookup tables, which their owners invalidate. */
static void reset_hart(struct fuzz_machine *m)
{
    const size_t soft = offsetof(struct hart, soft), fetch = offsetof(struct hart, fetch);
    const size_t behind = fetch + sizeof m->h.fetch;
    u8 *h = (u8 *)&m->h;
    CHECK(soft < fetch, "the order of struct hart's members");
    memcpy(h, m->hart_new, soft);
    memcpy(h + soft + sizeof m->h.soft, m->hart_new + soft + sizeof m->h.soft,
           fetch - soft - sizeof m->h.soft);
    memcpy(h + behind, m->hart_new + behind, sizeof m->h - behind);
    m->h.fetch.alone = m->h.fetch.touched_device = false;
    m->h.fetch.current = NULL;
}

void fuzz_reset(struct fuzz_machine *m)
{
    memcpy(m->mem.host, m->ram_new, FUZZ_RAM_BYTES);
    m->mem.code_written(m->mem.code_self, HPA(0), FUZZ_RAM_BYTES);
    reset_hart(m);
    m->vmx = m->vmx_new;
    mmu_set_virt(&m->mmu, &m->h, &(struct mmu_virt){0});
    m->h.mmu->invalidate(m->h.mmu_self, &m->h, INVALIDATE_ALL, 0, VA(0));
    hart_state_changed(&m->h);
}

/* --- modes --- */

#define AR_CODE   (AR_P | AR_S | DESC_CODE | DESC_READABLE | DESC_ACCESSED)
#define AR_DATA   (AR_P | AR_S | DESC_READABLE | DESC_ACCESSED)
#define AR_BIG    (AR_DB | AR_G)
#define CR4_UNITS (CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE)
#define CR4_OF_32 (CR4_PSE | CR4_UNITS)
#define CR4_OF_64 (CR4_PAE | CR4_UNITS | CR4_FSGSBASE)
#define CR0_PAGED (CR0_ET | CR0_NE | CR0_PE | CR0_PG)
#define EFER_LONG (EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE)

/* Segments: 16-bit, 32-bit or 64-bit code of ring 0 or 3; paragraphs are not selectors. */
enum code_segment { CODE16, CODE32, CODE64, PARAGRAPH };

static const u32 code_ar[] = {[CODE16] = AR_G, [CODE32] = AR_BIG, [CODE64] = AR_L | AR_G, [PARAGRAPH] = 0};
static const u16 code_selector[][2] = {[CODE16] = {SEL_CODE32, SEL_USER32 | 3},
                                       [CODE32] = {SEL_CODE32, SEL_USER32 | 3},
                                       [CODE64] = {SEL_CODE64, SEL_USER64 | 3},
                                       [PARAGRAPH] = {FUZZ_CODE >> 4, FUZZ_CODE >> 4}};

/* clang-format off */
static const struct {
    u64 cr0, cr3, cr4, efer, rflags;
    enum code_segment code;
    bool user;
} modes[FUZZ_MODES] = {
    [FUZZ_REAL]        = {CR0_ET, 0,         CR4_UNITS,            0,         0,           PARAGRAPH, false},
    [FUZZ_PROTECTED16] = {CR0_ET | CR0_PE, 0, CR4_UNITS, 0, 0, CODE16, false},
    [FUZZ_PROTECTED32] = {CR0_ET | CR0_PE, 0, CR4_UNITS, 0, 0, CODE32, false},
    [FUZZ_PAGED32]     = {CR0_PAGED, FUZZ_PD32, CR4_OF_32,            0,         RFLAGS_IOPL, CODE32,    true},
    [FUZZ_V86]         = {CR0_PAGED, FUZZ_PD32, CR4_OF_32,            0,         RFLAGS_VM,   PARAGRAPH, true},
    [FUZZ_COMPAT16]    = {CR0_PAGED, FUZZ_PML4, CR4_OF_64,            EFER_LONG, 0,           CODE16,    false},
    [FUZZ_COMPAT32]    = {CR0_PAGED, FUZZ_PML4, CR4_OF_64,            EFER_LONG, 0,           CODE32,    true},
    [FUZZ_LONG]        = {CR0_PAGED | CR0_WP, FUZZ_PML4, CR4_OF_64 | CR4_PGE,  EFER_LONG, 0,           CODE64,    false},
    [FUZZ_LONG_USER]   = {CR0_PAGED | CR0_WP, FUZZ_PML4, CR4_OF_64,            EFER_LONG, RFLAGS_IOPL, CODE64,    true},
    [FUZZ_ROOT]        = {CR0_PAGED, FUZZ_PML4, CR4_OF_64 | CR4_VMXE, EFER_LONG, 0,           CODE64,    false},
    [FUZZ_GUEST]       = {CR0_PAGED, FUZZ_PML4, CR4_OF_64 | CR4_VMXE, EFER_LONG, 0,           CODE64,    false},
};
/* clang-format on */

static void set_segments(struct hart *h, enum fuzz_mode mode)
{
    bool user = modes[mode].user, paragraphs = modes[mode].code == PARAGRAPH;
    u32 limit = paragraphs ? 0xffff : 0xffffffff, dpl = user ? 3u << AR_DPL_SHIFT : 0;
    struct segment data = {.limit = limit, .ar = AR_DATA | dpl | (paragraphs ? 0 : AR_BIG)};
    if (!paragraphs) data.selector = user ? SEL_USER_DATA | 3 : SEL_DATA;
    for (unsigned s = 0; s < SEG_COUNT; s++) h->seg[s] = data;
    h->seg[SEG_CS] = (struct segment){.base = paragraphs ? FUZZ_CODE : 0,
                                      .limit = limit,
                                      .ar = AR_CODE | dpl | code_ar[modes[mode].code],
                                      .selector = code_selector[modes[mode].code][user]};
    h->tr = (struct segment){FUZZ_TSS, 0x67, AR_P | TYPE_TSS | TSS_BUSY, SEL_TSS};
    h->ldtr = segment_null(0, 0);
    h->reg[REG_RIP] = paragraphs ? 0 : FUZZ_CODE;
}

static void set_tables(struct hart *h, enum fuzz_mode mode)
{
    u64 protected = modes[mode].efer ? FUZZ_IDT : FUZZ_IDT32;
    h->gdtr = (struct desc_table){FUZZ_GDT, GDT_BYTES - 1};
    h->idtr = (struct desc_table){mode == FUZZ_REAL ? 0 : protected, 0x3ff};
}

static void set_mode(struct hart *h, enum fuzz_mode mode)
{
    h->cr0 = modes[mode].cr0;
    h->cr3 = modes[mode].cr3;
    h->cr4 = modes[mode].cr4;
    h->efer = modes[mode].efer;
    h->cpl = modes[mode].user ? 3 : 0;
    h->fpu.xcr0 = 7;
    set_segments(h, mode);
    set_tables(h, mode);
    hart_set_rflags(h, RFLAGS_ONE | modes[mode].rflags);
    hart_state_changed(h);
}

static void run_blocks(struct fuzz_machine *m, u64 steps)
{
    for (u64 done = 0, some; done < steps; done += some)
        if (!(some = isa_run(&m->h, steps - done))) break;
}

/* --- VMX --- */

/* Guest and host are both the hart as it stands. */
static void put_vmcs_segments(const struct hart *h, struct vmcs *v)
{
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        vmcs_write(v, VMCS_guest_es_selector + s, false, h->seg[s].selector);
        vmcs_write(v, VMCS_guest_es_limit + s, false, h->seg[s].limit);
        vmcs_write(v, VMCS_guest_es_ar + s, false, h->seg[s].ar);
    }
    v->guest_ldtr_ar = AR_UNUSABLE;
    v->guest_tr_selector = v->host_tr_selector = SEL_TSS;
    v->guest_tr_base = v->host_tr_base = FUZZ_TSS;
    v->guest_tr_limit = 0x67;
    v->guest_tr_ar = h->tr.ar;
    v->guest_gdtr_base = v->host_gdtr_base = FUZZ_GDT;
    v->guest_idtr_base = v->host_idtr_base = FUZZ_IDT;
    v->guest_gdtr_limit = GDT_BYTES - 1;
    v->guest_idtr_limit = 0x3ff;
    v->host_cs_selector = SEL_CODE64;
    v->host_ss_selector = v->host_ds_selector = v->host_es_selector = SEL_DATA;
}

static void put_vmcs(struct fuzz_machine *m)
{
    struct vmcs *v = (struct vmcs *)(void *)(m->mem.host + FUZZ_VMCS);
    const struct vmx *x = &m->vmx;
    v->pin_controls = x->allowed[VMX_PIN].must_be_1;
    v->primary_controls = x->allowed[VMX_PRIMARY].must_be_1 | 1u << PRIMARY_activate_secondary_controls;
    v->secondary_controls = 1u << SECONDARY_enable_vpid | 1u << SECONDARY_enable_ept;
    v->exit_controls = x->allowed[VMX_ON_EXIT].must_be_1 | 1u << ON_EXIT_host_address_space_size;
    v->entry_controls = x->allowed[VMX_ON_ENTRY].must_be_1 | 1u << ON_ENTRY_ia32e_mode_guest;
    v->vpid = 1;
    v->ept_pointer = FUZZ_EPT | 6 | 3 << 3;
    v->vmcs_link_pointer = VMCS_NONE;
    v->guest_cr0 = v->host_cr0 = m->h.cr0;
    v->guest_cr3 = v->host_cr3 = m->h.cr3;
    v->guest_cr4 = v->host_cr4 = m->h.cr4;
    v->guest_rip = FUZZ_CODE;
    v->host_rip = FUZZ_HOST;
    v->guest_rsp = FUZZ_STACK - 0x2000;
    v->host_rsp = FUZZ_STACK - 0x1000;
    v->guest_rflags = RFLAGS_ONE;
    v->guest_dr7 = 0x400;
    put_vmcs_segments(&m->h, v);
}

static void turn_vmx_on(struct fuzz_machine *m)
{
    memcpy(m->mem.host + FUZZ_VMXON, &m->vmx.cfg.revision, 4);
    memcpy(m->mem.host + FUZZ_VMCS, &m->vmx.cfg.revision, 4);
    put(m, FUZZ_DATA, FUZZ_VMXON);
    put(m, FUZZ_DATA + 8, FUZZ_VMCS);
    m->h.reg[REG_RAX] = FUZZ_DATA;
    m->h.reg[REG_RBX] = FUZZ_DATA + 8;
    put_code(m, FUZZ_HOST + 0x100, fuzz_root_code, fuzz_root_end);
    m->h.reg[REG_RIP] = FUZZ_HOST + 0x100;
    run_blocks(m, 3);
    CHECK(m->vmx.on && m->vmx.current == FUZZ_VMCS, "VMX does not turn on");
    put_vmcs(m);
    m->h.reg[REG_RIP] = FUZZ_CODE;
}

static void launch(struct fuzz_machine *m)
{
    static const u8 vmlaunch[] = {0x0f, 0x01, 0xc2};
    put_code(m, FUZZ_HOST + 0x100, vmlaunch, vmlaunch + sizeof vmlaunch);
    m->mem.code_written(m->mem.code_self, HPA(FUZZ_HOST), PAGE_BYTES);
    m->h.reg[REG_RIP] = FUZZ_HOST + 0x100;
    run_blocks(m, 1);
    CHECK(hart_in_guest(&m->h), "the guest is not entered");
}

void fuzz_enter(struct fuzz_machine *m, enum fuzz_mode mode)
{
    set_mode(&m->h, mode);
    if (mode != FUZZ_ROOT && mode != FUZZ_GUEST) return;
    turn_vmx_on(m);
    if (mode == FUZZ_GUEST) launch(m);
}

/* --- running --- */

u64 fuzz_value(u8 code)
{
    u64 n = code & 31;
    switch (code >> 5) {
    case 0:
        return n;
    case 1:
        return FUZZ_DATA + n * 8;
    case 2:
        return FUZZ_CODE + n;
    case 3:
        return 0 - n;
    case 4:
        return BIT(2 * n + 1);
    case 5:
        return FUZZ_RAM_BYTES - n;
    case 6:
        return BIT(47) - 16 + n;
    default:
        return n * 0x0101010101010101;
    }
}

static void run_timed(struct fuzz_machine *m, u64 steps)
{
    struct insn_record *r = &m->record;
    for (u64 n = 0; n < steps && isa_fetch(&m->h, r); n++) {
        r->drained = n & 1;
        isa_execute(&m->h, r);
        if (!r->not_drained) continue;
        r->drained = true;
        isa_execute(&m->h, r);
    }
}

void fuzz_run(struct fuzz_machine *m, bool timed, u64 steps)
{
    if (!timed) {
        run_blocks(m, steps);
        return;
    }
    mmu_set_timed(&m->mmu, &m->h, true);
    run_timed(m, steps);
    m->h.record = NULL;
    mmu_set_timed(&m->mmu, &m->h, false);
}
