/* test_config.c - strict configuration: what is read, what is refused, and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/sim/config.h"
#include "models/sim/files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define L1_PARAMS(P)                                                                                         \
    P(u32, size_bytes, 32 * KiB, RANGE(64, MiB), "data capacity")                                            \
    P(u32, ways, 8, RANGE(1, 64), "associativity")                                                           \
    P(choice, policy, 0, ONE_OF("lru", "random"), "replacement policy")

struct l1_cfg {
    L1_PARAMS(PARAM_FIELD)
};

#define BOARD_PARAMS(P)                                                                                      \
    P(u32, cores, 1, RANGE(1, 64), "number of cores")                                                        \
    P(u64, frequency_hz, 3 * GHz, RANGE(MHz, 10 * GHz), "clock of the cores")                                \
    P(bool, batching, true, ANY, "cycle after cycle without going back to the kernel")                       \
    P(text, label, 0, ANY, "a name for the results")

struct board_cfg {
    BOARD_PARAMS(PARAM_FIELD)
};

#define PARAM_OF struct l1_cfg
static const struct param l1_params[] = {L1_PARAMS(PARAM_ROW)};
#undef PARAM_OF
#define PARAM_OF struct board_cfg
static const struct param board_params[] = {BOARD_PARAMS(PARAM_ROW)};
#undef PARAM_OF

static char dir[64], file[96];
static struct config *config;
static struct l1_cfg l1d, l1i;
static struct board_cfg board;
static char message[4096]; /* what the last call wrote to stderr */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void write_preset(const char *name, const char *text)
{
    char *path = files_path(dir, name, ".yaml");
    write_file(path, text);
    free(path);
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_config.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/mine.yaml", dir);
    config = config_new(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    config_free(config);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* Runs one step of a configuration and keeps what it says. */
static bool listen(bool (*step)(const char *), const char *argument)
{
    FILE *ear = tmpfile();
    int keep = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(fileno(ear), STDERR_FILENO);
    bool good = step(argument);
    fflush(stderr);
    dup2(keep, STDERR_FILENO);
    close(keep);
    rewind(ear);
    message[fread(message, 1, sizeof message - 1, ear)] = 0;
    fclose(ear);
    return good;
}

static bool load_step(const char *name)
{
    return config_load(config, name);
}
static bool set_step(const char *assignment)
{
    return config_set(config, assignment);
}

static bool bind_step(const char *unused)
{
    (void)unused;
    bool good = config_bind(config, "cpu.l1d", l1_params, ARRAY_LEN(l1_params), &l1d);
    good &= config_bind(config, "cpu.l1i", l1_params, ARRAY_LEN(l1_params), &l1i);
    return config_bind(config, "board", board_params, ARRAY_LEN(board_params), &board) && good;
}

static bool all_used_step(const char *unused)
{
    (void)unused;
    return config_check_all_used(config);
}

/* `text` as the user's file, read, bound and checked, without a word. */
static void assert_accepted(const char *text)
{
    write_file(file, text);
    bool good = listen(load_step, file) && listen(bind_step, NULL) && listen(all_used_step, NULL);
    if (!good || *message) fail_msg("%s", message);
}

/* The one message, after the file's name. */
static void assert_message(const char *expected)
{
    char whole[4096];
    snprintf(whole, sizeof whole, "%s%s\n", file, expected);
    assert_string_equal(message, whole);
}

static void assert_load_refused(const char *text, const char *expected)
{
    write_file(file, text);
    assert_false(listen(load_step, file));
    assert_message(expected);
}

static void assert_bind_refused(const char *text, const char *expected)
{
    write_file(file, text);
    assert_true(listen(load_step, file));
    assert_false(listen(bind_step, NULL));
    assert_message(expected);
}

static void assert_check_refused(const char *text, const char *expected)
{
    write_file(file, text);
    assert_true(listen(load_step, file));
    assert_true(listen(bind_step, NULL));
    assert_false(listen(all_used_step, NULL));
    assert_message(expected);
}

/* --- what is read --- */

static void nested_maps_and_dotted_keys_mean_the_same(void **state)
{
    (void)state;
    assert_accepted("# a comment\n"
                    "cpu:\n"
                    "  l1d: {size_bytes: 48KiB, ways: 12}\n"
                    "cpu.l1i.ways: 4\n"
                    "board:\n"
                    "  cores: 2\n"
                    "  label: \"two cores\"\n"
                    "  batching: off\n");
    assert_int_equal(l1d.size_bytes, 48 * KiB);
    assert_int_equal(l1d.ways, 12);
    assert_int_equal(l1i.ways, 4);
    assert_int_equal(l1i.size_bytes, 32 * KiB);
    assert_int_equal(board.cores, 2);
    assert_string_equal(board.label.s, "two cores");
    assert_false(board.batching);
}

static void an_empty_file_leaves_the_defaults(void **state)
{
    (void)state;
    assert_accepted("# nothing\n");
    assert_int_equal(l1d.ways, 8);
    assert_int_equal(board.frequency_hz, 3 * GHz);
}

static void a_file_overrides_the_preset_that_it_is_based_on(void **state)
{
    (void)state;
    write_preset("big", "board: {cores: 8, frequency_hz: 2GHz}\ncpu: {l1d: {ways: 16}}\n");
    write_preset("bigger", "based_on: big\nboard: {cores: 16}\n");
    assert_accepted("board:\n  cores: 32\nbased_on: bigger\n");
    assert_int_equal(board.cores, 32);
    assert_int_equal(board.frequency_hz, 2 * GHz);
    assert_int_equal(l1d.ways, 16);
}

static void a_file_may_be_based_on_a_file_beside_it(void **state)
{
    (void)state;
    write_preset("other", "cpu: {l1d: {ways: 2}}\n");
    assert_accepted("based_on: other.yaml\n");
    assert_int_equal(l1d.ways, 2);
}

static void a_preset_is_loaded_by_its_name(void **state)
{
    (void)state;
    write_preset("tiny", "cpu: {l1d: {ways: 1}}\n");
    assert_true(listen(load_step, "tiny"));
    assert_true(listen(bind_step, NULL));
    assert_int_equal(l1d.ways, 1);
}

static void the_command_line_overrides_files_and_its_last_word_counts(void **state)
{
    (void)state;
    write_file(file, "cpu: {l1d: {ways: 4}}\n");
    assert_true(listen(load_step, file));
    assert_true(listen(set_step, "cpu.l1d.ways=2"));
    assert_true(listen(set_step, "cpu.l1d.ways=16"));
    assert_true(listen(set_step, "board.label=a=b"));
    assert_true(listen(bind_step, NULL));
    assert_true(listen(all_used_step, NULL));
    assert_int_equal(l1d.ways, 16);
    assert_string_equal(board.label.s, "a=b");
}

static void several_structs_take_the_same_settings(void **state)
{
    (void)state;
    struct l1_cfg second;
    assert_accepted("cpu: {l1d: {ways: 3}}\n");
    assert_true(config_bind(config, "cpu.l1d", l1_params, ARRAY_LEN(l1_params), &second));
    assert_int_equal(second.ways, 3);
}

/* --- what is refused --- */

static void an_unknown_key_names_its_line_and_what_is_allowed_there(void **state)
{
    (void)state;
    assert_check_refused("cpu:\n  l1d:\n    ways: 4\n    wayz: 4\n",
                         ":4: cpu.l1d.wayz: unknown key, nothing in this machine uses it "
                         "(allowed below cpu.l1d: policy size_bytes ways)");
}

static void an_unknown_section_is_an_unknown_key(void **state)
{
    (void)state;
    assert_check_refused(
        "cpu: {l2: {ways: 4}}\n",
        ":1: cpu.l2.ways: unknown key, nothing in this machine uses it (allowed below cpu: l1d l1i)");
}

static void an_unknown_key_at_the_top_lists_the_sections(void **state)
{
    (void)state;
    assert_check_refused("\ncores: 4\n",
                         ":2: cores: unknown key, nothing in this machine uses it (allowed: board cpu)");
}

static void a_section_is_no_value(void **state)
{
    (void)state;
    assert_check_refused("cpu: 4\n",
                         ":1: cpu: unknown key, nothing in this machine uses it (allowed: board cpu)");
}

static void each_unknown_key_gets_its_message(void **state)
{
    (void)state;
    write_file(file, "a: 1\nb: 2\n");
    assert_true(listen(load_step, file));
    assert_true(listen(bind_step, NULL));
    assert_false(listen(all_used_step, NULL));
    assert_non_null(strstr(message, ":1: a: unknown key"));
    assert_non_null(strstr(message, ":2: b: unknown key"));
}

static void a_value_out_of_range_names_its_line_and_the_range(void **state)
{
    (void)state;
    assert_bind_refused("board:\n  cores: 65\n", ":2: board.cores: '65' is out of range (allowed: 1..64)");
}

static void a_wrong_unit_lists_the_units(void **state)
{
    (void)state;
    assert_bind_refused(
        "board:\n  frequency_hz: 3ns\n",
        ":2: board.frequency_hz: '3ns' has the wrong unit (allowed: 1MHz..10GHz; units Hz kHz MHz GHz)");
}

static void a_wrong_type_says_what_it_is_not(void **state)
{
    (void)state;
    assert_bind_refused("board:\n  cores: two\n", ":2: board.cores: 'two' is not a number (allowed: 1..64)");
}

static void a_wrong_switch_lists_the_words(void **state)
{
    (void)state;
    assert_bind_refused("board: {batching: maybe}\n",
                        ":1: board.batching: 'maybe' is not a switch (allowed: true|false|on|off)");
}

static void a_wrong_choice_lists_the_choices(void **state)
{
    (void)state;
    assert_bind_refused("cpu: {l1i: {policy: fifo}}\n",
                        ":1: cpu.l1i.policy: 'fifo' is not one of the choices (allowed: lru|random)");
}

static void a_duplicate_key_names_both_lines(void **state)
{
    (void)state;
    assert_load_refused("cpu:\n  l1d:\n    ways: 4\n    ways: 8\n",
                        ":4: cpu.l1d.ways: duplicate key (first on line 3)");
}

static void a_duplicate_key_in_another_notation_is_one_too(void **state)
{
    (void)state;
    assert_load_refused("cpu:\n  l1d: {ways: 4}\ncpu.l1d.ways: 8\n",
                        ":3: cpu.l1d.ways: duplicate key (first on line 2)");
}

static void a_list_is_refused(void **state)
{
    (void)state;
    assert_load_refused("board:\n  cores: [1, 2]\n", ":2: board.cores: a list where one value is expected");
}

static void a_missing_value_is_refused(void **state)
{
    (void)state;
    assert_load_refused("board:\n  cores:\n  label: x\n", ":2: board.cores: the value is missing");
}

static void an_alias_is_refused(void **state)
{
    (void)state;
    assert_load_refused("a: &x 1\nb: *x\n", ":2: b: anchors and aliases are not supported");
}

static void a_second_document_is_refused(void **state)
{
    (void)state;
    assert_load_refused("a: 1\n---\nb: 1\n", ":3: more than one document");
}

static void a_file_that_is_no_map_is_refused(void **state)
{
    (void)state;
    assert_load_refused("just words\n", ":1: 'key: value' lines are expected");
}

static void a_key_that_is_no_name_is_refused(void **state)
{
    (void)state;
    assert_load_refused("{[1]: 2}\n", ":1: a key must be a name");
}

static void broken_yaml_names_the_line(void **state)
{
    (void)state;
    write_file(file, "board:\n  cores: 1\n label: x\n");
    assert_false(listen(load_step, file));
    assert_true(strncmp(message + strlen(file), ":3: not YAML: ", 14) == 0);
}

static void a_binary_file_is_no_yaml(void **state)
{
    (void)state;
    write_file(file, "\x7f"
                     "ELF\x02\x01\x01");
    assert_false(listen(load_step, file));
    assert_non_null(strstr(message, ": not YAML: "));
}

static void a_missing_file_is_told_with_the_presets_that_exist(void **state)
{
    (void)state;
    char expected[256];
    write_preset("tiny", "");
    write_preset("huge", "");
    assert_false(listen(load_step, "smal"));
    assert_string_equal(message, "'smal' is neither a preset nor a YAML file (presets: huge tiny)\n");
    assert_false(listen(load_step, file));
    snprintf(expected, sizeof expected, "'%s' is neither a preset nor a YAML file (presets: huge tiny)\n",
             file);
    assert_string_equal(message, expected);
}

static void a_directory_is_no_configuration(void **state)
{
    (void)state;
    char *path = files_path(dir, "", "");
    assert_false(listen(load_step, path));
    assert_non_null(strstr(message, path));
    free(path);
}

static void a_missing_base_names_who_asks_for_it(void **state)
{
    (void)state;
    assert_load_refused("board: {cores: 2}\nbased_on: nothing\n",
                        ":2: based_on: 'nothing' is neither a preset nor a YAML file (presets: mine)");
}

static void files_based_on_each_other_are_refused(void **state)
{
    (void)state;
    write_preset("chicken", "based_on: egg\n");
    write_preset("egg", "based_on: chicken\n");
    assert_false(listen(load_step, "egg"));
    assert_non_null(strstr(message, "based_on: the files are based on each other in a circle\n"));
}

static void an_assignment_needs_a_path_and_a_value(void **state)
{
    (void)state;
    assert_false(listen(set_step, "board.cores"));
    assert_string_equal(message, "--set: 'board.cores' is not of the form path=value\n");
    assert_false(listen(set_step, "=3"));
    assert_string_equal(message, "--set: '=3' is not of the form path=value\n");
}

static void errors_of_the_command_line_name_it(void **state)
{
    (void)state;
    assert_true(listen(set_step, "board.cores=0"));
    assert_true(listen(set_step, "board.core=1"));
    assert_false(listen(bind_step, NULL));
    assert_string_equal(message, "--set: board.cores: '0' is out of range (allowed: 1..64)\n");
    assert_false(listen(all_used_step, NULL));
    assert_string_equal(message, "--set: board.core: unknown key, nothing in this machine uses it "
                                 "(allowed below board: batching cores frequency_hz label)\n");
}

/* --- what is written --- */

static char *written(const struct config *c)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    config_write(c, out);
    fclose(out);
    return text;
}

static void the_effective_configuration_is_complete(void **state)
{
    (void)state;
    assert_accepted("cpu: {l1d: {ways: 12}}\nboard: {label: 'say \"hi\"', frequency_hz: 3.1GHz}\n");
    char *text = written(config);
    assert_string_equal(text, "# The effective configuration: every parameter of the machine.\n"
                              "board:\n"
                              "  batching: true\n"
                              "  cores: 1\n"
                              "  frequency_hz: 3100MHz\n"
                              "  label: \"say \\\"hi\\\"\"\n"
                              "cpu:\n"
                              "  l1d:\n"
                              "    policy: lru\n"
                              "    size_bytes: 32KiB\n"
                              "    ways: 12\n"
                              "  l1i:\n"
                              "    policy: lru\n"
                              "    size_bytes: 32KiB\n"
                              "    ways: 8\n");
    free(text);
}

static void the_effective_configuration_reads_back_the_same(void **state)
{
    (void)state;
    assert_accepted("cpu: {l1i: {policy: random, size_bytes: 100}}\nboard: {cores: 3, batching: off}\n");
    char *first = written(config);
    config_free(config);
    config = config_new(dir);
    assert_accepted(first);
    char *second = written(config);
    assert_string_equal(first, second);
    assert_int_equal(l1i.size_bytes, 100);
    free(first);
    free(second);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nested_maps_and_dotted_keys_mean_the_same),
        T(an_empty_file_leaves_the_defaults),
        T(a_file_overrides_the_preset_that_it_is_based_on),
        T(a_file_may_be_based_on_a_file_beside_it),
        T(a_preset_is_loaded_by_its_name),
        T(the_command_line_overrides_files_and_its_last_word_counts),
        T(several_structs_take_the_same_settings),
        T(an_unknown_key_names_its_line_and_what_is_allowed_there),
        T(an_unknown_section_is_an_unknown_key),
        T(an_unknown_key_at_the_top_lists_the_sections),
        T(a_section_is_no_value),
        T(each_unknown_key_gets_its_message),
        T(a_value_out_of_range_names_its_line_and_the_range),
        T(a_wrong_unit_lists_the_units),
        T(a_wrong_type_says_what_it_is_not),
        T(a_wrong_switch_lists_the_words),
        T(a_wrong_choice_lists_the_choices),
        T(a_duplicate_key_names_both_lines),
        T(a_duplicate_key_in_another_notation_is_one_too),
        T(a_list_is_refused),
        T(a_missing_value_is_refused),
        T(an_alias_is_refused),
        T(a_second_document_is_refused),
        T(a_file_that_is_no_map_is_refused),
        T(a_key_that_is_no_name_is_refused),
        T(broken_yaml_names_the_line),
        T(a_binary_file_is_no_yaml),
        T(a_missing_file_is_told_with_the_presets_that_exist),
        T(a_directory_is_no_configuration),
        T(a_missing_base_names_who_asks_for_it),
        T(files_based_on_each_other_are_refused),
        T(an_assignment_needs_a_path_and_a_value),
        T(errors_of_the_command_line_name_it),
        T(the_effective_configuration_is_complete),
        T(the_effective_configuration_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
