/* test_diff_host.c - random integer instructions in 64-bit mode, executed here and by the host CPU itself
 * (host_cpu.h): registers, flags, memory and faults must be the same but for what the manual leaves undefined.
 * Seeded; GIGOGNE_DIFF_CASES and GIGOGNE_DIFF_SEED change the run; --coverage prints the cases of each
 * mnemonic. */
#undef _GNU_SOURCE /* its <signal.h> names registers REG_RAX... as isa/insn.h does */
#define _DEFAULT_SOURCE
#include "diff_coverage.h"
#include "host_cpu.h"

static bool wants_coverage; /* the command line's */

static void here_run(struct exec_bench *b, const struct diff_case *c, struct host_state *out)
{
    diff_load(b, c);
    out->vector = diff_execute(b) == OUT_FAULT ? b->h.fault.vector : -1;
    memcpy(out->reg, b->h.reg, sizeof out->reg);
    out->rip = b->h.reg[REG_RIP];
    out->rflags = hart_rflags(&b->h);
}

static bool same(const struct diff_case *c, const struct host_state *a, const struct host_state *b)
{
    u64 ignored = a->vector < 0 ? c->undefined_flags : 0;
    return a->vector == b->vector && a->rip == b->rip && diff_same_registers(c, a->reg, b->reg, b->rflags) &&
           ((a->rflags ^ b->rflags) & DIFF_FLAGS & ~ignored) == 0;
}

static void print_difference(const struct diff_case *c, const struct host_state *here,
                             const struct host_state *there, bool memory)
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

/* What a program may execute and cannot be compared. */
static const struct {
    u16 mnemonic;
    const char *why;
} incomparable[] = {
    {ZYDIS_MNEMONIC_RDRAND, "random"},
    {ZYDIS_MNEMONIC_RDSEED, "random"},
    {ZYDIS_MNEMONIC_RDPID, "the host's processor number"},
    {ZYDIS_MNEMONIC_RDFSBASE, "the host thread's pointer"},
    {ZYDIS_MNEMONIC_RDGSBASE, "the host thread's pointer"},
    {ZYDIS_MNEMONIC_WRFSBASE, "the host thread's pointer"},
    {ZYDIS_MNEMONIC_WRGSBASE, "the host thread's pointer"},
    {ZYDIS_MNEMONIC_XGETBV, "the host has more components"},
    {ZYDIS_MNEMONIC_RDPKRU, "the host kernel's CR4.PKE"},
    {ZYDIS_MNEMONIC_WRPKRU, "the host kernel's CR4.PKE"},
};

static bool is_incomparable(u16 mnemonic)
{
    for (unsigned n = 0; n < ARRAY_LEN(incomparable); n++)
        if (incomparable[n].mnemonic == mnemonic) return true;
    return false;
}

/* System instructions have classes of their own; vectors, their images and x87 have tests of their own. */
static bool belongs(const struct decoded_insn *d)
{
    bool user = d->cold.iclass == CLASS_plain || d->cold.iclass == CLASS_atomic || d->cold.iclass == CLASS_string;
    bool image = diff_is_image(d->hot.exec) || d->hot.exec == exec_xsaves || d->hot.exec == exec_xrstors;
    bool x87 = ZydisMnemonicGetString(d->cold.mnemonic)[0] == 'f';
    return (user || diff_is_hint(d)) && d->hot.exec != exec_ud && d->hot.exec != exec_simd && d->hot.exec != exec_mmx &&
           !x87 && !image && !is_incomparable(d->cold.mnemonic);
}

static void random_instructions_do_here_what_they_do_on_the_host(void **state)
{
    (void)state;
    struct exec_bench *b = diff_bench_new(MODE_LONG64);
    host_give_model(b);
    struct diff_random random = {.mode = MODE_LONG64, .hints = true, .state = diff_setting("GIGOGNE_DIFF_SEED", 2)};
    struct diff_case *c = calloc(1, sizeof *c);
    u64 cases = diff_setting("GIGOGNE_DIFF_CASES", 200000), differences = 0, faults = 0;
    struct host_memory memory = host_init();
    for (u64 n = 0; n < cases; n++) {
        struct host_state here, there;
        diff_generate(&random, &b->icache.decoder, c);
        here_run(b, c, &here);
        if (here.vector == VEC_PF && host_owns(b->h.fault.va.v)) continue;
        host_run(&memory, c, NULL, &there);
        bool other_memory = memcmp(b->mem.host + DIFF_DATA, memory.data, DIFF_DATA_BYTES);
        faults += here.vector >= 0;
        random.faulted[c->mnemonic] += here.vector >= 0;
        if ((!same(c, &here, &there) || other_memory) && differences++ < 10)
            print_difference(c, &here, &there, other_memory);
    }
    print_message("%llu cases, %llu faults, %llu mnemonics\n", (unsigned long long)cases,
                  (unsigned long long)faults, (unsigned long long)diff_mnemonics_seen(&random));
    if (wants_coverage) diff_print_coverage(&random);
    assert_int_equal(differences, 0);
    assert_true(faults > cases / 100 && faults < cases / 2);
    assert_int_equal(diff_count_uncovered(&random, &b->icache.decoder, belongs), 0);
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
