/* test_cpuid.c - presets, features that show only when modelled, and the leaves that describe caches,
 * topology and frequencies. */
#include "hart_bench.h"

struct answer {
    u32 r[CPUID_REGS];
};

static struct answer ask(const struct cpu_model *m, u32 leaf, u32 subleaf)
{
    struct answer a;
    struct cpuid_dynamic d = {.apic_id = 1, .in_64bit_mode = true};
    cpuid_query(m, &d, leaf, subleaf, a.r);
    return a;
}

static struct cpu_model preset(const char *name)
{
    struct cpu_model m;
    assert_true(cpu_model_init(&m, name));
    return m;
}

static void every_preset_can_be_made_and_an_unknown_one_cannot(void **state)
{
    struct cpu_model m;
    (void)state;
    for (unsigned n = 0; cpu_model_preset(n); n++)
        assert_true(cpu_model_init(&m, cpu_model_preset(n)));
    assert_false(cpu_model_init(&m, "pentium"));
}

static void the_vendor_is_genuine_intel(void **state)
{
    (void)state;
    struct cpu_model m = preset("haswell");
    struct answer a = ask(&m, 0, 0);
    u32 text[3] = {a.r[CPUID_EBX], a.r[CPUID_EDX], a.r[CPUID_ECX]};
    assert_memory_equal(text, "GenuineIntel", 12);
    assert_int_equal(a.r[CPUID_EAX], 0xd);
}

static void vector_features_follow_the_preset(void **state)
{
    (void)state;
    struct cpu_model old = preset("nehalem"), new = preset("cascade-lake");
    u32 fxsr_sse_sse2 = 1 << 24 | 1 << 25 | 1 << 26, sse4_2 = 1 << 20;
    u32 fma_aes_xsave_avx_f16c = 1 << 12 | 1 << 25 | 1 << 26 | 1 << 28 | 1 << 29;
    assert_int_equal(ask(&old, 1, 0).r[CPUID_EDX] & fxsr_sse_sse2, fxsr_sse_sse2);
    assert_int_equal(ask(&old, 1, 0).r[CPUID_ECX] & sse4_2, sse4_2);
    assert_int_equal(ask(&old, 1, 0).r[CPUID_ECX] & fma_aes_xsave_avx_f16c, 0);
    assert_int_equal(ask(&new, 1, 0).r[CPUID_ECX] & fma_aes_xsave_avx_f16c, fma_aes_xsave_avx_f16c);
    assert_int_equal(ask(&new, 7, 0).r[CPUID_EBX] >> 5 & 1, 1); /* AVX2 */
}

static void leaf_d_describes_the_xsave_area(void **state)
{
    (void)state;
    struct cpu_model m = preset("cascade-lake");
    struct answer area = ask(&m, 0xd, 0), variants = ask(&m, 0xd, 1), avx = ask(&m, 0xd, 2), none = ask(&m, 0xd, 3);
    struct answer keys = ask(&m, 0xd, 9);
    assert_int_equal(area.r[CPUID_EAX], 0x207);
    assert_int_equal(area.r[CPUID_EBX], 576); /* XCR0 has no AVX yet */
    assert_int_equal(area.r[CPUID_ECX], 2696);
    assert_int_equal(variants.r[CPUID_EAX], 0xf); /* XSAVEOPT, XSAVEC, XGETBV with ECX = 1, XSAVES */
    assert_int_equal(avx.r[CPUID_EAX], 256);
    assert_int_equal(avx.r[CPUID_EBX], 576);
    assert_int_equal(keys.r[CPUID_EAX], 8);
    assert_int_equal(keys.r[CPUID_EBX], 2688);
    assert_int_equal(none.r[CPUID_EAX] | none.r[CPUID_EBX] | none.r[CPUID_ECX] | none.r[CPUID_EDX], 0);
}

static void the_monitors_leaf_and_feature_follow_the_model_and_misc_enable(void **state)
{
    (void)state;
    struct cpu_model m;
    struct cpuid_dynamic off = {.monitor_off = true};
    u32 out[CPUID_REGS];
    assert_true(cpu_model_init(&m, "haswell"));
    struct answer shown = ask(&m, 1, 0), lines = ask(&m, 5, 0);
    assert_int_equal(shown.r[CPUID_ECX] & 1 << 3, 1 << 3);
    assert_int_equal(lines.r[CPUID_EAX], 64);
    assert_int_equal(lines.r[CPUID_EBX], 64);
    assert_int_equal(lines.r[CPUID_ECX], 3);
    cpuid_query(&m, &off, 1, 0, out);
    assert_int_equal(out[CPUID_ECX] & 1 << 3, 0);
    assert_true(cpu_model_set_feature(&m, "monitor", false));
    assert_int_equal(ask(&m, 5, 0).r[CPUID_EAX], 0);
}

static void what_is_not_modelled_does_not_show(void **state)
{
    (void)state;
    for (unsigned n = 0; cpu_model_preset(n); n++) {
        struct cpu_model m = preset(cpu_model_preset(n));
        struct answer a = ask(&m, 1, 0);
        u32 vme = 1 << 1, osxsave_hypervisor = 1u << 27 | 1u << 31;
        assert_int_equal(a.r[CPUID_EDX] & vme, 0);
        assert_int_equal(a.r[CPUID_ECX] & osxsave_hypervisor, 0);
        assert_false(cpu_model_set_feature(&m, "vme", true));
    }
}

static void presets_differ_in_pcid_and_1_gib_pages(void **state)
{
    (void)state;
    struct cpu_model old = preset("nehalem"), new = preset("cascade-lake");
    assert_false(cpu_has(&old, FEATURE_pcid) || cpu_has(&old, FEATURE_page1gb) ||
                 cpu_has(&old, FEATURE_smep));
    assert_true(cpu_has(&new, FEATURE_pcid) && cpu_has(&new, FEATURE_page1gb) &&
                cpu_has(&new, FEATURE_invpcid));
    assert_int_equal(ask(&old, 1, 0).r[CPUID_ECX] >> 17 & 1, 0);
    assert_int_equal(ask(&new, 1, 0).r[CPUID_ECX] >> 17 & 1, 1);
    assert_int_equal(ask(&new, 0x80000001, 0).r[CPUID_EDX] >> 26 & 1, 1);
}

static void zen2_has_an_epycs_instructions_behind_intels_leaves(void **state)
{
    (void)state;
    struct cpu_model m = preset("zen2");
    assert_true(cpu_has(&m, FEATURE_page1gb) && cpu_has(&m, FEATURE_avx2) && cpu_has(&m, FEATURE_rdpid));
    assert_false(cpu_has(&m, FEATURE_pcid) || cpu_has(&m, FEATURE_pku) || cpu_has(&m, FEATURE_tsc_deadline));
    assert_int_equal(ask(&m, 0, 0).r[CPUID_EBX], 0x756e6547); /* "Genu" */
    assert_int_equal(ask(&m, 0x80000008, 0).r[CPUID_EAX] & 0xff, 48);
}

static void vmx_shows_when_the_board_enables_it(void **state)
{
    (void)state;
    struct cpu_model m = preset("tiny");
    assert_int_equal(ask(&m, 1, 0).r[CPUID_ECX] >> 5 & 1, 0);
    assert_true(cpu_model_set_feature(&m, "vmx", true));
    assert_int_equal(ask(&m, 1, 0).r[CPUID_ECX] >> 5 & 1, 1);
    assert_false(cpu_model_set_feature(&m, "no_such_feature", true));
}

static void leaf_4_describes_the_caches(void **state)
{
    (void)state;
    struct cpu_model m = preset("cascade-lake");
    for (unsigned n = 0; n < CPU_MODEL_CACHES; n++) {
        struct answer a = ask(&m, 4, n);
        u64 ways = (a.r[CPUID_EBX] >> 22) + 1, sets = a.r[CPUID_ECX] + 1ull;
        assert_int_equal(a.r[CPUID_EAX] & 31, m.cache[n].type);
        assert_int_equal(a.r[CPUID_EAX] >> 5 & 7, m.cache[n].level);
        assert_int_equal(ways * sets * 64, m.cache[n].size_bytes);
    }
    assert_int_equal(ask(&m, 4, CPU_MODEL_CACHES).r[CPUID_EAX] & 31, 0);
}

static void several_processors_show_in_leaves_1_and_b(void **state)
{
    (void)state;
    struct cpu_model m = preset("cascade-lake");
    m.logical_processors = 6;
    struct answer a = ask(&m, 1, 0), core = ask(&m, 0xb, 1);
    assert_int_equal(a.r[CPUID_EDX] >> 28 & 1, 1);
    assert_int_equal(a.r[CPUID_EBX] >> 16, 0x106);
    assert_int_equal(core.r[CPUID_EAX], 3);
    assert_int_equal(core.r[CPUID_EBX], 6);
    assert_int_equal(core.r[CPUID_ECX], 0x201);
    assert_int_equal(ask(&m, 0xb, 0).r[CPUID_ECX], 0x100);
    assert_int_equal(ask(&m, 0xb, 2).r[CPUID_ECX], 2);
}

static void leaf_15_gives_the_tsc_frequency(void **state)
{
    (void)state;
    struct cpu_model m = preset("cascade-lake");
    m.tsc_hz = 3100 * MHz;
    struct answer a = ask(&m, 0x15, 0);
    assert_int_equal((u64)a.r[CPUID_ECX] * a.r[CPUID_EBX] / a.r[CPUID_EAX], 3100 * MHz);
}

static void a_leaf_beyond_the_highest_answers_as_the_highest(void **state)
{
    (void)state;
    struct cpu_model m = preset("cascade-lake");
    struct answer high = ask(&m, 0x16, 0), beyond = ask(&m, 0x40000000, 0), extended = ask(&m, 0x80000009, 0);
    assert_memory_equal(&beyond, &high, sizeof high);
    assert_memory_equal(&extended, &high, sizeof high);
}

static void address_widths_follow_the_preset_and_la57(void **state)
{
    (void)state;
    struct cpu_model m = preset("haswell");
    assert_int_equal(ask(&m, 0x80000008, 0).r[CPUID_EAX], 39 | 48 << 8);
    cpu_model_set_feature(&m, "la57", true);
    assert_int_equal(ask(&m, 0x80000008, 0).r[CPUID_EAX], 39 | 57 << 8);
}

static void the_instruction_fills_four_registers_and_always_exits_in_a_guest_that_says_so(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = 0xdeadbeef00000001;
    STEP(b, 0x0f, 0xa2);
    assert_int_equal(b->h.reg[REG_RAX], 0x50657);
    assert_int_equal(b->h.reg[REG_RDX] >> 32, 0);
    bench_enter_guest(b);
    b->exits_on_intercept = true;
    assert_int_equal(STEP(b, 0x0f, 0xa2), OUT_EXIT);
    assert_int_equal(b->last_intercept, INTERCEPT_cpuid);
}

static void syscall_shows_only_in_64_bit_mode(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = 0x80000001;
    STEP(b, 0x0f, 0xa2);
    assert_true(b->h.reg[REG_RDX] & BIT(11));
    bench_user(b, false);
    b->h.reg[REG_RAX] = 0x80000001;
    STEP(b, 0x0f, 0xa2);
    assert_false(b->h.reg[REG_RDX] & BIT(11));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_can_be_made_and_an_unknown_one_cannot),
        cmocka_unit_test(the_vendor_is_genuine_intel),
        cmocka_unit_test(vector_features_follow_the_preset),
        cmocka_unit_test(leaf_d_describes_the_xsave_area),
        cmocka_unit_test(the_monitors_leaf_and_feature_follow_the_model_and_misc_enable),
        cmocka_unit_test(what_is_not_modelled_does_not_show),
        cmocka_unit_test(presets_differ_in_pcid_and_1_gib_pages),
        cmocka_unit_test(zen2_has_an_epycs_instructions_behind_intels_leaves),
        cmocka_unit_test(vmx_shows_when_the_board_enables_it),
        cmocka_unit_test(leaf_4_describes_the_caches),
        cmocka_unit_test(several_processors_show_in_leaves_1_and_b),
        cmocka_unit_test(leaf_15_gives_the_tsc_frequency),
        cmocka_unit_test(a_leaf_beyond_the_highest_answers_as_the_highest),
        cmocka_unit_test(address_widths_follow_the_preset_and_la57),
        TEST(the_instruction_fills_four_registers_and_always_exits_in_a_guest_that_says_so),
        TEST(syscall_shows_only_in_64_bit_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
