#include "models/core/ooo/pipe_trace.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define TICKS 1000 /* a cycle */

static const char *const stage_name[PIPE_STAGES] = {"F", "Rn", "Wk", "Ex", "Cm", "Mc"};

/* --- life --- */

static void write_head(struct pipe_trace *t)
{
    if (t->format == PIPE_KANATA) fputs("Kanata\t0004\n", t->out);
}

bool pipe_trace_open(struct pipe_trace *t, const char *path, enum pipe_format format, u64 skip, u64 count)
{
    memset(t, 0, sizeof *t);
    t->out = fopen(path, "w");
    t->format = format;
    t->skip = skip;
    t->count = count;
    if (t->out)
        write_head(t);
    else
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return t->out != NULL;
}

void pipe_trace_close(struct pipe_trace *t)
{
    fclose(t->out);
}

void pipe_trace_restart(struct pipe_trace *t)
{
    t->closed = false;
    t->instructions = t->ids = t->retired = t->cycle = 0;
    memset(t->row, 0, sizeof t->row);
    rewind(t->out);
    if (ftruncate(fileno(t->out), 0) == 0) write_head(t);
}

void pipe_trace_stop(struct pipe_trace *t)
{
    t->closed = true;
}

bool pipe_trace_next(struct pipe_trace *t)
{
    u64 n = t->instructions++;
    return !t->closed && n >= t->skip && n - t->skip < t->count;
}

/* --- Kanata: events in order of time --- */

static void advance(struct pipe_trace *t, u64 cycle)
{
    if (t->cycle == 0)
        fprintf(t->out, "C=\t%" PRIu64 "\n", cycle);
    else if (cycle > t->cycle)
        fprintf(t->out, "C\t%" PRIu64 "\n", cycle - t->cycle);
    t->cycle = cycle;
}

static void tell_stage(struct pipe_trace *t, const struct pipe_row *r, u64 cycle, enum pipe_stage stage)
{
    advance(t, cycle);
    fprintf(t->out, "S\t%" PRIu64 "\t0\t%s\n", r->id - 1, stage_name[stage]);
}

static void tell_begin(struct pipe_trace *t, const struct pipe_row *r, u64 cycle)
{
    advance(t, cycle);
    fprintf(t->out, "I\t%" PRIu64 "\t%" PRIu64 "\t%u\n", r->id - 1, t->instructions, t->thread);
    fprintf(t->out, "L\t%" PRIu64 "\t0\t0x%" PRIx64 ".%u  %s\n", r->id - 1, r->pc, r->part, r->text);
}

/* --- O3PipeView: a micro-operation's life at its end --- */

static u64 ticks(const struct pipe_row *r, enum pipe_stage stage)
{
    return r->cycle[stage] * TICKS;
}

static void tell_life(struct pipe_trace *t, const struct pipe_row *r, u64 cycle)
{
    bool sequence = r->cycle[PIPE_SEQUENCE] != 0;
    u64 queue = sequence ? ticks(r, PIPE_SEQUENCE) : ticks(r, PIPE_QUEUE);
    u64 rename = sequence ? queue : ticks(r, PIPE_RENAME), complete = ticks(r, PIPE_COMPLETE);
    u64 issue = sequence ? queue : ticks(r, PIPE_EXECUTE);
    fprintf(t->out, "O3PipeView:fetch:%" PRIu64 ":0x%016" PRIx64 ":%u:%" PRIu64 ":%s%s\n", queue, r->pc,
            r->part, r->id - 1, r->text, r->cycle[PIPE_WALK] ? " (page walk)" : "");
    fprintf(t->out, "O3PipeView:decode:%" PRIu64 "\nO3PipeView:rename:%" PRIu64 "\n", queue, rename);
    fprintf(t->out, "O3PipeView:dispatch:%" PRIu64 "\nO3PipeView:issue:%" PRIu64 "\n", rename, issue);
    fprintf(t->out, "O3PipeView:complete:%" PRIu64 "\nO3PipeView:retire:%" PRIu64 ":store:0\n", complete,
            cycle * TICKS);
}

/* --- events --- */

void pipe_trace_begin(struct pipe_trace *t, u32 index, u64 cycle, u64 pc, unsigned part, const char *text)
{
    struct pipe_row *r = &t->row[index];
    *r = (struct pipe_row){.id = ++t->ids, .pc = pc, .part = (u8)part};
    snprintf(r->text, sizeof r->text, "%s", text);
    for (char *c = r->text; *c; c++)
        if (*c == ':') *c = ' '; /* separates fields */
    if (t->format == PIPE_KANATA) tell_begin(t, r, cycle);
}

void pipe_trace_stage(struct pipe_trace *t, u32 index, u64 cycle, enum pipe_stage stage)
{
    struct pipe_row *r = &t->row[index];
    if (r->id == 0) return;
    if (r->cycle[stage] == 0) r->cycle[stage] = cycle;
    if (t->format == PIPE_KANATA) tell_stage(t, r, cycle, stage);
}

void pipe_trace_retire(struct pipe_trace *t, u32 index, u64 cycle)
{
    struct pipe_row *r = &t->row[index];
    if (r->id == 0) return;
    if (t->format == PIPE_KANATA) {
        advance(t, cycle);
        fprintf(t->out, "R\t%" PRIu64 "\t%" PRIu64 "\t0\n", r->id - 1, t->retired);
    } else {
        tell_life(t, r, cycle);
    }
    t->retired++;
    r->id = 0;
}
