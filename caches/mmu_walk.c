#include "caches/mmu_walk.h"
#include "caches/memory_type.h"
#include "isa/store_buffer.h"
#include "models/sim/check.h"
#include <string.h>

#define PAGE_OFFSET (PAGE_BYTES - 1)
#define LEVELS      (WALK_MAX_LEVELS + 1)
#define HOST_RIGHTS (RIGHT_R | RIGHT_W | RIGHT_X)

/* EPT qualification bits (SDM Vol. 3C, "Exit Qualification for EPT Violations"); bits 2:0 are enum rights,
 * bits 5:3 too. */
#define EPTQ_RIGHTS_SHIFT 3
#define EPTQ_LINEAR_VALID BIT(7)
#define EPTQ_FINAL        BIT(8)
#define EPTQ_EXECUTE_USER BIT(6)
#define EPTQ_USER         BIT(9)
#define EPTQ_WRITABLE     BIT(10)
#define EPTQ_XD           BIT(11)

#define EPT_SUPPRESS_VE BIT(63)

/* Where one of the guest's tables lies. */
struct place {
    hpa_t at;   /* of the entry */
    u16 rights; /* the host's */
};

/* One translation in progress. */
struct run {
    struct mmu *m;
    struct hart *h;
    const struct mmu_context *c;
    struct walk_ledger *ledger; /* NULL: functional */
    va_t va;
    bool linear; /* va is what is translated (not: a guest-physical address of VMX's own) */
    enum access access;
    enum mmu_privilege privilege;
    struct walk guest;
    struct place place[LEVELS]; /* by guest level */
};

static bool timed(const struct run *r)
{
    return r->ledger != NULL;
}

/* --- references --- */

static void note_ref(struct run *r, hpa_t at, enum walk_dim dim, unsigned guest_level, unsigned host_level)
{
    struct walk_ledger *l = r->ledger;
    CHECK(l->n_refs < WALK_MAX_REFS, "walk of %#lx has too many references", (unsigned long)r->va.v);
    l->ref[l->n_refs++] = (struct walk_ref){
        .at = at, .dim = (u8)dim, .guest_level = (u8)guest_level, .host_level = (u8)host_level};
    r->m->stats.ledger_refs++;
    *(dim == DIM_HOST ? &r->m->stats.refs_host : &r->m->stats.refs_guest) += 1;
}

static void note_pages(const struct run *r, u8 guest_shift, const struct mapping *host)
{
    if (!r->ledger) return;
    r->ledger->guest_shift = guest_shift;
    r->ledger->host_shift = r->c->ept ? host->shift : 0;
}

/* An entry of a format's size. Outside RAM nobody answers: all ones, a reserved bit or a misconfiguration
 * (32-bit paging has no reserved bit there: a page at the end of memory). */
static u64 load_entry(const struct physmem *mem, const struct walk *w, hpa_t at)
{
    u32 narrow;
    if (LIKELY(w->rules->entry_bytes == sizeof(u64)))
        return physmem_has(mem, at, sizeof(u64)) ? physmem_read64(mem, at) : ~0ull;
    if (!physmem_has(mem, at, sizeof narrow)) return UINT32_MAX;
    memcpy(&narrow, mem->host + at.v, sizeof narrow);
    return narrow;
}

/* A walk sees the stores of its own hart. */
u64 mmu_load_entry(const struct hart *h, const struct walk *w, hpa_t at)
{
    u64 entry = load_entry(h->mem, w, at);
    return UNLIKELY(h->stores) ? store_buffer_forward(h, at, w->rules->entry_bytes, entry) : entry;
}

static u64 read_entry(struct run *r, const struct walk *w, hpa_t at, enum walk_dim dim, unsigned guest_level,
                      unsigned host_level)
{
    if (timed(r)) note_ref(r, at, dim, guest_level, host_level);
    return mmu_load_entry(r->h, w, at);
}

static void note_update(struct run *r, hpa_t at, enum walk_dim dim)
{
    struct walk_ledger *l = r->ledger;
    for (unsigned i = l->n_refs; i-- > 0;) {
        if (l->ref[i].at.v != at.v || l->ref[i].dim != dim) continue;
        l->ref[i].writes = true;
        break;
    }
    *(dim == DIM_HOST ? &r->m->stats.ad_updates_host : &r->m->stats.ad_updates_guest) += 1;
}

static void rewrite_entry(struct run *r, const struct walk *w, hpa_t at, u64 value, enum walk_dim dim)
{
    if (timed(r)) note_update(r, at, dim);
    if (UNLIKELY(r->h->stores)) store_buffer_drain(r->h);
    memcpy(r->h->mem->host + at.v, &value, w->rules->entry_bytes); /* little endian, both */
    physmem_note_write(r->h->mem, at, w->rules->entry_bytes);
}

static void charge_lookup(struct run *r, u32 cycles)
{
    r->ledger->cache_cycles = (u8)min_u64(r->ledger->cache_cycles + cycles, UINT8_MAX);
}

/* --- faults --- */

/* Of the host, by an access to a user- or a supervisor-mode linear address. */
static unsigned wanted_rights(enum access access, bool user)
{
    const u8 wanted[] = {
        [ACCESS_READ] = RIGHT_R, [ACCESS_WRITE] = RIGHT_W, [ACCESS_FETCH] = user ? RIGHT_U : RIGHT_X};
    return wanted[access];
}

/* SDM Vol. 3A, "Page-Fault Exceptions". */
static bool page_fault(struct run *r, u32 cause)
{
    u32 error = cause | (r->access == ACCESS_WRITE ? PF_W : 0) | (r->privilege == MMU_USER ? PF_U : 0);
    if (r->access == ACCESS_FETCH && r->c->reports_fetch) error |= PF_I;
    r->h->fault = (struct fault){
        .kind = FAULT_EXCEPTION, .vector = VEC_PF, .has_error = true, .error = error, .va = r->va};
    if (timed(r)) {
        r->m->stats.walks_page_fault++;
        mmu_drop_linear(r->m, r->va);
    }
    return false;
}

static u64 advanced_info(const struct run *r)
{
    unsigned rights = r->c->paging ? r->guest.rights : RIGHT_ALL;
    return (rights & RIGHT_U ? EPTQ_USER : 0) | (rights & RIGHT_W ? EPTQ_WRITABLE : 0) |
           (rights & RIGHT_X ? 0 : EPTQ_XD);
}

/* SDM Vol. 3C, "Operations that Invalidate Cached Mappings": an EPT violation takes with it what would
 * translate the address. */
static void drop_guest_physical(struct run *r, gpa_t at)
{
    struct tlb_scope scope = {.context = r->c->host_space.context,
                              .context_mask = ~0ull,
                              .any_pcid = true,
                              .one_address = true,
                              .address = at.v};
    tlb_invalidate(&r->m->ntlb, &scope);
    pwc_invalidate(&r->m->ept_psc, &scope);
    mmu_drop_linear(r->m, r->va);
}

/* SDM Vol. 3C, "Convertible EPT Violations": bit 63 of the last entry says no; nor without an entry. */
static bool is_convertible(const struct walk *w)
{
    bool too_wide = w->address >> walk_level_shift(w->rules->levels + 1u);
    return !too_wide && !(w->entry[w->level] & EPT_SUPPRESS_VE);
}

/* A fetch from a user-mode address wants RIGHT_U: in the qualification it is a fetch like others. */
static bool ept_violation(struct run *r, gpa_t at, unsigned guest_level, unsigned wanted, const struct walk *host)
{
    bool final = guest_level == 0 && r->linear, fetch = wanted & (RIGHT_U | RIGHT_X);
    u64 q = (wanted & (RIGHT_R | RIGHT_W)) | (fetch ? RIGHT_X : 0) |
            (u64)(host->rights & HOST_RIGHTS) << EPTQ_RIGHTS_SHIFT;
    if (r->c->host_rules.mode_based_execute && (host->rights & RIGHT_U)) q |= EPTQ_EXECUTE_USER;
    if (r->linear) q |= EPTQ_LINEAR_VALID;
    if (final) q |= EPTQ_FINAL;
    if (final && r->m->ept_features.advanced_info) q |= advanced_info(r);
    r->h->fault = (struct fault){.kind = FAULT_EPT_VIOLATION, .gpa = at, .va = r->va, .qualification = q};
    r->h->fault.convertible = is_convertible(host);
    if (timed(r)) {
        r->m->stats.walks_ept_violation++;
        drop_guest_physical(r, at);
    }
    return false;
}

static bool ept_misconfiguration(struct run *r, gpa_t at)
{
    r->h->fault = (struct fault){.kind = FAULT_EPT_MISCONFIG, .gpa = at, .va = r->va};
    if (timed(r)) r->m->stats.walks_ept_misconfig++;
    return false;
}

/* --- host dimension --- */

static void count_ept_psc_hit(struct mmu_stats *s, unsigned level)
{
    u64 *const by_level[] = {
        [2] = &s->ept_psc_hits_pde, &s->ept_psc_hits_pdpte, &s->ept_psc_hits_pml4e, &s->ept_psc_hits_pml5e};
    ++*by_level[level];
}

static void resume_host(struct run *r, struct walk *w)
{
    struct mmu *m = r->m;
    unsigned level;
    if (!pwc_exists(&m->ept_psc)) return;
    m->stats.ept_psc_lookups++;
    charge_lookup(r, m->cfg.psc_lookup_cycles);
    const struct tlb_entry *e = pwc_lookup(&m->ept_psc, w->address, &r->c->host_space, &level);
    if (!e) return;
    count_ept_psc_hit(&m->stats, level);
    r->ledger->ept_psc_skipped += (u8)(w->level - (level - 1));
    walk_resume(w, level - 1, e->frame, e->rights);
}

static void remember_host(struct run *r, const struct walk *w, const struct mapping *map)
{
    struct mmu *m = r->m;
    struct tlb_entry e = {
        .frame = map->frame, .rights = map->rights, .shift = map->shift, .whole_shift = map->shift};
    e.memory_type = map->memory_type;
    for (unsigned level = w->top; level > walk_leaf_level(w); level--)
        pwc_fill(&m->ept_psc, level, w->address, &r->c->host_space, w->entry_place[level - 1] & ~PAGE_OFFSET,
                 0, w->entry_rights[level]);
    tlb_fill(&m->ntlb, w->address, &r->c->host_space, false, &e);
}

static void set_host_flags(struct run *r, struct walk *w, bool write)
{
    for (unsigned level = w->top; level >= walk_leaf_level(w); level--) {
        u64 value;
        if (!walk_update(w, level, write, &value)) continue;
        rewrite_entry(r, w, HPA(w->entry_place[level]), value, DIM_HOST);
        w->entry[level] = value;
    }
}

/* SDM Vol. 3C, "Page-Modification Logging". A full log: no flag is set. */
static bool log_write(struct run *r, const struct walk *w, gpa_t at)
{
    const struct mmu_ept_features *f = &r->m->ept_features;
    if (!r->m->virt.log_writes || walk_is_dirty(w)) return true;
    if (f->log_write(f->log_self, GPA(at.v & ~PAGE_OFFSET))) return true;
    r->h->fault = (struct fault){.kind = FAULT_LOG_FULL, .gpa = at, .va = r->va};
    r->m->stats.walks_log_full += timed(r);
    return false;
}

static bool host_walk(struct run *r, gpa_t at, unsigned guest_level, unsigned wanted, struct mapping *out)
{
    struct walk w;
    enum walk_state state = walk_begin(&w, &r->c->host_rules, r->c->host_root, at.v);
    if (timed(r)) {
        r->m->stats.host_walks++;
        if (state == WALK_NEED_ENTRY) resume_host(r, &w);
    }
    while (state == WALK_NEED_ENTRY)
        state = walk_feed(&w, read_entry(r, &w, HPA(w.entry_at), DIM_HOST, guest_level, w.level));
    if (state == WALK_RESERVED) return ept_misconfiguration(r, at);
    if (state != WALK_DONE || (wanted & ~w.rights))
        return ept_violation(r, at, guest_level, wanted, &w);
    if ((wanted & RIGHT_W) && !log_write(r, &w, at)) return false;
    set_host_flags(r, &w, wanted & RIGHT_W);
    *out = (struct mapping){.frame = w.frame, .shift = w.page_shift, .whole_shift = w.page_shift};
    out->rights = w.rights | (walk_is_dirty(&w) ? MMU_DIRTY : 0);
    out->memory_type = (u8)bits(w.entry[walk_leaf_level(&w)], 6, 3);
    if (timed(r)) remember_host(r, &w, out);
    return true;
}

/* The nested TLB's entry, if it lets the access go on without a walk. */
static bool find_host(struct run *r, gpa_t at, unsigned wanted, struct mapping *out)
{
    struct mmu *m = r->m;
    unsigned need = wanted | (wanted & RIGHT_W ? MMU_DIRTY : 0);
    m->stats.host_lookups++;
    if (!tlb_exists(&m->ntlb)) return false;
    charge_lookup(r, m->cfg.ntlb_lookup_cycles);
    const struct tlb_entry *e = tlb_lookup_any(&m->ntlb, at.v, &r->c->host_space);
    if (!e || (need & ~e->rights)) return false;
    m->stats.ntlb_hits++;
    r->ledger->ntlb_hits++;
    *out =
        (struct mapping){.frame = e->frame, .rights = e->rights, .shift = e->shift, .whole_shift = e->shift};
    out->memory_type = e->memory_type;
    return true;
}

/* Guest-physical to host-physical. Without EPT they are the same, and everything is allowed. */
static bool host_translate(struct run *r, gpa_t at, unsigned guest_level, unsigned wanted,
                           struct mapping *out)
{
    if (!r->c->ept) {
        *out = (struct mapping){.frame = at.v & ~(GiB - 1), .rights = RIGHT_ALL | MMU_DIRTY, .shift = 30};
        return true;
    }
    if (timed(r) && find_host(r, at, wanted, out)) return true;
    return host_walk(r, at, guest_level, wanted, out);
}

static hpa_t mapped(const struct mapping *map, u64 address)
{
    return HPA(map->frame | (address & (BIT(map->shift) - 1)));
}

/* --- guest dimension --- */

static void count_psc_hit(struct mmu_stats *s, unsigned level)
{
    u64 *const by_level[] = {
        [2] = &s->psc_hits_pde, &s->psc_hits_pdpte, &s->psc_hits_pml4e, &s->psc_hits_pml5e};
    ++*by_level[level];
}

static void resume_guest(struct run *r)
{
    struct mmu *m = r->m;
    struct walk *w = &r->guest;
    unsigned level;
    if (!pwc_exists(&m->psc)) return;
    m->stats.psc_lookups++;
    charge_lookup(r, m->cfg.psc_lookup_cycles);
    const struct tlb_entry *e = pwc_lookup(&m->psc, r->va.v, &r->c->space, &level);
    if (!e) return;
    count_psc_hit(&m->stats, level);
    r->ledger->psc_skipped = (u8)(w->level - (level - 1));
    walk_resume(w, level - 1, e->guest, e->rights & RIGHT_ALL);
    r->place[w->level] =
        (struct place){HPA(e->frame | (w->entry_at & PAGE_OFFSET)), e->rights >> MMU_HOST_SHIFT};
}

/* Finds where the entry that the guest's walk needs lies. */
static bool locate_entry(struct run *r)
{
    const struct walk *w = &r->guest;
    struct mapping map;
    unsigned wanted = r->c->host_structure_writes ? RIGHT_R | RIGHT_W : RIGHT_R;
    if (!host_translate(r, GPA(w->entry_at), w->level, wanted, &map)) return false;
    r->place[w->level] = (struct place){mapped(&map, w->entry_at), map.rights & HOST_RIGHTS};
    return true;
}

/* SDM Vol. 3A, "Protection Keys": access disable, and write disable where read-only pages are heeded. */
bool mmu_key_permits(const struct mmu_context *c, unsigned rights, unsigned key, enum access access,
                     enum mmu_privilege p)
{
    u32 denied = c->key_rights[rights & RIGHT_U ? 1 : 0] >> 2 * key;
    if (access == ACCESS_FETCH) return true;
    if (denied & 1) return false;
    return !(denied & 2) || access == ACCESS_READ || !(c->need[ACCESS_WRITE][p] & RIGHT_W);
}

static bool key_permits(const struct mmu_context *c, const struct walk *w, enum access access, enum mmu_privilege p)
{
    return !c->keyed || mmu_key_permits(c, w->rights, walk_key(w), access, p);
}

static bool guest_permits(const struct mmu_context *c, const struct walk *w, enum access access, enum mmu_privilege p)
{
    unsigned need = c->need[access][p] & RIGHT_ALL;
    return !(need & ~w->rights) && !(c->forbid[access][p] & w->rights);
}

enum walk_state mmu_begin_walk(const struct mmu_context *c, const struct hart *h, struct walk *w, u64 va)
{
    enum walk_state state = walk_begin(w, &c->guest_rules, c->guest_root, va);
    return c->pdptes ? walk_feed(w, h->pdpte[bits(va, 31, 30)]) : state;
}

/* Reads the guest's tables down to the leaf and applies its access rights. */
static bool walk_guest_tables(struct run *r)
{
    struct walk *w = &r->guest;
    enum walk_state state = mmu_begin_walk(r->c, r->h, w, r->va.v);
    bool located = false;
    if (timed(r) && state == WALK_NEED_ENTRY) {
        unsigned first = w->level;
        resume_guest(r);
        located = w->level < first;
    }
    while (state == WALK_NEED_ENTRY) {
        if (!located && !locate_entry(r)) return false;
        located = false;
        state = walk_feed(w, read_entry(r, w, r->place[w->level].at, DIM_GUEST, w->level, 0));
    }
    if (state == WALK_NOT_PRESENT) return page_fault(r, 0);
    if (state == WALK_RESERVED) return page_fault(r, PF_P | PF_RSVD);
    if (!key_permits(r->c, w, r->access, r->privilege)) return page_fault(r, PF_P | PF_PK);
    return guest_permits(r->c, w, r->access, r->privilege) || page_fault(r, PF_P);
}

/* Sets the guest's flags. The host must allow the write; what a cache says against it is looked up again. */
static bool set_guest_flags(struct run *r)
{
    struct walk *w = &r->guest;
    for (unsigned level = w->top; level >= walk_leaf_level(w); level--) {
        struct mapping map;
        u64 value;
        gpa_t at = GPA(w->entry_place[level]);
        if (!walk_update(w, level, r->access == ACCESS_WRITE, &value)) continue;
        if (!(r->place[level].rights & RIGHT_W) && !host_translate(r, at, level, RIGHT_W, &map)) return false;
        rewrite_entry(r, w, r->place[level].at, value, DIM_GUEST);
        w->entry[level] = value;
    }
    return true;
}

static void remember_guest(struct run *r)
{
    const struct walk *w = &r->guest;
    unsigned highest = r->c->pdptes ? (unsigned)min_u64(w->top, 2) : w->top; /* registers need no cache */
    for (unsigned level = highest; level > walk_leaf_level(w); level--) {
        const struct place *table = &r->place[level - 1];
        pwc_fill(&r->m->psc, level, r->va.v, &r->c->space, table->at.v & ~PAGE_OFFSET,
                 w->entry_place[level - 1] & ~PAGE_OFFSET,
                 w->entry_rights[level] | table->rights << MMU_HOST_SHIFT);
    }
}

/* A page whose parts have different types by the MTRRs is kept in pieces, as processors do (SDM Vol. 3A, "Large Page
 * Size Considerations"). */
static void give_memory_type(const struct run *r, enum memory_code page, const struct mapping *host,
                             struct mapping *out)
{
    hpa_t at = HPA(out->frame | (r->va.v & (BIT(out->shift) - 1)));
    out->memory_type = (u8)memory_type_of(r->h, at, page, r->c->ept ? host->memory_type : -1);
    while (!r->c->ept && out->shift > PAGE_SHIFT && !mtrr_is_uniform(r->h, at, out->shift)) out->shift -= 9;
    out->frame = at.v & ~(BIT(out->shift) - 1);
}

/* The other small pages of an aligned group join the entry if theirs say the same of the next places: all flags,
 * accessed and dirty included. They lie in the line that was read. Through EPT only where one host page holds the
 * group. */
static bool group_is_alike(const struct run *r, unsigned pages)
{
    const struct walk *w = &r->guest;
    u64 bytes = w->rules->entry_bytes, n = r->va.v >> PAGE_SHIFT & (pages - 1);
    if ((w->frame >> PAGE_SHIFT & (pages - 1)) != n) return false;
    for (u64 i = 0; i < pages; i++) {
        u64 entry = mmu_load_entry(r->h, w, HPA(r->place[1].at.v + (i - n) * bytes));
        if (entry != w->entry[1] + ((i - n) << PAGE_SHIFT)) return false;
    }
    return true;
}

static void coalesce(const struct run *r, const struct mapping *host, struct mapping *out)
{
    unsigned pages = r->m->cfg.coalesced_pages, shift = PAGE_SHIFT + (unsigned)__builtin_ctz(pages);
    if (pages == 1 || walk_leaf_level(&r->guest) != 1 || host->shift < shift) return;
    if (!group_is_alike(r, pages) || (!r->c->ept && !mtrr_is_uniform(r->h, HPA(out->frame), shift))) return;
    out->shift = out->whole_shift = (u8)shift;
    out->frame &= ~(BIT(shift) - 1);
    r->m->stats.coalesced++;
}

/* The host's rights for a user- or a supervisor-mode address: X is what such an address has. */
static unsigned host_rights(const struct mapping *host, bool user)
{
    bool execute = host->rights & (user ? RIGHT_U : RIGHT_X);
    return (host->rights & (RIGHT_R | RIGHT_W)) | (execute ? RIGHT_X : 0u);
}

static void combine(const struct run *r, const struct mapping *host, struct mapping *out)
{
    const struct walk *w = &r->guest;
    u8 shift =
        (u8)min_u64(w->page_shift == 22 ? 21 : w->page_shift, host->shift); /* 4 MByte: two TLB entries */
    u64 address = w->frame | (r->va.v & (BIT(w->page_shift) - 1));
    *out = (struct mapping){.shift = shift, .whole_shift = w->page_shift};
    out->frame = mapped(host, address).v & ~(BIT(shift) - 1);
    out->key = (u8)walk_key(w);
    out->global = r->c->globals && walk_is_global(w);
    out->rights = (u16)(w->rights | host_rights(host, w->rights & RIGHT_U) << MMU_HOST_SHIFT);
    if (walk_is_dirty(w)) out->rights |= host->rights & MMU_DIRTY;
}

static bool walk_paged(struct run *r, struct mapping *out)
{
    const struct walk *w = &r->guest;
    struct mapping host;
    if (!walk_guest_tables(r)) return false;
    gpa_t final = GPA(w->frame | (r->va.v & (BIT(w->page_shift) - 1)));
    if (!host_translate(r, final, 0, wanted_rights(r->access, w->rights & RIGHT_U), &host)) return false;
    if (!set_guest_flags(r)) return false;
    combine(r, &host, out);
    note_pages(r, w->page_shift, &host);
    if (!timed(r)) return true;
    give_memory_type(r, pat_code(r->h, walk_pat_index(w)), &host, out);
    r->m->stats.fractured += out->shift < (w->page_shift == 22 ? 21 : w->page_shift);
    coalesce(r, &host, out);
    remember_guest(r);
    return true;
}

/* CR0.PG = 0 under EPT: the linear address is the guest-physical one, its page as large as EPT says. It counts as a
 * user-mode one. */
static bool walk_unpaged(struct run *r, struct mapping *out)
{
    if (!host_translate(r, GPA(r->va.v), 0, wanted_rights(r->access, true), out)) return false;
    note_pages(r, 0, out);
    if (timed(r)) give_memory_type(r, CODE_WB, &(struct mapping){.memory_type = out->memory_type}, out);
    out->rights = (u16)(RIGHT_ALL | host_rights(out, true) << MMU_HOST_SHIFT | (out->rights & MMU_DIRTY));
    return true;
}

static void run_init(struct run *r, struct mmu *m, struct hart *h, va_t va, enum access access)
{
    r->m = m;
    r->h = h;
    r->c = &m->context;
    r->ledger = NULL;
    r->va = va;
    r->linear = true;
    r->access = access;
    r->privilege = MMU_SUPERVISOR;
}

static void ledger_init(struct walk_ledger *l, const struct run *r)
{
    l->va = r->va;
    l->access = (u8)r->access;
    l->n_refs = l->psc_skipped = l->ept_psc_skipped = l->ntlb_hits = l->cache_cycles = 0;
    l->nested = r->c->ept;
    l->guest_shift = l->host_shift = 0;
    l->faulted = false;
    l->ahead = 0;
}

bool mmu_walk(struct mmu *m, struct hart *h, va_t va, enum access access, enum mmu_privilege privilege,
              struct walk_ledger *ledger, struct mapping *out)
{
    struct run r;
    run_init(&r, m, h, va, access);
    r.privilege = privilege;
    r.ledger = ledger;
    if (ledger) ledger_init(ledger, &r);
    bool done = r.c->paging ? walk_paged(&r, out) : walk_unpaged(&r, out);
    if (!ledger) return done;
    ledger->faulted = !done;
    m->stats.walks++;
    m->stats.walks_done += done;
    return done;
}

bool mmu_guest_physical(struct mmu *m, struct hart *h, gpa_t at, enum access access, hpa_t *out)
{
    struct run r;
    struct mapping map;
    run_init(&r, m, h, VA(0), access);
    r.linear = false;
    if (!host_translate(&r, at, 0, wanted_rights(access, false), &map)) return false;
    *out = mapped(&map, at.v);
    return true;
}

/* --- looking without touching --- */

/* A guest-physical address of which the host must allow `wanted`. */
static bool peek_host(const struct mmu_context *c, const struct hart *h, u64 gpa, unsigned wanted, hpa_t *out)
{
    struct walk w;
    *out = HPA(gpa);
    if (!c->ept) return true;
    enum walk_state state = walk_begin(&w, &c->host_rules, c->host_root, gpa);
    while (state == WALK_NEED_ENTRY) state = walk_feed(&w, mmu_load_entry(h, &w, HPA(w.entry_at)));
    if (state != WALK_DONE || (wanted & ~w.rights)) return false;
    *out = HPA(w.frame | (gpa & (BIT(w.page_shift) - 1)));
    return true;
}

/* Reads the guest's tables into *w. */
bool mmu_peek_guest(const struct mmu_context *c, const struct hart *h, va_t va, struct walk *w)
{
    unsigned wanted = c->host_structure_writes ? RIGHT_R | RIGHT_W : RIGHT_R;
    hpa_t at;
    enum walk_state state = mmu_begin_walk(c, h, w, va.v);
    while (state == WALK_NEED_ENTRY) {
        if (!peek_host(c, h, w->entry_at, wanted, &at)) return false;
        state = walk_feed(w, mmu_load_entry(h, w, at));
    }
    return state == WALK_DONE;
}

bool mmu_peek(const struct mmu *m, const struct hart *h, va_t va, hpa_t *out)
{
    const struct mmu_context *c = &m->context;
    struct walk w;
    if (!c->paging) return peek_host(c, h, va.v, 0, out);
    return mmu_peek_guest(c, h, va, &w) && peek_host(c, h, w.frame | (va.v & (BIT(w.page_shift) - 1)), 0, out);
}

bool mmu_allows(const struct mmu *m, const struct hart *h, va_t va, enum access access, enum mmu_privilege privilege)
{
    const struct mmu_context *c = &m->context;
    struct walk w;
    hpa_t at;
    if (!c->paging) return peek_host(c, h, va.v, wanted_rights(access, true), &at);
    if (!mmu_peek_guest(c, h, va, &w) || !guest_permits(c, &w, access, privilege) || !key_permits(c, &w, access, privilege))
        return false;
    return peek_host(c, h, w.frame | (va.v & (BIT(w.page_shift) - 1)),
                     wanted_rights(access, w.rights & RIGHT_U), &at);
}
