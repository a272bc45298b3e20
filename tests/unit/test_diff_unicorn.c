/* test_diff_unicorn.c - random integer instructions in 64-bit, 32-bit and real mode, executed here and by Unicorn:
 * registers, flags, memory and faults must be the same but for what the manual leaves undefined. Seeded;
 * GIGOGNE_DIFF_CASES and GIGOGNE_DIFF_SEED change the run; --coverage prints how often each mnemonic was drawn. */
#include "diff_coverage.h"
#include <stdio.h>
#include <unicorn/unicorn.h>

static bool wants_coverage; /* the command line's */

/* What one execution left. */
struct outcome_state {
    u64 reg[16], rip, rflags; /* rip: linear */
    bool faulted;
    int vector; /* of the fault; memory that is not mapped: VEC_PF */
};

/* --- Unicorn's side --- */

struct oracle {
    uc_engine *uc;
    enum code_mode mode;
    u8 *data;
    int vector;
};

static const int uc_registers[16] = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
                                     UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
                                     UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
                                     UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};

static const int uc_registers_32[8] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
                                       UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};

static void on_interrupt(uc_engine *uc, uint32_t vector, void *self)
{
    ((struct oracle *)self)->vector = (int)vector;
    uc_emu_stop(uc);
}

static uc_mode uc_mode_of(enum code_mode mode)
{
    return mode == MODE_LONG64 ? UC_MODE_64 : mode == MODE_PROT32 ? UC_MODE_32 : UC_MODE_16;
}

static void load_paragraphs(struct oracle *o)
{
    static const int data[] = {UC_X86_REG_DS, UC_X86_REG_ES, UC_X86_REG_SS, UC_X86_REG_FS, UC_X86_REG_GS};
    u64 selector = DIFF_CODE >> 4;
    uc_reg_write(o->uc, UC_X86_REG_CS, &selector);
    selector = DIFF_DATA >> 4;
    for (unsigned n = 0; n < ARRAY_LEN(data); n++) uc_reg_write(o->uc, data[n], &selector);
}

static void oracle_init(struct oracle *o, enum code_mode mode)
{
    o->mode = mode;
    uc_hook hook;
    void (*function)(uc_engine *, uint32_t, void *) = on_interrupt;
    void *callback; /* the interface wants functions as object pointers, which ISO C does not convert */
    memcpy(&callback, &function, sizeof callback);
    o->data = aligned_alloc(PAGE_BYTES, DIFF_DATA_BYTES);
    assert_int_equal(uc_open(UC_ARCH_X86, uc_mode_of(mode), &o->uc), UC_ERR_OK);
    assert_int_equal(uc_mem_map(o->uc, DIFF_CODE, DIFF_CODE_BYTES, UC_PROT_READ | UC_PROT_EXEC), UC_ERR_OK);
    assert_int_equal(uc_mem_map_ptr(o->uc, DIFF_DATA, DIFF_DATA_BYTES, UC_PROT_READ | UC_PROT_WRITE, o->data),
                     UC_ERR_OK);
    assert_int_equal(uc_hook_add(o->uc, &hook, UC_HOOK_INTR, callback, o, 1, 0), UC_ERR_OK);
    if (mode == MODE_REAL16) load_paragraphs(o);
}

static void oracle_close(struct oracle *o)
{
    uc_close(o->uc);
    free(o->data);
}

static unsigned registers_of(const struct oracle *o)
{
    return o->mode == MODE_LONG64 ? 16 : 8;
}

static int register_of(const struct oracle *o, unsigned r)
{
    return o->mode == MODE_LONG64 ? uc_registers[r] : uc_registers_32[r];
}

static void oracle_load(struct oracle *o, const struct diff_case *c)
{
    static const u8 ud2[] = {0x0f, 0x0b}; /* it translates ahead to whatever ends a block */
    uc_mem_write(o->uc, c->rip, c->bytes, c->length);
    uc_mem_write(o->uc, c->rip + c->length, ud2, sizeof ud2);
    memcpy(o->data, c->data, DIFF_DATA_BYTES);
    for (unsigned r = 0; r < registers_of(o); r++) uc_reg_write(o->uc, register_of(o, r), &c->reg[r]);
    uc_reg_write(o->uc, UC_X86_REG_EFLAGS, &c->rflags);
    o->vector = -1;
}

static void oracle_run(struct oracle *o, const struct diff_case *c, struct outcome_state *out)
{
    oracle_load(o, c);
    bool parts = c->is_string; /* each of which counts as an instruction */
    uc_err error = uc_emu_start(o->uc, c->rip, parts ? c->rip + c->length : 0, 0, parts ? 1000 : 1);
    memset(out, 0, sizeof *out);
    for (unsigned r = 0; r < registers_of(o); r++) uc_reg_read(o->uc, register_of(o, r), &out->reg[r]);
    uc_reg_read(o->uc, o->mode == MODE_LONG64 ? UC_X86_REG_RIP : UC_X86_REG_EIP, &out->rip);
    out->rflags = 0;
    uc_reg_read(o->uc, UC_X86_REG_EFLAGS, &out->rflags);
    bool unmapped =
        error == UC_ERR_READ_UNMAPPED || error == UC_ERR_WRITE_UNMAPPED || error == UC_ERR_WRITE_PROT;
    out->vector = unmapped ? VEC_PF : error == UC_ERR_INSN_INVALID ? VEC_UD : o->vector;
    out->faulted = out->vector >= 0;
}

/* --- ours --- */

static void here_run(struct exec_bench *b, const struct diff_case *c, struct outcome_state *out)
{
    diff_load(b, c);
    out->faulted = diff_execute(b) == OUT_FAULT;
    memcpy(out->reg, b->h.reg, sizeof out->reg);
    out->rip = b->h.reg[REG_RIP] + diff_code_base(c);
    out->rflags = hart_rflags(&b->h);
    out->vector = out->faulted ? b->h.fault.vector : -1;
}

/* An access beyond the canonical range is unmapped memory to Unicorn. */
static int comparable_vector(int vector)
{
    return vector == VEC_GP || vector == VEC_SS ? VEC_PF : vector;
}

/* Unicorn jumps to addresses that are not canonical. */
static bool jumped_beyond(const struct outcome_state *here, const struct outcome_state *there)
{
    return here->vector == VEC_GP && !there->faulted && (u64)((i64)there->rip >> 47) + 1 > 1;
}

/* It has no segment limits, and writes through CS. */
static bool is_segment_fault(const struct diff_case *c, const struct outcome_state *here)
{
    return c->mode != MODE_LONG64 && (here->vector == VEC_GP || here->vector == VEC_SS);
}

/* In real mode it gives EIP with or without the base of CS. */
static bool same_rip(const struct diff_case *c, u64 here, u64 there)
{
    return c->mode == MODE_REAL16 ? (u16)here == (u16)there : here == there;
}

/* Nobody takes its exceptions, so it sees a second one as a double fault, a third as a shutdown. */
static bool refused_too(const struct diff_case *c, const struct outcome_state *here,
                        const struct outcome_state *there)
{
    return (here->vector == VEC_DE || here->vector == VEC_GP) && there->rip == c->rip &&
           !memcmp(there->reg, c->reg, sizeof c->reg);
}

/* Not in its processor. */
static bool is_gated(const struct diff_case *c)
{
    switch (c->mnemonic) {
#define GATE(mnemonic, feature)                                                                              \
    case ZYDIS_MNEMONIC_##mnemonic:                                                                          \
        return true;
#include "isa/gates.def"
#undef GATE
    default:
        return false;
    }
}

/* Wrong in Unicorn 2.0, right here as on the host: flags of LOCK NEG;
 * CMPXCHG zero-extends registers that it must not touch. */
static bool is_lacking(const struct diff_case *c)
{
    return is_gated(c) || c->mnemonic == ZYDIS_MNEMONIC_CMPXCHG ||
           (c->mnemonic == ZYDIS_MNEMONIC_NEG && memchr(c->bytes, 0xf0, c->length));
}

static bool same(const struct diff_case *c, const struct outcome_state *a, const struct outcome_state *b)
{
    if (jumped_beyond(a, b) || refused_too(c, a, b) || is_segment_fault(c, a)) return true;
    if (a->faulted != b->faulted || comparable_vector(a->vector) != comparable_vector(b->vector))
        return false;
    if (a->faulted) return !memcmp(a->reg, b->reg, sizeof a->reg);
    return same_rip(c, a->rip, b->rip) && diff_same_registers(c, a->reg, b->reg, b->rflags) &&
           ((a->rflags ^ b->rflags) & DIFF_FLAGS & ~c->undefined_flags) == 0;
}

static void print_state(const char *who, const struct outcome_state *s)
{
    print_message("  %-8s rip %llx flags %llx vector %d\n", who, (unsigned long long)s->rip,
                  (unsigned long long)s->rflags, s->vector);
}

static void print_difference(const struct diff_case *c, const struct outcome_state *here,
                             const struct outcome_state *there, bool memory)
{
    diff_print(c);
    print_state("here", here);
    print_state("unicorn", there);
    for (unsigned r = 0; r < 16; r++)
        if (here->reg[r] != there->reg[r])
            print_message("  reg %u: before %llx here %llx unicorn %llx\n", r, (unsigned long long)c->reg[r],
                          (unsigned long long)here->reg[r], (unsigned long long)there->reg[r]);
    if (memory) print_message("  memory differs\n");
}

/* Both execute it. True: the same. */
static bool agrees(struct exec_bench *b, struct oracle *o, const struct diff_case *c, bool print)
{
    struct outcome_state here, there;
    b->flat.reads_code = false;
    here_run(b, c, &here);
    if (b->flat.reads_code) /* older instructions, which a fresh engine has not seen */
        return true;
    oracle_run(o, c, &there);
    bool memory = !here.faulted && memcmp(b->mem.host + DIFF_DATA, o->data, DIFF_DATA_BYTES);
    if (same(c, &here, &there) && !memory) return true;
    if (print) print_difference(c, &here, &there, memory);
    return false;
}

/* An engine that has faulted may raise its old fault again: a difference counts if a fresh one shows it
 * too. */
static bool agrees_afresh(struct exec_bench *b, struct oracle *o, const struct diff_case *c, bool print)
{
    oracle_close(o);
    oracle_init(o, c->mode);
    return agrees(b, o, c, print);
}

/* Unicorn 2.0 aborts on some streams ("tcg fatal error", at a RET to left-over bytes): a seed that it survives. */
#define SEED 5

static void compare(enum code_mode mode, u64 cases)
{
    struct exec_bench *b = diff_bench_new(mode);
    struct oracle o;
    struct diff_random random = {.mode = mode, .state = diff_setting("GIGOGNE_DIFF_SEED", SEED)};
    u64 differences = 0, repeated = 0;
    struct diff_case *c = calloc(1, sizeof *c);
    oracle_init(&o, mode);
    for (u64 n = 0; n < cases; n++) {
        diff_generate(&random, &b->icache.decoder, c);
        if (random.cases % DIFF_SLOTS ==
            0) { /* every place for code was used, and it does not hear of changed code */
            oracle_close(&o);
            oracle_init(&o, mode);
        }
        if (is_lacking(c) || agrees(b, &o, c, false)) continue;
        repeated++;
        differences += !agrees_afresh(b, &o, c, differences < 10);
    }
    print_message("%llu cases, %llu mnemonics, %llu again\n", (unsigned long long)cases,
                  (unsigned long long)diff_mnemonics_seen(&random), (unsigned long long)repeated);
    if (wants_coverage) diff_print_coverage(&random);
    assert_int_equal(differences, 0);
    assert_true(repeated < cases / 100);
    assert_true(diff_mnemonics_seen(&random) > 140);
    oracle_close(&o);
    free(c);
    exec_bench_free(b);
}

static void instructions_of_64_bit_mode_do_here_what_they_do_on_unicorn(void **state)
{
    (void)state;
    compare(MODE_LONG64, diff_setting("GIGOGNE_DIFF_CASES", 50000));
}

static void instructions_of_32_bit_mode_do_here_what_they_do_on_unicorn(void **state)
{
    (void)state;
    compare(MODE_PROT32, diff_setting("GIGOGNE_DIFF_CASES", 50000));
}

static void instructions_of_real_mode_do_here_what_they_do_on_unicorn(void **state)
{
    (void)state;
    compare(MODE_REAL16, diff_setting("GIGOGNE_DIFF_CASES", 50000));
}

int main(int argc, char **argv)
{
    wants_coverage = diff_wants_coverage(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_of_64_bit_mode_do_here_what_they_do_on_unicorn),
        cmocka_unit_test(instructions_of_32_bit_mode_do_here_what_they_do_on_unicorn),
        cmocka_unit_test(instructions_of_real_mode_do_here_what_they_do_on_unicorn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
