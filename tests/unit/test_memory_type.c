/* Memory types: MTRRs, PAT, EPT, and what the MMU's translations carry. */
#include "caches/memory_type.h"
#include "isa/msr.h"
#include "mmu_bench.h"

#define VA_PAGE 0x00007f1234600000ull
#define WB_ALL  0x0606060606060606ull

static struct hart *hart_of_mtrrs(u64 def_type)
{
    static struct hart h;
    h = (struct hart){.mtrr_def_type = def_type, .pat = 0x0007040600070406};
    return &h;
}

static void set_range(struct hart *h, unsigned n, u64 base, u64 bytes, enum memory_code code)
{
    h->mtrr_variable[2 * n] = base | code;
    h->mtrr_variable[2 * n + 1] = (~(bytes - 1) & (BIT(46) - 1)) | BIT(11);
}

/* --- MTRRs: SDM Vol. 3A, "Memory Type Range Registers (MTRRs)" --- */

static void disabled_mtrrs_make_memory_uncacheable(void **unused)
{
    (void)unused;
    struct hart *h = hart_of_mtrrs(0x406);
    h->mtrr_fixed[0] = WB_ALL;
    set_range(h, 0, 0, GiB, CODE_WB);
    assert_int_equal(mtrr_code(h, HPA(0)), CODE_UC);
    assert_int_equal(mtrr_code(h, HPA(16 * MiB)), CODE_UC);
}

static void a_variable_range_has_its_type_inside_and_the_default_outside(void **unused)
{
    (void)unused;
    struct hart *h = hart_of_mtrrs(0x800 | CODE_WT);
    set_range(h, 3, 16 * MiB, 4 * MiB, CODE_WC);
    assert_int_equal(mtrr_code(h, HPA(16 * MiB - 1)), CODE_WT);
    assert_int_equal(mtrr_code(h, HPA(16 * MiB)), CODE_WC);
    assert_int_equal(mtrr_code(h, HPA(20 * MiB - 1)), CODE_WC);
    assert_int_equal(mtrr_code(h, HPA(20 * MiB)), CODE_WT);
    h->mtrr_variable[7] &= ~BIT(11); /* not valid */
    assert_int_equal(mtrr_code(h, HPA(16 * MiB)), CODE_WT);
}

static void overlaps_follow_the_precedences(void **unused)
{
    static const struct {
        enum memory_code a, b, both;
    } cases[] = {{CODE_UC, CODE_WB, CODE_UC}, {CODE_WB, CODE_UC, CODE_UC}, {CODE_WT, CODE_WB, CODE_WT},
                 {CODE_WB, CODE_WT, CODE_WT}, {CODE_WB, CODE_WB, CODE_WB}, {CODE_WC, CODE_UC, CODE_UC}};
    (void)unused;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct hart *h = hart_of_mtrrs(0x800 | CODE_WP);
        set_range(h, 0, 0, GiB, cases[i].a);
        set_range(h, 7, 512 * MiB, MiB, cases[i].b);
        assert_int_equal(mtrr_code(h, HPA(512 * MiB)), cases[i].both);
        assert_int_equal(mtrr_code(h, HPA(513 * MiB)), cases[i].a);
    }
}

/* Every register's every byte is told apart; above 1 MiB and with FE clear they say nothing. */
static void fixed_ranges_cover_the_first_mebibyte_in_their_sizes(void **unused)
{
    (void)unused;
    for (unsigned n = 0; n < 88; n++) {
        struct hart *h = hart_of_mtrrs(0xc00 | CODE_WB);
        for (unsigned i = 0; i < 11; i++) h->mtrr_fixed[i] = WB_ALL;
        h->mtrr_fixed[n / 8] ^= (u64)(CODE_WB ^ CODE_WC) << 8 * (n % 8);
        u64 size = n < 8 ? 0x10000 : n < 24 ? 0x4000 : 0x1000;
        u64 from = n < 8 ? n * size : n < 24 ? 0x80000 + (n - 8) * size : 0xc0000 + (n - 24) * size;
        for (u64 at = 0; at < MiB + 64 * KiB; at += PAGE_BYTES)
            assert_int_equal(mtrr_code(h, HPA(at)), at >= from && at < from + size ? CODE_WC : CODE_WB);
        h->mtrr_def_type &= ~BIT(10);
        assert_int_equal(mtrr_code(h, HPA(from)), CODE_WB);
    }
}

static void a_page_is_uniform_where_no_boundary_is_inside(void **unused)
{
    (void)unused;
    struct hart *h = hart_of_mtrrs(0x800 | CODE_WB);
    set_range(h, 0, 64 * MiB + 4 * PAGE_BYTES, 4 * PAGE_BYTES, CODE_UC);
    assert_false(mtrr_is_uniform(h, HPA(64 * MiB), 21));
    assert_false(mtrr_is_uniform(h, HPA(64 * MiB), 30));
    assert_true(mtrr_is_uniform(h, HPA(64 * MiB + 4 * PAGE_BYTES), 12));
    assert_true(mtrr_is_uniform(h, HPA(66 * MiB), 21));
    assert_true(mtrr_is_uniform(h, HPA(0), 21));
    h->mtrr_def_type |= BIT(10); /* all fixed ranges UC */
    assert_false(mtrr_is_uniform(h, HPA(0), 21));
    for (unsigned i = 0; i < 11; i++) h->mtrr_fixed[i] = WB_ALL;
    assert_true(mtrr_is_uniform(h, HPA(0), 21));
}

static void msrs_refuse_types_and_bits_that_do_not_exist(void **unused)
{
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
    struct hart *h = &b->h;
    u64 value;
    assert_true(cpu_model_init(&b->model, "cascade-lake"));
    assert_true(msr_read(h, 0xfe, &value));
    assert_int_equal(value, 0x508); /* IA32_MTRRCAP: WC, fixed ranges, 8 variable ones */
    assert_false(msr_write(h, 0xfe, value));
    for (u64 type = 0; type < 256; type++) {
        bool legal = type <= 1 || (type >= 4 && type <= 6);
        assert_int_equal(msr_write(h, 0x200, GiB | type), legal);
        assert_int_equal(msr_write(h, 0x2ff, 0x800 | type), legal);
        assert_int_equal(msr_write(h, 0x250, type << 56), legal);
        assert_int_equal(msr_write(h, 0x277, type << 8), legal || type == 7);
    }
    assert_false(msr_write(h, 0x200, BIT(46) | CODE_WB));
    assert_false(msr_write(h, 0x201, BIT(46) | BIT(11)));
    assert_true(msr_write(h, 0x201, BIT(45) | BIT(11)));
    assert_false(msr_write(h, 0x201, BIT(10)));
    assert_false(msr_write(h, 0x2ff, BIT(9) | CODE_WB));
    bench_free(b);
}

/* --- both together --- */

/* Row by row as the manual's table: SDM Vol. 3A, "Effective Page-Level Memory Types for Pentium III and More Recent
 * Processor Families". */
static void the_effective_type_is_the_manuals(void **unused)
{
    static const enum memory_code codes[] = {CODE_UC, CODE_UC_MINUS, CODE_WC, CODE_WT, CODE_WB, CODE_WP};
    static const struct {
        enum memory_code range;
        const char *by_page; /* for the pages of `codes`: u UC, c WC, t WT, b WB, p WP */
    } rows[] = {{CODE_UC, "uucuuu"},
                {CODE_WC, "uccucu"},
                {CODE_WT, "uucttp"},
                {CODE_WB, "uuctbp"},
                {CODE_WP, "ucctpp"}};
    static const enum memory_type meant[128] = {
        ['u'] = MEMORY_UC, ['c'] = MEMORY_WC, ['t'] = MEMORY_WT, ['b'] = MEMORY_WB, ['p'] = MEMORY_WP};
    (void)unused;
    for (unsigned r = 0; r < ARRAY_LEN(rows); r++)
        for (unsigned i = 0; i < ARRAY_LEN(codes); i++) {
            enum memory_type expected = meant[(unsigned char)rows[r].by_page[i]];
            assert_int_equal(effective_type(rows[r].range, codes[i]), expected);
        }
}

/* --- what translations carry --- */

static enum memory_type type_at(struct bench *b, u64 va)
{
    struct translation t;
    assert_true(bench_translate(b, va, ACCESS_READ, BY_SUPERVISOR, &t));
    return (enum memory_type)t.memory_type;
}

static void the_second_level_tlb_gives_the_type_back(void **unused)
{
    struct mmu_cfg cfg = bench_default_cfg;
    (void)unused;
    cfg.dtlb_4k_entries = cfg.dtlb_4k_ways = 1;
    struct bench *b = bench_new(&cfg, 4, 0, true);
    bench_map(b, VA_PAGE, 0, 12, PTE_ALL | BIT(4) | BIT(3)); /* UC */
    bench_map(b, VA_PAGE + PAGE_BYTES, 0, 12, PTE_ALL);
    assert_int_equal(type_at(b, VA_PAGE), MEMORY_UC);
    assert_int_equal(type_at(b, VA_PAGE + PAGE_BYTES), MEMORY_WB);
    assert_int_equal(type_at(b, VA_PAGE), MEMORY_UC);
    assert_int_equal(b->record.n_walks, 0);
    bench_free(b);
}

static void ept_types_stand_in_for_the_mtrrs(void **unused)
{
    static const struct {
        u64 ept;     /* bits 6:3 of the entry */
        u64 page;    /* PCD and PWT of the guest's */
        enum memory_type type;
    } cases[] = {
        {CODE_WB, 0, MEMORY_WB},
        {CODE_WB, BIT(3) | BIT(4), MEMORY_UC},
        {CODE_WB | EPT_IGNORE_PAT, BIT(3) | BIT(4), MEMORY_WB},
        {CODE_UC, 0, MEMORY_UC},
        {CODE_WC, 0, MEMORY_WC},
        {CODE_WT, 0, MEMORY_WT},
        {CODE_WP | EPT_IGNORE_PAT, BIT(3) | BIT(4), MEMORY_WP},
        {CODE_WC | EPT_IGNORE_PAT, BIT(4), MEMORY_WC},
    };
    (void)unused;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *b = bench_new(&bench_default_cfg, 4, 4, true);
        bench_map_ept_identity(b, 12);
        b->h.mtrr_def_type = 0x800 | CODE_UC; /* without effect */
        bench_map(b, VA_PAGE, 4 * MiB, 12, PTE_ALL | cases[i].page);
        u64 *leaf = bench_ept_entry(b, 4 * MiB, 1);
        *leaf = (*leaf & ~(15ull << 3)) | cases[i].ept << 3;
        bench_context(b, 1);
        assert_int_equal(type_at(b, VA_PAGE), cases[i].type);
        bench_map(b, VA_PAGE + PAGE_BYTES, 4 * MiB, 12, PTE_ALL | cases[i].page); /* now by the nested TLB */
        assert_int_equal(type_at(b, VA_PAGE + PAGE_BYTES), cases[i].type);
        bench_free(b);
    }
}

static void cr0_cd_makes_everything_uncacheable(void **unused)
{
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
    bench_map(b, VA_PAGE, 0, 12, PTE_ALL);
    b->h.cr0 |= CR0_CD;
    bench_context(b, 0);
    assert_int_equal(type_at(b, VA_PAGE), MEMORY_UC);
    b->h.cr0 &= ~(CR0_PG | CR0_CD);
    bench_context(b, 0);
    assert_int_equal(type_at(b, 0x1000), MEMORY_WB);
    b->h.cr0 |= CR0_CD;
    bench_context(b, 0);
    assert_int_equal(type_at(b, 0x1000), MEMORY_UC);
    bench_free(b);
}

static void without_paging_the_mtrrs_alone_decide(void **unused)
{
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
    b->h.cr0 &= ~CR0_PG;
    set_range(&b->h, 0, 32 * MiB, MiB, CODE_WC);
    bench_context(b, 0);
    assert_int_equal(type_at(b, 32 * MiB), MEMORY_WC);
    assert_int_equal(type_at(b, 31 * MiB), MEMORY_WB);
    bench_free(b);
}

static void a_large_page_over_several_types_is_kept_in_small_pieces(void **unused)
{
    struct translation t;
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
    set_range(&b->h, 0, 4 * MiB + 4 * PAGE_BYTES, 4 * PAGE_BYTES, CODE_UC);
    bench_map(b, VA_PAGE, 4 * MiB, 21, PTE_ALL);
    assert_int_equal(type_at(b, VA_PAGE), MEMORY_WB);
    assert_int_equal(type_at(b, VA_PAGE + 5 * PAGE_BYTES), MEMORY_UC);
    assert_true(bench_translate(b, VA_PAGE + 5 * PAGE_BYTES + 0x123, ACCESS_READ, BY_SUPERVISOR, &t));
    assert_int_equal(t.page_shift, 12);
    assert_int_equal(t.at.v, 4 * MiB + 5 * PAGE_BYTES + 0x123);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disabled_mtrrs_make_memory_uncacheable),
        cmocka_unit_test(a_variable_range_has_its_type_inside_and_the_default_outside),
        cmocka_unit_test(overlaps_follow_the_precedences),
        cmocka_unit_test(fixed_ranges_cover_the_first_mebibyte_in_their_sizes),
        cmocka_unit_test(a_page_is_uniform_where_no_boundary_is_inside),
        cmocka_unit_test(msrs_refuse_types_and_bits_that_do_not_exist),
        cmocka_unit_test(the_effective_type_is_the_manuals),
        cmocka_unit_test(the_second_level_tlb_gives_the_type_back),
        cmocka_unit_test(ept_types_stand_in_for_the_mtrrs),
        cmocka_unit_test(cr0_cd_makes_everything_uncacheable),
        cmocka_unit_test(without_paging_the_mtrrs_alone_decide),
        cmocka_unit_test(a_large_page_over_several_types_is_kept_in_small_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
