/* test_core_flush.c - CLFLUSH, CLFLUSHOPT and CLWB on both timing cores: what they ask of the L1D, and in which
 * order with stores, with each other and with fences. SDM Vol. 2A, "CLFLUSH", "CLFLUSHOPT", "CLWB". */
#include "core_bench.h"

#define CLFLUSH(at)    0x0f, 0xae, 0x3c, 0x25, IMM32(at)
#define CLFLUSHOPT(at) 0x66, 0x0f, 0xae, 0x3c, 0x25, IMM32(at)
#define CLWB(at)       0x66, 0x0f, 0xae, 0x34, 0x25, IMM32(at)
#define SLOW           100u /* cycles of a slow line */
#define SOON           30u  /* longer than the pipeline is */

static const enum core_kind kinds[] = {CORE_INORDER, CORE_OOO};

static struct core_bench *start(enum core_kind kind)
{
    struct pc_cfg cfg = bench_cfg();
    return bench_new(&cfg, kind);
}

static u64 flushes(const struct core_bench *b)
{
    return b->cpu->inorder.stats.flushes + b->cpu->ooo->stats.flushes;
}

static void each_asks_the_l1d_in_its_own_way(void **state)
{
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct core_bench *b = start(kinds[k]);
        CODE(b, CLFLUSH(LINE(0)), CLFLUSHOPT(LINE(1)), CLWB(LINE(2)), HLT);
        bench_run(b, 500);
        assert_int_equal(b->l1d.n, 3);
        assert_int_equal(b->l1d.log[0].kind, MEM_FLUSH);
        assert_int_equal(b->l1d.log[1].kind, MEM_FLUSH);
        assert_int_equal(b->l1d.log[2].kind, MEM_CLEAN);
        assert_int_equal(flushes(b), 3);
        bench_free(b);
    }
}

static void clflush_keeps_order_with_stores_and_with_itself(void **state)
{
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct core_bench *b = start(kinds[k]);
        for (unsigned n = 0; n < 3; n++) bench_slow(b, LINE(n), SLOW);
        CODE(b, STORE_EAX(LINE(0)), CLFLUSH(LINE(1)), CLFLUSH(LINE(2)), STORE_EAX(LINE(3)), HLT);
        bench_run(b, 1000);
        assert_in_range(bench_sent(b, LINE(1)) - bench_sent(b, LINE(0)), SLOW, SLOW + 2);
        assert_in_range(bench_sent(b, LINE(2)) - bench_sent(b, LINE(1)), SLOW, SLOW + 2);
        assert_in_range(bench_sent(b, LINE(3)) - bench_sent(b, LINE(2)), SLOW, SLOW + 2);
        bench_free(b);
    }
}

static void clflushopt_and_clwb_overlap_with_what_touches_other_lines(void **state)
{
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct core_bench *b = start(kinds[k]);
        for (unsigned n = 0; n < 3; n++) bench_slow(b, LINE(n), SLOW);
        CODE(b, STORE_EAX(LINE(0)), CLFLUSHOPT(LINE(1)), CLWB(LINE(2)), STORE_EAX(LINE(3)), HLT);
        bench_run(b, 1000);
        assert_in_range(bench_sent(b, LINE(3)) - bench_sent(b, LINE(0)), 0, SOON);
        bench_free(b);
    }
}

static void clflushopt_waits_for_older_stores_to_its_line(void **state)
{
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct core_bench *b = start(kinds[k]);
        bench_slow(b, LINE(0), SLOW);
        CODE(b, STORE_EAX(LINE(0) + 8), CLFLUSHOPT(LINE(0)), HLT);
        bench_run(b, 1000);
        assert_in_range(bench_sent(b, LINE(0)) - bench_sent(b, LINE(0) + 8), SLOW, SLOW + 2);
        bench_free(b);
    }
}

static void fences_and_locked_instructions_wait_for_flushes(void **state)
{
    static const struct {
        u8 bytes[9];
        unsigned n;
        bool waits;
    } cases[] = {
        {{NOP}, 1, false},
        {{LFENCE}, 3, true},
        {{0x0f, 0xae, 0xf8}, 3, true}, /* SFENCE */
        {{0x0f, 0xae, 0xf0}, 3, true}, /* MFENCE */
        {{0xf0, 0x01, 0x04, 0x25, IMM32(LINE(7))}, 8, true}, /* lock add */
    };
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
        for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
            struct core_bench *b = start(kinds[k]);
            bench_slow(b, LINE(0), 3 * SLOW);
            CODE(b, CLFLUSHOPT(LINE(0)));
            bench_append(b, cases[i].bytes, cases[i].n);
            CODE(b, LOAD_EBX(LINE(1)), HLT);
            bench_run(b, 1000);
            const u64 behind = bench_sent(b, LINE(1)) - bench_sent(b, LINE(0));
            if (cases[i].waits)
                assert_in_range(behind, 3 * SLOW, 3 * SLOW + 2 * SOON);
            else
                assert_true((i64)behind < SOON); /* on the out-of-order core the load goes first */
            bench_free(b);
        }
}

static void a_flush_gives_no_data_to_a_load(void **state)
{
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct core_bench *b = start(kinds[k]);
        bench_slow(b, LINE(0), SLOW);
        CODE(b, CLFLUSH(LINE(0)), LOAD_EBX(LINE(0) + 4), LOAD_ECX(LINE(0)), HLT);
        bench_run(b, 1000);
        assert_int_equal(b->cpu->inorder.stats.forwards + b->cpu->ooo->stats.forwards, 0);
        assert_in_range(b->l1d.n, 3, 3);
        bench_free(b);
    }
}

/* --- whole caches, and predictors: what a record commands --- */

#define WBINVD       0x0f, 0x09
#define INVD         0x0f, 0x08
#define WRMSR_1(msr) 0xb9, IMM32(msr), 0xb8, IMM32(1), 0x31, 0xd2, 0x0f, 0x30

static void the_core_waits_until_its_caches_are_empty(void **state)
{
    static const struct {
        u8 bytes[16];
        unsigned n;
        bool l1d_only;
    } cases[] = {{{WBINVD}, 2, false}, {{INVD}, 2, false}, {{WRMSR_1(0x10b)}, 14, true}};
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
        for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
            struct core_bench *b = start(kinds[k]);
            const struct flusher_stats *f = &b->cpu->flusher.stats;
            CODE(b, LOAD_EAX(LINE(0)));
            bench_append(b, cases[i].bytes, cases[i].n);
            CODE(b, LOAD_EBX(LINE(1)), HLT);
            bench_run(b, 100000);
            assert_int_equal(f->runs, 1);
            assert_int_equal(f->cycles == 1 + b->cpu->l1d.sets + b->cpu->l1d.hit_cycles, cases[i].l1d_only);
            assert_in_range(bench_sent(b, LINE(1)) - bench_sent(b, LINE(0)), f->cycles + 100, f->cycles + 300);
            bench_free(b);
        }
}

static void an_indirect_branch_predictor_barrier_costs_its_cycles_and_reaches_the_predictor(void **state)
{
    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        u64 behind[2];
        for (unsigned barrier = 0; barrier < 2; barrier++) {
            struct core_bench *b = start(kinds[k]);
            CODE(b, WRMSR_1(0x49));
            b->pc.ram.host[CODE_AT + 6] = (u8)barrier; /* the immediate of EAX */
            CODE(b, LOAD_EBX(LINE(1)), HLT);
            bench_run(b, 3000);
            behind[barrier] = bench_sent(b, LINE(1));
            assert_int_equal(b->cpu->bpred.stats.barriers, barrier);
            assert_int_equal(b->cpu->flusher.stats.runs, 0);
            bench_free(b);
        }
        assert_int_equal(behind[1] - behind[0], bench_cfg().cost.barrier_cycles);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_asks_the_l1d_in_its_own_way),
        cmocka_unit_test(clflush_keeps_order_with_stores_and_with_itself),
        cmocka_unit_test(clflushopt_and_clwb_overlap_with_what_touches_other_lines),
        cmocka_unit_test(clflushopt_waits_for_older_stores_to_its_line),
        cmocka_unit_test(fences_and_locked_instructions_wait_for_flushes),
        cmocka_unit_test(a_flush_gives_no_data_to_a_load),
        cmocka_unit_test(the_core_waits_until_its_caches_are_empty),
        cmocka_unit_test(an_indirect_branch_predictor_barrier_costs_its_cycles_and_reaches_the_predictor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
