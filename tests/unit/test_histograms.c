/* test_histograms.c - histograms: buckets, percentiles, sums of parts, regions, and the file that tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/sim/stats.h"
#include "models/sim/stats_hist.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH "cpu0.walker.latency_cycles"

static struct stats *stats;
static char dir[] = "/tmp/gigogne-histograms-XXXXXX";

static int setup(void **state)
{
    (void)state;
    stats = stats_new();
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/histograms.json", dir);
    unlink(path);
    stats_free(stats);
    return rmdir(dir);
}

/* The histogram PATH as another library reads it. */
static json_t *written(bool region)
{
    char path[128];
    json_error_t error;
    assert_true(stats_write_histograms(stats, dir, "histograms", region));
    snprintf(path, sizeof path, "%s/histograms.json", dir);
    json_t *all = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(all);
    json_t *h = json_incref(json_object_get(all, PATH));
    json_decref(all);
    assert_non_null(h);
    return h;
}

static u64 number(const json_t *h, const char *key)
{
    assert_true(json_is_integer(json_object_get(h, key)));
    return (u64)json_integer_value(json_object_get(h, key));
}

static void expect(bool region, u64 count, u64 sum, u64 max)
{
    json_t *h = written(region);
    assert_int_equal(number(h, "count"), count);
    assert_int_equal(number(h, "sum"), sum);
    assert_int_equal(number(h, "max"), max);
    json_decref(h);
}

static void buckets_follow_each_other_without_gap_or_overlap(void **state)
{
    (void)state;
    assert_int_equal(histogram_bucket_from(0), 0);
    for (unsigned b = 0; b + 1 < HISTOGRAM_BUCKETS; b++) {
        assert_int_equal(histogram_bucket_to(b) + 1, histogram_bucket_from(b + 1));
        assert_int_equal(histogram_bucket_of(histogram_bucket_from(b)), b);
        assert_int_equal(histogram_bucket_of(histogram_bucket_to(b)), b);
    }
    assert_int_equal(histogram_bucket_from(HISTOGRAM_BUCKETS - 1), 1ull << 32);
    assert_int_equal(histogram_bucket_of(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
    assert_int_equal(histogram_bucket_to(HISTOGRAM_BUCKETS - 1), UINT64_MAX);
}

static void a_bucket_is_at_most_a_quarter_of_its_values_wide(void **state)
{
    (void)state;
    for (unsigned b = 1; b + 1 < HISTOGRAM_BUCKETS; b++)
        assert_true(4 * (histogram_bucket_to(b) - histogram_bucket_from(b) + 1) <= histogram_bucket_from(b) || b < 8);
    for (u64 value = 0; value < 8; value++) assert_int_equal(histogram_bucket_from((unsigned)value), value);
}

static void a_percentile_is_the_bucket_of_the_value_with_that_rank(void **state)
{
    (void)state;
    struct histogram h = {0};
    for (u64 value = 1; value <= 100; value++) histogram_add(&h, value);
    static const unsigned percents[] = {1, 10, 50, 90, 99, 100};
    for (unsigned i = 0; i < ARRAY_LEN(percents); i++)
        assert_int_equal(histogram_percentile(&h, percents[i]), histogram_bucket_of(percents[i]));
    histogram_add(&h, 1000);
    assert_int_equal(histogram_percentile(&h, 50), histogram_bucket_of(51));
}

static void the_file_says_what_was_counted(void **state)
{
    (void)state;
    struct histogram h = {0};
    stats_add_histogram(stats, PATH, "page walks", &h, 1);
    histogram_add(&h, 5);
    histogram_add(&h, 33);
    histogram_add(&h, 38);
    json_t *j = written(false), *bucket = json_array_get(json_object_get(j, "buckets"), 1);
    assert_string_equal(json_string_value(json_object_get(j, "meaning")), "page walks");
    assert_string_equal(json_string_value(json_object_get(j, "unit")), "cycles");
    assert_true(json_number_value(json_object_get(j, "mean")) > 25.33 &&
                json_number_value(json_object_get(j, "mean")) < 25.34);
    assert_int_equal(json_array_size(json_object_get(j, "buckets")), 2);
    assert_int_equal(number(bucket, "from"), 32);
    assert_int_equal(number(bucket, "to"), 39);
    assert_int_equal(number(bucket, "count"), 2);
    assert_int_equal(number(json_object_get(j, "p99"), "from"), 32);
    assert_int_equal(number(json_object_get(j, "p99"), "to"), 38); /* not above the maximum */
    json_decref(j);
}

static void nothing_counted_has_neither_mean_nor_percentiles(void **state)
{
    (void)state;
    struct histogram h = {0};
    stats_add_histogram(stats, PATH, "page walks", &h, 1);
    json_t *j = written(false);
    assert_true(json_is_null(json_object_get(j, "mean")) && json_is_null(json_object_get(j, "p50")));
    assert_int_equal(json_array_size(json_object_get(j, "buckets")), 0);
    json_decref(j);
}

static void the_last_bucket_has_no_end(void **state)
{
    (void)state;
    struct histogram h = {0};
    stats_add_histogram(stats, PATH, "page walks", &h, 1);
    histogram_add(&h, 1ull << 40);
    json_t *j = written(false);
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(j, "buckets"), 0), "to")));
    assert_int_equal(number(json_object_get(j, "p50"), "to"), 1ull << 40);
    json_decref(j);
}

static void a_region_is_a_difference_with_a_maximum_of_its_own(void **state)
{
    (void)state;
    struct histogram h = {0};
    stats_add_histogram(stats, PATH, "page walks", &h, 1);
    histogram_add(&h, 900);
    stats_region_begin(stats);
    histogram_add(&h, 20);
    expect(true, 1, 20, 20);
    stats_region_end(stats);
    histogram_add(&h, 30);
    expect(true, 1, 20, 20);
    expect(false, 3, 950, 900);
}

static void a_total_is_the_sum_of_its_parts_in_the_region_too(void **state)
{
    (void)state;
    struct histogram h[3] = {0};
    stats_add_histogram(stats, PATH, "page walks", h, 3);
    stats_add_histogram(stats, "cpu0.walker.latency_4k_cycles", "of one kind", &h[1], 1);
    histogram_add(&h[1], 700);
    stats_region_begin(stats);
    histogram_add(&h[0], 7);
    histogram_add(&h[2], 40);
    expect(true, 2, 47, 40);
    expect(false, 3, 747, 700);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_follow_each_other_without_gap_or_overlap),
        cmocka_unit_test(a_bucket_is_at_most_a_quarter_of_its_values_wide),
        cmocka_unit_test(a_percentile_is_the_bucket_of_the_value_with_that_rank),
        T(the_file_says_what_was_counted),
        T(nothing_counted_has_neither_mean_nor_percentiles),
        T(the_last_bucket_has_no_end),
        T(a_region_is_a_difference_with_a_maximum_of_its_own),
        T(a_total_is_the_sum_of_its_parts_in_the_region_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
