#include "caches/mmu.h"
#include "models/sim/check.h"
#include <stdio.h>

#define STAT_OF struct mmu_tlb_stats
static const struct stat_row tlb_rows[] = {MMU_TLB_STATS(STAT_ROW)};
#undef STAT_OF
#define STAT_OF struct mmu_stats
static const struct stat_row mmu_rows[] = {MMU_STATS(STAT_ROW)};
#undef STAT_OF

#define PATH_BYTES 256

static void add_rows(struct stats *s, const char *prefix, const char *group, const struct stat_row *rows,
                     size_t n, const void *base)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s.%s", prefix, group);
    CHECK(length > 0 && length < PATH_BYTES, "statistics prefix too long: %s", prefix);
    stats_add_rows(s, path, rows, n, base);
}

void mmu_register_stats(const struct mmu *m, struct stats *s, const char *prefix)
{
    add_rows(s, prefix, "itlb", tlb_rows, ARRAY_LEN(tlb_rows), &m->itlb_stats);
    add_rows(s, prefix, "dtlb", tlb_rows, ARRAY_LEN(tlb_rows), &m->dtlb_stats);
    add_rows(s, prefix, "stlb", tlb_rows, ARRAY_LEN(tlb_rows), &m->stlb_stats);
    add_rows(s, prefix, "mmu", mmu_rows, ARRAY_LEN(mmu_rows), &m->stats);
}

#define CHECK_SAME(a, b)                                                                                     \
    do {                                                                                                     \
        u64 left = (a), right = (b);                                                                         \
        CHECK(left == right, "%s = %lu, but %s = %lu", #a, (unsigned long)left, #b, (unsigned long)right);   \
    } while (0)

void mmu_check_identities(const struct mmu *m)
{
    const struct mmu_stats *s = &m->stats;
    CHECK_SAME(m->stlb_stats.lookups, m->itlb_stats.misses + m->dtlb_stats.misses);
    CHECK_SAME(s->walks, m->stlb_stats.misses + s->rewalks + s->ahead_walks);
    CHECK_SAME(s->walks,
               s->walks_done + s->walks_page_fault + s->walks_ept_violation + s->walks_ept_misconfig + s->walks_log_full);
    CHECK_SAME(s->ledger_refs, s->refs_guest + s->refs_host);
    CHECK_SAME(s->host_lookups, s->ntlb_hits + s->host_walks);
}
