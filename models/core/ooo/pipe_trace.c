#include "models/core/ooo/pipe_trace.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define TICKS 1000 /* a cycle */

#define LETTERS(name, letters, meaning) letters,
static const char *const stage_letters[PIPE_N_STAGES] = {PIPE_STAGES(LETTERS)};
static const char *const stall_letters[PIPE_N_STALLS] = {"", PIPE_STALLS(LETTERS)};
#undef LETTERS

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
    t->closed = t->started = false;
    t->instructions = t->ids = t->retired = t->cycle = 0;
    memset(t->row, 0, sizeof t->row);
    rewind(t->out);
    if (ftruncate(fileno(t->out), 0) == 0) write_head(t);
}

void pipe_trace_stop(struct pipe_trace *t)
{
    t->closed = true;
}

static bool is_in_window(struct pipe_trace *t)
{
    u64 n = t->instructions++;
    return !t->closed && n >= t->skip && n - t->skip < t->count;
}

/* --- Kanata: events in order of time --- */

static void advance(struct pipe_trace *t, u64 cycle)
{
    if (!t->started)
        fprintf(t->out, "C=\t%" PRIu64 "\n", cycle);
    else if (cycle > t->cycle)
        fprintf(t->out, "C\t%" PRIu64 "\n", cycle - t->cycle);
    t->started = true;
    t->cycle = cycle;
}

/* The row to tell of at `cycle`, NULL: it is not told, or not as events. */
static struct pipe_row *told(struct pipe_trace *t, u32 index, u64 cycle)
{
    struct pipe_row *r = &t->row[index];
    if (r->id == 0 || t->format != PIPE_KANATA) return NULL;
    advance(t, cycle);
    return r;
}

static void tell_begin(struct pipe_trace *t, u32 index, u64 cycle)
{
    const struct pipe_row *r = told(t, index, cycle);
    if (r) fprintf(t->out, "I\t%" PRIu64 "\t%" PRIu64 "\t%u\n", r->id - 1, t->instructions - 1, t->thread);
}

static void tell_label(struct pipe_trace *t, u32 index, u64 cycle)
{
    const struct pipe_row *r = told(t, index, cycle);
    if (r) fprintf(t->out, "L\t%" PRIu64 "\t0\t0x%" PRIx64 ".%u  %s\n", r->id - 1, r->pc, r->part, r->text);
}

static void tell_stage(struct pipe_trace *t, u32 index, u64 cycle, enum pipe_stage stage)
{
    const struct pipe_row *r = told(t, index, cycle);
    if (r) fprintf(t->out, "S\t%" PRIu64 "\t0\t%s\n", r->id - 1, stage_letters[stage]);
}

static void tell_stall(struct pipe_trace *t, u32 index, u64 cycle, char command, enum pipe_stall stall)
{
    const struct pipe_row *r = told(t, index, cycle);
    if (r) fprintf(t->out, "%c\t%" PRIu64 "\t1\t%s\n", command, r->id - 1, stall_letters[stall]);
}

void pipe_trace_detail(struct pipe_trace *t, u32 index, u64 cycle, const char *format, ...)
{
    const struct pipe_row *r = told(t, index, cycle);
    if (!r) return;
    va_list args;
    va_start(args, format);
    fprintf(t->out, "L\t%" PRIu64 "\t1\t", r->id - 1);
    vfprintf(t->out, format, args);
    fputs("\\n\n", t->out); /* details are strung together: what ends a line in them is an escape */
    va_end(args);
}

void pipe_trace_mark(struct pipe_trace *t, u32 index, u64 cycle, const char *mark)
{
    struct pipe_row *r = &t->row[index];
    size_t used = strlen(r->text);
    snprintf(r->text + used, sizeof r->text - used, "%s", mark);
    if (told(t, index, cycle)) fprintf(t->out, "L\t%" PRIu64 "\t0\t%s\n", r->id - 1, mark);
}

void pipe_trace_wait(struct pipe_trace *t, u32 index, u32 producer, u64 cycle)
{
    const struct pipe_row *from = &t->row[producer], *r = from->id ? told(t, index, cycle) : NULL;
    if (r) fprintf(t->out, "W\t%" PRIu64 "\t%" PRIu64 "\t0\n", r->id - 1, from->id - 1);
}

static void tell_end(struct pipe_trace *t, u64 id, u64 cycle)
{
    advance(t, cycle);
    fprintf(t->out, "R\t%" PRIu64 "\t%" PRIu64 "\t0\n", id - 1, t->retired++);
}

/* --- O3PipeView: a micro-operation's life at its end --- */

/* The first of these stages that it entered, else the tick `before`. */
static u64 ticks(const struct pipe_row *r, enum pipe_stage stage, enum pipe_stage or_stage, u64 before)
{
    u64 cycle = r->cycle[stage] ? r->cycle[stage] : r->cycle[or_stage];
    return cycle ? cycle * TICKS : before;
}

static void print_stalls(const struct pipe_trace *t, const struct pipe_row *r)
{
    for (unsigned s = 1; s < PIPE_N_STALLS; s++)
        if (r->stalls >> s & 1) fprintf(t->out, " {%s}", stall_letters[s]);
}

static void tell_life(struct pipe_trace *t, const struct pipe_row *r, u64 id, u64 pc, u64 fetch, const char *text,
                      u64 end)
{
    u64 decode = ticks(r, PIPE_QUEUE, PIPE_SEQUENCE, fetch), rename = ticks(r, PIPE_RENAME, PIPE_SEQUENCE, decode);
    u64 issue = ticks(r, PIPE_EXECUTE, PIPE_SEQUENCE, rename);
    fprintf(t->out, "O3PipeView:fetch:%" PRIu64 ":0x%016" PRIx64 ":%u:%" PRIu64 ":%s", fetch, pc, r->part, id - 1,
            text);
    print_stalls(t, r);
    fprintf(t->out, "\nO3PipeView:decode:%" PRIu64 "\nO3PipeView:rename:%" PRIu64 "\n", max_u64(decode, fetch),
            max_u64(rename, fetch));
    fprintf(t->out, "O3PipeView:dispatch:%" PRIu64 "\nO3PipeView:issue:%" PRIu64 "\n", max_u64(rename, fetch),
            max_u64(issue, fetch));
    fprintf(t->out, "O3PipeView:complete:%" PRIu64 "\nO3PipeView:retire:%" PRIu64 ":store:0\n",
            max_u64(ticks(r, PIPE_COMPLETE, PIPE_COMPLETE, issue), fetch), (end + 1) * TICKS);
    t->retired++;
}

/* --- events --- */

static void copy_text(char *to, size_t bytes, const char *text)
{
    snprintf(to, bytes, "%s", text);
    for (char *c = to; *c; c++)
        if (*c == ':') *c = ' '; /* separates fields */
}

static void begin_row(struct pipe_trace *t, u32 index, u64 cycle, u64 pc, unsigned part)
{
    t->row[index] = (struct pipe_row){.id = ++t->ids, .pc = pc, .part = (u8)part};
    tell_begin(t, index, cycle);
}

void pipe_trace_fetch(struct pipe_trace *t, u64 cycle, enum world world, u64 pc)
{
    t->row[PIPE_FETCHED].id = 0;
    if (!is_in_window(t)) return;
    begin_row(t, PIPE_FETCHED, cycle, pc, 0);
    const char *place = t->place ? t->place(t->place_self, world, pc) : "";
    if (*place) pipe_trace_detail(t, PIPE_FETCHED, cycle, "%s world, %s", world_name[world], place);
    pipe_trace_stage(t, PIPE_FETCHED, cycle, PIPE_FETCH);
}

void pipe_trace_decode(struct pipe_trace *t, u32 index, u64 cycle, const char *text)
{
    pipe_trace_stall(t, PIPE_FETCHED, cycle, PIPE_NO_STALL);
    t->row[index] = t->row[PIPE_FETCHED];
    t->row[PIPE_FETCHED].id = 0;
    copy_text(t->row[index].text, sizeof t->row[index].text, text);
    tell_label(t, index, cycle);
}

void pipe_trace_fuse(struct pipe_trace *t, u32 index, u64 cycle, const char *text)
{
    struct pipe_row *r = &t->row[index], *jump = &t->row[PIPE_FETCHED];
    pipe_trace_stall(t, PIPE_FETCHED, cycle, PIPE_NO_STALL);
    copy_text(jump->text, sizeof jump->text, text);
    tell_label(t, PIPE_FETCHED, cycle);
    pipe_trace_stage(t, PIPE_FETCHED, cycle, PIPE_FUSED);
    r->fused_id = jump->id;
    r->fused_pc = jump->pc;
    r->fused_fetch = jump->cycle[PIPE_FETCH] * TICKS;
    copy_text(r->fused_text, sizeof r->fused_text, text);
    jump->id = 0;
}

void pipe_trace_begin(struct pipe_trace *t, u32 index, u64 cycle, u64 pc, unsigned part, const char *text)
{
    begin_row(t, index, cycle, pc, part);
    copy_text(t->row[index].text, sizeof t->row[index].text, text);
    tell_label(t, index, cycle);
}

void pipe_trace_stall(struct pipe_trace *t, u32 index, u64 cycle, enum pipe_stall stall)
{
    struct pipe_row *r = &t->row[index];
    if (r->id == 0 || r->stall == stall) return;
    if (r->stall) tell_stall(t, index, cycle, 'E', (enum pipe_stall)r->stall);
    if (stall) tell_stall(t, index, cycle, 'S', stall);
    r->stall = (u8)stall;
    r->stalls |= 1u << stall;
}

void pipe_trace_stage(struct pipe_trace *t, u32 index, u64 cycle, enum pipe_stage stage)
{
    struct pipe_row *r = &t->row[index];
    if (r->id == 0 || r->cycle[stage]) return;
    pipe_trace_stall(t, index, cycle, PIPE_NO_STALL);
    r->cycle[stage] = cycle + 1;
    tell_stage(t, index, cycle, stage);
}

void pipe_trace_retire(struct pipe_trace *t, u32 index, u64 cycle)
{
    struct pipe_row *r = &t->row[index];
    if (t->format == PIPE_KANATA) {
        if (r->id) tell_end(t, r->id, cycle);
        if (r->fused_id) tell_end(t, r->fused_id, cycle);
    } else {
        if (r->id) tell_life(t, r, r->id, r->pc, ticks(r, PIPE_FETCH, PIPE_QUEUE, 0), r->text, cycle);
        if (r->fused_id) tell_life(t, r, r->fused_id, r->fused_pc, r->fused_fetch, r->fused_text, cycle);
    }
    r->id = r->fused_id = 0;
}
