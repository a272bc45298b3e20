/* exec_control.c - control and debug registers, and the instructions that drop translations. */
#include "isa/cpu_model.h"
#include "isa/debug.h"
#include "isa/exec.h"
#include "isa/mem.h"
#include "isa/state.h"

static u64 control_mask(const struct hart *h) { return hart_in_64bit_mode(h) ? ~0ull : 0xffffffff; }

static bool is_control_register(const struct hart *h, u64 n)
{
    return n == 0 || n == 2 || n == 3 || n == 4 || (n == 8 && hart_in_64bit_mode(h));
}

/* --- MOV from CR, SMSW --- */

/* CR0 and CR4 as software sees them: a guest reads the shadow of what its host owns. */
static u64 visible_cr(struct hart *h, unsigned n)
{
    if (hart_in_guest(h))
        return h->virt->read_cr(h->virt_self, h, n);
    return n == 0 ? h->cr0 : h->cr4;
}

static u64 read_cr8(struct hart *h)
{
    u64 value;
    if (hart_in_guest(h) && h->virt->read_cr8(h->virt_self, h, &value))
        return value;
    return h->bus->get_cr8(h->bus_self, h);
}

static u64 read_cr(struct hart *h, unsigned n)
{
    switch (n) {
    case 2: return h->cr2;
    case 3: return h->cr3;
    case 8: return read_cr8(h);
    default: return visible_cr(h, n);
    }
}

enum outcome exec_mov_from_cr(struct hart *h, const struct insn *i)
{
    unsigned n = (unsigned)i->imm;
    if (!is_control_register(h, i->imm))
        return hart_ud(h);
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_mov_from_cr, n | (u64)i->dst << 8))
        return OUT_EXIT;
    h->reg[i->dst] = read_cr(h, n) & control_mask(h);
    return OUT_NEXT;
}

/* SDM Vol. 2B, "SMSW": 16 bits to memory, the operand size to a register. */
enum outcome exec_smsw(struct hart *h, const struct insn *i)
{
    if ((h->cr4 & CR4_UMIP) && h->cpl != 0)
        return hart_gp(h, 0);
    unsigned bytes = insn_has_memory(i) ? 2 : insn_operand_bytes(i);
    return insn_write_rm(h, i, bytes, visible_cr(h, 0)) ? OUT_NEXT : OUT_FAULT;
}

/* --- MOV to CR, CLTS, LMSW --- */

static u64 merged(struct hart *h, unsigned n, u64 value)
{
    return hart_in_guest(h) ? h->virt->merge_cr(h->virt_self, h, n, value) : value;
}

static bool write_cr8(struct hart *h, u64 value)
{
    if (value > 15) {
        hart_gp(h, 0);
        return false;
    }
    if (hart_in_guest(h) && h->virt->write_cr8(h->virt_self, h, value))
        return true;
    h->bus->set_cr8(h->bus_self, h, value);
    h->fetch.touched_device = true; /* a lower priority may let an interrupt through */
    return true;
}

/* False: h->fault. */
static bool write_cr(struct hart *h, unsigned n, u64 value)
{
    switch (n) {
    case 0: return hart_write_cr0(h, merged(h, 0, value));
    case 3: return hart_write_cr3(h, value);
    case 4: return hart_write_cr4(h, merged(h, 4, value));
    case 8: return write_cr8(h, value);
    default: h->cr2 = value; return true;
    }
}

enum outcome exec_mov_to_cr(struct hart *h, const struct insn *i)
{
    unsigned n = (unsigned)i->imm;
    if (!is_control_register(h, i->imm))
        return hart_ud(h);
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_mov_to_cr, n | (u64)i->src << 8))
        return OUT_EXIT;
    return write_cr(h, n, h->reg[i->src] & control_mask(h)) ? OUT_FLUSH : OUT_FAULT;
}

enum outcome exec_clts(struct hart *h, const struct insn *i)
{
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_clts, 0))
        return OUT_EXIT;
    return write_cr(h, 0, h->cr0 & ~CR0_TS) ? OUT_FLUSH : OUT_FAULT;
}

#define LMSW_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

enum outcome exec_lmsw(struct hart *h, const struct insn *i)
{
    u64 source;
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (!insn_read_rm(h, i, 2, &source))
        return OUT_FAULT;
    if (hart_intercepted(h, i, INTERCEPT_lmsw, source | (u64)insn_has_memory(i) << 16))
        return OUT_EXIT;
    u64 value = (h->cr0 & ~(LMSW_BITS & ~CR0_PE)) | (source & LMSW_BITS); /* sets PE, never clears it */
    return write_cr(h, 0, value) ? OUT_FLUSH : OUT_FAULT;
}

/* --- debug registers: SDM Vol. 3B, "Debug Registers" --- */

#define DR6_FIXED    0xffff0ff0ull
#define DR6_WRITABLE 0xe00full
#define DR7_FIXED    0x400ull
#define DR7_WRITABLE 0xffff23ffull

/* What refuses an access to DRn, in the order of the manual; a VM exit comes before all of it (SDM Vol. 3C,
 * "Instructions That Cause VM Exits Conditionally", MOV DR). */
static enum outcome check_dr_access(struct hart *h, u64 n)
{
    if ((h->cr4 & CR4_DE) && (n == 4 || n == 5))
        return hart_ud(h);
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (h->dr[7] & DR7_GD) {
        h->rflags |= RFLAGS_RF; /* as a fault that is not an instruction breakpoint's has it in its image */
        return hart_debug_fault(h, DR6_BD);
    }
    return OUT_NEXT;
}

static unsigned dr_alias(u64 n) { return n == 4 || n == 5 ? (unsigned)n + 2 : (unsigned)n; }

enum outcome exec_mov_from_dr(struct hart *h, const struct insn *i)
{
    if (i->imm > 7)
        return hart_ud(h);
    if (hart_intercepted(h, i, INTERCEPT_mov_dr, i->imm | (u64)i->dst << 8 | BIT(16)))
        return OUT_EXIT;
    enum outcome o = check_dr_access(h, i->imm);
    if (o == OUT_NEXT)
        h->reg[i->dst] = h->dr[dr_alias(i->imm)] & control_mask(h);
    return o;
}

static bool write_dr(struct hart *h, unsigned n, u64 value)
{
    if (n >= 6 && value >> 32)
        return false;
    if (n == 6)
        value = (value & DR6_WRITABLE) | DR6_FIXED;
    if (n == 7)
        value = (value & DR7_WRITABLE) | DR7_FIXED;
    h->dr[n] = value;
    hart_load_mode(h);
    hart_update_attention(h);
    return true;
}

enum outcome exec_mov_to_dr(struct hart *h, const struct insn *i)
{
    if (i->imm > 7)
        return hart_ud(h);
    if (hart_intercepted(h, i, INTERCEPT_mov_dr, i->imm | (u64)i->src << 8))
        return OUT_EXIT;
    enum outcome o = check_dr_access(h, i->imm);
    if (o != OUT_NEXT)
        return o;
    return write_dr(h, dr_alias(i->imm), h->reg[i->src] & control_mask(h)) ? OUT_FLUSH : hart_gp(h, 0);
}

/* --- INVLPG, INVPCID --- */

enum outcome exec_invlpg(struct hart *h, const struct insn *i)
{
    if (h->cpl != 0)
        return hart_gp(h, 0);
    va_t va = insn_linear(h, i);
    if (hart_intercepted(h, i, INTERCEPT_invlpg, va.v))
        return OUT_EXIT;
    if (base_is_canonical(h, va.v))
        h->mmu->invalidate(h->mmu_self, h, INVALIDATE_INVLPG, 0, va);
    return OUT_FLUSH;
}

enum invpcid_type { INVPCID_ADDRESS, INVPCID_SINGLE, INVPCID_ALL, INVPCID_ALL_NONGLOBAL, INVPCID_TYPES };

static const enum invalidate_kind invpcid_kinds[INVPCID_TYPES] = {
    [INVPCID_ADDRESS] = INVALIDATE_PCID_ADDRESS,
    [INVPCID_SINGLE] = INVALIDATE_PCID,
    [INVPCID_ALL] = INVALIDATE_ALL,
    [INVPCID_ALL_NONGLOBAL] = INVALIDATE_ALL_NONGLOBAL,
};

/* SDM Vol. 2A, "INVPCID": descriptor of 12 bits PCID, 52 bits zero, 64 bits linear address. */
static bool invpcid_is_valid(const struct hart *h, u64 type, u64 pcid, u64 va)
{
    if (type >= INVPCID_TYPES || pcid >> 12)
        return false;
    if (type <= INVPCID_SINGLE && pcid && !(h->cr4 & CR4_PCIDE))
        return false;
    return type != INVPCID_ADDRESS || base_is_canonical(h, va);
}

static bool invpcid_is_enabled(struct hart *h)
{
    if (!cpu_has(h->model, FEATURE_invpcid))
        return false;
    return !hart_in_guest(h) || h->virt->insn_enabled(h->virt_self, h, INTERCEPT_invpcid);
}

enum outcome exec_invpcid(struct hart *h, const struct insn *i)
{
    u64 pcid, target, type = insn_read_reg(h, i) & control_mask(h);
    va_t at = insn_linear(h, i);
    if (!invpcid_is_enabled(h))
        return hart_ud(h);
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_invpcid, at.v))
        return OUT_EXIT;
    if (!mem_load(h, i->segment, at, 8, &pcid) || !mem_load(h, i->segment, VA(at.v + 8), 8, &target))
        return OUT_FAULT;
    if (!invpcid_is_valid(h, type, pcid, target))
        return hart_gp(h, 0);
    h->mmu->invalidate(h->mmu_self, h, invpcid_kinds[type], pcid, VA(target));
    return OUT_FLUSH;
}
