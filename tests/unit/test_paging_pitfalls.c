/* Pitfalls of x86 paging that simulators have fallen into, one regression test each, in both modes of the MMU
 * (functional and timed) where both have them.
 *
 * The first tests ask the MMU; those of instructions (code_*) execute real ones over it. */
#include "tests/unit/mmu_modes.h"
#include "caches/memory_type.h"
#include "caches/walker.h"
#include "isa/exec.h"
#include "isa/icache.h"
#include "isa/state.h"
#include "models/sim/kernel.h"
#include <string.h>

#define VA_PAGE  0x00007f1234567000ull
#define VA_NEXT  (VA_PAGE + PAGE_BYTES)
#define PAGE_A   (4 * MiB)
#define PAGE_B   (5 * MiB)

static void invlpg(struct bench *b, u64 va)
{
    mmu_ops.invalidate(&b->m, &b->h, INVALIDATE_INVLPG, 0, VA(va));
}

static u64 flags_of(const u64 *entry)
{
    return *entry & (PTE_A | PTE_D);
}

/* --- rights --- */

static void execute_disable_holds_on_tlb_hits_and_from_every_level(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned level = 1; level <= 4; level++) {
            struct bench *b = new_native(timed);
            bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
            *bench_guest_entry(b, VA_PAGE, level) |= PTE_XD;
            bench_expect(b, VA_PAGE, READ, false, PAGE_A); /* L1 DTLB and STLB are warm now */
            bench_expect_page_fault(b, VA_PAGE, FETCH, false, PF_P | PF_I);
            bench_expect(b, VA_PAGE, READ, false, PAGE_A);
            bench_free(b);
        }
}

/* --- accessed and dirty flags --- */

static void the_accessed_flag_is_set_in_the_leaf_too(void **unused)
{
    static const u8 shifts[] = {12, 21, 30};
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned i = 0; i < 3; i++) {
            struct bench *b = new_native(timed);
            u64 *leaf = bench_map(b, 0x40000000, 0, shifts[i], PTE_P | PTE_W);
            bench_expect(b, 0x40000000, READ, false, 0);
            assert_int_equal(flags_of(leaf), PTE_A);
            bench_free(b);
        }
}

static void the_first_write_to_a_warm_entry_sets_dirty(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_native(timed);
        u64 *leaf = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_W);
        bench_expect(b, VA_PAGE, READ, false, PAGE_A);
        bench_expect(b, VA_PAGE, READ, false, PAGE_A);
        assert_int_equal(flags_of(leaf), PTE_A);
        bench_expect(b, VA_PAGE, WRITE, false, PAGE_A);
        assert_int_equal(flags_of(leaf), PTE_A | PTE_D);
        bench_free(b);
    }
}

static void a_faulting_access_updates_no_flag_at_any_level(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_native(timed);
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P);
        for (unsigned level = 2; level <= 4; level++) *bench_guest_entry(b, VA_PAGE, level) &= ~PTE_A;
        bench_expect_page_fault(b, VA_PAGE, WRITE, true, PF_P | PF_W | PF_U);
        for (unsigned level = 1; level <= 4; level++)
            assert_int_equal(flags_of(bench_guest_entry(b, VA_PAGE, level)), 0);
        bench_free(b);
    }
}

static void an_access_that_an_ept_violation_abandons_updates_no_guest_flag(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_nested(timed);
        struct translation t;
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_W);
        for (unsigned level = 2; level <= 4; level++) *bench_guest_entry(b, VA_PAGE, level) &= ~PTE_A;
        *bench_ept_entry(b, PAGE_A, 1) = 0;
        assert_false(bench_translate(b, VA_PAGE, WRITE, false, &t));
        assert_int_equal(b->h.fault.kind, FAULT_EPT_VIOLATION);
        for (unsigned level = 1; level <= 4; level++)
            assert_int_equal(flags_of(bench_guest_entry(b, VA_PAGE, level)), 0);
        bench_free(b);
    }
}

/* --- code over the MMU: one instruction at a time, its fault not delivered --- */

static struct icache icache;

static struct bench *new_code_bench(bool timed)
{
    struct bench *b = new_native(timed);
    struct hart *h = &b->h;
    assert_true(cpu_model_init(&b->model, "cascade-lake"));
    memset(&icache, 0, sizeof icache);
    icache_init(&icache, &b->mem);
    icache_attach(&icache, h);
    h->icache = &icache;
    h->seg[SEG_CS] = segment_flat_code(8, 0, true);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        if (s != SEG_CS) h->seg[s] = segment_flat_data(16, 0);
    hart_state_changed(h);
    return b;
}

static void free_code_bench(struct bench *b)
{
    icache_destroy(&icache);
    bench_free(b);
}

static const struct insn *fetch_code(struct bench *b, u64 rip)
{
    record_reset(&b->record);
    b->h.fault = (struct fault){.kind = FAULT_NONE};
    b->h.reg[REG_RIP] = rip;
    b->h.fetch.alone = b->record.drained = true;
    fetch_restart(&b->h);
    if (b->h.record) return fetch_next_timed(&b->h);
    const struct fetch_entry *e = fetch_find(&b->h);
    return e ? e->first : NULL;
}

static enum outcome execute_code(struct bench *b, u64 rip)
{
    const struct insn *i = fetch_code(b, rip);
    return i ? isa_run_single(&b->h, i) : OUT_FAULT;
}

static void expect_code_fault(struct bench *b, u64 rip, u64 cr2, u32 error)
{
    assert_int_equal(execute_code(b, rip), OUT_FAULT);
    assert_int_equal(b->h.fault.kind, FAULT_EXCEPTION);
    assert_int_equal(b->h.fault.vector, VEC_PF);
    assert_int_equal(b->h.fault.error, error);
    assert_int_equal(b->h.fault.va.v, cr2);
}

#define CODE_VA 0x400000ull
#define CODE_AT (8 * MiB)

static void put_code(struct bench *b, const u8 *bytes, size_t n)
{
    memset(b->mem.host + CODE_AT, 0x90, 2 * PAGE_BYTES);
    memcpy(b->mem.host + CODE_AT, bytes, n);
    bench_map(b, CODE_VA, CODE_AT, 12, PTE_ALL);
    icache_flush(&icache);
}

#define PUT_CODE(b, ...) put_code(b, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static void a_split_store_whose_second_page_faults_dirties_neither(void **unused)
{
    static const u8 stores[][4] = {
        {0x48, 0x89, 0x08}, {0x0f, 0x11, 0x00}, {0x0f, 0xae, 0x00}}; /* mov, movups, fxsave: [rax] */
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned i = 0; i < ARRAY_LEN(stores); i++) {
            struct bench *b = new_code_bench(timed);
            u64 *first = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_W);
            u64 *second = bench_map(b, VA_NEXT, PAGE_B, 12, PTE_P);
            b->h.cr4 |= CR4_OSFXSR;
            put_code(b, stores[i], sizeof stores[i]);
            b->h.reg[REG_RAX] = VA_NEXT - (i == 2 ? 16 : 4);
            assert_int_equal(execute_code(b, CODE_VA), OUT_FAULT);
            assert_int_equal(b->h.fault.vector, VEC_PF);
            assert_int_equal(b->h.fault.error, PF_P | PF_W);
            assert_int_equal(flags_of(first), 0);
            assert_int_equal(flags_of(second), 0);
            free_code_bench(b);
        }
}

/* Memory operand [rax]; none of them changes memory only under a condition that the processor may look at
 * first (SDM Vol. 2A, "CMPXCHG": the destination receives a write cycle whatever the comparison says). */
static const struct {
    const char *name;
    u8 bytes[8];
} read_modify_writes[] = {
    {"add", {0x48, 0x01, 0x08}},
    {"or imm8", {0x83, 0x08, 0x01}},
    {"adc", {0x11, 0x08}},
    {"sbb", {0x19, 0x08}},
    {"and", {0x20, 0x08}},
    {"sub", {0x66, 0x29, 0x08}},
    {"xor", {0x31, 0x08}},
    {"lock add", {0xf0, 0x48, 0x01, 0x08}},
    {"inc", {0xff, 0x00}},
    {"dec", {0xfe, 0x08}},
    {"not", {0xf7, 0x10}},
    {"neg", {0xf7, 0x18}},
    {"xchg", {0x87, 0x08}},
    {"xadd", {0x0f, 0xc1, 0x08}},
    {"cmpxchg", {0x0f, 0xb1, 0x08}},
    {"cmpxchg8b", {0x0f, 0xc7, 0x08}},
    {"cmpxchg16b", {0x48, 0x0f, 0xc7, 0x08}},
    {"bts", {0x0f, 0xba, 0x28, 0x03}},
    {"btr", {0x0f, 0xb3, 0x08}},
    {"btc", {0x0f, 0xbb, 0x08}},
    {"shl", {0xd1, 0x20}},
    {"ror", {0xc1, 0x08, 0x05}},
    {"rcl", {0xd3, 0x10}},
    {"shld", {0x0f, 0xa4, 0x08, 0x07}},
    {"shrd", {0x0f, 0xad, 0x08}},
};

static void read_modify_writes_fault_as_writes(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned n = 0; n < ARRAY_LEN(read_modify_writes); n++) {
            struct bench *b = new_code_bench(timed);
            u64 *leaf = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P);
            put_code(b, read_modify_writes[n].bytes, sizeof read_modify_writes[n].bytes);
            b->h.reg[REG_RAX] = VA_PAGE;
            b->h.reg[REG_RCX] = 3;
            expect_code_fault(b, CODE_VA, VA_PAGE, PF_P | PF_W);
            *leaf = 0;
            invlpg(b, VA_PAGE);
            expect_code_fault(b, CODE_VA, VA_PAGE, PF_W);
            free_code_bench(b);
        }
}

/* --- large pages --- */

static void one_gib_pages_translate_whole_and_are_reserved_without_the_feature(void **unused)
{
    const u64 va = 0x7f0040000000, inside = 0x2345678;
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_native(timed);
        bench_map(b, va, 0, 30, PTE_P | PTE_W);
        bench_expect(b, va | inside, READ, false, inside);
        bench_expect(b, va | inside, WRITE, false, inside);
        bench_expect(b, va | inside, FETCH, false, inside);
        *bench_guest_entry(b, va, 3) |= BIT(13); /* below the frame, above PAT */
        invlpg(b, va);
        bench_expect_page_fault(b, va, READ, false, PF_P | PF_RSVD);
        *bench_guest_entry(b, va, 3) &= ~BIT(13);
        b->model.has[FEATURE_page1gb] = false;
        bench_context(b, 0);
        invlpg(b, va);
        bench_expect_page_fault(b, va, READ, false, PF_P | PF_RSVD);
        bench_free(b);
    }
}

/* A type per entry of the PAT, so that each index is told apart as far as five types can. */
static const enum memory_code pat_codes[8] = {CODE_WB, CODE_WT, CODE_UC, CODE_WC, CODE_WP, CODE_WB, CODE_WC, CODE_WT};

static void set_pat(struct bench *b)
{
    b->h.pat = 0;
    for (unsigned n = 0; n < 8; n++) b->h.pat |= (u64)pat_codes[n] << 8 * n;
}

static void the_pat_bit_is_7_in_a_page_table_and_12_above_it(void **unused)
{
    static const u8 shifts[] = {12, 21, 30};
    (void)unused;
    for (unsigned s = 0; s < 3; s++)
        for (unsigned n = 0; n < 8; n++) {
            struct bench *b = bench_new(&bench_default_cfg, 4, 0, true);
            set_pat(b);
            u64 pat = n & 4 ? (shifts[s] == 12 ? BIT(7) : BIT(12)) : 0;
            bench_map(b, 0x40000000, 0, shifts[s], PTE_ALL | (n & 1 ? BIT(3) : 0) | (n & 2 ? BIT(4) : 0) | pat);
            for (unsigned warm = 0; warm < 2; warm++) {
                struct translation t;
                assert_true(bench_translate(b, 0x40000000, READ, false, &t));
                assert_int_equal(t.memory_type, effective_type(CODE_WB, pat_codes[n]));
            }
            bench_free(b);
        }
}

/* --- tags and invalidation --- */

static void pcid_tags_are_not_aliased(void **unused)
{
    (void)unused;
    for (unsigned bit = 0; bit < 12; bit++) {
        struct bench *b = new_native(true);
        u64 other = bench_page(b), first = b->cr3;
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
        b->cr3 = other;
        bench_map(b, VA_PAGE, PAGE_B, 12, PTE_ALL);
        b->h.cr4 |= CR4_PCIDE;
        for (unsigned round = 0; round < 2; round++) {
            b->h.cr3 = first | 0x5a5;
            bench_context(b, 0);
            bench_expect(b, VA_PAGE, READ, false, PAGE_A);
            b->h.cr3 = other | (0x5a5 ^ 1u << bit);
            bench_context(b, 0);
            bench_expect(b, VA_PAGE, READ, false, PAGE_B);
        }
        assert_int_equal(b->m.stats.walks, 2); /* and both stay */
        bench_free(b);
    }
}

static unsigned walks_ended;

static void walk_ended(void *self, u64 token, const struct walk_ledger *played)
{
    (void)self, (void)token, (void)played;
    walks_ended++;
}

static enum port_answer slow_memory(void *self, const struct mem_request *r, u64 *ready_cycle, enum served *served)
{
    (void)r;
    *ready_cycle = clock_now(self) + 100;
    *served = SERVED_DRAM;
    return PORT_HIT;
}

/* Plays the last translation's walk on a walker over slow memory; `between` happens while it is under way. */
static void play_walk(struct bench *b, void (*between)(struct bench *b))
{
    struct clock clock;
    struct walker walker;
    const struct walker_cfg cfg = {WALKER_PARAMS(PARAM_DEFAULT)};
    kernel_init();
    clock_init(&clock, "clock", GHz, true);
    walker_init(&walker, &cfg,
                &(struct walker_desc){
                    .name = "walker", .clock = &clock, .port = {.access = slow_memory, .self = &clock}, .done = walk_ended});
    walks_ended = 0;
    walker_start(&walker, bench_ledger(b), 0);
    kernel_run_until(clock_cycle_to_ps(&clock, 150));
    assert_int_equal(walks_ended, 0);
    between(b);
    kernel_run_until(clock_cycle_to_ps(&clock, 10000));
    assert_int_equal(walks_ended, 1);
    walker_fini(&walker);
    clock_fini(&clock);
    kernel_fini();
}

static void change_mapping_and_invlpg(struct bench *b)
{
    *bench_guest_entry(b, VA_PAGE, 1) = PAGE_B | PTE_ALL;
    invlpg(b, VA_PAGE);
}

static void a_fill_in_flight_does_not_outlive_an_invlpg(void **unused)
{
    (void)unused;
    struct bench *b = new_native(true);
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
    bench_expect(b, VA_PAGE, READ, false, PAGE_A);
    play_walk(b, change_mapping_and_invlpg);
    bench_expect(b, VA_PAGE, READ, false, PAGE_B);
    bench_free(b);
}

static void cr2_of_a_split_data_access_is_the_page_that_faults(void **unused)
{
    static const struct {
        bool first, second; /* present */
        u64 cr2;
    } cases[] = {{true, false, VA_NEXT}, {false, true, VA_NEXT - 3}, {false, false, VA_NEXT - 3}};
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned store = 0; store < 2; store++)
            for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
                struct bench *b = new_code_bench(timed);
                bench_map(b, VA_PAGE, PAGE_A, 12, cases[i].first ? PTE_ALL : 0);
                bench_map(b, VA_NEXT, PAGE_B, 12, cases[i].second ? PTE_ALL : 0);
                PUT_CODE(b, 0x48, store ? 0x89 : 0x8b, 0x08); /* mov [rax], rcx; mov rcx, [rax] */
                b->h.reg[REG_RAX] = VA_NEXT - 3;
                expect_code_fault(b, CODE_VA, cases[i].cr2, store ? PF_W : 0);
                free_code_bench(b);
            }
}

static void cr2_of_a_fetch_is_its_first_byte_on_the_page_that_faults(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_code_bench(timed);
        PUT_CODE(b, 0x90);
        memcpy(b->mem.host + CODE_AT + PAGE_BYTES - 2, "\x48\x8b\x48\x10", 4); /* mov rcx, [rax+16] */
        u64 *second = bench_map(b, CODE_VA + PAGE_BYTES, CODE_AT + PAGE_BYTES, 12, 0);
        expect_code_fault(b, CODE_VA + PAGE_BYTES - 2, CODE_VA + PAGE_BYTES, PF_I);
        expect_code_fault(b, CODE_VA + PAGE_BYTES + 0x123, CODE_VA + PAGE_BYTES + 0x123, PF_I);
        *second = (CODE_AT + PAGE_BYTES) | PTE_ALL;
        invlpg(b, CODE_VA + PAGE_BYTES);
        assert_non_null(fetch_code(b, CODE_VA + PAGE_BYTES - 2));
        *bench_guest_entry(b, CODE_VA, 1) |= PTE_XD;
        invlpg(b, CODE_VA);
        expect_code_fault(b, CODE_VA + PAGE_BYTES - 2, CODE_VA + PAGE_BYTES - 2, PF_P | PF_I);
        free_code_bench(b);
    }
}

static void global_pages_end_with_cr4_pge_and_do_not_begin_before_it(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_code_bench(timed);
        struct hart *h = &b->h;
        u64 *leaf = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL | PTE_G);
        bench_expect(b, VA_PAGE, READ, false, PAGE_A);
        *leaf = PAGE_B | PTE_ALL | PTE_G;
        assert_true(hart_write_cr3(h, h->cr3));
        if (timed) bench_expect(b, VA_PAGE, READ, false, PAGE_A); /* global: it lives */
        assert_true(hart_write_cr4(h, h->cr4 & ~CR4_PGE));
        bench_expect(b, VA_PAGE, READ, false, PAGE_B);
        *leaf = PAGE_A | PTE_ALL | PTE_G;
        assert_true(hart_write_cr3(h, h->cr3)); /* no page is global now */
        bench_expect(b, VA_PAGE, READ, false, PAGE_A);
        *leaf = PAGE_B | PTE_ALL | PTE_G;
        assert_true(hart_write_cr4(h, h->cr4 | CR4_PGE));
        bench_expect(b, VA_PAGE, READ, false, PAGE_B);
        free_code_bench(b);
    }
}

/* --- rights of all levels together --- */

static void user_and_write_rights_are_those_of_all_levels(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed)
        for (unsigned denying = 0; denying < 256; denying++) { /* per level a bit for W and one for U */
            struct bench *b = new_native(timed);
            bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
            for (unsigned level = 1; level <= 4; level++)
                *bench_guest_entry(b, VA_PAGE, level) &=
                    ~((denying >> (level - 1) & 1 ? PTE_W : 0) | (denying >> (level + 3) & 1 ? PTE_U : 0));
            bool writable = !(denying & 15), user = !(denying >> 4);
            if (user && writable)
                bench_expect(b, VA_PAGE, WRITE, true, PAGE_A);
            else
                bench_expect_page_fault(b, VA_PAGE, WRITE, true, PF_P | PF_W | PF_U);
            if (writable)
                bench_expect(b, VA_PAGE, WRITE, false, PAGE_A);
            else
                bench_expect_page_fault(b, VA_PAGE, WRITE, false, PF_P | PF_W);
            if (user)
                bench_expect(b, VA_PAGE, READ, true, PAGE_A);
            else
                bench_expect_page_fault(b, VA_PAGE, READ, true, PF_P | PF_U);
            bench_free(b);
        }
}

/* --- walks and VM exits --- */

static void leave_for_the_host(struct bench *b)
{
    mmu_set_virt(&b->m, &b->h, &(struct mmu_virt){0});
}

/* The host's table maps the address elsewhere; its CR3 holds the same value as the guest's. */
static void a_walk_that_ends_behind_a_vm_exit_fills_nothing_of_the_hosts(void **unused)
{
    (void)unused;
    struct bench *b = new_nested(true);
    u64 hosts_table = b->cr3, guests_table = bench_page(b);
    bench_map(b, VA_PAGE, PAGE_B, 12, PTE_ALL);
    b->cr3 = guests_table;
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
    bench_map_ept(b, hosts_table, guests_table, 12, EPT_RWX | EPT_A | EPT_D);
    bench_context(b, 1);
    bench_expect(b, VA_PAGE, READ, false, PAGE_A);
    play_walk(b, leave_for_the_host);
    bench_expect(b, VA_PAGE, READ, false, PAGE_B);
    assert_int_equal(bench_ledger(b)->psc_skipped, 0);
    bench_context(b, 1);
    bench_expect(b, VA_PAGE, READ, false, PAGE_A);
    assert_int_equal(b->record.n_walks, 0);
    bench_free(b);
}

static void a_walk_that_a_vm_exit_abandons_leaves_nothing_behind(void **unused)
{
    (void)unused;
    FOR_BOTH_MODES (timed) {
        struct bench *b = new_nested(timed);
        struct translation t;
        bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
        u64 *host_leaf = bench_ept_entry(b, PAGE_A, 1), good = *host_leaf;
        *host_leaf = 0;
        bench_context(b, 1);
        assert_false(bench_translate(b, VA_PAGE, READ, false, &t));
        assert_int_equal(b->h.fault.kind, FAULT_EPT_VIOLATION);
        leave_for_the_host(b);
        bench_expect(b, VA_PAGE, READ, false, PAGE_A); /* the same tables, now in one dimension */
        *host_leaf = good + PAGE_B - PAGE_A;
        bench_context(b, 1);
        bench_expect(b, VA_PAGE, READ, false, PAGE_B);
        bench_free(b);
    }
}

/* --- life of stale entries --- */

static void nothing_happens(struct bench *b) { (void)b; }
static void invlpg_of_the_page(struct bench *b) { invlpg(b, VA_PAGE | 0xabc); }
static void invlpg_of_another(struct bench *b) { invlpg(b, VA_PAGE + GiB); }
static void same_cr3_kept(struct bench *b) { assert_true(hart_write_cr3(&b->h, b->h.cr3 | BIT(63))); }
static void same_cr3(struct bench *b) { assert_true(hart_write_cr3(&b->h, b->h.cr3)); }
static void cr0_wp(struct bench *b) { assert_true(hart_write_cr0(&b->h, b->h.cr0 ^ CR0_WP)); }
static void cr4_pge(struct bench *b) { assert_true(hart_write_cr4(&b->h, b->h.cr4 ^ CR4_PGE)); }
static void a_write_to_the_table(struct bench *b) { physmem_note_write(&b->mem, HPA(b->cr3), 8); }

static void stale_entries_live_until_they_are_invalidated_and_not_longer(void **unused)
{
    static const struct {
        void (*what)(struct bench *b);
        bool ends; /* the translation, architecturally */
    } events[] = {
        {nothing_happens, false}, {a_write_to_the_table, false}, {invlpg_of_another, false},
        {same_cr3_kept, false},   {cr0_wp, false},               {invlpg_of_the_page, true},
        {same_cr3, true},         {cr4_pge, true},
    };
    (void)unused;
    for (unsigned i = 0; i < ARRAY_LEN(events); i++) {
        struct bench *b = new_code_bench(true);
        assert_true(hart_write_cr4(&b->h, b->h.cr4 | CR4_PCIDE));
        u64 *leaf = bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
        bench_expect(b, VA_PAGE, READ, false, PAGE_A);
        *leaf = PAGE_B | PTE_ALL;
        events[i].what(b);
        bench_expect(b, VA_PAGE, READ, false, events[i].ends ? PAGE_B : PAGE_A);
        free_code_bench(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(execute_disable_holds_on_tlb_hits_and_from_every_level),
        cmocka_unit_test(the_accessed_flag_is_set_in_the_leaf_too),
        cmocka_unit_test(the_first_write_to_a_warm_entry_sets_dirty),
        cmocka_unit_test(a_faulting_access_updates_no_flag_at_any_level),
        cmocka_unit_test(an_access_that_an_ept_violation_abandons_updates_no_guest_flag),
        cmocka_unit_test(a_split_store_whose_second_page_faults_dirties_neither),
        cmocka_unit_test(read_modify_writes_fault_as_writes),
        cmocka_unit_test(one_gib_pages_translate_whole_and_are_reserved_without_the_feature),
        cmocka_unit_test(the_pat_bit_is_7_in_a_page_table_and_12_above_it),
        cmocka_unit_test(pcid_tags_are_not_aliased),
        cmocka_unit_test(a_fill_in_flight_does_not_outlive_an_invlpg),
        cmocka_unit_test(cr2_of_a_split_data_access_is_the_page_that_faults),
        cmocka_unit_test(cr2_of_a_fetch_is_its_first_byte_on_the_page_that_faults),
        cmocka_unit_test(global_pages_end_with_cr4_pge_and_do_not_begin_before_it),
        cmocka_unit_test(user_and_write_rights_are_those_of_all_levels),
        cmocka_unit_test(a_walk_that_ends_behind_a_vm_exit_fills_nothing_of_the_hosts),
        cmocka_unit_test(a_walk_that_a_vm_exit_abandons_leaves_nothing_behind),
        cmocka_unit_test(stale_entries_live_until_they_are_invalidated_and_not_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
