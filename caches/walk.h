/* walk.h - one page walk as a step machine: it says which paging-structure entry it needs and is fed the
 * value.
 *
 * Models:       entry addresses, presence, reserved bits (MAXPHYADDR, NXE, page alignment), EPT
 *               misconfigurations, page sizes, access rights accumulated over the levels, which entries
 *               need their accessed and dirty flags set.
 * Not modelled: memory, time, faults and what a right means for an access: the caller's (mmu_walk.c).
 *               Memory types beyond their legality in EPT entries.
 * Neighbours:   mmu_walk.c drives it. A nested walk is a walk of the guest's format whose every entry
 *               address, and whose result, the caller sends through a walk of an EPT format: two of these
 *               structs.
 * Checked by:   tests/unit/test_walk.c
 *
 * Addresses are plain u64 here: the machine serves linear -> guest-physical as well as guest-physical ->
 * host-physical.
 */
#ifndef CACHES_WALK_H
#define CACHES_WALK_H

#include "models/sim/types.h"

#define WALK_MAX_LEVELS 5

enum walk_style {
    STYLE_IA32E, /* R/W, U/S, XD (bit 63 of an 8-byte entry); memory can always be read */
    STYLE_EPT    /* read, write, execute */
};

enum walk_format {
#define FORMAT(name, ...) FORMAT_##name,
#include "caches/formats.def"
#undef FORMAT
    FORMAT_COUNT
};

/* Access rights of a translation, and in the same bits what an access wants. Of EPT, X is for fetches from supervisor-mode
 * linear addresses and U for those from user-mode ones: the same right without mode-based execute control. */
enum rights { RIGHT_R = 1, RIGHT_W = 2, RIGHT_X = 4, RIGHT_U = 8, RIGHT_ALL = 15 };

/* A format as one processor, in one control state, reads it: made by walk_rules_make. */
struct walk_rules {
    enum walk_format format;
    enum walk_style style;
    u8 levels, index_bits, entry_bytes, leaf_level, pointer_level;
    u64 root, present, page_size, accessed, dirty, global;
    u64 reserved[2][WALK_MAX_LEVELS + 1]; /* by "maps a page", level */
    u64 high_frame;      /* PSE-36: bits of a large page's entry that are address bits 32 and up */
    bool accessed_dirty; /* the flags are kept: always in ordinary paging, EPTP bit 6 in EPT */
    bool execute_only;   /* EPT: X without R is legal */
    bool mode_based_execute; /* EPT: bit 10 is the execute right of user-mode linear addresses */
};

/* What the processor and its control registers add to the format. */
struct walk_options {
    unsigned maxphyaddr; /* 32..52: higher bits are reserved */
    bool no_execute;     /* ordinary paging: bit 63 is XD, not reserved (IA32_EFER.NXE) */
    bool pages_2m;       /* an entry of level 2 may map a page */
    bool pages_1g;       /* an entry of level 3 may */
    bool pse36;          /* 32-bit paging: a 4-MiB page's entry holds address bits above 31 */
    bool no_page_size;   /* 32-bit paging without CR4.PSE: the page-size bit is ignored */
    bool accessed_dirty;
    bool execute_only;
    bool mode_based_execute;
};

struct walk_rules walk_rules_make(enum walk_format format, const struct walk_options *o);

enum walk_state {
    WALK_NEED_ENTRY,  /* feed the entry at entry_at */
    WALK_DONE,        /* frame, page_shift and rights hold the translation */
    WALK_NOT_PRESENT, /* not-present entry at `level`; or the address is wider than the format */
    WALK_RESERVED     /* reserved bit set at `level`; in EPT: misconfiguration */
};

struct walk {
    const struct walk_rules *rules;
    u64 address;                          /* that is translated */
    u64 entry_at;                         /* address of the entry that is needed */
    u8 level;                             /* of that entry: 5 or 4 .. 1 */
    u8 top;                               /* level of the first entry fed */
    u8 rights;                            /* accumulated so far */
    u8 page_shift;                        /* WALK_DONE: 12, 21, 30; 22 in 32-bit paging */
    u64 frame;                            /* WALK_DONE: address of the page */
    u64 entry[WALK_MAX_LEVELS + 1];       /* by level: the value fed */
    u64 entry_place[WALK_MAX_LEVELS + 1]; /* by level: its address */
    u8 entry_rights[WALK_MAX_LEVELS + 1]; /* by level: rights accumulated down to it and with it */
};

/* Begins at the root table. `rules` must outlive the walk. WALK_NEED_ENTRY, or WALK_NOT_PRESENT for an EPT
 * format and an address wider than its levels reach (SDM Vol. 3C, "EPT Translation Mechanism"). A linear
 * address is taken as canonical. */
enum walk_state walk_begin(struct walk *w, const struct walk_rules *rules, u64 root, u64 address);

/* After walk_begin: goes on at `level` in the table at `table`, as a paging-structure cache remembers it,
 * with the rights of the levels above. */
void walk_resume(struct walk *w, unsigned level, u64 table, unsigned rights);

/* Feeds the entry of entry_at. */
enum walk_state walk_feed(struct walk *w, u64 entry);

/* After WALK_DONE: true if the entry of `level` (one that was fed) must be rewritten with *value, because
 * its accessed flag is clear or, in the leaf of an access that writes, its dirty flag. */
bool walk_update(const struct walk *w, unsigned level, bool write, u64 *value);

/* After WALK_DONE: the dirty flag of the leaf is set, or flags are not kept. */
bool walk_is_dirty(const struct walk *w);

/* After WALK_DONE: the leaf's global flag (ordinary paging only). */
bool walk_is_global(const struct walk *w);

/* After WALK_DONE: the leaf's protection key (4- and 5-level paging; elsewhere these bits are reserved or not there). */
static inline unsigned walk_key(const struct walk *w)
{
    return (unsigned)bits(w->entry[w->level], 62, 59);
}

/* After WALK_DONE in ordinary paging: the index that selects one of IA32_PAT's entries, from PAT, PCD and PWT of the leaf:
 * SDM Vol. 3A, "Page-Level Cacheability Attributes". */
unsigned walk_pat_index(const struct walk *w);

/* After WALK_DONE: the level whose entry mapped the page. */
static inline unsigned walk_leaf_level(const struct walk *w)
{
    return w->level;
}

/* Address bits that an entry of `level` spans, but in 32-bit paging: 12, 21, 30, 39, 48. */
static inline unsigned walk_level_shift(unsigned level)
{
    return PAGE_SHIFT + 9 * (level - 1);
}

#endif
