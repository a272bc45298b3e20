#include "caches/pwc.h"
#include "caches/walk.h"

#define DEEPEST 2

void pwc_init(struct pwc *p, const struct pwc_geometry *g)
{
    for (unsigned l = 0; l < PWC_LEVELS; l++) tlb_init(&p->level[l], g->entries[l], g->ways[l], false);
}

void pwc_fini(struct pwc *p)
{
    for (unsigned l = 0; l < PWC_LEVELS; l++) tlb_fini(&p->level[l]);
}

bool pwc_exists(const struct pwc *p)
{
    for (unsigned l = DEEPEST; l < PWC_LEVELS; l++)
        if (tlb_exists(&p->level[l])) return true;
    return false;
}

const struct tlb_entry *pwc_lookup(struct pwc *p, u64 address, const struct tlb_space *s, unsigned *level)
{
    for (unsigned l = DEEPEST; l < PWC_LEVELS; l++) {
        if (!p->level[l].valid) continue;
        const struct tlb_entry *e = tlb_lookup(&p->level[l], address, walk_level_shift(l), s);
        if (!e) continue;
        *level = l;
        return e;
    }
    return NULL;
}

void pwc_fill(struct pwc *p, unsigned level, u64 address, const struct tlb_space *s, u64 table, u64 guest,
              unsigned rights)
{
    unsigned shift = walk_level_shift(level);
    struct tlb_entry e = {
        .frame = table, .guest = guest, .rights = (u16)rights, .shift = (u8)shift, .whole_shift = (u8)shift};
    tlb_fill(&p->level[level], address, s, false, &e);
}

void pwc_invalidate(struct pwc *p, const struct tlb_scope *scope)
{
    for (unsigned l = DEEPEST; l < PWC_LEVELS; l++) tlb_invalidate(&p->level[l], scope);
}
