/* btree.c - look-ups in a B+ tree whose nodes are pages, as in a database with a clustered index.
 *
 * Measures: a search by halves in one node per level. A leaf holds 15 rows of 256 bytes, an inner node 255
 *           keys, each in a page of its own; the inner nodes stay in the caches, the leaves do not.
 * Words:    pages=16384   leaves
 *           iters=8000    look-ups of random keys that exist
 *           page=4K|2M    (4K)
 *           seed=1        of keys looked for and of payloads
 * Check:    the sum of the payloads found, from the formula that made them.
 */
#include "kit/kit.h"

enum { ROW_BYTES = 256, LEAF_ROWS = 15, FANOUT = 256, INNER_LEVELS_MAX = 3 };

struct row {
    u64 key, payload;
    u8 other_columns[ROW_BYTES - 16];
};

struct leaf {
    u64 header[ROW_BYTES / 8];
    struct row rows[LEAF_ROWS];
};

/* Child i holds the keys from keys[i - 1] on; what a child is depends on the level. */
struct inner {
    u64 keys[FANOUT - 1];
    u32 children[FANOUT]; /* page numbers */
    u32 child_count;
    u8 unused[PAGE_4K - (FANOUT - 1) * 8 - FANOUT * 4 - 4];
};

struct tree {
    u8 *data;
    u64 leaves, pages_used, root, inner_levels, seed;
};

/* The n-th key; keys grow with n. */
static u64 key_of(u64 n)
{
    return 3 * n + 1;
}

static u64 payload_of(const struct tree *t, u64 n)
{
    return mix(n + t->seed);
}

static void *page_at(const struct tree *t, u64 page)
{
    return t->data + page * PAGE_4K;
}

static void fill_leaves(struct tree *t)
{
    for (u64 i = 0; i < t->leaves; i++) {
        struct leaf *leaf = page_at(t, i);
        for (u64 r = 0; r < LEAF_ROWS; r++) {
            leaf->rows[r].key = key_of(i * LEAF_ROWS + r);
            leaf->rows[r].payload = payload_of(t, i * LEAF_ROWS + r);
        }
    }
}

/* One inner node over `count` (at most FANOUT) pages from `first`, each of which covers `leaves_each`
 * leaves. */
static void fill_inner(struct inner *node, u64 first, u64 count, u64 index, u64 leaves_each)
{
    node->child_count = (u32)count;
    for (u64 i = 0; i < count; i++) {
        node->children[i] = (u32)(first + i);
        if (i > 0) node->keys[i - 1] = key_of((index + i) * leaves_each * LEAF_ROWS);
    }
}

/* Builds the level above the pages [first, first + count); gives the number of its nodes. */
static u64 fill_level(struct tree *t, u64 first, u64 count, u64 leaves_each)
{
    u64 nodes = 0;
    for (u64 done = 0; done < count; done += FANOUT, nodes++)
        fill_inner(page_at(t, t->pages_used++), first + done, smaller(FANOUT, count - done), done,
                   leaves_each);
    return nodes;
}

static void build(struct tree *t)
{
    u64 first = 0, count = t->leaves, leaves_each = 1;
    fill_leaves(t);
    t->pages_used = t->leaves;
    while (count > 1) {
        u64 next = t->pages_used;
        count = fill_level(t, first, count, leaves_each);
        first = next;
        leaves_each *= FANOUT;
        t->inner_levels++;
    }
    t->root = first;
}

/* How many of the sorted keys are at most `key`. */
static u64 count_up_to(const u64 *keys, u64 stride, u64 count, u64 key)
{
    u64 low = 0;
    while (low < count) {
        u64 middle = (low + count) / 2;
        if (keys[middle * stride] <= key)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

static u64 look_up(const struct tree *t, u64 key)
{
    u64 page = t->root;
    for (u64 level = t->inner_levels; level > 0; level--) {
        const struct inner *node = page_at(t, page);
        page = node->children[count_up_to(node->keys, 1, node->child_count - 1, key)];
    }
    const struct leaf *leaf = page_at(t, page);
    u64 rank = count_up_to(&leaf->rows[0].key, ROW_BYTES / 8, LEAF_ROWS, key);
    return rank > 0 && leaf->rows[rank - 1].key == key ? leaf->rows[rank - 1].payload : 0;
}

static u64 look_up_many(const struct tree *t, u64 *stream, u64 count)
{
    u64 sum = 0;
    while (count--) sum += look_up(t, key_of(random_below(stream, t->leaves * LEAF_ROWS)));
    return sum;
}

static u64 sum_expected(const struct tree *t, u64 *stream, u64 count)
{
    u64 sum = 0;
    while (count--) sum += payload_of(t, random_below(stream, t->leaves * LEAF_ROWS));
    return sum;
}

int main(void)
{
    u64 pages = 16384, iters = 8000, page_size = 0, seed = 1;
    const struct word words[] = {WORD_PAGES(pages, 1, PAGES_MAX), WORD_ITERS(iters),
                                 WORD_PAGE_SIZE(page_size), WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));
    u64 inner_pages = pages / (FANOUT - 1) + INNER_LEVELS_MAX;
    struct tree t = {
        .data = bench_data(pages + inner_pages, PAGE_SIZE_OF(page_size)), .leaves = pages, .seed = seed};
    build(&t);

    u64 stream = random_seeded(seed);
    MARK_WARM();
    look_up_many(&t, &stream, iters / 2);
    u64 region_stream = stream;
    bench_begin();
    u64 sum = look_up_many(&t, &stream, iters);
    bench_end();

    bool ok = sum == sum_expected(&t, &region_stream, iters);
    return bench_report(ok, "btree: pages=%llu iters=%llu sum=0x%llx", (ull)pages, (ull)iters, (ull)sum);
}
