#include "models/board/inspect.h"
#include <inttypes.h>

#define ENTRY_IN_NO_MEMORY (~0ull)
#define MAX_STEPS          ((WALK_MAX_LEVELS + 1) * (WALK_MAX_LEVELS + 1))
#define LEVELS             (WALK_MAX_LEVELS + 1)

struct step {
    u8 guest_level; /* 0: for the final guest-physical address */
    u8 host_level;  /* 0: of the guest dimension */
    u64 place;      /* of the entry, in the addresses of its dimension */
    u64 hpa;
    u64 entry;
    const struct walk_rules *rules;
    enum walk_state state; /* behind it */
};

/* A walk as it was seen. */
struct view {
    const struct mmu_context *c;
    const struct hart *h;
    struct step step[MAX_STEPS];
    unsigned n;
    u64 gpa; /* of the address, if the guest dimension reached it */
    bool guest_done;
};

/* --- looking --- */

static u64 load_entry(const struct view *v, const struct walk_rules *rules, hpa_t at)
{
    if (!physmem_has(v->h->mem, at, sizeof(u64))) return ENTRY_IN_NO_MEMORY;
    return rules->entry_bytes == sizeof(u64) ? physmem_read64(v->h->mem, at) : (u32)physmem_read64(v->h->mem, at);
}

static enum walk_state feed(struct view *v, struct walk *w, unsigned guest_level, hpa_t at)
{
    bool host = w->rules == &v->c->host_rules;
    struct step *s = &v->step[v->n++];
    *s = (struct step){.guest_level = (u8)guest_level,
                       .host_level = host ? w->level : 0,
                       .place = w->entry_at,
                       .hpa = at.v,
                       .rules = w->rules};
    s->entry = load_entry(v, w->rules, at);
    return s->state = walk_feed(w, s->entry);
}

static bool look_host(struct view *v, unsigned guest_level, u64 gpa, hpa_t *out)
{
    struct walk w;
    *out = HPA(gpa);
    if (!v->c->ept) return true;
    enum walk_state state = walk_begin(&w, &v->c->host_rules, v->c->host_root, gpa);
    while (state == WALK_NEED_ENTRY) state = feed(v, &w, guest_level, HPA(w.entry_at));
    if (state != WALK_DONE) return false;
    *out = HPA(w.frame | (gpa & (BIT(w.page_shift) - 1)));
    return true;
}

static bool look_guest(struct view *v, u64 va)
{
    struct walk w;
    hpa_t at;
    v->gpa = va;
    if (!v->c->paging) return true;
    enum walk_state state = mmu_begin_walk(v->c, v->h, &w, va);
    while (state == WALK_NEED_ENTRY) {
        if (!look_host(v, w.level, w.entry_at, &at)) return false;
        state = feed(v, &w, w.level, at);
    }
    if (state != WALK_DONE) return false;
    v->gpa = w.frame | (va & (BIT(w.page_shift) - 1));
    return true;
}

/* --- the drawing: a row per guest level, a column per host level, in each place the number of its reference --- */

static void print_place(FILE *out, unsigned number)
{
    if (number)
        fprintf(out, "%7u", number);
    else
        fputs("      .", out);
}

static void draw_row(const unsigned row[LEVELS], unsigned host_levels, const char *name, FILE *out)
{
    fprintf(out, "  %-14s", name);
    for (unsigned host = host_levels; host > 0; host--) print_place(out, row[host]);
    print_place(out, row[0]);
    fputc('\n', out);
}

static void draw(const struct view *v, FILE *out)
{
    unsigned number[LEVELS][LEVELS] = {{0}};
    unsigned guest_levels = v->c->paging ? v->c->guest_rules.levels : 0,
             host_levels = v->c->ept ? v->c->host_rules.levels : 0;
    char name[32];
    for (unsigned i = 0; i < v->n; i++) number[v->step[i].guest_level][v->step[i].host_level] = i + 1;
    fprintf(out, "\n  %-14s", "");
    for (unsigned host = host_levels; host > 0; host--) fprintf(out, "  EPT %u", host);
    fputs("  entry\n", out);
    for (unsigned guest = guest_levels; guest > 0; guest--) {
        snprintf(name, sizeof name, "level %u", guest);
        draw_row(number[guest], host_levels, name, out);
    }
    if (host_levels) draw_row(number[0], host_levels, "address", out);
    fputc('\n', out);
}

/* --- the steps --- */

static void print_flags_ept(const struct step *s, FILE *out)
{
    u64 e = s->entry;
    fprintf(out, "%c%c%c", e & 1 ? 'R' : '-', e & 2 ? 'W' : '-', e & 4 ? 'X' : '-');
    if (s->state == WALK_DONE)
        fprintf(out, " memory type %u%s", (unsigned)bits(e, 5, 3), e & BIT(6) ? " IPAT" : "");
}

static void print_flags_ia32e(const struct step *s, FILE *out)
{
    u64 e = s->entry;
    fprintf(out, "%s%s%s%s%s", e & 1 ? "P" : "not present", e & 2 ? " W" : "", e & 4 ? " U" : "",
            e & 8 ? " PWT" : "", e & 16 ? " PCD" : "");
    if (s->state == WALK_DONE && (e & s->rules->global)) fputs(" G", out);
    if (s->rules->entry_bytes == sizeof e && (e & BIT(63))) fputs(" XD", out);
}

static const char *outcome(const struct step *s)
{
    switch (s->state) {
    case WALK_NEED_ENTRY:
        return "";
    case WALK_DONE:
        return "  maps the page";
    case WALK_NOT_PRESENT:
        return s->host_level ? "  EPT violation" : "  page fault";
    case WALK_RESERVED:
        return s->host_level ? "  EPT misconfiguration" : "  page fault: reserved bit";
    }
    return "";
}

static void print_step(const struct step *s, unsigned number, FILE *out)
{
    fprintf(out, "%4u  ", number);
    if (s->host_level)
        fprintf(out, "  EPT level %u    ", s->host_level);
    else
        fprintf(out, "guest level %u    ", s->guest_level);
    if (s->place != s->hpa)
        fprintf(out, "at gpa 0x%" PRIx64 " = hpa 0x%" PRIx64 ": ", s->place, s->hpa);
    else
        fprintf(out, "at hpa 0x%" PRIx64 ": ", s->hpa);
    fprintf(out, "0x%016" PRIx64 "  ", s->entry);
    if (s->rules->style == STYLE_EPT)
        print_flags_ept(s, out);
    else
        print_flags_ia32e(s, out);
    if (s->rules->accessed_dirty && (s->entry & s->rules->accessed)) fputs(" A", out);
    if (s->rules->accessed_dirty && s->state == WALK_DONE && (s->entry & s->rules->dirty)) fputs(" D", out);
    fprintf(out, "%s\n", outcome(s));
}

bool inspect_walk(const struct mmu *mmu, const struct hart *h, va_t va, FILE *out)
{
    struct view v = {.c = &mmu->context, .h = h};
    hpa_t at = HPA(0);
    v.guest_done = look_guest(&v, va.v);
    bool done = v.guest_done && look_host(&v, 0, v.gpa, &at);
    fprintf(out, "linear address 0x%" PRIx64 ", %s world, %s%s: %u references\n", va.v, world_name[h->world],
            v.c->paging ? "paging on" : "paging off", v.c->ept ? ", EPT on" : "", v.n);
    draw(&v, out);
    for (unsigned i = 0; i < v.n; i++) print_step(&v.step[i], i + 1, out);
    if (v.guest_done && v.c->ept) fprintf(out, "guest-physical address 0x%" PRIx64 "\n", v.gpa);
    if (done)
        fprintf(out, "host-physical address 0x%" PRIx64 "\n", at.v);
    else
        fprintf(out, "no translation\n");
    return done;
}
