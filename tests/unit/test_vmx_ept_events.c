/* test_vmx_ept_events.c - virt-ext/ept_events.c: #VE and its information area, page-modification logging. */
#include "vmx_bench.h"

#define AT_VE_AREA 0x16000u
#define AT_LOG     0x17000u
#define GPA_HIT    0x1230008ull
#define VA_HIT     0x7008ull

static struct vmx_bench *in_guest_with(unsigned control)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->secondary_controls |= 1u << control;
    v->ve_information_address = AT_VE_AREA;
    v->eptp_index = 5;
    v->pml_address = AT_LOG;
    v->guest_pml_index = 511;
    bench_enter(b);
    return b;
}

static void violate(struct vmx_bench *b, bool convertible)
{
    b->h.fault = (struct fault){.kind = FAULT_EPT_VIOLATION,
                                .va = VA(VA_HIT),
                                .gpa = GPA(GPA_HIT),
                                .qualification = 0x181,
                                .convertible = convertible};
    isa_raise(&b->h);
}

/* --- #VE --- */

static void a_convertible_violation_is_a_virtualization_exception_of_the_guest(void **state)
{
    (void)state;
    struct vmx_bench *b = in_guest_with(SECONDARY_ept_violation_ve);
    violate(b, true);
    assert_int_equal(bench_exit(b), -1);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER(VEC_VE));
    assert_int_equal(bench_read64(b, AT_VE_AREA), 0xffffffffull << 32 | EXIT_ept_violation);
    assert_int_equal(bench_read64(b, AT_VE_AREA + 8), 0x181);
    assert_int_equal(bench_read64(b, AT_VE_AREA + 16), VA_HIT);
    assert_int_equal(bench_read64(b, AT_VE_AREA + 24), GPA_HIT);
    assert_int_equal(bench_read64(b, AT_VE_AREA + 32), 5);
    assert_int_equal(b->x.stats.virtualization_exceptions, 1);
    vmx_bench_free(b);
}

static void until_the_guest_clears_the_busy_word_violations_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = in_guest_with(SECONDARY_ept_violation_ve);
    violate(b, true);
    violate(b, true);
    assert_int_equal(bench_exit(b), EXIT_ept_violation);
    vmx_bench_free(b);
}

/* The exception bitmap sees #VE like any exception; the area is filled already. */
static void a_virtualization_exception_may_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->secondary_controls |= 1u << SECONDARY_ept_violation_ve;
    v->ve_information_address = AT_VE_AREA;
    v->exception_bitmap = 1u << VEC_VE;
    bench_enter(b);
    violate(b, true);
    assert_int_equal(bench_exit(b), EXIT_exception_or_nmi);
    assert_int_equal(v->exit_interruption_info, 1u << 31 | EVENT_HARDWARE << 8 | VEC_VE);
    assert_int_equal(bench_read64(b, AT_VE_AREA) >> 32, 0xffffffff);
    vmx_bench_free(b);
}

static void what_does_not_convert_exits(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        struct vmx_bench *b = in_guest_with(n == 0 ? SECONDARY_enable_rdtscp : SECONDARY_ept_violation_ve);
        if (n == 2) b->h.cr0 &= ~CR0_PE;
        if (n == 3) b->h.vectoring = (struct vectoring){.valid = true, .vector = 0x20};
        violate(b, n != 1);
        assert_int_equal(bench_exit(b), EXIT_ept_violation);
        assert_int_equal(bench_read64(b, AT_VE_AREA), 0);
        vmx_bench_free(b);
    }
}

/* --- page-modification logging --- */

static void the_log_grows_downwards(void **state)
{
    (void)state;
    struct vmx_bench *b = in_guest_with(SECONDARY_enable_pml);
    const struct mmu_ept_features *f = &b->told.ept_features;
    assert_true(b->told.virt.log_writes);
    assert_true(f->log_write(f->log_self, GPA(0x5000)));
    assert_true(f->log_write(f->log_self, GPA(0x9000)));
    assert_int_equal(bench_read64(b, AT_LOG + 8 * 511), 0x5000);
    assert_int_equal(bench_read64(b, AT_LOG + 8 * 510), 0x9000);
    assert_int_equal(bench_vmcs(b)->guest_pml_index, 509);
    assert_int_equal(b->x.stats.pages_logged, 2);
    vmx_bench_free(b);
}

static void the_last_entry_leaves_an_index_that_is_full(void **state)
{
    (void)state;
    struct vmx_bench *b = in_guest_with(SECONDARY_enable_pml);
    const struct mmu_ept_features *f = &b->told.ept_features;
    bench_vmcs(b)->guest_pml_index = 0;
    assert_true(f->log_write(f->log_self, GPA(0x5000)));
    assert_int_equal(bench_vmcs(b)->guest_pml_index, 0xffff);
    assert_false(f->log_write(f->log_self, GPA(0x6000)));
    assert_int_equal(bench_read64(b, AT_LOG), 0x5000);
    vmx_bench_free(b);
}

static void a_full_log_exits(void **state)
{
    (void)state;
    struct vmx_bench *b = in_guest_with(SECONDARY_enable_pml);
    b->h.fault = (struct fault){.kind = FAULT_LOG_FULL, .gpa = GPA(GPA_HIT), .nmi_unblocked = true};
    isa_raise(&b->h);
    assert_int_equal(bench_exit(b), EXIT_page_modification_log_full);
    assert_int_equal(bench_vmcs(b)->exit_qualification, BIT(12));
    assert_int_equal(bench_vmcs(b)->guest_rip, AT_GUEST);
    vmx_bench_free(b);
}

static void the_stores_are_references_that_take_time(void **state)
{
    (void)state;
    struct vmx_bench *b = in_guest_with(SECONDARY_enable_pml);
    const struct mmu_ept_features *f = &b->told.ept_features;
    static const struct insn_info some;
    record_reset(&b->record);
    b->h.record = &b->record;
    assert_true(f->log_write(f->log_self, GPA(0x5000))); /* of a fetch: not counted */
    assert_int_equal(b->record.n_accesses, 0);
    b->record.info = &some;
    assert_true(f->log_write(f->log_self, GPA(0x5000)));
    assert_int_equal(b->record.n_accesses, 1);
    assert_int_equal(b->record.access[0].at.v, AT_LOG + 8 * 510);
    assert_int_equal(b->record.access[0].kind, ACCESS_WRITE);
    assert_true(b->record.access[0].system);
    vmx_bench_free(b);
}

static void entries_tell_the_mmu_of_mode_based_execute_control(void **state)
{
    (void)state;
    struct vmx_bench *b = in_guest_with(SECONDARY_mode_based_execute);
    assert_true(b->told.virt.mode_based_execute);
    assert_false(b->told.virt.log_writes);
    CPUID(b);
    assert_false(b->told.virt.mode_based_execute);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convertible_violation_is_a_virtualization_exception_of_the_guest),
        cmocka_unit_test(until_the_guest_clears_the_busy_word_violations_exit),
        cmocka_unit_test(a_virtualization_exception_may_exit),
        cmocka_unit_test(what_does_not_convert_exits),
        cmocka_unit_test(the_log_grows_downwards),
        cmocka_unit_test(the_last_entry_leaves_an_index_that_is_full),
        cmocka_unit_test(a_full_log_exits),
        cmocka_unit_test(the_stores_are_references_that_take_time),
        cmocka_unit_test(entries_tell_the_mmu_of_mode_based_execute_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
