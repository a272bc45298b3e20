/* replacement_plru.c - tree pseudo-LRU: one bit per inner node of a binary tree over the ways points to the half that was used
 * longer ago; a use turns the bits on its way to point elsewhere. Ways need not be a power of two: a bit that points to leaves
 * that do not exist is read as the other half. */
#include "caches/replacement.h"

static u32 half_of_leaves(u32 ways)
{
    u32 half = 1;

    while (2 * half < ways) half *= 2;
    return ways > 1 ? half : 0;
}

/* Node 1 is the root, node n has 2n (lower ways) and 2n + 1 (upper) below it: at most 63 for 64 ways. */
static void plru_use(struct replacement *r, u32 set, u32 way)
{
    u64 *tree = &r->word[(size_t)set * r->ways];
    u32 node = 1;

    for (u32 half = half_of_leaves(r->ways); half; half /= 2) {
        const bool upper = way & half;

        *tree = upper ? *tree & ~BIT(node) : *tree | BIT(node);
        node = 2 * node + upper;
    }
}

static u32 plru_victim(struct replacement *r, u32 set)
{
    const u64 tree = r->word[(size_t)set * r->ways];
    u32 node = 1, way = 0;

    for (u32 half = half_of_leaves(r->ways); half; half /= 2) {
        const bool upper = (tree & BIT(node)) && way + half < r->ways;

        way += upper ? half : 0;
        node = 2 * node + upper;
    }
    return way;
}

const struct replacement_policy replacement_plru = {"plru", plru_use, plru_use, plru_victim};
