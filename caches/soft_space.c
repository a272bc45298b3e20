#include "caches/soft_space.h"
#include <string.h>

static void forget_tags(struct soft_spaces *s)
{
    for (unsigned i = 0; i < SOFT_SPACES; i++) s->space[i].tag = SOFT_TAG_NONE;
    s->next_tag = 0;
}

/* Tags are never used twice between two flushes. */
static void take_tag(struct soft_spaces *s, struct soft_tlb *t, struct soft_space *p)
{
    if (s->next_tag == SOFT_TAG_PARKED) {
        soft_tlb_flush(t);
        forget_tags(s);
    }
    p->tag = s->next_tag++;
    memset(p->large_2m, 0, sizeof p->large_2m);
    p->large_1g = 0;
}

void soft_spaces_reset(struct soft_spaces *s, struct soft_tlb *t)
{
    memset(s, 0, sizeof *s);
    forget_tags(s);
    soft_tlb_flush(t);
}

static bool is_same(const struct soft_space *p, const struct tlb_space *of, const struct soft_rights *rights)
{
    bool same_space = p->of.context == of->context && p->of.pcid == of->pcid;
    return p->known && same_space && !memcmp(&p->rights, rights, sizeof *rights);
}

/* The space, or the slot that has not been used for longest. */
static unsigned find(const struct soft_spaces *s, const struct tlb_space *of, const struct soft_rights *rights)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < SOFT_SPACES; i++) {
        if (is_same(&s->space[i], of, rights)) return i;
        if (s->space[i].used < s->space[oldest].used) oldest = i;
    }
    return oldest;
}

void soft_spaces_select(struct soft_spaces *s, struct soft_tlb *t, const struct tlb_space *of,
                        const struct soft_rights *rights)
{
    if (!is_same(&s->space[s->current], of, rights)) s->current = find(s, of, rights);
    struct soft_space *p = &s->space[s->current];
    if (!is_same(p, of, rights))
        *p = (struct soft_space){.known = true, .of = *of, .rights = *rights, .tag = SOFT_TAG_NONE};
    if (p->tag == SOFT_TAG_NONE) take_tag(s, t, p);
    p->used = ++s->clock;
    t->space = p->tag;
}

static unsigned region_hash(va_t va)
{
    u64 region = va.v >> 21;
    return (unsigned)((region ^ region >> 9 ^ region >> 18) % (64 * SOFT_LARGE_WORDS));
}

void soft_spaces_note_large(struct soft_spaces *s, va_t va, unsigned shift)
{
    struct soft_space *p = &s->space[s->current];
    unsigned h = region_hash(va);
    if (shift > 21) /* 4 MiB too: it is two regions */
        p->large_1g |= BIT(va.v >> 30 & 63);
    else
        p->large_2m[h / 64] |= BIT(h % 64);
}

static bool may_hold_large(const struct soft_space *p, va_t va)
{
    unsigned h = region_hash(va);
    return (p->large_1g & BIT(va.v >> 30 & 63)) || (p->large_2m[h / 64] & BIT(h % 64));
}

static bool selects(const struct tlb_scope *scope, const struct soft_space *p)
{
    if (!p->known || !tlb_scope_has_context(scope, p->of.context)) return false;
    if (!scope->any_pcid && !scope->globals && p->of.pcid != scope->pcid) return false;
    return !scope->one_address || may_hold_large(p, VA(scope->address));
}

void soft_spaces_invalidate(struct soft_spaces *s, struct soft_tlb *t, const struct tlb_scope *scope)
{
    if (scope->one_address) soft_tlb_drop(t, VA(scope->address));
    for (unsigned i = 0; i < SOFT_SPACES; i++)
        if (selects(scope, &s->space[i])) s->space[i].tag = SOFT_TAG_NONE;
    struct soft_space *p = &s->space[s->current];
    if (p->tag == SOFT_TAG_NONE && p->known) take_tag(s, t, p);
    t->space = p->tag;
}
