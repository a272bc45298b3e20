/* test_diff_simd.c - random MMX, SSE and AVX instructions, FXSAVE and XSAVE with their relatives, in 64-bit mode, executed here
 * and by the host CPU: general registers, YMM and MMX registers with the x87 state around them, MXCSR, flags, memory and faults
 * must be the same. The host executes one instruction under the trap flag; a signal
 * handler puts its registers in place and takes them back. Seeded; GIGOGNE_SIMD_CASES and GIGOGNE_SIMD_SEED change the run,
 * GIGOGNE_SIMD_TABLE=1 prints the cases of each mnemonic.
 *
 * Not compared: results of RCPPS and RSQRTPS (but to 2^-10), PE beside an unmasked overflow or underflow, MXCSR_MASK in images,
 * the x87 state that an image brings (test_diff_x87.c), and mnemonics that the host does not have.
 */
#undef _GNU_SOURCE /* its <signal.h> names registers REG_RAX... as isa/insn.h does */
#define _DEFAULT_SOURCE
#include "diff.h"
#include "isa/operand.h"
#include "isa/mmx.h"
#include "isa/x87.h"
#include <math.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* Order of gregs and offsets in the signal frame's XSAVE area: struct sigcontext of the kernel's ABI. */
enum { GREG_RIP = 16, GREG_EFL = 17, GREG_TRAPNO = 20, GREGS = 23 };
enum { AREA_X87_END = 6, AREA_MXCSR = 24, AREA_ST = 32, AREA_XMM = 160, AREA_XSTATE_BV = 512, AREA_YMM = 576, AREA_BYTES = 832 };
static const unsigned greg_of[16] = {13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7};

#define X87_CONTROL 0x27f /* not the initial state, so that it is in use */
#define X87_IMAGE_BYTES 160
#define SETTINGS (MXCSR_DAZ | MXCSR_FTZ | 3u << MXCSR_RC_SHIFT)

struct state {
    u64 reg[16], rip, rflags;
    union vec vec[16];
    u8 x87[X87_IMAGE_BYTES]; /* as FXSAVE makes it */
    u32 mxcsr;
    int vector; /* of the fault, -1: none */
};

struct simd_case {
    struct diff_case c;
    union vec vec[16];
    u8 x87[X87_IMAGE_BYTES];
    u32 mxcsr;
    bool approximate;
    bool image;   /* FXSAVE and relatives */
    u64 image_at; /* its address */
};

/* --- the host --- */

/* The signal handler has no other way to know. */
static struct {
    const struct simd_case *c;
    struct state *out;
    greg_t test[GREGS]; /* where the test goes on */
    u8 test_area[AREA_BYTES];
} host;

static u8 *area_of(void *context)
{
    return (u8 *)((ucontext_t *)context)->uc_mcontext.fpregs;
}

static void load_vectors(u8 *area)
{
    u64 components = 7;
    memcpy(area, host.c->x87, AREA_MXCSR);
    memcpy(area + AREA_ST, host.c->x87 + AREA_ST, X87_IMAGE_BYTES - AREA_ST);
    memcpy(area + AREA_MXCSR, &host.c->mxcsr, 4);
    memcpy(area + AREA_XSTATE_BV, &components, 8);
    for (unsigned n = 0; n < 16; n++) {
        memcpy(area + AREA_XMM + 16 * n, host.c->vec[n].b, 16);
        memcpy(area + AREA_YMM + 16 * n, host.c->vec[n].b + 16, 16);
    }
}

/* A component that XSTATE_BV leaves out is in its initial state. */
static void store_vectors(const u8 *area)
{
    u64 components;
    memcpy(&components, area + AREA_XSTATE_BV, 8);
    memset(host.out->vec, 0, sizeof host.out->vec);
    memcpy(host.out->x87, area, X87_IMAGE_BYTES);
    memcpy(&host.out->mxcsr, area + AREA_MXCSR, 4);
    for (unsigned n = 0; n < 16; n++) {
        if (components & XCR0_SSE) memcpy(host.out->vec[n].b, area + AREA_XMM + 16 * n, 16);
        if (components & XCR0_AVX) memcpy(host.out->vec[n].b + 16, area + AREA_YMM + 16 * n, 16);
    }
}

static void load_case(greg_t *greg)
{
    const struct diff_case *c = &host.c->c;
    for (unsigned r = 0; r < 16; r++) greg[greg_of[r]] = (greg_t)c->reg[r];
    greg[GREG_RIP] = (greg_t)c->rip;
    greg[GREG_EFL] = (greg_t)(c->rflags | RFLAGS_TF | RFLAGS_IF);
}

static void store_case(const greg_t *greg)
{
    for (unsigned r = 0; r < 16; r++) host.out->reg[r] = (u64)greg[greg_of[r]];
    host.out->rip = (u64)greg[GREG_RIP];
    host.out->rflags = (u64)greg[GREG_EFL];
    host.out->vector = greg[GREG_TRAPNO] == VEC_DB ? -1 : (int)greg[GREG_TRAPNO];
}

/* A gather that is about to fault may trap with a part of it done. */
static bool goes_on(const greg_t *greg)
{
    return greg[GREG_TRAPNO] == VEC_DB && (u64)greg[GREG_RIP] == host.c->c.rip;
}

/* SIGUSR1 starts a case: the interrupted registers are kept. Any other signal ends it. */
static void on_signal(int signal_number, siginfo_t *info, void *context)
{
    greg_t *greg = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)info;
    if (signal_number == SIGUSR1) {
        memcpy(host.test, greg, sizeof host.test);
        memcpy(host.test_area, area_of(context), AREA_BYTES);
        load_case(greg);
        load_vectors(area_of(context));
    } else if (!goes_on(greg)) {
        store_case(greg);
        store_vectors(area_of(context));
        memcpy(greg, host.test, sizeof host.test);
        memcpy(area_of(context), host.test_area, AREA_BYTES);
    }
}

static void host_init(void)
{
    static const int signals[] = {SIGUSR1, SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    static u8 stack[64 * KiB];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    assert_int_equal(sigaltstack(&alternate, NULL), 0);
    for (unsigned n = 0; n < ARRAY_LEN(signals); n++)
        assert_int_equal(sigaction(signals[n], &action, NULL), 0);
}

/* Memory that instructions see at `at` with `protection`; returns where the test writes it. */
static u8 *map_at(u64 at, u64 bytes, int protection)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)bytes), 0);
    u8 *seen = mmap((void *)(uintptr_t)at, bytes, protection, MAP_SHARED | MAP_FIXED_NOREPLACE, fileno(file), 0);
    assert_ptr_equal(seen, (void *)(uintptr_t)at);
    u8 *written = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    assert_ptr_not_equal(written, MAP_FAILED);
    return written;
}

static void host_run(const struct simd_case *c, u8 *code, u8 *data, struct state *out)
{
    memcpy(code + (c->c.rip - DIFF_CODE), c->c.bytes, c->c.length);
    memcpy(data, c->c.data, DIFF_DATA_BYTES);
    host.c = c;
    host.out = out;
    raise(SIGUSR1);
}

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
        s->vec[n].d[lane] = wide && (lane & 1) ? 0 : (u32)diff_below(r, diff_chance(r, 90) ? 200 : 2000);
}

static bool is_approximate(u16 m)
{
    return m == ZYDIS_MNEMONIC_RCPPS || m == ZYDIS_MNEMONIC_RCPSS || m == ZYDIS_MNEMONIC_RSQRTPS ||
           m == ZYDIS_MNEMONIC_RSQRTSS || m == ZYDIS_MNEMONIC_VRCPPS || m == ZYDIS_MNEMONIC_VRCPSS ||
           m == ZYDIS_MNEMONIC_VRSQRTPS || m == ZYDIS_MNEMONIC_VRSQRTSS;
}

/* Any registers, TOP and tags; now and then an exception is pending. Images of instructions keep no exception pending: then the
 * pointers would matter. */
static void random_x87(struct diff_random *r, struct simd_case *s)
{
    bool pending = !s->image && diff_chance(r, 5);
    u16 control = pending ? X87_CONTROL & ~1u : X87_CONTROL;
    u16 status = (u16)(diff_below(r, 8) << X87_TOP_SHIFT | (pending ? X87_ES | X87_B | FLOAT_INVALID : 0));
    memset(s->x87, 0, sizeof s->x87);
    memcpy(s->x87, &control, 2);
    memcpy(s->x87 + 2, &status, 2);
    s->x87[4] = diff_chance(r, 30) ? 0xff : (u8)diff_next(r);
    for (unsigned st = 0; st < 8; st++) {
        union vec v = random_vector(r);
        memcpy(s->x87 + AREA_ST + 16 * st, &v, 10);
    }
}

static void random_state(struct diff_random *r, struct simd_case *s)
{
    u16 m = s->c.mnemonic;
    diff_random_state(r, &s->c);
    for (unsigned n = 0; n < 16; n++) s->vec[n] = random_vector(r);
    if (diff_chance(r, 60)) s->c.reg[REG_RAX] = diff_below(r, 40) - 20, s->c.reg[REG_RDX] = diff_below(r, 40) - 20;
    random_data(r, s->c.data, s->image || m == ZYDIS_MNEMONIC_LDMXCSR || m == ZYDIS_MNEMONIC_VLDMXCSR);
    s->mxcsr = random_mxcsr(r);
    random_x87(r, s);
    s->approximate = is_approximate(s->c.mnemonic);
}

/* --- images --- */

static bool is_image(exec_fn exec)
{
    return exec == exec_fxsave || exec == exec_fxrstor || exec == exec_xsave || exec == exec_xsaveopt ||
           exec == exec_xsavec || exec == exec_xrstor;
}

static bool is_vector(exec_fn exec)
{
    return exec == exec_simd || exec == exec_mmx || is_image(exec);
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
    if (s->image && offset + 32 <= DIFF_DATA_BYTES) memcpy(here + offset + 28, there + offset + 28, 4);
}

static bool try_case(struct diff_random *r, const struct decoder *decoder, struct simd_case *s)
{
    struct decoded_insn d;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    random_bytes(r, s->c.bytes);
    if (decode(decoder, MODE_LONG64, s->c.bytes, 15, &d) != DECODED || !is_vector(d.hot.exec))
        return false;
    s->image = is_image(d.hot.exec);
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
    if (r->seen[s->c.mnemonic] < 255) r->seen[s->c.mnemonic]++;
}

/* --- here --- */

/* An address that faults here may be the test program's own memory, more so under a sanitizer. */
static bool is_own_memory(u64 va)
{
    unsigned char resident;
    return mincore((void *)(uintptr_t)(va & ~(PAGE_BYTES - 1)), PAGE_BYTES, &resident) == 0;
}

static struct exec_bench *bench_new(void)
{
    struct exec_bench *b = diff_bench_new(MODE_LONG64);
    for (unsigned f = 0; f < FEATURE_COUNT; f++) b->model.has[f] = true;
    b->h.cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    b->h.fpu.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    return b;
}

static void here_run(struct exec_bench *b, const struct simd_case *s, struct state *out)
{
    diff_load(b, &s->c);
    memcpy(b->h.fpu.vec, s->vec, sizeof s->vec);
    b->h.fpu.mxcsr = s->mxcsr;
    x87_from_image(&b->h.fpu.x87, s->x87, true);
    out->vector = diff_execute(b) == OUT_FAULT ? b->h.fault.vector : -1;
    memcpy(out->reg, b->h.reg, sizeof out->reg);
    memcpy(out->vec, b->h.fpu.vec, sizeof out->vec);
    x87_to_image(&b->h.fpu.x87, out->x87, true);
    out->mxcsr = b->h.fpu.mxcsr;
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

static bool same_vectors(const struct simd_case *s, const struct state *a, const struct state *b)
{
    if (!s->approximate) return !memcmp(a->vec, b->vec, sizeof a->vec);
    for (unsigned n = 0; n < 16 * 8; n++)
        if (!close_enough(a->vec[n / 8].d[n % 8], b->vec[n / 8].d[n % 8])) return false;
    return true;
}

static bool same_mxcsr(const struct state *a, const struct state *b)
{
    u32 unmasked = ~(a->mxcsr >> MXCSR_MASKS_SHIFT) & a->mxcsr & (MXCSR_OE | MXCSR_UE);
    u32 ignored = a->vector == VEC_XM && unmasked ? MXCSR_PE : 0;
    return ((a->mxcsr ^ b->mxcsr) & ~ignored) == 0;
}

static bool same_x87(const struct simd_case *s, const struct state *a, const struct state *b)
{
    return s->image || (!memcmp(a->x87, b->x87, AREA_X87_END) &&
                        !memcmp(a->x87 + AREA_ST, b->x87 + AREA_ST, X87_IMAGE_BYTES - AREA_ST));
}

static bool same(const struct simd_case *s, const struct state *a, const struct state *b)
{
    return a->vector == b->vector && a->rip == b->rip && !memcmp(a->reg, b->reg, sizeof a->reg) &&
           ((a->rflags ^ b->rflags) & DIFF_FLAGS) == 0 && same_vectors(s, a, b) && same_mxcsr(a, b) && same_x87(s, a, b);
}

static void print_vector(const char *name, const union vec *v)
{
    print_message("    %s %016llx %016llx %016llx %016llx\n", name, (unsigned long long)v->q[3],
                  (unsigned long long)v->q[2], (unsigned long long)v->q[1], (unsigned long long)v->q[0]);
}

static void print_x87(const char *name, const u8 *image)
{
    print_message("    %s control and status %02x%02x %02x%02x, tags %02x\n", name, image[1], image[0], image[3], image[2], image[4]);
    for (unsigned st = 0; st < 8; st++) {
        struct x87_register r = {0};
        memcpy(&r.significand, image + AREA_ST + 16 * st, 8);
        memcpy(&r.sign_exponent, image + AREA_ST + 16 * st + 8, 2);
        print_message("      ST%u %04x %016llx\n", st, r.sign_exponent, (unsigned long long)r.significand);
    }
}

static void print_difference(const struct simd_case *s, const struct state *here, const struct state *there,
                             bool memory)
{
    diff_print(&s->c);
    print_message("  mxcsr %x: here %x vector %d rip %llx flags %llx; host %x vector %d rip %llx flags %llx%s\n", s->mxcsr,
                  here->mxcsr, here->vector, (unsigned long long)here->rip, (unsigned long long)here->rflags,
                  there->mxcsr, there->vector, (unsigned long long)there->rip,
                  (unsigned long long)there->rflags, memory ? "   memory differs" : "");
    for (unsigned n = 0; n < 16; n++) {
        if (here->reg[n] != there->reg[n])
            print_message("  reg %u: before %llx here %llx host %llx\n", n, (unsigned long long)s->c.reg[n],
                          (unsigned long long)here->reg[n], (unsigned long long)there->reg[n]);
        if (!memcmp(&here->vec[n], &there->vec[n], 32)) continue;
        print_message("  vec %u\n", n);
        print_vector("here  ", &here->vec[n]);
        print_vector("host  ", &there->vec[n]);
        for (unsigned k = 0; k < 16; k++) print_vector("before", &s->vec[k]);
    }
    if (same_x87(s, here, there)) return;
    print_x87("before", s->x87);
    print_x87("here  ", here->x87);
    print_x87("host  ", there->x87);
}

/* Processors differ in which comes first of a misaligned image and an address that faults, and in how much of an image they
 * touch that is not wholly there. */
static bool image_is_contentious(const struct simd_case *s, const struct state *here, const struct state *there)
{
    if (s->image && s->image_at + AREA_BYTES > DIFF_DATA + DIFF_DATA_BYTES) return true;
    return s->image && here->vector == VEC_GP && s->image_at % 64 && there->vector >= VEC_SS && there->vector <= VEC_PF;
}

/* The host has not got it: both instructions are #UD there, whatever happens here. */
static bool host_lacks(const struct state *here, const struct state *there)
{
    return there->vector == VEC_UD && here->vector != VEC_UD && getenv("GIGOGNE_SIMD_HOST_LACKS");
}

static void print_table(const u32 *count)
{
    for (unsigned m = 0; m < DIFF_MNEMONICS; m++)
        if (count[m]) print_message("%-18s%u\n", ZydisMnemonicGetString((ZydisMnemonic)m), count[m]);
}

static void random_vector_instructions_do_here_what_they_do_on_the_host(void **state)
{
    (void)state;
    static u32 count[DIFF_MNEMONICS], different[DIFF_MNEMONICS];
    struct exec_bench *b = bench_new();
    struct diff_random random = {.mode = MODE_LONG64, .state = diff_setting("GIGOGNE_SIMD_SEED", 3)};
    struct simd_case *s = calloc(1, sizeof *s);
    u64 cases = diff_setting("GIGOGNE_SIMD_CASES", 120000), differences = 0, faults = 0;
    u8 *code = map_at(DIFF_CODE, DIFF_CODE_BYTES, PROT_READ | PROT_EXEC);
    u8 *data = map_at(DIFF_DATA, DIFF_DATA_BYTES, PROT_READ | PROT_WRITE);
    host_init();
    for (u64 n = 0; n < cases; n++) {
        struct state here, there;
        generate(&random, &b->icache.decoder, s);
        here_run(b, s, &here);
        if (here.vector == VEC_PF && is_own_memory(b->h.fault.va.v)) continue;
        host_run(s, code, data, &there);
        copy_mxcsr_mask(s, b->mem.host + DIFF_DATA, data);
        bool memory = memcmp(b->mem.host + DIFF_DATA, data, DIFF_DATA_BYTES);
        faults += here.vector >= 0;
        count[s->c.mnemonic]++;
        if (image_is_contentious(s, &here, &there) || host_lacks(&here, &there)) continue;
        if (same(s, &here, &there) && !memory) continue;
        if (different[s->c.mnemonic]++ < 2 && differences++ < 30) print_difference(s, &here, &there, memory);
    }
    if (getenv("GIGOGNE_SIMD_TABLE")) print_table(count);
    print_message("%llu cases, %llu faults, %llu mnemonics\n", (unsigned long long)cases,
                  (unsigned long long)faults, (unsigned long long)diff_mnemonics_seen(&random));
    for (unsigned m = 0; m < DIFF_MNEMONICS; m++)
        if (different[m]) print_message("%s: %u differ\n", ZydisMnemonicGetString((ZydisMnemonic)m), different[m]);
    assert_int_equal(differences, 0);
    assert_true(faults > cases / 100 && faults < cases / 2);
    free(s);
    exec_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_vector_instructions_do_here_what_they_do_on_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
