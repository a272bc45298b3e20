/* exec_system.c - identification, time, interrupt flag, ports, and the doors to VMX.
 *
 * In guest world each first checks what faults before a VM exit does, then asks for interception: SDM Vol.
 * 3C, "Relative Priority of Faults and VM Exits". */
#include "isa/cpu_model.h"
#include "isa/debug.h"
#include "isa/exec.h"
#include "isa/mem.h"
#include "isa/state.h"

enum outcome exec_ud(struct hart *h, const struct insn *i)
{
    (void)i;
    return hart_ud(h);
}

enum outcome exec_virt(struct hart *h, const struct insn *i)
{
    if (!h->virt || !cpu_has(h->model, FEATURE_vmx))
        return hart_ud(h);
    return h->virt->instruction(h->virt_self, h, i);
}

enum outcome exec_cpuid(struct hart *h, const struct insn *i)
{
    u32 out[CPUID_REGS];
    if (hart_intercepted(h, i, INTERCEPT_cpuid, 0))
        return OUT_EXIT;
    struct cpuid_dynamic d = {.apic_id = h->id,
                              .osxsave = h->cr4 & CR4_OSXSAVE,
                              .ospke = h->cr4 & CR4_PKE,
                              .in_64bit_mode = hart_in_64bit_mode(h),
                              .xcr0 = h->fpu.xcr0,
                              .monitor_off = !(h->misc_enable & BIT(18))};
    if ((u32)h->reg[REG_RAX] == 1) /* SDM Vol. 3A, "Update Signature and Verification" */
        h->bios_sign_id = (u64)h->model->microcode << 32;
    cpuid_query(h->model, &d, (u32)h->reg[REG_RAX], (u32)h->reg[REG_RCX], out);
    h->reg[REG_RAX] = out[CPUID_EAX];
    h->reg[REG_RBX] = out[CPUID_EBX];
    h->reg[REG_RCX] = out[CPUID_ECX];
    h->reg[REG_RDX] = out[CPUID_EDX];
    return OUT_NEXT;
}

/* --- time --- */

__extension__ typedef unsigned __int128 u128;

/* SDM Vol. 3C, "Time-Stamp Counter Offset and Multiplier": the multiplier has 48 fractional bits. */
u64 hart_read_tsc(struct hart *h)
{
    u64 tsc = h->bus->read_tsc(h->bus_self, h) + h->tsc_offset;
    if (h->vmx_tsc_multiplier)
        tsc = (u64)((u128)tsc * h->vmx_tsc_multiplier >> 48);
    return tsc + h->vmx_tsc_offset;
}

static void return_tsc(struct hart *h)
{
    u64 tsc = hart_read_tsc(h);
    h->reg[REG_RAX] = (u32)tsc;
    h->reg[REG_RDX] = tsc >> 32;
}

static bool tsc_is_forbidden(const struct hart *h) { return (h->cr4 & CR4_TSD) && h->cpl != 0; }

enum outcome exec_rdtsc(struct hart *h, const struct insn *i)
{
    if (tsc_is_forbidden(h))
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_rdtsc, 0))
        return OUT_EXIT;
    return_tsc(h);
    return OUT_NEXT;
}

static bool insn_is_enabled(struct hart *h, enum cpu_feature feature, enum intercept what)
{
    if (!cpu_has(h->model, feature))
        return false;
    return !hart_in_guest(h) || h->virt->insn_enabled(h->virt_self, h, what);
}

enum outcome exec_rdtscp(struct hart *h, const struct insn *i)
{
    if (!insn_is_enabled(h, FEATURE_rdtscp, INTERCEPT_rdtscp))
        return hart_ud(h);
    if (tsc_is_forbidden(h))
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_rdtscp, 0))
        return OUT_EXIT;
    return_tsc(h);
    h->reg[REG_RCX] = (u32)h->tsc_aux;
    return OUT_NEXT;
}

/* There is no performance counter, so every ECX is an invalid one. */
enum outcome exec_rdpmc(struct hart *h, const struct insn *i)
{
    if (h->cpl != 0 && !(h->cr4 & CR4_PCE))
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_rdpmc, 0))
        return OUT_EXIT;
    return hart_gp(h, 0);
}

/* --- waiting, caches --- */

enum outcome exec_hlt(struct hart *h, const struct insn *i)
{
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_hlt, 0))
        return OUT_EXIT;
    hart_set_activity(h, ACTIVITY_HLT);
    if (h->record)
        h->record->halted = true;
    return OUT_FLUSH;
}

enum outcome exec_pause(struct hart *h, const struct insn *i)
{
    if (hart_intercepted(h, i, INTERCEPT_pause, 0)) return OUT_EXIT;
    h->fetch.paused = true;
    return OUT_NEXT;
}

/* Data live in RAM, and INVD loses none; lines and time are the timing core's. */
static enum outcome empty_caches(struct hart *h, const struct insn *i, enum intercept what, enum command command)
{
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, what, 0))
        return OUT_EXIT;
    hart_command(h, command);
    return OUT_NEXT;
}

enum outcome exec_wbinvd(struct hart *h, const struct insn *i)
{
    return empty_caches(h, i, INTERCEPT_wbinvd, COMMAND_WRITE_BACK);
}
enum outcome exec_invd(struct hart *h, const struct insn *i)
{
    return empty_caches(h, i, INTERCEPT_invd, COMMAND_DROP);
}

/* --- flags --- */

static unsigned iopl(const struct hart *h) { return (h->rflags & RFLAGS_IOPL) >> 12; }

enum outcome exec_cli(struct hart *h, const struct insn *i)
{
    (void)i;
    if (h->cpl > iopl(h))
        return hart_gp(h, 0);
    h->rflags &= ~RFLAGS_IF;
    hart_update_attention(h);
    return OUT_NEXT;
}

enum outcome exec_sti(struct hart *h, const struct insn *i)
{
    (void)i;
    if (h->cpl > iopl(h))
        return hart_gp(h, 0);
    if (h->rflags & RFLAGS_IF)
        return OUT_NEXT;
    h->rflags |= RFLAGS_IF;
    hart_start_shadow(h, false);
    return OUT_FLUSH;
}

static enum outcome set_ac(struct hart *h, bool on)
{
    if (!cpu_has(h->model, FEATURE_smap) || h->cpl != 0)
        return hart_ud(h);
    h->rflags = (h->rflags & ~RFLAGS_AC) | (on ? RFLAGS_AC : 0);
    h->mmu->context_changed(h->mmu_self, h);
    return OUT_FLUSH;
}

enum outcome exec_clac(struct hart *h, const struct insn *i) { return (void)i, set_ac(h, false); }
enum outcome exec_stac(struct hart *h, const struct insn *i) { return (void)i, set_ac(h, true); }

/* SDM Vol. 2B, "RDPKRU", and 2D, "WRPKRU". */
enum outcome exec_rdpkru(struct hart *h, const struct insn *i)
{
    (void)i;
    if (!(h->cr4 & CR4_PKE))
        return hart_ud(h);
    if ((u32)h->reg[REG_RCX])
        return hart_gp(h, 0);
    h->reg[REG_RAX] = h->pkru;
    h->reg[REG_RDX] = 0;
    return OUT_NEXT;
}

enum outcome exec_wrpkru(struct hart *h, const struct insn *i)
{
    (void)i;
    if (!(h->cr4 & CR4_PKE))
        return hart_ud(h);
    if ((u32)h->reg[REG_RCX] || (u32)h->reg[REG_RDX])
        return hart_gp(h, 0);
    hart_write_pkru(h, (u32)h->reg[REG_RAX]);
    return OUT_FLUSH;
}

enum outcome exec_pushf(struct hart *h, const struct insn *i)
{
    u64 image = hart_rflags(h) & ~(RFLAGS_VM | RFLAGS_RF);
    if (hart_lacks_v86_iopl(h))
        return hart_gp(h, 0);
    return hart_push(h, insn_operand_bytes(i), image) ? OUT_NEXT : OUT_FAULT;
}

/* SDM Vol. 2B, "POPF/POPFD/POPFQ": VM, VIF and VIP stay, RF is cleared. */
static u64 popf_mask(const struct hart *h, unsigned bytes)
{
    u64 mask = RFLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;
    if (h->cpl <= iopl(h))
        mask |= RFLAGS_IF;
    if (h->cpl == 0)
        mask |= RFLAGS_IOPL;
    return bytes == 2 ? mask & 0xffff : mask;
}

enum outcome exec_popf(struct hart *h, const struct insn *i)
{
    unsigned bytes = insn_operand_bytes(i);
    u64 image, old = h->rflags, mask = popf_mask(h, bytes);
    if (hart_lacks_v86_iopl(h))
        return hart_gp(h, 0);
    if (!hart_pop(h, bytes, &image))
        return OUT_FAULT;
    hart_set_rflags(h, (hart_rflags(h) & ~mask) | (image & mask));
    if ((old ^ h->rflags) & RFLAGS_AC)
        h->mmu->context_changed(h->mmu_self, h);
    return (old ^ h->rflags) & (RFLAGS_IF | RFLAGS_TF | RFLAGS_AC) ? OUT_FLUSH : OUT_NEXT;
}

/* --- ports --- */

static bool bitmap_allows(u64 map, u16 port, unsigned bytes)
{
    return !(bits(map, 15, 0) >> (port & 7) & ((1u << bytes) - 1));
}

/* SDM Vol. 1, "I/O Permission Bit Map": two bytes are always read; the map's base stands at byte 102 of the
 * TSS. */
static enum outcome check_bitmap(struct hart *h, u16 port, unsigned bytes)
{
    u64 base, map;
    bool tss32 = (h->tr.ar & AR_TYPE & ~TSS_BUSY) == TYPE_TSS && !(h->tr.ar & AR_UNUSABLE);
    if (!tss32 || h->tr.limit < 103)
        return hart_gp(h, 0);
    if (!mem_load_system(h, VA(h->tr.base + 102), 2, &base))
        return OUT_FAULT;
    u64 at = base + port / 8;
    if (at + 1 > h->tr.limit)
        return hart_gp(h, 0);
    if (!mem_load_system(h, VA(h->tr.base + at), 2, &map))
        return OUT_FAULT;
    return bitmap_allows(map, port, bytes) ? OUT_NEXT : hart_gp(h, 0);
}

bool io_permitted(struct hart *h, u16 port, unsigned bytes)
{
    return (h->cpl <= iopl(h) && !hart_in_v86(h)) || check_bitmap(h, port, bytes) == OUT_NEXT;
}

#define IO_IN        BIT(24)
#define IO_IMMEDIATE BIT(27)

struct port_access {
    u16 port;
    unsigned bytes;
    u64 info; /* INTERCEPT_io */
};

static struct port_access port_of(const struct hart *h, const struct insn *i, u64 direction)
{
    struct port_access a = {.bytes = insn_operand_bytes(i)};
    bool in_dx = i->imm == ~0ull;
    if (a.bytes == 8)
        a.bytes = 4;
    a.port = (u16)(in_dx ? h->reg[REG_RDX] : i->imm);
    a.info = a.port | (u64)a.bytes << 16 | direction | (in_dx ? 0 : IO_IMMEDIATE);
    return a;
}

static enum outcome may_access_port(struct hart *h, const struct insn *i, const struct port_access *a)
{
    if (!io_permitted(h, a->port, a->bytes))
        return OUT_FAULT;
    if (hart_intercepted(h, i, INTERCEPT_io, a->info))
        return OUT_EXIT;
    debug_note_port(h, a->port, a->bytes);
    if (h->record)
        h->record->io = true;
    return OUT_NEXT;
}

static void write_accumulator(struct hart *h, unsigned bytes, u32 value)
{
    u64 mask = bytes == 4 ? ~0ull : (1ull << (8 * bytes)) - 1;
    h->reg[REG_RAX] = (h->reg[REG_RAX] & ~mask) | (value & mask);
}

enum outcome exec_in(struct hart *h, const struct insn *i)
{
    struct port_access a = port_of(h, i, IO_IN);
    enum outcome o = may_access_port(h, i, &a);
    if (o == OUT_NEXT)
        write_accumulator(h, a.bytes, h->bus->port_read(h->bus_self, a.port, a.bytes));
    return o;
}

enum outcome exec_out(struct hart *h, const struct insn *i)
{
    struct port_access a = port_of(h, i, 0);
    enum outcome o = may_access_port(h, i, &a);
    if (o == OUT_NEXT)
        h->bus->port_write(h->bus_self, a.port, (u32)(h->reg[REG_RAX] & ((1ull << (8 * a.bytes)) - 1)),
                           a.bytes);
    return o;
}
