/* bfs.c - breadth-first search of a random graph.
 *
 * Measures: dependent, scattered reads and writes. A vertex record is 256 bytes: four edges (to the next
 *           vertex and three random ones), level and parent. The search stops after so many edges, so the
 *           region does not grow with the graph. Records carry the number of the search: a new one starts
 *           without clearing them.
 * Words:    pages=8192    the vertex records in 4 KiB, 16 in each
 *           iters=60000   edges looked at, at most
 *           page=4K|2M    (4K)
 *           seed=1        of the edges
 * Check:    Graph500's rules over the vertices seen, with the edges made again from the seed: a parent is one
 *           level up and has an edge to its child; no edge of an expanded vertex leads further down than one
 *           level.
 */
#include "kit/kit.h"

enum { RECORD_BYTES = 256, RECORDS_PER_PAGE = 4096 / RECORD_BYTES, DEGREE = 4 };

struct vertex {
    u32 edges[DEGREE];
    u32 search, level, parent;
    u8 properties[RECORD_BYTES - 4 * (DEGREE + 3)];
};

struct graph {
    struct vertex *vertices;
    u64 count, seed;
    u32 *queue; /* vertices in the order in which they were seen */
    u64 seen, expanded;
    u32 search;
};

static u32 edge_of(const struct graph *g, u64 from, u64 k)
{
    if (k == 0) return (u32)(from + 1 < g->count ? from + 1 : 0);
    return (u32)scale_below(mix(g->seed << 40 ^ (from * DEGREE + k)), g->count);
}

static void make_graph(struct graph *g)
{
    for (u64 v = 0; v < g->count; v++) {
        for (u64 k = 0; k < DEGREE; k++) g->vertices[v].edges[k] = edge_of(g, v, k);
        g->vertices[v].search = 0;
    }
}

static void see(struct graph *g, u32 v, u32 parent, u32 level)
{
    struct vertex *vertex = &g->vertices[v];
    if (vertex->search == g->search) return;
    vertex->search = g->search;
    vertex->level = level;
    vertex->parent = parent;
    g->queue[g->seen++] = v;
}

static void search(struct graph *g, u32 root, u64 edges)
{
    g->search++;
    g->seen = g->expanded = 0;
    see(g, root, root, 0);
    while (g->expanded < g->seen && (g->expanded + 1) * DEGREE <= edges) {
        u32 v = g->queue[g->expanded++];
        const struct vertex *vertex = &g->vertices[v];
        for (u64 k = 0; k < DEGREE; k++) see(g, vertex->edges[k], v, vertex->level + 1);
    }
}

static bool has_edge(const struct graph *g, u32 from, u32 to)
{
    for (u64 k = 0; k < DEGREE; k++)
        if (edge_of(g, from, k) == to) return true;
    return false;
}

static bool parent_is_right(const struct graph *g, u32 v)
{
    const struct vertex *vertex = &g->vertices[v];
    const struct vertex *parent = &g->vertices[vertex->parent];
    if (v == g->queue[0]) return vertex->level == 0;
    return parent->search == g->search && parent->level + 1 == vertex->level &&
           has_edge(g, vertex->parent, v);
}

static bool children_are_near(const struct graph *g, u32 v)
{
    for (u64 k = 0; k < DEGREE; k++) {
        const struct vertex *child = &g->vertices[edge_of(g, v, k)];
        if (child->search != g->search || child->level > g->vertices[v].level + 1) return false;
    }
    return true;
}

static bool is_valid(const struct graph *g)
{
    for (u64 i = 0; i < g->seen; i++)
        if (!parent_is_right(g, g->queue[i])) return false;
    for (u64 i = 0; i < g->expanded; i++)
        if (!children_are_near(g, g->queue[i])) return false;
    return true;
}

static u64 sum_of_levels(const struct graph *g)
{
    u64 sum = 0;
    for (u64 i = 0; i < g->seen; i++) sum += g->vertices[g->queue[i]].level;
    return sum;
}

int main(void)
{
    u64 pages = 8192, iters = 60000, page_size = 0, seed = 1;
    const struct word words[] = {WORD_PAGES(pages, 1, PAGES_MAX), WORD_ITERS(iters),
                                 WORD_PAGE_SIZE(page_size), WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));
    struct graph g = {.vertices = bench_data(pages, PAGE_SIZE_OF(page_size)),
                      .count = pages * RECORDS_PER_PAGE,
                      .seed = seed};
    g.queue = heap_run(g.count * sizeof *g.queue, PAGE_4K);
    make_graph(&g);

    MARK_WARM();
    search(&g, (u32)g.count / 2, iters / 2);
    bench_begin();
    search(&g, 0, iters);
    bench_end();

    return bench_report(is_valid(&g), "bfs: pages=%llu iters=%llu seen=%llu levels=%llu", (ull)pages,
                        (ull)iters, (ull)g.seen, (ull)sum_of_levels(&g));
}
