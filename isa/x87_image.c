/* x87_image.c - the x87 state as memory sees it: FSTENV's environment in its four formats, FXSAVE's first part. */
#include "isa/state.h"
#include "isa/x87.h"

/* --- tags: SDM Vol. 1, "x87 FPU Tag Word" --- */

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static unsigned tag_of(const struct x87_state *s, unsigned n)
{
    if (!(s->valid >> n & 1)) return TAG_EMPTY;
    struct float_value v = float_of_register(s->reg[n]);
    if (v.class == FLOAT_ZERO) return TAG_ZERO;
    return v.class == FLOAT_FINITE && !v.denormal ? TAG_VALID : TAG_SPECIAL;
}

static u16 tag_word(const struct x87_state *s)
{
    unsigned tags = 0;
    for (unsigned n = 0; n < 8; n++) tags |= tag_of(s, n) << 2 * n;
    return (u16)tags;
}

static u8 valid_of(u16 tags)
{
    unsigned valid = 0;
    for (unsigned n = 0; n < 8; n++) valid |= (unsigned)((tags >> 2 * n & 3) != TAG_EMPTY) << n;
    return (u8)valid;
}

/* --- the environment: seven words of 16 or 32 bits --- */

static bool is_real_format(const struct hart *h)
{
    return !(h->cr0 & CR0_PE) || (h->rflags & RFLAGS_VM);
}

/* SDM Vol. 1, figures "x87 FPU State Image in Memory": linear addresses in real and virtual-8086 mode. */
static void pointers_to_words(const struct hart *h, unsigned bytes, u32 word[7])
{
    const struct x87_state *s = &h->fpu.x87;
    u32 ip = (u32)s->ip, dp = (u32)s->dp;
    word[3] = ip;
    word[5] = dp;
    word[4] = s->ip_selector | (bytes == 4 ? (u32)s->opcode << 16 : 0);
    word[6] = s->dp_selector | (bytes == 4 ? 0xffff0000 : 0);
    if (!is_real_format(h)) return;
    word[3] = bytes == 4 ? 0xffff0000 | (ip & 0xffff) : ip;
    word[5] = bytes == 4 ? 0xffff0000 | (dp & 0xffff) : dp;
    word[4] = bytes == 4 ? ip >> 16 << 12 | s->opcode : (ip >> 16 & 15) << 12 | s->opcode;
    word[6] = bytes == 4 ? dp >> 16 << 12 : (dp >> 16 & 15) << 12;
}

static void words_to_pointers(struct hart *h, unsigned bytes, const u32 word[7])
{
    struct x87_state *s = &h->fpu.x87;
    bool real = is_real_format(h);
    u32 high_ip = bytes == 4 ? word[4] >> 12 << 16 : word[4] >> 12 << 16 & 0xf0000;
    u32 high_dp = bytes == 4 ? word[6] >> 12 << 16 : word[6] >> 12 << 16 & 0xf0000;
    s->ip = real ? (word[3] & 0xffff) | high_ip : word[3];
    s->dp = real ? (word[5] & 0xffff) | high_dp : word[5];
    if (real)
        s->opcode = word[4] & 0x7ff;
    else if (bytes == 4)
        s->opcode = word[4] >> 16 & 0x7ff;
}

unsigned x87_environment_to_image(const struct hart *h, unsigned operand_bytes, u8 *image)
{
    const struct x87_state *s = &h->fpu.x87;
    u32 reserved = operand_bytes == 4 ? 0xffff0000 : 0;
    u32 word[7] = {reserved | s->control, reserved | s->status, reserved | tag_word(s)};
    pointers_to_words(h, operand_bytes, word);
    for (unsigned n = 0; n < 7; n++) memcpy(image + n * operand_bytes, &word[n], operand_bytes);
    return 7 * operand_bytes;
}

unsigned x87_environment_from_image(struct hart *h, unsigned operand_bytes, const u8 *image)
{
    struct x87_state *s = &h->fpu.x87;
    u32 word[7] = {0};
    for (unsigned n = 0; n < 7; n++) memcpy(&word[n], image + n * operand_bytes, operand_bytes);
    s->control = (u16)((word[0] & X87_CONTROL_BITS) | X87_CONTROL_FIXED);
    s->status = (u16)word[1];
    s->valid = valid_of((u16)word[2]);
    words_to_pointers(h, operand_bytes, word);
    x87_update_summary(s);
    return 7 * operand_bytes;
}

/* --- FXSAVE: SDM Vol. 1, "FXSAVE Area" --- */

void x87_to_image(const struct x87_state *x, u8 *image, bool wide)
{
    u32 narrow[] = {(u32)x->ip, x->ip_selector, (u32)x->dp, x->dp_selector};
    u64 pointers[] = {x->ip, x->dp};
    memcpy(image, &x->control, 2);
    memcpy(image + 2, &x->status, 2);
    image[4] = x->valid;
    image[5] = 0;
    memcpy(image + 6, &x->opcode, 2);
    memcpy(image + 8, wide ? (const void *)pointers : narrow, 16);
    for (unsigned st = 0; st < 8; st++) {
        const struct x87_register *r = &x->reg[x87_physical(x, st)];
        u8 *at = image + 32 + 16 * st;
        memset(at, 0, 16);
        memcpy(at, &r->significand, 8);
        memcpy(at + 8, &r->sign_exponent, 2);
    }
}

static void pointers_from_image(struct x87_state *x, const u8 *image, bool wide)
{
    u32 narrow[4];
    u64 pointers[2];
    memcpy(narrow, image + 8, sizeof narrow);
    memcpy(pointers, image + 8, sizeof pointers);
    x->ip = wide ? pointers[0] : narrow[0];
    x->dp = wide ? pointers[1] : narrow[2];
    x->ip_selector = x->dp_selector = 0;
}

void x87_from_image(struct x87_state *x, const u8 *image, bool wide)
{
    memcpy(&x->control, image, 2);
    memcpy(&x->status, image + 2, 2);
    memcpy(&x->opcode, image + 6, 2);
    x->control = (u16)((x->control & X87_CONTROL_BITS) | X87_CONTROL_FIXED);
    x->opcode &= 0x7ff;
    x->valid = image[4];
    pointers_from_image(x, image, wide);
    for (unsigned st = 0; st < 8; st++) {
        struct x87_register *r = &x->reg[x87_physical(x, st)];
        memcpy(&r->significand, image + 32 + 16 * st, 8);
        memcpy(&r->sign_exponent, image + 40 + 16 * st, 2);
    }
    x87_update_summary(x);
}

void x87_reset(struct x87_state *x)
{
    *x = (struct x87_state){.control = X87_CONTROL_INIT};
}

bool x87_is_initial(const struct x87_state *x)
{
    struct x87_state initial;
    x87_reset(&initial);
    bool same = x->control == initial.control && !x->status && !x->valid && !x->opcode && !x->ip && !x->dp;
    for (unsigned n = 0; n < 8; n++) same &= !x->reg[n].significand && !x->reg[n].sign_exponent;
    return same;
}
