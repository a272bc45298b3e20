#include "models/core/ooo/uop_cache.h"
#include <string.h>

void uop_cache_init(struct uop_cache *c, u32 sets, u32 ways, u32 line)
{
    memset(c, 0, sizeof *c);
    c->sets = sets;
    c->ways = ways;
    c->line = line;
}

static int find_way(const struct uop_cache *c, u64 window)
{
    u32 set = window % c->sets;
    for (u32 way = 0; way < c->ways; way++)
        if (c->entry[set][way].lines && c->entry[set][way].window == window) return (int)way;
    return -1;
}

bool uop_cache_find(struct uop_cache *c, u64 window)
{
    int way = find_way(c, window);
    if (way >= 0) c->entry[window % c->sets][way].used = ++c->time;
    return way >= 0;
}

static u32 lines_in(const struct uop_cache *c, u32 set)
{
    u32 lines = 0;
    for (u32 way = 0; way < c->ways; way++) lines += c->entry[set][way].lines;
    return lines;
}

/* The window of the set that was not used for longest; there is one. */
static u32 find_victim(const struct uop_cache *c, u32 set)
{
    u32 victim = c->ways;
    for (u32 way = 0; way < c->ways; way++) {
        if (!c->entry[set][way].lines) continue;
        if (victim == c->ways || c->entry[set][way].used < c->entry[set][victim].used) victim = way;
    }
    return victim;
}

void uop_cache_fill(struct uop_cache *c, u64 window, u32 slots)
{
    u32 lines = (slots + c->line - 1) / c->line, set = window % c->sets, way = 0;
    if (slots == 0 || lines > UOP_CACHE_LINES || lines > c->ways || find_way(c, window) >= 0) return;
    while (lines_in(c, set) + lines > c->ways) c->entry[set][find_victim(c, set)].lines = 0;
    while (c->entry[set][way].lines) way++;
    c->entry[set][way].window = window;
    c->entry[set][way].lines = (u8)lines;
    c->entry[set][way].used = ++c->time;
}
