/* test_warm.c - functional warming: behind a warm access caches, directory and translation structures hold what a timed one leaves, down to
 * the replacement order; what the filters of warm.c leave out changes nothing. */
#include "mmu_bench.h"

#include "interconnect/crossbar.h"
#include "interconnect/directory.h"
#include "models/core/warm.h"
#include "models/sim/kernel.h"
#include <string.h>

static u64 generator;

static u64 draw(u64 below)
{
    generator = generator * 6364136223846793005ull + 1442695040888963407ull;
    return (generator >> 33) % below;
}

/* --- caches: the same traffic, timed and warm --- */

struct levels {
    struct clock clock;
    struct crossbar crossbar;
    struct directory directory;
    struct cache l1, l2, l3;
};

static unsigned memory_accesses;

static enum port_answer memory_access(void *self, const struct mem_request *r, u64 *ready_cycle, enum served *served)
{
    (void)r;
    memory_accesses++;
    *ready_cycle = clock_now(self) + 30;
    *served = SERVED_DRAM;
    return PORT_HIT;
}

static struct cache_cfg geometry(u32 bytes, u32 ways, u32 policy)
{
    return (struct cache_cfg){
        .size_bytes = bytes, .ways = ways, .hit_cycles = 2, .mshrs = 8, .mshr_targets = 16, .policy = policy};
}

static u32 tracked_lines = 1024;

static void build_below(struct levels *v, u32 policy, enum inclusion inclusion)
{
    struct cache_cfg l3 = geometry(3 * 4 * 64 * 4, 4, policy); /* 12 sets */
    const struct crossbar_cfg crossbar = {.hop_cycles = 2, .width_bytes = 64, .slices = 1};
    const struct directory_cfg directory = {.protocol = 1, .lines_per_core = tracked_lines, .ways = 4, .snoop_cycles = 3};
    l3.inclusion = inclusion;
    cache_init(&v->l3, &l3,
               &(struct cache_desc){.name = "l3", .level = SERVED_L3, .clock = &v->clock,
                                    .next = {.access = memory_access, .self = &v->clock}});
    directory_init(&v->directory, &directory,
                   &(struct directory_desc){.name = "directory", .clock = &v->clock, .next = cache_port(&v->l3),
                                            .topology = &v->crossbar.topology, .cores = 1, .in_flight = 64});
    cache_set_recall(&v->l3, directory_recall(&v->directory));
    crossbar_init(&v->crossbar, &crossbar,
                  &(struct crossbar_desc){.name = "crossbar", .clock = &v->clock, .next = directory_port(&v->directory),
                                          .ports = 1, .in_flight = 64});
}

static void levels_init(struct levels *v, u32 policy, enum inclusion inclusion)
{
    struct cache_cfg l1 = geometry(8 * 2 * 64, 2, policy), l2 = geometry(8 * 4 * 64, 4, policy);
    memset(v, 0, sizeof *v);
    clock_init(&v->clock, "clock", GHz, true);
    build_below(v, policy, inclusion);
    const struct coherence_port coherence = directory_coherence(&v->directory, 0);
    struct cache_desc desc = {.name = "l2", .level = SERVED_L2, .clock = &v->clock, .next = crossbar_port(&v->crossbar, 0),
                              .coherence = &coherence, .sends_victims = inclusion == KEEPS_VICTIMS};
    cache_init(&v->l2, &l2, &desc);
    desc = (struct cache_desc){.name = "l1", .level = SERVED_L1, .clock = &v->clock, .next = cache_port(&v->l2),
                               .coherence = &coherence, .refuses = true};
    cache_init(&v->l1, &l1, &desc);
    directory_attach(&v->directory, 0, &v->l1);
    directory_attach(&v->directory, 0, &v->l2);
}

static void levels_fini(struct levels *v)
{
    cache_check_identities(&v->l1);
    cache_check_identities(&v->l2);
    cache_check_identities(&v->l3);
    directory_check_identities(&v->directory);
    crossbar_fini(&v->crossbar);
    directory_fini(&v->directory);
    cache_fini(&v->l1);
    cache_fini(&v->l2);
    cache_fini(&v->l3);
    clock_fini(&v->clock);
}

static void expect_same_cache(const struct cache *a, const struct cache *b)
{
    size_t lines = (size_t)a->sets * a->ways;
    for (size_t i = 0; i < lines; i++) {
        assert_int_equal(a->state[i], b->state[i]);
        if (a->state[i] != LINE_INVALID) assert_int_equal(a->line[i], b->line[i]);
    }
    assert_memory_equal(a->replacement.word, b->replacement.word, lines * sizeof *a->replacement.word);
    assert_memory_equal(&a->stats, &b->stats, sizeof a->stats);
}

/* But for lines that no cache has any more: the notice of an eviction may reach the directory a little earlier. */
static void expect_same_directory(const struct levels *a, const struct levels *b)
{
    for (u32 i = 0; i < a->directory.sets * a->directory.ways; i++) {
        const struct directory_entry *x = &a->directory.entry[i], *y = &b->directory.entry[i];
        assert_int_equal(x->line, y->line);
        assert_int_equal(x->used, y->used);
        if (!cache_has(&a->l1, HPA(x->line << LINE_SHIFT)) && !cache_has(&a->l2, HPA(x->line << LINE_SHIFT))) continue;
        assert_int_equal(x->holders, y->holders);
        assert_int_equal(x->state, y->state);
    }
}

static struct mem_request random_request(void)
{
    static const u8 kinds[] = {MEM_READ, MEM_READ, MEM_READ, MEM_FETCH, MEM_WRITE, MEM_WRITE};
    struct mem_request r = {.at = HPA(draw(160) << LINE_SHIFT), .origin = (u8)draw(ORIGIN_COUNT)};
    r.kind = kinds[draw(ARRAY_LEN(kinds))];
    return r;
}

/* Until everything that follows from the request has happened. */
static void run_timed(struct levels *v, const struct mem_request *r, u64 *cycle)
{
    struct mem_port port = cache_port(&v->l1);
    u64 ready;
    enum served served;
    port_access(&port, r, &ready, &served);
    *cycle += 1000;
    kernel_run_until(clock_cycle_to_ps(&v->clock, *cycle));
    clock_advance(&v->clock, *cycle);
}

static void expect_same_behind_traffic(u32 policy, enum inclusion inclusion)
{
    static struct levels timed, warm;
    u64 cycle = 0;
    kernel_init();
    levels_init(&timed, policy, inclusion);
    levels_init(&warm, policy, inclusion);
    struct mem_port port = cache_port(&warm.l1);
    for (unsigned i = 0; i < 3000; i++) {
        struct mem_request r = random_request();
        run_timed(&timed, &r, &cycle);
        port_warm(&port, &r);
    }
    expect_same_cache(&timed.l1, &warm.l1);
    expect_same_cache(&timed.l2, &warm.l2);
    expect_same_cache(&timed.l3, &warm.l3);
    expect_same_directory(&timed, &warm);
    assert_true(timed.l3.stats.evictions > 500 && timed.l2.stats.writebacks_in > 100);
    levels_fini(&timed);
    levels_fini(&warm);
    kernel_fini();
}

static void caches_and_directory_are_as_behind_timed_accesses(void **state)
{
    (void)state;
    for (u32 policy = 0; policy < 4; policy++)
        for (int inclusion = NON_INCLUSIVE; inclusion <= KEEPS_VICTIMS; inclusion++)
            expect_same_behind_traffic(policy, (enum inclusion)inclusion);
}

static void what_the_directory_takes_back_goes_without_time(void **state)
{
    (void)state;
    static struct levels v;
    tracked_lines = 64;
    kernel_init();
    levels_init(&v, 0, NON_INCLUSIVE);
    tracked_lines = 1024;
    memory_accesses = 0;
    struct mem_port port = cache_port(&v.l1);
    for (unsigned i = 0; i < 3000; i++) {
        struct mem_request r = random_request();
        port_warm(&port, &r);
    }
    kernel_run_until(clock_cycle_to_ps(&v.clock, 10000));
    assert_true(v.directory.stats.recalls > 100);
    assert_int_equal(memory_accesses, 0);
    levels_fini(&v);
    kernel_fini();
}

static void what_passes_the_caches_leaves_nothing_behind(void **state)
{
    (void)state;
    static struct levels v;
    kernel_init();
    levels_init(&v, 0, NON_INCLUSIVE);
    struct mem_port port = cache_port(&v.l1);
    port_warm(&port, &(struct mem_request){.at = HPA(64), .kind = MEM_WRITE});
    assert_int_equal(cache_line_state(&v.l1, 1), LINE_DIRTY);
    port_warm(&port, &(struct mem_request){.at = HPA(64), .kind = MEM_CLEAN});
    assert_int_equal(cache_line_state(&v.l1, 1), LINE_CLEAN);
    port_warm(&port, &(struct mem_request){.at = HPA(64), .kind = MEM_FLUSH});
    assert_false(cache_has(&v.l1, HPA(64)) || cache_has(&v.l2, HPA(64)) || cache_has(&v.l3, HPA(64)));
    levels_fini(&v);
    kernel_fini();
}

static void prefetchers_see_warm_accesses(void **state)
{
    (void)state;
    static struct levels v;
    kernel_init();
    levels_init(&v, 0, NON_INCLUSIVE);
    struct cache_cfg l1 = geometry(8 * 2 * 64, 2, 0);
    l1.prefetcher = 1; /* next_line */
    l1.prefetch_degree = 1;
    static struct cache prefetching;
    cache_init(&prefetching, &l1,
               &(struct cache_desc){.name = "l1", .level = SERVED_L1, .clock = &v.clock, .next = cache_port(&v.l2)});
    struct mem_port port = cache_port(&prefetching);
    port_warm(&port, &(struct mem_request){.at = HPA(0x1000), .kind = MEM_READ});
    assert_true(cache_has(&prefetching, HPA(0x1040)) && cache_has(&v.l2, HPA(0x1040)));
    port_warm(&port, &(struct mem_request){.at = HPA(0x1040), .kind = MEM_READ});
    assert_int_equal(prefetching.stats.prefetches_useful, 1);
    cache_check_identities(&prefetching);
    cache_fini(&prefetching);
    levels_fini(&v);
    kernel_fini();
}

/* --- translations: the same accesses, timed, and functional with warming --- */

#define PAGES 200u
#define REGION 0x40000000ull

static struct bench *paged(const struct mmu_cfg *cfg, unsigned host_levels, bool timed)
{
    struct bench *b = bench_new(cfg, 4, host_levels, timed);
    for (u64 i = 0; i < PAGES; i++)
        bench_map(b, REGION + i * 7 * PAGE_BYTES, 4 * MiB + i * PAGE_BYTES, 12, PTE_P | PTE_W | (i % 3 ? 0 : PTE_G));
    for (u64 i = 0; i < 8; i++) bench_map(b, 2 * REGION + i * 2 * MiB, i * 2 * MiB, 21, PTE_P | PTE_W);
    if (host_levels) bench_map_ept_identity(b, 12);
    if (!timed) mmu_keep_structures(&b->m);
    bench_context(b, 0);
    return b;
}

static u64 random_address(void)
{
    return draw(8) ? REGION + draw(PAGES) * 7 * PAGE_BYTES : 2 * REGION + draw(16 * MiB);
}

static void access_both(struct bench *timed, struct bench *warm)
{
    struct translation t, u;
    u64 va = random_address();
    enum access access = draw(3) ? ACCESS_READ : ACCESS_WRITE;
    if (draw(5) == 0) access = ACCESS_FETCH;
    assert_true(bench_translate(timed, va, access, BY_SUPERVISOR, &t));
    assert_true(bench_translate(warm, va, access, BY_SUPERVISOR, &u));
    assert_int_equal(t.at.v, u.at.v);
    const struct walk_ledger *walk = mmu_warm(&warm->m, &warm->h, VA(va), access, BY_SUPERVISOR, &u);
    assert_int_equal(walk != NULL, timed->record.n_walks == 1);
    if (walk) assert_int_equal(walk->n_refs, bench_ledger(timed)->n_refs);
    assert_int_equal(u.memory_type, t.memory_type);
}

static void invalidate_both(struct bench *timed, struct bench *warm)
{
    u64 va = random_address(), kind = draw(3);
    struct bench *const both[] = {timed, warm};
    static const enum invalidate_kind kinds[] = {INVALIDATE_INVLPG, INVALIDATE_CR3, INVALIDATE_ALL};
    for (unsigned i = 0; i < 2; i++) mmu_ops.invalidate(&both[i]->m, &both[i]->h, kinds[kind], 0, VA(va));
}

static void expect_same_tlb(const struct tlb *a, const struct tlb *b)
{
    assert_int_equal(a->valid, b->valid);
    assert_memory_equal(a->entry, b->entry, (size_t)a->sets * a->ways * sizeof *a->entry);
}

static void expect_same_structures(const struct mmu *a, const struct mmu *b)
{
    for (unsigned i = 0; i < MMU_SIZES; i++) {
        expect_same_tlb(&a->itlb[i], &b->itlb[i]);
        expect_same_tlb(&a->dtlb[i], &b->dtlb[i]);
    }
    expect_same_tlb(&a->stlb, &b->stlb);
    expect_same_tlb(&a->stlb_1g, &b->stlb_1g);
    expect_same_tlb(&a->ntlb, &b->ntlb);
    for (unsigned level = 2; level < PWC_LEVELS; level++) {
        expect_same_tlb(&a->psc.level[level], &b->psc.level[level]);
        expect_same_tlb(&a->ept_psc.level[level], &b->ept_psc.level[level]);
    }
}

static void expect_same_behind_accesses(unsigned host_levels)
{
    struct mmu_cfg cfg = bench_default_cfg;
    cfg.stlb_entries = 48; /* so that it overflows */
    struct bench *timed = paged(&cfg, host_levels, true), *warm = paged(&cfg, host_levels, false);
    for (unsigned i = 0; i < 4000; i++) {
        access_both(timed, warm);
        if (i % 100 == 99) invalidate_both(timed, warm);
    }
    expect_same_structures(&timed->m, &warm->m);
    assert_true(timed->m.stats.walks > 1000);
    assert_int_equal(timed->m.stats.walks, warm->m.stats.walks);
    bench_free(timed);
    bench_free(warm);
}

static void translations_are_as_behind_timed_accesses(void **state)
{
    (void)state;
    expect_same_behind_accesses(0);
    expect_same_behind_accesses(4);
}

static void kept_structures_and_soft_tlb_live_through_both_modes(void **state)
{
    (void)state;
    struct bench *b = paged(&bench_default_cfg, 0, false);
    struct translation t;
    mmu_warm(&b->m, &b->h, VA(REGION), ACCESS_READ, BY_SUPERVISOR, &t);
    u32 functional = b->h.soft.space;
    mmu_set_timed(&b->m, &b->h, true);
    assert_int_equal(b->h.soft.space, SOFT_TAG_PARKED);
    assert_true(bench_translate(b, REGION, ACCESS_READ, BY_SUPERVISOR, &t));
    assert_int_equal(t.tlb, TLB_L1);
    mmu_set_timed(&b->m, &b->h, false);
    assert_int_equal(b->h.soft.space, functional);
    bench_free(b);
}

static void an_invalidation_in_one_mode_reaches_the_structures_of_both(void **state)
{
    (void)state;
    struct bench *b = paged(&bench_default_cfg, 0, false);
    struct translation t;
    mmu_warm(&b->m, &b->h, VA(REGION + 7 * PAGE_BYTES), ACCESS_READ, BY_SUPERVISOR, &t);
    u32 before = b->h.soft.space;
    mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_CR3, 0, VA(0));
    assert_int_not_equal(b->h.soft.space, before);
    assert_non_null(mmu_warm(&b->m, &b->h, VA(REGION + 7 * PAGE_BYTES), ACCESS_READ, BY_SUPERVISOR, &t));
    before = b->h.soft.space;
    mmu_set_timed(&b->m, &b->h, true);
    mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_CR3, 0, VA(0));
    assert_int_equal(b->h.soft.space, SOFT_TAG_PARKED);
    mmu_set_timed(&b->m, &b->h, false);
    assert_int_not_equal(b->h.soft.space, before);
    bench_free(b);
}

static void a_stale_entry_that_faults_leaves_the_guests_fault_alone(void **state)
{
    (void)state;
    struct bench *b = paged(&bench_default_cfg, 0, false);
    struct translation t = {.page_shift = 99};
    *bench_guest_entry(b, REGION, 1) = 0;
    b->h.fault = (struct fault){.kind = FAULT_EXCEPTION, .vector = VEC_GP};
    assert_non_null(mmu_warm(&b->m, &b->h, VA(REGION), ACCESS_READ, BY_SUPERVISOR, &t));
    assert_int_equal(b->h.fault.vector, VEC_GP);
    assert_int_equal(t.page_shift, 99);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caches_and_directory_are_as_behind_timed_accesses),
        cmocka_unit_test(what_the_directory_takes_back_goes_without_time),
        cmocka_unit_test(what_passes_the_caches_leaves_nothing_behind),
        cmocka_unit_test(prefetchers_see_warm_accesses),
        cmocka_unit_test(translations_are_as_behind_timed_accesses),
        cmocka_unit_test(kept_structures_and_soft_tlb_live_through_both_modes),
        cmocka_unit_test(an_invalidation_in_one_mode_reaches_the_structures_of_both),
        cmocka_unit_test(a_stale_entry_that_faults_leaves_the_guests_fault_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
