/* mshr.c - misses in flight. */
#include "caches/mshr.h"

#include "models/sim/check.h"
#include <stdlib.h>

void mshr_init(struct mshr_file *f, u32 registers, u32 targets)
{
    *f = (struct mshr_file){.n = registers, .n_targets = targets};
    f->entry = calloc(registers, sizeof *f->entry);
    f->line = malloc(registers * sizeof *f->line);
    f->target = calloc(targets, sizeof *f->target);
    CHECK(f->entry && f->line && f->target, "no host memory for %u MSHRs", registers);
    for (u32 i = 0; i < registers; i++) f->line[i] = MSHR_NO_LINE;
    for (u32 t = 0; t < targets; t++) f->target[t].next = t + 1 < targets ? (i32)t + 1 : MSHR_NONE;
}

void mshr_fini(struct mshr_file *f)
{
    free(f->entry);
    free(f->line);
    free(f->target);
    *f = (struct mshr_file){0};
}

static i32 find_line(const struct mshr_file *f, u64 line)
{
    for (u32 i = 0; i < f->n; i++)
        if (f->line[i] == line) return (i32)i;
    return MSHR_NONE;
}

i32 mshr_find(const struct mshr_file *f, u64 line)
{
    return f->used_by[line % MSHR_GROUPS] ? find_line(f, line) : MSHR_NONE;
}

static i32 find_free(const struct mshr_file *f)
{
    return f->used < f->n ? find_line(f, MSHR_NO_LINE) : MSHR_NONE;
}

i32 mshr_allocate(struct mshr_file *f, u64 line, const struct mem_request *r)
{
    const i32 i = find_free(f);

    if (i == MSHR_NONE) return MSHR_NONE;
    f->entry[i] = (struct mshr){.line = line, .kind = r->kind, .origin = r->origin};
    f->entry[i].first = f->entry[i].last = MSHR_NONE;
    if (!mshr_merge(f, i, r)) return MSHR_NONE;
    f->entry[i].valid = true;
    f->line[i] = line;
    f->used_by[line % MSHR_GROUPS]++;
    f->used++;
    return i;
}

bool mshr_merge(struct mshr_file *f, i32 i, const struct mem_request *r)
{
    struct mshr *m = &f->entry[i];
    const i32 t = f->free_target;

    if (t == MSHR_NONE) return false;
    f->free_target = f->target[t].next;
    f->target[t] = (struct mshr_target){r->done, r->self, r->token, MSHR_NONE};
    if (m->last == MSHR_NONE)
        m->first = t;
    else
        f->target[m->last].next = t;
    m->last = t;
    m->dirty |= r->kind == MEM_WRITE;
    m->own |= mem_kind_owns(r->kind);
    return true;
}

void mshr_release(struct mshr_file *f, i32 i, enum served served)
{
    i32 t = f->entry[i].first;

    CHECK(f->entry[i].valid, "MSHR %d released twice", i);
    f->entry[i].valid = false;
    f->used_by[f->line[i] % MSHR_GROUPS]--;
    f->line[i] = MSHR_NO_LINE;
    f->used--;
    while (t != MSHR_NONE) {
        const struct mshr_target waiting = f->target[t];

        f->target[t].next = f->free_target;
        f->free_target = t;
        if (waiting.done) waiting.done(waiting.self, waiting.token, served);
        t = waiting.next;
    }
}
