/* The MMU under EPT: flags, violations, misconfigurations. Each test that can runs in functional and in timed
 * mode. */
#include "mmu_bench.h"

#define VA_PAGE 0x00007f1234567000ull
#define PAGE_A  (4 * MiB)
#define PAGE_B  (5 * MiB)

#define READ  ACCESS_READ
#define WRITE ACCESS_WRITE
#define FETCH ACCESS_FETCH

/* Host pages of 4 KiB everywhere. */
static struct bench *new_nested(bool timed)
{
    struct bench *b = bench_new(&bench_default_cfg, 4, 4, timed);
    bench_map_ept_identity(b, 12);
    return b;
}

#define FOR_BOTH_MODES(timed) for (int timed = 0; timed < 2; timed++)

static u64 ept_flags(struct bench *b, u64 gpa, unsigned level)
{
    return *bench_ept_entry(b, gpa, level) & (EPT_A | EPT_D);
}

static void ept_flags_are_kept_only_when_the_ept_pointer_says_so(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned flags = 0; flags < 2; flags++) {
            struct bench *b = bench_new(&bench_default_cfg, 4, 4, timed);
            for (u64 at = 0; at < RAM_BYTES; at += PAGE_BYTES) bench_map_ept(b, at, at, 12, EPT_RWX);
            *bench_ept_entry(b, PAGE_A, 2) &= ~EPT_A;
            b->host_flags = flags;
            bench_context(b, 0);
            bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
            bench_expect(b, VA_PAGE, READ, false, PAGE_A);
            assert_int_equal(ept_flags(b, PAGE_A, 1), flags ? EPT_A : 0);
            assert_int_equal(ept_flags(b, PAGE_A, 2), flags ? EPT_A : 0);
            /* the guest's tables were only read, but count as written */
            assert_int_equal(ept_flags(b, b->cr3, 1), flags ? EPT_A | EPT_D : 0);
            bench_expect(b, VA_PAGE, WRITE, false, PAGE_A);
            assert_int_equal(ept_flags(b, PAGE_A, 1), flags ? EPT_A | EPT_D : 0);
            bench_free(b);
        }
}

/* --- EPT violations and misconfigurations --- */

#define Q_LINEAR    BIT(7)
#define Q_FINAL     BIT(8)
#define Q_USER_PAGE BIT(9)
#define Q_WRITABLE  BIT(10)
#define Q_XD        BIT(11)
#define Q_RIGHTS(r) ((u64)(r) << 3)

static void a_violation_tells_access_and_the_rights_that_all_levels_grant(void **unused)
{
    static const struct {
        u64 rights;
        enum access access;
        u64 asked;
    } cases[] = {{1, WRITE, 2}, {5, WRITE, 2}, {1, FETCH, 4}, {3, FETCH, 4}, {4, READ, 1}, {4, WRITE, 2}};
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned level = 1; level <= 4; level++)
            for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
                struct bench *b = new_nested(timed);
                u64 gpa = BIT(40) | PAGE_A; /* its own EPT tables at all levels */
                bench_map_ept(b, gpa, PAGE_A, 12, EPT_RWX);
                u64 *e = bench_ept_entry(b, gpa, level);
                *e = (*e & ~7ull) | cases[i].rights;
                bench_map(b, VA_PAGE, gpa, 12, PTE_ALL);
                bench_expect_violation(b, VA_PAGE | 0x88, cases[i].access, gpa | 0x88,
                                       cases[i].asked | Q_RIGHTS(cases[i].rights) | Q_LINEAR | Q_FINAL |
                                           Q_USER_PAGE | Q_WRITABLE);
                bench_free(b);
            }
}

static void an_absent_host_page_is_a_violation_with_no_rights(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_nested(timed);
        *bench_ept_entry(b, PAGE_A, 1) = 0;
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_A | PTE_XD);
        bench_expect_violation(b, VA_PAGE, READ, PAGE_A, 1 | Q_LINEAR | Q_FINAL | Q_XD);
        bench_free(b);
    }
}

static void advanced_information_is_a_capability(void **unused)
{
    struct bench *b = new_nested(true);
    (void)unused;
    mmu_set_ept_features(&b->m, &(struct mmu_ept_features){.pages_2m = true});
    *bench_ept_entry(b, PAGE_A, 1) = 0;
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
    bench_expect_violation(b, VA_PAGE, READ, PAGE_A, 1 | Q_LINEAR | Q_FINAL);
    bench_free(b);
}

static void a_guest_table_without_host_page_is_a_violation_not_of_the_final_address(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned flags = 0; flags < 2; flags++) {
            struct bench *b = new_nested(timed);
            b->host_flags = flags;
            bench_context(b, 0);
            bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
            u64 pte = *bench_guest_entry(b, VA_PAGE, 2) & ENTRY_ADDRESS;
            *bench_ept_entry(b, pte, 1) = 0;
            /* with EPT A/D flags the read of a table counts as a write too */
            bench_expect_violation(b, VA_PAGE, READ, pte + 8 * (VA_PAGE >> 12 & 511),
                                   (flags ? 3 : 1) | Q_LINEAR);
            bench_free(b);
        }
}

static void a_write_protected_guest_table_faults_only_where_a_flag_must_be_set(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_nested(timed);
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_W | PTE_A);
        u64 pte = *bench_guest_entry(b, VA_PAGE, 2) & ENTRY_ADDRESS;
        *bench_ept_entry(b, pte, 1) &= ~2ull;
        bench_expect(b, VA_PAGE, READ, false, PAGE_A);
        for (unsigned i = 0; i < 2; i++)
            bench_expect_violation(b, VA_PAGE, WRITE, pte + 8 * (VA_PAGE >> 12 & 511),
                                   2 | Q_RIGHTS(5) | Q_LINEAR);
        *bench_ept_entry(b, pte, 1) |=
            2; /* more rights need no INVEPT: the violation dropped what was cached */
        bench_expect(b, VA_PAGE, WRITE, false, PAGE_A);
        assert_int_equal(*bench_guest_entry(b, VA_PAGE, 1) & PTE_D, PTE_D);
        bench_free(b);
    }
}

static void page_faults_come_before_violations_of_the_page(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_nested(timed);
        *bench_ept_entry(b, PAGE_A, 1) = 0;
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P);
        bench_expect_page_fault(b, VA_PAGE, WRITE, false, PF_P | PF_W);
        bench_free(b);
    }
}

static void a_misconfigured_entry_names_the_guest_physical_address(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned level = 1; level <= 4; level++) {
            struct bench *b = new_nested(timed);
            struct translation t;
            u64 gpa = BIT(40) | PAGE_A;
            bench_map_ept(b, gpa, PAGE_A, 12, EPT_RWX);
            *bench_ept_entry(b, gpa, level) &= ~1ull; /* write without read */
            bench_map(b, VA_PAGE, gpa, 12, PTE_ALL);
            assert_false(bench_translate(b, VA_PAGE | 7, READ, false, &t));
            assert_int_equal(b->h.fault.kind, FAULT_EPT_MISCONFIG);
            assert_int_equal(b->h.fault.gpa.v, gpa | 7);
            bench_free(b);
        }
}

static void execute_only_host_pages_need_the_capability(void **unused)
{
    (void)unused;
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        struct bench *b = new_nested(true);
        struct translation t;
        mmu_set_ept_features(&b->m, &(struct mmu_ept_features){.execute_only = allowed});
        bench_context(b, 0);
        bench_map_ept(b, PAGE_A, PAGE_A, 12, 4);
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
        assert_int_equal(bench_translate(b, VA_PAGE, FETCH, false, &t), allowed);
        if (!allowed) assert_int_equal(b->h.fault.kind, FAULT_EPT_MISCONFIG);
        bench_free(b);
    }
}

static void without_paging_ept_still_translates_and_every_page_counts_as_the_users(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_nested(timed);
        bench_map_ept(b, PAGE_A, PAGE_B, 12, 5);
        b->h.cr0 = CR0_PE;
        b->h.efer = 0;
        bench_context(b, 0);
        bench_expect(b, PAGE_A | 9, READ, false, PAGE_B | 9);
        bench_expect(b, PAGE_A | 9, FETCH, false, PAGE_B | 9);
        bench_expect_violation(b, PAGE_A, WRITE, PAGE_A,
                               2 | Q_RIGHTS(5) | Q_LINEAR | Q_FINAL | Q_USER_PAGE | Q_WRITABLE);
        bench_free(b);
    }
}

static void an_address_of_vmx_itself_has_no_linear_address(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_nested(timed);
        hpa_t at;
        bench_map_ept(b, PAGE_A, PAGE_B, 12, 1);
        assert_true(mmu_guest_physical(&b->m, &b->h, GPA(PAGE_A | 8), READ, &at));
        assert_int_equal(at.v, PAGE_B | 8);
        assert_false(mmu_guest_physical(&b->m, &b->h, GPA(PAGE_A | 8), WRITE, &at));
        assert_int_equal(b->h.fault.kind, FAULT_EPT_VIOLATION);
        assert_int_equal(b->h.fault.qualification, 2 | Q_RIGHTS(1));
        bench_free(b);
    }
}

/* --- mode-based execute control, suppressed #VE, page-modification logging --- */

#define EPT_XU BIT(10)

static void mode_based_execute(struct bench *b)
{
    struct mmu_virt v = {.ept = true, .eptp = bench_eptp(b), .mode_based_execute = true};
    mmu_set_virt(&b->m, &b->h, &v);
}

/* SDM Vol. 3C, "EPT Violations": bit 2 for supervisor-mode, bit 10 for user-mode linear addresses. */
static void mode_based_execute_control_tells_user_from_supervisor_fetches(void **unused)
{
    (void)unused;
    static const u64 rights[] = {1, 1 | 4, 1 | EPT_XU, 1 | 4 | EPT_XU};
    for (int timed = 0; timed < 2; timed++)
        for (unsigned n = 0; n < ARRAY_LEN(rights); n++)
            for (unsigned user = 0; user < 2; user++) {
                struct bench *b = bench_new(&bench_default_cfg, 4, 4, timed);
                bench_map_ept_identity(b, 12);
                for (unsigned level = 4; level > 1; level--) *bench_ept_entry(b, PAGE_A, level) |= EPT_XU;
                bench_map_ept(b, PAGE_A, PAGE_A, 12, rights[n]);
                bench_map(b, VA_PAGE, PAGE_A, 12, user ? PTE_ALL : PTE_ALL & ~PTE_U);
                mode_based_execute(b);
                bool allowed = rights[n] & (user ? EPT_XU : 4);
                struct translation t;
                assert_int_equal(bench_translate(b, VA_PAGE, ACCESS_FETCH, user, &t), allowed);
                if (!allowed)
                    assert_int_equal(b->h.fault.qualification & 0x7f,
                                     4 | (rights[n] & 7) << 3 | (rights[n] & EPT_XU ? 0x40 : 0));
                assert_true(bench_translate(b, VA_PAGE, ACCESS_READ, user, &t));
                assert_int_equal(bench_translate(b, VA_PAGE, ACCESS_FETCH, user, &t), allowed);
                bench_free(b);
            }
}

static void without_the_control_bit_10_is_ignored(void **unused)
{
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 4, true);
    bench_map_ept_identity(b, 12);
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
    bench_map_ept(b, PAGE_A, PAGE_A, 12, EPT_XU); /* not present */
    bench_expect_violation(b, VA_PAGE, ACCESS_READ, PAGE_A, 0x181 | (b->m.ept_features.advanced_info ? 0x600 : 0));
    bench_free(b);
}

static void the_last_entry_says_whether_a_violation_may_be_converted(void **unused)
{
    (void)unused;
    for (unsigned present = 0; present < 2; present++)
        for (unsigned suppress = 0; suppress < 2; suppress++) {
            struct bench *b = bench_new(&bench_default_cfg, 4, 4, true);
            struct translation t;
            bench_map_ept_identity(b, 12);
            bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
            bench_map_ept(b, PAGE_A, PAGE_A, 12, (present ? 1 : 0) | (suppress ? BIT(63) : 0));
            assert_false(bench_translate(b, VA_PAGE, ACCESS_WRITE, false, &t));
            assert_int_equal(b->h.fault.kind, FAULT_EPT_VIOLATION);
            assert_int_equal(b->h.fault.convertible, !suppress);
            bench_free(b);
        }
}

struct log {
    unsigned room, n;
    u64 page[16];
};

static bool note_page(void *self, gpa_t page)
{
    struct log *log = self;
    if (log->n == log->room) return false;
    log->page[log->n++] = page.v;
    return true;
}

static struct bench *new_logging(struct log *log, bool timed)
{
    struct bench *b = bench_new(&bench_default_cfg, 4, 4, timed);
    b->host_flags = true;
    bench_map_ept_identity(b, 12);
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
    mmu_set_ept_features(&b->m, &(struct mmu_ept_features){.log_write = note_page, .log_self = log});
    struct mmu_virt v = {.ept = true, .eptp = bench_eptp(b), .log_writes = true};
    mmu_set_virt(&b->m, &b->h, &v);
    return b;
}

static void a_page_is_logged_when_its_dirty_flag_is_set_and_not_again(void **unused)
{
    (void)unused;
    for (int timed = 0; timed < 2; timed++) {
        struct log log = {.room = 16};
        struct bench *b = new_logging(&log, timed);
        u64 *leaf = bench_ept_entry(b, PAGE_A, 1);
        *leaf &= ~EPT_D;
        bench_expect(b, VA_PAGE, ACCESS_READ, false, PAGE_A);
        assert_int_equal(log.n, 0);
        bench_expect(b, VA_PAGE | 8, ACCESS_WRITE, false, PAGE_A | 8);
        bench_expect(b, VA_PAGE, ACCESS_WRITE, false, PAGE_A);
        assert_int_equal(log.n, 1);
        assert_int_equal(log.page[0], PAGE_A);
        assert_true(*leaf & EPT_D);
        bench_free(b);
    }
}

/* Reads of the guest's tables count as writes: SDM Vol. 3C, "Accessed and Dirty Flags for EPT". */
static void pages_of_the_guests_tables_are_logged_too(void **unused)
{
    (void)unused;
    struct log log = {.room = 16};
    struct bench *b = new_logging(&log, true);
    *bench_ept_entry(b, b->cr3, 1) &= ~EPT_D;
    bench_expect(b, VA_PAGE, ACCESS_READ, false, PAGE_A);
    assert_int_equal(log.n, 1);
    assert_int_equal(log.page[0], b->cr3);
    bench_free(b);
}

static void with_a_full_log_no_flag_is_set(void **unused)
{
    (void)unused;
    for (int timed = 0; timed < 2; timed++) {
        struct log log = {.room = 0};
        struct bench *b = new_logging(&log, timed);
        struct translation t;
        u64 *leaf = bench_ept_entry(b, PAGE_A, 1);
        *leaf &= ~(EPT_A | EPT_D);
        assert_false(bench_translate(b, VA_PAGE, ACCESS_WRITE, false, &t));
        assert_int_equal(b->h.fault.kind, FAULT_LOG_FULL);
        assert_int_equal(b->h.fault.gpa.v, PAGE_A);
        assert_false(*leaf & (EPT_A | EPT_D));
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ept_flags_are_kept_only_when_the_ept_pointer_says_so),
        cmocka_unit_test(a_violation_tells_access_and_the_rights_that_all_levels_grant),
        cmocka_unit_test(an_absent_host_page_is_a_violation_with_no_rights),
        cmocka_unit_test(advanced_information_is_a_capability),
        cmocka_unit_test(a_guest_table_without_host_page_is_a_violation_not_of_the_final_address),
        cmocka_unit_test(a_write_protected_guest_table_faults_only_where_a_flag_must_be_set),
        cmocka_unit_test(page_faults_come_before_violations_of_the_page),
        cmocka_unit_test(a_misconfigured_entry_names_the_guest_physical_address),
        cmocka_unit_test(execute_only_host_pages_need_the_capability),
        cmocka_unit_test(without_paging_ept_still_translates_and_every_page_counts_as_the_users),
        cmocka_unit_test(an_address_of_vmx_itself_has_no_linear_address),
        cmocka_unit_test(mode_based_execute_control_tells_user_from_supervisor_fetches),
        cmocka_unit_test(without_the_control_bit_10_is_ignored),
        cmocka_unit_test(the_last_entry_says_whether_a_violation_may_be_converted),
        cmocka_unit_test(a_page_is_logged_when_its_dirty_flag_is_set_and_not_again),
        cmocka_unit_test(pages_of_the_guests_tables_are_logged_too),
        cmocka_unit_test(with_a_full_log_no_flag_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
