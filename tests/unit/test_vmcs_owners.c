/* test_vmcs_owners.c - a VMCS belongs to one processor at a time: SDM Vol. 3C, "Software Use of the VMCS and Related
 * Structures". Two processors over one memory; what software does against the rule works, is counted and explained. */
#include "virt-ext/internal.h"
#include "vmx_bench.h"

struct machine {
    struct vmcs_owners owners;
    struct vmx_bench *cpu[2];
};

/* Both in VMX operation, with VMXON regions of their own. */
static struct machine *machine_new(void)
{
    struct machine *m = calloc(1, sizeof *m);
    for (unsigned n = 0; n < 2; n++) {
        struct vmx_bench *b = m->cpu[n] = vmx_bench_new(NULL);
        b->h.id = n;
        b->x.owners = &m->owners;
        bench_write64(b, AT_VMCS, b->x.cfg.revision);
        bench_write64(b, AT_OTHER_VMCS, b->x.cfg.revision);
    }
    bench_turn_on(m->cpu[0]);
    bench_write64(m->cpu[1], AT_MSR_LIST, m->cpu[1]->x.cfg.revision);
    bench_point_at(m->cpu[1], AT_MSR_LIST);
    assert_int_equal(bench_result(m->cpu[1], VMXON(m->cpu[1])), SUCCEEDED);
    return m;
}

static void machine_free(struct machine *m)
{
    for (unsigned n = 0; n < 2; n++) vmx_bench_free(m->cpu[n]);
    free(m);
}

static void load(struct machine *m, unsigned cpu, u64 region)
{
    bench_point_at(m->cpu[cpu], region);
    assert_int_equal(bench_result(m->cpu[cpu], VMPTRLD(m->cpu[cpu])), SUCCEEDED);
}

static void clear(struct machine *m, unsigned cpu, u64 region)
{
    bench_point_at(m->cpu[cpu], region);
    assert_int_equal(bench_result(m->cpu[cpu], VMCLEAR(m->cpu[cpu])), SUCCEEDED);
}

static void assert_hazards(const struct machine *m, u64 of_cpu0, u64 of_cpu1)
{
    assert_int_equal(m->cpu[0]->x.stats.hazards, of_cpu0);
    assert_int_equal(m->cpu[1]->x.stats.hazards, of_cpu1);
}

/* The last one of a processor: which, and in words. */
static void assert_explained(const struct machine *m, unsigned cpu, enum vmx_hazard hazard, const char *words)
{
    static char text[4096];
    memset(text, 0, sizeof text);
    FILE *out = fmemopen(text, sizeof text, "w");
    vmx_print_failure(&m->cpu[cpu]->x, out);
    fclose(out);
    assert_int_equal(m->cpu[cpu]->x.failure.hazard, hazard);
    if (!strstr(text, words)) fail_msg("no '%s' in:\n%s", words, text);
    assert_non_null(strstr(text, "manual:      SDM Vol. 3C, \""));
    assert_non_null(strstr(text, "undefined:   here, "));
}

static void a_vmcs_moves_when_it_is_cleared_where_it_was_active(void **state)
{
    (void)state;
    struct machine *m = machine_new();
    for (unsigned turn = 0; turn < 4; turn++) {
        load(m, turn % 2, AT_VMCS);
        load(m, turn % 2, AT_OTHER_VMCS);
        load(m, turn % 2, AT_VMCS); /* its own, again */
        clear(m, turn % 2, AT_VMCS);
        clear(m, turn % 2, AT_OTHER_VMCS);
    }
    assert_hazards(m, 0, 0);
    assert_int_equal(m->owners.n, 2); /* the VMXON regions */
    machine_free(m);
}

static void loading_a_vmcs_that_is_active_elsewhere_is_told(void **state)
{
    (void)state;
    struct machine *m = machine_new();
    load(m, 0, AT_VMCS);
    load(m, 1, AT_VMCS);
    assert_hazards(m, 0, 1);
    assert_explained(m, 1, HAZARD_vmcs_active_elsewhere, "the VMCS is active on cpu0\n");
    assert_int_equal(m->cpu[1]->x.failure.operand, AT_VMCS);
    load(m, 0, AT_VMCS); /* both have it now */
    assert_explained(m, 0, HAZARD_vmcs_active_elsewhere, "the VMCS is active on cpu1\n");
    assert_hazards(m, 1, 1);
    machine_free(m);
}

static void it_stays_active_while_another_one_is_current(void **state)
{
    (void)state;
    struct machine *m = machine_new();
    load(m, 0, AT_VMCS);
    load(m, 0, AT_OTHER_VMCS);
    load(m, 1, AT_VMCS);
    assert_hazards(m, 0, 1);
    machine_free(m);
}

static void clearing_it_elsewhere_does_not_end_that_it_is_active(void **state)
{
    (void)state;
    struct machine *m = machine_new();
    load(m, 0, AT_VMCS);
    clear(m, 1, AT_VMCS);
    assert_hazards(m, 0, 1);
    assert_explained(m, 1, HAZARD_vmclear_elsewhere, "the VMCS is active on cpu0, where it stays active\n");
    load(m, 1, AT_VMCS);
    assert_hazards(m, 0, 2);
    clear(m, 1, AT_VMCS);
    clear(m, 0, AT_VMCS);
    load(m, 1, AT_VMCS);
    assert_hazards(m, 0, 3); /* the VMCLEAR while both had it, and nothing more */
    machine_free(m);
}

static void vmxoff_with_an_active_vmcs_is_told_when_it_is_used_again(void **state)
{
    (void)state;
    struct machine *m = machine_new();
    load(m, 0, AT_VMCS);
    load(m, 0, AT_OTHER_VMCS);
    clear(m, 0, AT_OTHER_VMCS);
    assert_int_equal(bench_result(m->cpu[0], VMXOFF(m->cpu[0])), SUCCEEDED);
    assert_hazards(m, 0, 0);
    load(m, 1, AT_OTHER_VMCS);
    assert_hazards(m, 0, 0);
    load(m, 1, AT_VMCS);
    assert_hazards(m, 0, 1);
    assert_explained(m, 1, HAZARD_vmcs_left_active, "the VMCS was active on cpu0 when that left VMX operation\n");
    load(m, 1, AT_VMCS);
    assert_hazards(m, 0, 1);
    machine_free(m);
}

static void vmclear_makes_it_good_after_vmxoff(void **state)
{
    (void)state;
    struct machine *m = machine_new();
    load(m, 0, AT_VMCS);
    assert_int_equal(bench_result(m->cpu[0], VMXOFF(m->cpu[0])), SUCCEEDED);
    clear(m, 1, AT_VMCS);
    load(m, 1, AT_VMCS);
    assert_hazards(m, 0, 0);
    machine_free(m);
}

static void a_vmxon_region_is_one_processors_until_vmxoff(void **state)
{
    (void)state;
    struct machine *m = machine_new();
    assert_int_equal(bench_result(m->cpu[1], VMXOFF(m->cpu[1])), SUCCEEDED);
    bench_write64(m->cpu[1], AT_VMXON, m->cpu[1]->x.cfg.revision);
    bench_point_at(m->cpu[1], AT_VMXON);
    assert_int_equal(bench_result(m->cpu[1], VMXON(m->cpu[1])), SUCCEEDED);
    assert_hazards(m, 0, 1);
    assert_explained(m, 1, HAZARD_vmxon_region_shared, "the VMXON region is that of cpu0, which is in VMX operation\n");
    assert_int_equal(bench_result(m->cpu[1], VMXOFF(m->cpu[1])), SUCCEEDED);
    assert_int_equal(bench_result(m->cpu[0], VMXOFF(m->cpu[0])), SUCCEEDED);
    bench_point_at(m->cpu[1], AT_VMXON);
    assert_int_equal(bench_result(m->cpu[1], VMXON(m->cpu[1])), SUCCEEDED);
    assert_hazards(m, 0, 1);
    machine_free(m);
}

static void more_regions_than_places_are_not_watched(void **state)
{
    (void)state;
    struct vmcs_owners o = {0};
    unsigned peer = 9;
    for (u64 n = 0; n <= VMCS_OWNERS_MAX; n++) assert_int_equal(vmcs_owners_load(&o, 3, n << 12, &peer), HAZARD_none);
    assert_int_equal(vmcs_owners_load(&o, 15, (VMCS_OWNERS_MAX - 1) << 12, &peer), HAZARD_vmcs_active_elsewhere);
    assert_int_equal(peer, 3);
    assert_int_equal(vmcs_owners_load(&o, 15, (u64)VMCS_OWNERS_MAX << 12, &peer), HAZARD_none);
    assert_int_equal(vmcs_owners_clear(&o, 3, 0, &peer), HAZARD_none);
    assert_int_equal(o.n, VMCS_OWNERS_MAX - 1);
    assert_int_equal(o.owner[0].region, (VMCS_OWNERS_MAX - 1) << 12); /* the last one fills the gap */
    vmcs_owners_vmxoff(&o, 3);
    vmcs_owners_vmxoff(&o, 15);
    assert_int_equal(o.n, VMCS_OWNERS_MAX - 1); /* left active, all of them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vmcs_moves_when_it_is_cleared_where_it_was_active),
        cmocka_unit_test(loading_a_vmcs_that_is_active_elsewhere_is_told),
        cmocka_unit_test(it_stays_active_while_another_one_is_current),
        cmocka_unit_test(clearing_it_elsewhere_does_not_end_that_it_is_active),
        cmocka_unit_test(vmxoff_with_an_active_vmcs_is_told_when_it_is_used_again),
        cmocka_unit_test(vmclear_makes_it_good_after_vmxoff),
        cmocka_unit_test(a_vmxon_region_is_one_processors_until_vmxoff),
        cmocka_unit_test(more_regions_than_places_are_not_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
