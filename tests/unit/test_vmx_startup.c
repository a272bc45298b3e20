/* test_vmx_startup.c - INIT and start-up IPI in a guest: SDM Vol. 3C, "Other Causes of VM Exits". */
#include "vmx_bench.h"

static void init_exits_from_every_state_but_wait_for_sipi(void **state)
{
    (void)state;
    for (u8 activity = ACTIVITY_ACTIVE; activity <= ACTIVITY_WAIT_SIPI; activity++) {
        struct vmx_bench *b = vmx_bench_ready(NULL);
        bench_vmcs(b)->guest_activity = activity;
        bench_enter(b);
        hart_raise_init(&b->h);
        assert_true(isa_would_wake(&b->h));
        bool exits = isa_take_attention(&b->h);
        assert_int_equal(exits, activity != ACTIVITY_WAIT_SIPI);
        assert_int_equal(bench_exit(b), exits ? EXIT_init_signal : -1);
        if (exits) assert_int_equal(bench_vmcs(b)->guest_activity, activity);
        if (exits) assert_false(isa_take_attention(&b->h)); /* it is taken */
        vmx_bench_free(b);
    }
}

static void startup_exits_only_from_wait_for_sipi_and_tells_its_vector(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->guest_activity = ACTIVITY_WAIT_SIPI;
    bench_enter(b);
    hart_raise_startup(&b->h, 0x9a);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(bench_exit(b), EXIT_sipi);
    assert_int_equal(bench_vmcs(b)->exit_qualification, 0x9a);
    bench_vmcs(b)->guest_activity = ACTIVITY_ACTIVE;
    bench_enter(b);
    hart_raise_startup(&b->h, 0x9a);
    assert_false(isa_take_attention(&b->h));
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_exits_from_every_state_but_wait_for_sipi),
        cmocka_unit_test(startup_exits_only_from_wait_for_sipi_and_tells_its_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
