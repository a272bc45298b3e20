/* The step machine alone, and whole walks without any translation cache: their references are exact. */
#include "mmu_bench.h"
#include <stdio.h>
#include <string.h>

#define VA_TEST 0x00007f1234567000ull

/* --- the step machine --- */

static const struct walk_options plain = {
    .maxphyaddr = 46, .no_execute = true, .pages_2m = true, .pages_1g = true, .accessed_dirty = true};

#define ABOVE_MAXPHYADDR 0x000fc00000000000ull /* bits 51:46 */

static enum walk_state feed_all(struct walk *w, const struct walk_rules *rules, const u64 *entry, unsigned n)
{
    enum walk_state state = walk_begin(w, rules, 0x1000, VA_TEST);
    for (unsigned i = 0; i < n && state == WALK_NEED_ENTRY; i++) state = walk_feed(w, entry[i]);
    return state;
}

static void each_level_asks_for_the_entry_that_its_nine_bits_index(void **unused)
{
    struct walk_rules rules = walk_rules_make(FORMAT_LONG4, &plain);
    struct walk w;
    (void)unused;
    assert_int_equal(walk_begin(&w, &rules, 0x1fff, VA_TEST), WALK_NEED_ENTRY);
    assert_int_equal(w.entry_at, 0x1000 + 8 * (VA_TEST >> 39 & 511)); /* CR3's low bits are no address */
    assert_int_equal(walk_feed(&w, 0x2000 | PTE_ALL), WALK_NEED_ENTRY);
    assert_int_equal(w.entry_at, 0x2000 + 8 * (VA_TEST >> 30 & 511));
    assert_int_equal(walk_feed(&w, 0x3000 | PTE_ALL), WALK_NEED_ENTRY);
    assert_int_equal(w.entry_at, 0x3000 + 8 * (VA_TEST >> 21 & 511));
    assert_int_equal(walk_feed(&w, 0x4000 | PTE_ALL), WALK_NEED_ENTRY);
    assert_int_equal(w.entry_at, 0x4000 + 8 * (VA_TEST >> 12 & 511));
    assert_int_equal(walk_feed(&w, 0x5000 | PTE_ALL), WALK_DONE);
    assert_int_equal(w.frame, 0x5000);
    assert_int_equal(w.page_shift, 12);
    assert_int_equal(w.rights, RIGHT_ALL);
}

static void rights_are_those_that_every_level_grants(void **unused)
{
    static const struct {
        u64 flags;
        unsigned lost;
    } without[] = {{PTE_P | PTE_U | PTE_A, RIGHT_W},
                   {PTE_P | PTE_W | PTE_A, RIGHT_U},
                   {PTE_P | PTE_W | PTE_U | PTE_A | PTE_XD, RIGHT_X}};
    struct walk_rules rules = walk_rules_make(FORMAT_LONG4, &plain);
    (void)unused;
    for (unsigned level = 0; level < 4; level++)
        for (unsigned i = 0; i < ARRAY_LEN(without); i++) {
            u64 entry[4] = {PTE_ALL, PTE_ALL, PTE_ALL, PTE_ALL};
            struct walk w;
            entry[level] = without[i].flags;
            assert_int_equal(feed_all(&w, &rules, entry, 4), WALK_DONE);
            assert_int_equal(w.rights, RIGHT_ALL & ~without[i].lost);
        }
}

/* bit: of the entry at `level` (4 .. 1 of four-level paging; the leaf is there when `leaf`). */
static enum walk_state state_with_bit(enum walk_format format, const struct walk_options *o, unsigned level,
                                      bool leaf, u64 bit)
{
    struct walk_rules rules = walk_rules_make(format, o);
    u64 good = format == FORMAT_EPT4 ? EPT_RWX : PTE_ALL;
    u64 entry[4] = {good, good, good, good};
    struct walk w;
    entry[4 - level] |= bit | (leaf && level > 1 ? PTE_PS : 0);
    return feed_all(&w, &rules, entry, 4);
}

static u64 reserved_found(enum walk_format format, const struct walk_options *o, unsigned level, bool leaf)
{
    u64 found = 0;
    for (unsigned bit = 0; bit < 64; bit++)
        if (state_with_bit(format, o, level, leaf, BIT(bit)) == WALK_RESERVED) found |= BIT(bit);
    return found;
}

static void reserved_bits_of_ordinary_paging_are_the_manuals(void **unused)
{
    struct walk_options no_nx = plain;
    u64 high = ABOVE_MAXPHYADDR;
    no_nx.no_execute = false;
    (void)unused;
    assert_int_equal(reserved_found(FORMAT_LONG4, &plain, 4, false), high | PTE_PS);
    assert_int_equal(reserved_found(FORMAT_LONG4, &plain, 3, true), high | 0x3fffe000);
    assert_int_equal(reserved_found(FORMAT_LONG4, &plain, 2, true), high | 0x1fe000);
    assert_int_equal(reserved_found(FORMAT_LONG4, &plain, 2, false),
                     high | 0); /* PS alone makes a legal large page */
    assert_int_equal(reserved_found(FORMAT_LONG4, &plain, 1, false), high);
    assert_int_equal(reserved_found(FORMAT_LONG4, &no_nx, 1, false), high | BIT(63));
    assert_int_equal(reserved_found(FORMAT_LONG4, &no_nx, 4, false), high | PTE_PS | BIT(63));
}

static void reserved_bits_of_ept_are_the_manuals(void **unused)
{
    u64 high = ABOVE_MAXPHYADDR;
    (void)unused;
    assert_int_equal(reserved_found(FORMAT_EPT4, &plain, 4, false), high | 0xf8);
    assert_int_equal(reserved_found(FORMAT_EPT4, &plain, 3, false), high | 0x78);
    assert_int_equal(reserved_found(FORMAT_EPT4, &plain, 2, false), high | 0x78);
    assert_int_equal(reserved_found(FORMAT_EPT4, &plain, 3, true),
                     high | 0x3ffff000 | 0x10); /* memory type 2 alone is illegal */
    assert_int_equal(reserved_found(FORMAT_EPT4, &plain, 2, true), high | 0x1ff000 | 0x10);
    assert_int_equal(reserved_found(FORMAT_EPT4, &plain, 1, false), high | 0x10);
}

static void large_pages_are_reserved_where_the_processor_has_none(void **unused)
{
    struct walk_options o = plain;
    (void)unused;
    assert_int_equal(state_with_bit(FORMAT_LONG4, &o, 3, true, 0), WALK_DONE);
    assert_int_equal(state_with_bit(FORMAT_EPT4, &o, 3, true, 0), WALK_DONE);
    o.pages_1g = false;
    assert_int_equal(state_with_bit(FORMAT_EPT4, &o, 2, true, 0), WALK_DONE);
    assert_int_equal(state_with_bit(FORMAT_LONG4, &o, 3, true, 0), WALK_RESERVED);
    assert_int_equal(state_with_bit(FORMAT_EPT4, &o, 3, true, 0), WALK_RESERVED);
    o.pages_2m = false;
    assert_int_equal(state_with_bit(FORMAT_EPT4, &o, 2, true, 0), WALK_RESERVED);
}

static void ept_rights_without_sense_are_misconfigurations(void **unused)
{
    static const enum walk_state strict[8] = {WALK_NOT_PRESENT, WALK_DONE, WALK_RESERVED, WALK_DONE,
                                              WALK_RESERVED,    WALK_DONE, WALK_RESERVED, WALK_DONE};
    struct walk_options o = plain;
    (void)unused;
    for (unsigned execute_only = 0; execute_only < 2; execute_only++) {
        o.execute_only = execute_only;
        struct walk_rules rules = walk_rules_make(FORMAT_EPT4, &o);
        for (unsigned rights = 0; rights < 8; rights++) {
            u64 entry[4] = {7, 7, 7, rights};
            struct walk w;
            enum walk_state expected = execute_only && rights == 4 ? WALK_DONE : strict[rights];
            assert_int_equal(feed_all(&w, &rules, entry, 4), expected);
        }
    }
}

static void only_the_memory_types_that_exist_are_legal_in_ept_leaves(void **unused)
{
    (void)unused;
    for (u64 type = 0; type < 8; type++) {
        bool legal = type != 2 && type != 3 && type != 7;
        assert_int_equal(state_with_bit(FORMAT_EPT4, &plain, 1, true, type << 3),
                         legal ? WALK_DONE : WALK_RESERVED);
        assert_int_equal(state_with_bit(FORMAT_EPT4, &plain, 2, true, type << 3),
                         legal ? WALK_DONE : WALK_RESERVED);
    }
}

static void a_guest_physical_address_wider_than_the_ept_is_not_present(void **unused)
{
    struct walk_rules four = walk_rules_make(FORMAT_EPT4, &plain),
                      five = walk_rules_make(FORMAT_EPT5, &plain);
    struct walk w;
    (void)unused;
    assert_int_equal(walk_begin(&w, &four, 0, BIT(48) - 1), WALK_NEED_ENTRY);
    assert_int_equal(walk_begin(&w, &four, 0, BIT(48)), WALK_NOT_PRESENT);
    assert_int_equal(walk_begin(&w, &five, 0, BIT(48)), WALK_NEED_ENTRY);
}

static void updates_ask_for_accessed_everywhere_and_dirty_in_the_written_leaf(void **unused)
{
    u64 entry[3] = {0x2000 | PTE_P | PTE_W, 0x3000 | PTE_P | PTE_A, 0x200000 | PTE_P | PTE_W | PTE_PS}, value;
    struct walk_rules rules = walk_rules_make(FORMAT_LONG4, &plain);
    struct walk w;
    (void)unused;
    assert_int_equal(feed_all(&w, &rules, entry, 3), WALK_DONE);
    assert_true(walk_update(&w, 4, true, &value));
    assert_int_equal(value, entry[0] | PTE_A);
    assert_false(walk_update(&w, 3, true, &value));
    assert_true(walk_update(&w, 2, false, &value));
    assert_int_equal(value, entry[2] | PTE_A);
    assert_true(walk_update(&w, 2, true, &value));
    assert_int_equal(value, entry[2] | PTE_A | PTE_D);
    rules.accessed_dirty = false;
    assert_false(walk_update(&w, 2, true, &value));
}

/* --- whole walks: results/reference/walk-references.csv --- */

struct row {
    unsigned guest_shift, host_shift, guest_levels, host_levels, references;
};

static unsigned shift_of(const char *size)
{
    static const struct {
        const char *name;
        unsigned shift;
    } sizes[] = {{"4K", 12}, {"2M", 21}, {"1G", 30}, {"none", 0}};
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
        if (!strcmp(size, sizes[i].name)) return sizes[i].shift;
    fail_msg("unknown page size %s", size);
    return 0;
}

/* The file counts levels that are walked: the format has those above the leaf's too. */
static unsigned format_levels(unsigned walked, unsigned shift)
{
    return shift ? walked + bench_level(shift) - 1 : 0;
}

static void expect_exact_dims(const struct walk_ledger *l, const struct row *r)
{
    unsigned at = 0;
    unsigned top = format_levels(r->guest_levels, r->guest_shift), leaf = bench_level(r->guest_shift);
    unsigned host_top = format_levels(r->host_levels, r->host_shift),
             host_leaf = host_top - r->host_levels + 1;
    for (unsigned g = top; g + 1 > leaf; g--) { /* the guest's levels, then (as level 0) the page itself */
        for (unsigned h = host_top; r->host_levels && h >= host_leaf; h--, at++) {
            assert_int_equal(l->ref[at].dim, DIM_HOST);
            assert_int_equal(l->ref[at].host_level, h);
            assert_int_equal(l->ref[at].guest_level, g >= leaf ? g : 0);
        }
        if (g < leaf) break;
        assert_int_equal(l->ref[at].dim, DIM_GUEST);
        assert_int_equal(l->ref[at].guest_level, g);
        assert_int_equal(l->ref[at++].host_level, 0);
    }
    for (unsigned h = host_top; r->host_levels && h >= host_leaf; h--, at++) {
        assert_int_equal(l->ref[at].dim, DIM_HOST);
        assert_int_equal(l->ref[at].host_level, h);
        assert_int_equal(l->ref[at].guest_level, 0);
    }
    assert_int_equal(at, l->n_refs);
}

static void walk_row(const struct row *r)
{
    struct mmu_cfg cfg = bench_bare_cfg();
    struct bench *b = bench_new(&cfg, format_levels(r->guest_levels, r->guest_shift),
                                format_levels(r->host_levels, r->host_shift), true);
    struct translation t;
    u64 page = r->guest_shift == 30 ? 0 : 4 * MiB;
    u64 va = (VA_TEST & ~(BIT(r->guest_shift) - 1)) | 0x678;
    bench_map(b, va & ~0xfffull, page, r->guest_shift, PTE_ALL);
    if (r->host_levels) bench_map_ept_identity(b, r->host_shift);
    assert_true(bench_translate(b, va, ACCESS_READ, false, &t));
    assert_int_equal(t.at.v, page | 0x678);
    assert_int_equal(t.tlb, TLB_WALK);
    assert_int_equal(bench_ledger(b)->n_refs, r->references);
    expect_exact_dims(bench_ledger(b), r);
    assert_true(bench_translate(b, va, ACCESS_READ, false, &t)); /* nothing was remembered */
    assert_int_equal(bench_ledger(b)->n_refs, r->references);
    assert_int_equal(b->m.stats.refs_guest + b->m.stats.refs_host, 2 * r->references);
    bench_free(b);
}

static void every_row_of_walk_references_has_exactly_its_references(void **unused)
{
    FILE *f = fopen(GIGOGNE_SOURCE "/results/reference/walk-references.csv", "r");
    char line[256], guest[16], host[16];
    unsigned rows = 0;
    (void)unused;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        struct row r;
        if (line[0] == '#' || !strncmp(line, "guest_leaf", 10)) continue;
        assert_int_equal(sscanf(line, "%15[^,],%15[^,],%u,%u,%u", guest, host, &r.guest_levels,
                                &r.host_levels, &r.references),
                         5);
        r.guest_shift = shift_of(guest);
        r.host_shift = shift_of(host);
        walk_row(&r);
        rows++;
    }
    fclose(f);
    assert_int_equal(rows, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_asks_for_the_entry_that_its_nine_bits_index),
        cmocka_unit_test(rights_are_those_that_every_level_grants),
        cmocka_unit_test(reserved_bits_of_ordinary_paging_are_the_manuals),
        cmocka_unit_test(reserved_bits_of_ept_are_the_manuals),
        cmocka_unit_test(large_pages_are_reserved_where_the_processor_has_none),
        cmocka_unit_test(ept_rights_without_sense_are_misconfigurations),
        cmocka_unit_test(only_the_memory_types_that_exist_are_legal_in_ept_leaves),
        cmocka_unit_test(a_guest_physical_address_wider_than_the_ept_is_not_present),
        cmocka_unit_test(updates_ask_for_accessed_everywhere_and_dirty_in_the_written_leaf),
        cmocka_unit_test(every_row_of_walk_references_has_exactly_its_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
