/* test_params.c - parameter tables: defaults, units, ranges, and printing that reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/sim/params.h"

#include <string.h>

#define TOY_PARAMS(P)                                                                                        \
    P(u32, size_bytes, 32 * KiB, POW2, "data capacity")                                                      \
    P(u32, ways, 8, RANGE(1, 64), "associativity")                                                           \
    P(u64, memory_bytes, GiB, RANGE(MiB, 64 * GiB), "memory")                                                \
    P(u64, frequency_hz, 3100 * MHz, RANGE(MHz, 10 * GHz), "clock")                                          \
    P(u64, latency_ps, 10000, ANY, "latency")                                                                \
    P(u32, hit_cycles, 4, NONZERO, "load-to-use latency")                                                    \
    P(bool, batching, true, ANY, "cycle after cycle without the kernel")                                     \
    P(choice, policy, 1, ONE_OF("lru", "random", "plru"), "replacement policy")                              \
    P(text, image, 0, ANY, "a file")

struct toy_cfg {
    TOY_PARAMS(PARAM_FIELD)
};

#define PARAM_OF struct toy_cfg
static const struct param toy_params[] = {TOY_PARAMS(PARAM_ROW)};
#undef PARAM_OF

static const struct param *param(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(toy_params); i++) {
        if (strcmp(toy_params[i].name, name) == 0) return &toy_params[i];
    }
    fail_msg("no parameter %s", name);
    return NULL;
}

static struct toy_cfg cfg;

static int setup(void **state)
{
    (void)state;
    memset(&cfg, 0xee, sizeof cfg);
    for (size_t i = 0; i < ARRAY_LEN(toy_params); i++) param_set_default(&toy_params[i], &cfg);
    return 0;
}

static void assert_reads(const char *name, const char *text)
{
    char why[PARAM_WHY_BYTES];
    if (!param_set(param(name), &cfg, text, why)) fail_msg("%s: %s", name, why);
}

static void assert_refused(const char *name, const char *text, const char *expected)
{
    struct toy_cfg before = cfg;
    char why[PARAM_WHY_BYTES];
    assert_false(param_set(param(name), &cfg, text, why));
    assert_string_equal(why, expected);
    assert_memory_equal(&before, &cfg, sizeof cfg);
}

static void assert_prints(const char *name, const char *expected)
{
    char text[PARAM_VALUE_BYTES];
    assert_string_equal(param_print(param(name), &cfg, text), expected);
}

static void defaults_come_from_the_table_both_ways(void **state)
{
    (void)state;
    const struct toy_cfg initialized = {TOY_PARAMS(PARAM_DEFAULT)};
    assert_int_equal(cfg.size_bytes, 32 * KiB);
    assert_int_equal(cfg.ways, 8);
    assert_int_equal(cfg.frequency_hz, 3100000000);
    assert_true(cfg.batching);
    assert_int_equal(cfg.policy, 1);
    assert_string_equal(cfg.image.s, "");
    assert_int_equal(initialized.memory_bytes, cfg.memory_bytes);
    assert_int_equal(initialized.policy, cfg.policy);
    assert_string_equal(initialized.image.s, "");
}

static void sizes_frequencies_and_times_take_units(void **state)
{
    (void)state;
    assert_reads("size_bytes", "64KiB");
    assert_int_equal(cfg.size_bytes, 65536);
    assert_reads("size_bytes", "128 B");
    assert_int_equal(cfg.size_bytes, 128);
    assert_reads("size_bytes", "4096");
    assert_int_equal(cfg.size_bytes, 4096);
    assert_reads("memory_bytes", "1.5GiB");
    assert_int_equal(cfg.memory_bytes, 1536 * MiB);
    assert_reads("frequency_hz", "3.1GHz");
    assert_int_equal(cfg.frequency_hz, 3100000000);
    assert_reads("frequency_hz", "2593.906MHz");
    assert_int_equal(cfg.frequency_hz, 2593906000);
    assert_reads("latency_ps", "13.75ns");
    assert_int_equal(cfg.latency_ps, 13750);
    assert_reads("latency_ps", "7.8us");
    assert_int_equal(cfg.latency_ps, 7800000);
    assert_reads("latency_ps", "2s");
    assert_int_equal(cfg.latency_ps, 2000000000000);
}

static void plain_integers_may_be_hexadecimal(void **state)
{
    (void)state;
    assert_reads("ways", "0x10");
    assert_int_equal(cfg.ways, 16);
    assert_reads("latency_ps", "0xffffffffffffffff");
    assert_true(cfg.latency_ps == UINT64_MAX);
    assert_refused("ways", "0x", "'0x' is not a number (allowed: 1..64)");
}

static void wrong_units_are_refused(void **state)
{
    (void)state;
    assert_refused("memory_bytes", "3GHz",
                   "'3GHz' has the wrong unit (allowed: 1MiB..64GiB; units B KiB MiB GiB TiB)");
    assert_refused("memory_bytes", "2GB",
                   "'2GB' has the wrong unit (allowed: 1MiB..64GiB; units B KiB MiB GiB TiB)");
    assert_refused("frequency_hz", "3ghz",
                   "'3ghz' has the wrong unit (allowed: 1MHz..10GHz; units Hz kHz MHz GHz)");
    assert_refused("latency_ps", "3KiB",
                   "'3KiB' has the wrong unit (allowed: at least 0ps; units ps ns us ms s)");
    assert_refused("ways", "8KiB", "'8KiB' is not a plain integer (allowed: 1..64)");
}

static void values_out_of_range_are_refused_and_the_edges_are_not(void **state)
{
    (void)state;
    assert_reads("ways", "1");
    assert_reads("ways", "64");
    assert_refused("ways", "0", "'0' is out of range (allowed: 1..64)");
    assert_refused("ways", "65", "'65' is out of range (allowed: 1..64)");
    assert_refused("memory_bytes", "65GiB",
                   "'65GiB' is out of range (allowed: 1MiB..64GiB; units B KiB MiB GiB TiB)");
    assert_reads("hit_cycles", "4294967295");
    assert_refused("hit_cycles", "4294967296", "'4294967296' is out of range (allowed: at least 1)");
    assert_refused("latency_ps", "18446744073709551616",
                   "'18446744073709551616' is out of range (allowed: at least 0ps; units ps ns us ms s)");
    assert_refused("latency_ps", "18446745s",
                   "'18446745s' is out of range (allowed: at least 0ps; units ps ns us ms s)");
}

static void a_power_of_two_is_asked_for_by_name(void **state)
{
    (void)state;
    assert_refused(
        "size_bytes", "48KiB",
        "'48KiB' is not a power of two (allowed: a power of two, at least 1B; units B KiB MiB GiB TiB)");
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",   "many",   "-3",  "+3",  ".5",
                                        " 8", "8 ways", "8.5", "1e3", "99999999999999999999999"};
    char why[PARAM_WHY_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(param_set(param("ways"), &cfg, wrong[i], why));
        assert_non_null(strstr(why, "(allowed: 1..64)"));
    }
    assert_int_equal(cfg.ways, 8);
}

static void fractions_are_exact_or_refused(void **state)
{
    (void)state;
    assert_refused("latency_ps", "0.0005ns",
                   "'0.0005ns' is not a whole number of ps (allowed: at least 0ps; units ps ns us ms s)");
    assert_refused("ways", "8.5", "'8.5' is not a whole number of units (allowed: 1..64)");
    assert_reads("ways", "8.0");
}

static void switches_and_choices_list_their_words(void **state)
{
    (void)state;
    assert_reads("batching", "off");
    assert_false(cfg.batching);
    assert_reads("batching", "true");
    assert_true(cfg.batching);
    assert_refused("batching", "yes", "'yes' is not a switch (allowed: true|false|on|off)");
    assert_reads("policy", "plru");
    assert_int_equal(cfg.policy, 2);
    assert_refused("policy", "LRU", "'LRU' is not one of the choices (allowed: lru|random|plru)");
    assert_refused("policy", "1", "'1' is not one of the choices (allowed: lru|random|plru)");
}

static void text_is_bounded(void **state)
{
    (void)state;
    char longest[PARAM_TEXT_BYTES + 1];
    memset(longest, 'x', sizeof longest);
    longest[PARAM_TEXT_BYTES] = 0;
    assert_refused("image", longest, "the text is too long (allowed: up to 127 characters)");
    longest[PARAM_TEXT_BYTES - 1] = 0;
    assert_reads("image", longest);
    assert_string_equal(cfg.image.s, longest);
}

static void values_print_with_the_largest_exact_unit_and_read_back(void **state)
{
    (void)state;
    assert_prints("size_bytes", "32KiB");
    assert_prints("memory_bytes", "1GiB");
    assert_prints("frequency_hz", "3100MHz");
    assert_prints("latency_ps", "10ns");
    assert_prints("ways", "8");
    assert_prints("batching", "true");
    assert_prints("policy", "random");
    assert_reads("latency_ps", "0");
    assert_prints("latency_ps", "0ps");
    for (u64 v = 1; v < 64 * GiB; v = v * 3 / 2 + 1) {
        char text[PARAM_VALUE_BYTES];
        cfg.latency_ps = v;
        param_print(param("latency_ps"), &cfg, text);
        assert_reads("latency_ps", text);
        assert_int_equal(cfg.latency_ps, v);
    }
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(defaults_come_from_the_table_both_ways),
        T(sizes_frequencies_and_times_take_units),
        T(plain_integers_may_be_hexadecimal),
        T(wrong_units_are_refused),
        T(values_out_of_range_are_refused_and_the_edges_are_not),
        T(a_power_of_two_is_asked_for_by_name),
        T(what_is_no_number_is_refused),
        T(fractions_are_exact_or_refused),
        T(switches_and_choices_list_their_words),
        T(text_is_bounded),
        T(values_print_with_the_largest_exact_unit_and_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
