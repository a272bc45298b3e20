/* test_diff_simd.c - random MMX, SSE and AVX instructions, FXSAVE and XSAVE with their relatives, in 64-bit
 * mode, executed here and by the host CPU (host_cpu.h): general registers, YMM and MMX registers with the x87
 * state around them, MXCSR, flags, memory and faults must be the same. Seeded; GIGOGNE_DIFF_CASES and
 * GIGOGNE_DIFF_SEED change the run; --coverage prints the cases of each mnemonic.
 *
 * Not compared: results of RCPPS and RSQRTPS (but to 2^-10), PE beside an unmasked overflow or underflow,
 *               MXCSR_MASK in images, the x87 state that an image brings (test_diff_x87.c).
 */
#undef _GNU_SOURCE /* its <signal.h> names registers REG_RAX... as isa/insn.h does */
#define _DEFAULT_SOURCE
#include "diff_coverage.h"
#include "host_cpu.h"
#include "isa/mmx.h"
#include "isa/operand.h"
#include "isa/x87.h"
#include <math.h>

#define X87_CONTROL 0x27f /* not the initial state, so that it is in use */
#define SETTINGS (MXCSR_DAZ | MXCSR_FTZ | 3u << MXCSR_RC_SHIFT)

static bool wants_coverage; /* the command line's */

struct simd_case {
    struct diff_case c;
    struct vector_state v;
    bool approximate;
    bool image;   /* FXSAVE and relatives */
    u64 image_at; /* its address */
};

/* --- cases --- */

/* FXSAVE and relatives: 0F AE with a memory operand, XSAVEC is in group 9. */
static unsigned image_bytes(struct diff_random *r, u8 *at)
{
    unsigned n = 0;
    if (diff_chance(r, 50)) at[n++] = 0x48;
    at[n++] = 0x0f;
    at[n] = diff_chance(r, 80) ? 0xae : 0xc7;
    return n;
}

static unsigned legacy_bytes(struct diff_random *r, u8 *at)
{
    static const u8 prefixes[] = {0x66, 0xf2, 0xf3};
    unsigned n = 0;
    if (diff_chance(r, 75)) at[n++] = prefixes[diff_below(r, 3)];
    if (diff_chance(r, 40)) at[n++] = (u8)(0x40 + diff_below(r, 16));
    at[n++] = 0x0f;
    if (diff_chance(r, 50)) at[n++] = diff_chance(r, 60) ? 0x38 : 0x3a;
    return n;
}

static unsigned vex_bytes(struct diff_random *r, u8 *at)
{
    at[0] = diff_chance(r, 30) ? 0xc5 : 0xc4;
    if (at[0] == 0xc4) at[1] = (u8)((at[1] & 0xe0) | (1 + diff_below(r, 3)));
    if (diff_chance(r, 30)) at[at[0] == 0xc4 ? 2 : 1] |= 0x78; /* no VEX.vvvv */
    return at[0] == 0xc4 ? 3 : 2;
}

static void random_bytes(struct diff_random *r, u8 bytes[15])
{
    for (unsigned n = 0; n < 15; n++) bytes[n] = (u8)diff_next(r);
    unsigned n = diff_chance(r, 5)    ? image_bytes(r, bytes)
                 : diff_chance(r, 40) ? legacy_bytes(r, bytes)
                                      : vex_bytes(r, bytes);
    if (diff_chance(r, 50)) bytes[n + 1] |= 0xc0; /* registers */
}

static u32 random_f32(struct diff_random *r)
{
    static const u32 special[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
                                  0x7fc00001, 0xffc12345, 0x7f800001, 0xff812345, 1,          0x807fffff,
                                  0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x3f000000, 0x4b000001};
    u32 any = (u32)diff_next(r);
    switch (diff_below(r, 4)) {
    case 0:
        return special[diff_below(r, ARRAY_LEN(special))];
    case 1:
        return (any & 0x807fffff) | (u32)(112 + diff_below(r, 46)) << 23;
    case 2:
        return (any & 0x80ffffff) | (u32)diff_below(r, 2) << 30 | (u32)diff_below(r, 4) << 27;
    default:
        return any;
    }
}

static u64 random_f64(struct diff_random *r)
{
    static const u64 special[] = {0,
                                  0x8000000000000000,
                                  0x3ff0000000000000,
                                  0xbff0000000000000,
                                  0x7ff0000000000000,
                                  0xfff0000000000000,
                                  0x7ff8000000000001,
                                  0xfff8123456789abc,
                                  0x7ff0000000000001,
                                  0xfff0123456789abc,
                                  1,
                                  0x800fffffffffffff,
                                  0x0010000000000000,
                                  0x7fefffffffffffff,
                                  0x41e0000000000000,
                                  0xc3e0000000000000,
                                  0x3fe0000000000000,
                                  0x3690000000000000};
    u64 any = diff_next(r);
    switch (diff_below(r, 5)) {
    case 0:
        return special[diff_below(r, ARRAY_LEN(special))];
    case 1:
        return (any & 0x800fffffffffffff) | (1000 + diff_below(r, 70)) << 52;
    case 2:
        return (any & 0x800fffffffffffff) | (860 + diff_below(r, 320)) << 52; /* around single's range */
    case 3:
        return (any & 0x801fffffffffffff) | diff_below(r, 2) << 62;
    default:
        return any;
    }
}

static union vec random_vector(struct diff_random *r)
{
    union vec v;
    unsigned kind = (unsigned)diff_below(r, 5);
    for (unsigned n = 0; n < 4; n++) v.q[n] = diff_next(r);
    if (kind == 0)
        for (unsigned n = 0; n < 8; n++) v.d[n] = random_f32(r);
    if (kind == 1)
        for (unsigned n = 0; n < 4; n++) v.q[n] = random_f64(r);
    if (kind == 2)
        for (unsigned n = 0; n < 32; n++) v.b[n] = (u8)diff_below(r, 4);
    if (kind == 3)
        for (unsigned n = 0; n < 4; n++) v.q[n] = diff_value(r);
    return v;
}

static u32 random_mxcsr(struct diff_random *r)
{
    u32 masks = diff_chance(r, 80) ? 0x1f80 : (u32)diff_next(r) & 0x1f80;
    u32 flags = diff_chance(r, 50) ? (u32)diff_next(r) & MXCSR_FLAGS : 0;
    return masks | flags | (diff_chance(r, 60) ? (u32)diff_next(r) & SETTINGS : 0);
}

/* AMD has bit 17 of MXCSR. */
static void random_data(struct diff_random *r, u8 *data, bool for_mxcsr)
{
    for (unsigned n = 0; n < DIFF_DATA_BYTES; n += 32) {
        union vec v = random_vector(r);
        for (unsigned k = 0; k < 32 && for_mxcsr; k++) v.b[k] &= 0xfd;
        memcpy(data + n, &v, 32);
    }
}

static u64 effective_address(const struct diff_case *c, const ZydisDecodedOperandMem *m)
{
    u64 base = m->base == ZYDIS_REGISTER_RIP ? c->rip + c->length : diff_register(c, m->base);
    return base + diff_register(c, m->index) * m->scale + (u64)m->disp.value;
}

/* Mostly aligned, as many forms want it. A displacement in the bytes may change, so decode again. */
static void steer(struct diff_random *r, const struct decoder *decoder, struct simd_case *s,
                  ZydisDecodedInstruction *z, ZydisDecodedOperand *op, unsigned memory)
{
    bool align = diff_chance(r, s->image ? 97 : 75);
    for (unsigned tries = 0; tries < 500; tries++) {
        diff_steer(r, &s->c, z, &op[memory].mem);
        ZydisDecoderDecodeFull(&decoder->zydis[MODE_LONG64], s->c.bytes, 15, z, op);
        if (!align || effective_address(&s->c, &op[memory].mem) % (s->image ? 64 : 32) == 0) return;
    }
}

/* The indices of a gather stay in the data area. */
static void steer_indices(struct diff_random *r, struct simd_case *s, ZydisRegister index)
{
    unsigned n = index >= ZYDIS_REGISTER_YMM0 ? index - ZYDIS_REGISTER_YMM0 : index - ZYDIS_REGISTER_XMM0;
    bool wide = diff_chance(r, 50);
    for (unsigned lane = 0; lane < 8; lane++)
        s->v.vec[n].d[lane] = wide && (lane & 1) ? 0 : (u32)diff_below(r, diff_chance(r, 90) ? 200 : 2000);
}

static bool is_approximate(u16 m)
{
    return m == ZYDIS_MNEMONIC_RCPPS || m == ZYDIS_MNEMONIC_RCPSS || m == ZYDIS_MNEMONIC_RSQRTPS ||
           m == ZYDIS_MNEMONIC_RSQRTSS || m == ZYDIS_MNEMONIC_VRCPPS || m == ZYDIS_MNEMONIC_VRCPSS ||
           m == ZYDIS_MNEMONIC_VRSQRTPS || m == ZYDIS_MNEMONIC_VRSQRTSS;
}

/* Any registers, TOP and tags; now and then an exception is pending. Images of instructions keep no exception
 * pending: then the pointers would matter. */
static void random_x87(struct diff_random *r, struct simd_case *s)
{
    bool pending = !s->image && diff_chance(r, 5);
    u16 control = pending ? X87_CONTROL & ~1u : X87_CONTROL;
    u16 status = (u16)(diff_below(r, 8) << X87_TOP_SHIFT | (pending ? X87_ES | X87_B | FLOAT_INVALID : 0));
    memset(s->v.x87, 0, sizeof s->v.x87);
    memcpy(s->v.x87, &control, 2);
    memcpy(s->v.x87 + 2, &status, 2);
    s->v.x87[4] = diff_chance(r, 30) ? 0xff : (u8)diff_next(r);
    for (unsigned st = 0; st < 8; st++) {
        union vec v = random_vector(r);
        memcpy(s->v.x87 + AREA_ST + 16 * st, &v, 10);
    }
}

static void random_state(struct diff_random *r, struct simd_case *s)
{
    u16 m = s->c.mnemonic;
    diff_random_state(r, &s->c);
    for (unsigned n = 0; n < 16; n++) s->v.vec[n] = random_vector(r);
    if (diff_chance(r, 60)) s->c.reg[REG_RAX] = diff_below(r, 40) - 20, s->c.reg[REG_RDX] = diff_below(r, 40) - 20;
    random_data(r, s->c.data, s->image || m == ZYDIS_MNEMONIC_LDMXCSR || m == ZYDIS_MNEMONIC_VLDMXCSR);
    s->v.mxcsr = random_mxcsr(r);
    random_x87(r, s);
    s->approximate = is_approximate(s->c.mnemonic);
}

/* --- images --- */

static bool is_vector(exec_fn exec)
{
    return exec == exec_simd || exec == exec_mmx || diff_is_image(exec);
}

/* RAX and RDX say which components. */
static bool asks_by_address(const ZydisDecodedOperandMem *m)
{
    u8 base = decode_dependence(m->base), index = decode_dependence(m->index);
    return base == REG_RAX || base == REG_RDX || index == REG_RAX || index == REG_RDX;
}

/* A header that XRSTOR mostly accepts, MXCSR too; only the components that both sides have. */
static void make_image(struct diff_random *r, struct simd_case *s)
{
    u64 header[8] = {diff_next(r) & 7, diff_chance(r, 40) ? BIT(63) | (diff_next(r) & 7) : 0};
    s->c.reg[REG_RAX] = diff_next(r) & 7;
    s->c.reg[REG_RDX] = 0;
    if (header[1] && diff_chance(r, 80)) header[0] &= header[1];
    if (diff_chance(r, 5)) header[diff_below(r, 8)] ^= BIT(diff_chance(r, 50) ? 62 : diff_below(r, 3));
    u64 offset = s->image_at - DIFF_DATA;
    if (offset >= DIFF_DATA_BYTES || offset + AREA_YMM > DIFF_DATA_BYTES) return;
    memcpy(s->c.data + offset + AREA_XSTATE_BV, header, sizeof header);
    u32 mxcsr = random_mxcsr(r) | (diff_chance(r, 5) ? 0x80000000 : 0);
    memcpy(s->c.data + offset + AREA_MXCSR, &mxcsr, 4);
}

/* The host's MXCSR_MASK has bits that ours has not. */
static void copy_mxcsr_mask(const struct simd_case *s, u8 *here, const u8 *there)
{
    u64 offset = s->image_at - DIFF_DATA;
    if (s->image && offset < DIFF_DATA_BYTES - 32) memcpy(here + offset + 28, there + offset + 28, 4);
}

static bool try_case(struct diff_random *r, const struct decoder *decoder, struct simd_case *s)
{
    struct decoded_insn d;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    random_bytes(r, s->c.bytes);
    if (decode(decoder, MODE_LONG64, s->c.bytes, 15, &d) != DECODED || !is_vector(d.hot.exec))
        return false;
    s->image = diff_is_image(d.hot.exec);
    s->image_at = 0;
    s->c.length = d.hot.length;
    s->c.mnemonic = d.cold.mnemonic;
    if (r->seen[s->c.mnemonic] > 100 && diff_chance(r, 60)) return false; /* compares have many encodings */
    ZydisDecoderDecodeFull(&decoder->zydis[MODE_LONG64], s->c.bytes, 15, &z, op);
    if (z.attributes & (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS)) return false;
    if (s->image && asks_by_address(&op[0].mem)) return false;
    random_state(r, s);
    if (s->c.mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU || s->c.mnemonic == ZYDIS_MNEMONIC_VMASKMOVDQU ||
        s->c.mnemonic == ZYDIS_MNEMONIC_MASKMOVQ)
        s->c.reg[REG_RDI] = DIFF_DATA + diff_below(r, DIFF_DATA_BYTES - 16); /* masked-off bytes may fault or not */
    for (unsigned n = 0; n < z.operand_count_visible; n++) {
        if (op[n].type != ZYDIS_OPERAND_TYPE_MEMORY) continue;
        if (diff_chance(r, 95)) steer(r, decoder, s, &z, op, n);
        s->image_at = effective_address(&s->c, &op[n].mem);
        if (op[n].mem.index >= ZYDIS_REGISTER_XMM0) steer_indices(r, s, op[n].mem.index);
    }
    if (s->image) make_image(r, s);
    return true;
}

static void generate(struct diff_random *r, const struct decoder *decoder, struct simd_case *s)
{
    while (!try_case(r, decoder, s))
        ;
    r->cases++;
    r->seen[s->c.mnemonic]++;
}

/* --- here --- */

static struct exec_bench *bench_new(void)
{
    struct exec_bench *b = diff_bench_new(MODE_LONG64);
    host_give_model(b);
    b->h.cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    b->h.fpu.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    return b;
}

static void here_run(struct exec_bench *b, const struct simd_case *s, struct host_state *out)
{
    diff_load(b, &s->c);
    memcpy(b->h.fpu.vec, s->v.vec, sizeof s->v.vec);
    b->h.fpu.mxcsr = s->v.mxcsr;
    x87_from_image(&b->h.fpu.x87, s->v.x87, true);
    out->vector = diff_execute(b) == OUT_FAULT ? b->h.fault.vector : -1;
    memcpy(out->reg, b->h.reg, sizeof out->reg);
    memcpy(out->v.vec, b->h.fpu.vec, sizeof out->v.vec);
    x87_to_image(&b->h.fpu.x87, out->v.x87, true);
    out->v.mxcsr = b->h.fpu.mxcsr;
    out->rip = b->h.reg[REG_RIP];
    out->rflags = hart_rflags(&b->h);
}

/* --- comparison --- */

static bool close_enough(u32 here, u32 there)
{
    float a, b;
    memcpy(&a, &here, 4);
    memcpy(&b, &there, 4);
    return here == there || fabsf(a - b) <= 0x1p-10f * fabsf(b);
}

static bool same_vectors(const struct simd_case *s, const struct host_state *a, const struct host_state *b)
{
    if (!s->approximate) return !memcmp(a->v.vec, b->v.vec, sizeof a->v.vec);
    for (unsigned n = 0; n < 16 * 8; n++)
        if (!close_enough(a->v.vec[n / 8].d[n % 8], b->v.vec[n / 8].d[n % 8])) return false;
    return true;
}

static bool same_mxcsr(const struct host_state *a, const struct host_state *b)
{
    u32 unmasked = ~(a->v.mxcsr >> MXCSR_MASKS_SHIFT) & a->v.mxcsr & (MXCSR_OE | MXCSR_UE);
    u32 ignored = a->vector == VEC_XM && unmasked ? MXCSR_PE : 0;
    return ((a->v.mxcsr ^ b->v.mxcsr) & ~ignored) == 0;
}

static bool same_x87(const struct simd_case *s, const struct host_state *a, const struct host_state *b)
{
    return s->image || (!memcmp(a->v.x87, b->v.x87, AREA_X87_END) &&
                        !memcmp(a->v.x87 + AREA_ST, b->v.x87 + AREA_ST, X87_IMAGE_BYTES - AREA_ST));
}

static bool same(const struct simd_case *s, const struct host_state *a, const struct host_state *b)
{
    return a->vector == b->vector && a->rip == b->rip && !memcmp(a->reg, b->reg, sizeof a->reg) &&
           ((a->rflags ^ b->rflags) & DIFF_FLAGS) == 0 && same_vectors(s, a, b) && same_mxcsr(a, b) &&
           same_x87(s, a, b);
}

static void print_vector(const char *name, const union vec *v)
{
    print_message("    %s %016llx %016llx %016llx %016llx\n", name, (unsigned long long)v->q[3],
                  (unsigned long long)v->q[2], (unsigned long long)v->q[1], (unsigned long long)v->q[0]);
}

static void print_x87(const char *name, const u8 *image)
{
    print_message("    %s control and status %02x%02x %02x%02x, tags %02x\n", name, image[1], image[0],
                  image[3], image[2], image[4]);
    for (unsigned st = 0; st < 8; st++) {
        struct x87_register r = {0};
        memcpy(&r.significand, image + AREA_ST + 16 * st, 8);
        memcpy(&r.sign_exponent, image + AREA_ST + 16 * st + 8, 2);
        print_message("      ST%u %04x %016llx\n", st, r.sign_exponent, (unsigned long long)r.significand);
    }
}

static void print_difference(const struct simd_case *s, const struct host_state *here, const struct host_state *there,
                             bool memory)
{
    diff_print(&s->c);
    print_message("  mxcsr %x: here %x vector %d rip %llx flags %llx; host %x vector %d rip %llx flags %llx%s\n",
                  s->v.mxcsr, here->v.mxcsr, here->vector, (unsigned long long)here->rip, (unsigned long long)here->rflags,
                  there->v.mxcsr, there->vector, (unsigned long long)there->rip,
                  (unsigned long long)there->rflags, memory ? "   memory differs" : "");
    for (unsigned n = 0; n < 16; n++) {
        if (here->reg[n] != there->reg[n])
            print_message("  reg %u: before %llx here %llx host %llx\n", n, (unsigned long long)s->c.reg[n],
                          (unsigned long long)here->reg[n], (unsigned long long)there->reg[n]);
        if (!memcmp(&here->v.vec[n], &there->v.vec[n], 32)) continue;
        print_message("  vec %u\n", n);
        print_vector("here  ", &here->v.vec[n]);
        print_vector("host  ", &there->v.vec[n]);
        for (unsigned k = 0; k < 16; k++) print_vector("before", &s->v.vec[k]);
    }
    if (same_x87(s, here, there)) return;
    print_x87("before", s->v.x87);
    print_x87("here  ", here->v.x87);
    print_x87("host  ", there->v.x87);
}

/* Processors differ in which comes first of a misaligned image and an address that faults, and in how much of
 * an image they touch that is not wholly there. */
static bool image_is_contentious(const struct simd_case *s, const struct host_state *here,
                                 const struct host_state *there)
{
    if (s->image && s->image_at + AREA_BYTES > DIFF_DATA + DIFF_DATA_BYTES) return true;
    return s->image && here->vector == VEC_GP && s->image_at % 64 && there->vector >= VEC_SS && there->vector <= VEC_PF;
}

static bool belongs(const struct decoded_insn *d)
{
    return is_vector(d->hot.exec);
}

static void random_vector_instructions_do_here_what_they_do_on_the_host(void **state)
{
    (void)state;
    static u32 different[DIFF_MNEMONICS];
    struct exec_bench *b = bench_new();
    struct diff_random random = {.mode = MODE_LONG64, .state = diff_setting("GIGOGNE_DIFF_SEED", 3)};
    struct simd_case *s = calloc(1, sizeof *s);
    u64 cases = diff_setting("GIGOGNE_DIFF_CASES", 120000), differences = 0, faults = 0;
    struct host_memory memory = host_init();
    for (u64 n = 0; n < cases; n++) {
        struct host_state here, there;
        generate(&random, &b->icache.decoder, s);
        here_run(b, s, &here);
        if (here.vector == VEC_PF && host_owns(b->h.fault.va.v)) continue;
        host_run(&memory, &s->c, &s->v, &there);
        copy_mxcsr_mask(s, b->mem.host + DIFF_DATA, memory.data);
        bool other_memory = memcmp(b->mem.host + DIFF_DATA, memory.data, DIFF_DATA_BYTES);
        faults += here.vector >= 0;
        random.faulted[s->c.mnemonic] += here.vector >= 0;
        if (image_is_contentious(s, &here, &there) || (same(s, &here, &there) && !other_memory)) continue;
        if (different[s->c.mnemonic]++ < 2 && differences++ < 30) print_difference(s, &here, &there, other_memory);
    }
    print_message("%llu cases, %llu faults, %llu mnemonics\n", (unsigned long long)cases,
                  (unsigned long long)faults, (unsigned long long)diff_mnemonics_seen(&random));
    if (wants_coverage) diff_print_coverage(&random);
    assert_int_equal(differences, 0);
    assert_true(faults > cases / 100 && faults < cases / 2);
    assert_int_equal(diff_count_uncovered(&random, &b->icache.decoder, belongs), 0);
    free(s);
    exec_bench_free(b);
}

int main(int argc, char **argv)
{
    wants_coverage = diff_wants_coverage(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_vector_instructions_do_here_what_they_do_on_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
