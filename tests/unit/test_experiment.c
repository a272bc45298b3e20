/* test_experiment.c - the experiment's reader: what it refuses and where it says the error is, and the runs that
 * a good file gives. */
#include "models/board/cli/experiment.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define FILE_NAME "test_experiment.yaml"

static char message[1024];

static void write_file(const char *text)
{
    FILE *f = fopen(FILE_NAME, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Reads `text` as an experiment; what it says on standard error is in `message`. */
static bool read_text(struct experiment *e, const char *text)
{
    write_file(text);
    FILE *captured = tmpfile();
    int saved = dup(2);
    fflush(stderr);
    dup2(fileno(captured), 2);
    bool good = experiment_read(e, FILE_NAME);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    rewind(captured);
    message[fread(message, 1, sizeof message - 1, captured)] = '\0';
    fclose(captured);
    unlink(FILE_NAME);
    return good;
}

#define HEAD                                                                                                 \
    "name: test\npreset: tiny\nmodes: {native: {label: native}, ept: {label: EPT, monitor: ept, args: "      \
    "\"host=4K\"}}\n"
#define GROUP "groups: {g: {modes: [native, ept], benches: {chase: \"iters=5\"}}}\n"

static void assert_refused(const char *text, const char *line, const char *what)
{
    struct experiment e;
    assert_false(read_text(&e, text));
    if (strncmp(message, FILE_NAME ":", strlen(FILE_NAME ":")) ||
        strncmp(message + strlen(FILE_NAME ":"), line, strlen(line)))
        fail_msg("expected line %s in: %s", line, message);
    if (!strstr(message, what)) fail_msg("expected '%s' in: %s", what, message);
    assert_ptr_equal(strchr(message, '\n') + 1, message + strlen(message)); /* one message */
}

static void a_run_is_every_bench_in_every_mode_with_every_varied_word(void **state)
{
    struct experiment e;
    (void)state;
    assert_true(read_text(
        &e, HEAD "groups:\n  g:\n    modes: [ept, native]\n    benches: {chase: \"iters=5\", gups: \"\"}\n"
                 "    vary: {pages: [16, 64K], cpu.mmu.ntlb_entries: [0, 16]}\n"));
    assert_int_equal(e.n_runs, 2 * 2 * 2 * 2);
    assert_string_equal(e.run[0].name, "g/chase.pages=16.cpu.mmu.ntlb_entries=0.ept");
    assert_string_equal(e.run[1].name, "g/chase.pages=16.cpu.mmu.ntlb_entries=0.native");
    assert_string_equal(e.run[2].name, "g/chase.pages=16.cpu.mmu.ntlb_entries=16.ept");
    assert_string_equal(e.run[15].name, "g/gups.pages=64K.cpu.mmu.ntlb_entries=16.native");
    assert_string_equal(e.run[0].words, "iters=5 pages=16");
    assert_string_equal(e.run[15].words, "pages=64K");
    assert_string_equal(e.run[15].varied, "pages=64K cpu.mmu.ntlb_entries=16");
    assert_ptr_equal(experiment_find_run(&e, "g/gups.pages=16.cpu.mmu.ntlb_entries=0.native"), &e.run[9]);
    assert_null(experiment_find_run(&e, "g/gups"));
    experiment_free(&e);
}

static bool join_setting(void *self, const struct exp_setting *s)
{
    char *all = self;
    sprintf(all + strlen(all), "%s=%s;", s->path, s->value);
    return true;
}

static void settings_come_from_the_general_to_the_particular(void **state)
{
    struct experiment e;
    char all[256] = "";
    (void)state;
    assert_true(read_text(
        &e,
        "name: n\npreset: tiny\nset: {a.x: 1}\nmodes: {m: {label: l, set: {c.x: 3}}}\n"
        "groups: {g: {modes: [m], benches: {b: \"\"}, set: {b.x: 2}, vary: {d.x: [4]}, ledger: true}}\n"));
    assert_true(experiment_each_setting(&e, &e.run[0], join_setting, all));
    assert_string_equal(all, "a.x=1;b.x=2;c.x=3;d.x=4;");
    assert_true(e.run[0].group->ledger);
    experiment_free(&e);
}

static void a_shape_compares_two_runs_by_their_cycles_unless_it_names_a_statistic(void **state)
{
    struct experiment e;
    (void)state;
    assert_true(read_text(
        &e, HEAD GROUP
        "assert:\n - {name: a, ratio: [g/chase.ept, g/chase.native], min: 1.5}\n"
        " - {name: b, ratio: [g/chase.ept, g/chase.native], stat: cpu0.instructions, max: 1.01}\n"));
    assert_int_equal(e.n_shapes, 2);
    assert_string_equal(e.shape[0].stat, "cpu0.cycles");
    assert_true(e.shape[0].min == 1.5 && isinf(e.shape[0].max));
    assert_string_equal(e.shape[1].stat, "cpu0.instructions");
    assert_true(e.shape[1].min == 0 && e.shape[1].max == 1.01);
    experiment_free(&e);
}

static void a_missing_file_and_text_that_is_no_yaml_are_refused(void **state)
{
    struct experiment e;
    (void)state;
    assert_false(experiment_read(&e, "no/such/file.yaml"));
    assert_refused("name: [\n", "2:", "not YAML");
    assert_refused("", "1:", "empty");
    assert_refused("- a\n", "1:", "a list where a map is expected");
}

static void unknown_and_missing_keys_are_refused_with_those_that_are_allowed(void **state)
{
    (void)state;
    assert_refused(HEAD GROUP "figure: x\n", "5:",
                   "figure: unknown key (allowed: name, preset, set, modes, groups, table, figures, assert, reference)");
    assert_refused(HEAD "groups: {g: {modes: [native], bench: {}}}\n",
                   "4:", "groups.g.bench: unknown key (allowed: modes, benches, probes, vary, set, ledger)");
    assert_refused("name: n\n" GROUP, "2:", "'modes' must stand before 'groups'");
    assert_refused(HEAD, "1:", "the key 'groups' is missing");
    assert_refused(HEAD "groups: {g: {modes: [native]}}\n", "4:", "groups.g: the key 'benches' or 'probes' is missing");
    assert_refused("name: n\npreset: p\nmodes:\n  m: {monitor: ept}\n",
                   "4:", "modes.m: the key 'label' is missing");
}

static void repeated_keys_are_refused_with_the_first_ones_line(void **state)
{
    (void)state;
    assert_refused("name: a\npreset: tiny\nname: b\n", "3:", "name: duplicate key (first on line 1)");
    assert_refused("name: a\npreset: tiny\nmodes:\n  m: {label: x}\n  m: {label: y}\n",
                   "5:", "duplicate key (first on line 4)");
}

static void values_of_the_wrong_kind_are_refused(void **state)
{
    (void)state;
    assert_refused("name: {a: b}\n", "1:", "name: a map where one value is expected");
    assert_refused("name:\npreset: tiny\n", "1:", "name: the value is missing");
    assert_refused("name: a/b\n", "1:", "'a/b' is not a name");
    assert_refused(HEAD "groups: {g: {modes: native, benches: {chase: \"\"}}}\n",
                   "4:", "one value where a list is expected");
    assert_refused(HEAD "groups: {g: {modes: [], benches: {chase: \"\"}}}\n", "4:", "the list is empty");
    assert_refused(HEAD "groups: {g: {modes: [native], benches: {chase: \"\"}, ledger: yes}}\n",
                   "4:", "'yes' is not a switch (allowed: true, false)");
    assert_refused(HEAD "groups: {g: {modes: [native], benches: {../chase: \"\"}}}\n",
                   "4:", "a key must be a name");
    assert_refused(HEAD "groups: {g: {modes: [native], benches: {chase: \"\"}, vary: {pages: [a/b]}}}\n",
                   "4:", "'a/b'");
    assert_refused(HEAD "groups: {g: {modes: [native], benches: {}}}\n", "4:", "no image is named");
}

static void names_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    assert_refused(HEAD "groups: {g: {modes: [ept-4k], benches: {chase: \"\"}}}\n",
                   "4:", "there is no mode 'ept-4k' (allowed: native, ept)");
    assert_refused(HEAD GROUP "assert:\n  - {name: a, ratio: [g/chase.ept, g/chase.shadow], min: 1}\n",
                   "6:", "there is no run 'g/chase.shadow'");
    assert_refused("name: n\npreset: p\nmodes:\n  m: {label: x, args: y}\n", "4:", "args without a monitor");
    assert_refused("name: n\npreset: p\nmodes:\n  m: {label: x, middle: ept}\n", "4:", "without one below");
    assert_refused("name: n\npreset: p\nmodes:\n  m: {label: x, monitor: ept, middle_args: y}\n", "4:",
                   "middle_args without a middle");
}

static void shapes_that_say_nothing_or_cannot_hold_are_refused(void **state)
{
    (void)state;
    assert_refused(HEAD GROUP "assert:\n  - {name: a, ratio: [g/chase.ept, g/chase.native]}\n",
                   "6:", "needs 'min' or 'max'");
    assert_refused(HEAD GROUP "assert:\n  - {name: a, ratio: [g/chase.ept], min: 1}\n",
                   "6:", "1 names (allowed: two runs)");
    assert_refused(HEAD GROUP
                   "assert:\n  - {name: a, ratio: [g/chase.ept, g/chase.native], min: 2, max: 1}\n",
                   "6:", "'min' is above 'max'");
    assert_refused(HEAD GROUP "assert:\n  - {name: a, ratio: [g/chase.ept, g/chase.native], min: 2x}\n",
                   "6:", "'2x' is not a number");
}

static void a_group_runs_benches_or_probes(void **state)
{
    struct experiment e;
    (void)state;
    assert_true(read_text(&e, HEAD "groups: {g: {modes: [native], probes: {latency: \"item=add\"}}}\n"));
    assert_string_equal(e.run[0].name, "g/latency.native");
    assert_string_equal(e.run[0].bench->kind, "probe");
    experiment_free(&e);
    assert_true(read_text(&e, HEAD GROUP));
    assert_string_equal(e.run[0].bench->kind, "bench");
    experiment_free(&e);
    assert_refused(HEAD "groups: {g: {modes: [native], probes: {a: \"\"}, benches: {b: \"\"}}}\n",
                   "4:", "a group has benches or probes, not both");
}

/* --- the reference --- */

#define CSV_NAME "test_experiment.csv"

static void write_csv(const char *text)
{
    FILE *f = fopen(CSV_NAME, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

#define ITEMS "# a machine\nitem,value,unit,mark\n\nL2 hit,14.0,cycles,read\nhash,VPN[6:0] XOR VPN[13:7],bits\n"
#define ROWS(rows) HEAD GROUP "reference:\n  file: " CSV_NAME "\n  rows:\n" rows

static void a_row_has_the_files_value_and_unit_or_its_own_value(void **state)
{
    struct experiment e;
    (void)state;
    write_csv(ITEMS);
    assert_true(read_text(&e, ROWS("   - {item: L2 hit, measures: [l2_hit, l2_hot], within: 5}\n"
                                   "   - {item: hash, measures: [hash], value: 1, within: 0, misses: \"by far\"}\n")));
    assert_int_equal(e.reference.n_rows, 2);
    const struct exp_row *row = e.reference.row;
    assert_string_equal(row[0].unit, "cycles");
    assert_true(row[0].value == 14 && row[0].within == 5 && row[0].misses == NULL);
    assert_int_equal(row[0].n_measures, 2);
    assert_string_equal(row[0].measure[1], "l2_hot");
    assert_true(row[1].value == 1);
    assert_string_equal(row[1].misses, "by far");
    experiment_free(&e);
    unlink(CSV_NAME);
}

static void a_row_holds_up_to_its_percentage_on_both_sides(void **state)
{
    const struct exp_row row = {.value = 200, .within = 5};
    (void)state;
    assert_true(exp_row_holds(&row, 210) && exp_row_holds(&row, 190));
    assert_false(exp_row_holds(&row, 210.1));
    assert_false(exp_row_holds(&row, 189.9));
    assert_true(exp_row_error(&row, 210) == 5 && exp_row_error(&row, 190) == -5);
    assert_true(exp_row_holds(&(struct exp_row){.value = 1}, 1));
    assert_false(exp_row_holds(&(struct exp_row){.value = 1}, 1.01));
}

static void references_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    write_csv(ITEMS);
    assert_refused(ROWS("   - {item: L3 hit, measures: [l3_hit], within: 5}\n"),
                   "8:", "reference.rows: " CSV_NAME " has no item 'L3 hit'");
    assert_refused(ROWS("   - {item: hash, measures: [hash], within: 5}\n"),
                   "8:", "the file's value 'VPN[6:0] XOR VPN[13:7]' is no number: the row needs a 'value'");
    assert_refused(ROWS("   - {item: L2 hit, measures: [l2_hit]}\n"), "8:", "the key 'within' is missing");
    assert_refused(ROWS("   - {item: L2 hit, measures: [l2_hit], within: -1}\n"), "8:", "an error below zero");
    assert_refused(ROWS("   - {item: L2 hit, measures: [], within: 1}\n"), "8:", "the list is empty");
    assert_refused(HEAD GROUP "reference: {rows: []}\n", "5:", "'file' must stand before 'rows'");
    assert_refused(HEAD GROUP "reference: {file: none.csv}\n", "5:", "none.csv: No such file or directory");
    unlink(CSV_NAME);
}

static void a_file_that_is_no_reference_is_refused_with_its_line(void **state)
{
    struct experiment e;
    (void)state;
    write_csv("# a machine\nname,value\n");
    assert_false(read_text(&e, ROWS("   - {item: a, measures: [a], within: 5}\n")));
    assert_string_equal(message, CSV_NAME ":2: 'name,value' (allowed: item,value,unit...)\n");
    write_csv("item,value,unit\n\nL2 hit,14.0\n");
    assert_false(read_text(&e, ROWS("   - {item: a, measures: [a], within: 5}\n")));
    assert_string_equal(message, CSV_NAME ":3: 'L2 hit,14.0' (allowed: item,value,unit...)\n");
    unlink(CSV_NAME);
}

static void a_path_of_the_experiment_is_relative_to_its_file(void **state)
{
    struct experiment e = {.file = "a/b/c.yaml"};
    (void)state;
    char *path = experiment_path(&e, "../f.gp");
    assert_string_equal(path, "a/b/../f.gp");
    free(path);
    path = experiment_path(&e, "/f.gp");
    assert_string_equal(path, "/f.gp");
    free(path);
    e.file = "c.yaml";
    path = experiment_path(&e, "f.gp");
    assert_string_equal(path, "f.gp");
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_every_bench_in_every_mode_with_every_varied_word),
        cmocka_unit_test(settings_come_from_the_general_to_the_particular),
        cmocka_unit_test(a_shape_compares_two_runs_by_their_cycles_unless_it_names_a_statistic),
        cmocka_unit_test(a_missing_file_and_text_that_is_no_yaml_are_refused),
        cmocka_unit_test(unknown_and_missing_keys_are_refused_with_those_that_are_allowed),
        cmocka_unit_test(repeated_keys_are_refused_with_the_first_ones_line),
        cmocka_unit_test(values_of_the_wrong_kind_are_refused),
        cmocka_unit_test(names_that_lead_nowhere_are_refused),
        cmocka_unit_test(shapes_that_say_nothing_or_cannot_hold_are_refused),
        cmocka_unit_test(a_group_runs_benches_or_probes),
        cmocka_unit_test(a_row_has_the_files_value_and_unit_or_its_own_value),
        cmocka_unit_test(a_row_holds_up_to_its_percentage_on_both_sides),
        cmocka_unit_test(references_that_lead_nowhere_are_refused),
        cmocka_unit_test(a_file_that_is_no_reference_is_refused_with_its_line),
        cmocka_unit_test(a_path_of_the_experiment_is_relative_to_its_file),
    };
    char dir[] = "/tmp/test_experiment.XXXXXX";
    if (!mkdtemp(dir) || chdir(dir) != 0) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(dir);
    return failed;
}
