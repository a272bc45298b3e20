#include "models/core/bpred_ittage.h"
#include "models/sim/check.h"
#include <stdlib.h>
#include <string.h>

#define TAG_BITS 12
#define NO_TABLE (-1)

static const u8 history_length[ITTAGE_TABLES] = {6, 14, 36, 90};

void ittage_init(struct ittage *t, u32 table_bits)
{
    memset(t, 0, sizeof *t);
    t->table_bits = table_bits;
    for (unsigned i = 0; i < ITTAGE_TABLES; i++) {
        t->table[i] = calloc(1u << table_bits, sizeof *t->table[i]);
        CHECK(t->table[i], "out of memory for the branch predictor");
        t->index[i] = history_fold_of(history_length[i], table_bits);
        t->tag[i] = history_fold_of(history_length[i], TAG_BITS);
    }
}

void ittage_fini(struct ittage *t)
{
    for (unsigned i = 0; i < ITTAGE_TABLES; i++) free(t->table[i]);
}

void ittage_clear(struct ittage *t)
{
    for (unsigned i = 0; i < ITTAGE_TABLES; i++) memset(t->table[i], 0, sizeof *t->table[i] << t->table_bits);
}

void ittage_update_history(struct ittage *t, const struct branch_history *h)
{
    for (unsigned i = 0; i < ITTAGE_TABLES; i++) {
        fold_update(&t->index[i], h);
        fold_update(&t->tag[i], h);
    }
}

static struct ittage_entry *entry_of(struct ittage *t, int table, u64 rip)
{
    u64 hash = rip ^ rip >> t->table_bits ^ t->index[table].value;
    return &t->table[table][hash & ((1u << t->table_bits) - 1)];
}

static u16 tag_of(const struct ittage *t, int table, u64 rip)
{
    return (u16)(((rip ^ t->tag[table].value) & ((1u << TAG_BITS) - 1)) | 1u << TAG_BITS); /* never 0 */
}

static int find_provider(struct ittage *t, u64 rip)
{
    for (int i = ITTAGE_TABLES - 1; i >= 0; i--)
        if (entry_of(t, i, rip)->tag == tag_of(t, i, rip)) return i;
    return NO_TABLE;
}

static void train(struct ittage_entry *e, bool right, u64 next)
{
    if (right) {
        e->confidence += e->confidence < 3;
    } else if (e->confidence) {
        e->confidence--;
    } else {
        e->target = next;
    }
}

static void allocate(struct ittage *t, int above, u64 rip, u64 next)
{
    for (int i = above + 1; i < ITTAGE_TABLES; i++) {
        struct ittage_entry *e = entry_of(t, i, rip);
        if (e->confidence == 0) {
            *e = (struct ittage_entry){.target = next, .tag = tag_of(t, i, rip)};
            return;
        }
        e->confidence--;
    }
}

bool ittage_branch(struct ittage *t, u64 rip, u64 base_target, u64 next)
{
    int provider = find_provider(t, rip);
    struct ittage_entry *e = provider == NO_TABLE ? NULL : entry_of(t, provider, rip);
    bool right = (e ? e->target : base_target) == next;
    if (e) train(e, right, next);
    if (!right) allocate(t, provider, rip, next);
    return right;
}
