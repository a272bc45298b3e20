/* test_topology.c - distances, and lines spread over slices. */
#include "interconnect/topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { CROSSBAR, RING, MESH };

static const struct topology ring = {
    .choice = RING, .slices = 8, .columns = 1, .hop_cycles = 10, .stop_cycles = 2};
static const struct topology mesh = {
    .choice = MESH, .slices = 12, .columns = 4, .hop_cycles = 10, .stop_cycles = 3};

static void a_crossbar_is_the_same_way_from_everywhere(void **state)
{
    const struct topology t = {
        .choice = CROSSBAR, .slices = 8, .columns = 1, .hop_cycles = 4, .stop_cycles = 9};

    (void)state;
    for (u32 from = 0; from < 8; from++)
        for (u32 to = 0; to < 8; to++) assert_int_equal(topology_cycles(&t, from, to), 4);
}

static void a_ring_takes_the_shorter_way_round(void **state)
{
    (void)state;
    assert_int_equal(topology_cycles(&ring, 0, 0), 10);
    assert_int_equal(topology_cycles(&ring, 0, 4), 10 + 2 * 4);
    assert_int_equal(topology_cycles(&ring, 0, 5), 10 + 2 * 3);
    assert_int_equal(topology_cycles(&ring, 7, 0), 10 + 2 * 1);
}

static void a_mesh_goes_along_row_and_column(void **state)
{
    (void)state;
    assert_int_equal(topology_cycles(&mesh, 0, 11), 10 + 3 * (2 + 3));
    assert_int_equal(topology_cycles(&mesh, 5, 6), 10 + 3);
    assert_int_equal(topology_cycles(&mesh, 1, 9), 10 + 3 * 2);
}

static void distances_are_symmetric(void **state)
{
    (void)state;
    for (u32 a = 0; a < 8; a++)
        for (u32 b = 0; b < 8; b++) {
            assert_int_equal(topology_cycles(&ring, a, b), topology_cycles(&ring, b, a));
            assert_int_equal(topology_cycles(&mesh, a, b), topology_cycles(&mesh, b, a));
        }
}

/* Any stride that is a power of two spreads over 28 slices as evenly as consecutive lines do, within a quarter. */
static void strides_spread_over_the_slices(void **state)
{
    const struct topology t = {.choice = MESH, .slices = 28, .columns = 6};

    (void)state;
    for (unsigned shift = 0; shift < 16; shift++) {
        unsigned count[28] = {0};

        for (u64 n = 0; n < 28000; n++) count[topology_slice(&t, n << shift)]++;
        for (unsigned slice = 0; slice < 28; slice++) assert_in_range(count[slice], 750, 1250);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crossbar_is_the_same_way_from_everywhere),
        cmocka_unit_test(a_ring_takes_the_shorter_way_round),
        cmocka_unit_test(a_mesh_goes_along_row_and_column),
        cmocka_unit_test(distances_are_symmetric),
        cmocka_unit_test(strides_spread_over_the_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
