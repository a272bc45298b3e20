/* exec_x87_arith.c - x87 arithmetic and comparison: operands from the stack, results and exceptions into it. */
#include "isa/flags.h"
#include "isa/operand.h"
#include "isa/x87.h"

/* An operand is missing: the indefinite goes into ST(dst) if that is masked. */
static enum outcome underflow(struct x87_op *o, unsigned dst)
{
    x87_stack_fault(o, false);
    if (!x87_commit(o)) return OUT_NEXT;
    x87_set(o->s, dst, float80_indefinite);
    x87_pop(o);
    return OUT_NEXT;
}

static enum outcome finish(struct x87_op *o, unsigned dst, struct x87_register result)
{
    if (!x87_commit(o)) return OUT_NEXT;
    x87_set(o->s, dst, result);
    x87_pop(o);
    return OUT_NEXT;
}

static const struct {
    struct x87_register (*compute)(struct float_env *env, struct float_value a, struct float_value b);
    bool reversed;
} operations[] = {
    {float80_add, false}, {float80_mul, false}, {float80_sub, false},
    {float80_sub, true},  {float80_div, false}, {float80_div, true},
};

/* D8 and memory forms write ST(0), DC and DE forms ST(i). */
enum outcome x87_arithmetic(struct x87_op *o)
{
    struct float_value a, b;
    bool memory = x87_has_memory(o->i), to_other = !memory && (x87_opcode(o->i) & 0x400);
    unsigned dst = to_other ? x87_rm(o->i) : 0, src = to_other ? 0 : x87_rm(o->i);
    if (memory && !x87_load_value(o, &b)) return OUT_FAULT;
    if (x87_is_empty(o->s, dst) || (!memory && x87_is_empty(o->s, src))) return underflow(o, dst);
    a = x87_value(o->s, dst);
    if (!memory) b = x87_value(o->s, src);
    bool reversed = operations[o->parameter].reversed;
    return finish(o, dst, operations[o->parameter].compute(&o->env, reversed ? b : a, reversed ? a : b));
}

/* FABS, FCHS (parameter 1): no exception but an empty register. */
enum outcome x87_sign(struct x87_op *o)
{
    if (x87_is_empty(o->s, 0)) return underflow(o, 0);
    struct x87_register r = o->s->reg[x87_top(o->s)];
    r.sign_exponent = o->parameter ? r.sign_exponent ^ 0x8000 : r.sign_exponent & 0x7fff;
    return finish(o, 0, r);
}

/* FSQRT, FRNDINT (parameter 1). */
enum outcome x87_unary(struct x87_op *o)
{
    if (x87_is_empty(o->s, 0)) return underflow(o, 0);
    struct float_value a = x87_value(o->s, 0);
    return finish(o, 0, o->parameter ? float80_round_to_integer(&o->env, a) : float80_sqrt(&o->env, a));
}

enum outcome x87_scale(struct x87_op *o)
{
    if (x87_is_empty(o->s, 0) || x87_is_empty(o->s, 1)) return underflow(o, 0);
    return finish(o, 0, float80_scale(&o->env, x87_value(o->s, 0), x87_value(o->s, 1)));
}

enum outcome x87_extract(struct x87_op *o)
{
    bool empty = x87_is_empty(o->s, 0);
    struct x87_register exponent = float80_indefinite, significand = float80_indefinite;
    if (empty || !x87_is_empty(o->s, 7))
        x87_stack_fault(o, !empty);
    else
        exponent = float80_extract(&o->env, x87_value(o->s, 0), &significand);
    if (!x87_commit(o)) return OUT_NEXT;
    x87_set(o->s, 0, exponent);
    x87_push(o->s, significand);
    return OUT_NEXT;
}

/* FPREM, FPREM1 (parameter 1): the quotient's low bits to C0, C3, C1; C2: not finished. */
enum outcome x87_remainder(struct x87_op *o)
{
    u64 quotient;
    bool partial;
    o->s->status &= (u16)~X87_C2;
    if (x87_is_empty(o->s, 0) || x87_is_empty(o->s, 1)) return underflow(o, 0);
    struct x87_register r =
        float80_remainder(&o->env, x87_value(o->s, 0), x87_value(o->s, 1), o->parameter, &quotient, &partial);
    if (!x87_commit(o)) return OUT_NEXT;
    x87_set(o->s, 0, r);
    if ((r.sign_exponent & 0x7fff) == 0x7fff) return OUT_NEXT; /* a NaN: no quotient */
    unsigned codes = (quotient & 4 ? X87_C0 : 0) | (quotient & 2 ? X87_C3 : 0) | (quotient & 1 ? X87_C1 : 0) |
                     (partial ? X87_C2 : 0);
    o->s->status = (u16)((o->s->status & ~(X87_C0 | X87_C1 | X87_C2 | X87_C3)) | codes);
    return OUT_NEXT;
}

/* --- comparison --- */

static void set_codes(struct x87_op *o, int relation)
{
    static const u16 codes[] = {X87_C0, X87_C3, 0, X87_C0 | X87_C2 | X87_C3};
    o->s->status = (u16)((o->s->status & ~(X87_C0 | X87_C2 | X87_C3)) | codes[relation + 1]);
}

static void set_rflags(struct hart *h, int relation)
{
    static const u64 flags[] = {RFLAGS_CF, RFLAGS_ZF, 0, RFLAGS_ZF | RFLAGS_PF | RFLAGS_CF};
    hart_set_rflags(h, (hart_rflags(h) & ~RFLAGS_ARITHMETIC) | flags[relation + 1]);
}

static enum outcome finish_compare(struct x87_op *o, int relation)
{
    if (!x87_commit(o)) return OUT_NEXT;
    if (o->parameter & 2)
        set_rflags(o->h, relation);
    else
        set_codes(o, relation);
    x87_pop(o);
    return OUT_NEXT;
}

enum outcome x87_compare(struct x87_op *o)
{
    struct float_value b;
    bool memory = x87_has_memory(o->i);
    unsigned st = x87_rm(o->i);
    int relation = 2;
    if (memory && !x87_load_value(o, &b)) return OUT_FAULT;
    if (x87_is_empty(o->s, 0) || (!memory && x87_is_empty(o->s, st))) {
        x87_stack_fault(o, false);
    } else {
        if (!memory) b = x87_value(o->s, st);
        relation = float80_compare(&o->env, x87_value(o->s, 0), b, o->parameter & 1);
    }
    return finish_compare(o, relation);
}

enum outcome x87_test(struct x87_op *o)
{
    int relation = 2;
    if (x87_is_empty(o->s, 0))
        x87_stack_fault(o, false);
    else
        relation = float80_compare(&o->env, x87_value(o->s, 0), float_of_integer(0), false);
    return finish_compare(o, relation);
}

enum outcome x87_examine(struct x87_op *o)
{
    static const u16 codes[] = {[FLOAT_ZERO] = X87_C3, [FLOAT_FINITE] = X87_C2,
                                [FLOAT_QNAN] = X87_C0, [FLOAT_INFINITE] = X87_C2 | X87_C0,
                                [FLOAT_SNAN] = X87_C0, [FLOAT_UNSUPPORTED] = 0};
    struct x87_register r = o->s->reg[x87_top(o->s)];
    struct float_value v = float_of_register(r);
    unsigned code = x87_is_empty(o->s, 0) ? X87_C3 | X87_C0 : v.denormal ? X87_C3 | X87_C2 : codes[v.class];
    if (r.sign_exponent >> 15) code |= X87_C1;
    o->s->status = (u16)((o->s->status & ~(X87_C0 | X87_C1 | X87_C2 | X87_C3)) | code);
    return OUT_NEXT;
}

/* --- constants: 128 bits, rounded as the rounding control says, without an exception --- */

enum outcome x87_constant(struct x87_op *o)
{
    static const struct {
        i32 exponent;
        u64 high, low;
    } table[] = {
        {0, 0x8000000000000000, 0},                   /* 1 */
        {1, 0xd49a784bcd1b8afe, 0x492bf6ff4dafdb4d},  /* log2(10) */
        {0, 0xb8aa3b295c17f0bb, 0xbe87fed0691d3e89},  /* log2(e) */
        {1, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1},  /* pi */
        {-2, 0x9a209a84fbcff798, 0x8f8959ac0b7c9179}, /* log10(2) */
        {-1, 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af}, /* ln(2) */
    };
    struct x87_register r = float80_zero(false);
    if (o->parameter < ARRAY_LEN(table)) {
        struct float_exact x = {false, table[o->parameter].exponent,
                                (u128)table[o->parameter].high << 64 | table[o->parameter].low};
        r = float80_round(&o->env, &x, 64);
    }
    o->env.flags = 0;
    if (!x87_is_empty(o->s, 7)) {
        x87_stack_fault(o, true);
        r = float80_indefinite;
    }
    if (x87_commit(o)) x87_push(o->s, r);
    return OUT_NEXT;
}
