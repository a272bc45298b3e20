/* exec_segment.c - segment registers, descriptor tables, descriptor queries, FS and GS bases. */
#include "isa/exec.h"
#include "isa/mem.h"
#include "isa/state.h"

/* --- MOV, PUSH, POP of segment registers --- */

static enum outcome load(struct hart *h, enum segreg seg, u16 selector)
{
    if (!segment_load(h, seg, selector))
        return OUT_FAULT;
    if (seg == SEG_SS)
        hart_start_shadow(h, true);
    return OUT_FLUSH;
}

enum outcome exec_mov_to_seg(struct hart *h, const struct insn *i)
{
    u64 selector;
    if (i->imm == SEG_CS || i->imm >= SEG_COUNT)
        return hart_ud(h);
    if (!insn_read_rm(h, i, 2, &selector))
        return OUT_FAULT;
    return load(h, (enum segreg)i->imm, (u16)selector);
}

/* SDM Vol. 2B, "MOV": 16 bits to memory, zero-extended to the operand size in a register. */
enum outcome exec_mov_from_seg(struct hart *h, const struct insn *i)
{
    if (i->imm >= SEG_COUNT)
        return hart_ud(h);
    unsigned bytes = insn_has_memory(i) ? 2 : insn_operand_bytes(i);
    return insn_write_rm(h, i, bytes, h->seg[i->imm].selector) ? OUT_NEXT : OUT_FAULT;
}

enum outcome exec_push_seg(struct hart *h, const struct insn *i)
{
    return hart_push(h, insn_operand_bytes(i), h->seg[i->imm].selector) ? OUT_NEXT : OUT_FAULT;
}

enum outcome exec_pop_seg(struct hart *h, const struct insn *i)
{
    u64 selector, rsp = h->reg[REG_RSP];
    if (!hart_pop(h, insn_operand_bytes(i), &selector))
        return OUT_FAULT;
    enum outcome o = load(h, (enum segreg)i->imm, (u16)selector);
    if (o == OUT_FAULT)
        h->reg[REG_RSP] = rsp;
    return o;
}

/* LDS, LES, LFS, LGS, LSS: the selector stands behind the offset. */
static enum outcome load_far_pointer(struct hart *h, const struct insn *i, enum segreg seg)
{
    unsigned bytes = insn_operand_bytes(i);
    va_t at = insn_linear(h, i), behind = VA(at.v + bytes);
    u64 offset, selector;
    if (!hart_in_64bit_mode(h))
        behind = VA((u32)behind.v);
    if (!mem_load(h, i->segment, at, bytes, &offset) || !mem_load(h, i->segment, behind, 2, &selector) ||
        !segment_load(h, seg, (u16)selector))
        return OUT_FAULT;
    insn_write_reg(h, i, bytes, offset);
    return OUT_FLUSH;
}

enum outcome exec_lds(struct hart *h, const struct insn *i) { return load_far_pointer(h, i, SEG_DS); }
enum outcome exec_les(struct hart *h, const struct insn *i) { return load_far_pointer(h, i, SEG_ES); }
enum outcome exec_lfs(struct hart *h, const struct insn *i) { return load_far_pointer(h, i, SEG_FS); }
enum outcome exec_lgs(struct hart *h, const struct insn *i) { return load_far_pointer(h, i, SEG_GS); }
enum outcome exec_lss(struct hart *h, const struct insn *i) { return load_far_pointer(h, i, SEG_SS); }

/* SDM Vol. 2A, "ARPL". */
enum outcome exec_arpl(struct hart *h, const struct insn *i)
{
    u64 selector, rpl = insn_read_reg(h, i) & 3;
    if (!hart_has_descriptors(h))
        return hart_ud(h);
    if (!insn_read_rm(h, i, 2, &selector))
        return OUT_FAULT;
    bool raises = (selector & 3) < rpl;
    if (raises && !insn_write_rm(h, i, 2, (selector & ~3ull) | rpl))
        return OUT_FAULT;
    h->flags.zero = raises ? 0 : 1;
    return OUT_NEXT;
}

/* --- LGDT, LIDT, SGDT, SIDT: SDM Vol. 2A, "LGDT/LIDT" --- */

static enum outcome load_table(struct hart *h, const struct insn *i, struct desc_table *table)
{
    u64 limit, base;
    va_t at = insn_linear(h, i);
    unsigned base_bytes = hart_in_64bit_mode(h) ? 8 : 4;
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_gdtr_idtr, at.v))
        return OUT_EXIT;
    if (!mem_load(h, i->segment, at, 2, &limit) || !mem_load(h, i->segment, VA(at.v + 2), base_bytes, &base))
        return OUT_FAULT;
    if (base_bytes == 4 && insn_operand_bytes(i) == 2)
        base &= 0xffffff;
    if (!base_is_canonical(h, base))
        return hart_gp(h, 0);
    *table = (struct desc_table){base, (u16)limit};
    return OUT_FLUSH;
}

static enum outcome store_table(struct hart *h, const struct insn *i, const struct desc_table *table)
{
    va_t at = insn_linear(h, i);
    unsigned base_bytes = hart_in_64bit_mode(h) ? 8 : 4;
    if ((h->cr4 & CR4_UMIP) && h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_gdtr_idtr, at.v))
        return OUT_EXIT;
    if (!mem_store(h, i->segment, at, 2, table->limit) ||
        !mem_store(h, i->segment, VA(at.v + 2), base_bytes, table->base))
        return OUT_FAULT;
    return OUT_NEXT;
}

enum outcome exec_lgdt(struct hart *h, const struct insn *i) { return load_table(h, i, &h->gdtr); }
enum outcome exec_lidt(struct hart *h, const struct insn *i) { return load_table(h, i, &h->idtr); }
enum outcome exec_sgdt(struct hart *h, const struct insn *i) { return store_table(h, i, &h->gdtr); }
enum outcome exec_sidt(struct hart *h, const struct insn *i) { return store_table(h, i, &h->idtr); }

/* --- LLDT, LTR, SLDT, STR --- */

static u64 operand_address(const struct hart *h, const struct insn *i)
{
    return insn_has_memory(i) ? insn_linear(h, i).v : 0;
}

/* Privilege, interception and the operand, which LLDT and LTR share. */
static enum outcome read_system_selector(struct hart *h, const struct insn *i, u16 *selector)
{
    u64 value;
    if (!hart_has_descriptors(h))
        return hart_ud(h);
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_ldtr_tr, operand_address(h, i)))
        return OUT_EXIT;
    if (!insn_read_rm(h, i, 2, &value))
        return OUT_FAULT;
    *selector = (u16)value;
    return OUT_NEXT;
}

/* Reads a system descriptor of the GDT, both halves in IA-32e mode: its `high` word gives base 63:32. */
static enum outcome read_system_descriptor(struct hart *h, u16 selector, u64 *low, u64 *high)
{
    *high = 0;
    enum lookup l = selector & 4 ? LOOKUP_OUTSIDE : descriptor_read(h, selector, low);
    if (l == LOOKUP_OK && hart_in_long_mode(h))
        l = descriptor_read_high(h, selector, high);
    if (l == LOOKUP_OUTSIDE)
        return hart_gp(h, selector_error(selector));
    return l == LOOKUP_OK ? OUT_NEXT : OUT_FAULT;
}

/* The checks that LLDT and LTR share; `type_mask` picks the bits of the type that must be `type`. */
static enum outcome find_system_segment(struct hart *h, u16 selector, u32 type_mask, u32 type,
                                        struct segment *out)
{
    u64 low, high;
    enum outcome o = read_system_descriptor(h, selector, &low, &high);
    if (o != OUT_NEXT)
        return o;
    *out = segment_from_descriptor(selector, low);
    out->base |= high << 32;
    if ((out->ar & (AR_S | type_mask)) != type || bits(high, 44, 40) || !base_is_canonical(h, out->base))
        return hart_gp(h, selector_error(selector));
    return out->ar & AR_P ? OUT_NEXT : hart_fault_error(h, VEC_NP, selector_error(selector));
}

enum outcome exec_lldt(struct hart *h, const struct insn *i)
{
    u16 selector;
    struct segment s;
    enum outcome o = read_system_selector(h, i, &selector);
    if (o != OUT_NEXT)
        return o;
    if (selector_is_null(selector)) {
        h->ldtr = segment_null(selector, 0);
        return OUT_FLUSH;
    }
    o = find_system_segment(h, selector, AR_TYPE, TYPE_LDT, &s);
    if (o != OUT_NEXT)
        return o;
    h->ldtr = s;
    return OUT_FLUSH;
}

/* A 16-bit TSS (type 1) exists only outside IA-32e mode. */
static u32 tss_type_mask(const struct hart *h) { return hart_in_long_mode(h) ? AR_TYPE : AR_TYPE & ~8u; }

enum outcome exec_ltr(struct hart *h, const struct insn *i)
{
    u16 selector;
    struct segment s;
    enum outcome o = read_system_selector(h, i, &selector);
    if (o != OUT_NEXT)
        return o;
    if (selector_is_null(selector))
        return hart_gp(h, 0);
    o = find_system_segment(h, selector, tss_type_mask(h), TYPE_TSS & tss_type_mask(h), &s);
    if (o != OUT_NEXT)
        return o;
    s.ar |= TSS_BUSY;
    if (!mem_store_system(h, VA(h->gdtr.base + (selector & ~7u) + 5), 1, s.ar & 0xff))
        return OUT_FAULT;
    h->tr = s;
    return OUT_FLUSH;
}

static enum outcome store_selector(struct hart *h, const struct insn *i, u16 selector)
{
    if (!hart_has_descriptors(h))
        return hart_ud(h);
    if ((h->cr4 & CR4_UMIP) && h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_ldtr_tr, operand_address(h, i)))
        return OUT_EXIT;
    unsigned bytes = insn_has_memory(i) ? 2 : insn_operand_bytes(i);
    return insn_write_rm(h, i, bytes, selector) ? OUT_NEXT : OUT_FAULT;
}

enum outcome exec_sldt(struct hart *h, const struct insn *i)
{
    return store_selector(h, i, h->ldtr.selector);
}
enum outcome exec_str(struct hart *h, const struct insn *i) { return store_selector(h, i, h->tr.selector); }

/* --- LAR, LSL, VERR, VERW: answers in ZF, no faults but of the operand --- */

static enum outcome answer(struct hart *h, bool yes)
{
    h->flags.zero = yes ? 0 : 1;
    return OUT_NEXT;
}

/* May CPL and RPL see the descriptor? Conforming code shows itself to all. */
static bool is_visible(const struct hart *h, const struct segment *s)
{
    unsigned dpl = segment_dpl(s);
    return segment_is_conforming(s) || (h->cpl <= dpl && (s->selector & 3u) <= dpl);
}

#define TYPE_BIT(type) (1u << (type))

/* SDM Vol. 2A, "LAR" and "LSL", tables "Segment and Gate Types": system types that each answers for. */
static const u32 lsl_types_legacy = TYPE_BIT(TYPE_TSS16) | TYPE_BIT(TYPE_TSS16 | TSS_BUSY) |
                                    TYPE_BIT(TYPE_LDT) | TYPE_BIT(TYPE_TSS) | TYPE_BIT(TYPE_TSS | TSS_BUSY);
static const u32 lsl_types_long = TYPE_BIT(TYPE_LDT) | TYPE_BIT(TYPE_TSS) | TYPE_BIT(TYPE_TSS | TSS_BUSY);
static const u32 lar_gates_legacy =
    TYPE_BIT(TYPE_CALL_GATE16) | TYPE_BIT(TYPE_TASK_GATE) | TYPE_BIT(TYPE_CALL_GATE);
static const u32 lar_gates_long = TYPE_BIT(TYPE_CALL_GATE);

struct query {
    struct segment segment;
    u64 descriptor;
    bool found, faulted;
};

static struct query look_up(struct hart *h, const struct insn *i, u32 system_types)
{
    struct query q = {.found = false};
    u64 selector;
    q.faulted = !insn_read_rm(h, i, 2, &selector);
    if (q.faulted || selector_is_null((u16)selector))
        return q;
    enum lookup l = descriptor_read(h, (u16)selector, &q.descriptor);
    q.faulted = l == LOOKUP_FAULT;
    if (l != LOOKUP_OK)
        return q;
    q.segment = segment_from_descriptor((u16)selector, q.descriptor);
    bool known = (q.segment.ar & AR_S) || (system_types >> (q.segment.ar & AR_TYPE) & 1);
    q.found = known && is_visible(h, &q.segment);
    return q;
}

static enum outcome real_mode_ud(struct hart *h) { return hart_has_descriptors(h) ? OUT_NEXT : hart_ud(h); }

enum outcome exec_lar(struct hart *h, const struct insn *i)
{
    bool is_long = hart_in_long_mode(h);
    if (real_mode_ud(h) == OUT_FAULT)
        return OUT_FAULT;
    struct query q =
        look_up(h, i, is_long ? lsl_types_long | lar_gates_long : lsl_types_legacy | lar_gates_legacy);
    if (q.faulted)
        return OUT_FAULT;
    if (q.found) {
        unsigned bytes = insn_operand_bytes(i);
        u64 rights = q.descriptor >> 32 & 0x00ffff00;
        insn_write_reg(h, i, bytes, bytes == 2 ? rights & 0xff00 : rights);
    }
    return answer(h, q.found);
}

enum outcome exec_lsl(struct hart *h, const struct insn *i)
{
    if (real_mode_ud(h) == OUT_FAULT)
        return OUT_FAULT;
    struct query q = look_up(h, i, hart_in_long_mode(h) ? lsl_types_long : lsl_types_legacy);
    if (q.faulted)
        return OUT_FAULT;
    if (q.found)
        insn_write_reg(h, i, insn_operand_bytes(i), q.segment.limit);
    return answer(h, q.found);
}

static enum outcome verify(struct hart *h, const struct insn *i, bool (*allowed)(const struct segment *s))
{
    if (real_mode_ud(h) == OUT_FAULT)
        return OUT_FAULT;
    struct query q = look_up(h, i, 0);
    if (q.faulted)
        return OUT_FAULT;
    return answer(h, q.found && allowed(&q.segment));
}

static bool is_readable(const struct segment *s) { return !segment_is_code(s) || (s->ar & DESC_READABLE); }

enum outcome exec_verr(struct hart *h, const struct insn *i) { return verify(h, i, is_readable); }
enum outcome exec_verw(struct hart *h, const struct insn *i)
{
    return verify(h, i, segment_is_writable_data);
}

/* --- FS and GS bases --- */

enum outcome exec_swapgs(struct hart *h, const struct insn *i)
{
    (void)i;
    if (!hart_in_64bit_mode(h))
        return hart_ud(h);
    if (h->cpl != 0)
        return hart_gp(h, 0);
    u64 base = h->seg[SEG_GS].base;
    h->seg[SEG_GS].base = h->kernel_gs_base;
    h->kernel_gs_base = base;
    return OUT_NEXT;
}

static bool bases_are_enabled(const struct hart *h)
{
    return hart_in_64bit_mode(h) && (h->cr4 & CR4_FSGSBASE);
}

static enum outcome read_base(struct hart *h, const struct insn *i, enum segreg seg)
{
    if (!bases_are_enabled(h))
        return hart_ud(h);
    return insn_write_rm(h, i, insn_operand_bytes(i), h->seg[seg].base) ? OUT_NEXT : OUT_FAULT;
}

static enum outcome write_base(struct hart *h, const struct insn *i, enum segreg seg)
{
    u64 base;
    if (!bases_are_enabled(h))
        return hart_ud(h);
    if (!insn_read_rm(h, i, insn_operand_bytes(i), &base))
        return OUT_FAULT;
    if (!base_is_canonical(h, base))
        return hart_gp(h, 0);
    h->seg[seg].base = base;
    return OUT_NEXT;
}

enum outcome exec_rdfsbase(struct hart *h, const struct insn *i) { return read_base(h, i, SEG_FS); }
enum outcome exec_rdgsbase(struct hart *h, const struct insn *i) { return read_base(h, i, SEG_GS); }
enum outcome exec_wrfsbase(struct hart *h, const struct insn *i) { return write_base(h, i, SEG_FS); }
enum outcome exec_wrgsbase(struct hart *h, const struct insn *i) { return write_base(h, i, SEG_GS); }
