/* test_diff_host.c - random integer instructions in 64-bit mode, executed here and by the host CPU itself:
 * registers, flags, memory and faults must be the same but for what the manual leaves undefined. The host
 * executes one instruction under the trap flag, with its registers put in place and taken back by a signal
 * handler. Seeded; GIGOGNE_DIFF_CASES and GIGOGNE_DIFF_SEED change the run;
 * --coverage prints how often each mnemonic was drawn. */
#undef _GNU_SOURCE /* its <signal.h> names registers REG_RAX... as isa/insn.h does */
#define _DEFAULT_SOURCE
#include "diff.h"
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* Order of gregs: struct sigcontext of the kernel's ABI. */
enum { GREG_RIP = 16, GREG_EFL = 17, GREG_TRAPNO = 20, GREGS = 23 };
static const unsigned greg_of[16] = {13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7};

#define STEPS_MAX 1000 /* parts of a REP string, each of which traps */

struct outcome_state {
    u64 reg[16], rip, rflags;
    int vector; /* of the fault, -1: none */
};

static bool wants_coverage; /* the command line's */

/* The signal handler has no other way to know. */
static struct {
    const struct diff_case *c;
    struct outcome_state *out;
    greg_t test[GREGS]; /* where the test goes on */
    unsigned steps;
} host;

static void load_case(greg_t *greg)
{
    for (unsigned r = 0; r < 16; r++) greg[greg_of[r]] = (greg_t)host.c->reg[r];
    greg[GREG_RIP] = (greg_t)host.c->rip;
    greg[GREG_EFL] = (greg_t)(host.c->rflags | RFLAGS_TF | RFLAGS_IF);
    host.steps = 0;
}

static void store_case(const greg_t *greg)
{
    for (unsigned r = 0; r < 16; r++) host.out->reg[r] = (u64)greg[greg_of[r]];
    host.out->rip = (u64)greg[GREG_RIP];
    host.out->rflags = (u64)greg[GREG_EFL];
    host.out->vector = greg[GREG_TRAPNO] == VEC_DB ? -1 : (int)greg[GREG_TRAPNO];
}

static bool goes_on(const greg_t *greg)
{
    return greg[GREG_TRAPNO] == VEC_DB && host.c->is_string && (u64)greg[GREG_RIP] == host.c->rip &&
           host.steps++ < STEPS_MAX;
}

/* SIGUSR1 starts a case: the interrupted registers are kept. Any other signal ends it, or one part of it. */
static void on_signal(int signal_number, siginfo_t *info, void *context)
{
    greg_t *greg = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)info;
    if (signal_number == SIGUSR1) {
        memcpy(host.test, greg, sizeof host.test);
        load_case(greg);
    } else if (!goes_on(greg)) {
        store_case(greg);
        memcpy(greg, host.test, sizeof host.test);
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

static u8 *map_file(FILE *file, void *wanted, u64 bytes, int protection)
{
    u8 *got =
        mmap(wanted, bytes, protection, MAP_SHARED | (wanted ? MAP_FIXED_NOREPLACE : 0), fileno(file), 0);
    assert_ptr_not_equal(got, MAP_FAILED);
    assert_true(!wanted || got == wanted);
    return got;
}

/* Memory that instructions see at `at` with `protection`; returns where the test writes it. */
static u8 *map_at(u64 at, u64 bytes, int protection)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)bytes), 0);
    map_file(file, (void *)(uintptr_t)at, bytes, protection);
    return map_file(file, NULL, bytes, PROT_READ | PROT_WRITE);
}

static void host_run(const struct diff_case *c, u8 *code, u8 *data, struct outcome_state *out)
{
    memcpy(code + (c->rip - DIFF_CODE), c->bytes, c->length);
    memcpy(data, c->data, DIFF_DATA_BYTES);
    host.c = c;
    host.out = out;
    raise(SIGUSR1);
}

/* An address that faults here may be the test program's own memory, more so under a sanitizer. */
static bool is_own_memory(u64 va)
{
    unsigned char resident;
    return mincore((void *)(uintptr_t)(va & ~(PAGE_BYTES - 1)), PAGE_BYTES, &resident) == 0;
}

static void here_run(struct exec_bench *b, const struct diff_case *c, struct outcome_state *out)
{
    diff_load(b, c);
    out->vector = diff_execute(b) == OUT_FAULT ? b->h.fault.vector : -1;
    memcpy(out->reg, b->h.reg, sizeof out->reg);
    out->rip = b->h.reg[REG_RIP];
    out->rflags = hart_rflags(&b->h);
}

static bool same(const struct diff_case *c, const struct outcome_state *a, const struct outcome_state *b)
{
    u64 ignored = a->vector < 0 ? c->undefined_flags : 0;
    return a->vector == b->vector && a->rip == b->rip && diff_same_registers(c, a->reg, b->reg, b->rflags) &&
           ((a->rflags ^ b->rflags) & DIFF_FLAGS & ~ignored) == 0;
}

static void print_difference(const struct diff_case *c, const struct outcome_state *here,
                             const struct outcome_state *there, bool memory)
{
    diff_print(c);
    print_message("  here: rip %llx flags %llx vector %d   host: rip %llx flags %llx vector %d%s\n",
                  (unsigned long long)here->rip, (unsigned long long)here->rflags, here->vector,
                  (unsigned long long)there->rip, (unsigned long long)there->rflags, there->vector,
                  memory ? "   memory differs" : "");
    for (unsigned r = 0; r < 16; r++)
        if (here->reg[r] != there->reg[r])
            print_message("  reg %u: before %llx here %llx host %llx\n", r, (unsigned long long)c->reg[r],
                          (unsigned long long)here->reg[r], (unsigned long long)there->reg[r]);
}

/* What CPUID says there is. */
static bool host_has(u32 leaf, enum cpuid_reg reg, unsigned bit)
{
    u32 r[CPUID_REGS] = {0};
    return __get_cpuid_count(leaf, 0, &r[CPUID_EAX], &r[CPUID_EBX], &r[CPUID_ECX], &r[CPUID_EDX]) && (r[reg] >> bit & 1);
}

/* The processor here is the host's: what that lacks is #UD, or an older instruction, on both. */
static void take_host_model(struct exec_bench *b)
{
#define FEATURE(name, leaf, reg, bit, modelled, presets) b->model.has[FEATURE_##name] = host_has(leaf, reg, bit);
#include "isa/features.def"
#undef FEATURE
    decoder_set_model(&b->icache.decoder, &b->model);
}

static void random_instructions_do_here_what_they_do_on_the_host(void **state)
{
    (void)state;
    struct exec_bench *b = diff_bench_new(MODE_LONG64);
    take_host_model(b);
    struct diff_random random = {.mode = MODE_LONG64, .state = diff_setting("GIGOGNE_DIFF_SEED", 2)};
    struct diff_case *c = calloc(1, sizeof *c);
    u64 cases = diff_setting("GIGOGNE_DIFF_CASES", 200000), differences = 0, faults = 0;
    u8 *code = map_at(DIFF_CODE, DIFF_CODE_BYTES, PROT_READ | PROT_EXEC);
    u8 *data = map_at(DIFF_DATA, DIFF_DATA_BYTES, PROT_READ | PROT_WRITE);
    host_init();
    for (u64 n = 0; n < cases; n++) {
        struct outcome_state here, there;
        diff_generate(&random, &b->icache.decoder, c);
        here_run(b, c, &here);
        if (here.vector == VEC_PF && is_own_memory(b->h.fault.va.v)) continue;
        host_run(c, code, data, &there);
        bool memory = memcmp(b->mem.host + DIFF_DATA, data, DIFF_DATA_BYTES);
        faults += here.vector >= 0;
        if ((!same(c, &here, &there) || memory) && differences++ < 10)
            print_difference(c, &here, &there, memory);
    }
    print_message("%llu cases, %llu faults, %llu mnemonics\n", (unsigned long long)cases,
                  (unsigned long long)faults, (unsigned long long)diff_mnemonics_seen(&random));
    if (wants_coverage) diff_print_coverage(&random);
    assert_int_equal(differences, 0);
    assert_true(faults > cases / 100 && faults < cases / 2);
    free(c);
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
