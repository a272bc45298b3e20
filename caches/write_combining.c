#include "caches/write_combining.h"
#include "models/sim/check.h"
#include "models/sim/clock.h"

#define PARAM_OF struct write_combining_cfg
const struct param write_combining_params[] = {WRITE_COMBINING_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t write_combining_params_count = ARRAY_LEN(write_combining_params);

/* --- a line leaves --- */

static void answered(void *self, u64 token, enum served served)
{
    struct write_combining *w = self;
    (void)served;
    w->buffer[token].leaving = false;
    w->leaving--;
    w->freed(w->self);
}

static void answered_at_ready(void *self, u64 token)
{
    answered(self, token, SERVED_UNKNOWN);
}

static void send(struct write_combining *w, struct combining_buffer *b)
{
    u64 ready_cycle, token = (u64)(b - w->buffer);
    enum served served;
    const struct mem_request r = {.at = HPA(b->line << LINE_SHIFT),
                                  .kind = MEM_UNCACHED_WRITE,
                                  .origin = ORIGIN_DATA,
                                  .done = answered,
                                  .self = w,
                                  .token = token};
    w->stats.bytes += (u64)__builtin_popcountll(b->bytes);
    b->filling = false;
    b->leaving = true;
    w->filling--;
    w->leaving++;
    enum port_answer answer = port_access(&w->port, &r, &ready_cycle, &served);
    CHECK(answer != PORT_BUSY, "%s: an uncached write is refused", w->name);
    if (answer == PORT_HIT) clock_post(w->clock, ready_cycle, answered_at_ready, w, token);
}

/* --- stores --- */

static struct combining_buffer *find(struct write_combining *w, u64 line)
{
    for (u32 i = 0; i < w->n; i++)
        if (w->buffer[i].filling && w->buffer[i].line == line) return &w->buffer[i];
    return NULL;
}

/* A place for a new line. When there is none the oldest line leaves, for the next try. */
static struct combining_buffer *open_line(struct write_combining *w, u64 line)
{
    struct combining_buffer *oldest = NULL;
    for (u32 i = 0; i < w->n; i++) {
        struct combining_buffer *b = &w->buffer[i];
        if (!b->filling && !b->leaving) {
            *b = (struct combining_buffer){.line = line, .age = w->stores, .filling = true};
            w->filling++;
            w->stats.opened++;
            return b;
        }
        if (b->filling && (!oldest || b->age < oldest->age)) oldest = b;
    }
    if (oldest && !w->leaving) {
        w->stats.left_for_room++;
        send(w, oldest);
    }
    return NULL;
}

bool write_combining_store(struct write_combining *w, hpa_t at, unsigned bytes)
{
    u64 inside = at.v & (LINE_BYTES - 1), line = at.v >> LINE_SHIFT;
    CHECK(bytes && inside + bytes <= LINE_BYTES, "%s: %u bytes at %#llx", w->name, bytes, (unsigned long long)at.v);
    struct combining_buffer *b = find(w, line);
    if (!b) b = open_line(w, line);
    if (!b) {
        w->stats.refused++;
        return false;
    }
    w->stores++;
    w->stats.stores++;
    b->bytes |= (bytes == LINE_BYTES ? ~0ull : BIT(bytes) - 1) << inside;
    if (b->bytes != ~0ull) return true;
    w->stats.left_full++;
    send(w, b);
    return true;
}

void write_combining_flush(struct write_combining *w)
{
    for (u32 i = 0; w->filling && i < w->n; i++) {
        if (!w->buffer[i].filling) continue;
        w->stats.left_flushed++;
        send(w, &w->buffer[i]);
    }
}

void write_combining_flush_line(struct write_combining *w, hpa_t at)
{
    struct combining_buffer *b = w->filling ? find(w, at.v >> LINE_SHIFT) : NULL;
    if (!b) return;
    w->stats.left_flushed++;
    send(w, b);
}

/* --- life --- */

void write_combining_init(struct write_combining *w, const struct write_combining_cfg *cfg,
                          const struct write_combining_desc *desc)
{
    *w = (struct write_combining){.name = desc->name, .n = cfg->buffers, .clock = desc->clock, .port = desc->port};
    w->freed = desc->freed;
    w->self = desc->self;
}

#define STAT_OF struct write_combining_stats
static const struct stat_row stat_rows[] = {WRITE_COMBINING_STATS(STAT_ROW)};
#undef STAT_OF

void write_combining_add_stats(const struct write_combining *w, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &w->stats);
}

void write_combining_check_identities(const struct write_combining *w)
{
    const struct write_combining_stats *s = &w->stats;
    CHECK(s->opened == s->left_full + s->left_for_room + s->left_flushed + w->filling,
          "%s: lines begun do not sum over why they left", w->name);
}
