/* test_complete.c - nothing is missing: every encoding that Zydis knows is executed, or #UD because no preset
 * has its instruction set (absent.def). --table prints each mnemonic with its instruction set and what becomes
 * of it.
 *
 * What a mnemonic that is executed does with a preset's features is gates.def's and simd.def's;
 * tests/unit/test_features.c. */
#include "exec_bench.h"
#include "encodings.h"
#include "isa/operand.h"

struct fate {
    bool executed, invalid, unmodelled; /* some of its encodings */
    ZydisISASet set, unmodelled_set;
};

static struct decoder decoder;
static enum code_mode mode;
static struct fate fates[ZYDIS_MNEMONIC_MAX_VALUE + 1];
static bool wants_table; /* the command line's */

/* NULL: a set that processors of 2013 to 2020 have. */
static const char *why_absent(ZydisISASet set)
{
    static const struct {
        ZydisISASet set;
        const char *why;
    } rows[] = {
#define ABSENT(name, why) {ZYDIS_ISA_SET_##name, why},
#include "absent.def"
#undef ABSENT
    };
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++)
        if (rows[n].set == set) return rows[n].why;
    return NULL;
}

static void note(void *self, const u8 bytes[ENCODING_BYTES])
{
    struct decoded_insn d;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    (void)self;
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder.zydis[mode], bytes, ENCODING_BYTES, &z, op))) return;
    assert_int_equal(decode(&decoder, mode, bytes, ENCODING_BYTES, &d), DECODED);
    struct fate *f = &fates[z.mnemonic];
    bool unmodelled = d.hot.exec == exec_unmodelled, invalid = d.hot.exec == exec_ud;
    f->set = z.meta.isa_set;
    if (unmodelled) f->unmodelled_set = z.meta.isa_set;
    f->unmodelled |= unmodelled;
    f->invalid |= invalid;
    f->executed |= !unmodelled && !invalid;
}

static int visit_all(void **state)
{
    static const enum code_mode modes[] = {MODE_LONG64, MODE_PROT32, MODE_PROT16};
    (void)state;
    decoder_init(&decoder);
    for (unsigned n = 0; n < ARRAY_LEN(modes); n++) {
        mode = modes[n];
        encodings_visit(mode == MODE_LONG64, note, NULL);
    }
    return 0;
}

static void what_is_not_executed_belongs_to_a_set_that_no_preset_has(void **state)
{
    (void)state;
    unsigned missing = 0;
    for (unsigned m = 1; m < ARRAY_LEN(fates); m++) {
        const struct fate *f = &fates[m];
        if (!f->unmodelled || why_absent(f->unmodelled_set)) continue;
        print_message("missing: %s (%s)\n", ZydisMnemonicGetString((ZydisMnemonic)m),
                      ZydisISASetGetString(f->unmodelled_set));
        missing++;
    }
    assert_int_equal(missing, 0);
}

static void what_no_preset_has_is_not_executed(void **state)
{
    (void)state;
    for (unsigned m = 1; m < ARRAY_LEN(fates); m++) {
        const struct fate *f = &fates[m];
        bool wider = f->unmodelled_set == ZYDIS_ISA_SET_VAES || f->unmodelled_set == ZYDIS_ISA_SET_VPCLMULQDQ;
        if (f->executed && f->unmodelled) assert_true(wider);
        if (f->executed && !f->unmodelled) assert_null(why_absent(f->set));
    }
}

static void enough_is_executed_for_the_sets_to_be_whole(void **state)
{
    (void)state;
    unsigned executed = 0;
    for (unsigned m = 1; m < ARRAY_LEN(fates); m++) executed += fates[m].executed;
    assert_in_range(executed, 986, 1000);
}

static void print_table(void)
{
    for (unsigned m = 1; m < ARRAY_LEN(fates); m++) {
        const struct fate *f = &fates[m];
        if (!f->set) continue; /* EVEX and XOP only: no processor here decodes them */
        print_message("%-18s %-18s %s%s%s\n", ZydisMnemonicGetString((ZydisMnemonic)m), ZydisISASetGetString(f->set),
                      f->executed ? "executed" : "#UD", f->unmodelled ? ": " : "",
                      f->unmodelled ? why_absent(f->unmodelled_set) : "");
    }
}

int main(int argc, char **argv)
{
    wants_table = argc > 1 && !strcmp(argv[1], "--table");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_executed_belongs_to_a_set_that_no_preset_has),
        cmocka_unit_test(what_no_preset_has_is_not_executed),
        cmocka_unit_test(enough_is_executed_for_the_sets_to_be_whole),
    };
    int failed = cmocka_run_group_tests(tests, visit_all, NULL);
    if (wants_table) print_table();
    return failed;
}
