/* test_ooo_memory_types.c - memory types on the out-of-order core: what bypasses the caches, what is ordered, what
 * is combined: the cases of test_inorder_memory_types.c where program order and the order of issue differ. Without
 * paging the MTRRs decide; P0's page has the type that a test asks for. */
#include "core_bench.h"
#include "caches/memory_type.h"

#define MOVNTI_EAX(at) 0x0f, 0xc3, 0x04, 0x25, IMM32(at)
#define SFENCE         0x0f, 0xae, 0xf8
#define OTHER          (P0 + 0x10000u) /* write-back */

static struct core_bench *start(enum memory_code code)
{
    struct pc_cfg cfg = bench_cfg();
    struct core_bench *b = bench_new(&cfg, CORE_OOO);
    struct hart *h = b->cpu->hart;
    h->mtrr_variable[0] = P0 | code;
    h->mtrr_variable[1] = (~0xffffull & (BIT(46) - 1)) | BIT(11);
    hart_state_changed(h);
    return b;
}

static unsigned kind_at(const struct core_bench *b, u64 at)
{
    for (unsigned i = 0; i < b->l1d.n; i++)
        if (b->l1d.log[i].at == at) return b->l1d.log[i].kind;
    return ~0u;
}

static unsigned count_kind(const struct core_bench *b, enum mem_kind kind)
{
    unsigned n = 0;
    for (unsigned i = 0; i < b->l1d.n; i++) n += b->l1d.log[i].kind == kind;
    return n;
}

static void each_type_asks_the_caches_in_its_own_way(void **state)
{
    static const struct {
        enum memory_code code;
        enum mem_kind load, store;
    } cases[] = {
        {CODE_WB, MEM_READ, MEM_WRITE},          {CODE_WT, MEM_READ, MEM_WRITE_THROUGH},
        {CODE_WP, MEM_READ, MEM_UNCACHED_WRITE}, {CODE_WC, MEM_UNCACHED_READ, MEM_UNCACHED_WRITE},
        {CODE_UC, MEM_UNCACHED_READ, MEM_UNCACHED_WRITE},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct core_bench *b = start(cases[i].code);
        CODE(b, LOAD_EBX(LINE(0)), STORE_EAX(LINE(1)), HLT);
        bench_run(b, 1000);
        assert_int_equal(kind_at(b, LINE(0)), cases[i].load);
        assert_int_equal(kind_at(b, LINE(1)), cases[i].store);
        assert_int_equal(b->cpu->ooo->stats.uncacheable, cases[i].code == CODE_UC ? 2 : 0);
        bench_free(b);
    }
}

/* Loads of write-back memory overlap; those of uncacheable memory go one after the other, and nothing passes them. */
static void uncacheable_accesses_keep_program_order_with_all_others(void **state)
{
    (void)state;
    struct core_bench *b = start(CODE_UC);
    bench_slow(b, OTHER, 50);
    bench_slow(b, LINE(0), 100);
    bench_slow(b, LINE(1), 100);
    CODE(b, LOAD_EAX(OTHER), LOAD_EBX(LINE(0)), STORE_EAX(LINE(1)), LOAD_ECX(OTHER + 64), HLT);
    bench_run(b, 1000);
    assert_true(bench_sent(b, LINE(0)) >= bench_sent(b, OTHER) + 50);
    assert_true(bench_sent(b, LINE(1)) >= bench_sent(b, LINE(0)) + 100);
    assert_true(bench_sent(b, OTHER + 64) >= bench_sent(b, LINE(1)) + 100);
    assert_true(bench_sent(b, OTHER + 64) < bench_sent(b, LINE(1)) + 100 + 40);
    bench_free(b);
}

static void an_uncacheable_load_waits_for_the_store_buffer(void **state)
{
    (void)state;
    struct core_bench *b = start(CODE_UC);
    bench_slow(b, OTHER, 80);
    CODE(b, STORE_EAX(OTHER), LOAD_EBX(LINE(0)), HLT);
    bench_run(b, 1000);
    assert_in_range(bench_sent(b, LINE(0)), bench_sent(b, OTHER) + 80, bench_sent(b, OTHER) + 80 + 20);
    bench_free(b);
}

/* Nobody prefetches uncacheable memory, and no younger load passes it: it is the oldest when it goes. */
static void an_uncacheable_load_does_not_run_ahead(void **state)
{
    (void)state;
    struct core_bench *b = start(CODE_UC);
    bench_slow(b, OTHER, 200);
    CODE(b, LOAD_EAX(OTHER), IMUL_EDX_EDX, LOAD_EBX(LINE(0)), LOAD_ECX(OTHER + 128), HLT);
    bench_run(b, 1000);
    assert_true(bench_sent(b, LINE(0)) >= bench_sent(b, OTHER) + 200);
    assert_true(bench_sent(b, OTHER + 128) > bench_sent(b, LINE(0)));
    bench_free(b);
}

static void stores_to_write_combining_memory_leave_as_one_line(void **state)
{
    (void)state;
    struct core_bench *b = start(CODE_WC);
    for (unsigned i = 0; i < 16; i++) CODE(b, STORE_EAX(LINE(0) + 4 * i));
    CODE(b, LOAD_EBX(OTHER), HLT);
    bench_run(b, 1000);
    assert_int_equal(count_kind(b, MEM_UNCACHED_WRITE), 1);
    assert_int_equal(b->cpu->wc.stats.left_full, 1);
    assert_int_equal(b->cpu->wc.stats.stores, 16);
    bench_free(b);
}

static void non_temporal_stores_combine_in_write_back_memory(void **state)
{
    (void)state;
    struct core_bench *b = start(CODE_WB);
    for (unsigned i = 0; i < 16; i++) CODE(b, MOVNTI_EAX(LINE(0) + 4 * i));
    CODE(b, STORE_EAX(LINE(1)), HLT);
    bench_run(b, 1000);
    assert_int_equal(kind_at(b, LINE(0)), MEM_UNCACHED_WRITE);
    assert_int_equal(b->cpu->wc.stats.left_full, 1);
    assert_int_equal(kind_at(b, LINE(1)), MEM_WRITE);
    bench_free(b);
}

static void a_non_temporal_hint_does_not_change_uncacheable_or_protected_memory(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct core_bench *b = start(i ? CODE_UC : CODE_WP);
        CODE(b, MOVNTI_EAX(LINE(0)), HLT);
        bench_run(b, 1000);
        assert_int_equal(b->cpu->wc.stats.stores, 0);
        assert_int_equal(kind_at(b, LINE(0)), MEM_UNCACHED_WRITE);
        bench_free(b);
    }
}

/* What is gathered leaves at a store fence, a serializing instruction and an uncacheable access; at LFENCE not. */
static void fences_send_gathered_stores_away(void **state)
{
    static const struct {
        u8 bytes[8];
        unsigned n;
        bool leaves;
    } cases[] = {
        {{NOP}, 1, false},     {{LFENCE}, 3, false},           {{SFENCE}, 3, true},
        {{0x0f, 0xae, 0xf0}, 3, true} /* MFENCE */,            {{CPUID}, 2, true},
        {{0xf0, 0x01, 0x04, 0x25, IMM32(OTHER)}, 8, true} /* lock add */,
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct core_bench *b = start(CODE_WC);
        CODE(b, STORE_EAX(LINE(0)));
        bench_append(b, cases[i].bytes, cases[i].n);
        CODE(b, 0xeb, 0xfe); /* for ever */
        bench_run(b, 600);
        assert_int_equal(count_kind(b, MEM_UNCACHED_WRITE), cases[i].leaves);
        bench_free(b);
    }
}

static void a_store_fence_waits_until_memory_has_the_gathered_stores(void **state)
{
    (void)state;
    struct core_bench *b = start(CODE_WC);
    bench_slow(b, LINE(0), 100);
    CODE(b, STORE_EAX(LINE(0)), SFENCE, PROBE(OTHER), HLT);
    bench_run(b, 1000);
    const u64 over = bench_sent(b, LINE(0)) + 100 + b->cpu->ooo->cost.cycles[CLASS_fence];
    assert_in_range(bench_sent(b, OTHER), over, over + 20);
    bench_free(b);
}

static void a_read_of_a_gathered_line_sends_it_away_first(void **state)
{
    (void)state;
    struct core_bench *b = start(CODE_WC);
    bench_slow(b, OTHER, 60);
    CODE(b, STORE_EAX(LINE(0)), LOAD_EBX(OTHER), PROBE_EBX(LINE(0) + 32), 0xeb, 0xfe);
    bench_run(b, 1000);
    assert_int_equal(kind_at(b, LINE(0)), MEM_UNCACHED_WRITE);
    assert_true(bench_sent(b, LINE(0)) <= bench_sent(b, LINE(0) + 32));
    bench_free(b);
}

static void stores_wait_when_every_buffer_is_on_its_way(void **state)
{
    (void)state;
    struct pc_cfg cfg = bench_cfg();
    cfg.wc.buffers = 1;
    struct core_bench *b = bench_new(&cfg, CORE_OOO);
    bench_slow(b, LINE(0), 100);
    CODE(b, MOVNTI_EAX(LINE(0)), MOVNTI_EAX(LINE(1)), SFENCE, HLT);
    bench_run(b, 1000);
    assert_true(bench_sent(b, LINE(1)) >= bench_sent(b, LINE(0)) + 100);
    assert_int_equal(b->cpu->wc.stats.left_for_room, 1);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_asks_the_caches_in_its_own_way),
        cmocka_unit_test(uncacheable_accesses_keep_program_order_with_all_others),
        cmocka_unit_test(an_uncacheable_load_waits_for_the_store_buffer),
        cmocka_unit_test(an_uncacheable_load_does_not_run_ahead),
        cmocka_unit_test(stores_to_write_combining_memory_leave_as_one_line),
        cmocka_unit_test(non_temporal_stores_combine_in_write_back_memory),
        cmocka_unit_test(a_non_temporal_hint_does_not_change_uncacheable_or_protected_memory),
        cmocka_unit_test(fences_send_gathered_stores_away),
        cmocka_unit_test(a_store_fence_waits_until_memory_has_the_gathered_stores),
        cmocka_unit_test(a_read_of_a_gathered_line_sends_it_away_first),
        cmocka_unit_test(stores_wait_when_every_buffer_is_on_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
