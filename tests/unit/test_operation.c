/* test_operation.c - the tables of operations are complete and can be executed. */
#include "models/core/operation.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned uops_of(const struct operation *o)
{
    unsigned uops = 0;
    for (unsigned n = 0; n < OPERATION_STEPS; n++) uops += o->step[n].count;
    return uops;
}

static void check_steps(const struct operation *o)
{
    for (unsigned n = 0; n < OPERATION_STEPS && o->step[n].count; n++) {
        assert_true(o->step[n].by.busy >= 1);
        if (o->step[n].by.ports == 0) assert_int_equal(o->step[n].by.latency, 0);
    }
    assert_in_range(uops_of(o), 1, OPERATION_MAX_UOPS);
    assert_true(operation_latency(o) <= 255);
}

static void every_table_has_a_row_for_every_operation(void **state)
{
    (void)state;
    for (unsigned table = 0; table < TABLE_COUNT; table++)
        for (unsigned kind = 0; kind < UOP_KINDS; kind++) {
            assert_true(operation_tables[table][kind][ROW_NARROW].step[0].count > 0);
            for (unsigned row = 0; row < ROW_COUNT; row++)
                if (operation_tables[table][kind][row].step[0].count) check_steps(&operation_tables[table][kind][row]);
        }
}

static void a_wide_operation_without_a_row_is_the_narrow_one(void **state)
{
    (void)state;
    assert_ptr_equal(operation_find(TABLE_SKYLAKE, UOP_ALU, ROW_WIDE), operation_find(TABLE_SKYLAKE, UOP_ALU, ROW_NARROW));
    assert_null(operation_find(TABLE_SKYLAKE, UOP_ALU, ROW_FURTHER));
}

static void steps_add_up_and_wait_for_their_ports(void **state)
{
    (void)state;
    struct operation o = {.step = {{.count = 3, .by = {1, 2, 1}}, {.count = 2, .by = {3, 4, 1}},
                                   {.count = 5, .by = {1, 9, 1}, .aside = true}}};
    assert_int_equal(operation_latency(&o), 2 + 2 + 4); /* the third of one port begins two cycles late */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_has_a_row_for_every_operation),
        cmocka_unit_test(a_wide_operation_without_a_row_is_the_narrow_one),
        cmocka_unit_test(steps_add_up_and_wait_for_their_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
