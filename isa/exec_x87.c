/* exec_x87.c - x87 instructions: their frame, loads, stores, and moves inside the stack. */
#include "isa/operand.h"
#include "isa/x87.h"

/* --- stack and status --- */

void x87_set(struct x87_state *s, unsigned st, struct x87_register value)
{
    unsigned n = x87_physical(s, st);
    s->reg[n] = value;
    s->valid |= (u8)(1u << n);
}

void x87_push(struct x87_state *s, struct x87_register value)
{
    x87_set_top(s, x87_top(s) - 1);
    x87_set(s, 0, value);
}

static void pop_one(struct x87_state *s)
{
    s->valid &= (u8) ~(1u << x87_top(s));
    x87_set_top(s, x87_top(s) + 1);
}

void x87_pop(struct x87_op *o)
{
    if (o->traits & (X87_POP | X87_POP_TWICE)) pop_one(o->s);
    if (o->traits & X87_POP_TWICE) pop_one(o->s);
}

void x87_update_summary(struct x87_state *s)
{
    bool pending = s->status & ~s->control & X87_FLAGS;
    s->status = (u16)((s->status & ~(X87_ES | X87_B)) | (pending ? X87_ES | X87_B : 0));
}

bool x87_commit(struct x87_op *o)
{
    bool c1 = o->stack_fault ? o->overflow : (o->env.flags & FLOAT_PRECISION) && o->env.up;
    o->s->status &= (u16)~X87_C1;
    o->s->status |= (u16)(o->env.flags | (o->stack_fault ? X87_SF : 0) | (c1 ? X87_C1 : 0));
    x87_update_summary(o->s);
    return !(o->env.flags & ~o->env.masks & FLOAT_BEFORE);
}

void x87_stack_fault(struct x87_op *o, bool overflow)
{
    o->env.flags |= FLOAT_INVALID;
    o->stack_fault = true;
    o->overflow = overflow;
}

/* --- the frame --- */

bool x87_may_execute(struct hart *h, bool waits)
{
    if (h->cr0 & (CR0_EM | CR0_TS)) return hart_fault(h, VEC_NM), false;
    if (waits && (h->fpu.x87.status & X87_ES)) return hart_fault(h, VEC_MF), false;
    return true;
}

/* WAIT: CR0.TS counts only with CR0.MP, CR0.EM does not (SDM Vol. 3A, "CR0"). */
static bool may_wait(struct hart *h)
{
    if ((h->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) return hart_fault(h, VEC_NM), false;
    if (h->fpu.x87.status & X87_ES) return hart_fault(h, VEC_MF), false;
    return true;
}

static struct float_env environment(u16 control)
{
    static const u8 precisions[] = {24, 64, 53, 64};
    return (struct float_env){.precision = precisions[control >> 8 & 3],
                              .rounding = control >> 10 & 3,
                              .masks = control & X87_FLAGS};
}

/* The opcode is kept of instructions with an unmasked exception only (SDM Vol. 1, "Fopcode Compatibility Sub-mode"). */
static void note_pointers(struct x87_op *o)
{
    o->s->ip = insn_rip(o->h, o->i);
    if (x87_has_memory(o->i)) o->s->dp = insn_offset(o->h, o->i);
    if (o->s->status & X87_ES) o->s->opcode = (u16)x87_opcode(o->i);
}

static enum outcome run(struct hart *h, const struct insn *i, x87_fn *function, unsigned parameter,
                        unsigned traits)
{
    struct x87_op o = {.h = h, .i = i, .s = &h->fpu.x87, .parameter = parameter, .traits = traits};
    bool may = traits & X87_WAIT ? may_wait(h) : x87_may_execute(h, !(traits & X87_NOWAIT));
    if (!may) return OUT_FAULT;
    o.env = environment(o.s->control);
    enum outcome out = function(&o);
    if (out == OUT_NEXT && !(traits & X87_CONTROL)) note_pointers(&o);
    return out;
}

#define X87(mnemonic, function, parameter, traits, uop)                                                      \
    enum outcome exec_x87_##mnemonic(struct hart *h, const struct insn *i)                                   \
    {                                                                                                        \
        return run(h, i, x87_##function, parameter, traits);                                                 \
    }
#include "isa/x87.def"
#undef X87

enum outcome x87_nop(struct x87_op *o)
{
    (void)o;
    return OUT_NEXT;
}

/* --- memory operands --- */

enum x87_type x87_type_of(const struct insn *i)
{
    static const u8 types[8][8] = {
        /* by the first opcode byte, D8..DF, and ModRM.reg */
        {X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE},
        {X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE, X87_SINGLE},
        {X87_INT32, X87_INT32, X87_INT32, X87_INT32, X87_INT32, X87_INT32, X87_INT32, X87_INT32},
        {X87_INT32, X87_INT32, X87_INT32, X87_INT32, X87_INT32, X87_EXTENDED, X87_INT32, X87_EXTENDED},
        {X87_DOUBLE, X87_DOUBLE, X87_DOUBLE, X87_DOUBLE, X87_DOUBLE, X87_DOUBLE, X87_DOUBLE, X87_DOUBLE},
        {X87_DOUBLE, X87_INT64, X87_DOUBLE, X87_DOUBLE, X87_DOUBLE, X87_DOUBLE, X87_DOUBLE, X87_DOUBLE},
        {X87_INT16, X87_INT16, X87_INT16, X87_INT16, X87_INT16, X87_INT16, X87_INT16, X87_INT16},
        {X87_INT16, X87_INT16, X87_INT16, X87_INT16, X87_BCD, X87_INT64, X87_BCD, X87_INT64},
    };
    return types[x87_opcode(i) >> 8][x87_opcode(i) >> 3 & 7];
}

static unsigned type_bytes(enum x87_type type)
{
    static const u8 bytes[] = {4, 8, 10, 2, 4, 8, 10};
    return bytes[type];
}

bool x87_load_value(struct x87_op *o, struct float_value *v)
{
    enum x87_type type = x87_type_of(o->i);
    unsigned bytes = type_bytes(type);
    u64 bits;
    if (!load_operand(o->h, o->i, bytes, &bits)) return false;
    *v = type == X87_SINGLE   ? float_of_single((u32)bits)
         : type == X87_DOUBLE ? float_of_double(bits)
                              : float_of_integer((i64)sign_extend(bits, bytes));
    return true;
}

static bool load_80_bits(struct x87_op *o, struct x87_register *value)
{
    u64 high;
    va_t at = insn_ea(o->h, o->i);
    if (!mem_load(o->h, o->i->segment, at, 8, &value->significand)) return false;
    if (!mem_load(o->h, o->i->segment, VA(at.v + 8), 2, &high)) return false;
    value->sign_exponent = (u16)high;
    return true;
}

/* The tail goes first, behind a look at the head's page: a fault leaves all of it unwritten. */
static bool store_80_bits(struct x87_op *o, struct x87_register value)
{
    struct hart *h = o->h;
    va_t at = insn_ea(h, o->i);
    if (va_is_canonical(h, at.v) && !mem_probe(h, at, ACCESS_WRITE, explicit_by(h))) return false;
    return mem_store(h, o->i->segment, VA(at.v + 8), 2, value.sign_exponent) &&
           mem_store(h, o->i->segment, at, 8, value.significand);
}

/* --- loads --- */

/* A denormal is loaded even if it is an unmasked exception (so the host CPU). */
static enum outcome push_result(struct x87_op *o, struct x87_register value)
{
    if (!x87_is_empty(o->s, 7)) {
        o->env.flags = 0;
        x87_stack_fault(o, true);
        value = float80_indefinite;
    }
    x87_commit(o);
    if (!(o->env.flags & ~o->env.masks & FLOAT_INVALID)) x87_push(o->s, value);
    return OUT_NEXT;
}

/* A single or a double becomes what it is; signaling NaNs become quiet. */
static struct x87_register widen(struct x87_op *o, struct float_value v)
{
    struct x87_register r;
    if (float80_nan_result(&o->env, &v, &v, &r)) return r;
    if (v.denormal) o->env.flags |= FLOAT_DENORMAL;
    return float80_pack(&v);
}

static enum outcome load_register(struct x87_op *o)
{
    unsigned st = x87_rm(o->i);
    if (!x87_is_empty(o->s, st)) return push_result(o, o->s->reg[x87_physical(o->s, st)]);
    x87_stack_fault(o, false);
    if (x87_commit(o)) x87_push(o->s, float80_indefinite);
    return OUT_NEXT;
}

enum outcome x87_load(struct x87_op *o)
{
    struct x87_register r;
    struct float_value v;
    if (!x87_has_memory(o->i)) return load_register(o);
    if (x87_type_of(o->i) == X87_EXTENDED) return load_80_bits(o, &r) ? push_result(o, r) : OUT_FAULT;
    return x87_load_value(o, &v) ? push_result(o, widen(o, v)) : OUT_FAULT;
}

/* Eighteen decimal digits and a sign. */
enum outcome x87_load_bcd(struct x87_op *o)
{
    struct x87_register packed;
    if (!load_80_bits(o, &packed)) return OUT_FAULT;
    u64 n = packed.sign_exponent >> 4 & 15;
    n = n * 10 + (packed.sign_exponent & 15);
    for (unsigned digit = 16; digit-- > 0;) n = n * 10 + (packed.significand >> 4 * digit & 15);
    struct float_value v = float_of_integer((i64)n);
    v.sign = packed.sign_exponent >> 15;
    return push_result(o, float80_pack(&v));
}

/* --- stores --- */

static struct x87_register bcd_of(u64 magnitude, bool sign)
{
    struct x87_register packed = {0, (u16)(sign << 15)};
    for (unsigned digit = 0; digit < 16; digit++, magnitude /= 10)
        packed.significand |= magnitude % 10 << 4 * digit;
    packed.sign_exponent |= (u16)(magnitude % 10 | magnitude / 10 << 4);
    return packed;
}

static struct x87_register to_bcd(struct float_env *env, struct float_value a)
{
    static const struct x87_register indefinite = {0xc000000000000000ull, 0xffff};
    const i64 limit = 999999999999999999;
    u8 before = env->flags;
    i64 n = (i64)float80_to_integer(env, a, 64);
    if (!(env->flags & FLOAT_INVALID) && n <= limit && n >= -limit)
        return bcd_of((u64)(n < 0 ? -n : n), a.sign);
    env->flags = before | FLOAT_INVALID;
    env->up = false;
    return indefinite;
}

/* ST(0) in the operand's type; 80-bit forms use both fields, others the significand. */
static struct x87_register convert(struct x87_op *o, struct float_value a, enum x87_type type)
{
    switch (type) {
    case X87_SINGLE:
        return (struct x87_register){float80_to_single(&o->env, a), 0};
    case X87_DOUBLE:
        return (struct x87_register){float80_to_double(&o->env, a), 0};
    case X87_EXTENDED:
        return o->s->reg[x87_top(o->s)];
    case X87_BCD:
        return to_bcd(&o->env, a);
    default:
        return (struct x87_register){float80_to_integer(&o->env, a, 8 * type_bytes(type)), 0};
    }
}

static bool store_converted(struct x87_op *o, struct x87_register value)
{
    unsigned bytes = type_bytes(x87_type_of(o->i));
    return bytes == 10 ? store_80_bits(o, value) : store_operand(o->h, o->i, bytes, value.significand);
}

/* Unmasked overflow and underflow too leave memory alone. */
static enum outcome store_memory(struct x87_op *o)
{
    const u8 preventing = FLOAT_BEFORE | FLOAT_OVERFLOW | FLOAT_UNDERFLOW;
    bool empty = x87_is_empty(o->s, 0);
    struct float_value a = empty ? float_of_register(float80_indefinite) : x87_value(o->s, 0);
    if (o->parameter) o->env.rounding = ROUND_ZERO;
    struct x87_register value = convert(o, a, x87_type_of(o->i));
    if (empty) {
        o->env.flags = 0;
        x87_stack_fault(o, false);
        if (x87_type_of(o->i) == X87_EXTENDED) value = float80_indefinite;
    }
    bool stores = !(o->env.flags & ~o->env.masks & preventing);
    if (stores && !store_converted(o, value)) return OUT_FAULT;
    if (!stores) o->env.flags &= (u8)~FLOAT_PRECISION;
    x87_commit(o);
    if (stores) x87_pop(o);
    return OUT_NEXT;
}

static enum outcome store_register(struct x87_op *o)
{
    struct x87_register value = o->s->reg[x87_top(o->s)];
    if (x87_is_empty(o->s, 0)) {
        x87_stack_fault(o, false);
        value = float80_indefinite;
    }
    if (!x87_commit(o)) return OUT_NEXT;
    x87_set(o->s, x87_rm(o->i), value);
    x87_pop(o);
    return OUT_NEXT;
}

enum outcome x87_store(struct x87_op *o)
{
    return x87_has_memory(o->i) ? store_memory(o) : store_register(o);
}

/* FSTPNCE, "no check for empty": an empty register is popped and stored nowhere. As AMD's processors do; the
 * SDM does not tell. */
enum outcome x87_store_unchecked(struct x87_op *o)
{
    if (!x87_is_empty(o->s, 0)) return store_register(o);
    o->s->status &= (u16)~X87_C1;
    x87_pop(o);
    return OUT_NEXT;
}

/* --- inside the stack --- */

static void fill_if_empty(struct x87_op *o, unsigned st)
{
    if (x87_is_empty(o->s, st)) x87_set(o->s, st, float80_indefinite);
}

enum outcome x87_exchange(struct x87_op *o)
{
    unsigned st = x87_rm(o->i);
    if (x87_is_empty(o->s, 0) || x87_is_empty(o->s, st)) x87_stack_fault(o, false);
    if (!x87_commit(o)) return OUT_NEXT;
    fill_if_empty(o, 0);
    fill_if_empty(o, st);
    struct x87_register *a = &o->s->reg[x87_top(o->s)], *b = &o->s->reg[x87_physical(o->s, st)], was = *a;
    *a = *b;
    *b = was;
    return OUT_NEXT;
}

enum outcome x87_free(struct x87_op *o)
{
    o->s->valid &= (u8) ~(1u << x87_physical(o->s, x87_rm(o->i)));
    x87_pop(o);
    return OUT_NEXT;
}

/* FINCSTP, FDECSTP: tags stay. Parameter: what is added to TOP. */
enum outcome x87_rotate(struct x87_op *o)
{
    x87_set_top(o->s, x87_top(o->s) + o->parameter);
    o->s->status &= (u16)~X87_C1;
    return OUT_NEXT;
}

static bool condition_holds(const struct hart *h, unsigned condition)
{
    static const u64 flags[] = {RFLAGS_CF, RFLAGS_ZF, RFLAGS_CF | RFLAGS_ZF, RFLAGS_PF};
    bool set = hart_rflags(h) & flags[condition & 3];
    return set != (condition >> 2);
}

enum outcome x87_move_if(struct x87_op *o)
{
    unsigned st = x87_rm(o->i);
    bool empty = x87_is_empty(o->s, 0) || x87_is_empty(o->s, st);
    if (empty) x87_stack_fault(o, false);
    if (!x87_commit(o)) return OUT_NEXT;
    if (empty)
        x87_set(o->s, 0, float80_indefinite);
    else if (condition_holds(o->h, o->parameter))
        x87_set(o->s, 0, o->s->reg[x87_physical(o->s, st)]);
    return OUT_NEXT;
}
