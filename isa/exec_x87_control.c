/* exec_x87_control.c - x87 control, status, environment and state: FNINIT to FRSTOR. */
#include "isa/operand.h"
#include "isa/x87.h"

static void set_control(struct x87_state *s, u16 value)
{
    s->control = (u16)((value & X87_CONTROL_BITS) | X87_CONTROL_FIXED);
    x87_update_summary(s);
}

enum outcome x87_init(struct x87_op *o)
{
    struct x87_state *s = o->s;
    s->control = X87_CONTROL_INIT;
    s->status = s->opcode = s->ip_selector = s->dp_selector = 0;
    s->ip = s->dp = 0;
    s->valid = 0;
    return OUT_NEXT;
}

enum outcome x87_clear(struct x87_op *o)
{
    o->s->status &= (u16) ~(X87_B | X87_ES | X87_SF | X87_FLAGS);
    return OUT_NEXT;
}

enum outcome x87_store_status(struct x87_op *o)
{
    if (x87_has_memory(o->i)) return store_operand(o->h, o->i, 2, o->s->status) ? OUT_NEXT : OUT_FAULT;
    reg_write(o->h, REG_RAX, 2, o->s->status);
    return OUT_NEXT;
}

enum outcome x87_store_control(struct x87_op *o)
{
    return store_operand(o->h, o->i, 2, o->s->control) ? OUT_NEXT : OUT_FAULT;
}

enum outcome x87_load_control(struct x87_op *o)
{
    u64 value;
    if (!load_operand(o->h, o->i, 2, &value)) return OUT_FAULT;
    set_control(o->s, (u16)value);
    return OUT_NEXT;
}

/* --- images in memory --- */

/* From the end to the start, behind a look at the first page: a fault leaves all of it unwritten. */
static bool store_image(struct x87_op *o, const u8 *image, unsigned bytes)
{
    struct hart *h = o->h;
    va_t at = insn_ea(h, o->i);
    if (va_is_canonical(h, at.v) && !mem_probe(h, at, ACCESS_WRITE, explicit_by(h))) return false;
    for (unsigned end = bytes; end > 0; end -= 2) {
        u64 v = image[end - 2] | (u64)image[end - 1] << 8;
        if (!mem_store(h, o->i->segment, VA(at.v + end - 2), 2, v)) return false;
    }
    return true;
}

static bool load_image(struct x87_op *o, u8 *image, unsigned bytes)
{
    va_t at = insn_ea(o->h, o->i);
    for (unsigned n = 0; n < bytes; n += 2) {
        u64 v;
        if (!mem_load(o->h, o->i->segment, VA(at.v + n), 2, &v)) return false;
        image[n] = (u8)v;
        image[n + 1] = (u8)(v >> 8);
    }
    return true;
}

static unsigned operand_bytes(const struct x87_op *o)
{
    return insn_operand_bytes(o->i) == 2 ? 2 : 4;
}

/* All exceptions are masked behind it: SDM Vol. 2A, "FSTENV/FNSTENV". */
enum outcome x87_store_env(struct x87_op *o)
{
    u8 image[X87_ENVIRONMENT_MAX];
    unsigned bytes = x87_environment_to_image(o->h, operand_bytes(o), image);
    if (!store_image(o, image, bytes)) return OUT_FAULT;
    set_control(o->s, o->s->control | X87_FLAGS);
    return OUT_NEXT;
}

enum outcome x87_load_env(struct x87_op *o)
{
    u8 image[X87_ENVIRONMENT_MAX];
    unsigned bytes = operand_bytes(o);
    if (!load_image(o, image, 7 * bytes)) return OUT_FAULT;
    x87_environment_from_image(o->h, bytes, image);
    return OUT_NEXT;
}

enum outcome x87_save(struct x87_op *o)
{
    u8 image[X87_STATE_MAX];
    unsigned at = x87_environment_to_image(o->h, operand_bytes(o), image);
    for (unsigned st = 0; st < 8; st++, at += 10) {
        const struct x87_register *r = &o->s->reg[x87_physical(o->s, st)];
        memcpy(image + at, &r->significand, 8);
        memcpy(image + at + 8, &r->sign_exponent, 2);
    }
    return store_image(o, image, at) ? x87_init(o) : OUT_FAULT;
}

enum outcome x87_restore(struct x87_op *o)
{
    u8 image[X87_STATE_MAX];
    unsigned bytes = operand_bytes(o);
    if (!load_image(o, image, 7 * bytes + 80)) return OUT_FAULT;
    unsigned at = x87_environment_from_image(o->h, bytes, image);
    for (unsigned st = 0; st < 8; st++, at += 10) {
        struct x87_register *r = &o->s->reg[x87_physical(o->s, st)];
        memcpy(&r->significand, image + at, 8);
        memcpy(&r->sign_exponent, image + at + 8, 2);
    }
    return OUT_NEXT;
}
