#include "models/sim/trace.h"

#include "models/sim/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool kept;
    const char *what;
} categories[] = {
#define CATEGORY_ROW(name, kept, what) {#name, kept, what},
    TRACE_CATEGORIES(CATEGORY_ROW)
#undef CATEGORY_ROW
};

static void testify(void *self, FILE *out)
{
    const struct trace *t = self;
    if (t->lines) fputs("  recent trace:\n", out);
    trace_print_ring(t, out);
}

/* The bits of one name of `bytes` bytes; 0 if there is no such category. */
static u64 categories_named(const char *name, size_t bytes)
{
    if (bytes == 3 && memcmp(name, "all", 3) == 0) return BIT(TRACE_N_CATEGORIES) - 1;
    for (unsigned c = 0; c < TRACE_N_CATEGORIES; c++) {
        if (strlen(categories[c].name) == bytes && memcmp(categories[c].name, name, bytes) == 0)
            return BIT(c);
    }
    return 0;
}

static bool complain_of_category(const char *name, size_t bytes)
{
    fprintf(stderr, "--trace: '%.*s' is not a category (allowed: all", (int)bytes, name);
    for (unsigned c = 0; c < TRACE_N_CATEGORIES; c++) fprintf(stderr, " %s", categories[c].name);
    fputs(")\n", stderr);
    return false;
}

static bool select_categories(struct trace *t, const char *list)
{
    for (;;) {
        size_t bytes = strcspn(list, ",");
        u64 named = categories_named(list, bytes);
        if (!named) return complain_of_category(list, bytes);
        t->to_file |= named;
        if (!list[bytes]) return true;
        list += bytes + 1;
    }
}

static bool open_file(struct trace *t, const char *path)
{
    t->file = fopen(path, "w");
    if (!t->file) fprintf(stderr, "%s: can't be written: %s\n", path, strerror(errno));
    return t->file;
}

struct trace *trace_open(const char *path, const char *list)
{
    struct trace *t = calloc(1, sizeof *t);
    CHECK(t, "no memory for a trace");
    if (list && (!select_categories(t, list) || !open_file(t, path))) {
        free(t);
        return NULL;
    }
    t->active = t->to_file;
    for (unsigned c = 0; c < TRACE_N_CATEGORIES; c++) {
        if (categories[c].kept) t->active |= BIT(c);
    }
    check_add_witness(testify, t);
    return t;
}

void trace_close(struct trace *t)
{
    if (!t) return;
    check_remove_witness(testify, t);
    if (t->file) fclose(t->file);
    free(t);
}

/* Puts a line into the ring; what is beyond its room is cut. */
__attribute__((format(printf, 4, 0))) static void keep_line(struct trace *t, u64 cycle, const char *unit,
                                                            const char *format, va_list args)
{
    char *line = t->ring[t->lines++ % TRACE_RING_LINES];
    int used = snprintf(line, TRACE_LINE_BYTES, "%" PRIu64 " %s ", cycle, unit);
    if (used < TRACE_LINE_BYTES) vsnprintf(line + used, TRACE_LINE_BYTES - (size_t)used, format, args);
}

void trace_line(struct trace *t, enum trace_category c, u64 cycle, const char *unit, const char *format, ...)
{
    va_list args;
    if (!trace_on(t, c)) return;
    va_start(args, format);
    keep_line(t, cycle, unit, format, args);
    va_end(args);
    if (!(t->to_file & BIT(c))) return;
    fprintf(t->file, "%" PRIu64 " %s ", cycle, unit);
    va_start(args, format);
    vfprintf(t->file, format, args);
    va_end(args);
    fputc('\n', t->file);
}

void trace_print_ring(const struct trace *t, FILE *out)
{
    u64 first = t->lines > TRACE_RING_LINES ? t->lines - TRACE_RING_LINES : 0;
    for (u64 i = first; i < t->lines; i++) fprintf(out, "    %s\n", t->ring[i % TRACE_RING_LINES]);
}

void trace_print_categories(FILE *out)
{
    for (unsigned c = 0; c < TRACE_N_CATEGORIES; c++)
        fprintf(out, "%-8s %s\n", categories[c].name, categories[c].what);
}
