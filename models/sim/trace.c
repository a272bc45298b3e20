#include "models/sim/trace.h"

#include "models/sim/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
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

void trace_init(struct trace *t)
{
    t->active = t->to_file = 0;
    t->file = NULL;
    t->lines = 0;
    for (unsigned c = 0; c < TRACE_N_CATEGORIES; c++) {
        if (categories[c].kept) t->active |= BIT(c);
    }
    check_add_witness(testify, t);
}

void trace_fini(struct trace *t)
{
    check_remove_witness(testify, t);
    if (t->file) fclose(t->file);
    t->file = NULL;
    t->active = 0;
}

/* The bits of one name of `bytes` bytes; 0 if there is no such category. */
static u64 categories_named(const char *name, size_t bytes)
{
    if (bytes == 3 && memcmp(name, "all", 3) == 0) return BIT(TRACE_N_CATEGORIES) - 1;
    for (unsigned c = 0; c < TRACE_N_CATEGORIES; c++) {
        if (strlen(categories[c].name) == bytes && memcmp(categories[c].name, name, bytes) == 0) return BIT(c);
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

bool trace_open(struct trace *t, const char *list, const char *path)
{
    if (!select_categories(t, list)) return false;
    t->file = fopen(path, "w");
    if (!t->file) {
        fprintf(stderr, "%s: can't be written: %s\n", path, strerror(errno));
        return false;
    }
    t->active |= t->to_file;
    return true;
}

__attribute__((format(printf, 4, 0))) static void print_line(FILE *out, u64 cycle, const char *unit,
                                                             const char *format, va_list args)
{
    fprintf(out, "%" PRIu64 " %s ", cycle, unit);
    vfprintf(out, format, args);
    fputc('\n', out);
}

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
    va_start(args, format);
    print_line(t->file, cycle, unit, format, args);
    va_end(args);
}

void trace_print_ring(const struct trace *t, FILE *out)
{
    u64 first = t->lines > TRACE_RING_LINES ? t->lines - TRACE_RING_LINES : 0;
    for (u64 i = first; i < t->lines; i++) fprintf(out, "    %s\n", t->ring[i % TRACE_RING_LINES]);
}

void trace_print_categories(FILE *out)
{
    for (unsigned c = 0; c < TRACE_N_CATEGORIES; c++) fprintf(out, "%-8s %s\n", categories[c].name, categories[c].what);
}
