/* test_diff_x87.c - random x87 instructions on random state, executed here and by the host CPU itself:
 * registers, tags, control and status words, RFLAGS, memory and faults must be the same. Seeded;
 * GIGOGNE_DIFF_CASES and GIGOGNE_DIFF_SEED change the run; --coverage prints the cases of each mnemonic.
 *
 * The host executes FXRSTOR, the instruction, FXSAVE. Not compared: the instruction and data pointers and the
 * opcode, which processors keep differently. Transcendental results may differ by an ulp, their C1, PE and UE
 * are not compared.
 */
#undef _GNU_SOURCE /* its <signal.h> names registers REG_RAX... as isa/insn.h does */
#define _DEFAULT_SOURCE
#include "diff_coverage.h"
#include "isa/x87.h"
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define IMAGE_BYTES  512
#define MEMORY_BYTES 128
#define MEMORY_AT    (DIFF_DATA + 64)

static bool wants_coverage; /* the command line's */

struct state {
    _Alignas(16) u8 image[IMAGE_BYTES]; /* of FXSAVE */
    u64 rax, rflags;
    u8 memory[MEMORY_BYTES];
    bool faulted;
};

struct fp_case {
    struct state before;
    u8 bytes[8], length;
    struct decoded_insn d;
};

/* --- state --- */

static u64 random_significand(struct diff_random *r)
{
    static const u64 patterns[] = {0,
                                   1,
                                   0x7fffffffffffffff,
                                   0x4000000000000000,
                                   0xffffff8000000000,
                                   0x0000008000000000,
                                   0x0000010000000000,
                                   0xfffffffffffff800,
                                   0x400,
                                   0x800,
                                   0x2000000000000000};
    u64 v = diff_chance(r, 30) ? patterns[diff_below(r, ARRAY_LEN(patterns))] : diff_next(r);
    if (diff_chance(r, 30)) v &= ~0ull << diff_below(r, 64);
    return diff_chance(r, 96) ? v | BIT(63) : v & ~BIT(63);
}

static unsigned random_exponent(struct diff_random *r)
{
    switch (diff_below(r, 12)) {
    case 0:
        return 0;
    case 1:
        return 0x7fff;
    case 2:
        return (unsigned)diff_below(r, 0x8000);
    case 3:
        return 1 + (unsigned)diff_below(r, 70);
    case 4:
        return 0x7ffe - (unsigned)diff_below(r, 70);
    case 5:
        return 16383 - 1100 + (unsigned)diff_below(r, 200);
    case 6:
        return 16383 - 160 + (unsigned)diff_below(r, 320);
    case 7:
        return 16383 + 1000 + (unsigned)diff_below(r, 50);
    default:
        return 16383 - 20 + (unsigned)diff_below(r, 90);
    }
}

static struct x87_register random_register(struct diff_random *r)
{
    u64 significand = random_significand(r);
    unsigned exponent = random_exponent(r);
    if (exponent == 0 && diff_chance(r, 90)) significand &= ~BIT(63);
    if (exponent == 0 && diff_chance(r, 40)) significand = 0;
    if (exponent == 0x7fff && diff_chance(r, 40)) significand = BIT(63);
    return (struct x87_register){significand, (u16)(exponent | (diff_next(r) >> 20 & 0x8000))};
}

static void random_x87(struct diff_random *r, struct x87_state *s)
{
    static const u16 precisions[] = {0x000, 0x200, 0x300, 0x300};
    *s = (struct x87_state){.control = 0x3f};
    if (diff_chance(r, 40)) s->control &= (u16)diff_next(r);
    s->control |= (u16)(precisions[diff_below(r, 4)] | diff_below(r, 4) << 10 | X87_CONTROL_FIXED);
    s->status = (u16)(diff_next(r) & (X87_TOP | X87_C0 | X87_C1 | X87_C2 | X87_C3));
    if (diff_chance(r, 20))
        s->status |= (u16)(diff_next(r) & X87_FLAGS & (diff_chance(r, 5) ? 0xff : s->control));
    s->valid = diff_chance(r, 40) ? 0x7f : (u8)(diff_next(r) | (diff_chance(r, 50) ? diff_next(r) : 0));
    if (s->valid == 0x7f) s->valid = (u8) ~(1u << ((x87_top(s) + 7) & 7));
    for (unsigned n = 0; n < 8; n++) s->reg[n] = random_register(r);
    x87_update_summary(s);
}

static void put_memory(u8 *memory, struct x87_register v)
{
    memcpy(memory, &v.significand, 8);
    memcpy(memory + 8, &v.sign_exponent, 2);
}

/* An environment that FLDENV and FRSTOR accept, or a number of some type. */
static void random_memory(struct diff_random *r, struct fp_case *c)
{
    struct float_env env = {.masks = 0x3f};
    struct float_value v = float_of_register(random_register(r));
    u8 *m = c->before.memory;
    for (unsigned n = 0; n < MEMORY_BYTES; n++) m[n] = (u8)diff_next(r);
    u16 mnemonic = c->d.cold.mnemonic;
    if (mnemonic == ZYDIS_MNEMONIC_FBLD) {
        for (unsigned n = 0; n < 9; n++) m[n] = (u8)(diff_below(r, 10) | diff_below(r, 10) << 4);
        m[9] &= 0x80;
        return;
    }
    if (mnemonic == ZYDIS_MNEMONIC_FLDCW || mnemonic == ZYDIS_MNEMONIC_FLDENV ||
        mnemonic == ZYDIS_MNEMONIC_FRSTOR) {
        if (!(m[1] & 2)) m[1] &= 0xfe; /* precision control 1 is reserved */
        return;
    }
    if (diff_chance(r, 20)) return;
    u64 bits = float80_to_double(&env, v);
    u32 single = float80_to_single(&env, v);
    enum x87_type type = x87_type_of(&c->d.hot);
    put_memory(m, random_register(r));
    if (type == X87_SINGLE) memcpy(m, &single, 4);
    if (type == X87_DOUBLE) memcpy(m, &bits, 8);
}

static void random_state(struct diff_random *r, struct fp_case *c)
{
    struct x87_state s;
    random_x87(r, &s);
    memset(c->before.image, 0, IMAGE_BYTES);
    x87_to_image(&s, c->before.image, true);
    memcpy(c->before.image + 24, &(u32){MXCSR_INIT}, 4);
    c->before.rax = diff_value(r);
    c->before.rflags = RFLAGS_ONE | RFLAGS_IF | (diff_next(r) & RFLAGS_ARITHMETIC);
    random_memory(r, c);
}

/* --- instructions: the memory operand is at (%rdx), general registers are RAX --- */

static bool try_instruction(struct diff_random *r, const struct decoder *decoder, struct fp_case *c)
{
    u8 *b = c->bytes;
    for (unsigned n = 0; n < sizeof c->bytes; n++) b[n] = (u8)diff_next(r);
    b[0] = diff_chance(r, 1) ? 0x9b : (u8)(0xd8 + diff_below(r, 8)); /* WAIT, or an escape */
    b[1] = diff_chance(r, 50) ? b[1] | 0xc0 : (u8)((b[1] & 0x38) | 2);
    if (decode(decoder, MODE_LONG64, b, sizeof c->bytes, &c->d) != DECODED) return false;
    c->length = c->d.hot.length;
    if (c->d.hot.exec == exec_unmodelled || c->d.hot.exec == exec_ud) return false;
    if (r->seen[c->d.cold.mnemonic] > 20 && diff_chance(r, 60)) return false;
    return true;
}

static void generate(struct diff_random *r, const struct decoder *decoder, struct fp_case *c)
{
    while (!try_instruction(r, decoder, c))
        ;
    random_state(r, c);
    r->seen[c->d.cold.mnemonic]++;
    r->cases++;
}

/* --- here --- */

static void run_here(struct exec_bench *b, const struct fp_case *c, struct state *out)
{
    struct hart *h = &b->h;
    *out = c->before;
    x87_from_image(&h->fpu.x87, c->before.image, true);
    exec_bench_put(b, EXEC_CODE, c->bytes, c->length);
    memcpy(b->mem.host + MEMORY_AT, c->before.memory, MEMORY_BYTES);
    h->reg[REG_RIP] = EXEC_CODE;
    h->reg[REG_RAX] = c->before.rax;
    h->reg[REG_RDX] = MEMORY_AT;
    hart_set_rflags(h, c->before.rflags);
    out->faulted = exec_bench_step(b) == OUT_FAULT;
    x87_to_image(&h->fpu.x87, out->image, true);
    out->rax = h->reg[REG_RAX];
    out->rflags = hart_rflags(h);
    memcpy(out->memory, b->mem.host + MEMORY_AT, MEMORY_BYTES);
}

/* --- on the host --- */

static sigjmp_buf back;

static void on_fault(int signal_number)
{
    siglongjmp(back, signal_number);
}

typedef void snippet(u8 *image, u64 rflags, u8 *memory, u64 *rax_out, u64 rax);

/* Arguments: RDI, RSI, RDX, RCX, R8. */
static void emit(u8 *at, const struct fp_case *c)
{
    static const u8 head[] = {0x48, 0x0f, 0xae, 0x0f,        /* fxrstor64 (%rdi) */
                              0x56, 0x9d, 0x4c, 0x89, 0xc0}; /* push %rsi; popf; mov %r8, %rax */
    static const u8 tail[] = {0x9c, 0x5e,                    /* pushf; pop %rsi */
                              0x48, 0x0f, 0xae, 0x07,        /* fxsave64 (%rdi) */
                              0xdb, 0xe3, 0x48, 0x89, 0x01,  /* fninit; mov %rax, (%rcx) */
                              0x48, 0x89, 0x71, 0x08, 0xc3}; /* mov %rsi, 8(%rcx); ret */
    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, c->bytes, c->length);
    memcpy(at + sizeof head + c->length, tail, sizeof tail);
}

static void run_host(u8 *writable, const u8 *code, const struct fp_case *c, struct state *out)
{
    snippet *function;
    u64 registers[2];
    memcpy(&function, &code, sizeof function);
    *out = c->before;
    emit(writable, c);
    out->faulted = sigsetjmp(back, 1) != 0;
    if (out->faulted) return;
    function(out->image, c->before.rflags, out->memory, registers, c->before.rax);
    out->rax = registers[0];
    out->rflags = registers[1];
}

/* --- comparison --- */

static bool is_transcendental(u16 m)
{
    return m == ZYDIS_MNEMONIC_F2XM1 || m == ZYDIS_MNEMONIC_FSIN || m == ZYDIS_MNEMONIC_FCOS ||
           m == ZYDIS_MNEMONIC_FSINCOS || m == ZYDIS_MNEMONIC_FPTAN || m == ZYDIS_MNEMONIC_FPATAN ||
           m == ZYDIS_MNEMONIC_FYL2X || m == ZYDIS_MNEMONIC_FYL2XP1;
}

static bool is_one_of(u16 mnemonic, const u16 *list, unsigned length)
{
    for (unsigned n = 0; n < length; n++)
        if (list[n] == mnemonic) return true;
    return false;
}

/* Condition codes that AMD's processors treat another way than Intel's manual says: C1 behind moves and
 * comparisons with RFLAGS and FFREE, the others behind a comparison that an unmasked exception has stopped. */
static u16 contentious_codes(const struct fp_case *c, const struct state *here)
{
    static const u16 keep_c1[] = {ZYDIS_MNEMONIC_FCOMI,   ZYDIS_MNEMONIC_FCOMIP,  ZYDIS_MNEMONIC_FUCOMI,
                                  ZYDIS_MNEMONIC_FUCOMIP, ZYDIS_MNEMONIC_FCMOVB,  ZYDIS_MNEMONIC_FCMOVNB,
                                  ZYDIS_MNEMONIC_FCMOVE,  ZYDIS_MNEMONIC_FCMOVNE, ZYDIS_MNEMONIC_FCMOVU,
                                  ZYDIS_MNEMONIC_FCMOVNU, ZYDIS_MNEMONIC_FCMOVBE, ZYDIS_MNEMONIC_FCMOVNBE,
                                  ZYDIS_MNEMONIC_FFREE,   ZYDIS_MNEMONIC_FFREEP};
    static const u16 compare[] = {ZYDIS_MNEMONIC_FCOM,  ZYDIS_MNEMONIC_FCOMP,  ZYDIS_MNEMONIC_FCOMPP,
                                  ZYDIS_MNEMONIC_FUCOM, ZYDIS_MNEMONIC_FUCOMP, ZYDIS_MNEMONIC_FUCOMPP,
                                  ZYDIS_MNEMONIC_FICOM, ZYDIS_MNEMONIC_FICOMP, ZYDIS_MNEMONIC_FTST};
    u16 m = c->d.cold.mnemonic, status;
    memcpy(&status, here->image + 2, 2);
    if (is_one_of(m, keep_c1, ARRAY_LEN(keep_c1))) return X87_C1;
    bool stopped = (status & X87_ES) && is_one_of(m, compare, ARRAY_LEN(compare));
    return stopped ? X87_C0 | X87_C2 | X87_C3 : 0;
}

/* A comparison with RFLAGS that an unmasked exception has stopped writes them on AMD's processors. */
static void drop_codes(struct state *s, u16 codes)
{
    u16 status;
    memcpy(&status, s->image + 2, 2);
    if (codes == X87_C1 && (status & X87_ES)) s->rflags = 0;
    status &= (u16)~codes;
    memcpy(s->image + 2, &status, 2);
}

/* Pointers and opcode in the environment that FNSTENV and FNSAVE write. */
static void drop_pointers(struct state *s, const struct fp_case *c)
{
    bool env = c->d.cold.mnemonic == ZYDIS_MNEMONIC_FNSTENV || c->d.cold.mnemonic == ZYDIS_MNEMONIC_FNSAVE;
    if (env) memset(s->memory + 12, 0, 16);
    memset(s->image + 6, 0, 26);
    memset(s->image + 160, 0, IMAGE_BYTES - 160);
}

static bool same(const struct state *a, const struct state *b)
{
    return a->faulted == b->faulted && !memcmp(a->image, b->image, 160) && a->rax == b->rax &&
           !((a->rflags ^ b->rflags) & RFLAGS_ARITHMETIC) && !memcmp(a->memory, b->memory, MEMORY_BYTES);
}

/* The n-th register of an image, as one growing number per sign. */
static u128 ordered(const u8 *image, unsigned n)
{
    u64 significand;
    u16 high;
    memcpy(&significand, image + 32 + 16 * n, 8);
    memcpy(&high, image + 40 + 16 * n, 2);
    return (u128)high << 63 | (significand & ~BIT(63));
}

static bool near_registers(const u8 *a, const u8 *b)
{
    for (unsigned n = 0; n < 8; n++) {
        u128 x = ordered(a, n), y = ordered(b, n);
        if ((x > y ? x - y : y - x) > 1) return false;
    }
    return true;
}

/* ES and B say whether a flag is not masked. */
static bool summary_is_right(const u8 *image)
{
    u16 control, status;
    memcpy(&control, image, 2);
    memcpy(&status, image + 2, 2);
    bool pending = status & ~control & X87_FLAGS;
    return (status & (X87_ES | X87_B)) == (pending ? X87_ES | X87_B : 0);
}

/* The host also says of exact results that they are not, and so of a tiny one that it underflowed; ES and B follow. */
static bool nearly_same(const struct state *a, const struct state *b)
{
    u16 x, y, compared = (u16) ~(X87_C1 | FLOAT_PRECISION | FLOAT_UNDERFLOW | X87_ES | X87_B);
    if (!summary_is_right(a->image) || !summary_is_right(b->image)) return false;
    memcpy(&x, a->image + 2, 2);
    memcpy(&y, b->image + 2, 2);
    return a->faulted == b->faulted && !((x ^ y) & compared) && near_registers(a->image, b->image);
}

static void print_image(const char *who, const struct state *s)
{
    u16 control, status;
    memcpy(&control, s->image, 2);
    memcpy(&status, s->image + 2, 2);
    print_message("  %-6s cw %04x sw %04x valid %02x flags %llx rax %llx%s\n", who, control, status,
                  s->image[4], (unsigned long long)s->rflags, (unsigned long long)s->rax,
                  s->faulted ? " faulted" : "");
    for (unsigned n = 0; n < 8; n++) {
        u64 significand;
        u16 high;
        memcpy(&significand, s->image + 32 + 16 * n, 8);
        memcpy(&high, s->image + 40 + 16 * n, 2);
        print_message(" %04x.%016llx", high, (unsigned long long)significand);
    }
    print_message("\n   memory");
    for (unsigned n = 0; n < 32; n++) print_message(" %02x", s->memory[n]);
    print_message("\n");
}

static void print_difference(const struct fp_case *c, const struct state *here, const struct state *there)
{
    char text[100];
    isa_disassemble(c->bytes, c->length, MODE_LONG64, 0, text, sizeof text);
    print_message("%s\n", text);
    print_image("before", &c->before);
    print_image("here", here);
    print_image("host", there);
}

/* What the manual leaves undefined, or where processors differ: sine and relatives beyond 1/2, which the host
 * reduces by a shortened pi. */
static bool is_undefined(const struct fp_case *c)
{
    struct x87_state s;
    u16 m = c->d.cold.mnemonic;
    x87_from_image(&s, c->before.image, true);
    struct float_value a = x87_value(&s, 0);
    bool large = a.class == FLOAT_FINITE && a.exponent >= 0;
    if (m == ZYDIS_MNEMONIC_F2XM1) return a.class == FLOAT_INFINITE || large;
    if (m == ZYDIS_MNEMONIC_FYL2XP1)
        return a.class == FLOAT_INFINITE || (a.class == FLOAT_FINITE && a.exponent >= -2);
    if (is_transcendental(m) && m != ZYDIS_MNEMONIC_FPATAN && m != ZYDIS_MNEMONIC_FYL2X)
        return a.class == FLOAT_FINITE && a.exponent > -2;
    return false;
}

static u8 *map_code(u8 **writable)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)PAGE_BYTES), 0);
    *writable = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    u8 *code = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, fileno(file), 0);
    assert_ptr_not_equal(*writable, MAP_FAILED);
    assert_ptr_not_equal(code, MAP_FAILED);
    return code;
}

static bool belongs(const struct decoded_insn *d)
{
    return ZydisMnemonicGetString(d->cold.mnemonic)[0] == 'f' && !diff_is_image(d->hot.exec);
}

static void random_instructions_do_here_what_they_do_on_the_host(void **state)
{
    (void)state;
    struct exec_bench *b = exec_bench_new();
    struct diff_random random = {.state = diff_setting("GIGOGNE_DIFF_SEED", 3)};
    u64 cases = diff_setting("GIGOGNE_DIFF_CASES", 200000), differences = 0, faults = 0;
    u8 *writable, *code = map_code(&writable);
    static struct fp_case c;
    static struct state here, there;
    signal(SIGFPE, on_fault);
    signal(SIGILL, on_fault);
    for (u64 n = 0; n < cases; n++) {
        generate(&random, &b->icache.decoder, &c);
        if (is_undefined(&c)) continue;
        run_here(b, &c, &here);
        run_host(writable, code, &c, &there);
        faults += here.faulted;
        random.faulted[c.d.cold.mnemonic] += here.faulted;
        drop_pointers(&here, &c);
        drop_pointers(&there, &c);
        u16 codes = contentious_codes(&c, &here);
        drop_codes(&here, codes);
        drop_codes(&there, codes);
        bool agree = is_transcendental(c.d.cold.mnemonic) ? nearly_same(&here, &there) : same(&here, &there);
        if (!agree && differences++ < diff_setting("GIGOGNE_DIFF_SHOW", 10))
            print_difference(&c, &here, &there);
    }
    print_message("%llu cases, %llu faults, %llu mnemonics\n", (unsigned long long)cases,
                  (unsigned long long)faults, (unsigned long long)diff_mnemonics_seen(&random));
    if (wants_coverage) diff_print_coverage(&random);
    assert_int_equal(differences, 0);
    assert_true(faults > 0 && faults < cases / 20);
    assert_int_equal(diff_count_uncovered(&random, &b->icache.decoder, belongs), 0);
    exec_bench_free(b);
}

int main(int argc, char **argv)
{
    wants_coverage = diff_wants_coverage(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_instructions_do_here_what_they_do_on_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
