/* fuzz_translate.c - arbitrary page tables: walks in every paging format, with and without EPT, must end, must not
 * look outside RAM, and the modelled TLBs must agree with a walk that has none of them.
 *
 * Input: format, control bits, EPT, count of entries, entries (table and slot, frame, flags), then accesses (kind,
 * page, offset) up to the end. Each access is translated without any TLB, on empty modelled TLBs, and once more on
 * warm ones, and the three agree. For the first two the tables are the same to the bit; warm ones are asked without
 * EPT only, where an accessed flag that is set in one table cannot be another field of another.
 */
#include "machine.h"
#include "models/sim/check.h"

#define TABLES_AT    0x10000u
#define TABLES       8u
#define MAX_ACCESSES 12

struct input {
    const u8 *at, *end;
};

static u8 take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static u64 table_at(unsigned n)
{
    return TABLES_AT + n % TABLES * PAGE_BYTES;
}

/* --- the tables --- */

static const struct {
    u64 cr0, cr4, efer;
} formats[] = {
    {CR0_PE | CR0_PG, 0, 0},
    {CR0_PE | CR0_PG, CR4_PSE, 0},
    {CR0_PE | CR0_PG, CR4_PAE, EFER_NXE},
    {CR0_PE | CR0_PG, CR4_PAE, EFER_LME | EFER_LMA | EFER_NXE},
    {CR0_PE | CR0_PG, CR4_PAE | CR4_LA57, EFER_LME | EFER_LMA | EFER_NXE},
    {CR0_PE, 0, 0},
};

/* A frame: one of the tables, another page of RAM, the last ones, or far outside. */
static u64 frame(u8 code)
{
    if (code < 0x80) return table_at(code);
    if (code < 0xc0) return (u64)(code & 0x3f) << 12;
    if (code < 0xe0) return FUZZ_RAM_BYTES + ((u64)(code & 0x1f) << 12) - 0x10000;
    return BIT(21 + (code & 0x1f));
}

/* Flags of the low byte, three of the high bits, bit 8 and PAT of a large page. */
static u64 flags(u8 low, u8 high)
{
    return low | (high & 1 ? BIT(63) : 0) | (high & 2 ? BIT(8) : 0) | (high & 4 ? BIT(12) : 0) |
           (high & 8 ? BIT(51) : 0);
}

/* Slots near the ends of a table, so that few bits of an address choose among them. */
static unsigned slot(u8 code)
{
    return code & 4 ? 508 + (code & 3) : code & 3;
}

static void put_entry(struct fuzz_machine *m, struct input *in, bool narrow)
{
    u8 where = take(in), to = take(in), low = take(in), high = take(in);
    u64 value = frame(to) | flags(low, high);
    u64 bytes = narrow ? 4 : 8;
    memcpy(m->mem.host + table_at(where >> 3) + slot(where) * bytes, &value, bytes);
}

/* Each index of the address is one of the slots. */
static va_t address(struct input *in, const struct hart *h)
{
    u8 a = take(in), b = take(in), c = take(in);
    bool wide = h->cr4 & CR4_PAE;
    u64 va = c * 16ull % PAGE_BYTES;
    if (!wide) return VA(va | (u64)slot(a) << 12 | (u64)slot(b) << 22);
    va |= (u64)slot(a) << 12 | (u64)slot(a >> 3) << 21 | (u64)slot(b) << 30 | (u64)slot(b >> 3) << 39;
    if (h->cr4 & CR4_LA57) va |= (u64)slot((u8)(a >> 6 | b >> 6 << 2)) << 48;
    if (!hart_in_long_mode(h)) return VA((u32)va);
    unsigned spare = h->cr4 & CR4_LA57 ? 7 : 16;
    return VA((u64)((i64)(va << spare) >> spare));
}

static void set_context(struct fuzz_machine *m, struct input *in)
{
    struct hart *h = &m->h;
    u8 format = take(in), control = take(in), dimension = take(in);
    fuzz_enter(m, FUZZ_LONG);
    h->cr0 = formats[format % ARRAY_LEN(formats)].cr0 | CR0_ET | (control & 1 ? CR0_WP : 0);
    h->cr4 = formats[format % ARRAY_LEN(formats)].cr4 | (control & 2 ? CR4_SMEP : 0) |
             (control & 4 ? CR4_SMAP : 0) | (control & 8 ? CR4_PGE : 0);
    h->efer = formats[format % ARRAY_LEN(formats)].efer & ~(control & 16 ? EFER_NXE : 0);
    h->cr3 = TABLES_AT | (control & 32 ? 0x18 : 0);
    h->cpl = control & 64 ? 3 : 0;
    hart_set_rflags(h, RFLAGS_ONE | (control & 128 ? RFLAGS_AC : 0));
    if (dimension & 1)
        mmu_set_virt(
            &m->mmu, h,
            &(struct mmu_virt){.vpid = dimension & 2,
                               .ept = true,
                               .eptp = table_at(dimension >> 4) | 6 | 3 << 3 | (dimension & 4 ? 0x40 : 0)});
    hart_state_changed(h);
}

/* --- one access, three ways --- */

struct outcome_of {
    bool done;
    struct translation t;
    struct fault fault;
};

static struct outcome_of translate(struct fuzz_machine *m, va_t va, enum access access, bool user)
{
    struct outcome_of o = {0};
    m->h.fault = (struct fault){0};
    if (m->h.record) record_reset(m->h.record);
    o.done = m->h.mmu->translate(m->h.mmu_self, &m->h, va, access, user, &o.t);
    o.fault = m->h.fault;
    return o;
}

static void check_inside(const struct fuzz_machine *m, const struct outcome_of *o)
{
    bool inside = physmem_has(&m->mem, o->t.at, 1);
    CHECK(o->t.host == (inside ? m->mem.host + o->t.at.v : NULL), "host pointer of %#llx",
          (unsigned long long)o->t.at.v);
}

static void check_same(const struct outcome_of *a, const struct outcome_of *b, const char *what, va_t va)
{
    CHECK(a->done == b->done, "%s: %#llx translates %d and %d", what, (unsigned long long)va.v, a->done,
          b->done);
    if (a->done)
        CHECK(a->t.at.v == b->t.at.v, "%s: %#llx is %#llx and %#llx", what, (unsigned long long)va.v,
              (unsigned long long)a->t.at.v, (unsigned long long)b->t.at.v);
    else
        CHECK(a->fault.kind == b->fault.kind && a->fault.error == b->fault.error &&
                  a->fault.vector == b->fault.vector && a->fault.qualification == b->fault.qualification &&
                  a->fault.gpa.v == b->fault.gpa.v,
              "%s: %#llx faults in two ways", what, (unsigned long long)va.v);
}

static void save_tables(struct fuzz_machine *m, u8 saved[TABLES * PAGE_BYTES])
{
    memcpy(saved, m->mem.host + TABLES_AT, TABLES * PAGE_BYTES);
}

static void restore_tables(struct fuzz_machine *m, const u8 saved[TABLES * PAGE_BYTES])
{
    memcpy(m->mem.host + TABLES_AT, saved, TABLES * PAGE_BYTES);
}

static void one_access(struct fuzz_machine *m, struct input *in)
{
    static u8 tables[TABLES * PAGE_BYTES];
    u8 kind = take(in);
    va_t va = address(in, &m->h);
    enum access access = (enum access)(kind % 3);
    bool user = m->h.cpl == 3 && !(kind & 0x80);
    save_tables(m, tables);
    struct outcome_of plain = translate(m, va, access, user);
    restore_tables(m, tables);
    mmu_set_timed(&m->mmu, &m->h, true);
    m->h.record = &m->record;
    struct outcome_of cold = translate(m, va, access, user), warm = translate(m, va, access, user);
    m->h.record = NULL;
    mmu_set_timed(&m->mmu, &m->h, false);
    check_same(&plain, &cold, "with and without TLBs", va);
    if (!m->mmu.virt.ept) check_same(&cold, &warm, "cold and warm", va);
    if (plain.done) check_inside(m, &plain);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct fuzz_machine *m = fuzz_machine();
    struct input in = {data, data + size};
    fuzz_reset(m);
    set_context(m, &in);
    for (u8 entries = take(&in) % 24; entries; entries--)
        put_entry(m, &in, !(m->h.cr4 & CR4_PAE) && !m->mmu.virt.ept);
    for (unsigned n = 0; n < MAX_ACCESSES && in.at < in.end; n++) one_access(m, &in);
    mmu_check_identities(&m->mmu);
    return 0;
}
