/* intercept.c - instructions that cause VM exits: SDM Vol. 3C, "Instructions That Cause VM Exits". One
 * small function per intercept that has a condition or a qualification of its own; a table for the rest. */
#include "isa/exec.h"
#include "isa/icache.h"
#include "virt-ext/internal.h"

bool bitmap_bit(const struct vmx *x, u64 bitmap, u32 bit)
{
    u64 at = bitmap + bit / 8;
    physical_record(x->hart, at, 1, ACCESS_READ);
    return physical_read8(x->hart->mem, at) >> (bit % 8) & 1;
}

/* --- control registers: "Exit Qualification for Control-Register Accesses" --- */

enum cr_access { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };

static u64 cr_qualification(unsigned cr, enum cr_access access, unsigned reg)
{
    return cr | (u64)access << 4 | (u64)reg << 8;
}

/* A write that differs from the read shadow in a bit that the host owns. */
static bool host_bits_differ(u64 value, u64 shadow, u64 mask)
{
    return (value ^ shadow) & mask;
}

static bool is_cr3_target(const struct vmcs *v, u64 value)
{
    for (unsigned n = 0; n < v->cr3_target_count && n < VMX_CR3_TARGETS; n++)
        if (vmcs_read(v, VMCS_cr3_target_0 + n, false) == value) return true;
    return false;
}

static bool mov_to_cr_exits(const struct vmcs *v, unsigned cr, u64 value)
{
    switch (cr) {
    case 0:
        return host_bits_differ(value, v->cr0_read_shadow, v->cr0_mask);
    case 3:
        return primary_on(v, PRIMARY_cr3_load_exiting) && !is_cr3_target(v, value);
    case 4:
        return host_bits_differ(value, v->cr4_read_shadow, v->cr4_mask);
    case 8:
        return primary_on(v, PRIMARY_cr8_load_exiting);
    default:
        return false;
    }
}

static bool mov_to_cr(const struct vmx *x, const struct vmcs *v, struct exit *e, u64 info)
{
    unsigned cr = info & 0xff, reg = (unsigned)bits(info, 15, 8);
    e->qualification = cr_qualification(cr, CR_MOV_TO, reg);
    return mov_to_cr_exits(v, cr, x->hart->reg[reg]);
}

static bool mov_from_cr(const struct vmcs *v, struct exit *e, u64 info)
{
    unsigned cr = info & 0xff;
    e->qualification = cr_qualification(cr, CR_MOV_FROM, (unsigned)bits(info, 15, 8));
    return (cr == 3 && primary_on(v, PRIMARY_cr3_store_exiting)) ||
           (cr == 8 && primary_on(v, PRIMARY_cr8_store_exiting));
}

static bool clts(const struct vmcs *v, struct exit *e)
{
    e->qualification = cr_qualification(0, CR_CLTS, 0);
    return v->cr0_mask & v->cr0_read_shadow & CR0_TS;
}

/* PE can only be set; MP, EM and TS are written. */
static bool lmsw_exits(const struct vmcs *v, u64 source)
{
    bool sets_pe = source & ~v->cr0_read_shadow & v->cr0_mask & CR0_PE;
    return sets_pe || host_bits_differ(source, v->cr0_read_shadow, v->cr0_mask & (CR0_MP | CR0_EM | CR0_TS));
}

static bool lmsw(const struct vmx *x, const struct insn *i, const struct vmcs *v, struct exit *e, u64 info)
{
    bool memory = info & BIT(16);
    e->qualification = cr_qualification(0, CR_LMSW, 0) | (u64)memory << 6 | (info & 0xffff) << 16;
    if (memory) e->guest_linear = insn_linear(x->hart, i).v;
    return lmsw_exits(v, info & 0xffff);
}

/* "Exit Qualification for MOV DR" */
static bool mov_dr(const struct vmcs *v, struct exit *e, u64 info)
{
    u64 from = info >> 16 & 1;
    e->qualification = bits(info, 2, 0) | from << 4 | bits(info, 15, 8) << 8;
    return primary_on(v, PRIMARY_mov_dr_exiting);
}

/* --- I/O: "Exit Qualification for I/O Instructions" --- */

static bool io_bitmaps_say_exit(const struct vmx *x, const struct vmcs *v, u32 port, unsigned bytes)
{
    if (port + bytes > 0x10000) return true; /* wraps around */
    for (u32 p = port; p < port + bytes; p++) {
        u64 bitmap = p & 0x8000 ? v->io_bitmap_b : v->io_bitmap_a;
        if (bitmap_bit(x, bitmap, p & 0x7fff)) return true;
    }
    return false;
}

static bool io_exits(const struct vmx *x, const struct vmcs *v, u32 port, unsigned bytes)
{
    if (primary_on(v, PRIMARY_use_io_bitmaps)) return io_bitmaps_say_exit(x, v, port, bytes);
    return primary_on(v, PRIMARY_unconditional_io_exiting);
}

static u64 string_io_linear(const struct hart *h, const struct insn *i, bool in)
{
    enum segreg seg = in ? SEG_ES : (enum segreg)i->segment;
    unsigned address_bits = insn_address_bytes(i) * 8;
    u64 offset = bits(h->reg[in ? REG_RDI : REG_RSI], address_bits - 1, 0);
    if (!hart_in_64bit_mode(h)) return (u32)(h->seg[seg].base + offset);
    return seg >= SEG_FS ? h->seg[seg].base + offset : offset;
}

static bool io(const struct vmx *x, const struct insn *i, const struct vmcs *v, struct exit *e, u64 info)
{
    u32 port = info & 0xffff;
    unsigned bytes = (unsigned)bits(info, 23, 16);
    bool in = info & BIT(24), string = info & BIT(25), rep = info & BIT(26), immediate = info & BIT(27);
    if (!io_exits(x, v, port, bytes)) return false;
    e->qualification =
        (bytes - 1) | (u64)in << 3 | (u64)string << 4 | (u64)rep << 5 | (u64)immediate << 6 | (u64)port << 16;
    if (string) {
        e->guest_linear = string_io_linear(x->hart, i, in);
        e->instruction_info = info_of_string_io(i);
    }
    return true;
}

/* --- MSRs: "MSR-Bitmap Address" --- */

enum {
    MSR_BITMAP_READ_LOW = 0,
    MSR_BITMAP_READ_HIGH = 1024,
    MSR_BITMAP_WRITE_LOW = 2048,
    MSR_BITMAP_WRITE_HIGH = 3072
};

static bool msr_exits(const struct vmx *x, const struct vmcs *v, u32 msr, bool write)
{
    if (!primary_on(v, PRIMARY_use_msr_bitmaps)) return true;
    if (msr <= 0x1fff)
        return bitmap_bit(x, v->msr_bitmap + (write ? MSR_BITMAP_WRITE_LOW : MSR_BITMAP_READ_LOW), msr);
    if (msr < 0xc0000000 || msr > 0xc0001fff) return true;
    return bitmap_bit(x, v->msr_bitmap + (write ? MSR_BITMAP_WRITE_HIGH : MSR_BITMAP_READ_HIGH),
                      msr & 0x1fff);
}

/* --- descriptor tables: identities of "Information for VM Exits Due to Instruction Execution" --- */

static unsigned table_identity(u16 mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SLDT:
        return 0;
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_STR:
        return 1;
    case ZYDIS_MNEMONIC_LGDT:
    case ZYDIS_MNEMONIC_LLDT:
        return 2;
    default:
        return 3;
    }
}

static bool descriptor_table(const struct vmx *x, const struct insn *i, const struct vmcs *v, struct exit *e)
{
    if (!secondary_on(v, SECONDARY_descriptor_table_exiting)) return false;
    e->qualification = insn_has_memory(i) ? operand_displacement(x->hart, i) : 0;
    e->instruction_info =
        info_of_descriptor_table(x->hart, i, table_identity(insn_cold(x->hart, i)->mnemonic));
    return true;
}

/* --- PAUSE: "PAUSE-Loop Exiting" --- */

/* A loop: each PAUSE within the gap of the one before. It exits once it is longer than the window. */
static bool pause_loop_exits(struct vmx *x, const struct vmcs *v)
{
    struct hart *h = x->hart;
    if (!secondary_on(v, SECONDARY_pause_loop_exiting) || h->cpl != 0) return false;
    u64 now = h->bus->read_tsc(h->bus_self, h) + 1; /* never 0 */
    bool goes_on = x->pause_loop.last_tsc && now - x->pause_loop.last_tsc <= v->ple_gap;
    x->pause_loop.last_tsc = now;
    if (!goes_on) x->pause_loop.first_tsc = now;
    return goes_on && now - x->pause_loop.first_tsc > v->ple_window;
}

static bool invpcid(const struct vmx *x, const struct insn *i, const struct vmcs *v, struct exit *e)
{
    e->qualification = operand_displacement(x->hart, i);
    e->instruction_info = info_of_operands(i, true);
    return primary_on(v, PRIMARY_invlpg_exiting);
}

static bool invlpg(const struct vmcs *v, struct exit *e, u64 linear)
{
    e->qualification = linear;
    return primary_on(v, PRIMARY_invlpg_exiting);
}

/* --- MONITOR, MWAIT, random numbers, supervisor states --- */

/* "Exit Qualification for MWAIT": was the monitor armed? */
static bool mwait(const struct vmcs *v, struct exit *e, bool armed)
{
    e->qualification = armed;
    return primary_on(v, PRIMARY_mwait_exiting);
}

static bool random_number(const struct insn *i, struct exit *e, bool exits)
{
    e->instruction_info = info_of_random(i);
    return exits;
}

/* Each supervisor component that the instruction names and the bitmap wants. */
static bool supervisor_state(const struct vmx *x, const struct insn *i, const struct vmcs *v, struct exit *e,
                             u64 named)
{
    e->qualification = operand_displacement(x->hart, i);
    e->instruction_info = info_of_operands(i, false);
    return named & v->xss_exiting_bitmap;
}

/* --- all of them --- */

/* clang-format off */
static const u8 reasons[INTERCEPT_COUNT] = {
    [INTERCEPT_cpuid]       = EXIT_cpuid,
    [INTERCEPT_hlt]         = EXIT_hlt,
    [INTERCEPT_invlpg]      = EXIT_invlpg,
    [INTERCEPT_invpcid]     = EXIT_invpcid,
    [INTERCEPT_rdtsc]       = EXIT_rdtsc,
    [INTERCEPT_rdtscp]      = EXIT_rdtscp,
    [INTERCEPT_rdpmc]       = EXIT_rdpmc,
    [INTERCEPT_rdmsr]       = EXIT_rdmsr,
    [INTERCEPT_wrmsr]       = EXIT_wrmsr,
    [INTERCEPT_io]          = EXIT_io_instruction,
    [INTERCEPT_mov_to_cr]   = EXIT_cr_access,
    [INTERCEPT_mov_from_cr] = EXIT_cr_access,
    [INTERCEPT_clts]        = EXIT_cr_access,
    [INTERCEPT_lmsw]        = EXIT_cr_access,
    [INTERCEPT_mov_dr]      = EXIT_mov_dr,
    [INTERCEPT_pause]       = EXIT_pause,
    [INTERCEPT_monitor]     = EXIT_monitor,
    [INTERCEPT_mwait]       = EXIT_mwait,
    [INTERCEPT_wbinvd]      = EXIT_wbinvd,
    [INTERCEPT_invd]        = EXIT_invd,
    [INTERCEPT_xsetbv]      = EXIT_xsetbv,
    [INTERCEPT_gdtr_idtr]   = EXIT_access_gdtr_idtr,
    [INTERCEPT_ldtr_tr]     = EXIT_access_ldtr_tr,
    [INTERCEPT_rdrand]      = EXIT_rdrand,
    [INTERCEPT_rdseed]      = EXIT_rdseed,
    [INTERCEPT_xsaves]      = EXIT_xsaves,
    [INTERCEPT_xrstors]     = EXIT_xrstors,
    [INTERCEPT_getsec]      = EXIT_getsec,
    [INTERCEPT_task_switch] = EXIT_task_switch,
};
/* clang-format on */

/* Intercepts with operands: is it an exit, and what does the exit say? */
static bool exits_with_operands(const struct vmx *x, const struct insn *i, enum intercept what, u64 info,
                                struct exit *e)
{
    const struct vmcs *v = current_vmcs(x);
    switch (what) {
    case INTERCEPT_invlpg:
        return invlpg(v, e, info);
    case INTERCEPT_invpcid:
        return invpcid(x, i, v, e);
    case INTERCEPT_rdmsr:
        return msr_exits(x, v, (u32)info, false);
    case INTERCEPT_wrmsr:
        return msr_exits(x, v, (u32)info, true);
    case INTERCEPT_io:
        return io(x, i, v, e, info);
    case INTERCEPT_mov_to_cr:
        return mov_to_cr(x, v, e, info);
    case INTERCEPT_mov_from_cr:
        return mov_from_cr(v, e, info);
    case INTERCEPT_clts:
        return clts(v, e);
    case INTERCEPT_lmsw:
        return lmsw(x, i, v, e, info);
    case INTERCEPT_mov_dr:
        return mov_dr(v, e, info);
    case INTERCEPT_mwait:
        return mwait(v, e, info);
    case INTERCEPT_rdrand:
        return random_number(i, e, secondary_on(v, SECONDARY_rdrand_exiting));
    case INTERCEPT_rdseed:
        return random_number(i, e, secondary_on(v, SECONDARY_rdseed_exiting));
    case INTERCEPT_xsaves:
    case INTERCEPT_xrstors:
        return supervisor_state(x, i, v, e, info);
    case INTERCEPT_gdtr_idtr:
    case INTERCEPT_ldtr_tr:
        return descriptor_table(x, i, v, e);
    default:
        return false;
    }
}

/* Intercepts without operands: unconditional ones, and those of one control. */
static bool exits(struct vmx *x, const struct insn *i, enum intercept what, u64 info, struct exit *e)
{
    const struct vmcs *v = current_vmcs(x);
    switch (what) {
    case INTERCEPT_cpuid:
    case INTERCEPT_invd:
    case INTERCEPT_xsetbv:
    case INTERCEPT_getsec:
        return true;
    case INTERCEPT_task_switch: /* "Exit Qualification for Task Switches" */
        e->qualification = info;
        return true;
    case INTERCEPT_hlt:
        return primary_on(v, PRIMARY_hlt_exiting);
    case INTERCEPT_rdtsc:
    case INTERCEPT_rdtscp:
        return primary_on(v, PRIMARY_rdtsc_exiting);
    case INTERCEPT_rdpmc:
        return primary_on(v, PRIMARY_rdpmc_exiting);
    case INTERCEPT_monitor:
        return primary_on(v, PRIMARY_monitor_exiting);
    case INTERCEPT_pause:
        return primary_on(v, PRIMARY_pause_exiting) || pause_loop_exits(x, v);
    case INTERCEPT_wbinvd:
        return secondary_on(v, SECONDARY_wbinvd_exiting);
    default:
        return exits_with_operands(x, i, what, info, e);
    }
}

bool vmx_intercept(void *self, struct hart *h, const struct insn *i, enum intercept what, u64 info)
{
    struct vmx *x = self;
    struct exit e = {.reason = reasons[what], .rip = h->reg[REG_RIP]}; /* of an event that finds a task gate */
    if (i) e = exit_for_instruction(h, i, (enum exit_reason)reasons[what]);
    if (!exits(x, i, what, info, &e)) return false;
    vmx_exit(x, &e);
    return true;
}

/* --- what the guest sees of CR0 and CR4: "Guest/Host Masks and Read Shadows for CR0 and CR4" --- */

static u64 select_bits(u64 mask, u64 set, u64 clear)
{
    return (set & mask) | (clear & ~mask);
}

u64 vmx_read_cr(void *self, struct hart *h, unsigned cr)
{
    const struct vmcs *v = current_vmcs(self);
    if (cr == 0) return select_bits(v->cr0_mask, v->cr0_read_shadow, h->cr0);
    return select_bits(v->cr4_mask, v->cr4_read_shadow, h->cr4);
}

u64 vmx_merge_cr(void *self, struct hart *h, unsigned cr, u64 value)
{
    const struct vmcs *v = current_vmcs(self);
    if (cr == 0) return select_bits(v->cr0_mask, h->cr0, value);
    return select_bits(v->cr4_mask, h->cr4, value);
}

bool vmx_insn_enabled(void *self, struct hart *h, enum intercept what)
{
    const struct vmcs *v = current_vmcs(self);
    (void)h;
    if (what == INTERCEPT_rdtscp) return secondary_on(v, SECONDARY_enable_rdtscp);
    if (what == INTERCEPT_invpcid) return secondary_on(v, SECONDARY_enable_invpcid);
    if (what == INTERCEPT_xsaves || what == INTERCEPT_xrstors) return secondary_on(v, SECONDARY_enable_xsaves);
    return true;
}
