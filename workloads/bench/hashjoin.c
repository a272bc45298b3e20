/* hashjoin.c - the probe side of a hash join: look up random keys in a chained hash table over wide rows.
 *
 * Measures: two or three dependent misses a probe (the bucket's head, then each row of its chain) that may
 *           overlap between probes. Half of the probes find a row.
 * Words:    pages=16384   the inner table's rows in 4 KiB: 16 rows of 256 bytes in each
 *           iters=20000   probes
 *           page=4K|2M    (4K)
 *           seed=1        of keys and probes
 * Check:    the sum of what matched, from the formulas for keys and payloads, without the hash table.
 */
#include "kit/kit.h"

enum { ROW_BYTES = 256, ROWS_PER_PAGE = 4096 / ROW_BYTES };

struct row {
    u64 key, payload;
    u32 next; /* row number + 1 of the next row in the bucket; 0: none */
    u8 other_columns[ROW_BYTES - 20];
} __attribute__((packed, aligned(8)));

struct join {
    struct row *rows;
    u32 *heads;
    u64 row_count, bucket_mask, seed;
};

/* Keys of rows that exist (number < row_count) and of rows that do not. */
static u64 key_of(const struct join *j, u64 number)
{
    return mix(number ^ j->seed << 40);
}

static u64 payload_of(u64 number)
{
    return number * 5 + 1;
}

static u32 *bucket_of(const struct join *j, u64 key)
{
    return &j->heads[key & j->bucket_mask];
}

static void build(struct join *j)
{
    for (u64 i = 0; i <= j->bucket_mask; i++) j->heads[i] = 0;
    for (u64 i = 0; i < j->row_count; i++) {
        struct row *row = &j->rows[i];
        u32 *head = bucket_of(j, key_of(j, i));
        row->key = key_of(j, i);
        row->payload = payload_of(i);
        row->next = *head;
        *head = (u32)i + 1;
    }
}

static u64 probe(const struct join *j, u64 key)
{
    for (u32 at = *bucket_of(j, key); at;) {
        const struct row *row = &j->rows[at - 1];
        if (row->key == key) return row->payload;
        at = row->next;
    }
    return 0;
}

static u64 next_number(const struct join *j, u64 *stream)
{
    return random_below(stream, 2 * j->row_count);
}

static u64 join(const struct join *j, u64 *stream, u64 probes)
{
    u64 sum = 0;
    while (probes--) sum += probe(j, key_of(j, next_number(j, stream)));
    return sum;
}

static u64 join_expected(const struct join *j, u64 *stream, u64 probes)
{
    u64 sum = 0;
    while (probes--) {
        u64 number = next_number(j, stream);
        if (number < j->row_count) sum += payload_of(number);
    }
    return sum;
}

static u64 power_of_two_at_least(u64 n)
{
    u64 power = 1;
    while (power < n) power *= 2;
    return power;
}

int main(void)
{
    u64 pages = 16384, iters = 20000, page_size = 0, seed = 1;
    const struct word words[] = {WORD_PAGES(pages, 1, PAGES_MAX), WORD_ITERS(iters),
                                 WORD_PAGE_SIZE(page_size), WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));
    struct join j = {
        .rows = bench_data(pages, PAGE_SIZE_OF(page_size)), .row_count = pages * ROWS_PER_PAGE, .seed = seed};
    j.bucket_mask = power_of_two_at_least(j.row_count) - 1;
    j.heads = heap_run((j.bucket_mask + 1) * sizeof *j.heads, PAGE_4K);
    build(&j);

    u64 stream = random_seeded(seed);
    MARK_WARM();
    join(&j, &stream, iters / 2);
    u64 region_stream = stream;
    bench_begin();
    u64 sum = join(&j, &stream, iters);
    bench_end();

    bool ok = sum == join_expected(&j, &region_stream, iters);
    return bench_report(ok, "hashjoin: pages=%llu iters=%llu sum=0x%llx", (ull)pages, (ull)iters, (ull)sum);
}
