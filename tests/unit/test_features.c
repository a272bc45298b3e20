/* test_features.c - instructions that depend on the processor's model: gates.def, LZCNT and TZCNT, RDRAND, RDSEED,
 * RDPID. What they compute is compared with the host's by test_diff_host.c. */
#include "exec_bench.h"

static struct exec_bench *bench_of(const char *preset)
{
    struct exec_bench *b = exec_bench_new();
    assert_true(cpu_model_init(&b->model, preset));
    decoder_set_model(&b->icache.decoder, &b->model);
    return b;
}

static enum outcome step(struct exec_bench *b, const char *bytes, size_t length)
{
    b->h.reg[REG_RIP] = EXEC_CODE;
    exec_bench_put(b, EXEC_CODE, bytes, length);
    return exec_bench_step(b);
}
#define STEP(b, bytes) step(b, bytes, sizeof bytes - 1)

#define LZCNT_EAX_ECX   "\xf3\x0f\xbd\xc1"
#define TZCNT_EAX_ECX   "\xf3\x0f\xbc\xc1"
#define ANDN_EAX_ECX_EDX "\xc4\xe2\x70\xf2\xc2"
#define RDRAND_RAX      "\x48\x0f\xc7\xf0"
#define RDRAND_AX       "\x66\x0f\xc7\xf0"
#define RDSEED_RAX      "\x48\x0f\xc7\xf8"
#define RDPID_RAX       "\xf3\x0f\xc7\xf8"
#define MOVBE_EAX_DS_RCX "\x0f\x38\xf0\x01"

static void lzcnt_and_tzcnt_are_bsr_and_bsf_where_they_are_not_known(void **state)
{
    (void)state;
    struct exec_bench *old = bench_of("nehalem"), *new = bench_of("haswell");
    old->h.reg[REG_RCX] = new->h.reg[REG_RCX] = 0x100;
    assert_int_equal(STEP(old, LZCNT_EAX_ECX), OUT_NEXT);
    assert_int_equal(STEP(new, LZCNT_EAX_ECX), OUT_NEXT);
    assert_int_equal(old->h.reg[REG_RAX], 8);
    assert_int_equal(new->h.reg[REG_RAX], 23);
    old->h.reg[REG_RCX] = new->h.reg[REG_RCX] = 0;
    assert_int_equal(STEP(old, TZCNT_EAX_ECX), OUT_NEXT);
    assert_int_equal(STEP(new, TZCNT_EAX_ECX), OUT_NEXT);
    assert_true(hart_rflags(&old->h) & RFLAGS_ZF);
    assert_int_equal(new->h.reg[REG_RAX], 32);
    assert_int_equal(hart_rflags(&new->h) & (RFLAGS_ZF | RFLAGS_CF), RFLAGS_CF);
    exec_bench_free(old);
    exec_bench_free(new);
}

static void what_the_processor_lacks_is_an_invalid_opcode(void **state)
{
    (void)state;
    static const struct {
        const char *preset, *bytes;
        bool known;
    } cases[] = {
        {"nehalem", ANDN_EAX_ECX_EDX, false}, {"haswell", ANDN_EAX_ECX_EDX, true},
        {"nehalem", RDRAND_RAX, false},       {"haswell", RDRAND_RAX, true},
        {"haswell", RDSEED_RAX, false},       {"cascade-lake", RDSEED_RAX, true},
        {"nehalem", MOVBE_EAX_DS_RCX, false}, {"haswell", MOVBE_EAX_DS_RCX, true},
        {"cascade-lake", RDPID_RAX, false},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct exec_bench *b = bench_of(cases[n].preset);
        b->h.reg[REG_RCX] = EXEC_DATA;
        assert_int_equal(step(b, cases[n].bytes, strlen(cases[n].bytes)), cases[n].known ? OUT_NEXT : OUT_FAULT);
        if (!cases[n].known) assert_int_equal(b->h.fault.vector, VEC_UD);
        exec_bench_free(b);
    }
}

static void a_vex_prefix_is_invalid_in_real_mode(void **state)
{
    (void)state;
    struct exec_bench *b = bench_of("haswell");
    struct decoded_insn d;
    const u8 andn[15] = ANDN_EAX_ECX_EDX;
    assert_int_equal(decode(&b->icache.decoder, MODE_PROT16, andn, 15, &d), DECODED);
    assert_ptr_not_equal(d.hot.exec, exec_ud);
    assert_int_equal(decode(&b->icache.decoder, MODE_REAL16, andn, 15, &d), DECODED);
    assert_ptr_equal(d.hot.exec, exec_ud);
    exec_bench_free(b);
}

static u64 random_from(struct exec_bench *b, u64 seed)
{
    b->h.random_state = seed;
    assert_int_equal(STEP(b, RDRAND_RAX), OUT_NEXT);
    return b->h.reg[REG_RAX];
}

static void rdrand_and_rdseed_give_the_numbers_of_the_seed(void **state)
{
    (void)state;
    struct exec_bench *b = exec_bench_new();
    u64 first = random_from(b, 1);
    assert_int_equal(random_from(b, 1), first);
    assert_int_not_equal(random_from(b, 2), first);
    u64 second = random_from(b, b->h.random_state);
    assert_int_not_equal(second, first);
    hart_set_rflags(&b->h, RFLAGS_ONE | (RFLAGS_ARITHMETIC & ~(u64)RFLAGS_CF));
    assert_int_equal(STEP(b, RDSEED_RAX), OUT_NEXT);
    assert_int_not_equal(b->h.reg[REG_RAX], second);
    assert_int_equal(hart_rflags(&b->h) & RFLAGS_ARITHMETIC, RFLAGS_CF);
    exec_bench_free(b);
}

static void a_16_bit_rdrand_keeps_the_rest_of_the_register(void **state)
{
    (void)state;
    struct exec_bench *b = exec_bench_new();
    b->h.reg[REG_RAX] = 0x1122334455660000;
    b->h.random_state = 1;
    assert_int_equal(STEP(b, RDRAND_AX), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RAX] >> 16, 0x112233445566);
    assert_int_not_equal(b->h.reg[REG_RAX] & 0xffff, 0);
    exec_bench_free(b);
}

static void rdpid_reads_ia32_tsc_aux(void **state)
{
    (void)state;
    struct exec_bench *b = exec_bench_new();
    b->h.reg[REG_RAX] = ~0ull;
    b->h.tsc_aux = 0x1007;
    assert_int_equal(STEP(b, RDPID_RAX), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RAX], 0x1007);
    exec_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lzcnt_and_tzcnt_are_bsr_and_bsf_where_they_are_not_known),
        cmocka_unit_test(what_the_processor_lacks_is_an_invalid_opcode),
        cmocka_unit_test(a_vex_prefix_is_invalid_in_real_mode),
        cmocka_unit_test(rdrand_and_rdseed_give_the_numbers_of_the_seed),
        cmocka_unit_test(a_16_bit_rdrand_keeps_the_rest_of_the_register),
        cmocka_unit_test(rdpid_reads_ia32_tsc_aux),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
