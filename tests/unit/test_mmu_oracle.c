/* The MMU against an oracle over random tables of both dimensions.
 *
 * The oracle below walks as the manual's text reads, slowly, without any cache, in code that shares nothing
 * with caches/. Per case it predicts result or fault (error code, qualification, addresses), every
 * reference in its order, and every entry rewritten. The functional MMU, a timed MMU with all caches and
 * one without any must each do exactly that. Tables stay the same for a world's cases, so what caches
 * remember is never stale. */
#include "mmu_bench.h"
#include "test_scale.h"
#include <stdio.h>
#include <string.h>

#define WORLDS          400 /* times GIGOGNE_TEST_SCALE of the environment */
#define CASES_PER_WORLD 300

#define SMALL_RAM   (4 * MiB) /* guest pages in the lower half, EPT tables in the upper: nothing maps those */
#define GUEST_PAGES 160
#define EPT_FIRST   512
#define EPT_PAGES   60
#define MAXPHYADDR  46
#define ADDRESS     0x000ffffffffff000ull

/* --- random numbers: splitmix64 --- */

static u64 random_state;

static u64 rnd(void)
{
    u64 z = random_state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static u64 below(u64 n)
{
    return rnd() % n;
}
static bool one_in(u64 n)
{
    return below(n) == 0;
}

/* --- the oracle --- */

struct reference {
    u64 at;
    unsigned guest_level, host_level;
};

struct rewrite {
    u64 at, value;
};

struct oracle {
    /* the machine */
    const u8 *ram;
    bool paging, la57, wp, smep, smap, nxe, ac, pke, pks;
    u32 pkru, pkrs;
    bool ept, ept_five, ept_flags, execute_only;
    u64 cr3, eptp;
    /* the access */
    u64 va;
    enum access access;
    enum access_by by;
    /* the prediction */
    enum fault_kind kind;
    u64 error_or_qualification, gpa;
    u64 hpa;
    struct reference ref[64];
    unsigned refs;
    struct rewrite rewrite[64];
    unsigned rewrites;
    bool guest_u, guest_w, guest_x; /* of the page: advanced information */
    unsigned key;
};

static u64 oracle_read(const struct oracle *o, u64 at)
{
    u64 v;
    for (unsigned i = o->rewrites; i-- > 0;)
        if (o->rewrite[i].at == at) return o->rewrite[i].value;
    if (at + 8 > SMALL_RAM) return ~0ull;
    memcpy(&v, o->ram + at, 8);
    return v;
}

static u64 oracle_fetch(struct oracle *o, u64 at, unsigned guest_level, unsigned host_level)
{
    o->ref[o->refs++] = (struct reference){at, guest_level, host_level};
    return oracle_read(o, at);
}

static void oracle_set(struct oracle *o, u64 at, u64 flags)
{
    u64 old = oracle_read(o, at);
    if ((old | flags) != old) o->rewrite[o->rewrites++] = (struct rewrite){at, old | flags};
}

static bool oracle_violation(struct oracle *o, u64 gpa, unsigned guest_level, u64 asked, u64 rights)
{
    o->kind = FAULT_EPT_VIOLATION;
    o->gpa = gpa;
    o->error_or_qualification = asked | rights << 3 | 0x80;
    if (guest_level == 0) {
        o->error_or_qualification |= 0x100;
        if (!o->paging || o->guest_u) o->error_or_qualification |= 0x200;
        if (!o->paging || o->guest_w) o->error_or_qualification |= 0x400;
        if (o->paging && !o->guest_x) o->error_or_qualification |= 0x800;
    }
    return false;
}

static bool oracle_misconfigured(const struct oracle *o, u64 e, unsigned level, bool leaf)
{
    if (bits(e, 51, MAXPHYADDR)) return true;
    if ((e & 3) == 2) return true;
    if ((e & 7) == 4 && !o->execute_only) return true;
    if (level >= 4) return bits(e, 7, 3) != 0;
    if (!leaf) return bits(e, 6, 3) != 0;
    if (level == 3 && bits(e, 29, 12)) return true;
    if (level == 2 && bits(e, 20, 12)) return true;
    u64 type = bits(e, 5, 3);
    return type == 2 || type == 3 || type == 7;
}

/* asked: 1 read, 2 write, 4 fetch. */
static bool oracle_host(struct oracle *o, u64 gpa, unsigned guest_level, u64 asked, u64 *hpa, u64 *rights)
{
    u64 place[6] = {0}, table = o->eptp & ADDRESS, e = 0;
    unsigned top = o->ept_five ? 5 : 4, level;
    *rights = 7;
    *hpa = gpa;
    if (!o->ept) return true;
    if (!o->ept_five && gpa >> 48) return oracle_violation(o, gpa, guest_level, asked, 0);
    for (level = top;; level--) {
        place[level] = table + 8 * (gpa >> (12 + 9 * (level - 1)) & 511);
        e = oracle_fetch(o, place[level], guest_level, level);
        if (!(e & 7)) return oracle_violation(o, gpa, guest_level, asked, 0);
        bool leaf = level == 1 || (level <= 3 && (e & 0x80));
        if (oracle_misconfigured(o, e, level, leaf)) {
            o->kind = FAULT_EPT_MISCONFIG;
            o->gpa = gpa;
            return false;
        }
        *rights &= e & 7;
        if (leaf) break;
        table = e & ADDRESS;
    }
    if (asked & ~*rights) return oracle_violation(o, gpa, guest_level, asked, *rights);
    for (unsigned l = top; o->ept_flags && l >= level; l--)
        oracle_set(o, place[l], l == level && (asked & 2) ? 0x300 : 0x100);
    u64 size = level == 1 ? 4 * KiB : level == 2 ? 2 * MiB : GiB;
    *hpa = (e & ADDRESS & ~(size - 1)) | (gpa & (size - 1));
    return true;
}

static bool oracle_page_fault(struct oracle *o, u64 cause)
{
    o->kind = FAULT_EXCEPTION;
    o->error_or_qualification = cause;
    if (o->access == ACCESS_WRITE) o->error_or_qualification |= 2;
    if (o->by == BY_USER) o->error_or_qualification |= 4;
    if (o->access == ACCESS_FETCH && (o->nxe || o->smep)) o->error_or_qualification |= 16;
    return false;
}

static bool oracle_reserved(const struct oracle *o, u64 e, unsigned level)
{
    if (bits(e, 51, MAXPHYADDR)) return true;
    if (!o->nxe && e >> 63) return true;
    if (level >= 4) return e & 0x80;
    if (level == 3 && (e & 0x80)) return bits(e, 29, 13) != 0;
    if (level == 2 && (e & 0x80)) return bits(e, 20, 13) != 0;
    return false;
}

static bool oracle_denied(const struct oracle *o)
{
    bool user = o->by == BY_USER, ac = o->by == BY_SUPERVISOR && o->ac;
    if (user && !o->guest_u) return true;
    if (o->access == ACCESS_FETCH) return !o->guest_x || (!user && o->smep && o->guest_u);
    if (!user && o->smap && !ac && o->guest_u) return true;
    return o->access == ACCESS_WRITE && !o->guest_w && (user || o->wp);
}

static bool oracle_key_denies(const struct oracle *o)
{
    bool on = o->guest_u ? o->pke : o->pks;
    u32 rights = o->guest_u ? o->pkru : o->pkrs;
    if (!on || o->access == ACCESS_FETCH) return false;
    if (rights >> (2 * o->key) & 1) return true;
    return o->access == ACCESS_WRITE && (rights >> (2 * o->key + 1) & 1) && (o->by == BY_USER || o->wp);
}

static bool oracle_guest_walk(struct oracle *o, u64 *gpa, u64 *gpas, u64 *hpas, u64 *writable,
                              unsigned *leaf_level)
{
    u64 table = o->cr3 & ADDRESS, e, rights;
    unsigned level = o->la57 ? 5 : 4;
    o->guest_u = o->guest_w = o->guest_x = true;
    for (;; level--) {
        gpas[level] = table + 8 * (o->va >> (12 + 9 * (level - 1)) & 511);
        if (!oracle_host(o, gpas[level], level, o->ept_flags ? 3 : 1, &hpas[level], &rights)) return false;
        writable[level] = rights & 2;
        e = oracle_fetch(o, hpas[level], level, 0);
        if (!(e & 1)) return oracle_page_fault(o, 0);
        if (oracle_reserved(o, e, level)) return oracle_page_fault(o, 9);
        o->guest_u &= e >> 2 & 1;
        o->guest_w &= e >> 1 & 1;
        o->guest_x &= !(e >> 63);
        if (level == 1 || (level <= 3 && (e & 0x80))) break;
        table = e & ADDRESS;
    }
    u64 size = level == 1 ? 4 * KiB : level == 2 ? 2 * MiB : GiB;
    *gpa = (e & ADDRESS & ~(size - 1)) | (o->va & (size - 1));
    *leaf_level = level;
    o->key = (unsigned)bits(e, 62, 59);
    return true;
}

static bool oracle_guest_flags(struct oracle *o, const u64 *gpas, const u64 *hpas, const u64 *writable,
                               unsigned leaf_level)
{
    for (unsigned level = o->la57 ? 5 : 4; level >= leaf_level; level--) {
        u64 flags = level == leaf_level && o->access == ACCESS_WRITE ? 0x60 : 0x20, hpa, rights;
        if ((oracle_read(o, hpas[level]) & flags) == flags) continue;
        if (!writable[level] && !oracle_host(o, gpas[level], level, 2, &hpa, &rights)) return false;
        oracle_set(o, hpas[level], flags);
    }
    return true;
}

static void oracle_translate(struct oracle *o)
{
    u64 gpa = o->va, gpas[6], hpas[6], writable[6], rights;
    unsigned leaf_level = 0;
    o->kind = FAULT_NONE;
    o->refs = o->rewrites = 0;
    if (o->paging && !oracle_guest_walk(o, &gpa, gpas, hpas, writable, &leaf_level)) return;
    if (o->paging && (oracle_key_denies(o) || oracle_denied(o))) {
        oracle_page_fault(o, oracle_key_denies(o) ? 0x21 : 1);
        return;
    }
    if (!oracle_host(o, gpa, 0,
                     o->access == ACCESS_READ    ? 1
                     : o->access == ACCESS_WRITE ? 2
                                                 : 4,
                     &o->hpa, &rights))
        return;
    if (o->paging) oracle_guest_flags(o, gpas, hpas, writable, leaf_level);
}

/* --- the machines under test --- */

struct machine {
    struct hart h;
    struct mmu m;
    struct insn_record record;
};

enum { FUNCTIONAL, TIMED, TIMED_BARE, MACHINES };

static struct scene {
    struct physmem mem;
    struct cpu_model model;
    struct machine *machine[MACHINES];
    struct oracle o;
    u64 role_gpa
        [6]
        [256]; /* by level of the guest table (0: data): guest-physical addresses that lead to such pages */
    unsigned role_gpas[6];
    struct rewrite undo[128]; /* written by an MMU: place and value before */
    unsigned undos;
    u64 outcomes[4];
} w;

static u64 *entry_at(u64 at)
{
    return (u64 *)(void *)(w.mem.host + at);
}

/* physmem tells of every entry that an MMU rewrites, after the fact: values before come from the copy. */
static u8 *copy_of_ram;

static void note_write(void *self, hpa_t at, u64 bytes)
{
    (void)self;
    assert_int_equal(bytes, 8);
    assert_true(w.undos < ARRAY_LEN(w.undo));
    memcpy(&w.undo[w.undos].value, copy_of_ram + at.v, 8);
    w.undo[w.undos++].at = at.v;
}

/* --- random worlds --- */

/* What page n of the guest's is: a table of a level, or data (0). */
static unsigned guest_role(u64 page)
{
    return page % 8 < 5 ? (unsigned)(page % 8) + 1 : 0;
}

static u64 random_gpa_or_va(void)
{
    u64 a = rnd() & 0x0000ffffffffffffull;
    if (bits(a, 29, 21) == 1) a ^= 1 << 21; /* a 1-GiB page at 0 must not reach the EPT tables */
    if (one_in(2)) a &= ~(511ull << 21);
    return a;
}

static u64 ept_page_of_level(unsigned level)
{
    return (EPT_FIRST + below(EPT_PAGES / 5) * 5 + (level - 1)) * PAGE_BYTES;
}

static u64 random_ept_entry(unsigned level)
{
    u64 flags = one_in(60) ? below(8) : one_in(40) ? 5 : 7;
    u64 e = rnd() & (BIT(63) | (3ull << 8) | BIT(10) | BIT(11) | 0x7ff0000000000000ull);
    bool leaf = level == 1 || (level <= 3 && one_in(8));
    e |= flags;
    if (one_in(400)) e |= BIT(3 + below(50));
    if (leaf && level > 1) return e | 0x80 | 6 << 3; /* at 0 */
    if (leaf) return e | (one_in(100) ? 7 : 6) << 3 | below(GUEST_PAGES) * PAGE_BYTES;
    return e | ept_page_of_level(level - 1);
}

static void build_ept(void)
{
    for (u64 page = 0; page < EPT_PAGES; page++)
        for (u64 i = 0; i < 512; i++)
            *entry_at((EPT_FIRST + page) * PAGE_BYTES + 8 * i) = random_ept_entry((unsigned)(page % 5) + 1);
}

/* Guest-physical addresses of each kind of guest page, found by trying. */
static void find_guest_pages(void)
{
    struct oracle quiet = w.o;
    memset(w.role_gpas, 0, sizeof w.role_gpas);
    for (unsigned tries = 0; tries < 2000; tries++) {
        u64 gpa = w.o.ept ? random_gpa_or_va() & ADDRESS & (BIT(MAXPHYADDR) - 1)
                          : below(GUEST_PAGES) * PAGE_BYTES,
            hpa, rights;
        quiet.refs = quiet.rewrites = 0;
        if (!oracle_host(&quiet, gpa, 1, 1, &hpa, &rights) || hpa >= GUEST_PAGES * PAGE_BYTES) continue;
        unsigned role = guest_role(hpa / PAGE_BYTES);
        if (w.role_gpas[role] < 256) w.role_gpa[role][w.role_gpas[role]++] = gpa;
    }
}

static u64 gpa_of_role(unsigned role)
{
    if (one_in(50) || !w.role_gpas[role]) return random_gpa_or_va() & ADDRESS & (BIT(MAXPHYADDR) - 1);
    return w.role_gpa[role][below(w.role_gpas[role])];
}

static u64 random_guest_entry(unsigned level)
{
    u64 e = rnd() & (PTE_G | 0x7ff0000000000e00ull | PTE_A | PTE_D | BIT(3) | BIT(4));
    bool leaf = level == 1 || (level <= 3 && one_in(8));
    e |= PTE_P | (one_in(20) ? 0 : PTE_W) | (one_in(6) ? 0 : PTE_U) | (w.o.nxe && one_in(10) ? PTE_XD : 0);
    if (one_in(40)) e &= ~PTE_P;
    if (one_in(200)) e |= BIT(7 + below(57));
    if (leaf && level > 1) return e | PTE_PS | (gpa_of_role(0) & ~(BIT(12 + 9 * (level - 1)) - 1));
    return e | gpa_of_role(leaf ? 0 : level - 1);
}

static void build_guest(void)
{
    for (u64 page = 0; page < GUEST_PAGES; page++) {
        unsigned role = guest_role(page);
        for (u64 i = 0; i < 512 && role; i++) *entry_at(page * PAGE_BYTES + 8 * i) = random_guest_entry(role);
    }
}

static void choose_control_state(struct oracle *o)
{
    *o = (struct oracle){.ram = w.mem.host, .paging = true};
    o->la57 = one_in(3);
    o->wp = !one_in(3);
    o->smep = one_in(2);
    o->smap = one_in(2);
    o->nxe = !one_in(4);
    o->pke = one_in(2);
    o->pks = one_in(3);
    o->ept = !one_in(4);
    o->ept_five = o->ept && one_in(3);
    o->ept_flags = o->ept && one_in(2);
    o->execute_only = one_in(2);
    if (o->ept && one_in(20)) o->paging = false;
    o->eptp =
        ept_page_of_level(o->ept_five ? 5 : 4) | 6 | (o->ept_five ? 4u : 3u) << 3 | (o->ept_flags ? 0x40 : 0);
}

static void tell_machine(struct machine *x)
{
    const struct oracle *o = &w.o;
    struct mmu_virt v = {.vpid = 3, .ept = o->ept, .eptp = o->ept ? o->eptp : 0};
    x->h.cr0 = CR0_PE | (o->paging ? CR0_PG : 0) | (o->wp ? CR0_WP : 0);
    x->h.cr3 = o->cr3;
    x->h.cr4 =
        CR4_PAE | CR4_PGE | (o->la57 ? CR4_LA57 : 0) | (o->smep ? CR4_SMEP : 0) | (o->smap ? CR4_SMAP : 0) |
        (o->pke ? CR4_PKE : 0) | (o->pks ? CR4_PKS : 0);
    x->h.efer = (o->paging ? EFER_LME | EFER_LMA : 0) | (o->nxe ? EFER_NXE : 0);
    mmu_set_ept_features(&x->m, &(struct mmu_ept_features){.pages_2m = true,
                                                         .pages_1g = true,
                                                         .execute_only = o->execute_only,
                                                         .advanced_info = true});
    mmu_invept(&x->m, &x->h, INVEPT_ALL, 0);
    mmu_invvpid(&x->m, &x->h, INVVPID_ALL, 0, VA(0));
    mmu_set_virt(&x->m, &x->h, &v);
}

static void new_world(void)
{
    choose_control_state(&w.o);
    build_ept();
    find_guest_pages();
    build_guest();
    w.o.cr3 = gpa_of_role(w.o.la57 ? 5 : 4);
    memcpy(copy_of_ram, w.mem.host, SMALL_RAM);
    for (unsigned i = 0; i < MACHINES; i++) tell_machine(w.machine[i]);
}

/* --- comparison --- */

static void expect_same_outcome(const struct machine *x, bool done, const struct translation *t)
{
    const struct oracle *o = &w.o;
    const struct fault *f = &x->h.fault;
    assert_int_equal(done, o->kind == FAULT_NONE);
    if (done) {
        assert_int_equal(t->at.v, o->hpa);
        return;
    }
    assert_int_equal(f->kind, o->kind);
    assert_int_equal(f->va.v, o->va);
    if (f->kind == FAULT_EXCEPTION) {
        assert_int_equal(f->vector, VEC_PF);
        assert_int_equal(f->error, o->error_or_qualification);
    } else {
        assert_int_equal(f->gpa.v, o->gpa);
        if (f->kind == FAULT_EPT_VIOLATION) assert_int_equal(f->qualification, o->error_or_qualification);
    }
}

static void expect_same_rewrites(void)
{
    const struct oracle *o = &w.o;
    for (unsigned i = 0; i < o->rewrites; i++)
        assert_int_equal(*entry_at(o->rewrite[i].at), oracle_read(o, o->rewrite[i].at));
    for (unsigned i = 0; i < w.undos; i++) {
        bool predicted = false;
        for (unsigned k = 0; k < o->rewrites; k++) predicted |= o->rewrite[k].at == w.undo[i].at;
        assert_true(predicted);
    }
}

static void expect_same_references(const struct machine *x)
{
    const struct oracle *o = &w.o;
    const struct walk_ledger *l = &x->record.walk[0];
    assert_int_equal(x->record.n_walks, 1);
    assert_int_equal(l->n_refs, o->refs);
    assert_int_equal(l->faulted, o->kind != FAULT_NONE);
    for (unsigned i = 0; i < o->refs; i++) {
        assert_int_equal(l->ref[i].at.v, o->ref[i].at);
        assert_int_equal(l->ref[i].guest_level, o->ref[i].guest_level);
        assert_int_equal(l->ref[i].host_level, o->ref[i].host_level);
        assert_int_equal(l->ref[i].dim, o->ref[i].host_level ? DIM_HOST : DIM_GUEST);
    }
}

static void undo_writes(void)
{
    for (unsigned i = 0; i < w.undos; i++) *entry_at(w.undo[i].at) = w.undo[i].value;
}

static void commit_writes(void)
{
    for (unsigned i = 0; i < w.undos; i++) memcpy(copy_of_ram + w.undo[i].at, entry_at(w.undo[i].at), 8);
}

static void run_machine(struct machine *x, unsigned kind)
{
    struct translation t;
    w.undos = 0;
    x->h.rflags = RFLAGS_ONE | (w.o.ac ? RFLAGS_AC : 0);
    x->h.cpl = w.o.by == BY_USER ? 3 : 0;
    if (x->h.pkru != w.o.pkru || x->h.pkrs != w.o.pkrs) {
        x->h.pkru = w.o.pkru;
        x->h.pkrs = w.o.pkrs;
        mmu_ops.context_changed(&x->m, &x->h);
    }
    x->h.fault = (struct fault){.kind = FAULT_NONE};
    record_reset(&x->record);
    bool done = mmu_ops.translate(&x->m, &x->h, VA(w.o.va), w.o.access, w.o.by, &t);
    expect_same_outcome(x, done, &t);
    expect_same_rewrites();
    if (kind == TIMED_BARE) expect_same_references(x);
}

static void choose_access(struct oracle *o, u64 previous)
{
    o->va = one_in(2) ? previous ^ (one_in(2) ? below(4) << 12 : 0) : random_gpa_or_va();
    if (!o->la57) o->va = (u64)((i64)(o->va << 16) >> 16);
    if (!o->paging) o->va &= 0xffffffff;
    if (bits(o->va, 29, 21) == 1) o->va ^= 1 << 21;
    o->access = (enum access)below(3);
    o->by = (enum access_by)below(3);
    o->ac = one_in(2);
    if (one_in(4)) o->pkru = (u32)(rnd() & rnd());
    if (one_in(4)) o->pkrs = (u32)(rnd() & rnd());
}

static void run_case(u64 *previous)
{
    choose_access(&w.o, *previous);
    *previous = w.o.va;
    oracle_translate(&w.o);
    w.outcomes[w.o.kind]++;
    for (unsigned i = 0; i < MACHINES; i++) {
        run_machine(w.machine[i], i);
        if (i < MACHINES - 1) undo_writes();
    }
    commit_writes();
}

static struct machine *new_machine(const struct mmu_cfg *cfg, bool timed)
{
    struct machine *x = calloc(1, sizeof *x);
    x->h.mem = &w.mem;
    x->h.model = &w.model;
    x->h.record = timed ? &x->record : NULL;
    mmu_init(&x->m, cfg);
    mmu_set_timed(&x->m, &x->h, timed);
    return x;
}

static void new_machines(void)
{
    struct mmu_cfg bare = bench_bare_cfg();
    w.mem = (struct physmem){.host = calloc(1, SMALL_RAM),
                             .size_bytes = SMALL_RAM,
                             .has_code = malloc(SMALL_RAM / PAGE_BYTES),
                             .code_written = note_write};
    memset(w.mem.has_code, 1, SMALL_RAM / PAGE_BYTES);
    copy_of_ram = calloc(1, SMALL_RAM);
    w.model.physical_bits = MAXPHYADDR;
    w.model.has[FEATURE_page1gb] = true;
    w.machine[FUNCTIONAL] = new_machine(&bench_default_cfg, false);
    w.machine[TIMED] = new_machine(&bench_default_cfg, true);
    w.machine[TIMED_BARE] = new_machine(&bare, true);
}

static void free_machines(void)
{
    for (unsigned i = 0; i < MACHINES; i++) {
        mmu_check_identities(&w.machine[i]->m);
        mmu_fini(&w.machine[i]->m);
        free(w.machine[i]);
    }
    free(w.mem.host);
    free(w.mem.has_code);
    free(copy_of_ram);
}

static void all_machines_do_what_the_oracle_predicts(void **unused)
{
    u64 previous = 0;
    (void)unused;
    new_machines();
    for (unsigned n = 0; n < WORLDS * test_scale(); n++) {
        random_state = n; /* a failing world can be run alone */
        new_world();
        for (unsigned i = 0; i < CASES_PER_WORLD; i++) run_case(&previous);
    }
    const struct mmu_stats *s = &w.machine[TIMED]->m.stats;
    print_message("translated %lu, page faults %lu, EPT violations %lu, misconfigurations %lu\n",
                  (unsigned long)w.outcomes[0], (unsigned long)w.outcomes[1], (unsigned long)w.outcomes[2],
                  (unsigned long)w.outcomes[3]);
    for (unsigned kind = 0; kind < 4; kind++) assert_true(w.outcomes[kind] > 500);
    /* the caches took part */
    assert_true(w.machine[TIMED]->m.dtlb_stats.misses < w.machine[TIMED]->m.dtlb_stats.lookups * 9 / 10);
    assert_true(s->psc_hits_pde && s->psc_hits_pdpte && s->psc_hits_pml4e && s->psc_hits_pml5e &&
                s->ntlb_hits && s->rewalks);
    assert_true(s->ept_psc_hits_pde && s->ept_psc_hits_pdpte && s->ept_psc_hits_pml4e &&
                s->ept_psc_hits_pml5e);
    free_machines();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_machines_do_what_the_oracle_predicts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
