#include "caches/walk.h"

struct format {
    u8 levels, index_bits, entry_bytes;
    u64 root, present, accessed, dirty, global, page_size;
    u8 leaf_level, pointer_level;
    u64 always_reserved, reserved_2, reserved_3, reserved_4;
    u8 leaf_low_reserved;
    enum walk_style style;
};

static const struct format formats[] = {
#define FORMAT(name, ...) [FORMAT_##name] = {__VA_ARGS__},
#include "caches/formats.def"
#undef FORMAT
};

#define ADDRESS_BITS 0x000ffffffffff000ull
#define IA32E_W      BIT(1)
#define IA32E_U      BIT(2)
#define IA32E_XD     BIT(63)
#define EPT_R        BIT(0)
#define EPT_W        BIT(1)
#define EPT_X        BIT(2)
#define EPT_XU       BIT(10)

/* SDM Vol. 3A, "Use of CR3 with 32-Bit Paging" and the table of a PDE that maps a 4-MByte page: bits 20:13 are address bits
 * 39:32, as far as MAXPHYADDR reaches; the rest up to bit 21 is reserved. */
#define PSE36_LOW   13u
#define PSE36_SHIFT (32u - PSE36_LOW)

static u64 high_frame_bits(const struct format *f, const struct walk_options *o)
{
    unsigned top = (unsigned)min_u64(o->maxphyaddr, 40);
    return f->entry_bytes == 4 && o->pse36 ? BIT(top - PSE36_SHIFT) - BIT(PSE36_LOW) : 0;
}

/* SDM Vol. 3C, "EPT Misconfigurations": a leaf above level 1 must be aligned to its page. */
static u64 leaf_reserved(const struct format *f, const struct walk_options *o, unsigned level)
{
    unsigned shift = PAGE_SHIFT + f->index_bits * (level - 1u);
    if (level == 1) return 0;
    if ((level == 2 && !o->pages_2m) || (level == 3 && !o->pages_1g)) return f->page_size;
    return (BIT(shift) - BIT(f->leaf_low_reserved)) & ~high_frame_bits(f, o);
}

static void fill_reserved(struct walk_rules *r, const struct format *f, const struct walk_options *o)
{
    const u64 by_level[] = {0, 0, f->reserved_2, f->reserved_3, f->reserved_4, f->reserved_4};
    u64 always = f->always_reserved | (BIT(52) - BIT(o->maxphyaddr));
    if (f->style == STYLE_IA32E && !o->no_execute) always |= IA32E_XD;
    for (unsigned level = 1; level <= WALK_MAX_LEVELS; level++) {
        r->reserved[0][level] = always | by_level[level] | (level >= f->pointer_level ? IA32E_XD : 0);
        r->reserved[1][level] = always | leaf_reserved(f, o, level);
    }
}

struct walk_rules walk_rules_make(enum walk_format format, const struct walk_options *o)
{
    const struct format *f = &formats[format];
    struct walk_rules r = {.format = format,
                           .style = f->style,
                           .levels = f->levels,
                           .index_bits = f->index_bits,
                           .entry_bytes = f->entry_bytes,
                           .leaf_level = f->leaf_level,
                           .pointer_level = f->pointer_level,
                           .root = f->root,
                           .present = f->present,
                           .page_size = o->no_page_size ? 0 : f->page_size,
                           .accessed = f->accessed,
                           .dirty = f->dirty,
                           .global = f->global,
                           .accessed_dirty = o->accessed_dirty,
                           .execute_only = o->execute_only,
                           .mode_based_execute = o->mode_based_execute,
                           .high_frame = high_frame_bits(f, o)};
    if (o->mode_based_execute) r.present |= EPT_XU;
    fill_reserved(&r, f, o);
    return r;
}

static unsigned entry_shift(const struct walk *w, unsigned level)
{
    return PAGE_SHIFT + w->rules->index_bits * (level - 1u);
}

static enum walk_state need_entry(struct walk *w, unsigned level, u64 table)
{
    u64 index = (w->address >> entry_shift(w, level)) & (BIT(w->rules->index_bits) - 1);
    w->level = (u8)level;
    w->entry_at = table + index * w->rules->entry_bytes;
    return WALK_NEED_ENTRY;
}

enum walk_state walk_begin(struct walk *w, const struct walk_rules *rules, u64 root, u64 address)
{
    w->rules = rules;
    w->address = address;
    w->rights = RIGHT_ALL;
    w->top = rules->levels;
    w->level = rules->levels;
    if (rules->style == STYLE_EPT && address >> entry_shift(w, rules->levels + 1u)) {
        w->rights = 0;
        return WALK_NOT_PRESENT;
    }
    return need_entry(w, rules->levels, root & rules->root);
}

void walk_resume(struct walk *w, unsigned level, u64 table, unsigned rights)
{
    w->top = (u8)level;
    w->rights = (u8)rights;
    need_entry(w, level, table);
}

static unsigned ia32e_rights(u64 entry)
{
    return RIGHT_R | (entry & IA32E_W ? RIGHT_W : 0u) | (entry & IA32E_XD ? 0u : RIGHT_X) |
           (entry & IA32E_U ? RIGHT_U : 0u);
}

static unsigned ept_rights(const struct walk_rules *r, u64 entry)
{
    bool user_execute = entry & (r->mode_based_execute ? EPT_XU : EPT_X);
    return (unsigned)(entry & (EPT_R | EPT_W | EPT_X)) | (user_execute ? RIGHT_U : 0); /* the bits fall together */
}

static bool maps_page(const struct walk *w, u64 entry)
{
    return w->level == 1 || (w->level <= w->rules->leaf_level && (entry & w->rules->page_size));
}

/* SDM Vol. 3C, "EPT Misconfigurations": rights that make no sense, and memory types that do not exist. */
static bool ept_is_misconfigured(const struct walk *w, u64 entry, bool leaf)
{
    u64 type = bits(entry, 5, 3);
    if ((entry & EPT_W) && !(entry & EPT_R)) return true;
    if (!(entry & EPT_R) && !w->rules->execute_only) return true;
    return leaf && (type == 2 || type == 3 || type == 7);
}

static bool is_reserved(const struct walk *w, u64 entry, bool leaf)
{
    if (entry & w->rules->reserved[leaf][w->level]) return true;
    return w->rules->style == STYLE_EPT && ept_is_misconfigured(w, entry, leaf);
}

static enum walk_state finish(struct walk *w, u64 entry)
{
    w->page_shift = (u8)entry_shift(w, w->level);
    w->frame = entry & ADDRESS_BITS & ~(BIT(w->page_shift) - 1);
    if (w->level > 1) w->frame |= (entry & w->rules->high_frame) << PSE36_SHIFT;
    return WALK_DONE;
}

enum walk_state walk_feed(struct walk *w, u64 entry)
{
    bool leaf = maps_page(w, entry);
    w->entry[w->level] = entry;
    w->entry_place[w->level] = w->entry_at;
    if (!(entry & w->rules->present)) {
        w->rights = 0;
        return WALK_NOT_PRESENT;
    }
    if (is_reserved(w, entry, leaf)) return WALK_RESERVED;
    if (w->level < w->rules->pointer_level)
        w->rights &= (u8)(w->rules->style == STYLE_EPT ? ept_rights(w->rules, entry) : ia32e_rights(entry));
    w->entry_rights[w->level] = w->rights;
    return leaf ? finish(w, entry) : need_entry(w, w->level - 1u, entry & ADDRESS_BITS);
}

bool walk_update(const struct walk *w, unsigned level, bool write, u64 *value)
{
    u64 flags = w->rules->accessed | (write && level == walk_leaf_level(w) ? w->rules->dirty : 0);
    *value = w->entry[level] | flags;
    return w->rules->accessed_dirty && level < w->rules->pointer_level && *value != w->entry[level];
}

bool walk_is_dirty(const struct walk *w)
{
    return !w->rules->accessed_dirty || (w->entry[walk_leaf_level(w)] & w->rules->dirty);
}

/* PAT is bit 7 of a page-table entry, and bit 12 of one that maps a larger page, whose bit 7 is PS. */
unsigned walk_pat_index(const struct walk *w)
{
    unsigned leaf = walk_leaf_level(w);
    u64 entry = w->entry[leaf], pat = leaf == 1 ? BIT(7) : BIT(12);
    return (unsigned)bits(entry, 4, 3) | (entry & pat ? 4u : 0u);
}

bool walk_is_global(const struct walk *w)
{
    return w->entry[walk_leaf_level(w)] & w->rules->global;
}
