/* test_report.c - the few lines at the end of a run say what the statistics say, of the region if there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/board/report.h"
#include <stdlib.h>
#include <string.h>

static struct stats *stats;
static u64 cycles, instructions, base, dram, tiny, retiring, memory, exits, out_cycles, root_cycles, in_cycles;

static int setup(void **state)
{
    (void)state;
    cycles = instructions = base = dram = tiny = retiring = memory = exits = out_cycles = root_cycles = in_cycles = 0;
    stats = stats_new();
    stats_add(stats, "cpu0.cycles", "", &cycles);
    stats_add(stats, "cpu0.instructions", "", &instructions);
    stats_add(stats, "cpu0.account.native.base", "", &base);
    stats_add(stats, "cpu0.account.native.dram_data", "", &dram);
    stats_add(stats, "cpu0.account.native.idle", "", &tiny);
    stats_add(stats, "cpu0.topdown.retiring", "", &retiring);
    stats_add(stats, "cpu0.topdown.memory", "", &memory);
    stats_add(stats, "cpu0.topdown.cycles", "", &cycles);
    stats_add(stats, "cpu0.vmx.exits_total", "", &exits);
    stats_add(stats, "cpu0.vmx.exits.cpuid.cycles_out", "", &out_cycles);
    stats_add(stats, "cpu0.vmx.exits.cpuid.cycles_root", "", &root_cycles);
    stats_add(stats, "cpu0.vmx.exits.hlt.cycles_in", "", &in_cycles);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stats_free(stats);
    return 0;
}

static void run(u64 n)
{
    instructions += 100 * n;
    cycles += 200 * n;
    base += 60 * n;
    dram += 139 * n;
    tiny += n;
    retiring += 80 * n;
    memory += 720 * n;
}

static void expect(const char *text)
{
    char *got;
    size_t bytes;
    FILE *f = open_memstream(&got, &bytes);
    report_print(stats, 2, f);
    fclose(f);
    assert_string_equal(got, text);
    free(got);
}

static void cycles_and_slots_come_largest_first_and_small_ones_are_left_out(void **state)
{
    (void)state;
    run(1);
    expect("cpu0: 100 instructions, 200 cycles, CPI 2.00\n"
           "  cycles: native.dram_data 70 %, native.base 30 %\n"
           "  slots:  memory 90 %, retiring 10 %\n");
}

static void a_region_is_told_instead_of_the_whole_run(void **state)
{
    (void)state;
    run(1000);
    stats_region_begin(stats);
    run(3);
    stats_region_end(stats);
    run(1000);
    expect("cpu0, measured region: 300 instructions, 600 cycles, CPI 2.00\n"
           "  cycles: native.dram_data 70 %, native.base 30 %\n"
           "  slots:  memory 90 %, retiring 10 %\n");
}

static void exits_are_told_with_what_each_took(void **state)
{
    (void)state;
    run(1);
    memory = retiring = 0; /* no out-of-order core */
    exits = 2;
    out_cycles = 20;
    root_cycles = 30;
    in_cycles = 50;
    expect("cpu0: 100 instructions, 200 cycles, CPI 2.00\n"
           "  cycles: native.dram_data 70 %, native.base 30 %\n"
           "  VM exits: 2; each 10 cycles out, 15 in the hypervisor, 25 back in\n");
}

static void a_processor_that_did_not_run_is_not_told(void **state)
{
    (void)state;
    cycles = 10;
    expect("");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(cycles_and_slots_come_largest_first_and_small_ones_are_left_out),
        T(a_region_is_told_instead_of_the_whole_run),
        T(exits_are_told_with_what_each_took),
        T(a_processor_that_did_not_run_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
