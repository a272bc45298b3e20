/* mmu_bench.h - one hart with its MMU, RAM, and builders of guest and EPT paging structures: the bench of
 * test_walk.c, test_mmu*.c.
 *
 * Tables are written where the manual says, by code that shares nothing with caches/walk.c. */
#ifndef TESTS_MMU_BENCH_H
#define TESTS_MMU_BENCH_H

#include "caches/mmu.h"
#include "isa/cpu_model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define RAM_BYTES (64 * MiB)

#define PTE_P   BIT(0)
#define PTE_W   BIT(1)
#define PTE_U   BIT(2)
#define PTE_A   BIT(5)
#define PTE_D   BIT(6)
#define PTE_PS  BIT(7)
#define PTE_G   BIT(8)
#define PTE_XD  BIT(63)
#define PTE_ALL (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)

#define EPT_RWX 7ull
#define EPT_WB  (6ull << 3)
#define EPT_A   BIT(8)
#define EPT_D   BIT(9)
#define EPTP_AD BIT(6)

#define ENTRY_ADDRESS 0x000ffffffffff000ull

struct bench {
    struct physmem mem;
    struct cpu_model model;
    struct hart h;
    struct mmu m;
    struct insn_record record;
    u64 free_page; /* tables grow from here */
    u64 cr3, eptp_root;
    unsigned guest_levels, host_levels; /* host_levels 0: no EPT */
    bool host_flags;                    /* EPTP bit 6 */
};

static const struct mmu_cfg bench_default_cfg = {MMU_PARAMS(PARAM_DEFAULT)};

/* Every translation cache off. */
static inline struct mmu_cfg bench_bare_cfg(void)
{
    struct mmu_cfg c = bench_default_cfg;
    c.itlb_4k_entries = c.itlb_2m_entries = c.dtlb_4k_entries = c.dtlb_2m_entries = c.dtlb_1g_entries = 0;
    c.stlb_entries = c.stlb_1g_entries = c.ntlb_entries = 0;
    c.psc_pml5e_entries = c.psc_pml4e_entries = c.psc_pdpte_entries = c.psc_pde_entries = 0;
    c.ept_psc_pml5e_entries = c.ept_psc_pml4e_entries = c.ept_psc_pdpte_entries = c.ept_psc_pde_entries = 0;
    return c;
}

static inline u64 bench_page(struct bench *b)
{
    u64 at = b->free_page;
    b->free_page += PAGE_BYTES;
    assert_true(b->free_page <= RAM_BYTES);
    return at;
}

static inline u64 *bench_entry_in(struct bench *b, u64 table, u64 address, unsigned level)
{
    u64 index = address >> (12 + 9 * (level - 1)) & 511;
    return (u64 *)(void *)(b->mem.host + (table & ENTRY_ADDRESS) + 8 * index);
}

/* The entry of `level` on the way to `address`, its upper tables made if need be with `table_flags`. Guest
 * tables lie at guest-physical = host-physical addresses. */
static inline u64 *bench_entry(struct bench *b, u64 root, unsigned levels, u64 address, unsigned level,
                               u64 table_flags)
{
    u64 *e = bench_entry_in(b, root, address, levels);
    for (unsigned l = levels; l > level; l--) {
        if (!*e) *e = bench_page(b) | table_flags;
        e = bench_entry_in(b, *e, address, l - 1);
    }
    return e;
}

static inline u64 *bench_guest_entry(struct bench *b, u64 va, unsigned level)
{
    return bench_entry(b, b->cr3, b->guest_levels, va, level, PTE_ALL & ~PTE_D);
}

static inline u64 *bench_ept_entry(struct bench *b, u64 gpa, unsigned level)
{
    return bench_entry(b, b->eptp_root, b->host_levels, gpa, level, EPT_RWX | EPT_A);
}

static inline unsigned bench_level(unsigned shift)
{
    return (shift - 12) / 9 + 1;
}

static inline u64 *bench_map(struct bench *b, u64 va, u64 gpa, unsigned shift, u64 flags)
{
    u64 *e = bench_guest_entry(b, va, bench_level(shift));
    *e = gpa | flags | (shift > 12 ? PTE_PS : 0);
    return e;
}

static inline u64 *bench_map_ept(struct bench *b, u64 gpa, u64 hpa, unsigned shift, u64 flags)
{
    u64 *e = bench_ept_entry(b, gpa, bench_level(shift));
    *e = hpa | flags | EPT_WB | (shift > 12 ? PTE_PS : 0);
    return e;
}

/* Guest-physical = host-physical for all RAM, in pages of 2^shift, accessed and dirty flags set. */
static inline void bench_map_ept_identity(struct bench *b, unsigned shift)
{
    for (u64 at = 0; at < RAM_BYTES; at += BIT(shift))
        bench_map_ept(b, at, at, shift, EPT_RWX | EPT_A | EPT_D);
}

static inline u64 bench_eptp(const struct bench *b)
{
    return b->eptp_root | 6 | (u64)(b->host_levels - 1) << 3 | (b->host_flags ? EPTP_AD : 0);
}

/* The MMU reads the control state anew, and the EPT pointer of the bench, under this VPID. */
static inline void bench_context(struct bench *b, u16 vpid)
{
    struct mmu_virt v = {
        .vpid = vpid, .ept = b->host_levels != 0, .eptp = b->host_levels ? bench_eptp(b) : 0};
    mmu_set_virt(&b->m, &b->h, &v);
}

/* 64-bit mode, CPL 0, CR0.WP, NXE, empty tables. host_levels 0: native. */
static inline struct bench *bench_new(const struct mmu_cfg *cfg, unsigned guest_levels, unsigned host_levels,
                                      bool timed)
{
    struct bench *b = calloc(1, sizeof *b);
    b->mem = (struct physmem){
        .host = calloc(1, RAM_BYTES), .size_bytes = RAM_BYTES, .has_code = calloc(1, RAM_BYTES / PAGE_BYTES)};
    b->model.physical_bits = 46;
    b->model.has[FEATURE_page1gb] = true;
    b->free_page = 16 * MiB;
    b->guest_levels = guest_levels;
    b->host_levels = host_levels;
    b->cr3 = bench_page(b);
    b->eptp_root = bench_page(b);
    struct hart *h = &b->h;
    h->mem = &b->mem;
    h->model = &b->model;
    h->mmu = &mmu_ops;
    h->mmu_self = &b->m;
    h->cr0 = CR0_PE | CR0_PG | CR0_WP;
    h->cr3 = b->cr3;
    h->cr4 = CR4_PAE | CR4_PGE | (guest_levels == 5 ? CR4_LA57 : 0);
    h->efer = EFER_LME | EFER_LMA | EFER_NXE;
    h->rflags = RFLAGS_ONE;
    h->mtrr_def_type = 0x806;
    h->pat = 0x0007040600070406;
    if (timed) h->record = &b->record;
    mmu_init(&b->m, cfg);
    mmu_set_timed(&b->m, h, timed);
    bench_context(b, 0);
    return b;
}

static inline void bench_free(struct bench *b)
{
    mmu_check_identities(&b->m);
    mmu_fini(&b->m);
    free(b->mem.host);
    free(b->mem.has_code);
    free(b);
}

static inline bool bench_translate(struct bench *b, u64 va, enum access access, enum access_by by,
                                   struct translation *out)
{
    record_reset(&b->record);
    b->h.fault = (struct fault){.kind = FAULT_NONE};
    return mmu_ops.translate(&b->m, &b->h, VA(va), access, by, out);
}

/* The ledger of the last translation, which walked. */
static inline const struct walk_ledger *bench_ledger(const struct bench *b)
{
    assert_int_equal(b->record.n_walks, 1);
    return &b->record.walk[0];
}

static inline void bench_expect(struct bench *b, u64 va, enum access access, enum access_by by, u64 hpa)
{
    struct translation t;
    assert_true(bench_translate(b, va, access, by, &t));
    assert_int_equal(t.at.v, hpa);
}

static inline void bench_expect_page_fault(struct bench *b, u64 va, enum access access, enum access_by by, u32 error)
{
    struct translation t;
    assert_false(bench_translate(b, va, access, by, &t));
    assert_int_equal(b->h.fault.kind, FAULT_EXCEPTION);
    assert_int_equal(b->h.fault.vector, VEC_PF);
    assert_true(b->h.fault.has_error);
    assert_int_equal(b->h.fault.error, error);
    assert_int_equal(b->h.fault.va.v, va);
}

static inline void bench_expect_violation(struct bench *b, u64 va, enum access access, u64 gpa,
                                          u64 qualification)
{
    struct translation t;
    assert_false(bench_translate(b, va, access, false, &t));
    assert_int_equal(b->h.fault.kind, FAULT_EPT_VIOLATION);
    assert_int_equal(b->h.fault.gpa.v, gpa);
    assert_int_equal(b->h.fault.qualification, qualification);
    assert_int_equal(b->h.fault.va.v, va);
}

#endif
