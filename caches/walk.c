#include "caches/walk.h"

struct format {
    u8 levels, index_bits, entry_bytes;
    u64 present, accessed, dirty, global, page_size, upper_reserved, table_reserved;
    u8 leaf_low_reserved;
    enum walk_style style;
};

static const struct format formats[] = {
#define FORMAT(name, ...) [FORMAT_##name] = {__VA_ARGS__},
#include "caches/formats.def"
#undef FORMAT
};

#define ADDRESS_BITS  0x000ffffffffff000ull
#define IA32E_W       BIT(1)
#define IA32E_U       BIT(2)
#define IA32E_XD      BIT(63)
#define EPT_R         BIT(0)
#define EPT_W         BIT(1)
#define EPT_X         BIT(2)

static const struct format *format_of(const struct walk *w) { return &formats[w->format]; }

unsigned walk_levels(enum walk_format format) { return formats[format].levels; }

static unsigned entry_shift(const struct format *f, unsigned level)
{
    return PAGE_SHIFT + f->index_bits * (level - 1u);
}

static enum walk_state need_entry(struct walk *w, unsigned level, u64 table)
{
    const struct format *f = format_of(w);
    unsigned low = entry_shift(f, level);
    w->level = (u8)level;
    w->entry_at = table + bits(w->address, low + f->index_bits - 1u, low) * f->entry_bytes;
    return WALK_NEED_ENTRY;
}

enum walk_state walk_begin(struct walk *w, enum walk_format format, const struct walk_rules *rules, u64 root,
                           u64 address)
{
    const struct format *f = &formats[format];
    w->format = format;
    w->rules = *rules;
    w->address = address;
    w->rights = RIGHT_ALL;
    w->top = f->levels;
    w->level = f->levels;
    if (f->style == STYLE_EPT && address >> entry_shift(f, f->levels + 1u)) {
        w->rights = 0;
        return WALK_NOT_PRESENT;
    }
    return need_entry(w, f->levels, root & ADDRESS_BITS);
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

static unsigned ept_rights(u64 entry)
{
    return (unsigned)(entry & (EPT_R | EPT_W | EPT_X)) | RIGHT_U; /* the bits fall together */
}

static bool is_leaf(const struct walk *w, u64 entry)
{
    if (w->level == 1) return true;
    return w->level <= 3 && (entry & format_of(w)->page_size);
}

static u64 leaf_reserved(const struct walk *w)
{
    const struct format *f = format_of(w);
    if (w->level == 1) return 0;
    if (w->level == 3 && !w->rules.pages_1g) return f->page_size;
    unsigned top = entry_shift(f, w->level) - 1u;
    return bits(~0ull, top, f->leaf_low_reserved) << f->leaf_low_reserved;
}

static u64 reserved_bits(const struct walk *w, u64 entry)
{
    const struct format *f = format_of(w);
    if (w->level > 3) return w->rules.reserved | f->upper_reserved;
    return w->rules.reserved | (is_leaf(w, entry) ? leaf_reserved(w) : f->table_reserved);
}

/* SDM Vol. 3C, "EPT Misconfigurations": rights that make no sense, and memory types that do not exist. */
static bool ept_is_misconfigured(const struct walk *w, u64 entry)
{
    u64 type = bits(entry, 5, 3);
    if ((entry & EPT_W) && !(entry & EPT_R)) return true;
    if (!(entry & EPT_R) && !w->rules.execute_only) return true;
    return is_leaf(w, entry) && (type == 2 || type == 3 || type == 7);
}

static bool is_reserved(const struct walk *w, u64 entry)
{
    if (entry & reserved_bits(w, entry)) return true;
    return format_of(w)->style == STYLE_EPT && ept_is_misconfigured(w, entry);
}

static enum walk_state finish(struct walk *w, u64 entry)
{
    w->page_shift = (u8)entry_shift(format_of(w), w->level);
    w->frame = entry & ADDRESS_BITS & ~(BIT(w->page_shift) - 1);
    return WALK_DONE;
}

enum walk_state walk_feed(struct walk *w, u64 entry)
{
    const struct format *f = format_of(w);
    w->entry[w->level] = entry;
    w->entry_place[w->level] = w->entry_at;
    if (!(entry & f->present)) {
        w->rights = 0;
        return WALK_NOT_PRESENT;
    }
    if (is_reserved(w, entry)) return WALK_RESERVED;
    w->rights &= (u8)(f->style == STYLE_EPT ? ept_rights(entry) : ia32e_rights(entry));
    w->entry_rights[w->level] = w->rights;
    if (is_leaf(w, entry)) return finish(w, entry);
    return need_entry(w, w->level - 1u, entry & ADDRESS_BITS);
}

bool walk_update(const struct walk *w, unsigned level, bool write, u64 *value)
{
    const struct format *f = format_of(w);
    u64 flags = f->accessed | (write && level == walk_leaf_level(w) ? f->dirty : 0);
    *value = w->entry[level] | flags;
    return w->rules.accessed_dirty && *value != w->entry[level];
}

bool walk_is_dirty(const struct walk *w)
{
    return !w->rules.accessed_dirty || (w->entry[walk_leaf_level(w)] & format_of(w)->dirty);
}

bool walk_is_global(const struct walk *w) { return w->entry[walk_leaf_level(w)] & format_of(w)->global; }
