/* exec_syscall.c - SYSCALL, SYSRET, SYSENTER and SYSEXIT: SDM Vol. 3A, "Fast System Calls in 64-Bit Mode" and
 * "Performing Fast Calls to System Procedures with the SYSENTER and SYSEXIT Instructions". */
#include "isa/cpu_model.h"
#include "isa/exec.h"
#include "isa/mem.h"
#include "isa/state.h"

/* Single step looks at TF as it is behind these two, not before: SYSCALL can clear it through IA32_FMASK, and
 * SYSRET's trap is that of the SYSCALL it returns from. */
static enum outcome finish(struct hart *h)
{
    h->tf_armed = h->rflags & RFLAGS_TF;
    hart_update_attention(h);
    return OUT_FLUSH;
}

static bool is_enabled(const struct hart *h) { return hart_in_64bit_mode(h) && (h->efer & EFER_SCE); }

enum outcome exec_syscall(struct hart *h, const struct insn *i)
{
    (void)i;
    if (!is_enabled(h))
        return hart_ud(h);
    u64 rflags = hart_rflags(h);
    u16 selector = (u16)(bits(h->star, 47, 32) & ~3u);
    struct segment cs = segment_flat_code(selector, 0, true);
    h->reg[REG_RCX] = h->reg[REG_RIP];
    h->reg[REG_R11] = rflags;
    h->reg[REG_RIP] = h->lstar;
    hart_set_rflags(h, rflags & ~h->fmask);
    h->seg[SEG_SS] = segment_flat_data((u16)(selector + 8), 0);
    segment_enter_code(h, &cs, selector, 0);
    return finish(h);
}

#define SYSRET_RFLAGS 0x3c7fd7ull /* SDM Vol. 2B, "SYSRET": clears RF, VM and reserved bits */

enum outcome exec_sysret(struct hart *h, const struct insn *i)
{
    bool to_64bit = insn_operand_bytes(i) == 8;
    if (!is_enabled(h))
        return hart_ud(h);
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (to_64bit && !va_is_canonical(h, h->reg[REG_RCX]))
        return hart_gp(h, 0);
    u16 base = (u16)bits(h->star, 63, 48), selector = (u16)(base + (to_64bit ? 16 : 0));
    struct segment cs = segment_flat_code(selector | 3, 3, to_64bit);
    h->reg[REG_RIP] = to_64bit ? h->reg[REG_RCX] : (u32)h->reg[REG_RCX];
    hart_set_rflags(h, h->reg[REG_R11] & SYSRET_RFLAGS);
    h->seg[SEG_SS] = segment_flat_data((u16)((base + 8) | 3), 3);
    segment_enter_code(h, &cs, selector, 3);
    return finish(h);
}

/* --- SYSENTER, SYSEXIT --- */

static u16 sysenter_selector(const struct hart *h) { return (u16)(h->sysenter_cs & 0xfffc); }

static bool sysenter_is_possible(const struct hart *h)
{
    return (h->cr0 & CR0_PE) && sysenter_selector(h) != 0;
}

enum outcome exec_sysenter(struct hart *h, const struct insn *i)
{
    (void)i;
    if (!cpu_has(h->model, FEATURE_sep))
        return hart_ud(h);
    if (!sysenter_is_possible(h))
        return hart_gp(h, 0);
    bool is_long = hart_in_long_mode(h);
    u16 selector = sysenter_selector(h);
    struct segment cs = segment_flat_code(selector, 0, is_long);
    h->rflags &= ~(RFLAGS_VM | RFLAGS_IF | RFLAGS_RF);
    h->reg[REG_RSP] = is_long ? h->sysenter_esp : (u32)h->sysenter_esp;
    h->reg[REG_RIP] = is_long ? h->sysenter_eip : (u32)h->sysenter_eip;
    h->seg[SEG_SS] = segment_flat_data((u16)(selector + 8), 0);
    segment_enter_code(h, &cs, selector, 0);
    hart_update_attention(h);
    return OUT_FLUSH;
}

enum outcome exec_sysexit(struct hart *h, const struct insn *i)
{
    bool to_64bit = insn_operand_bytes(i) == 8;
    u64 rip = h->reg[REG_RDX], rsp = h->reg[REG_RCX];
    if (!cpu_has(h->model, FEATURE_sep))
        return hart_ud(h);
    if (!sysenter_is_possible(h) || h->cpl != 0)
        return hart_gp(h, 0);
    if (to_64bit && (!va_is_canonical(h, rip) || !va_is_canonical(h, rsp)))
        return hart_gp(h, 0);
    u16 selector = (u16)(sysenter_selector(h) + (to_64bit ? 32 : 16));
    struct segment cs = segment_flat_code(selector | 3, 3, to_64bit);
    h->reg[REG_RIP] = to_64bit ? rip : (u32)rip;
    h->reg[REG_RSP] = to_64bit ? rsp : (u32)rsp;
    h->seg[SEG_SS] = segment_flat_data((u16)((selector + 8) | 3), 3);
    segment_enter_code(h, &cs, selector, 3);
    return OUT_FLUSH;
}
