/* 32-bit and PAE paging against an oracle over random tables, as test_mmu_oracle.c does it for IA-32e paging.
 *
 * The oracle walks as the manual's text reads (SDM Vol. 3A, "32-Bit Paging", "PAE Paging"), in code that shares
 * nothing with caches/. The functional MMU, a timed one with all caches and one without any must each do what it
 * predicts. */
#include "mmu_bench.h"
#include <string.h>

#define WORLDS          300
#define CASES_PER_WORLD 200
#define SMALL_RAM       (2 * MiB)
#define TABLES          64 /* pages of tables, from 0 */
#define MAXPHYADDR      38
#define NOT_READ        (~0ull)

static u64 random_state;

static u64 rnd(void) /* splitmix64 */
{
    u64 z = random_state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static u64 below(u64 n) { return rnd() % n; }
static bool one_in(u64 n) { return below(n) == 0; }

/* --- the oracle --- */

struct oracle {
    bool pae, pse, pse36, wp, smep, smap, nxe, ac;
    u64 pdpte[PDPTES];
    u32 va, cr3;
    enum access access;
    enum access_by by;
    /* prediction */
    bool faults, large, writable, user, executable;
    u32 error;
    u64 hpa, entry_at[3]; /* by level */
};

static struct scene {
    struct oracle o;
    struct physmem mem;
    struct cpu_model model;
    struct hart h[3];
    struct mmu m[3];
    struct insn_record record[3];
    u8 *before;
    u64 outcomes[2], large, reserved;
} w;

static u64 read_at(u64 at, unsigned bytes)
{
    u64 v = ~0ull >> (64 - 8 * bytes);
    if (at + bytes <= SMALL_RAM) memcpy(&v, w.mem.host + at, bytes);
    return v;
}

static void fault(struct oracle *o, u32 cause)
{
    o->faults = true;
    o->error = cause | (o->access == ACCESS_WRITE ? 2u : 0) | (o->by == BY_USER ? 4u : 0);
    if (o->access == ACCESS_FETCH && ((o->pae && o->nxe) || o->smep)) o->error |= 16;
}

static bool is_reserved(const struct oracle *o, u64 e, bool large)
{
    if (!o->pae) {
        if (!large) return false;
        return bits(e, 21, o->pse36 ? MAXPHYADDR - 19 : 13) != 0;
    }
    if (bits(e, 62, MAXPHYADDR) || (!o->nxe && e >> 63)) return true;
    return large && bits(e, 20, 13);
}

static bool denied(const struct oracle *o)
{
    bool user = o->by == BY_USER, ac = o->by == BY_SUPERVISOR && o->ac;
    if (user && !o->user) return true;
    if (o->access == ACCESS_FETCH) return !o->executable || (!user && o->smep && o->user);
    if (!user && o->smap && !ac && o->user) return true;
    return o->access == ACCESS_WRITE && !o->writable && (user || o->wp);
}

/* Takes the entry of a level into account. False: it faults. */
static bool step(struct oracle *o, unsigned level, u64 table, u64 *e)
{
    unsigned bytes = o->pae ? 8 : 4, shift = level == 1 ? 12 : o->pae ? 21 : 22;
    unsigned index = o->va >> shift & (o->pae ? 511 : 1023);
    o->entry_at[level] = table + bytes * index;
    *e = read_at(o->entry_at[level], bytes);
    o->large = level == 2 && (*e & 0x80) && (o->pae || o->pse);
    if (!(*e & 1)) return fault(o, 0), false;
    if (is_reserved(o, *e, o->large)) return fault(o, 9), false;
    o->user &= *e >> 2 & 1;
    o->writable &= *e >> 1 & 1;
    o->executable &= !(o->pae && *e >> 63);
    return true;
}

static void predict(struct oracle *o)
{
    u64 e, table = o->cr3 & ~0xfffu;
    o->faults = false;
    o->user = o->writable = o->executable = true;
    o->entry_at[1] = o->entry_at[2] = NOT_READ;
    if (o->pae) {
        u64 pdpte = o->pdpte[o->va >> 30];
        if (!(pdpte & 1)) { fault(o, 0); return; }
        table = pdpte & 0x000ffffffffff000ull;
    }
    if (!step(o, 2, table, &e)) return;
    if (!o->large && !step(o, 1, e & 0x000ffffffffff000ull, &e)) return;
    if (denied(o)) { fault(o, 1); return; }
    u64 size = !o->large ? 4 * KiB : o->pae ? 2 * MiB : 4 * MiB;
    o->hpa = (e & 0x000ffffffffff000ull & ~(size - 1)) | (o->va & (size - 1));
    if (o->large && !o->pae && o->pse36) o->hpa |= bits(e, 20, 13) << 32;
}

/* What the entry of a level must hold behind the access. */
static u64 expected_entry(const struct oracle *o, unsigned level)
{
    bool leaf = level == 1 || o->large;
    u64 flags = o->faults ? 0 : leaf && o->access == ACCESS_WRITE ? 0x60 : 0x20, v = 0;
    memcpy(&v, w.before + o->entry_at[level], o->pae ? 8 : 4);
    return v | flags;
}

/* --- random worlds --- */

static void build_tables(void)
{
    unsigned bytes = w.o.pae ? 8 : 4;
    for (u64 at = 0; at < TABLES * PAGE_BYTES; at += bytes) {
        u64 page = below(SMALL_RAM / PAGE_BYTES), e = rnd() & 0xff8;
        if (!one_in(4)) e &= ~0x80ull;
        if (at / PAGE_BYTES % 2 == 0) page = (below(TABLES / 2) * 2 + 1); /* even pages point, odd ones map */
        if (e & 0x80) page &= w.o.pae ? ~511ull : ~1023ull;
        e |= page << 12 | (one_in(20) ? 0 : 1) | (one_in(4) ? 0 : 2) | (one_in(4) ? 0 : 4);
        if (w.o.pae && one_in(20)) e |= BIT(63);
        if (one_in(40)) e |= BIT(12 + below(w.o.pae ? 51 : 20));
        if (e & 0x80 && !w.o.pae && one_in(3)) e |= BIT(13 + below(9));
        memcpy(w.mem.host + at, &e, bytes);
    }
}

static void new_world(void)
{
    struct oracle *o = &w.o;
    *o = (struct oracle){.pae = one_in(2), .pse = !one_in(3), .pse36 = one_in(2), .wp = !one_in(3)};
    o->smep = one_in(2);
    o->smap = one_in(2);
    o->nxe = one_in(2);
    w.model.has[FEATURE_pse36] = o->pse36;
    build_tables();
    o->cr3 = (u32)(below(TABLES / 2) * 2 * PAGE_BYTES);
    for (unsigned n = 0; n < PDPTES; n++) o->pdpte[n] = below(TABLES / 2) * 2 * PAGE_BYTES | (one_in(8) ? 0 : 1);
    memcpy(w.before, w.mem.host, SMALL_RAM);
    for (unsigned i = 0; i < 3; i++) {
        struct hart *h = &w.h[i];
        h->cr0 = CR0_PE | CR0_PG | (o->wp ? CR0_WP : 0);
        h->cr3 = o->cr3;
        h->cr4 = (o->pae ? CR4_PAE : 0) | (o->pse ? CR4_PSE : 0) | (o->smep ? CR4_SMEP : 0) | (o->smap ? CR4_SMAP : 0);
        h->efer = o->nxe ? EFER_NXE : 0;
        memcpy(h->pdpte, o->pdpte, sizeof h->pdpte);
        mmu_ops.invalidate(&w.m[i], h, INVALIDATE_ALL, 0, VA(0));
        mmu_ops.context_changed(&w.m[i], h);
    }
}

/* --- comparison --- */

static void run_machine(unsigned i)
{
    const struct oracle *o = &w.o;
    struct hart *h = &w.h[i];
    struct translation t;
    memcpy(w.mem.host, w.before, TABLES * PAGE_BYTES);
    h->rflags = RFLAGS_ONE | (o->ac ? RFLAGS_AC : 0);
    h->cpl = o->by == BY_USER ? 3 : 0;
    record_reset(&w.record[i]);
    bool done = mmu_ops.translate(&w.m[i], h, VA(o->va), o->access, o->by, &t);
    assert_int_equal(done, !o->faults);
    if (done) {
        assert_int_equal(t.at.v, o->hpa);
    } else {
        assert_int_equal(h->fault.vector, VEC_PF);
        assert_int_equal(h->fault.error, o->error);
        assert_int_equal(h->fault.va.v, o->va);
    }
    unsigned reads = (o->entry_at[2] != NOT_READ) + (o->entry_at[1] != NOT_READ);
    if (i == 2) assert_int_equal(w.record[i].walk[0].n_refs, reads);
    for (unsigned level = 1; level <= 2; level++)
        if (o->entry_at[level] <= SMALL_RAM - 8)
            assert_int_equal(read_at(o->entry_at[level], o->pae ? 8 : 4), expected_entry(o, level));
}

static void run_case(u32 *previous)
{
    struct oracle *o = &w.o;
    o->va = one_in(3) ? (u32)rnd() : *previous ^ (one_in(2) ? (u32)(below(4) << 12) : 0);
    *previous = o->va;
    o->access = (enum access)below(3);
    o->by = (enum access_by)below(3);
    o->ac = one_in(2);
    predict(o);
    w.outcomes[o->faults]++;
    w.large += !o->faults && o->large;
    w.reserved += o->faults && (o->error & 8);
    for (unsigned i = 0; i < 3; i++) run_machine(i);
    memcpy(w.before, w.mem.host, TABLES * PAGE_BYTES); /* flags that are set stay, as caches believe */
}

static void all_machines_do_what_the_oracle_predicts(void **unused)
{
    struct mmu_cfg bare = bench_bare_cfg();
    u32 previous = 0;
    (void)unused;
    w.mem = (struct physmem){
        .host = calloc(1, SMALL_RAM), .size_bytes = SMALL_RAM, .has_code = calloc(1, SMALL_RAM / PAGE_BYTES)};
    w.before = calloc(1, SMALL_RAM);
    w.model.physical_bits = MAXPHYADDR;
    for (unsigned i = 0; i < 3; i++) {
        w.h[i] = (struct hart){.mem = &w.mem, .model = &w.model, .mtrr_def_type = 0x806};
        w.h[i].record = i ? &w.record[i] : NULL;
        mmu_init(&w.m[i], i == 2 ? &bare : &bench_default_cfg);
        mmu_set_timed(&w.m[i], &w.h[i], i > 0);
    }
    for (unsigned n = 0; n < WORLDS; n++) {
        random_state = n; /* a failing world can be run alone */
        new_world();
        for (unsigned i = 0; i < CASES_PER_WORLD; i++) run_case(&previous);
    }
    print_message("translated %lu (%lu in large pages), page faults %lu (%lu of reserved bits)\n",
                  (unsigned long)w.outcomes[0], (unsigned long)w.large, (unsigned long)w.outcomes[1],
                  (unsigned long)w.reserved);
    assert_true(w.outcomes[0] > 5000 && w.outcomes[1] > 5000 && w.large > 500 && w.reserved > 500);
    assert_true(w.m[1].dtlb_stats.misses < w.m[1].dtlb_stats.lookups * 9 / 10 && w.m[1].stats.psc_hits_pde);
    for (unsigned i = 0; i < 3; i++) {
        mmu_check_identities(&w.m[i]);
        mmu_fini(&w.m[i]);
    }
    free(w.mem.host);
    free(w.mem.has_code);
    free(w.before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_machines_do_what_the_oracle_predicts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
