#include "models/sim/progress.h"

#include "models/sim/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct progress {
    FILE *out; /* NULL: silent */
    u64 begun_ms, shown_ms;
    unsigned shown_bytes; /* of the line on the screen */
};

static u64 host_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

/* A line that grows by formatted pieces and is cut where its room ends. */
struct line {
    char *text;
    size_t room, used;
};

__attribute__((format(printf, 2, 3))) static void append(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(l->text + l->used, l->room - l->used, format, args);
    va_end(args);
    l->used += bytes > 0 ? (size_t)bytes : 0;
    if (l->used >= l->room) l->used = l->room - 1;
}

static void append_time(struct line *l, u64 seconds)
{
    if (seconds >= 3600)
        append(l, "%" PRIu64 "h%02" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
    else if (seconds >= 60)
        append(l, "%" PRIu64 "m%02" PRIu64 "s", seconds / 60, seconds % 60);
    else
        append(l, "%" PRIu64 "s", seconds);
}

static void append_time_left(struct line *l, const struct progress_state *now, u64 elapsed_ms)
{
    if (!now->done || now->total < now->done) return;
    double left_ms = (double)elapsed_ms * (double)(now->total - now->done) / (double)now->done;
    append(l, ", ");
    append_time(l, (u64)(left_ms / 1000 + 0.5));
    append(l, " left");
}

unsigned progress_format(char *line, size_t bytes, const struct progress_state *now, u64 elapsed_ms)
{
    struct line l = {.text = line, .room = bytes};
    append(&l, "%" PRIu64, now->done);
    if (now->total) append(&l, "/%" PRIu64, now->total);
    append(&l, " done");
    if (now->simulated_ps) append(&l, ", %.3f ms simulated", (double)now->simulated_ps / 1e9);
    if (now->instructions && elapsed_ms)
        append(&l, ", %.1f MIPS", (double)now->instructions / (double)elapsed_ms / 1e3);
    append_time_left(&l, now, elapsed_ms);
    return (unsigned)l.used;
}

/* Writes over the old line; blanks cover what it was longer by. */
static void replace_line(struct progress *p, const char *line, unsigned bytes)
{
    unsigned blanks = p->shown_bytes > bytes ? p->shown_bytes - bytes : 0;
    fprintf(p->out, "\r%s%*s", line, (int)blanks, "");
    if (!bytes) fputc('\r', p->out);
    fflush(p->out);
    p->shown_bytes = bytes;
}

struct progress *progress_new(FILE *out)
{
    struct progress *p = calloc(1, sizeof *p);
    CHECK(p, "no memory for the progress line");
    if (isatty(fileno(out))) p->out = out;
    p->begun_ms = p->shown_ms = host_ms();
    return p;
}

bool progress_is_shown(const struct progress *p)
{
    return p->out;
}

void progress_update(struct progress *p, u64 done, u64 total, u64 simulated_ps, u64 instructions)
{
    const struct progress_state now = {done, total, simulated_ps, instructions};
    if (!p->out) return;
    u64 now_ms = host_ms();
    if (now_ms - p->shown_ms < PROGRESS_INTERVAL_MS) return;
    char line[160];
    p->shown_ms = now_ms;
    replace_line(p, line, progress_format(line, sizeof line, &now, now_ms - p->begun_ms));
}

void progress_free(struct progress *p)
{
    if (p->out && p->shown_bytes) replace_line(p, "", 0);
    free(p);
}
