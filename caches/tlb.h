/* tlb.h - one translation lookaside buffer: set-associative, least recently used, with every tag of the
 * architecture.
 *
 * Models:       entries of 4 KiB, 2 MiB and 1 GiB pages, and of 2 to 8 small pages, side by side or alone,
 *               tagged with VPID and EP4TA
 *               (the context) and PCID; global pages match any PCID; pieces of larger pages, which go when
 *               any address of the larger page is invalidated. The same structure is an L1 TLB, the STLB,
 *               the nested TLB, and one level of a paging-structure cache.
 * Not modelled: time, partitioning between logical processors, pseudo-LRU.
 * Neighbours:   mmu.c (TLBs), pwc.c (paging-structure caches).
 * Checked by:   tests/unit/test_tlb.c
 * Source:       SDM Vol. 3A, "Caching Translation Information"; Vol. 3C, "Caching Translation Information"
 *               (VMX).
 */
#ifndef CACHES_TLB_H
#define CACHES_TLB_H

#include "models/sim/types.h"

/* Whose translations: what an entry's tag must equal. */
struct tlb_space {
    u64 context; /* see TLB_CONTEXT_* */
    u16 pcid;
};

/* Layout of a context. */
#define TLB_CONTEXT_EP4TA      0x000000ffffffffffull /* bits 51:12 of the EPT pointer */
#define TLB_CONTEXT_VPID       0x00ffff0000000000ull
#define TLB_CONTEXT_EPT        BIT(56) /* combined or guest-physical mapping: EPT is on */
#define TLB_CONTEXT_UNPAGED    BIT(57) /* CR0.PG = 0: the linear address is the guest-physical one */
#define TLB_CONTEXT_VPID_SHIFT 40

struct tlb_entry {
    u64 page;       /* address of the page | size code << 57 | PCID */
    u64 mask;       /* bits of `page` that a lookup compares: all, or for a global page all but the PCID's */
    u64 context;    /* ~0: no entry */
    u64 frame;      /* translated address of the page (a paging-structure cache: of the table) */
    u64 guest;      /* a paging-structure cache with EPT: the table's guest-physical address */
    u64 used;       /* age for LRU */
    u16 rights;     /* the owner's: enum rights and more */
    u8 shift;       /* of this entry's page size */
    u8 whole_shift; /* of the page that it is a piece of; = shift if it is whole */
    u8 key;         /* the owner's: protection key */
    u8 memory_type; /* the owner's: see struct mapping */
};

struct tlb {
    /* fixed at elaboration */
    u32 sets, ways; /* ways 0: the structure is not there */
    u32 set_bits;
    bool hashed; /* set index = low page-number bits XOR the next ones */
    /* state */
    struct tlb_entry *entry;
    u64 clock;
    u32 valid;   /* entries */
    u64 shifts;  /* bit s: an entry with shift s may be there */
    bool pieces; /* entries that are pieces of larger pages may be there */
};

/* What an invalidation selects. */
struct tlb_scope {
    u64 context, context_mask; /* entries whose context equals this in the masked bits */
    bool not_vpid_0;           /* INVVPID of all contexts spares it */
    bool any_pcid;
    u16 pcid;
    bool globals;     /* global entries too, whatever their PCID */
    bool one_address; /* only the page (or larger page) that holds `address` */
    u64 address;
};

static inline bool tlb_scope_has_context(const struct tlb_scope *s, u64 context)
{
    return !((context ^ s->context) & s->context_mask) && !(s->not_vpid_0 && !(context & TLB_CONTEXT_VPID));
}

/* entries: a multiple of ways whose quotient is a power of two; 0 for a structure that is not there. */
void tlb_init(struct tlb *t, u32 entries, u32 ways, bool hashed);
void tlb_fini(struct tlb *t);
/* True if tlb_init takes these numbers. */
bool tlb_geometry_is_valid(u32 entries, u32 ways);

static inline bool tlb_exists(const struct tlb *t)
{
    return t->ways != 0;
}

/* Puts an entry (its `shift`, `whole_shift`, `frame`, `guest`, `rights` given) for the page of `address`,
 * in place of one with the same tag, a free one, or the least recently used. Nothing happens if the
 * structure is not there. */
void tlb_fill(struct tlb *t, u64 address, const struct tlb_space *s, bool global, const struct tlb_entry *e);

void tlb_invalidate(struct tlb *t, const struct tlb_scope *scope);

#define TLB_COALESCED    3ull                  /* size code of an entry of several small pages */
#define TLB_ADDRESS_MASK 0x01fffffffffff000ull /* bits 56:12 */
#define TLB_PCID_MASK    0xfffull

static inline u64 tlb_page_key(u64 address, unsigned shift, u16 pcid)
{
    u64 size_code = shift > 12 && shift < 21 ? TLB_COALESCED : (shift - PAGE_SHIFT) / 9u;
    return (address & TLB_ADDRESS_MASK & ~(BIT(shift) - 1)) | size_code << 57 | pcid;
}

static inline u32 tlb_set(const struct tlb *t, u64 address, unsigned shift)
{
    u64 page = (address & TLB_ADDRESS_MASK) >> shift;
    if (t->hashed) page ^= page >> t->set_bits;
    return (u32)page & (t->sets - 1);
}

/* The entry of the page of size 2^shift that holds `address`, which becomes the youngest; or NULL. */
static inline struct tlb_entry *tlb_lookup(struct tlb *t, u64 address, unsigned shift,
                                           const struct tlb_space *s)
{
    u64 key = tlb_page_key(address, shift, s->pcid);
    struct tlb_entry *e = t->entry + (size_t)tlb_set(t, address, shift) * t->ways;
    for (struct tlb_entry *end = e + t->ways; e < end; e++) {
        if (((e->page ^ key) & e->mask) == 0 && e->context == s->context) {
            e->used = ++t->clock;
            return e;
        }
    }
    return NULL;
}

/* The same over the page sizes that may be there, smallest first. */
static inline struct tlb_entry *tlb_lookup_any(struct tlb *t, u64 address, const struct tlb_space *s)
{
    for (u64 left = t->shifts; left; left &= left - 1) {
        struct tlb_entry *e = tlb_lookup(t, address, (unsigned)__builtin_ctzll(left), s);
        if (e) return e;
    }
    return NULL;
}

#endif
