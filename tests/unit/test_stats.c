/* test_stats.c - the registry of counters, measured regions, and files written whole or not at
 * all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/sim/files.h"
#include "models/sim/stats.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOY_STATS(S)                                                                                         \
    S(lookups, "tag lookups, all kinds")                                                                     \
    S(misses, "lookups that found no line")

struct toy {
    TOY_STATS(STAT_FIELD)
};

#define STAT_OF struct toy
static const struct stat_row toy_rows[] = {TOY_STATS(STAT_ROW)};
#undef STAT_OF

static char dir[64];
static struct toy toy;
static u64 cycles;
static struct stats *stats;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_stats.XXXXXX");
    assert_non_null(mkdtemp(dir));
    toy = (struct toy){.lookups = 10, .misses = 3};
    cycles = 1000;
    stats = stats_new();
    stats_add_rows(stats, "cpu0.l1d", toy_rows, ARRAY_LEN(toy_rows), &toy);
    stats_add(stats, "cpu0.cycles", "core cycles", &cycles);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    stats_free(stats);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static char *read_output(const char *name)
{
    char *path = files_path(dir, name, ""), *text = calloc(1, 65536);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, 65535, f) < 65535);
    fclose(f);
    free(path);
    return text;
}

static void assert_output(const char *name, const char *expected)
{
    char *text = read_output(name);
    assert_string_equal(text, expected);
    free(text);
}

static unsigned files_in_dir(void)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static void assert_value(const char *path, u64 expected)
{
    u64 value;
    assert_true(stats_find(stats, path, &value));
    assert_int_equal(value, expected);
}

static void assert_region_value(const char *path, u64 expected)
{
    u64 value;
    assert_true(stats_find_region(stats, path, &value));
    assert_int_equal(value, expected);
}

static void paths_are_sorted_and_found(void **state)
{
    (void)state;
    assert_int_equal(stats_count(stats), 3);
    assert_string_equal(stats_path(stats, 0), "cpu0.cycles");
    assert_string_equal(stats_path(stats, 1), "cpu0.l1d.lookups");
    assert_string_equal(stats_path(stats, 2), "cpu0.l1d.misses");
    assert_value("cpu0.l1d.misses", 3);
    toy.misses++;
    assert_value("cpu0.l1d.misses", 4);
    u64 value;
    assert_false(stats_find(stats, "cpu0.l1d", &value));
    assert_false(stats_find(stats, "cpu0.l1d.missesx", &value));
}

static void json_is_a_flat_sorted_map_of_integers(void **state)
{
    (void)state;
    toy.lookups = UINT64_MAX; /* beyond what a double holds */
    assert_true(stats_write(stats, dir, "stats", false));
    assert_output("stats.json", "{\n"
                                "  \"cpu0.cycles\": 1000,\n"
                                "  \"cpu0.l1d.lookups\": 18446744073709551615,\n"
                                "  \"cpu0.l1d.misses\": 3\n"
                                "}\n");
}

static void json_is_read_by_another_library(void **state)
{
    (void)state;
    assert_true(stats_write(stats, dir, "stats", false));
    char *path = files_path(dir, "stats", ".json");
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(root);
    assert_int_equal(json_object_size(root), 3);
    assert_int_equal(json_integer_value(json_object_get(root, "cpu0.l1d.lookups")), 10);
    json_decref(root);
    free(path);
}

static void text_is_aligned_and_says_what_is_counted(void **state)
{
    (void)state;
    assert_true(stats_write(stats, dir, "stats", false));
    assert_output("stats.txt", "cpu0.cycles                      1000  # core cycles\n"
                               "cpu0.l1d.lookups                   10  # tag lookups, all kinds\n"
                               "cpu0.l1d.misses                     3  # lookups that found no line\n");
}

static void a_region_is_the_difference_of_two_snapshots(void **state)
{
    (void)state;
    assert_false(stats_region_seen(stats));
    stats_region_begin(stats);
    assert_true(stats_region_seen(stats));
    cycles += 50;
    assert_region_value("cpu0.cycles", 50); /* not ended: to now */
    stats_region_end(stats);
    cycles += 7;
    assert_region_value("cpu0.cycles", 50);
    assert_value("cpu0.cycles", 1057);
    assert_true(stats_write(stats, dir, "stats", true));
    assert_output("stats.json",
                  "{\n  \"cpu0.cycles\": 50,\n  \"cpu0.l1d.lookups\": 0,\n  \"cpu0.l1d.misses\": 0\n}\n");
}

static void beginning_twice_starts_the_region_anew(void **state)
{
    (void)state;
    stats_region_begin(stats);
    cycles += 50;
    stats_region_end(stats);
    stats_region_begin(stats);
    cycles += 3;
    assert_region_value("cpu0.cycles", 3);
}

static void thousands_of_counters_keep_their_order(void **state)
{
    (void)state;
    static u64 values[5000];
    char path[32];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(path, sizeof path, "x.%u", i * 2654435761u);
        values[i] = i;
        stats_add(stats, path, "", &values[i]);
    }
    for (size_t i = 1; i < stats_count(stats); i++)
        assert_true(strcmp(stats_path(stats, i - 1), stats_path(stats, i)) < 0);
    snprintf(path, sizeof path, "x.%u", 4321 * 2654435761u);
    assert_value(path, 4321);
}

static void a_directory_that_is_not_there_is_told_by_errno(void **state)
{
    (void)state;
    errno = 0;
    assert_false(stats_write(stats, "/nonexistent", "stats", false));
    assert_int_equal(errno, ENOENT);
}

static void a_file_is_replaced_whole(void **state)
{
    (void)state;
    char *path = files_path(dir, "out", ".txt");
    struct whole_file f;
    assert_true(whole_file_begin(&f, path));
    fputs("old", f.out);
    assert_true(whole_file_commit(&f));
    assert_true(whole_file_begin(&f, path));
    fputs("new", f.out);
    fflush(f.out);
    assert_output("out.txt", "old"); /* nobody sees a file half-written */
    assert_true(whole_file_commit(&f));
    assert_output("out.txt", "new");
    assert_int_equal(files_in_dir(), 1);
    free(path);
}

static void an_abandoned_file_leaves_nothing(void **state)
{
    (void)state;
    char *path = files_path(dir, "out", ".txt");
    struct whole_file f;
    assert_true(whole_file_begin(&f, path));
    whole_file_abandon(&f);
    assert_int_equal(files_in_dir(), 0);
    free(path);
}

static void a_write_error_leaves_the_old_file(void **state)
{
    (void)state;
    char *path = files_path(dir, "out", ".txt");
    struct whole_file f;
    assert_true(whole_file_begin(&f, path));
    fputs("old", f.out);
    assert_true(whole_file_commit(&f));
    assert_true(whole_file_begin(&f, path));
    assert_non_null(freopen("/dev/full", "w", f.out));
    fputs("new", f.out);
    assert_false(whole_file_commit(&f));
    assert_int_equal(errno, ENOSPC);
    assert_output("out.txt", "old");
    assert_int_equal(files_in_dir(), 1);
    free(path);
}

static void directories_are_made_with_their_parents(void **state)
{
    (void)state;
    char *deep = files_path(dir, "a/b/c", ""), *under_file = files_path(dir, "f/x", ""),
         *file = files_path(dir, "f", "");
    assert_true(files_make_directories(deep));
    assert_true(files_make_directories(deep));
    struct stat s;
    assert_int_equal(stat(deep, &s), 0);
    assert_true(S_ISDIR(s.st_mode));
    fclose(fopen(file, "w"));
    assert_false(files_make_directories(under_file));
    assert_false(files_make_directories(file));
    assert_int_equal(errno, ENOTDIR);
    free(deep), free(under_file), free(file);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(paths_are_sorted_and_found),
        T(json_is_a_flat_sorted_map_of_integers),
        T(json_is_read_by_another_library),
        T(text_is_aligned_and_says_what_is_counted),
        T(a_region_is_the_difference_of_two_snapshots),
        T(beginning_twice_starts_the_region_anew),
        T(thousands_of_counters_keep_their_order),
        T(a_directory_that_is_not_there_is_told_by_errno),
        T(a_file_is_replaced_whole),
        T(an_abandoned_file_leaves_nothing),
        T(a_write_error_leaves_the_old_file),
        T(directories_are_made_with_their_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
