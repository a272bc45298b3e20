#include "caches/mmu.h"
#include "caches/memory_type.h"
#include "caches/mmu_walk.h"
#include "isa/cpu_model.h"
#include "models/sim/check.h"
#include <string.h>

#define PARAM_OF struct mmu_cfg
const struct param mmu_params[] = {MMU_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t mmu_params_count = ARRAY_LEN(mmu_params);

#define ADDRESS_BITS 0x000ffffffffff000ull

/* --- construction --- */

const char *mmu_cfg_problem(const struct mmu_cfg *c)
{
    const struct {
        u32 entries, ways;
        const char *problem;
    } geometry[] = {
#define GEOMETRY(name)                                                                                       \
    {c->name##_entries, c->name##_ways, #name "_entries / " #name "_ways must be a power of two"}
        GEOMETRY(itlb_4k),       GEOMETRY(itlb_2m),       GEOMETRY(dtlb_4k),     GEOMETRY(dtlb_2m),
        GEOMETRY(dtlb_1g),       GEOMETRY(stlb),          GEOMETRY(stlb_1g),     GEOMETRY(psc_pml5e),
        GEOMETRY(psc_pml4e),     GEOMETRY(psc_pdpte),     GEOMETRY(psc_pde),     GEOMETRY(ept_psc_pml5e),
        GEOMETRY(ept_psc_pml4e), GEOMETRY(ept_psc_pdpte), GEOMETRY(ept_psc_pde), GEOMETRY(ntlb),
#undef GEOMETRY
    };
    for (size_t i = 0; i < ARRAY_LEN(geometry); i++)
        if (!tlb_geometry_is_valid(geometry[i].entries, geometry[i].ways)) return geometry[i].problem;
    return NULL;
}

static void init_pscs(struct mmu *m, const struct mmu_cfg *c)
{
    pwc_init(&m->psc, &(struct pwc_geometry){{[5] = c->psc_pml5e_entries,
                                              [4] = c->psc_pml4e_entries,
                                              [3] = c->psc_pdpte_entries,
                                              [2] = c->psc_pde_entries},
                                             {[5] = c->psc_pml5e_ways,
                                              [4] = c->psc_pml4e_ways,
                                              [3] = c->psc_pdpte_ways,
                                              [2] = c->psc_pde_ways}});
    pwc_init(&m->ept_psc, &(struct pwc_geometry){{[5] = c->ept_psc_pml5e_entries,
                                                  [4] = c->ept_psc_pml4e_entries,
                                                  [3] = c->ept_psc_pdpte_entries,
                                                  [2] = c->ept_psc_pde_entries},
                                                 {[5] = c->ept_psc_pml5e_ways,
                                                  [4] = c->ept_psc_pml4e_ways,
                                                  [3] = c->ept_psc_pdpte_ways,
                                                  [2] = c->ept_psc_pde_ways}});
}

void mmu_init(struct mmu *m, const struct mmu_cfg *cfg)
{
    const char *problem = mmu_cfg_problem(cfg);
    CHECK(!problem, "%s", problem);
    *m = (struct mmu){.cfg = *cfg, .ept_features = {.pages_2m = true, .pages_1g = true, .execute_only = true, .advanced_info = true}};
    tlb_init(&m->itlb[0], cfg->itlb_4k_entries, cfg->itlb_4k_ways, false);
    tlb_init(&m->itlb[1], cfg->itlb_2m_entries, cfg->itlb_2m_ways, false);
    tlb_init(&m->itlb[2], 0, 0, false);
    tlb_init(&m->dtlb[0], cfg->dtlb_4k_entries, cfg->dtlb_4k_ways, false);
    tlb_init(&m->dtlb[1], cfg->dtlb_2m_entries, cfg->dtlb_2m_ways, false);
    tlb_init(&m->dtlb[2], cfg->dtlb_1g_entries, cfg->dtlb_1g_ways, false);
    tlb_init(&m->stlb, cfg->stlb_entries, cfg->stlb_ways, cfg->stlb_hashed);
    tlb_init(&m->stlb_1g, cfg->stlb_1g_entries, cfg->stlb_1g_ways, false);
    tlb_init(&m->ntlb, cfg->ntlb_entries, cfg->ntlb_ways, false);
    init_pscs(m, cfg);
    mmu_init_ahead(m);
}

void mmu_fini(struct mmu *m)
{
    for (unsigned i = 0; i < MMU_SIZES; i++) {
        tlb_fini(&m->itlb[i]);
        tlb_fini(&m->dtlb[i]);
    }
    tlb_fini(&m->stlb);
    tlb_fini(&m->stlb_1g);
    tlb_fini(&m->ntlb);
    pwc_fini(&m->psc);
    pwc_fini(&m->ept_psc);
}

/* --- context --- */

/* Rights that an access needs and those that it must not find: SDM Vol. 3A, "Determination of Access
 * Rights"; the host's ones from Vol. 3C, "EPT Violations". */
static void derive_rights(struct mmu_context *c, const struct hart *h)
{
    bool wp = h->cr0 & CR0_WP;
    bool smep = c->paging && (h->cr4 & CR4_SMEP);
    for (unsigned p = 0; p < MMU_PRIVILEGES; p++) {
        u16 user = p == MMU_USER ? RIGHT_U : 0;
        u16 smap = p == MMU_SUPERVISOR && c->smap ? RIGHT_U : 0;
        c->need[ACCESS_READ][p] = user | RIGHT_R << MMU_HOST_SHIFT;
        c->need[ACCESS_WRITE][p] =
            user | (p == MMU_USER || wp ? RIGHT_W : 0) | RIGHT_W << MMU_HOST_SHIFT | MMU_DIRTY;
        c->need[ACCESS_FETCH][p] = user | RIGHT_X | RIGHT_X << MMU_HOST_SHIFT;
        c->forbid[ACCESS_READ][p] = c->forbid[ACCESS_WRITE][p] = smap;
        c->forbid[ACCESS_FETCH][p] = p != MMU_USER && smep ? RIGHT_U : 0;
    }
}

/* SDM Vol. 3A, "Protection Keys". */
static void derive_keys(struct mmu_context *c, const struct hart *h)
{
    bool ia32e = c->paging && (h->efer & EFER_LMA);
    c->key_rights[0] = ia32e && (h->cr4 & CR4_PKS) ? (u32)h->pkrs : 0;
    c->key_rights[1] = ia32e && (h->cr4 & CR4_PKE) ? h->pkru : 0;
    c->keyed = c->key_rights[0] | c->key_rights[1];
}

/* SDM Vol. 3A, "Paging Modes". */
static enum walk_format guest_format(const struct hart *h)
{
    if (h->efer & EFER_LMA) return h->cr4 & CR4_LA57 ? FORMAT_LONG5 : FORMAT_LONG4;
    return h->cr4 & CR4_PAE ? FORMAT_PAE : FORMAT_LEGACY;
}

static void derive_guest(struct mmu_context *c, const struct hart *h)
{
    enum walk_format format = guest_format(h);
    bool nx = (h->efer & EFER_NXE) && format != FORMAT_LEGACY;
    c->paging = h->cr0 & CR0_PG;
    c->pdptes = format == FORMAT_PAE;
    c->guest_rules = walk_rules_make(
        format, &(struct walk_options){.maxphyaddr = h->model->physical_bits,
                                       .no_execute = nx,
                                       .pages_2m = true,
                                       .pages_1g = cpu_has(h->model, FEATURE_page1gb),
                                       .pse36 = cpu_has(h->model, FEATURE_pse36),
                                       .no_page_size = format == FORMAT_LEGACY && !(h->cr4 & CR4_PSE),
                                       .accessed_dirty = true});
    c->guest_root = h->cr3;
    c->smap = c->paging && (h->cr4 & CR4_SMAP);
    c->globals = h->cr4 & CR4_PGE;
    c->reports_fetch = nx || (h->cr4 & CR4_SMEP);
}

/* SDM Vol. 3C, "Extended-Page-Table Pointer (EPTP)": bits 5:3 walk length less 1, bit 6 accessed and dirty
 * flags. */
static void derive_host(struct mmu_context *c, const struct mmu *m, const struct hart *h)
{
    bool flags = m->virt.eptp & BIT(6);
    c->ept = m->virt.ept;
    c->host_rules = walk_rules_make(bits(m->virt.eptp, 5, 3) == 4 ? FORMAT_EPT5 : FORMAT_EPT4,
                                    &(struct walk_options){.maxphyaddr = h->model->physical_bits,
                                                           .pages_2m = m->ept_features.pages_2m,
                                                           .pages_1g = m->ept_features.pages_1g,
                                                           .accessed_dirty = flags,
                                                           .execute_only = m->ept_features.execute_only,
                                                           .mode_based_execute = m->virt.mode_based_execute});
    c->host_root = m->virt.eptp;
    c->host_structure_writes = c->ept && flags;
}

static u64 ep4ta_context(u64 eptp)
{
    return TLB_CONTEXT_EPT | bits(eptp, 51, PAGE_SHIFT);
}

static u64 vpid_context(u16 vpid)
{
    return (u64)vpid << TLB_CONTEXT_VPID_SHIFT;
}

static void derive_spaces(struct mmu_context *c, const struct mmu *m, const struct hart *h)
{
    u64 ept = c->ept ? ep4ta_context(m->virt.eptp) : 0;
    c->host_space = (struct tlb_space){.context = ept};
    c->space.context = ept | vpid_context(m->virt.vpid) | (c->paging ? 0 : TLB_CONTEXT_UNPAGED);
    c->space.pcid = h->cr4 & CR4_PCIDE ? h->cr3 & TLB_PCID_MASK : 0;
}

/* Control bits that decide which entries of the soft TLB may be there, packed. */
static u32 soft_control(const struct hart *h)
{
    u32 mode = (u32)guest_format(h) << 5 | (h->cr4 & CR4_PSE ? 16u : 0u);
    return mode | (h->cr0 & CR0_WP ? 1u : 0u) | (h->cr4 & CR4_SMEP ? 2u : 0u) |
           (h->cr4 & CR4_SMAP ? 4u : 0u) | (h->efer & EFER_NXE ? 8u : 0u);
}

static void context_changed(void *self, struct hart *h)
{
    struct mmu *m = self;
    struct mmu_context *c = &m->context;
    m->changes++;
    derive_guest(c, h);
    derive_host(c, m, h);
    derive_rights(c, h);
    derive_keys(c, h);
    c->write_back = mtrr_is_write_back(h);
    derive_spaces(c, m, h);
    struct soft_rights rights = {soft_control(h), {c->key_rights[0], c->key_rights[1]}};
    if (!m->timed) soft_spaces_select(&m->spaces, &h->soft, &c->space, &rights);
}

/* --- TLBs --- */

static enum mmu_privilege privilege_of(const struct hart *h, enum access_by by)
{
    if (by == BY_USER) return MMU_USER;
    return by == BY_SUPERVISOR && (h->rflags & RFLAGS_AC) ? MMU_SUPERVISOR_AC : MMU_SUPERVISOR;
}

static inline bool permits(const struct mmu_context *c, const struct tlb_entry *e, enum access access,
                           enum mmu_privilege p)
{
    u16 need = c->need[access][p];
    if ((e->rights & need) != need || (e->rights & c->forbid[access][p])) return false;
    return LIKELY(!c->keyed) || mmu_key_permits(c, e->rights, e->key, access, p);
}

static inline struct tlb_entry *l1_lookup(struct tlb l1[MMU_SIZES], u64 address, const struct tlb_space *s)
{
    struct tlb_entry *e = l1[0].valid ? tlb_lookup(&l1[0], address, 12, s) : NULL;
    if (!e && UNLIKELY(l1[0].shifts & ~BIT(12))) e = tlb_lookup_any(&l1[0], address, s);
    if (!e && l1[1].valid) e = tlb_lookup(&l1[1], address, 21, s);
    if (!e && l1[2].valid) e = tlb_lookup(&l1[2], address, 30, s);
    return e;
}

struct tlb_entry *mmu_find_in_stlb(struct mmu *m, u64 address)
{
    struct tlb_entry *e = tlb_lookup_any(&m->stlb, address, &m->context.space);
    return e ? e : tlb_lookup_any(&m->stlb_1g, address, &m->context.space);
}

/* The largest page size for which the L1 TLB has entries; a larger page is kept in pieces. */
static void l1_fill(const struct mmu *m, struct tlb l1[MMU_SIZES], va_t va, const struct mapping *map)
{
    const struct tlb_space *s = &m->context.space;
    unsigned size = m->cfg.l1_holds_all_sizes ? 0 : (map->shift - PAGE_SHIFT) / 9u, shift = map->shift;
    for (; size && !tlb_exists(&l1[size]); size--) shift = PAGE_SHIFT + 9 * (size - 1);
    u64 inside = va.v & (BIT(map->shift) - 1) & ~(BIT(shift) - 1);
    struct tlb_entry e = {.frame = map->frame | inside,
                          .rights = map->rights,
                          .shift = (u8)shift,
                          .whole_shift = map->whole_shift,
                          .key = map->key,
                          .memory_type = map->memory_type};
    tlb_fill(&l1[size], va.v, s, map->global, &e);
}

struct tlb_entry mmu_entry_of(const struct mapping *map)
{
    return (struct tlb_entry){.frame = map->frame,
                              .rights = map->rights,
                              .shift = map->shift,
                              .whole_shift = map->whole_shift,
                              .key = map->key,
                              .memory_type = map->memory_type};
}

void mmu_fill_stlb(struct mmu *m, va_t va, bool global, const struct tlb_entry *e)
{
    if (e->shift == 30)
        tlb_fill(&m->stlb_1g, va.v, &m->context.space, global, e);
    else if (e->shift < 21 || m->cfg.stlb_holds_2m)
        tlb_fill(&m->stlb, va.v, &m->context.space, global, e);
}

static void stlb_fill(struct mmu *m, va_t va, const struct mapping *map)
{
    struct tlb_entry e = mmu_entry_of(map);
    mmu_fill_stlb(m, va, map->global, &e);
}

static void invalidate_tlbs(struct mmu *m, const struct tlb_scope *scope)
{
    m->changes++;
    for (unsigned i = 0; i < MMU_SIZES; i++) {
        tlb_invalidate(&m->itlb[i], scope);
        tlb_invalidate(&m->dtlb[i], scope);
    }
    tlb_invalidate(&m->stlb, scope);
    tlb_invalidate(&m->stlb_1g, scope);
}

static struct tlb_scope scope_of_linear(const struct mmu *m, va_t va)
{
    return (struct tlb_scope){.context = m->context.space.context,
                              .context_mask = ~0ull,
                              .pcid = m->context.space.pcid,
                              .globals = true,
                              .one_address = true,
                              .address = va.v};
}

void mmu_drop_linear(struct mmu *m, va_t va)
{
    struct tlb_scope scope = scope_of_linear(m, va);
    invalidate_tlbs(m, &scope);
    pwc_invalidate(&m->psc, &scope);
}

/* --- translation --- */

static void answer(const struct hart *h, u64 frame, unsigned shift, va_t va, enum tlb_level level, u8 memory_type,
                   struct translation *out)
{
    out->at = HPA(frame | (va.v & (BIT(shift) - 1)));
    bool plain = physmem_has(h->mem, out->at, 1) && !hart_maps_apic_access(h, out->at);
    out->host = plain ? h->mem->host + out->at.v : NULL;
    out->tlb = (u8)level;
    out->walk = -1;
    out->memory_type = memory_type;
    out->cacheable_soft = false;
    out->page_shift = (u8)shift;
}

static struct walk_ledger *take_ledger(struct mmu *m, struct hart *h)
{
    return h->record ? record_add_walk(h->record) : &m->scratch;
}

/* `held`: a TLB entry that is there but does not let the access go on. It is dropped first: SDM Vol. 3A,
 * "Details of TLB Use". */
static bool walk_and_fill(struct mmu *m, struct hart *h, va_t va, enum access access, enum mmu_privilege p,
                          bool held, struct translation *out)
{
    struct mapping map;
    if (held) {
        struct tlb_scope scope = scope_of_linear(m, va);
        invalidate_tlbs(m, &scope);
        m->stats.rewalks++;
    }
    if (!mmu_walk(m, h, va, access, p, take_ledger(m, h), &map)) return false;
    l1_fill(m, access == ACCESS_FETCH ? m->itlb : m->dtlb, va, &map);
    stlb_fill(m, va, &map);
    answer(h, map.frame, map.shift, va, TLB_WALK, map.memory_type, out);
    if (h->record) out->walk = (i8)(h->record->n_walks - 1);
    return true;
}

static bool translate_from_stlb(struct mmu *m, struct hart *h, va_t va, enum access access,
                                enum mmu_privilege p, struct translation *out)
{
    struct tlb_entry *e = mmu_find_in_stlb(m, va.v);
    m->stlb_stats.lookups++;
    m->stlb_stats.misses += !e;
    if (!e || !permits(&m->context, e, access, p)) return walk_and_fill(m, h, va, access, p, e, out);
    struct mapping map = {.frame = e->frame,
                          .rights = e->rights,
                          .shift = e->shift,
                          .whole_shift = e->whole_shift,
                          .key = e->key,
                          .memory_type = e->memory_type,
                          .global = e->mask != ~0ull};
    l1_fill(m, access == ACCESS_FETCH ? m->itlb : m->dtlb, va, &map);
    answer(h, map.frame, map.shift, va, TLB_L2, map.memory_type, out);
    return true;
}

static bool translate_timed(struct mmu *m, struct hart *h, va_t va, enum access access, enum access_by by,
                            struct translation *out)
{
    bool fetch = access == ACCESS_FETCH;
    enum mmu_privilege p = privilege_of(h, by);
    struct mmu_tlb_stats *stats = fetch ? &m->itlb_stats : &m->dtlb_stats;
    struct tlb_entry *e = l1_lookup(fetch ? m->itlb : m->dtlb, va.v, &m->context.space);
    stats->lookups++;
    if (LIKELY(e && permits(&m->context, e, access, p))) {
        answer(h, e->frame, e->shift, va, TLB_L1, e->memory_type, out);
        return true;
    }
    if (e) return walk_and_fill(m, h, va, access, p, true, out);
    stats->misses++;
    bool done = translate_from_stlb(m, h, va, access, p, out);
    if (UNLIKELY(m->page_prefetcher) && done && !fetch && h->record) mmu_look_ahead(m, h, va, out->page_shift, p);
    return done;
}

/* SMAP: what an access with RFLAGS.AC was allowed must be asked again without. */
static bool soft_may_keep(const struct mmu_context *c, const struct mapping *map, enum access access,
                          enum mmu_privilege p)
{
    return access == ACCESS_FETCH || p != MMU_SUPERVISOR_AC || !c->smap || !(map->rights & RIGHT_U);
}

static bool translate_functional(struct mmu *m, struct hart *h, va_t va, enum access access, enum access_by by,
                                 struct translation *out)
{
    struct mapping map;
    enum mmu_privilege p = privilege_of(h, by);
    if (!mmu_walk(m, h, va, access, p, NULL, &map)) return false;
    answer(h, map.frame, map.shift, va, TLB_WALK, MEMORY_WB, out);
    out->cacheable_soft = out->host && soft_may_keep(&m->context, &map, access, p);
    if (map.whole_shift > PAGE_SHIFT) soft_spaces_note_large(&m->spaces, va, map.whole_shift);
    return true;
}

/* Without paging there is no PAT. */
static u8 unpaged_type(const struct mmu *m, const struct hart *h, va_t va)
{
    if (LIKELY(m->context.write_back) || !m->timed) return MEMORY_WB;
    return (u8)memory_type_of(h, HPA(va.v), CODE_WB, -1);
}

static bool translate(void *self, struct hart *h, va_t va, enum access access, enum access_by by,
                      struct translation *out)
{
    struct mmu *m = self;
    if (UNLIKELY(!m->context.paging && !m->context.ept)) {
        answer(h, va.v & ~(PAGE_BYTES - 1), PAGE_SHIFT, va, TLB_NONE, unpaged_type(m, h, va), out);
        out->cacheable_soft = out->host && !m->timed;
        return true;
    }
    return (LIKELY(m->timed) ? translate_timed : translate_functional)(m, h, va, access, by, out);
}

const struct walk_ledger *mmu_warm(struct mmu *m, struct hart *h, va_t va, enum access access, enum access_by by,
                                   struct translation *out)
{
    const struct fault fault = h->fault; /* a stale entry's is not the guest's */
    m->timed = true;
    bool done = translate(m, h, va, access, by, out);
    m->timed = false;
    if (UNLIKELY(!done)) h->fault = fault;
    return !done || out->tlb == TLB_WALK ? &m->scratch : NULL;
}

static bool allows(void *self, struct hart *h, va_t va, enum access access, enum access_by by)
{
    const struct mmu *m = self;
    return mmu_allows(m, h, va, access, privilege_of(h, by));
}

/* --- invalidation --- */

/* Linear and combined mappings that the scope selects: TLBs; paging-structure caches by `psc_scope`. */
static void invalidate_linear(struct mmu *m, struct hart *h, const struct tlb_scope *scope,
                              const struct tlb_scope *psc_scope)
{
    m->stats.invalidations += m->timed;
    if (!m->timed || m->keeps_structures) soft_spaces_invalidate(&m->spaces, &h->soft, scope);
    if (m->timed) soft_tlb_park(&h->soft);
    if (!m->timed && !m->keeps_structures) return;
    invalidate_tlbs(m, scope);
    pwc_invalidate(&m->psc, psc_scope);
}

/* SDM Vol. 3A, "Operations that Invalidate TLBs and Paging-Structure Caches"; under VPID only the current
 * one: Vol. 3C, "Operations that Invalidate Cached Mappings". */
static void invalidate(void *self, struct hart *h, enum invalidate_kind kind, u64 pcid, va_t va)
{
    struct mmu *m = self;
    bool invlpg = kind == INVALIDATE_INVLPG;
    struct tlb_scope scope = {.context = vpid_context(m->virt.vpid),
                              .context_mask = TLB_CONTEXT_VPID,
                              .any_pcid = kind == INVALIDATE_ALL_NONGLOBAL || kind == INVALIDATE_ALL,
                              .pcid = (u16)(invlpg ? m->context.space.pcid : pcid & TLB_PCID_MASK),
                              .globals = invlpg || kind == INVALIDATE_ALL,
                              .one_address = invlpg || kind == INVALIDATE_PCID_ADDRESS,
                              .address = va.v};
    struct tlb_scope psc_scope = scope;
    if (invlpg)
        psc_scope.one_address = false; /* all paging-structure caches of the PCID, whatever the address */
    invalidate_linear(m, h, &scope, &psc_scope);
}

void mmu_invvpid(struct mmu *m, struct hart *h, enum invvpid_type type, u16 vpid, va_t va)
{
    struct tlb_scope scope = {.context = vpid_context(vpid),
                              .context_mask = type == INVVPID_ALL ? 0 : TLB_CONTEXT_VPID,
                              .not_vpid_0 = type == INVVPID_ALL,
                              .any_pcid = true,
                              .globals = type != INVVPID_SINGLE_RETAIN_GLOBALS,
                              .one_address = type == INVVPID_ADDRESS,
                              .address = va.v};
    invalidate_linear(m, h, &scope, &scope);
}

void mmu_invept(struct mmu *m, struct hart *h, enum invept_type type, u64 eptp)
{
    struct tlb_scope scope = {.context = ep4ta_context(eptp),
                              .context_mask = TLB_CONTEXT_EPT | (type == INVEPT_ALL ? 0 : TLB_CONTEXT_EP4TA),
                              .any_pcid = true,
                              .globals = true};
    invalidate_linear(m, h, &scope, &scope);
    tlb_invalidate(&m->ntlb, &scope);
    pwc_invalidate(&m->ept_psc, &scope);
}

void mmu_set_ept_features(struct mmu *m, const struct mmu_ept_features *f)
{
    m->ept_features = *f;
}

void mmu_set_virt(struct mmu *m, struct hart *h, const struct mmu_virt *v)
{
    if (v->flush) mmu_invvpid(m, h, INVVPID_SINGLE, 0, VA(0));
    m->virt = *v;
    context_changed(m, h);
}

static void drop_all(struct mmu *m, struct hart *h)
{
    struct tlb_scope everything = {.any_pcid = true, .globals = true};
    invalidate_tlbs(m, &everything);
    pwc_invalidate(&m->psc, &everything);
    pwc_invalidate(&m->ept_psc, &everything);
    tlb_invalidate(&m->ntlb, &everything);
    soft_spaces_reset(&m->spaces, &h->soft);
}

void mmu_set_timed(struct mmu *m, struct hart *h, bool timed)
{
    if (!m->keeps_structures) drop_all(m, h);
    m->timed = timed;
    if (timed) soft_tlb_park(&h->soft);
    context_changed(m, h);
}

void mmu_keep_structures(struct mmu *m)
{
    m->keeps_structures = true;
}

/* One reference: the four lie in 32 aligned bytes. */
static bool read_pdptes(void *self, struct hart *h, u64 cr3, u64 pdpte[PDPTES])
{
    const u64 bytes = PDPTES * sizeof pdpte[0];
    hpa_t at;
    if (!mmu_guest_physical(self, h, GPA(bits(cr3, 31, 5) << 5), ACCESS_READ, &at)) return false;
    memset(pdpte, 0xff, bytes);
    if (!physmem_has(h->mem, at, bytes)) return true;
    memcpy(pdpte, h->mem->host + at.v, bytes);
    if (h->record)
        *record_add_access(h->record) =
            (struct mem_access){.at = at, .bytes = (u16)bytes, .kind = ACCESS_READ, .walk = -1, .system = true};
    return true;
}

const struct mmu_ops mmu_ops = {translate, invalidate, context_changed, allows, read_pdptes};
